"""The places of a traffic that only an observation knows: workers, pods, and what stands before them.

The site says which clusters and workloads there are. A pod is called after its workload: `catalogue-1` is one
of `catalogue`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from hopbook.network import naming
from hopbook.network.nodes import Host, KubeNode, Medium, Network, Node, Service, VpnGateway
from hopbook.site.model import Site


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of the network, with the address and the ports under which the traffic means it.

    Attributes:
        node: Its name; for an address that no node has, what it is the address of.
        address: None: any address of the node.
    """

    node: str
    address: IPv4Address | None = None
    ports: tuple[int, ...] = ()


def worker_of(network: Network, node: Node) -> KubeNode | None:
    """The Kubernetes node that a pod is on, or that the node is itself."""
    if isinstance(node, KubeNode):
        return node
    pairs = {item.segment for item in node.interfaces.values() if _joins_pod(network, item.segment)}
    return next((item for item in _workers(network) if pairs & _segments(item)), None)


def _joins_pod(network: Network, segment: str) -> bool:
    return segment in network.segments and network.segments[segment].medium is Medium.POD


def _segments(node: Node) -> set[str]:
    return {item.segment for item in node.interfaces.values()}


def _workers(network: Network, *clusters: str) -> Iterator[KubeNode]:
    for node in network.nodes.values():
        if isinstance(node, KubeNode) and (not clusters or node.cluster in clusters):
            yield node


def _pods(network: Network, clusters: Iterable[str]) -> Iterator[Node]:
    """The pods of clusters, VPN gateways among them."""
    wanted = set(clusters)
    for node in network.nodes.values():
        worker = None if isinstance(node, KubeNode) else worker_of(network, node)
        if worker is not None and worker.cluster in wanted:
            yield node


def _iks(site: Site) -> list[str]:
    return [cluster.name for cluster in site.iks]


def _spot(node: Node) -> Spot:
    """A node by its first address, with the TCP ports at which it answers."""
    ports: set[int] = set()
    if isinstance(node, Host):
        ports = {item.port for item in node.listens or () if item.protocol == "tcp"}
    return Spot(node.name, _address(min(node.addresses)), tuple(sorted(ports)))


def _address(number: int) -> IPv4Address:
    return IPv4Address(number)


def _iks_workers(site: Site, network: Network) -> Iterator[Spot]:
    return (Spot(node.name) for node in _workers(network, *_iks(site)))


def _by_private(site: Site, network: Network) -> Iterator[Spot]:
    """The workers by the address that Calico translates to."""
    return (Spot(node.name, _address(node.node_address)) for node in _workers(network, *_iks(site)))


def _iks_pods(site: Site, network: Network) -> Iterator[Spot]:
    return (_spot(node) for node in _pods(network, _iks(site)) if isinstance(node, Host))


def _web(clusters: Callable[[Site], list[str]]) -> Callable[[Site, Network], Iterator[Spot]]:
    """The pods of the web tiers of clusters."""

    def find(site: Site, network: Network) -> Iterator[Spot]:
        there = clusters(site)
        on = {naming.ICP if name == naming.ICP else f"iks/{name}" for name in there}
        tiers = tuple(f"{load.name}-" for load in site.workloads if load.kind == "web" and load.on in on)
        for node in _pods(network, there):
            if node.name.startswith(tiers):
                yield _spot(node)

    return find


def _controllers(clusters: Callable[[Site], list[str]]) -> Callable[[Site, Network], Iterator[Spot]]:
    """What serves Ingresses: pods, or nodes whose network the controller uses."""

    def find(site: Site, network: Network) -> Iterator[Spot]:
        there = clusters(site)
        for node in (*_workers(network, *there), *_pods(network, there)) if there else ():
            if isinstance(node, Host) and node.relays:
                yield Spot(node.name) if isinstance(node, KubeNode) else _spot(node)

    return find


_iks_controllers = _controllers(_iks)
_iks_web = _web(_iks)


def _before(
    site: Site, network: Network, behind: Iterable[Spot]
) -> Iterator[tuple[Service, tuple[int, ...]]]:
    """The services of the clusters before some pods, with their ports."""
    pods = {int(spot.address) for spot in behind if spot.address is not None}
    found: dict[str, list[Service]] = {}
    for worker in _workers(network, *_iks(site)):
        for service in worker.services:
            if {item.address for item in service.endpoints} <= pods and service.endpoints:
                found.setdefault(service.name, []).append(service)
    for services in found.values():
        yield services[0], tuple(sorted({service.port for service in services}))


def _balanced(
    side: str, behind: Callable[[Site, Network], Iterator[Spot]]
) -> Callable[[Site, Network], Iterator[Spot]]:
    """The addresses of load balancers in the portable subnet of a side, at the worker that answers there."""

    def find(site: Site, network: Network) -> Iterator[Spot]:
        subnets = [getattr(cluster.portable, side) for cluster in site.iks]
        for service, ports in _before(site, network, behind(site, network)):
            for number in sorted(service.addresses):
                if any(subnet is not None and _address(number) in subnet for subnet in subnets):
                    yield Spot(holder(network, _address(number)) or service.name, _address(number), ports)

    return find


def _inside(
    behind: Callable[[Site, Network], Iterator[Spot]],
) -> Callable[[Site, Network], Iterator[Spot]]:
    """The cluster addresses of services; no node has them."""

    def find(site: Site, network: Network) -> Iterator[Spot]:
        for service, ports in _before(site, network, behind(site, network)):
            yield Spot(service.name, _address(service.cluster), ports)

    return find


def _gateways(
    clusters: Callable[[Site], list[str]],
) -> Callable[[Site, Network], Iterator[Spot]]:
    """The strongSwan containers of clusters."""

    def find(site: Site, network: Network) -> Iterator[Spot]:
        return (_spot(node) for node in _pods(network, clusters(site)) if isinstance(node, VpnGateway))

    return find


_iks_gateways = _gateways(_iks)


def holder(network: Network, address: IPv4Address) -> str | None:
    """The name of the node that has an address."""
    return next((node.name for node in network.nodes.values() if int(address) in node.addresses), None)


def _icp(site: Site) -> list[str]:
    return [naming.ICP] if site.icp is not None else []


OBSERVED: Mapping[str, Callable[[Site, Network], Iterator[Spot]]] = {
    "iks.worker": _iks_workers,
    "iks.worker.private": _by_private,
    "iks.pod": _iks_pods,
    "iks.web": _iks_web,
    "iks.service": _inside(_iks_web),
    "iks.alb": _iks_controllers,
    "iks.alb.public": _balanced("public", _iks_controllers),
    "iks.alb.private": _balanced("private", _iks_controllers),
    "iks.alb.cluster": _inside(_iks_controllers),
    "iks.vpn": _iks_gateways,
    "iks.vpn.private": _balanced("private", _iks_gateways),
    "icp.web": _web(_icp),
    "icp.vpn": _gateways(_icp),
    "icp.ingress": _controllers(_icp),
}
