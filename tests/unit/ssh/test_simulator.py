"""What simulated hosts add to the contract: faults, the network that they ask, programs, conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from adapters.simulated.faults import Faults, parse_fault
from adapters.ssh import scripts
from adapters.ssh.client import Login
from adapters.ssh.errors import Busy, CommandFailed, WrongHostKey
from adapters.ssh.fleet import Fleet
from adapters.ssh.provider import Options, SshProvider
from adapters.ssh.provider.jobs import spec_of
from adapters.ssh.simulator import (
    WAITING,
    Call,
    SimulatedHost,
    SimulatedHosts,
    SimulatedJob,
    Steps,
    Unit,
    Via,
)
from adapters.ssh.simulator.host import host_key
from adapters.ssh.trust import HostKeys
from hopbook.engine.change import Action, Change, Observation, Outcome, Result, Scope
from hopbook.errors import AnswerLost, Garbled, Unreachable
from hopbook.hosts import checks
from hopbook.resources.base import Resource, SecretRef
from hopbook.resources.host import Check, Directory, File, Image, Job, JobState, Package, Sysctl, Variable
from hopbook.secret import Secret

PASSWORD = SecretRef("lab", "password")
FOLDER = Directory(host="m1", path="/opt/x")
FILE_IDS = ("/var/lib/hopbook", "root", "root")


class World:
    """Two simulated hosts and a provider; nobody waits."""

    def __init__(self, *faults: str) -> None:
        self.faults = Faults(parse_fault(f"ssh:{fault}") for fault in faults)
        self.hosts = SimulatedHosts(self.faults)
        for number in (1, 2):
            self.hosts.add(SimulatedHost(f"m{number}", f"10.0.0.{number}"))
        self.logins = [Login(name=f"m{number}", address=f"10.0.0.{number}") for number in (1, 2, 3)]
        self.fleet: Fleet = self.hosts.fleet(self.logins)
        self.slept: list[float] = []
        self.provider = self.new_provider()

    def new_provider(self, **options: float) -> SshProvider:
        return SshProvider(
            self.fleet,
            resolve=lambda ref: Secret(ref.name),
            sleep=self.slept.append,
            absent=lambda host: host == "m3",
            options=Options(**options),  # type: ignore[arg-type]
        )

    @property
    def first(self) -> SimulatedHost:
        return self.hosts.hosts["m1"]

    def see(self, *resources: Resource) -> Observation:
        return self.provider.observe(Scope(frozenset(item.key for item in resources)))

    def create(self, *resources: Resource) -> list[Outcome]:
        changes = [Change(action=Action.CREATE, key=item.key, after=item) for item in resources]
        return list(self.provider.apply(changes, lambda _: None))


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(*getattr(request, "param", ()))
    yield made
    made.fleet.close()


@pytest.mark.parametrize(
    ("world", "error", "done"),
    [
        (["503@/m1/directory"], CommandFailed, False),
        (["busy@/m1/directory"], Busy, False),
        (["timeout@/m1/directory"], AnswerLost, False),
        (["lost@/m1/directory"], AnswerLost, True),
        (["late@/m1/directory"], AnswerLost, False),
    ],
    indirect=["world"],
)
def test_a_fault_of_a_change(world: World, error: type[Exception], done: bool) -> None:
    client = world.fleet.client("m1")
    with pytest.raises(error):
        client.run(scripts.DIRECTORY, "/b", "/opt/x", "0755", "root:root")
    assert (world.first.files.get("/opt/x") is not None) is done
    assert world.faults.left() == ()


@pytest.mark.parametrize("world", [["late@/m1/directory"]], indirect=True)
def test_what_comes_late_is_there_some_reads_later(world: World) -> None:
    (outcome,) = world.create(FOLDER)
    assert outcome.result is Result.UNKNOWN
    assert [FOLDER.key in world.see(FOLDER).items for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("world", [["timeout*3@/m1/facts"]], indirect=True)
def test_a_reading_survives_one_lost_answer_and_not_two(world: World) -> None:
    with pytest.raises(AnswerLost):
        world.see(FOLDER)
    assert world.see(FOLDER).items == {}
    assert world.faults.left() == ()


@pytest.mark.parametrize("world", [["garbage@/m1/facts"]], indirect=True)
def test_something_else_that_answers_is_no_observation(world: World) -> None:
    with pytest.raises(Garbled, match="the answer is not whole"):
        world.see(FOLDER)


@pytest.mark.parametrize("world", [["lost@/m1/upload"], ["timeout@/m1/upload"]], indirect=True)
def test_a_lost_upload_is_a_doubt(world: World) -> None:
    (outcome,) = world.create(File(host="m1", path="/opt/f", content="x"))
    assert outcome.result is Result.UNKNOWN


def test_all_of_a_host_is_read_in_one_round_trip(world: World) -> None:
    wanted: list[Resource] = [
        resource
        for host in ("m1", "m2")
        for resource in (
            Check(host=host, requirement=checks.docker("18.03.1")),
            Check(host=host, requirement=checks.disk("/var", 1)),
            Package(host=host, package="lvm2"),
            Sysctl(host=host, parameter="vm.max_map_count", value="1"),
            Job(host=host, job="j", command=("true",)),
        )
    ]
    world.see(*wanted)
    assert sorted(world.hosts.calls) == [("m1", "facts"), ("m2", "facts")]


def test_a_host_that_is_not_there_yet_is_empty_and_one_that_is_down_is_not(world: World) -> None:
    assert world.see(replace(FOLDER, host="m3")) == Observation()
    world.first.up = False
    with pytest.raises(Unreachable, match="m1: no connection"):
        world.see(FOLDER)


def test_a_host_that_starts_is_given_its_time(world: World) -> None:
    world.first.up = False
    patient = world.new_provider(patience=20)

    def wait(seconds: float) -> None:
        world.slept.append(seconds)
        world.first.up = len(world.slept) == 3

    patient._sleep = wait
    assert patient.observe(Scope(frozenset({FOLDER.key}))) == Observation()
    assert world.slept == [5.0, 5.0, 5.0]


def test_a_host_that_was_made_anew_is_noticed(world: World) -> None:
    known = world.hosts.known_hosts()
    world.first.key = host_key()
    login = replace(world.logins[0], password=PASSWORD)
    strict = Fleet([login], HostKeys.read(known), lambda _: Secret("simulated"), dial=world.hosts.dial)
    with pytest.raises(WrongHostKey):
        strict.client("m1").run(scripts.IDS, *FILE_IDS)
    strict.close()


def test_a_published_address_leads_inside_and_a_closed_one_says_why(world: World) -> None:
    world.hosts.entry = lambda address, port: (
        ("10.0.0.1", 22) if (address, port) == ("203.0.113.9", 2222) else "firewall of icp-esg denies it"
    )
    fleet = world.hosts.fleet([Login(name="m1", address="203.0.113.9", port=2222), world.logins[1]])
    with pytest.raises(Unreachable, match=r"m2: no connection .*firewall of icp-esg denies it"):
        fleet.client("m2").run(scripts.IDS, *FILE_IDS)
    fleet.close()


@pytest.mark.parametrize(
    ("resource", "asked", "told"),
    [
        (Image(host="m1", image="ibmcom/x:1"), ("m1", "registry-1.docker.io", 443), "no SNAT on icp-esg"),
        (Image(host="m1", image="reg.example:5000/x:1"), ("m1", "reg.example", 443), "no SNAT on icp-esg"),
        (Package(host="m1", package="lvm2"), ("m1", "archive.ubuntu.com", 80), "no SNAT on icp-esg"),
    ],
)
def test_what_comes_over_the_network_asks_the_network(
    world: World, resource: Resource, asked: tuple[str, str, int], told: str
) -> None:
    heard: list[tuple[str, str, int]] = []

    def reach(host: str, to: str, port: int, via: Via | None = None, /) -> str:
        heard.append((host, to, port))
        return told if len(heard) == 1 else ""

    world.hosts.ask(reach)
    (refused,) = world.create(resource)
    assert refused.result is Result.REFUSED
    assert told in refused.reason
    (done,) = world.create(resource)
    assert done.result is Result.APPLIED
    assert heard == [asked, asked]


def installer(call: Call) -> Steps:
    yield "PLAY [Checking Python interpreter]\n"
    yield "TASK [check : Validating ports]\n"
    if 8443 in call.host.listens:
        yield "fatal: [10.0.0.1]: FAILED! => port 8443 is in use\n"
        return 2
    yield f"UI URL is https://10.0.0.1:8443, {call.environment['LICENSE']}\n"
    return 0


INSTALL = Job(
    host="m1", job="install", command=("docker", "run", "-t", "ibmcom/icp-inception:3.1.0", "install")
)


def runs_inception(command: Sequence[str]) -> bool:
    return tuple(command[:2]) == ("docker", "run") and any("icp-inception" in word for word in command)


def test_a_program_can_be_added_and_takes_its_time(world: World) -> None:
    world.hosts.programs.add(runs_inception, installer)
    world.first.listens.add(8443)
    job = replace(INSTALL, environment=(Variable("LICENSE", "accept"),))
    world.create(job)
    live = world.see(job).items[job.key].resource
    assert isinstance(live, Job)
    assert live.exit_status == 2
    assert live.said.endswith("| fatal: [10.0.0.1]: FAILED! => port 8443 is in use")
    looks = world.hosts.calls.count(("m1", "read"))
    assert looks == 4
    assert world.slept == [2.0] * (looks - 1)


def test_a_restart_kills_jobs_and_leaves_the_rest(world: World) -> None:
    world.hosts.programs.add(runs_inception, installer)
    world.first.jobs.clear()
    world.fleet.client("m1").run(
        scripts.START, "/var/lib/hopbook", "install", "once", "/", spec_of(INSTALL), "0", *INSTALL.command
    )
    world.first.restart()
    live = world.see(INSTALL).items[INSTALL.key].resource
    assert isinstance(live, Job)
    assert (live.state, live.exit_status) == (JobState.KILLED, None)


def run_fast(host: SimulatedHost) -> None:
    host.clock = 400.0
    host.units["chrony"] = Unit()


@pytest.mark.parametrize(
    ("worsen", "requirement", "finding"),
    [
        (lambda host: host.disks.update({"/var": (40_000_000, 9_000_000)}),
         checks.disk("/var/lib/docker", 100),
         "lies on 40 GB"),
        (lambda host: host.listens.add(8443), checks.free_ports("8443"), "listens on TCP 8443"),
        (run_fast,
         checks.clock(30),
         "400 s ahead of ours"),
        (lambda host: setattr(host.docker, "version", "17.09.0-ce"),
         checks.docker("18.03.1"), "runs Docker 17.09"),
        (lambda host: setattr(host, "docker", None), checks.docker("18.03.1"), "Docker does not run"),
        (lambda host: setattr(host, "cpus", 2), checks.cpus(8), "2 processors"),
    ],
)  # fmt: skip
def test_a_condition_is_found(world: World, worsen: object, requirement: str, finding: str) -> None:
    check = Check(host="m1", requirement=requirement)
    assert callable(worsen)
    worsen(world.first)
    live = world.see(check).items[check.key].resource
    assert isinstance(live, Check)
    assert finding in live.finding


def test_over_loopback_it_is_the_same(world: World) -> None:
    with world.hosts.serve() as places:
        address, port = places["m1"]
        login = Login(name="m1", address=address, port=port, password=PASSWORD)
        fleet = Fleet([login], HostKeys.read(world.hosts.known_hosts()), lambda _: Secret("simulated"))
        assert fleet.client("m1").run(scripts.IDS, *FILE_IDS) == b"0 0\n"
        fleet.close()


def test_a_published_address_has_a_port_that_leads_nowhere_until_it_is_published(world: World) -> None:
    hosts = world.hosts
    hosts.entry = lambda _address, _port: "the firewall drops it"
    way = Login(name="m1", address="127.0.0.1", password=PASSWORD)
    inner = Login(name="m2", address="10.0.0.2", password=PASSWORD, jump="m1")
    with hosts.publish("10.95.40.71", 2222) as port:
        keys = HostKeys.read(hosts.known_hosts())
        fleet = Fleet([replace(way, port=port), inner], keys, lambda _ref: Secret("simulated"))
        with pytest.raises(Unreachable):
            fleet.client("m1").run(scripts.FACTS, "/var/lib/hopbook")
        hosts.entry = lambda address, port: (
            ("10.0.0.1", 22) if (address, port) == ("10.95.40.71", 2222) else ""
        )
        fleet.client("m2").run(scripts.FACTS, "/var/lib/hopbook")
        fleet.close()
    assert [host for host, _ in hosts.calls] == ["m2"]


def test_whoever_makes_hosts_is_asked_before_one_is_dialled(world: World) -> None:
    world.hosts.refresh = lambda: world.hosts.remove("m1")
    with pytest.raises(Unreachable):
        world.fleet.client("m1").run(scripts.FACTS, "/var/lib/hopbook")


def test_a_host_that_is_switched_off_answers_nobody_who_is_connected(world: World) -> None:
    client = world.fleet.client("m1")
    client.run(scripts.FACTS, "/var/lib/hopbook")
    world.hosts.hosts["m1"].up = False
    with pytest.raises((AnswerLost, Unreachable)):
        client.run(scripts.FACTS, "/var/lib/hopbook")


@pytest.mark.parametrize(("at_once", "log"), [(False, b"one "), (True, b"one two ")])
def test_a_job_goes_on_by_one_step_or_until_it_waits(at_once: bool, log: bytes) -> None:
    waits = [True]

    def steps() -> Steps:
        yield "one "
        yield "two "
        while waits:
            yield WAITING
        yield "three "
        return 3

    job = SimulatedJob("", steps())
    job.advance(at_once=at_once)
    assert bytes(job.log) == log
    assert job.runs
    job.advance(at_once=True)
    job.advance(at_once=True)
    assert bytes(job.log) == b"one two "
    waits.clear()
    job.advance(at_once=True)
    assert (bytes(job.log), job.status) == (b"one two three ", 3)
