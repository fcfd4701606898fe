"""Segments as wires and bridges, and VXLAN between ESXi hosts.

On an ESXi host a segment is a bridge; bridges of a VXLAN segment are joined by a tunnel between the VTEPs,
those of a VLAN by uplinks to the fabric. Where a VXLAN segment also has stations on no known host, they reach
each host by an uplink: uplinks and tunnels are isolated from each other, so no frame takes both ways.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.twin.stations import FABRIC, Cast, Plug, Standing
from hopbook.network.encapsulation import KINDS, VXLAN, VXLAN_PORT
from hopbook.network.nodes import Dlr, EsxiHost, Medium, Segment
from hopbook.network.packet import ip

Port = tuple[str, str]
"""A station's name and its device."""


@dataclass
class Cabling:
    """What has to be wired.

    Attributes:
        links: Commands of `ip -batch` that make pairs of interfaces between stations.
        scripts: By station, commands of `ip -batch` there: bridges, tunnels, ports.
        late: By station, commands of `ip -batch` once its devices are up.
        flooding: By station, commands of `bridge -batch`: the other VTEPs of a segment.
        filters: By host, the bridge ports behind which a router's addresses must not be asked for.
        wires: Which device is wired to which, both ways.
        ports: By station, its bridge ports.
    """

    links: list[str] = field(default_factory=list)
    scripts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    late: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    flooding: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    filters: defaultdict[str, list[tuple[str, tuple[int, ...]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    wires: dict[Port, Port] = field(default_factory=dict)
    ports: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def fabric(self) -> bool:
        """Whether some segment has a bridge outside all hosts."""
        return FABRIC in self.scripts

    def pair(self, near: tuple[Port, int, str], far: tuple[Port, int, str]) -> None:
        """Wire two devices; each is given with its MTU and its MAC address (empty: any)."""
        ends = []
        for (station, device), mtu, mac in (near, far):
            address = f" address {mac}" if mac else ""
            # Segmentation is left to the sender: what is captured is what a wire would carry
            ends.append(f"name {device}{address} mtu {mtu} gso_max_segs 1 netns {station}")
        self.links.append(f"link add {ends[0]} type veth peer {ends[1]}")
        self.wires[near[0]] = far[0]
        self.wires[far[0]] = near[0]


def cable(cast: Cast, knobs: Mapping[str, str]) -> Cabling:
    """Wire every segment that a station is on."""
    cabling = Cabling()
    silent = knobs.get("A15", "silent") == "silent"
    for number, (name, plugs) in enumerate(cast.plugs.items()):
        segment = cast.network.segments[name]
        _Wirer(cabling, cast, segment, number, silent=silent).wire(plugs)
    return cabling


@dataclass(frozen=True)
class _Wirer:
    """Wires one segment."""

    cabling: Cabling
    cast: Cast
    segment: Segment
    number: int
    silent: bool

    @property
    def room(self) -> int:
        """The largest packet that it carries."""
        return self.segment.carries - self.segment.overhead

    def wire(self, plugs: tuple[Plug, ...]) -> None:
        """Wire its stations."""
        on: dict[str, list[Plug]] = defaultdict(list)
        for plug in plugs:
            on[plug.host].append(plug)
        outside = on.pop("", [])
        hosts = {name: host for name in on if (host := self.cast.host(name)) is not None}
        if not hosts and self._fits_wire(outside):
            one, two = outside
            self.cabling.pair(_end(one, one.interface.mtu), _end(two, two.interface.mtu))
            return
        overlay = self.segment.medium is Medium.VXLAN
        if outside or (len(hosts) > 1 and not overlay):
            self._bridge(FABRIC, outside)
        for name, host in hosts.items():
            self._bridge(host.station.name, on[name])
            if outside or (len(hosts) > 1 and not overlay):
                self._uplink(host, isolated=overlay)
        if overlay:
            self._tunnels(hosts, on)
        self._keep_routers_apart(hosts, plugs)

    def _fits_wire(self, plugs: list[Plug]) -> bool:
        return len(plugs) == len({plug.station for plug in plugs}) == 2 and all(  # noqa: PLR2004
            plug.interface.mtu <= self.room for plug in plugs
        )

    def _bridge(self, station: str, plugs: list[Plug]) -> None:
        bridge, script = f"b{self.number}", self.cabling.scripts[station]
        script.append(f"link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        script.append(f"link set {bridge} mtu {self.room} up")
        for plug in plugs:
            port = f"p{len(self.cabling.ports[station])}"
            self.cabling.pair(_end(plug, plug.interface.mtu), ((station, port), self.room, ""))
            self._port(station, port)

    def _port(self, station: str, port: str, *, isolated: bool = False) -> None:
        script = self.cabling.scripts[station]
        self.cabling.ports[station].append(port)
        script.append(f"link set {port} master b{self.number} up")
        if isolated:
            script.append(f"link set {port} type bridge_slave isolated on")

    def _uplink(self, host: Standing, *, isolated: bool) -> None:
        station = host.station.name
        inner, outer = f"u{self.number}", f"p{len(self.cabling.ports[FABRIC])}"
        self.cabling.pair(((station, inner), self.room, ""), ((FABRIC, outer), self.room, ""))
        self._port(station, inner, isolated=isolated)
        self._port(FABRIC, outer, isolated=isolated)

    def _tunnels(self, hosts: Mapping[str, Standing], on: Mapping[str, list[Plug]]) -> None:
        """A tunnel device on each host that has a VTEP, with all others as its far ends.

        Which machine is behind which of them is known from the start, as NSX's controllers know it.
        """
        vteps = {name: _vtep(host) for name, host in hosts.items()}
        for name, host in hosts.items():
            near, far = vteps[name], [other for key, other in vteps.items() if key != name and other]
            if not near or not far:
                continue
            station, device = host.station.name, f"x{self.number}"
            vni = self.segment.vni or 0x800000 + self.number
            self.cabling.scripts[station].append(
                f"link add {device} mtu {self._tunnel_room(host)} type vxlan id {vni} local {ip(near)}"
                f" dstport {VXLAN_PORT} srcport {VXLAN_PORT} {VXLAN_PORT + 1}"
                + (f" remote {ip(far[0])}" if len(far) == 1 else "")
            )
            if len(far) > 1:
                self.cabling.flooding[station] += [
                    f"fdb append 00:00:00:00:00:00 dev {device} dst {ip(other)}" for other in far
                ]
            self.cabling.flooding[station] += [
                f"fdb replace {plug.mac} dev {device} {how}"
                for key, other in vteps.items()
                if key != name and other
                for plug in on[key]
                for how in (f"dst {ip(other)} self permanent", "master static")
            ]
            self._port(station, device, isolated=True)

    def _tunnel_room(self, host: Standing) -> int:
        """ESXi drops silently what its transport network does not carry; a kernel that knows would tell."""
        node = host.node
        if not isinstance(node, EsxiHost) or not self.silent:
            return self.room
        vtep = node.interfaces[node.vtep]
        transport = self.cast.network.segments[vtep.segment]
        return min(self.room, KINDS[VXLAN].most(min(vtep.mtu, transport.carries - transport.overhead)))

    def _keep_routers_apart(self, hosts: Mapping[str, Standing], plugs: tuple[Plug, ...]) -> None:
        """A DLR has the same addresses on every host: each answers only there, and knows who is where."""
        routers = [plug for plug in plugs if isinstance(plug.node, Dlr)]
        if len(routers) == len({plug.node.name for plug in routers}):
            return
        addresses = tuple(sorted({address for plug in routers for address in plug.addresses}))
        for host in hosts.values():
            self.cabling.filters[host.station.name] += [
                (port, addresses) for port in (f"u{self.number}", f"x{self.number}")
            ]
        for router in routers:
            self.cabling.late[router.station] += list(_neighbours(router, plugs))


def _neighbours(router: Plug, plugs: tuple[Plug, ...]) -> Iterator[str]:
    known: dict[int, list[Plug]] = defaultdict(list)
    for plug in plugs:
        if not isinstance(plug.node, Dlr):
            for address in plug.addresses:
                known[address].append(plug)
    for address, held in known.items():
        if len(held) == 1:
            yield f"neigh replace {ip(address)} lladdr {held[0].mac} dev {router.device} nud permanent"


def _end(plug: Plug, mtu: int) -> tuple[Port, int, str]:
    return (plug.station, plug.device), mtu, plug.mac


def _vtep(host: Standing) -> int:
    node = host.node
    vtep = node.interfaces.get(node.vtep) if isinstance(node, EsxiHost) else None
    return vtep.addresses[0] if vtep is not None and vtep.addresses else 0
