"""A small ICP on a simulated site in this process, and runs of its runbooks against it.

Flows run as an apply does, with a journal on disk; only the systems are simulated. What outlives a run is the
site and the journal, as if every run were one of a new process.
"""

import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from adapters import wiring
from adapters.icp.installer import INSTALL
from adapters.journal import SqlJournal
from adapters.simulated.faults import Faults, parse_fault
from adapters.simulated.site import SimulatedSite
from adapters.ssh.simulator import SimulatedHost, SimulatedJob
from adapters.vsphere.simulator import Vm
from flows.catalogue import flow_of
from hopbook.engine.plan import Step
from hopbook.engine.state import RunState, SiteState, fold
from hopbook.errors import HopbookError
from hopbook.icp.knowledge import Knowledge
from hopbook.site.load import read_site, to_document
from hopbook.site.model import Site
from tasks import files
from tasks.modes import Mode
from tasks.report import RunReport
from tasks.resume import resumption
from tasks.run import Invocation, invocation, open_journal
from tasks.taking_back import Undoing
from tasks.undo import undo

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
BOOT, MASTER, PROXY, WORKER = "icp-boot-1", "icp-master-1", "icp-proxy-1", "icp-worker-1"
NODES = {"boot": ["192.168.20.9"], "master": ["192.168.20.11"], "proxy": ["192.168.20.21"]}
CANARY = "canary-2b9f-console"
Values = Mapping[str, Any]


def small(workers: Iterable[int] = (51,), **values: Any) -> dict[str, Any]:
    """The example with one node of each role and these workers; `install__edition="ee"` sets a field."""
    data = copy.deepcopy(to_document(EXAMPLE))
    section = data["icp"]
    section["install"]["profile"] = "small"
    section["nodes"] = {**NODES, "worker": [f"192.168.20.{number}" for number in workers]}
    for path, value in values.items():
        *above, last = path.split("__")
        inner = section
        for name in above:
            inner = inner[name]
        inner[last] = value
    return data


class Clock(wiring.VirtualClock):
    """A clock whose waiting may do something."""

    def __init__(self) -> None:
        super().__init__()
        self.act: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.act()
        super().sleep(seconds)


@dataclass
class Place:
    """One simulated site with its journal."""

    folder: Path
    world: SimulatedSite
    clock: Clock = field(default_factory=Clock)
    reports: list[RunReport] = field(default_factory=list)

    # -- what is there ------------------------------------------------------------------------------

    @property
    def hosts(self) -> dict[str, SimulatedHost]:
        return self.world.machines.hosts.hosts

    @property
    def calls(self) -> list[tuple[str, str]]:
        return self.world.machines.hosts.calls

    @property
    def installer(self) -> list[SimulatedJob]:
        """Every run of the installer, oldest last."""
        jobs = self.hosts[BOOT].jobs
        return [job for name, job in jobs.items() if name.partition(".")[0] == INSTALL]

    def dump(self) -> dict[str, Any]:
        """All of the site, without ids."""
        return {
            "nsx": self.world.nsx.dump(),
            "vcenter": self.world.machines.vcenter.state.dump(),
            "hosts": self.world.machines.hosts.dump(),
        }

    def arm(self, *faults: str) -> None:
        """Let these faults happen, instead of those that were asked for before."""
        self.world.faults.ask_for(parse_fault(fault) for fault in faults)

    def state(self) -> SiteState:
        with SqlJournal(self.folder / "home" / "journal.db") as journal:
            return fold(journal.read("example"))

    def run(self) -> RunState:
        """The newest run."""
        return list(self.state().runs.values())[-1]

    # -- runs ---------------------------------------------------------------------------------------

    def file(self, site: Mapping[str, Any]) -> str:
        """A site file; JSON is YAML."""
        path = self.folder / "site.yaml"
        path.write_text(json.dumps(site))
        return str(path)

    def apply(self, runbook: str, site: Values, *, mode: Mode = Mode.APPLY, **called: Any) -> RunReport:
        """A run to its end; without the traffic unless that is asked for, as it takes as long as the rest."""
        path = self.file(site)
        return self._go(Invocation(**{"traffics": (), **called}), runbook, path, mode)

    def fails(self, runbook: str, site: Values, **called: Any) -> tuple[str, str]:
        """A run that fails: the step that it stops at, and what it says."""
        with pytest.raises(HopbookError) as caught:
            self.apply(runbook, site, **called)
        return self.stopped(), str(caught.value)

    def _go(self, called: Invocation, runbook: str, path: str, mode: Mode = Mode.APPLY) -> RunReport:
        self.world.faults.step = ""
        with invocation(replace(called, faults=self.world.faults)) as current:
            try:
                flow_of(runbook)(path, mode)
            finally:
                self.reports += current.report
        return self.reports[-1]

    def stopped(self) -> str:
        """The step that the newest run stopped at."""
        return next((step.id for step in self.run().steps.values() if step.status == "failed"), "")

    def resume(self) -> RunReport:
        """Go on with the newest run."""
        run = self.run()
        journal, _ = open_journal(files.home(), create=False)
        with journal:
            on = resumption(journal, run.id, rebase=True)
        called = Invocation(resume=on.run, site=on.site, rebased=on.rebased, traffics=())
        return self._go(called, run.started.runbook, run.inputs["site"])

    def undo(self, run: str, **asked: Any) -> Undoing:
        """Take a run back."""
        return undo(Undoing(home=files.home(), run=run, **asked))


def place(folder: Path, patch: pytest.MonkeyPatch, site: Values) -> Place:
    """A site as IBM Cloud hands it over. What asks for the real systems gets its own."""
    folder.mkdir(exist_ok=True)
    world = SimulatedSite(Site.model_validate(site), Faults())
    made = Place(folder, world)

    def real(
        found: Site, _resolve: object, _runbook: str, icp: Knowledge | None = None, *_tell: object
    ) -> wiring.Systems:
        return wiring.upon(world, found, icp, made.clock)

    patch.setenv("HOPBOOK_HOME", str(folder / "home"))
    patch.setenv("ICP_ADMIN_PASSWORD", CANARY)
    patch.setattr(wiring, "real", real)
    return made


def changes(report: RunReport) -> list[str]:
    """The keys that a run changed."""
    return [str(change.key) for step in report.steps for change in step.plan.changes]


def differences(one: object, other: object, where: str = "") -> list[str]:
    """Where two dumps differ, for people."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            line
            for name in sorted({*one, *other}, key=str)
            for line in differences(one.get(name), other.get(name), f"{where}/{name}")
        ]
    return [] if one == other else [f"{where}: {one!r}, {other!r}"]


def before(step: str, act: Callable[[], object]) -> Callable[[str, object], None]:
    """Does something when a run comes to a step."""

    def watch(what: str, subject: object) -> None:
        if what == "step" and isinstance(subject, Step) and subject.id == step:
            act()

    return watch


def machine(made: Place, name: str) -> Vm:
    """A VM or template by its name."""
    return next(vm for vm in made.world.machines.vcenter.state.vms.values() if vm.name == name)
