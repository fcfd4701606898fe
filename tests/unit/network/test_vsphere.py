"""ESXi hosts and what runs on them, from the example site and its hand-written observation."""

from collections.abc import Iterable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.network import vsphere
from hopbook.network.facts import declared
from hopbook.network.nodes import Dlr, Host, Medium, Node
from hopbook.network.nsxv import Source
from hopbook.network.routes import RouteTable
from hopbook.resources.base import Resource, from_document, to_document
from hopbook.resources.vsphere import Placement
from hopbook.site.document import read_document
from hopbook.site.model import Site

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
SITE = Site.model_validate(EXAMPLE)


def source(resources: Iterable[Resource] = ()) -> Source:
    return Source(Observation(items={item.key: Observed(resource=item) for item in resources}), when="noon")


def listed(name: str) -> list[Resource]:
    data = read_document((RUNBOOKS / f"observed/example/{name}.yaml").read_bytes(), name).data
    return [
        from_document(
            {
                "kind": f"{item['kind']}.v1",
                "fields": {key: value for key, value in item.items() if key != "kind"},
            }
        )
        for item in data["resources"]
    ]


def bare(name: str, kind: type[Node] = Host) -> Node:
    return kind(name=name, fact=declared("a test"), interfaces={}, routes=RouteTable())


def with_hosts(*nodes: Node) -> list[Node]:
    return [*nodes, *vsphere.hosts(SITE, source())]


def test_hosts_have_their_tunnel_end_points_on_the_transport_network() -> None:
    hosts = list(vsphere.hosts(SITE, source()))
    assert [host.name for host in hosts] == ["esx-1", "esx-2", "esx-3"]
    assert [host.interfaces[host.vtep].addresses for host in hosts] == [
        (int(IPv4Address(f"10.95.20.{last}")),) for last in (11, 12, 13)
    ]
    (transport,) = vsphere.segments(SITE, source())
    assert {host.interfaces["vmk0"].segment for host in hosts} == {transport.name} == {"dvportgroup-45"}
    assert (transport.medium, transport.carries, hosts[0].interfaces["vmk0"].mtu) == (Medium.VLAN, 9000, 9000)
    (way,) = hosts[0].routes.lookup(int(IPv4Address("10.95.20.13")))
    assert (way.interface, way.next_hop) == ("vmk0", None)
    assert hosts[0].fact.source == "vcs.esxi.esx-1"


@pytest.mark.parametrize("vcs", [None, {**EXAMPLE["vcs"], "esxi": [], "transport": None}])
def test_what_is_not_declared_is_not_there(vcs: Any) -> None:
    site = Site.model_validate({"hopbook": 1, "site": "small", **({"vcs": vcs} if vcs else {})})
    assert not list(vsphere.hosts(site, source()))
    assert not list(vsphere.segments(site, source()))
    assert not list(vsphere.machines(site, source()))


def test_machines_are_where_they_were_seen() -> None:
    seen = source([Placement(machine="orders", host="esx-3")])
    nodes = {node.name: node for node in vsphere.placed(with_hosts(bare("orders"), bare("ledger")), seen)}
    assert (nodes["orders"].host, nodes["ledger"].host) == ("esx-3", "")


def test_a_distributed_router_is_on_no_host_of_its_own() -> None:
    seen = source([Placement(machine="icp-dlr", host="esx-1")])
    (router, *_) = vsphere.placed(with_hosts(bare("icp-dlr", Dlr)), seen)
    assert router.host == ""


def test_a_host_that_nobody_knows_places_nothing() -> None:
    seen = source([Placement(machine="orders", host="esx-9")])
    (machine, *_) = vsphere.placed(with_hosts(bare("orders")), seen)
    assert machine.host == ""


def test_nothing_seen_changes_nothing() -> None:
    nodes = with_hosts(bare("orders"))
    assert vsphere.placed(nodes, source()) == nodes


def test_the_database_is_behind_its_router() -> None:
    (orders,) = vsphere.machines(SITE, source())
    eth0 = orders.interfaces["eth0"]
    assert (orders.name, eth0.segment) == ("orders", "workload-databases")
    assert eth0.addresses == (int(IPv4Address("192.168.12.30")),)
    (default,) = orders.routes.lookup(int(IPv4Address("10.95.60.2")))
    (near,) = orders.routes.lookup(int(IPv4Address("192.168.12.31")))
    assert (default.next_hop, near.next_hop) == (int(IPv4Address("192.168.12.1")), None)
    assert {(listener.protocol, listener.port) for listener in orders.listens or ()} == {("tcp", 3306)}
    assert orders.fact.source == "workloads.orders"


def test_the_written_observation_is_of_this_site() -> None:
    """Both branches of what the document leaves to the placement occur (T2.4, T3.9, T4.8, T5.6)."""
    places = {item.machine: item.host for item in listed("vsphere") if isinstance(item, Placement)}
    assert len(places) == len(listed("vsphere"))
    assert set(places.values()) == {"esx-1", "esx-2", "esx-3", "on-premises-esxi"}
    roles = EXAMPLE["icp"]["nodes"].items()
    nodes = {f"icp-{role}-{n}" for role, found in roles for n in range(1, len(found) + 1)}
    assert nodes | {"icp-esg", "workload-esg", "orders", "ledger", "hcx-concentrator"} <= set(places)
    workers = {places[f"icp-worker-{n}"] == places["icp-esg"] for n in (1, 2, 3)}
    assert workers == {True, False}
    assert places["orders"] != places["workload-esg"]
    assert places["ledger"] != places["hcx-concentrator"]
    assert places["icp-esg"] != places["icp-proxy-vip"]


def test_placements_are_written_and_read_back() -> None:
    for item in listed("vsphere"):
        assert isinstance(item, Placement)
        assert from_document(to_document(item)) == item
