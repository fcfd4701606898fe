"""Everything that holds for SQLite alone: the file, its settings, its version, its errors.

WAL lets others read while a run writes; `synchronous=FULL` makes a commit wait for the disk, since an intent
has to survive the power before its call is made. Foreign keys are off in SQLite until each connection asks.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from adapters.journal.lease import locked
from adapters.journal.schema import METADATA, VERSION
from hopbook.errors import JournalTrouble

Error = sqlite3.Error
IntegrityError = sqlite3.IntegrityError
MEMORY = ":memory:"
_PROGRAM = 0x486F7062  # "Hopb" in the file's head: a journal, and no other program's database
_PATIENCE = 10.0  # seconds to wait for another writer

_MEANINGS = {
    "SQLITE_NOTADB": "it is not a SQLite database",
    "SQLITE_CORRUPT": "it is damaged; restore it from a copy",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk did not do as it was told",
    "SQLITE_READONLY": "it may not be written",
    "SQLITE_CANTOPEN": "it cannot be opened",
    "SQLITE_PERM": "it may not be opened",
    "SQLITE_BUSY": f"another program has locked it for more than {_PATIENCE:.0f} s",
}


def path_of(place: str | Path) -> Path | None:
    """The file that a path or URL means; None for a journal in memory.

    Raises:
        JournalTrouble: the URL is not one of SQLite.
    """
    if "\0" in str(place):
        raise JournalTrouble("the journal's path has a NUL in it")
    if isinstance(place, Path):
        return place
    if "://" not in place:
        return None if place == MEMORY else Path(place)
    try:
        url = make_url(place)
    except ArgumentError as error:
        raise JournalTrouble("the journal's URL cannot be read; expected sqlite:///PATH") from error
    if url.get_backend_name() != "sqlite":
        raise JournalTrouble(
            f"a journal in {url.get_backend_name()} is not supported; expected sqlite:///PATH"
        )
    return None if url.database in {None, "", MEMORY} else Path(str(url.database))


def connect(path: Path | None) -> Engine:
    """An engine on a journal that is there and of this version; it is made where it is missing.

    It has one connection, lent to one thread at a time: a database in memory has no more than one, and a
    file's writers would only wait for each other further down.

    Raises:
        JournalTrouble: the file cannot be used, and why.
    """
    url = URL.create("sqlite", database=str(path) if path else MEMORY)
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": _PATIENCE},
    )
    event.listen(engine, "connect", _configure)
    try:
        if path is None:
            _prepare(engine)
        else:
            _make_folder(path.parent)
            # One at a time: the change to WAL does not wait for others by itself, and a file that is closed
            # after it was made takes the locks of this whole process on it away.
            with locked(path.with_name(f"{path.name}.lock"), wait=True):
                _make_file(path)
                _prepare(engine)
                _log_ahead(engine)
    except (SQLAlchemyError, Error) as error:
        engine.dispose()
        raise trouble(path, error) from error
    except JournalTrouble as error:
        engine.dispose()
        raise JournalTrouble(f"{name_of(path)}: {error}") from error
    return engine


def name_of(path: Path | None) -> str:
    """How messages name the journal."""
    return f"the journal {path}" if path else "the journal in memory"


def trouble(path: Path | None, error: Exception) -> JournalTrouble:
    """What an error of the database means, in one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = str(getattr(cause, "sqlite_errorname", ""))
    meaning = next((text for start, text in _MEANINGS.items() if code.startswith(start)), "")
    return JournalTrouble(f"{name_of(path)}: {meaning or str(cause).partition(chr(10))[0]}")


def is_about_the_tail(error: Exception) -> bool:
    """Whether rows were refused because the tail that they follow is not there with that digest."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_FOREIGNKEY"


def is_not_text(error: Exception) -> bool:
    """Whether a row could not be read because one of its texts is not UTF-8 any more."""
    return "Could not decode to UTF-8" in str(error)


def _configure(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalTrouble(f"its folder cannot be made: {error.strerror}") from error


def _make_file(path: Path) -> None:
    """Make the file, ours alone from its first moment: SQLite would leave it to the umask."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not path.is_file():
            raise JournalTrouble("it is not a file") from None
    except OSError as error:
        raise JournalTrouble(f"it cannot be made: {error.strerror}") from error


def _prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        program, version = _pragma(connection, "application_id"), _pragma(connection, "user_version")
        is_new = not program and not version and not _pragma(connection, "schema_version")
        if is_new:
            METADATA.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {_PROGRAM}")
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        elif program != _PROGRAM:
            raise JournalTrouble("it is the database of another program")
        elif version != VERSION:
            raise JournalTrouble(f"a newer hopbook wrote it (schema {version}; this one knows {VERSION})")


def _log_ahead(engine: Engine) -> None:
    """Turn the write-ahead log on; the file remembers it, so only after the look at whose file it is."""
    with engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode = WAL").scalar_one()
    if mode != "wal":
        raise JournalTrouble(f"its file system does not allow a write-ahead log (journal mode {mode})")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
