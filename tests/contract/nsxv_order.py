"""Where rules stand, and what a change of many costs."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from hopbook.resources.base import Key
from hopbook.resources.nsxv import EdgeSetting, FirewallRule, NatRule
from tests.contract.nsxv_identity import by_hand
from tests.contract.nsxv_lab import (
    ALLOW,
    DENY,
    DLR,
    EDGE,
    ESG,
    INSIDE,
    LIF_IN,
    LIF_UP,
    ON_DLR,
    ON_ESG,
    ROUTE,
    SNAT,
    SWITCH,
    TRANSIT,
    UPLINK,
    Lab,
    build,
    create,
    delete,
    update,
)

RULES: list[NatRule | FirewallRule] = [SNAT, ALLOW]


def named(rule: NatRule | FirewallRule, names: str) -> list[NatRule | FirewallRule]:
    return [replace(rule, rule=name) for name in names]


def standing(nsx: Lab, rule: NatRule | FirewallRule) -> str:
    """The short names of the user's rules in evaluation order; `*` for somebody else's."""
    seen = nsx.see(ESG)
    section = nsx.provider.kinds[rule.kind].section
    assert section
    keys = [key for key in seen.order[section(rule)] if not seen.items[key].system]
    return "".join("*" if "#" in key.name else key.name.removeprefix(f"{ESG.name}/") for key in keys)


each_list = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)


class Order:
    """First match wins, so a rule is where it belongs or it does not work."""

    @each_list
    def test_new_rules_stand_behind_all_others_in_their_order(
        self, nsx: Lab, rule: NatRule | FirewallRule
    ) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        by_hand(nsx)

        nsx.done(*map(create, named(rule, "ab")))
        nsx.done(*map(create, named(rule, "dc")))

        assert standing(nsx, rule) == "*abdc"

    @each_list
    def test_a_new_rule_stands_above_the_one_that_it_names(
        self, nsx: Lab, rule: NatRule | FirewallRule
    ) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        a, b, c, d = named(rule, "abcd")

        nsx.done(create(d), create(b, above=d.key), create(a, above=b.key), create(c, above=d.key))

        assert standing(nsx, rule) == "abcd"

    @each_list
    def test_rules_of_one_batch_find_each_other(self, nsx: Lab, rule: NatRule | FirewallRule) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        a, b, c, d, e = named(rule, "abcde")
        nsx.done(create(e))

        nsx.done(create(a, above=e.key), create(d), create(c, above=d.key), delete(e), create(b, above=c.key))

        assert standing(nsx, rule) == "abcd"

    @each_list
    def test_a_moved_rule_leaves_the_others_in_their_order(
        self, nsx: Lab, rule: NatRule | FirewallRule
    ) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        a, b, c, d = named(rule, "abcd")
        nsx.done(create(d), create(a))
        by_hand(nsx)
        nsx.done(create(b), create(c))
        assert standing(nsx, rule) == "da*bc"

        nsx.done(update(d, replace(d, purpose="moved"), moved=True))
        assert standing(nsx, rule) == "a*bcd"
        assert nsx.live(d.key) == replace(d, purpose="moved")

        nsx.done(
            update(b, b, above=a.key, moved=True),
            delete(c),
            create(replace(c, rule="e"), above=b.key),
        )
        assert standing(nsx, rule) == "eba*d"

    @each_list
    def test_a_rule_is_not_put_above_one_that_is_gone(self, nsx: Lab, rule: NatRule | FirewallRule) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        a, b = named(rule, "ab")
        before = nsx.manager.dump()

        (outcome,) = nsx.apply(create(a, above=b.key))

        assert outcome.result == "refused"
        assert b.name in outcome.reason
        assert nsx.manager.dump() == before


def changing(requests: list[tuple[str, str]]) -> list[str]:
    """The changes among requests, without what tells one edge from another."""
    return [f"{method} {path.partition('?')[0]}" for method, path in requests if method != "GET"]


class Cost:
    """As few calls as NSX allows; on the product each change of an edge takes seconds to minutes."""

    def test_an_edge_is_made_with_its_interfaces_in_one_call(self, nsx: Lab) -> None:
        build(nsx, [SWITCH, TRANSIT])
        before = len(nsx.manager.requests)

        nsx.done(*map(create, (EDGE, UPLINK, INSIDE)))
        nsx.done(*map(create, ON_DLR))

        assert changing(nsx.since(before)) == ["POST /api/4.0/edges", "POST /api/4.0/edges"]

    def test_rules_routes_and_slots_go_together(self, nsx: Lab) -> None:
        build(nsx, [SWITCH, TRANSIT, EDGE, ON_DLR[0]])
        edge, router = nsx.edge_id(), nsx.edge_id(DLR.name)
        routes = [replace(ROUTE, network=IPv4Network(f"10.{n}.0.0/16")) for n in range(20, 60)]
        rules = [replace(rule, rule=f"r{n}") for rule in RULES for n in range(50)]
        before = len(nsx.manager.requests)

        nsx.done(*map(create, (UPLINK, INSIDE, *routes, *rules)))
        nsx.done(create(LIF_UP), create(LIF_IN))
        nsx.done(delete(LIF_UP), delete(LIF_IN))

        assert changing(nsx.since(before)) == [
            f"POST /api/4.0/edges/{edge}/vnics/",
            f"PUT /api/4.0/edges/{edge}/routing/config/static",
            f"POST /api/4.0/edges/{edge}/nat/config/rules",
            f"POST /api/4.0/edges/{edge}/firewall/config/rules",
            f"POST /api/4.0/edges/{router}/interfaces",
            f"DELETE /api/4.0/edges/{router}/interfaces",
        ]

    def test_an_edge_is_removed_in_one_call(self, nsx: Lab) -> None:
        build(nsx, [SWITCH, TRANSIT, *ON_ESG])
        edge, before = nsx.edge_id(), len(nsx.manager.requests)

        nsx.done(*(delete(one) for one in reversed(ON_ESG) if not isinstance(one, EdgeSetting)))

        assert changing(nsx.since(before)) == [f"DELETE /api/4.0/edges/{edge}"]

    def test_observing_an_edge_takes_one_call_however_much_it_carries(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        nsx.done(*(create(replace(SNAT, rule=f"r{n}")) for n in range(2000)))
        edge, before = nsx.edge_id(), len(nsx.manager.requests)

        seen = nsx.see(SNAT.key, ESG, ALLOW.key)

        assert sum(key.kind == NatRule.kind for key in seen.items) == 2000
        paths = [path.partition("?")[0] for _, path in nsx.since(before)]
        assert sorted(paths) == sorted(
            ["/api/4.0/edges/jobs", "/api/4.0/edges", f"/api/4.0/edges/{edge}", "/api/2.0/vdn/virtualwires"]
        )

    def test_a_route_that_is_gone_is_not_removed_again(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE, DENY])
        before = len(nsx.manager.requests)

        nsx.done(delete(ROUTE), delete(SNAT), delete(ALLOW))

        assert changing(nsx.since(before)) == []

    def test_every_page_of_a_long_list_is_read(self, nsx: Lab) -> None:
        nsx.done(*(create(replace(SWITCH, switch=f"ls-{n}")) for n in range(1030)))

        assert len(nsx.see(SWITCH.key).items) == 1030
        assert nsx.see(Key(SWITCH.kind, "ls-1029")).get(Key(SWITCH.kind, "ls-1029")) is not None
