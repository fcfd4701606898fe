"""The cases in cases/*.yaml: a changed example site, or a text, and every finding that follows."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hopbook.errors import InvalidInput, Problem
from hopbook.site.check import check_site, notes
from hopbook.site.document import Document, read_document
from hopbook.site.load import read_site_document, site_of
from hopbook.site.model import Site

ROOT = Path(__file__).parents[3]
CASES = Path(__file__).parent / "cases"
EXAMPLE = (ROOT / "runbooks/sites/example.yaml").read_text()
EXAMPLE_DATA = read_document(EXAMPLE, "example.yaml").data


def cases(*files: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{file}: {case['name']}")
        for file in files
        for case in read_document("cases:\n" + (CASES / f"{file}.yaml").read_text(), file).data["cases"]
    ]


def changed(case: dict[str, Any]) -> str:
    """The example site with a case's changes, as YAML."""
    data = copy.deepcopy(EXAMPLE_DATA)
    for path, value in case.get("add", {}).items():
        parent, key = holder(data, path.partition("#")[0])
        parent[key].append(value)
    for path, value in case.get("set", {}).items():
        parent, key = holder(data, path)
        parent[key] = value
    for path in case.get("remove", []):
        parent, key = holder(data, path)
        del parent[key]
    return yaml.safe_dump(data, sort_keys=False)


def holder(data: Any, path: str) -> tuple[Any, Any]:
    *steps, last = re.findall(r"[^.\[\]]+", path)
    for step in steps:
        data = data[key_of(data, step)]
    return data, key_of(data, last)


def key_of(data: Any, step: str) -> Any:
    if not isinstance(data, list):
        return step
    return next(number for number, item in enumerate(data) if item["name"] == step)


def place_of(problem: Problem) -> str:
    return problem.where.partition(" ")[2]


def assert_findings(found: list[Problem], expected: list[dict[str, Any]], text: str) -> None:
    """Each expected finding is there once, and no other; each names its line."""
    rest = list(found)
    for each in expected:
        fitting = [
            problem
            for problem in rest
            if place_of(problem) == each["where"]
            and problem.rule == each.get("rule", "")
            and all(piece in problem.what for piece in each["text"])
            and not any(piece in problem.what for piece in each.get("without", []))
        ]
        assert fitting, f"missing: {each}\nfound:\n" + "\n".join(map(str, found))
        rest.remove(fitting[0])
    assert not rest, "not expected:\n" + "\n".join(map(str, rest))
    lines = text.splitlines()
    for problem in found:
        line = int(problem.where.partition(" ")[0].partition(":")[2])
        assert 1 <= line <= len(lines)


def read(text: str) -> tuple[Site, Document]:
    document = read_site_document(text, "site.yaml")
    return site_of(document), document


@pytest.mark.parametrize("case", cases("rules", "pairs", "consistency", "hcx", "joins"))
def test_problems(case: dict[str, Any]) -> None:
    text = changed(case)
    assert_findings(check_site(*read(text)), case.get("expect", []), text)


@pytest.mark.parametrize("case", cases("rules", "pairs", "consistency", "hcx", "joins"))
def test_notes(case: dict[str, Any]) -> None:
    text = changed(case)
    assert_findings(notes(*read(text)), case.get("notes", []), text)


@pytest.mark.parametrize("case", cases("forms"))
def test_forms(case: dict[str, Any]) -> None:
    text = changed(case)
    with pytest.raises(InvalidInput) as caught:
        read(text)
    assert_findings(list(caught.value.problems), case["expect"], text)
    assert "hunter2" not in str(caught.value).lower()
    lines = [int(problem.where.partition(" ")[0].partition(":")[2]) for problem in caught.value.problems]
    assert lines == sorted(lines)


@pytest.mark.parametrize("case", cases("texts"))
def test_texts(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_document(case["text"], "site.yaml")
    found = [(problem.where, problem.what) for problem in caught.value.problems]
    assert [where for where, _ in found] == [f"site.yaml:{each['line']}" for each in case["expect"]], found
    for (_, what), each in zip(found, case["expect"], strict=True):
        assert all(piece in what for piece in each["text"]), what
    assert "hunter2" not in str(caught.value)


def test_example_is_clean() -> None:
    document = read_site_document(EXAMPLE, "example.yaml")
    site = site_of(document)
    assert check_site(site, document) == []
    assert notes(site, document) == []
