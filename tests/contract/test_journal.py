"""What every journal keeps to: one class of tests, a subclass a place. No test of it is overridden."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.journal import SqlJournal
from hopbook.engine.events import ChangeApplied, Event, NewEvent, RunCompleted, RunFailed
from hopbook.engine.ports import Journal
from hopbook.errors import BrokenChain, JournalTrouble, SiteBusy, StalePosition, UnknownEvent

ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 3, 4, 12, 0, 0, 123456, tzinfo=UTC)

IN_TOKYO = NOON.astimezone(timezone(timedelta(hours=9)))


def new(id_: str, event: Event | None = None, **changes: Any) -> NewEvent:
    values = {"id": id_, "run": "run-1", "time": NOON, "actor": "alice"}
    return NewEvent(**{**values, "event": event or ChangeApplied(change=id_), **changes})


def ids(journal: SqlJournal, stream: str = "icp", after: int = 0) -> list[str]:
    return [event.id for event in journal.read(stream, after)]


def tamper(journal: SqlJournal, *statements: str, **values: str) -> None:
    """Do what the constraints forbid, as somebody with the file and a SQLite shell could."""
    connection = journal._engine.raw_connection()
    cursor = connection.cursor()
    for statement in (
        "PRAGMA foreign_keys = OFF",
        "PRAGMA ignore_check_constraints = ON",
        *statements,
    ):
        cursor.execute(statement, values)
    connection.commit()
    cursor.execute("PRAGMA ignore_check_constraints = OFF")
    cursor.execute("PRAGMA foreign_keys = ON")
    connection.close()


class Commit:
    """A connection whose commit fails, before or after it took effect."""

    def __init__(self, connection: Any, *, effect: bool, error: Exception) -> None:
        self._connection, self._effect, self._error = connection, effect, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        if self._effect:
            self._connection.commit()
        raise self._error


def failing_commit(journal: SqlJournal, monkeypatch: pytest.MonkeyPatch, *, effect: bool) -> None:
    """Let the next commit fail."""
    connect = journal._engine.raw_connection

    def once() -> Commit:
        monkeypatch.setattr(journal._engine, "raw_connection", connect)
        error = journal._engine.dialect.loaded_dbapi.OperationalError("disk I/O error")
        return Commit(connect(), effect=effect, error=error)

    monkeypatch.setattr(journal._engine, "raw_connection", once)


class JournalContract:
    """The contract. A subclass says how a fresh journal is opened."""

    opened: Callable[..., AbstractContextManager[SqlJournal]]

    @pytest.fixture
    def journal(self) -> Iterator[SqlJournal]:
        with self.opened() as journal:
            _port: Journal = journal  # what mypy compares
            yield journal

    # Append and read

    def test_what_is_appended_is_read_back_equal_and_in_order(self, journal: SqlJournal) -> None:
        events = [
            new("e1", RunFailed(reason="Straße „quoted“\n\u0000\U0001f9ed")),
            new("e2", time=IN_TOKYO),
            new("e3", RunCompleted(), run="run-2", actor="bob"),
        ]
        assert journal.append("icp", 0, events) == 3
        read = list(journal.read("icp"))
        assert [event.position for event in read] == [1, 2, 3]
        assert {event.stream for event in read} == {"icp"}
        assert len({event.digest for event in read}) == 3
        assert [
            NewEvent(id=event.id, run=event.run, time=event.time, actor=event.actor, event=event.event)
            for event in read
        ] == events

    def test_a_read_starts_behind_the_position_that_it_is_given(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1"), new("e2"), new("e3")])
        assert ids(journal, after=1) == ["e2", "e3"]
        assert ids(journal, after=3) == []

    def test_a_read_behind_a_position_that_is_not_there_is_a_cut_tail(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        with pytest.raises(BrokenChain, match=r"icp, position 2: it is missing"):
            ids(journal, after=2)

    def test_a_stream_that_nobody_wrote_is_empty(self, journal: SqlJournal) -> None:
        assert ids(journal, "nowhere") == []
        assert journal.streams() == []
        assert journal.verify("nowhere") == (0, "")

    def test_streams_are_apart(self, journal: SqlJournal) -> None:
        journal.append("west", 0, [new("w1")])
        journal.append("east", 0, [new("e1")])
        journal.append("west", 1, [new("w2")])
        assert ids(journal, "west") == ["w1", "w2"]
        assert ids(journal, "east") == ["e1"]
        assert journal.streams() == ["east", "west"]

    def test_a_read_of_many_pages_gives_each_event_once(
        self, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.journal.store._PAGE", 3)
        names = [f"e{number}" for number in range(9)]
        journal.append("icp", 0, [new(name) for name in names])
        assert ids(journal) == names
        journal.append("icp", 9, [new("e9")])
        assert ids(journal) == [*names, "e9"]

    def test_a_slow_reader_holds_nobody_up(
        self, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("adapters.journal.store._PAGE", 1)
        journal.append("icp", 0, [new("e1"), new("e2")])
        reader = journal.read("icp")
        assert next(reader).id == "e1"
        assert journal.append("icp", 2, [new("e3")]) == 3
        assert [event.id for event in reader] == ["e2", "e3"]

    # Positions

    @pytest.mark.parametrize("after", [-1, 0, 1, 3, 99])
    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_an_append_elsewhere_than_behind_the_last_is_stale(
        self, journal: SqlJournal, after: int, count: int
    ) -> None:
        journal.append("icp", 0, [new("e1"), new("e2")])
        with pytest.raises(StalePosition, match=f"the last position is 2, not {after}"):
            journal.append("icp", after, [new(f"n{number}") for number in range(count)])
        assert ids(journal) == ["e1", "e2"]

    def test_an_empty_append_behind_the_last_changes_nothing(self, journal: SqlJournal) -> None:
        assert journal.append("icp", 0, []) == 0
        journal.append("icp", 0, [new("e1")])
        assert journal.append("icp", 1, []) == 1
        assert ids(journal) == ["e1"]

    def test_a_stale_runner_goes_on_from_the_tail(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        with pytest.raises(StalePosition) as caught:
            journal.append("icp", 0, [new("late")])
        assert caught.value.retryable
        assert journal.append("icp", 1, [new("late")]) == 2

    def test_a_batch_is_written_whole_or_not_at_all(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        with pytest.raises(JournalTrouble, match="an event has the id of another one"):
            journal.append("icp", 1, [new("e2"), new("e3"), new("e1")])
        assert ids(journal) == ["e1"]
        assert journal.append("icp", 1, [new("e2")]) == 2

    def test_an_id_is_written_once_in_all_streams(self, journal: SqlJournal) -> None:
        journal.append("west", 0, [new("e1")])
        with pytest.raises(JournalTrouble, match="an event has the id of another one"):
            journal.append("east", 0, [new("e1")])

    @pytest.mark.parametrize(
        "hopeless",
        [
            new("bad", RunFailed(reason="\ud800")),
            new("bad", actor="\udcff"),
            new("bad", RunFailed(reason=object())),  # type: ignore[arg-type]
            new("bad", time=NOON.replace(tzinfo=None)),
        ],
        ids=["lone surrogate", "undecodable actor", "no JSON", "time without zone"],
    )
    def test_what_cannot_be_written_is_refused_by_its_id(
        self, journal: SqlJournal, hopeless: NewEvent
    ) -> None:
        with pytest.raises(JournalTrouble, match=r"the event bad of the kind .* cannot be written"):
            journal.append("icp", 0, [new("good"), hopeless])
        assert ids(journal) == []

    # Lost answers

    def test_the_same_append_again_is_recognised_by_its_ids(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        batch = [new("e2"), new("e3")]
        assert journal.append("icp", 1, batch) == 3
        assert journal.append("icp", 1, batch) == 3
        journal.append("icp", 3, [new("e4")])
        assert journal.append("icp", 1, batch) == 3
        assert ids(journal) == ["e1", "e2", "e3", "e4"]

    @pytest.mark.parametrize(
        "other",
        [
            [new("e2"), new("e3", actor="mallory")],
            [new("e3"), new("e2")],
            [new("e2")],
            [new("e2"), new("e3"), new("e4")],
        ],
        ids=["other content", "other order", "shorter", "longer"],
    )
    def test_another_batch_with_known_ids_is_not_taken_for_it(
        self, journal: SqlJournal, other: Sequence[NewEvent]
    ) -> None:
        journal.append("icp", 0, [new("e1")])
        journal.append("icp", 1, [new("e2"), new("e3")])
        if [event.id for event in other] == ["e2"]:  # the head of what is written: it is there as asked
            assert journal.append("icp", 1, other) == 2
        else:
            with pytest.raises(StalePosition):
                journal.append("icp", 1, other)
        assert ids(journal) == ["e1", "e2", "e3"]

    def test_a_commit_whose_answer_is_lost_counts(
        self, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal.append("icp", 0, [new("e1")])
        failing_commit(journal, monkeypatch, effect=True)
        assert journal.append("icp", 1, [new("e2"), new("e3")]) == 3
        assert journal.append("icp", 3, [new("e4")]) == 4
        assert ids(journal) == ["e1", "e2", "e3", "e4"]

    def test_a_commit_that_failed_leaves_nothing(
        self, journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal.append("icp", 0, [new("e1")])
        failing_commit(journal, monkeypatch, effect=False)
        with pytest.raises(JournalTrouble, match="disk I/O error"):
            journal.append("icp", 1, [new("e2"), new("e3")])
        assert ids(journal) == ["e1"]
        assert journal.append("icp", 1, [new("e2")]) == 2

    # The chain

    @pytest.mark.parametrize(
        ("statement", "position", "what"),
        [
            ("UPDATE events SET body = replace(body, 'e2', 'x2') WHERE position = 2", 2, "edited"),
            ("UPDATE events SET run = 'run-9' WHERE position = 3", 3, "edited"),
            ("UPDATE events SET kind = 'run.completed.v1' WHERE position = 1", 1, "edited"),
            ("UPDATE events SET time = '2026-01-01T00:00:00+00:00' WHERE position = 4", 4, "edited"),
            ("UPDATE events SET id = 'x2' WHERE position = 2", 2, "edited"),
            ("UPDATE events SET body = CAST(X'ff' AS TEXT) WHERE position = 3", 3, "not text any more"),
            ("UPDATE events SET previous_position = 1 WHERE position = 3", 3, "does not follow"),
            ("DELETE FROM events WHERE position = 1", 1, "missing; the next event stands at 2"),
            ("DELETE FROM events WHERE position = 2", 2, "missing; the next event stands at 3"),
            ("DELETE FROM events WHERE position IN (2, 3)", 2, "missing; the next event stands at 4"),
            ("UPDATE events SET position = 9 WHERE position = 4", 4, "missing; the next event stands at 9"),
        ],
    )
    def test_what_was_edited_or_dropped_is_named(
        self, journal: SqlJournal, statement: str, position: int, what: str
    ) -> None:
        journal.append("icp", 0, [new(f"e{number}") for number in range(1, 5)])
        tamper(journal, statement)
        found: list[str] = []
        with pytest.raises(BrokenChain, match=f"journal of icp, position {position}: .*{what}"):
            found.extend(event.id for event in journal.read("icp"))
        assert found == [f"e{number}" for number in range(1, position)]
        with pytest.raises(BrokenChain, match=f"position {position}:"):
            journal.verify("icp")
        with pytest.raises(BrokenChain, match=f"position {position}:"):
            list(journal.export("icp"))

    def test_events_that_changed_places_are_named(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new(f"e{number}") for number in range(1, 5)])
        tamper(
            journal,
            "UPDATE events SET position = 99 WHERE position = 2",
            "UPDATE events SET position = 2 WHERE position = 3",
            "UPDATE events SET position = 3 WHERE position = 99",
        )
        with pytest.raises(BrokenChain, match="position 2: it was edited or moved"):
            ids(journal)

    def test_an_event_of_another_stream_is_named(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        tamper(journal, "UPDATE events SET stream = 'iks'")
        with pytest.raises(BrokenChain, match="journal of iks, position 1: it was edited or moved"):
            ids(journal, "iks")

    def test_an_event_that_was_forged_whole_does_not_fit_its_successor(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1"), new("e2")])
        with SqlJournal(":memory:") as forgery:
            forgery.append("icp", 0, [new("f1")])
            digest = next(forgery.read("icp")).digest
        forged = "UPDATE events SET id = 'f1', body = replace(body, 'e1', 'f1'), digest = :digest"
        tamper(journal, f"{forged} WHERE position = 1", digest=digest)
        with pytest.raises(BrokenChain, match="position 2: it does not follow from the event at 1"):
            ids(journal)

    def test_a_read_from_the_middle_looks_at_what_it_starts_from(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1"), new("e2")])
        tamper(journal, "UPDATE events SET body = '{}' WHERE position = 1")
        with pytest.raises(BrokenChain, match="position 1: it was edited"):
            ids(journal, after=1)
        tamper(journal, "UPDATE events SET body = CAST(X'ff' AS TEXT) WHERE position = 1")
        with pytest.raises(BrokenChain, match="position 1: it was edited: it is not text"):
            ids(journal, after=1)

    def test_nothing_is_appended_to_a_tail_that_was_replaced(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        tamper(journal, "UPDATE events SET digest = :digest", digest="0" * 64)
        with pytest.raises(BrokenChain, match="position 1: it is not the event any more"):
            journal.append("icp", 1, [new("e2")])

    def test_verify_gives_the_tail_that_makes_a_cut_visible(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1"), new("e2")])
        tail = journal.verify("icp")
        assert tail == (2, list(journal.read("icp"))[-1].digest)
        tamper(journal, "DELETE FROM events WHERE position = 2")
        assert journal.verify("icp") != tail  # and nothing inside the journal could tell

    # What this program does not know

    @pytest.mark.parametrize(
        ("event", "what"),
        [
            (type("Later", (RunCompleted,), {"kind": "run.celebrated.v7"})(), r"run\.celebrated\.v7 is not"),
            (type("Other", (RunFailed,), {"kind": "run.completed.v1"})(reason="x"), "another shape"),
        ],
    )
    def test_an_unknown_event_is_named_and_still_verified_and_exported(
        self, journal: SqlJournal, event: Event, what: str
    ) -> None:
        journal.append("icp", 0, [new("e1"), new("e2", event)])
        read = journal.read("icp")
        assert next(read).id == "e1"
        with pytest.raises(UnknownEvent, match=f"journal of icp, position 2: .*{what}"):
            next(read)
        assert journal.verify("icp").position == 2
        assert len(list(journal.export("icp"))) == 2

    def test_an_export_is_a_line_of_json_an_event(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1", RunFailed(reason="two\nlines")), new("e2", time=IN_TOKYO)])
        first, second = journal.export("icp")
        assert "\n" not in first
        digest = journal.verify("icp").digest
        assert json.loads(second) == {
            "stream": "icp",
            "position": 2,
            "id": "e2",
            "run": "run-1",
            "kind": "change.applied.v1",
            "time": "2026-03-04T12:00:00.123456+00:00",
            "previous_position": 1,
            "previous_digest": json.loads(first)["digest"],
            "digest": digest,
            "actor": "alice",
            "event": {"change": "e2", "settled": False},
        }

    # Leases

    def test_a_lease_is_one_runner_s(self, journal: SqlJournal) -> None:
        with journal.lease("icp", "apply by alice"):
            with (
                pytest.raises(
                    SiteBusy, match=rf"site icp is busy: apply by alice \(pid {os.getpid()} on .*T"
                ),
                journal.lease("icp", "apply by bob"),
            ):
                pytest.fail("two runners")
            with journal.lease("iks", "apply by bob"):
                pass
        with journal.lease("icp", "apply by bob"):
            pass

    def test_a_lease_ends_with_its_context_however_that_ends(self, journal: SqlJournal) -> None:
        with pytest.raises(KeyboardInterrupt), journal.lease("icp", "alice"):
            raise KeyboardInterrupt
        with journal.lease("icp", "bob"):
            pass

    def test_a_lease_is_not_shared_between_threads(self, journal: SqlJournal) -> None:
        answers: list[str] = []

        def second() -> None:
            try:
                with journal.lease("icp", "second"):
                    answers.append("held")
            except SiteBusy as busy:
                answers.append(busy.holder)

        with journal.lease("icp", "first"):
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
        assert len(answers) == 1
        assert answers[0].startswith("first (pid ")

    # Side by side

    def test_of_two_threads_exactly_one_wins_each_position(self, journal: SqlJournal) -> None:
        start = threading.Barrier(2)
        won: dict[str, list[int]] = {"a": [], "b": []}

        def runner(name: str) -> None:
            start.wait()
            won[name].extend(append_each(journal, name, 15))

        threads = [threading.Thread(target=runner, args=(name,)) for name in won]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won["a"] + won["b"]) == list(range(1, 31))
        assert {
            name: [event.position for event in journal.read("icp") if event.run == name] for name in won
        } == won

    # Histories

    @given(
        st.lists(
            st.tuples(st.sampled_from(["icp", "iks"]), st.integers(-2, 2), st.integers(0, 3), st.booleans()),
            max_size=12,
        )
    )
    @settings(max_examples=40, suppress_health_check=[HealthCheck.differing_executors])
    def test_any_history_is_kept_as_a_list_would(self, steps: list[tuple[str, int, int, bool]]) -> None:
        kept: dict[str, list[str]] = {"icp": [], "iks": []}
        batches: dict[str, tuple[int, list[NewEvent]]] = {}
        with self.opened() as journal:
            for number, (stream, offset, count, again) in enumerate(steps):
                after = max(0, len(kept[stream]) + offset)
                events = [new(f"{number}/{part}") for part in range(count)]
                if again and stream in batches:
                    after, events = batches[stream]
                    assert journal.append(stream, after, events) == after + len(events)
                elif after == len(kept[stream]):
                    assert journal.append(stream, after, events) == after + count
                    kept[stream] += [event.id for event in events]
                    if events:
                        batches[stream] = after, events
                else:
                    with pytest.raises(StalePosition):
                        journal.append(stream, after, events)
            for stream, expected in kept.items():
                assert ids(journal, stream) == expected
                assert journal.verify(stream).position == len(expected)
            assert journal.streams() == sorted(stream for stream in kept if kept[stream])


def append_each(journal: SqlJournal, name: str, count: int) -> list[int]:
    """Append `count` events one by one, each behind whatever is there, and say where they went."""
    won: list[int] = []
    last = 0
    while len(won) < count:
        try:
            last = journal.append("icp", last, [new(f"{name}{len(won)}", run=name)])
            won.append(last)
        except StalePosition:
            last = max((event.position for event in journal.read("icp", last)), default=last)
    return won


class TestMemory(JournalContract):
    @staticmethod
    @contextmanager
    def opened() -> Iterator[SqlJournal]:
        with SqlJournal(":memory:") as journal:
            yield journal

    def test_two_journals_in_memory_are_two(self) -> None:
        with self.opened() as one, self.opened() as two:
            one.append("icp", 0, [new("e1")])
            assert ids(two) == []
            with one.lease("icp", "alice"), two.lease("icp", "bob"):
                pass


@dataclass
class Other:
    """Another process with the same journal, told line by line what to do."""

    process: subprocess.Popen[str]

    def ask(self, line: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


OTHER = """
import sys
from contextlib import ExitStack
from adapters.journal import SqlJournal
from hopbook.errors import SiteBusy
sys.path.append("tests/contract")
from test_journal import append_each
journal, held = SqlJournal(sys.argv[1]), ExitStack()
for line in sys.stdin:
    match line.split():
        case ["lease", name]:
            try:
                held.enter_context(journal.lease("icp", name))
                answer = "held"
            except SiteBusy as busy:
                answer = busy.holder
        case ["append", name, count]:
            answer = " ".join(map(str, append_each(journal, name, int(count))))
    print(answer, flush=True)
"""


class TestFile(JournalContract):
    path: ClassVar[str] = "site/journal.sqlite"

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[SqlJournal]:
        with TemporaryDirectory() as folder, SqlJournal(Path(folder) / cls.path) as journal:
            yield journal

    @contextmanager
    def another_process(self, journal: SqlJournal) -> Iterator[Other]:
        command = [sys.executable, "-c", OTHER, str(journal._path)]
        with subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            try:
                yield Other(process)
            finally:
                process.kill()

    def test_a_journal_that_is_opened_again_goes_on(self, journal: SqlJournal) -> None:
        journal.append("icp", 0, [new("e1")])
        assert journal._path
        with SqlJournal(f"sqlite:///{journal._path}") as again:
            assert ids(again) == ["e1"]
            assert again.append("icp", 1, [new("e2")]) == 2
        with pytest.raises(StalePosition):
            journal.append("icp", 1, [new("late")])
        assert journal.append("icp", 2, [new("e3")]) == 3

    def test_of_two_processes_exactly_one_wins_each_position(self, journal: SqlJournal) -> None:
        with self.another_process(journal) as other:
            assert other.ask("append warm 1") == "1"
            assert other.process.stdin
            other.process.stdin.write("append theirs 25\n")
            other.process.stdin.flush()
            ours = append_each(journal, "ours", 25)
            assert other.process.stdout
            theirs = [int(position) for position in other.process.stdout.readline().split()]
        assert sorted([*ours, *theirs]) == list(range(2, 52))
        assert journal.verify("icp").position == 51

    def test_a_lease_holds_across_processes_and_ends_with_kill_9(self, journal: SqlJournal) -> None:
        with self.another_process(journal) as other:
            assert other.ask("lease theirs") == "held"
            busy = pytest.raises(SiteBusy, match=rf"theirs \(pid {other.process.pid} on ")
            with busy, journal.lease("icp", "ours"):
                pytest.fail("two runners")
            assert other.ask("append theirs 3") == "1 2 3"
            other.process.kill()
            other.process.wait()
            with journal.lease("icp", "ours"):
                assert len(ids(journal)) == 3  # what was answered survives the process
        with journal.lease("icp", "ours"), self.another_process(journal) as other:
            assert other.ask("lease theirs").startswith(f"ours (pid {os.getpid()} on ")
