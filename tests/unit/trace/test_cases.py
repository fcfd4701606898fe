"""Traffic cases that an operator could add: a change of the example site, a packet, and how it ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hopbook.network.facts import assumed
from hopbook.network.packet import Packet
from hopbook.resources.base import Resource, from_document, to_document
from hopbook.trace.walk import trace

CASES: list[dict[str, Any]] = [
    case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
WORDS = {"case", "site", "without", "above", "change", "policy", "from", "to"}
WORDS |= {"verdict", "at", "by", "way", "reason", "mtu"}


def resource(fields: dict[str, Any]) -> Resource:
    """A resource of the ESG from its fields."""
    kind = fields["kind"]
    words = {name: value for name, value in fields.items() if name not in {"kind", "rename"}}
    owner = {"kind": "nsxv.edge", "name": "icp-esg"}
    return from_document({"kind": f"{kind}.v1", "fields": {"owner": owner, **words}})


def changed(part: Resource, fields: dict[str, Any]) -> Resource:
    """A resource with other values in some of its fields."""
    document = to_document(part)
    return from_document({**document, "fields": {**document["fields"], **fields}})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_case(case: dict[str, Any], lab_with: Callable[..., Any]) -> None:
    assert case.keys() <= WORDS
    lab = lab_with(**case.get("site", {})).without(*case.get("without", ()))
    lab = lab.first(*(resource(fields) for fields in case.get("above", ())))
    for name, fields in case.get("change", {}).items():
        lab = lab.changed(name, lambda part, fields=fields: changed(part, fields))
    if "policy" in case:
        lab = lab.changed("nsxv.firewall-policy:icp-esg", lambda part: changed(part, case["policy"]))
    found = trace(lab.network(), lab.packet(case["from"], case["to"]), case["from"])
    shown = f"{found.verdict} at {found.end.node}: {found.end.reason}"
    assert found.verdict == case["verdict"], shown
    assert found.end.node == case.get("at", found.end.node), shown
    assert case.get("reason", "") in found.end.reason, shown
    assert found.worst.returning is (case.get("way") == "back" or case["verdict"] == "asymmetric return")
    assert found.worst.legs[0].mtu == case.get("mtu", found.worst.legs[0].mtu), shown
    if "by" in case:
        titles = {d.ground.title for _, _, hop in found.worst.hops for d in hop.decisions if d.ground}
        assert case["by"] in titles, shown


def test_an_unknown_node_is_no_traceback(lab: Any) -> None:
    found = trace(lab.network(), Packet(1, 2, "tcp", 3, 4), "nobody")
    assert found.verdict == "insufficient information"
    assert "nobody" in found.end.reason


def test_assumed_facts_name_known_assumptions() -> None:
    with pytest.raises(KeyError):
        assumed("A99")
