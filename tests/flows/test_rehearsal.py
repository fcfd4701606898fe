"""A dry-run makes the calls of an apply, shows what a wrong order does, and knows the web proxy."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from adapters import wiring
from adapters.simulated.site import USERNAME, SimulatedSite
from hopbook.errors import VerdictNotMet
from hopbook.steps import icp
from tasks import files
from tasks.modes import Mode
from tasks.report import RunReport
from tasks.run import Invocation, Steps, invocation, run
from tests.flows.lab import Lab


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> list[wiring.Systems]:
    """The systems of every rehearsal of the test."""
    kept: list[wiring.Systems] = []
    original = wiring.simulated

    def keep(*arguments: object) -> wiring.Systems:
        kept.append(original(*arguments))  # type: ignore[arg-type]
        return kept[-1]

    monkeypatch.setattr(wiring, "simulated", keep)
    return kept


def calls(world: SimulatedSite) -> dict[str, list[tuple[str, str, bytes]]]:
    """What was asked of each edge and of the rest, in order; edges by name, since lanes run side by side."""
    manager = httpx.Client(
        transport=httpx.MockTransport(world.nsx.handle),
        base_url="https://nsx.simulated",
        auth=(USERNAME, world.password.reveal()),
    )
    asked = list(world.nsx.calls)
    names = re.findall(
        r"<edgeSummary><objectId>(edge-\d+)</objectId>.*?<name>([^<]+)</name>",
        manager.get("/api/4.0/edges").text,
    )
    found: dict[str, list[tuple[str, str, bytes]]] = {}
    for call in asked:
        target, body = call.target, call.body
        for identifier, name in names:
            target = re.sub(rf"{identifier}\b", name, target)
            body = body.replace(identifier.encode(), name.encode())
        made = re.findall(rb"<name>(icp-(?:esg|dlr))</name>", body)
        lane = next((name for _, name in names if name in target), made[0].decode() if made else "")
        found.setdefault(lane, []).append((call.method, target, body))
    return {lane: sorted(asked) if not lane else asked for lane, asked in found.items()}


def test_the_calls_of_a_dry_run_are_the_calls_of_an_apply(lab: Lab, worlds: list[wiring.Systems]) -> None:
    rehearsed = lab.hopbook("dry-run", "icp-network", "--site", "example")
    applied = lab.live("apply")

    assert rehearsed.status == applied.status == 0
    (systems,) = worlds
    assert systems.world is not None
    rehearsal, real = calls(systems.world), calls(lab.world)
    assert rehearsal == real
    assert sum(map(len, real.values())) > 20


def test_a_dry_run_leaves_no_journal(lab: Lab) -> None:
    lab.hopbook("dry-run", "icp-network", "--site", "example")

    assert not (lab.folder / "home").exists()


def test_a_fault_is_survived_or_named(lab: Lab) -> None:
    survived = lab.hopbook("dry-run", "icp-network", "--site", "example", "--fault", "nsxv:busy*3@egress")
    named = lab.hopbook("dry-run", "icp-network", "--site", "example", "--fault", "nsxv:400@egress")

    assert survived.status == 0
    assert named.status == 1
    assert "step egress" in named.err


def rehearse(order: Callable[[Steps], RunReport]) -> RunReport:
    """A rehearsal whose steps are taken in another order."""
    with invocation(Invocation()), run("icp-network", "example", Mode.DRY_RUN) as steps:
        return order(steps)


def test_published_but_not_admitted_ends_at_the_edges_default_rule() -> None:
    def order(steps: Steps) -> RunReport:
        for make in (
            icp.logical_switches,
            icp.edge_and_router,
            icp.internet,
            icp.dns_and_ntp,
            icp.cluster_addresses,
        ):
            steps.take(make)
        return steps.verify()

    with pytest.raises(VerdictNotMet) as caught:
        rehearse(order)

    assert "client-to-icp-master: icp-esg: firewall default rule for ingress traffic drops" in str(
        caught.value
    )
    assert "icp-node-to-registry" not in str(caught.value)


def test_admitted_but_not_published_ends_at_the_edge_itself() -> None:
    def order(steps: Steps) -> RunReport:
        for make in (icp.logical_switches, icp.edge_and_router, icp.admit_clients):
            steps.take(make)
        return steps.verify()

    with pytest.raises(VerdictNotMet) as caught:
        rehearse(order)

    assert "client-to-icp-master: icp-esg" in str(caught.value)


@pytest.fixture
def proxied(tmp_path: Path) -> str:
    """The example site with a web proxy instead of SNAT to the internet."""
    text = files.site_path("example").read_text()
    path = tmp_path / "proxied.yaml"
    path.write_text(text.replace("egress: snat", "egress: proxy\n  proxy: {address: 10.95.8.40, port: 3128}"))
    return str(path)


def test_a_web_proxy_instead_of_snat(lab: Lab, proxied: str) -> None:
    out = lab.hopbook("dry-run", "icp-network", "--site", proxied, "--json").document
    keys = {change["key"] for step in out["steps"] for change in step["changes"]}
    registry = [item for item in out["traffic"] if item["traffic"] == "icp-node-to-registry"]

    assert not any("snat-internet" in key for key in keys)
    assert "nsxv.firewall-rule:icp-esg/nodes-to-web-proxy" in keys
    assert registry
    assert all(item["met"] for item in registry)
    assert len(legs(registry[0])) == 2


def legs(verification: object) -> set[int]:
    """The legs of a verification's first trace."""
    found: set[int] = set()

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("leg"), int):
                found.add(value["leg"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(verification)
    return found


def test_the_example_is_traced_without_endpoints(lab: Lab) -> None:
    traced = lab.hopbook("trace", "example", "client-to-icp-master")

    assert traced.status == 0
    assert "dnat-master-8443" in traced.out or "dnat-master-8001" in traced.out
    assert "icp-node-to-registry" not in traced.out


def test_a_live_site_is_traced_as_it_is(lab: Lab) -> None:
    before = lab.hopbook("trace", "example", "--overlay", str(lab.overlay))
    lab.live("apply")
    after = lab.hopbook("trace", "example", "--overlay", str(lab.overlay))

    assert before.status == 1
    assert after.status == 0


def test_json_of_a_dry_run_is_one_document(lab: Lab) -> None:
    ended = lab.hopbook("dry-run", "icp-network", "--site", "example", "--json")

    assert ended.status == 0
    assert json.loads(ended.out)["status"] == "completed"


def test_json_of_a_failed_dry_run_is_one_document(lab: Lab) -> None:
    ended = lab.hopbook("dry-run", "icp-network", "--site", "example", "--fault", "nsxv:400@egress", "--json")

    assert ended.status == 1
    assert json.loads(ended.out)["status"] == "failed"
