"""Whether full packets get through where small ones did, and who says so if not (rules 15, 26 and 27)."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from hopbook.network.facts import declared
from hopbook.network.nodes import Backend, Concentrator, Medium, Network, Segment
from hopbook.network.routes import RouteTable
from hopbook.trace.walk import trace
from tests.unit.trace.parts import (
    HERE,
    esxi,
    host,
    ipsec,
    network,
    placed,
    route,
    router,
    side,
    tcp,
    udp,
    vxlan,
)


def narrow(carries: int = 1400) -> Network:
    """Two machines and a router; the second machine's VLAN carries less than its interfaces."""
    lan = Segment(name="lan-b", medium=Medium.VLAN, fact=HERE, carries=carries)
    return network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.1"),
        router("r", side("a", "lan-a", "10.1.0.1/24"), side("b", "lan-b", "10.2.0.1/24")),
        segments={"lan-b": lan},
    )


def test_a_router_before_a_narrow_vlan_tells_for_tcp_as_for_datagrams() -> None:
    found = trace(narrow(), tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (found.verdict, found.worst.legs[0].mtu) == ("delivered", 1400)
    large = trace(narrow(), udp("10.1.0.10", "10.2.0.10", size=1401), "a")
    assert (large.verdict, large.end.node) == ("MTU exceeded, told", "r")


def test_a_router_without_a_way_back_tells_nobody() -> None:
    whole = narrow()
    forward_only = RouteTable([route("10.2.0.0/24", "b")])
    mute = replace(whole, nodes={**whole.nodes, "r": replace(whole.nodes["r"], routes=forward_only)})
    found = trace(mute, udp("10.1.0.10", "10.2.0.10", size=1401), "a")
    assert (found.verdict, found.end.node) == ("MTU exceeded, silent", "r")


def test_a_router_whose_word_meets_no_neighbour_tells_nobody() -> None:
    whole = narrow()
    astray = RouteTable([route("10.2.0.0/24", "b"), route("10.1.0.0/24", "a", "10.1.0.99")])
    mute = replace(whole, nodes={**whole.nodes, "r": replace(whole.nodes["r"], routes=astray)})
    found = trace(mute, udp("10.1.0.10", "10.2.0.10", size=1401), "a")
    assert (found.verdict, found.end.node) == ("MTU exceeded, silent", "r")


@pytest.mark.parametrize(("by", "expected"), [("10.1.0.99", "MTU exceeded, silent"), ("", "delivered")])
def test_a_transfer_hangs_where_the_narrow_router_s_word_meets_no_neighbour(by: str, expected: str) -> None:
    """The reply takes another router, so small packets get through both ways."""
    narrow_link = Segment(name="mid", medium=Medium.VLAN, fact=HERE, carries=1400)
    back = [route("10.1.0.10/32", "in", by)] if by else []
    whole = network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.1"),
        router(
            "r1",
            side("in", "lan-a", "10.1.0.1/24"),
            side("out", "mid", "10.5.0.1/24"),
            routes=[route("10.2.0.0/24", "out", "10.5.0.2"), *back],
        ),
        router("r3", side("m", "mid", "10.5.0.2/24"), side("b", "lan-b", "10.2.0.3/24")),
        router("r2", side("a", "lan-a", "10.1.0.2/24"), side("b", "lan-b", "10.2.0.1/24")),
        segments={"mid": narrow_link},
    )
    assert trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a").verdict == expected


def extended() -> Network:
    """Two segments made one by concentrators; the far one is a VXLAN with 1450 bytes of room."""
    ends = [
        ipsec("near", "10.0.0.1", "10.0.0.2", initiates=True),
        ipsec("far", "10.0.0.2", "10.0.0.1", local_id="there", peer_id="here"),
    ]
    concentrators = [
        Concentrator(
            name=name,
            fact=HERE,
            interfaces={
                "up": side("up", "wan", f"{address}/24", mtu=9000),
                "trunk": side("trunk", segment),
            },
            routes=RouteTable([route("10.0.0.0/24", "up")]),
            trunk="trunk",
            peer=peer,
            ipsec=end,
            extension=declared("extension"),
        )
        for name, address, segment, peer, end in (
            ("l2c-near", "10.0.0.1", "vlan", "l2c-far", ends[0]),
            ("l2c-far", "10.0.0.2", "stretched", "l2c-near", ends[1]),
        )
    ]
    return network(
        host("a", "vlan", "10.1.0.10/24"),
        host("b", "stretched", "10.1.0.11/24"),
        *concentrators,
        segments={"stretched": replace(vxlan("stretched"), carries=1500)},
    )


def test_a_concentrator_swallows_what_the_extended_segment_does_not_carry() -> None:
    found = trace(extended(), tcp("10.1.0.10", "10.1.0.11"), "a")
    assert (found.verdict, found.end.node) == ("MTU exceeded, silent", "l2c-far")
    large = trace(extended(), udp("10.1.0.10", "10.1.0.11", size=1451), "a")
    assert (large.verdict, large.end.node) == ("MTU exceeded, silent", "l2c-far")
    assert trace(extended(), udp("10.1.0.10", "10.1.0.11", size=1450), "a").verdict == "delivered"


@pytest.mark.parametrize("behind", ["esx-1", "esx-2"], ids=["narrow", "wide"])
def test_of_two_legs_a_narrow_first_one_is_named_alone(behind: str) -> None:
    """Rule 17: what ends a connection has its whole question before it asks in turn."""
    backend = Backend(int(IPv4Address("10.1.0.12")), 80)
    whole = network(
        esxi("esx-1", "10.0.0.1/24", 1500),
        esxi("esx-2", "10.0.0.2/24"),
        placed(host("a", "web", "10.1.0.10/24"), "esx-1"),
        placed(host("ingress", "web", "10.1.0.11/24", relays={80: (backend,)}), "esx-2"),
        placed(host("b", "web", "10.1.0.12/24"), behind),
        segments={"web": vxlan("web")},
    )
    found = trace(whole, tcp("10.1.0.10", "10.1.0.11"), "a")
    assert (found.verdict, found.end.node, len(found.worst.legs)) == ("MTU exceeded, silent", "esx-1", 1)
    assert not found.worst.returning
