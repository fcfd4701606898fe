"""What a run came to: shown on a terminal, printed as JSON, kept as a Prefect artifact."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from hopbook.engine.change import Action
from hopbook.engine.drift import Drift
from hopbook.engine.events import TrafficVerified
from hopbook.engine.gates import Gate
from hopbook.engine.plan import StepPlan, describe, digest
from hopbook.engine.runs import instance_of
from hopbook.network.nodes import Network
from hopbook.trace.text import report, to_json
from hopbook.trace.verify import Verification

_SIGNS = {
    Action.CREATE: "+",
    Action.ADOPT: "»",
    Action.UPDATE: "~",
    Action.DELETE: "-",
    Action.RELEASE: "«",
}


@dataclass(slots=True)
class StepReport:
    """One step: its plan as first seen, and how it stands."""

    plan: StepPlan
    status: str  # planned, completed, failed

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "step": self.plan.step.id,
            "title": self.plan.step.title,
            "citation": self.plan.step.citation,
            "status": self.status,
            "changes": [describe(change) for change in self.plan.changes],
            "blocked": list(self.plan.blocked),
            "findings": list(self.plan.findings),
        }


@dataclass(slots=True)
class GateReport:
    """One gate, and how it stands."""

    gate: Gate
    status: str = "waiting"  # waiting, approved, refused, planned, not answered
    words: str = ""

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "gate": self.gate.id,
            "title": self.gate.title,
            "citation": self.gate.citation,
            "request": self.gate.request,
            "status": self.status,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class TrafficResult:
    """One traffic, from every node and to every port that it is promised for."""

    traffic: str
    cases: tuple[Verification, ...]

    @property
    def shown(self) -> Verification:
        """The case that speaks for all: the first that is not as promised, if there is one."""
        return next((case for case in self.cases if not case.met), self.cases[0])

    @property
    def met(self) -> bool:
        """Whether every case is as promised."""
        return all(case.met for case in self.cases)

    @property
    def reason(self) -> str:
        """Why the case that speaks for all ended as it did."""
        return self.shown.reason or self.shown.verdict.value

    def event(self) -> TrafficVerified:
        """The fact for the journal."""
        return TrafficVerified(
            traffic=self.traffic, verdict=self.shown.verdict.value, met=self.met, reason=self.shown.reason
        )


@dataclass(slots=True)
class RunReport:
    """A run of a runbook, so far or at its end.

    Attributes:
        undone: The run that took this one back, because somebody outside said no.
    """

    site: str
    runbook: str
    mode: str
    inputs: dict[str, Any]
    parameters: dict[str, str] = field(default_factory=dict)
    run: str = ""
    status: str = "running"
    reason: str = ""
    steps: list[StepReport] = field(default_factory=list)
    gates: list[GateReport] = field(default_factory=list)
    undone: str = ""
    traffic: list[Verification] = field(default_factory=list)
    drift: Drift | None = None
    network: Network | None = None  # over which the traffic was followed

    @property
    def title(self) -> str:
        """What ran, where and how, for people."""
        return f"{instance_of(self.runbook, self.parameters)} on {self.site}, {self.mode}"

    @property
    def results(self) -> list[TrafficResult]:
        """How each traffic went, all its cases together."""
        groups = groupby(self.traffic, key=lambda item: item.case.traffic.traffic)
        return [TrafficResult(name, tuple(cases)) for name, cases in groups]

    @property
    def plans(self) -> list[StepPlan]:
        """The steps' plans."""
        return [step.plan for step in self.steps]

    @property
    def changes(self) -> Counter[str]:
        """How many changes of each action."""
        return Counter(change.action.value for plan in self.plans for change in plan.changes)

    @property
    def digest(self) -> str:
        """What the plan of the whole runbook is."""
        return digest({**self.inputs, "parameters": self.parameters}, self.plans)

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "site": self.site,
            "runbook": self.runbook,
            "parameters": self.parameters,
            "mode": self.mode,
            "run": self.run,
            "status": self.status,
            "reason": self.reason,
            "digest": self.digest,
            "changes": dict(self.changes),
            "steps": [step.document() for step in self.steps],
            "gates": [gate.document() for gate in self.gates],
            "undone": self.undone,
            "traffic": [to_json(verification) for verification in self.traffic],
            **({"drift": self.drift.document()} if self.drift else {}),
        }


def plan_lines(plans: Iterable[StepPlan]) -> Iterable[str]:
    """A plan as text: a sign and title a change, and for an update each field with both values."""
    for plan in plans:
        yield f"{plan.step.title} ({plan.step.citation})"
        if not plan.changes:
            yield "    nothing to change"
        for change in plan.changes:
            place = f", above {change.above.name.rpartition('/')[2]}" if change.above else ""
            yield f"  {_SIGNS[change.action]} {change.action.value:7} {change.resource.title()}{place}"
            if change.action is Action.CREATE:
                continue
            for name, before, after in describe(change)["fields"]:
                yield f"              {name}: {_short(before)} → {_short(after)}"
        yield from (f"  ! {reason}" for reason in plan.blocked)
        yield from (f"  ? {finding}" for finding in plan.findings)


def gate_lines(gates: Iterable[GateReport]) -> Iterable[str]:
    """Each gate and its answer, as text."""
    for item in gates:
        yield f"{item.gate.title} ({item.gate.citation})"
        yield f"  ⏸ gate {item.gate.id}: {item.words}"


def _short(value: object) -> str:
    match value:
        case None:
            return "(none)"
        case list():
            return ", ".join(_short(item) for item in value) or "(none)"
        case dict():
            return " ".join(f"{key}={_short(item)}" for key, item in value.items())
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def as_markdown(run: RunReport) -> str:
    """A run for Prefect's UI: the plan, and the hops of each traffic."""
    results = run.results
    met = sum(result.met for result in results)
    table = "\n".join(
        f"| {'✓' if result.met else '✗'} | {result.traffic} | {result.shown.verdict} | {len(result.cases)} |"
        for result in results
    )
    return "\n".join(
        [
            f"# {run.title}",
            f"{met} of {len(results)} traffics as promised.",
            "",
            "| | traffic | verdict | cases |",
            "|---|---|---|---|",
            table,
            "",
            "## Plan",
            "```",
            *plan_lines(run.plans),
            *gate_lines(run.gates),
            "```",
            "## Hops",
            "```",
            report(run.traffic),
            "```",
        ]
    )
