"""How workers reach what is not on a subnet of theirs: routes that every worker is given (rule 25).

The subnets of workers and edge differ even on one VLAN, so a worker would send everything to IBM's router,
which knows no network of the instance.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from hopbook.resources.kubernetes import NodeRoute
from hopbook.site.model import NextHop
from hopbook.steps import naming
from hopbook.steps.iks_ground import Ground, Member

_K = TypeVar("_K", bound=Hashable)


def to_edge(g: Ground) -> list[NodeRoute]:
    """The ways to the edge's address: directly on the VLAN, or by the appliance; the BCR is one already."""
    if g.join.next_hop is NextHop.BCR:
        return []
    return list(_routes(g, g.edge.name, [IPv4Network(g.address)], g.join.vra))


def to_networks(g: Ground) -> list[NodeRoute]:
    """The ways to the overlay's networks: by the edge, the appliance, or the BCR that was told of them."""
    if g.join.next_hop is NextHop.BCR:
        return list(_by_bcr(g))
    hop = g.join.vra if g.join.next_hop is NextHop.VRA else g.address
    return list(_routes(g, g.overlay.name, g.networks, hop))


def _routes(
    g: Ground, name: str, networks: Iterable[IPv4Network], hop: IPv4Address | None
) -> Iterator[NodeRoute]:
    """One route for every worker; one an interface's name, where these differ."""
    by_interface = _grouped(g.workers, lambda worker: worker.interface)
    for interface, nodes in by_interface.items():
        several = len(by_interface) > 1
        yield NodeRoute(
            cluster=g.cluster.name,
            route=f"{name}-{interface}" if several else name,
            networks=tuple(networks),
            interface=interface,
            next_hop=hop,
            nodes=nodes if several else (),
        )


def _by_bcr(g: Ground) -> Iterator[NodeRoute]:
    """Its address differs from subnet to subnet."""
    groups = _grouped(g.workers, lambda worker: (worker.interface, worker.subnet))
    for (interface, subnet), nodes in groups.items():
        yield NodeRoute(
            cluster=g.cluster.name,
            route=f"{g.overlay.name}-{interface}-{subnet.network_address}",
            networks=g.networks,
            interface=interface,
            next_hop=naming.ibm_router(subnet),
            nodes=nodes,
        )


def _grouped(workers: Iterable[Member], by: Callable[[Member], _K]) -> dict[_K, tuple[str, ...]]:
    """The names of the workers that have something in common."""
    groups: dict[_K, tuple[str, ...]] = {}
    for worker in workers:
        groups[by(worker)] = (*groups.get(by(worker), ()), worker.node)
    return groups
