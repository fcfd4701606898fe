"""NSX-V, as desired state: logical switches, edges, routers and what they carry.

Fields, choices and defaults are those of the NSX for vSphere API guide 6.4. Everything that belongs to an
edge names it by `Key`, so that one edge is one lane of work. Identity: switches, NAT and firewall rules
carry our marker in their description (NSX allows two of the same name); the rest has a natural key (an
edge's name is unique for its tenant, an interface is a numbered slot, a route is its prefix and next hop).

What can be spelt in several ways (`10.0.0.5/32`, `ANY`, a list whose order says nothing) is brought to one
spelling when a resource is made, so that equal resources are equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import ClassVar

from hopbook.resources import spans
from hopbook.resources.base import Key, Resource, SecretRef, known


def _respell(resource: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(resource, name, value)


class EdgeSize(StrEnum):
    """The appliance sizes of an ESG (NSX-V API guide 6.4, edges)."""

    COMPACT = "compact"
    LARGE = "large"
    QUADLARGE = "quadlarge"
    XLARGE = "xlarge"


class InterfaceType(StrEnum):
    """Which side of an edge an interface is on."""

    UPLINK = "uplink"
    INTERNAL = "internal"


class NatAction(StrEnum):
    """Which address of a packet a NAT rule translates."""

    SNAT = "snat"
    DNAT = "dnat"


class FirewallAction(StrEnum):
    """What the edge firewall does with a packet."""

    ACCEPT = "accept"
    DENY = "deny"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an appliance goes, as vCenter's managed object ids (`resgroup-20`, `datastore-23`)."""

    resource_pool: str
    datastore: str


@known
@dataclass(frozen=True, kw_only=True)
class LogicalSwitch(Resource):
    """A VXLAN segment in a transport zone, which is called by its name."""

    kind: ClassVar[str] = "nsxv.logical-switch"

    switch: str
    zone: str
    purpose: str = ""
    tenant: str = "default"

    @property
    def name(self) -> str:
        """The switch's name in NSX."""
        return self.switch

    def title(self) -> str:
        """For a sentence."""
        return f"logical switch {self.switch}"


@known
@dataclass(frozen=True, kw_only=True)
class Edge(Resource):
    """An Edge Services Gateway: its appliances, without what it carries."""

    kind: ClassVar[str] = "nsxv.edge"

    edge: str
    datacenter: str
    size: EdgeSize
    placements: tuple[Placement, ...]  # one appliance each; two make an HA pair
    cli_user: str = "admin"
    cli_password: SecretRef | None = None
    tenant: str = "default"

    @property
    def name(self) -> str:
        """The edge's name in NSX, unique for its tenant."""
        return self.edge

    def title(self) -> str:
        """For a sentence."""
        return f"ESG {self.edge}"


@known
@dataclass(frozen=True, kw_only=True)
class Router(Resource):
    """A distributed logical router with its control VM."""

    kind: ClassVar[str] = "nsxv.router"

    router: str
    datacenter: str
    placements: tuple[Placement, ...]
    cli_user: str = "admin"
    cli_password: SecretRef | None = None
    tenant: str = "default"
    ha_network: Key | str = ""  # where the control VM's management interface is connected

    @property
    def name(self) -> str:
        """The router's name in NSX, unique for its tenant."""
        return self.router

    def title(self) -> str:
        """For a sentence."""
        return f"DLR {self.router}"


@known
@dataclass(frozen=True, kw_only=True)
class Interface(Resource):
    """A numbered vNIC of an ESG, or a logical interface of a DLR.

    On an ESG `index` is the slot, 0 to 9. A DLR numbers its own (2 and up uplinks, 10 and up internal), so
    there `index` is None and the connected network is what tells two apart.
    """

    kind: ClassVar[str] = "nsxv.interface"

    owner: Key
    label: str
    index: int | None
    type: InterfaceType
    network: Key | str  # a logical switch, or a port group's id
    address: IPv4Interface
    secondaries: tuple[IPv4Address, ...] = ()
    mtu: int = 1500
    connected: bool = True

    @property
    def name(self) -> str:
        """Owner and label: `icp-esg/private`."""
        return f"{self.owner.name}/{self.label}"

    def title(self) -> str:
        """For a sentence."""
        return f"interface {self.label} of {self.owner.name}"

    def __post_init__(self) -> None:
        _respell(self, secondaries=tuple(sorted(set(self.secondaries))))

    def addresses(self) -> tuple[IPv4Address, ...]:
        """Every address that it answers for."""
        return (self.address.ip, *self.secondaries)


@known
@dataclass(frozen=True, kw_only=True)
class StaticRoute(Resource):
    """A static route of an ESG or DLR; 0.0.0.0/0 is its default route."""

    kind: ClassVar[str] = "nsxv.static-route"

    owner: Key
    network: IPv4Network
    next_hop: IPv4Address
    interface: int | None = None  # the vNIC's index; None lets the edge choose
    distance: int = 1
    purpose: str = ""

    @property
    def name(self) -> str:
        """Owner, prefix and next hop; a default route is one a router."""
        if self.network.prefixlen == 0:
            return f"{self.owner.name}/default"
        return f"{self.owner.name}/{self.network}-{self.next_hop}"

    def title(self) -> str:
        """For a sentence."""
        return f"route {self.network} via {self.next_hop} on {self.owner.name}"


@known
@dataclass(frozen=True, kw_only=True)
class NatRule(Resource):
    """One NAT rule of an ESG. First match wins; `rank` orders our rules among themselves.

    Attributes:
        interface: The vNIC's index. Ours name one: private and public SNAT tell each other apart only by
            it. Only a rule of somebody else may have None, which is any.
        original: For SNAT the source, for DNAT the destination: `any`, an address, a range or a prefix.
        match: The other side that must match: destination for SNAT, source for DNAT.
    """

    kind: ClassVar[str] = "nsxv.nat-rule"

    owner: Key
    rule: str = field(metadata={"compare": False})  # NSX gives a NAT rule no name; our marker holds it
    action: NatAction
    interface: int | None
    original: str
    translated: str
    protocol: str = "any"
    original_port: str = "any"
    translated_port: str = "any"
    match: str = "any"
    match_port: str = "any"
    enabled: bool = True
    logging: bool = False
    purpose: str = ""
    rank: int = field(default=0, metadata={"compare": False})

    def __post_init__(self) -> None:
        addresses = {name: getattr(self, name) for name in ("original", "translated", "match")}
        ports = {name: getattr(self, name) for name in ("original_port", "translated_port", "match_port")}
        _respell(self, protocol=spans.canonical_protocol(self.protocol))
        _respell(self, **{name: spans.canonical_address(value) for name, value in addresses.items()})
        _respell(self, **{name: spans.canonical_port(value) for name, value in ports.items()})

    @property
    def name(self) -> str:
        """Owner and the rule's short name: `icp-esg/snat-internet`."""
        return f"{self.owner.name}/{self.rule}"

    def title(self) -> str:
        """For a sentence."""
        return f"{self.action.upper()} {self.rule} on {self.owner.name}"


@dataclass(frozen=True, slots=True)
class Service:
    """A protocol with ports (`443`, `30000-32767`); none means any."""

    protocol: str
    ports: tuple[str, ...] = ()


@known
@dataclass(frozen=True, kw_only=True)
class FirewallRule(Resource):
    """One rule of an edge's firewall. Empty sources, destinations or services mean any.

    Sources and destinations are addresses, ranges, prefixes, or a group of interfaces of the edge
    (`vnic-index-1`, `internal`, `external`, `vse`: the edge itself). A destination is compared before DNAT
    unless `match_translated`. Rules of others may hold what only NSX can look into: `ipset-4`, `!10.0.0.0/8`.
    """

    kind: ClassVar[str] = "nsxv.firewall-rule"

    owner: Key
    rule: str
    action: FirewallAction
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    match_translated: bool = False
    enabled: bool = True
    logging: bool = False
    purpose: str = ""
    rank: int = field(default=0, metadata={"compare": False})

    def __post_init__(self) -> None:
        services = spans.canonical_matches((item.protocol, item.ports) for item in self.services)
        _respell(self, services=tuple(Service(*item) for item in services))
        _respell(self, sources=spans.canonical_addresses(self.sources))
        _respell(self, destinations=spans.canonical_addresses(self.destinations))

    @property
    def name(self) -> str:
        """Owner and the rule's short name."""
        return f"{self.owner.name}/{self.rule}"

    def title(self) -> str:
        """For a sentence."""
        return f"firewall rule {self.rule} on {self.owner.name}"


@dataclass(frozen=True, kw_only=True)
class EdgeSetting(Resource):
    """A part of an edge that always exists: it is changed and put back, never created or deleted."""

    owner: Key

    @property
    def name(self) -> str:
        """The owner's name: there is one a router."""
        return self.owner.name

    def title(self) -> str:
        """For a sentence."""
        return f"{self.kind.removeprefix('nsxv.')} of {self.owner.name}"


@known
@dataclass(frozen=True, kw_only=True)
class FirewallPolicy(EdgeSetting):
    """Whether the edge firewall works (NAT needs it) and what it does when no rule matches."""

    kind: ClassVar[str] = "nsxv.firewall-policy"

    enabled: bool = True
    default: FirewallAction = FirewallAction.DENY
    logging: bool = False


@known
@dataclass(frozen=True, kw_only=True)
class DnsRelay(EdgeSetting):
    """The edge's DNS relay; at most two forwarders, listeners are internal addresses of the edge."""

    kind: ClassVar[str] = "nsxv.dns-relay"

    enabled: bool = False
    listeners: tuple[IPv4Address, ...] = ()  # none: on every internal interface
    forwarders: tuple[IPv4Address, ...] = ()
    cache_mb: int = 16

    def __post_init__(self) -> None:
        _respell(self, listeners=tuple(sorted(set(self.listeners))))


@known
@dataclass(frozen=True, kw_only=True)
class HighAvailability(EdgeSetting):
    """Whether the two appliances of an edge watch each other."""

    kind: ClassVar[str] = "nsxv.high-availability"

    enabled: bool = False
    dead_time: int = 15  # seconds


@known
@dataclass(frozen=True, kw_only=True)
class Syslog(EdgeSetting):
    """Where the edge sends its log; at most two servers."""

    kind: ClassVar[str] = "nsxv.syslog"

    enabled: bool = False
    protocol: str = "udp"
    servers: tuple[IPv4Address, ...] = ()

    def __post_init__(self) -> None:
        _respell(self, protocol=self.protocol.lower(), servers=tuple(sorted(set(self.servers))))


class FilterAction(StrEnum):
    """What a prefix filter does with a route."""

    PERMIT = "permit"
    DENY = "deny"


class Redistributed(StrEnum):
    """Routes that an edge may tell its BGP neighbours beside those that it learned."""

    CONNECTED = "connected"
    STATIC = "static"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixFilter:
    """One line of a prefix list; without `ge` and `le` it holds just that length."""

    action: FilterAction
    network: IPv4Network
    ge: int | None = None
    le: int | None = None


def _first_match(filters: Iterable[PrefixFilter]) -> tuple[PrefixFilter, ...]:
    """A list without the lines at its end that deny everything, as its end does anyway."""
    kept = list(filters)
    while kept and kept[-1] in _NOTHING:
        kept.pop()
    return tuple(kept)


_NO_ROUTER = IPv4Address(0)
_NOTHING = tuple(
    PrefixFilter(action=FilterAction.DENY, network=IPv4Network("0.0.0.0/0"), ge=ge, le=32) for ge in (None, 0)
)


@known
@dataclass(frozen=True, kw_only=True)
class Bgp(EdgeSetting):
    """The BGP process of an ESG or DLR.

    Attributes:
        router_id: 0.0.0.0 is none, which an enabled process cannot have.
        redistributes: Which routes it tells; `prefixes` says which of them.
        prefixes: The redistribution's prefix list, first match; the end of a list denies.
    """

    kind: ClassVar[str] = "nsxv.bgp"

    enabled: bool = False
    asn: int = 65001
    router_id: IPv4Address = _NO_ROUTER
    redistributes: tuple[Redistributed, ...] = ()
    prefixes: tuple[PrefixFilter, ...] = ()

    def __post_init__(self) -> None:
        prefixes = _first_match(self.prefixes) if self.redistributes else ()
        _respell(self, redistributes=tuple(sorted(set(self.redistributes))), prefixes=prefixes)


@known
@dataclass(frozen=True, kw_only=True)
class BgpNeighbour(Resource):
    """One BGP neighbour, with its filters; None lets everything pass, and the end of a list denies."""

    kind: ClassVar[str] = "nsxv.bgp-neighbour"

    owner: Key
    address: IPv4Address
    asn: int
    weight: int = 60
    keepalive: int = 60  # seconds
    hold: int = 180  # seconds
    imports: tuple[PrefixFilter, ...] | None = None
    exports: tuple[PrefixFilter, ...] | None = None

    def __post_init__(self) -> None:
        lists = {name: getattr(self, name) for name in ("imports", "exports")}
        _respell(self, **{name: value and _first_match(value) for name, value in lists.items()})

    @property
    def name(self) -> str:
        """Owner and address."""
        return f"{self.owner.name}/{self.address}"

    def title(self) -> str:
        """For a sentence."""
        return f"BGP neighbour {self.address} of {self.owner.name}"


@known
@dataclass(frozen=True, kw_only=True)
class BgpSession(Resource):
    """The state of a neighbour, as the edge tells it; it comes about by what both sides configure.

    Attributes:
        state: The edge's word: `Established`, `Idle`, `Active`, `Connect`.
        why: What keeps it from being established, as far as anybody can tell.
    """

    kind: ClassVar[str] = "nsxv.bgp-session"

    owner: Key
    address: IPv4Address
    state: str = "Established"
    why: str = field(default="", metadata={"compare": False})

    @property
    def name(self) -> str:
        """Owner and address."""
        return f"{self.owner.name}/{self.address}"

    def title(self) -> str:
        """For a sentence."""
        return f"BGP session of {self.owner.name} with {self.address}"


@known
@dataclass(frozen=True, kw_only=True)
class Ipsec(EdgeSetting):
    """Whether the edge's IPsec VPN works; without it its sites are only configuration."""

    kind: ClassVar[str] = "nsxv.ipsec"

    enabled: bool = False


@known
@dataclass(frozen=True, kw_only=True)
class IpsecTunnel(Resource):
    """The state of an IPsec site, as the edge tells it; it comes about by what both ends configure.

    Attributes:
        why: What keeps it from coming up: the edge's reason (`NO_PROPOSAL_CHOSEN`), and what it means.
    """

    kind: ClassVar[str] = "nsxv.ipsec-tunnel"

    owner: Key
    site: str
    up: bool = True
    why: str = field(default="", metadata={"compare": False})

    @property
    def name(self) -> str:
        """Owner and site."""
        return f"{self.owner.name}/{self.site}"

    def title(self) -> str:
        """For a sentence."""
        return f"tunnel {self.site} of {self.owner.name}"


class IpsecEncryption(StrEnum):
    """How an IPsec site encrypts."""

    AES = "aes"
    AES256 = "aes256"
    TRIPLE_DES = "3des"
    AES_GCM = "aes-gcm"


class IpsecDigest(StrEnum):
    """How an IPsec site authenticates."""

    SHA1 = "sha1"
    SHA256 = "sha-256"


class DhGroup(StrEnum):
    """The Diffie-Hellman group of an IPsec site."""

    DH2 = "dh2"
    DH5 = "dh5"
    DH14 = "dh14"
    DH15 = "dh15"
    DH16 = "dh16"


class IkeVersion(StrEnum):
    """Which key exchange an IPsec site speaks."""

    V1 = "ikev1"
    V2 = "ikev2"
    FLEX = "ikeflex"


@known
@dataclass(frozen=True, kw_only=True)
class IpsecSite(Resource):
    """A policy-based tunnel of an ESG: the selectors decide what enters it, and it adds no route (rule 6).

    Attributes:
        local: The edge's address that it uses.
        peer: The other end's address; None: any.
        responds_only: It waits for the other end.
    """

    kind: ClassVar[str] = "nsxv.ipsec-site"

    owner: Key
    site: str
    local: IPv4Address
    local_id: str
    local_subnets: tuple[IPv4Network, ...]
    peer: IPv4Address | None = None
    peer_id: str
    peer_subnets: tuple[IPv4Network, ...]
    psk: SecretRef
    encryption: IpsecEncryption = IpsecEncryption.AES256
    digest: IpsecDigest = IpsecDigest.SHA256
    dh_group: DhGroup = DhGroup.DH14
    ike: IkeVersion = IkeVersion.V2
    pfs: bool = True
    responds_only: bool = False
    enabled: bool = True

    def __post_init__(self) -> None:
        _respell(self, local_subnets=tuple(sorted(set(self.local_subnets))))
        _respell(self, peer_subnets=tuple(sorted(set(self.peer_subnets))))

    @property
    def name(self) -> str:
        """Owner and site."""
        return f"{self.owner.name}/{self.site}"

    def title(self) -> str:
        """For a sentence."""
        return f"IPsec site {self.site} of {self.owner.name}"


@known
@dataclass(frozen=True, kw_only=True)
class DistributedRule(Resource):
    """One rule of the distributed firewall, which acts at every VM's vNIC but those of edges (rule 14).

    Attributes:
        applied_to: Names of the machines at whose vNICs it acts; none: at all.
    """

    kind: ClassVar[str] = "nsxv.distributed-rule"

    rule: str
    action: FirewallAction
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    applied_to: tuple[str, ...] = ()
    enabled: bool = True
    rank: int = field(default=0, metadata={"compare": False})

    def __post_init__(self) -> None:
        services = spans.canonical_matches((item.protocol, item.ports) for item in self.services)
        _respell(self, services=tuple(Service(*item) for item in services))
        _respell(self, sources=spans.canonical_addresses(self.sources))
        _respell(self, destinations=spans.canonical_addresses(self.destinations))
        _respell(self, applied_to=tuple(sorted(set(self.applied_to))))

    @property
    def name(self) -> str:
        """The rule's short name."""
        return self.rule

    def title(self) -> str:
        """For a sentence."""
        return f"distributed firewall rule {self.rule}"
