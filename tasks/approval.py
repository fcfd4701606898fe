"""An answer from outside, as whoever brings it writes it down. It needs no lease: nothing is changed."""

from dataclasses import dataclass
from pathlib import Path

from adapters import wiring
from hopbook.engine.events import GateAnswered, NewEvent
from hopbook.engine.gates import Answer
from hopbook.engine.runs import GateState, RunState
from hopbook.engine.state import fold
from hopbook.errors import InvalidInput, StalePosition
from hopbook.site.words import choices, near, shown
from tasks.record import find_run
from tasks.run import actor, new_id, open_journal


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody outside said.

    Attributes:
        gate: Empty: the only one that waits.
        by: Whose answer it is; empty: whoever writes it down.
    """

    run: str
    answer: Answer
    gate: str = ""
    by: str = ""
    evidence: str = ""
    ticket: str = ""
    note: str = ""


def write_down(home: Path, reply: Reply) -> GateState:
    """Append an answer to the run's stream, and return the gate as it stands then.

    Raises:
        InvalidInput: there is no such run or gate, it was answered before, or by somebody else than whose
            answer counts.
    """
    journal, _ = open_journal(home, create=False)
    with journal:
        while True:  # somebody may append first, even an answer to the same gate
            stream, state = find_run(journal, reply.run)
            asked = _open(state.runs[reply.run], reply.gate).request
            event = GateAnswered(
                gate=asked.gate,
                answer=reply.answer.value,
                by=_by(reply, asked.gate, asked.approvers),
                evidence=reply.evidence,
                ticket=reply.ticket,
                note=reply.note,
            )
            now = wiring.SystemClock().now()
            new = NewEvent(id=new_id(), run=reply.run, time=now, actor=actor(), event=event)
            try:
                journal.append(stream, state.position, [new])
            except StalePosition:
                continue
            return fold(journal.read(stream, state.position), state).runs[reply.run].gates[asked.gate]


def _open(run: RunState, name: str) -> GateState:
    """The gate that an answer is for."""
    if not run.gates:
        raise InvalidInput(f"run {run.id} waits at no gate: it is {run.status}")
    if not name:
        waiting = [gate for gate in run.gates.values() if gate.answer is None]
        if len(waiting) == 1:
            return waiting[0]
        name = next(iter(run.gates)) if len(run.gates) == 1 else ""
    if name not in run.gates:
        what = f"has no gate {shown(name)}{near(name, run.gates)}" if name else "has several gates"
        raise InvalidInput(f"run {run.id} {what}; say which: --gate {choices(list(run.gates))}")
    gate = run.gates[name]
    if gate.answer is not None:
        raise InvalidInput(f"gate {name} of run {run.id} is answered already: {gate.words()}")
    return gate


def _by(reply: Reply, gate: str, approvers: list[str]) -> str:
    by = reply.by or actor().partition("@")[0]
    if approvers and by not in approvers:
        raise InvalidInput(f"gate {gate} is answered by {choices(approvers)}, not by {shown(by)}: --by NAME")
    return by
