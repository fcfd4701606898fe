"""The simulated clusters of a site."""

import subprocess
import sys
from ipaddress import IPv4Address

from adapters.kubernetes.provider import KubernetesProvider
from adapters.simulated.clusters import Clusters
from adapters.simulated.site import SimulatedSite
from hopbook.engine.change import Action, Change
from hopbook.network.nodes import KubeNode
from hopbook.resources.kubernetes import BgpPeer, Node
from tests.unit.kubernetes.test_example import joined

PEER = BgpPeer(cluster="iks-a", peer="workload-esg", address=IPv4Address("10.95.40.80"), asn=65010)


def test_without_an_observation_three_workers_are_made_up() -> None:
    site, _ = joined({"how": "vlan-bgp"})
    seen = Clusters(site).observation()
    nodes = [item.resource for item in seen.items.values() if isinstance(item.resource, Node)]
    assert [node.node for node in nodes] == ["iks-a-worker-1", "iks-a-worker-2", "iks-a-worker-3"]
    assert all(node.address in site.iks[0].workers.private for node in nodes)
    assert len({block for node in nodes for block in node.blocks}) == 3
    assert not any(isinstance(item.resource, BgpPeer) for item in seen.items.values())


def test_what_is_done_to_a_cluster_is_in_the_site_s_network() -> None:
    site, _ = joined({"how": "vlan-bgp"})
    world = SimulatedSite(site)
    assert "iks-a-worker-1" not in world.network().nodes
    provider = KubernetesProvider(world.clusters.accesses(), site=site.site)
    (outcome,) = provider.apply([Change(action=Action.CREATE, key=PEER.key, after=PEER)], lambda _: None)
    assert outcome.reason == ""

    node = world.network().nodes["iks-a-worker-1"]

    assert isinstance(node, KubeNode)
    assert node.speaker is not None
    assert [peer.name for peer in node.speaker.peers] == ["workload-esg"]


def test_looking_at_the_network_costs_the_cluster_nothing() -> None:
    site, given = joined({"how": "vlan-bgp"})
    clusters = Clusters(site, given)
    clusters.observation()
    assert clusters.cluster("iks-a").requests == []


def test_nothing_of_the_official_client_is_loaded_before_a_cluster_is_asked() -> None:
    probe = (
        "import sys\n"
        "from adapters import wiring\n"
        "from adapters.simulated.clusters import Clusters\n"
        "from adapters.kubernetes import connect\n"
        "print('kubernetes' in sys.modules, 'kubernetes_validate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
