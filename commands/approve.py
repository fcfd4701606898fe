"""`hopbook approve`: what somebody outside said."""

from dataclasses import dataclass

from commands.output import console, print_json
from hopbook.engine.gates import Answer
from hopbook.engine.runs import GateState
from tasks import files
from tasks.approval import Reply, write_down


@dataclass(frozen=True, slots=True)
class Said:
    """Whose answer it is, and what goes with it."""

    by: str
    evidence: str
    ticket: str
    note: str


def approve(run: str, gate: str, answer: str, said: Said, *, as_json: bool) -> int:
    """Write an answer down."""
    reply = Reply(run, Answer(answer), gate, said.by, said.evidence, said.ticket, said.note)
    found = write_down(files.home(), reply)
    if as_json:
        print_json({"run": run, **gate_document(found)})
        return 0
    out = console()
    out.print(f"gate {found.request.gate} of run {run}: {found.words()}")
    then = "go on with" if found.approved else "take back what the run did with"
    out.print(f"{then}: hopbook resume {run}")
    return 0


def gate_document(gate: GateState) -> dict[str, object]:
    """A gate of a run as JSON data."""
    asked, said = gate.request, gate.answer
    return {
        "gate": asked.gate,
        "title": asked.title,
        "citation": asked.citation,
        "request": asked.request,
        "approvers": asked.approvers,
        "asked": gate.asked.isoformat(),
        "due": gate.due.isoformat() if gate.due else None,
        "answer": said.answer if said else None,
        "answered": gate.answered.isoformat() if gate.answered else None,
        "late": bool(gate.answered and gate.overdue(gate.answered)),
        "by": said.by if said else "",
        "signed": False,
        "recorded_by": gate.actor,
        "evidence": said.evidence if said else "",
        "ticket": said.ticket if said else "",
        "note": said.note if said else "",
    }
