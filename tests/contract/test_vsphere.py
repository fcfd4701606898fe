"""What every vSphere provider promises the engine, whatever the vCenter behind it.

A tier gives the fixture `vsphere` and nothing else: no promise is overridden.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.vsphere_cost import Cost
from tests.contract.vsphere_identity import Identity
from tests.contract.vsphere_lab import Lab
from tests.contract.vsphere_memory import in_memory
from tests.contract.vsphere_round_trips import RoundTrips
from tests.contract.vsphere_trouble import Troubles
from tests.contract.vsphere_wire import vcsim


class VsphereContract(RoundTrips, Identity, Troubles, Cost):
    """The promises."""


class TestInMemory(VsphereContract):
    """The simulated vCenter, at the verbs."""

    @pytest.fixture
    def vsphere(self) -> Lab:
        return in_memory()


class TestBySoap(VsphereContract):
    """The real adapter, to VMware's simulator."""

    @pytest.fixture
    def vsphere(self, tmp_path: Path) -> Iterator[Lab]:
        with vcsim(tmp_path / "vcsim") as simulator, simulator.client() as client:
            yield simulator.lab(client)
