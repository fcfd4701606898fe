"""What HCX extends and the way there, from the example site and its hand-written observation."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.network import hcx, naming, onpremises
from hopbook.network.compile import compile_network
from hopbook.network.facts import How, declared
from hopbook.network.nodes import (
    Concentrator,
    Dlr,
    Host,
    IbmRouter,
    Interface,
    Medium,
    Network,
    Node,
    Segment,
)
from hopbook.network.nsxv import Source
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route, RouteTable
from hopbook.resources.base import Key, Resource, from_document, to_document
from hopbook.resources.hcx import ConcentratorPair, Extension, ExtensionState
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule
from hopbook.resources.vsphere import Placement
from hopbook.site.document import read_document
from hopbook.site.model import Site
from hopbook.steps import icp
from hopbook.trace.verdict import Trace, Verdict
from hopbook.trace.walk import trace

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
VLAN, SWITCH = "on-premises VLAN sales", "L2E_sales-120-1f0c2a7e"
LEDGER, USER = "10.64.120.30", "10.64.8.15"


def site_with(**sections: Any) -> Site:
    document = {**deepcopy(EXAMPLE), **sections}
    return Site.model_validate({key: value for key, value in document.items() if value is not None})


SITE = site_with()


def observed() -> list[Resource]:
    data = read_document((RUNBOOKS / "observed/example/hcx.yaml").read_bytes(), "hcx").data
    return [
        from_document(
            {
                "kind": f"{item['kind']}.v1",
                "fields": {key: value for key, value in item.items() if key != "kind"},
            }
        )
        for item in data["resources"]
    ]


def source(resources: Iterable[Resource] = ()) -> Source:
    return Source(Observation(items={item.key: Observed(resource=item) for item in resources}), when="noon")


def nodes_of(site: Site, resources: Iterable[Resource] = ()) -> Mapping[str, Node]:
    given = source(resources)
    return {node.name: node for node in (*onpremises.nodes(site, given), *hcx.nodes(site, given))}


def segments_of(site: Site, resources: Iterable[Resource] = ()) -> Mapping[str, Segment]:
    given = source(resources)
    found = (*onpremises.segments(site, given), *hcx.segments(site, given))
    return {segment.name: segment for segment in found}


def concentrators(site: Site, resources: Iterable[Resource] = ()) -> list[Concentrator]:
    return [node for node in nodes_of(site, resources).values() if isinstance(node, Concentrator)]


def way(node: Node, address: str) -> tuple[str, str]:
    """Interface and next hop, by name or address."""
    (route,) = node.routes.lookup(int(IPv4Address(address)))
    return route.interface, route.next_node or ("" if route.next_hop is None else ip(route.next_hop))


def bcr() -> Node:
    fact = declared("a test")
    backbone = Interface(name="backbone", role="backbone", segment=naming.PRIVATE, fact=fact)
    ways = (Route(prefix=IPv4Network("10.0.0.0/8"), interface="backbone", fact=fact),)
    return IbmRouter(name=naming.BCR, fact=fact, interfaces={"backbone": backbone}, routes=RouteTable(ways))


# The way to the enterprise


def test_the_way_there_and_back_by_wan_and_xcr() -> None:
    nodes = nodes_of(SITE)
    (gateway,) = onpremises.joined([bcr()], SITE)
    assert way(gateway, LEDGER) == ("backbone", "XCR")
    assert way(nodes["XCR"], LEDGER) == ("wan", "WAN")
    assert way(nodes["WAN"], LEDGER) == ("enterprise", "on-premises-router")
    assert way(nodes["enterprise-user"], "10.95.70.10") == ("eth0", "on-premises-router")
    assert way(nodes["on-premises-router"], "10.95.70.10") == ("wan", "WAN")
    assert way(nodes["WAN"], "10.95.70.10") == ("ibm", "XCR")
    assert way(nodes["XCR"], "10.95.70.10") == ("backbone", "BCR")
    assert way(gateway, "10.95.70.10") == ("hcx", "")


def test_neighbours_of_the_way_share_segments() -> None:
    segments = segments_of(SITE)
    nodes = [*nodes_of(SITE).values(), *onpremises.joined([bcr()], SITE)]
    at = {node.name: {item.segment for item in node.interfaces.values()} for node in nodes}
    known = {*segments, naming.PRIVATE}
    assert all(used <= known for used in at.values())
    for one, other in (
        ("BCR", "XCR"),
        ("XCR", "WAN"),
        ("WAN", "on-premises-router"),
        ("on-premises-router", "enterprise-user"),
        ("on-premises-router", "on-premises-concentrator"),
        ("BCR", "hcx-concentrator"),
        ("hcx-concentrator", "ledger"),
    ):
        assert len(at[one] & at[other]) >= 1, (one, other)
    assert not at["on-premises-concentrator"] & at["hcx-concentrator"]


def test_the_enterprise_finds_the_accounts_subnets_and_no_others() -> None:
    router = nodes_of(SITE)["on-premises-router"]
    for known in ("10.95.4.9", "10.95.40.70", "10.95.60.9", "10.95.60.130", "10.95.70.10"):
        assert way(router, known) == ("wan", "WAN")
    for unknown in ("192.168.12.30", "172.30.1.1", "10.0.80.11", "10.95.20.11"):
        assert router.routes.lookup(int(IPv4Address(unknown))) == ()


def test_the_gateway_of_the_extended_network_is_the_enterprises() -> None:
    router = nodes_of(SITE)["on-premises-router"]
    assert way(router, LEDGER) == ("sales", "")
    assert router.interfaces["sales"].segment == VLAN
    assert router.interfaces["sales"].addresses == (int(IPv4Address("10.64.120.1")),)
    assert way(router, "10.64.30.10") == ("concentrators", "")
    assert way(router, USER) == ("lan", "")


def test_a_corporate_network_that_is_the_extended_one_gives_no_second_way() -> None:
    networks = ["10.64.0.0/16", "10.64.120.0/24", "10.64.30.0/28"]
    router = nodes_of(site_with(on_premises={"networks": networks}))["on-premises-router"]
    assert way(router, LEDGER) == ("sales", "")
    assert way(router, "10.64.30.10") == ("concentrators", "")


def test_a_user_on_the_extended_network_is_on_its_vlan() -> None:
    user = nodes_of(site_with(on_premises={**EXAMPLE["on_premises"], "user": "10.64.120.77"}))[
        "enterprise-user"
    ]
    assert user.interfaces["eth0"].segment == VLAN
    assert way(user, LEDGER) == ("eth0", "")
    assert way(user, USER) == ("eth0", "10.64.120.1")


def test_what_is_not_declared_is_not_there() -> None:
    site = site_with(on_premises=None, hcx=None)
    assert not nodes_of(site)
    assert not segments_of(site)
    gateway = bcr()
    assert onpremises.joined([gateway], site) == [gateway]
    alone = nodes_of(site_with(hcx=None))
    assert set(alone) == {"XCR", "WAN", "on-premises-router", "enterprise-user"}
    assert set(nodes_of(site_with(on_premises=None))) == {
        "XCR",
        "WAN",
        "on-premises-router",
        "on-premises-esxi",
        "on-premises-concentrator",
        "hcx-concentrator",
        "ledger",
    }


def test_only_the_bcr_is_joined() -> None:
    other = replace(bcr(), name="another")
    kept, joined = onpremises.joined([other, bcr()], SITE)
    assert kept is other
    assert joined.interfaces.keys() == {"backbone", "hcx"}
    assert int(IPv4Address("10.95.70.1")) in joined.addresses


# The extension


@pytest.mark.parametrize("resources", [[], observed()], ids=["declared", "observed"])
def test_the_pair_makes_two_segments_one(resources: list[Resource]) -> None:
    enterprise, cloud = concentrators(SITE, resources)
    assert (enterprise.name, cloud.name) == ("on-premises-concentrator", "hcx-concentrator")
    assert (enterprise.peer, cloud.peer) == (cloud.name, enterprise.name)
    assert enterprise.interfaces[enterprise.trunk].segment == VLAN
    assert cloud.interfaces[cloud.trunk].segment == SWITCH
    assert not enterprise.interfaces[enterprise.trunk].addresses
    assert enterprise.addresses == {int(IPv4Address("10.64.30.10"))}
    assert cloud.addresses == {int(IPv4Address("10.95.70.10"))}
    assert way(enterprise, "10.95.70.10") == ("uplink", "10.64.30.1")
    assert way(cloud, "10.64.30.10") == ("uplink", "10.95.70.1")
    segments = segments_of(SITE, resources)
    assert (segments[VLAN].medium, segments[SWITCH].medium) == (Medium.VLAN, Medium.VXLAN)
    assert (segments[SWITCH].carries, segments[SWITCH].overhead) == (9000, 50)
    network = Network.of(nodes_of(SITE, resources).values(), segments.values(), names={})
    assert {name: [item.far.name for item in found] for name, found in network.extensions.items()} == {
        VLAN: ["hcx-concentrator"],
        SWITCH: ["on-premises-concentrator"],
    }


@pytest.mark.parametrize("resources", [[], observed()], ids=["declared", "observed"])
def test_the_ends_of_the_tunnel_agree(resources: list[Resource]) -> None:
    one, other = (node.ipsec for node in concentrators(SITE, resources))
    assert (one.local, one.local_id, one.inside) == (other.peer, other.peer_id, other.beyond)
    assert (other.local, other.local_id, other.inside) == (one.peer, one.peer_id, one.beyond)
    assert (one.secret, one.ike, one.esp) == (other.secret, other.ike, other.esp)
    assert one.initiates or other.initiates
    assert one.secret


def test_the_concentrator_on_premises_is_on_a_host() -> None:
    nodes = nodes_of(SITE)
    assert nodes["on-premises-concentrator"].host in nodes
    assert nodes["hcx-concentrator"].host == ""  # observed by vSphere, if at all


def test_how_the_extension_is_known() -> None:
    (declared_one, _), (seen, _) = concentrators(SITE), concentrators(SITE, observed())
    assert (declared_one.extension.how, declared_one.extension.source) == (How.DECLARED, "hcx.networks.sales")
    assert (seen.extension.how, seen.extension.source, seen.extension.when) == (How.OBSERVED, "hcx", "noon")
    assert seen.ipsec.fact.key is not None
    assert str(seen.ipsec.fact.key) == "hcx.concentrator:l2c-1"
    assert seen.ipsec.secret == "env:HCX_L2C_PSK"


def test_observed_parameters_count() -> None:
    pair, extension = observed()
    assert isinstance(pair, ConcentratorPair)
    assert isinstance(extension, Extension)
    pair = replace(pair, esp="aes256gcm16-modp2048")
    extension = replace(extension, switch="L2E_sales-120-00000000")
    enterprise, cloud = concentrators(SITE, [pair, extension])
    assert enterprise.ipsec.esp == cloud.ipsec.esp == "aes256gcm16-modp2048"
    assert cloud.interfaces[cloud.trunk].segment == "L2E_sales-120-00000000"
    assert nodes_of(SITE, [pair, extension])["ledger"].interfaces["eth0"].segment == "L2E_sales-120-00000000"


@pytest.mark.parametrize("state", [ExtensionState.WORKING, ExtensionState.FAILED])
def test_an_extension_that_is_not_complete_forwards_nothing(state: ExtensionState) -> None:
    pair, extension = observed()
    assert isinstance(extension, Extension)
    assert not concentrators(SITE, [pair, replace(extension, state=state)])


def test_what_hcx_does_not_list_is_not_extended() -> None:
    pair, extension = observed()
    assert not concentrators(SITE, [pair])
    assert not concentrators(SITE, [extension])
    assert isinstance(extension, Extension)
    assert not concentrators(SITE, [pair, replace(extension, network="another")])


def test_vms_have_the_enterprises_gateway() -> None:
    ledger = nodes_of(SITE)["ledger"]
    eth0 = ledger.interfaces["eth0"]
    assert (eth0.segment, eth0.mtu, eth0.prefix) == (SWITCH, 1350, IPv4Network("10.64.120.0/24"))
    assert way(ledger, USER) == ("eth0", "10.64.120.1")
    assert way(ledger, "192.168.12.30") == ("eth0", "10.64.120.1")


def test_of_a_second_network_nobody_guesses() -> None:
    second = {
        "name": "stock",
        "subnet": "10.64.121.0/24",
        "gateway": "10.64.121.1",
        "switch": "L2E_stock-121",
    }
    section = {**EXAMPLE["hcx"], "networks": [*EXAMPLE["hcx"]["networks"], second]}
    site = site_with(hcx=section)
    segments = segments_of(site)
    assert [segments[name].open for name in (VLAN, SWITCH, "on-premises VLAN stock", "L2E_stock-121")] == [
        False,
        False,
        True,
        True,
    ]
    assert len(concentrators(site)) == 2


def test_resources_are_written_and_read_back() -> None:
    assert [type(item) for item in observed()] == [ConcentratorPair, Extension]
    assert [from_document(to_document(item)) for item in observed()] == observed()


# Packets (T5, rules 28 and 29)

THERE = [
    *("enterprise-user", "on-premises-router", "on-premises-esxi", "on-premises-concentrator"),
    *("on-premises-esxi", "on-premises-router", "WAN", "XCR", "BCR"),
    *("esx-3", "hcx-concentrator", "esx-3", "esx-2", "ledger"),
]


def edges() -> list[Resource]:
    """What the runbook `icp-network` leaves behind, rules in the order of their ranks."""
    steps = (icp.logical_switches, icp.edge_and_router, icp.internet, icp.dns_and_ntp)
    wanted = [resource for step in steps for resource in step(SITE).resources]
    return sorted(wanted, key=lambda resource: getattr(resource, "rank", 0))


def world(*more: Node, resources: Iterable[Resource] = (), places: Mapping[str, str] = {}) -> Network:
    """The example site as `compile_network` makes it, with further nodes and resources."""
    data = read_document((RUNBOOKS / "observed/example/vsphere.yaml").read_bytes(), "vsphere").data
    placed = {**{item["machine"]: item["host"] for item in data["resources"]}, **places}
    seen = [Placement(machine=machine, host=host) for machine, host in placed.items() if host]
    parts = {item.key: item for item in (*observed(), *seen, *edges(), *resources)}
    network = compile_network(SITE, source(parts.values()).observation, cluster_exists=True)
    nodes = {**network.nodes, **{node.name: node for node in more}}
    return Network.of(nodes.values(), network.segments.values(), names=network.names)


def asks(source_address: str, size: int = 1500) -> Packet:
    return Packet.of("tcp", (IPv4Address(source_address), 40000), (IPv4Address(LEDGER), 5432))._replace(
        size=size
    )


def ways(found: Trace) -> list[list[list[str]]]:
    """By path and leg, the names of the hops there and back."""
    return [
        [[hop.node.name for hop in walk.hops] for walk in (leg.there, leg.back) if walk is not None]
        for path in found.paths
        for leg in path.legs
    ]


def test_the_user_reaches_the_vm_by_both_concentrators_and_back() -> None:
    found = trace(world(), asks(USER), "enterprise-user")
    assert found.verdict is Verdict.DELIVERED, found.end
    assert ways(found) == [[THERE, THERE[::-1]]]


def test_what_the_packet_is_wrapped_in() -> None:
    (path,) = trace(world(), asks(USER), "enterprise-user").paths
    layers = [(hop.node.name, hop.after.layers) for hop in path.legs[0].there.hops]
    assert layers[3:10] == [
        ("on-premises-concentrator", ("L2 extension",)),
        ("on-premises-esxi", ("L2 extension",)),
        ("on-premises-router", ("L2 extension",)),
        ("WAN", ("L2 extension",)),
        ("XCR", ("L2 extension",)),
        ("BCR", ("L2 extension",)),
        ("esx-3", ("L2 extension",)),
    ]
    assert layers[-4:] == [("hcx-concentrator", ()), ("esx-3", ("VXLAN",)), ("esx-2", ()), ("ledger", ())]
    outer = path.legs[0].there.hops[5].after
    assert (ip(outer.src), ip(outer.dst)) == ("10.64.30.10", "10.95.70.10")


def worker() -> Host:
    """A machine on a cluster's private subnet: from there Calico's packets to the VM come (T3.5)."""
    fact = declared("a test")
    eth0 = Interface(
        name="eth0",
        role="eth0",
        segment=naming.PRIVATE,
        fact=fact,
        addresses=(int(IPv4Address("10.95.60.9")),),
    )
    default = Route(prefix=IPv4Network("0.0.0.0/0"), interface="eth0", fact=fact, next_node=naming.BCR)
    return Host(name="worker", fact=fact, interfaces={"eth0": eth0}, routes=RouteTable((default,)))


def test_packets_of_a_cluster_in_the_cloud_trombone() -> None:
    """Rule 28: from the same data centre, and yet by the WAN and the on-premises router."""
    found = trace(world(worker()), asks("10.95.60.9"), "worker")
    assert found.verdict is Verdict.DELIVERED, found.end
    there = ["worker", "BCR", "XCR", "WAN", *THERE[1:]]
    assert ways(found) == [[there, there[::-1]]]


@pytest.mark.parametrize("number", [1, 2])
def test_packets_of_icp_trombone_though_the_switch_is_of_the_same_instance(number: int) -> None:
    """Worker 2 is even on the VM's host."""
    at = f"icp-worker-{number}"
    admitted = FirewallRule(
        owner=Key(Edge.kind, "icp-esg"),
        rule="nodes-to-ledger",
        action=FirewallAction.ACCEPT,
        destinations=(LEDGER,),
    )
    found = trace(world(resources=[admitted]), asks(f"192.168.20.5{number}"), at)
    assert found.verdict is Verdict.DELIVERED, found.end
    ((there, back),) = ways(found)
    switches = {"esx-1", "esx-2", "esx-3"}
    assert [name for name in there if name not in switches] == [
        *(at, "icp-dlr", "icp-esg", "BCR", "XCR", "WAN"),
        *(name for name in THERE[1:] if name not in switches),
    ]
    assert [name for name in back if name not in switches] == [
        *(name for name in THERE[:0:-1] if name not in switches),
        *("WAN", "XCR", "BCR", "icp-esg", "icp-dlr", at),
    ]


def test_a_live_gateway_on_both_sides_is_no_verdict_but_a_mismatch() -> None:
    """Unextended with the cloud's router connected, while the gateway on-premises is still there."""
    fact = declared("a test")
    stub = Interface(
        name="stub",
        role="sales",
        segment=SWITCH,
        fact=fact,
        addresses=(int(IPv4Address("10.64.120.1")),),
        prefix=IPv4Network("10.64.120.0/24"),
    )
    twin = Dlr(name="workload-dlr", fact=fact, interfaces={"stub": stub}, routes=RouteTable())
    found = trace(world(twin), asks(USER), "enterprise-user")
    assert found.verdict is Verdict.MISMATCH
    assert all(name in found.end.reason for name in ("workload-dlr", "on-premises-router", "10.64.120.1"))


def test_without_the_extension_nobody_answers_for_the_vm() -> None:
    _, extension = observed()
    assert isinstance(extension, Extension)
    broken = replace(extension, state=ExtensionState.FAILED)
    found = trace(world(resources=[broken]), asks(USER), "enterprise-user")
    assert (found.verdict, found.end.node) == (Verdict.UNREACHABLE, "on-premises-router")


def test_the_extension_is_down_where_the_concentrators_do_not_reach_each_other() -> None:
    wan = world().nodes["WAN"]
    kept = (route for route in wan.routes.routes if route.prefix != IPv4Network("10.95.70.0/28"))
    found = trace(world(replace(wan, routes=RouteTable(kept))), asks(USER), "enterprise-user")
    assert (found.verdict, found.end.node) == (Verdict.UNREACHABLE, "on-premises-router")
    assert "on-premises-concentrator is down" in found.end.reason
    assert "no route to 10.95.70.10" in found.end.reason


def test_a_vm_beside_the_concentrator_needs_no_vxlan() -> None:
    found = trace(world(places={"ledger": "esx-3"}), asks(USER), "enterprise-user")
    assert ways(found) == [[[name for name in THERE if name != "esx-2"], [*THERE[:-2], "ledger"][::-1]]]
