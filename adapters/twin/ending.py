"""Name how a probe ended, by what was seen of it: its ways, the errors that came back, the rules that acted.

Nothing here asks the model what it expects. Of the model only the kind of a node and its addresses count:
whether it forwards at all, and whether it keeps connections.
"""

import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.twin.decode import Code, Icmp
from adapters.twin.follow import Map, Way
from hopbook.network.encapsulation import IP_IN_IP
from hopbook.network.nodes import Esg, Host, KubeNode, Listener, Network, Node
from hopbook.network.packet import ip
from hopbook.trace.crossing import Crossing
from hopbook.trace.verdict import End, Verdict

_REJECTED = "refused"  # what a rule does that answers with a reset
_TUNNEL = "ipsec"  # how the devices begin by which packets enter a tunnel
_PROHIBITED = frozenset({Code.NET_PROHIBITED, Code.HOST_PROHIBITED, Code.PROHIBITED})
_WORDS = {verdict.value: verdict for verdict in Verdict}
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One leg of a probe, by real packets.

    Attributes:
        at: Name of the node where it ended; empty if it was delivered.
        there, back: The ways in the words that the model shares, as far as the packets came.
        rules: Titles of the rules whose counters moved, in the order of the nodes.
        mtu: TCP: the size in bytes of the largest packet that went through both ways.
    """

    verdict: Verdict
    at: str = ""
    reason: str = ""
    there: tuple[Crossing, ...] = ()
    back: tuple[Crossing, ...] = ()
    rules: tuple[str, ...] = ()
    mtu: int | None = None


class Moved(NamedTuple):
    """A rule whose counter moved: what it does (`accept`, `denied`, `DNAT`, `tunnel down`), and its title."""

    does: str
    title: str


class Complaint(NamedTuple):
    """An ICMP error about the packet, or about what answers it.

    Attributes:
        station: Who sent it.
        code: Of "unreachable"; TTL exceeded has none that matters.
        returning: It is about the answer.
    """

    station: str
    kind: int
    code: int
    room: int = 0
    returning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was seen of one leg.

    Attributes:
        sender: The station that sent it.
        large, large_back: Of TCP, the ways of a full packet in each direction, as it was sent last.
        unanswered: By station, the addresses that it asked for in vain.
        moved: By station, the rules that acted.
        suspected: Stations whose reverse path filter dropped something.
        routeless: Stations that have no route for what ended there, or for the answer to it.
        error: What the sender's own system said; 0: nothing.
        reset: The station that refused the connection; empty: none did.
        answered: The sender got its answer.
        filled: Full packets went through both ways; of a datagram, the answer came.
    """

    network: Network
    where: Map
    sender: str
    there: Way
    back: Way = field(default_factory=Way)
    large: Way = field(default_factory=Way)
    large_back: Way = field(default_factory=Way)
    complaints: Sequence[Complaint] = ()
    unanswered: Mapping[str, Sequence[int]] = field(default_factory=dict)
    moved: Mapping[str, Sequence[Moved]] = field(default_factory=dict)
    suspected: frozenset[str] = frozenset()
    routeless: frozenset[str] = frozenset()
    error: int = 0
    reset: str = ""
    answered: bool = False
    filled: bool = False

    def name(self, station: str) -> str:
        """The node that a station is."""
        return self.where.places[station].node

    def node(self, station: str) -> Node | None:
        """The model's node; none for what only joins segments."""
        return self.network.nodes.get(self.name(station))


def judge(seen: Evidence) -> End:
    """How it ended, at which node, and why."""
    if seen.answered and seen.filled:
        return _round(seen) or End(Verdict.DELIVERED, "")
    if seen.answered:
        return _round(seen) or _unfilled(seen)
    if not seen.there.visits:
        return _unsent(seen)
    return (
        _looped(seen.there)
        or _complained(seen, seen.there, returning=False)
        or _refused(seen)
        or (_unreturned(seen) if seen.back.visits else _vanished(seen, seen.there, "it"))
    )


def _unsent(seen: Evidence) -> End:
    """The sender's own system did not let it out."""
    name = seen.name(seen.sender)
    found = _stopped(seen, seen.sender) or _silent(seen, seen.sender, name)
    if found is not None:
        return found
    if seen.error == errno.EMSGSIZE:
        return End(Verdict.TOO_LARGE, name, "it does not fit the sender's own interface")
    if seen.error in _NO_ROUTE:
        return End(Verdict.NO_ROUTE, name, "the sender has no route")
    words = errno.errorcode.get(seen.error, "nothing was said")
    return End(Verdict.INSUFFICIENT, name, f"it was never sent ({words})")


def _looped(way: Way) -> End | None:
    """Rule 29: a loop is the same node and the same headers."""
    met: set[tuple[object, ...]] = set()
    for crossing in way.crossings:
        if not crossing.came:
            continue  # a switch may be passed in both directions
        key = (crossing.node, crossing.host, crossing.came, crossing.before)
        if key in met:
            return End(Verdict.LOOP, crossing.node, f"{crossing.before} was here before")
        met.add(key)
    return None


def _complained(seen: Evidence, way: Way, *, returning: bool) -> End | None:
    """An ICMP error says it."""
    found = next((item for item in seen.complaints if item.returning is returning), None)
    if found is None:
        return None
    name = seen.name(found.station) or _last(way)
    if found.kind == Icmp.EXCEEDED:
        return End(Verdict.LOOP, name, "its time to live ran out")
    match found.code:
        case Code.TOO_LARGE:
            end: End | None = End(Verdict.TOO_LARGE, name, f"{found.room} bytes fit, as the sender is told")
        case Code.NET | Code.HOST:
            no_route = End(Verdict.NO_ROUTE, name, "no route, says an ICMP message")
            asked = None if found.code == Code.NET else _silent(seen, found.station, name)
            end = asked or no_route
        case _:
            end = _stopped(seen, found.station)
    if end is None and found.code in _PROHIBITED:
        end = End(Verdict.DENIED, name, "prohibited, says an ICMP message")
    if end is None and returning and not seen.answered:
        end = _elsewhere(seen)
    return end or _nobody(seen, found.station)


def _refused(seen: Evidence) -> End | None:
    """A reset: of a rule, or because nothing listens."""
    if not seen.reset:
        return None
    rejects = [rule for rule in seen.moved.get(seen.reset, ()) if rule.does == _REJECTED]
    return _stopped(seen, seen.reset) if rejects else _nobody(seen, seen.reset)


def _nobody(seen: Evidence, station: str) -> End:
    node, name = seen.node(station), seen.name(station)
    if isinstance(node, Host) and node.listens is None:
        return End(Verdict.INSUFFICIENT, name, "what listens there is not declared")
    return End(Verdict.REFUSED, name, "nothing listens there")


def _stopped(seen: Evidence, station: str) -> End | None:
    """A rule that drops or rejects acted there; what met another rule once one had rejected is an answer."""
    name = seen.name(station)
    for rule in sorted(seen.moved.get(station, ()), key=lambda rule: rule.does != _REJECTED):
        if rule.does == _REJECTED:
            service = isinstance(seen.node(station), KubeNode) and rule.title.startswith("service ")
            return End(Verdict.REFUSED if service else Verdict.DENIED, name, rule.title)
        if rule.does in _WORDS:
            return End(_WORDS[rule.does], name, rule.title)
    return None


def _unreturned(seen: Evidence) -> End:
    """An answer was sent, and the sender did not get it."""
    return (
        _looped(seen.back)
        or _complained(seen, seen.back, returning=True)
        or _dropped(seen)
        or _elsewhere(seen)
        or _vanished(seen, seen.back, "the reply")
    )


def _dropped(seen: Evidence) -> End | None:
    """The reply came to somebody who did not want it."""
    station = seen.back.end
    name, passed = seen.name(station), {visit.station for visit in seen.there.visits}
    if station in seen.suspected:
        return End(Verdict.DENIED, name, "reverse path filter drops the reply")
    if station not in passed and _keeps(seen.node(station)):
        return End(Verdict.ASYMMETRIC, name, "drops the reply: the connection did not come this way")
    return _stopped(seen, station)


def _elsewhere(seen: Evidence) -> End | None:
    """The reply is not the one that the sender waits for."""
    last = seen.back.visits[-1]
    name, node = seen.name(last.station), seen.node(last.station)
    if last.came is None or last.last is None or last.last.packet.layers:
        return None
    answer = last.came.packet
    if last.station == seen.sender:
        return End(Verdict.ASYMMETRIC, name, f"the reply comes from {ip(answer.src)}, who was not asked")
    if node is None or answer.dst not in node.addresses:
        return None
    return End(Verdict.ASYMMETRIC, name, f"the reply ends at {name}, not at {seen.name(seen.sender)}")


def _vanished(seen: Evidence, way: Way, what: str) -> End:
    """It entered a node and did not leave, and nobody said a word."""
    station = way.end
    name = seen.name(station) or _last(way)
    node, last = seen.node(station), way.visits[-1].last
    found = _stopped(seen, station)
    if found is None and station in seen.suspected:
        found = End(Verdict.DENIED, name, "reverse path filter")
    found = found or _unheard(seen, way)
    if found is None and station not in seen.routeless:
        found = _silent(seen, station, name)  # else it is somebody else that was asked for
    found = found or _swallowed(seen, way, what)
    if found is None and station in seen.routeless:
        mine = last is not None and node is not None and last.packet.headers.dst in node.addresses
        words = "no route for the reply" if mine else "a route that leads nowhere"
        found = End(Verdict.NO_ROUTE, name, words)
    reason = f"{what} was last seen at {name}, and nothing there says why"
    return found or End(Verdict.INSUFFICIENT, name, reason)


def _unheard(seen: Evidence, way: Way) -> End | None:
    """Nothing listens where it arrived, and the refusal itself found no way."""
    node, last = seen.node(way.end), way.visits[-1].last
    if not isinstance(node, Host) or node.listens is None or last is None or way is not seen.there:
        return None
    packet, translated = last.packet, any(rule.does == "DNAT" for rule in seen.moved.get(way.end, ()))
    if translated or packet.layers or packet.dst not in node.addresses:
        return None
    if Listener(packet.protocol, packet.dport) in node.listens or packet.dport in node.relays:
        return None
    return End(Verdict.REFUSED, node.name, "nothing listens there, and the sender is not told")


def _silent(seen: Evidence, station: str, name: str) -> End | None:
    """A neighbour that does not answer."""
    sought = seen.unanswered.get(station, ())
    if not sought:
        return None
    return End(Verdict.UNREACHABLE, name, f"nobody answers for {ip(sought[0])}", sought=sought[0])


def _swallowed(seen: Evidence, way: Way, what: str) -> End | None:
    """It went into a tunnel, or came to somebody who does not forward."""
    node, last = seen.node(way.end), way.visits[-1].last
    if last is None:
        return None
    name, layers = seen.name(way.end), last.packet.headers.layers
    if last.interface.startswith(_TUNNEL) and not layers:
        return End(Verdict.TUNNEL_DOWN, name, f"{what} entered {last.interface} and did not come out")
    if isinstance(node, Host) and layers[:1] == (IP_IN_IP,):
        return End(Verdict.DENIED, name, "takes no IP-in-IP from there")
    if node is not None and way.visits[-1].came is not None and last.packet.src in node.addresses:
        return End(Verdict.DENIED, name, f"{what} bears the address of {name} itself as its source")
    if _strays(node, way):
        return End(Verdict.DENIED, name, "is no router, and it is not for this machine")
    return None


def _strays(node: Node | None, way: Way) -> bool:
    came = way.visits[-1].came
    machine = isinstance(node, Host) and not isinstance(node, KubeNode)
    return machine and node is not None and came is not None and came.packet.dst not in node.addresses


def _keeps(node: Node | None) -> bool:
    return isinstance(node, Esg) and node.firewall.enabled


def _round(seen: Evidence) -> End | None:
    """The answer came another way than through every node that keeps the connection."""
    back = {visit.station for visit in seen.back.visits}
    if not back:
        return None
    missed = sorted(
        seen.name(visit.station)
        for visit in seen.there.visits
        if _keeps(seen.node(visit.station)) and visit.station not in back
    )
    if not missed:
        return None
    return End(Verdict.ASYMMETRIC, seen.name(seen.sender), f"the reply went round {', '.join(missed)}")


def _unfilled(seen: Evidence) -> End:
    """Small packets pass and a full one does not."""
    returning = bool(seen.large_back.visits)
    way = seen.large_back if returning else seen.large
    if not way.visits:
        return End(Verdict.INSUFFICIENT, seen.name(seen.sender), "the connection was made, and no data sent")
    last = way.visits[-1].last
    size = 0 if last is None else last.packet.size
    told = next((item for item in seen.complaints if item.returning is returning), None)
    if told is not None and (told.kind, told.code) != (Icmp.UNREACHABLE, Code.TOO_LARGE):
        return _complained(seen, way, returning=returning) or _vanished(seen, way, "data")
    if told is not None and size > told.room:
        reason = f"{told.room} bytes fit, and the message that says so did not arrive"
        return End(Verdict.TOO_LARGE_SILENT, seen.name(told.station) or _last(way), reason)
    return End(Verdict.TOO_LARGE_SILENT, _last(way), f"{size} bytes vanish there, and small packets pass")


def _last(way: Way) -> str:
    return way.crossings[-1].node if way.crossings else ""
