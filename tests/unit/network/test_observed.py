"""Observations that a person wrote down: what they say, and what is wrong with them."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from hopbook.engine.change import Observation
from hopbook.errors import InvalidInput
from hopbook.network import observed
from hopbook.resources.base import Key, SecretRef
from hopbook.resources.kubernetes import Vpn
from hopbook.resources.nsxv import FirewallRule, Interface, IpsecSite, NatRule
from hopbook.site.document import Document, read_document
from hopbook.site.model import Site

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
FILES = sorted((RUNBOOKS / "observed/example").glob("*.yaml"))
DOCUMENTS = [read_document(path.read_bytes(), path.name) for path in FILES]
RULE = "kind: nsxv.firewall-rule, owner: 'nsxv.edge:workload-esg', action: accept"
POD = "kind: kubernetes.pod, cluster: iks-a, pod: a, address: 172.30.1.1"


def site_joined(**join: Any) -> Site:
    document = deepcopy(EXAMPLE)
    document["iks"][0]["join"] = {"overlay": "workload", **join}
    return Site.model_validate(document)


SITE = site_joined(how="vpn")


def file(*items: str, name: str = "a.yaml", when: str = "") -> Document:
    """A file of one resource a line; the first is in line 3."""
    lines = "".join(f"  - {{{item}}}\n" for item in items)
    return read_document(f"when: [{when}]\nresources:\n{lines}", name)


def troubles(*documents: Document) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        observed.read(documents, SITE)
    return [str(problem) for problem in caught.value.problems]


def read_rules(*documents: Document) -> list[str]:
    return [key.name for key in observed.read(documents, SITE).order["workload-esg/firewall"]]


def test_keys_and_secrets_are_read_from_their_short_form() -> None:
    found = observed.read(DOCUMENTS, SITE)
    tunnel = found.items[Key(IpsecSite.kind, "workload-esg/iks-a")].resource
    vpn = found.items[Key(Vpn.kind, "iks-a/vpn")].resource
    inside = found.items[Key(Interface.kind, "workload-esg/transit")].resource
    assert isinstance(tunnel, IpsecSite)
    assert isinstance(vpn, Vpn)
    assert isinstance(inside, Interface)
    assert tunnel.owner == Key("nsxv.edge", "workload-esg")
    assert tunnel.psk == vpn.secret == SecretRef("env", "IKS_A_VPN_PSK")
    assert inside.network == Key("nsxv.logical-switch", "workload-transit")


def test_a_port_group_stays_text() -> None:
    private = observed.read(DOCUMENTS, SITE).items[Key(Interface.kind, "workload-esg/private")].resource
    assert isinstance(private, Interface)
    assert private.network == "dvportgroup-38"


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("", True),
        ("iks.join=vpn", True),
        ("iks.join=vpn, iks.next-hop=onlink", True),
        ("iks.join=vlan-bgp", False),
        ("iks.join=vpn, iks.next-hop=vra", False),
        ("icp, iks", True),
    ],
)
def test_a_file_holds_where_all_its_conditions_do(when: str, *, holds: bool) -> None:
    found = observed.read([file(f"{RULE}, rule: a", when=when)], SITE)
    assert (Key(FirewallRule.kind, "workload-esg/a") in found.items) is holds


def test_a_file_with_a_condition_says_anew_what_one_without_says() -> None:
    always = file(f"{RULE}, rule: a, sources: [10.0.0.1]", f"{RULE}, rule: b")
    here = file(f"{RULE}, rule: a, sources: [10.0.0.2]", name="0.yaml", when="iks.join=vpn")
    (found,) = (
        item.resource for key, item in observed.read([here, always], SITE).items.items() if "/a" in str(key)
    )
    assert isinstance(found, FirewallRule)
    assert found.sources == ("10.0.0.2",)


def test_rules_stand_in_the_order_of_the_lines_and_those_with_a_condition_behind() -> None:
    late = file(f"{RULE}, rule: a", name="0.yaml", when="iks")
    assert read_rules(late, file(f"{RULE}, rule: z", f"{RULE}, rule: b")) == [
        "workload-esg/z",
        "workload-esg/b",
        "workload-esg/a",
    ]


def test_a_rule_with_a_number_is_the_system_s() -> None:
    found = observed.read([file(f"{RULE}, rule: '#131074'", f"{RULE}, rule: a")], SITE)
    assert {key.name: (item.system, item.marked) for key, item in found.items.items()} == {
        "workload-esg/#131074": (True, False),
        "workload-esg/a": (False, True),
    }


def test_beside_what_was_observed_the_written_rules_stand_behind() -> None:
    written = observed.read([file(f"{RULE}, rule: b", f"{RULE}, rule: a")], SITE)
    live = observed.read([file(f"{RULE}, rule: a, sources: [10.0.0.9]", f"{RULE}, rule: z")], SITE)
    both = observed.beside(live, written)
    assert [key.name[-1] for key in both.order["workload-esg/firewall"]] == ["a", "z", "b"]
    shared = Key(FirewallRule.kind, "workload-esg/a")
    assert both.items[shared] == live.items[shared]
    assert observed.beside(live, Observation()) == live


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("kind: nsxv.firewal-rule", "a.yaml:3 resources[0].kind", "did you mean `nsxv.firewall-rule`?"),
        ("owner: x", "a.yaml:3 resources[0]", "expected `kind: KIND`"),
        (f"{RULE}, rule: a, sources: 5", "a.yaml:3 resources[0].sources", "expected a list"),
        (f"{RULE}, rule: a, source: [any]", "a.yaml:3 resources[0].source", "did you mean `sources`?"),
        (f"{RULE}", "a.yaml:3 resources[0].rule", "`rule` is missing"),
        (
            f"{RULE.replace('accept', 'allow')}, rule: a",
            "a.yaml:3 resources[0].action",
            "accept, deny or reject",
        ),
        (f"{POD}.300, node: b", "a.yaml:3 resources[0].address", "expected an IPv4 address"),
        (f"{POD}, node: b", "a.yaml:3 resources[0].node", "no node 'b' of iks-a is observed"),
        (
            f"{POD.replace('iks-a', 'iks-b')}, node: b",
            "a.yaml:3 resources[0].cluster",
            "expected one of icp, iks-a",
        ),
        (f"{RULE.replace('workload-esg', 'work-esg')}, rule: a", "a.yaml:3 resources[0]", "did you mean"),
        (f"{RULE.replace('nsxv.edge', 'nsxv.egde')}, rule: a", "a.yaml:3 resources[0]", "did you mean"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(line: str, place: str, words: str) -> None:
    (trouble,) = troubles(file(line))
    assert trouble.startswith(f"{place}: ")
    assert words in trouble


def test_every_file_s_problems_are_said_together() -> None:
    found = troubles(file("kind: x"), file(f"{RULE}, rule: a, rank: x", name="b.yaml"))
    assert [trouble.partition(":")[0] for trouble in found] == ["a.yaml", "b.yaml"]


def test_an_unknown_condition_is_refused() -> None:
    (trouble,) = troubles(file(f"{RULE}, rule: a", when="iks.join=magic"))
    assert trouble.startswith("a.yaml:1 when[0]: 'iks.join=magic' is no condition")


def test_a_resource_is_written_once() -> None:
    (trouble,) = troubles(file(f"{RULE}, rule: a"), file(f"{RULE}, rule: a", name="b.yaml"))
    assert trouble == (
        "b.yaml:3 resources[0]: firewall rule a on workload-esg is written twice; the first is in a.yaml:3"
    )


def test_a_secret_that_is_written_out_is_not_repeated() -> None:
    vpn = POD.replace("kubernetes.pod", "kubernetes.vpn") + ", node: b, release: v, secret: geheim"
    found = troubles(file(f"{vpn}, local_subnets: [], remote_subnets: []"))
    assert found
    assert "geheim" not in "".join(found)


def test_an_empty_file_says_nothing() -> None:
    assert observed.read([read_document("resources: []", "a.yaml")], SITE) == Observation()


def test_the_order_of_nat_rules_is_their_own() -> None:
    found = observed.read(
        DOCUMENTS,
        site_joined(how="static-dnat", published=[{"workload": "orders", "address": "10.95.40.81"}]),
    )
    assert found.order["workload-esg/nat"] == (
        Key(NatRule.kind, "workload-esg/snat-private"),
        Key(NatRule.kind, "workload-esg/dnat-orders-3306"),
    )
