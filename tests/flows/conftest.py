"""A served simulated site for a test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from adapters.simulated.faults import Faults, parse_fault
from adapters.simulated.serve import serve
from adapters.simulated.site import SimulatedSite
from commands.simulate import PASSWORD_VARIABLE
from hopbook.secret import Secret
from hopbook.site.load import read_site
from tasks import files
from tests.flows.lab import CANARY, Lab


@pytest.fixture
def make_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Lab]]:
    """Serve simulated sites for as long as the test runs."""
    monkeypatch.setenv("HOPBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(PASSWORD_VARIABLE, CANARY)
    with ExitStack() as stack:

        def make(*faults: str, site: str = "example") -> Lab:
            path = files.site_path(site)
            world = SimulatedSite(
                read_site(path.read_bytes(), path.name),
                Faults([parse_fault(fault) for fault in faults]),
                password=Secret(CANARY),
            )
            number = len(list(tmp_path.iterdir()))
            served = stack.enter_context(serve(world, tmp_path / f"tls-{number}"))
            return Lab(tmp_path, world, served, capsys.readouterr, site)

        yield make


@pytest.fixture
def lab(make_lab: Callable[..., Lab]) -> Lab:
    """A site as IBM Cloud hands it over."""
    return make_lab()
