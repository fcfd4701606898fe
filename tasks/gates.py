"""What a gate does to a run, by its mode."""

from dataclasses import dataclass, field

from adapters.simulated.site import SimulatedSite
from hopbook.engine import gates
from hopbook.engine.change import Observation
from hopbook.engine.events import GateAnswered
from hopbook.engine.runner import Runner
from hopbook.errors import GateRefused, InvalidInput, Waiting
from hopbook.resources.base import Resource
from tasks.modes import Mode
from tasks.report import GateReport

_DAY = 24 * 60 * 60  # seconds


@dataclass
class Gatekeeper:
    """Lets a run through its gates, or not.

    Attributes:
        world: The simulated site of a rehearsal: it has to know what was granted, too.
        answer: What a rehearsal answers.
        patience: Days that an answer may take; 0: nobody counts them.

    Raises:
        InvalidInput: a rehearsal is to answer late where nothing is late.
    """

    mode: Mode
    runner: Runner
    world: SimulatedSite | None
    answer: gates.Rehearsed
    patience: float
    _as_if: list[Resource] = field(default_factory=list)  # what a plan's gates would grant

    def __post_init__(self) -> None:
        """See that the answer is one that can be given."""
        if self.answer is gates.Rehearsed.LATE and not self.patience:
            raise InvalidInput("--answer late: the runbook has no `patience`, so no answer is late")

    def meet(self, entry: GateReport) -> None:
        """Pass a gate, and say how.

        A plan goes on as if it were approved, a rehearsal gives its own answer, and whatever only looks takes
        things as they are.

        Raises:
            Waiting: there is no answer yet; the request is in the journal and in the message.
            GateRefused: the answer is no.
        """
        if self.mode.changes:
            self._pass(entry)
        else:
            self._look_at(entry)

    def declared(self) -> Observation:
        """What was granted on this site; in a plan also what would be."""
        return gates.declared(self.runner.writer.state).merged(gates.as_declared(self._as_if))

    def _pass(self, entry: GateReport) -> None:
        gate, writer = entry.gate, self.runner.writer
        found = gates.standing(writer.state, writer.run, self.runner.instance, gate)
        if found is None:
            writer.append(gate.requested(self.patience))
            if self.mode is Mode.DRY_RUN:
                self._rehearse(entry)
            found = writer.state.runs[writer.run].gates[gate.id]
        entry.words = entry.words or found.words()
        if found.answer is None:
            now = self.runner.clock.now()
            late = f"; none came in {self.patience:g} days" if found.overdue(now) else ""
            entry.words = f"waiting for an answer{late}"
            raise Waiting(gates.waiting(found, now))
        entry.status = "approved" if found.approved else "refused"
        if found.refused:
            raise GateRefused(gates.refused(found))
        if self.world is not None:
            self.world.written = self.world.written.merged(gates.as_declared(gate.grants))

    def _rehearse(self, entry: GateReport) -> None:
        entry.words = f"the rehearsal answers: {self.answer}"
        if self.answer is gates.Rehearsed.LATE:
            self.runner.clock.sleep((self.patience + 1) * _DAY)
            silent = f"nothing for {self.patience:g} days, and the run goes on waiting"
            entry.words = f"the rehearsal answers: {silent}; then approve, which counts though it is late"
        refuse = self.answer is gates.Rehearsed.REFUSE
        said = gates.Answer.REFUSE if refuse else gates.Answer.APPROVE
        self.runner.writer.append(GateAnswered(gate=entry.gate.id, answer=said.value, by="the rehearsal"))

    def _look_at(self, entry: GateReport) -> None:
        gate, state = entry.gate, self.runner.writer.state
        if self.mode is Mode.PLAN:
            found = gates.standing(state, "", self.runner.instance, gate)
            self._as_if += gate.grants
        else:
            found = gates.answered_last(state, self.runner.instance, gate.id)
        if found is not None:
            entry.status, entry.words = "approved" if found.approved else "refused", found.words()
        elif self.mode is Mode.PLAN:
            entry.status, entry.words = "planned", "to be asked for; planned as if it were approved"
        else:
            entry.status, entry.words = "not answered", "nobody has answered so far"
