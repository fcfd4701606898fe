"""Who sends a probe: a TCP connection or a datagram, from a socket in the sender's namespace."""

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from adapters.twin.servers import LENGTH, TAG, abort, answering, full
from hopbook.network.packet import Packet

_TRANSPARENT = 19  # IP_TRANSPARENT: a source that is not the sender's own
_MTU_DISCOVER, _NEVER_FRAGMENT = 10, 2  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
_UDP_HEADERS = 28


class Outcome(NamedTuple):
    """What the sender knows: an error of its system, or that it has its answer, and how much of it."""

    source: tuple[str, int]
    error: int = 0
    answered: bool = False
    filled: bool = False


NOT_YET = Outcome(("0.0.0.0", 0))  # noqa: S104 - no address yet


class Client:
    """The sender of one probe, in the sender's namespace."""

    def __init__(self, packet: Packet, kind: socket.SocketKind) -> None:
        self._packet = packet
        self._error = 0
        self._answered = self._filled = False
        self.done = False
        self._held = socket.socket(socket.AF_INET, kind)
        self._held.settimeout(0)
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        source = str(IPv4Address(packet.src))
        try:
            self._held.bind((source, packet.sport))
        except OSError:
            self._held.setsockopt(socket.SOL_IP, _TRANSPARENT, 1)
            self._held.bind((source, packet.sport))
        self._source: tuple[str, int] = self._held.getsockname()

    def fileno(self) -> int:
        """Of its socket."""
        return self._held.fileno()

    @property
    def outcome(self) -> Outcome:
        """What it knows by now."""
        return Outcome(self._source, self._error, self._answered, self._filled)

    def begin(self) -> None:
        """Connect; the kernel chooses the source where nobody did."""
        with self._failing():
            error = self._held.connect_ex((str(IPv4Address(self._packet.dst)), self._packet.dport))
            self._source = self._held.getsockname()
            if error not in {0, errno.EINPROGRESS}:
                raise OSError(error, os.strerror(error))
            self.connected()

    def connected(self) -> None:
        """The socket has its source."""

    def work(self) -> None:
        """Something happened to the socket."""

    def close(self) -> None:
        """Leave nothing behind."""
        abort(self._held)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError:
            pass
        except OSError as error:
            self._error, self.done = error.errno or errno.EIO, True


class Stream(Client):
    """A connection that carries a full packet each way."""

    def __init__(self, packet: Packet) -> None:
        super().__init__(packet, socket.SOCK_STREAM)
        self._got = bytearray()

    def work(self) -> None:
        """Send once it is connected, and read."""
        error = self._held.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._error, self.done = error, True
            return
        with self._failing():
            if not self._answered:
                self._held.getpeername()  # not before it is connected
                self._answered = True
                self._held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._held.send(full(self._held))
            data = self._held.recv(1 << 16)
            self._got += data
            wanted = LENGTH.size + LENGTH.unpack_from(self._got)[0] if len(self._got) >= LENGTH.size else -1
            self._filled = 0 <= wanted <= len(self._got)
            self.done = self._filled or not data


class Datagrams(Client):
    """One datagram and its answer."""

    def __init__(self, packet: Packet) -> None:
        super().__init__(packet, socket.SOCK_DGRAM)

    def connected(self) -> None:
        """Send."""
        self._held.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _NEVER_FRAGMENT)
        tag = tag_of(self._packet)
        self._held.send(tag.ljust(max(self._packet.size - _UDP_HEADERS, TAG), b"\0"))

    def work(self) -> None:
        """Read the answer."""
        with self._failing():
            data = self._held.recv(1 << 16)
            if data[:TAG] == answering(tag_of(self._packet)):
                self._answered = self._filled = self.done = True


def tag_of(packet: Packet) -> bytes:
    """By what its datagram is told apart."""
    return b"".join((b"hb", packet.sport.to_bytes(2, "big"), packet.dst.to_bytes(4, "big")))
