"""The chain: how events become rows, how each row seals the one before, and how that is checked.

A digest covers the text of every other column and the digest before it. Each part is preceded by its length
in characters, so no two rows share one spelling (`run=ab kind=c` is not `run=a kind=bc`); the position ends
at its colon, and the body is the rest.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from hopbook.engine.events import NewEvent, Recorded, canonical, from_wire, to_wire
from hopbook.errors import BrokenChain, JournalTrouble, UnknownEvent

_raw_decode = json.JSONDecoder().raw_decode  # without the search for white space, a sixth of a read


class Tail(NamedTuple):
    """The end of a stream: what the next event follows. Keep it elsewhere, and a cut tail becomes visible.

    An empty stream ends at position 0 with an empty digest.
    """

    position: int
    digest: str


class Row(NamedTuple):
    """One row of the table, its columns in their order."""

    stream: str
    position: int
    id: str
    run: str
    kind: str
    time: str
    previous_position: int | None
    previous_digest: str | None
    digest: str
    body: str


EMPTY = Tail(0, "")


def tail_of(row: Row) -> Tail:
    """The tail that a row makes; the database gives plain tuples, hence no names here and below."""
    return Tail(row[1], row[8])


def digest_of(row: Row) -> str:
    """The digest that a row should have."""
    stream, position, id_, run, kind, time, _, before, _, body = row
    before = before or ""
    return sha256(
        f"{position}:{len(stream)}:{stream}{len(id_)}:{id_}{len(run)}:{run}{len(kind)}:{kind}"
        f"{len(time)}:{time}{len(before)}:{before}{body}".encode()
    ).hexdigest()


def seal(stream: str, tail: Tail, events: Sequence[NewEvent]) -> list[Row]:
    """The rows that events become behind a tail.

    Raises:
        JournalTrouble: an event cannot be written as JSON text, or its time has no zone.
    """
    rows = []
    for new in events:
        try:
            row = _sealed(stream, tail, new)
        except (TypeError, ValueError, RecursionError) as error:
            message = f"the event {new.id} of the kind {new.event.kind} cannot be written: {error}"
            raise JournalTrouble(message) from error
        rows.append(row)
        tail = tail_of(row)
    return rows


def _sealed(stream: str, tail: Tail, new: NewEvent) -> Row:
    if new.time.utcoffset() is None:
        raise ValueError("its time has no zone")
    row = Row(
        stream=stream,
        position=tail.position + 1,
        id=new.id,
        run=new.run,
        kind=new.event.kind,
        time=new.time.astimezone(UTC).isoformat(),
        previous_position=tail.position or None,
        previous_digest=tail.digest or None,
        digest="",
        body=canonical({"actor": new.actor, "event": to_wire(new.event)}),
    )
    return row._replace(digest=digest_of(row))


def follow(rows: Iterable[Row], stream: str, tail: Tail) -> Iterator[Row]:
    """The rows of a stream in order of position, each checked against the one before.

    Raises:
        BrokenChain: naming the first position that is wrong, and what is wrong with it.
    """
    last, last_digest = tail
    for row in rows:
        _, position, _, _, _, _, previous, previous_digest, digest, _ = row
        if (
            position != last + 1
            or not _is_intact(row)
            or (previous or 0) != last
            or (previous_digest or "") != last_digest
        ):
            raise _what_is_wrong(row, stream, last)
        last, last_digest = position, digest
        yield row


def check_alone(row: Row, stream: str) -> Tail:
    """The tail that a row makes, where only its own digest is looked at."""
    if not _is_intact(row):
        raise _edited(stream, row[1])
    return tail_of(row)


def _is_intact(row: Row) -> bool:
    try:
        return digest_of(row) == row[8]
    except TypeError:  # a column that is no text any more
        return False


def _what_is_wrong(row: Row, stream: str, last: int) -> BrokenChain:
    position = row[1]
    if position != last + 1:
        return broken(stream, last + 1, f"it is missing; the next event stands at {position}")
    if not _is_intact(row):
        return _edited(stream, position)
    before = f"the event at {last}" if last else "nothing"
    return broken(
        stream, position, f"it does not follow from {before} as it is now; one of them was replaced"
    )


def _edited(stream: str, position: int) -> BrokenChain:
    return broken(stream, position, "it was edited or moved: its content does not have its digest")


def broken(stream: str, position: int, what: str) -> BrokenChain:
    """The error for one position."""
    return BrokenChain(f"journal of {stream}, position {position}: {what}")


def recorded(row: Row) -> Recorded:
    """The event that a row holds.

    Raises:
        UnknownEvent: of a kind, version or shape that this program does not know, naming its position.
    """
    stream, position, id_, run, kind, time, _, _, digest, body = row
    try:
        envelope, end = _raw_decode(body)
        if end != len(body):
            raise ValueError("something follows its JSON")  # noqa: TRY301 - told below, as every other way
        return Recorded(
            stream=stream,
            position=position,
            id=id_,
            run=run,
            time=datetime.fromisoformat(time),
            actor=envelope["actor"],
            event=from_wire(kind, envelope["event"]),
            digest=digest,
        )
    except UnknownEvent as error:
        raise UnknownEvent(f"journal of {stream}, position {position}: {error}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        message = f"journal of {stream}, position {position}: its body is not one of an event ({error!r})"
        raise UnknownEvent(message) from error


def line(row: Row) -> str:
    """A row as one line of JSON, for reading and checking elsewhere.

    `canonical` of its actor and event is the stored body again, so the digest can be taken anew from it.
    """
    document = {name: value for name, value in zip(Row._fields, row, strict=True) if name != "body"}
    try:
        return canonical({**document, **json.loads(row[9])})
    except (TypeError, ValueError, RecursionError) as error:
        message = f"journal of {row[0]}, position {row[1]}: its body is not JSON ({error!r})"
        raise UnknownEvent(message) from error
