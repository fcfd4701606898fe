"""Which namespaces a network becomes, how their interfaces are called, and which addresses they get.

One node is one namespace (a station), but a DLR, which is one for each ESXi host that has machines on its
segments (rule 13). What joins stations that are on no known host is a bridge in a namespace of its own, the
fabric; so a frame that crosses it crosses no node of the model.

An interface of which nobody knows the address (`next_node` routes) gets one that nothing else of the network
uses. Its scope is the link, so no packet that the node sends bears it if there is another.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from hopbook.errors import HopbookError
from hopbook.network.nodes import Concentrator, Dlr, EsxiHost, Interface, KubeNode, Medium, Network, Node

FABRIC = "fabric"
TUNNEL = "tunl0"
ESP_DEVICE = "ipsec0"
# Nobody routes them: the shared address space of carriers, and the range for benchmarks
_SPARE = tuple(IPv4Network(text) for text in ("100.127.0.0/16", "198.19.0.0/16", "100.64.0.0/16"))


class NotBuildable(HopbookError):
    """Something of the network cannot be expressed in Linux; it is named, and never silently left out."""


@dataclass(frozen=True)
class Station:
    """One namespace.

    Attributes:
        name: The namespace's name: `n0`, `n1`, ...; the fabric is `fabric`.
        node: Name of the node; empty for the fabric.
        host: Of a DLR: the ESXi host that this instance is on; else empty.
        interfaces: From Linux names to the model's; empty for layer-2 ports and for `ipsec0`.
        layer2: It switches: an ESXi host, a concentrator, the fabric.
    """

    name: str
    node: str
    host: str = ""
    interfaces: Mapping[str, str] = field(default_factory=dict)
    layer2: bool = False


@dataclass(frozen=True, slots=True)
class Plug:
    """An interface of a station that is on a segment.

    Attributes:
        host: The ESXi host whose bridge it is plugged into; empty: the fabric's, or a wire of its own.
        trunk: It is a concentrator's, and switches.
        spare: Its addresses are not the model's.
    """

    station: str
    device: str
    node: Node
    interface: Interface
    host: str
    mac: str
    addresses: tuple[int, ...]
    trunk: bool = False
    spare: bool = False


@dataclass(frozen=True)
class Standing:
    """A station with its node, and how its interfaces are called in Linux."""

    station: Station
    node: Node
    host: str
    devices: Mapping[str, str]


@dataclass(frozen=True)
class Cast:
    """All stations of a network, and what is on which segment."""

    network: Network
    standings: tuple[Standing, ...]
    plugs: Mapping[str, tuple[Plug, ...]]
    spare: "Spare"

    def host(self, name: str) -> Standing | None:
        """The station of an ESXi host."""
        found = (item for item in self.standings if item.node.name == name)
        return next((item for item in found if isinstance(item.node, EsxiHost)), None)

    def neighbour(self, segment: str, node: str) -> int:
        """The address by which a node can be sent to on a segment; one that nobody has if it is not there."""
        for plug in self.plugs.get(segment, ()):
            if plug.node.name == node and plug.addresses:
                return plug.addresses[0]
        there = self.network.nodes.get(node)
        sides = there.interfaces.values() if there is not None else ()
        known = (item.addresses[0] for item in sides if item.segment == segment and item.addresses)
        return next(known, None) or self.spare.take()


class Spare:
    """Addresses that the network does not use."""

    def __init__(self, network: Network) -> None:
        used = {address for node in network.nodes.values() for address in node.addresses}
        prefixes = [
            item.prefix for node in network.nodes.values() for item in node.interfaces.values() if item.prefix
        ]
        free = (
            pool
            for pool in _SPARE
            if not any(pool.overlaps(prefix) for prefix in prefixes)
            and not any(int(pool[0]) <= address <= int(pool[-1]) for address in used)
        )
        pool = next(free, None)
        if pool is None:
            raise NotBuildable(f"the network uses all of {', '.join(map(str, _SPARE))}")
        self._next = int(pool[0])

    def take(self) -> int:
        """One more."""
        self._next += 1
        return self._next


def cast(network: Network, there: Collection[str] = ()) -> Cast:
    """The stations of a network.

    Args:
        network: What is to be built; nodes that are not present are left out.
        there: Names of such nodes that count as present.
    """
    nodes = [node for node in network.nodes.values() if node.present or node.name in there]
    hosts = {node.name for node in nodes if isinstance(node, EsxiHost)}
    spare = Spare(network)
    standings: list[Standing] = []
    plugs: dict[str, list[Plug]] = {}
    count = 0
    for node in nodes:
        for host in _places(node, nodes, hosts):
            standing = _standing(f"n{len(standings)}", node, host)
            standings.append(standing)
            for plug in _plugs(standing, network, spare):
                count += 1
                mac = f"02:00:00:00:{count >> 8:02x}:{count & 255:02x}"
                plugs.setdefault(plug.interface.segment, []).append(replace(plug, mac=mac))
    return Cast(network, tuple(standings), {name: tuple(held) for name, held in plugs.items()}, spare)


def _places(node: Node, nodes: Collection[Node], hosts: Collection[str]) -> list[str]:
    """The ESXi hosts that a node is on; a DLR is on each that has machines on its segments."""
    if not isinstance(node, Dlr):
        return [node.host if node.host in hosts else ""]
    segments = {item.segment for item in node.interfaces.values()}
    machines = [
        item
        for item in nodes
        if not isinstance(item, Dlr | EsxiHost)
        and any(interface.segment in segments for interface in item.interfaces.values())
    ]
    found = dict.fromkeys(item.host if item.host in hosts else "" for item in machines)
    return sorted(found) or [""]


def _standing(name: str, node: Node, host: str) -> Standing:
    devices: dict[str, str] = {}
    for number, interface in enumerate(node.interfaces.values()):
        if isinstance(node, KubeNode) and interface.name == node.tunnel:
            devices[interface.name] = TUNNEL
        elif interface.segment:
            devices[interface.name] = f"i{number}"
    shown = {device: "" if _switches(node, name) else name for name, device in devices.items()}
    station = Station(
        name=name,
        node=node.name,
        host=host if isinstance(node, Dlr) else "",
        interfaces=shown,
        layer2=isinstance(node, EsxiHost | Concentrator),
    )
    return Standing(station, node, host, devices)


def _switches(node: Node, interface: str) -> bool:
    return isinstance(node, Concentrator) and interface == node.trunk


def _plugs(standing: Standing, network: Network, spare: Spare) -> Iterator[Plug]:
    for name, device in standing.devices.items():
        interface = standing.node.interfaces[name]
        if not interface.segment:
            continue
        trunk = _switches(standing.node, name)
        own = interface.addresses
        inside = network.segments[interface.segment].medium is Medium.POD  # of a machine, and on no switch
        yield Plug(
            station=standing.station.name,
            device=device,
            node=standing.node,
            interface=interface,
            host="" if inside else standing.host,
            mac="",
            addresses=own if own or trunk else (spare.take(),),
            trunk=trunk,
            spare=not own,
        )
