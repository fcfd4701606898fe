"""What the engine has to know of NSX-V's kinds."""

from collections.abc import Hashable, Mapping
from dataclasses import replace

from hopbook.engine.change import KindTraits
from hopbook.resources import shadow
from hopbook.resources.base import Resource
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    DnsRelay,
    Edge,
    FirewallPolicy,
    FirewallRule,
    HighAvailability,
    Interface,
    Ipsec,
    IpsecSite,
    IpsecTunnel,
    LogicalSwitch,
    NatRule,
    Router,
    StaticRoute,
    Syslog,
)

_APPLIANCES = (Edge.kind, Router.kind)
# NSX can resize and redeploy an edge; we do not, as it interrupts everything that goes through it
_OF_AN_APPLIANCE = frozenset(
    {"datacenter", "tenant", "size", "placements", "cli_user", "cli_password", "ha_network"}
)


def kinds(protected: frozenset[str], timeout: float, deploy_timeout: float) -> Mapping[str, KindTraits]:
    """The traits of every kind.

    Args:
        protected: The names of edges that nobody may touch.
        timeout: Seconds after which an ordinary call can no longer take effect.
        deploy_timeout: The same for one that deploys or removes appliances.
    """
    plain = KindTraits(
        lane=lane,
        call_timeout=timeout,
        protected=lambda observed: why_protected(observed.resource, protected),
    )
    appliance = replace(plain, call_timeout=deploy_timeout, fixed=_OF_AN_APPLIANCE)
    setting = replace(plain, setting=True)
    state = replace(setting, by_key=True)  # asked for only by who waits for it
    return {
        Edge.kind: appliance,
        Router.kind: appliance,
        LogicalSwitch.kind: replace(plain, natural=_natural_switch, marker=True, fixed=frozenset({"zone"})),
        Interface.kind: replace(plain, natural=_natural_interface, fixed=frozenset({"owner", "index"})),
        StaticRoute.kind: plain,
        NatRule.kind: replace(
            plain, section=nat_section, natural=_natural_nat, marker=True, shadows=_nat_shadows
        ),
        FirewallRule.kind: replace(
            plain, section=firewall_section, natural=_natural_firewall, marker=True, shadows=_firewall_shadows
        ),
        FirewallPolicy.kind: setting,
        DnsRelay.kind: setting,
        HighAvailability.kind: setting,
        Syslog.kind: setting,
        Bgp.kind: setting,
        BgpNeighbour.kind: plain,
        BgpSession.kind: state,
        Ipsec.kind: setting,
        IpsecSite.kind: plain,
        IpsecTunnel.kind: state,
    }


def owner_of(resource: Resource) -> str:
    """The name of the edge or router that a resource is or belongs to; empty for a logical switch."""
    if resource.kind in _APPLIANCES:
        return resource.name
    owner = getattr(resource, "owner", None)
    return owner.name if owner is not None else ""


def lane(resource: Resource) -> str:
    """One an edge, one a transport zone: NSX refuses two changes of an edge at once."""
    if isinstance(resource, LogicalSwitch):
        return switch_lane(resource.zone)
    return edge_lane(owner_of(resource))


def edge_lane(name: str) -> str:
    """The lane of an edge or router and all that it carries."""
    return f"nsxv:edge/{name}"


def switch_lane(zone: str) -> str:
    """The lane of a transport zone's logical switches."""
    return f"nsxv:zone/{zone}"


def why_protected(resource: Resource, protected: frozenset[str]) -> str:
    """Why nobody may touch a resource; empty where they may."""
    owner = owner_of(resource)
    return (
        f"{owner} is protected: it carries the site itself (management or HCX)" if owner in protected else ""
    )


def nat_section(resource: Resource) -> str:
    """The list that a NAT rule stands in."""
    return f"{owner_of(resource)}/nat"


def firewall_section(resource: Resource) -> str:
    """The list that a firewall rule stands in."""
    return f"{owner_of(resource)}/firewall"


def _natural_switch(resource: Resource) -> Hashable:
    return (resource.zone, resource.switch) if isinstance(resource, LogicalSwitch) else None


def _natural_interface(resource: Resource) -> Hashable:
    if not isinstance(resource, Interface):
        return None
    return resource.owner, resource.network if resource.index is None else resource.index


def _natural_nat(resource: Resource) -> Hashable:
    if not isinstance(resource, NatRule):
        return None
    return (
        resource.owner,
        resource.action,
        resource.interface,
        resource.protocol,
        (resource.original, resource.original_port),
        (resource.match, resource.match_port),
    )


def _natural_firewall(resource: Resource) -> Hashable:
    if not isinstance(resource, FirewallRule):
        return None
    return resource.owner, resource.sources, resource.destinations, resource.services


def _nat_shadows(winner: Resource, loser: Resource) -> bool:
    return isinstance(winner, NatRule) and isinstance(loser, NatRule) and shadow.nat_shadows(winner, loser)


def _firewall_shadows(winner: Resource, loser: Resource) -> bool:
    if not isinstance(winner, FirewallRule) or not isinstance(loser, FirewallRule):
        return False
    return shadow.firewall_shadows(winner, loser)
