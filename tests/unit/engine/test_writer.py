"""How lanes that end calls at the same time write."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from adapters.journal import SqlJournal
from hopbook.engine.events import ChangeIntended, Event, NewEvent, RunStarted, StepCompleted
from hopbook.engine.writer import Writer
from hopbook.errors import JournalTrouble
from hopbook.testing import FakeClock

LANES = 6


class Slow(SqlJournal):
    """A journal whose first append takes until everybody else waits."""

    def __init__(self, trouble: str = "") -> None:
        super().__init__(":memory:")
        self.batches: list[int] = []
        self.waiting: Callable[[], int] = lambda: LANES
        self.trouble = trouble

    def append(self, stream: str, after: int, events: Sequence[NewEvent]) -> int:
        end = time.monotonic() + 10
        while not self.batches and self.waiting() < LANES - 1 and time.monotonic() < end:
            threading.Event().wait(0.001)
        self.batches.append(len(events))
        if self.trouble and len(self.batches) > 1:
            raise JournalTrouble(self.trouble)
        return super().append(stream, after, events)


def writer(journal: Slow) -> Writer:
    ids = count()
    made = Writer(journal, "site", "r-1", "test", FakeClock(), lambda: f"{next(ids):032}")
    made.append(RunStarted(mode="apply", runbook="b", parameters={}, site_document="", inputs={}))
    journal.batches.clear()
    journal.waiting = lambda: len(made._waiting)
    return made


def intent(key: str) -> Event:
    return ChangeIntended(change=key, step="s", action="create", key=key, before=None, after=None)


def test_what_waits_while_one_is_written_is_written_together() -> None:
    with Slow() as journal, ThreadPoolExecutor(LANES) as pool:
        made = writer(journal)
        list(pool.map(lambda step: made.append(StepCompleted(step=step)), map(str, range(LANES))))

        assert journal.batches == [1, LANES - 1]
        assert set(made.state.runs["r-1"].steps) == set(map(str, range(LANES)))
        assert made.state.position == 1 + LANES


def test_a_lane_whose_events_another_one_could_not_write_hears_of_it() -> None:
    heard = []

    def lane(made: Writer, step: str) -> None:
        try:
            made.append(StepCompleted(step=step))
        except JournalTrouble as error:
            heard.append(str(error))

    with Slow("the disk is full") as journal, ThreadPoolExecutor(LANES) as pool:
        made = writer(journal)
        list(pool.map(lambda step: lane(made, step), map(str, range(LANES))))

        assert heard == ["the disk is full"] * (LANES - 1)
        assert made.state.position == 2


def test_intents_are_written_for_themselves() -> None:
    with Slow() as journal, ThreadPoolExecutor(LANES) as pool:
        made = writer(journal)
        journal.waiting = lambda: LANES
        list(pool.map(lambda key: made.append(intent(key), intent(f"{key}b")), map(str, range(LANES))))

        assert journal.batches == [2] * LANES
