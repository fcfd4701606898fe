"""Small networks in few words, for the tests of how they are built."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, TypeVar

from hopbook.network.bgp import Peer, Speaker
from hopbook.network.facts import declared
from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import NatTable, Translation, translation
from hopbook.network.nodes import (
    Backend,
    Concentrator,
    Dlr,
    Esg,
    EsxiHost,
    Host,
    IbmRouter,
    Interface,
    Internet,
    KubeNode,
    Medium,
    Network,
    Node,
    Pool,
    ReversePath,
    Segment,
    Service,
    VpnGateway,
)
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule
from hopbook.resources.nsxv import Service as Matched

FACT = declared("a test")
EDGE = Key(Edge.kind, "edge")
EVERYWHERE = "0.0.0.0/0"
_N = TypeVar("_N", bound=Node)


def number(address: str) -> int:
    return int(IPv4Address(address))


def nets(*texts: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(text) for text in texts)


def segment(name: str, medium: Medium = Medium.VLAN, **more: Any) -> Segment:
    return Segment(name=name, medium=medium, fact=FACT, **more)


def overlay(name: str, vni: int, carries: int = 1600) -> Segment:
    return segment(name, Medium.VXLAN, carries=carries, overhead=50, vni=vni)


def side(name: str, on: str, *addresses: str, **more: Any) -> Interface:
    """An interface; `10.0.0.1/24` gives it a prefix."""
    held = [IPv4Interface(text) for text in addresses]
    prefix = next((item.network for item in held if item.network.prefixlen < item.max_prefixlen), None)
    return Interface(
        name=name,
        role=name,
        segment=on,
        fact=FACT,
        addresses=tuple(int(item.ip) for item in held),
        prefix=more.pop("prefix", prefix),
        **more,
    )


def way(prefix: str, interface: str = "", via: str = "", distance: int = 1) -> Route:
    """A static route; `via` is an address or a node, and without an interface it leads nowhere."""
    hop = number(via) if via[:1].isdigit() else None
    return Route(
        prefix=IPv4Network(prefix),
        interface=interface,
        fact=FACT,
        next_hop=hop,
        next_node="" if hop is not None else via,
        distance=distance,
        origin=Origin.STATIC,
    )


def node(kind: type[_N], name: str, sides: Iterable[Interface], *ways: Route, **more: Any) -> _N:
    sides = tuple(sides)
    connected = [
        Route(prefix=item.prefix, interface=item.name, fact=FACT) for item in sides if item.prefix is not None
    ]
    return kind(
        name=name,
        fact=FACT,
        interfaces={item.name: item for item in sides},
        routes=RouteTable((*connected, *ways)),
        **more,
    )


def machine(name: str, on: str, address: str, via: str = "", **more: Any) -> Host:
    ways = (way(EVERYWHERE, "eth0", via),) if via else ()
    return node(Host, name, [side("eth0", on, address)], *ways, **more)


def router(name: str, sides: Iterable[Interface], *ways: Route, **more: Any) -> IbmRouter:
    return node(IbmRouter, name, sides, *ways, **more)


def nat(action: NatAction, vnic: int | None, original: str, translated: str, **more: Any) -> Translation:
    rule = NatRule(
        owner=EDGE,
        rule=more.pop("rule", "rule"),
        action=action,
        interface=vnic,
        original=original,
        translated=translated,
        **more,
    )
    return translation(rule, FACT)


def allow(
    rule: str, *sources: str, action: FirewallAction = FirewallAction.ACCEPT, **more: Any
) -> FirewallRule:
    return FirewallRule(owner=EDGE, rule=rule, action=action, sources=sources, **more)


def ports(protocol: str, *held: str) -> tuple[Matched, ...]:
    return (Matched(protocol, held),)


def firewall(*rules: FirewallRule, enabled: bool = True) -> Firewall:
    """What no rule accepts is dropped."""
    return Firewall(
        [Filter(item, FACT) for item in rules], Policy(FirewallAction.DENY, FACT), enabled=enabled
    )


OWN = allow("own", "vse")
IKE = allow("ike", destinations=("vse",), services=ports("udp", "4500"))


def edge(
    name: str,
    sides: Iterable[Interface],
    *ways: Route,
    nats: Iterable[Translation] = (),
    rules: Firewall | None = None,
    **more: Any,
) -> Esg:
    nats = tuple(nats)
    more.setdefault("reverse_path", ReversePath.LOOSE)
    return node(
        Esg,
        name,
        sides,
        *ways,
        dnat=NatTable(nats, NatAction.DNAT),
        snat=NatTable(nats, NatAction.SNAT),
        firewall=rules if rules is not None else firewall(OWN, allow("all")),
        **more,
    )


def network(nodes: Iterable[Node], *segments: Segment) -> Network:
    """Segments that are not given are VLANs."""
    nodes = tuple(nodes)
    known = {item.name: item for item in segments}
    named = {item.segment for one in nodes for item in one.interfaces.values() if item.segment}
    return Network.of(nodes, [known.get(name) or segment(name) for name in sorted(named)], names={})


def published() -> Network:
    """A machine behind an edge, and one on the internet, which knows the way by names only."""
    public = side("public", "backbone", "198.51.100.2/24", "198.51.100.3", index=0, groups=("external",))
    private = side("private", "inside", "10.0.0.1/24", index=1, groups=("internal",))
    rules = firewall(
        OWN,
        allow("in", "external", destinations=("198.51.100.3",), services=ports("tcp", "440-450")),
        allow("out", "internal", destinations=("external",)),
    )
    nats = (
        nat(
            NatAction.DNAT,
            0,
            "198.51.100.3",
            "10.0.0.20",
            rule="web",
            protocol="tcp",
            original_port="443",
            translated_port="8443",
        ),
        nat(NatAction.SNAT, 0, "10.0.0.0/24", "198.51.100.2", rule="internet"),
    )
    return network(
        [
            node(
                Internet,
                "internet",
                [side("hosts", "hosts"), side("backbone", "backbone")],
                way(EVERYWHERE, "hosts", distance=0),
                way("198.51.100.0/24", "backbone", distance=0),
                way("10.0.0.0/8", distance=0),
            ),
            edge("esg", [public, private], way(EVERYWHERE, "public", "internet"), nats=nats, rules=rules),
            machine("web", "inside", "10.0.0.20/24", "10.0.0.1"),
            machine("user", "hosts", "192.0.2.10", "internet"),
        ],
        segment("hosts", Medium.CLOUD),
    )


def placed(*, far: bool = True, unknown: bool = False, carries: int = 1600) -> Network:
    """A DLR between two networks; its machines are on several ESXi hosts, or on one that nobody knows."""
    hosts = ["esx1", "esx2", *(["esx3"] if far else [])]
    nodes: list[Node] = [
        node(EsxiHost, name, [side("vmk0", "transport", f"10.160.0.1{count}/24", mtu=carries)], vtep="vmk0")
        for count, name in enumerate(hosts, 1)
    ]
    up = side("up", "transit", "192.168.10.2/29", groups=("external",))
    sides = [up, side("one", "net1", "172.16.1.1/24"), side("two", "net2", "172.16.2.1/24")]
    nodes += [
        node(Dlr, "dlr", sides, way(EVERYWHERE, "up", "192.168.10.1")),
        edge(
            "esg",
            [
                side("public", "public", "198.51.100.2/24", index=0, groups=("external",)),
                side("inside", "transit", "192.168.10.1/29", index=1, groups=("internal",)),
            ],
            way("172.16.0.0/16", "inside", "192.168.10.2"),
            host="esx1",
        ),
        machine("a", "net1", "172.16.1.10/24", "172.16.1.1", host="esx1"),
        machine("b", "net2", "172.16.2.10/24", "172.16.2.1", host="esx2"),
        machine("user", "public", "198.51.100.9/24", "198.51.100.2"),
    ]
    if far:
        nodes.append(machine("c", "net2", "172.16.2.12/24", "172.16.2.1", host="esx3"))
    if unknown:
        nodes.append(machine("d", "net2", "172.16.2.13/24", "172.16.2.1"))
    logical = [overlay(name, 5000 + count) for count, name in enumerate(("transit", "net1", "net2"))]
    return network(nodes, segment("transport", carries=carries), *logical)


def cluster(*, local_only: bool = False, peers: bool = True) -> Network:
    """Two nodes with a pod each, behind one service."""
    own = {1: "10.0.0.11", 2: "10.0.0.12"}
    pods = {1: "172.30.1.10", 2: "172.30.2.10"}
    pools = (Pool(name="pods", cidr=IPv4Network("172.30.0.0/16"), fact=FACT, nat_outgoing=True),)
    vip, inner = number("10.0.0.100"), number("172.21.0.5")
    backends = tuple(Backend(number(pods[count]), 8080) for count in (1, 2))
    services = (
        Service(
            name="web",
            protocol="tcp",
            port=80,
            addresses=frozenset({vip, inner}),
            cluster=inner,
            endpoints=backends,
            fact=FACT,
            local_only=local_only,
        ),
        Service(name="none", protocol="tcp", port=81, addresses=frozenset({vip}), endpoints=(), fact=FACT),
    )
    nodes: list[Node] = [router("gw", [side("lan", "lan", "10.0.0.1/24")])]
    for count, other in ((1, 2), (2, 1)):
        vips = ["10.0.0.100"] if count == 1 else []
        eth0 = side("eth0", "lan", f"{own[count]}/24", *vips)
        block = Route(
            prefix=IPv4Network(f"172.30.{other}.0/26"),
            interface="tunl0",
            fact=FACT,
            next_hop=number(own[other]),
        )
        nodes.append(
            node(
                KubeNode,
                f"w{count}",
                [eth0, side("tunl0", "", f"172.30.{count}.0", mtu=1480), side("cali1", f"pod{count}")],
                way(EVERYWHERE, "eth0", "10.0.0.1"),
                way(f"{pods[count]}/32", "cali1", distance=0),
                block,
                cluster="c",
                node_address=number(own[count]),
                tunnel="tunl0",
                pools=pools,
                services=services,
                tunnel_peers=frozenset({number(own[other])} if peers else ()),
                reverse_path=ReversePath.STRICT,
            )
        )
        nodes.append(machine(f"pod{count}", f"pod{count}", pods[count], f"w{count}"))
    user = machine("user", "lan", "10.0.0.50/24")
    ways = (way("172.21.0.0/16", "eth0", "10.0.0.12"), way("172.30.0.0/16", "eth0", "10.0.0.11"))
    nodes.append(replace(user, routes=RouteTable((*user.routes.routes, *ways))))
    return network(nodes, *(segment(f"pod{count}", Medium.POD) for count in (1, 2)))


def ipsec(
    name: str, local: str, peer: str, inside: Iterable[str], beyond: Iterable[str], **more: Any
) -> Ipsec:
    given = {"local_id": local, "peer_id": peer, "secret": "kept elsewhere", **more}
    return Ipsec(
        name=name,
        local=number(local),
        peer=number(peer),
        inside=nets(*inside),
        beyond=nets(*beyond),
        fact=FACT,
        **given,
    )


def tunnelled(*, snat: bool = False, admits: bool = True, **theirs: Any) -> Network:
    """An edge and a VPN gateway; the edge's side of the tunnel may differ."""
    beyond = theirs.pop("beyond", ("172.30.0.0/16",))
    rules = [OWN, allow("vpn", "172.30.0.0/16"), allow("out", "internal"), *([IKE] if admits else [])]
    nats = (nat(NatAction.SNAT, 1, "172.16.0.0/16", "10.1.0.2", rule="out"),) if snat else ()
    return network(
        [
            edge(
                "esg",
                [
                    side("private", "wan1", "10.1.0.2/24", index=1, groups=("external",)),
                    side("inside", "inside", "172.16.1.1/24", index=2, groups=("internal",)),
                ],
                way(EVERYWHERE, "private", "10.1.0.1"),
                nats=nats,
                rules=firewall(*rules),
                ipsec=(ipsec("iks", "10.1.0.2", "10.2.0.2", ("172.16.0.0/16",), beyond, **theirs),),
            ),
            router("bcr", [side("a", "wan1", "10.1.0.1/24"), side("b", "wan2", "10.2.0.1/24")]),
            node(
                VpnGateway,
                "gateway",
                [side("eth0", "wan2", "10.2.0.2/24"), side("pods", "pods", "172.30.0.1/24")],
                way(EVERYWHERE, "eth0", "10.2.0.1"),
                ipsec=(
                    ipsec(
                        "esg",
                        "10.2.0.2",
                        "10.1.0.2",
                        ("172.30.0.0/16",),
                        ("172.16.0.0/16",),
                        initiates=True,
                    ),
                ),
            ),
            machine("pod", "pods", "172.30.0.9/24", "172.30.0.1"),
            machine("vm", "inside", "172.16.1.9/24", "172.16.1.1"),
        ]
    )


def stretched(secret: str = "kept elsewhere") -> Network:
    """One network on both sides of two concentrators."""
    nodes: list[Node] = [
        node(
            Concentrator,
            name,
            [side("uplink", wan, f"{own}.2/24"), side("trunk", on)],
            way(EVERYWHERE, "uplink", f"{own}.1"),
            trunk="trunk",
            peer=peer,
            ipsec=ipsec("ext", f"{own}.2", f"{other}.2", (), (), secret=key, initiates=name == "c1"),
            extension=FACT,
        )
        for name, peer, own, other, wan, on, key in (
            ("c1", "c2", "10.1.0", "10.2.0", "wan1", "left", "kept elsewhere"),
            ("c2", "c1", "10.2.0", "10.1.0", "wan2", "right", secret),
        )
    ]
    return network(
        [
            *nodes,
            router("wan", [side("a", "wan1", "10.1.0.1/24"), side("b", "wan2", "10.2.0.1/24")]),
            machine("a", "left", "192.168.5.1/24"),
            machine("b", "right", "192.168.5.2/24"),
        ]
    )


def peer(name: str, local: str, address: str, asn: int, **more: Any) -> Peer:
    return Peer(name=name, local=number(local), address=number(address), asn=asn, fact=FACT, **more)


def speaker(asn: int, router_id: str, *peers: Peer, announces: tuple[str, ...] = ()) -> Speaker:
    return Speaker(
        asn=asn, router_id=number(router_id), fact=FACT, peers=tuple(peers), announces=nets(*announces)
    )


def speaking(asn: int = 65003, **imports: Any) -> Network:
    """Three routers in a row; the last one's AS number is given, and what the middle one takes."""
    first = speaker(65001, "1.1.1.1", peer("r2", "10.9.1.1", "10.9.1.2", 65002), announces=("10.1.0.0/24",))
    middle = speaker(
        65002,
        "2.2.2.2",
        peer("r1", "10.9.1.2", "10.9.1.1", 65001, **imports),
        peer("r3", "10.9.2.2", "10.9.2.3", 65003),
    )
    last = speaker(asn, "3.3.3.3", peer("r2", "10.9.2.3", "10.9.2.2", 65002), announces=("10.3.0.0/24",))
    return network(
        [
            router("r1", [side("l", "left", "10.1.0.1/24"), side("a", "s1", "10.9.1.1/24")], speaker=first),
            router("r2", [side("a", "s1", "10.9.1.2/24"), side("b", "s2", "10.9.2.2/24")], speaker=middle),
            router("r3", [side("b", "s2", "10.9.2.3/24"), side("r", "right", "10.3.0.1/24")], speaker=last),
            machine("a", "left", "10.1.0.9/24", "10.1.0.1"),
            machine("b", "right", "10.3.0.9/24", "10.3.0.1"),
        ]
    )
