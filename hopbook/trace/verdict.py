"""What a trace says: hops, why each node did what it did, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from hopbook.network.facts import Fact
from hopbook.network.nodes import Dlr, Esg, Interface, Medium, Node
from hopbook.network.packet import Packet


class Verdict(StrEnum):
    """How a packet, or the connection that it opens, ended."""

    DELIVERED = "delivered"
    DENIED = "denied"
    REFUSED = "refused"  # it reached the address, and nothing listens there
    NO_ROUTE = "no route"
    UNREACHABLE = "neighbour unreachable"
    TUNNEL_DOWN = "tunnel down"
    LOOP = "loop"
    TOO_LARGE = "MTU exceeded, told"
    TOO_LARGE_SILENT = "MTU exceeded, silent"
    ASYMMETRIC = "asymmetric return"
    INSUFFICIENT = "insufficient information"
    MISMATCH = "model mismatch"  # what was observed contradicts itself


class What(StrEnum):
    """What a node did with a packet."""

    CONNECTION = "connection"  # it belongs to a connection that the node knows
    DNAT = "DNAT"
    ROUTE = "route"
    FILTER = "firewall"
    SNAT = "SNAT"
    SWITCHED = "switched"  # on layer 2, unchanged
    ENCAPSULATED = "encapsulated"
    DECAPSULATED = "decapsulated"
    SENT = "sent"
    RECEIVED = "received"
    RELAYED = "relayed"
    DROPPED = "dropped"


class Ground(Protocol):
    """What a decision rests on: a rule, a route, a policy."""

    @property
    def title(self) -> str:
        """For a sentence."""

    @property
    def fact(self) -> Fact:
        """How it is known."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that a node did, the rule or route behind it, and words where those do not say it."""

    what: What
    ground: Ground | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One node on the way.

    Attributes:
        before: The packet as it came in.
        after: The packet as it left, or as it was when it ended here.
        room: Bytes that the segment behind it has left, encapsulation counted; None where it ended.
        given: Ids of the assumptions that what it did rests on.
        host: For a DLR, the ESXi host in which it routed; empty where that is not known.
        fits: The largest innermost packet in bytes that the segment behind it carries; None where it ended.
        medium: What that segment is; None where it ended, and on layer 2.
    """

    node: Node
    ingress: Interface | None
    egress: Interface | None
    before: Packet
    after: Packet
    decisions: tuple[Decision, ...]
    room: int | None = None
    given: tuple[str, ...] = ()
    host: str = ""
    fits: int | None = None
    medium: Medium | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How one way ended, at which node, by what.

    Attributes:
        sought: The neighbour's address that nobody answered for.
    """

    verdict: Verdict
    node: str
    reason: str = ""
    ground: Ground | None = None
    sought: int | None = None


Connection = tuple[int, int, str, int, int]
Known = Mapping[tuple[str, Connection], Packet]


@dataclass(frozen=True, slots=True)
class Walk:
    """One packet's way in one direction.

    Attributes:
        known: By node and reply headers, what each node makes of the reply (connection tracking).
    """

    hops: tuple[Hop, ...]
    end: End
    known: Known

    @property
    def stateful(self) -> frozenset[str]:
        """The nodes without which the reply is not understood: firewalls, and those that translated."""
        firewalls = {hop.node.name for hop in self.hops if isinstance(hop.node, Esg | Dlr)}
        return frozenset(
            node
            for (node, reply), came in self.known.items()
            if node in firewalls or (came[:5] != reply and node in {hop.node.name for hop in self.hops})
        )


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection: the way there and, where it arrived, the way back.

    Attributes:
        mtu: The largest packet of a TCP transfer in bytes, by both ends and every hop; 0: not asked.
    """

    there: Walk
    back: Walk | None = None
    mtu: int = 0


@dataclass(frozen=True)
class Path:
    """One of the ways that the network may choose: its legs in order, and how it ended."""

    legs: tuple[Leg, ...]
    end: End
    returning: bool = False  # it ended on a way back

    @cached_property
    def hops(self) -> tuple[tuple[int, bool, Hop], ...]:
        """Every hop as (leg from 1, on the way back, hop), in the order in which packets travel."""
        there = [(n, False, hop) for n, leg in enumerate(self.legs, 1) for hop in leg.there.hops]
        back = [
            (n, True, hop)
            for n, leg in reversed(list(enumerate(self.legs, 1)))
            if leg.back is not None
            for hop in leg.back.hops
        ]
        return (*there, *back)


@dataclass(frozen=True)
class Trace:
    """A packet from a node, by every path.

    Attributes:
        paths: At least one; the first is the worst, and its end is the trace's.
        readings: The reading of each knob that was asked on the way, by assumption id.
    """

    packet: Packet
    at: str
    paths: tuple[Path, ...]
    readings: Mapping[str, str] = field(default_factory=dict)

    @property
    def worst(self) -> Path:
        """The path that decides."""
        return self.paths[0]

    @property
    def end(self) -> End:
        """How it ended."""
        return self.worst.end

    @property
    def verdict(self) -> Verdict:
        """How it ended, in one word."""
        return self.worst.end.verdict

    @property
    def given(self) -> tuple[str, ...]:
        """Ids of all assumptions that it rests on, in their order."""
        found = {name for path in self.paths for _, _, hop in path.hops for name in hop.given}
        return tuple(sorted(found, key=lambda name: int(name[1:])))
