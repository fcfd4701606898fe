"""Nodes, their interfaces, and the segments that join them.

A kind of node is a class here and a pipeline in `trace.pipelines`; a new kind (a Calico node, a VPN
gateway, a concentrator) adds both and changes neither the walk nor the other kinds.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hopbook.errors import InvalidInput
from hopbook.network.bgp import Speaker
from hopbook.network.facts import Fact
from hopbook.network.firewall import Firewall
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import NatTable
from hopbook.network.routes import RouteTable


class Medium(StrEnum):
    """What a segment is made of."""

    VLAN = "VLAN"
    VXLAN = "VXLAN"
    CLOUD = "cloud"  # joined somehow; what it does inside is IBM's or the internet's
    POD = "pod"  # the pair of interfaces between a pod and its node


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What joins interfaces.

    Attributes:
        carries: The largest packet in bytes that its underlay takes, encapsulation included.
        overhead: The bytes that its encapsulation adds.
        vni: The VXLAN network identifier; 0 where there is none or it is not known.
        open: Others than the declared ones are on it, so that somebody unknown may answer.
    """

    name: str
    medium: Medium
    fact: Fact
    carries: int = 1500
    overhead: int = 0
    vni: int = 0
    open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """Where a node is on a segment. One without a segment is a tunnel device (`tunl0`).

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
        host: The ESXi host that it runs on; empty: it is none of a host's machines, or nobody knows.
        present: Whether it is there yet; one that is not answers nobody, but a trace may start at it.
        speaker: Its BGP process. The routes that follow are among `routes` after `network.convergence`.
        vnic: The distributed firewall at its vNICs (rule 14); None: not observed, or it is exempt.
        inactive: Why a route that was configured does not count; said where no other route is found.
    """

    name: str
    fact: Fact
    interfaces: Mapping[str, Interface]
    routes: RouteTable
    reverse_path: ReversePath = ReversePath.OFF
    host: str = ""
    present: bool = True
    inactive: tuple[str, ...] = ()
    speaker: Speaker | None = None
    vnic: Firewall | None = None
    addresses: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        owned = (number for interface in self.interfaces.values() for number in interface.addresses)
        object.__setattr__(self, "addresses", frozenset(owned))


@dataclass(frozen=True, slots=True)
class Listener:
    """A port on which something answers."""

    protocol: str
    port: int


@dataclass(frozen=True, slots=True)
class Backend:
    """Where something that ends a connection opens its own to."""

    address: int
    port: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Host(Node):
    """A machine, VM, server or pod.

    Attributes:
        listens: Where it answers; None where nobody says.
        proxies: It is a web proxy: it ends the connection and opens one of its own to what was asked for.
        relays: It is an Ingress or ALB: by port, the pods that it opens a connection of its own to (rule 17).
    """

    listens: frozenset[Listener] | None = frozenset()
    proxies: bool = False
    relays: Mapping[int, tuple[Backend, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class IbmRouter(Node):
    """A router that only routes: FCR, BCR, XCR, the WAN, one on-premises."""


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
    ipsec: tuple[Ipsec, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Dlr(Node):
    """A distributed logical router. Its firewall, if it may drop anything, acts on uplinks (rule 13)."""

    firewall: Firewall | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A Calico IP pool.

    Attributes:
        nat_outgoing: What leaves from it to no pool at all is translated to the node's address (rule 18).
        disabled: It hands out no addresses; it still counts as a pool.
    """

    name: str
    cidr: IPv4Network
    fact: Fact
    nat_outgoing: bool = False
    disabled: bool = False

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"Calico pool {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Kubernetes service, as kube-proxy forwards it on every node of its cluster.

    Attributes:
        addresses: Its cluster address, and those of its load balancer.
        endpoints: The pods behind it; none: the connection is refused.
        local_only: `externalTrafficPolicy: Local`: no masquerade, endpoints of the own node only (rule 16).
        cluster: Its cluster address; from outside the cluster nobody routes there.
    """

    name: str
    protocol: str
    port: int
    addresses: frozenset[int]
    endpoints: tuple[Backend, ...]
    fact: Fact
    cluster: int = 0
    local_only: bool = False

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"service {self.name}"


@dataclass(frozen=True, kw_only=True, eq=False)
class KubeNode(Host):
    """A machine of a Kubernetes cluster: a host that also routes for its pods, by Calico and kube-proxy.

    Attributes:
        cluster: The cluster's name.
        node_address: The address by which Calico knows it, and what its masquerade falls back to.
        tunnel: Name of its IP-in-IP interface; empty: it has none. Routes by it name the other node as
            next hop, and the packet to that node leaves by the best route to it.
        pools: All pools of the cluster.
        services: All services of the cluster.
        policy: Routes that are asked before `routes`: the VPN's table (`reference/ibm.md` 3.2).
        tunnel_peers: The nodes from which it takes IP-in-IP.
    """

    cluster: str
    node_address: int
    tunnel: str = ""
    pools: tuple[Pool, ...] = ()
    services: tuple[Service, ...] = ()
    policy: RouteTable = field(default_factory=RouteTable)
    tunnel_peers: frozenset[int] = frozenset()
    forwards: Mapping[tuple[str, int, int], Service] = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        forwards = {
            (service.protocol, address, service.port): service
            for service in self.services
            for address in service.addresses
        }
        object.__setattr__(self, "forwards", forwards)


@dataclass(frozen=True, kw_only=True, eq=False)
class VpnGateway(Node):
    """A strongSwan container: it routes between its one interface and its tunnels."""

    ipsec: tuple[Ipsec, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class EsxiHost(Node):
    """An ESXi host as a switch: for the machines on it, and by its VTEP for VXLAN between hosts (rule 13).

    Attributes:
        vtep: Name of its VTEP interface; empty: it has none.
    """

    vtep: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Concentrator(Node):
    """An HCX L2 concentrator: a bridge on a segment, and a tunnel to its counterpart (rules 26 to 28).

    Attributes:
        trunk: Name of the interface on the segment that it extends; the interface has no address.
        peer: Name of the counterpart, whose trunk is on the segment that this one becomes one with.
        ipsec: The tunnel between them; its selectors are not looked at.
        extension: How the extension itself is known.
    """

    trunk: str
    peer: str
    ipsec: Ipsec
    extension: Fact


@dataclass(frozen=True, slots=True)
class Name:
    """What a DNS name stands for."""

    addresses: tuple[IPv4Address, ...]
    fact: Fact


@dataclass(frozen=True, slots=True)
class Extension:
    """A pair of concentrators as seen from one side."""

    near: Concentrator
    far: Concentrator


Neighbours = Mapping[str, Mapping[int, tuple[tuple[Node, Interface], ...]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """Everything that forwards packets at a site, at one moment. Changes make another one.

    Attributes:
        facts: What holds for all of it, as conditions of documented hops: `installed` (the ICP cluster
            answers at its addresses) and `cluster` (its inside was observed, too).
        neighbours: By segment and address, who answers there.
        extensions: By segment, the concentrators that make it one with another.
        memory: What follows from all of this and was worked out once (`trace.tunnels`).
    """

    nodes: Mapping[str, Node]
    segments: Mapping[str, Segment]
    names: Mapping[str, Name] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()
    neighbours: Neighbours = field(init=False)
    extensions: Mapping[str, tuple["Extension", ...]] = field(init=False)
    memory: dict[Hashable, Any] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        neighbours: dict[str, dict[int, tuple[tuple[Node, Interface], ...]]] = {}
        for node in self.nodes.values():
            for interface in node.interfaces.values():
                on = neighbours.setdefault(interface.segment, {})
                for number in interface.addresses:
                    on[number] = (*on.get(number, ()), (node, interface))
        object.__setattr__(self, "neighbours", neighbours)
        extensions: dict[str, tuple[Extension, ...]] = {}
        for node in self.nodes.values():
            far = self.nodes.get(node.peer) if isinstance(node, Concentrator) else None
            if isinstance(node, Concentrator) and isinstance(far, Concentrator) and far.peer == node.name:
                segment = node.interfaces[node.trunk].segment
                extensions[segment] = (*extensions.get(segment, ()), Extension(node, far))
        object.__setattr__(self, "extensions", extensions)

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
