"""What the manager knows: edges with their interfaces and appliances, logical switches, transport zones.

Only an edge and a switch change in place; everything in them is a value that another one replaces.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from adapters.nsxv.simulator.marks import GENERATED, MOID, UNORDERED
from adapters.nsxv.simulator.values import (
    AutoConfiguration,
    Dns,
    Firewall,
    HighAvailability,
    Ipsec,
    Nat,
    Routing,
    Syslog,
)

FIRST_NAT_ID = 196609
DEFAULT_POLICY_ID = 131073
FIREWALL_RULE_ID = 131074


class EdgeType(StrEnum):
    """What an edge is."""

    GATEWAY = "gatewayServices"
    ROUTER = "distributedRouter"


class EdgeSize(StrEnum):
    """The appliance sizes of an ESG."""

    COMPACT = "compact"
    LARGE = "large"
    QUADLARGE = "quadlarge"
    XLARGE = "xlarge"


class VnicType(StrEnum):
    """What a vNIC is connected to."""

    INTERNAL = "internal"
    UPLINK = "uplink"
    TRUNK = "trunk"


class LifType(StrEnum):
    """Which side of a DLR an interface is on."""

    INTERNAL = "internal"
    UPLINK = "uplink"


class ControlPlane(StrEnum):
    """How a logical switch learns where a MAC address is."""

    UNICAST = "UNICAST_MODE"
    HYBRID = "HYBRID_MODE"
    MULTICAST = "MULTICAST_MODE"


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """The addresses of an interface on one subnet."""

    primary: str
    secondary: tuple[str, ...]
    prefix: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vnic:
    """One of the ten slots of an ESG."""

    index: int
    name: str
    type: VnicType = VnicType.INTERNAL
    network: str = field(default="", metadata=MOID)
    groups: tuple[AddressGroup, ...] = ()
    mtu: int = 1500
    proxy_arp: bool = False
    redirects: bool = True
    connected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lif:
    """A logical interface of a DLR."""

    index: int = field(metadata=GENERATED)
    name: str
    type: LifType
    network: str = field(metadata=MOID)
    groups: tuple[AddressGroup, ...]
    mtu: int
    connected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementInterface:
    """Where a DLR's control VM can be reached."""

    network: str = field(metadata=MOID)
    groups: tuple[AddressGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """One VM of an edge."""

    vm: str = field(metadata=GENERATED)
    pool: str
    datastore: str
    host: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CliSettings:
    """The edge's own login. Nothing ever gives the password back."""

    user: str = "admin"
    password: str = field(default="", repr=False, metadata=GENERATED)
    remote_access: bool = False
    banner: str = ""
    expiry: int = 99999


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryDaemon:
    """Whether the edge answers load balancer health queries."""

    enabled: bool = False
    port: int = 5666


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsClient:
    """The edge's own resolver."""

    primary: str = ""
    secondary: str = ""
    domain: str = ""


@dataclass(slots=True, kw_only=True)
class Edge:
    """An ESG or a DLR.

    `name` and `fqdn` are empty where the client gave none; `shown_name` is what the manager makes of it.
    `versions` holds the edge's version at each feature's last change.
    """

    id: str = field(metadata=GENERATED)
    type: EdgeType
    name: str
    tenant: str
    description: str
    fqdn: str
    datacenter: str
    size: EdgeSize
    appliances: tuple[Appliance, ...]
    log_level: str
    aesni: bool
    fips: bool
    cli: CliSettings
    dns_client: DnsClient
    daemon: QueryDaemon
    auto: AutoConfiguration
    vnics: dict[int, Vnic] = field(default_factory=dict)
    lifs: dict[int, Lif] = field(default_factory=dict, metadata=UNORDERED)
    management: ManagementInterface | None = None
    nat: Nat = field(default_factory=Nat)
    firewall: Firewall
    routing: Routing = field(default_factory=Routing)
    dns: Dns = field(default_factory=Dns)
    ipsec: Ipsec = field(default_factory=Ipsec)
    syslog: Syslog = field(default_factory=Syslog)
    high_availability: HighAvailability = field(default_factory=HighAvailability)
    version: int = field(default=1, metadata=GENERATED)
    versions: dict[str, int] = field(default_factory=dict, metadata=GENERATED)
    last_nat_id: int = field(default=FIRST_NAT_ID - 1, metadata=GENERATED)
    last_firewall_id: int = field(default=FIREWALL_RULE_ID, metadata=GENERATED)
    auto_rule_ids: dict[str, int] = field(default_factory=dict, metadata=GENERATED)

    @property
    def shown_name(self) -> str:
        """NSX-V API guide 6.4, edges: the name defaults to `NSX-<edgeId>`."""
        return self.name or f"NSX-{self.id}"

    def interfaces(self) -> list[Vnic | Lif]:
        """Those of either type of edge."""
        return [*self.vnics.values(), *self.lifs.values()]

    def touch(self, feature: str = "") -> None:
        """Count an accepted change of the edge, and say which feature's it was."""
        self.version += 1
        if feature:
            self.versions[feature] = self.version

    def feature_version(self, feature: str) -> int:
        """The edge's version at that feature's last change."""
        return self.versions.get(feature, 1)


@dataclass(slots=True, kw_only=True)
class Switch:
    """A logical switch."""

    id: str
    zone: str
    name: str
    description: str
    tenant: str
    control_plane: ControlPlane
    guest_vlan: bool
    vni: int
    backing: str
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A transport zone."""

    id: str
    name: str
    control_plane: ControlPlane = ControlPlane.UNICAST
