"""Nodes, their interfaces, and the segments that join them.

A kind of node is a class here and a pipeline in `trace.pipelines`; a new kind (a Calico node, a VPN
gateway, a concentrator) adds both and changes neither the walk nor the other kinds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from hopbook.errors import InvalidInput
from hopbook.network.facts import Fact
from hopbook.network.firewall import Firewall
from hopbook.network.nat import NatTable
from hopbook.network.routes import RouteTable


class Medium(StrEnum):
    """What a segment is made of."""

    VLAN = "VLAN"
    VXLAN = "VXLAN"
    CLOUD = "cloud"  # joined somehow; what it does inside is IBM's or the internet's


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What joins interfaces.

    Attributes:
        carries: The largest packet in bytes that its underlay takes, encapsulation included.
        overhead: The bytes that its encapsulation adds.
        open: Others than the declared ones are on it, so that somebody unknown may answer.
    """

    name: str
    medium: Medium
    fact: Fact
    carries: int = 1500
    overhead: int = 0
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """Where a node is on a segment.

    Attributes:
        name: The live name.
        role: What it is on this site, for documented hops: `public`, `private`, `transit`, a network's name.
        index: The vNIC's number on an ESG.
        groups: What firewall rules may call it: `vnic-index-1`, `external`.
    """

    name: str
    role: str
    segment: str
    fact: Fact
    addresses: tuple[int, ...] = ()
    prefix: IPv4Network | None = None
    index: int | None = None
    groups: tuple[str, ...] = ()
    mtu: int = 1500


class ReversePath(StrEnum):
    """What a node asks of a packet's source (`rp_filter`)."""

    OFF = "off"
    LOOSE = "loose"  # some route back
    STRICT = "strict"  # the best route back is by the interface that it came in


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """Something that sends, forwards or receives.

    Attributes:
        present: Whether it is there yet; one that is not answers nobody, but a trace may start at it.
        inactive: Why a route that was configured does not count; said where no other route is found.
    """

    name: str
    fact: Fact
    interfaces: Mapping[str, Interface]
    routes: RouteTable
    reverse_path: ReversePath = ReversePath.OFF
    present: bool = True
    inactive: tuple[str, ...] = ()
    addresses: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        owned = (number for interface in self.interfaces.values() for number in interface.addresses)
        object.__setattr__(self, "addresses", frozenset(owned))


@dataclass(frozen=True, slots=True)
class Listener:
    """A port on which something answers."""

    protocol: str
    port: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Host(Node):
    """A machine, VM or server.

    Attributes:
        listens: Where it answers; None where nobody says.
        proxies: It is a web proxy: it ends the connection and opens one of its own to what was asked for.
    """

    listens: frozenset[Listener] | None = frozenset()
    proxies: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class IbmRouter(Node):
    """A frontend or backend customer router: it routes, and nothing of it can be observed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Internet(Node):
    """The internet as one router."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """An edge's DNS relay: it ends the query and asks its forwarders."""

    listeners: frozenset[int]
    forwarders: tuple[int, ...]
    fact: Fact
    title: str = "DNS relay"
    port: int = 53


@dataclass(frozen=True, kw_only=True, eq=False)
class Esg(Node):
    """An Edge Services Gateway."""

    dnat: NatTable
    snat: NatTable
    firewall: Firewall
    relay: Relay | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Dlr(Node):
    """A distributed logical router. Its firewall, if it may drop anything, acts on uplinks (rule 13)."""

    firewall: Firewall | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """What a DNS name stands for."""

    addresses: tuple[IPv4Address, ...]
    fact: Fact


Neighbours = Mapping[str, Mapping[int, tuple[tuple[Node, Interface], ...]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Everything that forwards packets at a site, at one moment. Changes make another one.

    Attributes:
        facts: What holds for all of it, as conditions of documented hops (`cluster`: it is installed).
    """

    nodes: Mapping[str, Node]
    segments: Mapping[str, Segment]
    names: Mapping[str, Name] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()
    neighbours: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        neighbours: dict[str, dict[int, tuple[tuple[Node, Interface], ...]]] = {}
        for node in self.nodes.values():
            for interface in node.interfaces.values():
                on = neighbours.setdefault(interface.segment, {})
                for number in interface.addresses:
                    on[number] = (*on.get(number, ()), (node, interface))
        object.__setattr__(self, "neighbours", neighbours)

    @classmethod
    def of(
        cls,
        nodes: Iterable[Node],
        segments: Iterable[Segment],
        *,
        names: Mapping[str, Name],
        facts: Iterable[str] = (),
    ) -> "Network":
        """A network of these parts.

        Raises:
            InvalidInput: two nodes have one name, so that a trace could not say which one it means.
        """
        nodes = tuple(nodes)
        by_name = {node.name: node for node in nodes}
        if len(by_name) != len(nodes):
            twice = sorted(name for name in by_name if sum(node.name == name for node in nodes) > 1)
            raise InvalidInput(*(f"two nodes of the network are named {name}" for name in twice))
        return cls(
            nodes=by_name,
            segments={segment.name: segment for segment in segments},
            names=names,
            facts=frozenset(facts),
        )
