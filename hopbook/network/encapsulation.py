"""What each encapsulation adds, in bytes (`reference/ibm.md` 6, `reference/network-rules.md` 15, 19, 26)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hopbook.network.packet import Inside, Packet

VXLAN, IP_IN_IP, ESP, EXTENSION = "VXLAN", "IP-in-IP", "ESP", "L2 extension"
VXLAN_PORT, NAT_T_PORT = 4789, 4500

_VXLAN_BYTES, _IP_BYTES = 50, 20  # Ethernet 14, VXLAN 8, UDP 8, IP 20
_ESP_FIXED = 20 + 8 + 8 + 16 + 16  # IP, UDP (NAT-T), SPI and sequence, IV, ICV of HMAC-SHA2-256-128
_AES_BLOCK, _ESP_TRAILER = 16, 2
_L2_BYTES = _VXLAN_BYTES  # a concentrator carries the whole Ethernet frame


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """One kind: how large a packet becomes, and the largest that still fits into a size."""

    grown: Callable[[int], int]
    most: Callable[[int], int]
    protocol: str
    port: int = 0


def _esp(size: int) -> int:
    blocks = -(-(size + _ESP_TRAILER) // _AES_BLOCK)
    return blocks * _AES_BLOCK + _ESP_FIXED


def _esp_most(room: int) -> int:
    return (room - _ESP_FIXED) // _AES_BLOCK * _AES_BLOCK - _ESP_TRAILER


KINDS: Mapping[str, Encapsulation] = {
    VXLAN: Encapsulation(
        lambda size: size + _VXLAN_BYTES, lambda room: room - _VXLAN_BYTES, "udp", VXLAN_PORT
    ),
    IP_IN_IP: Encapsulation(lambda size: size + _IP_BYTES, lambda room: room - _IP_BYTES, "ipip"),
    ESP: Encapsulation(_esp, _esp_most, "udp", NAT_T_PORT),
    EXTENSION: Encapsulation(
        lambda size: _esp(size + _L2_BYTES), lambda room: _esp_most(room) - _L2_BYTES, "udp", NAT_T_PORT
    ),
}


def wrapped(inside: Inside, src: int, dst: int) -> Packet:
    """The packet that carries another one between two tunnel ends."""
    kind = KINDS[inside.by]
    return Packet(src, dst, kind.protocol, kind.port, kind.port, kind.grown(inside.packet.size), inside)


def most(packet: Packet, room: int) -> int:
    """The largest that the innermost packet may be where its outermost one has so much room, in bytes."""
    while packet.inside is not None:
        room = KINDS[packet.inside.by].most(room)
        packet = packet.inside.packet
    return room
