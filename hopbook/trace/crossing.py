"""A way in the words that model and real packets share: which nodes, by which interfaces, in which headers.

What decided is the model's alone; that real packets crossed the same nodes in the same headers is what the
twin proves.
"""

from collections.abc import Iterable
from typing import NamedTuple

from hopbook.network.nodes import Concentrator, EsxiHost
from hopbook.network.packet import Packet, ip
from hopbook.trace.verdict import Hop


class Headers(NamedTuple):
    """What of a packet can be seen on a wire.

    Attributes:
        layers: Its encapsulations, outermost first.
        src, dst: Addresses of the outermost header.
        inner: Protocol, source, source port, destination, destination port of the innermost packet.
    """

    layers: tuple[str, ...]
    src: int
    dst: int
    inner: tuple[str, int, int, int, int]

    @classmethod
    def of(cls, packet: Packet) -> "Headers":
        """What can be seen of a packet."""
        last = packet.innermost
        inner = (last.protocol, last.src, last.sport, last.dst, last.dport)
        return cls(packet.layers, packet.src, packet.dst, inner)

    def __str__(self) -> str:
        protocol, src, sport, dst, dport = self.inner
        packet = f"{protocol} {ip(src)}:{sport} → {ip(dst)}:{dport}"
        return (
            f"{' '.join(self.layers)} {ip(self.src)} → {ip(self.dst)} around {packet}"
            if self.layers
            else packet
        )


NOTHING = Headers((), 0, 0, ("nothing seen", 0, 0, 0, 0))  # of a packet that is on no wire


class Crossing(NamedTuple):
    """One node that a packet crossed.

    Attributes:
        host: For a distributed router, the ESXi host in which it routed.
        came, left: Names of its interfaces; empty where the way begins or ends, and on layer 2.
        before, after: The headers as the packet came and as it left, or as it was when it ended there.
    """

    node: str
    host: str
    came: str
    left: str
    before: Headers
    after: Headers

    @property
    def line(self) -> str:
        """For a list: what left the node, or what came where it ended."""
        where = f"{self.node} in {self.host}" if self.host else self.node
        sides = f"{self.came} → {self.left}" if self.left else self.came
        return f"{where:26} {sides:28} {self.before if self.after == NOTHING else self.after}"

    def __str__(self) -> str:
        where = f"{self.node} in {self.host}" if self.host else self.node
        return f"{where} [{self.came or '-'} → {self.left or '-'}] {self.before} ⇒ {self.after}"


def crossings(hops: Iterable[Hop]) -> tuple[Crossing, ...]:
    """The hops of one way."""
    return tuple(_crossing(hop) for hop in hops)


def _crossing(hop: Hop) -> Crossing:
    switch = isinstance(hop.node, EsxiHost | Concentrator)
    came = "" if switch or hop.ingress is None else hop.ingress.name
    left = "" if switch or hop.egress is None else hop.egress.name
    return Crossing(hop.node.name, hop.host, came, left, Headers.of(hop.before), Headers.of(hop.after))
