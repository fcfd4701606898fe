"""Where the objects of simulated releases go, and whose they are."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

Object: TypeAlias = dict[str, Any]

_MANAGED_BY = "app.kubernetes.io/managed-by"
_RELEASE_NAME, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_WIDE = frozenset({"ClusterRole", "ClusterRoleBinding", "Namespace"})


class Objects(Protocol):
    """A cluster, as a helm needs one. Objects carry their namespace."""

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object, if there is one; of a kind without namespaces `namespace` is empty."""

    def put(self, item: Object) -> None:
        """Create an object, or make it so."""

    def delete(self, item: Object) -> None:
        """Delete an object; one that is not there is no error."""

    def unready(self, items: Sequence[Object]) -> str:
        """Which object never becomes ready, and why; empty: all do."""


class Memory:
    """A cluster that keeps objects and runs nothing: everything is ready at once."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str, str], Object] = {}
        self.waits_for = ""

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """As `Objects` says."""
        return self._items.get((kind, namespace, name))

    def put(self, item: Object) -> None:
        """As `Objects` says."""
        self._items[place_of(item)] = item

    def delete(self, item: Object) -> None:
        """As `Objects` says."""
        self._items.pop(place_of(item), None)

    def unready(self, items: Sequence[Object]) -> str:  # noqa: ARG002 - the port's
        """What somebody set: `Deployment/vpn-strongswan: no node fits`."""
        return self.waits_for

    def __iter__(self) -> Iterator[Object]:
        """Every object."""
        return iter(list(self._items.values()))


def place_of(item: Object) -> tuple[str, str, str]:
    """Kind, namespace and name."""
    return item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]


def is_hook(item: Object) -> bool:
    """Whether an object is only made when something calls for it (a test)."""
    return "helm.sh/hook" in (item["metadata"].get("annotations") or {})


def owned(item: Object, release: str, namespace: str) -> Object:
    """The object as helm makes it: in its namespace, with the release's name on it."""
    item = copy.deepcopy(item)
    metadata = item["metadata"]
    if item["kind"] not in _WIDE:
        metadata.setdefault("namespace", namespace)
    metadata["labels"] = {**(metadata.get("labels") or {}), _MANAGED_BY: "Helm"}
    marks = {_RELEASE_NAME: release, _RELEASE_NAMESPACE: namespace}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **marks}
    return item


def in_the_way(items: Sequence[Object], objects: Objects, release: str, namespace: str) -> str:
    """What helm says of an object that is there and is not the release's; empty: none is."""
    for item in items:
        kind, place, name = place_of(item)
        there = objects.find(kind, place, name)
        if there is None:
            continue
        labels = there["metadata"].get("labels") or {}
        marks = there["metadata"].get("annotations") or {}
        theirs = (labels.get(_MANAGED_BY), marks.get(_RELEASE_NAME), marks.get(_RELEASE_NAMESPACE))
        if theirs != ("Helm", release, namespace):
            return (
                f'{kind} "{name}" in namespace "{place}" exists and cannot be imported into the current '
                f'release: invalid ownership metadata; label validation error: missing key "{_MANAGED_BY}": '
                'must be set to "Helm"'
            )
    return ""
