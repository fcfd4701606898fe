"""The journal and the clock of a toy site, and the end of a process."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hopbook.engine.events import NewEvent, Recorded, from_wire, to_wire
from hopbook.errors import StalePosition


class CrashNow(BaseException):
    """The process ends here."""


class Fuse:
    """Ends the process after so many moments; once it burned, every moment of that process ends it."""

    def __init__(self, left: int | None = None) -> None:
        self.left = left
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """One moment at which a process can end."""
        with self._lock:
            if self.left == 0:
                raise CrashNow
            if self.left is not None:
                self.left -= 1


@dataclass(slots=True)
class FakeClock:
    """A clock that only waiting moves."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Wait, in no time."""
        self.time += timedelta(seconds=seconds)


@dataclass(slots=True)
class MemoryJournal:
    """`ports.Journal` in memory; what is read was JSON meanwhile."""

    rows: list[str] = field(default_factory=list)
    fuse: Fuse = field(default_factory=Fuse)
    envelopes: list[NewEvent] = field(default_factory=list)

    def append(self, stream: str, after: int, events: Sequence[NewEvent]) -> int:  # noqa: ARG002 - one stream
        """As the port says."""
        self.fuse()
        if after != len(self.rows):
            raise StalePosition(f"the last position is {len(self.rows)}, not {after}")
        rows = [json.dumps(to_wire(new.event)) for new in events]
        self.rows += rows
        self.envelopes += events
        self.fuse()
        return len(self.rows)

    def read(self, stream: str, after: int = 0) -> Iterator[Recorded]:
        """As the port says."""
        for position, (row, new) in enumerate(zip(self.rows, self.envelopes, strict=True), start=1):
            if position > after:
                yield Recorded(
                    id=new.id,
                    run=new.run,
                    time=new.time,
                    actor=new.actor,
                    event=from_wire(new.event.kind, json.loads(row)),
                    stream=stream,
                    position=position,
                    digest="",
                )

    def lease(self, stream: str, holder: str) -> AbstractContextManager[None]:  # noqa: ARG002 - nobody else
        """As the port says."""
        return nullcontext()
