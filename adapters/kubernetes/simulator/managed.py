"""Which manager has which field, and what an apply makes of an object.

Kubernetes documentation, "Server-Side Apply". A manager has the fields that it applied, or that its last
update changed. Whoever applies another value for a field that somebody else has is refused, and what one
applied before and does not apply any more goes, unless somebody else has it, too.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from adapters.kubernetes.simulator.refusals import Cause
from adapters.kubernetes.simulator.store import Object

Path: TypeAlias = tuple[str, ...]
"""`("f:spec", "f:ports", 'k:{"port":80,"protocol":"TCP"}', "f:name")`."""

APPLY, UPDATE = "Apply", "Update"

# Lists whose items are told apart by keys, as their schemas say; every other list is one value
_KEYS: Mapping[str, tuple[tuple[str, Any], ...]] = {
    "containers": (("name", ""),),
    "initContainers": (("name", ""),),
    "env": (("name", ""),),
    "volumes": (("name", ""),),
    "volumeMounts": (("mountPath", ""),),
}
_SERVICE_PORT, _CONTAINER_PORT = (
    (("port", 0), ("protocol", "TCP")),
    (("containerPort", 0), ("protocol", "TCP")),
)
_NOBODYS = frozenset(
    {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "name", "namespace"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one manager has."""

    manager: str
    operation: str
    version: str
    paths: frozenset[Path]


def applied(live: Object | None, wanted: Object, manager: str, *, force: bool) -> tuple[Object, list[Cause]]:
    """The object after an apply, and what keeps it from being applied."""
    entries = entries_of(live) if live is not None else []
    paths = frozenset(_leaves(_own(wanted)))
    others = [entry for entry in entries if (entry.manager, entry.operation) != (manager, APPLY)]
    before = next((entry.paths for entry in entries if entry not in others), frozenset[Path]())
    conflicts = [] if live is None else list(_conflicts(live, wanted, paths, others))
    if conflicts and not force:
        return live or wanted, conflicts
    merged = wanted if live is None else merge(live, wanted)
    elsewhere = frozenset(path for entry in others for path in entry.paths)
    for path in _leaving(before - paths - elsewhere, paths | elsewhere):
        merged = _without(merged, path)
    taken = frozenset(_path_of(cause.field, paths) for cause in conflicts)
    kept = [Entry(one.manager, one.operation, one.version, one.paths - taken) for one in others]
    mine = Entry(manager, APPLY, wanted["apiVersion"], paths)
    return with_entries(merged, [*kept, mine]), []


def updated(live: Object | None, new: Object, manager: str) -> Object:
    """An object that somebody made or changed, not by applying: the fields that differ are theirs."""
    entries = entries_of(live) if live is not None else []
    old = {} if live is None else _own(live)
    after = frozenset(_leaves(_own(new)))
    changed = frozenset(path for path in after if _value(old, path) != _value(new, path))
    mine = next(
        (one.paths for one in entries if (one.manager, one.operation) == (manager, UPDATE)), frozenset()
    )
    kept = [
        Entry(one.manager, one.operation, one.version, (one.paths & after) - changed)
        for one in entries
        if (one.manager, one.operation) != (manager, UPDATE)
    ]
    return with_entries(new, [*kept, Entry(manager, UPDATE, new["apiVersion"], (mine & after) | changed)])


def merge(live: Any, wanted: Any, name: str = "") -> Any:
    """A document over another: mappings and lists with keys item by item, everything else as it is wanted."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {**live, **{key: merge(live.get(key), value, key) for key, value in wanted.items()}}
    if isinstance(live, list) and isinstance(wanted, list) and (keys := _keys(name, wanted)):
        named = {_item(item, keys): item for item in live}
        for item in wanted:
            named[_item(item, keys)] = merge(named.get(_item(item, keys)), item)
        return list(named.values())
    return wanted


# Entries, as `metadata.managedFields` has them


def entries_of(document: Object) -> list[Entry]:
    """Who has what."""
    return [
        Entry(one["manager"], one["operation"], one["apiVersion"], frozenset(_from_fields(one["fieldsV1"])))
        for one in document["metadata"].get("managedFields", [])
    ]


def with_entries(document: Object, entries: list[Entry]) -> Object:
    """The object with that written into it."""
    told = [
        {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.version,
            "fieldsType": "FieldsV1",
            "fieldsV1": _to_fields(entry.paths),
        }
        for entry in entries
        if entry.paths
    ]
    return {**document, "metadata": {**document["metadata"], "managedFields": told}}


def _to_fields(paths: frozenset[Path]) -> Object:
    fields: Object = {}
    for path in sorted(paths):
        inner = fields
        for step in path:
            inner = inner.setdefault(step, {})
    return fields


def _from_fields(fields: Object, above: Path = ()) -> Iterator[Path]:
    for step, inner in fields.items():
        if inner:
            yield from _from_fields(inner, (*above, step))
        else:
            yield (*above, step)


# Conflicts


def _conflicts(live: Object, wanted: Object, paths: frozenset[Path], others: list[Entry]) -> Iterator[Cause]:
    for entry in others:
        for path in sorted(entry.paths & paths):
            if _value(live, path) != _value(wanted, path):
                how = "" if entry.operation == APPLY else f" using {entry.version}"
                yield Cause(_dotted(path), f'conflict with "{entry.manager}"{how}', "FieldManagerConflict")


def _dotted(path: Path) -> str:
    """`.spec.ports[port=80,protocol="TCP"].targetPort`."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            text += f".{rest}"
        else:
            keys = ",".join(f"{name}={json.dumps(value)}" for name, value in json.loads(rest).items())
            text += f"[{keys}]"
    return text


def _path_of(text: str, paths: frozenset[Path]) -> Path:
    return next(path for path in paths if _dotted(path) == text)


# Fields


def _own(document: Object) -> Object:
    """What can have a manager."""
    about = {key: value for key, value in document.get("metadata", {}).items() if key not in _NOBODYS}
    kept = {key: value for key, value in document.items() if key not in {"apiVersion", "kind", "status"}}
    return {**kept, "metadata": about}


def _leaves(value: Any, name: str = "", above: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, key, (*above, f"f:{key}"))
    elif isinstance(value, list) and (keys := _keys(name, value)):
        for item in value:
            yield from _leaves(item, "", (*above, f"k:{_item(item, keys)}"))
    elif above and not (value == {} and above == ("f:metadata",)):
        yield above


def _keys(name: str, items: list[Any]) -> tuple[tuple[str, Any], ...]:
    """By which keys the items of a list are told apart; by none: it is one value."""
    if not items or not all(isinstance(item, dict) for item in items):
        return ()
    if name == "ports":
        for keys in (_SERVICE_PORT, _CONTAINER_PORT):
            if all(keys[0][0] in item for item in items):
                return keys
    return _KEYS.get(name, ())


def _item(item: Mapping[str, Any], keys: tuple[tuple[str, Any], ...]) -> str:
    return json.dumps({name: item.get(name, usual) for name, usual in keys}, separators=(",", ":"))


def _value(document: Any, path: Path, name: str = "") -> Any:
    if not path:
        return document
    kind, _, rest = path[0].partition(":")
    if kind == "f":
        return _value(document.get(rest), path[1:], rest) if isinstance(document, dict) else None
    if not isinstance(document, list):
        return None
    keys = _keys(name, document)
    return next((_value(item, path[1:]) for item in document if _item(item, keys) == rest), None)


def _leaving(gone: frozenset[Path], kept: frozenset[Path]) -> frozenset[Path]:
    """What goes with fields that nobody has any more: of a list's item that nobody has anything of, all."""
    leaving = set()
    for path in gone:
        ends = [number + 1 for number, step in enumerate(path) if step.startswith("k:")]
        items = (path[:end] for end in ends)
        orphan = next((item for item in items if not any(one[: len(item)] == item for one in kept)), path)
        leaving.add(orphan)
    return frozenset(leaving)


def _without(document: Any, path: Path, name: str = "") -> Any:
    """A document without a field or an item, and without what is empty then."""
    kind, _, rest = path[0].partition(":")
    if kind == "f":
        if not isinstance(document, dict) or rest not in document:
            return document
        others = {key: value for key, value in document.items() if key != rest}
        inner = _without(document[rest], path[1:], rest) if path[1:] else None
        return others if inner in (None, {}, []) else {**others, rest: inner}
    keys = _keys(name, document)
    here = [_item(item, keys) == rest for item in document]
    if path[1:]:
        return [
            _without(item, path[1:]) if is_it else item for item, is_it in zip(document, here, strict=True)
        ]
    return [item for item, is_it in zip(document, here, strict=True) if not is_it]
