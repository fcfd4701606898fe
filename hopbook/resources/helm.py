"""Helm releases, as desired state: a chart at a version, with the values that a person gave it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from hopbook.resources.base import SecretRef, known
from hopbook.resources.kubernetes import InCluster


class Status(StrEnum):
    """Helm's own words for how a release is."""

    DEPLOYED = "deployed"
    FAILED = "failed"
    PENDING_INSTALL = "pending-install"
    PENDING_UPGRADE = "pending-upgrade"
    PENDING_ROLLBACK = "pending-rollback"
    UNINSTALLING = "uninstalling"
    UNINSTALLED = "uninstalled"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class Value:
    """One value of a release.

    Attributes:
        path: The keys that lead to it: `("ipsec", "auto")`.
        value: What is there, as JSON: `"add"`, `true`, `[]`.
    """

    path: tuple[str, ...]
    value: str


@known
@dataclass(frozen=True, kw_only=True)
class Release(InCluster):
    """A release of a chart; its values are the given ones only, not the chart's own (`helm get values`).

    Attributes:
        chart: The chart's name, without its repository: where charts are is the site's.
        values: Every leaf, in the order of the paths, but for the secret.
        secret: What stands at `secret_at`; None: nothing does.
        status: How its last change ended; nobody wants anything but `deployed`.
    """

    kind: ClassVar[str] = "helm.release"

    release: str
    chart: str
    chart_version: str
    namespace: str = "default"
    values: tuple[Value, ...] = ()
    secret: SecretRef | None = None
    secret_at: tuple[str, ...] = ()
    status: Status = Status.DEPLOYED

    @property
    def name(self) -> str:
        """Cluster and release; a release's name is unique in its cluster (Helm 2 and this program)."""
        return f"{self.cluster}/{self.release}"

    def title(self) -> str:
        """For a sentence."""
        return f"release {self.release} of {self.cluster}"

    def document(self) -> dict[str, Any]:
        """The values as Helm reads them, without the secret."""
        return nested(self.values)


def leaves(values: Mapping[str, Any]) -> tuple[Value, ...]:
    """A document's values by their paths. Lists, and mappings without keys, are leaves."""
    return tuple(sorted(_leaves(values, ())))


def _leaves(values: Mapping[str, Any], above: Sequence[str]) -> Iterator[Value]:
    for key, value in values.items():
        path = (*above, str(key))
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield Value(path, json.dumps(value, sort_keys=True))


def nested(values: Sequence[Value]) -> dict[str, Any]:
    """The document of which `leaves` are these."""
    document: dict[str, Any] = {}
    for value in values:
        *above, last = value.path
        inner = document
        for key in above:
            inner = inner.setdefault(key, {})
        inner[last] = json.loads(value.value)
    return document
