"""What differs between two site documents, for a resume whose inputs changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hopbook.site.words import KeyPath, looks_secret, path_text

_SOURCES = frozenset({"env", "file", "prefect"})
_WORDS = {"None": "null", "True": "true", "False": "false"}


@dataclass(frozen=True, slots=True)
class Changed:
    """One value that differs. Values are text for people; None where the document has none."""

    path: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """`icp.vips.master: 192.168.20.10 → 192.168.20.15`."""
        return f"{self.path}: {self.before or '(nothing)'} → {self.after or '(nothing)'}"


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """The values that differ, by path; items of a list are matched by their names where all have one.

    Takes documents as `to_document` writes them. A secret shows as its reference.
    """
    return list(_changes(dict(before), dict(after), (), ""))


_ABSENT = object()


def _changes(old: Any, new: Any, path: KeyPath, text: str) -> Iterator[Changed]:
    if old == new and type(old) is type(new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and not (_reference(old) or _reference(new)):
        for key in sorted({*old, *new}, key=str):
            inner = f"{text}.{path_text((key,))}" if text else path_text((key,))
            yield from _changes(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key), inner)
        return
    was, now = _by_name(old), _by_name(new)
    if was is not None and now is not None and (was or now):
        for name in sorted({*was, *now}):
            yield from _changes(
                was.get(name, _ABSENT), now.get(name, _ABSENT), (*path, name), f"{text}[{name}]"
            )
        if set(was) == set(now) and list(was) != list(now):
            yield Changed(f"{text} (order)", ", ".join(was), ", ".join(now))
        return
    yield Changed(text, _text(old, path), _text(new, path))


def _by_name(items: Any) -> dict[str, Any] | None:
    """A list's items by their names, or None where one has none or two have the same."""
    if not isinstance(items, list | tuple):
        return None
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return None
    return {str(name): item for name, item in zip(names, items, strict=True)}


def _reference(value: Any) -> str:
    """`env:NAME` for a reference to a secret."""
    if not (isinstance(value, dict) and len(value) == 1):
        return ""
    [(source, name)] = value.items()
    return f"{source}:{name}" if source in _SOURCES and isinstance(name, str) else ""


def _text(value: Any, path: KeyPath) -> str | None:
    return None if value is _ABSENT else _shown(value, path)


def _shown(value: Any, path: KeyPath) -> str:
    if reference := _reference(value):
        return reference
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(item, (*path, key))}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item, path) for item in value) + "]"
    if looks_secret(path):
        return "(not shown)"
    return _WORDS.get(repr(value), str(value))
