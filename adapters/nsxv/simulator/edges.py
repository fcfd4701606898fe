"""Edges as they are listed, shown in full and removed (NSX-V API guide 6.4, "Working with NSX Edge")."""

from collections.abc import Callable, Mapping

from adapters.nsxv.simulator import features, interfaces, lifs, paging, settings
from adapters.nsxv.simulator.errors import invalid
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.limits import services
from adapters.nsxv.simulator.state import Appliance, Edge, EdgeType
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_ORDERS: Mapping[str, Callable[[Edge], object]] = {
    "id": lambda edge: int(edge.id.rpartition("-")[2]),
    "name": lambda edge: edge.shown_name,
    "description": lambda edge: edge.description,
    "tenantId": lambda edge: edge.tenant,
    "size": lambda edge: edge.size.value,
    "enableFips": lambda edge: edge.fips,
}


def _list(world: World, request: Incoming) -> Reply:
    order = request.query.get("sortBy") or "id"
    if order not in _ORDERS:
        raise invalid(f"Invalid value {order} for parameter sortBy: expected {', '.join(_ORDERS)}.")
    ascending = request.query.get("sortOrderAscending", "true").lower() != "false"
    edges = [edge for edge in world.edges.values() if _wanted(edge, request)]
    edges.sort(key=_ORDERS[order], reverse=not ascending)  # type: ignore[arg-type]  # each order compares
    page = paging.Page.of(request, "startIndex", "pageSize", default=256)
    info = page.render(len(edges), ascending=ascending, sort_by=order)
    shown = [_summary(world, edge) for edge in page.cut(edges)]
    return ok(node("pagedEdgeList", node("edgePage", info, *shown)))


def _wanted(edge: Edge, request: Incoming) -> bool:
    networks = {interface.network for interface in edge.interfaces()}
    query = request.query
    return (
        query.get("datacenter", edge.datacenter) == edge.datacenter
        and query.get("tenant", edge.tenant) == edge.tenant
        and ("pg" not in query or query["pg"] in networks)
    )


def _summary(world: World, edge: Edge, *extra: Node) -> Node:
    connected = [interface for interface in edge.interfaces() if interface.connected]
    return node(
        "edgeSummary",
        node("objectId", edge.id),
        node("objectTypeName", "Edge"),
        node("vsmUuid"),
        node("nodeId"),
        node("revision", edge.version),
        node("type", node("typeName", "Edge")),
        node("name", edge.shown_name),
        node("clientHandle"),
        node("extendedAttributes"),
        node("isUniversal", "false"),
        node("universalRevision", 0),
        node("id", edge.id),
        node("state", "deployed"),
        node("edgeType", edge.type),
        node("datacenterMoid", edge.datacenter),
        node("datacenterName", world.datacenters.get(edge.datacenter, "")),
        node("tenantId", edge.tenant),
        node("apiVersion", "4.0"),
        _recent_job(world, edge),
        node("edgeStatus", "GREEN"),
        node("numberOfConnectedVnics", len(connected)),
        _appliances_summary(world, edge),
        node("hypervisorAssist", "false"),
        node("allowedActions"),
        *extra,
    )


def _recent_job(world: World, edge: Edge) -> Node | None:
    jobs = list(world.jobs.visible(edge.id))
    if not jobs:
        return None
    return node("recentJobInfo", node("jobId", jobs[-1].id), node("status", jobs[-1].status))


def _appliances_summary(world: World, edge: Edge) -> Node:
    return node(
        "appliancesSummary",
        node("vmVersion", ".".join(map(str, world.version))),
        node("applianceSize", edge.size),
        node("fqdn", edge.fqdn or edge.shown_name),
        node("numberOfDeployedVms", len(edge.appliances)),
        node("activeVseHaIndex", 0),
    )


def _get_summary(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    limits = world.limits(edge)
    capabilities = [
        node(
            "featureCapability",
            node("service", service),
            node("isSupported", features.supports(edge, service)),
            node("permission", node("accessPermission", "true")),
            *(
                node("configurationLimit", node("key", key.partition(".")[2]), node("value", most))
                for key, most in limits.items()
                if key.partition(".")[0] == service
            ),
        )
        for service in sorted(services())
    ]
    return ok(_summary(world, edge, node("featureCapabilities", *capabilities)))


def _get(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    router = edge.type is EdgeType.ROUTER
    return ok(
        node(
            "edge",
            node("id", edge.id),
            node("version", edge.version),
            node("status", "deployed"),
            node("datacenterMoid", edge.datacenter),
            node("datacenterName", world.datacenters.get(edge.datacenter, "")),
            node("tenant", edge.tenant),
            node("name", edge.shown_name),
            node("description", edge.description) if edge.description else None,
            node("fqdn", edge.fqdn or edge.shown_name),
            node("enableAesni", edge.aesni),
            node("enableFips", edge.fips),
            node("vseLogLevel", edge.log_level),
            None if router else interfaces.render(world, edge),
            _appliances(world, edge),
            _cli(edge),
            features.render(edge),
            settings.render_auto(edge),
            node("type", edge.type),
            node("isUniversal", "false"),
            lifs.render_management(world, edge),
            lifs.render(world, edge) if router else None,
            _dns_client(edge),
            node("hypervisorAssist", "false"),
            node("queryDaemon", node("enabled", edge.daemon.enabled), node("port", edge.daemon.port)),
        )
    )


def _appliances(world: World, edge: Edge) -> Node:
    return node(
        "appliances",
        node("applianceSize", edge.size),
        *(_appliance(world, edge, index, one) for index, one in enumerate(edge.appliances)),
        node("deployAppliances", "true"),
    )


def _appliance(world: World, edge: Edge, index: int, appliance: Appliance) -> Node:
    return node(
        "appliance",
        node("highAvailabilityIndex", index),
        node("vmId", appliance.vm),
        node("resourcePoolId", appliance.pool),
        node("resourcePoolName", world.pools.get(appliance.pool, "")),
        node("datastoreId", appliance.datastore),
        node("datastoreName", world.datastores.get(appliance.datastore, "")),
        node("hostId", appliance.host) if appliance.host else None,
        node("hostName", world.hosts[appliance.host]) if appliance.host in world.hosts else None,
        node("vmFolderId", appliance.folder) if appliance.folder else None,
        node("vmHostname", f"{edge.shown_name}-{index}"),
        node("vmName", f"{edge.shown_name}-{index}"),
        node("deployed", "true"),
        node("edgeId", edge.id),
    )


def _cli(edge: Edge) -> Node:
    """Everything but the password, which is write-only."""
    return node(
        "cliSettings",
        node("remoteAccess", edge.cli.remote_access),
        node("userName", edge.cli.user),
        node("sshLoginBannerText", edge.cli.banner),
        node("passwordExpiry", edge.cli.expiry),
    )


def _dns_client(edge: Edge) -> Node | None:
    client = edge.dns_client
    if not (client.primary or client.secondary or client.domain):
        return None
    return node(
        "dnsClient",
        node("primaryDns", client.primary) if client.primary else None,
        node("secondaryDns", client.secondary) if client.secondary else None,
        node("domainName", client.domain) if client.domain else None,
    )


def _delete(world: World, request: Incoming) -> Reply:
    """The appliances go with it."""
    del world.edges[world.edge(request).id]
    return done()


ROUTES = (
    Route("GET", "/api/4.0/edges", _list),
    Route("GET", "/api/4.0/edges/{edge}", _get),
    Route("DELETE", "/api/4.0/edges/{edge}", _delete),
    Route("GET", "/api/4.0/edges/{edge}/summary", _get_summary),
)
