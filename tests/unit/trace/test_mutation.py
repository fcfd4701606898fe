"""Take any one thing away from what the runbook leaves behind: a documented traffic has to notice.

The table says which traffic, how it ends and where; what nothing notices is listed with its reason.
"""

import re
from dataclasses import replace
from typing import Any

import pytest

from hopbook.resources.nsxv import Interface
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verify import Verification, verify

_ROUND = ("asymmetric return", "icp-worker-1")  # the reply went round the ESG

# What is taken away, as a pattern; then the first traffic that notices, how it ends, at which node
NOTICED = [
    (r"nsxv.logical-switch:icp-transit", "client-to-icp-master", "no route", "internet"),
    (r"nsxv.logical-switch:icp-nodes", "client-to-icp-master", "denied", "icp-esg"),
    (r"nsxv.edge:icp-esg", "client-to-icp-master", "neighbour unreachable", "BCR"),
    (r"nsxv.router:icp-dlr", "client-to-icp-master", "neighbour unreachable", "icp-esg"),
    (r"nsxv.interface:icp-esg/private", "client-to-icp-master", "neighbour unreachable", "BCR"),
    (r"nsxv.interface:icp-esg/private 10.95.40.71", "client-to-icp-master", "neighbour unreachable", "BCR"),
    (r"nsxv.interface:icp-esg/private 10.95.40.72", "client-to-icp-proxy", "neighbour unreachable", "BCR"),
    (r"nsxv.interface:icp-esg/public", "icp-node-to-github", "no route", "icp-esg"),
    (r"nsxv.interface:icp-esg/public 203.0.113.19", "internet-to-icp-web", "neighbour unreachable", "FCR"),
    (r"nsxv.interface:icp-esg/transit", "client-to-icp-master", "no route", "internet"),
    (r"nsxv.interface:icp-dlr/transit", "client-to-icp-master", "neighbour unreachable", "icp-esg"),
    (r"nsxv.interface:icp-dlr/nodes", "client-to-icp-master", "denied", "icp-esg"),
    (r"nsxv.static-route:icp-esg/default", "icp-node-to-github", "no route", "icp-esg"),
    (r"nsxv.static-route:icp-esg/10.0.0.0/8-.*", "client-to-icp-master", "no route", "internet"),
    (r"nsxv.static-route:icp-esg/192.168.20.0/24-.*", "client-to-icp-master", "no route", "internet"),
    (r"nsxv.static-route:icp-dlr/default", "client-to-icp-master", "no route", "icp-dlr"),
    (r"nsxv.firewall-policy:icp-dlr", "client-to-icp-master", "denied", "icp-dlr"),
    (r"nsxv.dns-relay:icp-esg", "icp-node-to-dns", "refused", "icp-esg"),
    (r"nsxv.nat-rule:icp-esg/dnat-master-\d+", "client-to-icp-master", "refused", "icp-esg"),
    (r"nsxv.nat-rule:icp-esg/dnat-proxy-\d+", "client-to-icp-proxy", "refused", "icp-esg"),
    (r"nsxv.nat-rule:icp-esg/dnat-web-\d+", "internet-to-icp-web", "refused", "icp-esg"),
    (r"nsxv.nat-rule:icp-esg/hairpin-dnat-master-\d+", "icp-node-to-published-master", "refused", "icp-esg"),
    (r"nsxv.nat-rule:icp-esg/hairpin-dnat-proxy-\d+", "icp-node-to-published-proxy", "refused", "icp-esg"),
    (r"nsxv.nat-rule:icp-esg/hairpin-snat-master", "icp-node-to-published-master", *_ROUND),
    (r"nsxv.nat-rule:icp-esg/hairpin-snat-proxy", "icp-node-to-published-proxy", *_ROUND),
    (r"nsxv.nat-rule:icp-esg/snat-internet", "icp-node-to-github", "no route", "internet"),
    (r"nsxv.nat-rule:icp-esg/snat-private", "icp-node-to-ntp", "no route", "BCR"),
    (r"nsxv.firewall-rule:icp-esg/nodes-to-internet", "icp-node-to-github", "denied", "icp-esg"),
    (r"nsxv.firewall-rule:icp-esg/nodes-to-relay", "icp-node-to-dns", "denied", "icp-esg"),
    (r"nsxv.firewall-rule:icp-esg/nodes-to-private", "icp-node-to-ntp", "denied", "icp-esg"),
    (r"nsxv.firewall-rule:icp-esg/clients-to-master", "client-to-icp-master", "denied", "icp-esg"),
    (r"nsxv.firewall-rule:icp-esg/clients-to-proxy", "client-to-icp-proxy", "denied", "icp-esg"),
    (r"nsxv.firewall-rule:icp-esg/internet-to-web", "internet-to-icp-web", "denied", "icp-esg"),
]  # fmt: skip
UNNOTICED = {
    "nsxv.firewall-rule:icp-esg/#131074": "NSX always has it, so without an observation it is assumed (A3)",
    "nsxv.firewall-policy:icp-esg": "one that was not observed counts as denying (A3)",
    "nsxv.high-availability:icp-esg": "it forwards nothing",
    "nsxv.syslog:icp-esg": "it forwards nothing",
    "nsxv.nat-rule:icp-esg/dnat-ssh-2222": "operators' own way in",
    "nsxv.firewall-rule:icp-esg/operators-to-boot": "likewise",
    "nsxv.static-route:icp-esg/161.26.0.0/16-10.95.40.65": "no documented traffic of the runbook goes there",
    "nsxv.static-route:icp-esg/166.8.0.0/14-10.95.40.65": "no documented traffic of the runbook goes there",
}


def mutants(lab: Any) -> dict[str, Any]:
    """The lab without one resource, or without one secondary address, by what was taken away."""
    found = {}
    for part in lab.parts:
        found[str(part.key)] = type(lab)(lab.site, [other for other in lab.parts if other is not part])
        for address in part.secondaries if isinstance(part, Interface) else ():
            left = tuple(other for other in part.secondaries if other != address)
            mutant = [replace(part, secondaries=left) if other is part else other for other in lab.parts]
            found[f"{part.key} {address}"] = type(lab)(lab.site, mutant)
    return found


def noticed(lab: Any, traffics: dict[str, Traffic]) -> list[Verification]:
    """What is not met, seen from one node, one client and the internet, before the cluster exists."""
    network = lab.network(cluster=False)
    cases = [case for traffic in traffics.values() for case in expand(traffic, lab.site)]
    here = [case for case in cases if case.source in {"icp-worker-1", "client", "internet-user"}]
    assert len(here) == 22
    return [result for case in here if not (result := verify(case, network)).met]


def test_nothing_taken_away_everything_met(lab: Any, traffics: dict[str, Traffic]) -> None:
    assert not noticed(lab, traffics)


def test_the_table_covers_everything(lab: Any) -> None:
    patterns = [pattern for pattern, *_ in NOTICED]
    for name in mutants(lab):
        fitting = [pattern for pattern in patterns if re.fullmatch(pattern, name)]
        assert len(fitting) + (name in UNNOTICED) == 1, name


@pytest.mark.parametrize(("pattern", "traffic", "verdict", "node"), NOTICED, ids=[row[0] for row in NOTICED])
def test_something_taken_away(
    pattern: str, traffic: str, verdict: str, node: str, lab: Any, traffics: dict[str, Traffic]
) -> None:
    found = {name: mutant for name, mutant in mutants(lab).items() if re.fullmatch(pattern, name)}
    assert found
    for mutant in found.values():
        first = noticed(mutant, traffics)[0]
        assert (first.case.traffic.traffic, first.verdict) == (traffic, verdict), first.reason
        end = (first.as_if or first.traces)[0].end
        assert end.node == node
        assert node in first.reason


@pytest.mark.parametrize("name", UNNOTICED)
def test_something_redundant_taken_away(name: str, lab: Any, traffics: dict[str, Traffic]) -> None:
    assert not noticed(mutants(lab)[name], traffics)
