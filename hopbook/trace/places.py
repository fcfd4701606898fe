"""The places that a documented traffic names, and the nodes and addresses that a site gives them.

What is here the site declares; what only an observation knows is in `clusters`. `external.NAME` is a server
outside, and `host-of.PLACE` the ESXi host that a place's machine runs on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from hopbook.network import hcx, naming, onpremises
from hopbook.network.nodes import Network
from hopbook.site.model import Hcx, Icp, Overlay, Site, Workload
from hopbook.site.names import EXTENDED
from hopbook.steps import naming as live
from hopbook.trace.clusters import OBSERVED, Spot, holder, worker_of

# Said by the network, not by the site: the ICP cluster answers at its addresses; its inside was observed, too
INSTALLED, CLUSTER = "installed", "cluster"
_HOST, _EXTERNAL = "host-of.", "external."


def spots(site: Site, place: str, network: Network | None = None) -> tuple[Spot, ...]:
    """What a place is on a site; nothing where neither the site nor what was observed has it."""
    if place.startswith(_EXTERNAL):
        name = place.removeprefix(_EXTERNAL)
        return tuple(
            Spot(item.host, item.address, (item.port,)) for item in site.externals if item.name == name
        )
    if place.startswith(_HOST):
        return tuple(_hosts(spots(site, place.removeprefix(_HOST), network), network))
    declared = _PLACES.get(place)
    if declared is not None:
        return tuple(_held(spot, network) for spot in declared(site))
    observed = OBSERVED.get(place)
    return tuple(observed(site, network)) if observed is not None and network is not None else ()


def known(place: str) -> bool:
    """Whether a traffic may name it."""
    bare = place.removeprefix(_HOST)
    return bare in _PLACES or bare in OBSERVED or (bare.startswith(_EXTERNAL) and bare != _EXTERNAL)


def lacking(place: str) -> str:
    """Why there is nothing of a place."""
    if place in OBSERVED or place.startswith(_HOST):
        return f"nobody observed {place}"
    return f"the site does not declare {place}"


def views(site: Site, named: Iterable[str]) -> Iterator[Site]:
    """The site with one IKS cluster and one machine each, of the kinds that the places are about.

    Each cluster is joined in a way of its own, and each database is reached in its own.
    """
    bare = {place.removeprefix(_HOST) for place in named}
    clusters = site.iks if any(place.startswith("iks.") for place in bare) else ()
    machines: list[Workload] = []
    if any(place.partition(".")[0] == "database" for place in bare):
        machines = [load for load in site.workloads if load.kind == "database"]
    elif "vm.extended" in bare:
        machines = [load for load in site.workloads if _is_extended(load)]
    for cluster in clusters or (None,):
        for machine in machines or (None,):
            yield site.model_copy(
                update={
                    "iks": site.iks if cluster is None else (cluster,),
                    "workloads": tuple(
                        load for load in site.workloads if load not in machines or load is machine
                    ),
                }
            )


def database(site: Site) -> Workload | None:
    """The first database of a site; of one of its `views` the only one."""
    return next((load for load in site.workloads if load.kind == "database"), None)


def overlay_of(site: Site, load: Workload | None) -> Overlay | None:
    """The overlay that a machine is on."""
    return site.overlay(load.on.partition("/")[0]) if load is not None else None


def published(site: Site) -> Iterator[Spot]:
    """The addresses of edges that stand for databases (static-dnat)."""
    loads = {load.name: load for load in site.workloads if load.kind == "database"}
    for cluster in site.iks:
        overlay = site.overlay(cluster.join.overlay) if cluster.join is not None else None
        if cluster.join is not None and overlay is not None:
            for item in cluster.join.published:
                if item.workload in loads:
                    ports = (loads[item.workload].port,)
                    yield Spot(live.edge_name(site, overlay), item.address, ports)


def _is_extended(load: Workload) -> bool:
    return load.on.partition("/")[0] == EXTENDED


def _held(spot: Spot, network: Network | None) -> Spot:
    """The spot at whatever node has its address, where the node that it is called after is not there."""
    if network is None or spot.address is None or spot.node in network.nodes:
        return spot
    return replace(spot, node=holder(network, spot.address) or spot.node)


def _hosts(found: Iterable[Spot], network: Network | None) -> Iterator[Spot]:
    """The ESXi hosts of machines, each once; a pod is where its worker is."""
    names: dict[str, None] = {}
    for spot in found:
        node = network.nodes.get(spot.node) if network is not None else None
        if network is not None and node is not None:
            names[(worker_of(network, node) or node).host] = None
    return (Spot(name) for name in names if name)


def _overlay(site: Site) -> Overlay | None:
    return site.overlay(site.icp.overlay) if site.icp is not None else None


def _joined(site: Site) -> Overlay | None:
    """The overlay that an IKS cluster is joined with."""
    joins = (cluster.join for cluster in site.iks)
    return next((site.overlay(join.overlay) for join in joins if join is not None), None)


def _of_database(site: Site) -> Overlay | None:
    return overlay_of(site, database(site))


def _edge(of: Callable[[Site], Overlay | None]) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        overlay = of(site)
        if overlay is not None:
            yield Spot(live.edge_name(site, overlay))

    return find


def _edge_by_private(site: Site) -> Iterator[Spot]:
    overlay = _joined(site)
    if overlay is not None:
        yield Spot(live.edge_name(site, overlay), overlay.edge.private)


def _router(of: Callable[[Site], Overlay | None]) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        overlay = of(site)
        if overlay is not None:
            yield Spot(live.router_name(site, overlay))

    return find


def _machines(wanted: Callable[[Workload], bool]) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        for load in site.workloads:
            if wanted(load) and load.address is not None:
                yield Spot(load.name, load.address, (load.port,))

    return find


def _appliances(site: Site) -> Iterator[Spot]:
    for cluster in site.iks:
        if cluster.join is not None and cluster.join.vra is not None:
            yield Spot(naming.appliance(cluster.name), cluster.join.vra)


def _concentrator(name: str, address: Callable[[Hcx], IPv4Address]) -> Callable[[Site], Iterator[Spot]]:
    def find(site: Site) -> Iterator[Spot]:
        if site.hcx is not None:
            yield Spot(name, address(site.hcx))

    return find


def _user(site: Site) -> Iterator[Spot]:
    if site.on_premises is not None and site.on_premises.user is not None:
        yield Spot(onpremises.USER, site.on_premises.user)


def _beyond(name: str) -> Callable[[Site], Iterator[Spot]]:
    """A router of the way to the enterprise."""

    def find(site: Site) -> Iterator[Spot]:
        if site.on_premises is not None or site.hcx is not None:
            yield Spot(name)

    return find


def _esxi(site: Site) -> Iterator[Spot]:
    for host in site.vcs.esxi if site.vcs is not None else ():
        yield Spot(host.name)


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
    "esg": _edge(_overlay),
    "dlr": _router(_overlay),
    "esxi": _esxi,
    "fcr": _router_of_ibm(naming.FCR),
    "bcr": _router_of_ibm(naming.BCR),
    "xcr": _beyond(onpremises.XCR),
    "wan": _beyond(onpremises.WAN),
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
    "iks.esg": _edge(_joined),
    "iks.esg.private": _edge_by_private,
    "iks.dlr": _router(_joined),
    "iks.vra": _appliances,
    "database": _machines(lambda load: load.kind == "database"),
    "database.published": published,
    "database.esg": _edge(_of_database),
    "database.dlr": _router(_of_database),
    "vm.extended": _machines(_is_extended),
    "on_premises.user": _user,
    "on_premises.router": _beyond(onpremises.ROUTER),
    "concentrator.enterprise": _concentrator(hcx.ENTERPRISE, lambda item: item.enterprise.address),
    "concentrator.cloud": _concentrator(hcx.CLOUD, lambda item: item.cloud.address),
}


def host_name(site: Site, place: str) -> str | None:
    """The DNS name that the site gives a place."""
    if place.startswith(_EXTERNAL):
        return next((item.host for item in site.externals if place == f"{_EXTERNAL}{item.name}"), None)
    return _icp_name(site, place) or next(_load_names(site, place), None)


def _icp_name(site: Site, place: str) -> str | None:
    if site.icp is None:
        return None
    names = {
        "icp.published.master": site.icp.published.master_name,
        "icp.published.proxy": site.icp.published.proxy_name,
        "icp.public.proxy": site.icp.public.name if site.icp.public is not None else None,
    }
    return names.get(place)


def _load_names(site: Site, place: str) -> Iterator[str]:
    """The names of the workloads that are reached at a place."""
    on = {f"iks/{cluster.name}" for cluster in site.iks}
    for load in site.workloads:
        at = {
            "iks.alb.public": load.kind == "web" and load.on in on,
            "database": load.kind == "database",
            "database.published": load.kind == "database",
            "vm.extended": _is_extended(load),
        }
        if load.host is not None and at.get(place):
            yield load.host
