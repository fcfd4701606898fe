"""What a person writes about a site.

One VCS instance and all that is joined to it. Every section is optional: a runbook that needs one says so
(`hopbook.site.needs`). Addresses are plain; secrets are never here, only references to them. Field
descriptions are what `hopbook` and Prefect's forms show, with the statement of the source document that the
field encodes (`S30`).
"""

import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

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
    ssh: Port | None = Field(
        default=None, description="of the master's address, for SSH to the boot node; not there: no way in"
    )

    @model_validator(mode="after")
    def _ssh_has_a_port_of_its_own(self) -> "Published":
        if self.ssh in self.master_ports or (self.master == self.proxy and self.ssh in self.proxy_ports):
            message = f"`ssh` is {self.ssh}, which leads to the cluster; expected a port of its own"
            raise ValueError(message)
        return self


class PublicWeb(Part):
    """The web tier's public address on the ESG (T2.2); only where the site wants one."""

    proxy: IPv4Address
    name: HostName | None = None
    ports: tuple[Port, ...] = (80, 443)


class WebProxy(Part):
    """A web proxy on the private network (S4)."""

    address: IPv4Address
    port: Port = 3128


class NodeSize(Part):
    """The size of a cluster node's machine."""

    cpus: int = Field(ge=1, le=128)
    memory: int = Field(ge=1, le=4096, description="GB")
    disks: tuple[Annotated[int, Field(ge=1, le=62_000)], ...] = Field(
        min_length=1, max_length=8, description="GB each; the system's disk first"
    )


class NodeSizes(Part):
    """Sizes by role, where they are not the profile's."""

    boot: NodeSize | None = None
    master: NodeSize | None = None
    proxy: NodeSize | None = None
    management: NodeSize | None = None
    va: NodeSize | None = None
    worker: NodeSize | None = None


class InstallArchive(Part):
    """The archive of the enterprise edition's images: ibm-cloud-private-x86_64-3.1.0.tar.gz."""

    location: Annotated[str, Field(pattern=r"^(file:///\S+|https://[^\s/@]+/\S+)$")] = Field(
        description="https://…, which the boot node fetches, or file:///…, which is sent from here"
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(description="its checksum")


class Edition(StrEnum):
    """Which ICP: the community edition is pulled, the enterprise edition's archive is loaded."""

    CE = "ce"
    EE = "ee"


class Storage(StrEnum):
    """What the instance's hosts keep their data on; vSAN takes cores and memory for itself."""

    VSAN = "vsan"
    NFS = "nfs"


class Advertise(StrEnum):
    """By which address the cluster tells its clients to come (cluster_lb_address, proxy_lb_address)."""

    ADDRESS = "address"  # the published one, which the ESG translates (S6)
    NAME = "name"  # the DNS name of it
    VIRTUAL = "virtual"  # none: clients are told the virtual address itself


class ServiceRange(StrEnum):
    """How `service_cluster_ip_range` is spelt: ICP's documents differ (10.0.0.1/24, 10.0.0.0/16)."""

    AS_WRITTEN = "as-written"
    NETWORK = "network"


class VipManager(StrEnum):
    """Who moves the virtual addresses."""

    ETCD = "etcd"
    KEEPALIVED = "keepalived"
    UCARP = "ucarp"


class AdminAccount(Part):
    """The first administrator of the cluster's console."""

    user: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,63}$")] = "admin"
    password: Secret


class DockerPackage(Part):
    """Docker from the package manager, where the template does not bring it."""

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")] = "docker-ce"
    release: str = Field(default="any", description="its version as the package manager spells it")


class PrivateRegistry(Part):
    """A registry that the images come from instead of the archive or Docker Hub."""

    server: HostName
    repository: str = Field(default="", description="image_repo of config.yaml")
    username: str
    password: Secret


InClusterFolder = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._/-]*$")]


class InstallerSettings(Part):
    """What `config.yaml` says beyond the address plan; defaults are ICP 3.1.0's unless told otherwise."""

    cluster_name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] = "mycluster"
    advertise: Advertise = Advertise.ADDRESS
    service_range: ServiceRange = ServiceRange.AS_WRITTEN
    vip_manager: VipManager = VipManager.ETCD
    interface: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,14}$")] = Field(
        default="eth0", description="the nodes' network interface: vip_iface, proxy_vip_iface"
    )
    tunnel_mtu: int = Field(default=1430, ge=576, le=8980, description="calico_tunnel_mtu")
    autodetection: str = Field(
        default="can-reach={{ groups['master'][0] }}",
        pattern=r"^(first-found|can-reach=\S.*|interface=\S+)$",
        description="calico_ip_autodetection_method",
    )
    firewall_enabled: bool = False
    loopback_dns: bool = False
    install_docker: bool = Field(
        default=False, description="ICP's default is true, its own advice to bring Docker"
    )
    docker_version: str = "18.03.1"
    wait_for_timeout: int = Field(default=600, ge=60, le=86_400, description="seconds")
    verbosity: int = Field(default=1, ge=0, le=3, description="how many v of the installer's -v")
    forks: int = Field(default=15, ge=1, le=100, description="nodes that the installer works on at once")
    management_services: dict[str, Literal["enabled", "disabled"]] = Field(
        default_factory=dict, description="what differs from ICP's own choice of services"
    )
    registry: PrivateRegistry | None = None
    ca_file: InClusterFolder = Field(
        default="cfc-certs/root-ca/ca.crt", description="of the cluster's CA; recalled, no document found"
    )
    client_certificate: InClusterFolder = Field(
        default="cfc-certs/kubernetes/kubecfg.crt", description="of its administrator; recalled"
    )
    client_key: InClusterFolder = Field(
        default="cfc-certs/kubernetes/kubecfg.key", description="of its administrator; recalled"
    )


class IcpInstall(Part):
    """How the cluster's machines are made and ICP is put on them."""

    version: Annotated[str, Field(pattern=r"^3\.1\.[0-2]$")] = "3.1.0"
    edition: Edition = Edition.EE
    archive: InstallArchive | None = Field(default=None, description="with edition ee")
    profile: Name = Field(default="ha", description="counts and sizes: runbooks/icp/sizes.yaml")
    sizes: NodeSizes = NodeSizes()
    vcpus_per_core: float | None = Field(default=None, gt=0, le=16, description="instead of the profile's")
    datacenter: str = Field(description="the datacenter's name in vCenter")
    cluster: str = Field(description="the vSphere cluster's name")
    storage: Storage = Storage.VSAN
    template: str = Field(description="the VM template's name; Ubuntu 16.04 or RHEL 7")
    folder: str = Field(default="icp", description="the VM folder's path; the one above it is there")
    resource_pool: str = Field(default="", description="its path in the cluster; empty: the cluster's own")
    datastore: str
    capacity_disks: int = Field(default=0, ge=0, description="GB of vSAN's capacity disks of a host")
    domain: HostName = Field(default="icp.internal", description="the nodes' DNS domain")
    packages: Literal["apt", "yum"] = Field(default="apt", description="apt on Ubuntu, yum on RHEL")
    admin: AdminAccount
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = Field(
        default="root", description="as whom the installer comes to the nodes; another one needs sudo"
    )
    docker: DockerPackage | None = Field(default=None, description="without it the template brings Docker")
    settings: InstallerSettings = InstallerSettings()
    retire: tuple[IPv4Address, ...] = Field(
        default=(), description="workers that are to leave; they stay in `nodes`, so that no number moves"
    )
    accept_license: bool = Field(default=False, description="the installer runs only with LICENSE=accept")

    @model_validator(mode="after")
    def _images_come_from_somewhere(self) -> "IcpInstall":
        if self.edition is Edition.CE and self.archive is not None:
            message = "the images of edition ce are pulled; an `archive` belongs to edition ee"
            raise ValueError(message)
        if self.edition is Edition.EE and self.archive is None and self.settings.registry is None:
            message = (
                "edition ee needs `archive` (location and sha256), or `settings.registry` that has its images"
            )
            raise ValueError(message)
        return self


class VpnEnd(StrEnum):
    """Where an IKS cluster's end of a tunnel is."""

    LOAD_BALANCER = "load-balancer"  # it waits at a portable address of its load balancer (S13)
    WORKER = "worker"  # it starts from a worker's own address, which needs no load balancer


class Chart(Part):
    """Which chart makes the VPN, and where it is."""

    location: str = Field(
        default="", description="a repository (https://…), an archive or a folder; empty: the set-up's own"
    )
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "strongswan"
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$")] = "2.2.9"


IkeId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.@_-]{0,126}$", description="an IKE identity: on-prem")
]


class Vpn(Part):
    """A tunnel of strongSwan's chart in an IKS cluster; both of its ends are made of this."""

    psk: Secret = Field(description="the pre-shared key of both ends")
    peer_psk: Secret | None = Field(
        default=None, description="where the other end's is said to be; it has to be the very same"
    )
    local_id: IkeId = Field(default="ibm-cloud", description="the cluster's identity")
    remote_id: IkeId = Field(default="on-prem", description="the other end's identity")
    ike: str = Field(default="aes256-sha256-modp2048", description="phase 1, as strongSwan writes it")
    esp: str = Field(default="aes256-sha256-modp2048", description="phase 2; with a group for PFS")
    also_local: tuple[IPv4Network, ...] = Field(
        default=(), description="subnets on the cluster's side besides its pods and services"
    )
    load_balancer: IPv4Address | None = Field(
        default=None, description="the cluster's end, of its portable subnet; without: what it is given"
    )
    release: Name = "vpn"
    namespace: Name = "default"
    chart: Chart = Chart()
    values: dict[str, Any] = Field(default_factory=dict, description="further values of the chart")


class IksVpn(Vpn):
    """The tunnel between an IKS cluster and the ESG (S9 to S13)."""

    end: VpnEnd = VpnEnd.LOAD_BALANCER
    worker: IPv4Address | None = Field(
        default=None, description="with end worker: the one that starts; without: any, and of any address"
    )
    remote: tuple[IPv4Network, ...] = Field(
        default=(), description="the instance's side; without: every network of every overlay (S12)"
    )
    pods: tuple[Port, ...] = Field(default=(), description="TCP ports of pods that VMs may open (S11)")
    services: tuple[Port, ...] = Field(default=(), description="TCP ports of services that VMs may open")

    @model_validator(mode="after")
    def _of_its_end(self) -> "IksVpn":
        if self.end is VpnEnd.WORKER and self.load_balancer is not None:
            message = "end is worker, so there is no load balancer; expected `worker` or nothing instead"
            raise ValueError(message)
        if self.end is VpnEnd.LOAD_BALANCER and self.worker is not None:
            message = "`worker` belongs to end worker; expected `load_balancer` or nothing instead"
            raise ValueError(message)
        return self


class IcpVpn(Vpn):
    """The tunnel between an IKS cluster, which waits, and ICP, which starts (S17)."""

    cluster: Name = Field(description="the IKS cluster")
    release: Name = Field(default="vpn-icp", description="in IKS; the one in ICP is vpn-CLUSTER")
    icp_values: dict[str, Any] = Field(default_factory=dict, description="further values for ICP's release")


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
    install: IcpInstall | None = Field(default=None, description="what icp-install needs")
    vpns: tuple[IcpVpn, ...] = Field(default=(), description="tunnels to IKS clusters: icp-vpn (S17)")

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
    BCR = "bcr"  # IBM's router, which has to have learned the instance's ranges by BGP


class PublishedPort(Part):
    """A workload behind an address of the ESG."""

    workload: Name
    address: IPv4Address


Asn = Annotated[int, Field(ge=1, le=65534, description="what an ESG of NSX-V 6.4 takes: 1 to 65534")]


class BgpTimers(Part):
    """When a BGP neighbour counts as gone; seconds, and NSX's own defaults."""

    keepalive: int = Field(default=60, ge=1, le=65534)
    hold: int = Field(default=180, ge=3, le=65535)

    @model_validator(mode="after")
    def _patient(self) -> "BgpTimers":
        if self.hold <= self.keepalive:
            message = f"`hold` is {self.hold} and `keepalive` {self.keepalive}; expected a longer `hold`"
            raise ValueError(message)
        return self


class BcrPeering(Part):
    """What is asked of IBM and agreed with it for BGP with the BCR (S15)."""

    asn: Asn = Field(description="the BCR's AS number, which IBM assigns")
    account: str = Field(default="", description="IBM Cloud's number of the account")
    vlans: tuple[str, ...] = Field(default=(), description="private VLANs of workers and edges: 1254 bcr01a")
    approvers: tuple[str, ...] = Field(default=(), description="who may say that IBM agreed; none: anybody")
    refuses: tuple[IPv4Network, ...] = Field(
        default=tuple(
            map(
                IPv4Network,
                (
                    "0.0.0.0/0",
                    "10.0.0.0/14",
                    "10.198.0.0/15",
                    "10.200.0.0/14",
                    "169.254.0.0/16",
                    "224.0.0.0/4",
                ),
            )
        ),
        description="prefixes that it never takes; known from Direct Link, for the BCR itself inferred",
    )


class IksJoin(Part):
    """The way in which a cluster is joined to the overlays of the instance."""

    how: Join
    overlay: Name = Field(description="whose ESG it is joined with")
    vpn: IksVpn | None = Field(default=None, description="with vpn: what iks-vpn needs")
    next_hop: NextHop = NextHop.ONLINK
    vra: IPv4Address | None = Field(default=None, description="the router appliance, with next_hop vra")
    published: tuple[PublishedPort, ...] = Field(default=(), description="with static-dnat")
    asn: Asn = Field(default=65010, description="the ESG's AS number, with vlan-bgp and bcr-bgp")
    calico_asn: Asn = Field(default=64512, description="the cluster's AS number, as Calico has it")
    timers: BgpTimers = BgpTimers()
    bcr: BcrPeering | None = Field(default=None, description="with bcr-bgp")

    @model_validator(mode="after")
    def _complete(self) -> "IksJoin":
        if self.how is not Join.VPN and self.vpn is not None:
            message = f"`vpn` belongs to how: vpn, and how is {self.how}"
            raise ValueError(message)
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


class Server(Part):
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


class Endpoint(Server):
    """The NSX Manager."""

    deploy_timeout: float = Field(default=1200.0, gt=0, le=7200, description="the same for deploying an edge")


class VsphereEndpoint(Server):
    """The vCenter."""

    task_timeout: float = Field(
        default=1200.0, gt=0, le=14400, description="seconds until the end of a task counts as lost: a clone"
    )
    guest_timeout: float = Field(
        default=900.0, gt=0, le=7200, description="seconds that a new VM's guest may take to its address"
    )


class DnsEndpoint(Part):
    """The resolver that is asked for the site's names."""

    server: IPv4Address
    port: Port = 53
    timeout: float = Field(default=3.0, gt=0, le=60)


HostKey = Annotated[
    str,
    Field(
        pattern=r"^(SHA256:[A-Za-z0-9+/]{43}|(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]+={0,2}( .*)?)$",
        description="a fingerprint as ssh-keygen -l shows it (SHA256:…), or type and base64 of the key",
    ),
]


class SshJump(Part):
    """A host on the way to the others, such as the boot node at its published address."""

    host: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", description="address or name")
    port: Port = 22
    user: str = "root"
    password: Secret | None = Field(default=None, description="neither this nor a key: as for the others")
    key: Secret | None = None
    passphrase: Secret | None = None


class SshEndpoint(Part):
    """How to log in to the nodes. A host key is verified always: by `known_hosts`, or pinned here."""

    user: str = Field(default="root", description="root, or one who may sudo without a password")
    port: Port = 22
    password: Secret | None = None
    key: Secret | None = Field(default=None, description="a private key: OpenSSH's or PEM's form")
    passphrase: Secret | None = Field(default=None, description="of the key, where it has one")
    known_hosts: str | None = Field(default=None, description="a file as OpenSSH keeps it")
    host_keys: dict[str, tuple[HostKey, ...]] = Field(
        default_factory=dict, description="by a host's name, the jump host's being `jump`; comes first"
    )
    addresses: dict[str, IPv4Address] = Field(
        default_factory=dict, description="by a host's name, where it answers if not at its own address"
    )
    jump: SshJump | None = None
    side_by_side: int = Field(default=20, ge=1, le=200, description="hosts that are asked at the same time")
    connect_timeout: float = Field(default=15.0, gt=0, le=600)
    timeout: float = Field(default=120.0, gt=0, le=3600, description="seconds that a command may take")

    @model_validator(mode="after")
    def _complete(self) -> "SshEndpoint":
        if self.password is None and self.key is None:
            message = "nobody can log in: expected `key`, `password` or both"
            raise ValueError(message)
        if self.known_hosts is None and not self.host_keys:
            message = "no host could be told from another: expected `known_hosts`, `host_keys` or both"
            raise ValueError(message)
        return self


class KubernetesEndpoint(Part):
    """The API server of a cluster, by a kubeconfig. Certificates are always verified."""

    kubeconfig: Secret = Field(description="its text, credentials and all: {file: /run/secrets/iks-a}")
    context: str = Field(default="", description="of the kubeconfig; empty: its current one")
    timeout: float = Field(default=30.0, gt=0, le=600, description="seconds until an answer counts as lost")
    patience: float = Field(
        default=180.0, gt=0, le=3600, description="seconds that the pods of a worker route may take"
    )
    namespace: str | None = Field(
        default=None, description="of the pods that keep worker routes: kube-system"
    )
    image: str | None = Field(default=None, description="of those pods: it has a shell and iproute2")
    keepers: str | None = Field(
        default=None, description="namespace of the pods that keep load balancers' addresses: ibm-system"
    )
    controller: str | None = Field(
        default=None, description="an expression for the names of the Ingress controller's pods"
    )

    @field_validator("controller")
    @classmethod
    def _is_an_expression(cls, text: str | None) -> str | None:
        try:
            re.compile(text or "")
        except re.error as error:
            message = f"{text!r} is no regular expression: {error}"
            raise ValueError(message) from error
        return text


class Endpoints(Part):
    """The systems of the site; without them it can be checked, dry-run and traced."""

    nsx: Endpoint | None = None
    vsphere: VsphereEndpoint | None = None
    dns: DnsEndpoint | None = None
    ssh: SshEndpoint | None = None
    kubernetes: dict[Name, KubernetesEndpoint] = Field(
        default_factory=dict, description="by the cluster's name: an IKS cluster's, or icp"
    )


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
