"""What nobody observes and the site states: IBM's routers, the internet, servers, the cluster's machines.

The FCR knows the public portable subnet, the BCR the account's private subnets, and neither knows the
instance's own addresses (BYOIP): a packet that leaves un-NATed finds no way back. The cluster's machines are
declared at their addresses and answer only if the cluster exists.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network

from hopbook.network import naming
from hopbook.network.facts import Fact, How, assumed, declared
from hopbook.network.nodes import (
    Host,
    IbmRouter,
    Interface,
    Internet,
    Listener,
    Medium,
    Name,
    Node,
    Segment,
)
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.site.model import Icp, Site, Vcs
from hopbook.steps import naming as live

EVERYWHERE = IPv4Network("0.0.0.0/0")
# Nobody carries these on the internet (RFC 6890)
_NOT_ON_THE_INTERNET = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")


def segments(site: Site) -> Iterator[Segment]:
    """The uplinks, the overlays' switches, and the clouds."""
    if site.vcs is not None:
        for side in ("public", "private"):
            subnet = getattr(site.vcs.uplinks, side)
            fact = declared(f"vcs.uplinks.{side}")
            carries = 1500 if side == "public" else 9000
            yield Segment(name=subnet.port_group, medium=Medium.VLAN, fact=fact, carries=carries)
    for overlay in site.overlays:  # where nothing is observed of a switch, nobody answers on it
        for name in (
            live.transit_name(site, overlay),
            *(live.switch_name(site, overlay, network.name) for network in overlay.networks),
        ):
            yield Segment(name=name, medium=Medium.VXLAN, fact=declared(f"overlays.{overlay.name}"))
    yield Segment(name=naming.BACKBONE, medium=Medium.CLOUD, fact=declared("vcs.uplinks.public"))
    yield Segment(name=naming.INTERNET_HOSTS, medium=Medium.CLOUD, fact=declared("externals"), open=True)
    yield Segment(name=naming.PRIVATE, medium=Medium.CLOUD, fact=declared("ibm_cloud"), open=True)


def nodes(site: Site, *, cluster_exists: bool) -> Iterator[Node]:
    """All of them."""
    if site.vcs is not None:
        yield from _ibm_routers(site, site.vcs)
        yield _internet(site.vcs)
    user = int(naming.ANYBODY)
    yield _on_cloud(naming.INTERNET_USER, (user,), naming.INTERNET_HOSTS, declared("internet.user"))
    yield from _ibm_services(site)
    for external in site.externals:
        segment = naming.PRIVATE if external.where == "private" else naming.INTERNET_HOSTS
        yield _on_cloud(
            external.host,
            (int(external.address),),
            segment,
            declared(f"externals.{external.name}"),
            listens=_ports("tcp", external.port),
        )
    if site.icp is not None:
        if site.icp.proxy is not None:
            yield _web_proxy(int(site.icp.proxy.address), site.icp.proxy.port)
        yield from _cluster(site, site.icp, present=cluster_exists)


def _ports(protocol: str, *ports: int) -> frozenset[Listener]:
    return frozenset(Listener(protocol, port) for port in ports)


def _table(fact: Fact, *ways: tuple[IPv4Network, str, str]) -> RouteTable:
    """Declared routes as (prefix, interface, next node)."""
    return RouteTable(
        Route(prefix=prefix, interface=interface, fact=fact, next_node=via, origin=Origin.DECLARED)
        for prefix, interface, via in ways
    )


def _ibm_routers(site: Site, vcs: Vcs) -> Iterator[Node]:
    for name, side in ((naming.FCR, "public"), (naming.BCR, "private")):
        portable = getattr(vcs.uplinks, side)
        fact = declared(f"vcs.uplinks.{side}.gateway")
        inside = Interface(
            name="portable",
            role="portable",
            segment=portable.port_group,
            fact=fact,
            addresses=(int(portable.gateway),),
            prefix=portable.subnet,
            mtu=1500 if side == "public" else 9000,
        )
        beyond = naming.BACKBONE if side == "public" else naming.PRIVATE
        outside = Interface(name="backbone", role="backbone", segment=beyond, fact=fact)
        ways = (
            [(EVERYWHERE, "backbone", naming.INTERNET)]
            if side == "public"
            else [(prefix, "backbone", "") for prefix in _account(site, vcs)]
        )
        yield IbmRouter(
            name=name,
            fact=fact,
            interfaces={item.name: item for item in (inside, outside)},
            routes=_table(fact, (portable.subnet, "portable", ""), *ways),
        )


def _account(site: Site, vcs: Vcs) -> Iterator[IPv4Network]:
    """The private prefixes that the BCR knows."""
    yield vcs.hosts.private
    for cluster in site.iks:
        yield cluster.workers.private
        if cluster.portable.private is not None:
            yield cluster.portable.private
    if site.ibm_cloud is not None:
        yield from site.ibm_cloud.private_ranges
        yield from site.ibm_cloud.assigned


def _internet(vcs: Vcs) -> Node:
    fact = declared("vcs.uplinks.public.subnet")
    interfaces = (
        Interface(name="backbone", role="backbone", segment=naming.BACKBONE, fact=fact),
        Interface(name="hosts", role="hosts", segment=naming.INTERNET_HOSTS, fact=fact),
    )
    nowhere = ((IPv4Network(text), "", "") for text in _NOT_ON_THE_INTERNET)
    return Internet(
        name=naming.INTERNET,
        fact=fact,
        interfaces={item.name: item for item in interfaces},
        routes=_table(
            fact, (vcs.uplinks.public.subnet, "backbone", naming.FCR), (EVERYWHERE, "hosts", ""), *nowhere
        ),
    )


def _on_cloud(
    name: str,
    addresses: tuple[int, ...],
    segment: str,
    fact: Fact,
    *,
    listens: frozenset[Listener] = frozenset(),
) -> Host:
    """A host of which only the address is known: it sends by the router of its cloud."""
    gateway = naming.BCR if segment == naming.PRIVATE else naming.INTERNET
    return Host(
        name=name,
        fact=fact,
        interfaces={
            "eth0": Interface(name="eth0", role="eth0", segment=segment, fact=fact, addresses=addresses)
        },
        routes=_table(fact, (EVERYWHERE, "eth0", gateway)),
        listens=listens,
    )


def _ibm_services(site: Site) -> Iterator[Node]:
    if site.ibm_cloud is None:
        return
    for service, addresses, listens in (
        ("dns", site.ibm_cloud.dns, _ports("udp", 53) | _ports("tcp", 53)),
        ("ntp", site.ibm_cloud.ntp, _ports("udp", 123)),
    ):
        for number, address in enumerate(addresses, start=1):
            name, fact = naming.server(service, number), declared(f"ibm_cloud.{service}")
            yield _on_cloud(name, (int(address),), naming.PRIVATE, fact, listens=listens)
    if site.ibm_cloud.client is not None:
        client, fact = int(site.ibm_cloud.client), declared("ibm_cloud.client")
        yield _on_cloud(naming.CLIENT, (client,), naming.PRIVATE, fact)


def _web_proxy(address: int, port: int) -> Host:
    """The web proxy. Its way to the internet is its own, so it stands there too (A17)."""
    fact, outside = declared("icp.proxy"), assumed("A17")
    sides = (
        Interface(name="private", role="private", segment=naming.PRIVATE, fact=fact, addresses=(address,)),
        Interface(
            name="internet",
            role="internet",
            segment=naming.INTERNET_HOSTS,
            fact=outside,
            addresses=(int(naming.PROXY_OUTSIDE),),
        ),
    )
    inside = [(IPv4Network(text), "private", naming.BCR) for text in _NOT_ON_THE_INTERNET]
    return Host(
        name=naming.WEB_PROXY,
        fact=fact,
        interfaces={item.name: item for item in sides},
        routes=_table(outside, (EVERYWHERE, "internet", naming.INTERNET), *inside),
        listens=_ports("tcp", port),
        proxies=True,
    )


def _cluster(site: Site, icp: Icp, *, present: bool) -> Iterator[Node]:
    """The machines of the cluster, and its virtual addresses as machines of their own."""
    overlay = site.overlay(icp.overlay)
    network = overlay.network(icp.network) if overlay is not None else None
    if overlay is None or network is None:
        return
    segment = live.switch_name(site, overlay, icp.network)
    published = icp.published
    web = icp.public.ports if icp.public is not None else ()
    machines: list[tuple[str, str, IPv4Address, frozenset[Listener] | None]] = [
        (naming.MASTER_VIP, "vips.master", icp.vips.master, _ports("tcp", *published.master_ports)),
        (naming.PROXY_VIP, "vips.proxy", icp.vips.proxy, _ports("tcp", *published.proxy_ports, *web)),
    ]
    for role, addresses in icp.nodes.by_role().items():
        for number, address in enumerate(addresses, start=1):
            machines.append((naming.icp_node(role, number), f"nodes.{role}", address, None))
    for name, place, address, listens in machines:
        fact = declared(f"icp.{place}")
        interface = Interface(
            name="eth0",
            role="eth0",
            segment=segment,
            fact=fact,
            addresses=(int(address),),
            prefix=network.subnet,
        )
        gateway = Route(
            prefix=EVERYWHERE,
            interface="eth0",
            fact=fact,
            next_hop=int(network.gateway),
            distance=1,
            origin=Origin.DECLARED,
        )
        yield Host(
            name=name,
            fact=fact,
            interfaces={"eth0": interface},
            routes=RouteTable((Route(prefix=network.subnet, interface="eth0", fact=fact), gateway)),
            present=present,
            listens=listens,
        )


def names(site: Site) -> Iterator[tuple[str, Name]]:
    """What the site's names stand for."""
    for host, address, place in _declared_names(site):
        yield host, Name((address,), declared(place))


def resolved(asked: Mapping[str, tuple[IPv4Address, ...]], when: str) -> Iterator[tuple[str, Name]]:
    """What the resolver answered."""
    for host, addresses in asked.items():
        yield host, Name(tuple(addresses), Fact(how=How.OBSERVED, source="dns", when=when))


def _declared_names(site: Site) -> Iterator[tuple[str, IPv4Address, str]]:
    for external in site.externals:
        yield external.host, external.address, f"externals.{external.name}.host"
    yield from _workload_names(site)
    if site.icp is None:
        return
    published, public = site.icp.published, site.icp.public
    if published.master_name:
        yield published.master_name, published.master, "icp.published.master_name"
    if published.proxy_name:
        yield published.proxy_name, published.proxy, "icp.published.proxy_name"
    if public is not None and public.name:
        yield public.name, public.proxy, "icp.public.name"


def _workload_names(site: Site) -> Iterator[tuple[str, IPv4Address, str]]:
    """The names of VMs; one that an edge stands for is called by the edge's address (static-dnat)."""
    published = {
        item.workload: (item.address, f"iks.{cluster.name}.join.published")
        for cluster in site.iks
        if cluster.join is not None
        for item in cluster.join.published
    }
    for load in site.workloads:
        if load.host is not None and load.address is not None:
            address, place = published.get(load.name, (load.address, f"workloads.{load.name}.address"))
            yield load.host, address, place
