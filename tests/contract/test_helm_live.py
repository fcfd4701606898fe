"""A live cluster, only looked at: the stand-in chart runs nothing, so nothing is installed there."""

from pathlib import Path

import pytest

from adapters.helm import HelmClient
from adapters.helm.binary import Binary, find
from hopbook.errors import Missing
from hopbook.secret import Secret
from tests.contract.helm_lab import VPN, Lab


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Lab:
    kubeconfig = Secret(Path(request.config.getoption("--live")).read_text())
    return Lab(Binary(find(), kubeconfig))


def test_every_release_of_the_cluster_is_observed_and_none_is_ours(lab: Lab) -> None:
    listed = HelmClient(lab.execute).releases()
    seen = lab.see()
    assert len(seen.items) == len(listed)
    assert not any(item.marked for item in seen.items.values())


def test_a_release_that_is_not_there_is_missing(lab: Lab) -> None:
    with pytest.raises(Missing):
        lab.client.values(f"{VPN.release}-that-nobody-has", "default")
