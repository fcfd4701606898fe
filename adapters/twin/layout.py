"""A network as files: which namespaces there are, and what each of them is told. No I/O happens here.

Addresses are given as /32 and every route of the model is installed as it is, with its distance as metric,
so the kernel adds none of its own. A route that leads nowhere is a `throw`: the packet then finds no other
route, and its sender hears that the network is unreachable.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from adapters.twin import bird, nft, strongswan
from adapters.twin.bird import Speaking
from adapters.twin.cabling import Cabling, Port, cable
from adapters.twin.nft import Counters, Forwarding, Meaning
from adapters.twin.relay import Wrapping
from adapters.twin.stations import (
    ESP_DEVICE,
    FABRIC,
    TUNNEL,
    Cast,
    NotBuildable,
    Plug,
    Standing,
    Station,
    cast,
)
from adapters.twin.strongswan import Gateway
from hopbook.network.nodes import (
    Concentrator,
    Dlr,
    Esg,
    EsxiHost,
    Host,
    KubeNode,
    Network,
    Node,
    ReversePath,
    VpnGateway,
)
from hopbook.network.packet import ip
from hopbook.network.routes import Route, RouteTable

__all__ = ["Layout", "Meaning", "NotBuildable", "Station", "lay_out"]

_REVERSE_PATH = {ReversePath.OFF: 0, ReversePath.STRICT: 1, ReversePath.LOOSE: 2}
_POLICY_TABLE, _POLICY_RANK = 100, 100
# A neighbour that does not answer is given up after 3 x 50 ms
_NEIGHBOURS = "retrans 50 mcast_probes 3 base_reachable 3600000 locktime 0"
_SYSCTLS = {
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_msgs_per_sec": "100000",
    "net/ipv4/icmp_msgs_burst": "10000",
    "net/ipv4/fib_multipath_hash_policy": "1",
    "net/ipv4/tcp_no_metrics_save": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    # An address is answered for where it is, and no other is told
    "net/ipv4/conf/default/arp_ignore": "1",
    "net/ipv4/conf/default/arp_announce": "2",
    "net/netfilter/nf_conntrack_tcp_loose": "0",
    # A bridged frame is not the business of the rules for routed ones
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-arptables": "0",
}


@dataclass(frozen=True)
class Layout:
    """All that is told to whom.

    Attributes:
        wires: Which interface is wired to which, as (station, device), both ways.
        sysctls: By station, what is written below /proc/sys before there are interfaces.
        links: What makes the wires, for `ip -batch`.
        scripts: By station, what sets up interfaces, addresses and routes, for `ip -batch`.
        flooding: By station, the far ends of VXLAN, for `bridge -batch`.
        rules: By station, for `nft -f`.
        meaning: What each named counter of the rules counts.
        wrappings: Nodes that wrap into IP-in-IP.
        forwardings: By service, how nodes forward it.
        gateways: Ends of IPsec tunnels.
        speakers: Who speaks BGP.
    """

    network: Network
    stations: tuple[Station, ...]
    wires: Mapping[Port, Port]
    sysctls: Mapping[str, Mapping[str, str]]
    links: str
    scripts: Mapping[str, str]
    flooding: Mapping[str, str]
    rules: Mapping[str, str]
    meaning: Mapping[str, Meaning]
    wrappings: tuple[Wrapping, ...] = ()
    forwardings: Mapping[str, tuple[Forwarding, ...]] = field(default_factory=dict)
    gateways: tuple[Gateway, ...] = ()
    speakers: tuple[Speaking, ...] = ()

    def of(self, node: str, host: str = "") -> Station:
        """The station of a node; of a DLR, the one on a host (empty: the first).

        Raises:
            KeyError: the node is not built.
        """
        held = [item for item in self.stations if item.node == node]
        found = next((item for item in held if item.host == host), None)
        if found is None and not host and held:
            return held[0]
        if found is None:
            raise KeyError(f"{node} in {host}" if host else node)
        return found


def lay_out(network: Network, knobs: Mapping[str, str] | None = None, there: Collection[str] = ()) -> Layout:
    """What to build for a network.

    Args:
        network: Nodes that are not present are left out.
        knobs: Readings of inferred rules, by assumption id.
        there: Names of such nodes that count as present.

    Raises:
        NotBuildable: something cannot be expressed.
    """
    knobs = knobs or {}
    people = cast(network, there)
    cabling = cable(people, knobs)
    counters = Counters()
    rules: dict[str, str] = {}
    forwardings: dict[str, tuple[Forwarding, ...]] = {}
    denied: dict[tuple[str, str], str] = {}
    for standing in people.standings:
        before = len(counters.meaning)
        text, services = _rules(standing, counters, knobs)
        ends = standing.node.ipsec if isinstance(standing.node, Esg | VpnGateway) else ()
        for name, counter in nft.denials(counters, ends, before).items():
            denied[standing.station.name, name] = counter
        for name, forwarding in services.items():
            forwardings[name] = (*forwardings.get(name, ()), forwarding)
        filters = cabling.filters.get(standing.station.name)
        rules[standing.station.name] = text + (nft.switch(filters) if filters else "")
    gateways = tuple(strongswan.gateways(people, knobs, denied))
    fabric = (Station(name=FABRIC, node="", layer2=True),) if cabling.fabric else ()
    return Layout(
        network=network,
        stations=(*(_shown(item, cabling, gateways) for item in people.standings), *fabric),
        wires=cabling.wires,
        sysctls=_sysctls(people, knobs, fabric=cabling.fabric),
        links="\n".join((*cabling.links, "")),
        scripts=_scripts(people, cabling, {item.station: item.script for item in gateways}),
        flooding={name: "\n".join((*lines, "")) for name, lines in cabling.flooding.items()},
        rules={name: text for name, text in rules.items() if text},
        meaning=counters.meaning,
        wrappings=tuple(_wrappings(people)),
        forwardings=forwardings,
        gateways=gateways,
        speakers=tuple(bird.speakers(people)),
    )


def _shown(standing: Standing, cabling: Cabling, gateways: Collection[Gateway]) -> Station:
    station = standing.station
    ports = dict.fromkeys(cabling.ports.get(station.name, ()), "")
    esp = {ESP_DEVICE: ""} if any(item.station == station.name for item in gateways) else {}
    return Station(
        name=station.name,
        node=station.node,
        host=station.host,
        interfaces={**station.interfaces, **ports, **esp},
        layer2=station.layer2,
    )


def _rules(
    standing: Standing, counters: Counters, knobs: Mapping[str, str]
) -> tuple[str, Mapping[str, Forwarding]]:
    node, text = standing.node, ""
    forwardings: Mapping[str, Forwarding] = {}
    if isinstance(node, Esg):
        text = nft.edge(standing, counters, knobs)
    elif isinstance(node, Dlr):
        text = nft.router(standing, counters)
    elif isinstance(node, VpnGateway):
        text = nft.gateway(standing, counters)
    elif isinstance(node, KubeNode):
        text, forwardings = nft.kube(standing, counters)
    return text + nft.machine(standing, counters), forwardings


def _sysctls(people: Cast, knobs: Mapping[str, str], *, fabric: bool) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for standing in people.standings:
        node = standing.node
        machine = isinstance(node, Host) and not isinstance(node, KubeNode)
        routes = not machine and not isinstance(node, EsxiHost | Concentrator)
        fragments = isinstance(node, Concentrator) and knobs.get("A27", "fragments") == "fragments"
        found[standing.station.name] = {
            "net/ipv4/ip_forward": str(int(routes)),
            **_SYSCTLS,
            "net/ipv4/conf/default/rp_filter": str(_REVERSE_PATH[node.reverse_path]),
            "net/ipv4/ip_no_pmtu_disc": str(int(fragments)),
        }
    if fabric:
        found[FABRIC] = {"net/ipv4/ip_forward": "0", **_SYSCTLS}
    return found


def _scripts(people: Cast, cabling: Cabling, tunnels: Mapping[str, str]) -> dict[str, str]:
    scripts = {name: ["link set lo up", *lines] for name, lines in cabling.scripts.items()}
    plugs: dict[str, list[Plug]] = {}
    for held in people.plugs.values():
        for plug in held:
            plugs.setdefault(plug.station, []).append(plug)
    for standing in people.standings:
        name = standing.station.name
        script = scripts.setdefault(name, ["link set lo up"])
        script += _interfaces(standing, plugs.get(name, []))
        script += cabling.late.get(name, [])
        script += _routes(people, standing, plugs.get(name, []))
        script += tunnels.get(name, "").splitlines()
    return {name: "\n".join((*lines, "")) for name, lines in scripts.items()}


def _interfaces(standing: Standing, plugs: list[Plug]) -> Iterator[str]:
    node = standing.node
    real = any(plug.addresses and not plug.spare for plug in plugs)
    for plug in plugs:
        if plug.trunk:
            continue
        scope = " scope link" if plug.spare and real else ""
        prefix = plug.interface.prefix if node.speaker is not None else None
        length = f"/{prefix.prefixlen}" if prefix is not None and not plug.spare else "/32"
        yield f"ntable change name arp_cache dev {plug.device} {_NEIGHBOURS}"
        yield f"link set {plug.device} up"
        for address in plug.addresses:
            flag = " noprefixroute" if length != "/32" else ""
            yield f"addr add {ip(address)}{length} dev {plug.device}{scope}{flag}"
    if isinstance(node, KubeNode) and node.tunnel:
        tunnel = node.interfaces[node.tunnel]
        yield from (f"addr add {ip(address)}/32 dev {TUNNEL}" for address in tunnel.addresses)
        yield f"link set {TUNNEL} mtu {tunnel.mtu} up"


def _routes(people: Cast, standing: Standing, plugs: list[Plug]) -> Iterator[str]:
    node = standing.node
    if node.reverse_path is not ReversePath.OFF:
        yield from _known_neighbours(people, plugs)
    routed = _Routed(people, standing)
    yield from routed.table(static(node.routes))
    if isinstance(node, KubeNode) and node.policy.routes:
        yield f"rule add pref {_POLICY_RANK} lookup {_POLICY_TABLE}"
        yield from routed.table(node.policy, f" table {_POLICY_TABLE}")


def static(table: RouteTable) -> RouteTable:
    """Without what BGP brought: that comes by BGP."""
    return RouteTable(route for route in table.routes if route.origin != "BGP")


def _known_neighbours(people: Cast, plugs: list[Plug]) -> Iterator[str]:
    """A reverse path filter also looks at who asks for an address, and has to know those that we made up."""
    for plug in plugs:
        for other in people.plugs[plug.interface.segment]:
            if other.spare and other.station != plug.station:
                yield from (
                    f"route add {ip(address)}/32 dev {plug.device} scope link" for address in other.addresses
                )


@dataclass(frozen=True)
class _Routed:
    """Renders the routes of one node."""

    people: Cast
    standing: Standing

    def table(self, table: RouteTable, suffix: str = "") -> Iterator[str]:
        """A line for each prefix and distance."""
        order = sorted(table.routes, key=lambda route: (route.prefix, route.distance))
        for (prefix, distance), group in groupby(order, key=lambda route: (route.prefix, route.distance)):
            ways = list(dict.fromkeys(self._way(route) for route in group if route.interface))
            tail = f" metric {distance}{suffix}" if distance else suffix
            if not ways:
                yield f"route add throw {prefix}{tail}"
            elif len(ways) == 1:
                (way, source) = ways[0]
                yield f"route add {prefix} {way}{source}{tail}"
            else:
                hops = " ".join(f"nexthop {way.removesuffix(' scope link')}" for way, _ in ways)
                yield f"route add {prefix}{tail} {hops}"

    def _way(self, route: Route) -> tuple[str, str]:
        node = self.standing.node
        interface, device = node.interfaces[route.interface], self.standing.devices[route.interface]
        source = _source(node, route)
        if device == TUNNEL:
            return f"dev {device} scope link", source
        if route.next_node:
            via = self.people.neighbour(interface.segment, route.next_node)
            return f"via {ip(via)} dev {device} onlink", source
        if route.next_hop is not None:
            return f"via {ip(route.next_hop)} dev {device} onlink", source
        return f"dev {device} scope link", source


def _source(node: Node, route: Route) -> str:
    own = node.interfaces[route.interface].addresses
    if own:
        return f" src {ip(own[0])}"
    known = isinstance(node, KubeNode) and node.node_address in node.addresses
    return f" src {ip(node.node_address)}" if isinstance(node, KubeNode) and known else ""


def _wrappings(people: Cast) -> Iterator[Wrapping]:
    for standing in people.standings:
        node = standing.node
        if isinstance(node, KubeNode) and node.tunnel:
            ways = tuple(
                (route.prefix, route.next_hop)
                for route in (*node.policy.routes, *node.routes.routes)
                if route.interface == node.tunnel and route.next_hop is not None
            )
            yield Wrapping(
                station=standing.station.name,
                device=TUNNEL,
                address=node.node_address,
                ways=ways,
                peers=node.tunnel_peers,
            )
