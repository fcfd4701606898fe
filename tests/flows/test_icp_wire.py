"""ICP over real wires: TLS to NSX, SOAP to VMware's simulator, SSH to the simulated hosts."""

import json
import os
import re
import signal
import threading
from pathlib import Path

import httpx
import pytest

from adapters.icp.installer import INSTALL
from adapters.icp.provider import MARK
from adapters.simulated.site import SimulatedSite
from tests.flows.wires import ADMIN, CANARY, Wires, served, simulated

BOOT = "icp-boot-1"
FIRST, LATER = "docker : docker login", "addon : Uploading helm charts"  # tasks of the installer

pytestmark = pytest.mark.timeout(240)


def nat_rule(nsx: httpx.Client) -> tuple[str, str]:
    """The address and the XML of the rule that lets the nodes out."""
    summaries = re.findall(r"<edgeSummary>.*?</edgeSummary>", nsx.get("/api/4.0/edges").text)
    edge = re.findall(r"edge-\d+", next(one for one in summaries if "<name>icp-esg</name>" in one))[0]
    where = f"/api/4.0/edges/{edge}/nat/config"
    rules = re.findall(r"<natRule>.*?</natRule>", nsx.get(where).text)
    rule = next(one for one in rules if "/snat-internet]" in one)
    return f"{where}/rules/{re.findall('<ruleId>([0-9]+)<', rule)[0]}", rule


def put(nsx: httpx.Client, where: str, rule: str) -> None:
    nsx.put(where, content=rule, headers={"Content-Type": "application/xml"}).raise_for_status()


def nothing_secret(wires: Wires) -> None:
    """Neither password is in the journal, in what was said, or in the overlay."""
    kept = [path.read_bytes() for path in wires.home.rglob("*") if path.is_file()]
    told = [text.encode() for text in (*wires.said, wires.overlay.read_text())]
    assert len(kept) > 1
    assert not [text for text in (*kept, *told) if CANARY.encode() in text or ADMIN.encode() in text]


def test_from_a_bare_site_to_icp_and_back(tmp_path: Path) -> None:
    with simulated(tmp_path / "site") as (wires, _):
        before = wires.dump()
        planned = wires.live("plan")
        applied = wires.live("apply")
        after = wires.live("plan", "--json")
        end = wires.dump()
        still = wires.drift()
        with wires.nsx() as nsx:
            where, rule = nat_rule(nsx)
            put(nsx, where, rule.replace("203.0.113.18", "203.0.113.20"))
            moved = wires.drift("--json")
            put(nsx, where, rule)
        undone = wires.hopbook("undo", wires.last_run())
        left = wires.dump()

    assert before["ssh"] == b""
    assert planned.status == 2, planned.err
    assert applied.status == 0, applied.err
    assert "traffic: 10 of 10 as promised" in applied.out
    assert after.status == 0, after.err
    assert after.document["changes"] == {}
    assert sorted(set(end["vcenter"]) - set(before["vcenter"])) == [
        BOOT, "icp-master-1", "icp-proxy-1", "icp-worker-1",
    ]  # fmt: skip
    assert end["ssh"] == b"SSH-2.0-"
    assert still.status == 0, still.out
    assert moved.status == 2
    (difference,) = moved.document["drift"]["differences"]
    assert (difference["key"], difference["field"]) == ("nsxv.nat-rule:icp-esg/snat-internet", "translated")
    assert undone.status == 0, undone.err
    assert left == before
    nothing_secret(wires)


class Installer:
    """Holds the installer before one of its tasks, and notes what it asks for."""

    def __init__(self, world: SimulatedSite) -> None:
        self.asked: list[str] = []
        self.there, self.go_on = threading.Event(), threading.Event()
        self.world = world
        world.machines.icp.waits = self.waits

    def waits(self, task: str) -> bool:
        self.asked.append(task)
        if task != LATER or self.go_on.is_set():
            return False
        self.there.set()
        return True

    @property
    def jobs(self) -> list[str]:
        """The installer's jobs on the boot node, those that were put aside among them."""
        return [job for job in self.world.machines.hosts.hosts[BOOT].jobs if job.startswith(INSTALL)]


def state_of(world: SimulatedSite) -> set[str]:
    """What NSX, the cluster and the hosts have in the end, as lines: a set shows where two differ.

    Without the note in the cluster folder: where nobody was left to write it, the job's description says it.
    """
    cluster, hosts = world.machines.icp.cluster, world.machines.hosts.hosts
    return {
        f"nsx {json.dumps(world.nsx.dump(), sort_keys=True)}",
        *(f"role {address} {sorted(roles)}" for address, roles in cluster.roles.items()),
        *(f"{name} up {host.up}" for name, host in hosts.items()),
        *(f"{name} listens {port}" for name, host in hosts.items() for port in host.listens),
        *(f"{name} package {package}" for name, host in hosts.items() for package in host.packages),
        *(
            f"{name} parameter {parameter}"
            for name, host in hosts.items()
            for parameter in host.parameters.items()
        ),
        *(
            f"{name} file {path}"
            for name, host in hosts.items()
            for path in host.files.nodes
            if not path.endswith(MARK)
        ),
        *(f"{name} job {job}" for name, host in hosts.items() for job in host.jobs),
    }


def test_an_apply_that_is_killed_while_the_installer_runs_finds_it_again(tmp_path: Path) -> None:
    with served(tmp_path / "whole") as (wires, world):
        assert wires.live("apply").status == 0
        end, machines = state_of(world), wires.dump()["vcenter"]
    with served(tmp_path / "cut") as (wires, world):
        installer = Installer(world)
        process = wires.start(*wires.words("apply"))
        reached = installer.there.wait(60)
        os.kill(process.pid, signal.SIGKILL)
        killed = wires.end(process)
        running = installer.jobs
        doubts = list(wires.state().doubts())
        installer.there.clear()
        process = wires.start("resume", wires.last_run())
        found = installer.there.wait(60)  # it looks at the job, which still runs
        installer.go_on.set()
        resumed = wires.end(process)
        after = wires.live("plan", "--json")
        assert reached, killed.err
        assert killed.status == -signal.SIGKILL
        assert running == [INSTALL]
        assert doubts
        assert found, resumed.err
        assert resumed.status == 0, resumed.err
        assert installer.jobs == [INSTALL]
        assert installer.asked.count(FIRST) == 1
        assert state_of(world) ^ end == set()
        assert wires.dump()["vcenter"] == machines
        assert after.document["changes"] == {}
        assert not list(wires.state().doubts())
        nothing_secret(wires)


def test_the_vcenter_ends_with_a_simulate_that_is_killed(tmp_path: Path) -> None:
    with simulated(tmp_path / "site") as (wires, process):
        with wires.vcenter() as vcenter:
            there = vcenter.get("/_control/machines").status_code
            process.kill()
            process.wait(20)
            assert process.stdout is not None
            process.stdout.read()  # to its end: nobody holds it any more
            with pytest.raises(httpx.TransportError):
                vcenter.get("/_control/machines")
        assert there == 200
