"""A site with clusters whose edge and clusters are somebody else's, and the command line pointed at it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters import wiring
from adapters.journal import SqlJournal
from adapters.simulated.site import SimulatedSite
from commands.app import run as command
from hopbook.engine.change import Observation
from hopbook.engine.state import fold
from hopbook.site.load import read_site
from hopbook.site.model import Site
from hopbook.vpn.keys import KeyTable
from tasks import files
from tasks.verification import given

HOW = "how: vlan-bgp "


def site_file(folder: Path, join: str, **instead: str) -> str:
    """The example with another `join`; `egress="..."` is what stands instead of the line of that key."""
    text = files.site_path("example").read_text()
    assert text.count(HOW) == 1
    lines = text.replace(HOW, f"{join} ").splitlines()
    path = folder / "joined.yaml"
    path.write_text("\n".join(instead.get(line.strip().partition(":")[0], line) for line in lines))
    return str(path)


class Lab:
    """A site that stays, whatever process comes.

    Args:
        path: The site file.
        capture: Takes what was printed.
        icp: ICP is there, too.
    """

    def __init__(self, path: str, capture: Callable[[], tuple[str, str]], *, icp: bool = False) -> None:
        self.path, self.capture = path, capture
        self.site = read_site(Path(path).read_bytes(), "joined.yaml")
        self.world = SimulatedSite(self.site, given=given(self.site, icp=icp))
        self.said: list[str] = []

    def real(self, site: Site, _resolve: object, _runbook: str, *more: Any, **named: Any) -> wiring.Systems:
        """Instead of the real systems: this site, by whatever whoever asks has to know of them."""
        known = dict(zip(("icp", "tell", "keys"), more, strict=False)) | named
        keys: KeyTable | None = known.get("keys")
        return wiring.upon(self.world, site, keys=keys)

    def hopbook(self, *arguments: str) -> tuple[int, str]:
        """A command: its exit status, and what it said."""
        self.capture()
        status = command(list(arguments))
        told = "".join(self.capture())
        self.said.append(told)
        return status, told

    def state(self) -> tuple[dict[str, Any], Observation, object]:
        """All that the manager, the clusters and their releases hold."""
        made = dict(self.world.tunnels().items) if self.world.tunnels is not None else {}
        return _with_mtu(self.world.nsx.dump()), self.world.clusters.observation(), made

    def last_run(self) -> str:
        """The newest run."""
        with SqlJournal(files.home() / "journal.db") as journal:
            return list(fold(journal.read("example")).runs)[-1]


def _with_mtu(dump: dict[str, Any]) -> dict[str, Any]:
    """A route without an MTU is shown with the default one, and sent back so with its section."""
    for edge in dump["edges"].values():
        routing = edge["routing"]
        for route in filter(None, (*routing["routes"], routing["default"])):
            route["mtu"] = route["mtu"] or 1500
    return dump
