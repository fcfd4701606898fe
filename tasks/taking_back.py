"""Undo: one flow over the journal, the same for every runbook.

The run's steps are taken back last first, each by the step protocol, so an undo that was cut off goes on like
any run. It is a run of its own, and it is complete only when every change of the first one is taken back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hopbook.engine.change import Action
from hopbook.engine.events import (
    ChangeApplied,
    ChangeIntended,
    RunCompleted,
    RunFailed,
    RunInterrupted,
    RunResumed,
    RunStarted,
)
from hopbook.engine.passengers import passengers
from hopbook.engine.plan import Step, StepPlan
from hopbook.engine.runner import Runner
from hopbook.engine.state import ChangeState, RunState, RunStatus, StepState
from hopbook.engine.undo import TakeBack, begun_to_take_back, take_back, to_take_back
from hopbook.errors import HopbookError, Interrupted, NotUndoable
from hopbook.resources.base import Key, from_document
from tasks import files


@dataclass
class Undoing:
    """An undo of one run, as it goes.

    Attributes:
        force: Take back what was changed after us, too.
        preview: Only say what would be taken back.
        plans: What was (or would be) taken back, step by step.
    """

    run: str
    home: Path = field(default_factory=files.home)
    force: bool = False
    preview: bool = False
    resume: RunState | None = None
    reason: str = ""
    stopping: Callable[[], bool] = lambda: False
    watch: Callable[[str, object], None] = lambda _what, _subject: None
    plans: list[StepPlan] = field(default_factory=list)
    id: str = ""
    status: str = "running"


class TakingBack:
    """Takes a run back with a runner of the undo's own run."""

    def __init__(self, asked: Undoing, runner: Runner) -> None:
        self.asked, self.runner, self.writer = asked, runner, runner.writer

    @property
    def run(self) -> RunState:
        """The run that is taken back."""
        return self.writer.state.runs[self.asked.run]

    def go(self) -> None:
        """Take back what is left, or say what would be.

        Raises:
            NotUndoable: something was changed after the run; it is named, and nothing was touched.
            StepNotDone: something is left.
        """
        if self.asked.preview:
            self.asked.plans = [StepPlan(step, tuple(back.changes)) for step, back in self._look()]
            self.asked.status = "planned"
            return
        begun = self.asked.resume is not None or self.run.status is RunStatus.WAITING
        if not (begun or self._steps()):
            self.asked.status = "nothing left"
            return
        self._begin()
        try:
            self.runner.settle([resource for step in self._steps() for resource in step.resources])
            self._look()
            for step in self._steps():
                self._take_back(step)
        except Interrupted:
            self._end("interrupted", RunInterrupted())
            raise
        except HopbookError as error:
            self._end("failed", RunFailed(reason=str(error)))
            raise
        self._end("completed", RunCompleted())
        if granted := [gate.request.title for gate in self.run.gates.values() if gate.approved]:
            self.asked.watch("said", f"granted outside, and to be taken back there: {'; '.join(granted)}")

    def _begin(self) -> None:
        run = self.run
        if self.asked.resume is not None:
            self.writer.append(RunResumed(rebased=False, site_document=run.site_document, inputs=run.inputs))
            return
        self.writer.append(
            RunStarted(
                mode="undo",
                runbook=run.started.runbook,
                parameters=run.started.parameters,
                site_document=run.site_document,
                inputs=run.inputs,
                reason=self.asked.reason,
                undoes=run.id,
            )
        )

    def _end(self, status: str, event: RunCompleted | RunFailed | RunInterrupted) -> None:
        self.asked.status = status
        self.writer.append(event)

    def _steps(self) -> list[Step]:
        """What of the run is not taken back yet, last step first."""
        steps = [self._step(step) for step in reversed(self.run.steps.values())]
        return [step for step in steps if step.resources]

    def _step(self, step: StepState) -> Step:
        resources = [
            from_document(change.intent.after or change.intent.before or {}) for change in self._left(step.id)
        ]
        return Step(step.id, f"Take back: {step.title}", step.citation, tuple(resources))

    def _left(self, step: str) -> list[ChangeState]:
        """The step's changes that took effect, or may have, and are not taken back."""
        state = self.writer.state
        changes = [state.changes[change] for change in self.run.steps[step].changes]
        doubted = [change for change in changes if change.intent.change in state.doubted]
        return [*to_take_back(changes), *doubted]

    def _look(self) -> list[tuple[Step, TakeBack]]:
        """What would be taken back, step by step; refuses if anything was changed after the run."""
        found = [(step, self._inverse(step)) for step in self._steps()]
        conflicts = [conflict for _, back in found for conflict in back.conflicts]
        if not self.asked.force:
            conflicts += self._carried(found)
        if conflicts:
            hint = "look at it, then undo with --force to take it back all the same"
            raise NotUndoable(f"{'; '.join(conflicts)} – {hint}")
        return found

    def _carried(self, found: Sequence[tuple[Step, TakeBack]]) -> list[str]:
        deleted = {
            change.key for _, back in found for change in back.changes if change.action is Action.DELETE
        }
        seen = self.runner.observe([resource for step, _ in found for resource in step.resources])
        return list(passengers(deleted, seen, self.writer.state.owned, self.runner.traits))

    def _inverse(self, step: Step) -> TakeBack:
        observation = self.runner.observe(step.resources)
        return take_back(
            self._left(step.id),
            observation,
            self.runner.traits,
            force=self.asked.force,
            owned=self.writer.state.owned,
            begun=frozenset(begun_to_take_back(self.writer.state.changes.values())),
        )

    def _take_back(self, step: Step) -> None:
        self.asked.watch("step", step)
        undoes: dict[Key, list[str]] = {}

        def plan() -> StepPlan:
            back = self._inverse(step)
            if back.conflicts:
                raise NotUndoable("; ".join(back.conflicts))
            self._record_gone(step, back)
            undoes.clear()
            undoes.update(back.undoes)
            return StepPlan(step=step, changes=tuple(back.changes))

        first = self.runner.carry_out(step, plan, undoes)
        self.asked.plans.append(first)
        self.asked.watch("undone", first)

    def _record_gone(self, step: Step, back: TakeBack) -> None:
        """What is gone already is taken back without a call."""
        for intent, ids in back.nothing_left:
            change = self.writer.new_id()
            gone = ChangeIntended(
                change=change,
                step=step.id,
                action="delete",
                key=intent.key,
                before=intent.after,
                after=intent.before,
                undoes=ids,
            )
            self.writer.append(gone, ChangeApplied(change=change, settled=True))
