"""What the manager answers to probes: the central CLI, and Traceflow (`nsxv.md` 2.9 and 2.14).

The CLI's tables are made from the edge's configuration, as an edge that published it has them, and of what
`control` says of its sessions and tunnels. The text of `ip route` and `ip bgp neighbors` is a real edge's; of
NAT and firewall only the frame is known (iptables' with a column `rid`), of `service ipsec` nothing.

Where a packet goes a manager without hosts cannot know: whoever couples the simulators says it (`follow`).
Probes change no configuration, so they keep no edge busy and are no change. A connection is in `flows` only
if somebody put it there, for nobody sends packets through a simulated edge.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from adapters.nsxv.simulator import firewall, net
from adapters.nsxv.simulator.control import Control, Learned, Session, Tunnel
from adapters.nsxv.simulator.errors import invalid, not_found
from adapters.nsxv.simulator.exchange import PLAIN, Incoming, Reply, Route, created, ok
from adapters.nsxv.simulator.fields import Fields
from adapters.nsxv.simulator.state import Edge, EdgeType
from adapters.nsxv.simulator.values import NatAction, NatRule
from adapters.nsxv.simulator.wire import Node, node
from adapters.nsxv.simulator.world import World

CLI = "/api/1.0/nsx/cli"
TRACEFLOW = "/api/2.0/vdn/traceflow"

_LAST_PORT = 2**16 - 1
_LONGEST = 15_000  # milliseconds
_CODES = (
    "Codes: O - OSPF derived, i - IS-IS derived, B - BGP derived,\n"
    "C - connected, S - static, L1 - IS-IS level-1, L2 - IS-IS level-2,\n"
    "IA - OSPF inter area, E1 - OSPF external type 1, E2 - OSPF external type 2,\n"
    "N1 - OSPF NSSA external type 1, N2 - OSPF NSSA external type 2\n"
)
_HEADER = "rid    pkts bytes target     prot opt in     out     source               destination"
_TARGETS = {"accept": "ACCEPT", "deny": "DROP", "reject": "REJECT"}


@dataclass(frozen=True, slots=True)
class Injected:
    """The packet that a Traceflow sends.

    Attributes:
        vnic: The id of the vNIC that it is sent from.
        protocol: `tcp` or `udp`; empty where the request names no ports.
    """

    vnic: str
    src: IPv4Address
    dst: IPv4Address
    protocol: str = ""
    sport: int = 0
    dport: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation: `LogicalReceived` by the component `LR` of a host."""

    what: str
    component: str
    name: str
    host: str = ""
    rule: str = ""


Follow = Callable[[Injected], Sequence[Seen]]
"""Says what is seen of a packet; raises ApiError where NSX would refuse to send it."""


class Probes:
    """The handlers, and what they remember.

    Args:
        lock: Held while the manager's configuration is looked at, and not while a packet is followed.
        control: Who knows what sessions and tunnels have come to.

    Attributes:
        follow: Where packets go; None: Traceflow is refused.
        flows: The connections of each edge by its id, as lines of its table.
    """

    def __init__(self, lock: "threading.RLock", control: Control) -> None:
        self.follow: Follow | None = None
        self.flows: dict[str, list[str]] = {}
        self._lock, self._control = lock, control
        self._done: dict[str, tuple[Injected, Sequence[Seen]]] = {}
        self._read: set[str] = set()
        self.routes = (
            Route("POST", CLI, self._execute),
            Route("POST", TRACEFLOW, self._send),
            Route("GET", f"{TRACEFLOW}/{{id}}", self._state),
            Route("GET", f"{TRACEFLOW}/{{id}}/observations", self._observations),
        )

    # The central CLI

    def _execute(self, world: World, request: Incoming) -> Reply:
        if request.query.get("action") != "execute":
            raise invalid("Parameter action must be execute.")
        with request.fields("nsxcli") as fields:
            command = fields.required("command")
        return Reply(200, self._shown(world, command.split()).encode(), PLAIN)

    def _shown(self, world: World, words: Sequence[str]) -> str:
        match words:
            case ["show", "edge", identifier, *table]:
                with self._lock:
                    edge = world.edges.get(identifier)
                    name = edge.shown_name if edge else ""
                if edge is None:
                    return f"Error: edge {identifier} is not found.\n"
                sessions = self._control.sessions(name) if table[:1] == ["ip"] else {}
                tunnels = self._control.tunnels(name) if table == ["service", "ipsec"] else {}
                with self._lock:
                    return self._table(edge, " ".join(table), sessions, tunnels)
            case _:
                return f"% Invalid command: {' '.join(words)}\n"

    def _table(
        self, edge: Edge, table: str, sessions: Mapping[str, Session], tunnels: Mapping[str, Tunnel]
    ) -> str:
        learned = [route for session in sessions.values() for route in session.routes]
        tables: dict[str, Callable[[], str]] = {
            "ip route": lambda: _routes(edge, learned),
            "ip route bgp": lambda: _routes(edge, learned, only="B"),
            "ip bgp neighbors": lambda: _neighbours(edge, sessions),
        }
        if edge.type is EdgeType.GATEWAY:
            tables |= {
                "nat": lambda: _nat(edge),
                "firewall": lambda: _firewall(edge),
                "flowtable": lambda: "".join(f"{line}\n" for line in self.flows.get(edge.id, ())),
                "service ipsec": lambda: _tunnels(edge, tunnels),
            }
        return tables[table]() if table in tables else f"% Invalid command: {table}\n"

    # Traceflow

    def _send(self, _: World, request: Incoming) -> Reply:
        sent = _injected(request.fields("traceflowRequest"))
        if self.follow is None:
            raise invalid("Traceflow is not available: no controller is connected.")
        seen = tuple(self.follow(sent))
        with self._lock:
            identifier = f"00000000-0000-0000-0000-{len(self._done) + 1:012x}"
            self._done[identifier] = sent, seen
        return created(f"{TRACEFLOW}/{identifier}", identifier)

    def _known(self, request: Incoming) -> tuple[str, Injected, Sequence[Seen]]:
        identifier = request.args["id"]
        with self._lock:
            if identifier not in self._done:
                raise not_found(identifier)
            return identifier, *self._done[identifier]

    def _state(self, _: World, request: Incoming) -> Reply:
        """Its first reading finds it under way."""
        identifier, sent, seen = self._known(request)
        with self._lock:
            complete = identifier in self._read
            self._read.add(identifier)
        delivered = any(item.what == "Delivered" for item in seen)
        return ok(
            node(
                "traceflowDto",
                node("operState", "COMPLETE" if complete else "IN_PROGRESS"),
                node("vnicId", sent.vnic),
                node("id", identifier),
                node("deliveredCount", int(delivered)),
                node("logicalDroppedCount", sum(item.what == "LogicalDropped" for item in seen)),
                node("completeAvailable", complete),
                node("result", "SUCCESS" if delivered else "FAILURE") if complete else None,
                node("srcIp", str(sent.src)),
            )
        )

    def _observations(self, _: World, request: Incoming) -> Reply:
        seen = self._known(request)[2]
        listed = (_observation(number, item) for number, item in enumerate(seen))
        page = node(
            "traceflowObservationsDataPage", node("pagingInfo", node("totalCount", len(seen))), *listed
        )
        return ok(node("traceflowObservations", page))


# An edge's tables


def _neighbours(edge: Edge, sessions: Mapping[str, Session]) -> str:
    lines: list[str] = []
    for item in edge.routing.bgp.neighbours if edge.routing.bgp else ():
        session = sessions.get(item.address, Session())
        lines += [
            "",
            f"BGP neighbor is {item.address},   remote AS {item.asn},",
            f"BGP state = {session.state}, {'up' if session.state == 'Established' else 'down'}",
            f"Hold time is {item.hold}, Keep alive interval is {item.keepalive} seconds",
            f"\t Prefixes received {len(session.routes)} sent 0 advertised 0",
        ]
    return "\n".join([*lines, ""])


def _tunnels(edge: Edge, tunnels: Mapping[str, Tunnel]) -> str:
    lines = [f"IPsec service is {'enabled' if edge.ipsec.enabled else 'disabled'}"]
    for site in edge.ipsec.sites:
        tunnel = tunnels.get(site.name or f"#{site.id}", Tunnel())
        word = "up" if tunnel.up else f"down {tunnel.reason}"
        lines.append(f"{site.id} {site.name} {site.local} - {site.peer}: {word}")
    return "\n".join([*lines, ""])


def _routes(edge: Edge, learned: Iterable[Learned], only: str = "") -> str:
    ways = sorted(_best([*_ways(edge), *_told(learned)]), key=lambda way: (way[0], way[3]))
    ways = [way for way in ways if only in {"", way[1]}]
    lines = [
        f"{code:<8}{network!s:<21}{f'[{distance}/{metric}]':<14}via {hop!s:<16}"
        for network, code, (distance, metric), hop in ways
    ]
    total = len({network for network, *_ in ways})
    return "\n".join(["", _CODES, f"Total number of routes: {total}", "", *lines, ""])


_Way = tuple[IPv4Network, str, tuple[int, int], IPv4Address]


def _told(learned: Iterable[Learned]) -> Iterator[_Way]:
    for route in learned:
        yield route.network, "B", (route.distance, 0), route.next_hop


def _best(ways: Sequence[_Way]) -> Iterator[_Way]:
    """The ways to each network of the lowest distance."""
    nearest: dict[IPv4Network, int] = {}
    for network, _, (distance, _), _ in ways:
        nearest[network] = min(distance, nearest.get(network, distance))
    yield from (way for way in ways if way[2][0] == nearest[way[0]])


def _ways(edge: Edge) -> Iterator[_Way]:
    """Connected networks, and static routes whose next hop is on one of them."""
    connected = [
        (net.subnet(group), IPv4Address(group.primary))
        for interface in edge.interfaces()
        if interface.connected
        for group in interface.groups
    ]
    for network, own in connected:
        yield network, "C", (0, 0), own
    static = [
        (IPv4Interface(item.network).network, item.distance, item.next_hop) for item in edge.routing.routes
    ]
    if edge.routing.default is not None:
        default = edge.routing.default
        hops = default.gateway.split(",")
        static += [(IPv4Network("0.0.0.0/0"), default.distance or 1, hop.strip()) for hop in hops]
    for network, distance, hop in static:
        if any(IPv4Address(hop) in reached for reached, _ in connected):
            yield network, "S", (distance, 1), IPv4Address(hop)


def _nat(edge: Edge) -> str:
    """NAT needs the firewall on; then the rules that are enabled, in their order."""
    works = edge.nat.enabled and edge.firewall.enabled
    lines: list[str] = []
    for action in (NatAction.DNAT, NatAction.SNAT):
        lines += [f"Chain usr_{action} (1 references)", _HEADER]
        rules = [rule for rule in edge.nat.rules if rule.action is action and rule.enabled]
        lines += [_nat_line(rule) for rule in rules] if works else []
        lines.append("")
    return "\n".join(lines)


def _nat_line(rule: NatRule) -> str:
    near, far = (rule.original, rule.original_port), (rule.match_address, rule.match_port)
    dnat = rule.action is NatAction.DNAT
    (source, sport), (destination, dport) = (far, near) if dnat else (near, far)
    vnic = f"vNic_{rule.vnic}" if rule.vnic else "*"
    more = [*_ports("s", sport), *_ports("d", dport)]
    more = [rule.protocol, *more] if more else more
    more += [*_range("source", source), *_range("destination", destination)]
    port = "" if rule.translated_port == net.ANY else f":{rule.translated_port}"
    more.append(f"to:{_bounds(rule.translated)}{port}")
    devices = (vnic, "*") if dnat else ("*", vnic)
    return _line(rule.id, rule.action.upper(), rule.protocol, devices, (source, destination), " ".join(more))


def _line(
    rid: int, target: str, protocol: str, devices: tuple[str, str], sides: tuple[str, str], more: str
) -> str:
    protocol = "all" if protocol == net.ANY else protocol
    shown = ("0.0.0.0/0" if side == net.ANY or "-" in side else side for side in sides)
    return (
        f"{rid:<6}{0:>5}{0:>6} {target:<10} {protocol:<4} --  {devices[0]:<6} {devices[1]:<6}"
        f"  {next(shown):<20} {next(shown):<20} {more}"
    ).rstrip()


def _ports(side: str, ports: str) -> list[str]:
    if ports == net.ANY:
        return []
    return [f"{side}pts:{ports.replace('-', ':')}" if "-" in ports else f"{side}pt:{ports}"]


def _range(side: str, addresses: str) -> list[str]:
    return [f"{side} IP range {addresses}"] if "-" in addresses else []


def _bounds(addresses: str) -> str:
    """A prefix as its first and last address."""
    if "/" not in addresses:
        return addresses
    network = IPv4Interface(addresses).network
    return f"{network[0]}-{network[-1]}"


def _firewall(edge: Edge) -> str:
    """Every rule that is enabled, the system's own included; whom it matches is in sets, by its number."""
    rendered = firewall.render(edge).child("firewallRules")
    lines = ["Chain usr_rules (2 references)", _HEADER]
    for number, rule in enumerate(rendered.all("firewallRule") if rendered and edge.firewall.enabled else ()):
        if _text(rule, "enabled") == "true":
            rid, target = int(_text(rule, "id")), _TARGETS[_text(rule, "action")]
            matches = rule.child("source") or rule.child("destination")
            more = f"match-set {number}_{rid}-v4-1" if matches else ""
            lines.append(_line(rid, target, net.ANY, ("*", "*"), (net.ANY, net.ANY), more))
    return "\n".join([*lines, ""])


def _text(element: Node, name: str) -> str:
    child = element.child(name)
    return child.text if child else ""


# Traceflow's documents


def _injected(fields: Fields) -> Injected:
    with fields:
        vnic = fields.required("vnicId")
        fields.number("timeout", 10_000, 1, _LONGEST)
        if not fields.flag("routed", default=True):
            raise invalid(f"Field {fields.path('routed')} false is not simulated.")
        with fields.inner("packet") as packet:
            packet.ignore("resourceType", "ethHeader")
            with packet.inner("ipHeader") as header:
                header.ignore("ttl")
                src, dst = (IPv4Address(header.checked(name, net.address)) for name in ("srcIp", "dstIp"))
            protocol, sport, dport = _transport(packet.inner("transportHeader"))
    return Injected(vnic, src, dst, protocol, sport, dport)


def _transport(fields: Fields) -> tuple[str, int, int]:
    with fields:
        for protocol in ("tcp", "udp"):
            if fields.has(f"{protocol}Header"):
                with fields.inner(f"{protocol}Header") as header:
                    header.ignore("tcpFlags")
                    sport, dport = (header.number(name, 0, 0, _LAST_PORT) for name in ("srcPort", "dstPort"))
                return protocol, sport, dport
    return "", 0, 0


def _observation(number: int, seen: Seen) -> Node:
    return node(
        f"traceflowObservation{seen.what}",
        node("roundId", "00000000-0000-0000-0000-000000000000"),
        node("hostName", seen.host),
        node("component", seen.component),
        node("compDisplayName", seen.name),
        node("hopCount", number),
        node("ruleId", seen.rule) if seen.rule else None,
    )
