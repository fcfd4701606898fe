"""A tunnel as the site has it: the one source of what both of its ends are given.

`near` is always strongSwan in the IKS cluster; `far` is the ESG, or strongSwan in ICP. What one end calls
local the other calls remote, and everything else is the same on both (IBM's strongSwan chart 2.2.9; NSX for
vSphere administration guide 6.4, IPsec VPN).
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from hopbook.resources.base import SecretRef
from hopbook.site.model import Icp, IcpVpn, IksCluster, IksVpn, Overlay, Site, Vpn, VpnEnd
from hopbook.vpn.proposals import Proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """Seconds that strongSwan keeps the keys of each phase, and how early it looks for new ones.

    The defaults are the chart's. An edge keeps its own for 28800 and 3600, which cannot be set; the end with
    the shorter ones renews them, so ours are no longer than those.
    """

    ike: int = 3 * 3600
    esp: int = 3600
    margin: int = 9 * 60


EDGE_LIFETIMES = Lifetimes(ike=28800, esp=3600, margin=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a tunnel.

    Attributes:
        name: Who holds it, for a sentence: `strongSwan in iks-a`, `workload-esg`.
        gateway: The address by which the other side knows it; None: any.
        behind_nat: Its packets come from another address than it has itself.
    """

    name: str
    id: str
    subnets: tuple[IPv4Network, ...]
    gateway: IPv4Address | None
    starts: bool
    behind_nat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunnel:
    """A tunnel.

    Attributes:
        name: What NSX calls it: the cluster's name.
        ike, esp: As strongSwan writes them.
    """

    name: str
    near: Side
    far: Side
    ike: str
    esp: str
    psk: SecretRef
    lifetimes: Lifetimes = Lifetimes()

    @property
    def proposals(self) -> Proposals:
        """What an edge is given.

        Raises:
            NoProposal: an edge cannot do this.
        """
        return Proposals.read(self.ike, self.esp)

    @property
    def listener(self) -> Side:
        """The side that waits, and is configured first (IBM Cloud Kubernetes Service, VPN)."""
        return self.far if self.near.starts else self.near

    def ends(self) -> tuple["End", "End"]:
        """Both ends as they are to be configured: the near one and the far one."""
        return self._end(self.near, self.far), self._end(self.far, self.near)

    def _end(self, side: Side, other: Side) -> "End":
        return End(
            name=side.name,
            id=side.id,
            peer_id=other.id,
            inside=side.subnets,
            beyond=other.subnets,
            ike=self.ike,
            esp=self.esp,
            psk=self.psk,
            gateway=other.gateway,
            starts=side.starts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end as it is configured, in whatever words.

    Attributes:
        gateway: The other end's address as this one writes it; None: any.
    """

    name: str
    id: str
    peer_id: str
    inside: tuple[IPv4Network, ...]
    beyond: tuple[IPv4Network, ...]
    ike: str
    esp: str
    psk: SecretRef | None
    gateway: IPv4Address | None
    starts: bool


def brought(site: Site) -> tuple[IPv4Network, ...]:
    """Every network that the instance's overlays bring (BYOIP; S12)."""
    return tuple(network.subnet for overlay in site.overlays for network in overlay.networks)


def of_edge(
    cluster: IksCluster,
    vpn: IksVpn,
    overlay: Overlay,
    edge: str,
    networks: tuple[IPv4Network, ...],
    load_balancer: IPv4Address | None,
) -> Tunnel:
    """The tunnel between a cluster and an ESG (S9 to S13), which is called `edge`.

    `networks` is the instance's side, see `brought`. `load_balancer` is the address that the cluster's load
    balancer got; the site's own counts before it.
    """
    waits = vpn.end is VpnEnd.LOAD_BALANCER
    address = vpn.load_balancer or load_balancer if waits else vpn.worker
    uplink = overlay.edge.public if is_public(cluster, address) else overlay.edge.private
    return _tunnel(
        vpn,
        name=cluster.name,
        near=_near(cluster, vpn, address, starts=not waits),
        far=Side(
            name=edge,
            id=vpn.remote_id,
            subnets=vpn.remote or networks,
            gateway=uplink,
            starts=waits,
        ),
    )


def of_icp(icp: Icp, cluster: IksCluster, vpn: IcpVpn, load_balancer: IPv4Address | None) -> Tunnel:
    """The tunnel between a cluster and ICP, which starts it from behind its ESG's SNAT (S17).

    `load_balancer` is the address that the cluster's load balancer got; the site's own counts before it.
    """
    return _tunnel(
        vpn,
        name=cluster.name,
        near=_near(cluster, vpn, vpn.load_balancer or load_balancer, starts=False),
        far=Side(
            name="strongSwan in ICP",
            id=vpn.remote_id,
            subnets=(icp.pods, icp.services.network),
            gateway=None,  # whatever the SNAT of its ESG makes of it
            starts=True,
            behind_nat=True,
        ),
    )


def is_public(cluster: IksCluster, address: IPv4Address | None) -> bool:
    """Whether an address is of the cluster's public portable subnet (S23), not of the private one (S24)."""
    public = cluster.portable.public
    return address is not None and public is not None and address in public


def _near(cluster: IksCluster, vpn: Vpn, gateway: IPv4Address | None, *, starts: bool) -> Side:
    return Side(
        name=f"strongSwan in {cluster.name}",
        id=vpn.local_id,
        subnets=(cluster.pods, cluster.services, *vpn.also_local),
        gateway=gateway,
        starts=starts,
        behind_nat=True,
    )


def _tunnel(vpn: Vpn, *, name: str, near: Side, far: Side) -> Tunnel:
    return Tunnel(name=name, near=near, far=far, ike=vpn.ike, esp=vpn.esp, psk=vpn.psk)
