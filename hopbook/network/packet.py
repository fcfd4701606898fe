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


class Packet(NamedTuple):
    """The headers that forwarding looks at, and the length in bytes."""

    src: int
    dst: int
    protocol: str
    sport: int = 0
    dport: int = 0
    size: int = FULL_SEGMENT

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
    def source(self) -> str:
        """Source address and port."""
        return f"{ip(self.src)}:{self.sport}" if self.sport else ip(self.src)

    @property
    def destination(self) -> str:
        """Destination address and port."""
        return f"{ip(self.dst)}:{self.dport}" if self.dport else ip(self.dst)

    def __str__(self) -> str:
        return f"{self.protocol} {self.source} → {self.destination}"
