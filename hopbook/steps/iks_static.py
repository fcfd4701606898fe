"""Static routes and NAT (S14): a route on every worker, or an address of the edge that stands for a database.

The BCR knows no network of the instance, so a worker's route names the edge or a router appliance; an address
of the private portable subnet needs no route, for 10.0.0.0/8 leads to it already.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from hopbook.engine.plan import Step
from hopbook.resources.kubernetes import Service as ClusterService
from hopbook.resources.kubernetes import ServicePort
from hopbook.resources.nsxv import NatAction, NatRule, Service
from hopbook.site.model import Workload
from hopbook.steps import iks_ways, naming
from hopbook.steps.iks import accept, step
from hopbook.steps.iks_ground import Ground, icp_overlay


def worker_routes(g: Ground) -> Step:
    """Every worker has a route to the overlay's networks."""
    return step("routes", "Give every worker a route to the databases", "S14, T3.4", iks_ways.to_networks(g))


def addresses(g: Ground) -> Step:
    """The edge has the addresses that stand for databases, beside those that it had.

    The interface is somebody else's: it is taken over and, by an undo, given back as it was.
    """
    mine = tuple(address for _, address in _published(g))
    uplink = replace(g.uplink, secondaries=(*g.uplink.secondaries, *mine))
    return step("addresses", "Give the edge an address for each database", "S14", [uplink])


def translations(g: Ground) -> Step:
    """What comes for such an address goes to its database."""
    rules = [
        NatRule(
            owner=g.edge,
            rule=f"dnat-{load.name}-{load.port}",
            action=NatAction.DNAT,
            interface=g.uplink.index,
            original=str(address),
            translated=str(load.address),
            protocol="tcp",
            original_port=str(load.port),
            translated_port=str(load.port),
            rank=2000 + place,
        )
        for place, (load, address) in enumerate(_published(g))
    ]
    return step("translations", "Translate those addresses to the databases'", "S14", rules)


def admit(g: Ground) -> Step:
    """The edge lets the workers in, by the address before DNAT (rule 2)."""
    rules = [
        accept(g.edge, f"{g.cluster.name}-to-{load.name}", 440 + place, g.subnets, [address], _service(load))
        for place, (load, address) in enumerate(_published(g))
    ]
    return step("admit", "Let the workers' packets through the edge", "S14, T3.7", rules)


def services(g: Ground) -> Step:
    """In the cluster a service without a selector has that address as its endpoint."""
    found = [
        ClusterService(
            cluster=g.cluster.name,
            service=load.name,
            ports=(ServicePort(port=load.port),),
            endpoints=(address,),
        )
        for load, address in _published(g)
    ]
    return step("services", "Name the databases in the cluster", "S14", found)


def admit_icp(g: Ground) -> Step:
    """DNS gives everybody the published address, ICP's web tier too, where its edge is there."""
    overlay = icp_overlay(g.site)
    icp = naming.edge_key(g.site, overlay) if overlay else g.edge
    if overlay is None or icp == g.edge or not g.has_edge(icp):
        return step("admit-icp", "Leave ICP's way to the databases alone: it is not there", "S14", [])
    nodes = overlay.network(g.site.icp.network) if g.site.icp else None
    masked = [overlay.edge.private]  # the nodes as the private SNAT shows them
    inside = [*([nodes.subnet] if nodes else []), *masked]
    rules = [
        rule
        for place, (load, address) in enumerate(_published(g))
        for rule in (
            accept(icp, f"nodes-to-{load.name}", 350 + place, inside, [address], _service(load)),
            accept(g.edge, f"icp-to-{load.name}", 460 + place, masked, [address], _service(load)),
        )
    ]
    return step("admit-icp", "Let ICP's web tier through to the published addresses", "S14", rules)


def _published(g: Ground) -> Iterator[tuple[Workload, IPv4Address]]:
    """The databases that the edge publishes for the cluster, each with the address."""
    loads = {load.name: load for load in g.site.workloads}
    for each in g.join.published:
        load = loads.get(each.workload)
        if load is not None and load.address is not None:  # the checks of a site file see to both
            yield load, each.address


def _service(load: Workload) -> Service:
    return Service("tcp", (str(load.port),))
