"""From a site and what was observed to a network.

Edges, routers and clusters are as observed, real or projected; what cannot be observed is declared
(`network.declared`, `network.onpremises`). A machine that was observed takes the place of the declared one.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address

from hopbook.engine.change import Observation
from hopbook.network import declared, hcx, ibm, kubernetes, nsxv, onpremises, vsphere
from hopbook.network.nodes import Medium, Name, Network, Node, Segment
from hopbook.site.model import Site
from hopbook.steps import naming as live


def compile_network(
    site: Site,
    observation: Observation,
    names: Mapping[str, tuple[IPv4Address, ...]] | None = None,
    *,
    events: nsxv.Events | None = None,
    cluster_exists: bool = False,
    when: str = "",
) -> Network:
    """The network of a site.

    Args:
        site: Declares what cannot be observed.
        observation: What NSX and the clusters have, or would have after a plan; an edge that is not in it
            does not exist.
        names: What the resolver answered, by DNS name; a name that was not asked is as the site declares it.
        events: The journal event that last changed a resource, as text; empty where none did.
        cluster_exists: Whether something answers at the addresses of an ICP cluster that was not observed.
        when: When the observation was made, as text.
    """
    source = nsxv.Source(observation=observation, events=events, when=when, roles=_roles(site))
    seen = cluster_exists or kubernetes.icp_exists(source)
    there = seen or kubernetes.icp_installed(source)
    nodes = list(_nodes(site, source, cluster_exists=there))
    return Network.of(
        nodes,
        _segments(site, source, nodes),
        names=_names(site, source, names or {}),
        facts=[*(["installed"] if there else ()), *(["cluster"] if seen else ())],
    )


def _roles(site: Site) -> dict[str, str]:
    roles: dict[str, str] = {}
    if site.vcs is not None:
        roles[site.vcs.uplinks.private.port_group] = "private"
        roles[site.vcs.uplinks.public.port_group] = "public"
    for overlay in site.overlays:
        roles[live.transit_name(site, overlay)] = "transit"
        roles |= {live.switch_name(site, overlay, item.name): item.name for item in overlay.networks}
    return roles


def _nodes(site: Site, source: nsxv.Source, *, cluster_exists: bool) -> Iterator[Node]:
    """All nodes, each with what another part of the site adds to it."""
    nodes: list[Node] = [
        *_edges(site, source),
        *declared.nodes(site, cluster_exists=cluster_exists),
        *vsphere.hosts(site, source),
        *vsphere.machines(site, source),
        *onpremises.nodes(site, source),
        *hcx.nodes(site, source),
    ]
    nodes = onpremises.joined(nodes, site)
    nodes = kubernetes.joined(nodes, site, source)
    nodes = ibm.joined(nodes, site, source)
    nodes = nsxv.vnic_firewalls(nodes, source)
    yield from vsphere.placed(nodes, source)


def _edges(site: Site, source: nsxv.Source) -> Iterator[Node]:
    for overlay in site.overlays:
        for key in (live.edge_key(site, overlay), live.router_key(site, overlay)):
            node = nsxv.node(source, key)
            if node is not None:
                yield node


def _segments(site: Site, source: nsxv.Source, nodes: Iterable[Node]) -> Iterable[Segment]:
    """The segments by name, observed before declared, and those that only an interface names."""
    known = (
        *hcx.segments(site, source),
        *vsphere.segments(site, source),
        *onpremises.segments(site, source),
        *declared.segments(site),
        *kubernetes.segments(site, source),
        *nsxv.segments(source),
    )
    segments = {segment.name: segment for segment in known}
    for node in nodes:
        for item in node.interfaces.values():
            if item.segment and item.segment not in segments:  # a network that the site does not know
                segments[item.segment] = Segment(
                    name=item.segment, medium=Medium.VLAN, fact=item.fact, open=True
                )
    return segments.values()


def _names(
    site: Site, source: nsxv.Source, asked: Mapping[str, tuple[IPv4Address, ...]]
) -> Mapping[str, Name]:
    """What DNS names stand for: as the resolver answered, else as the clusters have it, else as declared."""
    return {
        **dict(declared.names(site)),
        **dict(kubernetes.names(site, source)),
        **dict(declared.resolved(asked, source.when)),
    }
