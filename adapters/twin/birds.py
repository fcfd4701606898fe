"""Runs the birds of a network: starts them, and waits until they have told each other all they know."""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from adapters.twin import bird
from adapters.twin.bird import ESTABLISHED, Heard, Session, Speaking
from adapters.twin.namespaces import Job, Namespaces, TwinTrouble, until

_CHUNK = 65536
_PAUSE = 0.005
_SESSION, _ROUTES = 2.5, 1.0  # seconds that sessions, and then routes, may take: a retry comes after one
_LOG_LINES, _LAST_WORDS = 12, 2000
_NOT_YET = ("Connection refused", "Connection closed", "Connection reset", "collision")


class SessionState(NamedTuple):
    """One side of a BGP session: `state` is bird's word, `Established` or another; `why` its last error."""

    node: str
    peer: str
    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Bird:
    speaking: Speaking
    folder: Path
    process: Popen[str]
    control: socket.socket

    def answers(self) -> bool:
        """Whether it can be asked."""
        try:
            self.control.connect(str(self.folder / "control"))
        except OSError:
            return False
        _answer(self.control)
        return True

    def dead(self) -> str:
        """Why it does not run any more; empty while it does."""
        if self.process.poll() is None:
            return ""
        return f"bird of {self.speaking.node} died: {self.log.strip()[-_LAST_WORDS:]}"

    def heard(self) -> Mapping[str, Heard]:
        """What it says of its sessions."""
        return bird.heard(_ask(self.control, "show protocols all"))

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


@dataclass
class Birds:
    """The birds that run.

    Attributes:
        states: Of every side of every session.
    """

    spaces: Namespaces
    folder: Path
    states: tuple[SessionState, ...] = ()
    _running: list[_Bird] = field(default_factory=list)

    def start(self, speakers: Iterable[Speaking]) -> None:
        """Start them, and return when routes are as they will be.

        Raises:
            TwinTrouble: one does not run.
        """
        started = [self._spawned(item) for item in speakers]
        for speaking, folder, process in started:
            control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            control.settimeout(_SESSION)
            self._running.append(_Bird(speaking, folder, process, control))
        for item in self._running:
            until(item.answers, item.dead)
        self._meet()
        held = self._exchange()
        self.states = tuple(
            SessionState(item.speaking.node, session.name, state.state, state.error)
            for item in self._running
            for session in item.speaking.sessions
            for state in (held[item.folder].get(session.label, Heard()),)
        )
        self._share()

    def stop(self) -> None:
        """Stop them, without a word to their neighbours."""
        for item in self._running:
            item.control.close()
            item.process.kill()
        for item in self._running:
            item.process.communicate()
        self._running.clear()
        self.states = ()

    def events(self) -> Iterator[str]:
        """What each said last."""
        for item in self._running:
            for line in item.log.splitlines()[-_LOG_LINES:]:
                yield f"bird of {item.speaking.node}: {line}"

    def _spawned(self, speaking: Speaking) -> tuple[Speaking, Path, Popen[str]]:
        folder = self.folder / f"{speaking.station}-bird"
        folder.mkdir(parents=True)
        (folder / "config").write_text(speaking.config)
        command = ("bird", "-f", "-c", str(folder / "config"), "-s", str(folder / "control"))
        with (folder / "log").open("w") as log:
            process = self.spaces.spawn(Job(speaking.station, command, ""), stdout=log)
        return speaking, folder, process

    def _meet(self) -> None:
        """Wait until every session that both sides configure is established, or cannot be."""
        mutual = self._mutual()
        begin = time.monotonic()
        while time.monotonic() - begin < _SESSION:
            held = self._heard()
            if not any(_pending(held[item.folder][session.label]) for item, session in mutual):
                return
            time.sleep(_PAUSE)

    def _mutual(self) -> list[tuple[_Bird, Session]]:
        ends = {(one.local, one.peer) for item in self._running for one in item.speaking.sessions}
        return [
            (item, one)
            for item in self._running
            for one in item.speaking.sessions
            if (one.peer, one.local) in ends
        ]

    def _exchange(self) -> Mapping[Path, Mapping[str, Heard]]:
        """Wait until all that was sent has come, and nobody had anything to add."""
        begin, before = time.monotonic(), None
        while True:
            held = self._heard()
            if (held == before and self._balanced(held)) or time.monotonic() - begin > _ROUTES:
                return held
            before = held
            time.sleep(_PAUSE)

    def _balanced(self, held: Mapping[Path, Mapping[str, Heard]]) -> bool:
        ends = {
            (one.local, one.peer): held[item.folder][one.label]
            for item in self._running
            for one in item.speaking.sessions
        }
        up = {key: state for key, state in ends.items() if state.state == ESTABLISHED}
        return all(
            state.sent == ends[peer, local].received
            for (local, peer), state in up.items()
            if (peer, local) in ends
        )

    def _heard(self) -> dict[Path, Mapping[str, Heard]]:
        found = {}
        for item in self._running:
            why = item.dead()
            if why:
                raise TwinTrouble(why)
            found[item.folder] = item.heard()
        return found

    def _share(self) -> None:
        """Tell the other instances of a DLR what one learned."""
        jobs = []
        for item in self._running:
            if item.speaking.shares:
                shown = self.spaces.spawn(
                    Job(item.speaking.station, ("ip", "route", "show", "proto", "bird"), "")
                )
                said, _ = shown.communicate()
                text = "".join(f"route replace {line}\n" for line in _whole(said))
                jobs += [Job(name, ("ip", "-batch", "-"), text) for name in item.speaking.shares]
        self.spaces.run(jobs)


def _whole(said: str) -> Iterator[str]:
    """Routes, those with several ways on one line."""
    line = ""
    for part in said.splitlines():
        if part[:1].isspace():
            line += " " + part.strip()
            continue
        if line:
            yield line
        line = part.strip()
    if line:
        yield line


def _pending(state: Heard) -> bool:
    """Whether a session may yet come: the other side was not ready, or nothing is known."""
    if state.state == ESTABLISHED:
        return False
    return not state.error or any(words in state.error for words in _NOT_YET)


def _ask(control: socket.socket, command: str) -> str:
    control.sendall(f"{command}\n".encode())
    return _answer(control)


def _answer(control: socket.socket) -> str:
    """Up to the line whose code has no dash behind it: the last."""
    data = b""
    while True:
        part = control.recv(_CHUNK)
        if not part:
            raise TwinTrouble("bird closed its control socket")
        data += part
        if data.endswith(b"\n"):
            last = data.splitlines()[-1]
            if last[:4].isdigit() and last[4:5] == b" ":
                return data.decode(errors="replace")
