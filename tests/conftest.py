"""What holds for every test: nobody's Prefect is touched, unit tests are quick, CI has no chance in it."""

import os
import time
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

UNIT = Path(__file__).parent / "unit"
UNIT_CEILING = 2.0  # seconds of processor time; a unit test that needs more is not one
UNIT_HANGS = 30  # seconds by the wall, which on a shared machine says nothing of the test

# the ceiling judges time, once for all tests; a deadline an example would only fail on a busy machine.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Give each test process a Prefect home of its own, before anything imports Prefect."""
    home = TemporaryDirectory(prefix="hopbook-prefect-")
    config.add_cleanup(home.cleanup)
    os.environ |= {
        "PREFECT_HOME": home.name,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End a unit test that hangs."""
    for item in items:
        if item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.timeout(UNIT_HANGS), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold every unit test under the ceiling."""
    began = time.process_time()
    result = yield
    spent = time.process_time() - began
    if item.path.is_relative_to(UNIT) and spent > UNIT_CEILING:
        pytest.fail(f"a unit test took {spent:.1f} s of processor time; {UNIT_CEILING:.0f} s is the most")
    return result
