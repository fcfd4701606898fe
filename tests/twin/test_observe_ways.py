"""The ways of real packets through routers and an edge, and how each of them can end."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.twin.twin import Twin
from hopbook.network.nodes import ReversePath
from hopbook.resources.nsxv import FirewallAction, NatAction

CLIENT, PUBLISHED, SERVER = "198.51.100.10", "203.0.113.34", "10.20.0.10"
ROUTER = {"lan": ("outside", "198.51.100.1/24"), "wan": ("public", "203.0.113.33/29")}
Site = Any


@pytest.fixture
def site(words: Any) -> Site:
    """A client, a router, an edge that publishes and hides, and a server behind it."""
    draft = words.draft()
    draft.host("client", "outside", f"{CLIENT}/24", via="198.51.100.1")
    draft.router("router", ROUTER, {"10.66.0.0/16": "", "10.20.0.0/16": PUBLISHED})
    edge(draft, words, {"0.0.0.0/0": "203.0.113.33"})
    draft.host("server", "inside", f"{SERVER}/24", via="10.20.0.1", listens="8443/tcp 53/udp")
    draft.host("worker", "inside", "10.20.0.20/24", via="10.20.0.1")
    draft.host("suspect", "inside", "10.20.0.66/24", via="10.20.0.1")
    return draft


def edge(draft: Site, words: Any, ways: dict[str, str], **more: Any) -> None:
    ports = {"protocol": "tcp", "original_port": "443", "translated_port": "8443"}
    draft.esg(
        "edge",
        {"vnic0": ("public", f"{PUBLISHED}/29"), "vnic1": ("inside", "10.20.0.1/24")},
        ways,
        nat=(
            words.nat(NatAction.DNAT, PUBLISHED, SERVER, 0, **ports),
            words.nat(NatAction.SNAT, "10.20.0.0/24", PUBLISHED, 0),
        ),
        rules=(
            words.allow("10.20.0.66", action=FirewallAction.DENY, rule="not this one"),
            words.allow(CLIENT, "10.20.0.0/24"),
        ),
        **more,
    )


@pytest.fixture
def sent(twin: Twin, site: Site, words: Any) -> Callable[..., Any]:
    """Build the site as it is by now, and send one packet: `sent("client", CLIENT, "10.0.0.1:80")`."""

    def send(at: str, source: str, destination: str, *more: Any) -> Any:
        twin.build(site.network())
        (observed,) = twin.probe(words.packet(source, destination, *more), at)
        return observed

    return send


def test_a_published_address_is_reached_and_answers(sent: Callable[..., Any]) -> None:
    found = sent("client", CLIENT, f"{PUBLISHED}:443")
    assert (found.verdict, found.at, found.mtu) == ("delivered", "", 1500)
    asked, inside = f"tcp {CLIENT}:40000 → {PUBLISHED}:443", f"tcp {CLIENT}:40000 → {SERVER}:8443"
    assert [str(crossing) for crossing in found.there] == [
        f"client [- → eth0] {asked} ⇒ {asked}",
        f"router [lan → wan] {asked} ⇒ {asked}",
        f"edge [vnic0 → vnic1] {asked} ⇒ {inside}",
        f"server [eth0 → -] {inside} ⇒ {inside}",
    ]
    replied, answer = f"tcp {SERVER}:8443 → {CLIENT}:40000", f"tcp {PUBLISHED}:443 → {CLIENT}:40000"
    assert [str(crossing) for crossing in found.back] == [
        f"server [- → eth0] {replied} ⇒ {replied}",
        f"edge [vnic1 → vnic0] {replied} ⇒ {answer}",
        f"router [wan → lan] {answer} ⇒ {answer}",
        f"client [eth0 → -] {answer} ⇒ {answer}",
    ]
    assert "DNAT 203.0.113.34-10.20.0.10" in found.rules
    assert "firewall allow" in found.rules


def test_a_datagram_behind_snat_is_answered(site: Site, sent: Callable[..., Any]) -> None:
    site.host("resolver", "outside", "198.51.100.53/24", via="198.51.100.1", listens="53/udp")
    found = sent("worker", "10.20.0.20", "198.51.100.53:53", "udp")
    assert (found.verdict, found.mtu) == ("delivered", None)
    hidden, shown = "udp 10.20.0.20:40000 → 198.51.100.53:53", f"udp {PUBLISHED}:40000 → 198.51.100.53:53"
    assert str(found.there[1]) == f"edge [vnic1 → vnic0] {hidden} ⇒ {shown}"
    assert [crossing.node for crossing in found.back] == ["resolver", "router", "edge", "worker"]


def test_the_same_connection_is_a_new_one_each_time(twin: Twin, site: Site, words: Any) -> None:
    """Rule 9: no state of one probe decides about the next."""
    asked = words.packet(CLIENT, f"{PUBLISHED}:443")
    twin.build(site.network())
    first, second = twin.probe(asked, "client"), twin.probe(asked, "client")
    assert first == second
    assert any("DNAT" in title for title in second[0].rules)


@pytest.mark.parametrize(
    ("at", "source", "to", "verdict", "where"),
    [
        ("worker", "10.20.0.20", f"{SERVER}:9999", "refused", "server"),
        ("client", CLIENT, "198.51.100.1:22", "refused", "router"),
        ("suspect", "10.20.0.66", f"{CLIENT}:80", "denied", "edge"),
        ("client", CLIENT, "10.99.0.1:80", "no route", "router"),
        ("client", CLIENT, "10.66.0.1:80", "no route", "router"),
        ("client", CLIENT, "198.51.100.77:80", "neighbour unreachable", "client"),
        ("client", CLIENT, "203.0.113.36:80", "neighbour unreachable", "router"),
        ("worker", "10.20.0.20", "10.77.0.1:80", "no route", "router"),
    ],
)
def test_each_end_is_told_from_the_others(
    sent: Callable[..., Any], at: str, source: str, to: str, verdict: str, where: str
) -> None:
    found = sent(at, source, to)
    assert (found.verdict, found.at) == (verdict, where), found.reason
    assert found.there[0].node == at
    assert found.there[-1].node == where


def test_the_rule_that_denied_is_named(sent: Callable[..., Any]) -> None:
    found = sent("suspect", "10.20.0.66", f"{CLIENT}:80")
    assert (found.reason, found.rules) == ("firewall not this one", ("firewall not this one",))


def test_a_machine_that_is_not_there_cannot_send(twin: Twin, site: Site, words: Any) -> None:
    site.changed("worker", present=False)
    asked = words.packet("10.20.0.20", f"{SERVER}:8443")
    twin.build(site.network())
    (found,) = twin.probe(asked, "worker")
    assert (found.verdict, found.at) == ("insufficient information", "worker")
    twin.build(site.network(), there={"worker"})
    assert twin.probe(asked, "worker")[0].verdict == "delivered"


def test_two_routers_that_point_at_each_other_loop(site: Site, sent: Callable[..., Any]) -> None:
    site.router("other", {"wan": ("public", "203.0.113.35/29")}, {"0.0.0.0/0": "203.0.113.33"})
    site.router("router", ROUTER, {"10.88.0.0/16": "203.0.113.35"})
    assert sent("client", CLIENT, "10.88.0.1:80").verdict == "loop"


def test_a_reply_without_a_route_ends_where_it_begins(site: Site, sent: Callable[..., Any]) -> None:
    site.host("server", "inside", f"{SERVER}/24", listens="8443/tcp")
    found = sent("client", CLIENT, f"{PUBLISHED}:443")
    assert (found.verdict, found.at) == ("no route", "server")


def test_a_reply_that_goes_round_the_edge_is_asymmetric(site: Site, sent: Callable[..., Any]) -> None:
    sides = {"eth0": ("inside", f"{SERVER}/24"), "eth1": ("outside", "198.51.100.20/24")}
    (listener,) = [item for item in site.nodes["server"].listens if item.protocol == "tcp"]
    site.node(type(site.nodes["server"]), "server", sides, {}, listens=frozenset({listener}))
    found = sent("client", CLIENT, f"{PUBLISHED}:443")
    assert (found.verdict, found.at) == ("asymmetric return", "client")


def test_a_reverse_path_filter_drops_what_has_no_way_back(
    site: Site, words: Any, sent: Callable[..., Any]
) -> None:
    edge(site, words, {}, reverse_path=ReversePath.LOOSE)
    found = sent("client", CLIENT, f"{PUBLISHED}:443")
    assert (found.verdict, found.at, found.reason) == ("denied", "edge", "reverse path filter")


def test_a_smaller_link_is_told_and_the_sender_adapts(site: Site, sent: Callable[..., Any]) -> None:
    for name, side in (("router", "wan"), ("edge", "vnic0")):
        site.mtu(name, side, 1300)
    found = sent("client", CLIENT, f"{PUBLISHED}:443")
    assert (found.verdict, found.mtu) == ("delivered", 1300), found.reason


def test_a_datagram_that_does_not_fit_is_told(site: Site, sent: Callable[..., Any]) -> None:
    for name, side in (("router", "wan"), ("edge", "vnic0")):
        site.mtu(name, side, 1300)
    found = sent("client", CLIENT, f"{PUBLISHED}:53", "udp", 1400)
    assert (found.verdict, found.at) == ("MTU exceeded, told", "router")
