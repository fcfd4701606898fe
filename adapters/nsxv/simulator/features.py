"""The `<features>` of an edge: those that are simulated, and the rest as a new edge shows them.

The order, and the stray empty `<featureConfig/>`, are those of captured edges. A DLR has no NAT, no DNS relay
and nothing that ends a VPN.
"""

from collections.abc import Callable, Mapping

from adapters.nsxv.simulator import dns, firewall, ipsec, nat, routing, settings
from adapters.nsxv.simulator.errors import invalid
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import Edge, EdgeType
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_RENDER: Mapping[str, Callable[[Edge], Node]] = {
    "dns": dns.render,
    "firewall": firewall.render,
    "highAvailability": settings.render_high_availability,
    "ipsec": ipsec.render,
    "nat": nat.render,
    "routing": routing.render,
    "syslog": settings.render_syslog,
}

_ORDER = {
    EdgeType.GATEWAY: (
        "l2Vpn",
        "featureConfig",
        "firewall",
        "sslvpnConfig",
        "dns",
        "routing",
        "highAvailability",
        "syslog",
        "featureConfig",
        "loadBalancer",
        "ipsec",
        "dhcp",
        "nat",
        "bridges",
        "featureConfig",
        "featureConfig",
    ),
    EdgeType.ROUTER: (
        "featureConfig",
        "firewall",
        "routing",
        "highAvailability",
        "syslog",
        "dhcp",
        "bridges",
        "featureConfig",
    ),
}

# Features that are not simulated, as an edge shows them that never had them
_UNTOUCHED: Mapping[str, tuple[Node, ...]] = {
    "bridges": (),
    "dhcp": (
        node("staticBindings"),
        node("ipPools"),
        node("logging", node("enable", "false"), node("logLevel", "info")),
    ),
    "l2Vpn": (node("logging", node("enable", "false"), node("logLevel", "info")),),
    "loadBalancer": (
        node("enableServiceInsertion", "false"),
        node("accelerationEnabled", "false"),
        node("logging", node("enable", "false"), node("logLevel", "info")),
    ),
    "sslvpnConfig": (node("logging", node("enable", "false"), node("logLevel", "info")),),
}


def render(edge: Edge) -> Node:
    """`<features>`."""
    return node("features", *(_render_one(edge, name) for name in _ORDER[edge.type]))


def _render_one(edge: Edge, name: str) -> Node:
    if name in _RENDER:
        return _RENDER[name](edge)
    if name not in _UNTOUCHED:
        return node(name)
    return node(name, node("version", 1), node("enabled", "false"), *_UNTOUCHED[name])


def enabled(edge: Edge) -> dict[str, bool]:
    """Whether each service of the edge's status works."""
    return {
        "loadBalancer": False,
        "dhcp": False,
        "sslvpn": False,
        "syslog": edge.syslog.enabled,
        "nat": edge.type is EdgeType.GATEWAY and edge.nat.enabled,
        "dns": edge.dns.enabled,
        "ipsec": edge.ipsec.enabled,
        "firewall": edge.firewall.enabled,
        "bgp": edge.routing.bgp is not None,
        "staticRouting": bool(edge.routing.routes or edge.routing.default),
        "highAvailability": edge.high_availability.enabled,
    }


def supports(edge: Edge, service: str) -> bool:
    """Whether an edge of that type has the service at all."""
    return edge.type is EdgeType.GATEWAY or service not in {"dns", "ipsec", "nat"}


def take(world: World, edge: Edge, fields: Fields) -> None:
    """Configure a new edge as its `<features>` say."""
    with fields:
        fields.ignore("featureConfig")
        if fields.has("firewall"):
            edge.firewall = firewall.parse(world, edge, fields.inner("firewall"))
        if fields.has("routing"):
            edge.routing = routing.parse(world, edge, fields.inner("routing"))
        if fields.has("syslog"):
            edge.syslog = settings.parse_syslog(world, edge, fields.inner("syslog"))
        if fields.has("highAvailability"):
            inner = fields.inner("highAvailability")
            edge.high_availability = settings.parse_high_availability(world, edge, inner)
        if edge.type is EdgeType.GATEWAY:
            _take_gateways(world, edge, fields)
        elif edge.routing.settings.ecmp:
            raise invalid("ecmp cannot be enabled while a distributed router is created.")


def _take_gateways(world: World, edge: Edge, fields: Fields) -> None:
    if fields.has("nat"):
        edge.nat = nat.parse(world, edge, fields.inner("nat"))
    if fields.has("dns"):
        edge.dns = dns.parse(world, edge, fields.inner("dns"))
    if fields.has("ipsec"):
        edge.ipsec = ipsec.parse(world, edge, fields.inner("ipsec"))
