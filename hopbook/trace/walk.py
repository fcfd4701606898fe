"""Follow a packet there and its reply back, by every path that the network may choose.

A connection that something ends on the way (a web proxy, a DNS relay) goes on in a leg of its own. A reply is
judged by what the sender waits for: from where, and through every node that keeps the connection.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from hopbook.network.facts import How
from hopbook.network.nodes import Dlr, Host, Interface, Medium, Network, Node, Segment
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.trace.pipelines import process
from hopbook.trace.process import Arrival, Arrived, Ended, Knobs, Onward, Outcome
from hopbook.trace.verdict import End, Hop, Known, Leg, Path, Trace, Verdict, Walk

_MOST_HOPS = 64  # a TTL: longer than any way that is meant
_MOST_LEGS = 4
_SECOND_PORT = 41000  # source port of a leg that something on the way opens


class Target(NamedTuple):
    """What a web proxy is asked for."""

    address: int
    port: int


def trace(
    network: Network,
    packet: Packet,
    at: str,
    knobs: Mapping[str, str] | None = None,
    *,
    onward: Target | None = None,
    answering: Collection[str] = (),
) -> Trace:
    """Send a packet from a node and follow it and its reply.

    Args:
        network: Where it travels.
        packet: Its headers; the source may be 0 where an edge sends it.
        at: Name of the node that sends it; one that is not there yet counts as there.
        knobs: Readings of inferred rules, by assumption id; else the ones that the reference holds for true.
        onward: What a web proxy on the way is asked for.
        answering: Names of further nodes that count as there, though they are not yet.
    """
    chosen = Knobs(knobs)
    node = network.nodes.get(at)
    if node is None:
        end = End(Verdict.INSUFFICIENT, at, f"no node {at} is in the network")
        return Trace(packet, at, (Path((Leg(Walk((), end, {})),), end),))
    tracer = _Tracer(network, chosen, frozenset({at, *answering}), onward)
    paths = sorted(tracer.connections(packet, node), key=lambda path: _rank(path.end.verdict))
    return Trace(packet, at, tuple(paths), chosen.asked)


def _rank(verdict: Verdict) -> int:
    """Worst first: a failure that is certain, then what is not known, then a delivery."""
    return {Verdict.DELIVERED: 2, Verdict.INSUFFICIENT: 1}.get(verdict, 0)


class _Way(NamedTuple):
    """A walk that has not ended: the packet stands before a node."""

    node: Node
    ingress: Interface | None
    packet: Packet
    hops: tuple[Hop, ...]
    known: Known


@dataclass(frozen=True)
class _Tracer:
    network: Network
    knobs: Knobs
    there: frozenset[str]
    onward: Target | None

    def connections(self, packet: Packet, node: Node, legs: int = 1) -> Iterator[Path]:
        """Every path of a connection that a node opens, later legs and replies included."""
        for there, arrived in self._walks(packet, node, {}, replying=False):
            if arrived is None:
                yield Path((Leg(there),), there.end)
                continue
            last = there.hops[-1].node
            asked = list(self._asked(arrived, packet.protocol))
            if (arrived.proxies and not asked) or (asked and legs == _MOST_LEGS):
                reason = "what the web proxy is asked for is not known" if not asked else "too many legs"
                end = End(Verdict.INSUFFICIENT, last.name, reason)
                yield Path((Leg(there),), end)
                continue
            for tail in self._tails(asked, last, legs):
                if tail is not None and tail.end.verdict is not Verdict.DELIVERED:
                    yield Path((Leg(there), *tail.legs), tail.end, tail.returning)
                    continue
                for back in self._returns(there, arrived.packet, packet, node):
                    later = () if tail is None else tail.legs
                    failed = back.end.verdict is not Verdict.DELIVERED
                    yield Path((Leg(there, back), *later), back.end if failed else there.end, failed)

    def _tails(self, asked: list[Packet], node: Node, legs: int) -> Iterator[Path | None]:
        if not asked:
            yield None
        for question in asked:
            yield from self.connections(question, node, legs + 1)

    def _asked(self, arrived: Arrived, protocol: str) -> Iterator[Packet]:
        """What the node asks in turn."""
        size = arrived.packet.size
        for address in arrived.asks:
            yield Packet(0, address, protocol, _SECOND_PORT, arrived.packet.dport, size)
        if arrived.proxies and self.onward is not None:
            yield Packet(0, self.onward.address, protocol, _SECOND_PORT, self.onward.port, size)

    def _returns(self, there: Walk, arrived: Packet, sent: Packet, sender: Node) -> Iterator[Walk]:
        first = there.hops[0].after if not sent.src else sent
        for back, received in self._walks(arrived.reply(), there.hops[-1].node, there.known, replying=True):
            if received is None:
                yield back
                continue
            end = _judged(back, received.packet, first, sender, there)
            yield replace(back, end=end)

    def _walks(
        self, packet: Packet, node: Node, known: Known, *, replying: bool
    ) -> Iterator[tuple[Walk, Arrived | None]]:
        """Every way of one packet; with what arrived where it did."""
        pending = [_Way(node, None, packet, (), known)]
        while pending:
            way = pending.pop()
            end = _overdone(way)
            if end is not None:
                yield Walk(way.hops, end, way.known), None
                continue
            arrival = Arrival(way.packet, way.ingress, way.known, self.knobs, replying)
            for outcome in process(way.node, arrival):
                if isinstance(outcome, Onward):
                    further = self._sent(way, outcome)
                    if isinstance(further, _Way):
                        pending.append(further)
                    else:
                        yield further, None
                else:
                    yield self._stopped(way, outcome), outcome if isinstance(outcome, Arrived) else None

    def _sent(self, way: _Way, outcome: Onward) -> _Way | Walk:
        """Put the packet onto the segment: does it fit, and who answers for the next hop?"""
        node, packet, route = way.node, outcome.packet, outcome.route
        egress = node.interfaces[route.interface]
        segment = self.network.segments[egress.segment]
        room = min(egress.mtu - packet.size, segment.carries - segment.overhead - packet.size)
        hop = self._hop(way, outcome, egress, room)
        known = _remembered(way, outcome) if outcome.keeps else way.known
        found = (
            self._neighbour(node, outcome, segment)
            if room >= 0
            else self._too_large(node, egress, segment, packet)
        )
        if isinstance(found, End):
            return Walk((*way.hops, hop), found, known)
        neighbour, ingress = found
        return _Way(neighbour, ingress, packet, (*way.hops, hop), known)

    def _neighbour(self, node: Node, outcome: Onward, segment: Segment) -> tuple[Node, Interface] | End:
        route, packet = outcome.route, outcome.packet
        if route.next_node:
            return self._named(node, route, segment)
        address = packet.dst if route.next_hop is None else route.next_hop
        answers = [
            item
            for item in self.network.neighbours.get(segment.name, {}).get(address, ())
            if (item[0].present or item[0].name in self.there) and item[0] is not node
        ]
        if len(answers) == 1:
            return answers[0]
        if answers:
            who = " and ".join(sorted(item[0].name for item in answers))
            return End(Verdict.MISMATCH, node.name, f"{who} have the same address {ip(address)}", route)
        if segment.open:
            reason = f"nobody declared {ip(address)} on {segment.name}"
            return End(Verdict.INSUFFICIENT, node.name, reason, route, address)
        reason = f"nobody answers for {ip(address)} on {segment.name}"
        return End(Verdict.UNREACHABLE, node.name, reason, route, address)

    def _named(self, node: Node, route: Route, segment: Segment) -> tuple[Node, Interface] | End:
        neighbour = self.network.nodes.get(route.next_node)
        sides = neighbour.interfaces.values() if neighbour is not None else ()
        ingress = next((item for item in sides if item.segment == segment.name), None)
        if neighbour is None or ingress is None:
            reason = f"the site does not declare {route.next_node} on {segment.name}"
            return End(Verdict.INSUFFICIENT, node.name, reason, route)
        return neighbour, ingress

    def _too_large(self, node: Node, egress: Interface, segment: Segment, packet: Packet) -> End:
        """Rules 13 and 15: a Linux kernel tells the sender, ESXi (a DLR, VXLAN) does not."""
        reason = f"{packet.size} bytes do not fit {egress.name} (MTU {egress.mtu}) and {segment.name}"
        esxi = isinstance(node, Dlr) or packet.size <= egress.mtu
        silent = esxi and self.knobs.reading("A15") == "silent"
        return End(Verdict.TOO_LARGE_SILENT if silent else Verdict.TOO_LARGE, node.name, reason)

    def _stopped(self, way: _Way, outcome: Arrived | Ended) -> Walk:
        end = outcome.end if isinstance(outcome, Ended) else End(Verdict.DELIVERED, way.node.name)
        hop = self._hop(way, outcome, None, None)
        known = _remembered(way, outcome) if isinstance(outcome, Arrived) and outcome.keeps else way.known
        return Walk((*way.hops, hop), end, known)

    def _hop(self, way: _Way, outcome: Outcome, egress: Interface | None, room: int | None) -> Hop:
        """The hop, with what nobody observed of it (rules 3, 13 and 14)."""
        given = outcome.given
        on = egress or way.ingress
        if isinstance(way.node, Dlr):
            given = (*given, "A13")
        elif isinstance(way.node, Host) and on is not None:
            given = (*given, "A14") if self.network.segments[on.segment].medium is Medium.VXLAN else given
        for decision in outcome.decisions:
            if decision.ground is not None and decision.ground.fact.how is How.ASSUMED:
                given = (*given, decision.ground.fact.source)
        before = _before(way, outcome)
        return Hop(way.node, way.ingress, egress, before, outcome.packet, outcome.decisions, room, given)


def _overdone(way: _Way) -> End | None:
    """Rule 29: a loop is the same node and the same headers."""
    name = way.node.name
    if any(hop.node is way.node and hop.before == way.packet for hop in way.hops):
        return End(Verdict.LOOP, name, f"{way.packet} was here before")
    if len(way.hops) >= _MOST_HOPS:
        return End(Verdict.LOOP, name, f"{_MOST_HOPS} hops and no end")
    return None


def _remembered(way: _Way, outcome: Onward | Arrived) -> Known:
    """What the node now knows: how the reply will look, and what to make of it."""
    return {**way.known, (way.node.name, outcome.packet.reply()[:5]): _before(way, outcome).reply()}


def _before(way: _Way, outcome: Outcome) -> Packet:
    """The packet as it came; of one that the node sends itself, with the address that it chose."""
    return way.packet if way.packet.src else outcome.packet


def _judged(back: Walk, received: Packet, sent: Packet, sender: Node, there: Walk) -> End:
    """Whether the reply is the one that the sender waits for."""
    last = back.hops[-1].node
    waited = sent.reply()
    if last is not sender:
        reason = f"the reply ends at {last.name}, not at {sender.name}"
        return End(Verdict.ASYMMETRIC, last.name, reason)
    passed = {hop.node.name for hop in back.hops}
    missed = sorted(there.stateful - passed)
    if received != waited:
        reason = f"the reply comes from {received.source}, {sender.name} waits for {waited.source}"
        reason += f": it went round {', '.join(missed)}" if missed else ""
        return End(Verdict.ASYMMETRIC, last.name, reason)
    if missed:
        return End(Verdict.ASYMMETRIC, last.name, f"the reply went round {', '.join(missed)}")
    return End(Verdict.DELIVERED, last.name)
