"""The first runbook over the wire: apply, plan, drift, undo, adoption."""

import re

from tests.flows.lab import Lab

FOREIGN = (
    "<natRules><natRule><action>dnat</action><vnic>0</vnic><originalAddress>10.95.40.71</originalAddress>"
    "<translatedAddress>192.168.20.99</translatedAddress><protocol>tcp</protocol><originalPort>22</originalPort>"
    "<translatedPort>22</translatedPort><description>by hand</description></natRule></natRules>"
)


def rules_of(lab: Lab) -> str:
    """The address of the ESG's NAT rules; lanes run side by side, so either edge may be the first."""
    summaries = re.findall(r"<edgeSummary>.*?</edgeSummary>", lab.call("GET", "/api/4.0/edges").text)
    esg = next(summary for summary in summaries if "<name>icp-esg</name>" in summary)
    return f"/api/4.0/edges/{re.findall(r'<objectId>(edge-[0-9]+)</objectId>', esg)[0]}/nat/config"


def rule_of(lab: Lab, name: str) -> str:
    """The XML of one of our NAT rules."""
    rules = re.findall(r"<natRule>.*?</natRule>", lab.call("GET", rules_of(lab)).text)
    return str(next(rule for rule in rules if f"/{name}]" in rule))


def rule_id(rule: str) -> str:
    return str(re.findall(r"<ruleId>(\d+)</ruleId>", rule)[0])


def test_apply_makes_the_network_and_then_there_is_nothing_to_plan(lab: Lab) -> None:
    planned = lab.live("plan", "--json")
    applied = lab.live("apply")
    after = lab.live("plan", "--json")

    assert planned.status == 2
    assert applied.status == 0, applied.err
    assert "traffic: 10 of 10 as promised" in applied.out
    assert after.status == 0
    assert after.document["changes"] == {}


def test_plan_writes_nothing(lab: Lab) -> None:
    before = lab.world.nsx.dump()

    lab.live("plan")

    assert lab.world.nsx.dump() == before
    assert not (lab.folder / "home").exists()


def test_a_plan_that_moved_is_refused(lab: Lab) -> None:
    digest = lab.live("plan", "--json").document["digest"]
    assert lab.live("apply", "--plan", digest).status == 0

    refused = lab.live("apply", "--plan", digest)

    assert refused.status == 1
    assert "something moved since that plan" in refused.err


def test_drift_names_the_field_both_values_and_that_no_run_of_ours_did_it(lab: Lab) -> None:
    lab.live("apply")
    rule = rule_of(lab, "snat-internet")
    lab.call("PUT", f"{rules_of(lab)}/rules/{rule_id(rule)}", rule.replace("203.0.113.18", "203.0.113.20"))

    found = lab.drift("--json")
    (difference,) = found.document["drift"]["differences"]

    assert found.status == 2
    assert difference["key"] == "nsxv.nat-rule:icp-esg/snat-internet"
    assert (difference["field"], difference["declared"]) == ("translated", "203.0.113.18")
    assert (difference["applied"], difference["live"]) == ("203.0.113.18", "203.0.113.20")
    assert difference["cause"] == "changed, and no run of ours did it"
    assert lab.last_run() in difference["last"]


def test_drift_names_the_traffic_that_it_breaks(lab: Lab) -> None:
    lab.live("apply")
    rule = rule_of(lab, "snat-internet")
    lab.call("PUT", f"{rules_of(lab)}/rules/{rule_id(rule)}", rule.replace("203.0.113.18", "203.0.113.20"))

    out = lab.drift().out

    assert "nobody answers for 203.0.113.20" in out
    assert f"by others since run {lab.last_run()}" in out


def test_no_drift_after_apply(lab: Lab) -> None:
    lab.live("apply")

    assert lab.drift().status == 0


def test_a_rule_beside_ours_is_unmanaged_and_left_alone_by_everything(lab: Lab) -> None:
    lab.live("apply")
    lab.call("POST", f"{rules_of(lab)}/rules", FOREIGN)
    foreign = next(
        rule
        for rule in re.findall(r"<natRule>.*?</natRule>", lab.call("GET", rules_of(lab)).text)
        if "by hand" in rule
    )

    drift = lab.drift("--json")
    planned = lab.live("plan", "--json")
    again = lab.live("apply")
    undone = lab.hopbook("undo", lab.last_run())

    assert drift.status == 0
    assert [item["title"] for item in drift.document["drift"]["unmanaged"]] == [
        f"DNAT #{rule_id(foreign)} on icp-esg"
    ]
    assert planned.document["changes"] == {}
    assert again.status == 0
    assert foreign in lab.call("GET", rules_of(lab)).text
    assert undone.status in {0, 1}
    assert foreign in lab.call("GET", rules_of(lab)).text


def test_undo_refuses_to_delete_an_edge_that_carries_somebodys_rule(lab: Lab) -> None:
    lab.live("apply")
    run = lab.last_run()
    lab.call("POST", f"{rules_of(lab)}/rules", FOREIGN)
    before = lab.world.nsx.dump()

    refused = lab.hopbook("undo", run)

    assert refused.status == 1
    assert "carries" in refused.err
    assert lab.world.nsx.dump() == before


def test_undo_brings_everything_back(lab: Lab) -> None:
    before = lab.world.nsx.dump()
    lab.live("apply")

    undone = lab.hopbook("undo", lab.last_run())

    assert undone.status == 0, undone.err
    assert lab.world.nsx.dump() == before
    assert lab.state().owned == {}


def test_undo_after_a_change_behind_our_back_shows_it_and_touches_nothing(lab: Lab) -> None:
    lab.live("apply")
    run = lab.last_run()
    rule = rule_of(lab, "dnat-master-8443")
    lab.call("PUT", f"{rules_of(lab)}/rules/{rule_id(rule)}", rule.replace("192.168.20.10", "192.168.20.15"))
    changed = lab.world.nsx.dump()

    refused = lab.hopbook("undo", run)
    untouched = lab.world.nsx.dump()
    forced = lab.hopbook("undo", run, "--force")

    assert refused.status == 1
    assert "translated is 192.168.20.15, our run left 192.168.20.10" in refused.err
    assert untouched == changed
    assert forced.status == 0


def test_undo_twice_says_that_nothing_is_left(lab: Lab) -> None:
    lab.live("apply")
    run = lab.last_run()
    lab.hopbook("undo", run)

    again = lab.hopbook("undo", run)

    assert again.status == 0
    assert "nothing left to take back" in again.out


def test_undo_preview_changes_nothing(lab: Lab) -> None:
    lab.live("apply")
    before, events = lab.world.nsx.dump(), len(lab.events())

    preview = lab.hopbook("undo", lab.last_run(), "--preview")

    assert preview.status == 0
    assert "delete  ESG icp-esg" in preview.out
    assert lab.world.nsx.dump() == before
    assert len(lab.events()) == events


def half_built(lab: Lab) -> None:
    """An edge, a switch and a rule, made by hand as somebody would."""
    lab.call(
        "POST",
        "/api/2.0/vdn/scopes/vdnscope-1/virtualwires",
        "<virtualWireCreateSpec><name>icp-transit</name><description>made by hand</description>"
        "<tenantId>default</tenantId></virtualWireCreateSpec>",
    )
    appliance = (
        "<appliance><resourcePoolId>resgroup-20</resourcePoolId>"
        "<datastoreId>datastore-2{}</datastoreId></appliance>"
    )
    lab.call(
        "POST",
        "/api/4.0/edges",
        "<edge><datacenterMoid>datacenter-2</datacenterMoid><name>icp-esg</name><type>gatewayServices</type>"
        f"<appliances><applianceSize>large</applianceSize>{appliance.format(3)}{appliance.format(4)}</appliances>"
        "<vnics><vnic><index>0</index><name>outside</name><type>uplink</type><portgroupId>dvportgroup-38</portgroupId>"
        "<isConnected>true</isConnected><addressGroups><addressGroup><primaryAddress>10.95.40.70</primaryAddress>"
        "<subnetPrefixLength>26</subnetPrefixLength></addressGroup></addressGroups></vnic></vnics></edge>",
    )
    lab.call(
        "POST",
        f"{rules_of(lab)}/rules",
        "<natRules><natRule><action>snat</action><vnic>0</vnic><originalAddress>192.168.20.0/24</originalAddress>"
        "<translatedAddress>10.95.40.70</translatedAddress><description>somebody's</description></natRule></natRules>",
    )


def test_a_half_built_site_is_offered_for_adoption_and_given_back_by_undo(lab: Lab) -> None:
    half_built(lab)
    before = lab.world.nsx.dump()

    planned = lab.live("plan", "--json")
    refused = lab.live("apply")
    untouched = lab.world.nsx.dump()
    adopted = lab.live("apply", "--adopt")
    lists = lab.call("GET", "/api/4.0/edges").text, lab.call("GET", "/api/2.0/vdn/virtualwires").text
    rules = lab.call("GET", rules_of(lab)).text
    undone = lab.hopbook("undo", lab.last_run())

    assert planned.document["changes"]["adopt"] == 4  # the edge, its interface, the switch, the rule
    assert refused.status == 1
    assert "--adopt takes them over" in refused.err
    assert untouched == before
    assert adopted.status == 0, adopted.err
    assert lists[0].count("<name>icp-esg</name>") == 1
    assert lists[1].count("<name>icp-transit</name>") == 1
    assert rules.count("<translatedAddress>10.95.40.70</translatedAddress>") == 1
    assert undone.status == 0, undone.err
    assert lab.world.nsx.dump() == before


def test_a_protected_edge_is_refused(lab: Lab) -> None:
    half_built(lab)
    text = lab.overlay.read_text() + "vcs:\n  protected_edges: [icp-esg]\n"
    lab.overlay.write_text(text)
    before = lab.world.nsx.dump()

    refused = lab.live("apply", "--adopt")

    assert refused.status == 3
    assert "icp-esg" in refused.err
    assert "protected_edges" in refused.err
    assert lab.world.nsx.dump() == before


def test_the_password_is_nowhere(lab: Lab) -> None:
    lab.live("apply")
    lab.drift()
    lab.hopbook("undo", lab.last_run(), "--json")

    for path in (lab.folder / "home").rglob("*"):
        if path.is_file():
            assert b"canary-7c1f0d52" not in path.read_bytes(), path
