"""Runs and undos over a toy site, driven as `tasks/run.py` and `tasks/undo.py` drive them."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hopbook.engine.change import KindTraits, Observation, Scope, project
from hopbook.engine.drift import Drift, drift
from hopbook.engine.events import (
    ChangeApplied,
    ChangeIntended,
    RunCompleted,
    RunFailed,
    RunInterrupted,
    RunResumed,
    RunStarted,
)
from hopbook.engine.plan import Known, Step, StepPlan
from hopbook.engine.runner import Runner
from hopbook.engine.state import ChangeState, RunState, RunStatus, SiteState, StepState, fold
from hopbook.engine.undo import TakeBack, begun_to_take_back, take_back, to_take_back
from hopbook.engine.writer import Writer
from hopbook.errors import HopbookError, Interrupted, NotUndoable, StepNotDone
from hopbook.resources.base import Key, Resource, SecretRef, from_document
from hopbook.secret import Secret
from hopbook.testing import KINDS, CrashNow, FakeClock, Fuse, MemoryJournal, ToyProvider, World

STREAM = "toys"
INSTANCE = "tidy"


def step(name: str, *resources: Resource) -> Step:
    return Step(name, name.title(), "T0", resources)


@dataclass
class Lab:
    """A site, its journal and its clock: what outlives a process."""

    world: World = field(default_factory=World)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    kinds: Mapping[str, KindTraits] = field(default_factory=lambda: KINDS)
    ids: Iterable[int] = field(default_factory=itertools.count)
    adopt: bool = True
    stopping: Callable[[], bool] = lambda: False
    runs: int = 0

    @property
    def clock(self) -> FakeClock:
        return self.world.clock

    @property
    def state(self) -> SiteState:
        return fold(self.journal.read(STREAM))

    def burn(self, left: int | None) -> Fuse:
        """Let the next process end after so many moments."""
        self.world.fuse = self.journal.fuse = Fuse(left)
        return self.world.fuse

    def secret_digest(self, ref: SecretRef) -> str:
        return Secret(self.world.secrets[ref]).digest(b"key")

    def known(self) -> Known:
        return Known(self.state.owned, self.secret_digest)

    def observe(self, *shelves: str) -> Observation:
        return ToyProvider(self.world, self.kinds).observe(
            Scope(frozenset(Key("toy.box", f"{shelf}/x") for shelf in shelves))
        )

    def process(self, run: str) -> Runner:
        """A runner of a new process."""
        writer = Writer(self.journal, STREAM, run, "me@here", self.clock, lambda: f"e-{next(iter(self.ids))}")
        writer.catch_up()
        return Runner(
            providers=[ToyProvider(self.world, self.kinds)],
            writer=writer,
            clock=self.clock,
            instance=INSTANCE,
            secret_digest=self.secret_digest,
            adopt=self.adopt,
            stopping=self.stopping,
        )

    def run(self, steps: Sequence[Step], run: str = "", *, tries: int = 1) -> str:
        """Run steps; what goes wrong is tried again in a new process each time."""
        self.runs += not run
        run = run or f"r-{self.runs}"
        for left in reversed(range(tries)):
            try:
                self._run(steps, run)
            except StepNotDone:
                if not left:
                    raise
            else:
                break
        return run

    def _run(self, steps: Sequence[Step], run: str) -> None:
        runner = self.process(run)
        begin(runner, "apply")
        with_end(runner, lambda: [runner.take(item) for item in steps])

    def undo(self, run: str, undo: str = "u", *, force: bool = False, tries: int = 1) -> None:
        """Take a run back, in a new process each time that it goes wrong."""
        for left in reversed(range(tries)):
            runner = self.process(undo)
            begin(runner, "undo", run)
            try:
                with_end(runner, Undo(runner, run, force=force).go)
            except StepNotDone:
                if not left:
                    raise
            else:
                break

    def drift(self, steps: Sequence[Step]) -> Drift:
        runner = self.process("d")
        seen = runner.observe([resource for item in steps for resource in runner.scope(item)])
        plans, projected = [], seen
        for item in steps:
            plan = runner.plan(item, seen)
            plans.append(plan)
            projected = project(projected, plan.changes, runner.traits)
        return drift(plans, seen, runner.known, runner.writer.state, runner.traits)


def begin(runner: Runner, mode: str, undoes: str = "") -> None:
    known = runner.writer.state.runs.get(runner.writer.run)
    if known is not None:
        runner.writer.append(RunResumed(rebased=False, site_document="", inputs={}))
        return
    runner.writer.append(
        RunStarted(mode=mode, runbook=INSTANCE, parameters={}, site_document="", inputs={}, undoes=undoes)
    )


def with_end(runner: Runner, body: Callable[[], object]) -> None:
    try:
        body()
    except Interrupted:
        runner.writer.append(RunInterrupted())
        raise
    except HopbookError as error:
        runner.writer.append(RunFailed(reason=str(error)))
        raise
    runner.writer.append(RunCompleted())


@dataclass
class Undo:
    """`tasks/undo.py`, without its surroundings."""

    runner: Runner
    undone: str
    force: bool = False

    @property
    def run(self) -> RunState:
        return self.runner.writer.state.runs[self.undone]

    def go(self) -> None:
        self.runner.settle([resource for item in self._steps() for resource in item.resources])
        self._look()
        for item in self._steps():
            self._take_back(item)

    def _steps(self) -> list[Step]:
        steps = [self._step(item) for item in reversed(self.run.steps.values())]
        return [item for item in steps if item.resources]

    def _step(self, item: StepState) -> Step:
        resources = [
            from_document(change.intent.after or change.intent.before or {}) for change in self._left(item.id)
        ]
        return Step(item.id, item.title, item.citation, tuple(resources))

    def _left(self, name: str) -> list[ChangeState]:
        state = self.runner.writer.state
        changes = [state.changes[change] for change in self.run.steps[name].changes]
        doubted = [change for change in changes if change.intent.change in state.doubted]
        return [*to_take_back(changes), *doubted]

    def _look(self) -> None:
        conflicts = [conflict for item in self._steps() for conflict in self._inverse(item).conflicts]
        if conflicts:
            raise NotUndoable("; ".join(conflicts))

    def _inverse(self, item: Step) -> TakeBack:
        observation = self.runner.observe(item.resources)
        return take_back(
            self._left(item.id),
            observation,
            self.runner.traits,
            force=self.force,
            owned=self.runner.writer.state.owned,
            begun=frozenset(begun_to_take_back(self.runner.writer.state.changes.values())),
        )

    def _take_back(self, item: Step) -> None:
        undoes: dict[Key, list[str]] = {}

        def plan() -> StepPlan:
            back = self._inverse(item)
            if back.conflicts:
                raise NotUndoable("; ".join(back.conflicts))
            for intent, ids in back.nothing_left:
                self._record_gone(item, intent, ids)
            undoes.clear()
            undoes.update(back.undoes)
            return StepPlan(step=item, changes=tuple(back.changes))

        self.runner.carry_out(item, plan, undoes)

    def _record_gone(self, item: Step, intent: ChangeIntended, ids: list[str]) -> None:
        change = self.runner.writer.new_id()
        gone = ChangeIntended(
            change=change,
            step=item.id,
            action="delete",
            key=intent.key,
            before=intent.after,
            after=intent.before,
            undoes=ids,
        )
        self.runner.writer.append(gone, ChangeApplied(change=change, settled=True))


def crashed(lab: Lab, left: int, body: Callable[[], object]) -> bool:
    """Whether a process that ends after so many moments ends before it is done."""
    lab.burn(left)
    try:
        body()
    except CrashNow:
        return True
    finally:
        lab.burn(None)
    return False


def completed(lab: Lab, run: str) -> bool:
    return lab.state.runs[run].status is RunStatus.COMPLETED
