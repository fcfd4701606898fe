"""What people and programs are shown."""

import json
from typing import Any

import pytest

from hopbook.trace.text import WIDTH, render, report, to_json
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verify import verify

REGISTRY = """\
icp-node-to-registry  An ICP node pulls images from the registry
  icp-worker-1 → registry-1.docker.io tcp/443: delivered, given A1, A13, A14, as promised (S3, S4)
    1 icp-worker-1          → eth0               tcp 192.168.20.51:40000 → 198.51.100.200:443
    2 icp-dlr               nodes → transit      route 0.0.0.0/0 via 192.168.21.1               [run r-123 #2]
    3 icp-esg               transit → public     route 0.0.0.0/0 via 203.0.113.17               [run r-123 #1]
                                                 firewall nodes-to-internet accepts             [run r-123 #3]
                                                 SNAT snat-internet → 203.0.113.18              [run r-123 #4]
    4 FCR                   portable → backbone  route 0.0.0.0/0 via internet
    5 internet              backbone → hosts     route 0.0.0.0/0 by hosts
    6 registry-1.docker.io  eth0                 received tcp 203.0.113.18:40000 → 198.51.100.200:443
  back
"""
EVENTS = {
    "nsxv.static-route:icp-dlr/default": "run r-123 #2",
    "nsxv.static-route:icp-esg/default": "run r-123 #1",
    "nsxv.firewall-rule:icp-esg/nodes-to-internet": "run r-123 #3",
    "nsxv.nat-rule:icp-esg/snat-internet": "run r-123 #4",
}


def test_a_hop_says_what_it_did_by_which_rule_and_event(lab: Any, traffics: dict[str, Traffic]) -> None:
    network = lab.network(events=lambda key: EVENTS.get(str(key), ""))
    case = next(c for c in expand(traffics["icp-node-to-registry"], lab.site) if c.source == "icp-worker-1")
    assert render(verify(case, network)).startswith(REGISTRY)


@pytest.mark.parametrize("cluster", [True, False])
def test_everything_fits_the_terminal_and_is_json(
    cluster: bool, lab: Any, traffics: dict[str, Traffic]
) -> None:
    broken = lab.without("icp-esg/snat-private", "icp-esg/clients-to-proxy", "icp-esg/hairpin-snat-master")
    network = broken.network(cluster=cluster, events=lambda key: f"run r-123 #{hash(key) % 1000}")
    cases = [case for traffic in traffics.values() for case in expand(traffic, lab.site)]
    results = [verify(case, network) for case in cases[::7]]
    shown = report(results)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "✗ no route at BCR: no route to 192.168.20" in shown
    assert json.loads(json.dumps([to_json(result) for result in results]))


def test_json_names_key_and_event(lab: Any, traffics: dict[str, Traffic]) -> None:
    case = expand(traffics["icp-node-to-registry"], lab.site)[0]
    data = to_json(verify(case, lab.network(events=lambda key: f"changed {key.name}", when="noon")))
    (path,) = data["traces"][0]["paths"]
    hop = next(hop for hop in path["hops"] if hop["node"] == "icp-esg")
    assert [item["key"] for item in hop["decisions"]] == [
        "nsxv.static-route:icp-esg/default",
        "nsxv.firewall-rule:icp-esg/nodes-to-internet",
        "nsxv.nat-rule:icp-esg/snat-internet",
    ]
    assert hop["decisions"][2]["event"] == "changed icp-esg/snat-internet"
    assert hop["decisions"][2]["known"] == "observed nsxv.nat-rule:icp-esg/snat-internet at noon"
    assert data["steps"][1]["met"] == "met"


def test_what_waits_for_the_cluster_says_from_where_it_is_as_if(
    lab: Any, traffics: dict[str, Traffic]
) -> None:
    case = expand(traffics["client-to-icp-proxy"], lab.site)[0]
    shown = render(verify(case, lab.network(cluster=False)))
    assert "reaches icp-proxy-vip" in shown
    assert "· nobody answers for 192.168.20.20 on icp-nodes yet; from here as if somebody did" in shown
    assert "✗" not in shown
