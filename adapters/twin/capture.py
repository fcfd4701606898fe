"""Record what passes every interface of every namespace, by one clock.

One packet socket a namespace sees all of its interfaces, layer 2 included. The kernel's timestamps put the
sightings of all namespaces in order; it turns them on lazily, and the first packets after that are
mis-ordered, so a worker asks for them once, long before it needs them.
"""

import contextlib
import select
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import NamedTuple, Self

from adapters.twin.decode import Arp, Datagram, EspKey, decode
from adapters.twin.follow import Passage, Sighting

_EVERY_PROTOCOL = 3  # ETH_P_ALL
_TIMESTAMPNS, _BUFFER_FORCE = 35, 33  # SO_TIMESTAMPNS, SO_RCVBUFFORCE
_BUFFER = 4 << 20
_FRAME = 2048  # longer than any frame here; what is cut off is payload
_WITH_ETHERNET = frozenset({1, 772})  # ARPHRD_ETHER, ARPHRD_LOOPBACK
_TIME = struct.Struct("qq")


class Asked(NamedTuple):
    """An ARP packet and where it was seen."""

    time: int
    station: str
    interface: str
    passage: int
    arp: Arp


def clock() -> socket.socket:
    """Have the kernel stamp packets for as long as this socket is open."""
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
    return held


class Capture:
    """The packet sockets of a network's namespaces.

    Args:
        stations: By name, what makes this thread's network namespace the station's.
        keys: What opens ESP, by SPI; it may be filled later.
    """

    def __init__(
        self, stations: Iterable[tuple[str, AbstractContextManager[object]]], keys: Mapping[int, EspKey]
    ) -> None:
        self.keys = keys
        self.unopened = False  # ESP came that no key opens
        self._open = ExitStack()
        self._epoll = self._open.enter_context(contextlib.closing(select.epoll()))
        self._sockets: dict[int, tuple[str, socket.socket]] = {}
        for name, inside in stations:
            with inside:
                held = self._open.enter_context(_packets())
            self._sockets[held.fileno()] = (name, held)
            self._epoll.register(held, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def fileno(self) -> int:
        """Readable when frames wait."""
        return self._epoll.fileno()

    def forget(self) -> None:
        """Throw away what came before a probe."""
        for _ in self._frames():
            pass
        self.unopened = False

    def read(self) -> Iterator[Sighting | Asked]:
        """What came since the last reading, in no order; only what can be followed."""
        for name, frame, when, (interface, _, passage, hardware, _) in self._frames():
            found = decode(frame, self.keys, ethernet=hardware in _WITH_ETHERNET)
            if isinstance(found, Datagram):
                self.unopened |= not found.whole
                yield Sighting(when, name, interface, Passage(passage), found)
            elif found is not None:
                yield Asked(when, name, interface, passage, found)

    def _frames(self) -> Iterator[tuple[str, bytes, int, tuple[str, int, int, int, bytes]]]:
        for descriptor, _ in self._epoll.poll(0):
            name, held = self._sockets[descriptor]
            with contextlib.suppress(BlockingIOError):
                while True:
                    try:
                        frame, more, _, address = held.recvmsg(_FRAME, 64)
                    except OSError as error:
                        if isinstance(error, BlockingIOError):
                            raise
                        continue  # ENETDOWN: an interface went away; told once
                    seconds, nanoseconds = _TIME.unpack_from(more[0][2])
                    yield name, frame, seconds * 1_000_000_000 + nanoseconds, address


def _packets() -> socket.socket:
    held = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    held.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
    with contextlib.suppress(PermissionError):  # without privileges it is smaller, and suffices
        held.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCE, _BUFFER)
    held.settimeout(0)
    return held
