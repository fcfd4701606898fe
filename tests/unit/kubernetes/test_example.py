"""The example's clusters, simulated and observed, are what a person wrote down of them."""

from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from adapters.kubernetes.provider import KubernetesProvider
from adapters.kubernetes.simulator import NEW, OLD
from adapters.simulated.clusters import Clusters
from hopbook.engine.change import Observation, Scope
from hopbook.network import observed
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import Calico, InCluster, Table, Vpn
from hopbook.site.document import read_document
from hopbook.site.model import Site

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
FILES = sorted((RUNBOOKS / "observed/example").glob("*.yaml"))
DOCUMENTS = [read_document(path.read_bytes(), path.name) for path in FILES]
PORTS = {"published": [{"workload": "orders", "address": "10.95.40.81"}]}
JOINS: list[dict[str, Any]] = [
    {"how": "vlan-bgp"},
    {"how": "vlan-bgp", "next_hop": "vra", "vra": "10.95.60.10"},
    {"how": "vpn"},
    {"how": "static-routes"},
    {"how": "static-routes", "next_hop": "vra", "vra": "10.95.60.10"},
    {"how": "static-dnat", **PORTS},
    {"how": "bcr-bgp"},
]


def joined(join: dict[str, Any]) -> tuple[Site, Observation]:
    document = deepcopy(EXAMPLE)
    document["iks"][0]["join"] = {"overlay": "workload", **join}
    site = Site.model_validate(document)
    return site, observed.read(DOCUMENTS, site)


def of_iks(observation: Observation) -> dict[Key, dict[str, Any]]:
    """Every field, those that are no difference included."""
    return {
        key: {field.name: getattr(item.resource, field.name) for field in fields(item.resource)}
        for key, item in observation.items.items()
        if isinstance(item.resource, InCluster) and item.resource.cluster == "iks-a"
        if seen_here(item.resource)
    }


def seen_here(resource: Resource) -> bool:
    """Releases and their tables are seen by whoever speaks Helm."""
    return not isinstance(resource, Vpn) and getattr(resource, "table", Table.MAIN) is Table.MAIN


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("join", JOINS, ids=lambda join: "-".join(map(str, join.values()))[:30])
def test_what_is_observed_is_what_was_written_down(join: dict[str, Any], version: tuple[int, int]) -> None:
    site, given = joined(join)
    clusters = Clusters(site, given, version=version)
    wanted = of_iks(given)
    assert len(wanted) > 15

    assert of_iks(clusters.observation()) == wanted

    provider = KubernetesProvider(clusters.accesses(), site=site.site)
    seen = provider.observe(Scope(frozenset({Key(Calico.kind, "iks-a")})))
    assert of_iks(seen) == wanted


def test_what_no_cluster_holds_stays_beyond() -> None:
    site, given = joined({"how": "vpn"})
    beyond = Clusters(site, given).beyond(given).items
    kinds = {key.kind for key in beyond}
    assert {"kubernetes.vpn", "kubernetes.route", "nsxv.ipsec-site"} <= kinds
    assert not {"kubernetes.node", "kubernetes.pod"} & kinds
    assert {key.name for key in beyond if key.kind == "kubernetes.route"} == {
        "iks-a/vpn-here",
        "iks-a/vpn-beside",
        "iks-a/vpn-by-tunnel",
    }
