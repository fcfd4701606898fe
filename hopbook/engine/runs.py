"""Runs, their steps and changes, and what is ours, as the journal tells it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hopbook.engine.events import ChangeIntended, Document, RunStarted, TrafficVerified


class RunStatus(StrEnum):
    """Where a run stands, as far as the journal knows."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class ChangeStatus(StrEnum):
    """Where one change stands."""

    INTENDED = "intended"
    DOUBTED = "doubted"
    APPLIED = "applied"
    REFUSED = "refused"


@dataclass(slots=True)
class Life:
    """One process of a run: when it last intended a change or had an outcome, as far as it got to say so."""

    called: datetime


@dataclass(slots=True)
class ChangeState:
    """One change of a run and what became of it."""

    intent: ChangeIntended
    run: str
    position: int
    time: datetime
    life: Life
    status: ChangeStatus = ChangeStatus.INTENDED
    handle: str = ""
    reason: str = ""
    settled: bool = False
    undone_by: str = ""  # the run that took it back
    next: "ChangeState | None" = field(default=None, repr=False, compare=False)  # of the same object

    @property
    def deadline(self) -> datetime:
        """When its call can no longer take effect by itself.

        It may be the last call of many, so what counts is when its process last gave a sign.
        """
        return self.life.called + timedelta(seconds=self.intent.timeout)

    def later(self) -> Iterator["ChangeState"]:
        """The changes of the same object behind this one that were not taken back."""
        change = self.next
        while change is not None:
            if not change.undone_by:
                yield change
            change = change.next

    def overtaken(self) -> "ChangeState | None":
        """The next of them by another run."""
        return next((change for change in self.later() if change.run != self.run), None)


@dataclass(slots=True)
class StepState:
    """One step of a run."""

    id: str
    title: str = ""
    citation: str = ""
    status: str = "planned"
    digest: str = ""
    reason: str = ""
    changes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RunState:
    """One run."""

    id: str
    started: RunStarted
    actor: str
    begun: datetime
    life: Life
    site_document: str
    inputs: Document
    ended: datetime | None = None
    status: RunStatus = RunStatus.RUNNING
    reason: str = ""
    resumed: int = 0
    steps: dict[str, StepState] = field(default_factory=dict)
    traffic: dict[str, TrafficVerified] = field(default_factory=dict)
    drift: list[Document] = field(default_factory=list)

    @property
    def instance(self) -> str:
        """Runbook and parameters: what tells two uses on one site apart.

        A runbook that works on what another one made (`of` in its inputs) is that one's here.
        """
        return instance_of(self.inputs.get("of") or self.started.runbook, self.started.parameters)


@dataclass(frozen=True, slots=True)
class Owned:
    """An object that is ours: what we last made it, when and in which run.

    `origin` is what stood there before our first change (adopted objects, settings); None where we made it.
    """

    document: Document
    change: str
    run: str
    step: str
    instance: str
    position: int
    time: datetime
    actor: str
    origin: Document | None
    digests: Document


def instance_of(runbook: str, parameters: Document) -> str:
    """`icp-network`, or `iks-vpn[cluster=iks-a]`."""
    if not parameters:
        return runbook
    return f"{runbook}[{','.join(f'{key}={value}' for key, value in sorted(parameters.items()))}]"
