"""What the ways to join an IKS cluster have in common: rules that let the workers through the edge."""

from collections.abc import Iterable

from hopbook.engine.plan import Step
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import FirewallAction, FirewallRule, Service
from hopbook.site.model import OverlayNetwork
from hopbook.steps.iks_ground import Ground


def step(step_id: str, title: str, citation: str, resources: Iterable[Resource]) -> Step:
    """A step."""
    return Step(id=step_id, title=title, citation=citation, resources=tuple(resources))


def accept(
    edge: Key,
    rule: str,
    rank: int,
    sources: Iterable[object],
    destinations: Iterable[object],
    *services: Service,
) -> FirewallRule:
    """A rule of an edge's firewall that lets packets through."""
    return FirewallRule(
        owner=edge,
        rule=rule,
        action=FirewallAction.ACCEPT,
        sources=tuple(map(str, sources)),
        destinations=tuple(map(str, destinations)),
        services=services,
        rank=rank,
    )


def admit_workers(g: Ground) -> Step:
    """The edge lets the workers in to its databases; by their own addresses, for natOutgoing translates."""
    rules = [
        accept(g.edge, f"{g.cluster.name}-to-{network.name}", 430 + place, g.subnets, [network.subnet], ports)
        for place, network in enumerate(g.overlay.networks)
        if (ports := _ports(g, network)) is not None
    ]
    return step("admit", "Let the workers' packets through the edge", "T3.5, T3.7", rules)


def _ports(g: Ground, network: OverlayNetwork) -> Service | None:
    place = f"{g.overlay.name}/{network.name}"
    ports = sorted({load.port for load in g.site.workloads if load.on == place and load.kind == "database"})
    return Service("tcp", tuple(map(str, ports))) if ports else None
