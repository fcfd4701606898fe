"""The example's ICP on a vCenter in memory and simulated hosts: every step but those of the network."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from adapters.icp.provider import IcpProvider, Options, Surroundings
from adapters.icp.simulator import SimulatedIcp
from adapters.ssh import provider as ssh
from adapters.ssh.client import Login
from adapters.ssh.simulator import SimulatedHost, SimulatedHosts
from adapters.vsphere.provider import Patience, VsphereProvider
from adapters.vsphere.simulator import SimulatedVcenter, Vm
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import StepPlan
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.icp.sizes import Node
from hopbook.secret import Secret
from hopbook.site.load import read_site
from hopbook.steps.icp_install import Installation
from hopbook.testing import FakeClock, MemoryJournal
from tasks import files

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
INSTALLATION = Installation(files.sizes())
INSTALL = (
    *("room", "machines", "examine", "names", "way_out", "prepare", "docker", "ready", "boot", "images"),
    *("configuration", "cluster", "smoke", "keep"),
)
UNINSTALL = ("clear", "uninstall", "gone", "no_machines")


class World:
    """A vCenter whose machines are simulated hosts, once they are switched on."""

    def __init__(self) -> None:
        self.vcenter, self.hosts = SimulatedVcenter(), SimulatedHosts()
        self.icp = SimulatedIcp(self.hosts.hosts)
        self.icp.teach(self.hosts.programs)
        self.journal, self.clock = MemoryJournal(), FakeClock()
        self.ids: Iterator[int] = itertools.count()
        self.nodes: dict[str, Node] = {node.name: node for node in INSTALLATION.ground(EXAMPLE).nodes}
        state = self.vcenter.state
        state.add_datacenter("datacenter1")
        state.add_cluster("datacenter1", "cluster1", hosts=4, memory_mb=384 * 1024)
        state.add_datastore("datacenter1", "vsanDatastore")
        state.add_network("datacenter1", "vm-network")
        state.add_switch("datacenter1", "icp-nodes")
        state.add_vm("datacenter1", "ubuntu-16.04", template=True, disks=[16])
        self.vcenter.on_power_on = self.started
        self.vcenter.on_power_off = lambda vm: self.hosts.remove(vm.name)

    def started(self, vm: Vm) -> None:
        node = self.nodes[vm.name]
        host = SimulatedHost(node.name, str(node.address))
        host.cpus, host.memory = node.size.cpus, node.size.memory * 2**20
        host.disks = {"/": (node.size.disks[0] * 1_000_000, 90_000_000)}
        host.pythons = {"python": "2.7.12"}
        host.rounds = {str(other.address): 0.3 for other in self.nodes.values()}
        self.hosts.add(host)

    def take(self, names: tuple[str, ...]) -> dict[str, StepPlan]:
        """Take steps in a new process."""
        logins = [Login(name=name, address=str(node.address)) for name, node in self.nodes.items()]
        fleet = self.hosts.fleet(logins)
        vsphere = VsphereProvider(self.vcenter, site="example", patience=Patience(guest=1.0))
        absent: Callable[[str], bool] = lambda name: name not in self.hosts.hosts  # noqa: E731
        hosts = ssh.SshProvider(
            fleet,
            resolve=lambda _ref: Secret("it's one"),
            absent=absent,
            options=ssh.Options(poll=0.0),
            sleep=self.clock.sleep,
        )
        icp = IcpProvider(
            EXAMPLE,
            files.sizes(),
            files.known_failures(),
            fleet,
            around=Surroundings(
                capacity=vsphere.capacity,
                attached=lambda network: [found.vm for found in vsphere.attached(network)],
                resolve=lambda _ref: Secret("it's one"),
                absent=absent,
            ),
            options=Options(poll=1.0),
            sleep=self.clock.sleep,
        )
        run = f"r-{next(self.ids)}"
        writer = Writer(self.journal, "example", run, "me", self.clock, lambda: f"e-{next(self.ids)}")
        writer.catch_up()
        begun = RunStarted(mode="apply", runbook="icp-install", parameters={}, site_document="{}", inputs={})
        writer.append(begun)
        runner = Runner(
            providers=[vsphere, hosts, icp],
            writer=writer,
            clock=self.clock,
            instance="icp-install",
            secret_digest=str,
        )
        try:
            return {name: runner.take(getattr(INSTALLATION, name)(EXAMPLE)) for name in names}
        finally:
            fleet.close()


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_it_is_installed_and_then_left_alone_and_taken_away_again(world: World) -> None:
    before = world.vcenter.state.dump()

    world.take(INSTALL)

    assert world.icp.cluster.config is not None
    assert len(world.icp.cluster.roles) == 15
    calls = len(world.hosts.calls)
    again = world.take(INSTALL)
    assert [change for plan in again.values() for change in plan.changes] == []
    assert len(world.hosts.calls) - calls <= 10 * len(world.nodes)  # round trips: one a host and step at most

    world.take(UNINSTALL)

    assert world.icp.cluster.roles == {}
    assert world.hosts.hosts == {}
    assert world.vcenter.state.dump() == before
