"""A network while it is drawn: parts that still change, and everything random from one generator."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from random import Random
from typing import Any, NamedTuple

from hopbook.network.facts import declared
from hopbook.network.nodes import Host, Interface, Listener, Medium, Network, Node, Segment
from hopbook.network.routes import Origin, Route, RouteTable

FACT = declared("judge")
EVERYWHERE = IPv4Network("0.0.0.0/0")
PORTS = (80, 443, 5432, 8443)
UDP_PORT = 123


class Subnet:
    """A prefix that hands out its addresses, each once."""

    def __init__(self, prefix: IPv4Network, rng: Random) -> None:
        self.prefix = prefix
        first, last = int(prefix.network_address), int(prefix.broadcast_address)
        free = list(range(first + 1, last)) or [first]
        rng.shuffle(free)
        self._free = free

    def take(self) -> int:
        """An address that nobody has."""
        return self._free.pop()

    @property
    def network(self) -> int:
        """Its first number."""
        return int(self.prefix.network_address)


@dataclass
class Box:
    """A node being drawn."""

    kind: type[Node]
    name: str
    interfaces: dict[str, Interface] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> int:
        """Its first address."""
        return next(number for item in self.interfaces.values() for number in item.addresses)

    def on(self, segment: str) -> Interface:
        """Its interface on a segment."""
        return next(item for item in self.interfaces.values() if item.segment == segment)


@dataclass(frozen=True)
class Place:
    """Where machines can be put: a segment, a subnet of it, the gateway there, the ESXi hosts."""

    segment: str
    subnet: Subnet
    gateway: int
    mtu: int = 1500
    hosts: tuple[str, ...] = ()


class Wish(NamedTuple):
    """A flow that somebody would want: from a node to an address and port."""

    at: str
    address: int
    port: int
    protocol: str = "tcp"


class Draft:
    """What is drawn so far. Names count up by their stem: `r1`, `vm2`."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.boxes: dict[str, Box] = {}
        self.segments: dict[str, Segment] = {}
        self.wishes: list[Wish] = []
        self.routers: list[Box] = []
        self.title: list[str] = []
        self._links: dict[str, list[str]] = {}
        self._announced: list[tuple[IPv4Network, str]] = []
        self._counts: dict[str, int] = {}
        self._private = self._prefixes("10.0.0.0/9", "172.16.0.0/13", "192.168.0.0/17")
        self._public = self._prefixes("198.18.0.0/16", "203.0.0.0/17")

    def chance(self, share: float) -> bool:
        """True in that share of all cases."""
        return self.rng.random() < share

    def name(self, stem: str) -> str:
        """The next name of a stem."""
        self._counts[stem] = self._counts.get(stem, 0) + 1
        return f"{stem}{self._counts[stem]}"

    def subnet(self, length: int = 24, *, public: bool = False) -> Subnet:
        """A prefix that overlaps no other one."""
        parent = next(self._public if public else self._private)
        skip = self.rng.randrange(2 ** (length - parent.prefixlen))
        size = 2 ** (32 - length)
        return Subnet(IPv4Network((int(parent.network_address) + skip * size, length)), self.rng)

    def segment(self, medium: Medium, stem: str = "net", **more: Any) -> str:
        """A new segment."""
        name = self.name(stem)
        self.segments[name] = Segment(name=name, medium=medium, fact=FACT, **more)
        return name

    def node(self, kind: type[Node], stem: str, **more: Any) -> Box:
        """A new node."""
        box = Box(kind, self.name(stem), more=more)
        self.boxes[box.name] = box
        return box

    def plug(
        self, box: Box, segment: str, prefix: IPv4Network | None, *addresses: int, **more: Any
    ) -> Interface:
        """Give a node an interface on a segment, with the route that follows from its prefix."""
        count = len(box.interfaces)
        name = more.pop("name", f"eth{count}")
        item = Interface(
            name=name,
            role=name,
            segment=segment,
            fact=FACT,
            addresses=addresses,
            prefix=prefix if addresses else None,
            **more,
        )
        box.interfaces[name] = item
        if item.prefix is not None and item.prefix.prefixlen < 32:
            box.routes.append(Route(prefix=item.prefix, interface=name, fact=FACT))
        return item

    def route(
        self, box: Box, prefix: IPv4Network, interface: str, hop: int | None = None, node: str = ""
    ) -> None:
        """Give a node a static route."""
        static = Route(
            prefix=prefix,
            interface=interface,
            fact=FACT,
            next_hop=hop,
            next_node=node,
            distance=1,
            origin=Origin.STATIC,
        )
        box.routes.append(static)

    def machine(self, place: Place, stem: str = "vm", *, ports: tuple[int, ...] | None = None) -> Box:
        """A host at a place, which listens somewhere and sends by the gateway."""
        ports = PORTS[: self.rng.randrange(1, len(PORTS))] if ports is None else ports
        listens = frozenset({Listener("udp", UDP_PORT), *(Listener("tcp", port) for port in ports)})
        box = self.node(Host, stem, listens=listens, host=self.host(place))
        self.plug(box, place.segment, place.subnet.prefix, place.subnet.take(), mtu=place.mtu)
        self.route(box, EVERYWHERE, "eth0", place.gateway)
        return box

    def port(self, box: Box) -> int:
        """A TCP port on which a node listens."""
        ports: list[int] = sorted(item.port for item in box.more["listens"] if item.protocol == "tcp")
        return self.rng.choice(ports)

    def host(self, place: Place) -> str:
        """One of the place's ESXi hosts; empty where it has none."""
        return self.rng.choice(place.hosts) if place.hosts else ""

    def link(self, one: Box, other: Box) -> None:
        """Say that two routers are neighbours; `spread` finds their ways by it."""
        self._links.setdefault(one.name, []).append(other.name)
        self._links.setdefault(other.name, []).append(one.name)

    def announce(self, prefix: IPv4Network, router: Box, hop: int | None = None, via: str = "") -> None:
        """A router leads to a prefix: by the interface `via`, to `hop` there; all routers will know."""
        if hop is not None:
            self.route(router, prefix, via, hop)
        self._announced.append((prefix, router.name))

    def spread(self) -> None:
        """Give each router its way to what the others lead to; some have just a default route."""
        for router in self.routers:
            ways = self._ways(router.name)
            neighbours = set(self._links.get(router.name, ()))
            if len(neighbours) == 1 and self.chance(0.4):
                self._toward(router, EVERYWHERE, next(iter(neighbours)))
                continue
            for prefix, owner in self._announced:
                if owner in ways:
                    self._toward(router, prefix, ways[owner])

    def network(self) -> Network:
        """What was drawn, as a network."""
        nodes = [
            box.kind(
                name=box.name,
                fact=FACT,
                interfaces=dict(box.interfaces),
                routes=RouteTable(box.routes),
                **box.more,
            )
            for box in self.boxes.values()
        ]
        return Network.of(nodes, self.segments.values(), names={})

    def _toward(self, router: Box, prefix: IPv4Network, neighbour: str) -> None:
        """By every link to the neighbour: two are equal routes."""
        other = self.boxes[neighbour]
        shared = {far.segment for far in other.interfaces.values()}
        for item in [item for item in router.interfaces.values() if item.segment in shared]:
            far = other.on(item.segment)
            named = not far.addresses or self.chance(0.3)
            hop = None if named else far.addresses[0]
            self.route(router, prefix, item.name, hop, neighbour if named else "")

    def _ways(self, start: str) -> Mapping[str, str]:
        """From each router that can be reached to the neighbour that leads there."""
        first: dict[str, str] = {}
        pending = deque((name, name) for name in self._links.get(start, ()))
        while pending:
            name, by = pending.popleft()
            if name == start or name in first:
                continue
            first[name] = by
            pending.extend((further, by) for further in self._links[name])
        return first

    def _prefixes(self, *parents: str) -> Iterator[IPv4Network]:
        """Prefixes of 20 bits in random order."""
        found = [prefix for text in parents for prefix in IPv4Network(text).subnets(new_prefix=20)]
        self.rng.shuffle(found)
        return iter(found)
