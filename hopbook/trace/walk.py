"""Follow a packet there and its reply back, by every path that the network may choose.

A connection that something ends on the way (a web proxy, a DNS relay) goes on in a leg of its own. A reply is
judged by what the sender waits for: from where, and through every node that keeps the connection.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from hopbook.network.encapsulation import most
from hopbook.network.facts import How
from hopbook.network.ipsec import Ipsec
from hopbook.network.nodes import (
    Backend,
    Concentrator,
    Dlr,
    EsxiHost,
    Host,
    Interface,
    Medium,
    Network,
    Node,
    Segment,
)
from hopbook.network.packet import Frame, Packet, ip
from hopbook.network.routes import Route
from hopbook.trace import tunnels
from hopbook.trace.pipelines import process, ways_back
from hopbook.trace.process import Arrival, Arrived, Ended, Knobs, Onward, Outcome, Tunnel
from hopbook.trace.sizes import fragments, on_underlay, silent, sized
from hopbook.trace.switching import Next, Switched, arrived, extended, switched, towards
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


def tunnel_of(network: Network, node: Node, end: Ipsec, knobs: Mapping[str, str] | None = None) -> Tunnel:
    """Whether the tunnel of one of a node's ends comes up, or why not."""
    return _Tracer(network, Knobs(knobs), frozenset({node.name}), None).tunnel(node, end)


def _rank(verdict: Verdict) -> int:
    """Worst first: a failure that is certain, then what is not known, then a delivery."""
    return {Verdict.DELIVERED: 2, Verdict.INSUFFICIENT: 1}.get(verdict, 0)


class _Way(NamedTuple):
    """A walk that has not ended: the packet stands before a node.

    Attributes:
        frame: Whom the frame is for, where the node is a switch.
        host: The ESXi host in which a distributed router routes it.
    """

    node: Node
    ingress: Interface | None
    packet: Packet
    hops: tuple[Hop, ...]
    known: Known
    frame: Frame | None = None
    host: str = ""


@dataclass(frozen=True)
class _Tracer:
    network: Network
    knobs: Knobs
    there: frozenset[str]
    onward: Target | None

    def connections(self, packet: Packet, node: Node, legs: int = 1) -> Iterator[Path]:
        """Every path of a connection that a node opens, later legs and replies included."""
        for there, came in self._walks(packet, node, {}, replying=False):
            if came is None:
                yield Path((Leg(there),), there.end)
                continue
            last = there.hops[-1].node
            asked = list(self._asked(came, packet.protocol))
            if (came.proxies and not asked) or (asked and legs == _MOST_LEGS):
                reason = "what the web proxy is asked for is not known" if not asked else "too many legs"
                end = End(Verdict.INSUFFICIENT, last.name, reason)
                yield Path((Leg(there),), end)
                continue
            backs = list(self._returns(there, came.packet, packet, node))
            if packet.protocol == "tcp":  # answered before it asks anybody in turn (rule 17)
                lost = [back for back in backs if back.end.verdict is not Verdict.DELIVERED]
                yield from (Path((Leg(there, back),), back.end, returning=True) for back in lost)
                backs = [back for back in backs if back.end.verdict is Verdict.DELIVERED]
            if not backs:
                continue
            for tail in self._tails(asked, last, legs):
                if tail is not None and tail.end.verdict is not Verdict.DELIVERED:
                    yield from (self._failed_later(Leg(there, back), tail) for back in backs)
                    continue
                for back in backs:
                    later = () if tail is None else tail.legs
                    yield self._connected(Leg(there, back), later)

    def _connected(self, leg: Leg, later: tuple[Leg, ...]) -> Path:
        """A connection that small packets made, or not: do full ones get through, too?"""
        there, back = leg.there, leg.back
        if back is None or back.end.verdict is not Verdict.DELIVERED:
            return Path((leg, *later), there.end if back is None else back.end, returning=True)
        leg, end, returning = sized(leg, self.network.segments, self.knobs, self._answers)
        if end is not None:  # then nothing was asked further on
            return Path((leg,), end, returning)
        return Path((leg, *later), there.end)

    def _failed_later(self, leg: Leg, tail: Path) -> Path:
        """A connection behind which another one failed: a TCP leg comes first, full packets included."""
        if leg.there.hops[0].before.protocol != "tcp":
            return Path((Leg(leg.there), *tail.legs), tail.end, tail.returning)
        alone = self._connected(leg, ())
        if alone.end.verdict is not Verdict.DELIVERED:
            return alone
        return Path((*alone.legs, *tail.legs), tail.end, tail.returning)

    def _tails(self, asked: list[Packet], node: Node, legs: int) -> Iterator[Path | None]:
        if not asked:
            yield None
        for question in asked:
            yield from self.connections(question, node, legs + 1)

    def _asked(self, came: Arrived, protocol: str) -> Iterator[Packet]:
        """What the node asks in turn."""
        size = came.packet.size
        asks = list(came.asks)
        if came.proxies and self.onward is not None:
            asks.append(Backend(*self.onward))
        for item in asks:
            yield Packet(0, item.address, protocol, _SECOND_PORT, item.port, size)

    def _returns(self, there: Walk, came: Packet, sent: Packet, sender: Node) -> Iterator[Walk]:
        first = there.hops[0].after.innermost if not sent.src else sent
        last = there.hops[-1].node
        for back, received in self._walks(came.reply(), last, there.known, replying=True):
            if received is None:
                yield back
                continue
            end = _judged(back, received.packet, first, sender, there)
            yield replace(back, end=end)

    def _walks(
        self, packet: Packet, node: Node, known: Known, *, replying: bool
    ) -> Iterator[tuple[Walk, Arrived | None]]:
        """Every way of one packet; with what arrived where it did."""
        pending = [_Way(node, None, packet, (), known, host=node.host)]
        while pending:
            way = pending.pop()
            end = _overdone(way)
            if end is not None:
                yield Walk(way.hops, end, way.known), None
                continue
            if _switches(way):
                for further in self._switched(way):
                    if isinstance(further, _Way):
                        pending.append(further)
                    else:
                        yield further, None
                continue
            arrival = Arrival(way.packet, way.ingress, way.known, self.knobs, replying, self.tunnel)
            for outcome in process(way.node, arrival):
                if isinstance(outcome, Onward):
                    further = self._sent(way, outcome)
                    if isinstance(further, _Way):
                        pending.append(further)
                    else:
                        yield further, None
                else:
                    yield self._stopped(way, outcome), outcome if isinstance(outcome, Arrived) else None

    def tunnel(self, node: Node, end: Ipsec) -> Tunnel:
        """What has come of one of a node's tunnels."""
        return tunnels.state(self.network, self.knobs, self._ike, node, end)

    def _ike(self, packet: Packet, node: Node, there: Walk | None) -> Iterator[tuple[Walk, Packet | None]]:
        """The ways of a packet of a tunnel's negotiation."""
        known = {} if there is None else there.known
        for walk, came in self._walks(packet, node, known, replying=there is not None):
            yield walk, None if came is None else came.packet

    def _switched(self, way: _Way) -> Iterator[_Way | Walk]:
        """What an ESXi host or a concentrator makes of a frame."""
        node, packet, known = way.node, way.packet, way.known
        if isinstance(node, Concentrator):
            tunnel = self.tunnel(node, node.ipsec)
            if way.frame is not None and way.frame.beyond is not None:
                done = extended(node, packet, way.frame, tunnel)
            else:
                done = arrived(self.network, node, packet, tunnel)
            known = {**known, **tunnel.known}
        elif isinstance(node, EsxiHost):
            done = switched(self.network, node, packet, way.frame)
        else:
            return
        if isinstance(done.onward, Next | End):
            yield self._handed(way, done, done.onward, known)
            return
        for route in done.onward:
            onward = Onward(done.packet, route, (done.decision,), learns=known)
            yield self._sent(way, onward)

    def _handed(self, way: _Way, done: Switched, onward: Next | End, known: Known) -> _Way | Walk:
        fits = self._trunk_room(way.node) if isinstance(onward, Next) else None
        hop = Hop(way.node, way.ingress, None, way.packet, done.packet, (done.decision,), fits=fits)
        inner = done.packet.innermost
        if isinstance(onward, End):
            return Walk((*way.hops, hop), onward, known)
        if fits is not None and inner.protocol != "tcp" and fits < inner.size:
            reason = f"{inner.size} bytes do not fit the segment behind {way.node.name}: {fits}"
            return Walk((*way.hops, hop), End(Verdict.TOO_LARGE_SILENT, way.node.name, reason), known)
        return _before_next(onward, done.packet, (*way.hops, hop), known)

    def _trunk_room(self, node: Node) -> int | None:
        """The largest packet that a concentrator puts onto the segment that it extends."""
        if not isinstance(node, Concentrator):
            return None
        trunk = node.interfaces[node.trunk]
        segment = self.network.segments[trunk.segment]
        return min(trunk.mtu, segment.carries - segment.overhead)

    def _sent(self, way: _Way, outcome: Onward) -> _Way | Walk:
        """Put the packet onto the segment: does it fit, and who answers for the next hop?"""
        node, packet, route = way.node, outcome.packet, outcome.route
        egress = node.interfaces.get(route.interface)
        segment = self.network.segments.get(egress.segment) if egress is not None else None
        if egress is None or segment is None:
            lacking = route.interface if egress is None else f"the segment of {egress.name}"
            end = End(
                Verdict.INSUFFICIENT, node.name, f"{route.title} leaves by {lacking}, which is not there"
            )
            return Walk((*way.hops, self._hop(way, outcome)), end, way.known)
        fits = min(egress.mtu, segment.carries - segment.overhead)
        most_inside = most(packet, fits)
        if outcome.limit is not None and packet.inside is not None:
            most_inside = min(most_inside, most(packet.inside.packet, outcome.limit))
        hop = self._hop(way, outcome, egress, most_inside, segment.medium)
        known = _remembered(way, outcome)
        large = self._too_large(way, egress, segment, packet, most_inside)
        if large is not None:
            return Walk((*way.hops, hop), large, known)
        found = self._neighbour(node, outcome, segment)
        if isinstance(found, Frame):
            host = way.host if isinstance(node, Dlr) else node.host
            onward = towards(self.network, node, host, found)
            if isinstance(onward, Next):
                return _before_next(onward, packet, (*way.hops, hop), known)
            found = onward
        return Walk((*way.hops, hop), found, known)

    def _neighbour(self, node: Node, outcome: Onward, segment: Segment) -> Frame | End:
        """Who answers for the next hop, on the segment or behind an extension of it."""
        route, packet = outcome.route, outcome.packet
        if route.next_node:
            return self._named(node, route, segment)
        address = packet.dst if route.next_hop is None else route.next_hop
        answers = [
            Frame(segment.name, item.name, interface.name)
            for item, interface in self._answering(segment.name, address, node)
        ]
        beyond, why = self._beyond(segment.name, address, node)
        answers += beyond
        if len(answers) == 1:
            return answers[0]
        if answers:
            who = " and ".join(sorted((item.beyond or item).node for item in answers))
            return End(Verdict.MISMATCH, node.name, f"{who} have the same address {ip(address)}", route)
        if segment.open:
            reason = f"nobody declared {ip(address)} on {segment.name}"
            return End(Verdict.INSUFFICIENT, node.name, reason, route, address)
        reason = f"nobody answers for {ip(address)} on {segment.name}{why}"
        return End(Verdict.UNREACHABLE, node.name, reason, route, address)

    def _answering(self, segment: str, address: int, asking: Node) -> Iterator[tuple[Node, Interface]]:
        for item in self.network.neighbours.get(segment, {}).get(address, ()):
            if (item[0].present or item[0].name in self.there) and item[0] is not asking:
                yield item

    def _beyond(self, segment: str, address: int, asking: Node) -> tuple[list[Frame], str]:
        """Who answers on the other side of an extension, and why nobody does."""
        found, why = [], ""
        for pair in self.network.extensions.get(segment, ()):
            far = pair.far.interfaces[pair.far.trunk].segment
            behind = [
                Frame(far, node.name, interface.name)
                for node, interface in self._answering(far, address, asking)
            ]
            if not behind:
                continue
            down = self.tunnel(pair.near, pair.near.ipsec).down
            if down:
                why = f", and the extension by {pair.near.name} is down: {down}"
                continue
            found += [Frame(segment, pair.near.name, pair.near.trunk, frame) for frame in behind]
        return found, why

    def _named(self, node: Node, route: Route, segment: Segment) -> Frame | End:
        neighbour = self.network.nodes.get(route.next_node)
        sides = neighbour.interfaces.values() if neighbour is not None else ()
        ingress = next((item for item in sides if item.segment == segment.name), None)
        if neighbour is None or ingress is None:
            reason = f"the site does not declare {route.next_node} on {segment.name}"
            return End(Verdict.INSUFFICIENT, node.name, reason, route)
        if not neighbour.present and neighbour.name not in self.there:
            reason = f"{route.next_node} is not there yet"
            return End(Verdict.UNREACHABLE, node.name, reason, route)
        return Frame(segment.name, neighbour.name, ingress.name)

    def _too_large(
        self, way: _Way, egress: Interface, segment: Segment, packet: Packet, room: int
    ) -> End | None:
        """A datagram that does not fit; what a TCP connection sends is looked at once it is made."""
        inner = packet.innermost
        if inner.protocol == "tcp" or inner.size <= room or fragments(packet, self.knobs):
            return None
        reason = f"{inner.size} bytes do not fit {egress.name} (MTU {egress.mtu}) and {segment.name}: {room}"
        underlay = on_underlay(egress, segment, packet, inner.size)
        lost = silent(way.node, way.packet, packet, self.knobs, self._answers, underlay=underlay)
        return End(Verdict.TOO_LARGE_SILENT if lost else Verdict.TOO_LARGE, way.node.name, reason)

    def _answers(self, node: Node, came: Packet) -> bool:
        """Whether an ICMP message about a packet leaves the node; not where nobody is its first hop.

        What is not known of that hop is not held against it: the packet's own way says what is not known.
        """
        if not came.src or came.src in node.addresses:
            return True
        for route in ways_back(node, came.src):
            egress = node.interfaces.get(route.interface)
            segment = self.network.segments.get(egress.segment) if egress is not None else None
            if segment is None:
                return True  # by a tunnel
            back = Onward(came._replace(dst=came.src), route, ())
            found = self._neighbour(node, back, segment)
            if isinstance(found, Frame) or found.verdict is not Verdict.UNREACHABLE:
                return True
        return False

    def _stopped(self, way: _Way, outcome: Arrived | Ended) -> Walk:
        end = outcome.end if isinstance(outcome, Ended) else End(Verdict.DELIVERED, way.node.name)
        hop = self._hop(way, outcome)
        known = _remembered(way, outcome) if isinstance(outcome, Arrived) else way.known
        return Walk((*way.hops, hop), end, known)

    def _hop(
        self,
        way: _Way,
        outcome: Outcome,
        egress: Interface | None = None,
        fits: int | None = None,
        medium: Medium | None = None,
    ) -> Hop:
        """The hop, with what nobody observed of it (rules 3, 13 and 14)."""
        given = outcome.given
        on = egress or way.ingress
        host = way.host if isinstance(way.node, Dlr) else ""
        if isinstance(way.node, Dlr) and not host:
            given = (*given, "A13")
        elif isinstance(way.node, Host) and way.node.vnic is None and on is not None:
            overlay = on.segment and self.network.segments[on.segment].medium is Medium.VXLAN
            given = (*given, "A14") if overlay else given
        for decision in outcome.decisions:
            if decision.ground is not None and decision.ground.fact.how is How.ASSUMED:
                given = (*given, decision.ground.fact.source)
        before = _before(way, outcome)
        room = None if fits is None else fits - outcome.packet.innermost.size
        return Hop(
            way.node,
            way.ingress,
            egress,
            before,
            outcome.packet,
            outcome.decisions,
            room,
            given,
            host,
            fits,
            medium,
        )


def _switches(way: _Way) -> bool:
    """Whether the node handles the packet on layer 2."""
    if isinstance(way.node, EsxiHost):
        return True
    inside = way.packet.inside
    carried = inside is not None and inside.frame is not None and way.packet.dst in way.node.addresses
    return isinstance(way.node, Concentrator) and (way.frame is not None or carried)


def _before_next(onward: Next, packet: Packet, hops: tuple[Hop, ...], known: Known) -> _Way:
    ingress = onward.node.interfaces[onward.interface] if onward.interface else None
    return _Way(onward.node, ingress, packet, hops, known, onward.frame, onward.host)


def _overdone(way: _Way) -> End | None:
    """Rule 29: a loop is the same node and the same headers; by another interface it may decide anew."""
    name = way.node.name
    switch = isinstance(way.node, EsxiHost)  # it sees a packet before and after a router in it
    if not switch and any(
        hop.node is way.node and hop.ingress is way.ingress and hop.before == way.packet for hop in way.hops
    ):
        return End(Verdict.LOOP, name, f"{way.packet} was here before")
    if len(way.hops) >= _MOST_HOPS:
        return End(Verdict.LOOP, name, f"{_MOST_HOPS} hops and no end")
    return None


def _remembered(way: _Way, outcome: Onward | Arrived) -> Known:
    """What the nodes now know: how the reply will look, and what to make of it."""
    if not outcome.keeps and not outcome.learns:
        return way.known
    kept = {(way.node.name, left.reply()[:5]): came.reply() for left, came in outcome.keeps}
    return {**way.known, **outcome.learns, **kept}


def _before(way: _Way, outcome: Outcome) -> Packet:
    """The packet as it came; of one that the node sends itself, with the address that it chose."""
    return way.packet if way.packet.src else outcome.packet.innermost


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
