"""The cases in cases.yaml: the example site with VPNs, and every problem that follows; V1 to V10."""

from pathlib import Path
from typing import Any

import pytest

from hopbook.check import problems_of
from hopbook.site.check import notes
from hopbook.site.document import read_document
from hopbook.site.rules import RULES
from tasks import files
from tests.unit.site.test_cases import assert_findings, changed, read

TEXT = (Path(__file__).parent / "cases.yaml").read_text()
CASES = read_document("cases:\n" + TEXT, "cases.yaml").data["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_problems(case: dict[str, Any]) -> None:
    text = changed(case)
    site, document = read(text)
    assert_findings(problems_of(site, document, files.vpn_keys()), case.get("expect", []), text)
    assert_findings(notes(site, document), case.get("notes", []), text)


def test_every_rule_has_a_case() -> None:
    caught = {each["rule"] for case in CASES for each in case.get("expect", ())}
    assert {rule for rule in RULES if rule.startswith("V")} <= caught
