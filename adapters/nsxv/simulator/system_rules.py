"""The firewall rules that the manager makes itself, for the edge's own services.

Captured from real edges: 131073 `default rule for ingress traffic` (default_policy, always last) and 131074
`firewall` (internal_high: what the edge itself sends). `highAvailability` is plumbed even without
autoConfiguration (NSX-V API guide 6.4, autoconfiguration), `routing` for BGP and `ipsec` for IKE only with
it. What these rules match is not documented, so they are kept to the edge itself and open nothing: who wants
BGP or IKE let in has to say so. The guide names one for DHCP, which is not simulated; none is made up for the
DNS relay, whose rule no source shows.
"""

from adapters.nsxv.simulator.state import DEFAULT_POLICY_ID, FIREWALL_RULE_ID, Edge
from adapters.nsxv.simulator.wire import Node, node

_THE_EDGE = "vse"


def plumb(edge: Edge) -> None:
    """Give each rule that the edge's services need an id, and drop those that they no longer need.

    User rules and these take their ids from one counter, so it matters when a rule first appears.
    """
    services = {
        "highAvailability": edge.high_availability.enabled,
        "routing": edge.auto.enabled and edge.routing.bgp is not None,
        "ipsec": edge.auto.enabled and edge.ipsec.enabled,
    }
    wanted = [name for name, works in services.items() if works]
    kept = {name: rule_id for name, rule_id in edge.auto_rule_ids.items() if name in wanted}
    edge.auto_rule_ids = {name: kept.get(name) or next_id(edge) for name in wanted}


def next_id(edge: Edge) -> int:
    """The next id of the edge's firewall; none comes twice."""
    edge.last_firewall_id += 1
    return edge.last_firewall_id


def ids(edge: Edge) -> frozenset[int]:
    """The ids of every rule of the system on this edge."""
    return frozenset({DEFAULT_POLICY_ID, FIREWALL_RULE_ID, *edge.auto_rule_ids.values()})


def internal(edge: Edge) -> list[Node]:
    """The rules for the edge's own services, in their order."""
    kind = "internal_high" if edge.auto.priority == "high" else "internal_low"
    firewall = _render(FIREWALL_RULE_ID, "firewall", kind, node("source", node("vnicGroupId", _THE_EDGE)))
    plumbed = [
        _render(
            rule_id,
            name,
            kind,
            node("source", node("vnicGroupId", _THE_EDGE)),
            node("destination", node("vnicGroupId", _THE_EDGE)),
        )
        for name, rule_id in edge.auto_rule_ids.items()
    ]
    return [firewall, *plumbed]


def default_policy(edge: Edge) -> Node:
    """The last rule, which says what the default policy says."""
    name = "default rule for ingress traffic"
    policy = edge.firewall.policy
    return _render(DEFAULT_POLICY_ID, name, "default_policy", action=policy.action, logging=policy.logging)


def _render(
    rule_id: int, name: str, kind: str, *match: Node, action: str = "accept", logging: bool = False
) -> Node:
    return node(
        "firewallRule",
        node("id", rule_id),
        node("ruleTag", rule_id),
        node("name", name),
        node("ruleType", kind),
        *match,
        node("action", action),
        node("enabled", True),  # noqa: FBT003 - an element's value
        node("loggingEnabled", logging),
        node("description", name),
    )
