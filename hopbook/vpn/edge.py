"""The edge's end of a tunnel: its IPsec site, routes, firewall rules, and what SNAT must not catch.

A policy-based tunnel adds no route, so the cluster's ranges have one on the uplink (rule 6); there the
selectors take what is for the tunnel. NSX has no "no SNAT" action: an exemption is an SNAT that is narrowed
to what it is for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.resources.nsxv import (
    FirewallAction,
    FirewallRule,
    IkeVersion,
    Ipsec,
    IpsecSite,
    IpsecTunnel,
    NatAction,
    NatRule,
    Service,
    StaticRoute,
)
from hopbook.resources.spans import Span, address_span
from hopbook.vpn.proposals import Proposals
from hopbook.vpn.tunnel import End, Tunnel

UDP = Service("udp", ("500", "4500"))
IKE = (UDP, Service("esp"))
_IKE_RANK, _DATA_RANK, _SNAT_RANK = 400, 410, 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """The edge with the uplink that the tunnel's packets take."""

    edge: Key
    index: int
    address: IPv4Address
    gateway: IPv4Address


@dataclass(frozen=True, slots=True)
class Lane:
    """What may pass through a tunnel in one direction, by TCP.

    Attributes:
        name: The firewall rule's: `to-databases`.
    """

    name: str
    sources: tuple[IPv4Network, ...]
    destinations: tuple[IPv4Network, ...]
    ports: tuple[int, ...]


def gateway(tunnel: Tunnel, uplink: Uplink, psk: SecretRef) -> list[Resource]:
    """The IPsec site that mirrors the strongSwan end, and the service that it needs.

    Raises:
        NoProposal: an edge cannot do what the tunnel proposes.
    """
    proposals = tunnel.proposals
    near, far = tunnel.near, tunnel.far
    site = IpsecSite(
        owner=uplink.edge,
        site=tunnel.name,
        local=uplink.address,
        local_id=far.id,
        local_subnets=far.subnets,
        peer=near.gateway,
        peer_id=near.id,
        peer_subnets=near.subnets,
        psk=psk,
        encryption=proposals.encryption,
        digest=proposals.digest,
        dh_group=proposals.group,
        ike=IkeVersion.V2,
        pfs=proposals.pfs,
        responds_only=not far.starts,
    )
    return [site, Ipsec(owner=uplink.edge, enabled=True)]


def end_of(site: IpsecSite) -> End:
    """The end that an IPsec site is."""
    proposals = Proposals(site.encryption, site.digest, site.dh_group, site.pfs)
    return End(
        name=site.owner.name,
        id=site.local_id,
        peer_id=site.peer_id,
        inside=site.local_subnets,
        beyond=site.peer_subnets,
        ike=proposals.ike,
        esp=proposals.esp,
        psk=site.psk,
        gateway=site.peer,
        starts=not site.responds_only and site.peer is not None,
    )


def up(tunnel: Tunnel, uplink: Uplink) -> IpsecTunnel:
    """The tunnel's state as it has to become."""
    return IpsecTunnel(owner=uplink.edge, site=tunnel.name, up=True)


def routes(tunnel: Tunnel, uplink: Uplink, titles: Iterable[str]) -> list[StaticRoute]:
    """A route on the uplink for each of the cluster's ranges (S11); `titles` says what each is."""
    return [
        StaticRoute(
            owner=uplink.edge,
            network=network,
            next_hop=uplink.gateway,
            interface=uplink.index,
            purpose=f"{title} of {tunnel.name}, by the tunnel",
        )
        for network, title in zip(tunnel.near.subnets, titles, strict=True)
    ]


def ike(tunnel: Tunnel, uplink: Uplink, peers: Iterable[IPv4Network | IPv4Address]) -> FirewallRule:
    """IKE and ESP of the other end's addresses."""
    return FirewallRule(
        owner=uplink.edge,
        rule=f"{tunnel.name}-ike",
        action=FirewallAction.ACCEPT,
        sources=tuple(map(str, peers)),
        destinations=(str(uplink.address),),
        services=IKE,
        rank=_IKE_RANK,
    )


def ike_out(
    tunnel: Tunnel, edge: Key, sources: Iterable[IPv4Network | IPv4Address], to: IPv4Address
) -> FirewallRule:
    """IKE of an end behind the edge, which SNAT hides: so NAT traversal, and UDP alone."""
    return FirewallRule(
        owner=edge,
        rule=f"{tunnel.name}-ike-out",
        action=FirewallAction.ACCEPT,
        sources=tuple(map(str, sources)),
        destinations=(str(to),),
        services=(UDP,),
        rank=_IKE_RANK,
    )


def lanes(tunnel: Tunnel, uplink: Uplink, wanted: Iterable[Lane]) -> list[FirewallRule]:
    """What may pass through the tunnel; a lane without ports is closed."""
    return [
        FirewallRule(
            owner=uplink.edge,
            rule=f"{tunnel.name}-{lane.name}",
            action=FirewallAction.ACCEPT,
            sources=tuple(map(str, lane.sources)),
            destinations=tuple(map(str, lane.destinations)),
            services=(Service("tcp", tuple(map(str, lane.ports))),),
            rank=_DATA_RANK + place,
        )
        for place, lane in enumerate(wanted)
        if lane.ports
    ]


def narrowed_snat(
    tunnel: Tunnel, uplink: Uplink, networks: Iterable[IPv4Network], beyond: Iterable[IPv4Network]
) -> list[NatRule]:
    """SNAT of the edge's networks towards IBM's ranges only, which leaves the tunnel's alone (rule 6)."""
    towards = tuple(beyond)
    pairs = [(network, other) for network in networks for other in towards]
    return [
        NatRule(
            owner=uplink.edge,
            rule=f"{tunnel.name}-snat-{number}",
            action=NatAction.SNAT,
            interface=uplink.index,
            original=str(network),
            translated=str(uplink.address),
            match=str(other),
            purpose=f"{network} to the IBM Cloud private network, and not into the tunnel",
            rank=_SNAT_RANK + number,
        )
        for number, (network, other) in enumerate(pairs, start=1)
    ]


def meaning(rule: NatRule) -> tuple[object, ...]:
    """What a NAT rule does, whatever it is called and why."""
    return tuple(value for name, value in rule.compared().items() if name not in {"purpose", "logging"})


def catching(rules: Iterable[NatRule], tunnel: Tunnel, uplink: Uplink) -> Iterator[NatRule]:
    """The SNAT rules that would hide the tunnel's packets from its selectors (rule 6)."""
    for rule in rules:
        there = (rule.owner, rule.action, rule.enabled) == (uplink.edge, NatAction.SNAT, True)
        if (
            there
            and rule.interface in {None, uplink.index}
            and _meets(rule.original, tunnel.far.subnets)
            and _meets(rule.match, tunnel.near.subnets)
        ):
            yield rule


def _meets(text: str, networks: Iterable[IPv4Network]) -> bool:
    """Whether a rule's field and some network have an address in common; what cannot be read may."""
    span = address_span(text)
    return span is None or any(_overlap(span, network) for network in networks)


def _overlap(span: Span, network: IPv4Network) -> bool:
    return span[0] <= int(network.broadcast_address) and int(network.network_address) <= span[1]
