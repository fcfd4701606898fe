"""What single nodes do where no whole way shows it alone."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from hopbook.network.nodes import ReversePath
from hopbook.network.packet import Packet
from hopbook.trace.pipelines import process
from hopbook.trace.process import Arrival, Ended, Knobs
from hopbook.trace.text import render
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verify import verify
from hopbook.trace.walk import trace
from tests.unit.trace.parts import esg, host, kube, network, route, router, side, tcp


def test_an_esg_drops_a_reply_whose_request_it_did_not_see(lab: Any) -> None:
    node = lab.network().nodes["icp-esg"]
    reply = lab.packet("client", "192.168.20.10:8443").reply()
    (outcome,) = process(node, Arrival(reply, node.interfaces["transit"], {}, Knobs(), replying=True))
    assert isinstance(outcome, Ended)
    assert outcome.end.verdict == "asymmetric return"


def test_what_an_esg_sends_itself_bears_the_primary_address_of_the_vnic(lab: Any) -> None:
    found = trace(lab.network(), lab.packet("icp-worker-1", "192.168.21.1:53/udp"), "icp-worker-1")
    asked = found.worst.legs[1].there.hops[0]
    assert asked.before.source == asked.after.source == "10.95.40.70:41000"
    assert "A10" in asked.given


def test_a_relay_without_forwarders_answers_nobody(lab: Any) -> None:
    lab = lab.changed("nsxv.dns-relay:icp-esg", lambda part: replace(part, forwarders=()))
    found = trace(lab.network(), lab.packet("icp-worker-1", "192.168.21.1:53/udp"), "icp-worker-1")
    assert (found.verdict, found.end.reason) == ("refused", "the DNS relay has no forwarder")


def test_a_source_that_only_a_loose_filter_lets_in_is_an_assumption(lab: Any) -> None:
    usual = trace(lab.network(), lab.packet("client", "10.95.40.71:8443"), "client")
    assert "A11" not in usual.given
    lab = lab.changed(
        "icp-esg/10.0.0.0/8-10.95.40.65",
        lambda route: replace(route, interface=1, next_hop=IPv4Address("203.0.113.17")),
    )
    found = trace(lab.network(), lab.packet("client", "10.95.40.71:8443"), "client")
    assert "A11" in found.given


def test_vxlan_needs_fifty_bytes_more(lab: Any) -> None:
    lab = lab.changed("icp-dlr/nodes", lambda part: replace(part, mtu=9000))
    network = lab.network()
    fits, larger = (
        Packet(int(IPv4Address("192.168.20.1")), int(IPv4Address("192.168.20.10")), "udp", 40000, 8443, size)
        for size in (8950, 8951)
    )
    assert trace(network, fits, "icp-dlr").worst.legs[0].there.hops[0].room == 0
    assert trace(network, fits, "icp-dlr").verdict != "MTU exceeded, silent"
    found = trace(network, larger, "icp-dlr")
    assert (found.verdict, dict(found.readings)) == ("MTU exceeded, silent", {"A15": "silent"})
    assert trace(network, larger, "icp-dlr", {"A15": "told"}).verdict == "MTU exceeded, told"


def test_un_nat_and_established_are_told_apart(lab: Any, traffics: dict[str, Traffic]) -> None:
    network = lab.network()
    shown = {
        name: render(verify(expand(traffics[name], lab.site)[0], network))
        for name in ("icp-node-to-ntp", "icp-node-to-dns")
    }
    assert "un-NAT to 192.168.20.9:40000" in shown["icp-node-to-ntp"]
    assert "established" in shown["icp-node-to-dns"]
    assert "un-NAT" not in shown["icp-node-to-dns"]


def test_a_neighbour_that_is_not_there_yet_does_not_forward(lab: Any) -> None:
    whole = lab.network()
    gone = replace(whole, nodes={**whole.nodes, "FCR": replace(whole.nodes["FCR"], present=False)})
    found = trace(gone, lab.packet("internet-user", "203.0.113.19:443"), "internet-user")
    assert (found.verdict, found.end.node) == ("neighbour unreachable", "internet")


def test_a_packet_from_ones_own_address_is_dropped(lab: Any) -> None:
    whole = lab.network()
    node = whole.nodes["icp-esg"]
    packet = lab.packet("client", "192.168.20.10:8443")._replace(src=min(node.addresses))
    (outcome,) = process(node, Arrival(packet, node.interfaces["private"], {}, Knobs()))
    assert isinstance(outcome, Ended)
    assert (outcome.end.verdict, "itself" in outcome.end.reason) == ("denied", True)


@pytest.mark.parametrize(
    ("known", "expected"), [(True, "denied"), (False, "no route")], ids=["with a way on", "without one"]
)
def test_the_reverse_path_filter_is_asked_once_there_is_a_way(known: bool, expected: str) -> None:
    """Rule 11; whoever has no way for a packet never looks where it came from."""
    ways = [route("10.2.0.0/24", "on", "10.4.0.2")] if known else []
    edge = esg(
        "edge",
        side("up", "link", "10.3.0.2/24", index=0),
        side("on", "lan-b", "10.4.0.1/24", index=1),
        routes=ways,
        reverse_path=ReversePath.LOOSE,
    )
    before = router(
        "r",
        side("in", "lan-a", "10.1.0.1/24"),
        side("out", "link", "10.3.0.1/24"),
        routes=[route("0.0.0.0/0", "out", "10.3.0.2")],
    )
    whole = network(host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"), before, edge)
    found = trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (found.verdict, found.end.node) == (expected, "edge")
    assert found.end.reason.startswith("reverse path filter: no route back to 10.1.0.10") is known


def test_a_packet_that_comes_back_by_another_interface_is_not_yet_a_loop() -> None:
    """Rules 11 and 29: the strict filter of the second interface drops it first."""
    node = kube(
        "w",
        side("eth0", "link", "10.3.0.2/24"),
        side("cali", "lan-c", "10.5.0.1/24"),
        routes=[route("0.0.0.0/0", "eth0", "10.3.0.1")],
        reverse_path=ReversePath.STRICT,
    )
    whole = network(
        host("pod", "lan-c", "10.5.0.10/24", "10.5.0.1"),
        node,
        router("r", side("out", "link", "10.3.0.1/24"), routes=[route("0.0.0.0/0", "out", "10.3.0.2")]),
    )
    found = trace(whole, tcp("10.5.0.10", "10.9.0.1"), "pod")
    assert (found.verdict, found.end.node) == ("denied", "w")
    loose = replace(
        whole, nodes={**whole.nodes, "w": replace(whole.nodes["w"], reverse_path=ReversePath.OFF)}
    )
    assert trace(loose, tcp("10.5.0.10", "10.9.0.1"), "pod").verdict == "loop"
