"""A journal's file: whose it is, and what is said of one that cannot be used."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from adapters.journal import SqlJournal, sqlite
from adapters.journal.lease import lease_file, locked
from hopbook.engine.events import NewEvent, RunFailed
from hopbook.errors import JournalTrouble, SiteBusy


def new(id_: str, reason: str = "") -> NewEvent:
    time = datetime(2026, 3, 4, tzinfo=UTC)
    return NewEvent(id=id_, run="run-1", time=time, actor="alice", event=RunFailed(reason=reason))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "site.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqlJournal]:
    with SqlJournal(path) as journal:
        yield journal


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_nobody_else_can_read_it_whatever_the_umask(path: Path) -> None:
    with SqlJournal(path) as journal, journal.lease("icp", "alice"):
        journal.append("icp", 0, [new("e1")])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert {"site.sqlite", "site.sqlite-wal", "site.sqlite-shm"} < modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_commit_waits_for_the_disk(journal: SqlJournal) -> None:
    connection = journal._engine.raw_connection()
    cursor = connection.cursor()
    settings = {
        name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    connection.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_its_folder_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    SqlJournal(tmp_path / "site.sqlite").close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_many_open_a_new_one_at_once(path: Path) -> None:
    start, opened = threading.Barrier(4), ExitStack()
    failures: list[Exception] = []

    def opener() -> None:
        start.wait()
        try:
            opened.push(SqlJournal(path))
        except JournalTrouble as error:
            failures.append(error)

    threads = [threading.Thread(target=opener) for _ in range(4)]
    with opened:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


def test_it_is_set_up_by_one_at_a_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens without shows in one of hundreds of races: "database is locked", and not waited for."""
    done: list[bool] = []

    def prepare(engine: Engine) -> None:
        with locked(path.with_name(f"{path.name}.lock"), wait=False) as file:
            done.append(file is None)
        original(engine)

    original = sqlite._prepare
    monkeypatch.setattr(sqlite, "_prepare", prepare)
    SqlJournal(path).close()
    assert done == [True]


def trouble_of(place: str | Path) -> str:
    """The one line that is said of a place that cannot be used."""
    with pytest.raises(JournalTrouble) as caught:
        SqlJournal(place)
    message = str(caught.value)
    assert "\n" not in message
    assert "sqlalche" not in message.lower()
    return message


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    assert trouble_of(tmp_path) == f"the journal {tmp_path}: it is not a file"


def test_a_file_of_something_else_is_no_journal(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary, " * 100)
    assert trouble_of(path) == f"the journal {path}: it is not a SQLite database"
    assert path.read_text().startswith("Dear diary, ")


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE things (name TEXT)")
    before = path.read_bytes()
    assert trouble_of(path) == f"the journal {path}: it is the database of another program"
    assert path.read_bytes() == before


def test_a_newer_journal_is_left_alone(path: Path) -> None:
    SqlJournal(path).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 2")
    assert trouble_of(path) == f"the journal {path}: a newer hopbook wrote it (schema 2; this one knows 1)"


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = tmp_path / "file" / "site.sqlite"
    assert trouble_of(below) == f"the journal {below}: its folder cannot be made: File exists"
    assert "its folder cannot be made" in trouble_of("/proc/hopbook/site.sqlite")
    assert "cannot be opened" in trouble_of("/proc/site.sqlite")
    assert "has a NUL in it" in trouble_of("a\0b")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://hopbook:swordfish@db/hopbook", "a journal in postgresql is not supported"),
        ("://", "the journal's URL cannot be read"),
    ],
)
def test_a_url_of_another_database_is_refused_without_its_password(url: str, said: str) -> None:
    message = trouble_of(url)
    assert said in message
    assert "swordfish" not in message


@pytest.mark.parametrize("place", [":memory:", "sqlite://", "sqlite:///:memory:"])
def test_a_journal_in_memory_makes_no_file(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SqlJournal(place) as journal:
        assert journal.append("icp", 0, [new("e1")]) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing_half_done(journal: SqlJournal, path: Path) -> None:
    connection = journal._engine.raw_connection()
    cursor = connection.cursor()
    pages = cursor.execute("PRAGMA page_count").fetchone()[0]
    cursor.execute(f"PRAGMA max_page_count = {pages}")
    connection.close()
    with pytest.raises(JournalTrouble) as caught:
        journal.append("icp", 0, [new("e1"), new("e2", "long " * 10_000)])
    assert str(caught.value) == f"the journal {path}: the disk is full"
    assert list(journal.read("icp")) == []


def test_a_journal_that_may_not_be_written_can_be_read(journal: SqlJournal, path: Path) -> None:
    journal.append("icp", 0, [new("e1")])
    connection = journal._engine.raw_connection()
    connection.cursor().execute("PRAGMA query_only = ON")
    connection.close()
    with pytest.raises(JournalTrouble) as caught:
        journal.append("icp", 1, [new("e2")])
    assert str(caught.value) == f"the journal {path}: it may not be written"
    assert len(list(journal.read("icp"))) == 1


def test_another_writer_is_not_waited_for_without_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.journal.sqlite._PATIENCE", 0)
    with SqlJournal(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalTrouble, match="another program has locked it"):
            journal.append("icp", 0, [new("e1")])
        other.execute("ROLLBACK")
        assert journal.append("icp", 0, [new("e1")]) == 1


def test_a_damaged_file_is_said(path: Path) -> None:
    with SqlJournal(path) as journal:
        journal.append("icp", 0, [new(f"e{number}", "x" * 500) for number in range(100)])
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    path.write_bytes(content)
    with SqlJournal(path) as journal, pytest.raises(JournalTrouble, match="it is damaged"):
        list(journal.read("icp"))


@pytest.mark.parametrize("stream", ["../../etc/passwd", "/", "", "ä" * 300, "a\0b", "\udcff", "con"])
def test_any_stream_has_a_lease_file_beside_the_database(
    journal: SqlJournal, path: Path, stream: str
) -> None:
    with (
        journal.lease(stream, "alice\n\udcff" + "x" * 9999),
        pytest.raises(SiteBusy),
        journal.lease(stream, "bob"),
    ):
        pytest.fail("two runners")
    assert lease_file(path, stream).parent == path.parent
    assert lease_file(path, stream).exists()


def test_what_a_killed_holder_left_is_not_said_of_the_next(journal: SqlJournal, path: Path) -> None:
    file = lease_file(path, "icp")
    file.write_text("somebody else " * 100)
    with journal.lease("icp", "alice"):
        with pytest.raises(SiteBusy) as caught, journal.lease("icp", "bob"):
            pytest.fail("two runners")
        assert "somebody" not in caught.value.holder
    assert file.read_text() == ""


def test_streams_of_like_names_have_leases_of_their_own(path: Path) -> None:
    names = ["a", "A", "a/", "a%2F", "ä" * 50, "ä" * 51]
    assert len({lease_file(path, name).name.lower() for name in names}) == len(names)


def test_a_lease_file_that_cannot_be_made_is_said(journal: SqlJournal, path: Path) -> None:
    lease_file(path, "icp").mkdir()
    with (
        pytest.raises(JournalTrouble, match="cannot be opened: Is a directory"),
        journal.lease("icp", "alice"),
    ):
        pytest.fail("no lease")
