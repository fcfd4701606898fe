"""Which BGP sessions are up, and the routes that follow from them.

Every speaker keeps what each neighbour told it and tells on only what changed. That comes to an end, and to
the same one in whatever order they speak: a route ranks by its AS path and then eBGP over iBGP, and each step
further ranks lower, because eBGP makes the path longer and what iBGP brought goes to no other iBGP neighbour
(rule 22). A route whose next hop does not resolve is not used, and what a speaker does not use itself,
because a static or connected route is nearer, it does not tell on (RFC 4271 9.1.2 and 9.1.3).

The next hop resolves as on Linux and in BIRD: by the best route that is not BGP's own, a default route
included. Whether the router on that way knows the prefix is another question, and not BGP's (rule 25).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Network
from typing import NamedTuple

from hopbook.network.bgp import Peer, Speaker, permits
from hopbook.network.nodes import Network, Node
from hopbook.network.packet import ip
from hopbook.network.routes import Origin, Route, RouteTable

EBGP_DISTANCE, IBGP_DISTANCE = 20, 200

# Whether a node's packets get to its neighbour's address: empty, or why they do not
Reaches = Callable[[Node, Peer], str]

_NOTE = "BGP neighbour "  # begins each of our lines among a node's inactive routes


class Cause(StrEnum):
    """What sort of reason keeps a session down."""

    UNREACHABLE = "no answer comes"
    REFUSED = "one of the two does not open it"
    DISAGREEMENT = "the two want different things"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """A session as one of its ends sees it.

    Attributes:
        node: Name of this end.
        peer: How this end configures the session.
        other: Name of the node at the other end; empty where there is none.
        internal: Both ends have the same AS number.
        why: Why it is down; empty: it is up.
        cause: Of which sort that reason is; None: it is up.
    """

    node: str
    peer: Peer
    other: str = ""
    internal: bool = False
    why: str = ""
    cause: Cause | None = None

    @property
    def up(self) -> bool:
        """Whether it is established."""
        return not self.why

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"{self.peer.title}: {'established' if self.up else f'down, {self.why}'}"


def sessions(network: Network, reaches: Reaches) -> tuple[SessionState, ...]:
    """Every end of every session that somebody configures, in the order of nodes and of their neighbours."""
    return tuple(end.state for end in _ends(network, reaches))


def converge(network: Network, reaches: Reaches) -> Network:
    """The network with the routes that BGP adds, instead of those that it had from BGP before.

    Args:
        network: Its speakers configure the sessions.
        reaches: Is asked of both ends of a session, once their configurations agree.
    """
    nodes = [node for node in network.nodes.values() if node.speaker is not None or _learned(node)]
    if not nodes:
        return network
    exchange = _Exchange(nodes, _ends(network, reaches))
    exchange.settle()
    return replace(network, nodes={**network.nodes, **{node.name: exchange.settled(node) for node in nodes}})


def unlearned(network: Network) -> Network:
    """The network without what BGP brought: the one that the sessions' own packets travel by."""
    bare = {
        node.name: replace(node, routes=_own(node), inactive=_other_notes(node))
        for node in network.nodes.values()
        if _learned(node) or len(_other_notes(node)) < len(node.inactive)
    }
    return replace(network, nodes={**network.nodes, **bare}) if bare else network


def _learned(node: Node) -> bool:
    return any(route.origin is Origin.BGP for route in node.routes.routes)


def _own(node: Node) -> RouteTable:
    """The routes that BGP did not bring."""
    if not _learned(node):
        return node.routes
    return RouteTable(route for route in node.routes.routes if route.origin is not Origin.BGP)


def _other_notes(node: Node) -> tuple[str, ...]:
    return tuple(line for line in node.inactive if not line.startswith(_NOTE))


class _Side(NamedTuple):
    """A speaker and one of its neighbours."""

    node: Node
    speaker: Speaker
    peer: Peer


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a session, the far end where the network has one, and why it is down."""

    near: _Side
    far: _Side | None
    other: str
    why: str
    cause: Cause | None

    @property
    def state(self) -> SessionState:
        """What is reported of it."""
        internal = self.far is not None and self.far.speaker.asn == self.near.speaker.asn
        return SessionState(
            node=self.near.node.name,
            peer=self.near.peer,
            other=self.other,
            internal=internal,
            why=self.why,
            cause=self.cause,
        )


def _ends(network: Network, reaches: Reaches) -> tuple[_End, ...]:
    owners: dict[int, list[Node]] = {}
    for node in network.nodes.values():
        for address in node.addresses:
            owners.setdefault(address, []).append(node)
    asked: dict[tuple[str, Peer], str] = {}

    def ask(side: _Side) -> str:
        if (side.node.name, side.peer) not in asked:
            asked[side.node.name, side.peer] = reaches(side.node, side.peer)
        return asked[side.node.name, side.peer]

    return tuple(
        _end(_Side(node, node.speaker, peer), owners.get(peer.address, []), ask)
        for node in network.nodes.values()
        if node.speaker is not None
        for peer in node.speaker.peers
    )


def _end(near: _Side, owners: list[Node], ask: Callable[[_Side], str]) -> _End:
    """Against the node that has the neighbour's address."""
    there = [owner for owner in owners if owner.present] or owners
    if len(there) != 1:
        who = " and ".join(sorted(owner.name for owner in there))
        address = ip(near.peer.address)
        why = f"{who} have the same address {address}" if there else f"nobody has the address {address}"
        return _End(near, None, "", why, Cause.UNREACHABLE)
    (other,) = there
    far, why = _answering(near, other)
    if far is None:
        return _End(near, None, other.name, why, Cause.REFUSED)
    if not why and (why := _disagreement(near, far)):
        return _End(near, far, other.name, why, Cause.DISAGREEMENT)
    why = why or ask(near) or ask(far)
    return _End(near, far, other.name, why, Cause.UNREACHABLE if why else None)


def _answering(near: _Side, other: Node) -> tuple[_Side | None, str]:
    """The far end as the other node configures it, and why one of the two does not open the session."""
    local, address = near.peer.local, near.peer.address
    if other is near.node:
        return None, f"{ip(address)} is its own address"
    if local not in near.node.addresses:
        return None, f"{ip(local)} is no address of {near.node.name}"
    if other.speaker is None:
        return None, f"{other.name} speaks no BGP"
    named = (peer for peer in other.speaker.peers if (peer.local, peer.address) == (address, local))
    theirs = next(named, None)
    if theirs is None:
        return None, f"{other.name} names no neighbour {ip(local)} from {ip(address)}"
    absent = next((node.name for node in (near.node, other) if not node.present), "")
    return _Side(other, other.speaker, theirs), f"{absent} is not there" if absent else ""


def _disagreement(one: _Side, two: _Side) -> str:
    """What keeps two configurations that name each other from a session."""
    for side, other in ((one, two), (two, one)):
        if other.speaker.asn != side.peer.asn:
            return f"{other.node.name} has AS {other.speaker.asn}, and {side.node.name} wants {side.peer.asn}"
    if one.speaker.asn == two.speaker.asn:
        return ""
    for node, _, peer in (one, two):
        if not peer.multihop and not _on(node, peer.address):
            return f"{ip(peer.address)} is in no network of {node.name}, and the session is not multihop"
    return ""


def _on(node: Node, *addresses: int) -> bool:
    """Whether one network of the node holds all the addresses."""
    prefixes = (interface.prefix for interface in node.interfaces.values())
    return any(
        prefix is not None and all(_holds(prefix, address) for address in addresses) for prefix in prefixes
    )


def _holds(prefix: IPv4Network, address: int) -> bool:
    return address & int(prefix.netmask) == int(prefix.network_address)


class _Session(NamedTuple):
    """A session that is up, in the direction from the far end to the near one."""

    near: _Side
    far: _Side

    @property
    def internal(self) -> bool:
        """Whether it is iBGP."""
        return self.near.speaker.asn == self.far.speaker.asn

    @property
    def distance(self) -> int:
        """The distance of what it brings (rule 24)."""
        return IBGP_DISTANCE if self.internal else EBGP_DISTANCE


class _Path(NamedTuple):
    """A route as a speaker holds it.

    Attributes:
        hops: The AS path, the nearest first; empty within the AS that it comes from.
        next_hop: None: the speaker itself.
        session: Where it came in; None: it is the speaker's own.
        ways: The routes that the next hop resolves by; none: it does not.
    """

    hops: tuple[int, ...] = ()
    next_hop: int | None = None
    session: _Session | None = None
    ways: tuple[Route, ...] = ()

    @property
    def rank(self) -> tuple[int, bool, int, int]:
        """The lowest is the best: by AS path, eBGP over iBGP, then the neighbour's router id and address."""
        if self.session is None:
            return -1, False, 0, 0
        far = self.session.far
        return len(self.hops), self.session.internal, far.speaker.router_id, far.peer.local


@dataclass(slots=True)
class _Held:
    """What a speaker knows of one prefix: by neighbour's address and own, or None for what it announces."""

    paths: dict[tuple[int, int] | None, _Path] = field(default_factory=dict)
    best: _Path | None = None

    def choose(self) -> bool:
        """Take the best; whether it is another one than before."""
        usable = (path for path in self.paths.values() if path.session is None or path.ways)
        before, self.best = self.best, min(usable, key=lambda path: path.rank, default=None)
        return self.best != before


class _Exchange:
    """Speakers that tell each other until nobody has news."""

    def __init__(self, nodes: Iterable[Node], ends: tuple[_End, ...]) -> None:
        self._down: dict[str, list[SessionState]] = {}
        self._listeners: dict[str, list[_Session]] = {}
        for end in ends:
            if end.far is not None and not end.why:
                self._listeners.setdefault(end.far.node.name, []).append(_Session(end.near, end.far))
            else:
                self._down.setdefault(end.near.node.name, []).append(end.state)
        self._tables: dict[str, RouteTable] = {}
        self._nearest: dict[str, dict[IPv4Network, Route]] = {}
        self._held: dict[str, dict[IPv4Network, _Held]] = {}
        self._news: deque[tuple[str, IPv4Network]] = deque()
        for node in nodes:
            table = self._tables[node.name] = _own(node)
            nearest = self._nearest[node.name] = {}
            for route in sorted(table.routes, key=lambda route: route.distance):
                nearest.setdefault(route.prefix, route)
            self._held[node.name] = {}
            self._announce(node)

    def _announce(self, node: Node) -> None:
        """Its own prefixes; a redistributed route brings its next hop along (rule 22)."""
        if node.speaker is None:
            return
        for prefix in node.speaker.announces:
            nearest = self._nearest[node.name].get(prefix)
            path = _Path(next_hop=nearest.next_hop if nearest is not None else None)
            self._held[node.name][prefix] = _Held({None: path}, path)
            self._news.append((node.name, prefix))

    def settle(self) -> None:
        """Tell on until there is no news."""
        while self._news:
            name, prefix = self._news.popleft()
            best = self._held[name][prefix].best
            for session in self._listeners.get(name, ()):
                self._tell(session, prefix, None if best is None else self._taken(session, prefix, best))

    def _tell(self, session: _Session, prefix: IPv4Network, path: _Path | None) -> None:
        name, peer = session.near.node.name, session.near.peer
        held = self._held[name].setdefault(prefix, _Held())
        if path is None:
            held.paths.pop((peer.address, peer.local), None)
        else:
            held.paths[peer.address, peer.local] = path
        if held.choose():
            self._news.append((name, prefix))

    def _taken(self, session: _Session, prefix: IPv4Network, path: _Path) -> _Path | None:
        """What the receiver makes of the sender's best route; None: it is not sent, or not taken."""
        near, far = session
        if path.session is not None and not self._passes(session, prefix, path.session):
            return None
        if not permits(far.peer.exports, prefix) or not permits(near.peer.imports, prefix):
            return None
        hops = path.hops if session.internal else (far.speaker.asn, *path.hops)
        next_hop = _next_hop(session, path.next_hop)
        if near.speaker.asn in hops or next_hop in near.node.addresses:
            return None
        table = self._tables[near.node.name]
        ways = tuple(route for route in table.lookup(next_hop) if route.interface)
        return _Path(hops, next_hop, session, ways)

    def _passes(self, session: _Session, prefix: IPv4Network, before: _Session) -> bool:
        """Whether the sender tells on what it learned: not from iBGP to iBGP, and only what it uses."""
        nearest = self._nearest[session.far.node.name].get(prefix)
        used = nearest is None or nearest.distance >= before.distance
        return used and not (session.internal and before.internal)

    def settled(self, node: Node) -> Node:
        """The node with its routes, and what kept others from it."""
        routes: list[Route] = []
        notes = [*_other_notes(node)]
        notes += (state.title for state in self._down.get(node.name, ()))
        for prefix, held in self._held[node.name].items():
            if held.best is not None:
                routes += _installed(prefix, held.best)
            notes += _unresolved(prefix, held.paths.values())
        kept = self._tables[node.name]
        table = RouteTable((*kept.routes, *routes)) if routes else kept
        return replace(node, routes=table, inactive=tuple(notes))


def _next_hop(session: _Session, next_hop: int | None) -> int:
    """Rules 21 and 22: eBGP names itself, or a third in the receiver's network; iBGP changes nothing."""
    near, far = session
    if next_hop is None:
        return far.peer.local
    kept = session.internal or _on(far.node, near.peer.local, next_hop)
    return next_hop if kept else far.peer.local


def _installed(prefix: IPv4Network, path: _Path) -> Iterator[Route]:
    """The routes of a path: one for each equal way to its next hop."""
    if path.session is None:
        return
    near, far = path.session
    for way in path.ways:
        on_link = way.next_hop is None and not way.next_node
        yield Route(
            prefix=prefix,
            interface=way.interface,
            fact=near.peer.fact,
            next_hop=path.next_hop if on_link else way.next_hop,
            next_node=way.next_node,
            distance=path.session.distance,
            origin=Origin.BGP,
            learned_from=far.node.name,
            given=path.next_hop,
        )


def _unresolved(prefix: IPv4Network, paths: Iterable[_Path]) -> Iterator[str]:
    for path in paths:
        if path.session is not None and path.next_hop is not None and not path.ways:
            peer, gave = path.session.near.peer, f"{prefix} via {ip(path.next_hop)}"
            yield f"{peer.title}: gave {gave}, and no route leads to that next hop"
