"""Routes, and the longest prefix among them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network

from hopbook.network.facts import Fact
from hopbook.network.packet import ip


class Origin(StrEnum):
    """Who says so."""

    CONNECTED = "connected"
    STATIC = "static"
    DECLARED = "declared"
    BGP = "BGP"


@dataclass(frozen=True)  # no slots: `title` is made when somebody reads it
class Route:
    """A way to a prefix.

    Attributes:
        interface: Name of the interface that it leaves by; empty for a black hole.
        next_hop: The neighbour's address; None: the destination itself is the neighbour.
        next_node: Instead of an address, the neighbour's name, where its address is IBM's own matter.
        distance: Lower wins among equal prefixes: connected 0, static 1, eBGP 20, iBGP 200 (rule 24).
        learned_from: Name of the BGP neighbour that gave it.
        given: The next hop that this neighbour gave; `next_hop` or `next_node` is how to get there.
    """

    prefix: IPv4Network
    interface: str
    fact: Fact
    next_hop: int | None = None
    next_node: str = ""
    distance: int = 0
    origin: Origin = Origin.CONNECTED
    learned_from: str = ""
    given: int | None = None

    @cached_property
    def title(self) -> str:
        """For a sentence."""
        if not self.interface:
            return f"route {self.prefix} nowhere"
        if self.given is not None:
            return f"route {self.prefix} via {ip(self.given)}{self._detour}, BGP from {self.learned_from}"
        if self.next_node:
            return f"route {self.prefix} via {self.next_node}"
        if self.next_hop is None:
            known = "connected" if self.origin is Origin.CONNECTED else f"by {self.interface}"
            return f"route {self.prefix} {known}"
        return f"route {self.prefix} via {ip(self.next_hop)}"

    @property
    def _detour(self) -> str:
        """Where the way to a BGP next hop begins, unless it is on the interface's own network."""
        if self.next_node:
            return f" by {self.next_node}"
        return "" if self.next_hop in {None, self.given} else f" by {ip(self.next_hop)}"


class RouteTable:
    """Routes by prefix. Lookup costs a dictionary access a prefix length, however many routes there are."""

    __slots__ = ("_lengths", "routes")

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self.routes = tuple(routes)
        by_length: dict[int, dict[int, tuple[Route, ...]]] = {}
        for route in self.routes:
            prefixes = by_length.setdefault(route.prefix.prefixlen, {})
            number = int(route.prefix.network_address)
            prefixes[number] = _best((*prefixes.get(number, ()), route))
        self._lengths = tuple(
            (int(IPv4Network((0, length)).netmask), prefixes)
            for length, prefixes in sorted(by_length.items(), reverse=True)
        )

    def lookup(self, address: int) -> tuple[Route, ...]:
        """The routes of the longest prefix and the lowest distance; several are ECMP, none is no route."""
        for mask, prefixes in self._lengths:
            found = prefixes.get(address & mask)
            if found is not None:
                return found
        return ()


def _best(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    nearest = min(route.distance for route in routes)
    return tuple(route for route in routes if route.distance == nearest)
