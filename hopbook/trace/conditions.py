"""What may decide whether a traffic, a variant or a step of it is asked.

Most conditions are about the site, some about its edges as they were observed. Two are about how much was
observed, and a step that has one is judged with it (`steps`): `cluster`, the ICP cluster is installed, and
`hosts`, it is known which ESXi host machines run on.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from hopbook.network.nodes import Concentrator, Medium, Network, Node
from hopbook.site.model import Egress, Join, NextHop, Overlay, Site, VpnEnd
from hopbook.steps import naming as live
from hopbook.trace.places import CLUSTER, INSTALLED, database, overlay_of, published

HOSTS = "hosts"
OF_NETWORK = (CLUSTER, HOSTS)


def hold(wanted: Iterable[str], site: Site, network: Network | None) -> bool:
    """Whether all conditions are true of a site, but for those that steps are judged with."""
    return all(
        _OBSERVED[name](site, network) if name in _OBSERVED else _OF_SITE[name](site)
        for name in wanted
        if name not in OF_NETWORK
    )


def lacking(wanted: Iterable[str], network: Network) -> str:
    """Why a step is not asked of a network; empty: it is."""
    if CLUSTER in wanted and CLUSTER not in network.facts:
        inside = "what is inside the cluster was not observed"
        return inside if INSTALLED in network.facts else "the cluster is not installed"
    if HOSTS in wanted and not _placed(network):
        return "which host each machine runs on was not observed"
    return ""


def _placed(network: Network) -> bool:
    """Whether it was observed where machines run; of a concentrator on-premises that is declared."""
    return any(node.host and not isinstance(node, Concentrator) for node in network.nodes.values())


def known(name: str) -> bool:
    """Whether a traffic may name it."""
    return name in NAMES


def _join(how: Join, site: Site) -> bool:
    return any(cluster.join is not None and cluster.join.how is how for cluster in site.iks)


def _next_hop(hop: NextHop, site: Site) -> bool:
    return any(cluster.join is not None and cluster.join.next_hop is hop for cluster in site.iks)


def _egress(egress: Egress, site: Site) -> bool:
    return site.icp is not None and site.icp.egress is egress


def _vpn_end(end: VpnEnd, site: Site) -> bool:
    """Where a cluster's end of the tunnel to the ESG is; a load balancer, unless the site says otherwise."""
    joins = (cluster.join for cluster in site.iks)
    found = (
        join.vpn.end if join.vpn is not None else VpnEnd.LOAD_BALANCER for join in joins if join is not None
    )
    return end in set(found)


def _tunnelled(site: Site) -> bool:
    """ICP has a tunnel to a cluster of the site."""
    clusters = {cluster.name for cluster in site.iks}
    return site.icp is not None and any(vpn.cluster in clusters for vpn in site.icp.vpns)


def _extended(site: Site) -> bool:
    load = database(site)
    return load is not None and overlay_of(site, load) is None


def _same_overlay(site: Site) -> bool:
    overlay = overlay_of(site, database(site))
    return site.icp is not None and overlay is not None and overlay.name == site.icp.overlay


def _edge(site: Site, network: Network | None, overlay: Overlay | None) -> Node | None:
    if network is None or overlay is None:
        return None
    return network.nodes.get(live.edge_name(site, overlay))


def _gateway_is_edge(site: Site, network: Network | None) -> bool:
    """The ESG, and not the DLR, has the gateway's address on the nodes' network."""
    overlay = site.overlay(site.icp.overlay) if site.icp is not None else None
    nodes = overlay.network(site.icp.network) if site.icp is not None and overlay is not None else None
    edge = _edge(site, network, overlay)
    return edge is not None and nodes is not None and int(nodes.gateway) in edge.addresses


def _shared_transit(site: Site, network: Network | None) -> bool:
    """The edges of ICP and of the database are on one VXLAN."""
    ours = _edge(site, network, site.overlay(site.icp.overlay) if site.icp is not None else None)
    theirs = _edge(site, network, overlay_of(site, database(site)))
    if network is None or ours is None or theirs is None or ours is theirs:
        return False
    common = {item.segment for item in ours.interfaces.values()}
    common &= {item.segment for item in theirs.interfaces.values()}
    return any(network.segments[name].medium is Medium.VXLAN for name in common if name)


_OF_SITE: Mapping[str, Callable[[Site], bool]] = {
    "icp": lambda site: site.icp is not None,
    "icp.vpns": _tunnelled,
    "icp.public": lambda site: site.icp is not None and site.icp.public is not None,
    "icp.published.hairpin": lambda site: site.icp is not None and site.icp.published.hairpin,
    **{f"icp.egress={egress}": partial(_egress, egress) for egress in Egress},
    "iks": lambda site: bool(site.iks),
    **{f"iks.join={how}": partial(_join, how) for how in Join},
    **{f"iks.next-hop={hop}": partial(_next_hop, hop) for hop in NextHop},
    **{f"iks.vpn-end={end}": partial(_vpn_end, end) for end in VpnEnd},
    "hcx": lambda site: site.hcx is not None,
    "database": lambda site: database(site) is not None,
    "database.on=overlay": lambda site: overlay_of(site, database(site)) is not None,
    "database.on=extended-network": _extended,
    "database.published": lambda site: any(True for _ in published(site)),
    "database.on=icp-overlay": _same_overlay,
}
_OBSERVED: Mapping[str, Callable[[Site, Network | None], bool]] = {
    "icp.gateway=esg": _gateway_is_edge,
    "icp.gateway=dlr": lambda site, network: not _gateway_is_edge(site, network),
    "database.by=shared-transit": _shared_transit,
}

NAMES = (*_OF_SITE, *_OBSERVED, *OF_NETWORK)
