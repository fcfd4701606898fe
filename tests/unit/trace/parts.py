"""Small networks by hand: machines and routers on segments, in one line each."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

from hopbook.network.facts import Fact, declared
from hopbook.network.firewall import Firewall, Policy
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import NatTable
from hopbook.network.nodes import (
    Dlr,
    Esg,
    EsxiHost,
    Host,
    IbmRouter,
    Interface,
    KubeNode,
    Listener,
    Medium,
    Network,
    Node,
    Segment,
)
from hopbook.network.packet import Packet
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources.nsxv import FirewallAction, NatAction

HERE = declared("here")
LISTENS = frozenset({Listener("tcp", 80), Listener("udp", 53)})


def number(text: str) -> int:
    return int(IPv4Address(text))


def networks(*texts: str) -> tuple[IPv4Network, ...]:
    return tuple(IPv4Network(text) for text in texts)


def side(name: str, segment: str, *addresses: str, mtu: int = 1500, **more: Any) -> Interface:
    """An interface: `side("eth0", "lan", "10.0.0.2/24")`."""
    given = [IPv4Interface(text) for text in addresses]
    prefix = given[0].network if given and given[0].network.prefixlen < 32 else None
    return Interface(
        name=name,
        role=more.pop("role", name),
        segment=segment,
        fact=HERE,
        addresses=tuple(int(item.ip) for item in given),
        prefix=prefix,
        mtu=mtu,
        **more,
    )


def route(prefix: str, interface: str, via: str = "", fact: Fact = HERE) -> Route:
    """A route: `route("0.0.0.0/0", "eth0", "10.0.0.1")`."""
    return Route(
        prefix=IPv4Network(prefix),
        interface=interface,
        fact=fact,
        next_hop=number(via) if via else None,
        distance=1,
        origin=Origin.STATIC,
    )


def _common(name: str, sides: Iterable[Interface], routes: Iterable[Route]) -> dict[str, Any]:
    sides = tuple(sides)
    connected = [
        Route(prefix=item.prefix, interface=item.name, fact=item.fact)
        for item in sides
        if item.prefix is not None and item.segment
    ]
    return {
        "name": name,
        "fact": HERE,
        "interfaces": {item.name: item for item in sides},
        "routes": RouteTable((*connected, *routes)),
    }


def host(name: str, segment: str, address: str, gateway: str = "", mtu: int = 1500, **more: Any) -> Host:
    routes = [route("0.0.0.0/0", "eth0", gateway)] if gateway else []
    parts = _common(name, [side("eth0", segment, address, mtu=mtu)], routes)
    return Host(**parts, listens=more.pop("listens", LISTENS), **more)


def router(name: str, *sides: Interface, routes: Iterable[Route] = (), **more: Any) -> IbmRouter:
    return IbmRouter(**_common(name, sides, routes), **more)


def esg(name: str, *sides: Interface, routes: Iterable[Route] = (), **more: Any) -> Esg:
    """An edge that lets everything through, unless it is given a firewall or NAT tables."""
    more.setdefault("firewall", Firewall([], Policy(FirewallAction.ACCEPT, HERE)))
    more.setdefault("dnat", NatTable([], NatAction.DNAT))
    more.setdefault("snat", NatTable([], NatAction.SNAT))
    return Esg(**_common(name, sides, routes), **more)


def dlr(name: str, *sides: Interface, routes: Iterable[Route] = ()) -> Dlr:
    return Dlr(**_common(name, sides, routes))


def esxi(name: str, vtep: str, mtu: int = 1600) -> EsxiHost:
    return EsxiHost(**_common(name, [side("vmk0", "transport", vtep, mtu=mtu)], ()), vtep="vmk0")


def kube(name: str, *sides: Interface, routes: Iterable[Route] = (), **more: Any) -> KubeNode:
    more.setdefault("node_address", sides[0].addresses[0])
    return KubeNode(**_common(name, sides, routes), cluster="c", listens=more.pop("listens", LISTENS), **more)


def ipsec(name: str, local: str, peer: str | None, **more: Any) -> Ipsec:
    fields: dict[str, Any] = {
        "local_id": "here",
        "peer_id": "there",
        "inside": networks("10.1.0.0/16"),
        "beyond": networks("10.2.0.0/16"),
        "secret": "env:PSK",
        **more,
    }
    return Ipsec(
        name=name, local=number(local), peer=number(peer) if peer else None, fact=declared(name), **fields
    )


def network(*nodes: Node, segments: Mapping[str, Segment] | None = None) -> Network:
    """A network of these nodes; a segment that is not given is a VLAN."""
    named = {item.segment for node in nodes for item in node.interfaces.values() if item.segment}
    found = {name: Segment(name=name, medium=Medium.VLAN, fact=HERE, carries=9000) for name in sorted(named)}
    return Network.of(nodes, {**found, **(segments or {})}.values(), names={})


def vxlan(name: str, vni: int = 5001) -> Segment:
    return Segment(name=name, medium=Medium.VXLAN, fact=HERE, carries=9000, overhead=50, vni=vni)


def placed(node: Any, where: str) -> Any:
    """The node on an ESXi host."""
    return replace(node, host=where)


def tcp(source: str, target: str, port: int = 80, size: int = 1500) -> Packet:
    return Packet(number(source), number(target), "tcp", 40000, port, size)


def udp(source: str, target: str, port: int = 53, size: int = 128) -> Packet:
    return Packet(number(source), number(target), "udp", 40000, port, size)
