"""NAT of an ESG (NSX-V API guide 6.4, "Working with NSX Edge NAT"; `nsxv.md` 2.6).

There is no GET of a single rule: a client reads the whole configuration.
"""

from dataclasses import replace

from adapters.nsxv.simulator import net
from adapters.nsxv.simulator.errors import invalid, not_found
from adapters.nsxv.simulator.exchange import Incoming, Reply, Route, done, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.rules import RuleBook
from adapters.nsxv.simulator.state import Edge
from adapters.nsxv.simulator.values import Nat, NatAction, NatRule
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

_LAST_VNIC = 9

# The side of a packet that the rule does not translate, and may still match on
_MATCH = {
    NatAction.SNAT: ("snatMatchDestinationAddress", "snatMatchDestinationPort"),
    NatAction.DNAT: ("dnatMatchSourceAddress", "dnatMatchSourcePort"),
}


def parse(world: World, edge: Edge, fields: Fields) -> Nat:
    """A whole NAT configuration; the rules that it leaves out are gone."""
    with fields:
        world.check_version(edge, "nat", fields)
        if fields.items("nat64Rules", "nat64Rule"):
            raise invalid(f"Field {fields.path('nat64Rules')} is not simulated.")
        rules = RULES.gather(world, edge, fields.items("natRules", "natRule"))
        return Nat(enabled=fields.flag("enabled", default=True), rules=rules)


def _parse_rule(_: Edge, fields: Fields) -> NatRule:
    action = fields.choice("action", NatAction)
    _refuse_other_side(action, fields)
    match_address, match_port = _MATCH[action]
    vnic = fields.optional_number("vnic", 0, _LAST_VNIC)
    rule = NatRule(
        action=action,
        vnic="" if vnic is None else str(vnic),
        original=fields.checked("originalAddress", net.addresses, net.ANY),
        translated=fields.checked("translatedAddress", net.addresses, net.ANY),
        protocol=fields.checked("protocol", net.protocol, net.ANY),
        icmp_type=fields.text("icmpType"),
        original_port=fields.checked("originalPort", net.ports, net.ANY),
        translated_port=fields.checked("translatedPort", net.ports, net.ANY),
        match_address=fields.checked(match_address, net.addresses, net.ANY),
        match_port=fields.checked(match_port, net.ports, net.ANY),
        logging=fields.flag("loggingEnabled", default=False),
        enabled=fields.flag("enabled", default=True),
        description=fields.text("description"),
    )
    return _consistent(rule, fields)


def _refuse_other_side(action: NatAction, fields: Fields) -> None:
    """A match field of the other kind of rule is invalid, even when it says `any`."""
    for other, names in _MATCH.items():
        for name in names:
            if other is not action and fields.has(name):
                raise invalid(f"Field {fields.path(name)} is invalid for a rule with action {action}.")


def _consistent(rule: NatRule, fields: Fields) -> NatRule:
    if rule.icmp_type and rule.protocol != "icmp":
        raise invalid(f"Field {fields.path('icmpType')} needs protocol icmp.")
    ports = {rule.original_port, rule.translated_port, rule.match_port}
    if ports != {net.ANY} and not net.has_ports(rule.protocol):
        raise invalid(f"Field {fields.path('originalPort')} needs protocol tcp or udp, not {rule.protocol}.")
    return replace(rule, icmp_type=net.ANY) if rule.protocol == "icmp" and not rule.icmp_type else rule


def render(edge: Edge) -> Node:
    """`<nat>` with every default filled in."""
    return node(
        "nat",
        node("version", edge.feature_version("nat")),
        node("enabled", edge.nat.enabled),
        node("natRules", *(_render_rule(rule) for rule in edge.nat.rules)),
    )


def _render_rule(rule: NatRule) -> Node:
    match_address, match_port = _MATCH[rule.action]
    return node(
        "natRule",
        node("ruleId", rule.id),
        node("ruleTag", rule.id if rule.tag is None else rule.tag),
        node("ruleType", "user"),
        node("action", rule.action),
        node("vnic", rule.vnic) if rule.vnic else None,
        node("originalAddress", rule.original),
        node("translatedAddress", rule.translated),
        node(match_address, rule.match_address),
        node("loggingEnabled", rule.logging),
        node("enabled", rule.enabled),
        node("description", rule.description),
        node("protocol", rule.protocol),
        node("icmpType", rule.icmp_type) if rule.icmp_type else None,
        node("originalPort", rule.original_port),
        node("translatedPort", rule.translated_port),
        node(match_port, rule.match_port),
    )


def _write(edge: Edge, rules: tuple[NatRule, ...]) -> None:
    edge.nat = replace(edge.nat, rules=rules)


def _allocate(edge: Edge) -> int:
    edge.last_nat_id += 1
    return edge.last_nat_id


RULES: RuleBook[NatRule] = RuleBook(
    feature="nat",
    wrapper="natRules",
    element="natRule",
    id_element="ruleId",
    tags=(65537, 131072),
    parse=_parse_rule,
    missing=not_found,
    read=lambda edge: edge.nat.rules,
    write=_write,
    allocate=_allocate,
)


def _get_config(world: World, request: Incoming) -> Reply:
    return ok(render(world.gateway(request)))


def _put_config(world: World, request: Incoming) -> Reply:
    edge = world.gateway(request)
    edge.nat = parse(world, edge, Fields(request.document("nat")))
    edge.touch("nat")
    return done()


def _delete_config(world: World, request: Incoming) -> Reply:
    edge = world.gateway(request)
    edge.nat = Nat()
    edge.touch("nat")
    return done()


def _post_rules(world: World, request: Incoming) -> Reply:
    return RULES.post(world, request, world.gateway(request))


def _put_rule(world: World, request: Incoming) -> Reply:
    return RULES.put(world, request, world.gateway(request))


def _delete_rule(world: World, request: Incoming) -> Reply:
    return RULES.delete(request, world.gateway(request))


_CONFIG = "/api/4.0/edges/{edge}/nat/config"

ROUTES = (
    Route("GET", _CONFIG, _get_config),
    Route("PUT", _CONFIG, _put_config),
    Route("DELETE", _CONFIG, _delete_config),
    Route("POST", f"{_CONFIG}/rules", _post_rules),
    Route("PUT", f"{_CONFIG}/rules/{{rule}}", _put_rule),
    Route("DELETE", f"{_CONFIG}/rules/{{rule}}", _delete_rule),
)
