"""Open a frame down to the packet that all encapsulations are about.

A packet is told apart by what every hop keeps: TCP's sequence number, a datagram's payload. Addresses and
ports are what translation changes, and the layers around it what a way adds and takes off. ESP is opened
with the keys of the tunnel, since inside it is the very packet that is being followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from struct import unpack_from
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hopbook.network.encapsulation import ESP, EXTENSION, IP_IN_IP, NAT_T_PORT, VXLAN, VXLAN_PORT
from hopbook.trace.crossing import Headers

_IPV4, _ARP = 0x0800, 0x0806
_VERSION, _OFFSET = 4, 0x1FFF
_ETHERNET, _IP, _TCP, _UDP, _VXLAN, _ICMP = 14, 20, 20, 8, 8, 8  # lengths of headers
_IV, _BLOCK = 16, 16
_ARP_LENGTH = 28
_NAMES = {1: "icmp", 4: "ipip", 6: "tcp", 17: "udp", 50: "esp"}


class EspKey(Protocol):
    """What opens one direction of a tunnel: AES-CBC, as all proposals here have it."""

    @property
    def cipher(self) -> bytes:
        """The AES key."""

    @property
    def integrity(self) -> int:
        """Bytes of the integrity check value at the end."""


class Flags(IntFlag):
    """TCP flags that matter here."""

    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16


class Icmp(IntEnum):
    """ICMP types that end or change a connection."""

    UNREACHABLE = 3
    EXCEEDED = 11


class Code(IntEnum):
    """Codes of ICMP "destination unreachable"."""

    NET = 0
    HOST = 1
    PROTOCOL = 2
    PORT = 3
    TOO_LARGE = 4
    NET_PROHIBITED = 9
    HOST_PROHIBITED = 10
    PROHIBITED = 13


class Layer(NamedTuple):
    """One encapsulation and the addresses that it is between."""

    by: str
    src: int
    dst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """The innermost packet, and what is around it.

    Attributes:
        layers: Encapsulations, outermost first.
        protocol: `tcp`, `udp`, `icmp` or a number.
        size: Bytes of the innermost packet, its IP header included.
        ident: The IP identification: a retransmission has another one.
        seq, ack, flags: TCP's; an ICMP's type and code are `seq` and `ack`.
        room: The MTU that an ICMP "too large" tells.
        payload: What was captured behind the innermost header.
        about: The packet that an ICMP error is about.
        whole: What is inside could be opened; of ESP without a key only the outside is known.
    """

    layers: tuple[Layer, ...]
    src: int
    dst: int
    protocol: str
    sport: int = 0
    dport: int = 0
    ttl: int = 0
    size: int = 0
    ident: int = 0
    seq: int = 0
    ack: int = 0
    flags: int = 0
    room: int = 0
    payload: bytes = b""
    about: "Datagram | None" = None
    whole: bool = True

    @property
    def headers(self) -> Headers:
        """In the words that the model shares."""
        outer = self.layers[0] if self.layers else None
        inner = (self.protocol, self.src, self.sport, self.dst, self.dport)
        src, dst = (self.src, self.dst) if outer is None else (outer.src, outer.dst)
        return Headers(tuple(layer.by for layer in self.layers), src, dst, inner)


class Arp(NamedTuple):
    """A question for an address, or its answer."""

    request: bool
    sender: int
    target: int


def decode(frame: bytes, keys: Mapping[int, EspKey], *, ethernet: bool = True) -> Datagram | Arp | None:
    """What a frame carries; None where it is nothing that is followed.

    Args:
        frame: As captured; it may be cut off behind the headers.
        keys: What opens ESP, by SPI.
        ethernet: It begins with an Ethernet header; a TUN device's does not.
    """
    if not ethernet:
        return _ip(memoryview(frame), keys, ())
    if len(frame) < _ETHERNET:
        return None
    kind = int.from_bytes(frame[12:14], "big")
    body = memoryview(frame)[_ETHERNET:]
    if kind == _ARP:
        return _arp(body)
    return _ip(body, keys, ()) if kind == _IPV4 else None


def _arp(body: memoryview) -> Arp | None:
    if len(body) < _ARP_LENGTH:
        return None
    operation, sender, target = unpack_from(">6xH6xI6xI", body)
    return Arp(operation == 1, sender, target)


class _Header(NamedTuple):
    size: int
    ident: int
    ttl: int
    protocol: int
    src: int
    dst: int


def _ip(data: memoryview, keys: Mapping[int, EspKey], layers: tuple[Layer, ...]) -> Datagram | None:
    if len(data) < _IP or data[0] >> 4 != _VERSION:
        return None
    size, ident, part, ttl, protocol, src, dst = unpack_from(">2xHHHBB2xII", data)
    header = _Header(size, ident, ttl, protocol, src, dst)
    body = data[(data[0] & 15) * 4 : size]
    name = _NAMES.get(protocol, str(protocol))
    if part & _OFFSET or len(body) < _UDP:  # a later fragment has no ports
        return _datagram(header, layers, name)
    found: Datagram | None = _datagram(header, layers, name)
    match name:
        case "ipip":
            found = _ip(body, keys, (*layers, Layer(IP_IN_IP, src, dst)))
        case "udp":
            found = _udp(header, body, keys, layers)
        case "tcp" if len(body) >= _TCP:
            found = _tcp(header, body, layers)
        case "icmp":
            found = _icmp(header, body, layers)
        case _:
            pass
    return found


def _datagram(header: _Header, layers: tuple[Layer, ...], protocol: str) -> Datagram:
    return Datagram(
        layers=layers,
        src=header.src,
        dst=header.dst,
        protocol=protocol,
        ttl=header.ttl,
        size=header.size,
        ident=header.ident,
    )


def _tcp(header: _Header, body: memoryview, layers: tuple[Layer, ...]) -> Datagram:
    sport, dport, seq, ack, offset, flags = unpack_from(">HHIIBB", body)
    payload = bytes(body[(offset >> 4) * 4 :])
    plain = _datagram(header, layers, "tcp")
    return replace(plain, sport=sport, dport=dport, seq=seq, ack=ack, flags=flags, payload=payload)


def _udp(
    header: _Header, body: memoryview, keys: Mapping[int, EspKey], layers: tuple[Layer, ...]
) -> Datagram | None:
    sport, dport = unpack_from(">HH", body)
    payload = body[_UDP:]
    if dport == VXLAN_PORT and len(payload) > _VXLAN:
        return _vxlan(header, payload, keys, layers)
    if NAT_T_PORT in (sport, dport) and len(payload) >= _UDP + _IV and any(payload[:4]):
        return _esp(header, payload, keys, layers)
    plain = _datagram(header, layers, "udp")
    return replace(plain, sport=sport, dport=dport, payload=bytes(payload))


def _vxlan(
    header: _Header, payload: memoryview, keys: Mapping[int, EspKey], layers: tuple[Layer, ...]
) -> Datagram | None:
    if layers and layers[-1].by == ESP:  # a concentrator's: a frame between loopback addresses inside ESP
        layers = (*layers[:-1], layers[-1]._replace(by=EXTENSION))
    else:
        layers = (*layers, Layer(VXLAN, header.src, header.dst))
    inside = payload[_VXLAN:]
    if len(inside) < _ETHERNET or int.from_bytes(inside[12:14], "big") != _IPV4:
        return None
    return _ip(inside[_ETHERNET:], keys, layers)


def _esp(
    header: _Header, payload: memoryview, keys: Mapping[int, EspKey], layers: tuple[Layer, ...]
) -> Datagram | None:
    layers = (*layers, Layer(ESP, header.src, header.dst))
    key = keys.get(int.from_bytes(payload[:4], "big"))
    if key is None:
        return Datagram(layers=layers, src=0, dst=0, protocol="esp", size=header.size, whole=False)
    sealed = payload[8 + _IV :]
    sealed = sealed[: (len(sealed) - key.integrity) // _BLOCK * _BLOCK]
    plain = Cipher(algorithms.AES(key.cipher), modes.CBC(bytes(payload[8 : 8 + _IV]))).decryptor()
    return _ip(memoryview(plain.update(bytes(sealed))), keys, layers)


def _icmp(header: _Header, body: memoryview, layers: tuple[Layer, ...]) -> Datagram:
    kind, code, room = unpack_from(">BB4xH", body)
    about = _about(body[_ICMP:]) if kind in {Icmp.UNREACHABLE, Icmp.EXCEEDED} else None
    return replace(_datagram(header, layers, "icmp"), seq=kind, ack=code, room=room, about=about)


def _about(data: memoryview) -> Datagram | None:
    """What an error quotes: at least the IP header and eight bytes, which hold TCP's sequence number."""
    if len(data) < _IP + _UDP:
        return None
    size, ident, ttl, protocol, src, dst = unpack_from(">2xHH2xBB2xII", data)
    header = _Header(size, ident, ttl, protocol, src, dst)
    body = data[(data[0] & 15) * 4 :]
    name = _NAMES.get(protocol, str(protocol))
    match name:
        case "tcp" if len(body) >= _UDP:
            sport, dport, seq = unpack_from(">HHI", body)
            return replace(_datagram(header, (), name), sport=sport, dport=dport, seq=seq)
        case "udp" if len(body) >= _UDP:
            return _udp(header, body, {}, ())
        case "ipip":
            return _about(body)
        case _:
            pass
    return _datagram(header, (), name)
