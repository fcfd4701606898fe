"""What goes into a node and what comes out of it, for the pipelines of all kinds."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from types import MappingProxyType
from typing import NamedTuple

from hopbook.network.encapsulation import wrapped
from hopbook.network.facts import ASSUMPTIONS
from hopbook.network.ipsec import Ipsec
from hopbook.network.nodes import Backend, Interface, Node, ReversePath
from hopbook.network.packet import Inside, Packet, ip
from hopbook.network.routes import Route
from hopbook.trace.verdict import Decision, End, Ground, Known, Verdict, What
from hopbook.vpn.reasons import Reason

BGP_PORT = 179


class Knobs:
    """The reading of each inferred rule, and which of them were asked on the way."""

    def __init__(self, chosen: Mapping[str, str] | None = None) -> None:
        self.chosen = dict(chosen or {})
        self.asked: dict[str, str] = {}

    def reading(self, knob: str) -> str:
        """The chosen reading, else the one that the reference holds for true."""
        value = self.chosen.get(knob, ASSUMPTIONS[knob].values[0])
        self.asked[knob] = value
        return value


class Tunnel(NamedTuple):
    """Whether an IPsec tunnel is up, and what its packets look like from one end.

    Attributes:
        down: Why it is not, which begins with the reason; empty: it is up.
        outer: Source, destination and ports of this end's packets, without anything inside.
        known: What the nodes between the ends remember of the tunnel's own connection.
        inside, beyond: The traffic selectors that both ends agreed on, as this end sees them.
        reason: Which of the five reasons keeps it down; None: it is up, or nobody looked.
    """

    down: str
    outer: Packet | None = None
    known: Known = MappingProxyType({})
    inside: tuple[IPv4Network, ...] = ()
    beyond: tuple[IPv4Network, ...] = ()
    reason: Reason | None = None


class Arrival(NamedTuple):
    """A packet at a node. Without an interface the node sends it itself."""

    packet: Packet
    ingress: Interface | None
    known: Known
    knobs: Knobs
    replying: bool = False  # it is on a way back
    tunnel: Callable[[Node, Ipsec], Tunnel] = lambda _node, end: Tunnel(f"nobody looked at {end.name}")


Translated = tuple[tuple[Packet, Packet], ...]
"""Connections that a node remembers: each packet as it left, and as it came."""


class Onward(NamedTuple):
    """The packet leaves by a route.

    Attributes:
        keeps: The connections that the node remembers.
        learns: What other nodes remember of a tunnel's connection that the packet now travels in.
        limit: The largest innermost packet that a tunnel device takes, in bytes.
    """

    packet: Packet
    route: Route
    decisions: tuple[Decision, ...]
    keeps: Translated = ()
    given: tuple[str, ...] = ()
    learns: Known = MappingProxyType({})
    limit: int | None = None


class Arrived(NamedTuple):
    """The packet is where it was going.

    Attributes:
        asks: Where the node opens a connection of its own to, in turn.
        proxies: It opens a connection of its own to what was asked for.
    """

    packet: Packet
    decisions: tuple[Decision, ...]
    keeps: Translated = ()
    given: tuple[str, ...] = ()
    asks: tuple[Backend, ...] = ()
    proxies: bool = False
    learns: Known = MappingProxyType({})


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


def filtered(
    node: Node, arrival: Arrival, back: Sequence[Route], found: Sequence[Outcome], *done: Decision
) -> Sequence[Outcome]:
    """Rule 11: what the reverse path filter leaves of what a node would do with a packet.

    It is asked once there is a way for the packet; `back` are the routes to its source.
    """
    ingress = arrival.ingress
    if (
        ingress is None
        or not suspects(node, ingress, back)
        or all(_nowhere(item, arrival.packet) for item in found)
    ):
        return found
    astray = "no route back to" if node.reverse_path is ReversePath.LOOSE else "another way back to"
    reason = f"reverse path filter: {astray} {ip(arrival.packet.src)}"
    return ended(node, arrival.packet, Verdict.DENIED, reason, *done)


def suspects(node: Node, ingress: Interface, back: Sequence[Route]) -> bool:
    """Whether the reverse path filter of an interface drops what comes from where `back` leads."""
    match node.reverse_path:
        case ReversePath.OFF:
            return False
        case ReversePath.LOOSE:
            return not back
        case ReversePath.STRICT:
            return all(route.interface != ingress.name for route in back)


def _nowhere(outcome: Outcome, packet: Packet) -> bool:
    """Whether a packet has no way, and not what it was wrapped into or what came out of it."""
    return (
        isinstance(outcome, Ended)
        and outcome.end.verdict is Verdict.NO_ROUTE
        and outcome.packet.inside is packet.inside
    )


def established(arrival: Arrival, node: Node) -> Packet | None:
    """The packet as the node's connection tracking translates it back; None where it knows no connection."""
    packet = arrival.packet
    reply = arrival.known.get((node.name, packet[:5]))
    return None if reply is None else reply._replace(size=packet.size, inside=packet.inside)


def into_tunnel(
    node: Node, end: Ipsec, tunnel: Tunnel, packet: Packet, by: str
) -> tuple[Packet, Sequence[Route]]:
    """What carries a packet through a tunnel that is up, and the ways by which that leaves."""
    if tunnel.outer is None:
        message = f"{end.name} is up and has no outer header"
        raise ValueError(message)
    outer = wrapped(Inside(packet, by, end.name), tunnel.outer.src, tunnel.outer.dst)
    outer = outer._replace(sport=tunnel.outer.sport, dport=tunnel.outer.dport)
    return outer, ways(node, outer.dst)


def speaks(node: Node, packet: Packet) -> bool:
    """Whether a packet is for the node's BGP process, from one of its neighbours."""
    if node.speaker is None or packet.protocol != "tcp" or packet.dport != BGP_PORT:
        return False
    return any((peer.local, peer.address) == (packet.dst, packet.src) for peer in node.speaker.peers)
