"""Where a node is and what it looks like: its zone, its kind, and the frames around it."""

from enum import Enum, StrEnum
from typing import NamedTuple

from hopbook.network import naming
from hopbook.network.nodes import (
    Concentrator,
    Dlr,
    Esg,
    EsxiHost,
    Host,
    IbmRouter,
    Internet,
    KubeNode,
    Medium,
    Network,
    Node,
    VpnGateway,
)


class Zone(StrEnum):
    """The parts of the topology in reading order."""

    INTERNET = "Internet"
    PUBLIC = "IBM public"
    INSTANCE = "VCS instance"
    PRIVATE = "IBM private"
    PREMISES = "On-premises"
    IKS = "IKS"
    ELSEWHERE = "Elsewhere"


class Kind(Enum):
    """What a node is, in a caption's words."""

    INTERNET = "internet"
    ROUTER = "router"
    ESG = "Edge Services Gateway"
    DLR = "distributed router"
    ESXI = "ESXi host"
    KUBE = "Kubernetes node"
    POD = "pod"
    MACHINE = "virtual machine"
    USER = "user"
    CONCENTRATOR = "L2 concentrator"
    VPN = "VPN gateway"
    SERVER = "server"
    OTHER = "node"


class Frame(NamedTuple):
    """What a node stands in: an ESXi host or a Kubernetes node."""

    name: str
    kind: Kind


# By the site key that declares a node; the first that fits. What is observed has none: its kind says it.
_DECLARED = (
    ("on_premises", Zone.PREMISES),
    ("hcx.enterprise", Zone.PREMISES),
    ("vcs.uplinks.public", Zone.PUBLIC),
    ("vcs.uplinks.private", Zone.PRIVATE),
    ("iks", Zone.IKS),
    ("ibm_cloud", Zone.PRIVATE),
    ("icp.proxy", Zone.PRIVATE),
    ("icp", Zone.INSTANCE),
    ("internet", Zone.INTERNET),
)
_NAMED = {naming.FCR: Zone.PUBLIC, naming.BCR: Zone.PRIVATE, "XCR": Zone.PRIVATE, "WAN": Zone.PREMISES}
_ON_SEGMENT = {
    naming.PRIVATE: Zone.PRIVATE,
    naming.INTERNET_HOSTS: Zone.INTERNET,
    naming.BACKBONE: Zone.INTERNET,
}
_KINDS: tuple[tuple[type[Node], Kind], ...] = (
    (Internet, Kind.INTERNET),
    (Esg, Kind.ESG),
    (Dlr, Kind.DLR),
    (EsxiHost, Kind.ESXI),
    (KubeNode, Kind.KUBE),
    (Concentrator, Kind.CONCENTRATOR),
    (VpnGateway, Kind.VPN),
    (IbmRouter, Kind.ROUTER),
)


def zone(node: Node, network: Network) -> Zone:
    """Where a node is."""
    if isinstance(node, Internet):
        return Zone.INTERNET
    if node.name in _NAMED:
        return _NAMED[node.name]
    around = _kube(node, network) or network.nodes.get(node.host)
    if around is not None and around is not node:
        return zone(around, network)
    source = node.fact.source
    declared = next((item for key, item in _DECLARED if source.split("/")[0].startswith(key)), None)
    if declared is Zone.IKS and isinstance(node, IbmRouter):
        return Zone.PRIVATE  # a router appliance beside the workers
    return declared or _by_kind(node, network)


def _by_kind(node: Node, network: Network) -> Zone:
    if node.host or isinstance(node, Esg | Dlr | EsxiHost) or Medium.VXLAN in _media(node, network):
        return Zone.INSTANCE
    if isinstance(node, KubeNode):
        return Zone.IKS
    on = [item.segment for item in node.interfaces.values()]
    return next((_ON_SEGMENT[name] for name in on if name in _ON_SEGMENT), Zone.ELSEWHERE)


def kind(node: Node, network: Network) -> Kind:
    """What a node is."""
    found = next((item for type_, item in _KINDS if isinstance(node, type_)), None)
    if found is not None:
        return found
    if not isinstance(node, Host):
        return Kind.OTHER
    if _kube(node, network) is not None:
        return Kind.POD
    if node.name in {naming.INTERNET_USER, naming.CLIENT} or node.fact.source.endswith((".user", ".client")):
        return Kind.USER
    within = node.host or Medium.VXLAN in _media(node, network)
    return Kind.MACHINE if within else Kind.SERVER


def frames(node: Node, host: str, network: Network) -> tuple[Frame, ...]:
    """The frames around a node, the outer first; `host`: where a distributed router routed."""
    kube = node if isinstance(node, KubeNode) else _kube(node, network)
    on = node.name if isinstance(node, EsxiHost) else host or node.host or (kube.host if kube else "")
    outer = (Frame(on, Kind.ESXI),) if on else ()
    return (*outer, Frame(kube.name, Kind.KUBE)) if kube is not None else outer


def _kube(node: Node, network: Network) -> KubeNode | None:
    """The Kubernetes node on which a pod runs."""
    if isinstance(node, KubeNode | EsxiHost):
        return None
    on = {item.segment for item in node.interfaces.values()}
    pairs = {name for name in on if name in network.segments and network.segments[name].medium is Medium.POD}
    if not pairs:
        return None
    for other in network.nodes.values():
        if isinstance(other, KubeNode) and pairs & {item.segment for item in other.interfaces.values()}:
            return other
    return None


def _media(node: Node, network: Network) -> set[Medium]:
    on = {item.segment for item in node.interfaces.values()}
    return {network.segments[name].medium for name in on if name in network.segments}
