"""The step protocol: plan, intend, apply, settle, observe again.

One loop serves apply, resume and undo, because each is the same question asked of fresh facts: what is left
to do? A crash at any point leaves at most some intents without outcomes. Whoever comes next settles those
by reading the systems, then asks again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from hopbook.engine.calls import SEND_WITHIN, event_of, outcomes_of
from hopbook.engine.change import (
    Change,
    KindTraits,
    Observation,
    Outcome,
    Result,
    Submitted,
    lanes,
)
from hopbook.engine.events import (
    ChangeIntended,
    ChangeSubmitted,
    StepCompleted,
    StepFailed,
    StepPlanned,
)
from hopbook.engine.obstacles import leftover, obstacles
from hopbook.engine.order import rank_of
from hopbook.engine.passengers import going_with, gone_with
from hopbook.engine.plan import (
    Known,
    SecretDigest,
    Step,
    StepPlan,
    describe,
    diff,
    digest_of,
    owned_rank,
    unresolved,
)
from hopbook.engine.ports import Clock, Provider
from hopbook.engine.reading import Reading
from hopbook.engine.settle import settled, subject
from hopbook.engine.state import ChangeState
from hopbook.engine.waves import waves
from hopbook.engine.writer import Writer
from hopbook.errors import HopbookError, Interrupted, StepNotDone
from hopbook.resources.base import Key, Resource, SecretRef, to_document

Undoes = Mapping[Key, list[str]]
_DOUBTS = 4  # how often a step is planned anew because an outcome was not known
_POLL = 1.0  # seconds between two readings of a system that is still busy
_PATIENCE = timedelta(hours=2)  # with a system that stays busy


def _unwatched(_what: str, _subject: object) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Runner:
    """Carries out steps against the providers of a site.

    Attributes:
        instance: Runbook and parameters; tells what an earlier run of the same made.
        adopt: Whether objects of others that match ours may be taken over.
        stopping: Asked before every wave of changes; true ends the run at that safe point.
        watch: Told of `planned` (StepPlan), `outcome` (Outcome) and `settling` (the changes in doubt).
    """

    providers: Sequence[Provider]
    writer: Writer
    clock: Clock
    instance: str
    secret_digest: SecretDigest
    adopt: bool = False
    stopping: Callable[[], bool] = lambda: False
    watch: Callable[[str, object], None] = _unwatched
    _reading: Reading = field(init=False)
    _wanted: dict[str, tuple[str, Resource]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with nothing read."""
        self._reading = Reading(self.providers, self.clock)

    @property
    def traits(self) -> Mapping[str, KindTraits]:
        """The traits of every kind, of all providers."""
        return self._reading.traits

    @property
    def known(self) -> Known:
        """What the journal adds to observations."""
        return Known(self.writer.state.owned, self.secret_digest, self._wanted)

    # -- reading ------------------------------------------------------------------------------------

    def observe(self, resources: Iterable[Resource | Key]) -> Observation:
        """What is there in the lanes of the resources, and in every lane read since our last change."""
        return self._reading.observe(resources)

    def forget(self) -> None:
        """Something may have changed: the next observation reads everything again."""
        self._reading.forget()

    def scope(self, step: Step) -> list[Resource]:
        """What the step wants, and what an earlier version of it made."""
        old = [
            resource for resource in self.known.left_by(self.instance, step) if resource.kind in self.traits
        ]
        return [*step.resources, *old]

    def plan(self, step: Step, observation: Observation | None = None) -> StepPlan:
        """What the step would change, from the observation or from what is there now."""
        if observation is None:
            observation = self.observe(self.scope(step))
        self._wanted |= {str(resource.key): (step.id, resource) for resource in step.resources}
        return diff(step, observation, self.known, self.traits, self.instance)

    # -- writing ------------------------------------------------------------------------------------

    def take(self, step: Step) -> StepPlan:
        """Make a step's resources so. Returns its first plan.

        Where the run completed the step and has begun since to delete what some of them go with, those are
        not looked at again: a machine that is being removed does not answer any more.

        Raises:
            StepNotDone: something is left; the journal and the message say what.
            Interrupted: a person asked to stop, and no change was under way.
        """
        going = going_with(self.writer.state, self.writer.run, step, self.traits)
        if going:
            left = (each for each in step.resources if each.key not in going)
            step = replace(step, resources=tuple(left), keeps=step.keeps | going)
        return self.carry_out(step, lambda: self.plan(step), {})

    def carry_out(self, step: Step, planner: Callable[[], StepPlan], undoes: Undoes) -> StepPlan:
        """Make planned changes so until nothing is left to plan; returns the first plan.

        `undoes` is read after each planning: the changes that a change of a key takes back.
        """
        first = plan = self._planned(step, planner)
        doubts = 0
        while plan.changes:
            if reasons := list(obstacles(plan, self.traits, adopt=self.adopt)):
                raise self._failure(step, "; ".join(reasons))
            self.writer.append(_step_planned(plan))
            self.watch("planned", plan)
            end, before = self._apply(plan, undoes), len(plan.changes)
            plan = self._planned(step, planner)
            doubts += end is _End.DOUBT
            if end is _End.DONE or doubts == _DOUBTS or (end is _End.LEARNED and len(plan.changes) >= before):
                break  # what still differs will not change by trying again
        if plan.changes:
            left = "; ".join(leftover(change) for change in plan.changes)
            raise self._failure(step, f"not as it should be after it was applied: {left}")
        self.writer.append(StepCompleted(step=step.id, ranks=self._ranks(step), gone=self._gone(step)))
        return first

    def _ranks(self, step: Step) -> dict[str, int]:
        """What rules want by now, where the journal says otherwise though nothing had to be moved."""
        owned = self.writer.state.owned
        return {
            key: rank_of(resource)
            for key, (name, resource) in self._wanted.items()
            if name == step.id and key in owned and self.traits[resource.kind].section
            if owned_rank(owned, resource.key) != rank_of(resource)
        }

    def _gone(self, step: Step) -> list[str]:
        """What the journal has as ours and went with what the step deleted, in whichever process."""
        return list(gone_with(self.writer.state, self.writer.run, step.id, self.traits))

    def _planned(self, step: Step, planner: Callable[[], StepPlan]) -> StepPlan:
        try:
            self.settle(self.scope(step))
            return planner()
        except Interrupted:
            raise
        except HopbookError as error:
            self.writer.append(StepFailed(step=step.id, reason=str(error)))
            raise

    def _failure(self, step: Step, reason: str) -> StepNotDone:
        self.writer.append(StepFailed(step=step.id, reason=reason))
        return StepNotDone(f"step {step.id}: {reason}")

    def _check_stop(self) -> None:
        if self.stopping():
            message = f"stopped as asked; go on with: hopbook resume {self.writer.run}"
            raise Interrupted(message)

    def _apply(self, plan: StepPlan, undoes: Undoes) -> "_End":
        """Make the changes, wave by wave."""
        for wave in waves(plan.changes, self.traits):
            self._check_stop()
            if any(change.after is not None and unresolved(change.after) for change in wave):
                return _End.LEARNED
            outcomes = self._wave(plan.step, wave, undoes)
            if any(outcome.result is Result.UNKNOWN for outcome in outcomes):
                return _End.DOUBT
            refused = [outcome for outcome in outcomes if outcome.result is Result.REFUSED]
            if refused:
                tried = [outcome for outcome in refused if outcome.attempted]
                reasons = dict.fromkeys(outcome.reason for outcome in tried or refused)
                raise self._failure(plan.step, "; ".join(reasons))
        return _End.DONE

    def _wave(self, step: Step, wave: Sequence[Change], undoes: Undoes) -> list[Outcome]:
        ids = {change.key: self.writer.new_id() for change in wave}
        intended = self.clock.now()
        self.writer.append(*(self._intent(ids[change.key], step, change, undoes) for change in wave))
        self.forget()
        batches = list(lanes(wave, self.traits).values())
        if len(batches) == 1:
            return self._lane(batches[0], ids, intended)
        # An error in one lane is raised when all have ended, so that no other's outcome is lost
        with ThreadPoolExecutor(max_workers=len(batches), thread_name_prefix="lane") as pool:
            worked = list(pool.map(lambda batch: self._lane(batch, ids, intended), batches))
        return [outcome for outcomes in worked for outcome in outcomes]

    def _intent(self, change_id: str, step: Step, change: Change, undoes: Undoes) -> ChangeIntended:
        return ChangeIntended(
            change=change_id,
            step=step.id,
            action=change.action.value,
            key=str(change.key),
            before=to_document(change.before) if change.before is not None else None,
            after=to_document(change.after) if change.after is not None else None,
            fields=[item.field for item in change.fields],
            undoes=list(undoes.get(change.key, ())),
            timeout=SEND_WITHIN.total_seconds() + self.traits[change.key.kind].call_timeout,
            digests={
                item.field: self.secret_digest(item.after)
                for item in change.fields
                if isinstance(item.after, SecretRef)
            },
        )

    def _lane(self, batch: Sequence[Change], ids: Mapping[Key, str], intended: datetime) -> list[Outcome]:
        """One lane's outcomes, each call's written as they come: one a change, whatever the provider does."""
        outcomes: list[Outcome] = []
        unwritten: list[Outcome] = []

        def record(outcome: Outcome) -> None:
            outcomes.append(outcome)
            unwritten.append(outcome)
            if not outcome.more:
                write()

        def write() -> None:
            self.writer.append(*(event_of(ids[outcome.key], outcome) for outcome in unwritten))
            for outcome in unwritten:
                self.watch("outcome", outcome)
            unwritten.clear()

        def submitted(item: Submitted) -> None:
            self.writer.append(ChangeSubmitted(change=ids[item.key], handle=item.handle))

        provider = next(provider for provider in self.providers if batch[0].key.kind in provider.kinds)
        left = {change.key: change for change in batch}
        try:
            for outcome in outcomes_of(provider, batch, submitted, intended, self.clock):
                if left.pop(outcome.key, None) is not None:
                    record(outcome)
            for key in left:
                record(Outcome(key=key, result=Result.UNKNOWN, reason="the provider gave no outcome"))
        finally:
            if unwritten:
                write()
        return outcomes

    # -- settling -----------------------------------------------------------------------------------

    def settle(self, scope: Iterable[Resource]) -> None:
        """End every doubt about the scope's lanes by reading the systems, whichever run left it.

        Raises:
            StepNotDone: an operation there does not come to an end.
            Interrupted: a person asked to stop waiting.
        """
        resources = [resource for resource in scope if resource.kind in self.traits]
        in_lanes = {self._lane_of(resource) for resource in resources}
        until = self.clock.now() + _PATIENCE
        while doubts := [(doubt, lane) for doubt, lane in self._doubts() if lane in in_lanes]:
            self.forget()
            observation = self.observe([*resources, *(subject(doubt) for doubt, _ in doubts)])
            busy = {pending.lane for pending in observation.pending}
            now = self.clock.now()
            judged = [
                settled(doubt, observation, now, marker=self._marker(doubt), busy=lane in busy)
                for doubt, lane in doubts
            ]
            events = [event for event in judged if event is not None]
            if events:
                self.writer.append(*events)
                continue
            if now > until:
                raise StepNotDone(_still_in_doubt([doubt for doubt, _ in doubts], observation))
            self.watch("settling", [doubt for doubt, _ in doubts])
            self._check_stop()
            self.clock.sleep(_POLL)

    def _lane_of(self, resource: Resource) -> str:
        return self.traits[resource.kind].lane(resource)

    def _doubts(self) -> Iterator[tuple[ChangeState, str]]:
        """What is in doubt, of kinds that a provider knows, each with its lane."""
        for doubt in self.writer.state.doubts():
            resource = subject(doubt)
            if resource.kind in self.traits:
                yield doubt, self._lane_of(resource)

    def _marker(self, doubt: ChangeState) -> bool:
        return self.traits[subject(doubt).kind].marker


class _End(Enum):
    """How making a plan's changes ended, where none was refused."""

    DONE = "every outcome is certain"
    DOUBT = "an outcome is not known"
    LEARNED = "a value became known; what needs it has to be planned with it"


def _still_in_doubt(doubts: Sequence[ChangeState], observation: Observation) -> str:
    keys = ", ".join(sorted({doubt.intent.key for doubt in doubts}))
    under_way = ", ".join(sorted({pending.what for pending in observation.pending}))
    return f"whether {keys} took effect cannot be said yet; under way: {under_way or 'nothing that shows'}"


def _step_planned(plan: StepPlan) -> StepPlanned:
    changes = [describe(change) for change in plan.changes]
    return StepPlanned(
        step=plan.step.id,
        title=plan.step.title,
        citation=plan.step.citation,
        changes=changes,
        digest=digest_of({}, [(plan.step.id, changes)]),
    )
