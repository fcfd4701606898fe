"""The five ways to join IKS and VCS: what each adds to the workers, the workload edge and IBM's routers."""

from copy import deepcopy
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.network import observed
from hopbook.network.bgp import permits
from hopbook.network.compile import compile_network
from hopbook.network.nodes import Esg, IbmRouter, KubeNode, Network, VpnGateway
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.resources.base import Key
from hopbook.resources.ibm import BgpPeering
from hopbook.resources.nsxv import Edge
from hopbook.site.document import read_document
from hopbook.site.model import Site
from hopbook.steps import icp
from hopbook.trace.control import session_states, settled
from hopbook.trace.verdict import Trace, What
from hopbook.trace.walk import trace

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
FILES = sorted((RUNBOOKS / "observed/example").glob("*.yaml"))
DOCUMENTS = [read_document(path.read_bytes(), path.name) for path in FILES]
WORKERS = ("iks-a-worker-1", "iks-a-worker-2", "iks-a-worker-3")
DATABASES = IPv4Network("192.168.12.0/24")
PODS = IPv4Network("172.30.64.0/26")

VRA = {"next_hop": "vra", "vra": "10.95.60.10"}
PUBLISHED = [{"workload": "orders", "address": "10.95.40.81"}]
JOINS: dict[str, dict[str, Any]] = {
    "vlan-bgp": {"how": "vlan-bgp"},
    "vlan-bgp by a VRA": {"how": "vlan-bgp", **VRA},
    "vpn": {"how": "vpn"},
    "static-routes": {"how": "static-routes"},
    "static-routes by a VRA": {"how": "static-routes", **VRA},
    "static-dnat": {"how": "static-dnat", "published": PUBLISHED},
    "bcr-bgp": {"how": "bcr-bgp"},
}


def _compiled(join: dict[str, Any], *left_out: str) -> Network:
    """The example site with that join, after `icp-network`; without the written resources of these keys."""
    document = deepcopy(EXAMPLE)
    document["iks"][0]["join"] = {"overlay": "workload", **join}
    site = Site.model_validate(document)
    written = observed.read(DOCUMENTS, site)
    assert {str(key) for key in written.items} >= set(left_out)
    kept = {key: item for key, item in written.items.items() if str(key) not in left_out}
    steps = (icp.edge_and_router, icp.internet, icp.dns_and_ntp, icp.cluster_addresses, icp.admit_clients)
    ours = [resource for step in steps for resource in step(site).resources]
    live = Observation(items={item.key: Observed(resource=item) for item in ours})
    switches = {item.key: Observed(resource=item) for item in icp.logical_switches(site).resources}
    live = live.merged(Observation(items=switches))
    return compile_network(site, observed.beside(live, replace(written, items=kept)))


NETWORKS = {name: _compiled(join) for name, join in JOINS.items()}


def edge(join: str) -> Esg:
    node = NETWORKS[join].nodes["workload-esg"]
    assert isinstance(node, Esg)
    return node


def worker(join: str, name: str = WORKERS[0]) -> KubeNode:
    node = NETWORKS[join].nodes[name]
    assert isinstance(node, KubeNode)
    return node


def way(routes: tuple[Route, ...]) -> tuple[str, str]:
    (route,) = routes
    return route.interface, "" if route.next_hop is None else ip(route.next_hop)


def number(text: str) -> int:
    return int(IPv4Address(text))


def test_the_workload_edge_is_as_its_site_plans_it() -> None:
    esg = edge("vpn")
    assert {item.name: (item.role, item.index) for item in esg.interfaces.values()} == {
        "private": ("private", 0),
        "transit": ("transit", 2),
    }
    assert esg.fact.key == Key(Edge.kind, "workload-esg")
    assert way(esg.routes.lookup(number("192.168.12.30"))) == ("transit", "192.168.11.2")


def test_the_private_snat_leaves_alone_what_is_for_a_tunnel() -> None:
    snat = edge("vpn").snat
    source = (number("192.168.12.30"), 40000)
    assert snat.first(0, "tcp", source, (number("10.0.77.54"), 123)) is not None
    assert snat.first(0, "tcp", source, (number("172.30.64.10"), 443)) is None


def test_vlan_bgp_has_a_neighbour_for_each_worker_and_filters_both_ways() -> None:
    speaker = edge("vlan-bgp").speaker
    assert speaker is not None
    assert (speaker.asn, speaker.announces) == (65010, (DATABASES,))
    neighbours = {(ip(peer.address), peer.asn, ip(peer.local)) for peer in speaker.peers}
    assert neighbours == {
        (address, 64512, "10.95.40.80") for address in ("10.95.60.4", "10.95.60.5", "10.95.61.4")
    }
    for peer in speaker.peers:
        assert permits(peer.exports, DATABASES)
        assert not permits(peer.exports, IPv4Network("0.0.0.0/0"))
        assert not permits(peer.exports, IPv4Network("10.0.0.0/8"))
        assert permits(peer.imports, PODS)
        assert permits(peer.imports, IPv4Network("172.30.80.77/32"))
        assert not permits(peer.imports, IPv4Network("172.21.0.0/16"))


@pytest.mark.parametrize("name", WORKERS)
def test_vlan_bgp_makes_every_worker_tell_its_own_blocks(name: str) -> None:
    speaker = worker("vlan-bgp", name).speaker
    assert speaker is not None
    (peer,) = speaker.peers
    assert (speaker.asn, ip(peer.address), peer.asn, peer.multihop) == (64512, "10.95.40.80", 65010, True)
    assert len(speaker.announces) == 1
    assert peer.imports is None
    assert permits(peer.exports, speaker.announces[0])
    assert not permits(peer.exports, IPv4Network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("join", "expected"), [("vlan-bgp", ("eth0", "")), ("vlan-bgp by a VRA", ("eth0", "10.95.60.10"))]
)
def test_the_next_hop_of_vlan_bgp_resolves_past_the_bcr(join: str, expected: tuple[str, str]) -> None:
    for name in WORKERS:
        assert way(worker(join, name).routes.lookup(number("10.95.40.80"))) == expected


@pytest.mark.parametrize("join", ["vlan-bgp by a VRA", "static-routes by a VRA"])
def test_a_router_appliance_knows_the_instance_s_ranges(join: str) -> None:
    appliance = NETWORKS[join].nodes["iks-a-vra"]
    assert isinstance(appliance, IbmRouter)
    assert way(appliance.routes.lookup(number("192.168.12.30"))) == ("private", "10.95.40.80")
    assert way(appliance.routes.lookup(number("10.0.77.54"))) == ("private", "10.95.60.1")
    assert appliance.interfaces["private"].segment == "dvportgroup-38"


def test_only_where_the_site_has_one_is_there_an_appliance() -> None:
    assert [join for join, network in NETWORKS.items() if "iks-a-vra" in network.nodes] == [
        "vlan-bgp by a VRA",
        "static-routes by a VRA",
    ]


def test_vpn_ends_match_and_are_private_portable_addresses() -> None:
    gateway = NETWORKS["vpn"].nodes["iks-a-vpn"]
    assert isinstance(gateway, VpnGateway)
    (near,), (far,) = gateway.ipsec, edge("vpn").ipsec
    assert (near.local_id, near.peer_id) == (far.peer_id, far.local_id) == ("ibm-cloud", "on-prem")
    assert (near.secret, near.ike, near.esp) == (far.secret, far.ike, far.esp)
    assert (set(near.inside), set(near.beyond)) == (set(far.beyond), set(far.inside))
    assert (ip(far.local), ip(far.peer or 0), near.peer) == ("10.95.40.80", "10.95.60.131", None)
    assert (near.initiates, far.initiates) == (False, True)
    assert far.peer in worker("vpn").addresses


def test_vpn_routes_lead_to_the_container_on_every_worker() -> None:
    ways = {name: way(worker("vpn", name).policy.lookup(number("192.168.12.30"))) for name in WORKERS}
    assert ways == {
        "iks-a-worker-1": ("cali-iks-a-vpn", "172.30.64.30"),
        "iks-a-worker-2": ("eth0", "10.95.60.4"),
        "iks-a-worker-3": ("tunl0", "10.95.60.4"),
    }


def test_vpn_keeps_what_is_for_the_other_side_from_masquerade() -> None:
    pools = {pool.name: pool for pool in worker("vpn").pools}
    assert (pools["vpn-remote"].cidr, pools["vpn-remote"].disabled) == (DATABASES, True)
    assert not pools["vpn-remote"].nat_outgoing


def test_vpn_keeps_the_cluster_s_ranges_on_the_private_side() -> None:
    routes = edge("vpn").routes
    assert {
        route.interface for route in routes.routes if route.prefix.subnet_of(IPv4Network("172.16.0.0/12"))
    } == {"private"}
    assert len(routes.lookup(number("172.30.64.10"))) == len(routes.lookup(number("172.21.0.20"))) == 1


@pytest.mark.parametrize(
    ("join", "hop"), [("static-routes", "10.95.40.80"), ("static-routes by a VRA", "10.95.60.10")]
)
def test_static_routes_are_on_every_worker(join: str, hop: str) -> None:
    for name in WORKERS:
        assert way(worker(join, name).routes.lookup(number("192.168.12.30"))) == ("eth0", hop)
    assert edge(join).speaker is None


def test_static_dnat_publishes_the_database_on_the_edge() -> None:
    esg = edge("static-dnat")
    assert number("10.95.40.81") in esg.addresses
    rule = esg.dnat.first(0, "tcp", (number("10.95.40.81"), 3306), (number("10.95.60.4"), 40000))
    assert rule is not None
    assert (rule.address, rule.port) == (number("192.168.12.30"), None)
    assert NETWORKS["static-dnat"].names["orders.example.com"].addresses == (IPv4Address("10.95.40.81"),)
    service = worker("static-dnat").forwards["tcp", number("172.21.0.50"), 3306]
    assert [ip(endpoint.address) for endpoint in service.endpoints] == ["10.95.40.81"]


def test_elsewhere_the_database_has_its_own_address() -> None:
    assert NETWORKS["vpn"].names["orders.example.com"].addresses == (IPv4Address("192.168.12.30"),)
    assert number("10.95.40.81") not in edge("vpn").addresses
    assert not edge("vpn").dnat.rules


def test_bcr_bgp_makes_the_bcr_a_neighbour_of_edge_and_workers() -> None:
    bcr = NETWORKS["bcr-bgp"].nodes["BCR"].speaker
    assert bcr is not None
    assert {ip(peer.address): ip(peer.local) for peer in bcr.peers} == {
        "10.95.40.80": "10.95.40.65",
        "10.95.60.4": "10.95.60.1",
        "10.95.60.5": "10.95.60.1",
        "10.95.61.4": "10.95.61.1",
    }
    for peer in bcr.peers:
        assert permits(peer.imports, DATABASES)
        assert not permits(peer.imports, IPv4Network("0.0.0.0/0"))
        assert not permits(peer.imports, IPv4Network("10.0.80.0/24"))
    speaker = worker("bcr-bgp", "iks-a-worker-3").speaker
    assert speaker is not None
    assert [(ip(peer.address), peer.asn) for peer in speaker.peers] == [("10.95.61.1", bcr.asn)]


@pytest.mark.parametrize("join", [name for name in JOINS if not name.startswith(("vlan", "bcr"))])
def test_elsewhere_nobody_speaks_bgp(join: str) -> None:
    assert not [node.name for node in NETWORKS[join].nodes.values() if node.speaker is not None]


@pytest.mark.parametrize("join", ["vlan-bgp", "vlan-bgp by a VRA", "bcr-bgp"])
def test_every_session_comes_up(join: str) -> None:
    states = session_states(NETWORKS[join])
    assert len(states) in {6, 8}
    assert [state.title for state in states if not state.up] == []


def sent(network: Network, source: str, target: str, port: int) -> Trace:
    """A connection from a node's first address, over the routes that BGP brings."""
    first = next(item.addresses[0] for item in network.nodes[source].interfaces.values() if item.addresses)
    packet = Packet.of("tcp", (IPv4Address(first), 40000), (IPv4Address(target), port))
    return trace(settled(network), packet, source)


@pytest.mark.parametrize("pod", ["catalogue-1", "catalogue-2"])
@pytest.mark.parametrize("join", JOINS)
def test_the_web_tier_reaches_its_database(join: str, pod: str) -> None:
    (target,) = NETWORKS[join].names["orders.example.com"].addresses
    found = sent(NETWORKS[join], pod, str(target), 3306)
    assert (found.verdict, found.end.node, found.end.reason) == ("delivered", "orders", "")
    masqueraded = [
        hop.node.name
        for _, back, hop in found.worst.hops
        if not back and isinstance(hop.node, KubeNode) and What.SNAT in {item.what for item in hop.decisions}
    ]
    assert bool(masqueraded) is (join != "vpn")  # T3.5; in the tunnel the pod keeps its address


@pytest.mark.parametrize("join", JOINS)
def test_the_shop_reaches_the_database_over_both_edges(join: str) -> None:
    found = sent(NETWORKS[join], "shop-1", "192.168.12.30", 3306)
    assert (found.verdict, found.end.node) == ("delivered", "orders")
    there = [hop for _, back, hop in found.worst.hops if not back]
    assert [hop.node.name for hop in there if isinstance(hop.node, Esg)] == ["icp-esg", "workload-esg"]
    assert ip(there[-1].after.src) == "10.95.40.70"  # the private SNAT, not the public one (rule 5)


@pytest.mark.parametrize(
    ("source", "target", "port", "behind"),
    [
        ("internet-user", "198.51.100.130", 443, {"catalogue-1", "catalogue-2"}),
        ("client", "10.95.60.130", 443, {"catalogue-1", "catalogue-2"}),
        ("internet-user", "203.0.113.19", 443, {"shop-1", "shop-2"}),
        ("client", "10.95.40.72", 80, {"shop-1", "shop-2"}),
        ("client", "10.95.40.71", 8443, {"icp-master-1"}),
    ],
)
def test_web_tiers_are_reached_from_outside(source: str, target: str, port: int, behind: set[str]) -> None:
    found = sent(NETWORKS["vpn"], source, target, port)
    assert found.verdict == "delivered"
    assert {path.legs[-1].there.end.node for path in found.paths} == behind


def test_the_tunnel_may_be_used_from_the_instance_s_side() -> None:
    found = sent(NETWORKS["vpn"], "orders", "172.30.96.20", 8080)
    assert (found.verdict, found.end.node) == ("delivered", "catalogue-2")  # S11


@pytest.mark.parametrize(
    ("join", "left_out", "verdict", "node"),
    [
        # Rule 25: the session is up by the BCR, and the BCR has no way for the packets
        ("vlan-bgp", "kubernetes.route:iks-a/workload-esg", "no route", "BCR"),
        ("vlan-bgp", "kubernetes.bgp-peer:iks-a/workload-esg", "no route", "internet"),
        ("static-routes", "kubernetes.route:iks-a/workload", "no route", "internet"),
        ("static-dnat", "nsxv.nat-rule:workload-esg/dnat-orders-3306", "refused", "workload-esg"),
        ("bcr-bgp", "nsxv.bgp-neighbour:workload-esg/10.95.40.65", "no route", "internet"),
        # natOutgoing puts it outside the selectors
        ("vpn", "kubernetes.ip-pool:iks-a/vpn-remote", "denied", "iks-a-vpn"),
        ("vpn", "nsxv.ipsec-site:workload-esg/iks-a", "tunnel down", "iks-a-vpn"),
        ("vpn", "kubernetes.virtual-address:iks-a/10.95.60.131", "tunnel down", "iks-a-vpn"),
    ],
)
def test_each_part_of_a_join_is_needed(join: str, left_out: str, verdict: str, node: str) -> None:
    network = _compiled(JOINS[join], left_out)
    (target,) = network.names["orders.example.com"].addresses
    found = sent(network, "catalogue-1", str(target), 3306)
    assert (found.verdict, found.end.node) == (verdict, node)


def test_ibms_router_peers_with_whoever_asked() -> None:
    """Two clusters' requests were granted: it is one speaker, with the neighbours of both."""
    document = deepcopy(EXAMPLE)
    document["iks"][0]["join"] = {"overlay": "workload", "how": "bcr-bgp"}
    site = Site.model_validate(document)
    written = observed.read(DOCUMENTS, site)
    first = written.items[Key("ibm.bgp-peering", "BCR/iks-a")].resource
    assert isinstance(first, BgpPeering)
    one, *rest = first.neighbours
    halves = (replace(first, neighbours=(one,)), replace(first, cluster="iks-b", neighbours=tuple(rest)))
    items = {key: item for key, item in written.items.items() if key != first.key}
    items |= {half.key: Observed(resource=half) for half in halves}
    bcr = compile_network(site, Observation(items=items)).nodes["BCR"].speaker
    whole = compile_network(site, written).nodes["BCR"].speaker
    assert bcr is not None
    assert whole is not None
    assert {peer.address for peer in bcr.peers} == {peer.address for peer in whole.peers}
    assert (bcr.asn, bcr.router_id) == (whole.asn, whole.router_id)
