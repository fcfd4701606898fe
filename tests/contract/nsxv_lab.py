"""A small site with an NSX Manager, and the words that its contract is written in."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, TypeVar

import httpx

from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from adapters.nsxv.provider.ipsec import MASKED
from adapters.nsxv.simulator import NsxManager, Options
from adapters.nsxv.xml import Element, parse
from adapters.simulated.faults import Fault, Faults, parse_fault
from hopbook.engine.change import Action, Change, Observation, Outcome, Result, Scope
from hopbook.engine.plan import field_changes
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    DnsRelay,
    Edge,
    EdgeSize,
    FilterAction,
    FirewallAction,
    FirewallPolicy,
    FirewallRule,
    HighAvailability,
    Interface,
    InterfaceType,
    Ipsec,
    IpsecSite,
    IpsecTunnel,
    LogicalSwitch,
    NatAction,
    NatRule,
    Placement,
    PrefixFilter,
    Redistributed,
    Router,
    Service,
    StaticRoute,
    Syslog,
)
from hopbook.secret import Secret

USER, PASSWORD, CLI_PASSWORD = "admin", "n5x-Secret!", "cl1-S3cret-of-the-edge"
PSK = "p5k-S3cret<&>of-the-tunnel"
SITE, ZONE, ZONE_NAME, PUBLIC, MANAGEMENT = "lab", "vdnscope-1", "icp-zone", "dvportgroup-1", "dvportgroup-2"
ESG, DLR = Key(Edge.kind, "icp-esg"), Key(Router.kind, "icp-dlr")

R = TypeVar("R", bound=Resource)


class Trouble:
    """Faults that a test asks for when everything stands."""

    def __init__(self) -> None:
        self._faults = Faults()

    def arm(self, *notations: str) -> None:
        """Have these, and none of before."""
        self._faults = Faults(parse_fault(f"nsxv:{notation}") for notation in notations)

    def take(self, system: str, method: str, path: str) -> Fault | None:
        return self._faults.take(system, method, path)


@dataclass
class Lab:
    """A manager and the provider that speaks to it."""

    manager: NsxManager
    trouble: Trouble
    client: NsxClient
    provider: NsxProvider = field(init=False)
    waited: list[float] = field(default_factory=list)
    cli_password: Secret = Secret(CLI_PASSWORD)  # noqa: RUF009 - a secret does not change
    psk: Secret = Secret(PSK)  # noqa: RUF009

    def __post_init__(self) -> None:
        self.provider = NsxProvider(
            self.client,
            site=SITE,
            protected=frozenset({"mgmt-edge"}),
            resolve=lambda ref: self.psk if ref.name == "PSK" else self.cli_password,
            sleep=self.waited.append,
        )

    @classmethod
    def open(
        cls,
        manager: NsxManager,
        trouble: Trouble,
        url: str,
        *,
        transport: httpx.BaseTransport | None = None,
        verify: ssl.SSLContext | None = None,
        fingerprint: str | None = None,
    ) -> "Lab":
        """Join a provider to a manager that `url` (or `transport`) leads to."""
        waited: list[float] = []
        client = NsxClient(
            url,
            USER,
            Secret(PASSWORD),
            transport=transport,
            verify=verify,
            fingerprint=fingerprint,
            sleep=waited.append,
        )
        return cls(manager, trouble, client, waited)

    def apply(self, *changes: Change) -> list[Outcome]:
        """Make changes of one lane so."""
        return list(self.provider.apply(changes, lambda _: None))

    def done(self, *changes: Change) -> None:
        """Make changes so, and have all of them succeed."""
        outcomes = self.apply(*changes)
        assert [
            outcome.key for outcome in outcomes if outcome.result in {Result.REFUSED, Result.UNKNOWN}
        ] == [], outcomes
        assert {outcome.key for outcome in outcomes} == {change.key for change in changes}

    def see(self, *keys: Key) -> Observation:
        """Observe what these live in."""
        return self.provider.observe(Scope(frozenset(keys)))

    def live(self, key: Key) -> Resource:
        """What stands under a key."""
        return self.see(key).items[key].resource

    def by_hand(self, method: str, path: str, document: str, **query: str) -> str:
        """What somebody does beside Hopbook; returns the id of what is made."""
        return self.client.change(method, path, parse(document.encode()), query=query)

    def since(self, count: int) -> list[tuple[str, str]]:
        """The requests behind the first `count`."""
        return self.manager.requests[count:]

    def section(self, path: str) -> Element:
        """A part of the ESG as NSX tells it now."""
        return self.client.read(f"/api/4.0/edges/{self.edge_id()}/{path}")

    def edge_id(self, name: str = ESG.name) -> str:
        """The id of an edge."""
        handle = self.see(ESG, DLR).items[ESG if name == ESG.name else DLR].handle
        assert handle
        return handle


def seeded(trouble: Trouble, **options: Any) -> NsxManager:
    """A manager that knows a datacenter and its networks, and no edge."""
    manager = NsxManager(username=USER, password=PASSWORD, faults=trouble, options=Options(**options))
    manager.add_transport_zone(ZONE_NAME, id=ZONE)
    manager.add_network(PUBLIC, "public")
    manager.add_network(MANAGEMENT, "management")
    manager.add_datacenter("datacenter-2", "dc")
    for place in ("1", "2"):
        manager.add_resource_pool(f"resgroup-{place}", f"pool {place}")
        manager.add_datastore(f"datastore-{place}", f"store {place}")
    return manager


# Changes, as the engine makes them


def create(resource: Resource, above: Key | None = None) -> Change:
    return Change(action=Action.CREATE, key=resource.key, after=resource, above=above)


def update(before: Resource, after: Resource, above: Key | None = None, *, moved: bool = False) -> Change:
    return Change(
        action=Action.UPDATE,
        key=after.key,
        before=before,
        after=after,
        fields=field_changes(before, after),
        above=above,
        moved=moved,
    )


def delete(resource: Resource) -> Change:
    return Change(action=Action.DELETE, key=resource.key, before=resource)


def adopt(found: Key, before: Resource, after: Resource) -> Change:
    return replace(update(before, after), action=Action.ADOPT, adopts=found if found != after.key else None)


def release(before: Resource, after: Resource) -> Change:
    return replace(update(before, after), action=Action.RELEASE, key=before.key)


# Resources

PLACES = (Placement("resgroup-1", "datastore-1"), Placement("resgroup-2", "datastore-2"))
SWITCH = LogicalSwitch(switch="icp-workers", zone=ZONE_NAME, purpose="Workers of ICP")
TRANSIT = LogicalSwitch(switch="icp-transit", zone=ZONE_NAME)
EDGE = Edge(
    edge=ESG.name,
    datacenter="datacenter-2",
    size=EdgeSize.LARGE,
    placements=PLACES,
    cli_password=SecretRef("env", "EDGE_PASSWORD"),
)
UPLINK = Interface(
    owner=ESG,
    label="public",
    index=0,
    type=InterfaceType.UPLINK,
    network=PUBLIC,
    address=IPv4Interface("203.0.113.2/24"),
    secondaries=(IPv4Address("203.0.113.10"), IPv4Address("203.0.113.9")),
)
INSIDE = Interface(
    owner=ESG,
    label="transit",
    index=1,
    type=InterfaceType.INTERNAL,
    network=TRANSIT.key,
    address=IPv4Interface("10.9.0.1/29"),
    mtu=1600,
)
ROUTER = Router(
    router=DLR.name,
    datacenter="datacenter-2",
    placements=PLACES[:1],
    cli_password=SecretRef("env", "EDGE_PASSWORD"),
    ha_network=MANAGEMENT,
)
LIF_UP = Interface(
    owner=DLR,
    label="transit",
    index=None,
    type=InterfaceType.UPLINK,
    network=TRANSIT.key,
    address=IPv4Interface("10.9.0.2/29"),
)
LIF_IN = Interface(
    owner=DLR,
    label="workers",
    index=None,
    type=InterfaceType.INTERNAL,
    network=SWITCH.key,
    address=IPv4Interface("10.1.0.1/24"),
)
DEFAULT = StaticRoute(
    owner=ESG, network=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("203.0.113.1"), interface=0
)
ROUTE = StaticRoute(
    owner=ESG,
    network=IPv4Network("10.1.0.0/24"),
    next_hop=IPv4Address("10.9.0.2"),
    distance=5,
    purpose="workers, behind the DLR",
)
SNAT = NatRule(
    owner=ESG,
    rule="snat-internet",
    action=NatAction.SNAT,
    interface=0,
    original="10.1.0.0/24",
    translated="203.0.113.9",
    purpose="To the internet",
)
DNAT = NatRule(
    owner=ESG,
    rule="dnat-console",
    action=NatAction.DNAT,
    interface=0,
    original="203.0.113.10",
    translated="10.1.0.5",
    protocol="tcp",
    original_port="443",
    translated_port="8443",
    match="198.51.100.0/24",
    logging=True,
)
ALLOW = FirewallRule(
    owner=ESG,
    rule="allow-dns",
    action=FirewallAction.ACCEPT,
    sources=("10.1.0.0/24", "internal"),
    destinations=("10.0.80.11", "10.0.80.12"),
    services=(Service("udp", ("53",)), Service("tcp", ("53", "853"))),
    purpose="Names",
)
DENY = FirewallRule(
    owner=ESG, rule="deny-rest", action=FirewallAction.DENY, sources=("10.0.0.0/8",), logging=True
)
POLICY = FirewallPolicy(owner=ESG, default=FirewallAction.REJECT, logging=True)
RELAY = DnsRelay(
    owner=ESG,
    enabled=True,
    listeners=(IPv4Address("10.9.0.1"),),
    forwarders=(IPv4Address("10.0.80.12"), IPv4Address("10.0.80.11")),
    cache_mb=32,
)
PAIR = HighAvailability(owner=ESG, enabled=True, dead_time=9)
LOG = Syslog(owner=ESG, enabled=True, protocol="tcp", servers=(IPv4Address("10.0.80.20"),))
BGP = Bgp(
    owner=ESG,
    enabled=True,
    asn=65010,
    router_id=IPv4Address("203.0.113.2"),
    redistributes=(Redistributed.STATIC, Redistributed.CONNECTED),
    prefixes=(
        PrefixFilter(action=FilterAction.DENY, network=IPv4Network("10.1.0.0/25")),
        PrefixFilter(action=FilterAction.PERMIT, network=IPv4Network("10.1.0.0/16"), ge=17, le=28),
    ),
)
PEER = BgpNeighbour(
    owner=ESG,
    address=IPv4Address("203.0.113.60"),
    asn=64512,
    imports=(PrefixFilter(action=FilterAction.PERMIT, network=IPv4Network("172.30.0.0/16"), ge=26, le=32),),
    exports=(),
)
OPEN_PEER = replace(
    PEER, address=IPv4Address("203.0.113.61"), asn=65010, imports=None, exports=None, hold=3, keepalive=1
)
VPN = Ipsec(owner=ESG, enabled=True)
TUNNEL = IpsecSite(
    owner=ESG,
    site="iks-a",
    local=IPv4Address("203.0.113.10"),
    local_id="on-prem",
    local_subnets=(IPv4Network("10.1.0.0/24"), IPv4Network("10.2.0.0/24")),
    peer=IPv4Address("198.51.100.7"),
    peer_id="ibm-cloud",
    peer_subnets=(IPv4Network("172.30.0.0/16"),),
    psk=SecretRef("env", "PSK"),
)
SESSION = BgpSession(owner=ESG, address=PEER.address)
UP = IpsecTunnel(owner=ESG, site=TUNNEL.site)

ON_ESG: tuple[Resource, ...] = (
    EDGE,
    UPLINK,
    INSIDE,
    DEFAULT,
    ROUTE,
    SNAT,
    DNAT,
    ALLOW,
    DENY,
    RELAY,
    PAIR,
    LOG,
    BGP,
    PEER,
    OPEN_PEER,
    VPN,
    TUNNEL,
    POLICY,
)
ON_DLR: tuple[Resource, ...] = (ROUTER, LIF_UP, LIF_IN)
ALL: tuple[Resource, ...] = (SWITCH, TRANSIT, *ON_ESG, *ON_DLR)


def as_shown(resource: R) -> R:
    """The resource as it can be read back: NSX never shows a password, and a key only to who asks."""
    if isinstance(resource, Edge | Router):
        return replace(resource, cli_password=None)
    if isinstance(resource, IpsecSite):
        return replace(resource, psk=MASKED)
    return resource


def build(lab: Lab, resources: Iterable[Resource] = ALL) -> None:
    """Make resources, each lane in one batch."""
    lanes: dict[str, list[Change]] = {}
    for resource in resources:
        lanes.setdefault(lab.provider.kinds[resource.kind].lane(resource), []).append(create(resource))
    for batch in lanes.values():
        lab.done(*batch)
