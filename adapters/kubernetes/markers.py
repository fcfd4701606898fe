"""Our marker: a label that says that an object is ours, annotations that say whose and which it is.

The label can be selected by, and is the one that tools agree on (Kubernetes documentation, "Recommended
Labels"); a label's value cannot hold every name, so site and name are annotations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LABEL, OURS = "app.kubernetes.io/managed-by", "hopbook"
SELECTOR = f"{LABEL}={OURS}"
_SITE, _NAME = "hopbook/site", "hopbook/name"


@dataclass(frozen=True, slots=True)
class Markers:
    """The markers of one site."""

    site: str

    def write(self, name: str) -> dict[str, Any]:
        """The metadata of an object of ours; `name`: the resource's within its cluster."""
        return {"labels": {LABEL: OURS}, "annotations": {_SITE: self.site, _NAME: name}}

    def read(self, document: Mapping[str, Any]) -> str:
        """The name of the resource that an object is; empty for an object that is not ours."""
        about = document.get("metadata", {})
        told = about.get("annotations") or {}
        ours = (about.get("labels") or {}).get(LABEL) == OURS and told.get(_SITE) == self.site
        return str(told.get(_NAME, "")) if ours else ""


def without(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch of metadata that takes a marker away; what else is there stays."""
    labels, told = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return {
        "labels": {name: None for name in (LABEL,) if name in labels},
        "annotations": {name: None for name in (_SITE, _NAME) if name in told},
    }
