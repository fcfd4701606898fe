"""What encapsulations add, and the packets that they make."""

from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopbook.network.encapsulation import (
    ESP,
    EXTENSION,
    IP_IN_IP,
    KINDS,
    NAT_T_PORT,
    VXLAN,
    VXLAN_PORT,
    most,
    wrapped,
)
from hopbook.network.packet import DATAGRAM, FULL_SEGMENT, Frame, Inside, Packet, ip

JUMBO = 9000
EVERY_SIZE = range(JUMBO + 200)
HERE, THERE = int(IPv4Address("10.0.0.1")), int(IPv4Address("10.0.0.2"))
NEAR, FAR = int(IPv4Address("10.95.40.72")), int(IPv4Address("10.95.60.10"))

kinds = pytest.mark.parametrize("kind", list(KINDS))


def tcp(size: int = FULL_SEGMENT) -> Packet:
    return Packet(HERE, THERE, "tcp", 40000, 443, size)


def around(packet: Packet, *by: str) -> Packet:
    """A packet in these encapsulations, the innermost first."""
    for kind in by:
        packet = wrapped(Inside(packet, kind, "a tunnel"), NEAR, FAR)
    return packet


def esp_on_the_wire(size: int) -> int:
    """An ESP packet as RFC 4303 and RFC 3948 lay it out, AES-CBC and HMAC-SHA2-256-128."""
    padding = next(pad for pad in range(16) if (size + pad + 2) % 16 == 0)
    ip_header, udp_header, spi, sequence, vector, trailer, check = 20, 8, 4, 4, 16, 2, 16
    return ip_header + udp_header + spi + sequence + vector + size + padding + trailer + check


@pytest.mark.parametrize(
    ("kind", "room", "inner"),
    [
        (ESP, 1500, 1422),  # rule 26
        (ESP, 1499, 1422),
        (ESP, 1492, 1422),
        (ESP, 1491, 1406),
        (ESP, JUMBO, 8926),
        (VXLAN, 1600, 1550),
        (VXLAN, 1550, 1500),  # rule 15
        (VXLAN, 1500, 1450),
        (IP_IN_IP, 1500, 1480),
        (EXTENSION, 1500, 1372),
    ],
)
def test_the_largest_packet_inside(kind: str, room: int, inner: int) -> None:
    assert KINDS[kind].most(room) == inner


@pytest.mark.parametrize(
    ("kind", "inner", "outer"),
    [
        (ESP, 1422, 1492),
        (ESP, 1423, 1508),
        (ESP, 1500, 1572),
        (ESP, 60, 132),
        (VXLAN, 1500, 1550),
        (IP_IN_IP, 1480, 1500),
        (EXTENSION, 1372, 1492),
        (EXTENSION, 1500, 1620),
    ],
)
def test_the_packet_outside(kind: str, inner: int, outer: int) -> None:
    assert KINDS[kind].grown(inner) == outer


def test_esp_is_its_fields_at_every_size() -> None:
    assert [KINDS[ESP].grown(size) for size in EVERY_SIZE] == [esp_on_the_wire(size) for size in EVERY_SIZE]


def test_an_extension_carries_the_whole_frame_in_esp() -> None:
    """Ethernet 14, IP 20, UDP 8 and a header of 8, and ESP around that."""
    sizes = [esp_on_the_wire(size + 14 + 20 + 8 + 8) for size in EVERY_SIZE]
    assert [KINDS[EXTENSION].grown(size) for size in EVERY_SIZE] == sizes


@kinds
def test_a_larger_packet_never_becomes_a_smaller_one(kind: str) -> None:
    grown = [KINDS[kind].grown(size) for size in EVERY_SIZE]
    assert all(before <= after for before, after in pairwise(grown))
    assert all(size < outer for size, outer in enumerate(grown))


@kinds
def test_most_is_the_exact_inverse_of_grown_at_every_size(kind: str) -> None:
    """What fits is delivered, and one byte more is not."""
    of = KINDS[kind]
    for room in range(of.grown(0), JUMBO + 1):
        largest = of.most(room)
        assert of.grown(largest) <= room < of.grown(largest + 1), room


@kinds
def test_nothing_fits_where_the_headers_do_not(kind: str) -> None:
    of = KINDS[kind]
    assert all(of.most(room) < 0 for room in range(of.grown(0)))
    assert of.most(of.grown(0)) >= 0


@given(st.lists(st.sampled_from(list(KINDS)), max_size=4), st.integers(600, JUMBO))
def test_most_of_nested_encapsulations_is_exact(by: list[str], room: int) -> None:
    largest = most(around(tcp(), *by), room)
    assert around(tcp(largest), *by).size <= room < around(tcp(largest + 1), *by).size


@given(st.lists(st.sampled_from(list(KINDS)), max_size=4), st.integers(600, JUMBO), st.integers(1, JUMBO))
def test_most_does_not_depend_on_the_packet_that_asks(by: list[str], room: int, size: int) -> None:
    assert most(around(tcp(size), *by), room) == most(around(tcp(), *by), room)


def test_most_of_a_plain_packet_is_the_room() -> None:
    assert most(tcp(), 1500) == 1500


def test_order_of_encapsulations_matters_to_what_fits() -> None:
    """IP-in-IP of Calico within VXLAN of NSX, and a packet of IPsec within VXLAN."""
    assert most(around(tcp(), IP_IN_IP, VXLAN), 1600) == 1530
    assert most(around(tcp(), ESP, VXLAN), 1550) == 1422
    assert most(around(tcp(), VXLAN, ESP), 1550) == 1420


@pytest.mark.parametrize(
    ("kind", "protocol", "port"),
    [
        (VXLAN, "udp", VXLAN_PORT),
        (IP_IN_IP, "ipip", 0),
        (ESP, "udp", NAT_T_PORT),
        (EXTENSION, "udp", NAT_T_PORT),
    ],
)
def test_wrapped_goes_between_the_ends_of_the_tunnel(kind: str, protocol: str, port: int) -> None:
    inside = Inside(tcp(1000), kind, "a tunnel", Frame("a segment", "a node", "eth0"))
    packet = wrapped(inside, NEAR, FAR)
    assert packet == Packet(NEAR, FAR, protocol, port, port, KINDS[kind].grown(1000), inside)


def test_ports_are_those_of_the_standards() -> None:
    assert (VXLAN_PORT, NAT_T_PORT) == (4789, 4500)


def test_layers_are_named_from_outside_in() -> None:
    packet = around(tcp(), IP_IN_IP, VXLAN, ESP)
    assert packet.layers == (ESP, VXLAN, IP_IN_IP)
    assert packet.innermost == tcp()
    assert tcp().layers == ()
    assert tcp().innermost == tcp()


def test_a_packet_in_a_tunnel_tells_of_both() -> None:
    assert str(around(tcp(), ESP)) == "ESP 10.95.40.72 → 10.95.60.10 around tcp 10.0.0.1:40000 → 10.0.0.2:443"
    assert str(around(tcp(), IP_IN_IP, VXLAN)).count(" around ") == 2


@given(st.integers(0, 2**32 - 1))
def test_addresses_are_shown_as_people_write_them(value: int) -> None:
    assert int(IPv4Address(ip(value))) == value


@pytest.mark.parametrize(("protocol", "size"), [("tcp", FULL_SEGMENT), ("udp", DATAGRAM), ("icmp", DATAGRAM)])
def test_a_packet_has_the_size_that_its_protocol_fills(protocol: str, size: int) -> None:
    packet = Packet.of(protocol, (IPv4Address(HERE), 40000), (IPv4Address(THERE), 53))
    assert packet == Packet(HERE, THERE, protocol, 40000, 53, size)


def test_a_reply_goes_back_to_where_the_packet_came_from() -> None:
    packet = tcp(1000)
    assert packet.reply() == Packet(THERE, HERE, "tcp", 443, 40000, 1000)
    assert packet.reply().reply() == packet


def test_ports_are_shown_where_there_are_any() -> None:
    packet = tcp()
    assert (packet.source, packet.destination) == ("10.0.0.1:40000", "10.0.0.2:443")
    bare = Packet(HERE, THERE, "icmp")
    assert str(bare) == "icmp 10.0.0.1 → 10.0.0.2"
