"""The places that a documented traffic names, and the nodes and addresses that a site gives them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from hopbook.network import naming
from hopbook.site.model import Egress, Icp, Overlay, Site
from hopbook.steps import naming as live


@dataclass(frozen=True, slots=True)
class Spot:
    """A node of the network, with the address and the ports under which the traffic means it."""

    node: str
    address: IPv4Address | None = None
    ports: tuple[int, ...] = ()


def spots(site: Site, place: str) -> tuple[Spot, ...]:
    """What a place is on a site; nothing where the site does not declare it."""
    group, _, name = place.partition(".")
    if group == "external":
        return tuple(
            Spot(item.host, item.address, (item.port,)) for item in site.externals if item.name == name
        )
    find = _PLACES.get(place)
    return tuple(find(site)) if find is not None else ()


def known(place: str) -> bool:
    """Whether a traffic may name it."""
    return place in _PLACES or (place.startswith("external.") and len(place) > len("external."))


def holds(site: Site, condition: str) -> bool:
    """Whether a condition of `CONDITIONS` is true of a site."""
    return CONDITIONS[condition](site)


def _overlay(site: Site) -> Overlay | None:
    return site.overlay(site.icp.overlay) if site.icp is not None else None


def _edge(site: Site) -> Iterator[Spot]:
    overlay = _overlay(site)
    if overlay is not None:
        yield Spot(live.edge_name(site, overlay))


def _router(site: Site) -> Iterator[Spot]:
    overlay = _overlay(site)
    if overlay is not None:
        yield Spot(live.router_name(site, overlay))


def _relay(site: Site) -> Iterator[Spot]:
    overlay = _overlay(site)
    if overlay is not None:
        yield Spot(live.edge_name(site, overlay), overlay.transit.edge, (53,))


def _nodes(site: Site) -> Iterator[Spot]:
    roles = site.icp.nodes.by_role() if site.icp is not None else {}
    for role, addresses in roles.items():
        for number, address in enumerate(addresses, start=1):
            yield Spot(naming.icp_node(role, number), address)


def _cluster(
    pick: Callable[[Icp], tuple[str, IPv4Address, tuple[int, ...]]],
) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        if site.icp is not None:
            yield Spot(*pick(site.icp))

    return find


def _published(
    pick: Callable[[Icp], tuple[IPv4Address, tuple[int, ...]]],
) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        overlay = _overlay(site)
        if site.icp is not None and overlay is not None:
            yield Spot(live.edge_name(site, overlay), *pick(site.icp))

    return find


def _public(site: Site) -> Iterator[Spot]:
    overlay = _overlay(site)
    if overlay is not None and site.icp is not None and site.icp.public is not None:
        yield Spot(live.edge_name(site, overlay), site.icp.public.proxy, site.icp.public.ports)


def _web_proxy(site: Site) -> Iterator[Spot]:
    if site.icp is not None and site.icp.proxy is not None:
        yield Spot(naming.WEB_PROXY, site.icp.proxy.address, (site.icp.proxy.port,))


def _client(site: Site) -> Iterator[Spot]:
    if site.ibm_cloud is not None and site.ibm_cloud.client is not None:
        yield Spot(naming.CLIENT, site.ibm_cloud.client)


def _servers(service: str, port: int) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        addresses = getattr(site.ibm_cloud, service) if site.ibm_cloud is not None else ()
        for number, address in enumerate(addresses, start=1):
            yield Spot(naming.server(service, number), address, (port,))

    return find


def _router_of_ibm(name: str) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        if site.vcs is not None:
            yield Spot(name)

    return find


_PLACES: Mapping[str, Callable[[Site], Iterator[Spot]]] = {
    "esg": _edge,
    "dlr": _router,
    "fcr": _router_of_ibm(naming.FCR),
    "bcr": _router_of_ibm(naming.BCR),
    "internet": _router_of_ibm(naming.INTERNET),
    "internet.user": lambda _site: iter([Spot(naming.INTERNET_USER, naming.ANYBODY)]),
    "ibm_cloud.client": _client,
    "ibm_cloud.dns": _servers("dns", 53),
    "ibm_cloud.ntp": _servers("ntp", 123),
    "icp.node": _nodes,
    "icp.relay": _relay,
    "icp.proxy": _web_proxy,
    "icp.vips.master": _cluster(lambda icp: (naming.MASTER_VIP, icp.vips.master, icp.published.master_ports)),
    "icp.vips.proxy": _cluster(lambda icp: (naming.PROXY_VIP, icp.vips.proxy, icp.published.proxy_ports)),
    "icp.published.master": _published(lambda icp: (icp.published.master, icp.published.master_ports)),
    "icp.published.proxy": _published(lambda icp: (icp.published.proxy, icp.published.proxy_ports)),
    "icp.public.proxy": _public,
}

CLUSTER = "cluster"  # the one condition that is not the site's: whether the cluster is installed

CONDITIONS: Mapping[str, Callable[[Site], bool]] = {
    "icp": lambda site: site.icp is not None,
    "icp.public": lambda site: site.icp is not None and site.icp.public is not None,
    "icp.published.hairpin": lambda site: site.icp is not None and site.icp.published.hairpin,
    "icp.egress=snat": lambda site: site.icp is not None and site.icp.egress is Egress.SNAT,
    "icp.egress=proxy": lambda site: site.icp is not None and site.icp.egress is Egress.PROXY,
}


def host_name(site: Site, place: str) -> str | None:
    """The DNS name that the site gives a place."""
    if site.icp is None:
        return None
    names = {
        "icp.published.master": site.icp.published.master_name,
        "icp.published.proxy": site.icp.published.proxy_name,
        "icp.public.proxy": site.icp.public.name if site.icp.public is not None else None,
    }
    return names.get(place) or next(
        (item.host for item in site.externals if place == f"external.{item.name}"), None
    )
