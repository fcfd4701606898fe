"""The machines of the example's cluster in a vCenter in memory: the room for them, made, and deleted."""

import itertools
from collections.abc import Iterator

import pytest

from adapters.icp.provider import IcpProvider, Surroundings
from adapters.ssh.client import Login
from adapters.ssh.simulator import SimulatedHosts
from adapters.vsphere.provider import Patience, VsphereProvider
from adapters.vsphere.simulator import SimulatedVcenter
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import Step
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.errors import HopbookError
from hopbook.secret import Secret
from hopbook.site.load import read_site
from hopbook.site.model import Site
from hopbook.steps.icp_install import Installation
from hopbook.testing import FakeClock, MemoryJournal
from tasks import files

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
SIZES, FAILURES = files.sizes(), files.known_failures()
INSTALLATION = Installation(SIZES)


class Lab:
    """A vCenter as IBM hands it over, and a journal."""

    def __init__(self, cores: int = 28) -> None:
        self.vcenter, self.journal, self.clock = SimulatedVcenter(), MemoryJournal(), FakeClock()
        state = self.vcenter.state
        state.add_datacenter("datacenter1")
        state.add_cluster("datacenter1", "cluster1", hosts=4, cores=cores, memory_mb=384 * 1024)
        state.add_datastore("datacenter1", "vsanDatastore")
        state.add_network("datacenter1", "vm-network")
        self.switch = state.add_switch("datacenter1", "icp-nodes")
        state.add_vm("datacenter1", "ubuntu-16.04", template=True, disks=[16])
        self.ids: Iterator[int] = itertools.count()
        self.vsphere = VsphereProvider(self.vcenter, site="example", patience=Patience(guest=1.0))

    @property
    def names(self) -> set[str]:
        return {vm.name for vm in self.vcenter.state.vms.values()} - {"ubuntu-16.04"}

    def by_hand(self, name: str) -> None:
        self.vcenter.state.add_vm("datacenter1", name, nics=[self.switch])

    def take(self, *steps: Step, site: Site = EXAMPLE) -> None:
        ground = INSTALLATION.ground(site)
        logins = [Login(name=node.name, address=str(node.address)) for node in ground.nodes]
        around = Surroundings(
            capacity=self.vsphere.capacity,
            attached=lambda network: [found.vm for found in self.vsphere.attached(network)],
            resolve=lambda _ref: Secret("x"),
            absent=lambda _host: True,
        )
        icp = IcpProvider(site, SIZES, FAILURES, SimulatedHosts().fleet(logins), around=around)
        writer = Writer(
            self.journal, "s", f"r-{next(self.ids)}", "me", self.clock, lambda: f"e-{next(self.ids)}"
        )
        writer.catch_up()
        begun = {"runbook": "icp-install", "site_document": "{}", "reason": "", "ticket": ""}
        writer.append(RunStarted(mode="apply", parameters={}, inputs={}, **begun))
        runner = Runner(
            providers=[self.vsphere, icp],
            writer=writer,
            clock=self.clock,
            instance="icp-install",
            secret_digest=str,
        )
        for step in steps:
            runner.take(step)


def nodes(site: Site = EXAMPLE) -> set[str]:
    return {node.name for node in INSTALLATION.ground(site).nodes}


def test_machines_are_made_and_deleted_again() -> None:
    lab = Lab()
    before = lab.vcenter.state.dump()
    lab.take(INSTALLATION.room(EXAMPLE), INSTALLATION.machines(EXAMPLE))
    assert lab.names == nodes()
    assert len(lab.vcenter.state.dump()["rules"]) == 5
    lab.take(INSTALLATION.room(EXAMPLE))  # with all of them running
    lab.take(INSTALLATION.no_machines(EXAMPLE))
    assert lab.vcenter.state.dump() == before


def test_a_retired_workers_machine_goes_alone() -> None:
    lab = Lab()
    lab.take(INSTALLATION.machines(EXAMPLE))
    assert EXAMPLE.icp is not None
    assert EXAMPLE.icp.install is not None
    worker = EXAMPLE.icp.nodes.worker[1]
    four = (*EXAMPLE.icp.nodes.worker, worker + 2)
    install = EXAMPLE.icp.install.model_copy(update={"retire": (worker,)})
    roles = EXAMPLE.icp.nodes.model_copy(update={"worker": four})
    icp = EXAMPLE.icp.model_copy(update={"install": install, "nodes": roles})
    site = EXAMPLE.model_copy(update={"icp": icp})
    lab.take(INSTALLATION.machines(site), site=site)
    assert lab.names == nodes() | {"icp-worker-4"}
    lab.take(INSTALLATION.dismiss(site), site=site)
    assert lab.names == (nodes() | {"icp-worker-4"}) - {"icp-worker-2"}


def test_too_few_cores_are_told_before_a_machine_is_made() -> None:
    lab = Lab(cores=8)
    with pytest.raises(HopbookError, match=r"\d+ cores short: \d+ usable of 24 needed"):
        lab.take(INSTALLATION.room(EXAMPLE), INSTALLATION.machines(EXAMPLE))
    assert lab.names == set()


def test_a_foreign_machine_on_the_switch_is_called_by_its_name() -> None:
    lab = Lab()
    lab.take(INSTALLATION.machines(EXAMPLE))
    lab.take(INSTALLATION.clear(EXAMPLE))
    lab.by_hand("jenkins")
    with pytest.raises(HopbookError, match="jenkins is on icp-nodes and not ours"):
        lab.take(INSTALLATION.clear(EXAMPLE))
    assert "jenkins" in lab.names
