"""The same flow under Prefect's server and without: the same journal, and one task run a step."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from hopbook.engine.events import canonical, to_wire
from tasks import files
from tests.flows.lab import Lab

UNDER_PREFECT = """
import json, sys
from prefect.testing.utilities import prefect_test_harness
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter
import logging; logging.disable(logging.CRITICAL)
with prefect_test_harness(server_startup_timeout=90):
    from flows.catalogue import flow_of
    from tasks.modes import Mode
    from tasks.run import Invocation, invocation
    with invocation(Invocation(overlay=sys.argv[1])):
        report = flow_of("icp-network")("example", Mode.APPLY)
    with get_client(sync_client=True) as client:
        flows, tasks, artifacts = client.read_flow_runs(), client.read_task_runs(), client.read_artifacts()
    print(json.dumps({
        "status": report.status,
        "run": report.run,
        "flows": [
            [str(run.id), run.name, run.state_name, json.dumps(run.parameters, default=str)] for run in flows
        ],
        "tasks": [
            [run.name, run.state_name] for run in sorted(tasks, key=lambda run: run.expected_start_time)
        ],
        "artifacts": [artifact.data for artifact in artifacts],
    }))
"""


def under_prefect(lab: Lab) -> Any:
    """An apply as a Prefect flow against a server of its own; what the server knows afterwards."""
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
    return json.loads(done.stdout.splitlines()[-1])


def facts(lab: Lab) -> list[tuple[str, str]]:
    """The journal's events without what differs from run to run: ids, and the order of lanes."""
    own = {"change", "site_document", "inputs"}
    wires = [(event.kind, to_wire(event)) for event in lab.events()]
    return sorted((kind, canonical({k: v for k, v in wire.items() if k not in own})) for kind, wire in wires)


@pytest.mark.timeout(300)
def test_the_same_flow_under_prefect_leaves_the_same_journal(make_lab: Any) -> None:
    lab = make_lab()
    known = under_prefect(lab)
    under = facts(lab)
    end = lab.world.nsx.dump()
    runs = list(lab.state().runs)
    (files.home() / "journal.db").unlink()

    other = make_lab()
    assert other.live("apply").status == 0

    assert facts(other) == under
    assert other.world.nsx.dump() == end
    ((flow_run, name, state, parameters),) = known["flows"]
    assert (name, state) == ("ICP network on example, apply", "Completed")
    assert runs == [flow_run]
    assert [title for title, _ in known["tasks"]] == [
        "Lay the VXLANs of the overlay",
        "Deploy the overlay's own ESG and DLR",
        "Let the nodes out to the internet by SNAT",
        "Reach DNS and NTP by the private network",
        "Publish the master's and the proxy's addresses",
        "Let the clients of the published addresses in",
        "Follow the promised traffic",
    ]
    assert {state for _, state in known["tasks"]} == {"Completed"}
    assert any("10 of 10 traffics as promised" in artifact for artifact in known["artifacts"])
    assert "canary" not in json.dumps(known) + parameters
