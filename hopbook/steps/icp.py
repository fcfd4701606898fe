"""ICP's network on a VCS instance, step by step (source document, "ICP と VCS の統合").

The overlay has an ESG and a DLR of its own (S2). The ESG lets nodes out to the internet by SNAT (S3) or to
a web proxy (S4), to DNS and NTP by its private vNIC (S5), and publishes the master's and the proxy's
virtual addresses to the IBM Cloud private network by DNAT (S6).

Rules of one section carry ranks, so that their order is the document's however the steps come to be taken.
Whether the edge's firewall compares a source before or after SNAT is not documented: where a packet is
SNATed, rules name both its sources, so that no promise depends on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import (
    DnsRelay,
    Edge,
    FirewallAction,
    FirewallPolicy,
    FirewallRule,
    HighAvailability,
    Interface,
    InterfaceType,
    LogicalSwitch,
    NatAction,
    NatRule,
    Router,
    Service,
    StaticRoute,
    Syslog,
)
from hopbook.site.model import Egress, IbmCloud, Icp, Join, Overlay, OverlayNetwork, PortableSubnet, Site, Vcs
from hopbook.site.needs import require
from hopbook.steps import naming
from hopbook.steps.naming import PRIVATE, PUBLIC, TRANSIT

NEEDS = ("vcs", "ibm_cloud", "overlays", "icp")
_ANYWHERE = IPv4Network("0.0.0.0/0")
_WEB = ("80", "443")


@dataclass(frozen=True, slots=True)
class Ground:
    """The parts of a site that the steps stand on, and the keys that they share."""

    site: Site
    vcs: Vcs
    ibm: IbmCloud
    icp: Icp
    overlay: Overlay
    nodes: OverlayNetwork
    edge: Key
    router: Key


def ground(site: Site) -> Ground:
    """The parts that ICP's network needs.

    Raises:
        InvalidInput: a section is missing, or names an overlay or network that does not exist.
    """
    require(site, NEEDS, "icp-network")
    vcs, ibm, icp = site.vcs, site.ibm_cloud, site.icp
    overlay = site.overlay(icp.overlay) if icp else None
    nodes = overlay.network(icp.network) if icp and overlay else None
    if vcs is None or ibm is None or icp is None or overlay is None or nodes is None:
        message = "icp.overlay and icp.network have to name an overlay of the site and one of its networks"
        raise InvalidInput(message)
    if icp.egress is Egress.SNAT and overlay.edge.public is None:
        message = f"icp.egress is snat, so the edge of the overlay {overlay.name} needs a `public` address"
        raise InvalidInput(message)
    return Ground(
        site=site,
        vcs=vcs,
        ibm=ibm,
        icp=icp,
        overlay=overlay,
        nodes=nodes,
        edge=naming.edge_key(site, overlay),
        router=naming.router_key(site, overlay),
    )


def logical_switches(site: Site) -> Step:
    """The VXLANs of the overlay: one for each network, and the transit between ESG and DLR."""
    g = ground(site)
    names = {naming.transit_name(site, g.overlay): "Transit between ESG and DLR"} | {
        naming.switch_name(site, g.overlay, network.name): f"{network.subnet}"
        for network in g.overlay.networks
    }
    switches = [
        LogicalSwitch(switch=name, zone=g.vcs.transport_zone, purpose=purpose)
        for name, purpose in names.items()
    ]
    return _step("overlay", "Lay the VXLANs of the overlay", "S2", switches)


def edge_and_router(site: Site) -> Step:
    """A dedicated ESG and DLR, with their interfaces, routes and a firewall that denies."""
    g = ground(site)
    return _step(
        "edge-and-router",
        "Deploy the overlay's own ESG and DLR",
        "S2",
        [*_edge(g), *_router(g), *_routes(g)],
    )


def internet(site: Site) -> Step:
    """The nodes' way out: SNAT on the public vNIC, or a web proxy on the private network."""
    g = ground(site)
    if g.icp.egress is Egress.PROXY:
        return _step("egress", "Let the nodes out by the web proxy", "S4", _to_web_proxy(g))
    return _step("egress", "Let the nodes out to the internet by SNAT", "S3", _to_internet(g))


def dns_and_ntp(site: Site) -> Step:
    """DNS through the edge's relay and NTP, both by the private vNIC."""
    g = ground(site)
    nodes, transit = g.nodes.subnet, g.overlay.transit
    private = [str(network) for network in g.ibm.private_ranges]
    return _step(
        "dns-and-ntp",
        "Reach DNS and NTP by the private network",
        "S5",
        [
            *_to_private(g),
            DnsRelay(owner=g.edge, enabled=True, listeners=(transit.edge,), forwarders=g.ibm.dns),
            _accept(
                g,
                "nodes-to-relay",
                210,
                [str(nodes)],
                [str(transit.edge)],
                Service("udp", ("53",)),
                Service("tcp", ("53",)),
            ),
            _accept(
                g,
                "nodes-to-private",
                220,
                [str(nodes), str(g.overlay.edge.private)],
                private,
                Service("udp", ("123",)),
                Service("tcp", _WEB),
            ),
        ],
    )


def cluster_addresses(site: Site) -> Step:
    """DNAT from the published addresses to the cluster's virtual addresses, inside clients included."""
    g = ground(site)
    published, vips = g.icp.published, g.icp.vips
    rules = [
        *_dnat(g, "dnat-master", PRIVATE, 1000, published.master, vips.master, published.master_ports),
        *_dnat(g, "dnat-proxy", PRIVATE, 1100, published.proxy, vips.proxy, published.proxy_ports),
    ]
    if g.icp.public:
        public = g.icp.public
        rules += _dnat(g, "dnat-web", PUBLIC, 1200, public.proxy, vips.proxy, public.ports)
    if published.ssh is not None:
        rules.append(_to_boot_node(g, published.ssh))
    if published.hairpin:
        rules += _hairpin(g)
    return _step("publish", "Publish the master's and the proxy's addresses", "S6, T2.4", rules)


def admit_clients(site: Site) -> Step:
    """The firewall lets the clients of the published addresses in (it sees the addresses before DNAT)."""
    g = ground(site)
    published = g.icp.published
    clients = [str(network) for network in published.clients]
    if published.hairpin:
        clients += [str(g.nodes.subnet), str(g.overlay.transit.edge)]
    rules = [
        _accept(
            g,
            "clients-to-master",
            310,
            clients,
            [str(published.master)],
            Service("tcp", _ports(published.master_ports)),
        ),
        _accept(
            g,
            "clients-to-proxy",
            320,
            clients,
            [str(published.proxy)],
            Service("tcp", _ports(published.proxy_ports)),
        ),
    ]
    if g.icp.public:
        web = Service("tcp", _ports(g.icp.public.ports))
        rules.append(_accept(g, "internet-to-web", 330, [], [str(g.icp.public.proxy)], web))
    if published.ssh is not None:
        operators = [str(network) for network in published.clients]
        ssh = Service("tcp", (str(published.ssh),))
        rules.append(_accept(g, "operators-to-boot", 340, operators, [str(published.master)], ssh))
    return _step("admit", "Let the clients of the published addresses in", "S6, T2.4", rules)


def _step(step_id: str, title: str, citation: str, resources: Iterable[Resource]) -> Step:
    return Step(id=step_id, title=title, citation=citation, resources=tuple(resources))


def _ports(ports: Iterable[int]) -> tuple[str, ...]:
    return tuple(str(port) for port in ports)


def _on(subnet: PortableSubnet, address: IPv4Address) -> IPv4Interface:
    return IPv4Interface(f"{address}/{subnet.subnet.prefixlen}")


def _edge(g: Ground) -> list[Resource]:
    plan, uplinks, transit = g.overlay.edge, g.vcs.uplinks, g.overlay.transit
    interfaces = [
        Interface(
            owner=g.edge,
            label="private",
            index=PRIVATE,
            type=InterfaceType.UPLINK,
            network=uplinks.private.port_group,
            address=_on(uplinks.private, plan.private),
            secondaries=(g.icp.published.master, g.icp.published.proxy),
        )
    ]
    if plan.public is not None:
        web = (g.icp.public.proxy,) if g.icp.public else ()
        interfaces.append(
            Interface(
                owner=g.edge,
                label="public",
                index=PUBLIC,
                type=InterfaceType.UPLINK,
                network=uplinks.public.port_group,
                address=_on(uplinks.public, plan.public),
                secondaries=web,
            )
        )
    interfaces.append(
        Interface(
            owner=g.edge,
            label="transit",
            index=TRANSIT,
            type=InterfaceType.INTERNAL,
            network=naming.switch_key(naming.transit_name(g.site, g.overlay)),
            address=IPv4Interface(f"{transit.edge}/{transit.subnet.prefixlen}"),
        )
    )
    return [
        Edge(
            edge=naming.edge_name(g.site, g.overlay),
            datacenter=g.vcs.datacenter,
            size=plan.size,
            placements=g.vcs.placements if plan.ha else g.vcs.placements[:1],
            cli_password=plan.cli_password,
        ),
        *interfaces,
        HighAvailability(owner=g.edge, enabled=plan.ha),
        Syslog(owner=g.edge, enabled=bool(plan.syslog), servers=plan.syslog),
        FirewallPolicy(owner=g.edge, enabled=True, default=FirewallAction.DENY),
    ]


def _router(g: Ground) -> list[Resource]:
    transit = naming.switch_key(naming.transit_name(g.site, g.overlay))
    networks = [
        Interface(
            owner=g.router,
            label=network.name,
            index=None,
            type=InterfaceType.INTERNAL,
            network=naming.switch_key(naming.switch_name(g.site, g.overlay, network.name)),
            address=IPv4Interface(f"{network.gateway}/{network.subnet.prefixlen}"),
        )
        for network in g.overlay.networks
    ]
    return [
        Router(
            router=naming.router_name(g.site, g.overlay),
            datacenter=g.vcs.datacenter,
            placements=g.vcs.placements[:1],
            cli_password=g.overlay.edge.cli_password,
            ha_network=g.vcs.management_network or transit,
        ),
        # The ESG filters. What a DLR's firewall acts on is documented only in part, so it is left open.
        FirewallPolicy(owner=g.router, enabled=True, default=FirewallAction.ACCEPT),
        Interface(
            owner=g.router,
            label="transit",
            index=None,
            type=InterfaceType.UPLINK,
            network=transit,
            address=IPv4Interface(f"{g.overlay.transit.router}/{g.overlay.transit.subnet.prefixlen}"),
        ),
        *networks,
    ]


def _routes(g: Ground) -> list[Resource]:
    """Default by the FCR, IBM Cloud's private ranges by the BCR, the overlay by the DLR, and back."""
    uplinks, transit = g.vcs.uplinks, g.overlay.transit
    default = (PUBLIC, uplinks.public) if g.overlay.edge.public is not None else (PRIVATE, uplinks.private)
    routes = [(_ANYWHERE, default[1].gateway, default[0], "Default route")]
    routes += [
        (network, uplinks.private.gateway, PRIVATE, "IBM Cloud private network")
        for network in g.ibm.private_ranges
    ]
    routes += [
        (network.subnet, transit.router, TRANSIT, f"Network {network.name}") for network in g.overlay.networks
    ]
    return [
        *(
            StaticRoute(owner=g.edge, network=network, next_hop=hop, interface=index, purpose=purpose)
            for network, hop, index, purpose in routes
        ),
        StaticRoute(owner=g.router, network=_ANYWHERE, next_hop=transit.edge, purpose="Default route"),
    ]


def _accept(
    g: Ground, rule: str, rank: int, sources: Iterable[str], destinations: Iterable[str], *services: Service
) -> FirewallRule:
    return FirewallRule(
        owner=g.edge,
        rule=rule,
        action=FirewallAction.ACCEPT,
        sources=tuple(sources),
        destinations=tuple(destinations),
        services=services,
        rank=rank,
    )


def _to_private(g: Ground) -> list[NatRule]:
    """SNAT on the private vNIC; beside a tunnel only towards IBM's ranges: the rest may be its (rule 6)."""
    ends_here = any(
        join is not None and (join.how, join.overlay) == (Join.VPN, g.overlay.name)
        for join in (cluster.join for cluster in g.site.iks)
    )
    matches = [str(network) for network in g.ibm.private_ranges] if ends_here else ["any"]
    return [
        NatRule(
            owner=g.edge,
            rule="snat-private" if number == 0 else f"snat-private-{number}",
            action=NatAction.SNAT,
            interface=PRIVATE,
            original=str(g.nodes.subnet),
            translated=str(g.overlay.edge.private),
            match=match,
            purpose="Nodes to the IBM Cloud private network",
            rank=200 + number,
        )
        for number, match in enumerate(matches)
    ]


def _to_internet(g: Ground) -> list[Resource]:
    nodes = str(g.nodes.subnet)
    snat = NatRule(
        owner=g.edge,
        rule="snat-internet",
        action=NatAction.SNAT,
        interface=PUBLIC,
        original=nodes,
        translated=str(g.overlay.edge.public),
        purpose="Nodes to the internet",
        rank=300,
    )
    return [
        snat,
        _accept(
            g,
            "nodes-to-internet",
            110,
            [nodes, snat.translated],
            [f"vnic-index-{PUBLIC}"],
            Service("tcp", _WEB),
        ),
    ]


def _to_web_proxy(g: Ground) -> list[Resource]:
    if g.icp.proxy is None:
        message = "icp.egress is proxy, so `icp.proxy` has to say address and port of the web proxy"
        raise InvalidInput(message)
    proxy = g.icp.proxy
    service = Service("tcp", (str(proxy.port),))
    sources = [str(g.nodes.subnet), str(g.overlay.edge.private)]
    return [_accept(g, "nodes-to-web-proxy", 110, sources, [str(proxy.address)], service)]


def _dnat(
    g: Ground,
    name: str,
    interface: int,
    rank: int,
    original: IPv4Address,
    translated: IPv4Address,
    ports: Iterable[int],
) -> list[NatRule]:
    return [
        NatRule(
            owner=g.edge,
            rule=f"{name}-{port}",
            action=NatAction.DNAT,
            interface=interface,
            original=str(original),
            translated=str(translated),
            protocol="tcp",
            original_port=str(port),
            translated_port=str(port),
            rank=rank + place,
        )
        for place, port in enumerate(ports)
    ]


def _to_boot_node(g: Ground, port: int) -> NatRule:
    """SSH to the node that the installer runs on: the boot node, else the first master."""
    address = (*g.icp.nodes.boot, *g.icp.nodes.master)[0]
    return NatRule(
        owner=g.edge,
        rule=f"dnat-ssh-{port}",
        action=NatAction.DNAT,
        interface=PRIVATE,
        original=str(g.icp.published.master),
        translated=str(address),
        protocol="tcp",
        original_port=str(port),
        translated_port="22",
        purpose="Operators to the boot node",
        rank=1150,
    )


def _hairpin(g: Ground) -> list[NatRule]:
    """Nodes that use a published address: DNAT where they come in, and SNAT so that the reply comes back.

    Without the first the packet ends at the ESG itself; without the second the reply goes round the ESG.
    """
    published, vips = g.icp.published, g.icp.vips
    dnat = [
        *_dnat(
            g, "hairpin-dnat-master", TRANSIT, 1300, published.master, vips.master, published.master_ports
        ),
        *_dnat(g, "hairpin-dnat-proxy", TRANSIT, 1400, published.proxy, vips.proxy, published.proxy_ports),
    ]
    snat = [
        NatRule(
            owner=g.edge,
            rule=f"hairpin-snat-{role}",
            action=NatAction.SNAT,
            interface=TRANSIT,
            original=str(g.nodes.subnet),
            translated=str(g.overlay.transit.edge),
            match=str(vip),
            purpose="Replies of published addresses come back through the ESG",
            rank=rank,
        )
        for rank, role, vip in ((1500, "master", vips.master), (1501, "proxy", vips.proxy))
    ]
    return [*dnat, *snat]
