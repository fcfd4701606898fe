"""Clusters with Calico as nodes: workers, pods, and the VPN's container.

Only what was observed is there. A node of ICP that was observed takes the place of the declared machine of
its name, and the cluster's virtual addresses are then the nodes' that hold them.

Routes between the nodes follow from Calico's blocks and the pool's IP-in-IP mode (rule 19): the mesh carries
them, and what nodes tell their other BGP peers is their own blocks.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from hopbook.network import naming
from hopbook.network.bgp import Peer, Permission, PrefixRule, Speaker
from hopbook.network.facts import declared
from hopbook.network.ipsec import Ipsec
from hopbook.network.nodes import (
    Backend,
    Host,
    Interface,
    KubeNode,
    Listener,
    Medium,
    Name,
    Node,
    Pool,
    ReversePath,
    Segment,
    Service,
    VpnGateway,
)
from hopbook.network.nsxv import Source
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources import icp, kubernetes
from hopbook.resources.kubernetes import InCluster, IpipMode
from hopbook.site.model import IksCluster, Join, Site
from hopbook.steps import naming as live

EVERYWHERE = IPv4Network("0.0.0.0/0")
TUNNEL = "tunl0"
_MESH_DISTANCE = 200  # iBGP's (rule 24)
_COMMON_VLAN = (Join.VLAN_BGP, Join.STATIC_ROUTES)  # the joins whose workers are on the instance's VLAN (S7)
_K = TypeVar("_K", bound=InCluster)


def icp_exists(source: Source) -> bool:
    """Whether nodes of the ICP cluster were observed."""
    return any(item.cluster == naming.ICP for item in source.all(kubernetes.Node))


def icp_installed(source: Source) -> bool:
    """Whether the ICP cluster was observed as installed, whatever is known of its inside."""
    return any(item.installed for item in source.all(icp.Cluster))


def joined(nodes: Iterable[Node], site: Site, source: Source) -> list[Node]:
    """The nodes with those of the clusters, which take the place of machines that are only declared."""
    found = {node.name: node for cluster in clusters(site, source) for node in cluster.nodes()}
    held = {item.address for item in source.all(kubernetes.VirtualAddress)}
    kept = (node for node in nodes if node.name not in found and not _stands_for(site, node, held))
    return [*kept, *found.values()]


def _stands_for(site: Site, node: Node, held: set[IPv4Address]) -> bool:
    """Whether a node is declared for a virtual address of ICP that a node of the cluster holds."""
    if site.icp is None:
        return False
    vips = {naming.MASTER_VIP: site.icp.vips.master, naming.PROXY_VIP: site.icp.vips.proxy}
    return vips.get(node.name) in held


def segments(site: Site, source: Source) -> Iterator[Segment]:
    """The workers' VLANs, and the pair of interfaces of each pod."""
    for cluster in clusters(site, source):
        for pod in cluster.pods():
            fact, carries = source.fact(pod.key), cluster.calico.mtu
            yield Segment(name=naming.of_pod(pod.pod), medium=Medium.POD, fact=fact, carries=carries)
        for side, vlan in cluster.vlans.items():
            if vlan == naming.worker_vlan(cluster.name, side):
                fact, carries = declared(f"iks.{cluster.name}.workers"), 1500 if side == "public" else 9000
                yield Segment(name=vlan, medium=Medium.VLAN, fact=fact, carries=carries)


def names(site: Site, source: Source) -> Iterator[tuple[str, Name]]:
    """The hosts of Ingresses: the public address of the load balancer before them (S23)."""
    for cluster in clusters(site, source):
        portable = cluster.iks.portable.public if cluster.iks is not None else None
        if portable is None:
            continue
        for ingress in cluster.of(kubernetes.Ingress):
            pods = {pod.address for pod in cluster.of(kubernetes.Pod) if pod.pod in ingress.controllers}
            for service in cluster.of(kubernetes.Service):
                public = tuple(address for address in service.external if address in portable)
                if public and pods & set(service.endpoints):
                    yield ingress.host, Name(public, source.fact(service.key))


def clusters(site: Site, source: Source) -> Iterator["Cluster"]:
    """The clusters of the site of which nodes were observed."""
    observed = {item.cluster for item in source.all(kubernetes.Node)}
    if site.icp is not None and naming.ICP in observed:
        overlay = site.overlay(site.icp.overlay)
        switch = live.switch_name(site, overlay, site.icp.network) if overlay is not None else ""
        yield Cluster(naming.ICP, source, {"": switch})
    for iks in site.iks:
        if iks.name in observed:
            yield Cluster(iks.name, source, _vlans(site, iks), iks)


def _vlans(site: Site, iks: IksCluster) -> dict[str, str]:
    """The segments of a worker's sides; `vlan-bgp` and `static-routes` are of the instance's private VLAN."""
    vlans = {side: naming.worker_vlan(iks.name, side) for side in ("public", "private")}
    if site.vcs is not None and iks.join is not None and iks.join.how in _COMMON_VLAN:
        vlans["private"] = site.vcs.uplinks.private.port_group
    return vlans


@dataclass(frozen=True)
class Cluster:
    """What was observed of one cluster.

    Attributes:
        vlans: By the role of a node's interface, the segment that it is on.
        iks: The site's section; None for ICP.
    """

    name: str
    source: Source
    vlans: Mapping[str, str]
    iks: IksCluster | None = None
    calico: kubernetes.Calico = field(init=False)
    pools: tuple[Pool, ...] = field(init=False)
    services: tuple[Service, ...] = field(init=False)

    def __post_init__(self) -> None:
        calico = next(self.of(kubernetes.Calico), kubernetes.Calico(cluster=self.name))
        object.__setattr__(self, "calico", calico)
        object.__setattr__(self, "pools", tuple(self._pools()))
        object.__setattr__(self, "services", tuple(self._services()))

    def of(self, kind: type[_K]) -> Iterator[_K]:
        """The cluster's resources of a kind."""
        return (item for item in self.source.all(kind) if item.cluster == self.name)

    def pods(self) -> Iterator[kubernetes.Pod | kubernetes.Vpn]:
        """Its pods, the VPN's included."""
        yield from self.of(kubernetes.Pod)
        yield from self.of(kubernetes.Vpn)

    def nodes(self) -> Iterator[Node]:
        """Its nodes, pods and VPN gateways."""
        for node in self.of(kubernetes.Node):
            yield _node(self, node)
        for pod in self.of(kubernetes.Pod):
            yield _pod(self, pod)
        for vpn in self.of(kubernetes.Vpn):
            yield _gateway(self, vpn)

    def mode(self, block: IPv4Network) -> IpipMode:
        """How packets to a block travel between nodes."""
        of_block = (pool.ipip for pool in self.of(kubernetes.IpPool) if block.subnet_of(pool.cidr))
        return next(of_block, IpipMode.NEVER)

    def relays(self, name: str) -> dict[int, tuple[Backend, ...]]:
        """What a pod or node opens connections to as a controller of Ingresses: pods (rule 17)."""
        found: dict[int, tuple[Backend, ...]] = {}
        for ingress in self.of(kubernetes.Ingress):
            if name not in ingress.controllers:
                continue
            backends = self._backends(ingress)
            for port in ingress.listens:
                found[port] = tuple(dict.fromkeys((*found.get(port, ()), *backends)))
        return found

    def _backends(self, ingress: kubernetes.Ingress) -> tuple[Backend, ...]:
        return tuple(
            endpoint
            for service in self.services
            if (service.name, service.port) == (ingress.service, ingress.port)
            for endpoint in service.endpoints
        )

    def _pools(self) -> Iterator[Pool]:
        for pool in self.of(kubernetes.IpPool):
            yield Pool(
                name=pool.pool,
                cidr=pool.cidr,
                fact=self.source.fact(pool.key),
                nat_outgoing=pool.nat_outgoing,
                disabled=pool.disabled,
            )

    def _services(self) -> Iterator[Service]:
        for service in self.of(kubernetes.Service):
            own = () if service.address is None else (service.address,)  # not given yet, in a plan
            for item in service.ports:
                target = item.port if item.target is None else item.target
                yield Service(
                    name=service.service,
                    protocol=item.protocol,
                    port=item.port,
                    addresses=frozenset(int(address) for address in (*own, *service.external)),
                    endpoints=tuple(Backend(int(address), target) for address in service.endpoints),
                    fact=self.source.fact(service.key),
                    cluster=0 if service.address is None else int(service.address),
                    local_only=service.local_only,
                )


def _node(cluster: Cluster, item: kubernetes.Node) -> KubeNode:
    """A node: a router for its pods, with a strict reverse path filter (rule 11)."""
    interfaces = {interface.name: interface for interface in _interfaces(cluster, item)}
    inactive: list[str] = []
    routes = (
        *_connected(interfaces.values()),
        *_given(cluster, item, interfaces, kubernetes.Table.MAIN),
        *_own(cluster, item),
        *_mesh(cluster, item, interfaces, inactive),
    )
    relays = cluster.relays(item.node)
    return KubeNode(
        name=item.node,
        fact=cluster.source.fact(item.key),
        interfaces=interfaces,
        routes=RouteTable(routes),
        reverse_path=ReversePath.STRICT,
        inactive=tuple(inactive),
        speaker=_speaker(cluster, item),
        listens=None if item.listens is None else _listeners(item.listens, relays),
        relays=relays,
        cluster=cluster.name,
        node_address=int(item.address),
        tunnel=TUNNEL if item.tunnel is not None else "",
        pools=cluster.pools,
        services=cluster.services,
        policy=RouteTable(_given(cluster, item, interfaces, kubernetes.Table.VPN)),
        tunnel_peers=frozenset(
            int(other.address) for other in cluster.of(kubernetes.Node) if other.node != item.node
        ),
    )


def _listeners(texts: Iterable[str], relays: Iterable[int]) -> frozenset[Listener]:
    """`tcp/8443` and what a controller serves."""
    split = (text.partition("/") for text in texts)
    plain = {Listener(protocol, int(port)) for protocol, _, port in split}
    return frozenset(plain | {Listener("tcp", port) for port in relays})


def _interfaces(cluster: Cluster, item: kubernetes.Node) -> Iterator[Interface]:
    """Its own ones with the virtual addresses that it holds, tunl0, and one a pod."""
    fact = cluster.source.fact(item.key)
    held = [vip for vip in cluster.of(kubernetes.VirtualAddress) if vip.node == item.node]
    for own in item.interfaces:
        virtual = (int(vip.address) for vip in held if vip.interface == own.label)
        yield Interface(
            name=own.label,
            role=own.role or own.label,
            segment=own.network or cluster.vlans.get(own.role, ""),
            fact=fact,
            addresses=(int(own.address.ip), *virtual),
            prefix=own.address.network,
            mtu=own.mtu,
        )
    mtu = cluster.calico.mtu
    if item.tunnel is not None:
        yield Interface(
            name=TUNNEL, role=TUNNEL, segment="", fact=fact, addresses=(int(item.tunnel),), mtu=mtu
        )
    for pod in _pods_on(cluster, item):
        name, segment = naming.cali(pod.pod), naming.of_pod(pod.pod)
        yield Interface(name=name, role="cali", segment=segment, fact=cluster.source.fact(pod.key), mtu=mtu)


def _pods_on(cluster: Cluster, item: kubernetes.Node) -> Iterator[kubernetes.Pod | kubernetes.Vpn]:
    return (pod for pod in cluster.pods() if pod.node == item.node)


def _connected(interfaces: Iterable[Interface]) -> Iterator[Route]:
    for item in interfaces:
        if item.prefix is not None:
            yield Route(prefix=item.prefix, interface=item.name, fact=item.fact)


def _given(
    cluster: Cluster, item: kubernetes.Node, interfaces: Mapping[str, Interface], table: kubernetes.Table
) -> Iterator[Route]:
    """The routes that somebody gave the node."""
    for route in cluster.of(kubernetes.NodeRoute):
        on = not route.nodes or item.node in route.nodes
        if not on or route.table is not table or route.interface not in interfaces:
            continue
        for network in route.networks:
            yield Route(
                prefix=network,
                interface=route.interface,
                fact=cluster.source.fact(route.key),
                next_hop=None if route.next_hop is None else int(route.next_hop),
                distance=1,
                origin=Origin.STATIC,
            )


def _own(cluster: Cluster, item: kubernetes.Node) -> Iterator[Route]:
    """Its pods, and black holes for the rest of its blocks."""
    for pod in _pods_on(cluster, item):
        prefix = IPv4Network(pod.address)
        fact = cluster.source.fact(pod.key)
        yield Route(prefix=prefix, interface=naming.cali(pod.pod), fact=fact, origin=Origin.STATIC)
    for block in item.blocks:
        yield Route(prefix=block, interface="", fact=cluster.source.fact(item.key), origin=Origin.STATIC)


def _mesh(
    cluster: Cluster, item: kubernetes.Node, interfaces: Mapping[str, Interface], inactive: list[str]
) -> Iterator[Route]:
    """The blocks of the other nodes: plain or by tunl0 (rule 19)."""
    if not cluster.calico.mesh:
        return
    own = next((card for card in item.interfaces if card.address.ip == item.address), None)
    for other in cluster.of(kubernetes.Node):
        if other.node == item.node:
            continue
        near = own is not None and other.address in own.address.network
        for block in other.blocks:
            interface = _between(cluster.mode(block), own.label if own is not None and near else "")
            if interface not in interfaces:
                inactive.append(f"{block} of {other.node}: no {interface or 'common subnet'}")
                continue
            yield Route(
                prefix=block,
                interface=interface,
                fact=cluster.source.fact(other.key),
                next_hop=int(other.address),
                distance=_MESH_DISTANCE,
                origin=Origin.STATIC,
            )


def _between(mode: IpipMode, common: str) -> str:
    """The interface to another node's pods; `common`: the one on a subnet that both nodes are on."""
    if mode is IpipMode.ALWAYS or (mode is IpipMode.CROSS_SUBNET and not common):
        return TUNNEL
    return common


def _speaker(cluster: Cluster, item: kubernetes.Node) -> Speaker | None:
    """Calico's BGP towards peers outside: it takes everything and tells its own pools only (rule 21)."""
    own = tuple(
        PrefixRule(Permission.PERMIT, pool.cidr, ge=pool.cidr.prefixlen, le=32)
        for pool in cluster.pools
        if not pool.disabled
    )
    peers = tuple(
        Peer(
            name=peer.peer,
            local=int(item.address),
            address=int(peer.address),
            asn=peer.asn,
            fact=cluster.source.fact(peer.key),
            exports=own,
            multihop=True,
        )
        for peer in cluster.of(kubernetes.BgpPeer)
        if peer.node in {"", item.node}
    )
    if not peers:
        return None
    return Speaker(
        asn=cluster.calico.asn,
        router_id=int(item.address),
        fact=cluster.source.fact(cluster.calico.key),
        peers=peers,
        announces=item.blocks,
    )


def _plug(cluster: Cluster, pod: kubernetes.Pod | kubernetes.Vpn) -> Interface:
    """A pod's side of its pair of interfaces."""
    return Interface(
        name="eth0",
        role="eth0",
        segment=naming.of_pod(pod.pod),
        fact=cluster.source.fact(pod.key),
        addresses=(int(pod.address),),
        prefix=IPv4Network(pod.address),
        mtu=cluster.calico.mtu,
    )


def _by_node(cluster: Cluster, pod: kubernetes.Pod | kubernetes.Vpn) -> RouteTable:
    fact = cluster.source.fact(pod.key)
    return RouteTable((Route(prefix=EVERYWHERE, interface="eth0", fact=fact, next_node=pod.node),))


def _pod(cluster: Cluster, pod: kubernetes.Pod) -> Host:
    relays = cluster.relays(pod.pod)
    return Host(
        name=pod.pod,
        fact=cluster.source.fact(pod.key),
        interfaces={"eth0": _plug(cluster, pod)},
        routes=_by_node(cluster, pod),
        listens=_listeners(pod.listens, relays),
        relays=relays,
    )


def _gateway(cluster: Cluster, vpn: kubernetes.Vpn) -> VpnGateway:
    fact = cluster.source.fact(vpn.key)
    end = Ipsec(
        name=vpn.release,
        local=int(vpn.address),
        peer=None if vpn.gateway is None else int(vpn.gateway),
        local_id=vpn.local_id,
        peer_id=vpn.remote_id,
        inside=vpn.local_subnets,
        beyond=vpn.remote_subnets,
        secret=str(vpn.secret),
        fact=fact,
        ike=vpn.ike,
        esp=vpn.esp,
        initiates=vpn.auto is kubernetes.Auto.START,
    )
    return VpnGateway(
        name=vpn.pod,
        fact=fact,
        interfaces={"eth0": _plug(cluster, vpn)},
        routes=_by_node(cluster, vpn),
        ipsec=(end,),
    )
