"""Making an edge: what a POST of `<edge>` may say (NSX-V API guide 6.4, edges; `nsxv.md` 2.3)."""

from adapters.nsxv.simulator import features, firewall, interfaces, lifs, net, settings, system_rules
from adapters.nsxv.simulator.errors import DUPLICATE_EDGE, invalid
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, created
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import (
    Appliance,
    CliSettings,
    DnsClient,
    Edge,
    EdgeSize,
    EdgeType,
    QueryDaemon,
)
from adapters.nsxv.simulator.world import World

_SHORTEST_PASSWORD = 12
_LOG_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")


def _post(world: World, request: Incoming) -> Reply:
    edge = _parse(world, request.fields("edge"))
    edge.id = world.next_id("edge")
    world.edges[edge.id] = edge
    return created(f"/api/4.0/edges/{edge.id}")


def _parse(world: World, fields: Fields) -> Edge:
    with fields:
        edge = _parse_head(world, fields)
        _check_name(world, edge)
        if edge.type is EdgeType.ROUTER:
            _add_router_parts(world, edge, fields)
        elif fields.has("vnics"):
            edge.vnics = interfaces.check(interfaces.parse_all(world, fields.inner("vnics")))
        features.take(world, edge, fields.inner("features"))
    system_rules.plumb(edge)
    return edge


def _parse_head(world: World, fields: Fields) -> Edge:
    size, appliances = _parse_appliances(world, fields.inner("appliances"))
    edge = Edge(
        id="",
        type=fields.choice("type", EdgeType, EdgeType.GATEWAY),
        name=fields.text("name"),
        tenant=fields.text("tenant", "default"),
        description=fields.text("description"),
        fqdn=fields.text("fqdn"),
        datacenter=fields.checked("datacenterMoid", world.check_datacenter),
        size=size,
        appliances=appliances,
        log_level=fields.one_of("vseLogLevel", _LOG_LEVELS, "info"),
        aesni=fields.flag("enableAesni", default=True),
        fips=fields.flag("enableFips", default=False),
        cli=_parse_cli(fields.inner("cliSettings")),
        dns_client=_parse_dns_client(fields.inner("dnsClient")),
        daemon=_parse_daemon(fields.inner("queryDaemon")),
        auto=settings.parse_auto(fields.inner("autoConfiguration")),
        firewall=firewall.fresh(),
    )
    world.check_limit(edge, "edge.MAX_APPLIANCES", len(appliances))
    return edge


def _check_name(world: World, edge: Edge) -> None:
    taken = {(other.tenant, other.shown_name) for other in world.edges.values()}
    if edge.name and (edge.tenant, edge.name) in taken:
        raise invalid(
            f"Edge name should be unique for tenant. Edge {edge.name} already exists for {edge.tenant}"
            " tenant.",
            DUPLICATE_EDGE,
        )


def _parse_appliances(world: World, fields: Fields) -> tuple[EdgeSize, tuple[Appliance, ...]]:
    with fields:
        fields.ignore("enableCoreDump")
        if not fields.flag("deployAppliances", default=True):
            raise invalid(f"Field {fields.path('deployAppliances')} cannot be false: not simulated.")
        size = fields.choice("applianceSize", EdgeSize, EdgeSize.COMPACT)
        every = fields.every("appliance", "appliances")
        return size, tuple(_parse_appliance(world, one, place) for place, one in enumerate(every))


def _parse_appliance(world: World, fields: Fields, place: int) -> Appliance:
    """Two of one edge are on two hosts, where there are two (DRS keeps them apart)."""
    hosts = list(world.hosts)
    with fields:
        fields.ignore(
            "cpuReservation", "customField", "highAvailabilityIndex", "memoryReservation", "vmHostname"
        )
        return Appliance(
            pool=fields.checked("resourcePoolId", world.check_pool),
            datastore=fields.checked("datastoreId", world.check_datastore),
            host=fields.text("hostId") or (hosts[place % len(hosts)] if hosts else ""),
            folder=fields.text("vmFolderId"),
            vm=world.next_id("vm"),
        )


def _parse_cli(fields: Fields) -> CliSettings:
    with fields:
        cli = CliSettings(
            user=fields.text("userName", "admin"),
            password=fields.text("password"),
            remote_access=fields.flag("remoteAccess", default=False),
            banner=fields.text("sshLoginBannerText"),
            expiry=fields.number("passwordExpiry", 99999, 0, 99999),
        )
    if cli.password and len(cli.password) < _SHORTEST_PASSWORD:
        raise invalid(f"Field {fields.path('password')} is shorter than {_SHORTEST_PASSWORD} characters.")
    return cli


def _parse_daemon(fields: Fields) -> QueryDaemon:
    with fields:
        return QueryDaemon(
            enabled=fields.flag("enabled", default=False), port=fields.number("port", 5666, 1, 65535)
        )


def _parse_dns_client(fields: Fields) -> DnsClient:
    with fields:
        return DnsClient(
            primary=fields.checked("primaryDns", net.address) if fields.optional("primaryDns") else "",
            secondary=fields.checked("secondaryDns", net.address) if fields.optional("secondaryDns") else "",
            domain=fields.text("domainName"),
        )


def _add_router_parts(world: World, edge: Edge, fields: Fields) -> None:
    """A DLR has a control VM, which needs an appliance and a management interface."""
    if not edge.appliances:
        raise invalid("A distributed router needs at least one appliance.")
    edge.management = lifs.parse_management(world, fields.inner("mgmtInterface"))
    if fields.has("interfaces"):
        edge.lifs = lifs.add({}, lifs.parse_all(world, fields.inner("interfaces")))


ROUTES = (Route("POST", "/api/4.0/edges", _post),)
