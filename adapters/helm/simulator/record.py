"""What a helm writes down of releases: their revisions, each with its values and how it ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.helm.simulator.objects import Object
from hopbook.resources.helm import Status


@dataclass(slots=True)
class Revision:
    """One revision of a release.

    Attributes:
        runs: By a test's name: when it last ran, and its phase.
        reads_left: How many reads see it under way before it ends as `ends`.
    """

    release: str
    namespace: str
    number: int
    chart: str
    version: str
    values: Mapping[str, Any]
    objects: Sequence[Object]
    tests: Sequence[Object]
    labels: Mapping[str, str]
    updated: datetime
    status: Status
    runs: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    reads_left: int = 0
    ends: Status = Status.DEPLOYED


class Record:
    """Every release, by namespace and name."""

    def __init__(self) -> None:
        self._revisions: dict[tuple[str, str], list[Revision]] = {}

    def latest(self, release: str, namespace: str) -> Revision | None:
        """The last revision of a release, if there is one."""
        found = self._revisions.get((namespace, release))
        return found[-1] if found else None

    def add(self, revision: Revision) -> None:
        """A new revision; the one before is superseded if it was in force."""
        revisions = self._revisions.setdefault((revision.namespace, revision.release), [])
        if revisions and revision.status is Status.DEPLOYED and revisions[-1].status is Status.DEPLOYED:
            revisions[-1].status = Status.SUPERSEDED
        revisions.append(revision)

    def forget(self, release: str, namespace: str) -> None:
        """The release with its history."""
        self._revisions.pop((namespace, release), None)

    def __iter__(self) -> Iterator[Revision]:
        """The last revision of each release."""
        return iter([revisions[-1] for _, revisions in sorted(self._revisions.items())])
