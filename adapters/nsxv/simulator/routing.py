"""The routing of an edge (NSX-V API guide 6.4, "Working with NSX Edge Routing"; `nsxv.md` 2.8, 2.9).

`/static` replaces every route and the default route together; `staticroute?network=` (6.4.4) touches one
prefix. OSPF and multicast are not simulated: their addresses are unknown here, and their sections refused.
"""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from adapters.nsxv.simulator import bgp, logs, net, system_rules
from adapters.nsxv.simulator.errors import collect, invalid, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import AddressGroup, Edge
from adapters.nsxv.simulator.values import DefaultRoute, IpPrefix, Routing, RoutingGlobal, StaticRoute
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_FARTHEST = 255
_SMALLEST_MTU, _LARGEST_MTU = 68, 9216
_LAST_INDEX = 999
_ECMP_PATHS = 8


def parse(world: World, edge: Edge, fields: Fields) -> Routing:
    """A whole configuration; a section that it leaves out is gone."""
    with fields:
        world.check_version(edge, "routing", fields)
        if not fields.flag("enabled", default=True):
            raise invalid(f"Field {fields.path('enabled')} cannot be false.")
        settings = _parse_global(fields.inner("routingGlobalConfig"))
        routing = _parse_static(world, edge, fields.inner("staticRouting"), Routing(settings=settings))
        if not fields.has("bgp"):
            return routing
        return replace(routing, bgp=bgp.parse(world, edge, fields.inner("bgp"), settings))


def _parse_global(fields: Fields) -> RoutingGlobal:
    with fields:
        prefixes = tuple(_parse_prefix(one) for one in fields.items("ipPrefixes", "ipPrefix"))
        if len({prefix.name for prefix in prefixes}) != len(prefixes):
            raise invalid(f"Names in {fields.path('ipPrefixes')} are not unique.")
        return RoutingGlobal(
            router_id=fields.checked("routerId", net.address) if fields.optional("routerId") else "",
            ecmp=fields.flag("ecmp", default=False),
            logging=logs.parse(fields.inner("logging")),
            prefixes=prefixes,
        )


def _parse_prefix(fields: Fields) -> IpPrefix:
    with fields:
        return IpPrefix(
            name=fields.required("name"),
            network=fields.checked("ipAddress", net.prefix),
            ge=fields.optional_number("ge", 0, 32),
            le=fields.optional_number("le", 0, 32),
        )


def _parse_static(world: World, edge: Edge, fields: Fields, routing: Routing) -> Routing:
    """The routes of a `<staticRouting>`, under the settings of `routing`."""
    with fields:
        fields.ignore("version")
        routes = collect(lambda one: _parse_route(edge, one), fields.items("staticRoutes", "route"))
        default = (
            _parse_default(edge, fields.inner("defaultRoute"), routing.settings)
            if fields.has("defaultRoute")
            else None
        )
    return _checked(world, edge, replace(routing, routes=routes, default=default))


def _checked(world: World, edge: Edge, routing: Routing) -> Routing:
    world.check_limit(edge, "routing.MAX_ROUTES", len(routing.routes))
    keys = [(IPv4Interface(route.network).network, route.next_hop) for route in routing.routes]
    if len(set(keys)) != len(keys):
        raise invalid("Two static routes have the same network and next hop.")
    return routing


def _parse_route(edge: Edge, fields: Fields) -> StaticRoute:
    with fields:
        fields.ignore("type")
        route = StaticRoute(
            network=fields.checked("network", net.prefix),
            next_hop=fields.checked("nextHop", net.address),
            vnic=_interface(edge, fields),
            mtu=fields.optional_number("mtu", _SMALLEST_MTU, _LARGEST_MTU),
            distance=fields.number("adminDistance", 1, 1, _FARTHEST),
            locale=fields.text("localeId"),
            description=fields.text("description"),
        )
    _check_reach(edge, route.next_hop, route.vnic, fields.path("nextHop"))
    return replace(route, mtu=None) if route.mtu == _mtu(edge, route.vnic, route.next_hop) else route


def _parse_default(edge: Edge, fields: Fields, settings: RoutingGlobal) -> DefaultRoute:
    with fields:
        gateway = fields.required("gatewayAddress")
        route = DefaultRoute(
            gateway=gateway,
            vnic=_interface(edge, fields),
            mtu=fields.optional_number("mtu", _SMALLEST_MTU, _LARGEST_MTU),
            distance=fields.optional_number("adminDistance", 1, _FARTHEST),
            description=fields.text("description"),
        )
    path = fields.path("gatewayAddress")
    gateways = [one.strip() for one in gateway.split(",")]
    if len(gateways) > (_ECMP_PATHS if settings.ecmp else 1):
        raise invalid(f"Field {path} holds more than one gateway, which needs ecmp.")
    for one in gateways:
        _check_reach(edge, net.address(one, path), route.vnic, path)
    return replace(route, mtu=None) if route.mtu == _mtu(edge, route.vnic, gateways[0]) else route


def _interface(edge: Edge, fields: Fields) -> str:
    """The index of one of the edge's interfaces, or empty: optional on an ESG since 6.x."""
    index = fields.optional_number("vnic", 0, _LAST_INDEX)
    if index is None:
        return ""
    if str(index) not in _networks(edge):
        raise invalid(f"Interface {index} of field {fields.path('vnic')} has no address.")
    return str(index)


def _networks(edge: Edge) -> Mapping[str, tuple[AddressGroup, ...]]:
    return {str(one.index): one.groups for one in edge.interfaces() if one.groups}


def _check_reach(edge: Edge, hop: str, vnic: str, path: str) -> None:
    """A next hop is on a subnet of the interface, or of any where none is named."""
    networks = _networks(edge)
    candidates = networks[vnic] if vnic else [group for groups in networks.values() for group in groups]
    if not any(IPv4Address(hop) in net.subnet(group) for group in candidates):
        raise invalid(f"Next hop {hop} of field {path} is not directly reachable.")


def render(edge: Edge) -> Node:
    """`<routing>`."""
    return node(
        "routing",
        node("version", edge.feature_version("routing")),
        node("enabled", True),  # noqa: FBT003 - an element's value
        _render_global(edge.routing.settings),
        _render_static(edge),
        bgp.render(edge.routing.bgp) if edge.routing.bgp else None,
    )


def _render_global(settings: RoutingGlobal) -> Node:
    return node(
        "routingGlobalConfig",
        node("routerId", settings.router_id) if settings.router_id else None,
        node("ecmp", settings.ecmp),
        logs.render(settings.logging),
        node("ipPrefixes", *map(_render_prefix, settings.prefixes)) if settings.prefixes else None,
    )


def _render_prefix(prefix: IpPrefix) -> Node:
    return node(
        "ipPrefix",
        node("name", prefix.name),
        node("ipAddress", prefix.network),
        None if prefix.le is None else node("le", prefix.le),
        None if prefix.ge is None else node("ge", prefix.ge),
    )


def _render_static(edge: Edge) -> Node:
    routing = edge.routing
    return node(
        "staticRouting",
        node("staticRoutes", *(_render_route(edge, route) for route in routing.routes)),
        _render_default(edge, routing.default) if routing.default else None,
    )


def _render_route(edge: Edge, route: StaticRoute) -> Node:
    return node(
        "route",
        node("description", route.description),
        node("vnic", route.vnic) if route.vnic else None,
        node("network", route.network),
        node("nextHop", route.next_hop),
        node("mtu", _mtu(edge, route.vnic, route.next_hop) if route.mtu is None else route.mtu),
        node("adminDistance", route.distance),
        node("type", "user"),
        node("localeId", route.locale) if route.locale else None,
    )


def _render_default(edge: Edge, route: DefaultRoute) -> Node:
    gateway = route.gateway.partition(",")[0].strip()
    return node(
        "defaultRoute",
        node("vnic", route.vnic) if route.vnic else None,
        node("mtu", _mtu(edge, route.vnic, gateway) if route.mtu is None else route.mtu),
        node("description", route.description),
        node("gatewayAddress", route.gateway),
        None if route.distance is None else node("adminDistance", route.distance),
    )


def _mtu(edge: Edge, vnic: str, hop: str) -> int:
    """The MTU of the interface that the route uses, which is a route's default."""
    for interface in edge.interfaces():
        reached = any(IPv4Address(hop) in net.subnet(group) for group in interface.groups)
        if vnic == str(interface.index) or (not vnic and reached):
            return interface.mtu
    return 1500


def _store(edge: Edge, routing: Routing) -> Reply:
    edge.routing = routing
    system_rules.plumb(edge)
    edge.touch("routing")
    return done()


def _get_config(world: World, request: Incoming) -> Reply:
    return ok(render(world.edge(request)))


def _put_config(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return _store(edge, parse(world, edge, Fields(request.document("routing"))))


def _delete_config(world: World, request: Incoming) -> Reply:
    return _store(world.edge(request), Routing())


def _get_global(world: World, request: Incoming) -> Reply:
    return ok(_render_global(world.edge(request).routing.settings))


def _put_global(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    settings = _parse_global(request.fields("routingGlobalConfig"))
    bgp.check(edge.routing.bgp, settings)
    return _store(edge, replace(edge.routing, settings=settings))


def _get_bgp(world: World, request: Incoming) -> Reply:
    sensitive = world.version >= _SHOWN_SINCE and request.asks("showSensitiveData")
    return ok(bgp.render(world.edge(request).routing.bgp, sensitive=sensitive))


def _put_bgp(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    fields = Fields(request.document("bgp"))
    return _store(edge, replace(edge.routing, bgp=bgp.parse(world, edge, fields, edge.routing.settings)))


def _delete_bgp(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return _store(edge, replace(edge.routing, bgp=None))


def _get_static(world: World, request: Incoming) -> Reply:
    return ok(_render_static(world.edge(request)))


def _put_static(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    fields = Fields(request.document("staticRouting"))
    return _store(edge, _parse_static(world, edge, fields, edge.routing))


def _delete_static(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return _store(edge, replace(edge.routing, routes=(), default=None))


def _wanted(request: Incoming) -> IPv4Network:
    value = request.query.get("network", "")
    return IPv4Interface(net.prefix(value, "network")).network


def _of(edge: Edge, network: IPv4Network) -> tuple[StaticRoute, ...]:
    return tuple(route for route in edge.routing.routes if IPv4Interface(route.network).network == network)


def _get_prefix(world: World, request: Incoming) -> Reply:
    wanted = _wanted(request)
    hops = _of(world.edge(request), wanted)
    if not hops:
        raise not_found(str(wanted))
    rendered = node("nextHops", *map(_render_hop, hops))
    return ok(node("staticRouteForNetwork", node("network", hops[0].network), rendered))


def _render_hop(route: StaticRoute) -> Node:
    return node(
        "nextHop",
        node("vnic", route.vnic) if route.vnic else None,
        node("localeId", route.locale) if route.locale else None,
        node("adminDistance", route.distance),
        node("description", route.description),
        node("ipAddress", route.next_hop),
    )


def _put_prefix(world: World, request: Incoming) -> Reply:
    """Every next hop of one prefix; other prefixes and the default route stay as they are."""
    edge = world.edge(request)
    wanted = _wanted(request)
    with Fields(request.document("staticRouteForNetwork")) as fields:
        network = fields.checked("network", net.prefix)
        hops = collect(lambda one: _parse_hop(edge, network, one), fields.items("nextHops", "nextHop"))
    if IPv4Interface(network).network != wanted or not hops:
        raise invalid(f"The body must hold next hops for network {wanted}.")
    others = tuple(route for route in edge.routing.routes if route not in _of(edge, wanted))
    return _store(edge, _checked(world, edge, replace(edge.routing, routes=(*others, *hops))))


def _parse_hop(edge: Edge, network: str, fields: Fields) -> StaticRoute:
    with fields:
        route = StaticRoute(
            network=network,
            next_hop=fields.checked("ipAddress", net.address),
            vnic=_interface(edge, fields),
            distance=fields.number("adminDistance", 1, 1, _FARTHEST),
            locale=fields.text("localeId"),
            description=fields.text("description"),
        )
    _check_reach(edge, route.next_hop, route.vnic, fields.path("ipAddress"))
    return route


def _delete_prefix(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    wanted = _wanted(request)
    gone = _of(edge, wanted)
    if not gone:
        raise not_found(str(wanted))
    rest = tuple(route for route in edge.routing.routes if route not in gone)
    return _store(edge, replace(edge.routing, routes=rest))


_CONFIG = "/api/4.0/edges/{edge}/routing/config"
_BY_PREFIX_SINCE = (6, 4, 4)
_SHOWN_SINCE = (6, 4, 4)

ROUTES = (
    Route("GET", _CONFIG, _get_config),
    Route("PUT", _CONFIG, _put_config),
    Route("DELETE", _CONFIG, _delete_config),
    Route("GET", f"{_CONFIG}/global", _get_global),
    Route("PUT", f"{_CONFIG}/global", _put_global),
    Route("GET", f"{_CONFIG}/bgp", _get_bgp),
    Route("PUT", f"{_CONFIG}/bgp", _put_bgp),
    Route("DELETE", f"{_CONFIG}/bgp", _delete_bgp),
    Route("GET", f"{_CONFIG}/static", _get_static),
    Route("PUT", f"{_CONFIG}/static", _put_static),
    Route("DELETE", f"{_CONFIG}/static", _delete_static),
    Route("GET", f"{_CONFIG}/staticroute", _get_prefix, _BY_PREFIX_SINCE),
    Route("PUT", f"{_CONFIG}/staticroute", _put_prefix, _BY_PREFIX_SINCE),
    Route("DELETE", f"{_CONFIG}/staticroute", _delete_prefix, _BY_PREFIX_SINCE),
)
