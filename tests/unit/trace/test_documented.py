"""The documented traffics on the example site, in every way to join its cluster."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.network import observed
from hopbook.network.compile import compile_network
from hopbook.network.nodes import Network
from hopbook.resources.base import Key, Resource
from hopbook.resources.hcx import ExtensionState
from hopbook.resources.kubernetes import IpipMode
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, InterfaceType, Service, StaticRoute
from hopbook.site.document import read_document
from hopbook.site.model import Site
from hopbook.trace.control import settled
from hopbook.trace.steps import Judge, Met
from hopbook.trace.text import WIDTH, report, to_json
from hopbook.trace.traffic import Case, Traffic, expand
from hopbook.trace.verify import Verification, verify

ROOT = Path(__file__).parents[3]
BY_HAND = [
    read_document(path.read_bytes(), path.name)
    for path in sorted((ROOT / "runbooks/observed/example").glob("*.yaml"))
]
SITE = read_document((ROOT / "runbooks/sites/example.yaml").read_bytes(), "example.yaml").data
JOINS = ("vlan-bgp", "vlan-bgp vra", "static-routes", "static-routes vra", "static-dnat", "bcr-bgp", "vpn")
T1, T2, T3, T4, T5 = (
    "internet-to-iks-web",
    "internet-to-icp-web",
    "iks-web-to-database",
    "icp-web-to-database",
    "enterprise-to-vm",
)
NAMES = (
    *(T1, T2, T3, T4, T5),
    "client-to-iks-private-alb",
    "internet-to-cluster-address",
    "iks-pod-to-pod",
    "vm-to-iks-pod",
    "vm-to-iks-service",
)
BY_VPN = {"vm-to-iks-pod", "vm-to-iks-service"}

ICP, WORKLOAD = (Key(Edge.kind, name) for name in ("icp-esg", "workload-esg"))


def accept(owner: Key, rule: str, source: tuple[str, ...], to: str, port: str) -> FirewallRule:
    services = (Service("tcp", (port,)),)
    accepts = FirewallAction.ACCEPT
    return FirewallRule(
        owner=owner, rule=rule, action=accepts, sources=source, destinations=(to,), services=services
    )


NODES = ("192.168.20.0/24", "10.95.40.70")


@dataclass(frozen=True)
class Whole:
    """The whole example: what the runbook made, what was written down, and changes to both."""

    site: Site
    observation: Observation

    def with_(self, *resources: Resource) -> "Whole":
        """With resources, in the place of those with their keys."""
        items = dict(self.observation.items)
        order = dict(self.observation.order)
        for resource in resources:
            if isinstance(resource, FirewallRule) and resource.key not in items:
                name = f"{resource.owner.name}/firewall"
                order[name] = (*order.get(name, ()), resource.key)
            items[resource.key] = Observed(resource=resource, marked=True)
        return Whole(self.site, Observation(items=items, order=order))

    def changed(self, key: str, **fields: Any) -> "Whole":
        """With one resource made another."""
        return self.with_(replace(self.resource(key), **fields))

    def without(self, *keys: str) -> "Whole":
        """Without resources; each has to be there."""
        gone = {self.resource(key).key for key in keys}
        items = {key: item for key, item in self.observation.items.items() if key not in gone}
        order = {
            name: tuple(key for key in keys if key not in gone)
            for name, keys in self.observation.order.items()
        }
        return Whole(self.site, Observation(items=items, order=order))

    def resource(self, key: str) -> Any:
        return self.observation.items[Key.parse(key)].resource

    def moved(self, **places: str) -> "Whole":
        """With machines on other hosts: `orders="esx-2"`."""
        whole = self
        for machine, host in places.items():
            whole = whole.changed(f"vsphere.placement:{machine.replace('_', '-')}", host=host)
        return whole

    def network(self) -> Network:
        return settled(compile_network(self.site, self.observation))


def site_of(join: str, **sections: Any) -> Site:
    """The example site with its cluster joined like that."""
    data = {**deepcopy(SITE), **sections}
    how, _, hop = join.partition(" ")
    joined: dict[str, Any] = {"how": how, "overlay": "workload"}
    joined |= {"next_hop": "vra", "vra": "10.95.60.10"} if hop else {}
    if how == "static-dnat":
        joined["published"] = [{"workload": "orders", "address": "10.95.40.81"}]
    data["iks"][0]["join"] = joined
    return Site.model_validate(data)


@pytest.fixture
def whole(lab: Any) -> Callable[..., Whole]:
    """The example site as a whole, by the way to join its cluster."""

    def make(join: str = "vlan-bgp", **sections: Any) -> Whole:
        site = site_of(join, **sections)
        observation = observed.beside(type(lab)(site).observation(), observed.read(BY_HAND, site))
        return Whole(site, observation)

    return make


def verified(traffics: dict[str, Traffic], there: Whole, name: str) -> list[Verification]:
    network = there.network()
    found = [verify(case, network) for case in expand(traffics[name], there.site, network)]
    assert found
    return found


def first(results: list[Verification], source: str, target: str = "") -> Verification:
    return next(item for item in results if item.case.name.startswith(f"{source} → {target}"))


def met(result: Verification, cites: str) -> list[Met]:
    return [step.met for step in result.steps if step.cites == cites]


@pytest.mark.parametrize("join", JOINS)
def test_every_step_is_met_there_and_back(
    join: str, whole: Callable[..., Whole], traffics: dict[str, Traffic]
) -> None:
    there = whole(join)
    network = there.network()
    for name in NAMES:
        results = [verify(case, network) for case in expand(traffics[name], there.site, network)]
        assert bool(results) is (name not in BY_VPN or join == "vpn"), name
        assert [(item.case.id, item.reason) for item in results if not item.met] == []
        for result in results:
            assert result.as_if == (), result.case.id
            if result.verdict == "delivered":
                assert all(leg.back for path in result.traces[0].paths for leg in path.legs)


# Branches that no path of the example takes; `test_the_other_branch` takes them
NOT_IN_THE_EXAMPLE = {
    ("enterprise-to-vm", "to a VM on its own host the host passes it on, on the same VXLAN"),
    ("internet-to-icp-web", "on the same host the host passes it on without VXLAN"),
    ("internet-to-icp-web", "on the same node the pod's interface is picked"),
    *(
        (name, "to a database on the same host the host passes it on, without VXLAN around it")
        for name in ("iks-web-to-database", "icp-web-to-database")
    ),
}


def on_each_path(case: Case, network: Network) -> Iterator[tuple[str, Met]]:
    """Each step as each path has it."""
    result = verify(case, network)
    for trace in result.traces:
        for path in trace.paths:
            judge = Judge(case, network, path)
            for step in case.variant.steps:
                yield step.says, judge.judge(step).met


@pytest.mark.parametrize("join", JOINS)
def test_no_branch_is_skipped(join: str, whole: Callable[..., Whole], traffics: dict[str, Traffic]) -> None:
    there = whole(join)
    network = there.network()
    for name in NAMES:
        found: dict[str, set[Met]] = {}
        for case in expand(traffics[name], there.site, network):
            for says, came in on_each_path(case, network):
                found.setdefault(f"{case.variant.name} {says}", set()).add(came)
        for step, every in found.items():
            branch = any(step.endswith(says) for at, says in NOT_IN_THE_EXAMPLE if at == name)
            assert every == {Met.LATER} if branch else Met.MET in every, step
            assert every <= {Met.MET, Met.LATER}, step


@pytest.mark.parametrize(
    ("traffic", "moves", "cites", "says"),
    [
        ("enterprise-to-vm", {"ledger": "esx-3"}, "T5.6", "on its own host"),
        ("iks-web-to-database", {"orders": "esx-2"}, "T3.9", "on the same host"),
        ("icp-web-to-database", {"orders": "esx-2"}, "T4.8", "on the same host"),
        ("internet-to-icp-web", {"icp_esg": "esx-2", "icp_proxy_1": "esx-2"}, "T2.4", "on the same host"),
    ],
)
def test_the_other_branch(  # a path, where machines are put, and which step that is about
    traffic: str,
    moves: dict[str, str],
    cites: str,
    says: str,
    whole: Callable[..., Whole],
    traffics: dict[str, Traffic],
) -> None:
    result = verified(traffics, whole().moved(**moves), traffic)[0]
    assert result.met, result.reason
    steps = [step for step in result.steps if step.cites == cites and "host" in step.says]
    taken = {step.says: step.met for step in steps}
    assert [item for name, item in taken.items() if says in name] == [Met.MET]
    assert Met.LATER in taken.values()
    assert not any("VXLAN" in layer for layer in _layers_at_host_of(result, moves))


def _layers_at_host_of(result: Verification, moves: Mapping[str, str]) -> Iterator[str]:
    """What is around the packet behind the last hop of a host that all those machines share."""
    hops = [hop for leg, back, hop in result.traces[0].worst.hops if leg == 1 and not back]
    yield from hops[-2].after.layers


def test_a_pod_on_the_ingress_node_is_reached_without_ip_in_ip(
    whole: Callable[..., Whole], traffics: dict[str, Traffic]
) -> None:
    pod = "kubernetes.pod:icp/shop-1"
    there = whole().changed(pod, node="icp-proxy-1", address=IPv4Address("172.24.1.200"))
    service = there.resource("kubernetes.service:icp/shop")
    result = verified(traffics, there.with_(replace(service, endpoints=(IPv4Address("172.24.1.200"),))), T2)[
        0
    ]
    assert result.met, result.reason
    says = {step.says: step.met for step in result.steps if step.cites == "T2.6"}
    assert says["on the same node the pod's interface is picked"] is Met.MET
    assert says["to another node the vRouter sends it in IP-in-IP, always"] is Met.LATER


# The way to join and what is taken away; then the traffic and its source, its verdict, the first step not met
GONE = [
    ("vlan-bgp nsxv.bgp-neighbour:workload-esg/10.95.60.5", T3, "catalogue-1", "no route T3.4"),
    ("vlan-bgp kubernetes.bgp-peer:iks-a/workload-esg", T3, "catalogue-2", "no route T3.4"),
    ("vlan-bgp kubernetes.route:iks-a/workload-esg", T3, "catalogue-1", "no route T3.6"),  # rule 25
    ("static-routes kubernetes.route:iks-a/workload", T3, "catalogue-1", "no route T3.4"),
    ("static-routes nsxv.firewall-rule:workload-esg/iks-a-to-databases", T3, "catalogue-1", "denied T3.7"),
    ("static-dnat nsxv.nat-rule:workload-esg/dnat-orders-3306", T3, "catalogue-1", "refused T3.7"),
    ("bcr-bgp nsxv.bgp-neighbour:workload-esg/10.95.40.65", T3, "catalogue-1", "no route T3.4"),
    ("bcr-bgp ibm.bgp-peering:BCR/iks-a", T3, "catalogue-2", "no route T3.4"),
    ("vpn nsxv.ipsec-site:workload-esg/iks-a", T3, "catalogue-1", "tunnel down S9"),
    ("vpn kubernetes.route:iks-a/vpn-beside", T3, "catalogue-1", "no route T3.4"),
    ("vpn kubernetes.ip-pool:iks-a/vpn-remote", T3, "catalogue-1", "denied T3.5"),
    ("vlan-bgp nsxv.nat-rule:icp-esg/snat-private", T4, "shop-1", "denied T4.7"),
    (
        "vlan-bgp nsxv.static-route:icp-esg/192.168.12.0/24-10.95.40.80",
        T4,
        "shop-1",
        "insufficient information T4.6",
    ),
    (
        "vlan-bgp kubernetes.virtual-address:iks-a/198.51.100.130",
        T1,
        "internet-user",
        "neighbour unreachable T1.2",
    ),
    ("vlan-bgp hcx.extension:sales", T5, "enterprise-user", "neighbour unreachable T5.3"),
]


@pytest.mark.parametrize(("gone", "traffic", "source", "expected"), GONE)
def test_what_is_taken_away_is_noticed(
    gone: str,
    traffic: str,
    source: str,
    expected: str,
    whole: Callable[..., Whole],
    traffics: dict[str, Traffic],
) -> None:
    join, key = gone.split()
    result = first(verified(traffics, whole(join).without(key), traffic), source)
    assert (f"{result.verdict} {not_met(result)}", result.met) == (expected, False), result.reason


@pytest.mark.parametrize("traffic", ["vm-to-iks-pod", "vm-to-iks-service"])
def test_without_the_exemption_it_depends_on_the_order_of_snat_and_selectors(
    traffic: str, whole: Callable[..., Whole], traffics: dict[str, Traffic]
) -> None:
    """Rule 6: the private SNAT is narrowed to 10/8, so that it catches nothing that is for the tunnel."""
    exempt = whole("vpn")
    kept = first(verified(traffics, exempt, traffic), "orders")
    assert (kept.verdict, kept.met) == ("delivered", True)
    assert "A1" not in kept.given
    wide = exempt.changed("nsxv.nat-rule:workload-esg/snat-private", match="any")
    found = first(verified(traffics, wide, traffic), "orders")
    assert (found.verdict, found.met) == ("insufficient information", False)
    assert found.reason.startswith("it depends on A1 ")
    readings = {item.readings["A1"]: item.verdict for item in found.traces}
    assert readings == {"SNAT, then selectors": "denied", "selectors, then SNAT": "delivered"}


_POOL = "kubernetes.ip-pool:{}/default-ipv4-ippool"
OTHERWISE: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("vpn kubernetes.vpn:iks-a/vpn", {"remote_id": "somebody"}, T3, "catalogue-1", "tunnel down S9"),
    ("vpn kubernetes.vpn:iks-a/vpn", {"remote_id": "somebody"}, "vm-to-iks-pod", "orders", "tunnel down S11"),
    (f"vlan-bgp {_POOL.format('iks-a')}", {"ipip": IpipMode.ALWAYS}, T1, "internet-user", "delivered T1.6"),
    (
        f"vlan-bgp {_POOL.format('iks-a')}",
        {"ipip": IpipMode.ALWAYS},
        "iks-pod-to-pod",
        "iks-a-alb-1",
        "delivered S20",
    ),
    (f"vlan-bgp {_POOL.format('iks-a')}", {"nat_outgoing": False}, T3, "catalogue-1", "denied T3.5"),
    (f"vlan-bgp {_POOL.format('icp')}", {"ipip": IpipMode.NEVER}, T2, "internet-user", "delivered T2.6"),
    (
        "vlan-bgp kubernetes.service:iks-a/iks-a-alb",
        {"local_only": True},
        T1,
        "internet-user",
        "delivered T1.5",
    ),
    (
        "vlan-bgp hcx.extension:sales",
        {"state": ExtensionState.FAILED},
        T5,
        "enterprise-user",
        "neighbour unreachable T5.3",
    ),
    ("vlan-bgp vsphere.placement:icp-esg", {"host": "elsewhere"}, T2, "internet-user", "delivered T2.3"),
]


@pytest.mark.parametrize(("what", "fields", "traffic", "source", "expected"), OTHERWISE)
def test_what_is_otherwise_is_noticed(
    what: str,
    fields: dict[str, Any],
    traffic: str,
    source: str,
    expected: str,
    whole: Callable[..., Whole],
    traffics: dict[str, Traffic],
) -> None:
    join, key = what.split()
    result = first(verified(traffics, whole(join).changed(key, **fields), traffic), source)
    assert (f"{result.verdict} {not_met(result)}", result.met) == (expected, False), result.reason


def not_met(result: Verification) -> str:
    """What the first step that is not met cites."""
    return next((step.cites for step in result.steps if step.met in {Met.NOT_MET, Met.UNKNOWN}), "")


DATABASE = {"name": "orders", "kind": "database", "host": "orders.example.com", "port": 3306}


def one_overlay() -> dict[str, Any]:
    """Sections of a site whose databases are on a second network of ICP's overlay."""
    overlays = deepcopy(SITE["overlays"])
    overlays[0]["networks"].append({"name": "data", "subnet": "192.168.22.0/24", "gateway": "192.168.22.1"})
    loads = [load for load in SITE["workloads"] if load["kind"] == "web"]
    return {
        "overlays": overlays,
        "workloads": [*loads, {**DATABASE, "on": "icp/data", "address": "192.168.22.30"}],
    }


def test_with_one_dlr_no_esg_is_on_the_way(whole: Callable[..., Whole], traffics: dict[str, Traffic]) -> None:
    result = verified(traffics, whole(**one_overlay()), "icp-web-to-database")[0]
    assert (result.met, result.case.variant.name) == (True, "one DLR"), result.reason
    assert met(result, "T4.7") == [Met.MET, Met.MET]
    other = verified(traffics, whole(**one_overlay()).moved(orders="esx-1"), "icp-web-to-database")[0]
    assert other.met, other.reason
    assert (Met.LATER in met(other, "T4.8"), Met.MET in met(other, "T4.8")) == (True, True)


def test_where_the_esg_is_the_gateway_the_way_is_the_documents(
    whole: Callable[..., Whole], traffics: dict[str, Traffic]
) -> None:
    there = whole(**one_overlay())
    nodes = there.resource("nsxv.interface:icp-dlr/nodes")
    own = replace(nodes, owner=ICP, index=3, type=InterfaceType.INTERNAL)
    routes = [
        StaticRoute(
            owner=ICP,
            network=IPv4Network("192.168.22.0/24"),
            next_hop=IPv4Address("192.168.21.2"),
            interface=2,
        )
    ]
    there = there.without(
        "nsxv.interface:icp-dlr/nodes", "nsxv.static-route:icp-esg/192.168.20.0/24-192.168.21.2"
    )
    passes = accept(ICP, "nodes-to-data", ("192.168.20.0/24",), "192.168.22.0/24", "3306")
    result = verified(traffics, there.with_(own, *routes, passes), "icp-web-to-database")[0]
    assert (result.met, result.case.variant.name) == (True, "gateway on the ESG"), result.reason
    assert not [step for step in result.steps if step.deviation is not None and step.cites != "T4.4"]


def test_two_esgs_on_a_shared_transit(whole: Callable[..., Whole], traffics: dict[str, Traffic]) -> None:
    there = whole().without("nsxv.static-route:icp-esg/192.168.12.0/24-10.95.40.80")
    transit = there.resource("nsxv.interface:workload-esg/transit")
    shared = replace(transit, owner=ICP, label="shared", index=3, address=IPv4Interface("192.168.11.3/29"))
    to_data = StaticRoute(
        owner=ICP, network=IPv4Network("192.168.12.0/24"), next_hop=IPv4Address("192.168.11.1"), interface=3
    )
    back = StaticRoute(
        owner=WORKLOAD,
        network=IPv4Network("192.168.20.0/24"),
        next_hop=IPv4Address("192.168.11.3"),
        interface=2,
    )
    passes = accept(WORKLOAD, "nodes-to-databases", ("192.168.20.0/24",), "192.168.12.0/24", "3306")
    result = first(
        verified(traffics, there.with_(shared, to_data, back, passes), "icp-web-to-database"),
        "shop-1",
        "orders",
    )
    assert (result.met, result.case.variant.name) == (True, "two ESGs on a shared transit"), result.reason
    without_way_back = there.with_(shared, to_data, passes)
    result = first(verified(traffics, without_way_back, "icp-web-to-database"), "shop-1", "orders")
    assert not result.met
    assert result.traces[0].worst.returning


@pytest.mark.parametrize("join", ["vlan-bgp", "vpn"])
def test_what_people_are_shown_fits_and_says_everything(
    join: str, whole: Callable[..., Whole], traffics: dict[str, Traffic]
) -> None:
    there = whole(join)
    network = there.network()
    results = [
        verify(case, network) for name in NAMES for case in expand(traffics[name], there.site, network)
    ]
    shown = report(results)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "…" not in shown
    assert "icp-dlr in esx-" in shown
    assert "switched in icp-nodes" in shown
    assert "into VXLAN workload-databases, 10.95.20.12 → 10.95.20.13" in shown
    assert "out of VXLAN workload-databases" in shown
    assert "into IP-in-IP, 192.168.20." in shown
    assert "SNAT by Calico pool default-ipv4-ippool → 192.168.20.51" in shown
    assert "· packets of at most 1350 bytes" in shown
    assert ("into ESP by IPsec vpn, 172.30.64.30 → 10.95.60.4" in shown) is (join == "vpn")
    assert ("packets of at most 1406 bytes" in shown) is (join == "vpn")


def test_programs_are_told_hosts_layers_and_sizes(
    whole: Callable[..., Whole], traffics: dict[str, Traffic]
) -> None:
    data = to_json(verified(traffics, whole(), T5)[0])
    assert data == json.loads(json.dumps(data))
    (path,) = data["traces"][0]["paths"]
    assert path["legs"] == [{"leg": 1, "mtu": 1350}]
    hop = next(item for item in path["hops"] if item["node"] == "on-premises-concentrator")
    inside = hop["after"]["inside"]
    assert (hop["before"]["inside"], inside["by"]) == (None, "L2 extension")
    assert inside["packet"]["destination"] == "10.64.120.30"
    assert hop["after"]["destination"] == "10.95.70.10"
    data = to_json(first(verified(traffics, whole(), T3), "catalogue-1"))
    hosts = {
        hop["node"]: hop["host"] for hop in data["traces"][0]["paths"][0]["hops"] if hop["way"] == "there"
    }
    assert (hosts["workload-dlr"], hosts["workload-esg"]) == ("esx-2", None)


# A hop that is there, and the one field that makes it one that is not
FIELDS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (T2, "internet-user", {"leg": 2, "encapsulates": "VXLAN", "around": "IP-in-IP"}, {"around": "ESP"}),
    (T2, "internet-user", {"leg": 1, "encapsulates": "VXLAN"}, {"around": "IP-in-IP"}),
    (T3, "catalogue-1", {"node": "database", "source": "iks.web"}, {"source": "iks.worker.private"}),
    (
        T3,
        "catalogue-1",
        {"node": "bcr", "tunnel-from": "iks.vpn.private"},
        {"tunnel-from": "iks.esg.private"},
    ),
    (T3, "catalogue-1", {"node": "bcr", "tunnel-to": "iks.esg.private"}, {"tunnel-to": "iks.vpn.private"}),
    (T3, "catalogue-1", {"node": "database", "source": "iks.web"}, {"tunnel-to": "database"}),  # no tunnel
    (T1, "internet-user", {"node": "iks.worker", "dnat": "iks.alb"}, {"dnat": "iks.web"}),
    (T2, "internet-user", {"node": "esg", "dnat": "icp.vips.proxy"}, {"dnat": "icp.vips.master"}),
]


@pytest.mark.parametrize(("name", "source", "right", "wrong"), FIELDS)
def test_each_field_of_a_hop_can_fail(
    name: str,
    source: str,
    right: dict[str, Any],
    wrong: dict[str, Any],
    whole: Callable[..., Whole],
    traffics: dict[str, Traffic],
    traffic_of: Callable[..., Traffic],
) -> None:
    there = whole("vpn")
    data = traffics[name].model_dump(by_alias=True)
    hops = [right, {**right, **wrong}]
    steps = [{"cites": "S1", "says": str(number), "hop": hop} for number, hop in enumerate(hops)]
    data["variants"] = [{"expect": "full", "steps": steps}]
    network = there.network()
    cases = expand(traffic_of(data), there.site, network)
    case = next(case for case in cases if case.source == source)
    (path, *_) = verify(case, network).traces[0].paths
    came = [Judge(case, network, path).judge(step).met for step in case.variant.steps]
    assert came == [Met.MET, Met.NOT_MET]
