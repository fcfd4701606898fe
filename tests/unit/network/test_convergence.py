"""BGP sessions and what follows: cases that an operator could add, and a slow reading of the same rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.network.bgp import Peer, Permission, PrefixList, PrefixRule, Speaker, permits
from hopbook.network.convergence import converge, sessions, unlearned
from hopbook.network.facts import Fact, How, declared
from hopbook.network.nodes import IbmRouter, Interface, KubeNode, Medium, Network, Node, Segment
from hopbook.network.packet import ip
from hopbook.network.routes import Origin, Route, RouteTable

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "cases/bgp.yaml").read_text("utf-8"))
CASE_WORDS = {"case", "nodes", "unreachable", "learns", "down", "asks", "notes"}
NODE_WORDS = {"as", "id", "present", "has", "routes", "announces", "peers"}
PEER_WORDS = {"to", "as", "from", "multihop", "in", "out"}
FACT = declared("a test")


def number(text: str) -> int:
    return int(IPv4Address(text))


def reached(_node: Node, _peer: Peer) -> str:
    return ""


def rules(lines: list[str] | None) -> PrefixList | None:
    """A prefix list from lines as people write them."""
    if lines is None:
        return None
    found = []
    for line in lines:
        action, prefix, *rest = line.split()
        bounds = {word: int(value) for word, value in zip(rest[::2], rest[1::2], strict=True)}
        assert bounds.keys() <= {"ge", "le"}, line
        found.append(
            PrefixRule(Permission(action), IPv4Network(prefix), ge=bounds.get("ge"), le=bounds.get("le"))
        )
    return tuple(found)


def interfaces_of(has: Mapping[str, str | list[str]]) -> dict[str, Interface]:
    """Interfaces on segments of their own names."""
    found = {}
    for name, written in has.items():
        texts = [written] if isinstance(written, str) else written
        addresses = [IPv4Interface(text) for text in texts]
        found[name] = Interface(
            name=name,
            role=name,
            segment=name,
            fact=FACT,
            addresses=tuple(int(item.ip) for item in addresses),
            prefix=addresses[0].network,
        )
    return found


def route_of(prefix: str, way: str, interfaces: Mapping[str, Interface]) -> Route:
    """A static route: to a next hop, `on INTERFACE`, `node NAME by INTERFACE` or `nowhere`."""
    static = Route(prefix=IPv4Network(prefix), interface="", fact=FACT, distance=1, origin=Origin.STATIC)
    match way.split():
        case ["nowhere"]:
            return static
        case ["on", name]:
            return replace(static, interface=name)
        case ["node", node, "by", name]:
            return replace(static, interface=name, next_node=node)
        case _:
            (name,) = (
                item.name for item in interfaces.values() if item.prefix and IPv4Address(way) in item.prefix
            )
            return replace(static, interface=name, next_hop=number(way))


def speaker_of(node: dict[str, Any], first: int) -> Speaker:
    """The speaker of a node whose first address is this."""
    peers = []
    for name, fields in node.get("peers", {}).items():
        assert fields.keys() <= PEER_WORDS, name
        peers.append(
            Peer(
                name=name,
                local=number(fields["from"]) if "from" in fields else local_of(node, fields["to"], first),
                address=number(fields["to"]),
                asn=fields["as"],
                fact=declared(f"neighbour {name}"),
                imports=rules(fields.get("in")),
                exports=rules(fields.get("out")),
                multihop=fields.get("multihop", False),
            )
        )
    return Speaker(
        asn=node["as"],
        router_id=number(node["id"]) if "id" in node else first,
        fact=FACT,
        peers=tuple(peers),
        announces=tuple(IPv4Network(text) for text in node.get("announces", ())),
    )


def local_of(node: dict[str, Any], to: str, first: int) -> int:
    """The address in the neighbour's network, else the first."""
    for interface in interfaces_of(node["has"]).values():
        if interface.prefix is not None and IPv4Address(to) in interface.prefix:
            return interface.addresses[0]
    return first


def node_of(name: str, node: dict[str, Any]) -> Node:
    assert node.keys() <= NODE_WORDS, name
    interfaces = interfaces_of(node["has"])
    first = next(iter(interfaces.values())).addresses[0]
    connected = (
        Route(prefix=item.prefix, interface=item.name, fact=FACT)
        for item in interfaces.values()
        if item.prefix is not None
    )
    static = (route_of(prefix, way, interfaces) for prefix, way in node.get("routes", {}).items())
    return IbmRouter(
        name=name,
        fact=FACT,
        interfaces=interfaces,
        routes=RouteTable((*connected, *static)),
        present=node.get("present", True),
        speaker=speaker_of(node, first) if "as" in node else None,
    )


def network_of(nodes: Iterable[Node]) -> Network:
    nodes = tuple(nodes)
    names = {item.segment for node in nodes for item in node.interfaces.values()}
    segments = (Segment(name=name, medium=Medium.VLAN, fact=FACT) for name in sorted(names))
    return Network.of(nodes, segments, names={})


def written(nodes: dict[str, dict[str, Any]]) -> Network:
    return network_of(node_of(name, node) for name, node in nodes.items())


def learned(node: Node) -> list[Route]:
    return [route for route in node.routes.routes if route.origin is Origin.BGP]


def shown(route: Route) -> str:
    assert bool(route.next_node) is (route.next_hop is None)
    way = route.next_node if route.next_hop is None else ip(route.next_hop)
    return f"{route.interface} {way} {route.distance}"


def all_learned(network: Network) -> dict[str, dict[str, str]]:
    """Every BGP route, by node and prefix."""
    found: dict[str, dict[str, str]] = {}
    for node in network.nodes.values():
        for route in learned(node):
            assert str(route.prefix) not in found.get(node.name, {}), f"{route.prefix} twice"
            found.setdefault(node.name, {})[str(route.prefix)] = shown(route)
    return found


def asked(network: Network, node: str, address: str) -> str:
    """The titles of the routes that a node has to an address."""
    routes = network.nodes[node].routes.lookup(number(address))
    return ", ".join(route.title for route in routes) or "none"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_case(case: dict[str, Any]) -> None:
    assert case.keys() <= CASE_WORDS
    unreachable = case.get("unreachable", {})
    before = written(case["nodes"])

    def reaches(node: Node, peer: Peer) -> str:
        return str(unreachable.get(f"{node.name} {peer.name}", ""))

    after = converge(before, reaches)
    assert all_learned(after) == case.get("learns", {})
    states = {f"{state.node} {state.peer.name}": state for state in sessions(before, reaches)}
    assert {name: state.why for name, state in states.items() if not state.up} == case.get("down", {})
    for node, address, title in case.get("asks", ()):
        assert asked(after, node, address) == title
    for name, lines in case.get("notes", {}).items():
        assert list(after.nodes[name].inactive) == lines


def pair(**esg: Any) -> Network:
    """An ESG and a worker on one network."""
    worker = {"to": "10.95.60.10", "as": 64512}
    return written(
        {
            "esg": {"as": 65001, "has": {"private": "10.95.60.2/26"}, "peers": {"worker": worker}} | esg,
            "worker": {
                "as": 64512,
                "has": {"private": "10.95.60.10/26"},
                "announces": ["172.30.1.0/26"],
                "peers": {"esg": {"to": "10.95.60.2", "as": 65001}},
            },
        }
    )


def with_node(network: Network, name: str, **changes: Any) -> Network:
    return replace(network, nodes={**network.nodes, name: replace(network.nodes[name], **changes)})


def with_peer(network: Network, name: str, **changes: Any) -> Network:
    """With every neighbour of a node changed."""
    speaker = network.nodes[name].speaker
    assert speaker is not None
    peers = tuple(replace(peer, **changes) for peer in speaker.peers)
    return with_node(network, name, speaker=replace(speaker, peers=peers))


def test_a_learned_route_names_its_session_and_the_event_that_last_changed_it() -> None:
    fact = Fact(how=How.OBSERVED, source="nsxv", event="run r-7 #14")
    after = converge(with_peer(pair(), "esg", fact=fact), reached)
    (route,) = learned(after.nodes["esg"])
    assert route.fact is fact
    assert (route.learned_from, route.given) == ("worker", number("10.95.60.10"))


def test_a_session_is_reported_by_both_ends() -> None:
    network = pair()
    states = sessions(network, reached)
    assert [(state.node, state.other, state.up, state.internal) for state in states] == [
        ("esg", "worker", True, False),
        ("worker", "esg", True, False),
    ]
    assert [state.title for state in states] == [
        "BGP neighbour worker: established",
        "BGP neighbour esg: established",
    ]
    down = sessions(network, lambda node, _: "denied at esg" if node.name == "esg" else "")
    assert [state.why for state in down] == ["denied at esg"] * 2
    assert down[0].title == "BGP neighbour worker: down, denied at esg"


def test_an_internal_session_says_so() -> None:
    network = with_peer(pair(**{"as": 64512}), "worker", asn=64512)
    assert [(state.up, state.internal) for state in sessions(network, reached)] == [(True, True)] * 2


def test_packets_are_asked_for_only_where_the_configurations_agree_and_once_an_end() -> None:
    questions: list[tuple[str, str]] = []

    def reaches(node: Node, peer: Peer) -> str:
        questions.append((node.name, peer.name))
        return ""

    sessions(with_peer(pair(), "esg", asn=64999), reaches)
    assert questions == []
    sessions(pair(), reaches)
    assert sorted(questions) == [("esg", "worker"), ("worker", "esg")]


def test_a_network_without_speakers_stays_what_it_is() -> None:
    network = written({"router": {"has": {"lan": "10.0.0.1/24"}}})
    assert converge(network, reached) is network


def test_what_bgp_brought_before_goes_when_its_session_goes() -> None:
    up = converge(pair(), reached)
    assert all_learned(up) == {"esg": {"172.30.1.0/26": "private 10.95.60.10 20"}}
    down = converge(up, lambda _node, _peer: "no way")
    assert all_learned(down) == {}
    assert down.nodes["esg"].routes.routes == pair().nodes["esg"].routes.routes
    assert down.nodes["esg"].inactive == ("BGP neighbour worker: down, no way",)
    again = converge(down, reached)
    assert all_learned(again) == all_learned(up)
    assert again.nodes["esg"].inactive == ()


def test_without_its_speaker_a_node_loses_what_it_learned() -> None:
    up = converge(pair(), reached)
    quiet = with_node(with_node(up, "esg", speaker=None), "worker", speaker=None)
    assert all_learned(converge(quiet, reached)) == {}


def test_converging_twice_is_converging_once() -> None:
    once = converge(pair(), reached)
    twice = converge(once, reached)
    assert all_learned(twice) == all_learned(once)
    assert twice.nodes["esg"].inactive == once.nodes["esg"].inactive


def test_the_sessions_own_packets_travel_by_what_no_session_brought() -> None:
    before = with_node(pair(), "esg", inactive=("10.9.0.0/16 via 10.7.0.1: nobody reaches it",))
    for reaches in (reached, lambda _node, _peer: "no way"):
        bare = unlearned(converge(before, reaches)).nodes["esg"]
        assert bare.routes.routes == before.nodes["esg"].routes.routes
        assert not bare.routes.lookup(number("172.30.1.1"))
        assert bare.inactive == before.nodes["esg"].inactive
    assert unlearned(before) is before


def test_other_reasons_for_inactive_routes_stay() -> None:
    idle = ("10.9.0.0/16 via 10.7.0.1: no interface reaches that next hop",)
    after = converge(with_node(pair(), "esg", inactive=idle), lambda _node, _peer: "no way")
    assert after.nodes["esg"].inactive == (*idle, "BGP neighbour worker: down, no way")


def test_equal_ways_to_the_next_hop_are_equal_routes() -> None:
    network = written(
        {
            "esg": {
                "as": 65001,
                "has": {"a": "10.1.0.2/24", "b": "10.2.0.2/24"},
                "peers": {"worker": {"to": "10.95.60.10", "as": 64512, "multihop": True}},
            },
            "worker": {
                "as": 64512,
                "has": {"private": "10.95.60.10/26"},
                "announces": ["172.30.1.0/26"],
                "peers": {"esg": {"to": "10.1.0.2", "as": 65001, "multihop": True}},
            },
        }
    )
    table = network.nodes["esg"].routes
    both = [
        route_of("10.95.60.0/26", gateway, network.nodes["esg"].interfaces)
        for gateway in ("10.1.0.1", "10.2.0.1")
    ]
    network = with_node(network, "esg", routes=RouteTable((*table.routes, *both)))
    found = converge(network, reached).nodes["esg"].routes.lookup(number("172.30.1.1"))
    assert {shown(route) for route in found} == {"a 10.1.0.1 20", "b 10.2.0.1 20"}


def test_a_redistributed_route_brings_the_next_hop_of_the_nearest_one() -> None:
    network = pair(announces=["10.64.0.0/16"])
    node = network.nodes["esg"]
    far = replace(route_of("10.64.0.0/16", "10.95.60.7", node.interfaces), distance=5)
    near = route_of("10.64.0.0/16", "10.95.60.8", node.interfaces)
    network = with_node(network, "esg", routes=RouteTable((*node.routes.routes, far, near)))
    after = converge(network, reached)
    assert all_learned(after)["worker"] == {"10.64.0.0/16": "private 10.95.60.8 20"}


@pytest.mark.parametrize(("distance", "told"), [(100, False), (200, True), (210, True)])
def test_what_a_nearer_static_route_replaces_is_not_told_on(distance: int, told: bool) -> None:
    network = written(
        {
            "first": {
                "as": 65001,
                "has": {"lan": "10.0.0.1/24"},
                "announces": ["172.30.1.0/26"],
                "peers": {"middle": {"to": "10.0.0.2", "as": 65001}},
            },
            "middle": {
                "as": 65001,
                "has": {"lan": "10.0.0.2/24"},
                "peers": {
                    "first": {"to": "10.0.0.1", "as": 65001},
                    "last": {"to": "10.0.0.3", "as": 65003},
                },
            },
            "last": {
                "as": 65003,
                "has": {"lan": "10.0.0.3/24"},
                "peers": {"middle": {"to": "10.0.0.2", "as": 65001}},
            },
        }
    )
    node = network.nodes["middle"]
    static = replace(route_of("172.30.1.0/26", "10.0.0.9", node.interfaces), distance=distance)
    network = with_node(network, "middle", routes=RouteTable((*node.routes.routes, static)))
    assert ("last" in all_learned(converge(network, reached))) is told


def test_next_hops_do_not_resolve_by_what_bgp_brought() -> None:
    """The transit address is only known by BGP itself, so the worker cannot use it (rule 22)."""
    network = written(
        {
            "esg": {
                "as": 64512,
                "has": {"private": "10.95.60.2/26", "transit": "192.168.100.1/28"},
                "routes": {"192.168.12.0/24": "192.168.100.2"},
                "announces": ["192.168.100.0/28", "192.168.12.0/24"],
                "peers": {"worker": {"to": "10.95.60.10", "as": 64512}},
            },
            "worker": {
                "as": 64512,
                "has": {"private": "10.95.60.10/26"},
                "peers": {"esg": {"to": "10.95.60.2", "as": 64512}},
            },
        }
    )
    once = converge(network, reached)
    assert all_learned(once) == {"worker": {"192.168.100.0/28": "private 10.95.60.2 200"}}
    assert all_learned(converge(once, reached)) == all_learned(once)


def test_a_node_of_a_cluster_stays_one_and_keeps_the_routes_of_its_mesh() -> None:
    network = pair(announces=["192.168.12.0/24"])
    plain = network.nodes["worker"]
    tunnel = Interface(name="tunl0", role="tunl0", segment="", fact=FACT, addresses=(number("172.30.1.0"),))
    mesh = Route(
        prefix=IPv4Network("172.30.2.0/26"), interface="tunl0", fact=FACT, next_hop=number("10.95.61.9")
    )
    worker = KubeNode(
        name="worker",
        fact=FACT,
        interfaces={**plain.interfaces, "tunl0": tunnel},
        routes=RouteTable((*plain.routes.routes, mesh)),
        speaker=plain.speaker,
        cluster="iks-a",
        node_address=number("10.95.60.10"),
        tunnel="tunl0",
    )
    after = converge(replace(network, nodes={**network.nodes, "worker": worker}), reached)
    node = after.nodes["worker"]
    assert isinstance(node, KubeNode)
    assert node.tunnel == "tunl0"
    assert node.routes.lookup(number("172.30.2.1")) == (mesh,)
    assert asked(after, "worker", "192.168.12.30").endswith("BGP from esg")
    assert after.neighbours["private"][number("10.95.60.10")][0][0] is node


def follow(network: Network, node: str, address: str) -> str:
    """Where a packet gets by routes alone: the node that has the address, or the one without a way."""
    for _ in range(8):
        if number(address) in network.nodes[node].addresses:
            return f"at {node}"
        routes = network.nodes[node].routes.lookup(number(address))
        if not routes:
            return f"no route at {node}"
        via = routes[0].next_hop if routes[0].next_hop is not None else number(address)
        node = next(item.name for item in network.nodes.values() if via in item.addresses)
    return "a loop"


@pytest.mark.parametrize(
    ("onlink", "end"), [(False, "no route at bcr"), (True, "at esg")], ids=["by the BCR", "on the link"]
)
def test_rule_25_established_says_nothing_of_data(onlink: bool, end: str) -> None:
    case = next(item for item in CASES if item["case"] == "rule 25, control plane green, data plane black")
    nodes = {
        **case["nodes"],
        "esg": {**case["nodes"]["esg"], "has": {"vlan": ["10.95.40.72/26", "192.168.12.30/32"]}},
    }
    if onlink:
        routes = {**nodes["worker"]["routes"], "10.95.40.72/32": "on vlan"}
        nodes["worker"] = {**nodes["worker"], "routes": routes}
    network = written(nodes)
    assert all(state.up for state in sessions(network, reached))
    assert follow(converge(network, reached), "worker", "192.168.12.30") == end


def test_many_workers_settle_quickly_and_alike() -> None:
    """Every worker of two clusters peers with the ESG; each learns the other cluster's blocks only."""
    count = 40
    workers: dict[str, dict[str, Any]] = {
        f"worker-{item}": {
            "as": 64512 + item % 2,
            "has": {"private": f"10.95.60.{item + 10}/24"},
            "announces": [f"172.30.{item}.0/26"],
            "peers": {"esg": {"to": "10.95.60.2", "as": 65001, "multihop": True}},
        }
        for item in range(count)
    }
    peers = {
        name: {
            "to": node["has"]["private"].partition("/")[0],
            "as": node["as"],
            "in": ["permit 172.30.0.0/16 le 32"],
        }
        for name, node in workers.items()
    }
    esg = {
        "as": 65001,
        "has": {"private": "10.95.60.2/24"},
        "announces": ["192.168.12.0/24"],
        "peers": peers,
    }
    after = converge(written({"esg": esg, **workers}), reached)
    assert len(learned(after.nodes["esg"])) == count
    assert {len(learned(after.nodes[name])) for name in workers} == {count // 2 + 1}


LENGTHS = st.sampled_from([0, 8, 16, 26, 32])


@given(st.tuples(st.sampled_from([0, 3]), LENGTHS), LENGTHS, st.none() | LENGTHS, st.none() | LENGTHS)
def test_a_line_holds_what_its_bounds_say(
    asked_for: tuple[int, int], length: int, ge: int | None, le: int | None
) -> None:
    prefix = IPv4Network((asked_for[0] << 30, asked_for[1]), strict=False)
    line = PrefixRule(Permission.PERMIT, IPv4Network((0, length)), ge=ge, le=le)
    inside = prefix.prefixlen >= length and int(prefix.network_address) >> (32 - length) == 0
    if ge is None and le is None:
        fits = prefix.prefixlen == length
    else:
        lowest, highest = length if ge is None else ge, 32 if le is None else le
        fits = lowest <= prefix.prefixlen <= highest
    assert line.holds(prefix) is (inside and fits)
    assert permits((line,), prefix) is (inside and fits)
    assert permits((replace(line, action=Permission.DENY), line), prefix) is False


@dataclass(frozen=True)
class Link:
    """A session of the reference: who, from where, to whom, at which address, and what passes."""

    one: int
    two: int
    addresses: tuple[int, int]
    network: IPv4Network
    blocked: frozenset[tuple[int, int]]  # (sender, prefix number)


@dataclass(frozen=True)
class World:
    """Speakers by number, each with one prefix to announce, or the same prefix as another."""

    numbers: tuple[int, ...]
    ids: tuple[int, ...]
    announces: tuple[frozenset[int], ...]
    links: tuple[Link, ...]
    default: tuple[bool, ...]  # it has a default route, so that every next hop resolves

    def prefix(self, item: int) -> IPv4Network:
        return IPv4Network((172 << 24 | 16 << 16 | item << 8, 24))


LAN = IPv4Network("10.0.0.0/24")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    size = draw(st.integers(2, 6))
    pairs = [(one, two) for one in range(size) for two in range(one + 1, size)]
    links = []
    for place, (one, two) in enumerate(draw(st.lists(st.sampled_from(pairs), unique=True, max_size=9))):
        blocked = draw(st.frozensets(st.tuples(st.sampled_from([one, two]), st.integers(0, 2)), max_size=2))
        if draw(st.booleans()):
            base = int(LAN.network_address) + 1
            links.append(Link(one, two, (base + one, base + two), LAN, blocked))
        else:
            wire = IPv4Network((10 << 24 | 1 << 16 | place << 2, 30))
            first = int(wire.network_address) + 1
            links.append(Link(one, two, (first, first + 1), wire, blocked))
    return World(
        numbers=tuple(draw(st.integers(1, 4)) for _ in range(size)),
        ids=tuple(draw(st.permutations(range(1, size + 1)))),
        announces=tuple(draw(st.frozensets(st.integers(0, 2), max_size=1)) for _ in range(size)),
        links=tuple(links),
        default=tuple(draw(st.booleans()) for _ in range(size)),
    )


def built(world: World, order: list[int], turned: bool) -> Network:
    """The world as a network; the order of nodes and of neighbours is the caller's."""
    gone = {item: (Permission.DENY, world.prefix(item)) for item in range(3)}
    everything = PrefixRule(Permission.PERMIT, IPv4Network("0.0.0.0/0"), le=32)
    nodes = []
    for me in order:
        has: dict[str, Interface] = {}
        peers = []
        base = int(LAN.network_address) + 1 + me
        has["lan"] = Interface(
            name="lan", role="lan", segment="lan", fact=FACT, addresses=(base,), prefix=LAN
        )
        for place, link in enumerate(world.links):
            if me not in {link.one, link.two}:
                continue
            mine, theirs = link.addresses if me == link.one else link.addresses[::-1]
            if link.network != LAN:
                has[f"wire-{place}"] = Interface(
                    name=f"wire-{place}",
                    role="wire",
                    segment=f"wire-{place}",
                    fact=FACT,
                    addresses=(mine,),
                    prefix=link.network,
                )
            other = link.two if me == link.one else link.one
            denied = tuple(PrefixRule(*gone[item]) for sender, item in link.blocked if sender == me)
            peers.append(
                Peer(
                    name=f"n{other}",
                    local=mine,
                    address=theirs,
                    asn=world.numbers[other],
                    fact=FACT,
                    exports=(*denied, everything),
                )
            )
        routes = [
            Route(prefix=item.prefix, interface=item.name, fact=FACT)
            for item in has.values()
            if item.prefix is not None
        ]
        if world.default[me]:
            routes.append(route_of("0.0.0.0/0", "10.0.0.254", has))
        speaker = Speaker(
            asn=world.numbers[me],
            router_id=world.ids[me],
            fact=FACT,
            peers=tuple(peers[::-1] if turned else peers),
            announces=tuple(world.prefix(item) for item in sorted(world.announces[me])),
        )
        nodes.append(
            IbmRouter(name=f"n{me}", fact=FACT, interfaces=has, routes=RouteTable(routes), speaker=speaker)
        )
    return network_of(nodes)


Best = tuple[tuple[int, ...], int, bool]  # AS path, next hop (0: itself), by iBGP


def reference(world: World, item: int) -> dict[int, Best]:
    """Who holds a prefix and how: no messages, but rank by rank, each final before the next begins.

    What a speaker holds follows from what others hold at a lower rank, by AS path and then eBGP over iBGP.
    """
    best: dict[int, Best] = {me: ((), 0, False) for me, own in enumerate(world.announces) if item in own}
    for length in range(len(world.numbers) + 1):
        for internal in (False, True):
            offers: dict[int, list[tuple[int, int, Best]]] = {}
            for link in world.links:
                for sender, receiver, here in (
                    (link.one, link.two, link.addresses[0]),
                    (link.two, link.one, link.addresses[1]),
                ):
                    if sender not in best or receiver in best or (sender, item) in link.blocked:
                        continue
                    path, hop, inner = best[sender]
                    same = world.numbers[sender] == world.numbers[receiver]
                    if same != internal or (inner and same):
                        continue
                    path = path if same else (world.numbers[sender], *path)
                    if len(path) != length or world.numbers[receiver] in path:
                        continue
                    shared = IPv4Address(hop) in link.network
                    hop = hop if hop and (same or shared) else here
                    if owner_of(world, hop) == receiver or not resolves(world, receiver, hop):
                        continue
                    offers.setdefault(receiver, []).append((world.ids[sender], here, (path, hop, same)))
            best |= {receiver: min(found)[2] for receiver, found in offers.items()}
    return best


def owner_of(world: World, address: int) -> int:
    for link in world.links:
        for me, mine in zip((link.one, link.two), link.addresses, strict=True):
            if mine == address:
                return me
    return -1


def resolves(world: World, me: int, address: int) -> bool:
    own = [link.network for link in world.links if me in {link.one, link.two}]
    return world.default[me] or any(IPv4Address(address) in network for network in (LAN, *own))


@settings(max_examples=120)
@given(worlds(), st.randoms(use_true_random=False), st.booleans())
def test_the_fixed_point_is_the_same_whatever_the_order(world: World, chance: Any, turned: bool) -> None:
    order = list(range(len(world.numbers)))
    chance.shuffle(order)
    after = converge(built(world, order, turned), reached)
    found = {
        (node.name, route.prefix): (route.given, route.distance)
        for node in after.nodes.values()
        for route in learned(node)
    }
    expected = {
        (f"n{me}", world.prefix(item)): (hop, 200 if internal else 20)
        for item in range(3)
        for me, (_, hop, internal) in reference(world, item).items()
        if hop
    }
    assert found == expected
