"""The enterprise side, and the way there: BCR, XCR, WAN, the on-premises router (T5.1 to T5.5).

Nobody observes any of it, so all of it is declared. What the routers tell each other over the WAN is taken to
be right: towards the enterprise its networks, towards IBM Cloud the account's subnets, and no service network
(IBM does not announce those over Direct Link). BYOIP addresses are announced by nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from hopbook.network import naming
from hopbook.network.facts import Fact, declared
from hopbook.network.nodes import (
    EsxiHost,
    Host,
    IbmRouter,
    Interface,
    Medium,
    Node,
    Segment,
)
from hopbook.network.nsxv import Source
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.network.vsphere import by_gateway
from hopbook.site.model import ExtendedNetwork, Hcx, Site

XCR = "XCR"
WAN = "WAN"
ROUTER = "on-premises-router"
USER = "enterprise-user"
ESXI = "on-premises-esxi"  # the vSphere host of the concentrator (T5.3)

WAN_OF_IBM = "WAN to IBM Cloud"
WAN_OF_ENTERPRISE = "WAN to the enterprise"
LAN = "corporate network"
CONCENTRATORS = "on-premises concentrators"
HCX_PRIVATE = "HCX private portable subnet"

_EVERYWHERE = IPv4Network("0.0.0.0/0")
_BACKBONE = "backbone"  # the BCR's interface on IBM Cloud's private network


def vlan(network: ExtendedNetwork) -> str:
    """The segment of an extended network on-premises."""
    return f"on-premises VLAN {network.name}"


def segments(site: Site, _source: Source) -> Iterator[Segment]:
    """The WAN's two sides, the corporate network, and what the concentrator on-premises is connected to."""
    if not _is_there(site):
        return
    fact = _declared(site)
    for name in (WAN_OF_IBM, WAN_OF_ENTERPRISE):
        yield Segment(name=name, medium=Medium.CLOUD, fact=fact)
    yield Segment(name=LAN, medium=Medium.CLOUD, fact=fact, open=True)
    if site.hcx is not None:
        yield Segment(name=CONCENTRATORS, medium=Medium.VLAN, fact=declared("hcx.enterprise"))
        yield Segment(name=HCX_PRIVATE, medium=Medium.VLAN, fact=declared("hcx.cloud"))


def nodes(site: Site, _source: Source) -> Iterator[Node]:
    """XCR, WAN, the on-premises router, the user, and the ESXi host of the concentrator on-premises."""
    if not _is_there(site):
        return
    fact = _declared(site)
    here, there = _enterprise(site), _account(site)
    backbone = _link(_BACKBONE, naming.PRIVATE, fact)
    ibm, wan = _link("ibm", WAN_OF_IBM, fact), _link("wan", WAN_OF_IBM, fact)
    enterprise = _link("enterprise", WAN_OF_ENTERPRISE, fact)
    yield _between(XCR, fact, (backbone, naming.BCR, there), (wan, WAN, here))
    yield _between(WAN, fact, (ibm, XCR, there), (enterprise, ROUTER, here))
    yield _router(site, fact)
    if site.on_premises is not None and site.on_premises.user is not None:
        yield _user(site.on_premises.user, site.hcx)
    if site.hcx is not None:
        yield EsxiHost(name=ESXI, fact=declared("hcx.enterprise"), interfaces={}, routes=RouteTable())


def bcr_interfaces(site: Site) -> Iterator[Interface]:
    """Where the BCR is connected for the sake of the cloud concentrator."""
    if site.hcx is not None:
        cloud = site.hcx.cloud
        yield _attached("hcx", HCX_PRIVATE, declared("hcx.cloud"), cloud.gateway, cloud.subnet)


def bcr_routes(site: Site) -> Iterator[Route]:
    """What the BCR knows besides: the concentrator's subnet, and by the XCR the enterprise's networks."""
    for item in bcr_interfaces(site):
        if item.prefix is not None:
            yield Route(prefix=item.prefix, interface=item.name, fact=item.fact)
    if _is_there(site):
        yield from _to(_enterprise(site), _BACKBONE, XCR, _declared(site))


def joined(nodes: Iterable[Node], site: Site) -> list[Node]:
    """The nodes, the BCR among them with these interfaces and routes."""
    interfaces = {item.name: item for item in bcr_interfaces(site)}
    routes = tuple(bcr_routes(site))
    return [
        replace(
            node,
            interfaces={**node.interfaces, **interfaces},
            routes=RouteTable((*node.routes.routes, *routes)),
        )
        if node.name == naming.BCR and routes
        else node
        for node in nodes
    ]


def _is_there(site: Site) -> bool:
    return site.on_premises is not None or site.hcx is not None


def _declared(site: Site) -> Fact:
    return declared("on_premises" if site.on_premises is not None else "hcx.enterprise")


def _enterprise(site: Site) -> tuple[IPv4Network, ...]:
    """The prefixes that lead to the on-premises router; extended networks too, as their gateway is there."""
    known: list[IPv4Network] = []
    if site.on_premises is not None:
        known += site.on_premises.networks
    if site.hcx is not None:
        known += (site.hcx.enterprise.subnet, *(network.subnet for network in site.hcx.networks))
    return tuple(dict.fromkeys(known))


def _account(site: Site) -> tuple[IPv4Network, ...]:
    """The account's private subnets, which the enterprise learns over the WAN."""
    known: list[IPv4Network | None] = []
    if site.hcx is not None:
        known.append(site.hcx.cloud.subnet)
    if site.vcs is not None:
        known += (site.vcs.hosts.private, site.vcs.uplinks.private.subnet)
    for cluster in site.iks:
        known += (cluster.workers.private, cluster.portable.private)
    if site.ibm_cloud is not None:
        known += site.ibm_cloud.assigned
    return tuple(prefix for prefix in dict.fromkeys(known) if prefix is not None)


def _to(prefixes: Iterable[IPv4Network], interface: str, node: str, fact: Fact) -> Iterator[Route]:
    for prefix in prefixes:
        yield Route(prefix=prefix, interface=interface, fact=fact, next_node=node, origin=Origin.DECLARED)


def _link(name: str, segment: str, fact: Fact) -> Interface:
    """An interface whose address is the provider's own matter."""
    return Interface(name=name, role=name, segment=segment, fact=fact)


def _attached(name: str, segment: str, fact: Fact, address: IPv4Address, subnet: IPv4Network) -> Interface:
    return Interface(
        name=name, role=name, segment=segment, fact=fact, addresses=(int(address),), prefix=subnet
    )


def _between(name: str, fact: Fact, *sides: tuple[Interface, str, tuple[IPv4Network, ...]]) -> IbmRouter:
    """A router with a neighbour and the prefixes behind it at each of its interfaces."""
    return IbmRouter(
        name=name,
        fact=fact,
        interfaces={item.name: item for item, _, _ in sides},
        routes=RouteTable(
            route for item, node, prefixes in sides for route in _to(prefixes, item.name, node, fact)
        ),
    )


def _router(site: Site, fact: Fact) -> IbmRouter:
    interfaces = [_link("wan", WAN_OF_ENTERPRISE, fact), _link("lan", LAN, fact)]
    if site.hcx is not None:
        uplink, known = site.hcx.enterprise, declared("hcx.enterprise")
        interfaces.append(_attached("concentrators", CONCENTRATORS, known, uplink.gateway, uplink.subnet))
        for network in site.hcx.networks:
            known = declared(f"hcx.networks.{network.name}")
            interfaces.append(_attached(network.name, vlan(network), known, network.gateway, network.subnet))
    own = site.on_premises.networks if site.on_premises is not None else ()
    routes = [
        Route(prefix=item.prefix, interface=item.name, fact=item.fact)
        for item in interfaces
        if item.prefix is not None
    ]
    attached = {route.prefix for route in routes}
    routes += (
        Route(prefix=prefix, interface="lan", fact=fact, origin=Origin.DECLARED)
        for prefix in dict.fromkeys(own)
        if prefix not in attached
    )
    routes += _to(_account(site), "wan", WAN, fact)
    return IbmRouter(
        name=ROUTER,
        fact=fact,
        interfaces={item.name: item for item in interfaces},
        routes=RouteTable(routes),
    )


def _user(address: IPv4Address, hcx: Hcx | None) -> Host:
    """On the corporate network only the address is known; on an extended one the gateway, too."""
    fact = declared("on_premises.user")
    networks = hcx.networks if hcx is not None else ()
    network = next((network for network in networks if address in network.subnet), None)
    if network is not None:
        eth0 = _attached("eth0", vlan(network), fact, address, network.subnet)
        routes = by_gateway(fact, "eth0", network.subnet, network.gateway)
    else:
        eth0 = replace(_link("eth0", LAN, fact), addresses=(int(address),))
        routes = RouteTable(_to((_EVERYWHERE,), "eth0", ROUTER, fact))
    return Host(name=USER, fact=fact, interfaces={"eth0": eth0}, routes=routes)
