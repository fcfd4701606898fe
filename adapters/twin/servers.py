"""What answers in the machines of a network: each port that the model says somebody listens on.

A TCP client says how much it sends; once all is there it gets a full packet back, so a connection carries
full packets both ways. A datagram is answered with one as long, from the address that was asked.
"""

import contextlib
import select
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import NamedTuple

from hopbook.network.nodes import Esg, Host, Node
from hopbook.trace.crossing import Headers

LENGTH = struct.Struct(">I")  # how many bytes follow
TAG = 8  # bytes by which a datagram is told apart
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: leave by a reset, so that nothing stays behind
_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
_INFO = struct.Struct("=I4s4s")
_BACKLOG = 16
_CHUNK = 65536


class Socket(NamedTuple):
    """Where one listens. An address of 0 is every address."""

    protocol: str
    address: int
    port: int


class Arrival(NamedTuple):
    """A connection or datagram that reached who listens, in the headers that it had there."""

    station: str
    headers: Headers


@dataclass
class _Talk:
    held: socket.socket
    wanted: int = -1
    got: bytearray = field(default_factory=bytearray)


def answering(tag: bytes) -> bytes:
    """The tag of the datagram that answers one."""
    return bytes(byte ^ 0xFF for byte in tag)


def abort(held: socket.socket) -> None:
    """Close a connection by a reset."""
    with contextlib.suppress(OSError):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    held.close()


def full(held: socket.socket) -> bytes:
    """As much as one packet of a connection holds."""
    room = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    return LENGTH.pack(room - LENGTH.size) + bytes(room - LENGTH.size)


def sockets(node: Node) -> Iterator[Socket]:
    """Where a node listens."""
    if isinstance(node, Host):
        wanted = {(item.protocol, item.port) for item in node.listens or ()}
        wanted |= {("tcp", port) for port in node.relays}
        yield from (Socket(protocol, 0, port) for protocol, port in sorted(wanted))
    elif isinstance(node, Esg) and node.relay is not None and node.relay.forwarders:
        relay = node.relay
        for address in sorted(relay.listeners & node.addresses):
            yield from (Socket(protocol, address, relay.port) for protocol in ("tcp", "udp"))


class Servers:
    """Every listening socket of a network, and the connections to them.

    Args:
        machines: Station, node, and what makes this thread's network namespace the station's.
    """

    def __init__(self, machines: Iterable[tuple[str, Node, AbstractContextManager[object]]]) -> None:
        self.arrived: list[Arrival] = []
        self._epoll = select.epoll()
        self._listening: dict[int, tuple[str, Socket, socket.socket]] = {}
        self._talks: dict[int, _Talk] = {}
        for station, node, inside in machines:
            wanted = tuple(sockets(node))
            if not wanted:
                continue
            with inside:
                for where in wanted:
                    self._listen(station, where)

    def fileno(self) -> int:
        """Readable when something has to be done."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Stop listening."""
        self.forget()
        for _, _, held in self._listening.values():
            held.close()
        self._listening.clear()
        self._epoll.close()

    def forget(self) -> None:
        """End all connections of the last probe."""
        for talk in self._talks.values():
            abort(talk.held)
        self._talks.clear()
        self.arrived.clear()

    def reopen(self, station: str, inside: AbstractContextManager[object]) -> None:
        """Listen anew at a station, so that no half-open connection stays in the way."""
        streams = [
            (descriptor, where, held)
            for descriptor, (name, where, held) in self._listening.items()
            if name == station and where.protocol == "tcp"
        ]
        if not streams:
            return
        with inside:
            for descriptor, where, held in streams:
                del self._listening[descriptor]
                held.close()
                self._listen(station, where)

    def work(self) -> None:
        """Accept, read and answer what is there."""
        for descriptor, _ in self._epoll.poll(0):
            if descriptor in self._listening:
                station, where, held = self._listening[descriptor]
                with contextlib.suppress(OSError):
                    (self._accept if where.protocol == "tcp" else self._answer)(station, where, held)
            elif descriptor in self._talks:
                self._talk(descriptor)

    def _listen(self, station: str, where: Socket) -> None:
        stream = where.protocol == "tcp"
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        held.settimeout(0)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((str(IPv4Address(where.address)), where.port))
        if stream:
            held.listen(_BACKLOG)
        else:
            held.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
        self._listening[held.fileno()] = (station, where, held)
        self._epoll.register(held, select.EPOLLIN)

    def _accept(self, station: str, _: Socket, listening: socket.socket) -> None:
        held, peer = listening.accept()
        held.settimeout(0)
        held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.arrived.append(Arrival(station, _headers("tcp", peer, held.getsockname())))
        self._talks[held.fileno()] = _Talk(held)
        self._epoll.register(held, select.EPOLLIN)

    def _answer(self, station: str, where: Socket, held: socket.socket) -> None:
        data, more, _, peer = held.recvmsg(_CHUNK, 64)
        info = next(body for level, kind, body in more if (level, kind) == (socket.IPPROTO_IP, _PKTINFO))
        _, _, asked = _INFO.unpack(info)
        mine = (socket.inet_ntoa(asked), where.port)
        self.arrived.append(Arrival(station, _headers("udp", peer, mine)))
        own = [(socket.IPPROTO_IP, _PKTINFO, _INFO.pack(0, asked, bytes(4)))]
        held.sendmsg([answering(data[:TAG]) + data[TAG:]], own, 0, peer)

    def _talk(self, descriptor: int) -> None:
        talk = self._talks[descriptor]
        try:
            data = talk.held.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            del self._talks[descriptor]
            talk.held.close()
            return
        talk.got += data
        if talk.wanted < 0 and len(talk.got) >= LENGTH.size:
            talk.wanted = LENGTH.size + LENGTH.unpack_from(talk.got)[0]
        if 0 <= talk.wanted <= len(talk.got):
            talk.wanted = _CHUNK * _CHUNK  # once is enough
            with contextlib.suppress(OSError):
                talk.held.send(full(talk.held))


def _headers(protocol: str, peer: tuple[str, int], mine: tuple[str, int]) -> Headers:
    src, dst = int(IPv4Address(peer[0])), int(IPv4Address(mine[0]))
    return Headers((), src, dst, (protocol, src, peer[1], dst, mine[1]))
