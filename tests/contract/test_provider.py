"""What every NSX-V provider promises the engine, whatever the manager behind it.

A tier gives the fixture `nsx` and nothing else: no promise is overridden.
"""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.nsxv_dynamic import Dynamic
from tests.contract.nsxv_identity import Identity
from tests.contract.nsxv_lab import Lab, Trouble, seeded
from tests.contract.nsxv_order import Cost, Order
from tests.contract.nsxv_round_trips import RoundTrips
from tests.contract.nsxv_trouble import Troubles


class ProviderContract(RoundTrips, Identity, Order, Cost, Troubles, Dynamic):
    """The promises."""


class TestSimulated(ProviderContract):
    """The simulated manager, in process: the wire without a network."""

    @pytest.fixture
    def nsx(self) -> Iterator[Lab]:
        yield from in_process()


class TestSimulatedOtherwise(ProviderContract):
    """The same, where nobody knows how the product behaves: the other way each time."""

    @pytest.fixture
    def nsx(self) -> Iterator[Lab]:
        yield from in_process(tag_is_id=True, strict_versions=True, absolute_location=True)


def in_process(**options: bool) -> Iterator[Lab]:
    trouble = Trouble()
    manager = seeded(trouble, **options)
    lab = Lab.open(manager, trouble, "https://nsx.example", transport=httpx.MockTransport(manager.handle))
    yield lab
    lab.client.close()
