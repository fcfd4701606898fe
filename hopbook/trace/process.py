"""What goes into a node and what comes out of it, for the pipelines of all kinds."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hopbook.network.facts import ASSUMPTIONS
from hopbook.network.nodes import Interface, Node, ReversePath
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.trace.verdict import Decision, End, Ground, Known, Verdict, What


class Knobs:
    """The reading of each inferred rule, and which of them were asked on the way."""

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        self._chosen = dict(chosen or {})
        self.asked: dict[str, str] = {}

    def reading(self, knob: str) -> str:
        """The chosen reading, else the one that the reference holds for true."""
        value = self._chosen.get(knob, ASSUMPTIONS[knob].values[0])
        self.asked[knob] = value
        return value


class Arrival(NamedTuple):
    """A packet at a node. Without an interface the node sends it itself."""

    packet: Packet
    ingress: Interface | None
    known: Known
    knobs: Knobs
    replying: bool = False  # it is on a way back


class Onward(NamedTuple):
    """The packet leaves by a route. `keeps`: the node remembers the connection."""

    packet: Packet
    route: Route
    decisions: tuple[Decision, ...]
    keeps: bool = False
    given: tuple[str, ...] = ()


class Arrived(NamedTuple):
    """The packet is where it was going.

    Attributes:
        asks: Addresses that the node asks in turn, on a connection of its own.
        proxies: It opens a connection of its own to what was asked for.
    """

    packet: Packet
    decisions: tuple[Decision, ...]
    keeps: bool = False
    given: tuple[str, ...] = ()
    asks: tuple[int, ...] = ()
    proxies: bool = False


class Ended(NamedTuple):
    """The packet goes no further."""

    packet: Packet
    end: End
    decisions: tuple[Decision, ...]
    given: tuple[str, ...] = ()


Outcome = Onward | Arrived | Ended


def ended(  # its words are what a person reads, so each way to end has its own
    node: Node,
    packet: Packet,
    verdict: Verdict,
    reason: str,
    *before: Decision,
    ground: Ground | None = None,
) -> Sequence[Outcome]:
    """The one outcome of a packet that ends at a node."""
    end = End(verdict, node.name, reason, ground)
    return [Ended(packet, end, (*before, Decision(What.DROPPED, ground, reason)))]


def ways(node: Node, address: int) -> Sequence[Route]:
    """The equal best routes; a black hole is none."""
    return [route for route in node.routes.lookup(address) if route.interface]


def no_way(node: Node, packet: Packet, address: int, *before: Decision) -> Sequence[Outcome]:
    """The one outcome of a packet without a route; says which configured routes do not count."""
    idle = f" ({'; '.join(node.inactive)})" if node.inactive else ""
    return ended(node, packet, Verdict.NO_ROUTE, f"no route to {ip(address)}{idle}", *before)


def forward(node: Node, packet: Packet, *before: Decision) -> Sequence[Outcome]:
    """By every equal route, unchanged."""
    routes = ways(node, packet.dst)
    if not routes:
        return no_way(node, packet, packet.dst, *before)
    return [Onward(packet, route, (*before, Decision(What.ROUTE, route))) for route in routes]


def suspects(node: Node, arrival: Arrival) -> bool:
    """Rule 11: whether the reverse path filter drops the packet."""
    if node.reverse_path is ReversePath.OFF or arrival.ingress is None:
        return False
    back = ways(node, arrival.packet.src)
    if node.reverse_path is ReversePath.LOOSE:
        return not back
    return all(route.interface != arrival.ingress.name for route in back)
