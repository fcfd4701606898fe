"""What a release has become in its cluster, as the example writes it by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from adapters.helm.simulator import SimulatedHelm
from adapters.helm.strongswan import ike_state
from hopbook.network.observed import read
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import IpPool, NodeRoute, Vpn
from hopbook.site.load import read_site
from tasks import files
from tests.contract.helm_lab import VPN, Lab, create, delete, other_values

STATUS = """\
Security Associations (1 up, 0 connecting):
    k8s-conn[1]: ESTABLISHED 17 minutes ago, 172.30.64.30[ibm-cloud]...10.95.40.80[on-prem]
    k8s-conn{2}:  INSTALLED, TUNNEL, reqid 12, ESP in UDP SPIs: c1_i c2_o
    k8s-conn{2}:   172.21.0.0/16 172.30.0.0/16 === 192.168.12.0/24
"""
BEYOND = IPv4Network("192.168.12.0/24")
CONNECTING = (
    "Security Associations (0 up, 1 connecting):\n  k8s-conn[1]: CONNECTING, %any[%any]...10.0.0.1[%any]\n"
)
WORKERS = {
    "iks-a-worker-1": "10.95.60.4",
    "iks-a-worker-2": "10.95.60.5",
    "iks-a-worker-3": "10.95.61.4",
    "tainted": "10.95.60.7",
}


def pod(name: str, app: str, node: str, address: str, *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": app, "release": "vpn"}},
        "spec": {"nodeName": node},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


@dataclass
class Cluster:
    """A cluster in which the release of the example runs."""

    pod_list: list[dict[str, Any]] = field(
        default_factory=lambda: [
            pod("iks-a-vpn", "strongswan", "iks-a-worker-1", "172.30.64.30"),
            *(
                pod(f"routes-{node}", "strongswan-routes", node, address)
                for node, address in WORKERS.items()
                if node != "tainted"
            ),
        ]
    )
    routes: dict[str, str] | None = field(
        default_factory=lambda: {
            "vpnPodIP": "172.30.64.30",
            "vpnPodName": "iks-a-vpn",
            "vpnPodDevice": "cali0123456789a",
            "workerNodeIP": "10.95.60.4",
            "workerSubnet": "10.95.60.0/26",
            "remoteSubnet": "192.168.12.0/24",
        }
    )
    pool_list: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"metadata": {"name": "default"}, "spec": {"cidr": "172.30.0.0/16", "natOutgoing": True}},
            {
                "metadata": {"name": "vpn-remote"},
                "spec": {"cidr": "192.168.12.0/24", "disabled": True, "ipipMode": "Always"},
            },
        ]
    )
    left: set[str] = field(default_factory=set)
    printed: str = STATUS

    def pods(self, cluster: str, namespace: str, labels: Mapping[str, str]) -> Sequence[dict[str, Any]]:
        return [item for item in self.pod_list if labels.items() <= item["metadata"]["labels"].items()]

    def services(self, cluster: str, namespace: str, labels: Mapping[str, str]) -> Sequence[dict[str, Any]]:
        return [
            {"metadata": {"name": "vpn"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.95.60.131"}]}}}
        ]

    def nodes(self, cluster: str) -> Sequence[dict[str, Any]]:
        return [
            {
                "metadata": {"name": name},
                "status": {"addresses": [{"type": "InternalIP", "address": address}]},
            }
            for name, address in WORKERS.items()
        ]

    def pools(self, cluster: str) -> Sequence[dict[str, Any]]:
        return self.pool_list

    def config_map(self, cluster: str, namespace: str, name: str) -> Mapping[str, str] | None:
        return self.routes if name == "vpn-strongswan-routes" else None

    def exists(self, cluster: str, namespace: str, kind: str, name: str) -> bool:
        return f"{kind}/{name}" in self.left

    def execute(self, cluster: str, namespace: str, pod: str, command: Sequence[str]) -> str:
        return self.printed if tuple(command) == ("ipsec", "status") else ""


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def lab(cluster: Cluster) -> Lab:
    lab = Lab(SimulatedHelm(), kube=cluster)
    lab.done(create())
    return lab


def facts(lab: Lab) -> dict[Key, Resource]:
    seen = lab.see()
    assert all(item.system for key, item in seen.items.items() if key != VPN.key)
    return {key: item.resource for key, item in seen.items.items() if key != VPN.key}


def test_it_is_what_the_example_writes_by_hand(lab: Lab) -> None:
    """The network of the example is compiled from the same resources."""
    text = files.site_path("example").read_bytes().replace(b"how: vlan-bgp", b"how: vpn")
    written = read(files.observed_documents("example"), read_site(text, "example.yaml"))
    kinds = {Vpn.kind, NodeRoute.kind, IpPool.kind}
    ours = (key for key in written.items if key.kind in kinds and key.name.startswith("iks-a/vpn"))
    wanted = {key: written.items[key].resource for key in ours}
    assert len(wanted) == 5
    assert facts(lab) == wanted


def test_a_route_is_only_where_a_pod_made_it(lab: Lab, cluster: Cluster) -> None:
    """A tainted worker has no such pod; one that is not ready has not made its routes yet."""
    cluster.pod_list[2]["status"]["conditions"][0]["status"] = "False"
    nodes = {node for item in facts(lab).values() if isinstance(item, NodeRoute) for node in item.nodes}
    assert nodes == {"iks-a-worker-1", "iks-a-worker-3"}


def test_routes_that_lead_to_a_container_that_is_gone_are_not_believed(lab: Lab, cluster: Cluster) -> None:
    cluster.pod_list[0] = pod("new", "strongswan", "iks-a-worker-2", "172.30.65.9")
    found = facts(lab)
    assert not [item for item in found.values() if isinstance(item, NodeRoute)]
    (vpn,) = [item for item in found.values() if isinstance(item, Vpn)]
    assert (vpn.pod, vpn.node, vpn.address) == ("new", "iks-a-worker-2", IPv4Address("172.30.65.9"))


def test_of_two_containers_the_one_that_serves_counts(lab: Lab, cluster: Cluster) -> None:
    leaving = pod("leaving", "strongswan", "iks-a-worker-2", "172.30.65.9")
    leaving["metadata"]["deletionTimestamp"] = "2018-11-12T00:00:00Z"
    cluster.pod_list.insert(0, leaving)
    (vpn,) = [item for item in facts(lab).values() if isinstance(item, Vpn)]
    assert vpn.pod == "iks-a-vpn"


def test_without_a_container_there_is_no_tunnel(lab: Lab, cluster: Cluster) -> None:
    del cluster.pod_list[0]
    assert facts(lab) == {}
    assert lab.provider.ike(VPN) is None


def test_another_secret_makes_another_reference(cluster: Cluster) -> None:
    lab = Lab(SimulatedHelm(), kube=cluster)
    lab.install_by_hand(preshared={"secret": "s0mebody-else"})
    (vpn,) = [item for item in facts(lab).values() if isinstance(item, Vpn)]
    assert vpn.secret not in {VPN.secret, None}


def test_values_that_the_chart_refuses_make_no_tunnel(cluster: Cluster) -> None:
    lab = Lab(SimulatedHelm(), kube=cluster)
    lab.install_by_hand(ipsec={"auto": "route"})
    assert facts(lab) == {}


def test_a_tunnel_that_is_up(lab: Lab) -> None:
    state = lab.provider.ike(VPN)
    assert state is not None
    assert state.up
    assert state.selectors == {(IPv4Network(inside), BEYOND) for inside in ("172.21.0.0/16", "172.30.0.0/16")}


@pytest.mark.parametrize("said", [CONNECTING, "", "no match\n", STATUS.replace("INSTALLED", "REKEYING")])
def test_a_tunnel_that_is_not(said: str) -> None:
    assert not ike_state(said).up


def test_nothing_is_left_behind(lab: Lab, cluster: Cluster) -> None:
    cluster.pod_list.clear()
    cluster.pool_list.pop()
    assert lab.provider.leftovers(VPN) == ()


def test_what_is_left_behind_is_named_each_with_what_to_do(lab: Lab, cluster: Cluster) -> None:
    cluster.pod_list[:] = [
        pod("routes-1", "strongswan-routes", "iks-a-worker-2", "10.95.60.5"),
        pod("vpn-strongswan-check-state", "strongswan-test", "iks-a-worker-2", "172.30.1.1"),
    ]
    cluster.left = {"Deployment/vpn-strongswan"}
    cluster.pool_list[-1]["metadata"]["name"] = "pool-1"
    (outcome,) = lab.apply(delete())
    assert outcome.reason.split("; ") == [
        "Deployment vpn-strongswan is still there: `kubectl delete deployment vpn-strongswan`",
        "pod routes-1 still runs on iks-a-worker-2: it makes routes",
        "pods of its tests are still there: `kubectl delete pods -l app=strongswan-test`",
        f"IP pool pool-1 still keeps {BEYOND} from being masqueraded: `calicoctl delete ippool pool-1`",
    ]


def test_a_pool_for_another_range_is_somebody_else_s(lab: Lab, cluster: Cluster) -> None:
    cluster.pod_list.clear()
    elsewhere = other_values(remote={"subnet": "192.168.99.0/24"})
    assert lab.provider.leftovers(elsewhere) == ()
