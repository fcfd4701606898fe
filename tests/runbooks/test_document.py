"""Every statement of the source document stands somewhere, and every pointer points at something."""

from collections.abc import Iterator
from typing import Any

import pytest

from hopbook.site.load import read_site
from hopbook.site.rules import RULES
from hopbook.steps import icp
from tasks import files

STEPS = {
    "icp-network": (
        icp.logical_switches,
        icp.edge_and_router,
        icp.internet,
        icp.dns_and_ntp,
        icp.cluster_addresses,
        icp.admit_clients,
    )
}
STATEMENTS = {
    *(f"S{number}" for number in range(1, 35)),
    *(
        f"T{traffic}.{step}"
        for traffic, last in ((1, 6), (2, 6), (3, 10), (4, 9), (5, 7))
        for step in range(1, last + 1)
    ),
}
KEYS = {"runbook", "steps", "traffic", "rules", "deviation", "open"}


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


def test_every_step_exists_and_cites_the_statement(document: dict[str, Any]) -> None:
    proxied = read_site(
        files.site_path("example")
        .read_bytes()
        .replace(b"egress: snat", b"egress: proxy\n  proxy: {address: 10.95.8.40}"),
        "example.yaml",
    )
    sites = (read_site(files.site_path("example").read_bytes(), "example.yaml"), proxied)
    for statement, entry in document.items():
        for step in entry.get("steps", ()):
            made = [make(site) for make in STEPS[entry["runbook"]] for site in sites]
            citations = {one.strip() for item in made if item.id == step for one in item.citation.split(",")}
            assert statement in citations, f"step {step} does not cite {statement}"


def test_a_runbook_cites_only_statements_that_its_steps_or_traffic_bring(document: dict[str, Any]) -> None:
    for name in files.runbooks():
        book, _ = files.runbook(name)
        for statement in book.cites:
            entry = document[statement]
            assert entry.get("runbook") == name or "open" in entry
