"""Commands that run a runbook: plan, dry-run, apply, resume, undo, drift."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any

from adapters.simulated.faults import Faults, parse_fault
from commands.output import Progress, console, drift_text, plan_text, print_json, recap, traffic_text
from flows.catalogue import flow_of
from hopbook.engine.gates import Rehearsed
from hopbook.engine.state import instance_of
from hopbook.errors import InvalidInput, PlanMoved, VerdictNotMet
from hopbook.runbook import known_parameters
from tasks import files
from tasks.modes import Mode
from tasks.record import find_run
from tasks.report import RunReport
from tasks.resume import resumption
from tasks.run import Invocation, invocation, open_journal
from tasks.taking_back import Undoing
from tasks.undo import undo as take_back

DIFFERENT = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """Which runbook to run where, and the values of its parameters."""

    runbook: str
    site: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The instance, as far as it was said."""
        return instance_of(self.runbook, dict(self.parameters))


def plan(wish: Wish, overlay: str | None, *, as_json: bool) -> int:
    """Show what would change."""
    report = run_flow(wish, Mode.PLAN, Invocation(overlay=overlay), as_json=as_json)
    if not as_json:
        console().print(f"plan: {report.digest}")
    return DIFFERENT if report.changes else 0


def dry_run(wish: Wish, faults: Sequence[str], answer: str, *, adopt: bool, as_json: bool) -> int:
    """Rehearse on a simulated site."""
    called = Invocation(faults=_faults(faults), answer=Rehearsed(answer))
    run_flow(wish, Mode.DRY_RUN, called, adopt=adopt, as_json=as_json)
    return 0


def apply(
    wish: Wish,
    overlay: str | None,
    *,
    digest: str | None,
    adopt: bool,
    reason: str,
    ticket: str,
    as_json: bool,
) -> int:
    """Carry out for real."""
    if digest is not None:
        _same_plan(wish, overlay, digest)
    called = Invocation(overlay=overlay, reason=reason, ticket=ticket)
    run_flow(wish, Mode.APPLY, called, adopt=adopt, as_json=as_json)
    return 0


def resume(run: str, *, rebase: bool, as_json: bool) -> int:
    """Go on with a run."""
    journal, _ = open_journal(files.home(), create=False)
    with journal:
        _, state = find_run(journal, run)
        found = state.runs[run]
        if found.started.undoes:
            return _undo(Undoing(run=found.started.undoes, resume=found), as_json=as_json)
        going_on = resumption(journal, run, rebase=rebase)
    called = Invocation(resume=going_on.run, site=going_on.site, rebased=going_on.rebased)
    inputs = found.inputs
    run_flow(
        Wish(found.started.runbook, inputs["site"], found.started.parameters),
        Mode(found.started.mode),
        replace(called, overlay=inputs["overlay"] or None),
        adopt=going_on.adopt,
        as_json=as_json,
    )
    return 0


def undo(run: str, *, preview: bool, force: bool, reason: str, as_json: bool) -> int:
    """Take a run back."""
    asked = Undoing(run=run, preview=preview, force=force, reason=reason)
    return _undo(asked, as_json=as_json)


def drift(wish: Wish, overlay: str | None, *, as_json: bool) -> int:
    """Compare declared, last applied and live."""
    called = Invocation(overlay=overlay, watch=quiet)
    report = run_flow(wish, Mode.DRIFT, called, as_json=as_json, show=False)
    found = report.drift
    if found is None:
        return 0
    if not as_json:
        out = console()
        drift_text(out, found)
        traffic_text(out, [item for item in report.traffic if not item.met])
        if not found.differences:
            out.print("no drift: live is as declared and as last applied", style="green")
    return DIFFERENT if found.differences else 0


def run_flow(
    wish: Wish,
    mode: Mode,
    called: Invocation,
    *,
    as_json: bool,
    adopt: bool = False,
    show: bool = True,
    tolerant: bool = False,
) -> RunReport:
    """Run a flow as the command line does: with progress, and stopping at a safe point on Ctrl-C."""
    out = console()
    flow = flow_of(wish.runbook)
    known_parameters(files.runbook(wish.runbook)[0], wish.parameters)
    if show and not as_json:
        out.print(f"{wish} on {wish.site}, {mode}\n", style="bold")
        called = replace(called, watch=Progress(out, details=mode.changes))
    with _stop_on_interrupt() as stopping:
        called = replace(called, stopping=stopping)
        try:
            with invocation(called):
                flow(wish.site, mode, adopt=adopt, **wish.parameters)
        except VerdictNotMet:
            if not tolerant:
                raise
        finally:
            report = called.report[0] if called.report else None
            if report is not None and as_json:
                print_json(report.document())
            elif report is not None and show:
                recap(out, report)
    if report is None:
        raise InvalidInput(f"runbook {wish.runbook} opened no run")
    return report


def _undo(asked: Undoing, *, as_json: bool) -> int:
    out = console()
    if not as_json and not asked.preview:
        asked.watch = Progress(out, details=False)
    with _stop_on_interrupt() as stopping:
        asked.stopping = stopping
        take_back(asked)
    if as_json:
        print_json({"undo": asked.id, "of": asked.run, "status": asked.status, "steps": _plans(asked)})
    elif asked.preview:
        plan_text(out, asked.plans)
        out.print(f"\nundo of {asked.run} would take back the above")
    elif asked.status == "nothing left":
        out.print(f"nothing left to take back of {asked.run}")
    else:
        taken = sum(len(plan.changes) for plan in asked.plans)
        out.print(f"\nundo {asked.id} of {asked.run}: {taken} change(s) taken back", style="green")
    return 0


def _plans(asked: Undoing) -> list[dict[str, Any]]:
    from hopbook.engine.plan import describe

    return [
        {"step": plan.step.id, "title": plan.step.title, "changes": [describe(item) for item in plan.changes]}
        for plan in asked.plans
    ]


def _same_plan(wish: Wish, overlay: str | None, digest: str) -> None:
    called = Invocation(overlay=overlay, watch=quiet)
    report = run_flow(wish, Mode.PLAN, called, as_json=False, show=False)
    if report.digest != digest:
        raise PlanMoved(
            f"something moved since that plan: it was {digest}, now it is {report.digest}; look at it again"
        )


def _faults(texts: Sequence[str]) -> Faults | None:
    try:
        return Faults([parse_fault(text) for text in texts]) if texts else None
    except ValueError as error:
        raise InvalidInput(f"--fault: {error}") from error


def quiet(_what: str, _subject: object) -> None:
    """Say nothing while it goes."""


@contextmanager
def _stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C asks to stop at the next safe point; a second one does not wait."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
