"""BGP on the edge, step by step: what the common VLAN and the BCR have in common.

The process and its neighbours come first and tell nobody anything; then the other side is configured and the
sessions come up; only then does the edge tell its networks. An edge that tells somebody already goes on.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    FilterAction,
    PrefixFilter,
    Redistributed,
    Service,
)
from hopbook.site.limits import limit
from hopbook.steps.iks import accept, step
from hopbook.steps.iks_ground import Ground, refusal

BLOCK = 26  # the length of Calico's blocks; borrowed addresses are told as longer ones


def process(g: Ground, neighbours: Iterable[BgpNeighbour], citation: str) -> Step:
    """The edge's BGP with its neighbours; what it redistributes stays as it is.

    Raises:
        InvalidInput: the edge cannot have so many neighbours, or speaks with another AS number already.
    """
    found = list(neighbours)
    _agrees(g)
    _count(g, found)
    live = _live(g)
    telling = live is not None and live.enabled
    bgp = Bgp(
        owner=g.edge,
        enabled=True,
        asn=g.join.asn,
        router_id=g.address,
        redistributes=live.redistributes if live is not None and telling else (),
        prefixes=live.prefixes if live is not None and telling else (),
    )
    return step("edge-bgp", "Let the edge speak BGP with its neighbours", citation, [bgp, *found])


def tell(g: Ground, citation: str) -> Step:
    """The edge tells the overlay's networks, and nothing else: Calico takes whatever it is told."""
    bgp = Bgp(
        owner=g.edge,
        enabled=True,
        asn=g.join.asn,
        router_id=g.address,
        redistributes=(Redistributed.STATIC,),
        prefixes=permit(g.networks),
    )
    return step("tell", "Let the edge tell the overlay's networks", citation, [bgp])


def neighbour(g: Ground, address: IPv4Address, asn: int, pods: Iterable[IPv4Network]) -> BgpNeighbour:
    """A neighbour of the edge: it may tell blocks of pods, and is told the overlay's networks."""
    return BgpNeighbour(
        owner=g.edge,
        address=address,
        asn=asn,
        keepalive=g.join.timers.keepalive,
        hold=g.join.timers.hold,
        imports=tuple(
            PrefixFilter(action=FilterAction.PERMIT, network=pool, ge=max(BLOCK, pool.prefixlen), le=32)
            for pool in pods
        ),
        exports=permit(g.networks),
    )


def permit(networks: Iterable[IPv4Network]) -> tuple[PrefixFilter, ...]:
    """A prefix list of just these networks."""
    return tuple(PrefixFilter(action=FilterAction.PERMIT, network=network) for network in networks)


def admit(g: Ground, rule: str, sources: Iterable[object], citation: str) -> Step:
    """The edge's firewall lets its neighbours' sessions in."""
    bgp = accept(g.edge, rule, 410, sources, [g.address], Service("tcp", ("179",)))
    return step("admit-bgp", "Let BGP through the edge's firewall", citation, [bgp])


def established(g: Ground, neighbours: Iterable[IPv4Address], citation: str) -> Step:
    """Every session is up, as the edge tells it; what keeps one down ends the step."""
    sessions = [BgpSession(owner=g.edge, address=address) for address in neighbours]
    return step("sessions", "Wait until the sessions are established", citation, sessions)


def _live(g: Ground) -> Bgp | None:
    found = g.seen.get(Key(Bgp.kind, g.edge.name))
    return found.resource if found and isinstance(found.resource, Bgp) else None


def _agrees(g: Ground) -> None:
    live, there = _live(g), _neighbours(g)
    if live is not None and live.enabled and there and live.asn != g.join.asn:
        what = f"{g.edge.name} has AS {live.asn} for {len(there)} neighbours, and `asn` is {g.join.asn}"
        raise InvalidInput(refusal(g.site, "J2", what, f"iks[{g.cluster.name}].join.asn"))


def _count(g: Ground, wanted: Iterable[BgpNeighbour]) -> None:
    """Neighbours of somebody else count as well."""
    together = _neighbours(g) | {each.address for each in wanted}
    most = limit(g.site, "bgp-neighbours", g.overlay.edge.size)
    if len(together) > most.value:
        what = f"{g.edge.name} would have {len(together)} BGP neighbours; expected {most}"
        raise InvalidInput(refusal(g.site, "J6", what, f"iks[{g.cluster.name}].join.overlay"))


def _neighbours(g: Ground) -> set[IPv4Address]:
    """Of the edge, as they are."""
    there = (item.resource for item in g.seen.items.values())
    return {each.address for each in there if isinstance(each, BgpNeighbour) and each.owner == g.edge}
