"""strongSwan in an IKS cluster and IPsec to the ESG (source document, "IKS と VCS の統合", S9 to S13).

The end that waits is configured first, so that whoever starts meets it: the container, which then waits at
an address of its load balancer, or the edge, to which the container starts from a worker's address. Both ends
are made of one `Tunnel`.
"""

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key
from hopbook.site.model import (
    IbmCloud,
    IksCluster,
    IksVpn,
    Join,
    Overlay,
    OverlayNetwork,
    Site,
    Vcs,
    VpnEnd,
    Workload,
)
from hopbook.site.needs import require
from hopbook.steps import naming, vpn
from hopbook.steps.iks_ground import looks
from hopbook.steps.vpn import NOTHING, Seen, step
from hopbook.vpn import chart, edge, rotation
from hopbook.vpn.tunnel import End, Tunnel, brought, is_public, of_edge

NEEDS = ("vcs", "ibm_cloud", "overlays", "iks")


@dataclass(frozen=True)
class Ground:
    """The parts of a site that the steps stand on."""

    site: Site
    vcs: Vcs
    ibm: IbmCloud
    cluster: IksCluster
    vpn: IksVpn
    overlay: Overlay
    tunnel: Tunnel

    @cached_property
    def uplink(self) -> edge.Uplink:
        """The edge's uplink that the tunnel takes: the private one, unless its other end is public."""
        public = is_public(self.cluster, self.tunnel.near.gateway)
        subnet = self.vcs.uplinks.public if public else self.vcs.uplinks.private
        address = self.overlay.edge.public if public else self.overlay.edge.private
        if address is None:
            message = (
                f"the other end, {self.tunnel.near.gateway}, is public, and the edge of overlay "
                f"{self.overlay.name} has no `public` address; expected one, or a private end (S13)"
            )
            raise InvalidInput(message)
        return edge.Uplink(
            edge=naming.edge_key(self.site, self.overlay),
            index=naming.PUBLIC if public else naming.PRIVATE,
            address=address,
            gateway=subnet.gateway,
        )

    @property
    def near(self) -> End:
        """The end that strongSwan is."""
        return self.tunnel.ends()[0]


def joined(site: Site, cluster: str) -> tuple[IksCluster, IksVpn]:
    """The cluster that is meant, and its VPN.

    Raises:
        InvalidInput: it is not joined by a VPN; says which are.
    """
    found = {
        item.name: (item, item.join.vpn)
        for item in site.iks
        if item.join is not None and item.join.how is Join.VPN and item.join.vpn is not None
    }
    return found[vpn.chosen(cluster, found, "a `join` with `how: vpn` and a section `vpn`")]


def ground(site: Site, cluster: str, seen: Seen = NOTHING) -> Ground:
    """The parts that a VPN to the edge needs.

    Raises:
        InvalidInput: a section is missing, or the cluster is not joined by a VPN.
    """
    require(site, NEEDS, "iks-vpn")
    found, settings = joined(site, cluster)
    overlay = site.overlay(found.join.overlay) if found.join is not None else None
    if site.vcs is None or site.ibm_cloud is None or overlay is None:
        message = f"iks[{found.name}].join.overlay has to name an overlay of the site"
        raise InvalidInput(message)
    balancer = seen.load_balancer(found, settings.release)
    name = naming.edge_name(site, overlay)
    tunnel = of_edge(found, settings, overlay, name, brought(site), balancer)
    return Ground(site, site.vcs, site.ibm_cloud, found, settings, overlay, tunnel)


def scope(site: Site, cluster: str) -> tuple[Key, ...]:
    """What the steps want to have looked at: the cluster, and what the traffic goes through."""
    g = ground(site, cluster)
    return looks(site, g.cluster, g.overlay)


def waits(site: Site, cluster: str) -> bool:
    """Whether the container is the end that waits."""
    return not ground(site, cluster).tunnel.near.starts


@dataclass(frozen=True)
class Tunnelled:
    """The steps, each of the site and what was seen."""

    cluster: str = ""
    seen: Seen = NOTHING

    def release(self, site: Site) -> Step:
        """The container in the cluster, and by it the routes on every worker (S11, S12)."""
        g = self._ground(site)
        place = vpn.place(g.cluster, g.vpn, node=self._node(g), ping=_somebody(g))
        made = chart.release(g.tunnel, g.near, place)
        title = f"Install strongSwan in {g.cluster.name}"
        return step("release", title, "S9, S11, S12", [made], secret=rotation.told(g.tunnel))

    def private_end(self, site: Site) -> Step:
        """A private address for its load balancer (S13)."""
        g = self._ground(site)
        waits = g.vpn.end is VpnEnd.LOAD_BALANCER
        made = vpn.private_end(g.cluster, g.vpn, g.tunnel.near.gateway) if waits else []
        return step("private-end", "Make its load balancer a private one", "S13", made)

    def exempt(self, site: Site) -> Step:
        """No SNAT for what is for the tunnel (rule 6); ICP's own edge has it narrowed by icp-network.

        A rule of somebody else that does the same stays theirs, and is not doubled.

        Raises:
            InvalidInput: a rule that is there would catch it; names the rule and what it should match.
        """
        g = self._ground(site)
        ours = site.icp is not None and site.icp.overlay == g.overlay.name
        networks = () if ours or g.uplink.index != naming.PRIVATE else tuple(_networks(g))
        there = [rule for rule, _ in self.seen.snat()]
        of_others = {edge.meaning(rule) for rule, ours in self.seen.snat() if not ours}
        made = [
            rule
            for rule in edge.narrowed_snat(g.tunnel, g.uplink, networks, g.ibm.private_ranges)
            if edge.meaning(rule) not in of_others
        ]
        for rule in edge.catching([*there, *made], g.tunnel, g.uplink):
            beyond = ", ".join(map(str, g.tunnel.near.subnets))
            message = (
                f"{rule.title()} ({rule.original} towards {rule.match}) would translate what is for the "
                f"tunnel, which then does not take it; narrow it so that it does not match {beyond}"
            )
            raise InvalidInput(message)
        return step("exempt", "Keep SNAT off what is for the tunnel", "S11", made)

    def routes(self, site: Site) -> Step:
        """The edge's routes for the cluster's ranges, by the uplink where the tunnel is."""
        g = self._ground(site)
        more = [f"Subnet {network}" for network in g.vpn.also_local]
        made = edge.routes(g.tunnel, g.uplink, ["Pods", "Services", *more])
        return step("routes", "Send the cluster's ranges into the tunnel", "S11", made)

    def admit(self, site: Site) -> Step:
        """IKE and ESP of the other end, and what may pass through the tunnel, either way."""
        g = self._ground(site)
        peers = vpn.peers(g.tunnel, g.cluster, g.vpn, self.seen)
        rules = [edge.ike(g.tunnel, g.uplink, peers), *edge.lanes(g.tunnel, g.uplink, _lanes(g))]
        return step("admit", "Let the tunnel and its traffic through the edge", "S11, S12", rules)

    def gateway(self, site: Site) -> Step:
        """The edge's end of the tunnel, which mirrors the container's."""
        g = self._ground(site)
        if not g.tunnel.near.starts:
            vpn.address_of(g.tunnel, g.cluster, g.vpn)
        made = edge.gateway(g.tunnel, g.uplink, g.vpn.peer_psk or g.vpn.psk)
        title = "Make the edge the other end"
        return step("gateway", title, "S10, S12, S13", made, psk=rotation.told(g.tunnel))

    def tunnel(self, site: Site) -> Step:
        """The tunnel is up."""
        g = self._ground(site)
        return step("tunnel", "See the tunnel come up", "S9, S10", [edge.up(g.tunnel, g.uplink)])

    def _ground(self, site: Site) -> Ground:
        return ground(site, self.cluster, self.seen)

    def _node(self, g: Ground) -> str:
        """The name of the worker that the container has to be on."""
        if g.vpn.worker is None:
            return ""
        workers = {node.address: node.node for node in self.seen.workers(g.cluster.name)}
        if g.vpn.worker not in workers:
            there = ", ".join(map(str, workers)) or "none, as far as anybody looked"
            message = f"no worker of {g.cluster.name} has the address {g.vpn.worker}; there is {there}"
            raise InvalidInput(message)
        return workers[g.vpn.worker]


def _networks(g: Ground) -> list[IPv4Network]:
    return [network.subnet for network in g.overlay.networks]


def _lanes(g: Ground) -> list[edge.Lane]:
    """The cluster to the workloads behind the edge, and their networks to pods and services (S11)."""
    near, networks = g.tunnel.near.subnets, tuple(_networks(g))
    return [
        *(edge.Lane(f"to-{item.name}", near, (item.subnet,), _ports(g, item)) for item in g.overlay.networks),
        edge.Lane("vms-to-pods", networks, (g.cluster.pods,), g.vpn.pods),
        edge.Lane("vms-to-services", networks, (g.cluster.services,), g.vpn.services),
    ]


def _behind(g: Ground, network: OverlayNetwork) -> list[Workload]:
    return [load for load in g.site.workloads if load.on == f"{g.overlay.name}/{network.name}"]


def _ports(g: Ground, network: OverlayNetwork) -> tuple[int, ...]:
    return tuple(sorted({load.port for load in _behind(g, network)}))


def _somebody(g: Ground) -> IPv4Address | None:
    """A machine behind the edge, which the chart's tests ping."""
    loads = (load for network in g.overlay.networks for load in _behind(g, network))
    return next((load.address for load in loads if load.address is not None), None)
