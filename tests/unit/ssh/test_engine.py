"""Hosts under the engine: a killed run finds its job again, and what stops a step says what to do."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from adapters.journal import SqlJournal
from adapters.ssh.client import Login
from adapters.ssh.fleet import Fleet
from adapters.ssh.provider import SshProvider
from adapters.ssh.simulator import Call, SimulatedHost, SimulatedHosts, Steps
from adapters.wiring import VirtualClock
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import Step
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.errors import StepNotDone, Unreachable
from hopbook.hosts import checks
from hopbook.resources.base import Later, Resource
from hopbook.resources.host import (
    AuthorizedKey,
    Check,
    Directory,
    File,
    Job,
    JobState,
    KeyPair,
    Line,
    Package,
    Service,
    Sysctl,
)
from hopbook.secret import Secret
from tests.unit.engine.lab import Undo

ROOT = "/root"
BOOT, NODE = "boot", "master-1"
INSTALL = Job(host=BOOT, job="install", command=("install-it",))
PAIR = KeyPair(host=BOOT, path="/opt/icp/ssh_key")


class Killed(BaseException):
    """As SIGKILL: nobody handles it."""


class Site:
    """A boot node and a master, a journal, and one run after another."""

    def __init__(self) -> None:
        self.hosts = SimulatedHosts()
        for number, name in enumerate((BOOT, NODE), 1):
            self.hosts.add(SimulatedHost(name, f"10.0.0.{number}"))
        self.starts = 0
        self.status = 0
        self.hosts.programs.add(lambda command: command[0] == "install-it", self._install)
        self.journal = SqlJournal(":memory:")
        self.clock = VirtualClock()
        self.fleets: list[Fleet] = []
        self._ids = count()

    def _install(self, _call: Call) -> Steps:
        self.starts += 1
        for number in range(5):
            yield f"TASK [{number}]\n"
        if self.status:
            yield "fatal: [10.0.0.2]: UNREACHABLE!\n"
        return self.status

    def runner(self, *, die_after: int | None = None) -> Runner:
        """A process that just started; it may die after so many waits."""
        waits = count()

        def sleep(seconds: float) -> None:
            if die_after is not None and next(waits) == die_after:
                raise Killed
            self.clock.sleep(seconds)

        logins = [Login(name=host.name, address=host.address) for host in self.hosts.hosts.values()]
        fleet = self.hosts.fleet(logins)
        self.fleets.append(fleet)
        provider = SshProvider(fleet, resolve=lambda ref: Secret(ref.name), sleep=sleep)
        run = f"r-{len(self.fleets)}"
        writer = Writer(self.journal, "site", run, "test", self.clock, lambda: f"{next(self._ids):032}")
        writer.append(RunStarted(mode="apply", runbook="b", parameters={}, site_document="", inputs={}))
        return Runner(
            providers=(provider,),
            writer=writer,
            clock=self.clock,
            instance="b",
            secret_digest=lambda _ref: "",
        )

    def close(self) -> None:
        for fleet in self.fleets:
            fleet.close()
        self.journal.close()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def step(*resources: Resource) -> Step:
    return Step("install", "Install", "S1", resources)


def test_a_run_that_is_killed_finds_its_job_again(site: Site) -> None:
    with pytest.raises(Killed):
        site.runner(die_after=2).take(step(INSTALL))
    handles = [item.event for item in site.journal.read("site")]
    assert any(getattr(event, "handle", "") == "job:boot/install" for event in handles)
    assert site.starts == 1
    again = site.runner()
    again.take(step(INSTALL))
    assert site.starts == 1
    assert again.plan(step(INSTALL)).changes == ()
    assert list(again.writer.state.doubts()) == []


def test_a_job_that_failed_meanwhile_is_run_again_by_a_resume(site: Site) -> None:
    site.status = 2
    with pytest.raises(StepNotDone, match=r"exit_status is 2, not 0.*fatal: \[10.0.0.2\]: UNREACHABLE!"):
        site.runner().take(step(INSTALL))
    assert site.starts == 1
    site.status = 0
    site.runner().take(step(INSTALL))
    assert site.starts == 2


def test_a_killed_installer_is_told_and_run_again_by_a_resume(site: Site) -> None:
    with pytest.raises(Killed):
        site.runner(die_after=1).take(step(INSTALL))
    site.hosts.hosts[BOOT].kill_jobs()
    live = site.runner().observe([INSTALL]).items[INSTALL.key].resource
    assert isinstance(live, Job)
    assert live.state is JobState.KILLED
    site.runner().take(step(INSTALL))
    assert site.starts == 2


def test_a_node_is_prepared_once_and_nothing_of_its_template_needs_adoption(site: Site) -> None:
    wanted = step(
        PAIR,
        AuthorizedKey(host=NODE, user="root", label="boot", public_key=Later(PAIR.key, "public_key")),
        Line(host=NODE, path="/etc/hosts", word="127.0.1.1", text=None),
        Sysctl(host=NODE, parameter="vm.max_map_count", value="262144", minimum=True),
        Package(host=NODE, package="openssh-server"),
        Package(host=NODE, package="chrony"),
        Service(host=NODE, service="ssh", running=True, enabled=True),
        File(host=NODE, path="/etc/docker/daemon.json", content="{}\n"),
        Check(host=NODE, requirement=checks.docker("18.03.1")),
    )
    runner = site.runner()
    runner.take(wanted)
    made = len(site.hosts.calls)
    assert runner.plan(wanted).changes == ()
    assert site.runner().plan(wanted).changes == ()
    assert {script for _, script in site.hosts.calls[made:]} <= {"facts"}
    keys = site.hosts.hosts[NODE].files.text(f"{ROOT}/.ssh/authorized_keys")
    assert keys.startswith("ssh-rsa AAAA")
    assert keys.endswith(" boot\n")


def test_a_check_that_is_not_met_stops_the_step_before_anything_is_touched(site: Site) -> None:
    site.hosts.hosts[NODE].listens.add(8443)
    with pytest.raises(StepNotDone, match=r"listens on TCP 8443; see with ss -tlnp what it is and stop it"):
        site.runner().take(step(Check(host=NODE, requirement=checks.free_ports("8443")), PAIR))
    assert site.hosts.hosts[BOOT].files.get(PAIR.path) is None
    site.hosts.hosts[NODE].listens.remove(8443)
    site.runner().take(step(Check(host=NODE, requirement=checks.free_ports("8443")), PAIR))


def test_a_node_that_does_not_answer_is_not_taken_for_an_empty_one(site: Site) -> None:
    site.hosts.hosts[NODE].up = False
    with pytest.raises(Unreachable, match="master-1: no connection"):
        site.runner().take(step(replace(PAIR, host=NODE)))


def test_undo_takes_a_package_of_any_version_and_a_folder_with_what_is_in_it(site: Site) -> None:
    host = site.hosts.hosts[NODE]
    before = host.dump()
    runner = site.runner()
    runner.take(step(Package(host=NODE, package="chrony"), Directory(host=NODE, path="/opt/x", emptied=True)))
    host.files.write("/opt/x/left/by/somebody", "text\n")

    Undo(site.runner(), runner.writer.run).go()

    assert host.dump() == before


def test_a_host_that_was_switched_off_does_not_answer_over_an_old_connection(site: Site) -> None:
    runner = site.runner()
    runner.observe([PAIR])
    site.hosts.hosts[BOOT].up = False
    runner.forget()
    with pytest.raises(Unreachable, match="boot: no connection"):
        runner.observe([PAIR])
