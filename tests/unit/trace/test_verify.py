"""What counts as met: expectations, knobs, unknowns, and the steps with their evidence."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from hopbook.engine.change import Observation
from hopbook.network.compile import compile_network
from hopbook.network.facts import ASSUMPTIONS
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule
from hopbook.site.model import Site
from hopbook.trace.steps import Met
from hopbook.trace.text import render
from hopbook.trace.traffic import Case, Traffic, expand
from hopbook.trace.verify import Verification, verify
from tasks import files

ESG = Key(Edge.kind, "icp-esg")
PROXY = {"icp__egress": "proxy", "icp__proxy": {"address": "10.95.8.40"}}


def cases(traffics: dict[str, Traffic], lab: Any, *names: str) -> list[Case]:
    found = [case for name in names for case in expand(traffics[name], lab.site)]
    assert found
    return found


def one(traffics: dict[str, Traffic], lab: Any, name: str, node: str = "icp-worker-1") -> Case:
    return next(case for case in cases(traffics, lab, name) if case.source == node)


@pytest.mark.parametrize("changes", [{}, PROXY], ids=["snat", "proxy"])
def test_the_runbook_passes_with_no_assumption_accepted(
    changes: dict[str, Any], lab_with: Callable[..., Any], traffics: dict[str, Traffic]
) -> None:
    lab = lab_with(**changes)
    assert lab.site.accepts == ()
    network = lab.network(cluster=False)
    promised = files.runbook("icp-network")[0].verify
    results = [verify(case, network, lab.site.accepts) for case in cases(traffics, lab, *promised)]
    assert not [(result.case.id, result.reason) for result in results if not result.met]
    assert {name for result in results for name in result.given} <= ASSUMPTIONS.keys()


def test_before_the_cluster_exists_the_way_ends_at_its_address(
    lab: Any, traffics: dict[str, Traffic]
) -> None:
    result = verify(one(traffics, lab, "client-to-icp-master", "client"), lab.network(cluster=False))
    assert (result.met, result.verdict) == (True, "neighbour unreachable")
    assert result.traces[0].end.node == "icp-dlr"
    assert result.as_if[0].verdict == "delivered"
    assert "until the cluster is installed" in result.reason
    assert {step.met for step in result.steps} == {Met.MET, Met.LATER}


def test_with_the_cluster_the_same_is_delivered(lab: Any, traffics: dict[str, Traffic]) -> None:
    result = verify(one(traffics, lab, "client-to-icp-master", "client"), lab.network())
    assert (result.met, result.verdict, result.as_if) == (True, "delivered", ())
    assert {step.met for step in result.steps} == {Met.MET}


def test_unreachable_somewhere_else_is_not_what_was_expected(lab: Any, traffics: dict[str, Traffic]) -> None:
    lab = lab.changed("icp-esg/dnat-master-8443", lambda rule: replace(rule, translated="192.168.20.99"))
    case = next(c for c in cases(traffics, lab, "client-to-icp-master") if c.name.endswith("8443"))
    result = verify(case, lab.network(cluster=False))
    assert (result.met, result.verdict) == (False, "neighbour unreachable")
    assert result.reason == "icp-dlr: nobody answers for 192.168.20.99 on icp-nodes"


def test_what_nobody_observed_is_unknown_and_not_met(lab: Any, traffics: dict[str, Traffic]) -> None:
    """The cluster is installed, and nobody looked into it."""
    result = verify(one(traffics, lab, "internet-to-icp-web", "internet-user"), lab.network())
    assert (result.met, result.verdict) == (False, "delivered")
    assert {step.cites for step in result.steps if step.met is Met.UNKNOWN} == {"T2.5", "T2.6"}
    assert result.reason.endswith("unknown, nobody observed icp.ingress")


@pytest.mark.parametrize(
    ("name", "place"), [("internet-to-iks-web", "iks.alb.public"), ("iks-pod-to-pod", "iks.pod")]
)
def test_a_cluster_that_nobody_observed_is_insufficient_information(
    name: str, place: str, lab: Any, traffics: dict[str, Traffic]
) -> None:
    network = lab.network()
    (case,) = expand(traffics[name], lab.site, network)
    result = verify(case, network)
    assert (result.met, result.verdict) == (False, "insufficient information")
    assert f"nobody observed {place}" in result.reason


def test_where_no_host_was_observed_what_is_about_hosts_is_not_asked(
    lab: Any, traffics: dict[str, Traffic]
) -> None:
    result = verify(one(traffics, lab, "internet-to-icp-web", "internet-user"), lab.network(cluster=False))
    asked = {step.says: step for step in result.steps}
    step = asked["on the ESXi host that the ESG runs on"]
    assert (step.met, step.evidence) == (Met.LATER, "which host each machine runs on was not observed")
    assert "A13" in result.given


def test_a_delivery_by_the_wrong_way_is_not_met(
    lab: Any, traffics: dict[str, Traffic], traffic_of: Callable[..., Traffic]
) -> None:
    """NTP that leaves by the public vNIC may be answered; S5 says private."""
    result = verify(one(traffics, lab, "icp-node-to-ntp"), lab.network())
    assert result.met
    public = traffics["icp-node-to-ntp"].model_dump(by_alias=True)
    public["variants"][0]["steps"][0]["hop"]["leaves-by"] = "public"
    result = verify(one({"ntp": traffic_of(public)}, lab, "ntp"), lab.network())
    assert (result.met, result.verdict) == (False, "delivered")
    assert result.reason == "S5, NTP leaves the ESG by its private vNIC: not met, no hop does that"


def test_steps_are_met_in_their_order_only(
    lab: Any, traffics: dict[str, Traffic], traffic_of: Callable[..., Traffic]
) -> None:
    data = traffics["icp-node-to-registry"].model_dump(by_alias=True)
    data["variants"][0]["steps"] = data["variants"][0]["steps"][:3][::-1]
    result = verify(one({"x": traffic_of(data)}, lab, "x"), lab.network())
    assert [step.met for step in result.steps] == [Met.MET, Met.NOT_MET, Met.NOT_MET]


def translated(action: FirewallAction, *sources: str) -> FirewallRule:
    return FirewallRule(owner=ESG, rule="#132730", action=action, sources=sources, match_translated=True)


def knob(lab: Any, traffics: dict[str, Traffic], *accepted: str) -> Verification:
    """A rule of somebody that would deny the SNATed source, if SNAT came first (A2)."""
    lab = lab.first(translated(FirewallAction.DENY, "203.0.113.18"))
    return verify(one(traffics, lab, "icp-node-to-registry"), lab.network(), accepted)


def test_a_knob_that_changes_the_verdict_is_insufficient_information(
    lab: Any, traffics: dict[str, Traffic]
) -> None:
    result = knob(lab, traffics)
    assert (result.met, result.verdict) == (False, "insufficient information")
    assert "A2 (an ESG's firewall compares the source before SNAT)" in result.reason
    assert "A2 before SNAT: delivered; A2 after SNAT: denied" in result.reason
    assert len(result.traces) == 2


def test_an_accepted_knob_has_its_first_reading_and_is_listed(lab: Any, traffics: dict[str, Traffic]) -> None:
    result = knob(lab, traffics, "A2")
    assert (result.met, result.verdict, len(result.traces)) == (True, "delivered", 1)
    assert "A2" in result.given


def test_a_knob_that_changes_nothing_is_not_listed(lab: Any, traffics: dict[str, Traffic]) -> None:
    lab = lab.first(translated(FirewallAction.DENY, "203.0.113.99"))
    result = verify(one(traffics, lab, "icp-node-to-registry"), lab.network())
    assert (result.met, len(result.traces)) == (True, 2)
    assert "A2" not in result.given


@pytest.mark.parametrize(
    ("changes", "traffic", "missing"),
    [
        ({"ibm_cloud__client": None}, "client-to-icp-master", "ibm_cloud.client"),
        ({"externals": []}, "icp-node-to-registry", "external.registry"),
        ({"icp__overlay": "elsewhere"}, "icp-node-to-dns", "icp.relay"),
    ],
)
def test_what_the_site_does_not_declare_is_named(
    changes: dict[str, Any],
    traffic: str,
    missing: str,
    lab: Any,
    traffics: dict[str, Traffic],
    site_with: Callable[..., Site],
) -> None:
    (case,) = expand(traffics[traffic], site_with(**changes))
    result = verify(case, lab.network())
    assert (result.met, result.verdict) == (False, "insufficient information")
    assert missing in result.reason
    assert missing in render(result)


def test_a_node_that_is_not_in_the_network_is_named(lab: Any, traffics: dict[str, Traffic]) -> None:
    result = verify(replace(one(traffics, lab, "icp-node-to-ntp"), source="icp-worker-9"), lab.network())
    assert result.verdict == "insufficient information"
    assert "icp-worker-9" in result.reason
    assert {step.met for step in result.steps} == {Met.UNKNOWN}


@pytest.mark.parametrize(
    ("answer", "met"), [("203.0.113.19", Met.MET), ("203.0.113.20", Met.NOT_MET), (None, Met.NOT_MET)]
)
def test_what_the_resolver_says_counts_above_the_site(
    answer: str | None, met: Met, lab: Any, traffics: dict[str, Traffic]
) -> None:
    names = {"shop.example.com": (IPv4Address(answer),) if answer else ()}
    case = one(traffics, lab, "internet-to-icp-web", "internet-user")
    result = verify(case, lab.network(cluster=False, names=names))
    step = next(step for step in result.steps if step.says.startswith("DNS"))
    assert step.met is met
    assert "observed dns" in step.evidence


def test_never_is_met_by_a_denial_and_by_nothing_unknown(
    lab_with: Callable[..., Any], traffics: dict[str, Traffic]
) -> None:
    lab = lab_with(**PROXY)
    case = one(traffics, lab, "icp-node-past-the-web-proxy")
    assert verify(case, lab.network()).met
    unknown = FirewallRule(owner=ESG, rule="#1", action=FirewallAction.ACCEPT, sources=("ipset-4",))
    result = verify(case, lab.first(unknown).network())
    assert (result.met, result.verdict) == (False, "insufficient information")


def test_never_is_not_met_by_a_delivery(lab_with: Callable[..., Any], traffics: dict[str, Traffic]) -> None:
    lab = lab_with(**PROXY)
    snat = NatRule(
        owner=ESG, rule="#1", action=NatAction.SNAT, interface=1, original="any", translated="203.0.113.18"
    )
    case = one(traffics, lab, "icp-node-past-the-web-proxy")
    result = verify(case, lab.first(snat).policy(default=FirewallAction.ACCEPT).network())
    assert (result.met, result.verdict) == (False, "delivered")
    assert "never should be" in result.reason
    assert result.steps[0].met is Met.NOT_MET


def test_the_registry_by_the_web_proxy_is_two_legs(
    lab_with: Callable[..., Any], traffics: dict[str, Traffic]
) -> None:
    lab = lab_with(**PROXY)
    result = verify(one(traffics, lab, "icp-node-to-registry"), lab.network())
    assert result.met
    assert len(result.traces[0].worst.legs) == 2
    assert "A17" in result.given


def test_the_relay_asks_every_forwarder(lab: Any, traffics: dict[str, Traffic]) -> None:
    result = verify(one(traffics, lab, "icp-node-to-dns"), lab.network())
    servers = {path.legs[1].there.hops[-1].node.name for path in result.traces[0].paths}
    assert (result.met, servers) == (True, {"dns-1", "dns-2"})
    asked = (IPv4Address("10.0.80.11"), IPv4Address("10.0.80.99"))
    nobody = lab.changed("nsxv.dns-relay:icp-esg", lambda part: replace(part, forwarders=asked))
    result = verify(one(traffics, nobody, "icp-node-to-dns"), nobody.network())
    assert (result.met, result.verdict) == (False, "insufficient information")
    assert "10.0.80.99" in result.reason


def test_never_without_steps_is_not_met_by_what_is_unknown(
    lab: Any, traffics: dict[str, Traffic], traffic_of: Callable[..., Traffic]
) -> None:
    data = traffics["icp-node-to-registry"].model_dump(by_alias=True)
    data["variants"] = [{"expect": "never"}]
    case = one({"x": traffic_of(data)}, lab, "x")
    assert verify(case, lab.without("icp-esg/snat-internet").network()).met
    unknown = FirewallRule(owner=ESG, rule="#1", action=FirewallAction.DENY, sources=("ipset-4",))
    result = verify(case, lab.first(unknown).network())
    assert (result.met, result.verdict) == (False, "insufficient information")


def test_an_address_on_another_interface_is_not_the_documented_one(
    lab: Any, traffics: dict[str, Traffic], traffic_of: Callable[..., Traffic]
) -> None:
    data = traffics["client-to-icp-proxy"].model_dump(by_alias=True)
    data["variants"][0]["steps"][0]["owns"]["role"] = "public"
    result = verify(one({"x": traffic_of(data)}, lab, "x", "client"), lab.network())
    assert (result.met, result.steps[0].met) == (False, Met.NOT_MET)
    assert result.steps[0].evidence == "no public interface of esg has it"


def test_a_site_without_its_vcs_section_is_no_traceback(lab: Any, traffics: dict[str, Traffic]) -> None:
    site = lab.site.model_copy(update={"vcs": None, "hcx": None, "on_premises": None})
    network = compile_network(site, Observation())
    for traffic in traffics.values():
        for case in expand(traffic, site):
            result = verify(case, network)
            assert (result.met, bool(result.reason)) == (False, True)
            render(result)
