"""The firewall of an edge (NSX-V API guide 6.4, "Working with NSX Edge Firewall"; `nsxv.md` 2.7).

`system_rules` has the rules that the manager makes itself. Nobody can change or remove one by its id here;
what the product answers to that is unknown, and a refusal is the answer that no client can come to rely on.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from adapters.nsxv.simulator import net, system_rules
from adapters.nsxv.simulator.errors import (
    CORE,
    RULE_NOT_FOUND,
    ApiError,
    Problem,
    invalid,
    not_found,
)
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.rules import RuleBook
from adapters.nsxv.simulator.state import Edge
from adapters.nsxv.simulator.values import (
    DefaultPolicy,
    Endpoint,
    Firewall,
    FirewallAction,
    FirewallRule,
    Service,
)
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_LONGEST_TIMEOUT = 10**9
_VNIC_GROUP = re.compile(r"vnic-index-[0-9]|vse|internal|external")

# NSX-V API guide 6.4: every element of <globalConfig>, in its order
SETTINGS: Mapping[str, bool | int] = MappingProxyType(
    {
        "tcpPickOngoingConnections": False,
        "tcpAllowOutOfWindowPackets": False,
        "tcpSendResetForClosedVsePorts": True,
        "dropInvalidTraffic": True,
        "logInvalidTraffic": False,
        "tcpTimeoutOpen": 30,
        "tcpTimeoutEstablished": 21600,
        "tcpTimeoutClose": 30,
        "udpTimeout": 60,
        "icmpTimeout": 10,
        "icmp6Timeout": 10,
        "ipGenericTimeout": 120,
        "enableSynFloodProtection": False,
        "logIcmpErrors": False,
        "dropIcmpReplays": False,
    }
)


def fresh() -> Firewall:
    """The firewall of a new edge: it works, and lets nothing through."""
    return Firewall(settings=SETTINGS)


def parse(world: World, edge: Edge, fields: Fields) -> Firewall:
    """A whole configuration; a part that it leaves out goes back to the system's default."""
    with fields:
        world.check_version(edge, "firewall", fields)
        rules = RULES.gather(world, edge, fields.items("firewallRules", "firewallRule"))
        return Firewall(
            enabled=fields.flag("enabled", default=True),
            settings=_parse_settings(fields.inner("globalConfig")),
            policy=_parse_policy(fields.inner("defaultPolicy"))
            if fields.has("defaultPolicy")
            else DefaultPolicy(),
            rules=rules,
        )


def _parse_settings(fields: Fields) -> Mapping[str, bool | int]:
    with fields:
        return MappingProxyType(
            {
                name: fields.flag(name, default=default)
                if isinstance(default, bool)
                else fields.number(name, default, 0, _LONGEST_TIMEOUT)
                for name, default in SETTINGS.items()
            }
        )


def _parse_policy(fields: Fields) -> DefaultPolicy:
    with fields:
        return DefaultPolicy(
            action=fields.choice("action", FirewallAction),
            logging=fields.flag("loggingEnabled", default=False),
        )


def _parse_rule(_: Edge, fields: Fields) -> FirewallRule:
    return FirewallRule(
        name=fields.text("name"),
        source=_parse_endpoint(fields.inner("source")),
        destination=_parse_endpoint(fields.inner("destination")),
        services=_parse_application(fields.inner("application")),
        match_translated=fields.flag("matchTranslated", default=False),
        direction=fields.one_of("direction", ("in", "out")) if fields.optional("direction") else "",
        action=fields.choice("action", FirewallAction),
        enabled=fields.flag("enabled", default=True),
        logging=fields.flag("loggingEnabled", default=False),
        description=fields.text("description"),
    )


def _parse_endpoint(fields: Fields) -> Endpoint:
    with fields:
        fields.texts("groupingObjectId", _unknown_object)
        return Endpoint(
            exclude=fields.flag("exclude", default=False),
            addresses=fields.texts("ipAddress", net.addresses),
            vnic_groups=fields.texts("vnicGroupId", _vnic_group),
        )


def _unknown_object(value: str, _: str) -> str:
    """No IP set, security group or service exists on this manager, so none can be named."""
    raise not_found(value)


def _vnic_group(value: str, path: str) -> str:
    if not _VNIC_GROUP.fullmatch(value):
        raise invalid(f"Invalid value {value} for field {path}.")
    return value


def _parse_application(fields: Fields) -> tuple[Service, ...]:
    with fields:
        fields.texts("applicationId", _unknown_object)
        return tuple(_parse_service(service) for service in fields.every("service", "service"))


def _parse_service(fields: Fields) -> Service:
    with fields:
        protocol = net.protocol(fields.required("protocol"), fields.path("protocol"))
        ports, sources = fields.texts("port", net.ports), fields.texts("sourcePort", net.ports)
        icmp_type = fields.text("icmpType")
    if net.has_ports(protocol):
        # The product fills them in: a captured rule of port 67 shows <sourcePort>any</sourcePort>
        return Service(protocol=protocol, ports=ports or (net.ANY,), source_ports=sources or (net.ANY,))
    if {*ports, *sources} - {net.ANY}:
        raise invalid(f"Field {fields.path('port')} needs protocol tcp or udp, not {protocol}.")
    if icmp_type and protocol != "icmp":
        raise invalid(f"Field {fields.path('icmpType')} needs protocol icmp.")
    return Service(protocol=protocol, icmp_type=(icmp_type or net.ANY) if protocol == "icmp" else "")


def render(edge: Edge) -> Node:
    """`<firewall>`: the system's rules where they are evaluated, the default policy's last."""
    return node(
        "firewall",
        node("version", edge.feature_version("firewall")),
        node("enabled", edge.firewall.enabled),
        _render_settings(edge.firewall),
        _render_policy("defaultPolicy", edge.firewall),
        node("firewallRules", *_render_rules(edge)),
    )


def _render_settings(firewall: Firewall) -> Node:
    return node("globalConfig", *(node(name, value) for name, value in firewall.settings.items()))


def _render_policy(tag: str, firewall: Firewall) -> Node:
    policy = firewall.policy
    return node(tag, node("action", policy.action), node("loggingEnabled", policy.logging))


def _render_rules(edge: Edge) -> list[Node]:
    users = [_render_rule(rule) for rule in edge.firewall.rules]
    internal = system_rules.internal(edge)
    evaluated = [*internal, *users] if edge.auto.priority == "high" else [*users, *internal]
    return [*evaluated, system_rules.default_policy(edge)]


def _render_rule(rule: FirewallRule) -> Node:
    return node(
        "firewallRule",
        node("id", rule.id),
        node("ruleTag", rule.id if rule.tag is None else rule.tag),
        node("name", rule.name) if rule.name else None,
        node("ruleType", "user"),
        _render_endpoint("source", rule.source) if rule.source else None,
        _render_endpoint("destination", rule.destination) if rule.destination else None,
        node("application", *map(_render_service, rule.services)) if rule.services else None,
        node("matchTranslated", rule.match_translated),
        node("direction", rule.direction) if rule.direction else None,
        node("action", rule.action),
        node("enabled", rule.enabled),
        node("loggingEnabled", rule.logging),
        node("description", rule.description),
    )


def _render_endpoint(tag: str, endpoint: Endpoint) -> Node:
    return node(
        tag,
        node("exclude", endpoint.exclude),
        *(node("ipAddress", address) for address in endpoint.addresses),
        *(node("vnicGroupId", group) for group in endpoint.vnic_groups),
    )


def _render_service(service: Service) -> Node:
    return node(
        "service",
        node("protocol", service.protocol),
        *(node("port", port) for port in service.ports),
        *(node("sourcePort", port) for port in service.source_ports),
        node("icmpType", service.icmp_type) if service.icmp_type else None,
    )


def _missing(identifier: str) -> ApiError:
    """NSX has codes of its own for a firewall rule that is not there."""
    details = f"Firewall rule {identifier} does not exist."
    return ApiError(404, Problem(details, RULE_NOT_FOUND, CORE))


def _write(edge: Edge, rules: tuple[FirewallRule, ...]) -> None:
    edge.firewall = replace(edge.firewall, rules=rules)


RULES: RuleBook[FirewallRule] = RuleBook(
    feature="firewall",
    wrapper="firewallRules",
    element="firewallRule",
    id_element="id",
    tags=(1, 65536),
    parse=_parse_rule,
    missing=_missing,
    read=lambda edge: edge.firewall.rules,
    write=_write,
    allocate=system_rules.next_id,
)


def _store(edge: Edge, firewall: Firewall) -> Reply:
    edge.firewall = firewall
    edge.touch("firewall")
    return done()


def _get_config(world: World, request: Incoming) -> Reply:
    return ok(render(world.edge(request)))


def _put_config(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return _store(edge, parse(world, edge, Fields(request.document("firewall"))))


def _delete_config(world: World, request: Incoming) -> Reply:
    return _store(world.edge(request), fresh())


def _get_global(world: World, request: Incoming) -> Reply:
    return ok(_render_settings(world.edge(request).firewall))


def _put_global(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    return _store(edge, replace(edge.firewall, settings=_parse_settings(request.fields("globalConfig"))))


def _get_policy(world: World, request: Incoming) -> Reply:
    return ok(_render_policy("firewallDefaultPolicy", world.edge(request).firewall))


def _put_policy(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    policy = _parse_policy(request.fields("firewallDefaultPolicy"))
    return _store(edge, replace(edge.firewall, policy=policy))


def _post_rules(world: World, request: Incoming) -> Reply:
    return RULES.post(world, request, world.edge(request))


def _get_rule(world: World, request: Incoming) -> Reply:
    wanted = request.args["rule"]
    for rule in _render_rules(world.edge(request)):
        identifier = rule.child("id")
        if identifier is not None and identifier.text == wanted:
            return ok(rule)
    raise _missing(wanted)


def _put_rule(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    _refuse_system_rule(edge, request.args["rule"])
    return RULES.put(world, request, edge)


def _delete_rule(world: World, request: Incoming) -> Reply:
    edge = world.edge(request)
    _refuse_system_rule(edge, request.args["rule"])
    return RULES.delete(request, edge)


def _refuse_system_rule(edge: Edge, identifier: str) -> None:
    if identifier in {str(rule_id) for rule_id in system_rules.ids(edge)}:
        raise invalid(f"Firewall rule {identifier} is a system rule and cannot be changed.")


_CONFIG = "/api/4.0/edges/{edge}/firewall/config"

ROUTES = (
    Route("GET", _CONFIG, _get_config),
    Route("PUT", _CONFIG, _put_config),
    Route("DELETE", _CONFIG, _delete_config),
    Route("GET", f"{_CONFIG}/global", _get_global),
    Route("PUT", f"{_CONFIG}/global", _put_global),
    Route("GET", f"{_CONFIG}/defaultpolicy", _get_policy),
    Route("PUT", f"{_CONFIG}/defaultpolicy", _put_policy),
    Route("POST", f"{_CONFIG}/rules", _post_rules),
    Route("GET", f"{_CONFIG}/rules/{{rule}}", _get_rule),
    Route("PUT", f"{_CONFIG}/rules/{{rule}}", _put_rule),
    Route("DELETE", f"{_CONFIG}/rules/{{rule}}", _delete_rule),
)
