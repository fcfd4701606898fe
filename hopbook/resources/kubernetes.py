"""Kubernetes with Calico, as state: nodes, pods, services, Ingresses, address pools, routes and peers.

One vocabulary for ICP's cluster and for IKS. Everything names its cluster as the site does (`icp`, or the
IKS cluster's name), so that one observation may hold several.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import ClassVar

from hopbook.resources.base import Resource, SecretRef, known


class IpipMode(StrEnum):
    """When Calico wraps a packet to a pod of another node into IP-in-IP."""

    ALWAYS = "Always"
    CROSS_SUBNET = "CrossSubnet"
    NEVER = "Never"


class Table(StrEnum):
    """Which routing table of a node; the VPN's is asked before the main one."""

    MAIN = "main"
    VPN = "vpn"


class Auto(StrEnum):
    """What strongSwan does with its connection on its own."""

    ADD = "add"  # it waits for the other end
    START = "start"


@dataclass(frozen=True, kw_only=True)
class InCluster(Resource):
    """Something of one cluster."""

    cluster: str


@known
@dataclass(frozen=True, kw_only=True)
class Calico(InCluster):
    """How a cluster's Calico is configured (`BGPConfiguration` default, and the MTU of its interfaces)."""

    kind: ClassVar[str] = "kubernetes.calico"

    asn: int = 64512
    mesh: bool = True  # every node tells every other its blocks
    mtu: int = 1480  # of pods and tunl0

    @property
    def name(self) -> str:
        """The cluster: there is one each."""
        return self.cluster

    def title(self) -> str:
        """For a sentence."""
        return f"Calico of {self.cluster}"


@known
@dataclass(frozen=True, kw_only=True)
class IpPool(InCluster):
    """A Calico IP pool; a disabled one hands out no addresses and still exempts from masquerade."""

    kind: ClassVar[str] = "kubernetes.ip-pool"

    pool: str
    cidr: IPv4Network
    ipip: IpipMode = IpipMode.ALWAYS
    nat_outgoing: bool = False
    disabled: bool = False

    @property
    def name(self) -> str:
        """Cluster and pool."""
        return f"{self.cluster}/{self.pool}"


@known
@dataclass(frozen=True, kw_only=True)
class BgpPeer(InCluster):
    """A BGP peer outside the cluster, of one node or (without `node`) of every one."""

    kind: ClassVar[str] = "kubernetes.bgp-peer"

    peer: str
    address: IPv4Address
    asn: int
    node: str = ""

    @property
    def name(self) -> str:
        """Cluster and peer."""
        return f"{self.cluster}/{self.peer}"

    def title(self) -> str:
        """For a sentence."""
        return f"BGP peer {self.peer} of {self.cluster}"


@dataclass(frozen=True, kw_only=True)
class NodeInterface:
    """A network interface of a node.

    Attributes:
        role: `private` or `public` on an IKS worker; empty: it is called by its label.
        network: The live name of what it is connected to; empty: what the site says.
    """

    label: str
    address: IPv4Interface
    role: str = ""
    network: str = ""
    mtu: int = 1500


@known
@dataclass(frozen=True, kw_only=True)
class Node(InCluster):
    """A node, with what Calico knows of it.

    Attributes:
        address: The address by which Calico and the other nodes know it.
        tunnel: The address of tunl0; None: it has no such interface.
        blocks: The blocks that it hands out addresses from.
        listens: What answers on the node's own network: `tcp/8443`; None: nobody looked.
    """

    kind: ClassVar[str] = "kubernetes.node"

    node: str
    address: IPv4Address
    interfaces: tuple[NodeInterface, ...]
    tunnel: IPv4Address | None = None
    blocks: tuple[IPv4Network, ...] = ()
    listens: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Cluster and node."""
        return f"{self.cluster}/{self.node}"

    def title(self) -> str:
        """For a sentence."""
        return f"node {self.node}"


@known
@dataclass(frozen=True, kw_only=True)
class NodeRoute(InCluster):
    """A route that somebody gave to nodes.

    Attributes:
        nodes: Their names; none: every node of the cluster.
        next_hop: The neighbour; it need not be of the interface's subnet (`onlink`). None: `scope link`.
    """

    kind: ClassVar[str] = "kubernetes.route"

    route: str
    networks: tuple[IPv4Network, ...]
    interface: str
    next_hop: IPv4Address | None = None
    nodes: tuple[str, ...] = ()
    table: Table = Table.MAIN

    @property
    def name(self) -> str:
        """Cluster and the route's short name."""
        return f"{self.cluster}/{self.route}"


@known
@dataclass(frozen=True, kw_only=True)
class Pod(InCluster):
    """A pod with an address of its own."""

    kind: ClassVar[str] = "kubernetes.pod"

    pod: str
    node: str
    address: IPv4Address
    listens: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Cluster and pod."""
        return f"{self.cluster}/{self.pod}"

    def title(self) -> str:
        """For a sentence."""
        return f"pod {self.pod}"


@dataclass(frozen=True, kw_only=True)
class ServicePort:
    """A port of a service, and the one of its endpoints; None: the same."""

    port: int
    target: int | None = None
    protocol: str = "tcp"


@known
@dataclass(frozen=True, kw_only=True)
class Service(InCluster):
    """A service with its endpoints, which need not be pods (`Endpoints` without a selector).

    Attributes:
        address: Its cluster address, which the cluster gives it.
        external: The addresses of its load balancer, likewise.
        local_only: `externalTrafficPolicy: Local`.
    """

    kind: ClassVar[str] = "kubernetes.service"

    service: str
    namespace: str = "default"
    address: IPv4Address | None = field(default=None, metadata={"compare": False})
    ports: tuple[ServicePort, ...]
    endpoints: tuple[IPv4Address, ...] = ()
    external: tuple[IPv4Address, ...] = field(default=(), metadata={"compare": False})
    local_only: bool = False

    @property
    def name(self) -> str:
        """Cluster and service."""
        return f"{self.cluster}/{self.service}"

    def title(self) -> str:
        """For a sentence."""
        return f"service {self.service}"


@known
@dataclass(frozen=True, kw_only=True)
class Annotation(InCluster):
    """One annotation that somebody put on an object that is not theirs: a chart's, that has no value for it.

    Attributes:
        object: Kind, namespace and name: `service/default/vpn-strongswan`.
    """

    kind: ClassVar[str] = "kubernetes.annotation"

    object: str
    annotation: str
    value: str

    @property
    def name(self) -> str:
        """Cluster, object and annotation."""
        return f"{self.cluster}/{self.object}/{self.annotation}"

    def title(self) -> str:
        """For a sentence."""
        return f"annotation {self.annotation} of {self.object} in {self.cluster}"


@known
@dataclass(frozen=True, kw_only=True)
class VirtualAddress(InCluster):
    """An address that a node answers for at the moment: a load balancer's, the masters', the proxies'."""

    kind: ClassVar[str] = "kubernetes.virtual-address"

    address: IPv4Address
    node: str
    interface: str

    @property
    def name(self) -> str:
        """Cluster and address."""
        return f"{self.cluster}/{self.address}"

    def title(self) -> str:
        """For a sentence."""
        return f"virtual address {self.address} of {self.cluster}"


@known
@dataclass(frozen=True, kw_only=True)
class Ingress(InCluster):
    """An Ingress with who serves it.

    Attributes:
        controllers: The controller's pods; where it uses the host network, its nodes.
        service: Whose endpoints it opens connections to, at the service's port `port`.
    """

    kind: ClassVar[str] = "kubernetes.ingress"

    ingress: str
    host: str
    service: str
    port: int
    controllers: tuple[str, ...]
    listens: tuple[int, ...] = (80, 443)

    @property
    def name(self) -> str:
        """Cluster and Ingress."""
        return f"{self.cluster}/{self.ingress}"

    def title(self) -> str:
        """For a sentence."""
        return f"Ingress {self.ingress}"


@known
@dataclass(frozen=True, kw_only=True)
class Vpn(InCluster):
    """A release of strongSwan's chart: its pod, and the values that make the tunnel.

    Attributes:
        load_balancer: The address of its service, by which the other end may reach it.
        gateway: `remote.gateway`; None: `%any`.
    """

    kind: ClassVar[str] = "kubernetes.vpn"

    release: str
    pod: str
    node: str
    address: IPv4Address
    secret: SecretRef
    local_subnets: tuple[IPv4Network, ...]
    remote_subnets: tuple[IPv4Network, ...]
    gateway: IPv4Address | None = None
    load_balancer: IPv4Address | None = None
    auto: Auto = Auto.ADD
    local_id: str = "ibm-cloud"
    remote_id: str = "on-prem"
    ike: str = "aes256-sha256-modp2048"
    esp: str = "aes256-sha256-modp2048"

    @property
    def name(self) -> str:
        """Cluster and release."""
        return f"{self.cluster}/{self.release}"

    def title(self) -> str:
        """For a sentence."""
        return f"VPN {self.release} of {self.cluster}"
