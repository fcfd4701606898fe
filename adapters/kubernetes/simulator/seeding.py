"""A simulated cluster that holds what an observation says."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address
from typing import TypeVar

from adapters.kubernetes import api
from adapters.kubernetes.access import Conventions, Side
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider import routes
from adapters.kubernetes.simulator import FaultSource, Options, SimulatedCluster
from adapters.kubernetes.simulator.controllers import SIDE, keeper
from adapters.kubernetes.simulator.store import Object
from hopbook.engine.change import Observation
from hopbook.resources.base import Resource
from hopbook.resources.kubernetes import (
    BgpPeer,
    Calico,
    InCluster,
    Ingress,
    IpPool,
    Node,
    NodeRoute,
    Pod,
    Service,
    Table,
    VirtualAddress,
)

_R = TypeVar("_R", bound=Resource)
_SERVES = "simulated/serves-"  # the label of a service's pods


def seeded(
    name: str,
    observation: Observation,
    options: Options,
    sides: Sequence[Side],
    site: str,
    faults: FaultSource | None = None,
) -> SimulatedCluster:
    """A cluster as an observation has it; what is of other kinds or of the VPN's table is left out.

    Everything is somebody else's but for routes: those that the workers' subnets do not bring are of the form
    that ours have, for there is no other.
    """
    cluster = SimulatedCluster(name, options, faults)
    held = _Held([item.resource for item in observation.items.values()], name)
    for node in held.of(Node):
        add_node(cluster, node)
    _calico(cluster, held)
    for pod in held.of(Pod):
        cluster.put(api.POD, _pod(pod, held))
    for service in held.of(Service):
        _service(cluster, service, held, sides)
    for kept in held.of(VirtualAddress):
        host = next(str(node.address) for node in held.of(Node) if node.node == kept.node)
        cluster.put(api.POD, keeper(kept.address, kept.node, host))
    for ingress in held.of(Ingress):
        _ingress(cluster, ingress, held)
    for route in held.of(NodeRoute):
        if route.table is Table.MAIN and not _brought(route, sides):
            conventions, markers = Conventions(), Markers(site)
            cluster.put(api.CONFIG_MAP, routes.config_map(route, conventions, markers))
            cluster.put(api.DAEMON_SET, routes.daemon_set(route, conventions, markers))
    cluster.began()
    return cluster


def covers(resource: Resource) -> bool:
    """Whether a cluster can hold a resource: the rest is written by hand, or another system's."""
    table = resource.table if isinstance(resource, NodeRoute) else Table.MAIN
    kinds = (BgpPeer, Calico, Ingress, IpPool, Node, NodeRoute, Pod, Service, VirtualAddress)
    return isinstance(resource, kinds) and table is Table.MAIN


def add_node(cluster: SimulatedCluster, node: Node) -> None:
    """A node joins, with its blocks; what runs on every node begins to run on it."""
    told = [
        {"type": "ExternalIP" if card.role == "public" else "InternalIP", "address": str(card.address.ip)}
        for card in node.interfaces
    ]
    near = next((card.address for card in node.interfaces if card.address.ip == node.address), node.address)
    known = {"projectcalico.org/IPv4Address": str(near)}
    if node.tunnel is not None:
        known["projectcalico.org/IPv4IPIPTunnelAddr"] = str(node.tunnel)
    about = {"name": node.node, "labels": {"kubernetes.io/hostname": node.node}, "annotations": known}
    cluster.put(api.NODE, {"metadata": about, "spec": {}, "status": {"addresses": told}})
    for block in node.blocks:
        plain = f"{node.node}-{str(block).replace('.', '-').replace('/', '-')}"
        spec = {"cidr": str(block), "node": node.node, "state": "confirmed", "deleted": "false"}
        cluster.put(api.BLOCK_AFFINITY, {"metadata": {"name": plain}, "spec": spec})
    cluster.controllers.reconcile()


def remove_node(cluster: SimulatedCluster, name: str) -> None:
    """A node is lost, with its pods and blocks."""
    for block in cluster.store.all_of(api.BLOCK_AFFINITY):
        if block["spec"]["node"] == name:
            cluster.store.remove(api.BLOCK_AFFINITY, "", block["metadata"]["name"])
    cluster.store.remove(api.NODE, "", name)
    cluster.controllers.reconcile()


class _Held:
    """The resources of one cluster."""

    def __init__(self, resources: Iterable[Resource], cluster: str) -> None:
        self._resources = [one for one in resources if isinstance(one, InCluster) and one.cluster == cluster]

    def of(self, kind: type[_R]) -> list[_R]:
        return [one for one in self._resources if isinstance(one, kind)]

    def serving(self, address: IPv4Address) -> list[Service]:
        """The services that a pod stands behind."""
        return [
            service for service in self.of(Service) if self.by_pods(service) and address in service.endpoints
        ]

    def by_pods(self, service: Service) -> bool:
        """Whether all endpoints of a service are pods."""
        pods = {pod.address for pod in self.of(Pod)}
        return bool(service.endpoints) and pods.issuperset(service.endpoints)


def _calico(cluster: SimulatedCluster, held: _Held) -> None:
    for calico in held.of(Calico):
        usual = Calico(cluster=calico.cluster)
        if (calico.asn, calico.mesh) != (usual.asn, usual.mesh):
            spec: Object = {"asNumber": calico.asn, "nodeToNodeMeshEnabled": calico.mesh}
            cluster.put(api.BGP_CONFIGURATION, {"metadata": {"name": "default"}, "spec": spec})
        if calico.mtu != usual.mtu:
            spec = {"ipipMTU": calico.mtu}
            cluster.put(api.FELIX_CONFIGURATION, {"metadata": {"name": "default"}, "spec": spec})
    for pool in held.of(IpPool):
        spec = {
            "cidr": str(pool.cidr),
            "ipipMode": pool.ipip.value,
            "natOutgoing": pool.nat_outgoing,
            "disabled": pool.disabled,
        }
        cluster.put(api.IP_POOL, {"metadata": {"name": pool.pool}, "spec": spec})
    for peer in held.of(BgpPeer):
        spec = {
            "peerIP": str(peer.address),
            "asNumber": peer.asn,
            **({"node": peer.node} if peer.node else {}),
        }
        cluster.put(api.BGP_PEER, {"metadata": {"name": peer.peer}, "spec": spec})


def _pod(pod: Pod, held: _Held) -> Object:
    services = held.serving(pod.address)
    ports = [
        {"containerPort": int(port), "protocol": protocol.upper()}
        for protocol, _, port in (text.partition("/") for text in pod.listens)
    ]
    return {
        "metadata": {
            "name": pod.pod,
            "namespace": services[0].namespace if services else "default",
            "labels": {f"{_SERVES}{service.service}": "true" for service in services},
        },
        "spec": {
            "nodeName": pod.node,
            "containers": [{"name": "main", "image": "simulated", "ports": ports}],
        },
        "status": {
            "phase": "Running",
            "podIP": str(pod.address),
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _service(cluster: SimulatedCluster, service: Service, held: _Held, sides: Sequence[Side]) -> None:
    many = len(service.ports) > 1
    ports, targets = [], []
    for port in service.ports:
        target = port.port if port.target is None else port.target
        common = {"protocol": port.protocol.upper()}
        if many:
            common["name"] = f"{port.protocol}-{port.port}"
        ports.append({**common, "port": port.port, "targetPort": target})
        targets.append({**common, "port": target})
    spec: Object = {"type": "LoadBalancer" if service.external else "ClusterIP", "ports": ports}
    spec |= {"clusterIP": str(service.address)} if service.address is not None else {}
    spec |= {"externalTrafficPolicy": "Local"} if service.local_only else {}
    spec |= {"selector": {f"{_SERVES}{service.service}": "true"}} if held.by_pods(service) else {}
    about = {"name": service.service, "namespace": service.namespace}
    outside = [{"ip": str(address)} for address in service.external]
    status = {"loadBalancer": {"ingress": outside}} if outside else {}
    note = {SIDE: _side(service.external, sides)} if outside else {}
    cluster.put(api.SERVICE, {"metadata": {**about, "annotations": note}, "spec": spec, "status": status})
    if not held.by_pods(service):
        addresses = [{"ip": str(address)} for address in service.endpoints]
        subsets = [{"addresses": addresses, "ports": targets}] if addresses else []
        cluster.put(api.ENDPOINTS, {"metadata": about, "subsets": subsets})


def _side(addresses: Sequence[IPv4Address], sides: Sequence[Side]) -> str:
    private = [side.portable for side in sides if side.role == "private" and side.portable is not None]
    return "private" if any(addresses[0] in portable for portable in private) else "public"


def _ingress(cluster: SimulatedCluster, ingress: Ingress, held: _Held) -> None:
    old = cluster.options.version < (1, 19)
    backend: Mapping[str, object] = (
        {"serviceName": ingress.service, "servicePort": ingress.port}
        if old
        else {"service": {"name": ingress.service, "port": {"number": ingress.port}}}
    )
    paths = [{"path": "/", "backend": backend}]
    spec = {"rules": [{"host": ingress.host, "http": {"paths": paths}}]}
    namespaces = [one.namespace for one in held.of(Service) if one.service == ingress.service]
    about = {"name": ingress.ingress, "namespace": (namespaces or ["default"])[0]}
    cluster.put(api.OLD_INGRESS if old else api.INGRESS, {"metadata": about, "spec": spec})


def _brought(route: NodeRoute, sides: Sequence[Side]) -> bool:
    """Whether a route is one that the nodes' subnets bring."""
    return any(
        (route.interface, route.networks) == (side.label, side.reaches)
        and route.next_hop in {subnet.router for subnet in side.subnets}
        for side in sides
    )
