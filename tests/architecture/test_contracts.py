"""No tier of a contract suite overrides an inherited test: that turns a promise off with no trace."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

CONTRACT = Path(__file__).parents[1] / "contract"

SUITE = """
class Suite:
    def test_promise(self): ...
class Shared(Suite):
    def helper(self): ...
"""


def _name_of(base: ast.expr) -> str:
    """Give the last name of a base: `Suite` of `suites.Suite[Port]`."""
    match base:
        case ast.Subscript(value=value):
            return _name_of(value)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _tests_of(class_: ast.ClassDef) -> set[str]:
    """Name the tests that a class body binds, by definition or by assignment."""
    names: set[str] = set()
    for statement in class_.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if name.startswith("test")}


def _overridden(sources: Iterable[str]) -> list[str]:
    """Give each inherited test that a class defines again, as `Class.test`."""
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}

    def inherited(class_: ast.ClassDef) -> Iterator[str]:
        for base in map(_name_of, class_.bases):
            if base in classes:
                yield from _tests_of(classes[base])
                yield from inherited(classes[base])

    return sorted(
        f"{class_.name}.{test}"
        for class_ in classes.values()
        for test in _tests_of(class_).intersection(inherited(class_))
    )


def test_no_contract_test_is_overridden() -> None:
    assert _overridden(path.read_text() for path in sorted(CONTRACT.rglob("*.py"))) == []


@pytest.mark.parametrize(
    "tier",
    [
        "class TestTier(Suite):\n    def test_promise(self): pass",
        "class TestTier(suites.Shared):\n    def test_promise(self): pass",
        "class TestTier(Suite[Port]):\n    test_promise = None",
    ],
)
def test_an_override_is_found(tier: str) -> None:
    assert _overridden([SUITE, tier]) == ["TestTier.test_promise"]


def test_a_test_of_its_own_is_no_override() -> None:
    assert _overridden([SUITE, "class TestTier(Suite):\n    def test_more(self): ..."]) == []
