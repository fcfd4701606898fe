"""strongSwan in IKS and in ICP (source document, "IKS と ICP の統合", S17).

IKS waits at an address of its load balancer; ICP, which has no load balancer, starts from behind its ESG:
SNAT there makes it NAT traversal, UDP 4500 (IBM Cloud documentation, hybrid clusters).
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key
from hopbook.site.model import Icp, IcpVpn, IksCluster, Overlay, Site
from hopbook.site.needs import require
from hopbook.steps import naming, vpn
from hopbook.steps.iks_ground import looks
from hopbook.steps.vpn import NOTHING, Seen, step
from hopbook.vpn import chart, edge, rotation
from hopbook.vpn.tunnel import Tunnel, is_public, of_icp

NEEDS = ("vcs", "ibm_cloud", "overlays", "icp", "icp.vpns", "iks")


@dataclass(frozen=True)
class Ground:
    """The parts of a site that the steps stand on."""

    site: Site
    icp: Icp
    overlay: Overlay
    cluster: IksCluster
    vpn: IcpVpn
    tunnel: Tunnel


def ground(site: Site, cluster: str, seen: Seen = NOTHING) -> Ground:
    """The parts that a VPN between IKS and ICP needs.

    Raises:
        InvalidInput: a section is missing, or no VPN of ICP is for the cluster.
    """
    require(site, NEEDS, "icp-vpn")
    vpns = {item.cluster: item for item in site.icp.vpns} if site.icp is not None else {}
    settings = vpns[vpn.chosen(cluster, vpns, "an entry in `icp.vpns`")]
    found = next((item for item in site.iks if item.name == settings.cluster), None)
    overlay = site.overlay(site.icp.overlay) if site.icp is not None else None
    if site.icp is None or overlay is None or found is None:
        message = f"icp.vpns names the IKS cluster {settings.cluster!r}, which the site does not have"
        raise InvalidInput(message)
    tunnel = of_icp(site.icp, found, settings, seen.load_balancer(found, settings.release))
    return Ground(site, site.icp, overlay, found, settings, tunnel)


def scope(site: Site, cluster: str) -> tuple[Key, ...]:
    """What the steps want to have looked at: both clusters, and what the traffic goes through."""
    g = ground(site, cluster)
    return (*looks(site, g.cluster, g.overlay), naming.nodes_key(naming.ICP))


@dataclass(frozen=True)
class Tunnelled:
    """The steps, each of the site and what was seen."""

    cluster: str = ""
    seen: Seen = NOTHING

    def listener(self, site: Site) -> Step:
        """The container in IKS, which waits."""
        g = self._ground(site)
        made = chart.release(g.tunnel, g.tunnel.ends()[0], vpn.place(g.cluster, g.vpn))
        title = f"Install strongSwan in {g.cluster.name}, where it waits"
        return step("listener", title, "S17", [made], secret=rotation.told(g.tunnel))

    def private_end(self, site: Site) -> Step:
        """A private address for its load balancer, which ICP reaches by the private uplink of its ESG."""
        g = self._ground(site)
        made = vpn.private_end(g.cluster, g.vpn, g.tunnel.near.gateway)
        return step("private-end", "Make its load balancer a private one", "S17", made)

    def way_out(self, site: Site) -> Step:
        """ICP's ESG lets IKE of the nodes out; its SNAT stands between, so both sources are named."""
        g = self._ground(site)
        to = vpn.address_of(g.tunnel, g.cluster, g.vpn)
        own = g.overlay.edge.public if is_public(g.cluster, to) else g.overlay.edge.private
        inside = g.overlay.network(g.icp.network)
        sources: list[IPv4Address | IPv4Network] = []
        sources += [inside.subnet] if inside is not None else []
        sources += [own] if own is not None else []
        rule = edge.ike_out(g.tunnel, naming.edge_key(site, g.overlay), sources, to)
        return step("way-out", "Let ICP's end out by its ESG", "S17", [rule])

    def starter(self, site: Site) -> Step:
        """The container in ICP, which starts."""
        g = self._ground(site)
        vpn.address_of(g.tunnel, g.cluster, g.vpn)
        place = chart.Place(
            cluster=naming.ICP,
            release=f"vpn-{g.cluster.name}",
            namespace=g.vpn.namespace,
            chart=g.vpn.chart,
            privileged=True,
            more=g.vpn.icp_values,
        )
        made = chart.release(g.tunnel, g.tunnel.ends()[1], place)
        return step(
            "starter",
            "Install strongSwan in ICP, which starts",
            "S17",
            [made],
            secret=rotation.told(g.tunnel),
        )

    def _ground(self, site: Site) -> Ground:
        return ground(site, self.cluster, self.seen)
