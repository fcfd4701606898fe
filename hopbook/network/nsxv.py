"""Edges and routers of NSX-V as nodes: what was observed, and only that.

A missing setting (an edge that exists only in a projected plan has none yet) counts as NSX delivers it,
`A3`. A rule that holds something unreadable stays in its place with a doubt.

An ESG has no switch for multihop BGP. Rule 25 takes a session with a worker of another subnet of the VLAN for
possible, so its end asks for nothing; whether packets pass is found by following them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from hopbook.engine.change import Observation, Observed
from hopbook.network.bgp import Peer, Permission, PrefixList, PrefixRule, Speaker, permits
from hopbook.network.facts import Fact, How, assumed
from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import NatTable, Translation, translation
from hopbook.network.nodes import Dlr, Esg, Host, Interface, Medium, Node, Relay, ReversePath, Segment
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources import nsxv
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import FirewallAction, NatAction
from hopbook.vpn.proposals import Proposals

Events = Callable[[Key], str]
_R = TypeVar("_R", bound=Resource)

# The fields by which packets are matched; where one is unreadable it may be anything
_ANY: Mapping[type[Resource], Mapping[str, Any]] = {
    nsxv.NatRule: dict.fromkeys(("original", "original_port", "match", "match_port", "protocol"), "any"),
    nsxv.FirewallRule: {"sources": (), "destinations": (), "services": ()},
}
_UNDERLAY = 9000  # bytes, MTU of the private vDS (ibm.md 1.3)
_VXLAN = 50


@dataclass(frozen=True)
class Source:
    """What was observed, sorted by whom it belongs to.

    Attributes:
        roles: From a segment's name to what it is on this site.
        when: When it was observed.
    """

    observation: Observation
    events: Events | None = None
    when: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)

    def fact(self, key: Key) -> Fact:
        """How a resource of the observation is known."""
        event = self.events(key) if self.events is not None else ""
        system = key.kind.partition(".")[0]
        seen = self.observation.get(key)
        how = How.DECLARED if seen is not None and seen.declared else How.OBSERVED
        return Fact(how=how, source=system, key=key, event=event, when=self.when)

    @cached_property
    def switches(self) -> Mapping[Key, str]:
        """Logical switches by key, each with its segment's name: its own, also where nobody of ours made it.

        Of several with one name ours has it, else the first; the others are called by their keys.
        """
        found = {
            key: item.resource.switch
            for key, item in self.observation.items.items()
            if isinstance(item.resource, nsxv.LogicalSwitch)
        }
        holders: dict[str, Key] = {}
        for key, name in sorted(found.items(), key=lambda each: each[0].name != each[1]):
            holders.setdefault(name, key)
        return {key: name if holders[name] == key else key.name for key, name in found.items()}

    @cached_property
    def _resources(self) -> Mapping[str, list[Resource]]:
        """All resources by kind: each node of a cluster asks for those of several."""
        found: dict[str, list[Resource]] = {}
        for observed in self.observation.items.values():
            found.setdefault(observed.resource.kind, []).append(observed.resource)
        return found

    def all(self, kind: type[_R]) -> Iterator[_R]:
        """The resources of a kind."""
        return (each for each in self._resources.get(kind.kind, ()) if isinstance(each, kind))

    def of(self, owner: Key, kind: type[_R]) -> Iterator[tuple[_R, Observed]]:
        """The resources of a kind that belong to an edge or router."""
        for observed in self.observation.items.values():
            resource = observed.resource
            if isinstance(resource, kind) and getattr(resource, "owner", None) == owner:
                yield resource, observed

    def ordered(self, owner: Key, kind: type[_R], section: str) -> Iterator[tuple[_R, Key, str]]:
        """Rules in evaluation order, each with its key and with what of it is in doubt."""
        held = {key: item for key, item in self.observation.items.items() if item.resource.kind == kind.kind}
        order = self.observation.order.get(f"{owner.name}/{section}", ())
        listed = dict.fromkeys(key for key in order if key in held)
        # A projected observation may hold rules that no list names; they stand behind, in our order
        rest = sorted(
            (key for key in held if key not in listed), key=lambda key: getattr(held[key].resource, "rank", 0)
        )
        for key in (*listed, *rest):
            resource, unread = held[key].resource, held[key].unreadable
            if not isinstance(resource, kind) or getattr(resource, "owner", None) != owner:
                continue
            blank = {name: value for name, value in _ANY.get(kind, {}).items() if name in unread}
            resource = replace(resource, **blank) if blank else resource
            doubt = f"{', '.join(sorted(unread))} cannot be read" if unread else ""
            yield resource, key, doubt


def segments(source: Source) -> Iterator[Segment]:
    """Every logical switch."""
    for key, name in source.switches.items():
        yield Segment(
            name=name, medium=Medium.VXLAN, fact=source.fact(key), carries=_UNDERLAY, overhead=_VXLAN
        )


def node(source: Source, key: Key) -> Node | None:
    """The node under the key of an ESG or a DLR; None where there is none."""
    observed = source.observation.get(key)
    if observed is None:
        return None
    esg = isinstance(observed.resource, nsxv.Edge)
    interfaces = {item.name: item for item in _interfaces(source, key)}
    inactive: list[str] = []
    routes = RouteTable(_routes(source, key, interfaces, inactive))
    common: dict[str, Any] = {
        "name": key.name,
        "fact": source.fact(key),
        "interfaces": interfaces,
        "routes": routes,
        "inactive": tuple(inactive),
    }
    if not esg:
        return Dlr(**common, firewall=_router_firewall(source, key))
    rules = tuple(_translations(source, key))
    return Esg(
        **common,
        reverse_path=ReversePath.LOOSE,
        dnat=NatTable(rules, NatAction.DNAT),
        snat=NatTable(rules, NatAction.SNAT),
        firewall=_firewall(source, key),
        relay=_relay(source, key, interfaces.values()),
        speaker=_speaker(source, key, interfaces, routes),
        ipsec=tuple(_ipsec(source, key)),
    )


def _interfaces(source: Source, owner: Key) -> Iterator[Interface]:
    """The connected interfaces; one whose switch is gone is not."""
    for item, _ in source.of(owner, nsxv.Interface):
        on = item.network
        if not item.connected or (isinstance(on, Key) and source.observation.get(on) is None):
            continue
        segment = source.switches.get(on, on.name) if isinstance(on, Key) else on
        side = "external" if item.type is nsxv.InterfaceType.UPLINK else "internal"
        yield Interface(
            name=item.label,
            role=source.roles.get(segment, item.label),
            segment=segment,
            fact=source.fact(item.key),
            addresses=tuple(int(address) for address in item.addresses()),
            prefix=item.address.network,
            index=item.index,
            groups=(side,) if item.index is None else (f"vnic-index-{item.index}", side),
            mtu=item.mtu,
        )


def _routes(
    source: Source, owner: Key, interfaces: Mapping[str, Interface], inactive: list[str]
) -> Iterator[Route]:
    for item in interfaces.values():
        if item.prefix is not None:
            yield Route(prefix=item.prefix, interface=item.name, fact=item.fact)
    for route, _ in source.of(owner, nsxv.StaticRoute):
        egress = _egress(route, interfaces.values())
        if egress is None:
            inactive.append(f"{route.network} via {route.next_hop}: no interface reaches that next hop")
            continue
        yield Route(
            prefix=route.network,
            interface=egress.name,
            fact=source.fact(route.key),
            next_hop=int(route.next_hop),
            distance=route.distance,
            origin=Origin.STATIC,
        )


def _egress(route: nsxv.StaticRoute, interfaces: Iterable[Interface]) -> Interface | None:
    """The interface of a static route: the next hop has to be directly reachable by it."""
    for item in interfaces:
        if route.interface is not None and item.index != route.interface:
            continue
        if item.prefix is not None and route.next_hop in item.prefix:
            return item
    return None


def _translations(source: Source, owner: Key) -> Iterator[Translation]:
    for rule, key, doubt in source.ordered(owner, nsxv.NatRule, "nat"):
        yield translation(rule, source.fact(key), doubt)


def _filters(source: Source, owner: Key) -> Iterator[Filter]:
    for rule, key, doubt in source.ordered(owner, nsxv.FirewallRule, "firewall"):
        yield Filter(rule, source.fact(key), doubt)


def _policy(source: Source, owner: Key) -> nsxv.FirewallPolicy | None:
    return next((policy for policy, _ in source.of(owner, nsxv.FirewallPolicy)), None)


def _firewall(source: Source, owner: Key) -> Firewall:
    rules = list(_filters(source, owner))
    if not any(item.rule.sources == ("vse",) and item.action is FirewallAction.ACCEPT for item in rules):
        own = nsxv.FirewallRule(
            owner=owner, rule="#131074", action=FirewallAction.ACCEPT, sources=("vse",), purpose="firewall"
        )
        rules.insert(0, Filter(own, assumed("A3")))
    policy = _policy(source, owner)
    if policy is None:
        return Firewall(rules, Policy(FirewallAction.DENY, assumed("A3")))
    return Firewall(rules, Policy(policy.default, source.fact(policy.key)), enabled=policy.enabled)


def _router_firewall(source: Source, owner: Key) -> Firewall | None:
    """A DLR's firewall; None where it is off or accepts everything, because then it decides nothing."""
    firewall = _firewall(source, owner)
    actions = {firewall.default.action, *(item.action for item in firewall.rules)}
    return firewall if firewall.enabled and actions != {FirewallAction.ACCEPT} else None


def _relay(source: Source, owner: Key, interfaces: Iterable[Interface]) -> Relay | None:
    for relay, _ in source.of(owner, nsxv.DnsRelay):
        if relay.enabled:
            inside = {number for item in interfaces if "internal" in item.groups for number in item.addresses}
            wanted = {int(address) for address in relay.listeners}
            return Relay(
                listeners=frozenset(inside & wanted if wanted else inside),
                forwarders=tuple(int(address) for address in relay.forwarders),
                fact=source.fact(relay.key),
            )
    return None


def _speaker(
    source: Source, owner: Key, interfaces: Mapping[str, Interface], routes: RouteTable
) -> Speaker | None:
    """Its BGP process; what it redistributes is what it has routes to."""
    for bgp, _ in source.of(owner, nsxv.Bgp):
        if not bgp.enabled:
            continue
        told, allowed = {Origin(item) for item in bgp.redistributes}, prefix_list(bgp.prefixes)
        announces = (
            route.prefix for route in routes.routes if route.origin in told and permits(allowed, route.prefix)
        )
        return Speaker(
            asn=bgp.asn,
            router_id=int(bgp.router_id),
            fact=source.fact(bgp.key),
            peers=tuple(_peers(source, owner, interfaces, routes)),
            announces=tuple(dict.fromkeys(announces)),
        )
    return None


def _peers(
    source: Source, owner: Key, interfaces: Mapping[str, Interface], routes: RouteTable
) -> Iterator[Peer]:
    """Its neighbours; it opens a session from the address of the interface that leads there."""
    for neighbour, _ in source.of(owner, nsxv.BgpNeighbour):
        address = int(neighbour.address)
        for route in routes.lookup(address)[:1]:
            egress = interfaces.get(route.interface)
            if egress is None or not egress.addresses:
                continue
            yield Peer(
                name=str(neighbour.address),
                local=egress.addresses[0],
                address=address,
                asn=neighbour.asn,
                fact=source.fact(neighbour.key),
                imports=None if neighbour.imports is None else prefix_list(neighbour.imports),
                exports=None if neighbour.exports is None else prefix_list(neighbour.exports),
                multihop=True,
            )


def prefix_list(filters: Iterable[nsxv.PrefixFilter]) -> PrefixList:
    """Filters as the lines of a prefix list."""
    return tuple(PrefixRule(Permission(item.action), item.network, item.ge, item.le) for item in filters)


def _ipsec(source: Source, owner: Key) -> Iterator[Ipsec]:
    """Its tunnels; where the VPN is off they are only configuration."""
    if any(not setting.enabled for setting, _ in source.of(owner, nsxv.Ipsec)):
        return
    for site, _ in source.of(owner, nsxv.IpsecSite):
        if not site.enabled:
            continue
        proposals = Proposals(site.encryption, site.digest, site.dh_group, site.pfs)
        yield Ipsec(
            name=site.site,
            local=int(site.local),
            peer=None if site.peer is None else int(site.peer),
            local_id=site.local_id,
            peer_id=site.peer_id,
            inside=site.local_subnets,
            beyond=site.peer_subnets,
            secret=str(site.psk),
            fact=source.fact(site.key),
            ike=proposals.ike,
            esp=proposals.esp,
            initiates=not site.responds_only and site.peer is not None,
        )


def vnic_firewalls(nodes: Iterable[Node], source: Source) -> list[Node]:
    """The nodes, each VM behind the distributed firewall where that was observed (rule 14)."""
    rules = sorted(source.all(nsxv.DistributedRule), key=lambda rule: rule.rank)
    if not rules:
        return list(nodes)
    vxlans = set(source.switches.values())
    return [
        replace(node, vnic=_distributed(rules, node.name, source))
        if isinstance(node, Host) and any(item.segment in vxlans for item in node.interfaces.values())
        else node
        for node in nodes
    ]


def _distributed(rules: Iterable[nsxv.DistributedRule], machine: str, source: Source) -> Firewall:
    """The rules that act at one machine; what none of them matches passes."""
    firewall = Key("nsxv.distributed-firewall", "distributed firewall")
    filters = [
        Filter(
            nsxv.FirewallRule(
                owner=firewall,
                rule=rule.rule,
                action=rule.action,
                sources=rule.sources,
                destinations=rule.destinations,
                services=rule.services,
                enabled=rule.enabled,
            ),
            source.fact(rule.key),
        )
        for rule in rules
        if not rule.applied_to or machine in rule.applied_to
    ]
    return Firewall(filters, Policy(FirewallAction.ACCEPT, assumed("A14")))
