"""A packet that a person asks about."""

from typing import Any

import pytest

from hopbook.errors import InvalidInput
from hopbook.trace.asking import asked
from hopbook.trace.text import headline
from hopbook.trace.verify import verify


@pytest.mark.parametrize(
    ("source", "target", "node", "destination"),
    [
        ("client", "icp.example.com:8443", "client", "10.95.40.71:8443"),
        ("10.95.8.20", "10.95.40.71:8443", "client", "10.95.40.71:8443"),
        ("icp-worker-1", "10.0.77.54:123/udp", "icp-worker-1", "10.0.77.54:123"),
        ("icp-worker-1", "orders:3306", "icp-worker-1", "192.168.12.30:3306"),
        ("icp-worker-1", "client:22", "icp-worker-1", "10.95.8.20:22"),
    ],
)
def test_names_and_addresses(source: str, target: str, node: str, destination: str, lab: Any) -> None:
    case = asked(lab.network(), lab.site, source, target)
    assert case.packet is not None
    assert (case.source, case.packet.destination) == (node, destination)


@pytest.mark.parametrize(
    ("source", "target", "missing"),
    [
        ("nobody", "10.0.77.54:123", "nothing in the network is called nobody"),
        (
            "client",
            "nowhere.example.com:80",
            "nothing in the network or in DNS is called nowhere.example.com",
        ),
        ("internet", "10.0.77.54:123", "internet has no address to send from"),
    ],
)
def test_what_nobody_knows_is_insufficient_information(
    source: str, target: str, missing: str, lab: Any
) -> None:
    network = lab.network()
    found = verify(asked(network, lab.site, source, target), network)
    assert (found.met, found.verdict) == (False, "insufficient information")
    assert missing in found.reason


@pytest.mark.parametrize("target", ["10.0.77.54", "10.0.77.54:", ":80", "a:0", "a:70000", "a:80/icmp"])
def test_a_target_that_is_none(target: str, lab: Any) -> None:
    with pytest.raises(InvalidInput, match="expected NAME:PORT or ADDRESS:PORT"):
        asked(lab.network(), lab.site, "client", target)


def test_a_packet_of_ones_own_is_promised_by_nobody(lab: Any) -> None:
    network = lab.network()
    shown = headline(verify(asked(network, lab.site, "icp-worker-1", "10.0.77.54:123/udp"), network))
    assert shown.startswith("icp-worker-1 → 10.0.77.54 udp/123: delivered")
    assert "promised" not in shown
