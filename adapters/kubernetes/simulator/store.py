"""What a cluster holds, version by version.

An object that was stored is never changed: another one takes its place, so what was given out stays.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import NAMESPACE_OID, uuid5

from adapters.kubernetes.api import Api
from adapters.kubernetes.simulator.refusals import bad_request, expired

Object: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[str, str]
"""Namespace (empty: it has none) and name."""

_REMEMBERED = 64  # pages that are begun and not read to the end


@dataclass(frozen=True, slots=True)
class Event:
    """One change: ADDED, MODIFIED or DELETED."""

    version: int
    kind: Api
    what: str
    object: Object


@dataclass
class Store:
    """The objects of a cluster, and how they came to be.

    Attributes:
        oldest: Changes after this version can still be told.
    """

    version: int = 1000
    oldest: int = 1000
    _objects: dict[Api, dict[Place, Object]] = field(default_factory=dict)
    _log: list[Event] = field(default_factory=list)
    _begun: dict[str, list[Object]] = field(default_factory=dict)

    def get(self, kind: Api, namespace: str, name: str) -> Object | None:
        """The object of that name."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all_of(self, kind: Api, namespace: str = "") -> list[Object]:
        """The objects of a kind, in the order of their names."""
        held = self._objects.get(kind, {})
        return [held[place] for place in sorted(held) if not namespace or place[0] == namespace]

    def kinds(self) -> Iterator[Api]:
        """The kinds of which there are objects."""
        return (kind for kind, held in self._objects.items() if held)

    def save(self, kind: Api, document: Mapping[str, Any]) -> Object:
        """Store an object, new or instead of the one of its name; as it is returned it is stored."""
        about = document["metadata"]
        place = (about.get("namespace", ""), about["name"])
        before = self.get(kind, *place)
        if before is not None and _same(before, document):
            return before
        self.version += 1
        stored = {**document, "metadata": {**about, "resourceVersion": str(self.version)}}
        if before is None:
            uid = str(uuid5(NAMESPACE_OID, f"{kind}/{place}/{self.version}"))
            stored["metadata"] |= {"uid": uid, "creationTimestamp": "2018-11-23T00:00:00Z"}
        self._objects.setdefault(kind, {})[place] = stored
        self._log.append(Event(self.version, kind, "ADDED" if before is None else "MODIFIED", stored))
        return stored

    def remove(self, kind: Api, namespace: str, name: str) -> None:
        """Take an object away, if it is there."""
        gone = self._objects.get(kind, {}).pop((namespace, name), None)
        if gone is not None:
            self.version += 1
            last = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}
            self._log.append(Event(self.version, kind, "DELETED", last))

    # What was

    def since(self, version: int, kind: Api) -> list[Event]:
        """The changes of a kind after a version.

        Raises:
            Refusal: they are forgotten.
        """
        if version < self.oldest:
            raise expired(f"too old resource version: {version} ({self.oldest})")
        return [event for event in self._log if event.version > version and event.kind == kind]

    def forget(self) -> None:
        """As when etcd is compacted: what was is no longer told, and lists that were begun are broken off."""
        self.oldest = self.version
        self._log.clear()
        self._begun.clear()

    def page(self, items: list[Object], limit: int) -> tuple[list[Object], str]:
        """The first objects of a list, and the token for what follows."""
        if not limit or len(items) <= limit:
            return items, ""
        self.version += 1  # so that no two lists share a token
        token = base64.urlsafe_b64encode(json.dumps({"v": "meta.k8s.io/v1", "rv": self.version}).encode())
        self._begun[token.decode()] = items[limit:]
        while len(self._begun) > _REMEMBERED:
            del self._begun[next(iter(self._begun))]
        return items[:limit], token.decode()

    def more(self, token: str, limit: int) -> tuple[list[Object], str]:
        """What follows a page, of the state that the list began with.

        Raises:
            Refusal: that state is forgotten, or the token is none.
        """
        try:
            json.loads(base64.urlsafe_b64decode(token))
        except ValueError:
            raise bad_request("continue key is not valid") from None
        if token not in self._begun:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You must "
                "start a new list without the continue parameter."
            )
        return self.page(self._begun.pop(token), limit)


def _same(before: Object, document: Mapping[str, Any]) -> bool:
    def without_version(one: Mapping[str, Any]) -> dict[str, Any]:
        return {**one, "metadata": {**one["metadata"], "resourceVersion": ""}}

    return without_version(before) == without_version(document)
