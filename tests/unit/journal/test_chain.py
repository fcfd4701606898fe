"""The digest: what it covers, and that no two rows share one."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.journal.chain import EMPTY, Row, digest_of, follow, line, recorded
from hopbook.errors import BrokenChain, UnknownEvent

ROW = Row("icp", 7, "e7", "run", "kind", "time", 6, "before", "digest", "{}")

texts = st.text("ab:01é", max_size=4)
rows = st.builds(
    Row,
    stream=texts,
    position=st.integers(1, 20),
    id=texts,
    run=texts,
    kind=texts,
    time=texts,
    previous_position=st.none(),
    previous_digest=texts,
    digest=st.just(""),
    body=texts,
)


def test_the_digest_can_be_taken_by_hand() -> None:
    spelled = "7:3:icp2:e73:run4:kind4:time6:before{}"
    assert digest_of(ROW) == sha256(spelled.encode()).hexdigest()


@pytest.mark.parametrize(
    "name", ["stream", "position", "id", "run", "kind", "time", "previous_digest", "body"]
)
def test_the_digest_covers_every_column(name: str) -> None:
    values: dict[str, Any] = {name: 8 if name == "position" else "other"}
    other = ROW._replace(**values)
    assert digest_of(other) != digest_of(ROW)


@given(rows, rows)
def test_two_rows_share_a_digest_only_where_they_are_the_same(one: Row, two: Row) -> None:
    assert (digest_of(one) == digest_of(two)) == (one == two)


@given(st.data(), rows)
def test_text_that_moves_from_one_column_to_the_next_changes_the_digest(
    data: st.DataObject, row: Row
) -> None:
    names = ["stream", "id", "run", "kind", "time", "previous_digest", "body"]
    place = data.draw(st.integers(0, len(names) - 2))
    left, right = names[place], names[place + 1]
    joined = getattr(row, left) + getattr(row, right)
    cut = data.draw(st.integers(0, len(joined)))
    moved = row._replace(**{left: joined[:cut], right: joined[cut:]})
    assert (digest_of(moved) == digest_of(row)) == (moved == row)


# What only a database without our constraints can hold


def sealed(row: Row) -> Row:
    """The row with the digest that it should have."""
    return row._replace(digest=digest_of(row))


FIRST = sealed(Row("icp", 1, "e1", "run", "run.completed.v1", "2026-03-04", None, None, "", "{}"))


@pytest.mark.parametrize("name", ["id", "run", "kind", "time", "body"])
@pytest.mark.parametrize("value", [None, 7, b"{}"])
def test_a_column_that_is_no_text_is_an_edit(name: str, value: Any) -> None:
    changed: dict[str, Any] = {name: value}
    with pytest.raises(BrokenChain, match="position 1: it was edited"):
        list(follow([FIRST._replace(**changed)], "icp", EMPTY))


def test_an_event_with_a_digest_of_its_own_far_behind_is_a_gap() -> None:
    far = sealed(FIRST._replace(position=9, previous_position=1, previous_digest=FIRST.digest))
    with pytest.raises(BrokenChain, match="position 2: it is missing; the next event stands at 9"):
        list(follow([FIRST, far], "icp", EMPTY))


def test_a_position_that_is_there_twice_is_named() -> None:
    with pytest.raises(BrokenChain, match="position 2: it is missing; the next event stands at 1"):
        list(follow([FIRST, FIRST], "icp", EMPTY))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "7",
        "{}",
        '{"actor":"alice"}',
        '{"event":{}}',
        '{"actor":"alice","event":[7]}',
        '{"actor":"alice","event":null}',
        '{"actor":"alice","event":{}} and more',
        "[" * 100_000,
    ],
)
def test_a_body_that_is_not_one_of_an_event_is_named(body: str) -> None:
    with pytest.raises(UnknownEvent, match="journal of icp, position 1: "):
        recorded(FIRST._replace(body=body))


@pytest.mark.parametrize("body", ["", "[]", "7", "{} and more", "[" * 100_000])
def test_what_is_not_json_is_not_exported(body: str) -> None:
    with pytest.raises(UnknownEvent, match="journal of icp, position 1: its body is not JSON"):
        line(FIRST._replace(body=body))
