"""The tracer: the documented traffics, a site of 100 nodes, and rule tables that grow."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from bench.engine import rule
from bench.measure import Figure, fastest
from bench.nsxv import STEPS, example
from hopbook.engine.change import Observation, Observed
from hopbook.network.compile import compile_network
from hopbook.network.facts import declared
from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.nat import NatTable, translation
from hopbook.network.nodes import Esg, Host, Interface, Medium, Network, Segment
from hopbook.network.packet import Packet
from hopbook.network.routes import Route, RouteTable
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, Service
from hopbook.site.model import Site
from hopbook.trace.control import settled
from hopbook.trace.traffic import Case, expand, read_traffic
from hopbook.trace.verify import verify
from hopbook.trace.walk import trace
from tasks import files
from tasks.verification import written_by_hand

DOCUMENTED = (
    "internet-to-iks-web",
    "internet-to-icp-web",
    "iks-web-to-database",
    "icp-web-to-database",
    "enterprise-to-vm",
)
HERE = declared("bench")
EDGE = Key(Edge.kind, "esg")
MACHINES, FEW, MANY = 100, 50, 5000


def network_of(site: Site) -> Network:
    """The example as its runbook leaves it, with what was written down of the rest."""
    made: list[Resource] = [resource for step in STEPS for resource in step(site).resources]
    items = {item.key: Observed(resource=item) for item in made}
    observation = written_by_hand(site).merged(Observation(items=items))
    return settled(compile_network(site, observation))


def documented(site: Site, network: Network) -> list[Case]:
    """The first case of each of the five."""
    read = [read_traffic(files.traffic_document(name)) for name in DOCUMENTED]
    return [expand(item, site, network)[0] for item in read]


def _documented() -> Figure:
    site = example()
    network = network_of(site)
    cases = documented(site, network)
    seconds = fastest(lambda: [verify(case, network) for case in cases], 20)
    return Figure("the five documented traffics", f"{seconds * 1000:.1f} ms", "< 10 ms", seconds < 0.010)


def _segment(name: str) -> Segment:
    return Segment(name=name, medium=Medium.VLAN, fact=HERE)


def _plain(prefix: str, interface: str, via: int | None = None) -> Route:
    return Route(prefix=IPv4Network(prefix), interface=interface, fact=HERE, next_hop=via)


def _machine(name: str, segment: str, address: int, gateway: int) -> Host:
    side = Interface(name="eth0", role="eth0", segment=segment, fact=HERE, addresses=(address,))
    return Host(
        name=name,
        fact=HERE,
        interfaces={"eth0": side},
        routes=RouteTable([_plain("0.0.0.0/0", "eth0", gateway)]),
        listens=None,
    )


def _edge_with(rules: int) -> Network:
    """Machines behind an edge with half as many NAT as firewall rules of other addresses before the last."""
    inside, outside = int(IPv4Address("192.168.0.1")), int(IPv4Address("198.51.100.1"))
    sides = {
        "in": Interface(name="in", role="in", segment="lan", fact=HERE, addresses=(inside,), index=1),
        "out": Interface(name="out", role="out", segment="wan", fact=HERE, addresses=(outside,), index=0),
    }
    nats = [translation(rule(number), HERE) for number in range(rules // 2)]
    filters = [
        Filter(
            FirewallRule(
                owner=EDGE,
                rule=f"r{number}",
                action=FirewallAction.DENY,
                sources=(f"10.{number >> 8}.{number & 255}.0/24",),
                services=(Service("tcp", ("443",)),),
            ),
            HERE,
        )
        for number in range(rules // 2)
    ]
    edge = Esg(
        name="esg",
        fact=HERE,
        interfaces=sides,
        routes=RouteTable([_plain("192.168.0.0/16", "in"), _plain("198.51.100.0/24", "out")]),
        dnat=NatTable(nats, NatAction.DNAT),
        snat=NatTable(nats, NatAction.SNAT),
        firewall=Firewall(filters, Policy(FirewallAction.ACCEPT, HERE)),
    )
    machines = [_machine(f"vm-{n}", "lan", inside + 10 + n, inside) for n in range(MACHINES - 2)]
    servers = [_machine("server", "wan", outside + 9, outside)]
    servers = [replace(item, listens=frozenset()) for item in servers]
    return Network.of([edge, *machines, *servers], [_segment("lan"), _segment("wan")], names={})


def _trace_seconds(network: Network, packets: int = 500) -> float:
    """Seconds a trace, from one machine after the other."""
    target = int(IPv4Address("198.51.100.10"))
    first = int(IPv4Address("192.168.0.11"))
    sent = [(Packet(first + n % 98, target, "tcp", 40000 + n, 443), f"vm-{n % 98}") for n in range(packets)]
    return fastest(lambda: [trace(network, packet, at) for packet, at in sent], 5) / packets


def figures() -> Iterator[Figure]:
    """All of them."""
    yield _documented()
    few, many = _trace_seconds(_edge_with(FEW)), _trace_seconds(_edge_with(MANY))
    a_second = 1 / few
    yield Figure(
        f"traces in a network of {MACHINES} nodes, on one core",
        f"{a_second:,.0f} a second",
        "> 2,000",
        a_second > 2000,
    )
    yield Figure(
        f"a trace past {MANY:,} rules, against {FEW}", f"{many / few:.2f} times", "< 3", many < 3 * few
    )
