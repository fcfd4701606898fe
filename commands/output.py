"""How commands speak: progress and results as text, or one JSON document."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from hopbook.engine.drift import Drift
from hopbook.engine.plan import Step, StepPlan
from hopbook.trace.agreement import Agreement
from hopbook.trace.differences import Difference
from hopbook.trace.text import report
from hopbook.trace.verify import Verification
from tasks.report import GateReport, RunReport, StepReport, gate_lines, plan_lines

WIDTH = 110
_STYLES = {"+": "green", "~": "yellow", "-": "red", "»": "cyan", "«": "cyan", "!": "bold red", "?": "magenta"}
_MARKS = {"✓": "green", "✗": "red", "?": "magenta"}


def console() -> Console:
    """Standard output; as wide as a trace needs where nobody looks at a terminal."""
    found = Console(highlight=False, soft_wrap=True, markup=False)
    return found if found.is_terminal else Console(highlight=False, soft_wrap=True, markup=False, width=WIDTH)


def print_json(document: Any) -> None:
    """One document on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


class Progress:
    """Shows a run as it goes."""

    def __init__(self, out: Console, *, details: bool) -> None:
        self.out, self.details = out, details
        self._under_way = ""

    def __call__(self, what: str, subject: object) -> None:
        """Take one piece of news."""
        match what, subject:
            case "step", Step():
                self._under_way = f"{subject.title} …"
            case "done", StepReport():
                self._step(subject)
            case "gate", GateReport():
                for line in gate_lines([subject]):
                    self.out.print(Text(line, style="" if line.startswith(" ") else "bold"))
            case "undone", StepPlan():
                plan_text(self.out, [subject])
                self._under_way = ""
            case "said", str():
                if self._under_way:  # what takes long says first what it is
                    self.out.print(Text(self._under_way, style="bold"))
                    self._under_way = ""
                self.out.print(Text(f"    {subject}", style="dim"))
            case "settling", list():
                self.out.print(
                    f"  … waiting until {len(subject)} change(s) in doubt can be settled", style="magenta"
                )
            case "verified", list():
                self.out.print()
                traffic_text(self.out, subject)
            case _:
                pass

    def _step(self, report: StepReport) -> None:
        plan_text(self.out, [report.plan])
        if self.details:
            self.out.print(f"  ✓ {report.status}", style="green")


def plan_text(out: Console, plans: Iterable[StepPlan]) -> None:
    """A plan, coloured by what it does."""
    for line in plan_lines(plans):
        sign = line.strip()[:1]
        bold = not line.startswith(" ")
        out.print(Text(line, style="bold" if bold else _STYLES.get(sign, "")))


def traffic_text(out: Console, traffic: Sequence[Verification]) -> None:
    """The hops of each traffic; marks in the colours that they mean."""
    for line in report(traffic).splitlines():
        mark = line.strip()[:1]
        style = "bold" if line and not line.startswith(" ") else _MARKS.get(mark, "")
        out.print(Text(line, style="bold red" if "NOT as promised" in line else style))


def agreement_text(out: Console, case: str, agreement: Agreement, *, both: bool) -> None:
    """What real packets did, node by node, and whether the model says the same."""
    real = agreement.real
    at = f" at {real.at}: {real.reason}" if real.at else ""
    out.print(Text(f"{case}, by real packets: {real.verdict}{at}", style="bold"))
    for number, (there, back) in enumerate(real.ways, start=1):
        for name, way in (("there", there), ("back", back)):
            if way:
                out.print(f"  {name}" + (f", leg {number}" if len(real.ways) > 1 else ""))
            for item in way:
                out.print(f"    {item.line}")
    if agreement.difference:
        out.print(Text(f"✗ model and packets differ: {agreement.difference}", style="bold red"))
    elif both:
        but = f", but for this: {agreement.tolerated}" if agreement.tolerated else ""
        out.print(Text(f"✓ model and packets agree{but}", style="green"))
    out.print()


def differences_text(out: Console, runbook: str, found: Sequence[Difference]) -> None:
    """Which traffics go another way after a runbook, and at which hop."""
    for item in found:
        style = "bold red" if item.broken else "green" if item.mended else "yellow"
        out.print(Text(f"{'-' if item.broken else '+' if item.mended else '~'} {item}", style=style))
    broken, mended = sum(item.broken for item in found), sum(item.mended for item in found)
    out.print(f"{runbook} would change {len(found)}: {mended} mended, {broken} broken")


def recap(out: Console, run: RunReport) -> None:
    """The last lines of a run."""
    counts = ", ".join(f"{count} to {action}" for action, count in sorted(run.changes.items()))
    out.print()
    if run.steps:
        out.print(f"{run.title}: {counts or 'nothing to change'}")
    results = run.results
    if results:
        met = sum(result.met for result in results)
        style = "green" if met == len(results) else "bold red"
        out.print(f"traffic: {met} of {len(results)} as promised", style=style)


def drift_text(out: Console, drift: Drift) -> None:
    """What differs, with its cause and who set it last."""
    for item in drift.differences:
        field = f" {item.field}" if item.field else ""
        out.print(Text(f"~ {item.title}{field}", style="yellow"))
        out.print(f"    declared: {_value(item.declared)}")
        out.print(f"    applied:  {_value(item.applied)}" + (f"  ({item.last})" if item.last else ""))
        out.print(f"    live:     {_value(item.live)}")
        out.print(f"    {item.cause.value}")
    for _, title in drift.unmanaged:
        out.print(f"  unmanaged: {title}", style="cyan")
    for finding in drift.findings:
        out.print(f"  ? {finding}", style="magenta")


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
