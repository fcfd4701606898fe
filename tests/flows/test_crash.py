"""kill -9 of an apply, and answers that never came: resume ends as the uninterrupted run does."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from tests.flows.lab import Lab

WHEN = ("before", "after")


class Killer:
    """Kills a process at the n-th change that it asks for, before or after that takes effect."""

    def __init__(self, lab: Lab, at: int, when: str, number: int = signal.SIGKILL) -> None:
        self.lab, self.at, self.when, self.number = lab, at, when, number
        self.seen = 0
        self.process: subprocess.Popen[str] | None = None
        self._handle = lab.world.nsx.handle
        self._started = threading.Event()
        lab.world.nsx.handle = self.handle  # type: ignore[method-assign] # the test stands on the wire

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self._handle(request)
        self.seen += 1
        if self.seen != self.at:
            return self._handle(request)
        self._started.wait(10)
        response = self._handle(request) if self.when == "after" else None
        assert self.process is not None
        os.kill(self.process.pid, self.number)
        if self.number == signal.SIGKILL:
            self.process.wait(10)
        if response is None:
            raise httpx.ReadTimeout("the client was killed before its request was served", request=request)
        return response

    def run(self, *arguments: str) -> int:
        self.process = self.lab.process(*arguments)
        self._started.set()
        self.process.communicate(timeout=60)
        return self.process.returncode


def counted(lab: Lab) -> int:
    """How many changes an apply asks for."""
    return sum(call.method != "GET" for call in lab.world.nsx.calls)


def reference(make_lab: Callable[..., Lab]) -> tuple[dict[str, object], int]:
    lab = make_lab()
    assert lab.live("apply").status == 0
    end = lab.world.nsx.dump(), counted(lab)
    (lab.folder / "home" / "journal.db").unlink()
    for name in ("journal.db-wal", "journal.db-shm"):
        with suppress(FileNotFoundError):
            (lab.folder / "home" / name).unlink()
    return end


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_killed_at_a_change_and_resumed(make_lab: Callable[..., Lab], share: float, when: str) -> None:
    end, changes = reference(make_lab)
    lab = make_lab()
    killer = Killer(lab, 1 + round(share * (changes - 1)), when)

    status = killer.run("apply", "icp-network", "--site", "example", "--overlay", str(lab.overlay))
    resumed = lab.hopbook("resume", lab.last_run())

    assert status == -signal.SIGKILL
    assert resumed.status == 0, resumed.err
    assert lab.world.nsx.dump() == end
    assert not list(lab.state().doubts())


def test_ctrl_c_stops_at_the_next_safe_point(make_lab: Callable[..., Lab]) -> None:
    end, _ = reference(make_lab)
    lab = make_lab()
    killer = Killer(lab, 4, "after", signal.SIGINT)

    status = killer.run("apply", "icp-network", "--site", "example", "--overlay", str(lab.overlay))
    run = lab.state().runs[lab.last_run()]
    doubts = list(lab.state().doubts())
    resumed = lab.hopbook("resume", run.id)

    assert status == 1
    assert run.status == "interrupted"
    assert not doubts
    assert resumed.status == 0, resumed.err
    assert lab.world.nsx.dump() == end


def test_killed_undo_is_resumed(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    before = lab.world.nsx.dump()
    lab.live("apply")
    run = lab.last_run()
    killer = Killer(lab, 5, "after")

    status = killer.run("undo", run)
    resumed = lab.hopbook("resume", lab.last_run("undo"))

    assert status == -signal.SIGKILL
    assert resumed.status == 0, resumed.err
    assert lab.world.nsx.dump() == before


@pytest.mark.parametrize(
    "fault",
    [
        "nsxv:lost@/virtualwires",
        "nsxv:lost@/api/4.0/edges",
        "nsxv:lost@/nat/config/rules",
        "nsxv:late@/nat/config/rules",
        "nsxv:late@/firewall/config/rules",
        "nsxv:timeout@/nat/config/rules",
    ],
)
def test_an_answer_that_never_came_is_settled_by_reading(make_lab: Callable[..., Lab], fault: str) -> None:
    end, _ = reference(make_lab)
    lab = make_lab(fault)

    applied = lab.live("apply")

    assert applied.status == 0, applied.err
    assert lab.world.nsx.dump() == end
    assert not list(lab.state().doubts())
    assert any(change.settled for change in lab.state().changes.values())


def test_killed_with_a_change_under_way_that_takes_effect_only_after_the_resume_began(
    make_lab: Callable[..., Lab],
) -> None:
    end, _ = reference(make_lab)
    lab = make_lab("nsxv:late@/nat/config/rules")
    original = lab.world.nsx.handle
    lab.world.nsx.handle = _killing(lab)  # type: ignore[method-assign,assignment] # it stands on the wire
    process = lab.process("apply", "icp-network", "--site", "example", "--overlay", str(lab.overlay))
    PROCESSES[id(lab)] = process
    process.communicate(timeout=60)
    lab.world.nsx.handle = original  # type: ignore[method-assign] # as it was
    missing_before = "snat-internet" not in lab.call("GET", "/api/4.0/edges/jobs?status=all").text

    resumed = lab.hopbook("resume", lab.last_run())

    assert process.returncode == -signal.SIGKILL
    assert missing_before
    assert resumed.status == 0, resumed.err
    assert lab.world.nsx.dump() == end


PROCESSES: dict[int, "subprocess.Popen[str]"] = {}


def _killing(lab: Lab) -> Callable[[httpx.Request], httpx.Response]:
    """Kill the client as soon as its NAT rules were taken and their answer lost."""
    original = lab.world.nsx.handle

    def handle(request: httpx.Request) -> httpx.Response:
        try:
            return original(request)
        except httpx.ReadTimeout:
            process = PROCESSES[id(lab)]
            os.kill(process.pid, signal.SIGKILL)
            process.wait(10)
            raise

    return handle
