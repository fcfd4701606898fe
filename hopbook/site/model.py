"""What a person writes about a site.

One VCS instance and all that is joined to it. Every section is optional: a runbook that needs one says so
(`hopbook.site.needs`). Addresses are plain; secrets are never here, only references to them. Field
descriptions are what `hopbook` and Prefect's forms show, with the statement of the source document that the
field encodes (`S30`).
"""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from hopbook.resources.base import SecretRef
from hopbook.resources.nsxv import EdgeSize, Placement


class Part(BaseModel):
    """A part of a site file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Name = Annotated[
    str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$", description="lower case, digits, dashes")
]
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
HostName = Annotated[
    str, Field(pattern=rf"^({_LABEL}\.)*{_LABEL}$", max_length=253, description="a DNS name: icp.example.com")
]
Port = Annotated[int, Field(ge=1, le=65535)]


def _secret_ref(value: Any) -> SecretRef:
    match value:
        case {"env": str(name)} if len(value) == 1:
            return SecretRef("env", name)
        case {"file": str(name)} if len(value) == 1:
            return SecretRef("file", name)
        case {"prefect": str(name)} if len(value) == 1:
            return SecretRef("prefect", name)
        case SecretRef():
            return value
        case _:
            pass
    message = "a secret is never written here; say where it is: {env: NAME}, {file: PATH} or {prefect: BLOCK}"
    raise ValueError(message)


def _secret_text(secret: SecretRef) -> dict[str, str]:
    return {secret.source: secret.name}


Secret = Annotated[
    SecretRef, BeforeValidator(_secret_ref), PlainSerializer(_secret_text)
]  # a dump reads back


class Egress(StrEnum):
    """How ICP nodes reach the internet (S3, S4)."""

    SNAT = "snat"
    PROXY = "proxy"


class PortableSubnet(Part):
    """A portable subnet that an ESG has an uplink in (S29, S30)."""

    subnet: IPv4Network
    gateway: IPv4Address = Field(description="IBM's router on it: the FCR (public) or the BCR (private)")
    port_group: str = Field(description="the distributed port group's managed object id: dvportgroup-38")


class Uplinks(Part):
    """The networks that the ESGs of the instance are connected to."""

    public: PortableSubnet
    private: PortableSubnet


class HostNetworks(Part):
    """Primary subnets from IBM Cloud (S25 to S28)."""

    public: IPv4Network | None = None
    private: IPv4Network


class Esxi(Part):
    """An ESXi host of the instance (S27, S28)."""

    name: Name
    vtep: IPv4Address = Field(description="the address of its VXLAN tunnel end point")


class TransportNetwork(Part):
    """The network of the VXLAN tunnel end points."""

    subnet: IPv4Network
    port_group: str = Field(description="the distributed port group's managed object id: dvportgroup-45")
    mtu: int = Field(default=9000, ge=1280, le=9216)


class Vcs(Part):
    """The vCenter Server instance."""

    datacenter: str = Field(description="vCenter's managed object id: datacenter-2")
    transport_zone: str = Field(description="the NSX transport zone's name")
    hosts: HostNetworks
    uplinks: Uplinks
    placements: tuple[Placement, ...] = Field(
        min_length=1, max_length=2, description="where edge appliances go; two make an HA pair"
    )
    esxi: tuple[Esxi, ...] = Field(default=(), description="its hosts; which machine runs where is observed")
    transport: TransportNetwork | None = None
    management_network: str = Field(
        default="", description="port group of DLR control VMs; empty: the transit switch"
    )
    protected_edges: tuple[str, ...] = Field(
        default=("mgmt-nsx-edge",), description="edges that are never touched, by name"
    )


class Transit(Part):
    """The link between an ESG and its DLR."""

    subnet: IPv4Network
    edge: IPv4Address
    router: IPv4Address


class OverlayNetwork(Part):
    """A VXLAN behind a DLR."""

    name: Name
    subnet: IPv4Network
    gateway: IPv4Address = Field(description="the DLR's address on it")
    stretched: bool = Field(default=False, description="extended by HCX: the prefix also stands on-premises")


class OverlayEdge(Part):
    """The ESG of an overlay."""

    public: IPv4Address | None = Field(default=None, description="its primary address on the public uplink")
    private: IPv4Address = Field(description="its primary address on the private uplink")
    size: EdgeSize = EdgeSize.LARGE
    ha: bool = True
    syslog: tuple[IPv4Address, ...] = Field(default=(), max_length=2)
    cli_password: Secret | None = Field(
        default=None, description="the edge's CLI password, 12 characters or more"
    )


class Overlay(Part):
    """An edge pair, ESG and DLR, and the workload networks that it serves (S2)."""

    name: Name
    edge: OverlayEdge
    transit: Transit
    networks: tuple[OverlayNetwork, ...] = Field(min_length=1)

    def network(self, name: str) -> OverlayNetwork | None:
        """The network of that name."""
        return next((network for network in self.networks if network.name == name), None)


class Vips(Part):
    """The cluster's virtual addresses (cluster_vip, proxy_vip)."""

    master: IPv4Address
    proxy: IPv4Address


class IcpNodes(Part):
    """The nodes' addresses by role (ICP 3.1.0 `hosts`)."""

    boot: tuple[IPv4Address, ...] = ()
    master: tuple[IPv4Address, ...] = Field(min_length=1)
    proxy: tuple[IPv4Address, ...] = Field(min_length=1)
    management: tuple[IPv4Address, ...] = ()
    va: tuple[IPv4Address, ...] = ()
    worker: tuple[IPv4Address, ...] = Field(min_length=1)

    def by_role(self) -> dict[str, tuple[IPv4Address, ...]]:
        """Role to addresses, in the order of the roles."""
        return {role: getattr(self, role) for role in type(self).model_fields}


class Published(Part):
    """Addresses by which clients reach the cluster's virtual addresses; the ESG owns and DNATs them (S6)."""

    master: IPv4Address
    proxy: IPv4Address
    master_name: HostName | None = None
    proxy_name: HostName | None = None
    master_ports: tuple[Port, ...] = (8001, 8443, 8500, 8600, 9443)
    proxy_ports: tuple[Port, ...] = (80, 443)
    clients: tuple[IPv4Network, ...] = Field(
        default=(IPv4Network("10.0.0.0/8"),), description="who may connect: the IBM Cloud private network"
    )
    hairpin: bool = Field(
        default=True, description="nodes reach the published addresses too (cluster_lb_address)"
    )


class PublicWeb(Part):
    """The web tier's public address on the ESG (T2.2); only where the site wants one."""

    proxy: IPv4Address
    name: HostName | None = None
    ports: tuple[Port, ...] = (80, 443)


class WebProxy(Part):
    """A web proxy on the private network (S4)."""

    address: IPv4Address
    port: Port = 3128


class Icp(Part):
    """The ICP cluster on the VCS instance (S1 to S6, S32 to S34)."""

    overlay: Name
    network: Name
    pods: IPv4Network = Field(description="network_cidr of config.yaml")
    services: IPv4Interface = Field(
        description="service_cluster_ip_range of config.yaml; host bits are legal: 10.0.0.1/24"
    )
    vips: Vips
    nodes: IcpNodes
    published: Published
    public: PublicWeb | None = None
    egress: Egress = Egress.SNAT
    proxy: WebProxy | None = None
    docker_bip: IPv4Interface = IPv4Interface("172.17.0.1/16")

    @model_validator(mode="after")
    def _proxy_is_there(self) -> "Icp":
        if self.egress is Egress.PROXY and self.proxy is None:
            message = "egress is proxy, so `proxy` has to say address and port of the web proxy"
            raise ValueError(message)
        return self


class External(Part):
    """A server outside the site that something inside needs."""

    name: Name
    host: HostName
    address: IPv4Address
    port: Port = 443
    where: Literal["internet", "private"] = "internet"


class IbmCloud(Part):
    """What IBM Cloud provides around the instance."""

    location: str = Field(description="the data centre: dal10")
    dns: tuple[IPv4Address, ...] = Field(
        default=(IPv4Address("10.0.80.11"), IPv4Address("10.0.80.12")), min_length=1, max_length=2
    )
    ntp: tuple[IPv4Address, ...] = Field(default=(IPv4Address("10.0.77.54"),), min_length=1)
    private_ranges: tuple[IPv4Network, ...] = Field(
        default=(IPv4Network("10.0.0.0/8"), IPv4Network("161.26.0.0/16"), IPv4Network("166.8.0.0/14")),
        description="what the BCR reaches",
    )
    assigned: tuple[IPv4Network, ...] = Field(default=(), description="further subnets of the account")
    client: IPv4Address | None = Field(
        default=None, description="a machine on the private network that uses ICP"
    )


class PortableSubnets(Part):
    """IKS portable subnets (S23, S24)."""

    public: IPv4Network | None = None
    private: IPv4Network | None = None


class Join(StrEnum):
    """How an IKS cluster and the instance are joined (S7 to S16)."""

    VLAN_BGP = "vlan-bgp"  # common VLAN, the ESG is the workers' BGP peer
    VPN = "vpn"  # strongSwan in the cluster, IPsec to the ESG
    STATIC_ROUTES = "static-routes"  # a route on every worker
    STATIC_DNAT = "static-dnat"  # a 10.x address of the ESG stands for the VM
    BCR_BGP = "bcr-bgp"  # workers and ESG announce their routes to the BCR


class NextHop(StrEnum):
    """By whom workers on another subnet of the common VLAN reach the ESG (rule 25)."""

    ONLINK = "onlink"  # a link-scope route on every worker
    VRA = "vra"  # a router appliance that knows the instance's ranges


class PublishedPort(Part):
    """A workload behind an address of the ESG."""

    workload: Name
    address: IPv4Address


class IksJoin(Part):
    """The way in which a cluster is joined to the overlays of the instance."""

    how: Join
    overlay: Name = Field(description="whose ESG it is joined with")
    next_hop: NextHop = NextHop.ONLINK
    vra: IPv4Address | None = Field(default=None, description="the router appliance, with next_hop vra")
    published: tuple[PublishedPort, ...] = Field(default=(), description="with static-dnat")

    @model_validator(mode="after")
    def _complete(self) -> "IksJoin":
        if self.next_hop is NextHop.VRA and self.vra is None:
            message = "next_hop is vra, so `vra` has to say the router appliance's address"
            raise ValueError(message)
        if (self.how is Join.STATIC_DNAT) != bool(self.published):
            message = "`published` belongs to static-dnat, and static-dnat needs it"
            raise ValueError(message)
        return self


class IksCluster(Part):
    """One IKS cluster (S18 to S26)."""

    name: Name
    pods: IPv4Network = IPv4Network("172.30.0.0/16")
    services: IPv4Network = IPv4Network("172.21.0.0/16")
    workers: HostNetworks
    portable: PortableSubnets = PortableSubnets()
    join: IksJoin | None = None


class Workload(Part):
    """Something that serves: a web tier in a cluster or a database VM."""

    name: Name
    kind: Literal["web", "database"]
    host: HostName | None = Field(default=None, description="its DNS name")
    on: str = Field(description="`icp`, `iks/CLUSTER`, or `OVERLAY/NETWORK` or `hcx/NETWORK` for a VM")
    address: IPv4Address | None = Field(default=None, description="a VM's address")
    port: Port = 443


class OnPremises(Part):
    """The enterprise side."""

    networks: tuple[IPv4Network, ...] = ()
    stretched: tuple[IPv4Network, ...] = Field(
        default=(), description="networks that HCX extends to the instance"
    )
    dns: tuple[IPv4Address, ...] = ()
    user: IPv4Address | None = Field(default=None, description="a machine of the corporate network")


class ConcentratorUplink(Part):
    """Where a concentrator is connected with its own address (T5.4)."""

    address: IPv4Address
    subnet: IPv4Network
    gateway: IPv4Address


class ExtendedNetwork(Part):
    """A network on-premises that HCX extends to the instance; its gateway stays on-premises (rule 28)."""

    name: Name
    subnet: IPv4Network
    gateway: IPv4Address = Field(description="the on-premises router's address on it")
    switch: str = Field(description="the logical switch that HCX made for it: L2E_sales-120-1f0c2a7e")
    mtu: int = Field(default=1500, ge=576, le=9216, description="of the machines on it")


class Hcx(Part):
    """The extension of networks by L2 concentrators (T5.3 to T5.6)."""

    enterprise: ConcentratorUplink = Field(description="the concentrator on-premises")
    cloud: ConcentratorUplink = Field(description="the one of the instance, on its private portable subnet")
    networks: tuple[ExtendedNetwork, ...] = Field(min_length=1)


class Endpoint(Part):
    """How to reach one system's API."""

    url: Annotated[
        str, Field(pattern=r"^https://[^\s/@]+(:\d+)?/?$", description="https only, without credentials")
    ]
    username: str
    password: Secret
    ca_file: str | None = Field(default=None, description="a CA to trust, as a PEM file")
    fingerprint: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}:?){32}$")] | None = Field(
        default=None, description="the server certificate's SHA-256, instead of a CA"
    )
    timeout: float = Field(default=240.0, gt=0, le=3600, description="seconds until an answer counts as lost")
    deploy_timeout: float = Field(default=1200.0, gt=0, le=7200, description="the same for deploying an edge")


class DnsEndpoint(Part):
    """The resolver that is asked for the site's names."""

    server: IPv4Address
    port: Port = 53
    timeout: float = Field(default=3.0, gt=0, le=60)


class Endpoints(Part):
    """The systems of the site; without them it can be checked, dry-run and traced."""

    nsx: Endpoint | None = None
    dns: DnsEndpoint | None = None


class Names(Part):
    """How objects are named, by template: `{site}`, `{overlay}`, `{network}`."""

    switch: str = "{overlay}-{network}"
    transit: str = "{overlay}-transit"
    edge: str = "{overlay}-esg"
    router: str = "{overlay}-dlr"


class Site(Part):
    """The whole file."""

    hopbook: Literal[1] = Field(description="version of this format")
    site: Name
    title: str = ""
    names: Names = Names()
    ibm_cloud: IbmCloud | None = None
    vcs: Vcs | None = None
    overlays: tuple[Overlay, ...] = ()
    icp: Icp | None = None
    iks: tuple[IksCluster, ...] = ()
    workloads: tuple[Workload, ...] = ()
    externals: tuple[External, ...] = Field(
        default=(), description="servers outside that runbooks prove a way to"
    )
    on_premises: OnPremises | None = None
    hcx: Hcx | None = None
    endpoints: Endpoints = Endpoints()
    accepts: tuple[str, ...] = Field(default=(), description="ids of assumptions that may count in a verdict")
    reserved: tuple[IPv4Network, ...] = Field(default=(), description="further ranges that nothing may use")
    limits: dict[str, int] = Field(
        default_factory=dict, description="configuration maximums that differ here"
    )

    def overlay(self, name: str) -> Overlay | None:
        """The overlay of that name."""
        return next((overlay for overlay in self.overlays if overlay.name == name), None)
