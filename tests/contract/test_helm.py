"""What a helm's provider keeps to: a subclass a tier."""

from collections.abc import Iterator

import pytest

from adapters.helm.binary import BROUGHT, Binary
from adapters.helm.simulator import Memory, Render, SimulatedHelm, by_binary, by_hand
from tests.contract.helm_api import serving
from tests.contract.helm_lab import HelmContract, Lab


def judge(_namespace: str, _release: str, name: str) -> tuple[bool, str]:
    failed = name.endswith("ping-remote-gw")
    return not failed, "no answer from %any" if failed else ""


class TestSimulated(HelmContract):
    @pytest.fixture(params=["by hand", "by helm"])
    def lab(self, request: pytest.FixtureRequest) -> Lab:
        render: Render = by_hand if request.param == "by hand" else by_binary(BROUGHT)
        objects = Memory()

        def stall(stalled: bool) -> None:
            objects.waits_for = "Deployment/vpn-strongswan" if stalled else ""

        return Lab(SimulatedHelm(render=render, judge=judge, objects=objects), stall)


class TestBinary(HelmContract):
    """The real helm, against an API server of ours."""

    @pytest.fixture
    def lab(self) -> Iterator[Lab]:
        with serving() as (kubeconfig, api):
            yield Lab(Binary(BROUGHT, kubeconfig), api.stall)
