"""The flows that join an IKS cluster, without systems: what they look at is told, what they want is kept."""

import copy
from dataclasses import replace
from importlib import import_module
from typing import Any, Self

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.engine.gates import Gate
from hopbook.engine.plan import Step
from hopbook.network import observed
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import Edge
from hopbook.site.load import read_site
from hopbook.site.load import to_document as site_document
from hopbook.site.model import Site
from tasks import files
from tasks.modes import Mode

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
DOCUMENTS = files.observed_documents("example")
GIVEN = observed.read(DOCUMENTS, EXAMPLE, {"iks"})
PUBLISHED = [{"workload": "orders", "address": "10.95.40.81"}]
VRA = {"next_hop": "vra", "vra": "10.95.60.10"}
JOINS: dict[str, tuple[str, dict[str, Any]]] = {
    "vlan-bgp": ("iks-vlan-bgp", {"how": "vlan-bgp"}),
    "vlan-bgp by a VRA": ("iks-vlan-bgp", {"how": "vlan-bgp", **VRA}),
    "static-routes": ("iks-static-nat", {"how": "static-routes"}),
    "static-routes by a VRA": ("iks-static-nat", {"how": "static-routes", **VRA}),
    "static-dnat": ("iks-static-nat", {"how": "static-dnat", "published": PUBLISHED}),
    "bcr-bgp": ("iks-bcr-bgp", {"how": "bcr-bgp", "bcr": {"asn": 64999}}),
}


def site_joined(**join: Any) -> Site:
    data = copy.deepcopy(site_document(EXAMPLE))
    data["iks"][0]["join"] = {"overlay": "workload", **join}
    return Site.model_validate(data)


def there(*more: Resource) -> Observation:
    """What is there before a cluster is joined, with both edges."""
    edge = GIVEN.items[Key(Edge.kind, "workload-esg")].resource
    assert isinstance(edge, Edge)
    items = dict(GIVEN.items)
    for resource in (replace(edge, edge="icp-esg"), *more):
        items[resource.key] = Observed(resource=resource)
    return Observation(items=items)


class Taken:
    """Stands where a run stands: it shows what is there, and keeps the steps that a flow takes."""

    def __init__(self, site: Site, seen: Observation) -> None:
        self.site, self.seen = site, seen
        self.steps: list[Step] = []
        self.gates: list[Gate] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to let go of."""

    def look(self, *_keys: Key) -> Observation:
        return self.seen

    def take(self, step: Step) -> None:
        self.steps.append(step)

    def gate(self, gate: Gate) -> None:
        assert not self.steps  # nothing is touched before somebody agreed
        self.gates.append(gate)

    def verify(self) -> None:
        """Nothing: there are no packets here."""

    def wanted(self) -> dict[Key, Resource]:
        return {resource.key: resource for step in self.steps for resource in step.resources}

    def of(self, kind: type[Resource]) -> list[Any]:
        return [each for each in self.wanted().values() if isinstance(each, kind)]


def taken(join: str, monkeypatch: pytest.MonkeyPatch, *more: Resource, **fields: Any) -> Taken:
    runbook, joined = JOINS[join]
    site = site_joined(**joined | fields)
    return run(runbook, site, there(*more), monkeypatch)


def run(
    runbook: str, site: Site, seen: Observation, monkeypatch: pytest.MonkeyPatch, cluster: str = ""
) -> Taken:
    name = runbook.replace("-", "_")
    module = import_module(f"flows.{name}")
    found = Taken(site, seen)
    monkeypatch.setattr(module, "run", lambda *_, **__: found)
    getattr(module, name)("example", Mode.PLAN, cluster=cluster)
    return found


def every(runbook: str) -> list[Taken]:
    """What a runbook wants, in each of the ways that it joins."""
    with pytest.MonkeyPatch.context() as patched:
        return [taken(join, patched) for join, (name, _) in JOINS.items() if name == runbook]
