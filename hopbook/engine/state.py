"""What the journal says: runs, their changes, and what we last applied to each object.

`fold` is the only way state comes about, so replaying is reading. Documents stay documents here; a
resource is made of one only where a decision needs it.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from hopbook.engine.change import Action
from hopbook.engine.events import (
    ChangeApplied,
    ChangeDoubted,
    ChangeIntended,
    ChangeRefused,
    ChangeSubmitted,
    DriftFound,
    Event,
    GateAnswered,
    GateRequested,
    Recorded,
    RunCompleted,
    RunFailed,
    RunInterrupted,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepPlanned,
    TrafficVerified,
)
from hopbook.engine.runs import (
    ChangeState,
    ChangeStatus,
    GateState,
    Life,
    Owned,
    RunState,
    RunStatus,
    StepState,
    instance_of,
)
from hopbook.errors import BrokenChain

__all__ = [
    "ChangeState",
    "ChangeStatus",
    "Owned",
    "RunState",
    "RunStatus",
    "SiteState",
    "StepState",
    "fold",
    "instance_of",
]


@dataclass(slots=True)
class SiteState:
    """Everything that the journal says of one site.

    Attributes:
        owned: By key, what is ours.
        before: By change, who owned its object just before: what an undo goes back to.
        last: By key, the last change that took effect.
        doubted: The changes in doubt, oldest first (a dict serves as an ordered set).
        approved: By instance and gate, the approval that stands: the last one of a run not taken back.
    """

    position: int = 0
    runs: dict[str, RunState] = field(default_factory=dict)
    changes: dict[str, ChangeState] = field(default_factory=dict)
    owned: dict[str, Owned] = field(default_factory=dict)
    before: dict[str, Owned | None] = field(default_factory=dict)
    last: dict[str, ChangeState] = field(default_factory=dict)
    doubted: dict[str, None] = field(default_factory=dict)
    approved: dict[tuple[str, str], GateState] = field(default_factory=dict)

    def doubts(self) -> Iterator[ChangeState]:
        """Every change that is in doubt, oldest first."""
        return (self.changes[change] for change in self.doubted)

    def last_change(self, key: str) -> str:
        """Which run and event last changed an object, for people: `run r-… #14`; empty if none of ours."""
        owned = self.owned.get(key)
        return f"run {owned.run} #{owned.position}" if owned else ""

    def evolve(self, recorded: Recorded) -> None:
        """Take one more event in.

        Raises:
            BrokenChain: the event speaks of something that nothing began.
        """
        self.position = recorded.position
        try:
            _HANDLERS[type(recorded.event)](self, recorded, recorded.event)
        except KeyError as error:
            message = f"event {recorded.position} of {recorded.stream} speaks of {error}, which nothing began"
            raise BrokenChain(message) from error


def fold(events: Iterable[Recorded], state: SiteState | None = None) -> SiteState:
    """The state after the events."""
    state = state or SiteState()
    with _all_of_it_stays():
        for event in events:
            state.evolve(event)
    return state


@contextmanager
def _all_of_it_stays() -> Iterator[None]:
    """Spare the garbage collector what is read: none of it is garbage, and looking is a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _started(state: SiteState, recorded: Recorded, event: RunStarted) -> None:
    state.runs[recorded.run] = RunState(
        id=recorded.run,
        started=event,
        actor=recorded.actor,
        begun=recorded.time,
        life=Life(recorded.time),
        site_document=event.site_document,
        inputs=event.inputs,
    )


def _resumed(state: SiteState, recorded: Recorded, event: RunResumed) -> None:
    run = state.runs[recorded.run]
    waits = any(gate.answer is None for gate in run.gates.values())
    run.status, run.ended, run.reason = RunStatus.WAITING if waits else RunStatus.RUNNING, None, ""
    run.resumed += 1
    run.life = Life(recorded.time)
    run.site_document, run.inputs = event.site_document, event.inputs


def _step(state: SiteState, recorded: Recorded, step: str) -> StepState:
    return state.runs[recorded.run].steps.setdefault(step, StepState(id=step))


def _planned(state: SiteState, recorded: Recorded, event: StepPlanned) -> None:
    step = _step(state, recorded, event.step)
    step.title, step.citation, step.digest, step.status = event.title, event.citation, event.digest, "planned"


def _intended(state: SiteState, recorded: Recorded, event: ChangeIntended) -> None:
    _step(state, recorded, event.step).changes.append(event.change)
    life = state.runs[recorded.run].life
    life.called = recorded.time
    state.changes[event.change] = ChangeState(
        intent=event, run=recorded.run, position=recorded.position, time=recorded.time, life=life
    )
    state.doubted[event.change] = None


def _submitted(state: SiteState, recorded: Recorded, event: ChangeSubmitted) -> None:
    change = _answered(state, recorded, event.change, settled=False)
    change.handle = event.handle


def _doubted(state: SiteState, recorded: Recorded, event: ChangeDoubted) -> None:
    change = _answered(state, recorded, event.change, settled=False)
    change.status, change.reason = ChangeStatus.DOUBTED, event.reason


def _refused(state: SiteState, recorded: Recorded, event: ChangeRefused) -> None:
    change = _answered(state, recorded, event.change, settled=event.settled)
    change.status, change.reason = ChangeStatus.REFUSED, event.reason
    state.doubted.pop(event.change, None)


def _applied(state: SiteState, recorded: Recorded, event: ChangeApplied) -> None:
    change = _answered(state, recorded, event.change, settled=event.settled)
    change.status = ChangeStatus.APPLIED
    state.doubted.pop(event.change, None)
    if change.intent.undoes:
        _take_back(state, change.intent, change.run)
    else:
        _take(state, recorded, change)


def _answered(state: SiteState, recorded: Recorded, name: str, *, settled: bool) -> ChangeState:
    """The change that a process heard of; what was read from the system is no sign of that process."""
    change = state.changes[name]
    change.settled = settled
    if not settled:
        change.life.called = recorded.time
    return change


def _take(state: SiteState, recorded: Recorded, change: ChangeState) -> None:
    """A change took effect: its object is ours as it left it, or ours no longer."""
    intent = change.intent
    before = state.last.get(intent.key)
    if before is not None:
        before.next = change
    state.last[intent.key] = change
    previous = state.before[intent.change] = state.owned.get(intent.key)
    if intent.after is None or intent.action == Action.RELEASE:
        state.owned.pop(intent.key, None)
        return
    # One that somebody deleted and we made anew is ours altogether, whoever made it first.
    kept = previous if intent.action != Action.CREATE else None
    state.owned[intent.key] = Owned(
        document=intent.after,
        change=intent.change,
        run=change.run,
        step=intent.step,
        instance=state.runs[change.run].instance,
        position=recorded.position,
        time=recorded.time,
        actor=recorded.actor,
        origin=kept.origin if kept else intent.before,
        digests={**(kept.digests if kept else {}), **intent.digests},
    )


def _take_back(state: SiteState, intent: ChangeIntended, run: str) -> None:
    """An undo took effect: the object belongs again to whatever owned it before the changes.

    Where a later run changed the object too and that stands, it stays that run's, with our fields put back.
    """
    for name in intent.undoes:
        state.changes[name].undone_by = run
    if state.changes[intent.undoes[-1]].overtaken() is not None:
        _put_back(state, intent)
        return
    previous = state.before[intent.undoes[0]]
    while previous is not None and state.changes[previous.change].undone_by:
        previous = state.before[previous.change]
    if previous is None:
        state.owned.pop(intent.key, None)
    else:
        state.owned[intent.key] = previous


def _put_back(state: SiteState, intent: ChangeIntended) -> None:
    owned = state.owned.get(intent.key)
    if owned is None:
        return
    if intent.after is None or intent.action == Action.RELEASE:
        del state.owned[intent.key]
        return
    values = {name: value for name, value in intent.after["fields"].items() if name in intent.fields}
    document = {**owned.document, "fields": {**owned.document["fields"], **values}}
    state.owned[intent.key] = replace(owned, document=document)


def _step_completed(state: SiteState, recorded: Recorded, event: StepCompleted) -> None:
    step = _step(state, recorded, event.step)
    step.status, step.reason = "completed", ""
    for key, rank in event.ranks.items():
        owned = state.owned[key]
        fields = {**owned.document["fields"], "rank": rank}
        state.owned[key] = replace(owned, document={**owned.document, "fields": fields})
    for key in event.gone:
        state.owned.pop(key, None)


def _step_failed(state: SiteState, recorded: Recorded, event: StepFailed) -> None:
    step = _step(state, recorded, event.step)
    step.status, step.reason = "failed", event.reason


def _gate_requested(state: SiteState, recorded: Recorded, event: GateRequested) -> None:
    run = state.runs[recorded.run]
    run.gates[event.gate] = GateState(request=event, run=run.id, asked=recorded.time)
    run.status = RunStatus.WAITING


def _gate_answered(state: SiteState, recorded: Recorded, event: GateAnswered) -> None:
    run = state.runs[recorded.run]
    gate = run.gates[event.gate]
    gate.answer, gate.answered = event, recorded.time
    gate.position, gate.actor = recorded.position, recorded.actor
    if gate.approved:
        state.approved[run.instance, event.gate] = gate


def _verified(state: SiteState, recorded: Recorded, event: TrafficVerified) -> None:
    state.runs[recorded.run].traffic[event.traffic] = event


def _drift(state: SiteState, recorded: Recorded, event: DriftFound) -> None:
    state.runs[recorded.run].drift = event.differences


def _ended(status: RunStatus) -> Callable[[SiteState, Recorded, Any], None]:
    def end(state: SiteState, recorded: Recorded, event: Any) -> None:
        run = state.runs[recorded.run]
        run.status, run.ended, run.reason = status, recorded.time, getattr(event, "reason", "")
        if status is RunStatus.COMPLETED and (undone := run.started.undoes):
            state.approved = {key: gate for key, gate in state.approved.items() if gate.run != undone}

    return end


_HANDLERS: dict[type[Event], Callable[[SiteState, Recorded, Any], None]] = {
    RunStarted: _started,
    RunResumed: _resumed,
    StepPlanned: _planned,
    ChangeIntended: _intended,
    ChangeSubmitted: _submitted,
    ChangeDoubted: _doubted,
    ChangeRefused: _refused,
    ChangeApplied: _applied,
    StepCompleted: _step_completed,
    StepFailed: _step_failed,
    GateRequested: _gate_requested,
    GateAnswered: _gate_answered,
    TrafficVerified: _verified,
    DriftFound: _drift,
    RunCompleted: _ended(RunStatus.COMPLETED),
    RunFailed: _ended(RunStatus.FAILED),
    RunInterrupted: _ended(RunStatus.INTERRUPTED),
}
