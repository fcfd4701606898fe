"""ICP is installed, changed, taken back and taken away, by whole runs on a simulated site."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adapters import wiring
from hopbook.errors import NotUndoable
from tasks.modes import Mode
from tests.flows.install import (
    BOOT,
    CANARY,
    EXAMPLE,
    MASTER,
    PROXY,
    WORKER,
    Place,
    changes,
    differences,
    machine,
    place,
    small,
)
from tests.flows.lab import Lab
from tests.flows.test_rehearsal import calls

WEB_TIER = {
    *("icp-node-to-registry", "icp-node-to-github", "icp-node-to-os-mirror", "icp-node-to-dns"),
    *("icp-node-to-ntp", "client-to-icp-master", "client-to-icp-proxy", "icp-node-to-published-master"),
    *("icp-node-to-published-proxy", "internet-to-icp-web"),
}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A site with room for a second worker."""
    return place(tmp_path, monkeypatch, small((51, 52)))


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> list[wiring.Systems]:
    """The systems of every rehearsal of the test."""
    kept: list[wiring.Systems] = []
    original = wiring.simulated

    def keep(*arguments: Any) -> wiring.Systems:
        kept.append(original(*arguments))
        return kept[-1]

    monkeypatch.setattr(wiring, "simulated", keep)
    return kept


QUESTIONS = {"facts", "ask", "read"}


def by_host(made: list[tuple[str, str]]) -> dict[str, tuple[list[str], Counter[str]]]:
    """What each host was told, in order, and how often it was asked.

    Hosts are asked side by side, and so are the cluster and its boot node: their questions come in any order.
    How often a job is read is how long it took.
    """
    found: dict[str, tuple[list[str], Counter[str]]] = {}
    for host, script in made:
        told, asked = found.setdefault(host, ([], Counter()))
        if script not in QUESTIONS:
            told.append(script)
        elif script != "read":
            asked[script] += 1
    return found


def by_machine(made: list[str]) -> dict[str, list[str]]:
    """What was asked about each thing of vCenter, in order."""
    found: dict[str, list[str]] = {}
    for call in made:
        found.setdefault(call.partition("/")[2], []).append(call)
    return found


# -- rehearsed and applied --------------------------------------------------------------------------


def test_the_example_is_rehearsed_to_the_traffic_of_its_web_tier(
    lab: Lab, worlds: list[wiring.Systems]
) -> None:
    ended = lab.hopbook("dry-run", "icp-install", "--site", "example", "--json")

    assert ended.status == 0, ended.err
    told = ended.document
    assert {step["status"] for step in told["steps"]} == {"completed"}
    assert {item["traffic"] for item in told["traffic"]} == WEB_TIER
    assert all(item["met"] for item in told["traffic"])
    (systems,) = worlds
    assert systems.world is not None
    cluster = systems.world.machines.icp.cluster
    assert EXAMPLE.icp is not None
    members = {each for role, some in EXAMPLE.icp.nodes.by_role().items() if role != "boot" for each in some}
    assert set(cluster.roles) == members
    assert CANARY not in ended.out


def test_the_calls_of_a_rehearsal_are_the_calls_of_an_apply_and_then_nothing_is_left(
    made: Place, worlds: list[wiring.Systems]
) -> None:
    made.apply("icp-install", small(), mode=Mode.DRY_RUN)
    made.apply("icp-install", small())
    rehearsed, applied = worlds[0].world, made.world
    assert rehearsed is not None
    asked = [
        (calls(world), by_machine(world.machines.vcenter.calls), by_host(world.machines.hosts.calls))
        for world in (rehearsed, applied)
    ]
    end = made.dump()
    planned = made.apply("icp-install", small(), mode=Mode.PLAN)
    again = made.apply("icp-install", small())

    assert asked[0] == asked[1]
    assert f"CloneVM_Task/{MASTER}" in applied.machines.vcenter.calls
    assert differences(rehearsed.machines.hosts.dump(), end["hosts"]) == []
    assert changes(planned) == changes(again) == []
    assert made.dump() == end


# -- back, and away ---------------------------------------------------------------------------------


def test_undo_leaves_everything_as_it_was_and_so_does_the_removal(made: Place) -> None:
    before = made.dump()
    made.apply("icp-install", small())
    end = made.dump()

    undone = made.undo(made.run().id)
    taken_back = made.dump()
    owned = dict(made.state().owned)
    made.apply("icp-install", small())
    anew = made.dump()
    made.apply("icp-uninstall", small())

    assert undone.status == "completed"
    assert differences(taken_back, before) == []
    assert owned == {}
    assert differences(anew, end) == []
    assert differences(made.dump(), before) == []
    assert made.state().owned == {}


def test_a_second_removal_finds_nothing_and_a_new_installation_all_of_it_to_do(made: Place) -> None:
    made.apply("icp-install", small())
    end = made.dump()
    made.apply("icp-uninstall", small())

    nothing = made.apply("icp-uninstall", small())
    made.apply("icp-install", small())

    assert [key for key in changes(nothing) if not key.startswith("icp.check:")] == []
    assert differences(made.dump(), end) == []


def foreign(made: Place) -> None:
    """Somebody puts a machine of theirs on the nodes' network."""
    vcenter = made.world.machines.vcenter
    nic = machine(made, MASTER).nics[0]
    vcenter.state.add_vm("datacenter1", "jenkins", nics=[nic], on=True)


def test_a_foreign_machine_on_the_overlay_stops_the_removal_by_its_name(made: Place) -> None:
    made.apply("icp-install", small())
    run = made.run().id
    foreign(made)
    before = made.dump()

    stopped, said = made.fails("icp-uninstall", small())
    with pytest.raises(NotUndoable, match="icp-nodes carries VM jenkins, which is not ours"):
        made.undo(run)

    assert stopped == "clear"
    assert "jenkins is on icp-nodes and not ours" in said
    assert differences(made.dump(), before) == []


# -- workers ----------------------------------------------------------------------------------------

SECOND = "icp-worker-2"
BOTH, REPLACED = small((51, 52)), small((51, 52), install__retire=["192.168.20.51"])


def members(made: Place) -> set[str]:
    return {str(address) for address in made.world.machines.icp.cluster.roles}


def test_a_worker_joins_and_the_one_that_it_replaces_leaves_for_good(made: Place) -> None:
    before = made.dump()
    made.apply("icp-install", small())
    idle = made.apply("icp-workers", small())

    made.apply("icp-workers", BOTH)
    joined = members(made)
    both = made.apply("icp-workers", BOTH)
    made.apply("icp-workers", REPLACED)
    left = members(made)
    again = made.apply("icp-workers", REPLACED), made.apply("icp-install", REPLACED)

    assert joined == {"192.168.20.11", "192.168.20.21", "192.168.20.51", "192.168.20.52"}
    assert left == {"192.168.20.11", "192.168.20.21", "192.168.20.52"}
    assert set(made.hosts) == {BOOT, MASTER, PROXY, SECOND}
    assert "192.168.20.51" not in made.hosts[MASTER].files.text("/etc/hosts")
    assert [key for key in made.state().owned if WORKER in key] == []
    assert [changes(report) for report in (idle, both, *again)] == [[], [], [], []]
    made.apply("icp-uninstall", REPLACED)
    assert differences(made.dump(), before) == []


def test_undo_of_a_change_of_workers_takes_the_new_one_away_again(made: Place) -> None:
    made.apply("icp-install", small())
    before = made.dump()
    made.apply("icp-workers", BOTH)

    made.undo(made.run().id)

    assert members(made) == {"192.168.20.11", "192.168.20.21", "192.168.20.51"}
    assert differences(made.dump(), before) == []
