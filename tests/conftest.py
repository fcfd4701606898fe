"""What holds for every test: nobody's Prefect is touched, CI has no chance in it."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

UNIT = Path(__file__).parent / "unit"
UNIT_CEILING = 2.0  # seconds; a unit test that needs more on a quiet machine is not one
UNIT_HANGS = 30  # seconds

# A deadline an example would only fail on a busy machine
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--live`: real systems take part, too."""
    parser.addoption("--live", metavar="KUBECONFIG", help="of a cluster to hold to the contract, as well")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of live systems out where there is none."""
    return True if collection_path.name.endswith("_live.py") and not config.getoption("--live") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """End a unit test that hangs."""
    for item in items:
        if item.path.is_relative_to(UNIT):
            item.add_marker(pytest.mark.timeout(UNIT_HANGS), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the unit tests that took too long: a machine may be busy, so that is a word and no failure."""
    for report in terminalreporter.getreports("passed"):
        if (
            report.duration > UNIT_CEILING
            and UNIT in Path(str(terminalreporter.config.rootpath), report.nodeid).parents
        ):
            terminalreporter.line(f"slow for a unit test: {report.nodeid} ({report.duration:.1f} s)")
