"""Merge patches (RFC 7396) for servers that do not know which field is whose.

What we last sent stands in an annotation, as kubectl keeps it: a field that was in it and is not wanted any
more is taken away, and a field that never was in it is somebody else's.
"""

import json
from collections.abc import Mapping
from typing import Any

from adapters.kubernetes.client import Object

LAST = "hopbook/last-applied"


def with_last(manifest: Object) -> Object:
    """A manifest that carries itself."""
    about = manifest["metadata"]
    told = {**about.get("annotations", {}), LAST: json.dumps(manifest, sort_keys=True)}
    return {**manifest, "metadata": {**about, "annotations": told}}


def patch_of(live: Object, manifest: Object) -> Object:
    """What makes a live object so, if it is still of the version that was read; empty: it is so."""
    told = (live["metadata"].get("annotations") or {}).get(LAST)
    changed = _changed(_last(told), live, manifest)
    if not changed:
        return {}
    wanted = with_last(manifest)["metadata"]["annotations"][LAST]
    return versioned(live, _merged(changed, {"metadata": {"annotations": {LAST: wanted}}}))


def versioned(live: Object, patch: Object) -> Object:
    """A patch with the name of its object, and its version, so that nobody's change in between is lost."""
    about = live["metadata"]
    place = {key: about[key] for key in ("name", "namespace", "resourceVersion") if key in about}
    return _merged(patch, {"metadata": place})


def difference(before: Object, after: Object) -> Object:
    """The patch from one document to another."""
    patch: Object = {name: None for name in before if name not in after}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = difference(old, value)
            if inner:
                patch[name] = inner
        elif old != value or name not in before:
            patch[name] = value
    return patch


def _last(told: str | None) -> Object:
    """What we sent before; nothing where nobody can say."""
    try:
        found = json.loads(told or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _changed(last: Object, live: Mapping[str, Any], wanted: Object) -> Object:
    patch: Object = {name: None for name in last if name not in wanted and name in live}
    for name, value in wanted.items():
        now = live.get(name)
        if isinstance(value, dict) and isinstance(now, dict):
            before = last.get(name)
            inner = _changed(before if isinstance(before, dict) else {}, now, value)
            if inner:
                patch[name] = inner
        elif not _same(now, value):
            patch[name] = value
    return patch


def _same(live: Any, wanted: Any) -> bool:
    """Whether a live value is a wanted one, but for what the server filled in."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        return all(_same(live.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(live) == len(wanted) and all(map(_same, live, wanted))
    return bool(live == wanted) or (live is None and wanted in ([], {}, "", False))


def _merged(one: Object, other: Object) -> Object:
    merged = dict(one)
    for name, value in other.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
