"""Take any one thing away from the whole example: a documented traffic notices, and its trace had named it.

What nothing notices is redundant; the table says why. A new resource of the example has to be either.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from hopbook.engine.change import Observation
from hopbook.network import observed
from hopbook.network.compile import compile_network
from hopbook.network.nodes import Network
from hopbook.network.routes import Route, RouteTable
from hopbook.resources.base import Key
from hopbook.trace.control import settled
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verdict import Hop
from hopbook.trace.verify import Verification, verify
from tasks import files
from tests.unit.trace import conftest

REDUNDANT = {
    r"vsphere\.placement:(icp|workload)-dlr": "a router's control VM forwards nothing",
    r"vsphere\.placement:icp-(boot|master|management|va)-.*": "no documented traffic ends there",
    r"vsphere\.placement:icp-proxy-([23]|vip)": "the proxies' virtual address is at the first",
    r"vsphere\.placement:icp-worker-3": "no pod of the web tier is there",
    r"vsphere\.placement:on-premises-concentrator": "the site declares its host",
    r"nsxv\.(high-availability|syslog):.*": "it forwards nothing",
    r"nsxv\.firewall-policy:(icp|workload)-esg": "one that was not observed counts as denying (A3)",
    r"nsxv\.firewall-rule:(icp|workload)-esg/#131074": "NSX always has it: it is assumed (A3)",
    r"nsxv\.static-route:icp-esg/16[16].*": "no documented traffic goes there",
    r"nsxv\.static-route:workload-esg/(default|10\.0\.0\.0/8-.*)": "both lead to the BCR",
    r"nsxv\.nat-rule:icp-esg/dnat-ssh-2222": "operators' own way in",
    r"nsxv\.firewall-rule:icp-esg/operators-to-boot": "likewise",
    r"nsxv\.nat-rule:workload-esg/snat-private": "without the VPN nothing begins at a database",
    r"nsxv\.firewall-rule:workload-esg/databases-to-private": "likewise",
    r"nsxv\.bgp-neighbour:workload-esg/10\.95\.60\.4": "no pod of the web tier is on that worker",
    r"kubernetes\.calico:.*": "its values are Calico's own defaults",
    r"kubernetes\.node:icp/icp-(master-[23]|proxy-[23]|management-.|va-.|worker-3)": "the site declares it",
    r"kubernetes\.virtual-address:icp/192\.168\.20\.10": "the site declares it",
}
# A wider route of the same node leads the same way
COVERED = {
    "BCR: route 10.64.120.0/24 via XCR",
    "BCR: route 10.64.30.0/28 via XCR",
    "BCR: route 10.95.8.0/26 by backbone",
    "WAN: route 10.64.120.0/24 via on-premises-router",
    "WAN: route 10.64.30.0/28 via on-premises-router",
    "XCR: route 10.64.120.0/24 via WAN",
    "XCR: route 10.64.30.0/28 via WAN",
    "icp-dlr: route 192.168.21.0/29 connected",
    "iks-a-worker-2: route 10.95.60.0/26 connected",
    "workload-esg: route 10.0.0.0/8 via 10.95.40.65",
    "workload-esg: route 10.95.40.64/26 connected",
}
HERE = {"internet-user", "client", "icp-worker-1", "enterprise-user", "orders"}


@cache
def whole() -> tuple[Any, Observation]:
    """The example site, and all that was observed of it."""
    site = conftest.site_with()
    written = observed.read(files.observed_documents("example"), site)
    return site, observed.beside(conftest.Lab(site).observation(), written)


def follow(network: Network, traffics: dict[str, Traffic]) -> Iterator[Verification]:
    """Every documented traffic, from one machine of each kind."""
    site, _ = whole()
    for traffic in traffics.values():
        for case in expand(traffic, site, network):
            if not case.source or case.source in HERE or case.source.split("-")[0] in {"catalogue", "shop"}:
                yield verify(case, network)


def built(observation: Observation) -> Network:
    return settled(compile_network(whole()[0], observation))


def without(key: Key) -> Observation:
    _, seen = whole()
    return Observation(
        items={name: item for name, item in seen.items.items() if name != key},
        order={name: tuple(item for item in keys if item != key) for name, keys in seen.order.items()},
    )


@pytest.fixture(scope="module")
def before() -> list[Verification]:
    """All as promised, while nothing is missing."""
    results = list(follow(built(whole()[1]), conftest.TRAFFICS))
    assert [item.case.id for item in results if not item.met] == []
    return results


def hops(results: Sequence[Verification]) -> Iterator[Hop]:
    for result in results:
        for trace in (*result.traces, *result.as_if):
            for path in trace.paths:
                yield from (hop for _, _, hop in path.hops)


def named(results: Sequence[Verification]) -> set[str]:
    """The resources that the hops of traces rest on, and those of the nodes on the way."""
    found: set[str] = set()
    for hop in hops(results):
        facts = [item.ground.fact for item in hop.decisions if item.ground is not None]
        facts += [hop.node.fact, *(side.fact for side in (hop.ingress, hop.egress) if side is not None)]
        found |= {str(fact.key) for fact in facts if fact.key is not None}
    return found


def redundant(name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in REDUNDANT)


# A rule, a route, a session or a tunnel decides a hop, so the trace names it
DECIDES = re.compile(r"nsxv\.(nat-rule|firewall-rule|static-route|ipsec-site|bgp-neighbour):.*")


@pytest.mark.parametrize("name", sorted(str(key) for key in whole()[1].items))
def test_taken_away(name: str, before: list[Verification], traffics: dict[str, Traffic]) -> None:
    network = built(without(Key.parse(name)))
    after = {item.case.id: item.met for item in follow(network, traffics)}
    noticed = [item for item in before if not after.get(item.case.id, False)]
    assert bool(noticed) is not redundant(name), [item.case.id for item in noticed]
    if noticed and DECIDES.fullmatch(name):
        # What only a BGP session needs is named by the node that lacks its routes
        idle = [note for node in network.nodes.values() for note in node.inactive]
        assert name in named(noticed) or idle


def used(results: Sequence[Verification]) -> dict[str, set[Route]]:
    """By node, the routes that decided a hop."""
    found: dict[str, set[Route]] = {}
    for hop in hops(results):
        routes = {item.ground for item in hop.decisions if isinstance(item.ground, Route)}
        found.setdefault(hop.node.name, set()).update(routes)
    return found


@pytest.mark.parametrize("name", sorted(built(whole()[1]).nodes))
def test_every_route_that_a_packet_used_is_missed_or_covered(
    name: str, before: list[Verification], traffics: dict[str, Traffic]
) -> None:
    network = built(whole()[1])
    node, unmissed = network.nodes[name], set()
    for route in used(before).get(name, ()):
        left = RouteTable(item for item in node.routes.routes if item.title != route.title)
        lacking = replace(network, nodes={**network.nodes, name: replace(node, routes=left)})
        if all(item.met for item in follow(lacking, traffics)):
            unmissed.add(f"{name}: {route.title}")
    assert unmissed == {item for item in COVERED if item.startswith(f"{name}: ")}


def test_the_table_has_no_line_for_nothing() -> None:
    names = [str(key) for key in whole()[1].items]
    idle = [pattern for pattern in REDUNDANT if not any(re.fullmatch(pattern, name) for name in names)]
    assert idle == []
