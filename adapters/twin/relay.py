"""Tunnels that this process serves: a device that it reads, and a socket that it sends by.

IP-in-IP, because a kernel may have none: a TUN device and a raw socket of protocol 4. What leaves by the
device is sent inside a packet to the node that the route names, never in fragments; what comes from a node
that is no peer is not taken (rule 19). Of what is too large or has no way its sender is told by ICMP.

L2 extensions, because the kernel's VXLAN tells the sender that a frame is too large where a concentrator
fragments outside (rule 27): a TAP device and a UDP socket that may fragment.

One thread serves all nodes of a network.
"""

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Protocol

from adapters.twin.decode import Code, Icmp
from adapters.twin.namespaces import TwinTrouble
from hopbook.network.encapsulation import VXLAN_PORT
from hopbook.network.packet import ip

_TUN_MAKER = "/dev/net/tun"
_TUNSETIFF, _TUN, _TAP, _NO_PI = 0x400454CA, 0x0001, 0x0002, 0x1000
_IP_IN_IP, _VERSION, _ONE = 4, 4, 1
_FREEBIND, _MTU_DISCOVER, _MTU = 15, 10, 14  # IP_FREEBIND, IP_MTU_DISCOVER, IP_MTU
_FRAGMENT, _WHOLE = 0, 2  # IP_PMTUDISC_DONT, IP_PMTUDISC_DO
_SOL_RAW, _ICMP_FILTER, _ALL = 255, 1, (0xFFFFFFFF).to_bytes(4)
_NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL})
_TOLD = frozenset({socket.IPPROTO_TCP, socket.IPPROTO_UDP})  # of errors nobody is told an error
_VXLAN = bytes((8, 0, 0, 0, 0, 0, 1, 0))  # the header: an identifier is there, and it is 1
_LARGEST = 65535
_HEADER, _PROTOCOL, _SOURCE, _DESTINATION = 20, 9, slice(12, 16), slice(16, 20)
_QUOTED = 548  # bytes of a packet that an ICMP error of 576 holds (RFC 1812, 4.3.2.3)


@dataclass(frozen=True, slots=True)
class Wrapping:
    """A node that wraps.

    Attributes:
        device: Name of its tunnel device.
        address: What its packets come from.
        ways: By prefix, the node that a packet goes to.
        peers: From whom it takes packets.
    """

    station: str
    device: str
    address: int
    ways: tuple[tuple[IPv4Network, int], ...]
    peers: frozenset[int]


@dataclass(frozen=True, slots=True)
class Extending:
    """A concentrator that carries frames.

    Attributes:
        device: Name of its device, a port of the bridge that its trunk is on.
        near, far: The addresses inside the tunnel of this one and of its counterpart.
    """

    station: str
    device: str
    near: int
    far: int


class _Served(Protocol):
    device: int
    outside: socket.socket

    def close(self) -> None:
        """Let go of the device and of every socket."""

    def wrap(self) -> None:
        """Send what came by the device."""

    def unwrap(self) -> None:
        """Hand on what came by the socket."""


@dataclass(slots=True)
class _Frames:
    device: int
    outside: socket.socket
    far: tuple[str, int]

    def close(self) -> None:
        os.close(self.device)
        self.outside.close()

    def wrap(self) -> None:
        self.outside.sendto(_VXLAN + os.read(self.device, _LARGEST), self.far)

    def unwrap(self) -> None:
        data, came = self.outside.recvfrom(_LARGEST)
        if came[0] == self.far[0]:
            os.write(self.device, data[len(_VXLAN) :])


@dataclass(slots=True)
class _Packets:
    device: int
    outside: socket.socket
    errors: socket.socket
    asking: socket.socket
    ways: list[tuple[int, int, str]]  # network, mask, node; the longest prefix first
    peers: frozenset[bytes]

    def close(self) -> None:
        os.close(self.device)
        for item in (self.outside, self.errors, self.asking):
            item.close()

    def wrap(self) -> None:
        """Send what the node routed into the device to the node that it is for."""
        packet = os.read(self.device, _LARGEST)
        if len(packet) < _HEADER or packet[0] >> 4 != _VERSION:
            return
        if packet[_PROTOCOL] == _IP_IN_IP:  # of our own: the way to the other node is this very device
            self._tell(packet[_length(packet) :], Code.NET)
            return
        address = int.from_bytes(packet[_DESTINATION])
        to = next((node for net, mask, node in self.ways if address & mask == net), None)
        if to is None:
            return
        try:
            self.outside.sendto(packet, (to, 0))
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                self._tell(packet, Code.TOO_LARGE, self._room(to))
            elif error.errno in _NO_WAY:
                self._tell(packet, Code.NET)
            else:
                raise

    def unwrap(self) -> None:
        """Hand what a peer sent to the node, as coming by the device."""
        packet = self.outside.recv(_LARGEST)
        if packet[_SOURCE] in self.peers:
            os.write(self.device, packet[_length(packet) :])

    def _room(self, to: str) -> int:
        """The largest packet that fits towards a node, as far as the kernel knows the path's MTU."""
        self.asking.connect((to, VXLAN_PORT))
        return int(self.asking.getsockopt(socket.IPPROTO_IP, _MTU)) - _HEADER

    def _tell(self, packet: bytes, code: Code, room: int = 0) -> None:
        """Let who sent a packet know that it goes no further."""
        if len(packet) >= _HEADER and packet[_PROTOCOL] in _TOLD:
            error = struct.pack("!BBHHH", Icmp.UNREACHABLE, code, 0, 0, room) + packet[:_QUOTED]
            error = error[:2] + _checksum(error).to_bytes(2) + error[4:]
            self.errors.sendto(error, (socket.inet_ntoa(packet[_SOURCE]), 0))


def _length(packet: bytes) -> int:
    """Bytes of its header."""
    return (packet[0] & 15) * 4


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(words) // 2}H", words))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Relay:
    """Serves tunnel devices until it is cleared."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._ends: dict[int, _Served] = {}
        self._stop = os.eventfd(0, os.EFD_NONBLOCK)
        self._poll.register(self._stop, select.EPOLLIN)
        self._thread: threading.Thread | None = None

    def wrap(self, wrapping: Wrapping) -> None:
        """Make a node's tunnel device in this thread's namespace, and serve it."""
        device = _device(wrapping.device, _TUN)
        with ExitStack() as undone:
            undone.callback(os.close, device)
            outside = undone.enter_context(_socket(socket.SOCK_RAW, _IP_IN_IP, (ip(wrapping.address), 0)))
            outside.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _WHOLE)
            icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            errors = undone.enter_context(icmp)
            errors.setsockopt(_SOL_RAW, _ICMP_FILTER, _ALL)  # it only sends
            errors.settimeout(0)
            asking = undone.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            undone.pop_all()
        self._serves(
            _Packets(
                device=device,
                outside=outside,
                errors=errors,
                asking=asking,
                ways=_longest_first(wrapping.ways),
                peers=frozenset(address.to_bytes(4) for address in wrapping.peers),
            )
        )

    def extend(self, extending: Extending) -> None:
        """Make a concentrator's device in this thread's namespace, and serve it."""
        device = _device(extending.device, _TAP)
        with ExitStack() as undone:
            undone.callback(os.close, device)
            outside = undone.enter_context(_socket(socket.SOCK_DGRAM, 0, (ip(extending.near), VXLAN_PORT)))
            outside.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _FRAGMENT)
            undone.pop_all()
        self._serves(_Frames(device, outside, (ip(extending.far), VXLAN_PORT)))

    def _serves(self, end: _Served) -> None:
        for number in (end.device, end.outside.fileno()):
            self._ends[number] = end
            self._poll.register(number, select.EPOLLIN)

    def start(self) -> None:
        """Serve from now on, where there is something to serve."""
        if self._ends and self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="ip-in-ip", daemon=True)
            self._thread.start()

    def clear(self) -> None:
        """Stop serving, and close all devices."""
        if self._thread is not None:
            os.eventfd_write(self._stop, _ONE)
            self._thread.join()
            self._thread = None
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._stop)
        for number in self._ends:
            self._poll.unregister(number)
        for number, end in self._ends.items():
            if number == end.device:
                end.close()
        self._ends.clear()

    def close(self) -> None:
        """Clear, for good."""
        self.clear()
        self._poll.close()
        os.close(self._stop)

    def _serve(self) -> None:
        while True:
            for number, _ in self._poll.poll():
                end = self._ends.get(number)
                if end is None:
                    return
                with contextlib.suppress(OSError):  # a packet that cannot be sent is lost, as on a wire
                    end.wrap() if number == end.device else end.unwrap()


def _device(name: str, kind: int) -> int:
    device = -1
    try:
        device = os.open(_TUN_MAKER, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | _NO_PI))
    except OSError as error:
        if device >= 0:
            os.close(device)
        message = f"the twin needs to read and write {_TUN_MAKER} (Debian has it with mode 0666)"
        raise TwinTrouble(f"{message}: {error.strerror}") from error
    return device


def _socket(kind: int, protocol: int, address: tuple[str, int]) -> socket.socket:
    """A socket of an address that need not be there yet."""
    made = socket.socket(socket.AF_INET, kind, protocol)
    made.setsockopt(socket.IPPROTO_IP, _FREEBIND, _ONE)
    made.bind(address)
    made.settimeout(0)
    return made


def _longest_first(ways: tuple[tuple[IPv4Network, int], ...]) -> list[tuple[int, int, str]]:
    order = sorted(ways, key=lambda way: -way[0].prefixlen)
    return [(int(net.network_address), int(net.netmask), ip(node)) for net, node in order]
