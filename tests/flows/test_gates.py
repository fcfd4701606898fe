"""Runs that wait for somebody outside, as a person at the command line has them."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from adapters import wiring
from adapters.simulated.site import SimulatedSite
from tasks import files
from tasks.verification import given
from tests.flows import gated
from tests.flows.lab import Ended, Lab
from tests.flows.test_crash import Killer

ANSWER = ("--gate", "bcr-peering", "--by", "ibm", "--evidence", "mail 7", "--ticket", "CS1")


@pytest.fixture
def lab(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A site, and a command line that knows the runbook."""
    monkeypatch.setattr(files, "RUNBOOKS", gated.RUNBOOKS)
    monkeypatch.setitem(sys.modules, "flows.gated", gated)
    lab.program = "tests.flows.gated"
    return lab


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> list[SimulatedSite]:
    """The simulated site of every rehearsal of the test."""
    kept: list[SimulatedSite] = []
    original = wiring.simulated

    def keep(*arguments: object) -> wiring.Systems:
        systems = original(*arguments)  # type: ignore[arg-type]
        assert systems.world is not None
        kept.append(systems.world)
        return systems

    monkeypatch.setattr(wiring, "simulated", keep)
    return kept


def live(lab: Lab, command: str, *options: str) -> Ended:
    return lab.hopbook(command, "gated", "--site", lab.site, "--overlay", str(lab.overlay), *options)


def waiting(lab: Lab) -> str:
    assert live(lab, "apply").status == 4
    return lab.last_run()


def test_an_apply_waits_and_an_approval_lets_it_go_on_in_a_new_process(lab: Lab) -> None:
    asked = live(lab, "apply", "--set", "cluster=iks-a")
    run = lab.last_run()
    other = live(lab, "apply")
    listed = lab.hopbook("runs").out
    shown = lab.hopbook("show", run).out
    approved = lab.hopbook("approve", run, "--answer", "approve", *ANSWER)
    resumed = lab.process("resume", run)
    _, trouble = resumed.communicate(timeout=60)
    after = live(lab, "plan")

    assert asked.status == 4
    assert "waiting: run r-" in asked.err
    assert "Please peer with the workers of iks-a." in asked.err
    assert f"hopbook approve {run} --gate bcr-peering --answer approve|refuse --by ibm" in asked.err
    assert other.status == 4
    assert f"run {run} of gated cluster=iks-a waits" in other.err
    assert re.search(rf"{run} +example +gated cluster=iks-a +apply +waiting .*gate bcr-peering is", listed)
    assert "    Their AS is 64512." in shown
    assert "to be answered by ibm" in shown
    assert approved.status == 0, approved.err
    assert "approved by ibm (as " in approved.out
    assert "not signed" in approved.out
    assert resumed.returncode == 0, trouble
    assert "approved by ibm" in lab.hopbook("show", run).out
    assert after.status == 0, after.out


def test_a_refusal_brings_back_the_state_from_before(lab: Lab) -> None:
    before = lab.world.nsx.dump()
    run = waiting(lab)
    assert lab.world.nsx.dump() != before

    refused = lab.hopbook("approve", run, "--answer", "refuse", *ANSWER, "--note", "no capacity")
    ended = lab.hopbook("resume", run)

    assert refused.status == 0
    assert ended.status == 1
    assert "no capacity" in ended.err
    assert lab.world.nsx.dump() == before
    shown = lab.hopbook("show", run, "--json").document
    assert shown["status"] == "failed"
    assert (shown["gates"][0]["answer"], shown["gates"][0]["signed"]) == ("refuse", False)
    assert shown["parameters"] == {"cluster": "iks-a"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_a_refused_run_is_taken_back(lab: Lab, when: str) -> None:
    before = lab.world.nsx.dump()
    run = waiting(lab)
    lab.hopbook("approve", run, "--answer", "refuse", *ANSWER)
    killer = Killer(lab, 1, when)

    status = killer.run("resume", run)
    ended = lab.hopbook("resume", run)

    assert status == -signal.SIGKILL
    assert ended.status == 1
    assert "refused by ibm" in ended.err
    assert lab.world.nsx.dump() == before
    assert [item.status for item in lab.state().runs.values()] == ["failed", "completed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gate", "nothing"), "has no gate 'nothing'"),
        (("--by", "kim"), "gate bcr-peering is answered by ibm, not by 'kim'"),
        (("--answer", "perhaps"), "perhaps"),
    ],
)
def test_a_wrong_answer(lab: Lab, arguments: tuple[str, ...], message: str) -> None:
    run = waiting(lab)

    ended = lab.hopbook("approve", run, *arguments)

    assert ended.status == 3
    assert message in ended.err + ended.out


def test_a_plan_says_that_somebody_has_to_approve(lab: Lab) -> None:
    planned = live(lab, "plan")

    assert planned.status == 2
    assert "gate bcr-peering: to be asked for; planned as if it were approved" in planned.out
    assert "Deploy the overlay's own ESG and DLR" in planned.out


@pytest.mark.parametrize(
    ("answer", "status", "words", "peers"),
    [
        ("approve", 0, "the rehearsal answers: approve", True),
        ("refuse", 1, "the rehearsal answers: refuse", False),
        ("late", 0, "nothing for 14 days, and the run goes on waiting; then approve", True),
    ],
)
def test_a_rehearsal_answers_by_itself(
    lab: Lab, worlds: list[SimulatedSite], answer: str, status: int, words: str, *, peers: bool
) -> None:
    untouched = SimulatedSite(lab.world.site, given=given(lab.world.site, icp=False)).nsx.dump()

    ended = lab.hopbook("dry-run", "gated", "--site", lab.site, "--answer", answer)
    (world,) = worlds

    assert ended.status == status, ended.err
    assert words in ended.out
    assert (world.network().nodes["BCR"].speaker is not None) is peers
    assert (world.nsx.dump() == untouched) is not peers


UNDER_PREFECT = """
import json, sys
from prefect.testing.utilities import prefect_test_harness
from prefect.client.orchestration import get_client
import logging; logging.disable(logging.CRITICAL)
with prefect_test_harness(server_startup_timeout=90):
    from tasks import files
    from tasks.modes import Mode
    from tasks.run import Invocation, invocation
    from tests.flows import gated
    files.RUNBOOKS = gated.RUNBOOKS
    with invocation(Invocation(overlay=sys.argv[1])):
        gated.gated("example", Mode.APPLY, return_state=True)
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
    print(json.dumps([str(run.id), run.state.type.value, run.state.name, run.state.message]))
"""


@pytest.mark.timeout(300)
def test_under_prefect_it_ends_in_a_state_that_says_what_is_asked_for(lab: Lab) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNDER_PREFECT, str(lab.overlay)],
        cwd=files.ROOT,
        env=os.environ | {"PYTHONPATH": str(files.ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    run, kind, name, message = json.loads(done.stdout.splitlines()[-1])
    assert (kind, name) == ("FAILED", "Waiting")
    assert "Please peer with the workers of iks-a." in message
    assert lab.state().runs[run].status == "waiting"
