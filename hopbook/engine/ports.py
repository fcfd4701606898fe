"""What the engine needs from the world, one Protocol a need."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from hopbook.engine.change import Change, KindTraits, Observation, Outcome, Scope, Submitted
from hopbook.engine.events import NewEvent, Recorded

Recorder = Callable[[Submitted], None]


class Provider(Protocol):
    """One system, as resources."""

    kinds: Mapping[str, KindTraits]

    def observe(self, scope: Scope) -> Observation:
        """Read a scope in as few calls as the system allows.

        Ours and others' by key, operations in flight, fields that cannot be read. A scope that does not
        exist yet is empty.

        Raises:
            SystemTrouble: the system did not answer as it should; nothing was changed.
        """

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        """Make the changes of one lane so, in order, in as few calls as the system allows.

        Yields one outcome a change. A timeout is `unknown`, never retried blindly; an answer that proves
        that nothing was done is `refused`. An error raised instead of an outcome is judged the same way by
        its class for every change that has no outcome yet.
        """


class Journal(Protocol):
    """The append-only record, one stream a site."""

    def append(self, stream: str, after: int, events: Sequence[NewEvent]) -> int:
        """Write the events behind position `after` and return the new last position; all or nothing.

        Raises:
            StalePosition: the stream's last position is not `after`.
        """

    def read(self, stream: str, after: int = 0) -> Iterator[Recorded]:
        """The events behind a position, in order.

        Raises:
            UnknownEvent: an event of a kind that this program does not know.
            BrokenChain: an event that does not follow from the one before.
        """

    def lease(self, stream: str, holder: str) -> AbstractContextManager[None]:
        """Be the stream's one runner while the context lasts.

        Raises:
            SiteBusy: another runner is; the message says who and since when.
        """


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
