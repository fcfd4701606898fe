"""BGP and the redistribution of routes (NSX-V API guide 6.4, "Working with BGP Routes"; `nsxv.md` 2.9).

A section with `enabled` false is dropped with all that it holds, so there is one only while BGP works. The
password of a neighbour is shown only to who asks for it (6.4.4); whether it is absent or masked otherwise
nobody knows, and here it is absent. A mask that comes back keeps the password and is noted as a mistake.
"""

from collections.abc import Mapping
from ipaddress import IPv4Interface

from adapters.nsxv.simulator import net
from adapters.nsxv.simulator.errors import DEFAULT_ORIGINATE, collect, invalid
from adapters.nsxv.simulator.fields import Fields, whole
from adapters.nsxv.simulator.state import Edge, EdgeType
from adapters.nsxv.simulator.values import Bgp, BgpFilter, BgpNeighbour, RedistributionRule, RoutingGlobal
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_LAST_SHORT, _LAST_LONG = 65534, 2**32 - 2  # admin guide 6.4: 1 to 65534; 65535 and the last are reserved
_LAST_SECOND = 65534
_HOLDS = 3  # a hold time lasts so many keepalives at least
_LONGEST = 32
_SOURCES = ("ospf", "bgp", "static", "connected")


def parse(world: World, edge: Edge, fields: Fields, settings: RoutingGlobal) -> Bgp | None:
    """A whole `<bgp>` under these settings; None for one that is not enabled."""
    with fields:
        fields.ignore("version")
        enabled = fields.flag("enabled", default=False)
        if not enabled:
            fields.ignore("localAS", "localASNumber", "gracefulRestart", "defaultOriginate")
            fields.ignore("bgpNeighbours", "redistribution")
            return None
        asn = _as_number(fields, "localAS", "localASNumber")
        originates = fields.flag("defaultOriginate", default=False)
        if originates and edge.type is EdgeType.ROUTER:
            what = "[Routing] Default Originate cannot be enabled on BGP from edge version 6.3.0 onwards."
            raise invalid(what, DEFAULT_ORIGINATE)
        before = {item.address: item for item in edge.routing.bgp.neighbours} if edge.routing.bgp else {}
        neighbours = collect(
            lambda one: _parse_neighbour(world, edge, one, asn, before),
            fields.items("bgpNeighbours", "bgpNeighbour"),
        )
        redistributes, rules = _parse_redistribution(fields.inner("redistribution"))
        parsed = Bgp(
            asn=asn,
            graceful_restart=fields.flag("gracefulRestart", default=True),
            default_originate=originates,
            neighbours=neighbours,
            redistributes=redistributes,
            rules=rules,
        )
    world.check_limit(edge, "routing.MAX_BGP_NEIGHBOURS", len(neighbours))
    if len({item.address for item in neighbours}) != len(neighbours):
        raise invalid("Two BGP neighbours have the same IP address.")
    check(parsed, settings)
    return parsed


def check(bgp: Bgp | None, settings: RoutingGlobal) -> None:
    """Refuse a process that the settings of all routing do not bear."""
    if bgp is None:
        return
    if not settings.router_id:
        raise invalid("Router ID must be configured before BGP can be enabled.")
    known = {net.ANY, *(prefix.name for prefix in settings.prefixes)}
    for rule in bgp.rules:
        if rule.prefix not in known:
            raise invalid(f"IP prefix {rule.prefix} of a redistribution rule does not exist.")


def _as_number(fields: Fields, short: str, long: str) -> int:
    """An AS number in either spelling; both have to say the same."""
    two = fields.optional_number(short, 1, _LAST_SHORT)
    text = fields.optional(long)
    four = None if text is None else _long(text, fields.path(long))
    if two is None and four is None:
        raise invalid(f"Required field {fields.path(short)} is missing.")
    if two is not None and four is not None and two != four:
        raise invalid(f"Fields {fields.path(short)} and {long} differ.")
    return two or four or 0


def _long(text: str, path: str) -> int:
    """Four bytes, plain or dotted: `65536` or `1.0`."""
    parts = [whole(part) for part in text.split(".")]
    match parts:
        case [int(number)] if 1 <= number <= _LAST_LONG and number != _LAST_SHORT + 1:
            return number
        case [int(high), int(low)] if (
            max(high, low) < 2**16 and 1 <= (number := high * 2**16 + low) <= _LAST_LONG
        ):
            return number
        case _:
            raise invalid(f"Invalid AS number {text} for field {path}.")


def _parse_neighbour(
    world: World, edge: Edge, fields: Fields, local: int, before: Mapping[str, BgpNeighbour]
) -> BgpNeighbour:
    with fields:
        address = fields.checked("ipAddress", net.address)
        forwarding, protocol = _parse_of_router(edge, fields)
        parsed = BgpNeighbour(
            address=address,
            asn=_as_number(fields, "remoteAS", "remoteASNumber"),
            weight=fields.number("weight", 60, 0, 65535),
            hold=fields.number("holdDownTimer", 180, 2, 65535),
            keepalive=fields.number("keepAliveTimer", 60, 1, _LAST_SECOND),
            forwarding=forwarding,
            protocol=protocol,
            remove_private=fields.flag("removePrivateAS", default=False),
            password=_password(world, edge, fields, before.get(address)),
            filters=tuple(_parse_filter(one) for one in fields.items("bgpFilters", "bgpFilter")),
        )
    own = {
        one
        for item in edge.interfaces()
        for group in item.groups
        for one in (group.primary, *group.secondary)
    }
    if address in {*own, forwarding, protocol}:
        raise invalid(f"{address} of field {fields.path('ipAddress')} is an address of the edge itself.")
    if parsed.hold < _HOLDS * parsed.keepalive:
        raise invalid(f"Field {fields.path('holdDownTimer')} must be at least three times keepAliveTimer.")
    if parsed.remove_private and parsed.asn == local:
        raise invalid(f"Field {fields.path('removePrivateAS')} needs a neighbour of another AS.")
    return parsed


def _parse_of_router(edge: Edge, fields: Fields) -> tuple[str, str]:
    names = ("forwardingAddress", "protocolAddress")
    if edge.type is EdgeType.ROUTER:
        forwarding, protocol = (fields.checked(name, net.address) for name in names)
        return forwarding, protocol
    for name in names:
        if fields.optional(name) is not None:
            raise invalid(f"Field {fields.path(name)} is for a distributed router only.")
    return "", ""


def _password(world: World, edge: Edge, fields: Fields, before: BgpNeighbour | None) -> str:
    given = fields.text("password")
    if not masked(given):
        return given
    if before is None or not before.password:
        raise invalid(f"Invalid value for field {fields.path('password')}: a masked password.")
    world.warnings.append(f"{edge.id}: the masked password of BGP neighbour {before.address} was sent back")
    return before.password


def masked(value: str) -> bool:
    """Whether a secret is only the stars that it is shown as."""
    return bool(value) and not value.strip("*")


def _parse_filter(fields: Fields) -> BgpFilter:
    with fields:
        parsed = BgpFilter(
            direction=fields.one_of("direction", ("in", "out")),
            action=fields.one_of("action", ("permit", "deny")),
            network=fields.checked("network", net.prefix),
            ge=fields.optional_number("ipPrefixGe", 0, _LONGEST),
            le=fields.optional_number("ipPrefixLe", 0, _LONGEST),
        )
    length = IPv4Interface(parsed.network).network.prefixlen
    bounds = [length, *(bound for bound in (parsed.ge, parsed.le) if bound is not None)]
    if bounds != sorted(bounds):
        raise invalid(
            f"Fields {fields.path('ipPrefixGe')} and ipPrefixLe: expected {length} <= GE <= LE <= 32."
        )
    return parsed


def _parse_redistribution(fields: Fields) -> tuple[bool, tuple[RedistributionRule, ...]]:
    with fields:
        rules = tuple(_parse_rule(one) for one in fields.items("rules", "rule"))
        return fields.flag("enabled", default=False), rules


def _parse_rule(fields: Fields) -> RedistributionRule:
    with fields:
        fields.ignore("id")
        with fields.inner("from") as inner:
            inner.ignore("isis")  # before 6.2.3
            sources = tuple(name for name in _SOURCES if inner.flag(name, default=False))
        if not sources:
            raise invalid(f"Field {fields.path('from')} names no protocol.")
        return RedistributionRule(
            prefix=fields.text("prefixName", net.ANY),
            sources=sources,
            action=fields.one_of("action", ("permit", "deny")),
        )


def render(bgp: Bgp | None, *, sensitive: bool = False) -> Node:
    """`<bgp>`."""
    if bgp is None:
        return node("bgp", node("enabled", False))  # noqa: FBT003 - an element's value
    return node(
        "bgp",
        node("enabled", True),  # noqa: FBT003 - an element's value
        *_numbers("localAS", "localASNumber", bgp.asn),
        node("gracefulRestart", bgp.graceful_restart),
        node("defaultOriginate", bgp.default_originate),
        node("bgpNeighbours", *(_render_neighbour(one, sensitive=sensitive) for one in bgp.neighbours)),
        node(
            "redistribution",
            node("enabled", bgp.redistributes),
            node("rules", *(_render_rule(number, rule) for number, rule in enumerate(bgp.rules))),
        ),
    )


def _numbers(short: str, long: str, asn: int) -> list[Node]:
    return [*([node(short, asn)] if asn <= _LAST_SHORT else []), node(long, asn)]


def _render_neighbour(neighbour: BgpNeighbour, *, sensitive: bool) -> Node:
    return node(
        "bgpNeighbour",
        node("ipAddress", neighbour.address),
        node("forwardingAddress", neighbour.forwarding) if neighbour.forwarding else None,
        node("protocolAddress", neighbour.protocol) if neighbour.protocol else None,
        *_numbers("remoteAS", "remoteASNumber", neighbour.asn),
        node("weight", neighbour.weight),
        node("holdDownTimer", neighbour.hold),
        node("keepAliveTimer", neighbour.keepalive),
        node("removePrivateAS", neighbour.remove_private),
        node("password", neighbour.password) if sensitive and neighbour.password else None,
        node("bgpFilters", *map(_render_filter, neighbour.filters)),
    )


def _render_filter(one: BgpFilter) -> Node:
    return node(
        "bgpFilter",
        node("direction", one.direction),
        node("action", one.action),
        node("network", one.network),
        None if one.ge is None else node("ipPrefixGe", one.ge),
        None if one.le is None else node("ipPrefixLe", one.le),
    )


def _render_rule(number: int, rule: RedistributionRule) -> Node:
    return node(
        "rule",
        node("id", number),
        node("prefixName", rule.prefix) if rule.prefix != net.ANY else None,
        node("from", *(node(name, name in rule.sources) for name in _SOURCES)),
        node("action", rule.action),
    )
