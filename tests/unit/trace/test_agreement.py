"""Whether what was seen of a packet is what the model says of it."""

from dataclasses import dataclass, replace

from hopbook.network.nodes import Medium, ReversePath, Segment
from hopbook.network.routes import RouteTable
from hopbook.trace.agreement import compared
from hopbook.trace.crossing import Crossing, crossings
from hopbook.trace.verdict import Trace, Verdict
from hopbook.trace.walk import trace
from tests.unit.trace.parts import (
    HERE,
    esg,
    esxi,
    host,
    network,
    placed,
    route,
    router,
    side,
    tcp,
    udp,
    vxlan,
)
from tests.unit.trace.test_tunnels import joined as by_tunnel


@dataclass(frozen=True)
class Leg:
    verdict: Verdict
    there: tuple[Crossing, ...]
    back: tuple[Crossing, ...] = ()
    at: str = ""
    reason: str = ""
    mtu: int | None = None


def joined() -> Trace:
    whole = network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.1"),
        router("r", side("a", "lan-a", "10.1.0.1/24"), side("b", "lan-b", "10.2.0.1/24")),
    )
    return trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a")


def seen(found: Trace) -> Leg:
    """What real packets show where they do as the model says."""
    leg = found.worst.legs[0]
    back = crossings(leg.back.hops) if leg.back is not None else ()
    at = "" if found.verdict is Verdict.DELIVERED else found.end.node
    return Leg(found.verdict, crossings(leg.there.hops), back, at)


def test_the_same_way_agrees() -> None:
    found = joined()
    agreed = compared(found, [seen(found)])
    assert (agreed.difference, agreed.tolerated) == ("", "")


def test_another_verdict_differs() -> None:
    found = joined()
    leg = Leg(Verdict.DENIED, crossings(found.worst.legs[0].there.hops)[:2], at="r")
    assert compared(found, [leg]).difference == "delivered at - against denied at r"


def test_another_node_on_the_way_back_differs() -> None:
    found = joined()
    whole = seen(found)
    other = (whole.back[0], whole.back[1]._replace(node="other"), *whole.back[2:])
    agreed = compared(found, [Leg(whole.verdict, whole.there, other)])
    assert agreed.difference.startswith("leg 1 back: crossing 2: r ")


def test_a_narrow_underlay_that_tells_is_tolerated_and_named() -> None:
    whole = network(
        esxi("esx-1", "10.0.0.1/24", 1500),
        esxi("esx-2", "10.0.0.2/24"),
        placed(host("a", "web", "10.1.0.10/24"), "esx-1"),
        placed(host("b", "web", "10.1.0.11/24"), "esx-2"),
        segments={"web": vxlan("web")},
    )
    found = trace(whole, tcp("10.1.0.10", "10.1.0.11"), "a")
    assert found.verdict is Verdict.TOO_LARGE_SILENT
    leg = seen(found)
    agreed = compared(found, [Leg(Verdict.DELIVERED, leg.there, leg.back)])
    assert (agreed.difference, "VXLAN" in agreed.tolerated) == ("", True)


def test_a_narrow_vlan_that_tells_where_the_model_is_sure_of_silence_is_a_difference() -> None:
    lan = Segment(name="lan-b", medium=Medium.VLAN, fact=HERE, carries=1400)
    whole = network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.1"),
        router("r", side("b", "lan-b", "10.2.0.1/24"), side("a", "lan-a", "10.1.0.1/24")),
        segments={"lan-b": lan},
    )
    forward_only = RouteTable([route("10.2.0.0/24", "b")])
    mute = replace(whole, nodes={**whole.nodes, "r": replace(whole.nodes["r"], routes=forward_only)})
    found = trace(mute, udp("10.1.0.10", "10.2.0.10", size=1450), "a")
    assert (found.verdict, found.end.node) == ("MTU exceeded, silent", "r")
    told = Leg(Verdict.TOO_LARGE, crossings(found.worst.legs[0].there.hops), at="r")
    assert compared(found, [told]).difference == "MTU exceeded, silent at r against MTU exceeded, told at r"


def test_packets_of_another_size_differ() -> None:
    found = joined()
    assert found.worst.legs[0].mtu == 1500
    assert compared(found, [replace(seen(found), mtu=1500)]).difference == ""
    assert (
        compared(found, [replace(seen(found), mtu=1400)]).difference
        == "leg 1: packets of 1500 bytes against 1400"
    )


def test_beyond_the_size_that_was_asked_for_nothing_is_compared() -> None:
    found = joined()
    agreed = compared(found, [replace(seen(found), mtu=9000)])
    assert (agreed.difference, agreed.tolerated) == ("", "")


def test_userspace_esp_may_carry_less_than_fits_and_no_other_way() -> None:
    found = trace(by_tunnel(), tcp("10.1.0.10", "10.2.0.10"), "a")
    assert found.worst.legs[0].mtu == 1422
    agreed = compared(found, [replace(seen(found), mtu=1400)])
    assert (agreed.difference, agreed.tolerated) == ("", "userspace ESP takes 1,400 bytes")
    agreed = compared(found, [replace(seen(found), mtu=1350)])
    assert agreed.difference == "leg 1: packets of 1422 bytes against 1350"


def test_a_datagram_that_userspace_esp_does_not_take_is_tolerated_at_the_tunnel_alone() -> None:
    found = trace(by_tunnel(), udp("10.1.0.10", "10.2.0.10", size=1410), "a")
    leg = seen(found)
    assert leg.verdict == "delivered"
    at_edge = Leg(Verdict.TOO_LARGE, leg.there[:2], at="edge-a")
    assert compared(found, [at_edge]).tolerated == "userspace ESP takes 1,400 bytes"
    elsewhere = Leg(Verdict.TOO_LARGE, leg.there[:3], at="wan")
    assert compared(found, [elsewhere]).difference == "delivered at - against MTU exceeded, told at wan"


def test_arp_of_an_asker_that_an_edge_suspects_may_stay_unanswered() -> None:
    """The edge has lost the route to the link that it is asked on, and so any way for the packet."""
    edge = esg("edge", side("up", "link", "10.3.0.2/24", index=0), reverse_path=ReversePath.LOOSE)
    lost = replace(edge, routes=RouteTable([route("10.9.0.0/24", "up")]))
    before = router(
        "r",
        side("in", "lan-a", "10.1.0.1/24"),
        side("out", "link", "10.3.0.1/24"),
        routes=[route("0.0.0.0/0", "out", "10.3.0.2")],
    )
    whole = network(host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"), before, lost)
    found = trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (found.verdict, found.end.node) == ("no route", "edge")
    unheard = Leg(Verdict.UNREACHABLE, crossings(found.worst.legs[0].there.hops)[:2], at="r")
    assert "does not answer" in compared(found, [unheard]).tolerated
    knows = replace(whole, nodes={**whole.nodes, "edge": edge})
    found = trace(knows, tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (found.verdict, found.end.node) == ("no route", "edge")
    assert compared(found, [unheard]).difference == "no route at edge against neighbour unreachable at r"


def test_an_interface_that_is_narrow_itself_is_none_of_esxi_s() -> None:
    edge = esg(
        "edge",
        side("in", "lan-a", "10.1.0.1/24", index=0),
        side("b", "lan-b", "10.2.0.1/24", index=1, mtu=1400),
    )
    edge = replace(edge, routes=RouteTable([route("10.2.0.0/24", "b")]))
    whole = network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.1"),
        edge,
        segments={"lan-b": vxlan("lan-b")},
    )
    found = trace(whole, udp("10.1.0.10", "10.2.0.10", size=1450), "a")
    assert (found.verdict, found.end.node) == ("MTU exceeded, silent", "edge")
    told = Leg(Verdict.TOO_LARGE, crossings(found.worst.legs[0].there.hops), at="edge")
    assert compared(found, [told]).difference.endswith("against MTU exceeded, told at edge")


def circling() -> Trace:
    whole = network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        router(
            "r",
            side("a", "lan-a", "10.1.0.1/24"),
            side("l", "link", "10.3.0.1/24"),
            routes=[route("0.0.0.0/0", "l", "10.3.0.2")],
        ),
        router("s", side("l", "link", "10.3.0.2/24"), routes=[route("0.0.0.0/0", "l", "10.3.0.1")]),
    )
    return trace(whole, tcp("10.1.0.10", "10.9.0.1"), "a")


def test_a_loop_that_is_seen_longer_is_the_same_at_the_same_node_alone() -> None:
    found = circling()
    assert found.verdict is Verdict.LOOP
    way = crossings(found.worst.legs[0].there.hops)
    longer = (*way[:-1], *way[-3:-1], way[-1])
    assert compared(found, [Leg(Verdict.LOOP, longer, at=found.end.node)]).tolerated
    assert compared(found, [Leg(Verdict.LOOP, longer, at="elsewhere")]).difference
    other = (way[0], way[1]._replace(left="elsewhere"), *way[2:])
    assert compared(found, [Leg(Verdict.LOOP, other, at=found.end.node)]).difference


def test_a_tolerance_asks_for_the_way() -> None:
    found = trace(by_tunnel(), udp("10.1.0.10", "10.2.0.10", size=1410), "a")
    way = crossings(found.worst.legs[0].there.hops)[:2]
    astray = (way[0], way[1]._replace(came="elsewhere"))
    assert compared(found, [Leg(Verdict.TOO_LARGE, astray, at="edge-a")]).difference
