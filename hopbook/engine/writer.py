"""The one way into the journal for a run."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from hopbook.engine.events import ChangeIntended, Event, NewEvent, Recorded
from hopbook.engine.ports import Clock, Journal
from hopbook.engine.state import SiteState, fold
from hopbook.errors import LeaseLost, StalePosition


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
        with self._lock:
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
