"""Commands that read the record: runs, show, journal."""

import sys
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from commands.approve import gate_document
from commands.output import console, print_json
from hopbook.engine.events import to_wire
from hopbook.engine.runs import GateState
from hopbook.engine.state import ChangeState, RunState, SiteState, StepState
from hopbook.site.words import choices
from tasks import files
from tasks.record import find_run, state_of
from tasks.run import open_journal


def runs(site: str | None, *, as_json: bool) -> int:
    """List the runs."""
    found: list[tuple[str, RunState]] = []
    journal, _ = open_journal(files.home(), create=False)
    with journal:
        for stream in journal.streams():
            if site in {None, stream}:
                found += [(stream, run) for run in state_of(journal, stream).runs.values()]
    found.sort(key=lambda item: item[1].begun)
    if as_json:
        print_json([_run(stream, run) for stream, run in found])
        return 0
    table = Table(box=None, pad_edge=False)
    for column in ("run", "site", "runbook", "mode", "status", "begun (UTC)", "by", "why"):
        table.add_column(column)
    for stream, run in found:
        why = run.started.reason or (f"takes back {run.started.undoes}" if run.started.undoes else run.reason)
        if run.held_by is not None:
            why = _held(run.held_by)
        begun = f"{run.begun:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            run.id, stream, run.instance, run.started.mode, run.status.value, begun, run.actor, why[:60]
        )
    console().print(table if found else "no runs yet")
    return 0


def show(run_id: str, *, as_json: bool) -> int:
    """Show one run."""
    journal, _ = open_journal(files.home(), create=False)
    with journal:
        stream, state = find_run(journal, run_id)
    run = state.runs[run_id]
    if as_json:
        steps = [_step(step, state) for step in run.steps.values()]
        traffic = [to_wire(event) for event in run.traffic.values()]
        gates = [gate_document(gate) for gate in run.gates.values()]
        print_json(
            {**_run(stream, run), "steps": steps, "gates": gates, "traffic": traffic, "drift": run.drift}
        )
        return 0
    out = console()
    out.print(f"{run.id}: {run.instance} on {stream}, {run.started.mode}, {run.status.value}", style="bold")
    out.print(f"  begun {run.begun:%Y-%m-%d %H:%M:%S} UTC by {run.actor}" + _times(run.resumed))
    for label, text in (("why", run.started.reason), ("ticket", run.started.ticket), ("ended", run.reason)):
        if text:
            out.print(f"  {label}: {text}")
    for step in run.steps.values():
        out.print(f"{step.title or step.id} ({step.citation}): {step.status} {step.reason}".rstrip())
        for change in (state.changes[change] for change in step.changes):
            intent = change.intent
            out.print(f"    #{change.position:<4} {intent.action:7} {intent.key}  {_standing(change)}")
    for gate in run.gates.values():
        _show_gate(out, gate)
    for event in run.traffic.values():
        out.print(f"  {event.traffic}: {event.verdict}", style="green" if event.met else "red")
    return 0


def journal_show(site: str, *, as_json: bool) -> int:
    """Print a site's events."""
    journal, _ = open_journal(files.home(), create=False)
    out = console()
    with journal:
        for recorded in journal.read(site):
            body = to_wire(recorded.event)
            if as_json:
                print_json({"position": recorded.position, "kind": recorded.event.kind, **body})
                continue
            subject = (
                body.get("key")
                or body.get("step")
                or body.get("traffic")
                or body.get("gate")
                or body.get("runbook")
                or ""
            )
            time = f"{recorded.time:%Y-%m-%d %H:%M:%S}"
            out.print(f"{recorded.position:6} {time} {recorded.run:12} {recorded.event.kind:22} {subject}")
    return 0


def journal_verify(site: str | None, *, as_json: bool) -> int:
    """Check the chain."""
    journal, _ = open_journal(files.home(), create=False)
    with journal:
        streams = [site] if site else journal.streams()
        tails = {stream: journal.verify(stream) for stream in streams}
    if as_json:
        print_json(
            {stream: {"events": tail.position, "digest": tail.digest} for stream, tail in tails.items()}
        )
        return 0
    for stream, tail in tails.items():
        console().print(f"{stream}: {tail.position} events, whole; ends with {tail.digest}")
    return 0


def journal_export(site: str) -> int:
    """Print a site's events as lines of JSON."""
    journal, _ = open_journal(files.home(), create=False)
    with journal:
        for line in journal.export(site):
            sys.stdout.write(f"{line}\n")
    return 0


def _run(stream: str, run: RunState) -> dict[str, Any]:
    return {
        "run": run.id,
        "site": stream,
        "runbook": run.started.runbook,
        "parameters": run.started.parameters,
        "mode": run.started.mode,
        "status": run.status.value,
        "begun": run.begun.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "by": run.actor,
        "reason": run.started.reason,
        "ticket": run.started.ticket,
        "undoes": run.started.undoes,
        "failure": run.reason,
        "resumed": run.resumed,
    }


def _step(step: StepState, state: SiteState) -> dict[str, Any]:
    return {
        "step": step.id,
        "title": step.title,
        "citation": step.citation,
        "status": step.status,
        "reason": step.reason,
        "changes": [_change(state.changes[change]) for change in step.changes],
    }


def _change(change: ChangeState) -> dict[str, Any]:
    return {
        "position": change.position,
        "action": change.intent.action,
        "key": change.intent.key,
        "fields": change.intent.fields,
        "status": _standing(change),
        "reason": change.reason,
    }


def _held(gate: GateState) -> str:
    answer = gate.words() or "is not answered"
    return f"gate {gate.request.gate} {answer}"


def _show_gate(out: Console, gate: GateState) -> None:
    asked = gate.request
    out.print(f"{asked.title} ({asked.citation}): gate {asked.gate}")
    for line in asked.request.strip().splitlines():
        out.print(f"    {line}")
    due = f", due {gate.due:%Y-%m-%d %H:%M:%S} UTC" if gate.due else ""
    late = ", which is over" if gate.answer is None and gate.overdue(datetime.now(UTC)) else ""
    whose = f", to be answered by {choices(asked.approvers)}" if asked.approvers else ""
    out.print(f"  requested {gate.asked:%Y-%m-%d %H:%M:%S} UTC{due}{late}{whose}")
    out.print(f"  {gate.words() or 'not answered'}")


def _standing(change: ChangeState) -> str:
    return "undone" if change.undone_by else change.status.value


def _times(resumed: int) -> str:
    return f", resumed {resumed} time{'s' if resumed != 1 else ''}" if resumed else ""
