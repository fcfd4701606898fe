"""Gates: something that a person outside has to do and to answer before a run can go on.

IBM's approval of a BGP peering takes days, so nothing waits for it but the journal: the request is an event,
the run's process ends, and whoever brings the answer appends it. An answer belongs to the request as it was
made: one for more than that is asked for anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from hopbook.engine.change import Observation, Observed
from hopbook.engine.events import GateRequested
from hopbook.engine.runs import GateState
from hopbook.engine.state import SiteState
from hopbook.resources.base import Key, Resource, from_document, to_document


class Answer(StrEnum):
    """What somebody outside says."""

    APPROVE = "approve"
    REFUSE = "refuse"


class Rehearsed(StrEnum):
    """What they say in a rehearsal, which answers by itself."""

    APPROVE = "approve"
    REFUSE = "refuse"
    LATE = "late"  # nothing until the runbook's patience is over, then approve


@dataclass(frozen=True, slots=True)
class Gate:
    """Something that somebody outside has to do and to answer.

    Attributes:
        request: What they are asked for, as it can be sent to them; never a secret.
        approvers: Whose answer counts; empty: anybody's.
        grants: What an approval brings and no system shows: the peering itself.
    """

    id: str
    title: str
    citation: str
    request: str
    approvers: tuple[str, ...] = ()
    grants: tuple[Resource, ...] = ()

    def requested(self, patience: float) -> GateRequested:
        """The request as a fact; `patience` in days."""
        return GateRequested(
            gate=self.id,
            title=self.title,
            citation=self.citation,
            request=self.request,
            approvers=list(self.approvers),
            grants=[to_document(resource) for resource in self.grants],
            patience=patience,
        )


def standing(state: SiteState, run: str, instance: str, gate: Gate) -> GateState | None:
    """The request that a gate stands at: this run's own, else the approval of an earlier run of the instance.

    None: it has to be asked for. That is so, too, where what was asked for is not what is asked for now.
    """
    own = state.runs[run].gates.get(gate.id) if run in state.runs else None
    now = gate.requested(0)
    for found in (own, state.approved.get((instance, gate.id))):
        if found and (found.request.request, found.request.grants) == (now.request, now.grants):
            return found
    return None


def answered_last(state: SiteState, instance: str, gate: str) -> GateState | None:
    """The approval that stands, else the newest refusal; None: nobody answered."""
    refused = (
        run.gates[gate]
        for run in reversed(state.runs.values())
        if run.instance == instance and gate in run.gates and run.gates[gate].refused
    )
    return state.approved.get((instance, gate)) or next(refused, None)


def granted(state: SiteState) -> dict[Key, GateState]:
    """What the approvals of a site brought, each with the approval."""
    return {
        Key.parse(document["key"]): gate
        for gate in state.approved.values()
        for document in gate.request.grants
    }


def declared(state: SiteState) -> Observation:
    """The same as facts that somebody outside stands for."""
    approvals = state.approved.values()
    return as_declared(from_document(document) for gate in approvals for document in gate.request.grants)


def as_declared(resources: Iterable[Resource]) -> Observation:
    """Resources as facts that somebody outside stands for."""
    return Observation(
        items={resource.key: Observed(resource=resource, declared=True) for resource in resources}
    )


def waiting(gate: GateState, now: datetime) -> str:
    """What a run waits for, whether that takes too long, and how to answer."""
    asked = gate.request
    when = f"requested {gate.asked:%Y-%m-%d %H:%M:%S} UTC"
    if gate.overdue(now):
        when += f", and no answer came in {asked.patience:g} days: ask again; the run goes on waiting"
    whose = f" --by {'|'.join(asked.approvers)}" if asked.approvers else ""
    answer = f"--gate {asked.gate} --answer approve|refuse{whose} --evidence TEXT --ticket TICKET"
    return "\n".join(
        [
            f"run {gate.run} waits at gate {asked.gate}: {asked.title} ({asked.citation}), {when}",
            *(f"    {line}" for line in asked.request.strip().splitlines()),
            f"answer it with: hopbook approve {gate.run} {answer}",
            f"then go on with: hopbook resume {gate.run}",
        ]
    )


def refused(gate: GateState) -> str:
    """Why a run ended that somebody outside said no to."""
    return f"gate {gate.request.gate} was {gate.words()}"
