"""IPsec between two edges: what has to match, and what becomes of packets (rules 1, 6, 7 and 26)."""

from dataclasses import replace
from typing import Any

import pytest

from hopbook.network.firewall import Firewall
from hopbook.network.nat import NatTable, translation
from hopbook.network.nodes import Esg, Network, VpnGateway
from hopbook.network.routes import RouteTable
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, NatAction, NatRule
from hopbook.trace.verdict import Trace, Verdict
from hopbook.trace.walk import trace
from hopbook.vpn.reasons import Reason
from tests.unit.trace.parts import HERE, esg, host, ipsec, network, networks, route, router, side, tcp, udp

THERE = tcp("10.1.0.10", "10.2.0.10")


def joined(near: dict[str, Any] | None = None, far: dict[str, Any] | None = None, mtu: int = 1500) -> Network:
    """Two edges with a machine behind each, joined by a router that knows neither's network."""
    one = ipsec("vpn-a", "172.16.1.2", "172.16.2.2", initiates=True, **(near or {}))
    swapped = {"inside": networks("10.2.0.0/16"), "beyond": networks("10.1.0.0/16")}
    other = ipsec(
        "vpn-b",
        "172.16.2.2",
        "172.16.1.2",
        **{"local_id": "there", "peer_id": "here", **swapped, **(far or {})},
    )
    return network(
        host("a", "lan-a", "10.1.0.10/16", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/16", "10.2.0.1"),
        esg(
            "edge-a",
            side("up", "wan-a", "172.16.1.2/24", index=0, mtu=mtu),
            side("in", "lan-a", "10.1.0.1/16", index=2),
            routes=[route("0.0.0.0/0", "up", "172.16.1.1")],
            ipsec=(one,),
        ),
        esg(
            "edge-b",
            side("up", "wan-b", "172.16.2.2/24", index=0),
            side("in", "lan-b", "10.2.0.1/16", index=2),
            routes=[route("0.0.0.0/0", "up", "172.16.2.1")],
            ipsec=(other,),
        ),
        router("wan", side("a", "wan-a", "172.16.1.1/24"), side("b", "wan-b", "172.16.2.1/24")),
    )


def changed(whole: Network, name: str, **fields: Any) -> Network:
    return replace(whole, nodes={**whole.nodes, name: replace(whole.nodes[name], **fields)})


def hiding(whole: Network) -> Network:
    """With an SNAT on the uplink that catches the tunnel's packets, too (rule 6)."""
    rule = NatRule(
        owner=Key(Edge.kind, "edge-a"),
        rule="#1",
        action=NatAction.SNAT,
        interface=0,
        original="10.1.0.0/16",
        translated="172.16.1.2",
    )
    table = NatTable([translation(rule, HERE)], NatAction.SNAT)
    return changed(whole, "edge-a", snat=table)


def edge(whole: Network, name: str) -> Esg:
    found = whole.nodes[name]
    assert isinstance(found, Esg)
    return found


def follow(whole: Network, **more: Any) -> Trace:
    return trace(whole, THERE, "a", **more)


def test_there_and_back_in_esp() -> None:
    found = follow(joined())
    assert found.verdict == "delivered", found.end.reason
    hops = [hop for _, _, hop in found.worst.hops]
    there = ["a", "edge-a", "wan", "edge-b", "b"]
    assert [hop.node.name for hop in hops] == [*there, *reversed(there)]
    assert [hop.after.layers for hop in hops] == [(), ("ESP",), ("ESP",), (), ()] * 2
    assert found.worst.legs[0].mtu == 1422


def test_the_far_side_may_begin() -> None:
    found = trace(joined(), tcp("10.2.0.10", "10.1.0.10"), "b")
    assert found.verdict == "delivered", found.end.reason


@pytest.mark.parametrize(
    ("far", "reason", "why"),
    [
        ({"secret": "env:OTHER"}, Reason.AUTHENTICATION_FAILED, "pre-shared keys differ"),
        ({"local_id": "somebody"}, Reason.AUTHENTICATION_FAILED, "identities do not match"),
        ({"ike": "aes128-sha1-modp1024"}, Reason.NO_PROPOSAL_CHOSEN, "IKE proposals"),
        ({"esp": "aes128-sha1"}, Reason.NO_PROPOSAL_CHOSEN, "ESP proposals"),
        (
            {"beyond": networks("10.9.0.0/16")},
            Reason.TS_UNACCEPTABLE,
            "traffic selectors have nothing in common",
        ),
    ],
)
def test_ends_that_do_not_match(far: dict[str, Any], reason: Reason, why: str) -> None:
    found = follow(joined(far=far))
    assert (found.verdict, found.end.node) == ("tunnel down", "edge-a")
    assert f"is down: {reason}: " in found.end.reason
    assert why in found.end.reason


def test_an_end_that_waits_for_somebody_else_is_none() -> None:
    whole = joined()
    waiting = replace(edge(whole, "edge-b").ipsec[0], peer=edge(whole, "edge-b").ipsec[0].local)
    found = follow(changed(whole, "edge-b", ipsec=(waiting,)))
    assert found.end.reason == "IPsec vpn-a is down: NO_PROPOSAL_CHOSEN: edge-b has no end for vpn-a"


def test_of_several_proposals_one_in_common_is_enough() -> None:
    several = {
        "ike": "aes128-sha1-modp2048,aes256-sha256-modp2048",
        "esp": "3des-sha1,aes256-sha256-modp2048!",
    }
    assert follow(joined(far=several)).verdict == "delivered"


def test_ike_that_does_not_get_through_says_where_it_ended() -> None:
    whole = joined()
    cut = changed(whole, "wan", routes=RouteTable(whole.nodes["wan"].routes.routes[:1]))
    found = follow(cut)
    assert found.verdict == "tunnel down"
    assert "NO_ANSWER: IKE to 172.16.2.2: no route at wan" in found.end.reason


def test_a_route_by_an_interface_that_is_not_there_is_missing_information() -> None:
    whole = joined()
    cut = changed(whole, "wan", interfaces={"a": whole.nodes["wan"].interfaces["a"]})
    found = trace(cut, tcp("172.16.1.2", "172.16.2.2"), "edge-a")
    assert (found.verdict, found.end.node) == ("insufficient information", "wan")
    assert "leaves by b, which is not there" in found.end.reason


def test_nobody_begins() -> None:
    whole = joined()
    passive = replace(edge(whole, "edge-a").ipsec[0], initiates=False)
    found = follow(changed(whole, "edge-a", ipsec=(passive,)))
    assert (found.verdict, found.end.reason) == (
        "tunnel down",
        "IPsec vpn-a is down: NOT_STARTED: nobody initiates vpn-a",
    )


def test_a_tunnel_that_lets_go_leaks_in_clear_text() -> None:
    whole = joined(near={"policies_stay": False}, far={"secret": "env:OTHER"})
    found = follow(whole)
    assert (found.verdict, found.end.node) == ("no route", "wan")


def test_selectors_are_narrowed_to_what_both_name() -> None:
    whole = joined(far={"beyond": networks("10.1.0.0/24")})
    assert follow(whole).verdict == "delivered"
    outside = joined(far={"beyond": networks("10.1.8.0/24")})
    found = follow(outside)
    assert (found.verdict, "outside the selectors" in found.end.reason) == ("denied", True)


def test_the_order_of_snat_and_selectors_matters_only_where_snat_catches_the_packet() -> None:
    first = follow(hiding(joined()))
    assert (first.verdict, first.readings["A1"]) == ("denied", "SNAT, then selectors")
    second = follow(hiding(joined()), knobs={"A1": "selectors, then SNAT"})
    assert (second.verdict, second.readings["A1"]) == ("delivered", "selectors, then SNAT")
    assert "A1" not in follow(joined()).readings


def test_a_datagram_too_large_for_the_tunnel_is_told() -> None:
    found = trace(joined(), udp("10.1.0.10", "10.2.0.10", size=1423), "a")
    assert (found.verdict, found.end.node) == (Verdict.TOO_LARGE, "edge-a")
    assert trace(joined(), udp("10.1.0.10", "10.2.0.10", size=1422), "a").verdict == "delivered"


def test_an_edge_whose_firewall_is_off_keeps_its_tunnels() -> None:
    whole = joined()
    for name in ("edge-a", "edge-b"):
        found = edge(whole, name)
        off = Firewall([], found.firewall.default, enabled=False)
        whole = changed(whole, name, firewall=off)
    assert follow(whole).verdict == "delivered"


def test_a_container_lets_go_of_a_tunnel_that_is_down_as_an_edge_does() -> None:
    end = ipsec("vpn", "10.1.0.2", "172.16.9.9", policies_stay=False)
    sides = {"eth0": side("eth0", "lan", "10.1.0.2/24")}
    gateway = VpnGateway(
        name="vpn",
        fact=HERE,
        interfaces=sides,
        routes=RouteTable([route("10.1.0.0/24", "eth0"), route("0.0.0.0/0", "eth0", "10.1.0.1")]),
        ipsec=(end,),
    )
    whole = network(host("a", "lan", "10.1.0.10/24", "10.1.0.2"), gateway)
    leaking = trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (leaking.verdict, leaking.end.node) == ("neighbour unreachable", "vpn")
    kept = changed(whole, "vpn", ipsec=(replace(end, policies_stay=True),))
    assert trace(kept, tcp("10.1.0.10", "10.2.0.10"), "a").verdict == "tunnel down"


@pytest.mark.parametrize(("default", "expected"), [(True, "tunnel down"), (False, "no route")])
def test_a_container_without_a_tunnel_has_only_its_own_routes(default: bool, expected: str) -> None:
    """StrongSwan's route goes with its tunnel; a policy drops only what has a way (rules 6 and 7)."""
    ways = [route("10.1.0.0/24", "eth0"), *([route("0.0.0.0/0", "eth0", "10.1.0.1")] if default else [])]
    gateway = VpnGateway(
        name="vpn",
        fact=HERE,
        interfaces={"eth0": side("eth0", "lan", "10.1.0.2/24")},
        routes=RouteTable(ways),
        ipsec=(ipsec("vpn", "10.1.0.2", "172.16.9.9"),),
    )
    whole = network(host("a", "lan", "10.1.0.10/24", "10.1.0.2"), gateway)
    found = trace(whole, tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (found.verdict, found.end.node) == (expected, "vpn")


@pytest.mark.parametrize("enabled", [True, False], ids=["firewall on", "firewall off"])
def test_a_tunnel_adds_no_route_to_an_edge(enabled: bool) -> None:
    """Rule 6."""
    whole = joined()
    found = edge(whole, "edge-a")
    known = [item for item in found.routes.routes if item.prefix.prefixlen]
    routes = RouteTable([*known, route("172.16.2.0/24", "up", "172.16.1.1")])
    firewall = Firewall([], found.firewall.default, enabled=enabled)
    whole = changed(whole, "edge-a", routes=routes, firewall=firewall)
    if enabled:
        whole = changed(whole, "edge-a", firewall=edge(joined(), "edge-a").firewall)
    lost = follow(whole)
    assert (lost.verdict, lost.end.node) == ("no route", "edge-a")
