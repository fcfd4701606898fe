"""Runs, their steps and changes, and what is ours, as the journal tells it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from hopbook.engine.events import (
    ChangeIntended,
    Document,
    GateAnswered,
    GateRequested,
    RunStarted,
    TrafficVerified,
)


class RunStatus(StrEnum):
    """Where a run stands, as far as the journal knows."""

    RUNNING = "running"
    WAITING = "waiting"  # for somebody outside; no process need be there
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
class GateState:
    """What a run asked of somebody outside, and their answer.

    Attributes:
        position: Where the answer stands in the journal.
        actor: Who wrote the answer down.
    """

    request: GateRequested
    run: str
    asked: datetime
    answer: GateAnswered | None = None
    answered: datetime | None = None
    position: int = 0
    actor: str = ""

    @property
    def approved(self) -> bool:
        """Whether they said yes."""
        return self.answer is not None and self.answer.answer == "approve"

    @property
    def refused(self) -> bool:
        """Whether they answered anything else."""
        return self.answer is not None and not self.approved

    @property
    def due(self) -> datetime | None:
        """When an answer begins to be late."""
        return self.asked + timedelta(days=self.request.patience) if self.request.patience else None

    def overdue(self, now: datetime) -> bool:
        """Whether no answer came in time."""
        return self.due is not None and (self.answered or now) > self.due

    def words(self) -> str:
        """The answer, for people; empty if there is none.

        Nothing proves the name in it, so it says that, too.
        """
        if self.answer is None or self.answered is None:
            return ""
        said, when = self.answer, _utc(self.answered)
        late = f", late: it was due {_utc(self.due)}" if self.due and self.overdue(self.answered) else ""
        told = [f"{name} {text}" for name in ("evidence", "ticket", "note") if (text := getattr(said, name))]
        verb = "approved" if self.approved else "refused"
        head = f"{verb} by {said.by} (as {self.actor} wrote down; not signed) on {when}{late}"
        return "; ".join((head, *told))


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
    gates: dict[str, GateState] = field(default_factory=dict)

    @property
    def held_by(self) -> GateState | None:
        """The gate that keeps a run that did not end from going on: not answered, or refused."""
        return next((gate for gate in self.gates.values() if not self.ended and not gate.approved), None)

    @property
    def refusal(self) -> GateState | None:
        """The gate that was refused: such a run is taken back."""
        return next((gate for gate in self.gates.values() if gate.refused), None)

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
    """`icp-network`, or `iks-vpn cluster=iks-a`."""
    return " ".join((runbook, *(f"{key}={value}" for key, value in sorted(parameters.items()))))


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
