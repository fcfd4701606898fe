"""What the ways to join an IKS cluster want of the example: what was written by hand, and nothing else."""

import copy
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.network import observed
from hopbook.resources.base import Key, Resource, from_document, to_document
from hopbook.resources.ibm import BgpPeering
from hopbook.resources.kubernetes import BgpPeer, Calico, Node, NodeInterface, NodeRoute
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    Edge,
    FirewallRule,
    Interface,
    NatRule,
    Redistributed,
)
from hopbook.site.load import to_document as site_document
from hopbook.site.model import Site
from tasks import files
from tests.unit.steps.iks import DOCUMENTS, EXAMPLE, JOINS, run, site_joined, taken, there

BEFORE = observed.read(DOCUMENTS, EXAMPLE, {"iks", "icp"}).items


def by_hand(site: Site) -> dict[Key, Resource]:
    """What the files of the way to join add to what is there."""
    after = observed.read(DOCUMENTS, site).items
    return {key: item.resource for key, item in after.items() if BEFORE.get(key) != item}


@pytest.mark.parametrize("join", JOINS)
def test_the_steps_want_exactly_what_was_written_by_hand(join: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = taken(join, monkeypatch)
    states = {each.key for each in found.of(BgpSession)}
    granted = {each.key: each for gate in found.gates for each in gate.grants}
    wanted = {key: each for key, each in found.wanted().items() if key not in states} | granted
    expected = by_hand(found.site)
    assert set(wanted) == set(expected)
    for key, resource in expected.items():
        assert wanted[key].compared() == resource.compared(), key


@pytest.mark.parametrize("join", JOINS)
def test_what_is_wanted_can_be_written_and_read_back(join: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for resource in taken(join, monkeypatch).wanted().values():
        assert from_document(to_document(resource)) == resource


@pytest.mark.parametrize("join", JOINS)
def test_step_ids_are_unique_and_cite_what_is_known(join: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = taken(join, monkeypatch).steps
    assert len({step.id for step in steps}) == len({step.title for step in steps}) == len(steps)
    known = set(files.document()["statements"])
    assert {cited for step in steps for cited in step.citation.split(", ")} <= known


def places(steps: list[Step]) -> dict[str, int]:
    return {step.id: number for number, step in enumerate(steps)}


@pytest.mark.parametrize("join", ["vlan-bgp", "bcr-bgp"])
def test_the_edge_tells_nobody_anything_before_the_sessions_are_up(
    join: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = taken(join, monkeypatch).steps
    order = places(steps)
    peers = order["peer"] if join == "vlan-bgp" else order["peers"]
    assert order["edge-bgp"] < order["admit-bgp"] < peers < order["sessions"] < order["tell"]
    (first,) = (each for each in steps[order["edge-bgp"]].resources if isinstance(each, Bgp))
    assert (first.enabled, first.redistributes, first.prefixes) == (True, (), ())
    assert order.get("reach-edge", -1) < order["edge-bgp"]


def test_every_worker_has_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    found = taken("vlan-bgp", monkeypatch)
    neighbours = {each.address for each in found.of(BgpNeighbour)}
    assert {each.address for each in found.of(BgpSession)} == neighbours
    assert {str(address) for address in neighbours} == {"10.95.60.4", "10.95.60.5", "10.95.61.4"}


def test_an_edge_that_tells_somebody_already_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second cluster, or the same runbook again: its first step takes nobody's routes away."""
    live = Bgp(
        owner=Key(Edge.kind, "workload-esg"),
        enabled=True,
        asn=65010,
        router_id=IPv4Address("10.95.40.80"),
        redistributes=(Redistributed.STATIC, Redistributed.CONNECTED),
    )
    steps = taken("vlan-bgp", monkeypatch, live).steps
    first = steps[places(steps)["edge-bgp"]].resources[0]
    assert first.compared() == live.compared()


def worker(name: str, address: str, label: str = "eth0") -> Node:
    card = NodeInterface(label=label, role="private", address=IPv4Interface(f"{address}/26"))
    return Node(cluster="iks-a", node=name, address=IPv4Address(address), interfaces=(card,))


def test_a_worker_that_comes_is_a_neighbour_more(monkeypatch: pytest.MonkeyPatch) -> None:
    found = taken("vlan-bgp", monkeypatch, worker("new", "10.95.62.9"))
    assert IPv4Address("10.95.62.9") in {each.address for each in found.of(BgpNeighbour)}
    rules = found.of(FirewallRule)
    assert all("10.95.62.0/26" in rule.sources for rule in rules)
    assert [route.nodes for route in found.of(NodeRoute)] == [()]  # every worker, the new one too


def test_a_worker_that_comes_has_to_be_agreed_with_ibm(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = taken("bcr-bgp", monkeypatch), taken("bcr-bgp", monkeypatch, worker("new", "10.95.62.9"))
    assert before.gates[0].request != after.gates[0].request
    (granted,) = after.gates[0].grants
    assert isinstance(granted, BgpPeering)
    assert IPv4Address("10.95.62.9") in {each.address for each in granted.neighbours}
    peer = next(each for each in after.of(BgpPeer) if each.node == "new")
    assert str(peer.address) == "10.95.62.1"  # the BCR on the worker's own subnet


def test_the_names_of_peers_stay_when_a_worker_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = taken("bcr-bgp", monkeypatch)
    monkeypatch.undo()
    nodes = {key: item for key, item in there().items.items() if not key.name.endswith("worker-1")}
    after = run("iks-bcr-bgp", before.site, Observation(items=nodes), monkeypatch)
    left = {each.key: each for each in before.of(BgpPeer) if each.node != "iks-a-worker-1"}
    assert {each.key: each for each in after.of(BgpPeer)} == left


def test_the_request_says_what_ibm_has_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    peering = {"asn": 64999, "account": "1234567", "vlans": ["1254 bcr01a"], "approvers": ["ibm-ticket-desk"]}
    (gate,) = taken("bcr-bgp", monkeypatch, bcr=peering).gates
    for piece in (
        *("1234567", "1254 bcr01a", "64999", "65010", "64512", "10.95.40.80", "10.95.60.4", "10.95.61.0/26"),
        *("192.168.12.0/24", "172.30.0.0/16", "10.200.0.0/14"),
    ):
        assert piece in gate.request, piece
    assert gate.approvers == ("ibm-ticket-desk",)


def test_interfaces_of_two_names_have_a_route_each(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = taken("vlan-bgp", monkeypatch, worker("metal", "10.95.60.9", "bond0")).of(NodeRoute)
    assert {(route.interface, route.nodes) for route in routes} == {
        ("eth0", ("iks-a-worker-1", "iks-a-worker-2", "iks-a-worker-3")),
        ("bond0", ("metal",)),
    }
    assert len({route.key for route in routes}) == 2


def test_by_the_bcr_the_next_hop_is_its_address_on_each_subnet(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = taken("static-routes", monkeypatch, next_hop="bcr").of(NodeRoute)
    assert {(str(route.next_hop), route.nodes) for route in routes} == {
        ("10.95.60.1", ("iks-a-worker-1", "iks-a-worker-2")),
        ("10.95.61.1", ("iks-a-worker-3",)),
    }
    assert taken("vlan-bgp", monkeypatch, next_hop="bcr").of(NodeRoute) == []


def test_addresses_that_the_edge_had_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else somebody set on the interface stays, too: its name, its MTU."""
    edge = Key(Edge.kind, "workload-esg")
    theirs = Interface(
        owner=edge,
        label="Private Uplink",
        index=3,
        type="uplink",  # type: ignore[arg-type]
        network="dvportgroup-38",
        address=IPv4Interface("10.95.40.80/26"),
        secondaries=(IPv4Address("10.95.40.99"),),
        mtu=9000,
    )
    runbook, joined = JOINS["static-dnat"]
    site = site_joined(**joined)
    items = {key: item for key, item in there().items.items() if key.name != "workload-esg/private"}
    found = run(
        runbook, site, Observation(items={**items, theirs.key: Observed(resource=theirs)}), monkeypatch
    )
    (uplink,) = found.of(Interface)
    both = (IPv4Address("10.95.40.81"), IPv4Address("10.95.40.99"))
    assert uplink == replace(theirs, secondaries=both)
    assert [rule.interface for rule in found.of(NatRule)] == [3]


def test_without_icp_nobody_lets_it_through(monkeypatch: pytest.MonkeyPatch) -> None:
    runbook, joined = JOINS["static-dnat"]
    site = site_joined(**joined)
    items = {key: item for key, item in there().items.items() if key.name != "icp-esg"}
    found = run(runbook, site, Observation(items=items), monkeypatch)
    assert {rule.rule for rule in found.of(FirewallRule)} == {"iks-a-to-orders"}


def refusal(join: str, monkeypatch: pytest.MonkeyPatch, *more: Resource, **fields: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        taken(join, monkeypatch, *more, **fields)
    return str(caught.value)


def test_more_neighbours_than_the_edge_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [worker(f"w{number}", f"10.95.63.{number}") for number in range(2, 20)]
    told = refusal("vlan-bgp", monkeypatch, *crowd)
    assert "workload-esg would have 21 BGP neighbours; expected at most 20 BGP neighbours an edge" in told
    assert "[J6]" in told
    assert taken("vlan-bgp", monkeypatch, *crowd[:-1]).of(BgpSession)  # 20 are


def test_neighbours_of_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Key(Edge.kind, "workload-esg")
    others = [
        BgpNeighbour(owner=edge, address=IPv4Address(f"10.95.40.{number}"), asn=65020)
        for number in range(100, 118)
    ]
    assert "would have 21 BGP neighbours" in refusal("vlan-bgp", monkeypatch, *others)


def test_calico_with_another_as_number(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal("vlan-bgp", monkeypatch, Calico(cluster="iks-a", asn=64511))
    assert "Calico of iks-a has AS 64511, and `calico_asn` is 64512" in told
    assert "iks[iks-a].join.calico_asn" in told
    assert taken("static-routes", monkeypatch, Calico(cluster="iks-a", asn=64511)).steps


def test_an_edge_with_another_as_number(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = Key(Edge.kind, "workload-esg")
    live = Bgp(owner=edge, enabled=True, asn=65001, router_id=IPv4Address("10.95.40.80"))
    theirs = BgpNeighbour(owner=edge, address=IPv4Address("10.95.40.99"), asn=65020)
    told = refusal("vlan-bgp", monkeypatch, live, theirs)
    assert "workload-esg has AS 65001 for 1 neighbours, and `asn` is 65010" in told
    assert taken("vlan-bgp", monkeypatch, live).steps  # nobody speaks with it yet


def test_a_worker_on_a_network_of_the_overlay(monkeypatch: pytest.MonkeyPatch) -> None:
    told = refusal("static-routes", monkeypatch, worker("stray", "192.168.12.70"))
    assert "192.168.12.64/26, the private subnet of worker stray" in told
    assert "network databases of overlay workload, overlap" in told
    assert "[R3]" in told


def test_a_cluster_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_joined(how="vlan-bgp")
    items = {key: item for key, item in there().items.items() if key.kind != Node.kind}
    with pytest.raises(InvalidInput, match="iks-a shows no worker"):
        run("iks-vlan-bgp", site, Observation(items=items), monkeypatch)


def test_an_overlay_that_nobody_laid(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_joined(how="vlan-bgp")
    items = {key: item for key, item in there().items.items() if key.kind == Node.kind}
    with pytest.raises(InvalidInput, match="there is no ESG workload-esg"):
        run("iks-vlan-bgp", site, Observation(items=items), monkeypatch)


def test_a_cluster_that_is_joined_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_joined(how="vpn")
    with pytest.raises(
        InvalidInput, match=r"joined by vpn; runbook iks-vlan-bgp needs `join.how` to be vlan-bgp"
    ):
        run("iks-vlan-bgp", site, there(), monkeypatch)


def test_a_bcr_whose_as_number_nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_joined(how="bcr-bgp")
    with pytest.raises(InvalidInput, match="nothing says the BCR's AS number; expected `bcr`"):
        run("iks-bcr-bgp", site, there(), monkeypatch)


def test_which_of_several_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    data = copy.deepcopy(site_document(EXAMPLE))
    data["iks"].append({"name": "iks-b", "pods": "172.28.0.0/16", "workers": {"private": "10.95.62.0/26"}})
    site = Site.model_validate(data)
    with pytest.raises(
        InvalidInput, match="there are several clusters; expected `--set cluster=` with one of iks-a"
    ):
        run("iks-vlan-bgp", site, there(), monkeypatch)
    assert run("iks-vlan-bgp", site, there(), monkeypatch, "iks-a").steps


def test_two_clusters_of_the_bcr_share_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The edge has one neighbour for both, which may tell it the pods of both."""
    data = copy.deepcopy(site_document(site_joined(how="bcr-bgp", bcr={"asn": 64999})))
    other = {"name": "iks-b", "pods": "172.28.0.0/16", "workers": {"private": "10.95.62.0/26"}}
    data["iks"].append(other | {"join": data["iks"][0]["join"]})
    site = Site.model_validate(data)
    seen = there(replace(worker("b-1", "10.95.62.4"), cluster="iks-b"))
    one, two = (run("iks-bcr-bgp", site, seen, monkeypatch, name) for name in ("iks-a", "iks-b"))
    assert one.of(BgpNeighbour) == two.of(BgpNeighbour)
    allowed = {each.network for each in one.of(BgpNeighbour)[0].imports}
    assert allowed == {IPv4Network("172.30.0.0/16"), IPv4Network("172.28.0.0/16")}
    assert one.gates[0].grants[0].key != two.gates[0].grants[0].key
