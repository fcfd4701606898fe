"""The one way into the journal for a run."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hopbook.engine.events import ChangeIntended, Event, NewEvent, Recorded
from hopbook.engine.ports import Clock, Journal
from hopbook.engine.state import SiteState, fold
from hopbook.errors import LeaseLost, StalePosition


@dataclass(slots=True, eq=False)
class _Asked:
    """Events that a lane wants written; `error`: why they are not."""

    events: Sequence[Event]
    ended: bool = False
    error: BaseException | None = None


@dataclass(slots=True)
class Writer:
    """Appends a run's events in order and keeps the state up with them. Lanes call it side by side."""

    journal: Journal
    stream: str
    run: str
    actor: str
    clock: Clock
    new_id: Callable[[], str]
    state: SiteState = field(default_factory=SiteState)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: deque["_Asked"] = field(default_factory=deque)

    def catch_up(self) -> SiteState:
        """Read what others wrote."""
        return fold(self.journal.read(self.stream, self.state.position), self.state)

    def append(self, *events: Event) -> None:
        """Write events as one; if somebody wrote first, take that in and write behind it.

        Only the holder of the site's lease intends changes, so what others write meanwhile (an approval)
        never contradicts what is appended here, and an outcome is always written.

        Raises:
            LeaseLost: somebody else intended a change meanwhile, and these events intend one, too.
        """
        if _intends(events):
            with self._lock:
                self._append(events)
            return
        asked = _Asked(events)
        self._waiting.append(asked)
        with self._lock:
            if not asked.ended:  # else whoever had the lock before wrote these along with its own
                self._write_all()
        if asked.error is not None:
            raise asked.error

    def _write_all(self) -> None:
        """Lanes end calls at the same time, and a commit costs the same for one event as for twenty."""
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        error: BaseException | None = None
        try:
            self._append([event for asked in taken for event in asked.events])
        except BaseException as raised:  # noqa: BLE001 - every lane has to hear of it, and raises it
            error = raised
        for asked in taken:
            asked.ended, asked.error = True, error

    def _append(self, events: Sequence[Event]) -> None:
        new = [
            NewEvent(id=self.new_id(), run=self.run, time=self.clock.now(), actor=self.actor, event=event)
            for event in events
        ]
        while True:
            try:
                self.journal.append(self.stream, self.state.position, new)
            except StalePosition:
                self._take_in(events)
            else:
                break
        for event in new:
            self.state.evolve(_recorded(event, self.stream, self.state.position + 1))

    def _take_in(self, events: Sequence[Event]) -> None:
        others = list(self.journal.read(self.stream, self.state.position))
        fold(others, self.state)
        if _intends(events) and _intends(other.event for other in others):
            message = f"run {self.run} lost site {self.stream}: {others[-1].actor} changes it by now"
            raise LeaseLost(message)


def _intends(events: Iterable[Event]) -> bool:
    return any(isinstance(event, ChangeIntended) for event in events)


def _recorded(event: NewEvent, stream: str, position: int) -> Recorded:
    """What was just written, as reading it back would give it (its digest is the journal's matter)."""
    return Recorded(
        id=event.id,
        run=event.run,
        time=event.time,
        actor=event.actor,
        event=event.event,
        stream=stream,
        position=position,
        digest="",
    )
