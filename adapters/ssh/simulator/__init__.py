"""Simulated hosts: SSH servers that hold a host's state, in this process or on loopback.

`SimulatedHosts.dial` gives a client a connected socket without any network; `serve` answers on TCP ports.
What a host would fetch over a network it asks `reach` for, which the simulated site answers by following the
packet.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import paramiko

from adapters.ssh.client import Login
from adapters.ssh.fleet import Fleet
from adapters.ssh.simulator.host import Docker, Offer, Reach, SimulatedHost, Unit, User, host_key, private_key
from adapters.ssh.simulator.jobs import WAITING, SimulatedJob, Steps
from adapters.ssh.simulator.programs import Call, Matches, Program, Programs, archive
from adapters.ssh.simulator.proxies import Via
from adapters.ssh.simulator.server import Fault, Faults, HostServer
from adapters.ssh.trust import HostKeys
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret

__all__ = [
    "WAITING",
    "Call",
    "Docker",
    "Matches",
    "Offer",
    "Program",
    "Programs",
    "Reach",
    "SimulatedHost",
    "SimulatedHosts",
    "SimulatedJob",
    "Steps",
    "Unit",
    "User",
    "Via",
    "archive",
    "host_key",
    "private_key",
]

LOOPBACK = "127.0.0.1"
_SSH_PORT = 22
_PASSWORD, _SIMULATED = SecretRef("simulated", "host"), Secret("simulated")


class _NoFaults:
    def take(self, system: str, method: str, path: str) -> Fault | None:  # noqa: ARG002 - nobody asked for any
        return None


class SimulatedHosts:
    """The hosts of one simulated site.

    Attributes:
        programs: What jobs on them can run; the ICP installer is added here.
        entry: Where a connection from outside to an address and port ends up: the address and port inside,
            or why it does not get through, for people. By itself every address is its own.
        refresh: Called before a connection looks for its host, so that who makes hosts can make them then.
        known: Host keys that are known by name, where a host has another one by now.
        calls: Every script that a host was given, with the host's name, in order; uploads as `upload`.
    """

    def __init__(self, faults: Faults | None = None, *, password: Secret = _SIMULATED) -> None:
        self.hosts: dict[str, SimulatedHost] = {}
        self.programs = Programs()
        self.entry: Callable[[str, int], tuple[str, int] | str] = lambda address, port: (address, port)
        self.refresh: Callable[[], None] = lambda: None
        self.known: dict[str, paramiko.PKey] = {}
        self.calls: list[tuple[str, str]] = []
        self._faults: Faults = faults or _NoFaults()
        self._password = password
        self._reach: Reach = lambda _host, _to, _port, _via=None: ""

    def add(self, host: SimulatedHost) -> SimulatedHost:
        """One more host, as when its VM was powered on."""
        self.hosts[host.name] = host
        host.reach = self._reach
        return host

    def remove(self, name: str) -> None:
        """The host is gone, as when its VM was deleted."""
        self.hosts.pop(name, None)

    def dump(self) -> dict[str, dict[str, Any]]:
        """What runs made of every host, by name."""
        return {name: host.dump() for name, host in self.hosts.items()}

    def ask(self, reach: Reach) -> None:
        """Who is asked whether a host reaches a name or address on a port."""
        self._reach = reach
        for host in self.hosts.values():
            host.reach = reach

    # -- connections --------------------------------------------------------------------------------

    def dial(self, login: Login, timeout: float) -> socket.socket:  # noqa: ARG002 - a refusal takes no time
        """A connected socket to the host that a login's address leads to, without a network.

        Raises:
            OSError: none answers there.
        """
        attend = self._entered(login.address, login.port)
        if isinstance(attend, str):
            raise TimeoutError(attend)
        ours, theirs = socket.socketpair()
        threading.Thread(target=attend, args=(theirs,), daemon=True).start()
        return ours

    def _entered(self, address: str, port: int) -> Callable[[Any], None] | str:
        """Who attends to a connection from outside, or why nobody does."""
        self.refresh()
        inside = self.entry(address, port)
        if isinstance(inside, str):
            return inside
        return self._host_at(*inside) or f"nothing answers on {inside[0]}:{inside[1]}"

    def _forward(self, address: str, port: int) -> Callable[[Any], None] | None:
        self.refresh()
        return self._host_at(address, port)

    def _host_at(self, address: str, port: int) -> Callable[[Any], None] | None:
        found = [host for host in self.hosts.values() if host.address == address]
        if not found or port != _SSH_PORT or not found[0].up:
            return None
        return self._server(found[0]).attend

    def _server(self, host: SimulatedHost) -> HostServer:
        return HostServer(host, self.programs, self._faults, self._forward, self.calls)

    @contextmanager
    def serve(self) -> Iterator[Mapping[str, tuple[str, int]]]:
        """Answer on loopback while the context lasts: address and port by host name."""
        with ExitStack() as stack:
            yield {
                name: (LOOPBACK, stack.enter_context(_listening(partial(self._named, name))))
                for name in self.hosts
            }

    @contextmanager
    def publish(self, address: str, port: int, *, on: int = 0) -> Iterator[int]:
        """Let one loopback port stand for a published address while the context lasts; yields that port.

        Each connection goes where `entry` leads it at that moment, and is closed at once where it leads
        nowhere. The other hosts are reached through the one that it ends up at.

        Args:
            address: As it is published.
            port: Likewise.
            on: The loopback port; 0: any that is free.

        Raises:
            OSError: the loopback port is taken.
        """
        with _listening(lambda: self._entered(address, port), on) as found:
            yield found

    def _named(self, name: str) -> Callable[[Any], None] | str:
        host = self.hosts.get(name)
        return self._server(host).attend if host is not None and host.up else f"{name} is down"

    # -- for a rehearsal ----------------------------------------------------------------------------

    def known_hosts(self) -> str:
        """The host keys, by host name and address, as a `known_hosts`."""
        return "".join(
            f"{host.name},{host.address} {host.key.get_name()} {host.key.get_base64()}\n"
            for host in self.hosts.values()
        )

    def fleet(self, logins: Sequence[Login], **options: Any) -> Fleet:
        """The real clients on these hosts: each logs in with the simulated password and trusts their keys.

        A host that is made later has to be in the logins already; its key is then taken from here.
        """
        logins = [replace(login, password=_PASSWORD, key=None, passphrase=None) for login in logins]
        return Fleet(logins, _Vouched(self), self._resolve, dial=self.dial, **options)

    def _resolve(self, ref: SecretRef) -> Secret:
        if ref != _PASSWORD:
            raise LookupError(f"a simulated login needs no {ref}")
        return self._password


@contextmanager
def _listening(find: Callable[[], Callable[[Any], None] | str], on: int = 0) -> Iterator[int]:
    """Accept on loopback while the context lasts; who attends to a connection is found for each."""
    listener = socket.create_server((LOOPBACK, on))
    threading.Thread(target=_accept, args=(listener, find), daemon=True).start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):  # it may have ended by itself
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, find: Callable[[], Callable[[Any], None] | str]) -> None:
    while True:
        try:
            wire, _ = listener.accept()
        except OSError:
            return  # it was closed
        threading.Thread(target=_attend, args=(wire, find), daemon=True).start()


def _attend(wire: socket.socket, find: Callable[[], Callable[[Any], None] | str]) -> None:
    attend = find()
    if isinstance(attend, str):
        wire.close()
        return
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    attend(wire)


class _Vouched:
    """The keys of the simulated hosts as they are now, also of those that are made later."""

    def __init__(self, world: SimulatedHosts) -> None:
        self._world = world

    def types(self, name: str, address: str, port: int) -> list[str]:
        return self._keys(name).types(name, address, port)

    def check(self, key: paramiko.PKey, name: str, address: str, port: int) -> None:
        self._keys(name).check(key, name, address, port)

    def _keys(self, name: str) -> HostKeys:
        """The key of the host of that name, wherever it answers."""
        host = self._world.hosts.get(name)
        if host is None:
            return HostKeys(pins={})
        key = self._world.known.get(name, host.key)
        return HostKeys(pins={name: (f"{key.get_name()} {key.get_base64()}",)})
