"""What the database refuses by itself, whoever writes."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.journal.schema import METADATA
from adapters.journal.sqlite import connect

FIRST = ("icp", 1, "e1", "r", "k", "t", None, None, "d1", "{}")
SECOND = ("icp", 2, "e2", "r", "k", "t", 1, "d1", "d2", "{}")


@pytest.fixture
def insert() -> Iterator[Any]:
    engine = connect(None)
    connection = engine.raw_connection()

    def insert(*rows: tuple[Any, ...]) -> None:
        connection.cursor().executemany("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?)", rows)
        connection.commit()

    insert(FIRST, SECOND)
    insert.execute = connection.cursor().execute  # type: ignore[attr-defined]
    yield insert
    connection.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("icp", 4, "e3", "r", "k", "t", 3, "d3", "d4", "{}"), "FOREIGN KEY"),  # after one that is not there
        (("icp", 4, "e3", "r", "k", "t", 2, "d2", "d3", "{}"), "CHECK"),  # a gap
        (("icp", 2, "e3", "r", "k", "t", 1, "d1", "d3", "{}"), "UNIQUE"),  # a position that is taken
        (("icp", 3, "e3", "r", "k", "t", 2, "d1", "d3", "{}"), "FOREIGN KEY"),  # a wrong tail
        (("icp", 3, "e3", "r", "k", "t", None, None, "d3", "{}"), "CHECK"),  # a second beginning
        (("icp", 3, "e3", "r", "k", "t", 2, None, "d3", "{}"), "CHECK"),  # a tail without a digest
        (("icp", 3, "e3", "r", "k", "t", None, "d2", "d3", "{}"), "CHECK"),  # a tail without a position
        (("iks", 1, "e3", "r", "k", "t", 0, "", "d3", "{}"), "CHECK"),  # a beginning after something
        (("iks", 1, "e3", "r", "k", "t", 0, None, "d3", "{}"), "CHECK"),
        (("iks", 1, "e3", "r", "k", "t", None, "d2", "d3", "{}"), "CHECK"),
        (("iks", 0, "e3", "r", "k", "t", None, None, "d3", "{}"), "CHECK"),  # before the beginning
        (("iks", 3, "e3", "r", "k", "t", 2, "d2", "d3", "{}"), "FOREIGN KEY"),  # after another stream's
        (("icp", 3, "e2", "r", "k", "t", 2, "d2", "d3", "{}"), "UNIQUE"),  # an id twice
        (("icp", 3, "e3", None, "k", "t", 2, "d2", "d3", "{}"), "NOT NULL"),
        (("icp", 3, "e3", "r", "k", "t", 2, "d2", "d3", b"{}"), "cannot store BLOB"),
    ],
)
def test_a_row_that_does_not_follow_is_refused(insert: Any, row: tuple[Any, ...], why: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=why):
        insert(row)


def test_the_row_that_follows_is_taken(insert: Any) -> None:
    insert(
        ("icp", 3, "e3", "r", "k", "t", 2, "d2", "d3", "{}"),
        ("iks", 1, "e4", "r", "k", "t", None, None, "d4", "{}"),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM events WHERE position = 1",
        "UPDATE events SET digest = 'x' WHERE position = 1",
        "UPDATE events SET position = 7 WHERE position = 1",
    ],
)
def test_an_event_with_a_successor_is_held_in_its_place(insert: Any, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        insert.execute(statement)


def test_there_is_one_table() -> None:
    assert list(METADATA.tables) == ["events"]
