"""Being a stream's one runner.

With a file the kernel is the judge: `flock` on a file beside the database ends with the process, however that
ends. The text in the file only tells the others whom they wait for. The file stays when the lease ends:
removing it would let two runners lock two files of one name.

A child that is forked without exec shares the lock and keeps it; nothing here forks so.
"""

import fcntl
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from hopbook.errors import JournalTrouble, SiteBusy

_LONGEST_TEXT = 4096


class Leases(Protocol):
    """The leases of one journal."""

    def lease(self, stream: str, holder: str) -> AbstractContextManager[None]:
        """Hold the stream's lease while the context lasts; SiteBusy at once where another does."""


class FileLeases:
    """Leases between processes, one file a stream beside the database."""

    def __init__(self, database: Path) -> None:
        self._database = database

    @contextmanager
    def lease(self, stream: str, holder: str) -> Iterator[None]:
        """Hold the stream's lease while the context lasts."""
        path = lease_file(self._database, stream)
        with locked(path, wait=False) as file:
            if file is None:
                raise SiteBusy(stream, _read(path) or "another runner that is just starting or ending")
            _write(file, signature(holder))
            try:
                yield
            finally:
                _write(file, "")


class MemoryLeases:
    """Leases within this process: nobody else can see a journal in memory."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, stream: str, holder: str) -> Iterator[None]:
        """Hold the stream's lease while the context lasts."""
        with self._lock:
            if stream in self._holders:
                raise SiteBusy(stream, self._holders[stream])
            self._holders[stream] = signature(holder)
        try:
            yield
        finally:
            with self._lock:
                del self._holders[stream]


def lease_file(database: Path, stream: str) -> Path:
    """Where a stream's lease lies. The digest tells streams apart whose names a file name cannot hold."""
    readable = quote(stream, safe="", errors="replace")[:40]
    exact = sha256(stream.encode(errors="surrogatepass")).hexdigest()[:12]
    return database.with_name(f"{database.name}.lease-{readable}-{exact}")


def signature(holder: str) -> str:
    """Who holds a lease, for whoever finds the site busy."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return f"{holder} (pid {os.getpid()} on {platform.node()}, since {since})"


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[int | None]:
    """The locked file's descriptor while the context lasts; None where another has it and we do not wait.

    Raises:
        JournalTrouble: the file cannot be made or locked.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise JournalTrouble(f"the lock {path} cannot be opened: {error.strerror}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            free = True
        except BlockingIOError:
            free = False
        except OSError as error:
            raise JournalTrouble(f"the lock {path} cannot be taken: {error.strerror}") from error
        yield file if free else None
    finally:
        os.close(file)


def _write(file: int, text: str) -> None:
    """Say who holds the lock; on a full disk it is held all the same."""
    with suppress(OSError):
        os.ftruncate(file, 0)  # a killed holder leaves its text behind
        os.pwrite(file, text.encode(errors="replace")[:_LONGEST_TEXT], 0)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST_TEXT)
    except OSError:
        return ""
