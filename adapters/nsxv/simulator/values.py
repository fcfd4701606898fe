"""The configuration of an edge's features, as values.

They are frozen and replaced whole, so a change that is refused half-way has changed nothing. Fields are
marked for `dump` as in `state`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.nsxv.simulator.marks import GENERATED, UNORDERED


class NatAction(StrEnum):
    """Which address a NAT rule translates."""

    SNAT = "snat"
    DNAT = "dnat"


class FirewallAction(StrEnum):
    """What the edge firewall does with a packet."""

    ACCEPT = "accept"
    DENY = "deny"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What every rule has. `tag` is None where the client gave none; the manager then shows the id."""

    id: int = field(default=0, metadata=GENERATED)
    tag: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NatRule(Rule):
    """One NAT rule."""

    action: NatAction
    vnic: str = ""
    original: str
    translated: str
    protocol: str
    icmp_type: str = ""
    original_port: str
    translated_port: str
    match_address: str
    match_port: str
    logging: bool
    enabled: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nat:
    """The NAT configuration of an ESG."""

    enabled: bool = True
    rules: tuple[NatRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A firewall rule's source or destination; without a member it is any."""

    exclude: bool = False
    addresses: tuple[str, ...] = ()
    vnic_groups: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it restricts anything."""
        return bool(self.addresses or self.vnic_groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A protocol, and its ports where it has them."""

    protocol: str
    ports: tuple[str, ...] = ()
    source_ports: tuple[str, ...] = ()
    icmp_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallRule(Rule):
    """One user's rule of an edge's firewall."""

    name: str = ""
    source: Endpoint = Endpoint()
    destination: Endpoint = Endpoint()
    services: tuple[Service, ...] = ()
    match_translated: bool = False
    direction: str = ""
    action: FirewallAction
    enabled: bool = True
    logging: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultPolicy:
    """What happens to a packet that no rule matches."""

    action: FirewallAction = FirewallAction.DENY
    logging: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewall:
    """The firewall of an edge. `settings` is `<globalConfig>`, every element of it."""

    enabled: bool = True
    settings: Mapping[str, bool | int]
    policy: DefaultPolicy = DefaultPolicy()
    rules: tuple[FirewallRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Whether a feature logs, and how much."""

    enabled: bool = False
    level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class IpPrefix:
    """A named prefix that redistribution rules point to."""

    name: str
    network: str
    ge: int | None
    le: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingGlobal:
    """What static and dynamic routing share."""

    router_id: str = ""
    ecmp: bool = False
    logging: Logging = Logging()
    prefixes: tuple[IpPrefix, ...] = field(default=(), metadata=UNORDERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """One static route; several with one network share its traffic."""

    network: str
    next_hop: str
    vnic: str = ""
    mtu: int | None = None
    distance: int = 1
    locale: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultRoute:
    """Where everything else goes."""

    gateway: str
    vnic: str = ""
    mtu: int | None = None
    distance: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpFilter:
    """What a neighbour may tell (`in`) or is told (`out`); the first that holds a prefix decides."""

    direction: str
    action: str
    network: str
    ge: int | None
    le: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BgpNeighbour:
    """One BGP neighbour. `forwarding` and `protocol` are a DLR's."""

    address: str
    asn: int
    weight: int
    hold: int
    keepalive: int
    forwarding: str
    protocol: str
    remove_private: bool
    password: str = field(repr=False, metadata=GENERATED)
    filters: tuple[BgpFilter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedistributionRule:
    """Which routes are told to neighbours, or not."""

    prefix: str
    sources: tuple[str, ...]
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bgp:
    """The BGP process of an edge, which has one only while it is enabled."""

    asn: int
    graceful_restart: bool
    default_originate: bool
    neighbours: tuple[BgpNeighbour, ...] = field(metadata=UNORDERED)
    redistributes: bool
    rules: tuple[RedistributionRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The routing of an edge."""

    settings: RoutingGlobal = RoutingGlobal()
    routes: tuple[StaticRoute, ...] = field(default=(), metadata=UNORDERED)
    default: DefaultRoute | None = None
    bgp: Bgp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpsecSite:
    """One policy-based tunnel. `peer` may be `any`; then the key of all such tunnels is the section's."""

    id: str = field(metadata=GENERATED)
    enabled: bool
    name: str
    description: str
    local_id: str
    local: str
    peer_id: str
    peer: str
    encryption: str
    authentication: str
    psk: str = field(repr=False, metadata=GENERATED)
    pfs: bool
    dh_group: str
    local_subnets: tuple[str, ...] = field(metadata=UNORDERED)
    peer_subnets: tuple[str, ...] = field(metadata=UNORDERED)
    ike: str
    digest: str
    responder_only: bool
    extension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ipsec:
    """The IPsec VPN of an ESG. What an untouched one logs is from the guide's description of DELETE."""

    enabled: bool = False
    events: bool = True
    logging: Logging = Logging(enabled=True, level="warning")
    sites: tuple[IpsecSite, ...] = field(default=(), metadata=UNORDERED)
    psk: str = field(default="", repr=False, metadata=GENERATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """The DNS relay of an ESG. No listener means every vNIC."""

    enabled: bool = False
    cache_mb: int = 16
    listeners: tuple[str, ...] = field(default=(), metadata=UNORDERED)
    recursion: bool = False
    forwarders: tuple[str, ...] = ()
    logging: Logging = Logging()


@dataclass(frozen=True, slots=True, kw_only=True)
class Syslog:
    """Where an edge sends its log."""

    enabled: bool = False
    protocol: str = "udp"
    servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HighAvailability:
    """Whether the two appliances of an edge watch each other."""

    enabled: bool = False
    vnic: str = ""
    addresses: tuple[str, ...] = ()
    dead_time: int = 15
    logging: Logging = Logging()


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoConfiguration:
    """Whether the manager plumbs the firewall rules that the edge's own services need, and where."""

    enabled: bool = True
    priority: str = "high"
