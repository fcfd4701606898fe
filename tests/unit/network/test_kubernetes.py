"""Clusters as nodes: routes between pods, services, Ingresses, and IBM's routers beside the workers."""

from collections.abc import Callable
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
from hopbook.network.facts import How
from hopbook.network.firewall import Question
from hopbook.network.nodes import Backend, Host, KubeNode, Listener, Medium, Network, ReversePath, VpnGateway
from hopbook.network.packet import ip
from hopbook.resources.base import Key, Resource, from_document, to_document
from hopbook.resources.kubernetes import Calico, IpipMode, IpPool, Node, Pod, Service, VirtualAddress
from hopbook.resources.nsxv import DistributedRule, FirewallAction
from hopbook.resources.nsxv import Service as Rule
from hopbook.site.document import read_document
from hopbook.site.model import Site

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
FILES = sorted((RUNBOOKS / "observed/example").glob("*.yaml"))
DOCUMENTS = [read_document(path.read_bytes(), path.name) for path in FILES]


def site_joined(**join: Any) -> Site:
    document = deepcopy(EXAMPLE)
    document["iks"][0]["join"] = {"overlay": "workload", **join}
    return Site.model_validate(document)


SITE = site_joined(how="bcr-bgp")
OBSERVED = observed.read(DOCUMENTS, SITE)


def compiled(*changes: Callable[[Any], Resource | None], site: Site = SITE, **more: Any) -> Network:
    """The network; each change makes another resource of one, or None to leave it out."""
    items = dict(OBSERVED.items if site is SITE else observed.read(DOCUMENTS, site).items)
    for change in changes:
        for key, item in list(items.items()):
            resource = change(item.resource)
            if resource is None:
                del items[key]
            else:
                items[key] = replace(item, resource=resource)
    return compile_network(site, Observation(items=items, order=OBSERVED.order), **more)


def changed(name: str, **fields: Any) -> Callable[[Any], Resource]:
    return lambda item: replace(item, **fields) if item.name == name else item


def without(kind: type[Resource], *names: str) -> Callable[[Any], Resource | None]:
    return lambda item: None if isinstance(item, kind) and (not names or item.name in names) else item


NETWORK = compiled()


def node(name: str, network: Network = NETWORK) -> KubeNode:
    found = network.nodes[name]
    assert isinstance(found, KubeNode)
    return found


def way(name: str, address: str, network: Network = NETWORK) -> tuple[str, str]:
    """Interface and next hop of the best route."""
    (route,) = network.nodes[name].routes.lookup(int(IPv4Address(address)))
    return route.interface, "" if route.next_hop is None else ip(route.next_hop)


def test_interfaces_of_a_worker() -> None:
    worker = node("iks-a-worker-1")
    assert {name: (item.role, item.segment, item.mtu) for name, item in worker.interfaces.items()} == {
        "eth0": ("private", "iks-a private VLAN", 1500),
        "eth1": ("public", "iks-a public VLAN", 1500),
        "tunl0": ("tunl0", "", 1480),
        "cali-iks-a-alb-1": ("cali", "pod iks-a-alb-1", 1480),
    }
    assert [ip(number) for number in worker.interfaces["eth0"].addresses] == ["10.95.60.4", "10.95.60.130"]
    assert [ip(number) for number in worker.interfaces["eth1"].addresses] == [
        "198.51.100.70",
        "198.51.100.130",
    ]
    assert worker.reverse_path is ReversePath.STRICT
    assert (worker.fact.how, worker.fact.source) == (How.OBSERVED, "kubernetes")


def test_interfaces_of_an_icp_node_are_called_as_before() -> None:
    worker = node("icp-worker-1")
    assert {name: (item.role, item.segment, item.mtu) for name, item in worker.interfaces.items()} == {
        "eth0": ("eth0", "icp-nodes", 1500),
        "tunl0": ("tunl0", "", 1430),
        "cali-shop-1": ("cali", "pod shop-1", 1430),
    }
    assert way("icp-worker-1", "10.0.77.54") == ("eth0", "192.168.20.1")


@pytest.mark.parametrize(
    ("sender", "address", "expected"),
    [
        ("iks-a-worker-1", "172.30.64.10", ("cali-iks-a-alb-1", "")),  # its own pod
        ("iks-a-worker-1", "172.30.64.11", ("", "")),  # nobody's, of its own block
        ("iks-a-worker-1", "172.30.80.20", ("eth0", "10.95.60.5")),  # on its subnet
        ("iks-a-worker-1", "172.30.96.20", ("tunl0", "10.95.61.4")),  # on another one
        ("iks-a-worker-3", "172.30.80.20", ("tunl0", "10.95.60.5")),
        ("icp-proxy-1", "172.24.4.10", ("tunl0", "192.168.20.51")),  # on its subnet, IP-in-IP always
    ],
)
def test_routes_between_pods_follow_the_pool_s_mode(
    sender: str, address: str, expected: tuple[str, str]
) -> None:
    assert way(sender, address) == expected


def test_without_ip_in_ip_only_a_common_subnet_joins_nodes() -> None:
    network = compiled(changed("iks-a/default-ipv4-ippool", ipip=IpipMode.NEVER))
    assert way("iks-a-worker-1", "172.30.80.20", network) == ("eth0", "10.95.60.5")
    assert way("iks-a-worker-1", "172.30.96.20", network) == ("eth1", "198.51.100.65")
    assert node("iks-a-worker-1", network).inactive == ("172.30.96.0/26 of iks-a-worker-3: no common subnet",)


def test_without_the_mesh_no_node_knows_another_s_pods() -> None:
    network = compiled(changed("iks-a", mesh=False))
    assert way("iks-a-worker-1", "172.30.80.20", network)[0] == "eth1"


def test_without_calico_s_configuration_its_defaults_hold() -> None:
    network = compiled(without(Calico))
    assert node("icp-worker-1", network).interfaces["tunl0"].mtu == 1480


def test_nodes_take_ip_in_ip_from_each_other_only() -> None:
    assert {ip(number) for number in node("iks-a-worker-1").tunnel_peers} == {"10.95.60.5", "10.95.61.4"}


def test_pools_and_services_are_the_cluster_s_own() -> None:
    worker = node("iks-a-worker-2")
    assert [(pool.cidr, pool.nat_outgoing) for pool in worker.pools] == [(IPv4Network("172.30.0.0/16"), True)]
    alb = worker.forwards["tcp", int(IPv4Address("198.51.100.130")), 443]
    assert alb.endpoints == (
        Backend(int(IPv4Address("172.30.64.10")), 443),
        Backend(int(IPv4Address("172.30.80.10")), 443),
    )
    assert alb is worker.forwards["tcp", int(IPv4Address("172.21.0.30")), 443]
    assert {service.name for service in node("icp-worker-1").services} == {"shop"}


def test_an_alb_is_a_pod_that_opens_connections_to_pods() -> None:
    alb = NETWORK.nodes["iks-a-alb-1"]
    assert type(alb) is Host
    pods = tuple(Backend(int(IPv4Address(address)), 8080) for address in ("172.30.80.20", "172.30.96.20"))
    assert alb.relays == {80: pods, 443: pods}
    assert alb.listens == frozenset({Listener("tcp", 80), Listener("tcp", 443)})
    (route,) = alb.routes.lookup(int(IPv4Address("192.0.2.10")))
    assert (route.interface, route.next_node) == ("eth0", "iks-a-worker-1")
    assert NETWORK.segments["pod iks-a-alb-1"].medium is Medium.POD


def test_an_ingress_on_the_host_network_is_the_node_that_holds_the_address() -> None:
    proxy = node("icp-proxy-1")
    assert int(IPv4Address("192.168.20.20")) in proxy.addresses
    assert set(proxy.relays) == {80, 443}
    assert proxy.listens == frozenset({Listener("tcp", 80), Listener("tcp", 443)})
    assert not node("icp-worker-1").relays
    assert node("icp-worker-1").listens is None


def test_virtual_addresses_are_machines_of_their_own_until_a_node_holds_them() -> None:
    assert not {"icp-master-vip", "icp-proxy-vip"} & set(NETWORK.nodes)
    loose = compiled(without(VirtualAddress, "icp/192.168.20.10"))
    assert loose.nodes["icp-master-vip"].present
    assert "icp-proxy-vip" not in loose.nodes


def test_an_observed_cluster_exists() -> None:
    assert "cluster" in NETWORK.facts
    assert NETWORK.nodes["icp-boot-1"].present  # it is no node of the cluster, and declared as before
    bare = compile_network(SITE, Observation())
    assert "cluster" not in bare.facts
    assert type(bare.nodes["icp-worker-1"]) is Host


def test_a_node_that_was_not_observed_stays_as_it_is_declared() -> None:
    network = compiled(without(Node, "icp/icp-va-3"))
    assert type(network.nodes["icp-va-3"]) is Host


def test_ibm_s_routers_are_at_every_subnet_of_workers() -> None:
    bcr, fcr = NETWORK.nodes["BCR"], NETWORK.nodes["FCR"]
    assert way("BCR", "10.95.60.5") == ("iks-a-private-1", "")
    assert way("BCR", "10.95.60.130") == ("iks-a-private-1", "")
    assert way("BCR", "10.95.61.4") == ("iks-a-private-2", "")
    assert way("FCR", "198.51.100.130") == ("iks-a-public-1", "")
    assert ip(bcr.interfaces["iks-a-private-2"].addresses[0]) == "10.95.61.1"
    assert bcr.interfaces["iks-a-private-1"].fact.source == "iks.iks-a.workers"
    assert bcr.interfaces["iks-a-private-2"].fact.key == Key(Node.kind, "iks-a/iks-a-worker-3")
    assert fcr.interfaces["iks-a-public-1"].mtu == 1500
    (route,) = NETWORK.nodes["internet"].routes.lookup(int(IPv4Address("198.51.100.130")))
    assert route.next_node == "FCR"


def test_without_workers_ibm_s_routers_are_as_the_site_says() -> None:
    network = compile_network(SITE, Observation())
    assert not [name for name in network.nodes["BCR"].interfaces if name.startswith("iks")]
    (route,) = network.nodes["internet"].routes.lookup(int(IPv4Address("198.51.100.130")))
    assert route.next_node == ""


@pytest.mark.parametrize(
    ("how", "vlan"),
    [
        ("vlan-bgp", "dvportgroup-38"),
        ("static-routes", "dvportgroup-38"),
        ("vpn", "iks-a private VLAN"),
        ("bcr-bgp", "iks-a private VLAN"),
    ],
)
def test_a_common_vlan_is_the_instance_s(how: str, vlan: str) -> None:
    network = compiled(site=site_joined(how=how))
    assert node("iks-a-worker-1", network).interfaces["eth0"].segment == vlan
    assert network.nodes["BCR"].interfaces["iks-a-private-1"].segment == vlan


def test_the_name_of_an_ingress_is_the_public_address_before_it() -> None:
    assert NETWORK.names["catalogue.example.com"].addresses == (IPv4Address("198.51.100.130"),)
    private = compiled(changed("iks-a/iks-a-alb", external=(IPv4Address("10.95.60.130"),)))
    assert "catalogue.example.com" not in private.names
    asked = {"catalogue.example.com": (IPv4Address("192.0.2.1"),)}
    assert compiled(names=asked).names["catalogue.example.com"].fact.source == "dns"


def test_a_pod_says_which_event_changed_it() -> None:
    pod = compiled(events=lambda key: f"run of {key}", when="noon").nodes["catalogue-1"]
    assert (pod.fact.event, pod.fact.when) == ("run of kubernetes.pod:iks-a/catalogue-1", "noon")
    assert pod.fact.key == Key(Pod.kind, "iks-a/catalogue-1")


def test_a_service_may_keep_to_its_own_node() -> None:
    worker = node("iks-a-worker-1", compiled(changed("iks-a/iks-a-alb", local_only=True)))
    assert worker.forwards["tcp", int(IPv4Address("198.51.100.130")), 80].local_only


def test_a_tunnel_device_is_on_no_segment() -> None:
    assert "" not in NETWORK.segments
    assert not [item for item in NETWORK.nodes.values() if isinstance(item, VpnGateway)]


def test_resources_read_back_as_they_were_written() -> None:
    for item in OBSERVED.items.values():
        if isinstance(item.resource, Node | Pod | Service | IpPool | Calico | VirtualAddress):
            assert from_document(to_document(item.resource)) == item.resource


def test_a_disabled_pool_is_told_to_nobody() -> None:
    block = IPv4Network("172.30.64.0/26")
    network = compiled(changed("iks-a/default-ipv4-ippool", disabled=True))
    for found, told in ((NETWORK, True), (network, False)):
        speaker = node("iks-a-worker-1", found).speaker
        assert speaker is not None
        assert permits(speaker.peers[0].exports, block) is told


def test_the_distributed_firewall_is_at_the_vms_it_is_applied_to() -> None:
    only = DistributedRule(
        rule="no-mysql",
        action=FirewallAction.DENY,
        services=(Rule("tcp", ("3306",)),),
        applied_to=("orders",),
    )
    items = {**OBSERVED.items, only.key: Observed(resource=only)}
    network = compile_network(SITE, Observation(items=items, order=OBSERVED.order))
    asked = Question("tcp", 1, 2, 3306, 2, 3306, (), ())
    orders, worker = network.nodes["orders"].vnic, network.nodes["iks-a-worker-1"].vnic
    assert orders is not None
    assert not orders.decide(asked).accepts
    assert orders.decide(asked._replace(dport=22, new_dport=22)).accepts
    assert worker is None
    assert network.nodes["workload-esg"].vnic is None  # an edge is exempt
    assert NETWORK.nodes["orders"].vnic is None
