"""Whether what was seen of a packet is what the model says of it."""

from dataclasses import dataclass

from hopbook.trace.agreement import compared
from hopbook.trace.crossing import Crossing, crossings
from hopbook.trace.verdict import Trace, Verdict
from hopbook.trace.walk import trace
from tests.unit.trace.parts import esxi, host, network, placed, router, side, tcp, vxlan


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
