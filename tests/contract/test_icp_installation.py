"""A small ICP on simulated hosts, installed by the real engine over the real SSH adapter."""

import copy
import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import pytest

from adapters.icp.installer import INSTALL
from adapters.icp.provider import IcpProvider, Options, Surroundings
from adapters.icp.simulator import SimulatedIcp, Trouble
from adapters.ssh import provider as ssh
from adapters.ssh.client import Login
from adapters.ssh.simulator import SimulatedHost, SimulatedHosts, archive
from hopbook.engine.change import Observation, Scope
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import Step, StepPlan
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.errors import HopbookError
from hopbook.icp import config, inventory
from hopbook.icp.commands import RESIDUE
from hopbook.icp.sizes import Node, nodes_of
from hopbook.resources.base import Key
from hopbook.resources.icp import Cluster, KeptFolder, Worker
from hopbook.resources.vsphere import ClusterCapacity, DatastoreCapacity, HostCapacity
from hopbook.secret import Secret
from hopbook.site.load import read_site, to_document
from hopbook.site.model import Site
from hopbook.steps.icp_install import KEY_PATH, Installation
from hopbook.testing import CrashNow, FakeClock, MemoryJournal
from tasks import files
from tests.unit.engine.lab import Undo

PASSWORD = 'it\'s: {a} "hard" one'
HOME = "/root"
CLUSTER = "/opt/ibm-cloud-private-3.1.0/cluster"
STEPS = (
    *("room", "examine", "names", "way_out", "prepare", "docker", "ready", "boot", "images"),
    *("configuration", "cluster", "smoke", "keep"),
)
EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
FAILURES, SIZES = files.known_failures(), files.sizes()


def small(**values: Any) -> Site:
    data = copy.deepcopy(to_document(EXAMPLE))
    icp = data["icp"]
    icp["install"]["profile"] = "small"
    icp["nodes"] = {
        "boot": ["192.168.20.9"],
        "master": ["192.168.20.11"],
        "proxy": ["192.168.20.21"],
        "worker": ["192.168.20.51"],
    }
    for path, value in values.items():
        *steps, last = path.split("__")
        inner = icp
        for step in steps:
            inner = inner[step]
        inner[last] = value
    return Site.model_validate(data)


def room(cluster: str, hosts: int = 4) -> ClusterCapacity:
    each = [
        HostCapacity(name=f"esx-{n}", cores=28, memory_mb=384 * 1024, memory_used_mb=0, usable=True)
        for n in range(hosts)
    ]
    store = DatastoreCapacity(name="vsanDatastore", capacity_gib=9000, free_gib=9000)
    return ClusterCapacity(cluster=cluster, hosts=tuple(each), datastores=(store,))


@dataclass
class Lab:
    """A site, its simulated hosts and its journal: what outlives a process."""

    site: Site = field(default_factory=small)
    world: SimulatedHosts = field(default_factory=SimulatedHosts)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    clock: FakeClock = field(default_factory=FakeClock)
    attached: list[str] = field(default_factory=list)
    hosts_of_cluster: int = 4
    told: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.installation = Installation(SIZES)
        self.icp = SimulatedIcp(self.world.hosts)
        self.icp.teach(self.world.programs)
        for node in self.nodes:
            self.add(node)

    @property
    def nodes(self) -> tuple[Node, ...]:
        assert self.site.icp is not None
        return nodes_of(self.site.icp, SIZES)

    def add(self, node: Node) -> SimulatedHost:
        """A machine as it comes from the template."""
        host = SimulatedHost(node.name, str(node.address))
        host.cpus, host.memory = node.size.cpus, node.size.memory * 2**20
        host.disks = {"/": (node.size.disks[0] * 1_000_000, 90_000_000)}
        host.pythons = {"python": "2.7.12"}
        host.rounds = {str(other.address): 0.3 for other in self.nodes}
        return self.world.add(host)

    def host(self, name: str) -> SimulatedHost:
        return self.world.hosts[name]

    @contextmanager
    def process(self) -> Iterator[Runner]:
        """A runner of a new process."""
        logins = [Login(name=node.name, address=str(node.address)) for node in self.nodes]
        fleet = self.world.fleet(logins)
        absent: Callable[[str], bool] = lambda name: name not in self.world.hosts  # noqa: E731
        hosts = ssh.SshProvider(
            fleet,
            resolve=lambda _ref: Secret(PASSWORD),
            absent=absent,
            options=ssh.Options(poll=0.0),
            sleep=self.clock.sleep,
        )
        around = Surroundings(
            capacity=lambda cluster: room(cluster, self.hosts_of_cluster),
            attached=lambda _network: self.attached,
            resolve=lambda _ref: Secret(PASSWORD),
            absent=absent,
            listener=lambda _key, text: self.told.append(text),
        )
        options = Options(poll=1.0, patience=5.0)
        icp = IcpProvider(
            self.site, SIZES, FAILURES, fleet, around=around, options=options, sleep=self.clock.sleep
        )
        run = f"r-{next(self.ids)}"
        self.runs.append(run)
        writer = Writer(self.journal, "small", run, "me@here", self.clock, lambda: f"e-{next(self.ids)}")
        writer.catch_up()
        writer.append(
            RunStarted(
                mode="apply",
                runbook="icp-install",
                parameters={},
                site_document="{}",
                inputs={},
                reason="",
                ticket="",
            )
        )
        try:
            yield Runner(
                providers=[hosts, icp],
                writer=writer,
                clock=self.clock,
                instance="icp-install",
                secret_digest=lambda ref: Secret(str(ref)).digest(b"key"),
            )
        finally:
            fleet.close()

    def take(self, *names: str) -> list[StepPlan]:
        with self.process() as runner:
            return [runner.take(self.step(name)) for name in names]

    def undo(self, run: str) -> None:
        """Take a run back."""
        with self.process() as runner:
            Undo(runner, run).go()

    def step(self, name: str) -> Step:
        made: Step = getattr(self.installation, name)(self.site)
        return made

    def observed(self, *keys: Key) -> Observation:
        with self.process() as runner:
            icp = runner.providers[1]
            return icp.observe(Scope(frozenset(keys)))

    def refused(self, *names: str) -> str:
        with pytest.raises(HopbookError) as caught:
            self.take(*names)
        return str(caught.value)


@pytest.fixture
def lab() -> Lab:
    return Lab()


def prepared(lab: Lab) -> Lab:
    """The hosts as the steps before `cluster` leave them, as far as the installer looks."""
    ground = lab.installation.ground(lab.site)
    boot = lab.host("icp-boot-1")
    files = boot.files
    for path, text in ((KEY_PATH, "private\n"), (f"{KEY_PATH}.pub", "ssh-rsa AAAA boot\n")):
        files.write(path, text)
    files.write(f"{CLUSTER}/ssh_key", "private\n", 0o400)
    files.write(f"{CLUSTER}/hosts", inventory.render(ground.groups))
    text = config.render(ground.keys, ground.groups).replace(config.ADMIN_PASSWORD, PASSWORD)
    files.write(f"{CLUSTER}/config.yaml", text)
    files.write("/usr/local/bin/kubectl", "")
    assert boot.docker is not None
    boot.docker.images.add("ibmcom/icp-inception:3.1.0")
    for node in ground.stay:
        host = lab.host(node.name)
        host.files.write("/etc/hosts", f"{node.address} {node.name}\n")
        host.files.write(f"{HOME}/.ssh/authorized_keys", "ssh-rsa AAAA hopbook-icp-boot\n")
    return lab


def installed(lab: Lab) -> Lab:
    prepared(lab).take("cluster", "keep")
    return lab


def test_from_the_template_to_a_cluster(lab: Lab) -> None:
    lab.take(*STEPS)
    assert lab.icp.cluster.config is not None
    assert str(lab.icp.cluster.config.cluster_lb_address) == "10.95.40.71"
    assert lab.icp.cluster.config.default_admin_password == PASSWORD
    assert {str(address) for address in lab.icp.cluster.roles} == {
        "192.168.20.11", "192.168.20.21", "192.168.20.51",
    }  # fmt: skip
    assert any(text.startswith("play ") and "Starting kubelet" in text for text in lab.told)
    assert PASSWORD not in "".join(lab.journal.rows)


@pytest.mark.parametrize("steps", [STEPS[:5], STEPS[5:9]], ids=["first", "then"])
def test_nothing_is_left_to_do_a_second_time(steps: tuple[str, ...], lab: Lab) -> None:
    lab.take(*STEPS[: STEPS.index(steps[-1]) + 1])
    again = lab.take(*steps)
    assert [change for plan in again for change in plan.changes] == []


def test_a_cluster_that_is_there_is_left_alone(lab: Lab) -> None:
    installed(lab)
    again = lab.take("cluster", "smoke", "keep")
    assert [change for plan in again for change in plan.changes] == []


def test_an_uninstallation_leaves_the_nodes_as_they_were(lab: Lab) -> None:
    prepared(lab)
    before = {name: (set(host.listens), set(host.files.nodes)) for name, host in lab.world.hosts.items()}
    lab.take("cluster")
    master = lab.host("icp-master-1")
    assert {path for path in RESIDUE if master.files.get(path)} == set(RESIDUE)
    lab.take("clear", "uninstall", "gone")
    assert lab.icp.cluster.config is None
    for name, host in lab.world.hosts.items():
        listens, paths = before[name]
        assert host.listens == listens
        left = {
            path
            for path in set(host.files.nodes) - paths
            if not path.startswith(("/var/lib/hopbook", "/etc"))
        }
        assert not {path for path in left if not path.startswith(f"{CLUSTER}/cfc-certs")}, name
    again = lab.take("clear", "uninstall", "gone")
    assert [change for plan in again for change in plan.changes] == []


def test_undo_takes_the_cluster_away_and_leaves_the_nodes_as_they_were(lab: Lab) -> None:
    prepared(lab)
    before = {name: (set(host.listens), set(host.files.nodes)) for name, host in lab.world.hosts.items()}
    lab.take("cluster", "smoke", "keep")
    lab.undo(lab.runs[-1])
    assert lab.icp.cluster.config is None
    for name, host in lab.world.hosts.items():
        listens, paths = before[name]
        new = {path for path in set(host.files.nodes) - paths if not path.startswith("/var/lib/hopbook")}
        assert host.listens == listens
        assert {path for path in new if not path.startswith(f"{CLUSTER}/cfc-certs")} == set(), name
        assert not [path for path in host.files.nodes if path.endswith((".tar.gz", ".json"))]


ARCHIVE = "https://files.example.com/ibm-cloud-private-x86_64-3.1.0.tar.gz"
IMAGES = archive("ibmcom/icp-inception-amd64:3.1.0-ee")


def enterprise(content: bytes) -> Lab:
    """A lab whose images come from an archive with this content, and this sum."""
    where = {"location": ARCHIVE, "sha256": hashlib.sha256(content).hexdigest()}
    found = Lab(small(install__edition="ee", install__archive=where))
    found.host("icp-boot-1").files.write(f"/.downloads/{ARCHIVE}", content)
    return found


def test_the_enterprise_editions_images_are_loaded_from_the_archive() -> None:
    lab = enterprise(IMAGES)
    lab.take("images")
    boot = lab.host("icp-boot-1")
    assert boot.docker is not None
    assert "ibmcom/icp-inception-amd64:3.1.0-ee" in boot.docker.images
    prepared(lab).take("cluster")
    assert lab.icp.cluster.config is not None


def test_an_archive_that_is_cut_off_is_told() -> None:
    lab = enterprise(IMAGES[:520])
    assert "damaged or not complete" in lab.refused("images")


def test_an_archive_that_was_cut_off_later_is_found_by_the_installer() -> None:
    lab = enterprise(IMAGES)
    lab.take("images")
    path = f"{CLUSTER}/images/{ARCHIVE.rpartition('/')[2]}"
    lab.host("icp-boot-1").files.write(path, IMAGES[:520])
    assert "Loading images] failed on 192.168.20.11 (tar: Unexpected EOF" in prepared(lab).refused("cluster")


def test_another_archive_than_the_one_that_was_meant_is_refused() -> None:
    lab = enterprise(IMAGES)
    lab.host("icp-boot-1").files.write(f"/.downloads/{ARCHIVE}", b"something else\n")
    assert "has the SHA-256" in lab.refused("images")


def test_other_nodes_cannot_be_put_into_a_cluster_by_installing_again(lab: Lab) -> None:
    installed(lab)
    lab.site = small(nodes__management=["192.168.20.31"])
    lab.add(next(node for node in lab.nodes if node.role == "management"))
    assert "other nodes stand there" in lab.refused("cluster")


def test_a_foreign_machine_on_the_overlay_stops_the_removal(lab: Lab) -> None:
    lab.attached = [node.name for node in lab.nodes] + ["jenkins"]
    told = lab.refused("clear", "uninstall")
    assert "jenkins is on icp-nodes and not ours" in told
    lab.attached.remove("jenkins")
    lab.take("clear")


def test_too_small_a_cluster_of_hosts_stops_the_run_before_anything_is_made(lab: Lab) -> None:
    lab.hosts_of_cluster = 1
    told = lab.refused("room")
    assert "1 host short: 1 of 2" in told
    assert "Add hosts or free capacity" in told


BREAKS: dict[str, tuple[Callable[[Lab], object], str, str]] = {
    "name": (
        lambda lab: lab.host("icp-proxy-1").files.write("/etc/hosts", "127.0.1.1 icp-proxy-1\n"),
        "Validating Hostname is resolvable] failed on 192.168.20.21",
        "take the line of 127.0.1.1 out",
    ),
    "port": (
        lambda lab: lab.host("icp-master-1").listens.add(8443),
        "Validating ports] failed on 192.168.20.11 (port 8443 is in use)",
        "see who listens",
    ),
    "key": (
        lambda lab: lab.host("icp-worker-1").files.remove(f"{HOME}/.ssh/authorized_keys"),
        "Gathering Facts] failed on 192.168.20.51",
        "cluster/ssh_key fits its authorized_keys",
    ),
    "docker": (
        lambda lab: setattr(lab.host("icp-worker-1").units["docker"], "running", False),
        "Validating Docker] failed on 192.168.20.51",
        "see the log",
    ),
    "pods": (
        lambda lab: lab.icp.fail_next("management-ingress"),
        "management-ingress to start",
        "more memory",
    ),
    "charts": (
        lambda lab: lab.icp.fail_next("chart-upload"),
        "Uploading helm charts",
        "run the installer again",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_the_installer_finds_stops_the_step_with_what_to_do(name: str, lab: Lab) -> None:
    broken, where, what_to_do = BREAKS[name]
    prepared(lab)
    broken(lab)
    told = lab.refused("cluster")
    assert where in told
    assert what_to_do in told
    assert PASSWORD not in told


@pytest.mark.parametrize("trouble", ["management-ingress", "chart-upload", "calico-mesh"])
def test_what_was_reported_gracefully_may_simply_run_again(trouble: str, lab: Lab) -> None:
    prepared(lab)
    lab.icp.fail_next(trouble)
    lab.refused("cluster")
    lab.take("cluster", "smoke")
    assert lab.icp.cluster.config is not None


def test_what_the_installer_says_is_told_without_passwords(lab: Lab) -> None:
    prepared(lab)
    said = f"{'x' * 290} admin {PASSWORD} was not let in"  # cut off in the middle of it, were it not hidden
    for trouble in (said, f"admin {PASSWORD} was not let in"):
        lab.icp.ask_for(Trouble("chart-upload", "addon : Uploading helm charts", trouble))
        told = lab.refused("cluster")
        assert "helm charts" in told
        assert not any(part in told for part in ("it's: {", "hard"))
    assert PASSWORD not in "".join([*lab.journal.rows, *lab.told])


def test_what_does_not_get_better_needs_an_uninstallation_first(lab: Lab) -> None:
    prepared(lab)
    lab.icp.fail_next("auth-pdp")
    assert "auth-pdp" in lab.refused("cluster")
    assert "runbook icp-uninstall" in lab.refused("cluster")
    lab.take("uninstall", "gone", "cluster")
    assert lab.icp.cluster.config is not None


def test_a_killed_installer_is_told_and_needs_an_uninstallation_first(lab: Lab) -> None:
    prepared(lab)
    polls = iter(range(8))

    def sleep(_seconds: float) -> None:
        if next(polls, None) is None:
            lab.host("icp-boot-1").kill_jobs()

    lab.clock = _Sleeper(sleep)
    assert "the installer was killed at play" in lab.refused("cluster")
    lab.clock = FakeClock(lab.clock.time)
    assert "runbook icp-uninstall" in lab.refused("cluster")
    lab.take("uninstall", "gone", "cluster", "smoke")


def test_whoever_comes_back_waits_for_the_installer_that_runs(lab: Lab) -> None:
    prepared(lab)
    polls = iter(range(6))

    def sleep(_seconds: float) -> None:
        if next(polls, None) is None:
            raise CrashNow

    lab.clock = _Sleeper(sleep)
    with pytest.raises(CrashNow):
        lab.take("cluster")
    lab.clock = FakeClock(lab.clock.time)
    job = lab.host("icp-boot-1").jobs[INSTALL]
    assert job.runs
    lab.take("cluster", "smoke")
    assert lab.host("icp-boot-1").jobs[INSTALL] is job
    assert job.log.count(b"PLAY [Check nodes]") == 1


def test_a_connection_that_is_lost_in_the_middle_does_not_touch_the_installer(lab: Lab) -> None:
    prepared(lab)
    polls = iter(range(3))
    boot = lab.host("icp-boot-1")

    def sleep(_seconds: float) -> None:
        boot.up = next(polls, None) is None

    lab.clock = _Sleeper(sleep)
    lab.take("cluster")
    assert lab.icp.cluster.config is not None


def test_a_worker_joins(lab: Lab) -> None:
    installed(lab)
    lab.site = small(nodes__worker=["192.168.20.51", "192.168.20.52"])
    lab.add(next(node for node in lab.nodes if node.name == "icp-worker-2"))
    prepared(lab).take("leave", "left", "join", "joined", "keep")
    assert IPv4Address("192.168.20.52") in lab.icp.cluster.roles
    again = lab.take("leave", "left", "join", "joined", "keep")
    assert [change for plan in again for change in plan.changes] == []


def test_a_worker_leaves(lab: Lab) -> None:
    both = ["192.168.20.51", "192.168.20.52"]
    lab.site = small(nodes__worker=both)
    lab.add(next(node for node in lab.nodes if node.name == "icp-worker-2"))
    installed(lab)
    lab.site = small(nodes__worker=both, install__retire=["192.168.20.51"])
    lab.take("leave", "left")
    assert set(map(str, lab.icp.cluster.roles)) == {"192.168.20.11", "192.168.20.21", "192.168.20.52"}
    assert not [path for path in RESIDUE if lab.host("icp-worker-1").files.get(path)]
    again = prepared(lab).take("leave", "left", "join", "joined")
    assert [change for plan in again for change in plan.changes] == []


def test_a_worker_that_leaves_nothing_but_remains_is_named(lab: Lab) -> None:
    lab.site = small(nodes__worker=["192.168.20.51", "192.168.20.52"], install__retire=["192.168.20.52"])
    lab.add(next(node for node in lab.nodes if node.name == "icp-worker-2"))
    lab.host("icp-worker-2").files.write("/var/lib/etcd/x", "")
    assert "/var/lib/etcd left behind" in lab.refused("left")


def test_a_lost_boot_node_gets_its_folder_back(lab: Lab) -> None:
    installed(lab)
    boot = lab.host("icp-boot-1")
    lost = {path: node for path, node in boot.files.nodes.items() if path.startswith(CLUSTER)}
    assert f"{CLUSTER}/cfc-certs/root-ca/ca.crt" in lost
    boot.files.remove(CLUSTER)
    boot.jobs.clear()
    key = KeptFolder(host="icp-boot-1", path=CLUSTER, keepers=()).key
    folder = lab.observed(key).items[key].resource
    assert isinstance(folder, KeptFolder)
    assert (folder.intact, folder.kept) == (False, False)
    lab.take("keep")
    for path in (f"{CLUSTER}/cfc-certs/root-ca/ca.crt", f"{CLUSTER}/config.yaml", f"{CLUSTER}/ssh_key"):
        assert boot.files.read(path) == lost[path].content
    live = lab.observed(Key(Cluster.kind, "mycluster")).items[Key(Cluster.kind, "mycluster")]
    assert isinstance(live.resource, Cluster)
    assert live.resource.installed


def test_a_folder_that_nobody_has_cannot_be_brought_back(lab: Lab) -> None:
    installed(lab)
    lab.host("icp-boot-1").files.remove(CLUSTER)
    for path in [path for path in lab.host("icp-master-1").files.nodes if path.endswith(".tar.gz")]:
        lab.host("icp-master-1").files.remove(path)
    assert "none of icp-master-1 has it" in lab.refused("keep")


def test_remains_of_an_earlier_cluster_are_found_before_anything_is_done(lab: Lab) -> None:
    lab.host("icp-proxy-1").files.write("/etc/cfc/conf/x", "")
    assert "an earlier installation left /etc/cfc" in lab.refused("examine")


def test_remains_that_nobody_knows_of_are_not_installed_over(lab: Lab) -> None:
    prepared(lab)
    lab.host("icp-proxy-1").files.write("/etc/cfc/conf/x", "")
    assert "icp-proxy-1 have marks of an installation that nobody here knows of" in lab.refused("cluster")


def test_another_network_cannot_be_put_under_a_cluster(lab: Lab) -> None:
    installed(lab)
    lab.site = small(pods="172.26.0.0/16")
    told = lab.refused("cluster")
    assert "cannot be changed in place" in told


def test_a_node_that_is_not_ready_is_waited_for_and_then_named(lab: Lab) -> None:
    prepared(lab)
    lab.take("cluster")
    lab.icp.cluster.unready.add(IPv4Address("192.168.20.21"))
    assert "icp-proxy-1 not ready" in lab.refused("smoke")
    began = lab.clock.time
    ready = _Sleeper(lambda _seconds: lab.icp.cluster.unready.clear())
    ready.time = began
    lab.clock = ready
    lab.take("smoke")


def test_a_console_that_fails_is_told(lab: Lab) -> None:
    prepared(lab)
    lab.take("cluster")
    lab.icp.cluster.console = 503
    assert "it answers with status 503" in lab.refused("smoke")


def test_without_a_way_out_the_images_are_not_pulled_and_docker_says_why(lab: Lab) -> None:
    lab.world.ask(lambda host, name, _port, _via=None: f"{host} has no way to {name}: no SNAT on the edge")
    told = lab.refused("images")
    assert "no SNAT on the edge" in told
    lab.world.ask(lambda _host, _name, _port, _via=None: "")
    lab.take("images")


def test_a_node_without_a_way_out_is_named_by_the_installer(lab: Lab) -> None:
    prepared(lab)
    lab.world.ask(lambda host, _to, _port, _via=None: "no route" if host == "icp-worker-1" else "")
    told = lab.refused("cluster")
    assert "failed on 192.168.20.51" in told
    assert "see the way out of the node" in told


def test_behind_a_web_proxy_everything_that_goes_out_knows_it(lab: Lab) -> None:
    lab.site = small(egress="proxy", proxy={"address": "10.95.8.40", "port": 3128})
    lab.take("names", "way_out", "docker")
    for host in lab.world.hosts.values():
        told = host.files.text("/etc/systemd/system/docker.service.d/http-proxy.conf")
        assert "HTTPS_PROXY=http://10.95.8.40:3128" in told
        assert "192.168.20.10," in told  # the masters' virtual address is no business of the proxy's
        assert "10.95.8.40" in host.files.text("/etc/apt/apt.conf.d/80hopbook-proxy")
        assert "10.95.8.40" in host.files.text("/etc/profile.d/hopbook-proxy.sh")
    again = lab.take("names", "way_out", "docker")
    assert [change for plan in again for change in plan.changes] == []
    lab.site = small()
    lab.take("way_out", "docker")
    assert "10.95.8.40" not in "".join(host.files.text(path) for path in host.files.nodes if "proxy" in path)


def test_workers_are_members_only_of_a_cluster_that_is_there(lab: Lab) -> None:
    prepared(lab)
    key = Key(Worker.kind, "mycluster/192.168.20.51")
    before = lab.observed(key).items[key]
    lab.take("cluster")
    after = lab.observed(key).items[key]
    assert isinstance(before.resource, Worker)
    assert isinstance(after.resource, Worker)
    assert (before.resource.member, after.resource.member) == (False, True)


@dataclass(slots=True)
class _Sleeper(FakeClock):
    """A clock whose waiting does something."""

    act: Callable[[float], None] = lambda _seconds: None

    def __init__(self, act: Callable[[float], None]) -> None:
        FakeClock.__init__(self)
        self.act = act

    def sleep(self, seconds: float) -> None:
        self.act(seconds)
        FakeClock.sleep(self, seconds)
