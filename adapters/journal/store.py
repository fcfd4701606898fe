"""The journal on a database.

The database is the judge of an append: the rows go in as one transaction, and its constraints refuse what
does not follow from the tail. Only then is it asked why.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError

from adapters.journal import sqlite
from adapters.journal.chain import (
    EMPTY,
    Row,
    Tail,
    broken,
    check_alone,
    follow,
    line,
    recorded,
    seal,
    tail_of,
)
from adapters.journal.lease import FileLeases, Leases, MemoryLeases
from adapters.journal.schema import EVENTS
from hopbook.engine.events import NewEvent, Recorded
from hopbook.errors import JournalTrouble, StalePosition

_PAGE = 256  # events read at once; what bounds the memory of a read

_OF_STREAM = EVENTS.c.stream == bindparam("stream")
_AT = select(EVENTS).where(_OF_STREAM, EVENTS.c.position == bindparam("position"))
_BEHIND = (
    select(EVENTS)
    .where(_OF_STREAM, EVENTS.c.position > bindparam("position"))
    .order_by(EVENTS.c.position)
    .limit(bindparam("count"))
)
_LAST = select(func.max(EVENTS.c.position)).where(_OF_STREAM)
_STREAMS = select(EVENTS.c.stream).distinct().order_by(EVENTS.c.stream)


class SqlJournal:
    """`hopbook.engine.ports.Journal` on a database; safe to share between threads.

    Args:
        place: A path, `sqlite:///PATH`, or `:memory:` for a journal that ends with this object.

    Raises:
        JournalTrouble: the place cannot be used, and why. Every method may raise it.
    """

    def __init__(self, place: str | Path) -> None:
        self._path = sqlite.path_of(place)
        self._engine = sqlite.connect(self._path)
        self._insert = str(EVENTS.insert().compile(dialect=self._engine.dialect))
        self._tails: dict[str, Tail] = {}  # spares a read; the foreign key still judges
        self._leases: Leases = FileLeases(self._path) if self._path else MemoryLeases()

    def append(self, stream: str, after: int, events: Sequence[NewEvent]) -> int:
        """Write the events behind position `after` and return the new last position; all or nothing.

        The same events again at the same place are recognised by their ids and content, so that an append
        whose answer was lost can simply be repeated.

        Raises:
            StalePosition: the stream's last position is not `after`.
        """
        tail = self._tail_at(stream, after)
        if tail is None or (not events and self._last(stream) != after):
            raise self._stale(stream, after)
        rows = seal(stream, tail, events)
        if not rows:
            return after
        try:
            self._write(rows)
        except (SQLAlchemyError, sqlite.Error) as error:
            if not self._holds(rows, error):
                raise self._refusal(rows, error) from error
        self._tails[stream] = tail_of(rows[-1])
        return rows[-1].position

    def read(self, stream: str, after: int = 0) -> Iterator[Recorded]:
        """The events behind a position, in order, each checked against the one before.

        Raises:
            UnknownEvent: an event of a kind that this program does not know.
            BrokenChain: an event that does not follow from the one before, or `after` is not there.
        """
        return map(recorded, self._rows(stream, after))

    def verify(self, stream: str) -> Tail:
        """Check the whole chain, kinds that are not known included, and return where it ends.

        Raises:
            BrokenChain: naming the first position that is wrong, and what is wrong with it.
        """
        tail = EMPTY
        for row in self._rows(stream, 0):
            tail = tail_of(row)
        return tail

    def streams(self) -> list[str]:
        """The names of all streams, sorted."""
        return [row[0] for row in self._fetch(_STREAMS)]

    def export(self, stream: str) -> Iterator[str]:
        """The checked stream as lines of JSON, an event each, kinds that are not known included."""
        return map(line, self._rows(stream, 0))

    def lease(self, stream: str, holder: str) -> AbstractContextManager[None]:
        """Be the stream's one runner while the context lasts.

        Raises:
            SiteBusy: another runner is, in this process or another; the message says who and since when.
        """
        return self._leases.lease(stream, holder)

    def close(self) -> None:
        """Let go of the database. A journal in memory is gone."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, rows: list[Row]) -> None:
        """One transaction, past SQLAlchemy's own execution: that would cost a third of the whole append."""
        connection = self._engine.raw_connection()
        try:
            connection.cursor().executemany(self._insert, rows)
            connection.commit()
        finally:
            connection.close()  # to the pool, which takes back what is not committed

    def _rows(self, stream: str, after: int) -> Iterator[Row]:
        """The checked rows, page by page: no connection is held while the caller thinks."""
        tail = self._anchor(stream, after)
        count = _PAGE
        while True:
            try:
                page = self._fetch(_BEHIND, stream=stream, position=tail.position, count=count)
            except _NotText:
                if count == 1:
                    raise broken(
                        stream, tail.position + 1, "it was edited: it is not text any more"
                    ) from None
                count = 1  # to find which one of the page it is
                continue
            yield from follow(page, stream, tail)
            if len(page) < count:
                return
            tail = tail_of(page[-1])

    def _anchor(self, stream: str, after: int) -> Tail:
        """The tail that a read behind `after` starts from."""
        if after <= 0:
            return EMPTY
        try:
            found = self._fetch(_AT, stream=stream, position=after)
        except _NotText:
            raise broken(stream, after, "it was edited: it is not text any more") from None
        if not found:
            raise broken(stream, after, "it is missing")
        return check_alone(found[0], stream)

    def _tail_at(self, stream: str, position: int) -> Tail | None:
        """The tail at a position, which need not be the last; None where there is no such event."""
        if position == 0:
            return EMPTY
        known = self._tails.get(stream)
        if known and known.position == position:
            return known
        found = self._fetch(_AT, stream=stream, position=position)
        return tail_of(found[0]) if found else None

    def _last(self, stream: str) -> int:
        return cast("int | None", self._fetch(_LAST, stream=stream)[0][0]) or 0

    def _holds(self, rows: list[Row], error: Exception) -> bool:
        """Whether exactly these rows are written, which an error of the commit leaves open."""
        first = rows[0]
        try:
            found = self._fetch(_BEHIND, stream=first.stream, position=first.position - 1, count=len(rows))
        except JournalTrouble:
            message = (
                f"{sqlite.trouble(self._path, error)}; whether the last events were written is not known"
            )
            raise JournalTrouble(message) from error
        return found == rows

    def _refusal(self, rows: list[Row], error: Exception) -> JournalTrouble:
        """Why the database did not take the rows."""
        if not isinstance(error, sqlite.IntegrityError):
            return sqlite.trouble(self._path, error)
        stream, after = rows[0].stream, rows[0].position - 1
        if self._last(stream) != after:
            return self._stale(stream, after)
        if sqlite.is_about_the_tail(error):
            return broken(stream, after, "it is not the event any more that was written there")
        return JournalTrouble(f"{sqlite.name_of(self._path)}: an event has the id of another one ({error})")

    def _stale(self, stream: str, after: int) -> StalePosition:
        self._tails.pop(stream, None)
        return StalePosition(f"journal of {stream}: the last position is {self._last(stream)}, not {after}")

    def _fetch(self, query: Select[*tuple[object, ...]], **values: str | int) -> list[Row]:
        try:
            with self._engine.connect() as connection:
                # The driver's own tuples: 50,000 of SQLAlchemy's rows cost a sixth of a read
                return cast("list[Row]", connection.execute(query, values).cursor.fetchall())
        except (SQLAlchemyError, sqlite.Error) as error:
            if sqlite.is_not_text(error):
                raise _NotText from error
            raise sqlite.trouble(self._path, error) from error


class _NotText(JournalTrouble):
    """A stored text is not UTF-8; which one is for the reader to find out."""

    def __init__(self) -> None:
        super().__init__("a stored text is not UTF-8 any more; verify the journal")
