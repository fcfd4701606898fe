"""One packet. Addresses are integers here: a trace compares thousands of them and shows a few."""

from functools import lru_cache
from ipaddress import IPv4Address
from typing import NamedTuple

FULL_SEGMENT = 1500  # bytes: a TCP transfer fills the packets, so its way has to carry full ones
DATAGRAM = 128  # bytes: a DNS or NTP message with its headers


@lru_cache(maxsize=4096)
def ip(value: int) -> str:
    """An address as people write it."""
    return str(IPv4Address(value))


class Frame(NamedTuple):
    """Whom a layer-2 frame is for: a node's interface on a segment.

    Attributes:
        segment: The segment that it is on.
        node: Name of the station there that it is for.
        interface: Name of that station's interface.
        beyond: Behind an extension of the segment: the frame that the far concentrator sends on.
    """

    segment: str
    node: str
    interface: str
    beyond: "Frame | None" = None


class Inside(NamedTuple):
    """What an encapsulated packet carries.

    Attributes:
        packet: The packet inside.
        by: The encapsulation, as `network.encapsulation` calls it: `VXLAN`, `IP-in-IP`, `ESP`, ...
        tunnel: Which one of its kind: the segment of a VXLAN, the name of an IPsec end.
        frame: Whom the frame inside is for, where layer 2 is carried.
    """

    packet: "Packet"
    by: str
    tunnel: str
    frame: Frame | None = None


class Packet(NamedTuple):
    """The headers that forwarding looks at, the length in bytes, and what it carries if it is a tunnel's."""

    src: int
    dst: int
    protocol: str
    sport: int = 0
    dport: int = 0
    size: int = FULL_SEGMENT
    inside: Inside | None = None

    @classmethod
    def of(
        cls, protocol: str, source: tuple[IPv4Address, int], destination: tuple[IPv4Address, int]
    ) -> "Packet":
        """From addresses and ports; the size is what the protocol typically fills."""
        size = FULL_SEGMENT if protocol == "tcp" else DATAGRAM
        return cls(int(source[0]), int(destination[0]), protocol, source[1], destination[1], size)

    def reply(self) -> "Packet":
        """The packet that answers this one."""
        return Packet(self.dst, self.src, self.protocol, self.dport, self.sport, self.size)

    @property
    def innermost(self) -> "Packet":
        """The packet that all encapsulations are about; itself where it is in none."""
        packet = self
        while packet.inside is not None:
            packet = packet.inside.packet
        return packet

    @property
    def layers(self) -> tuple[str, ...]:
        """The encapsulations around the innermost packet, outermost first."""
        found, packet = [], self
        while packet.inside is not None:
            found.append(packet.inside.by)
            packet = packet.inside.packet
        return tuple(found)

    @property
    def source(self) -> str:
        """Source address and port."""
        return f"{ip(self.src)}:{self.sport}" if self.sport else ip(self.src)

    @property
    def destination(self) -> str:
        """Destination address and port."""
        return f"{ip(self.dst)}:{self.dport}" if self.dport else ip(self.dst)

    def __str__(self) -> str:
        if self.inside is not None:
            return f"{self.inside.by} {ip(self.src)} → {ip(self.dst)} around {self.inside.packet}"
        return f"{self.protocol} {self.source} → {self.destination}"
