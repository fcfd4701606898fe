"""What the runbooks of an ICP want on the example site: in order, each thing once, nothing unheard of."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

from adapters.nsxv.provider.traits import kinds
from hopbook.engine.change import KindTraits, Observation, project
from hopbook.engine.plan import Known, Step, StepPlan, diff
from hopbook.errors import InvalidInput
from hopbook.hosts.checks import questions
from hopbook.icp.checks import parse
from hopbook.resources.base import Key, Resource, from_document, to_document
from hopbook.resources.host import Check, File, Image, Job, Line, OnHost, Service, host_of
from hopbook.resources.icp import Cluster, IcpCheck, Worker
from hopbook.resources.nsxv import LogicalSwitch
from hopbook.resources.vsphere import AntiAffinity, VirtualMachine
from hopbook.site.load import read_site
from hopbook.site.load import to_document as site_document
from hopbook.site.model import Site
from hopbook.steps.icp_install import Installation
from tasks import files
from tasks.modes import Mode

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
INSTALLATION = Installation(files.sizes())
_OTHERS = (
    *("vsphere.folder", "vsphere.vm", "vsphere.guest", "vsphere.anti-affinity"),
    *("icp.cluster", "icp.worker", "icp.kept-folder", "icp.check"),
)


def variant(**values: Any) -> Site:
    data = copy.deepcopy(site_document(EXAMPLE))
    for path, value in values.items():
        *steps, last = path.split("__")
        inner = data
        for step in steps:
            inner = inner[step]
        inner[last] = value
    return Site.model_validate(data)


PROXIED = variant(icp__egress="proxy", icp__proxy={"address": "10.95.8.40", "port": 3128})
ENTERPRISE = variant(
    icp__install__edition="ee",
    icp__install__archive={"location": "https://files.example.com/icp-3.1.0.tar.gz", "sha256": "0" * 64},
)
RED_HAT = variant(icp__install__packages="yum", icp__install__user="icpadmin", icp__nodes__boot=[])
SITES = {"example": EXAMPLE, "proxied": PROXIED, "enterprise": ENTERPRISE, "red-hat": RED_HAT}


@dataclass
class Taken:
    """Stands where a run stands: it keeps the steps that a flow takes."""

    site: Site
    steps: list[Step] = field(default_factory=list)

    def take(self, make: Any) -> None:
        self.steps.append(make(self.site))

    def verify(self) -> None:
        """Nothing: there are no packets here."""


def taken(runbook: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    name = runbook.replace("-", "_")
    module = import_module(f"flows.{name}")
    found = Taken(site)

    @contextmanager
    def run(asked: str, *_: Any, **__: Any) -> Iterator[Taken]:
        assert asked == runbook
        yield found

    monkeypatch.setattr(module, "run", run)
    getattr(module, name)("example", Mode.PLAN)
    return found.steps


def resources(steps: list[Step]) -> list[Resource]:
    return [resource for step in steps for resource in step.resources]


def traits() -> dict[str, KindTraits]:
    plain = KindTraits(lane=lambda resource: resource.kind, setting=True)
    own = dict.fromkeys(_OTHERS, plain) | {
        cls.kind: KindTraits(lane=lambda resource: host_of(resource.key), setting=True)
        for cls in _subclasses(OnHost)
    }
    return {**own, **kinds(frozenset(), 1.0, 1.0)}


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    for each in cls.__subclasses__():
        yield from (each, *_subclasses(each)) if "kind" in vars(each) else _subclasses(each)


def planned(steps: list[Step], seen: Observation) -> tuple[list[StepPlan], Observation]:
    """The runbook planned in one go, each step on what the ones before would have made."""
    known, found = Known({}, str), []
    for step in steps:
        plan = diff(step, seen, known, traits(), "icp-install")
        found.append(plan)
        seen = project(seen, plan.changes, traits())
    return found, seen


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_the_whole_installation_plans_in_one_go(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = taken("icp-install", site, monkeypatch)
    plans, after = planned(steps, Observation())
    assert not [why for plan in plans for why in plan.blocked]
    assert sum(len(plan.changes) for plan in plans) == len(resources(steps))
    again, _ = planned(steps, after)
    left = [change.key for plan in again for change in plan.changes]
    assert [key for key in left if not key.kind.startswith("nsxv.")] == []  # those need a journal


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_every_key_is_wanted_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [resource.key for resource in resources(taken("icp-install", site, monkeypatch))]
    assert sorted({key for key in keys if keys.count(key) > 1}) == []


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_what_is_referred_to_came_before(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    there: set[Key] = set()
    for resource in resources(taken("icp-install", site, monkeypatch)):
        lacking = [ref for ref in resource.refs() if ref not in there]
        assert not lacking, f"{resource.key} refers to {lacking}"
        there.add(resource.key)


@pytest.mark.parametrize("runbook", ["icp-install", "icp-workers", "icp-uninstall"])
def test_every_step_has_a_citation_that_is_known(runbook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    statements = set(files.document()["statements"])
    for step in taken(runbook, PROXIED, monkeypatch):
        for cited in step.citation.split(", "):
            assert cited in statements or re.fullmatch(r"ICP 3\.1\.0: [a-z ]+", cited), step


@pytest.mark.parametrize("runbook", ["icp-install", "icp-uninstall"])
def test_step_ids_are_unique_and_titles_tell_them_apart(
    runbook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = taken(runbook, EXAMPLE, monkeypatch)
    assert len({step.id for step in steps}) == len({step.title for step in steps}) == len(steps)


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_every_resource_can_be_written_and_read_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for resource in resources(taken("icp-install", site, monkeypatch)):
        document = to_document(resource)
        assert from_document(document) == resource
        assert "hunter2" not in str(document)


def test_every_check_is_one_that_can_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = taken("icp-install", EXAMPLE, monkeypatch) + taken("icp-uninstall", EXAMPLE, monkeypatch)
    for resource in resources(steps):
        if isinstance(resource, Check):
            assert questions(resource.requirement)
        elif isinstance(resource, IcpCheck):
            assert str(parse(resource.requirement)) == resource.requirement


def test_every_check_of_the_guide_is_made_on_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [each for each in resources(taken("icp-install", EXAMPLE, monkeypatch)) if isinstance(each, Check)]
    words = {"administrator", "os", "cpus", "memory", "disk", "python", "own-name", "clock", "no-swap"}
    words |= {"no-firewall", "docker", "docker-bridge"}
    for host in {each.host for each in made}:
        assert {each.requirement.split()[0] for each in made if each.host == host} >= words
    near = {each.host for each in made if each.requirement.startswith("round-trip")}
    assert near == {"icp-master-1", "icp-master-2", "icp-master-3"}


def test_machines_are_on_the_overlay_and_apart() -> None:
    wanted = INSTALLATION.machines(EXAMPLE).resources
    machines = [each for each in wanted if isinstance(each, VirtualMachine)]
    assert {machine.network for machine in machines} == {Key(LogicalSwitch.kind, "icp-nodes")}
    master = next(machine for machine in machines if machine.vm == "icp-master-1")
    assert (master.cpus, master.memory_mb, master.disks) == (4, 65_536, (200,))
    assert master.customization is not None
    assert str(master.customization.address) == "192.168.20.11/24"
    assert [str(server) for server in master.customization.dns] == ["192.168.21.1"]  # the edge's relay
    rules = {each.rule: len(each.vms) for each in wanted if isinstance(each, AntiAffinity)}
    assert rules == {f"icp-{role}-apart": 3 for role in ("master", "proxy", "management", "va", "worker")}


def test_the_line_that_hides_a_nodes_own_name_goes() -> None:
    lines = [each for each in INSTALLATION.names(EXAMPLE).resources if isinstance(each, Line)]
    assert {(each.word, each.text) for each in lines} == {("127.0.1.1", None)}
    assert len(lines) == 16


def test_docker_starts_again_for_what_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    def jobs(site: Site) -> set[str]:
        return {each.job for each in INSTALLATION.docker(site).resources if isinstance(each, Job)}

    (plain,), (proxied,) = jobs(EXAMPLE), jobs(PROXIED)
    assert plain.startswith("restart-docker-")
    assert plain != proxied
    wanted = [
        type(each) for each in INSTALLATION.docker(PROXIED).resources if each.key.name.startswith("icp-va-2/")
    ]
    assert wanted == [File, File, Service, Job]


def test_with_snat_nobody_is_told_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert INSTALLATION.way_out(EXAMPLE).resources == ()
    told = [each.key.name for each in INSTALLATION.way_out(PROXIED).resources]
    assert len(told) == 2 * 16
    assert "icp-boot-1/etc/apt/apt.conf.d/80hopbook-proxy" in told


def test_images_are_pulled_or_loaded() -> None:
    pulled = INSTALLATION.images(EXAMPLE).resources[-1]
    loaded = INSTALLATION.images(ENTERPRISE).resources[-1]
    assert isinstance(pulled, Image)
    assert isinstance(loaded, Image)
    assert (pulled.image, pulled.tarball) == ("ibmcom/icp-inception:3.1.0", "")
    assert loaded.tarball == "/opt/ibm-cloud-private-3.1.0/cluster/images/icp-3.1.0.tar.gz"


def test_nothing_is_installed_without_the_license() -> None:
    with pytest.raises(InvalidInput, match=r"icp\.install\.accept_license"):
        INSTALLATION.cluster(variant(icp__install__accept_license=False))


def test_a_worker_leaves_before_hosts_forgets_it_and_its_machine_goes_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = variant(
        icp__nodes__worker=[f"192.168.20.{last}" for last in (51, 52, 53, 54)],
        icp__install__retire=["192.168.20.52"],
    )
    steps = taken("icp-workers", site, monkeypatch)
    assert steps[0].id == "leave"
    first, last = (step for step in steps if step.id == "machines")
    assert {key.name for key in first.keeps} == {"icp-worker-2"}
    assert not last.keeps
    assert "icp-worker-2" not in {each.name for step in (first, last) for each in step.resources}
    workers = [each for each in resources(steps) if isinstance(each, Worker)]
    assert [(str(each.address), each.member) for each in workers] == [
        ("192.168.20.52", False),
        ("192.168.20.51", True),
        ("192.168.20.53", True),
        ("192.168.20.54", True),
    ]
    hosts = next(each for each in resources(steps) if each.name.endswith("/cluster/hosts"))
    assert isinstance(hosts, File)
    assert "192.168.20.52" not in str(hosts.content)
    assert not [
        each for each in resources(steps[4:]) if isinstance(each, OnHost) and each.host == "icp-worker-2"
    ]


def test_an_uninstallation_looks_first_and_deletes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = taken("icp-uninstall", EXAMPLE, monkeypatch)
    ids = [step.id for step in steps]
    assert ids[:4] == ["clear", "cluster", "gone", "machines"]
    (cluster,) = steps[1].resources
    assert isinstance(cluster, Cluster)
    assert not cluster.installed
    assert all(not step.resources for step in steps[3:])
    made = [step.id for step in taken("icp-install", EXAMPLE, monkeypatch)]
    assert [each for each in reversed(made) if each in ids[3:]] == ids[3:]


def test_the_network_is_the_first_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [step.id for step in taken("icp-install", EXAMPLE, monkeypatch)]
    network = [step.id for step in taken("icp-network", EXAMPLE, monkeypatch)]
    assert ids[1 : 1 + len(network)] == network
    assert ids.index("images") < ids.index("configuration") < ids.index("cluster") < ids.index("smoke")
