"""The common VLAN and BGP: every worker is a neighbour of the edge (S7, S8)."""

from collections.abc import Mapping

from hopbook.engine.plan import Step
from hopbook.resources.kubernetes import BgpPeer
from hopbook.steps import iks_bgp, iks_ways
from hopbook.steps.iks import step
from hopbook.steps.iks_ground import Ground

_TITLES: Mapping[bool, str] = {
    True: "Let the workers reach the edge on the VLAN that they share",
    False: "Leave the workers' way to the edge to the BCR",
}


def reach_edge(g: Ground) -> Step:
    """Workers of another subnet of the VLAN have a way to the edge, before BGP names it as next hop."""
    routes = iks_ways.to_edge(g)
    return step("reach-edge", _TITLES[bool(routes)], "S7, T3.6", routes)


def edge_bgp(g: Ground) -> Step:
    """The edge's BGP, with one neighbour a worker."""
    neighbours = [
        iks_bgp.neighbour(g, worker.address, g.join.calico_asn, [g.cluster.pods]) for worker in g.workers
    ]
    return iks_bgp.process(g, neighbours, "S8")


def admit_bgp(g: Ground) -> Step:
    """Sessions of the workers' subnets."""
    return iks_bgp.admit(g, f"{g.cluster.name}-bgp", g.subnets, "S8")


def peer(g: Ground) -> Step:
    """The edge is the peer of every worker."""
    peering = BgpPeer(cluster=g.cluster.name, peer=g.edge.name, address=g.address, asn=g.join.asn)
    return step("peer", "Make the edge the BGP peer of every worker", "S8", [peering])


def sessions(g: Ground) -> Step:
    """One a worker."""
    return iks_bgp.established(g, [worker.address for worker in g.workers], "S8")


def tell(g: Ground) -> Step:
    """The workers learn the overlay's networks."""
    return iks_bgp.tell(g, "S8, T3.4")
