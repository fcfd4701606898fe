"""The small settings that every edge has: syslog, high availability, autoconfiguration.

NSX-V API guide 6.4, "Working with NSX Edge Configuration". A PUT of syslog without `<enabled>` turns it on:
the guide's own body and clients in the field have none. What HA says in full is from a capture of 6.4.
"""

from adapters.nsxv.simulator import logs, net, system_rules
from adapters.nsxv.simulator.errors import invalid
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import Edge, EdgeType
from adapters.nsxv.simulator.values import AutoConfiguration, HighAvailability, Syslog
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_APPLIANCES_OF_A_PAIR = 2
_SHORTEST_DEAD_TIME, _LONGEST_DEAD_TIME = 6, 900


def parse_syslog(world: World, edge: Edge, fields: Fields) -> Syslog:
    """A whole `<syslog>`."""
    with fields:
        world.check_version(edge, "syslog", fields)
        with fields.inner("serverAddresses") as inner:
            servers = inner.texts("ipAddress", net.address)
        world.check_limit(edge, "syslog.MAX_SERVER_IPS", len(servers))
        return Syslog(
            enabled=fields.flag("enabled", default=True),
            protocol=fields.one_of("protocol", ("udp", "tcp"), "udp"),
            servers=servers,
        )


def render_syslog(edge: Edge) -> Node:
    """`<syslog>`; an edge that has none shows no more than that it is disabled."""
    syslog = edge.syslog
    addresses = node("serverAddresses", *(node("ipAddress", server) for server in syslog.servers))
    return node(
        "syslog",
        node("version", edge.feature_version("syslog")),
        node("enabled", syslog.enabled),
        node("protocol", syslog.protocol) if syslog != Syslog() else None,
        addresses if syslog.servers else None,
    )


def parse_high_availability(world: World, edge: Edge, fields: Fields) -> HighAvailability:
    """A whole `<highAvailability>`; enabling it takes two appliances."""
    with fields:
        fields.ignore("security")
        world.check_version(edge, "highAvailability", fields)
        with fields.inner("ipAddresses") as inner:
            addresses = inner.texts("ipAddress", net.prefix)
        parsed = HighAvailability(
            enabled=fields.flag("enabled", default=True),
            vnic=_parse_vnic(fields),
            addresses=addresses,
            dead_time=fields.number("declareDeadTime", 15, _SHORTEST_DEAD_TIME, _LONGEST_DEAD_TIME),
            logging=logs.parse(fields.inner("logging")),
        )
    if parsed.enabled and edge.type is EdgeType.GATEWAY and len(edge.appliances) < _APPLIANCES_OF_A_PAIR:
        raise invalid("High availability needs two appliances.")
    return parsed


def _parse_vnic(fields: Fields) -> str:
    if fields.text("vnic").lower() == net.ANY:
        return net.ANY
    index = fields.optional_number("vnic", 0, 9)
    return "" if index is None else str(index)


def render_high_availability(edge: Edge) -> Node:
    """`<highAvailability>`."""
    ha = edge.high_availability
    addresses = node("ipAddresses", *(node("ipAddress", address) for address in ha.addresses))
    return node(
        "highAvailability",
        node("version", edge.feature_version("highAvailability")),
        node("enabled", ha.enabled),
        node("vnic", ha.vnic) if ha.vnic else None,
        addresses if ha.addresses else None,
        node("declareDeadTime", ha.dead_time),
        logs.render(ha.logging),
        node("security", node("enabled", False)),  # noqa: FBT003 - an element's value
    )


def parse_auto(fields: Fields) -> AutoConfiguration:
    """A whole `<autoConfiguration>`."""
    with fields:
        return AutoConfiguration(
            enabled=fields.flag("enabled", default=True),
            priority=fields.one_of("rulePriority", ("high", "low"), "high"),
        )


def render_auto(edge: Edge) -> Node:
    """`<autoConfiguration>`."""
    auto = edge.auto
    return node("autoConfiguration", node("enabled", auto.enabled), node("rulePriority", auto.priority))


def _get_syslog(world: World, request: Incoming) -> Reply:
    return ok(render_syslog(world.edge(request)))


def _put_syslog(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return _store_syslog(edge, parse_syslog(world, edge, Fields(request.document("syslog"))))


def _delete_syslog(world: World, request: Incoming) -> Reply:
    return _store_syslog(world.edge(request), Syslog())


def _store_syslog(edge: Edge, syslog: Syslog) -> Reply:
    edge.syslog = syslog
    edge.touch("syslog")
    return done()


def _get_high_availability(world: World, request: Incoming) -> Reply:
    return ok(render_high_availability(world.edge(request)))


def _put_high_availability(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    fields = Fields(request.document("highAvailability"))
    return _store_high_availability(edge, parse_high_availability(world, edge, fields))


def _delete_high_availability(world: World, request: Incoming) -> Reply:
    return _store_high_availability(world.edge(request), HighAvailability())


def _store_high_availability(edge: Edge, parsed: HighAvailability) -> Reply:
    edge.high_availability = parsed
    system_rules.plumb(edge)
    edge.touch("highAvailability")
    return done()


def _get_auto(world: World, request: Incoming) -> Reply:
    return ok(render_auto(world.edge(request)))


def _put_auto(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    edge.auto = parse_auto(request.fields("autoConfiguration"))
    system_rules.plumb(edge)
    edge.touch()
    return done()


_EDGE = "/api/4.0/edges/{edge}"

ROUTES = (
    Route("GET", f"{_EDGE}/syslog/config", _get_syslog),
    Route("PUT", f"{_EDGE}/syslog/config", _put_syslog),
    Route("DELETE", f"{_EDGE}/syslog/config", _delete_syslog),
    Route("GET", f"{_EDGE}/highavailability/config", _get_high_availability),
    Route("PUT", f"{_EDGE}/highavailability/config", _put_high_availability),
    Route("DELETE", f"{_EDGE}/highavailability/config", _delete_high_availability),
    Route("GET", f"{_EDGE}/autoconfiguration", _get_auto),
    Route("PUT", f"{_EDGE}/autoconfiguration", _put_auto),
)
