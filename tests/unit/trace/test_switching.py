"""Machines on ESXi hosts: VXLAN only between hosts, a DLR routes where the sender is (rules 13 and 15)."""

from dataclasses import replace

import pytest

from hopbook.network.nodes import EsxiHost, Network
from hopbook.trace.crossing import crossings
from hopbook.trace.verdict import Trace
from hopbook.trace.walk import trace
from tests.unit.trace.parts import dlr, esxi, host, network, placed, side, tcp, udp, vxlan


def two_networks(there: str, *, vtep_mtu: int = 1600, web_mtu: int = 1500) -> Network:
    """A web server on esx-1 and a database on another network behind the same DLR."""
    nodes = [
        esxi("esx-1", "10.0.0.1/24", vtep_mtu),
        esxi("esx-2", "10.0.0.2/24"),
        placed(host("web", "front", "192.168.1.10/24", "192.168.1.1", web_mtu), "esx-1"),
        placed(host("db", "back", "192.168.2.10/24", "192.168.2.1"), there),
        dlr("dlr", side("front", "front", "192.168.1.1/24"), side("back", "back", "192.168.2.1/24")),
    ]
    return network(*nodes, segments={"front": vxlan("front", 5001), "back": vxlan("back", 5002)})


def nodes(found: Trace, *, back: bool = False) -> list[str]:
    leg = found.worst.legs[0]
    walk = leg.back if back else leg.there
    assert walk is not None
    return [hop.node.name for hop in walk.hops]


def test_on_one_host_nothing_leaves_it() -> None:
    found = trace(two_networks("esx-1"), tcp("192.168.1.10", "192.168.2.10"), "web")
    assert found.verdict == "delivered", found.end.reason
    assert nodes(found) == ["web", "esx-1", "dlr", "esx-1", "db"]
    assert all(not hop.after.layers for _, _, hop in found.worst.hops)


def test_between_hosts_the_senders_host_routes_and_encapsulates() -> None:
    found = trace(two_networks("esx-2"), tcp("192.168.1.10", "192.168.2.10"), "web")
    assert nodes(found) == ["web", "esx-1", "dlr", "esx-1", "esx-2", "db"]
    assert nodes(found, back=True) == ["db", "esx-2", "dlr", "esx-2", "esx-1", "web"]
    there = found.worst.legs[0].there.hops
    assert [hop.after.layers for hop in there] == [(), (), (), ("VXLAN",), (), ()]
    assert (there[2].host, there[3].after.size) == ("esx-1", 1550)
    back = found.worst.legs[0].back
    assert back is not None
    assert back.hops[2].host == "esx-2"


def test_a_crossing_names_the_hosts_router_and_no_port_of_a_switch() -> None:
    found = trace(two_networks("esx-2"), tcp("192.168.1.10", "192.168.2.10"), "web")
    crossed = crossings(found.worst.legs[0].there.hops)
    assert [(item.node, item.host, item.came, item.left) for item in crossed] == [
        ("web", "", "", "eth0"),
        ("esx-1", "", "", ""),
        ("dlr", "esx-1", "front", "back"),
        ("esx-1", "", "", ""),
        ("esx-2", "", "", ""),
        ("db", "", "eth0", ""),
    ]


@pytest.mark.parametrize(("reading", "verdict"), [("silent", "MTU exceeded, silent"), ("told", "delivered")])
def test_a_narrow_underlay_swallows_full_packets(reading: str, verdict: str) -> None:
    narrow = two_networks("esx-2", vtep_mtu=1500)
    found = trace(narrow, tcp("192.168.1.10", "192.168.2.10"), "web", {"A15": reading})
    assert found.verdict == verdict, found.end.reason
    assert (found.end.node, "1450" in found.end.reason) == (
        ("esx-1", True) if reading == "silent" else ("db", False)
    )


def test_a_small_datagram_passes_a_narrow_underlay_and_a_large_one_does_not() -> None:
    narrow = two_networks("esx-2", vtep_mtu=1500)
    assert trace(narrow, udp("192.168.1.10", "192.168.2.10"), "web").verdict == "delivered"
    large = trace(narrow, udp("192.168.1.10", "192.168.2.10", size=1451), "web")
    assert (large.verdict, large.end.node) == ("MTU exceeded, silent", "esx-1")


def test_the_smaller_end_decides_the_size_of_a_transfer() -> None:
    found = trace(
        two_networks("esx-2", vtep_mtu=1500, web_mtu=1450), tcp("192.168.1.10", "192.168.2.10"), "web"
    )
    assert found.verdict == "delivered"
    assert found.worst.legs[0].mtu == 1450


def test_a_host_that_is_not_in_the_network_is_missing_information() -> None:
    found = trace(two_networks("esx-9"), tcp("192.168.1.10", "192.168.2.10"), "web")
    assert found.verdict == "insufficient information"
    assert "esx-9" in found.end.reason


def test_a_host_without_a_vtep_is_missing_information() -> None:
    whole = two_networks("esx-2")
    host = whole.nodes["esx-2"]
    assert isinstance(host, EsxiHost)
    lacking = replace(whole, nodes={**whole.nodes, "esx-2": replace(host, vtep="")})
    found = trace(lacking, tcp("192.168.1.10", "192.168.2.10"), "web")
    assert (found.verdict, found.end.reason) == (
        "insufficient information",
        "the VTEP of esx-2 is not declared",
    )
