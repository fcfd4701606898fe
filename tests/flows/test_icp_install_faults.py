"""Bad input and faults of an installation: a run stops, says what to do, and is resumed to the same end.

One run each, by the whole flow, on a small cluster. What a system does with a fault its contract suite shows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.ssh.simulator.host import host_key
from tests.flows.install import (
    BOOT,
    CANARY,
    MASTER,
    PROXY,
    WORKER,
    Place,
    before,
    differences,
    machine,
    place,
    small,
)

Act = Callable[[Place], object]
CLUSTER = "/opt/ibm-cloud-private-3.1.0/cluster"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What goes wrong when a run comes to a step, what it says, and what mends it."""

    at: str
    broken: Act
    says: tuple[str, ...]
    mended: Act
    stops: str = ""  # where else than where it goes wrong


def rename(name: str, to: str) -> Act:
    return lambda place: setattr(machine(place, name), "name", to)


def of_host(name: str, attribute: str, value: object) -> Act:
    return lambda place: setattr(place.hosts[name], attribute, value)


def foreign(place: Place) -> None:
    place.world.machines.vcenter.state.add_vm("datacenter1", MASTER)


def unarmed(place: Place) -> None:
    place.arm()


def armed(*faults: str) -> Act:
    return lambda place: place.arm(*faults)


CASES = {
    "template missing": Case(
        at="machines",
        broken=rename("ubuntu-16.04", "old"),
        says=("there is no template ubuntu-16.04, only old", "name a template"),
        mended=rename("old", "ubuntu-16.04"),
    ),
    "datastore full": Case(
        at="machines",
        broken=armed(f"vsphere:507@/CloneVM_Task/{WORKER}"),
        says=(WORKER, "the datastore has no room", "free space on it"),
        mended=unarmed,
    ),
    "name taken": Case(
        at="machines",
        broken=foreign,
        says=(f"VM {MASTER}", "it is not ours: rename it or take it away"),
        mended=rename(MASTER, "jenkins"),
    ),
    "guest silent": Case(
        at="machines",
        broken=lambda place: place.world.machines.vcenter.silent.add(WORKER),
        says=(WORKER, "its guest does not have 192.168.20.51", "look at its console"),
        mended=lambda place: place.world.machines.vcenter.silent.clear(),
    ),
    "node unreachable": Case(
        at="examine",
        broken=of_host(WORKER, "up", False),
        says=(
            f"{WORKER}: no connection through {BOOT}",
            "does not get to 192.168.20.51:22",
            "is that machine on",
        ),
        mended=of_host(WORKER, "up", True),
    ),
    "wrong host key": Case(
        at="examine",
        broken=lambda place: place.world.machines.hosts.known.update({WORKER: host_key()}),
        says=(f"{WORKER}: it shows the host key", "replace the known key"),
        mended=lambda place: place.world.machines.hosts.known.clear(),
    ),
    "disk too small": Case(
        at="examine",
        broken=of_host(PROXY, "disks", {"/": (50_000_000, 40_000_000)}),
        says=(PROXY, "/ lies on 50 GB", "enlarge that disk to 150 GB"),
        mended=of_host(PROXY, "disks", {"/": (150 * 2**20, 140 * 2**20)}),
    ),
    "port in use": Case(
        at="examine",
        broken=lambda place: place.hosts[MASTER].listens.add(8443),
        says=("192.168.20.11", "something listens on TCP 8443", "stop it"),
        mended=lambda place: place.hosts[MASTER].listens.discard(8443),
    ),
    "clock off": Case(
        at="ready",
        broken=of_host(WORKER, "clock", 120.0),
        says=(f"{WORKER}: clock", "120 s ahead", "set it"),
        mended=of_host(WORKER, "clock", 0.0),
    ),
    "docker of another version": Case(
        at="ready",
        broken=lambda place: setattr(place.hosts[WORKER].docker, "version", "1.12.6"),
        says=(WORKER, "it runs Docker 1.12.6; remove it and install Docker 18.03.1"),
        mended=lambda place: setattr(place.hosts[WORKER].docker, "version", "18.03.1-ce"),
    ),
    "hosts with names": Case(
        at="cluster",
        broken=lambda place: place.hosts[BOOT].files.write(f"{CLUSTER}/hosts", "[master]\nicp-master-1\n"),
        says=("hosts:2: 'icp-master-1' is no IPv4 address", "addresses only, never names"),
        mended=lambda place: None,
    ),
    "installer exits 2": Case(
        at="cluster",
        broken=lambda place: place.world.machines.icp.fail_next("chart-upload"),
        says=("Uploading helm charts", "run the installer again"),
        mended=lambda place: None,
    ),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """How an installation ends that nothing goes wrong in."""
    with pytest.MonkeyPatch.context() as patch:
        made = place(tmp_path_factory.mktemp("undisturbed"), patch, small())
        made.apply("icp-install", small())
        return made.dump()


def without(dump: dict[str, Any], name: str) -> dict[str, Any]:
    machines = {key: value for key, value in dump["vcenter"]["machines"].items() if not key.endswith(name)}
    return {**dump, "vcenter": {**dump["vcenter"], "machines": machines}}


@pytest.mark.parametrize("name", CASES)
def test_a_run_stops_says_what_to_do_and_is_resumed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, Any]
) -> None:
    case = CASES[name]
    made = place(tmp_path, monkeypatch, small())

    stopped, said = made.fails("icp-install", small(), watch=before(case.at, lambda: case.broken(made)))
    case.mended(made)
    made.resume()

    assert stopped == (case.stops or case.at)
    assert [part for part in case.says if part not in said] == [], said
    assert CANARY not in said
    assert differences(without(made.dump(), "jenkins"), undisturbed) == []
    assert len([job for job in made.installer if job.status == 0]) == 1
