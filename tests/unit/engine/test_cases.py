"""The cases in cases/*.yaml: what is there, what is ours, what is wanted, and the plan that follows.

A thing is `KIND:SHELF/NAME` with its fields; `_marked`, `_system`, `_copies` and `_unreadable` say how it is
observed, `_origin`, `_step` and `_instance` how it became ours. Rules stand in the order in which they are
listed.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from hopbook.engine.change import Action, Change, Observation, Observed
from hopbook.engine.plan import Known, Step, diff, plain
from hopbook.engine.state import Owned
from hopbook.resources.base import Key, Later, SecretRef, from_document, to_document
from hopbook.testing import KINDS, Rule, Toy

CASES = Path(__file__).parent / "cases"
HANDLE = {"_marked": "marked", "_system": "system", "_copies": "copies"}


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in sorted(CASES.glob("*.yaml"))
        for case in yaml.safe_load(file.read_text())
    ]


def thing(key: str, fields: dict[str, Any]) -> Toy:
    parsed = Key.parse(key)
    shelf, _, short = parsed.name.partition("/")
    values = {name: _value(value) for name, value in fields.items() if not name.startswith("_")}
    resource = from_document(
        {"kind": f"{parsed.kind}.v1", "key": key, "fields": {"shelf": shelf, "short": short, **values}}
    )
    assert isinstance(resource, Toy), f"{key} is of no kind of toy"
    return resource


def _value(value: Any) -> Any:
    match value:
        case {"secret": name}:
            return SecretRef("env", name)
        case {"later": key, "field": field}:
            return Later(Key.parse(key), field)
        case {"key": key}:
            return Key.parse(key)
        case list():
            return tuple(map(_value, value))
        case _:
            return value


def observation(there: dict[str, Any]) -> Observation:
    items: dict[Key, Observed] = {}
    order: dict[str, tuple[Key, ...]] = {}
    for text, fields in there.items():
        key, resource = Key.parse(text), thing(text, fields)
        marks = {HANDLE[name]: value for name, value in fields.items() if name in HANDLE}
        items[key] = Observed(resource=resource, unreadable=frozenset(fields.get("_unreadable", ())), **marks)
        if isinstance(resource, Rule):
            order[resource.shelf] = (*order.get(resource.shelf, ()), key)
    return Observation(items=items, order=order)


def owned(ours: dict[str, Any]) -> dict[str, Owned]:
    return {
        key: Owned(
            document=to_document(thing(key, fields)),
            change=f"c-{position}",
            run="r-1",
            step=fields.get("_step", "s"),
            instance=fields.get("_instance", "tidy"),
            position=position,
            time=datetime(2026, 1, 1, tzinfo=UTC),
            actor="me",
            origin=to_document(thing(key, fields["_origin"])) if "_origin" in fields else None,
            digests=fields.get("_digests", {}),
        )
        for position, (key, fields) in enumerate(ours.items())
    }


def told(change: Change) -> str:
    words = [change.action.value, str(change.key)]
    if change.adopts:
        words.append(f"from {change.adopts.name}")
    if change.action is not Action.CREATE:
        words += [f"{item.field} {plain(item.before)} → {plain(item.after)}" for item in change.fields]
    if isinstance(change.after, Rule) and (change.moved or change.action is Action.CREATE):
        words.append(f"above {change.above.name}" if change.above else "last")
    return ", ".join([" ".join(words[:2]), *words[2:]])


@pytest.mark.parametrize("case", cases())
def test_a_case(case: dict[str, Any]) -> None:
    wanted = tuple(thing(key, fields) for key, fields in case.get("want", {}).items())
    known = Known(owned(case.get("ours", {})), lambda ref: f"digest of {ref.name}")

    plan = diff(Step("s", "S", "T0", wanted), observation(case.get("there", {})), known, KINDS, "tidy")

    assert [told(change) for change in plan.changes] == case.get("changes", [])
    assert list(plan.blocked) == case.get("blocked", [])
    assert list(plan.findings) == case.get("findings", [])
