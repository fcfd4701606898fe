"""Network namespaces of this process's own: making, entering, and running programs in them.

The process has to run as `private(its command)`. Then it sees no link and no process of the host, the names
of its namespaces meet nobody else's, and all that it makes goes when it ends, however it ends.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from adapters.twin.needs import find
from hopbook.errors import HopbookError

_NEW_NETWORK = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_RUN, _NAMES = Path("/run"), Path("/run/netns")
_FLAGS, _RUNNING = 0x8913, 0x40  # SIOCGIFFLAGS, IFF_RUNNING
_DETACH = 2
_PATIENCE, _PAUSE = 5.0, 0.001  # seconds
_IDENTITY = ("--user", "--map-root-user")


class TwinTrouble(HopbookError):
    """The twin could not be built: a program or daemon failed; it says which, and its last words."""


def private(command: Iterable[str]) -> list[str]:
    """A command that runs another one in namespaces of its own (pid, mount, net; without root also user)."""
    identity = _IDENTITY if os.geteuid() else ()
    return [
        find("unshare"),
        *identity,
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--mount",
        "--net",
        "--",
        *command,
    ]


class Job(NamedTuple):
    """A program to run in a namespace (empty: the process's own), and what it reads."""

    namespace: str
    command: tuple[str, ...]
    text: str


class Namespaces:
    """The namespaces that were made here."""

    def __init__(self) -> None:
        if [name for _, name in socket.if_nameindex()] != ["lo"]:
            raise TwinTrouble("the twin has to run in a network namespace of its own (namespaces.private)")
        _mount_own_run()
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._open: dict[str, int] = {}
        self._gone: list[int] = []
        self._here = threading.local()

    def add(self, names: Iterable[str]) -> None:
        """Make namespaces."""
        names = list(names)
        self.run([Job("", ("ip", "-batch", "-"), "".join(f"netns add {name}\n" for name in names))])
        for name in names:
            self._open[name] = os.open(_NAMES / name, os.O_RDONLY | os.O_CLOEXEC)

    def clear(self) -> None:
        """Give up all names, so that they can be taken again; `release` lets go what had them."""
        for name, number in self._open.items():
            self._gone.append(number)
            path = _NAMES / name
            _LIBC.umount2(str(path).encode(), _DETACH)
            path.unlink()
        self._open.clear()

    def release(self) -> None:
        """Let the kernel take away what was cleared; it holds up whoever makes namespaces at that time."""
        for number in self._gone:
            os.close(number)
        self._gone.clear()

    def close(self) -> None:
        """Delete all, for good."""
        self.clear()
        self.release()
        os.close(self._home)

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Make a namespace this thread's; children that are started then are in it too."""
        before = getattr(self._here, "now", self._home)
        self._enter(self._open[name])
        try:
            yield
        finally:
            self._enter(before)

    def _enter(self, number: int) -> None:
        if _LIBC.setns(number, _NEW_NETWORK):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), "setns")
        self._here.now = number

    def write(self, name: str, values: Mapping[str, str]) -> None:
        """Set values below /proc/sys; one that this kernel does not have is left out."""
        with self.inside(name):
            for path, value in values.items():
                with contextlib.suppress(FileNotFoundError):
                    _write(f"/proc/sys/{path}", value)

    def spawn(
        self,
        job: Job,
        *,
        stdout: IO[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a program; what it prints is kept for whoever asks, or goes into a file."""
        command = (find(job.command[0]), *job.command[1:])
        entered = self.inside(job.namespace) if job.namespace else contextlib.nullcontext()
        with entered:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=stdout or subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=env,
            )

    def run(self, jobs: Iterable[Job]) -> None:
        """Run programs side by side.

        Raises:
            TwinTrouble: one failed; with what it said and the line that it means.
        """
        running = []
        for job in jobs:
            process = self.spawn(job)
            _feed(process, job.text)
            running.append((job, process))
        failures = []
        for job, process in running:
            said, _ = process.communicate()
            if process.returncode:
                failures.append(_failure(job, said))
        if failures:
            raise TwinTrouble("\n".join(failures))

    def carrier(self, name: str, devices: Iterable[str]) -> bool:
        """Whether all devices of a namespace can send."""
        with self.inside(name), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            return all(_running(asked, device) for device in devices)


def until(ready: Callable[[], bool], failed: Callable[[], str], patience: float = _PATIENCE) -> None:
    """Wait for a condition.

    Raises:
        TwinTrouble: it cannot come any more (`failed` says why), or did not come in time.
    """
    begin = time.monotonic()
    while not ready():
        why = failed()
        if why or time.monotonic() - begin > patience:
            raise TwinTrouble(why or "what was waited for did not come")
        time.sleep(_PAUSE)


def _feed(process: subprocess.Popen[str], text: str) -> None:
    """Hand over what it reads; one that ended early says why in what it printed."""
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text)
            process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdin = None


def _failure(job: Job, said: str) -> str:
    where = f" in {job.namespace}" if job.namespace else ""
    return f"{' '.join(job.command)}{where}: {said.strip()}\n{job.text}"


def _running(asked: socket.socket, device: str) -> bool:
    answer = fcntl.ioctl(asked, _FLAGS, struct.pack("16sH14x", device.encode(), 0))
    flags: int = struct.unpack("16sH14x", answer)[1]
    return bool(flags & _RUNNING)


def _write(path: str, value: str) -> None:
    number = os.open(path, os.O_WRONLY)
    try:
        os.write(number, value.encode())
    finally:
        os.close(number)


def _mount_own_run() -> None:
    """A /run of the process's own: names of namespaces, sockets and logs, all gone with it."""
    if _LIBC.mount(b"twin", b"/run", b"tmpfs", 0, b"mode=755"):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "mount /run")
    _NAMES.mkdir()
