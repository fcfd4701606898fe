"""The clusters of a served site: by the overlay's endpoints a run sees what is in them."""

from pathlib import Path

import pytest
import yaml

from adapters import wiring
from adapters.kubernetes.provider import KubernetesProvider
from adapters.secrets.resolver import Resolver
from adapters.simulated.serve import serve
from adapters.simulated.site import PASSWORD, SimulatedSite
from commands.simulate import PASSWORD_VARIABLE, overlay
from hopbook.engine.change import Scope
from hopbook.resources.base import Key
from hopbook.resources.kubernetes import Calico
from hopbook.site.model import Site
from tests.unit.kubernetes.test_example import EXAMPLE, joined


def test_a_served_cluster_is_seen_by_its_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD.reveal())
    site, given = joined({"how": "vlan-bgp"})
    world = SimulatedSite(site)
    world.written = given
    with serve(world, tmp_path) as served:
        assert set(served.kubeconfigs) == {"iks-a", "icp"}
        text = overlay(served)
        assert PASSWORD.reveal() not in text
        found = Site.model_validate({**EXAMPLE, **yaml.safe_load(text)})
        with wiring.real(found, Resolver().resolve, "iks-vlan-bgp") as systems:
            provider = next(one for one in systems.providers if isinstance(one, KubernetesProvider))
            seen = provider.observe(Scope(frozenset({Key(Calico.kind, "iks-a")})))

    expected = {key: item for key, item in world.clusters.observation().items.items() if "iks-a" in key.name}
    assert len(expected) > 15
    assert seen.items == expected
