"""From a site and an observation to a network: what is there, and how each thing is known."""

from dataclasses import replace
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.errors import InvalidInput
from hopbook.network.compile import compile_network
from hopbook.network.facts import How
from hopbook.network.nodes import Dlr, Esg, Network
from hopbook.resources.base import Key
from hopbook.trace.walk import trace

REGISTRY = "198.51.100.200:443"


def edge(network: Network) -> Esg:
    node = network.nodes["icp-esg"]
    assert isinstance(node, Esg)
    return node


def test_without_an_observation_there_is_no_edge(lab: Any) -> None:
    network = compile_network(lab.site, Observation())
    assert not [node for node in network.nodes.values() if isinstance(node, Esg | Dlr)]
    found = trace(network, lab.packet("client", "10.95.40.71:8443"), "client")
    assert (found.verdict, found.end.node) == ("neighbour unreachable", "BCR")


def test_an_empty_site_is_a_network(lab: Any) -> None:
    site = type(lab.site).model_validate({"hopbook": 1, "site": "empty"})
    assert compile_network(site, Observation()).facts == frozenset()


def test_how_things_are_known(lab: Any) -> None:
    network = lab.network(events=lambda key: f"run of {key.name}", when="noon")
    esg = edge(network)
    assert esg.fact.how is How.OBSERVED
    (rule,) = (rule for rule in esg.snat.rules if rule.rule.rule == "snat-internet")
    assert (rule.fact.event, rule.fact.when) == ("run of icp-esg/snat-internet", "noon")
    assert network.nodes["BCR"].fact.how is How.DECLARED
    assert network.nodes["icp-master-vip"].fact.source == "icp.vips.master"
    assert (
        network.nodes["web-proxy"].routes.routes[0].fact.source == "A17"
        if "web-proxy" in network.nodes
        else True
    )


def test_interfaces_have_roles_of_the_site(lab: Any) -> None:
    network = lab.network()
    roles = {
        f"{node}/{item.name}": item.role
        for node in ("icp-esg", "icp-dlr")
        for item in network.nodes[node].interfaces.values()
    }
    assert roles == {
        "icp-esg/private": "private",
        "icp-esg/public": "public",
        "icp-esg/transit": "transit",
        "icp-dlr/transit": "transit",
        "icp-dlr/nodes": "nodes",
    }


def test_rules_stand_in_the_order_of_the_observation(lab: Any) -> None:
    observed = lab.observation()
    names = [key.name for key in observed.order["icp-esg/nat"]]
    turned = replace(
        observed, order={**observed.order, "icp-esg/nat": tuple(reversed(observed.order["icp-esg/nat"]))}
    )
    esg = edge(compile_network(lab.site, turned))
    assert [rule.rule.name for rule in esg.dnat.rules] == [
        name for name in reversed(names) if "dnat-" in name
    ]


def test_rules_that_no_list_names_stand_behind_by_rank(lab: Any) -> None:
    observed = replace(lab.observation(), order={})
    esg = edge(compile_network(lab.site, observed))
    ranks = [rule.rule.rank for rule in esg.snat.rules]
    assert len(ranks) == 4
    assert ranks == sorted(ranks)


def test_a_rule_that_only_the_items_hold_stands_behind_those_of_the_list(lab: Any) -> None:
    observed = lab.observation()
    first, *others = observed.order["icp-esg/nat"]
    esg = edge(
        compile_network(lab.site, replace(observed, order={**observed.order, "icp-esg/nat": tuple(others)}))
    )
    last = max((*esg.dnat.rules, *esg.snat.rules), key=lambda item: item.rule.key == first)
    assert last in {esg.dnat.rules[-1], esg.snat.rules[-1]}


@pytest.mark.parametrize(
    ("name", "shown", "node", "to"),
    [
        ("firewall-rule:icp-esg/nodes-to-internet", {"sources": ("192.0.2.9",)}, "icp-worker-1", REGISTRY),
        ("nat-rule:icp-esg/snat-internet", {"original": "192.0.2.9"}, "icp-worker-1", REGISTRY),
        ("nat-rule:icp-esg/dnat-master-8443", {"original": "192.0.2.9"}, "client", "10.95.40.71:8443"),
    ],
)
def test_an_unreadable_rule_is_a_doubt_and_may_match_anything(
    name: str, shown: dict[str, Any], node: str, to: str, lab: Any
) -> None:
    observed, key = lab.observation(), Key.parse(f"nsxv.{name}")
    masked = Observed(resource=replace(observed.items[key].resource, **shown), unreadable=frozenset(shown))
    network = compile_network(lab.site, replace(observed, items={**observed.items, key: masked}))
    found = trace(network, lab.packet(node, to), node)
    assert (found.verdict, found.end.node) == ("insufficient information", "icp-esg")


def test_two_nodes_of_one_name_are_refused(lab_with: Any) -> None:
    external = {"name": "x", "host": "icp-esg", "address": "198.51.100.5"}
    with pytest.raises(InvalidInput, match="two nodes of the network are named icp-esg"):
        lab_with(externals=[external]).network()


def test_a_foreign_port_group_is_a_segment_where_others_may_be(lab: Any) -> None:
    lab = lab.changed("icp-esg/public", lambda part: replace(part, network="dvportgroup-99"))
    found = trace(lab.network(), lab.packet("icp-worker-1", "198.51.100.200:443"), "icp-worker-1")
    assert (found.verdict, found.end.node) == ("insufficient information", "icp-esg")
    assert "dvportgroup-99" in found.end.reason
