"""The ways to join an IKS cluster, on a site whose edge and cluster are somebody else's: there and back."""

from pathlib import Path

import pytest

from adapters import wiring
from commands.app import run as command
from hopbook.errors import VerdictNotMet
from hopbook.site.model import Join
from hopbook.steps import iks, iks_vlan
from hopbook.steps.iks_ground import ground
from tasks.modes import Mode
from tasks.run import Invocation, Steps, invocation, run
from tests.flows.iks_lab import Lab, site_file

WAYS = {
    "vlan-bgp": ("iks-vlan-bgp", "how: vlan-bgp", ()),
    "vlan-bgp by a VRA": ("iks-vlan-bgp", "how: vlan-bgp\n      next_hop: vra\n      vra: 10.95.60.10", ()),
    "static-routes": ("iks-static-nat", "how: static-routes", ()),
    "static-dnat": (
        "iks-static-nat",
        "how: static-dnat\n      published: [{workload: orders, address: 10.95.40.81}]",
        ("--adopt",),
    ),
    "bcr-bgp": ("iks-bcr-bgp", "how: bcr-bgp\n      bcr: {asn: 64999}", ()),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_dry_run_ends_with_its_traffic_met(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runbook, join, options = WAYS[way]
    status = command(["dry-run", runbook, "--site", site_file(tmp_path, join), *options])
    told = capsys.readouterr()
    assert status == 0, told.err
    assert "traffic: 2 of 2 as promised" in told.out


@pytest.fixture
def lab(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Lab:
    monkeypatch.setenv("HOPBOOK_HOME", str(tmp_path / "home"))
    found = Lab(site_file(tmp_path, WAYS[request.param][1]), capsys.readouterr)
    monkeypatch.setattr(wiring, "real", found.real)
    return found


@pytest.mark.parametrize(("lab", "way"), [(way, way) for way in WAYS], indirect=["lab"])
def test_applied_it_plans_clean_and_undone_it_is_as_before(lab: Lab, way: str) -> None:
    runbook, _, options = WAYS[way]
    before = lab.state()
    status, told = lab.hopbook("apply", runbook, "--site", lab.path, *options)
    if way == "bcr-bgp":
        assert status == 4
        assert lab.state() == before  # nothing is touched before IBM agreed
        name = lab.last_run()
        said = ("--gate", "bcr-peering", "--answer", "approve", "--evidence", "a mail", "--ticket", "CS1")
        status, told = lab.hopbook("approve", name, *said)
        assert status == 0, told
        status, told = lab.hopbook("resume", name)
    assert status in {0, 1}, told  # who runs where is not known without a vCenter
    assert "step" not in told.partition("error:")[2], told
    assert lab.state() != before
    assert lab.hopbook("plan", runbook, "--site", lab.path)[0] == 0
    status, told = lab.hopbook("undo", lab.last_run())
    assert status == 0, told
    assert lab.state() == before


def test_without_a_way_to_the_edge_the_sessions_are_up_and_the_trace_ends_at_the_bcr() -> None:
    with (
        pytest.raises(VerdictNotMet) as caught,
        invocation(Invocation()),
        run("iks-vlan-bgp", "example", Mode.DRY_RUN, parameters={"cluster": ""}) as steps,
    ):
        _all_but_the_way(steps)
    assert "BCR" in str(caught.value)
    assert "no route" in str(caught.value)


def _all_but_the_way(steps: Steps) -> None:
    g = ground(steps.site, "", "iks-vlan-bgp", [Join.VLAN_BGP], steps.look)
    for make in (
        iks_vlan.edge_bgp,
        iks_vlan.admit_bgp,
        iks_vlan.peer,
        iks.admit_workers,
        iks_vlan.sessions,
        iks_vlan.tell,
    ):
        steps.take(make(g))
    steps.verify()
