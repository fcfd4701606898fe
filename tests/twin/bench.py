"""Plays a network: builds it in namespaces of its own, and asks with plain sockets who answers.

Tests call `play`, which runs `main` in another process; what goes in and out is pickled.
"""

import errno
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.twin.birds import SessionState
from adapters.twin.charons import TunnelState
from adapters.twin.lab import Lab
from adapters.twin.namespaces import private
from hopbook.network.nodes import Backend, Network

_PATIENCE = 0.4  # seconds; a neighbour that is not there is noticed within 0.2
_WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "no route",
    errno.EHOSTUNREACH: "unreachable",
    errno.ETIMEDOUT: "silent",
}


class Ask(NamedTuple):
    """A connection; `size` bytes go there and come back."""

    at: str
    to: str
    port: int = 80
    size: int = 100
    choose: Backend | None = None


@dataclass(frozen=True)
class Play:
    """What to build and to ask. `serves`: where something listens."""

    network: Network
    asks: tuple[Ask, ...] = ()
    serves: tuple[tuple[str, int], ...] = ()
    knobs: Mapping[str, str] = field(default_factory=dict)
    shows: tuple[str, ...] = ()  # nodes whose routes are asked for


@dataclass(frozen=True)
class Played:
    """What came of it.

    Attributes:
        answers: Whom who listens saw, or how it failed.
        moved: Word and title of each rule that acted, by node.
        routes: As `ip route` shows them.
        seconds: How long it took to build.
    """

    answers: tuple[str, ...]
    moved: frozenset[tuple[str, str, str]]
    tunnels: tuple[TunnelState, ...]
    sessions: tuple[SessionState, ...]
    routes: Mapping[str, str]
    keys: int
    seconds: float


def play(*plays: Play) -> tuple[Played, ...]:
    """Play several networks, one after the other in one lab."""
    command = private([sys.executable, "-c", "from tests.twin.bench import main; main()"])
    done = subprocess.run(command, input=pickle.dumps(plays), capture_output=True, check=False, timeout=50)
    assert done.returncode == 0, done.stderr.decode()
    return tuple(pickle.loads(done.stdout))  # noqa: S301  our own child said it


def _played(lab: Lab, item: Play) -> Played:
    begin = time.perf_counter()
    lab.build(item.network, item.knobs)
    seconds = time.perf_counter() - begin
    with ExitStack() as held:
        for name, port in item.serves:
            held.enter_context(_serving(lab, name, port))
        answers = tuple(_answer(lab, ask) for ask in item.asks)
    moved = frozenset(
        (station.node, lab.meaning[name].word, lab.meaning[name].title)
        for station in lab.layout.stations
        for name, count in lab.counters(station).items()
        if count
    )
    routes = {name: _routes(lab, name) for name in item.shows}
    return Played(answers, moved, lab.tunnels, lab.sessions, routes, len(lab.esp_keys()), seconds)


@contextmanager
def _serving(lab: Lab, name: str, port: int) -> Iterator[None]:
    with lab.inside(lab.layout.of(name)), ExitStack() as kept:
        listening = kept.enter_context(socket.create_server(("0.0.0.0", port)))  # noqa: S104
        kept.pop_all()

    def serve() -> None:
        while True:
            try:
                talk, (came, _) = listening.accept()
            except OSError:
                return
            with talk:
                talk.settimeout(_PATIENCE)
                try:
                    asked = _whole(talk, int.from_bytes(talk.recv(4)))
                    talk.sendall(came.ljust(len(asked)).encode())
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def _answer(lab: Lab, ask: Ask) -> str:
    if ask.choose is not None:
        for service in lab.layout.forwardings:
            lab.choose(service, ask.choose)
    with lab.inside(lab.layout.of(ask.at)):
        talk = socket.socket()
    with talk:
        talk.settimeout(_PATIENCE)
        try:
            talk.connect((ask.to, ask.port))
        except TimeoutError:
            return "silent"
        except OSError as error:
            return _WORDS.get(error.errno or 0, str(error))
        try:
            talk.sendall(ask.size.to_bytes(4) + bytes(ask.size))
            return _whole(talk, ask.size).decode().strip() or "stalled"
        except OSError:
            return "stalled"


def _whole(talk: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := talk.recv(65536)):
        data += part
    return data


def _routes(lab: Lab, name: str) -> str:
    shown = []
    for station in lab.layout.stations:
        if station.node == name:
            with lab.inside(station):
                done = subprocess.run(["/usr/sbin/ip", "route"], capture_output=True, text=True, check=True)
            shown.append(f"{station.host}:\n{done.stdout}")
    return "".join(shown)


def main() -> None:
    """Play what stands on the standard input."""
    plays: tuple[Play, ...] = pickle.loads(sys.stdin.buffer.read())  # noqa: S301  our parent said it
    with Lab() as lab:
        played = [_played(lab, item) for item in plays]
    sys.stdout.buffer.write(pickle.dumps(played))
