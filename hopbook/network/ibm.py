"""IBM's routers at the clusters: the workers' VLANs, BGP with them, and the router appliance of a customer.

The FCR and the BCR are connected to every subnet that workers were seen on. That a portable subnet is on the
VLAN of the first of them is how IBM Cloud gives it to a cluster.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from hopbook.network import naming
from hopbook.network.bgp import Peer, Permission, PrefixRule, Speaker
from hopbook.network.facts import Fact, declared
from hopbook.network.kubernetes import EVERYWHERE, Cluster, clusters
from hopbook.network.nodes import IbmRouter, Interface, Node
from hopbook.network.nsxv import Source
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources import ibm, kubernetes
from hopbook.site.model import NextHop, Site
from hopbook.steps.naming import ibm_router


def joined(nodes: Iterable[Node], site: Site, source: Source) -> list[Node]:
    """The nodes, IBM's routers among them with their sides of the clusters, and the router appliances."""
    there = list(clusters(site, source))
    sides = [side for cluster in there for side in _sides(site, cluster)]
    appliances = [node for cluster in there for node in _appliance(site, cluster)]
    return [*(_beside(node, sides, source) for node in nodes), *appliances]


@dataclass(frozen=True, slots=True)
class _Side:
    """Networks at an IBM router: the router's interface, and what it reaches by it."""

    router: str
    interface: Interface
    networks: tuple[IPv4Network, ...]

    def routes(self, interface: str, via: str = "") -> Iterator[Route]:
        """The routes to its networks by an interface of whoever has them."""
        origin = Origin.DECLARED if via else Origin.CONNECTED
        for network in self.networks:
            yield Route(
                prefix=network, interface=interface, fact=self.interface.fact, next_node=via, origin=origin
            )


def _sides(site: Site, cluster: Cluster) -> Iterator[_Side]:
    """IBM's routers at the subnets that workers are on; a portable subnet is of the first one's VLAN."""
    if cluster.iks is None or site.vcs is None:
        return
    for side, router in (("public", naming.FCR), ("private", naming.BCR)):
        portable = getattr(cluster.iks.portable, side)
        for number, (subnet, (card, node)) in enumerate(_subnets(cluster, side).items(), start=1):
            interface = Interface(
                name=f"{cluster.name}-{side}-{number}",
                role="workers",
                segment=card.network or cluster.vlans[side],
                fact=_fact_of(cluster, node, subnet),
                addresses=(int(ibm_router(subnet)),),
                prefix=subnet,
                mtu=1500 if side == "public" else 9000,
            )
            more = (portable,) if number == 1 and portable is not None else ()
            yield _Side(router, interface, (subnet, *more))


def _subnets(
    cluster: Cluster, side: str
) -> dict[IPv4Network, tuple[kubernetes.NodeInterface, kubernetes.Node]]:
    """The subnets that workers are on, each with the first of them."""
    found: dict[IPv4Network, tuple[kubernetes.NodeInterface, kubernetes.Node]] = {}
    for node in cluster.of(kubernetes.Node):
        for card in node.interfaces:
            if card.role == side:
                found.setdefault(card.address.network, (card, node))
    return found


def _fact_of(cluster: Cluster, node: kubernetes.Node, subnet: IPv4Network) -> Fact:
    """A subnet of the site is declared; a further one is known from the worker on it."""
    if cluster.iks is not None and subnet in {cluster.iks.workers.private, cluster.iks.workers.public}:
        return declared(f"iks.{cluster.name}.workers")
    return cluster.source.fact(node.key)


def _beside(node: Node, sides: Iterable[_Side], source: Source) -> Node:
    """An IBM router with its sides of the clusters and its peerings; the internet with the way to them."""
    if node.name == naming.INTERNET:
        public = [side for side in sides if side.router == naming.FCR]
        return _with_routes(node, (route for side in public for route in side.routes("backbone", naming.FCR)))
    ours = [side for side in sides if side.router == node.name]
    if ours:
        interfaces = {side.interface.name: side.interface for side in ours}
        node = replace(node, interfaces={**node.interfaces, **interfaces})
        node = _with_routes(node, (route for side in ours for route in side.routes(side.interface.name)))
    return _peering(node, source)


def _with_routes(node: Node, routes: Iterable[Route]) -> Node:
    """The node with routes that take the place of those to the same prefixes."""
    found = {route.prefix: route for route in routes}
    kept = (route for route in node.routes.routes if route.prefix not in found)
    return replace(node, routes=RouteTable((*kept, *found.values()))) if found else node


def _peering(node: Node, source: Source) -> Node:
    """An IBM router as a BGP speaker, once that was agreed (S15): one, whoever asked for neighbours."""
    agreed = [peering for peering in source.all(ibm.BgpPeering) if peering.router == node.name]
    if not agreed:
        return node
    peers = {peer.address: peer for peering in agreed for peer in _peers(node, peering, source)}
    speaker = Speaker(
        asn=agreed[0].asn,
        router_id=min((peer.local for peer in peers.values()), default=0),
        fact=source.fact(agreed[0].key),
        peers=tuple(peers.values()),
        announces=tuple(dict.fromkeys(prefix for peering in agreed for prefix in peering.announces)),
    )
    return replace(node, speaker=speaker)


def _peers(node: Node, peering: ibm.BgpPeering, source: Source) -> Iterator[Peer]:
    # 0.0.0.0/0 among what it refuses is the default route, not everything
    refused = [
        PrefixRule(Permission.DENY, prefix, le=32 if prefix.prefixlen else None) for prefix in peering.refuses
    ]
    taken = (*refused, PrefixRule(Permission.PERMIT, EVERYWHERE, ge=0, le=32))
    for neighbour in peering.neighbours:
        for item in node.interfaces.values():
            if item.prefix is not None and item.addresses and neighbour.address in item.prefix:
                yield Peer(
                    name=str(neighbour.address),
                    local=item.addresses[0],
                    address=int(neighbour.address),
                    asn=neighbour.asn,
                    fact=source.fact(peering.key),
                    imports=taken,
                )


def _appliance(site: Site, cluster: Cluster) -> Iterator[Node]:
    """The router appliance on the private VLAN, which knows the instance's ranges (rule 25, `vra`)."""
    iks = cluster.iks
    join = iks.join if iks is not None else None
    overlay = site.overlay(join.overlay) if join is not None else None
    if iks is None or join is None or overlay is None or join.vra is None or join.next_hop is not NextHop.VRA:
        return
    fact, workers = declared(f"iks.{cluster.name}.join.vra"), iks.workers.private
    private = Interface(
        name="private",
        role="private",
        segment=cluster.vlans["private"],
        fact=fact,
        addresses=(int(join.vra),),
        prefix=workers,
    )
    hops = {network.subnet: overlay.edge.private for network in overlay.networks}
    hops[EVERYWHERE] = ibm_router(workers)
    ways = (
        Route(
            prefix=prefix,
            interface="private",
            fact=fact,
            next_hop=int(hop),
            distance=1,
            origin=Origin.DECLARED,
        )
        for prefix, hop in hops.items()
    )
    yield IbmRouter(
        name=naming.appliance(cluster.name),
        fact=fact,
        interfaces={"private": private},
        routes=RouteTable((Route(prefix=workers, interface="private", fact=fact), *ways)),
    )
