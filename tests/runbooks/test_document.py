"""Every statement of the source document stands somewhere, and every pointer points at something."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from hopbook.site.load import read_site
from hopbook.site.model import Join, Site
from hopbook.site.rules import RULES
from hopbook.steps import icp, icp_vpn, iks_vpn
from hopbook.steps.icp_install import Installation
from hopbook.trace.traffic import Traffic, read_traffic
from tasks import files
from tests.unit.steps import iks

INSTALLATION = Installation(files.sizes())
IKS_VPN, ICP_VPN = iks_vpn.Tunnelled(), icp_vpn.Tunnelled()
JOIN = b"""      how: vpn
      overlay: workload
      vpn: {psk: {env: PSK}, load_balancer: 10.95.60.131}"""
VPNS = b"""  egress: snat
  vpns: [{cluster: iks-a, psk: {env: OTHER}, load_balancer: 10.95.60.132}]"""
STEPS = {
    "icp-network": (
        icp.logical_switches,
        icp.edge_and_router,
        icp.internet,
        icp.dns_and_ntp,
        icp.cluster_addresses,
        icp.admit_clients,
    ),
    "icp-install": (INSTALLATION.machines, INSTALLATION.cluster),
    "iks-vpn": (
        IKS_VPN.release,
        IKS_VPN.private_end,
        IKS_VPN.exempt,
        IKS_VPN.routes,
        IKS_VPN.admit,
        IKS_VPN.gateway,
        IKS_VPN.tunnel,
    ),
    "icp-vpn": (ICP_VPN.listener, ICP_VPN.private_end, ICP_VPN.way_out, ICP_VPN.starter),
}
STATEMENTS = {
    *(f"S{number}" for number in range(1, 35)),
    *(
        f"T{traffic}.{step}"
        for traffic, last in ((1, 6), (2, 6), (3, 10), (4, 9), (5, 7))
        for step in range(1, last + 1)
    ),
}
KEYS = {"runbook", "steps", "gate", "traffic", "rules", "deviation", "open"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    statements: dict[str, Any] = files.document()["statements"]
    return statements


def cites(value: Any) -> Iterator[str]:
    """Every citation anywhere in a traffic file."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "cites":
                yield from inner if isinstance(inner, list) else [inner]
            else:
                yield from cites(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from cites(inner)


def covers(cited: str, statement: str) -> bool:
    return statement == cited or statement.startswith(f"{cited}.")


def test_no_statement_is_an_orphan(document: dict[str, Any]) -> None:
    assert set(document) == STATEMENTS
    assert all(entry and set(entry) <= KEYS for entry in document.values())


def test_every_rule_exists(document: dict[str, Any]) -> None:
    named = {rule for entry in document.values() for rule in entry.get("rules", ())}

    assert named <= set(RULES)


def test_every_traffic_exists_and_cites_the_statement(document: dict[str, Any]) -> None:
    for statement, entry in document.items():
        for name in entry.get("traffic", ()):
            if statement in {"S29", "S30"}:  # ranges: proven by the traffic that enters by them
                assert name in files.traffics()
                continue
            cited = set(cites(files.traffic_document(name).data))
            assert any(covers(each, statement) for each in cited), f"{name} does not cite {statement}"


TRAFFICS = {
    "internet-to-iks-web": [f"T1.{number}" for number in range(1, 7)],
    "internet-to-icp-web": [f"T2.{number}" for number in range(1, 7)],
    "iks-web-to-database": [f"T3.{number}" for number in range(1, 11)],
    "icp-web-to-database": [f"T4.{number}" for number in range(1, 10)],
    "enterprise-to-vm": [f"T5.{number}" for number in range(1, 8)],
}


def traffic(name: str) -> Traffic:
    return read_traffic(files.traffic_document(name))


@pytest.mark.parametrize("name", TRAFFICS)
def test_each_way_of_a_traffic_has_every_documented_step_in_order(name: str) -> None:
    for variant in traffic(name).variants:
        there = [step for step in variant.steps if step.hop is None or step.hop.way == "there"]
        cited = [step.cites for step in there if step.cites.startswith("T")]
        assert list(dict.fromkeys(cited)) == TRAFFICS[name], variant.name


def test_each_of_the_five_ways_to_join_a_cluster_is_a_way_to_the_database() -> None:
    ways = [variant.when for variant in traffic("iks-web-to-database").variants]
    assert [when for when in ways if when != ("database.on=extended-network",)] == [
        (f"iks.join={how}",) for how in ("vlan-bgp", "static-routes", "static-dnat", "bcr-bgp", "vpn")
    ]
    assert {when for (when,) in ways[1:]} == {f"iks.join={how}" for how in Join}


def test_no_documented_step_waits_for_later() -> None:
    for name in TRAFFICS:
        assert not [step.cites for way in traffic(name).variants for step in way.steps if step.later]


def test_a_documented_step_deviates_where_the_document_says_so_here(document: dict[str, Any]) -> None:
    """And nowhere else; each of them with what the document has, what is so, and why."""
    deviating: set[str] = set()
    for name in TRAFFICS:
        for step in (step for way in traffic(name).variants for step in way.steps):
            if step.deviation is not None:
                assert all((step.deviation.document, step.deviation.reality, step.deviation.because))
                deviating.add(step.cites)
    told = {statement for statement, entry in document.items() if "deviation" in entry}
    assert {cites for cites in deviating if cites.startswith("T")} == {
        item for item in told if item.startswith("T")
    }
    assert not [
        statement for statement, entry in document.items() if statement.startswith("T") and "open" in entry
    ]


def example(*changes: tuple[bytes, bytes]) -> Site:
    text = files.site_path("example").read_bytes()
    for old, new in changes:
        changed = re.sub(old, new, text)
        assert changed != text
        text = changed
    return read_site(text, "example.yaml")


def test_every_step_exists_and_cites_the_statement(document: dict[str, Any]) -> None:
    proxied = example((b"egress: snat", b"egress: proxy\n  proxy: {address: 10.95.8.40}"))
    tunnelled = example((b"      how: vlan-bgp .*\n      overlay: workload", JOIN), (b"  egress: snat", VPNS))
    sites = {"icp-network": (example(), proxied), "icp-install": (example(), proxied)}
    for statement, entry in document.items():
        for step in entry.get("steps", ()):
            there = sites.get(entry["runbook"], (tunnelled,))
            made = [make(site) for make in STEPS.get(entry["runbook"], ()) for site in there]
            made += [each for joined in iks.every(entry["runbook"]) for each in joined.steps]
            citations = {one.strip() for item in made if item.id == step for one in item.citation.split(",")}
            assert statement in citations, f"step {step} does not cite {statement}"


def test_every_gate_exists_and_cites_the_statement(document: dict[str, Any]) -> None:
    gates = {statement: entry for statement, entry in document.items() if "gate" in entry}
    assert gates
    for statement, entry in gates.items():
        found = [gate for joined in iks.every(entry["runbook"]) for gate in joined.gates]
        assert statement in {gate.citation for gate in found if gate.id == entry["gate"]}


def test_a_runbook_cites_only_statements_that_its_steps_or_traffic_bring(document: dict[str, Any]) -> None:
    for name in files.runbooks():
        book, _ = files.runbook(name)
        for statement in book.cites:
            entry = document[statement]
            assert entry.get("runbook") in {name, book.of} or "open" in entry
