"""Whose an object is: ours by its marker, everybody else's and NSX's own are left alone."""

from dataclasses import replace

import pytest

from adapters.nsxv import xml
from hopbook.engine.change import Result
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallAction, FirewallRule, LogicalSwitch, NatRule
from tests.contract.nsxv_lab import (
    ALLOW,
    DEFAULT,
    DENY,
    DNAT,
    EDGE,
    ESG,
    INSIDE,
    LOG,
    ON_ESG,
    POLICY,
    RELAY,
    ROUTE,
    SNAT,
    SWITCH,
    TRANSIT,
    UPLINK,
    ZONE,
    Lab,
    adopt,
    build,
    create,
    delete,
    release,
    update,
)

BY_HAND_NAT = """<natRules><natRule><action>snat</action><vnic>0</vnic><ruleTag>70000</ruleTag>
  <originalAddress>10.1.0.0/24</originalAddress><translatedAddress>203.0.113.77</translatedAddress>
  <description>by hand</description></natRule></natRules>"""
BY_HAND_FIREWALL = """<firewallRules><firewallRule><name>by hand</name><action>accept</action>
  <ruleTag>77</ruleTag>
  <source><exclude>true</exclude><ipAddress>10.2.0.0/24</ipAddress></source><direction>in</direction>
  <application><service><protocol>icmp</protocol><icmpType>echo-request</icmpType></service>
  <service><protocol>tcp</protocol><port>22</port><sourcePort>1024-65535</sourcePort></service></application>
  <description>do not touch</description></firewallRule></firewallRules>"""
BY_HAND_ROUTES = """<staticRouting><staticRoutes><route><network>10.77.0.0/16</network>
  <nextHop>203.0.113.50</nextHop><mtu>1400</mtu><description>theirs</description></route></staticRoutes>
  </staticRouting>"""
BY_HAND_VNICS = """<vnics><vnic><index>5</index><name>theirs</name><type>internal</type>
  <portgroupId>dvportgroup-2</portgroupId><isConnected>true</isConnected><enableProxyArp>true</enableProxyArp>
  <addressGroups><addressGroup><primaryAddress>10.50.0.1</primaryAddress><subnetMask>255.255.255.0</subnetMask>
  </addressGroup></addressGroups></vnic><vnic><index>6</index><name>trunk</name><type>trunk</type>
  <portgroupId>dvportgroup-2</portgroupId><isConnected>true</isConnected></vnic></vnics>"""


def by_hand(nsx: Lab) -> tuple[Key, Key]:
    """Somebody else's things on the ESG; the keys of their NAT and firewall rule."""
    edge = f"/api/4.0/edges/{nsx.edge_id()}"
    nat = nsx.by_hand("POST", f"{edge}/nat/config/rules", BY_HAND_NAT)
    rule = nsx.by_hand("POST", f"{edge}/firewall/config/rules", BY_HAND_FIREWALL)
    nsx.by_hand("PUT", f"{edge}/routing/config/static", BY_HAND_ROUTES)
    nsx.by_hand("POST", f"{edge}/vnics/", BY_HAND_VNICS, action="patch")
    return Key(NatRule.kind, f"{ESG.name}/#{nat}"), Key(FirewallRule.kind, f"{ESG.name}/#{rule}")


def theirs(nsx: Lab) -> list[bytes]:
    """Everything on the ESG that is not ours, as NSX tells it, ids and all."""
    features = {"nat/config": "natRules/natRule", "firewall/config": "firewallRules/firewallRule"}
    found = [
        xml.serialize(rule)
        for path, rules in features.items()
        for rule in nsx.section(path).iterfind(rules)
        if "[hopbook:" not in xml.text(rule, "description") and xml.text(rule, "ruleType") != "default_policy"
    ]
    routes = nsx.section("routing/config/static").iterfind("staticRoutes/route")
    found += [xml.serialize(route) for route in routes if xml.text(route, "description") == "theirs"]
    vnics = nsx.section("vnics").iterfind("vnic")
    return [*found, *(xml.serialize(vnic) for vnic in vnics if xml.text(vnic, "index") in {"5", "6"})]


class Identity:
    """Markers, natural keys, adoption."""

    def test_what_somebody_else_made_is_seen_under_a_key_of_its_own(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE, SNAT, ALLOW])
        nat, firewall = by_hand(nsx)

        seen = nsx.see(ESG)

        assert (seen.items[nat].marked, seen.items[nat].system) == (False, False)
        assert seen.items[firewall].resource == FirewallRule(
            owner=ESG,
            rule="by hand",
            action=FirewallAction.ACCEPT,
            sources=("!10.2.0.0/24 (in)",),
            services=seen.items[firewall].resource.services,  # type: ignore[attr-defined]  # looked at below
            purpose="do not touch",
        )
        services = seen.items[firewall].resource.services  # type: ignore[attr-defined]  # a firewall rule
        assert {service.protocol for service in services} == {"icmp type echo-request", "tcp from 1024-65535"}
        assert seen.order[f"{ESG.name}/nat"] == (SNAT.key, nat)
        ends = seen.order[f"{ESG.name}/firewall"]
        assert (seen.items[ends[0]].system, ends[1:3], seen.items[ends[-1]].system) == (
            True,
            (ALLOW.key, firewall),
            True,
        )
        assert Key("nsxv.interface", f"{ESG.name}/theirs") in seen.items

    def test_nothing_that_we_do_touches_it(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, SWITCH, EDGE, UPLINK, INSIDE, SNAT, ALLOW])
        by_hand(nsx)
        before = theirs(nsx)
        assert len(before) == 6

        nsx.done(
            *map(create, (DEFAULT, ROUTE, DNAT, DENY, RELAY, LOG)),
            update(INSIDE, replace(INSIDE, mtu=1500)),
            update(SNAT, replace(SNAT, purpose="changed")),
            update(DNAT, DNAT, above=SNAT.key, moved=True),
            update(DENY, DENY, above=ALLOW.key, moved=True),
            create(replace(SNAT, rule="first"), above=DNAT.key),
            create(replace(ALLOW, rule="first"), above=DENY.key),
            create(POLICY),
            update(POLICY, replace(POLICY, enabled=False)),
            delete(DENY),
            delete(replace(SNAT, rule="first")),
            delete(ROUTE),
            delete(DEFAULT),
            delete(INSIDE),
        )

        assert theirs(nsx) == before
        assert nsx.manager.warnings == []

    @pytest.mark.parametrize("index", [5, 6])
    def test_a_slot_that_somebody_else_uses_is_not_taken(self, nsx: Lab, index: int) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK])
        by_hand(nsx)
        before = nsx.manager.dump()

        (outcome,) = nsx.apply(create(replace(INSIDE, index=index)))

        assert outcome.result is Result.REFUSED
        assert "theirs" in outcome.reason or "trunk" in outcome.reason
        assert nsx.manager.dump() == before

    def test_a_slot_that_somebody_else_took_over_is_not_reset(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK])
        by_hand(nsx)
        before = nsx.manager.dump()

        nsx.done(delete(replace(INSIDE, index=5)))

        assert nsx.manager.dump() == before

    def test_a_rule_made_by_hand_is_adopted_and_given_back(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        nat, firewall = by_hand(nsx)
        before, found = theirs(nsx), nsx.see(ESG)
        natural = nsx.provider.kinds[SNAT.kind].natural
        assert natural
        assert natural(found.items[nat].resource) == natural(SNAT)

        nsx.done(
            adopt(nat, found.items[nat].resource, SNAT),
            adopt(firewall, found.items[firewall].resource, ALLOW),
        )

        seen = nsx.see(ESG)
        assert (seen.items[SNAT.key].resource, seen.items[ALLOW.key].resource) == (SNAT, ALLOW)
        assert (seen.items[SNAT.key].handle, seen.items[ALLOW.key].handle) == (
            found.items[nat].handle,
            found.items[firewall].handle,
        )
        assert {nat, firewall} & seen.items.keys() == set()

        nsx.done(release(SNAT, found.items[nat].resource), release(ALLOW, found.items[firewall].resource))

        assert nsx.see(ESG).items[nat] == found.items[nat]
        assert nsx.see(ESG).items[firewall] == found.items[firewall]
        assert sorted(theirs(nsx)) == sorted(before)

    def test_adopting_says_so(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, EDGE, UPLINK, INSIDE])
        nat, _ = by_hand(nsx)

        (outcome,) = nsx.apply(adopt(nat, nsx.live(nat), SNAT))

        assert outcome.result is Result.ADOPTED

    def test_a_switch_made_by_hand_is_adopted_and_given_back(self, nsx: Lab) -> None:
        document = (
            "<virtualWireCreateSpec><name>icp-workers</name><description>theirs</description>"
            "<tenantId>them</tenantId></virtualWireCreateSpec>"
        )
        made = nsx.by_hand("POST", f"/api/2.0/vdn/scopes/{ZONE}/virtualwires", document)
        key = Key(LogicalSwitch.kind, f"#{made}")
        found = nsx.see(SWITCH.key).items[key]
        assert found.resource == replace(SWITCH, purpose="theirs", tenant="them")

        nsx.done(adopt(key, found.resource, SWITCH))
        assert nsx.see(SWITCH.key).items[SWITCH.key].resource == SWITCH

        nsx.done(release(SWITCH, found.resource))
        assert nsx.see(SWITCH.key).items == {key: found}

    def test_an_interface_on_a_switch_of_somebody_else_names_it(self, nsx: Lab) -> None:
        document = "<virtualWireCreateSpec><name>x</name><tenantId>them</tenantId></virtualWireCreateSpec>"
        made = nsx.by_hand("POST", f"/api/2.0/vdn/scopes/{ZONE}/virtualwires", document)
        on_it = replace(INSIDE, network=Key(LogicalSwitch.kind, f"#{made}"))
        build(nsx, [EDGE, UPLINK, on_it])

        assert nsx.live(INSIDE.key) == on_it

    def test_two_objects_with_one_marker_are_a_finding(self, nsx: Lab) -> None:
        build(nsx, [SWITCH, TRANSIT, EDGE, UPLINK, INSIDE, SNAT])
        build(nsx, [SWITCH, SNAT])

        seen = nsx.see(ESG, SWITCH.key)

        for kind, key in ((LogicalSwitch.kind, SWITCH.key), (NatRule.kind, SNAT.key)):
            twins = [found for found, live in seen.items.items() if live.copies == 2 and found.kind == kind]
            assert len(twins) == 2
            assert key in twins
            assert [live.copies for found, live in seen.items.items() if found == key] == [2]

    def test_a_marker_of_another_edge_or_site_is_not_ours(self, nsx: Lab) -> None:
        build(nsx, [TRANSIT, *ON_ESG])
        edge = f"/api/4.0/edges/{nsx.edge_id()}"
        untagged = BY_HAND_NAT.replace("<ruleTag>70000</ruleTag>", "")
        for marker in ("[hopbook:lab/other-esg/snat]", "[hopbook:another/icp-esg/snat]"):
            nsx.by_hand("POST", f"{edge}/nat/config/rules", untagged.replace("by hand", f"x {marker}"))

        strangers = [
            live
            for live in nsx.see(ESG).items.values()
            if "[hopbook" in getattr(live.resource, "purpose", "")
        ]

        assert len(strangers) == 2
        assert not any(live.marked for live in strangers)

    def test_a_protected_edge_is_not_touched(self, nsx: Lab) -> None:
        management = replace(EDGE, edge="mgmt-edge")
        traits = nsx.provider.kinds
        outcomes = nsx.apply(create(management), create(replace(SNAT, owner=management.key)))

        assert {outcome.result for outcome in outcomes} == {Result.REFUSED}
        assert "mgmt-edge is protected" in outcomes[0].reason
        assert nsx.manager.requests == []
        assert all(traits[kind].lane for kind in traits)
