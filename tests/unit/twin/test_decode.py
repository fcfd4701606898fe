"""Frames as they are on a wire, opened down to the packet that is followed."""

import struct
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.twin.decode import Arp, Datagram, Flags, Icmp, decode
from hopbook.trace.crossing import Headers

A, B, OUTER_A, OUTER_B = 0x0A000001, 0x0A000002, 0xC0A80001, 0xC0A80002
SPI = 0xC0FFEE01


@dataclass(frozen=True)
class Key:
    cipher: bytes = bytes(range(32))
    integrity: int = 16


def ethernet(body: bytes, kind: int = 0x0800) -> bytes:
    return bytes(12) + struct.pack(">H", kind) + body


def ipv4(protocol: int, body: bytes, src: int = A, dst: int = B, *, part: int = 0) -> bytes:
    head = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(body), 77, part, 61, protocol, 0, src, dst)
    return head + body


def tcp(payload: bytes = b"", flags: int = Flags.SYN, *, options: bytes = b"") -> bytes:
    offset = (20 + len(options)) // 4 << 4
    return struct.pack(">HHIIBBHHH", 40000, 443, 1000, 2000, offset, flags, 0, 0, 0) + options + payload


def udp(payload: bytes, sport: int = 40000, dport: int = 53) -> bytes:
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


def vxlan(inside: bytes, src: int = OUTER_A, dst: int = OUTER_B) -> bytes:
    head = struct.pack(">BxxxI", 8, 5001 << 8)
    return ipv4(17, udp(head + ethernet(inside), 51000, 4789), src, dst)


def esp(inside: bytes, key: Key) -> bytes:
    trailer = bytes(-(len(inside) + 2) % 16) + bytes([-(len(inside) + 2) % 16, 4])
    vector = bytes(range(16, 32))
    sealer = Cipher(algorithms.AES(key.cipher), modes.CBC(vector)).encryptor()
    sealed = sealer.update(inside + trailer)
    body = struct.pack(">II", SPI, 9) + vector + sealed + bytes(key.integrity)
    return ipv4(17, udp(body, 4500, 4500), OUTER_A, OUTER_B)


def opened(frame: bytes, keys: dict[int, Key] | None = None, *, ethernet: bool = True) -> Datagram:
    found = decode(frame, keys or {}, ethernet=ethernet)
    assert isinstance(found, Datagram)
    return found


def test_a_tcp_packet_is_told_apart_by_its_sequence_number() -> None:
    found = opened(ethernet(ipv4(6, tcp(b"data", options=bytes(12)))))
    assert (found.seq, found.ack, found.flags, found.payload) == (1000, 2000, Flags.SYN, b"data")
    assert (found.ttl, found.ident, found.size) == (61, 77, 56)
    assert found.headers == Headers((), A, B, ("tcp", A, 40000, B, 443))


def test_padding_of_a_short_frame_is_no_payload() -> None:
    assert opened(ethernet(ipv4(6, tcp())) + bytes(6)).payload == b""


def test_a_tunnel_device_gives_packets_without_ethernet() -> None:
    assert opened(ipv4(17, udp(b"tag")), ethernet=False).payload == b"tag"


@pytest.mark.parametrize(
    "frame", [b"", bytes(14), ethernet(b"\x60" + bytes(39)), ethernet(bytes(40), 0x86DD)]
)
def test_what_is_no_ipv4_is_nothing(frame: bytes) -> None:
    assert decode(frame, {}) is None


def test_layers_are_named_outermost_first() -> None:
    found = opened(ethernet(vxlan(ipv4(4, ipv4(6, tcp()), 0x01010101, 0x02020202))))
    assert found.headers == Headers(("VXLAN", "IP-in-IP"), OUTER_A, OUTER_B, ("tcp", A, 40000, B, 443))
    assert found.size == 40


def test_esp_is_opened_with_the_key_of_its_spi() -> None:
    found = opened(ethernet(esp(ipv4(6, tcp(b"secret")), Key())), {SPI: Key()})
    assert found.payload == b"secret"
    assert found.headers.layers == ("ESP",)


@pytest.mark.parametrize("keys", [{}, {SPI + 1: Key()}])
def test_esp_without_its_key_is_seen_only_from_outside(keys: dict[int, Key]) -> None:
    found = opened(ethernet(esp(ipv4(6, tcp()), Key())), keys)
    assert (found.whole, [layer.src for layer in found.layers]) == (False, [OUTER_A])


def test_esp_between_hosts_is_inside_vxlan() -> None:
    found = opened(ethernet(vxlan(esp(ipv4(6, tcp()), Key()), 1, 2)), {SPI: Key()})
    assert found.headers.layers == ("VXLAN", "ESP")


def test_frames_inside_esp_are_an_extension_of_layer_2() -> None:
    inside = vxlan(ipv4(6, tcp()), 0x7F000001, 0x7F000002)
    found = opened(ethernet(esp(inside, Key())), {SPI: Key()})
    assert found.headers == Headers(("L2 extension",), OUTER_A, OUTER_B, ("tcp", A, 40000, B, 443))


def test_ike_is_not_esp() -> None:
    found = opened(ethernet(ipv4(17, udp(bytes(4) + b"ike" * 20, 4500, 4500))))
    assert (found.protocol, found.layers, found.whole) == ("udp", (), True)


def test_an_icmp_error_says_what_it_is_about() -> None:
    body = struct.pack(">BBHHH", Icmp.UNREACHABLE, 4, 0, 0, 1300) + ipv4(6, tcp())[:28]
    found = opened(ethernet(ipv4(1, body, B, A)))
    assert (found.protocol, found.seq, found.ack, found.room) == ("icmp", 3, 4, 1300)
    assert found.about is not None
    assert (found.about.seq, found.about.headers.inner) == (1000, ("tcp", A, 40000, B, 443))


def test_an_icmp_error_about_a_tunnel_is_about_what_is_inside() -> None:
    about = ipv4(4, ipv4(17, udp(b"tagged!!")), OUTER_A, OUTER_B)
    found = opened(ethernet(ipv4(1, struct.pack(">BBHHH", 3, 1, 0, 0, 0) + about, B, A)))
    assert found.about is not None
    assert found.about.payload == b"tagged!!"


def test_an_echo_is_about_nothing() -> None:
    assert opened(ethernet(ipv4(1, struct.pack(">BBHHH", 8, 0, 0, 0, 0) + ipv4(6, tcp())))).about is None


def test_a_later_fragment_has_no_ports() -> None:
    found = opened(ethernet(ipv4(17, udp(b"more"), part=185)))
    assert (found.protocol, found.sport) == ("udp", 0)


@pytest.mark.parametrize(("operation", "request_"), [(1, True), (2, False)])
def test_arp_says_who_asks_for_whom(operation: int, request_: bool) -> None:
    body = struct.pack(">HHBBH6sI6sI", 1, 0x0800, 6, 4, operation, bytes(6), A, bytes(6), B)
    assert decode(ethernet(body, 0x0806), {}) == Arp(request_, A, B)
