"""The installer, and those who follow it: killed, cut off, gone and come back; it is started once."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.icp.installer import INSTALL
from adapters.journal import SqlJournal
from adapters.ssh.client import SshClient
from adapters.ssh.simulator import SimulatedHost
from adapters.vsphere.simulator import SimulatedVcenter
from hopbook.testing import CrashNow, Fuse
from tests.flows.install import BOOT, CANARY, PROXY, Place, changes, differences, place, small

SEED, SAMPLE = 4, 8


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place(tmp_path, monkeypatch, small())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """A site before an installation that nothing goes wrong in, and after it."""
    with pytest.MonkeyPatch.context() as patch:
        made = place(tmp_path_factory.mktemp("undisturbed"), patch, small())
        before = made.dump()
        made.apply("icp-install", small())
        return before, made.dump()


def while_it_runs(made: Place, act: Callable[[], object], looks: int) -> None:
    """Do something once, when the installer has been looked at so often."""
    left = iter(range(looks))

    def tick() -> None:
        host = made.hosts.get(BOOT)
        if host is not None and INSTALL in host.jobs and host.jobs[INSTALL].runs and next(left, None) is None:
            made.clock.act = lambda: None
            act()

    made.clock.act = tick


def started_once(made: Place) -> bool:
    (job,) = made.installer
    return job.log.count(b"PLAY [Check nodes]") == 1


def test_a_killed_installer_is_told_and_the_cluster_is_made_anew_after_a_removal(
    made: Place, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    before, end = undisturbed
    while_it_runs(made, lambda: SimulatedHost.kill_jobs(made.hosts[BOOT]), 10)

    stopped, said = made.fails("icp-install", small())
    with pytest.raises(Exception, match=r"uninstall, then install \(runbook icp-uninstall\)$"):
        made.resume()
    made.apply("icp-uninstall", small())
    removed = made.dump()
    made.apply("icp-install", small())

    assert stopped == "cluster"
    assert "the installer was killed at play" in said
    assert "uninstall, then install" in said
    assert CANARY not in said
    assert differences(removed, before) == []
    assert differences(made.dump(), end) == []


def test_a_connection_that_is_lost_while_it_runs_does_not_touch_it(
    made: Place, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    boot: list[Any] = []

    def back() -> None:
        boot[0].up = True

    def lose() -> None:
        boot.append(made.hosts[BOOT])
        boot[0].up = False
        made.clock.act = back

    while_it_runs(made, lose, 5)

    made.apply("icp-install", small())

    assert boot
    assert started_once(made)
    assert differences(made.dump(), undisturbed[1]) == []


def test_a_connection_that_stays_away_fails_the_run_and_the_next_one_finds_the_installer(
    made: Place, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    while_it_runs(made, lambda: setattr(made.hosts[BOOT], "up", False), 5)

    stopped, said = made.fails("icp-install", small())
    running = made.installer[0].runs
    made.hosts[BOOT].up = True
    made.resume()

    assert stopped == "cluster"
    assert f"{BOOT}: no connection" in said
    assert running
    assert started_once(made)
    assert differences(made.dump(), undisturbed[1]) == []


def test_a_clone_that_broke_off_half_way_is_finished(
    made: Place, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    made.arm(f"vsphere:500@/CloneVM_Task/{PROXY}")

    made.apply("icp-install", small())

    assert not made.world.faults.left()
    assert differences(made.dump(), undisturbed[1]) == []


# -- ended anywhere ---------------------------------------------------------------------------------


def wired(patch: pytest.MonkeyPatch, made: Place, fuse: Fuse) -> None:
    """A process can end before and after each append to the journal and each call that changes something."""

    def around(call: Callable[..., Any], counts: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            if not counts(*arguments):
                return call(*arguments, **named)
            fuse()
            result = call(*arguments, **named)
            fuse()
            return result

        return wrapped

    def changing(request: httpx.Request) -> bool:
        return request.method != "GET"

    patch.setattr(SqlJournal, "append", around(SqlJournal.append))
    patch.setattr(SimulatedVcenter, "_call", around(SimulatedVcenter._call))
    patch.setattr(SshClient, "run", around(SshClient.run, lambda _self, script, *_: script.changing))
    patch.setattr(made.world.nsx, "handle", around(made.world.nsx.handle, changing))


MANY = 10_000


def moments(folder: Path, runbooks: tuple[str, ...]) -> int:
    """At how many moments a process can end in the last of these runs."""
    with pytest.MonkeyPatch.context() as patch:
        made = place(folder, patch, small())
        for runbook in runbooks[:-1]:
            made.apply(runbook, small())
        fuse = Fuse(MANY)
        wired(patch, made, fuse)
        made.apply(runbooks[-1], small())
        assert fuse.left is not None
        return MANY - fuse.left


@pytest.fixture(scope="module")
def cuts(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """A sample of the moments of an installation, each from another part of it."""
    count = moments(tmp_path_factory.mktemp("counted"), ("icp-install",))
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose; it protects nothing
    part = count // SAMPLE
    return [chance.randrange(number * part, (number + 1) * part) for number in range(SAMPLE)]


def crash(made: Place, left: int, go: Callable[[], object]) -> bool:
    """Whether a process that ends after so many moments ends before it is done."""
    with pytest.MonkeyPatch.context() as patch:
        wired(patch, made, Fuse(left))
        try:
            go()
        except CrashNow:
            return True
    return False


@pytest.mark.parametrize("number", range(SAMPLE))
def test_a_process_that_ends_anywhere_is_resumed_to_the_same_end(
    made: Place, cuts: list[int], number: int, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    ended = crash(made, cuts[number], lambda: made.apply("icp-install", small()))

    if made.state().runs:
        made.resume()
    else:
        made.apply("icp-install", small())
    again = made.apply("icp-install", small())

    assert ended
    assert started_once(made)
    assert differences(made.dump(), undisturbed[1]) == []
    assert list(made.state().doubts()) == []
    assert changes(again) == []


def cut_in_the_installer(made: Place) -> None:
    def die() -> None:
        raise CrashNow

    while_it_runs(made, die, 6)
    with pytest.raises(CrashNow):
        made.apply("icp-install", small())


def test_a_process_that_ends_while_the_installer_runs_finds_it_again(
    made: Place, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    cut_in_the_installer(made)
    (job,) = made.installer
    running = job.runs

    made.resume()

    assert running
    assert made.installer == [job]
    assert started_once(made)
    assert differences(made.dump(), undisturbed[1]) == []


def test_a_removal_that_is_cut_is_resumed_and_leaves_nothing(
    made: Place, undisturbed: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    made.apply("icp-install", small())

    ended = [crash(made, 25, lambda: made.apply("icp-uninstall", small())), crash(made, 40, made.resume)]
    made.resume()

    assert ended == [True, True]
    assert differences(made.dump(), undisturbed[0]) == []
    assert made.state().owned == {}
