"""The engine and the journal: per change, as runs grow, and folding."""

import sqlite3
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.journal import SqlJournal
from adapters.wiring import SystemClock
from bench.measure import Figure, ratio, stopwatch
from hopbook.engine.change import Action, Change, KindTraits, Observation, Observed, Outcome, Result, Scope
from hopbook.engine.events import ChangeApplied, ChangeIntended, NewEvent, RunStarted
from hopbook.engine.plan import Known, Step, diff
from hopbook.engine.ports import Recorder
from hopbook.engine.runner import Runner
from hopbook.engine.state import fold
from hopbook.engine.writer import Writer
from hopbook.resources.base import Key, Resource, to_document
from hopbook.resources.nsxv import NatAction, NatRule

EDGE = Key("nsxv.edge", "esg")
TRAITS = KindTraits(lane=lambda _resource: "esg", marker=True)


def rule(number: int) -> NatRule:
    """One rule of many."""
    return NatRule(
        owner=EDGE,
        rule=f"dnat-{number:05}",
        action=NatAction.DNAT,
        interface=0,
        original="10.95.40.71",
        translated="192.168.20.10",
        protocol="tcp",
        original_port=str(number % 60000 + 1),
        translated_port="443",
        rank=number,
    )


class Memory:
    """A provider without a system: what is asked for is so."""

    def __init__(self) -> None:
        self.kinds: Mapping[str, KindTraits] = {NatRule.kind: TRAITS}
        self.live: dict[Key, Observed] = {}

    def observe(self, _scope: Scope) -> Observation:
        return Observation(items=dict(self.live))

    def apply(self, batch: Sequence[Change], _submitted: Recorder) -> Iterator[Outcome]:
        for change in batch:
            resource: Resource | None = change.after
            if resource is not None:
                self.live[change.key] = Observed(resource=resource, marked=True)
            yield Outcome(key=change.key, result=Result.APPLIED)  # a call a change: the worst case


def runner(journal: SqlJournal) -> Runner:
    ids = count()
    clock = SystemClock()
    writer = Writer(journal, "bench", "r-1", "bench", clock, lambda: f"{next(ids):032}")
    writer.append(RunStarted(mode="apply", runbook="bench", parameters={}, site_document="", inputs={}))
    return Runner(
        providers=(Memory(),), writer=writer, clock=clock, instance="bench", secret_digest=lambda _ref: ""
    )


def run_changes(folder: Path, changes: int) -> float:
    """Seconds of a run of so many changes, on a journal on disk."""
    with SqlJournal(folder / f"{changes}-{len(list(folder.iterdir()))}.db") as journal:
        made = runner(journal)
        step = Step("s", "t", "S1", tuple(rule(number) for number in range(changes)))
        with stopwatch() as watch:
            made.take(step)
    return watch.seconds


def bare_inserts(folder: Path, changes: int) -> float:
    """Seconds of as many fsynced inserts of the same bytes: an intent and an outcome a change."""
    body = b"x" * _bytes_of_a_change()
    connection = sqlite3.connect(folder / f"bare-{len(list(folder.iterdir()))}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE events (position INTEGER PRIMARY KEY, body BLOB)")
    with stopwatch() as watch:
        for _ in range(changes):
            connection.execute("INSERT INTO events (body) VALUES (?)", (body,))
    connection.close()
    return watch.seconds


def _bytes_of_a_change() -> int:
    events = _history(1)
    return sum(len(str(event.event)) for event in events[1:])


def _history(changes: int) -> list[NewEvent]:
    """A run's events, an intent and an outcome a change."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ids = count()

    def new(event: RunStarted | ChangeIntended | ChangeApplied) -> NewEvent:
        return NewEvent(id=f"{next(ids):032}", run="r-1", time=now, actor="bench", event=event)

    events = [new(RunStarted(mode="apply", runbook="b", parameters={}, site_document="", inputs={}))]
    for number in range(changes):
        document = to_document(rule(number))
        change = f"{number:032}"
        intent = ChangeIntended(
            change=change, step="s", action=Action.CREATE, key=document["key"], before=None, after=document
        )
        events += [new(intent), new(ChangeApplied(change=change))]
    return events


def fold_of(events: int) -> float:
    """Seconds to read, check and fold a journal of so many events."""
    with TemporaryDirectory() as folder, SqlJournal(Path(folder) / "j.db") as journal:
        history = _history(events // 2)
        for start in range(0, len(history), 1000):
            journal.append("bench", start, history[start : start + 1000])
        with stopwatch() as watch:
            state = fold(journal.read("bench"))
    if state.position != len(history):
        message = "the journal was not read to its end"
        raise AssertionError(message)
    return watch.seconds


def plan_memory(resources: int) -> float:
    """Peak MB of planning so many resources on a green site."""
    tracemalloc.start()
    step = Step("s", "t", "S1", tuple(rule(number) for number in range(resources)))
    plan = diff(step, Observation(), Known({}, lambda _ref: ""), {NatRule.kind: TRAITS}, "bench")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if len(plan.changes) != resources:
        message = "the plan is not whole"
        raise AssertionError(message)
    return peak / 1e6


def figures() -> Iterator[Figure]:
    """The engine's figures."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        per_change = ratio(lambda: run_changes(folder, 500), lambda: bare_inserts(folder, 500), 7)
        yield Figure(
            "engine and journal, per change / a bare fsynced insert of the same bytes",
            f"{per_change:.2f}",
            "at most 2",
            per_change <= 2,
        )
        small, large = run_changes(folder, 1000) / 1000, run_changes(folder, 10_000) / 10_000
        growth = large / small
        yield Figure(
            "a change among 10,000 / a change among 1,000", f"{growth:.2f}", "about 1: linear", growth <= 1.5
        )
    seconds = fold_of(50_000)
    yield Figure("fold a journal of 50,000 events", f"{seconds:.2f} s", "under 1 s", seconds < 1)
    peak = plan_memory(10_000)
    yield Figure("memory of a plan of 10,000 resources", f"{peak:.0f} MB", "under 200 MB", peak < 200)
