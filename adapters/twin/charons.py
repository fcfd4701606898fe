"""Runs the charons of a network: starts them, lets them negotiate, and asks what came of it."""

import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from adapters.twin import nft, strongswan
from adapters.twin.namespaces import Job, Namespaces, TwinTrouble, until
from adapters.twin.stations import ESP_DEVICE
from adapters.twin.strongswan import Association, End, EspKey, Gateway

_LOG_LINES, _LAST_WORDS = 12, 2000
_NO_REASON = ("packet", "initiating", "sending", "retransmit ", "generating", "parsed", "authentication of")


class TunnelState(NamedTuple):
    """Whether one end's tunnel is up; `why` is charon's own words where it is not."""

    node: str
    name: str
    up: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Charon:
    gateway: Gateway
    folder: Path
    process: Popen[str]

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def answers(self) -> bool:
        """Whether it can be asked."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            return asked.connect_ex(str(self.folder / "vici")) == 0

    def dead(self) -> str:
        """Why it does not run any more; empty while it does."""
        if self.process.poll() is None:
            return ""
        said, _ = self.process.communicate()
        return f"charon of {self.gateway.node} died: {said.strip()} {self.log[-_LAST_WORDS:]}"

    def ask(self, *words: str) -> tuple[str, ...]:
        """A command of swanctl for this charon."""
        return ("swanctl", *words, "--uri", f"unix://{self.folder}/vici")


@dataclass
class Charons:
    """The charons that run.

    Attributes:
        states: Of every end.
        keys: By SPI, what opens ESP.
    """

    spaces: Namespaces
    folder: Path
    states: tuple[TunnelState, ...] = ()
    keys: Mapping[int, EspKey] = field(default_factory=dict)
    _running: list[_Charon] = field(default_factory=list)
    _said: dict[tuple[str, str], str] = field(default_factory=dict)

    def start(self, gateways: Iterable[Gateway]) -> None:
        """Start them, and return when every tunnel is up or has failed.

        Raises:
            TwinTrouble: one does not run.
        """
        for gateway in gateways:
            self._running.append(self._spawned(gateway))
        for charon in self._running:
            until(charon.answers, charon.dead)
        self.spaces.run(
            Job(charon.gateway.station, command, "")
            for charon in self._running
            for command in (
                charon.ask("--load-all", "--file", str(charon.folder / "swanctl.conf")),
                ("ip", "link", "set", ESP_DEVICE, "mtu", str(charon.gateway.mtu)),
            )
        )
        self._negotiate()

    def stop(self) -> None:
        """Stop them, without a word to the other ends."""
        for charon in self._running:
            charon.process.kill()
        for charon in self._running:
            charon.process.communicate()
        self._running.clear()
        self._said.clear()
        self.states, self.keys = (), {}

    def events(self) -> Iterator[str]:
        """What each said last."""
        for charon in self._running:
            for line in charon.log.splitlines()[-_LOG_LINES:]:
                yield f"charon of {charon.gateway.node}: {line}"

    def _spawned(self, gateway: Gateway) -> _Charon:
        folder = self.folder / gateway.station
        folder.mkdir(parents=True)
        (folder / "strongswan.conf").write_text(strongswan.settings(str(folder)))
        (folder / "swanctl.conf").write_text(gateway.connections)
        environment = {**os.environ, "STRONGSWAN_CONF": str(folder / "strongswan.conf")}
        job = Job(gateway.station, ("charon-systemd",), "")
        return _Charon(gateway, folder, self.spaces.spawn(job, env=environment))

    def _negotiate(self) -> None:
        """Every end that initiates; of two that both would, the second only where the first failed."""
        asked: set[frozenset[int | None]] = set()
        first: list[tuple[_Charon, End]] = []
        later: list[tuple[_Charon, End]] = []
        for charon in self._running:
            for end in charon.gateway.ends:
                if end.initiates and end.peer is not None:
                    pair = frozenset((end.local, end.peer))
                    (later if pair in asked else first).append((charon, end))
                    asked.add(pair)
        self._initiate(first)
        held = self._held()
        self._initiate([(charon, end) for charon, end in later if not _found(held[charon.folder], end)])
        self._settle(self._held() if later else held)

    def _initiate(self, wanted: list[tuple[_Charon, End]]) -> None:
        started = []
        for charon, end in wanted:
            command = charon.ask("--initiate", "--child", end.label, "--ike", end.label, "--timeout", "4")
            started.append((charon, end, self.spaces.spawn(Job(charon.gateway.station, command, ""))))
        for charon, end, process in started:
            said, _ = process.communicate()
            if process.returncode:
                self._said[charon.gateway.node, end.name] = _reasons(said.splitlines()) or said.strip()

    def _held(self) -> dict[Path, tuple[Association, ...]]:
        """What is installed where. Both ends know it: the initiator is told by the responder."""
        asked = [
            (charon, self.spaces.spawn(Job(charon.gateway.station, charon.ask("--list-sas"), "")))
            for charon in self._running
        ]
        found = {}
        for charon, process in asked:
            said, _ = process.communicate()
            if process.returncode:
                raise TwinTrouble(
                    f"charon of {charon.gateway.node}: {said.strip()}\n{charon.log[-_LAST_WORDS:]}"
                )
            found[charon.folder] = strongswan.associations(said)
        return found

    def _settle(self, held: Mapping[Path, tuple[Association, ...]]) -> None:
        """Open the way into what is up; the rest stays as its policies say."""
        states: list[TunnelState] = []
        keys: dict[int, EspKey] = {}
        jobs: list[Job] = []
        for charon in self._running:
            associations = held[charon.folder]
            given_back = strongswan.given_back(charon.gateway)
            if given_back:
                jobs.append(Job(charon.gateway.station, ("ip", "-batch", "-"), given_back))
            keys |= strongswan.keys(charon.log, associations)
            for end in charon.gateway.ends:
                found = _found(associations, end)
                why = "" if found is not None else self._why(charon, end)
                states.append(TunnelState(charon.gateway.node, end.name, found is not None, why))
                if found is not None:
                    jobs += _opened(charon.gateway.station, end, found)
        self.spaces.run(jobs)
        self.states, self.keys = tuple(states), keys

    def _why(self, charon: _Charon, end: End) -> str:
        """What charon said when it was asked to initiate; else what it said of the other end's attempt."""
        said = self._said.get((charon.gateway.node, end.name))
        if said:
            return said
        return _reasons(charon.log.splitlines()) or "nobody asked for it"


def _opened(station: str, end: End, found: Association) -> Iterator[Job]:
    yield Job(station, ("ip", "-batch", "-"), strongswan.into(found))
    if end.chain:
        text = nft.policies(end.chain, end.denied, found.local, found.remote)
        yield Job(station, ("nft", "-f", "-"), text)


def _found(associations: tuple[Association, ...], end: End) -> Association | None:
    return next((item for item in associations if item.label == end.label), None)


def _reasons(lines: Iterable[str]) -> str:
    """The last lines that say more than that a packet went or came."""
    told = [line.partition("[IKE] ")[2].strip() for line in lines if "[IKE] " in line]
    return "; ".join([line for line in told if not any(word in line for word in _NO_REASON)][-2:])
