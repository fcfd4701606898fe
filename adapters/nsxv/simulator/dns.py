"""The DNS relay of an ESG (NSX-V API guide 6.4, "Configure DNS Servers"; `nsxv.md` 2.11).

There is one view, and what can be set of it is whether it recurses and where it forwards to. A listener has
to be an address of an internal interface; without one the relay listens on every vNIC.
"""

from adapters.nsxv.simulator import logs, net
from adapters.nsxv.simulator.errors import invalid
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import Edge, VnicType
from adapters.nsxv.simulator.values import Dns
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_LARGEST_CACHE = 8196
_VIEW_ID, _VIEW_NAME = "view-0", "vsm-default-view"


def parse(world: World, edge: Edge, fields: Fields) -> Dns:
    """A whole configuration."""
    with fields:
        world.check_version(edge, "dns", fields)
        forwarders, recursion = _parse_views(fields)
        world.check_limit(edge, "dns.MAX_SERVER_IPS", len(forwarders))
        return Dns(
            enabled=fields.flag("enabled", default=False),
            cache_mb=fields.number("cacheSize", 16, 1, _LARGEST_CACHE),
            listeners=_parse_listeners(edge, fields.inner("listeners")),
            recursion=recursion,
            forwarders=forwarders,
            logging=logs.parse(fields.inner("logging")),
        )


def _parse_listeners(edge: Edge, fields: Fields) -> tuple[str, ...]:
    with fields:
        fields.one_of("vnic", (net.ANY,), net.ANY)
        listeners = fields.texts("ipAddress", net.address)
    internal = {
        address
        for vnic in edge.vnics.values()
        if vnic.type is VnicType.INTERNAL
        for group in vnic.groups
        for address in (group.primary, *group.secondary)
    }
    for listener in listeners:
        if listener not in internal:
            raise invalid(
                f"Listener {listener} of field {fields.path('ipAddress')} is not an address of an internal"
                " interface."
            )
    return listeners


def _parse_views(fields: Fields) -> tuple[tuple[str, ...], bool]:
    views = fields.items("dnsViews", "dnsView")
    if len(views) > 1:
        raise invalid(f"Field {fields.path('dnsViews')} holds more than the default view.")
    for view in views:
        return _parse_view(view)
    return (), False


def _parse_view(fields: Fields) -> tuple[tuple[str, ...], bool]:
    with fields:
        fields.one_of("viewId", (_VIEW_ID,), _VIEW_ID)
        fields.one_of("name", (_VIEW_NAME,), _VIEW_NAME)
        if not fields.flag("enabled", default=True):
            raise invalid(f"Field {fields.path('enabled')} cannot be false for the default view.")
        with fields.inner("viewMatch") as match:
            match.one_of("ipAddress", (net.ANY,), net.ANY)
            match.one_of("vnic", (net.ANY,), net.ANY)
        with fields.inner("forwarders") as inner:
            forwarders = inner.texts("ipAddress", net.address)
        return forwarders, fields.flag("recursion", default=False)


def render(edge: Edge) -> Node:
    """`<dns>`; without forwarders there is no `<forwarders>` at all."""
    dns = edge.dns
    return node(
        "dns",
        node("version", edge.feature_version("dns")),
        node("enabled", dns.enabled),
        node("cacheSize", dns.cache_mb),
        _addresses("listeners", dns.listeners) or node("listeners", node("vnic", net.ANY)),
        node("dnsViews", _render_view(dns)),
        logs.render(dns.logging),
    )


def _render_view(dns: Dns) -> Node:
    return node(
        "dnsView",
        node("viewId", _VIEW_ID),
        node("name", _VIEW_NAME),
        node("enabled", True),  # noqa: FBT003 - an element's value
        node("viewMatch", node("ipAddress", net.ANY), node("vnic", net.ANY)),
        node("recursion", dns.recursion),
        _addresses("forwarders", dns.forwarders),
    )


def _addresses(tag: str, values: tuple[str, ...]) -> Node | None:
    return node(tag, *(node("ipAddress", value) for value in values)) if values else None


def _get(world: World, request: Incoming) -> Reply:
    return ok(render(world.gateway(request)))


def _put(world: World, request: Incoming) -> Reply:
    edge = world.gateway(request)
    edge.dns = parse(world, edge, Fields(request.document("dns")))
    edge.touch("dns")
    return done()


def _delete(world: World, request: Incoming) -> Reply:
    edge = world.gateway(request)
    edge.dns = Dns()
    edge.touch("dns")
    return done()


_CONFIG = "/api/4.0/edges/{edge}/dns/config"

ROUTES = (
    Route("GET", _CONFIG, _get),
    Route("PUT", _CONFIG, _put),
    Route("DELETE", _CONFIG, _delete),
)
