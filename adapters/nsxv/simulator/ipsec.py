"""The IPsec VPN of an ESG (NSX-V API guide 6.4, "Working with IPsec VPN"; `nsxv.md` 2.10).

Only policy-based sites with a pre-shared key or a certificate's name; no route-based one. Keys are shown to
who asks for them (6.3.5) and are stars to everybody else. Stars that come back for a known site keep its key,
which no source proves: they are noted as a mistake. Whether a tunnel is up `control` says, not this manager.
"""

import threading
from dataclasses import dataclass

from adapters.nsxv.simulator import logs, net, system_rules
from adapters.nsxv.simulator.bgp import masked
from adapters.nsxv.simulator.control import Control, Tunnel
from adapters.nsxv.simulator.errors import collect, invalid, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import Edge
from adapters.nsxv.simulator.values import Ipsec, IpsecSite, Logging
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_STARS = "******"
_PSK, _CERTIFICATE = "psk", "x.509"
_LOGGING = Logging(enabled=True, level="warning")


def parse(world: World, edge: Edge, fields: Fields) -> Ipsec:
    """A whole `<ipsec>`; a site that it leaves out is gone."""
    with fields:
        world.check_version(edge, "ipsec", fields)
        psk = _parse_global(world, edge, fields.inner("global"))
        known = {site.id: site for site in edge.ipsec.sites}
        sites = collect(
            lambda one: _parse_site(_Ground(world, edge, known, psk), one), fields.items("sites", "site")
        )
        parsed = Ipsec(
            enabled=fields.flag("enabled", default=True),
            events=not fields.flag("disableEvent", default=False),
            logging=logs.parse(fields.inner("logging")) if fields.has("logging") else _LOGGING,
            sites=sites,
            psk=psk,
        )
    names = [site.name for site in sites if site.name]
    if len(set(names)) != len(names):
        raise invalid("Names of IPsec sites are not unique.")
    if len({site.id for site in sites}) != len(sites):
        raise invalid("Two IPsec sites have the same siteId.")
    tunnels = sum(len(site.local_subnets) * len(site.peer_subnets) for site in sites)
    world.check_limit(edge, "ipsec.MAX_TUNNELS", tunnels)
    return parsed


def _parse_global(world: World, edge: Edge, fields: Fields) -> str:
    with fields:
        fields.ignore("caCertificates", "crlCertificates", "serviceCertificate")
        return _secret(world, edge, fields, edge.ipsec.psk, "all peers")


def _secret(world: World, edge: Edge, fields: Fields, stored: str, whose: str) -> str:
    given = fields.text("psk")
    if not masked(given):
        return given
    if not stored:
        raise invalid(f"Invalid value for field {fields.path('psk')}: a masked key.")
    world.warnings.append(f"{edge.id}: the masked key of {whose} was sent back")
    return stored


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a site stands on: the sites that the edge has, and the key of all that name no peer."""

    world: World
    edge: Edge
    known: dict[str, IpsecSite]
    psk: str


def _parse_site(ground: _Ground, fields: Fields) -> IpsecSite:
    with fields:
        fields.one_of("ipsecSessionType", ("policybasedsession",), "policybasedsession")
        fields.one_of("complianceSuite", ("none",), "none")
        identifier = fields.text("siteId")
        if identifier and identifier not in ground.known:
            raise not_found(identifier)
        before = ground.known.get(identifier)
        name = fields.text("name")
        stored = before.psk if before else ""
        psk = _secret(ground.world, ground.edge, fields, stored, f"IPsec site {name or identifier}")
        authentication = fields.one_of("authenticationMode", (_PSK, _CERTIFICATE))
        peer = fields.checked("peerIp", _peer)
        if authentication == _PSK and not (ground.psk if peer == net.ANY else psk):
            where = "global.psk" if peer == net.ANY else fields.path("psk")
            raise invalid(f"Required field {where} is missing.")
        return IpsecSite(
            id=identifier or ground.world.next_id("ipsecsite"),
            enabled=fields.flag("enabled", default=True),
            name=name,
            description=fields.text("description"),
            local_id=fields.required("localId"),
            local=fields.checked("localIp", net.address),
            peer_id=fields.required("peerId"),
            peer=peer,
            encryption=fields.one_of("encryptionAlgorithm", ("aes", "aes256", "3des", "aes-gcm"), "aes"),
            authentication=authentication,
            psk=psk,
            pfs=fields.flag("enablePfs", default=True),
            dh_group=fields.one_of("dhGroup", ("dh2", "dh5", "dh14", "dh15", "dh16"), "dh14"),
            local_subnets=_parse_subnets(fields, "localSubnets"),
            peer_subnets=_parse_subnets(fields, "peerSubnets"),
            ike=fields.one_of("ikeOption", ("ikev1", "ikev2", "ikeflex"), "ikev1"),
            digest=fields.one_of("digestAlgorithm", ("sha1", "sha-256"), "sha1"),
            responder_only=fields.flag("responderOnly", default=False),
            extension=fields.text("extension"),
        )


def _peer(value: str, path: str) -> str:
    return net.ANY if value.lower() == net.ANY else net.address(value, path)


def _parse_subnets(fields: Fields, name: str) -> tuple[str, ...]:
    with fields.inner(name) as inner:
        subnets = inner.texts("subnet", net.prefix)
    if not subnets:
        raise invalid(f"Required field {fields.path(name)}.subnet is missing.")
    return subnets


def render(edge: Edge, *, sensitive: bool = False) -> Node:
    """`<ipsec>`."""
    ipsec = edge.ipsec
    return node(
        "ipsec",
        node("version", edge.feature_version("ipsec")),
        node("enabled", ipsec.enabled),
        None if ipsec.events else node("disableEvent", True),  # noqa: FBT003 - an element's value
        logs.render(ipsec.logging),
        node("sites", *(_render_site(site, sensitive=sensitive) for site in ipsec.sites)),
        node(
            "global",
            _render_psk(ipsec.psk, sensitive=sensitive),
            node("caCertificates"),
            node("crlCertificates"),
        ),
    )


def _render_psk(psk: str, *, sensitive: bool) -> Node | None:
    return node("psk", psk if sensitive else _STARS) if psk else None


def _render_site(site: IpsecSite, *, sensitive: bool) -> Node:
    return node(
        "site",
        node("enabled", site.enabled),
        node("name", site.name) if site.name else None,
        node("description", site.description) if site.description else None,
        node("localId", site.local_id),
        node("localIp", site.local),
        node("peerId", site.peer_id),
        node("peerIp", site.peer),
        node("ipsecSessionType", "policybasedsession"),
        node("encryptionAlgorithm", site.encryption),
        node("authenticationMode", site.authentication),
        node("enablePfs", site.pfs),
        node("dhGroup", site.dh_group),
        node("localSubnets", *(node("subnet", subnet) for subnet in site.local_subnets)),
        node("peerSubnets", *(node("subnet", subnet) for subnet in site.peer_subnets)),
        _render_psk(site.psk, sensitive=sensitive),
        node("siteId", site.id),
        node("ikeOption", site.ike),
        node("digestAlgorithm", site.digest),
        node("responderOnly", site.responder_only),
        node("extension", site.extension) if site.extension else None,
    )


def _get(world: World, request: Incoming) -> Reply:
    sensitive = world.version >= _SHOWN_SINCE and request.asks("showSensitiveData")
    return ok(render(world.gateway(request), sensitive=sensitive))


def _put(world: World, request: Incoming) -> Reply:
    edge = world.gateway(request)
    return _store(edge, parse(world, edge, Fields(request.document("ipsec"))))


def _delete(world: World, request: Incoming) -> Reply:
    return _store(world.gateway(request), Ipsec())


def _store(edge: Edge, ipsec: Ipsec) -> Reply:
    edge.ipsec = ipsec
    system_rules.plumb(edge)
    edge.touch("ipsec")
    return done()


class Statistics:
    """What the edge says of its tunnels.

    Args:
        lock: Held while the manager's configuration is looked at, and not while the tunnels are asked for.
        control: Who knows how they are.
    """

    def __init__(self, lock: "threading.RLock", control: Control) -> None:
        self._lock, self._control = lock, control
        self.routes = (Route("GET", f"{_EDGE}/ipsec/statistics", self._get),)

    def _get(self, world: World, request: Incoming) -> Reply:
        with self._lock:
            edge = world.gateway(request)
            name, ipsec, now = edge.shown_name, edge.ipsec, int(world.clock())
        tunnels = self._control.tunnels(name) if ipsec.enabled else {}
        states = ((site, tunnels.get(site.name or f"#{site.id}", Tunnel())) for site in ipsec.sites)
        return ok(
            node(
                "ipsecStatusAndStats",
                *(_statistics(site, state) for site, state in states if ipsec.enabled and site.enabled),
                node("timeStamp", now),
            )
        )


def _statistics(site: IpsecSite, tunnel: Tunnel) -> Node:
    word = "up" if tunnel.up else "down"
    return node(
        "siteStatistics",
        node(
            "ikeStatus",
            node("channelStatus", word),
            node("channelState", "STATE_MAIN_I4 (ISAKMP SA established)" if tunnel.up else ""),
            node("lastInformationalMessage", tunnel.reason),
            node("localIpAddress", site.local),
            node("peerId", site.peer_id),
            node("peerIpAddress", site.peer),
        ),
        *(
            node(
                "tunnelStats",
                node("tunnelStatus", word),
                node("tunnelState", "STATE_QUICK_I2 (sent QI2, IPsec SA established)" if tunnel.up else ""),
                node("lastInformationalMessage", tunnel.reason),
                None if tunnel.up else node("failureMessage", tunnel.reason),
                node("localSubnet", local),
                node("peerSubnet", peer),
            )
            for local in site.local_subnets
            for peer in site.peer_subnets
        ),
        node("siteId", site.id),
    )


_EDGE = "/api/4.0/edges/{edge}"
_CONFIG = f"{_EDGE}/ipsec/config"
_SHOWN_SINCE = (6, 3, 5)

ROUTES = (
    Route("GET", _CONFIG, _get),
    Route("PUT", _CONFIG, _put),
    Route("DELETE", _CONFIG, _delete),
)
