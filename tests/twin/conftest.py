"""One twin for all tests of a process, and small networks in few words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from adapters.twin.twin import Twin
from hopbook.network.facts import declared
from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.nat import NatTable, translation
from hopbook.network.nodes import (
    Esg,
    Host,
    IbmRouter,
    Interface,
    Listener,
    Medium,
    Network,
    Node,
    ReversePath,
    Segment,
)
from hopbook.network.packet import Packet
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule

FACT = declared("a test")
EDGE = Key(Edge.kind, "edge")


def number(address: str) -> int:
    return int(IPv4Address(address))


class Draft:
    """A network that is put together by names and addresses."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.segments: dict[str, Segment] = {}

    def network(self) -> Network:
        return Network.of(self.nodes.values(), self.segments.values(), names={})

    def segment(self, name: str, medium: Medium = Medium.VLAN, **more: Any) -> None:
        self.segments[name] = Segment(name=name, medium=medium, fact=FACT, **more)

    def host(self, name: str, at: str, address: str, via: str = "", **more: Any) -> None:
        """A machine with one interface; `listens`: `80/tcp 53/udp`."""
        listens = frozenset(
            Listener(protocol, int(port))
            for port, protocol in (item.split("/") for item in more.pop("listens", "").split())
        )
        ways = {"0.0.0.0/0": via} if via else {}
        self.node(Host, name, {"eth0": (at, address)}, ways, listens=listens, **more)

    def router(self, name: str, sides: Mapping[str, tuple[str, str]], ways: Mapping[str, str]) -> None:
        self.node(IbmRouter, name, sides, ways)

    def esg(
        self,
        name: str,
        sides: Mapping[str, tuple[str, str]],
        ways: Mapping[str, str],
        *,
        nat: Sequence[NatRule] = (),
        rules: Sequence[FirewallRule] = (),
        **more: Any,
    ) -> None:
        """An edge: vNICs are counted; it drops what no rule accepts."""
        translations = [translation(rule, FACT) for rule in nat]
        tables = {
            action.value: NatTable([item for item in translations if item.rule.action is action], action)
            for action in NatAction
        }
        firewall = Firewall([Filter(rule, FACT) for rule in rules], Policy(FirewallAction.DENY, FACT))
        more = {"reverse_path": ReversePath.LOOSE, **tables, "firewall": firewall, **more}
        self.node(Esg, name, sides, ways, **more)

    def node(
        self,
        kind: type[Node],
        name: str,
        sides: Mapping[str, tuple[str, str]],
        ways: Mapping[str, str],
        **more: Any,
    ) -> None:
        """A node of any kind; its ways are next hops by prefix, reached by the interface of their subnet."""
        interfaces: dict[str, Interface] = {}
        routes: list[Route] = []
        for index, (side, (segment, address)) in enumerate(sides.items()):
            if segment not in self.segments:
                self.segment(segment)
            own = IPv4Interface(address)
            groups = (f"vnic-index-{index}", "external" if index == 0 else "internal")
            interfaces[side] = Interface(
                name=side,
                role="",
                segment=segment,
                fact=FACT,
                addresses=(int(own),),
                prefix=own.network,
                index=index,
                groups=groups,
            )
            routes.append(Route(own.network, side, FACT))
        for prefix, hop in ways.items():
            side = next((key for key, held in interfaces.items() if _holds(held, hop)), "")
            next_hop = number(hop) if side else None
            way = Route(IPv4Network(prefix), side, FACT, next_hop, distance=1, origin=Origin.STATIC)
            routes.append(way)
        self.nodes[name] = kind(
            name=name, fact=FACT, interfaces=interfaces, routes=RouteTable(routes), **more
        )

    def changed(self, name: str, **fields: Any) -> None:
        self.nodes[name] = replace(self.nodes[name], **fields)

    def mtu(self, name: str, side: str, mtu: int) -> None:
        held = self.nodes[name].interfaces
        self.changed(name, interfaces={**held, side: replace(held[side], mtu=mtu)})


def _holds(interface: Interface, hop: str) -> bool:
    return bool(hop) and interface.prefix is not None and IPv4Address(hop) in interface.prefix


def nat(action: NatAction, original: str, translated: str, vnic: int, **more: Any) -> NatRule:
    rule = f"{original}-{translated}"
    return NatRule(
        owner=EDGE,
        rule=rule,
        action=action,
        interface=vnic,
        original=original,
        translated=translated,
        **more,
    )


def allow(*sources: str, action: FirewallAction = FirewallAction.ACCEPT, rule: str = "allow") -> FirewallRule:
    return FirewallRule(owner=EDGE, rule=rule, action=action, sources=sources)


def packet(source: str, destination: str, protocol: str = "tcp", size: int | None = None) -> Packet:
    """From `10.0.0.1` (port 40000) to `10.0.0.2:80`."""
    address, _, port = destination.partition(":")
    made = Packet.of(protocol, (IPv4Address(source), 40000), (IPv4Address(address), int(port)))
    return made if size is None else made._replace(size=size)


class Words:
    """What the tests of this folder share, since none of them can be imported."""

    draft = Draft
    nat = staticmethod(nat)
    allow = staticmethod(allow)
    packet = staticmethod(packet)
    number = staticmethod(number)


@pytest.fixture
def words() -> type[Words]:
    return Words


@pytest.fixture(scope="session")
def twin() -> Iterator[Twin]:
    """Builds and probes; nothing of one network is left in the next."""
    with Twin() as held:
        yield held
