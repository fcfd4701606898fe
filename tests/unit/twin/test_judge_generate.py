"""What the judge promises of itself: scenarios from a seed, faults that bite, text, shrinking, comparing."""

from collections import Counter
from dataclasses import replace

import pytest

from hopbook.network.firewall import Firewall
from hopbook.trace.agreement import of_model
from hopbook.trace.verdict import Verdict
from tests.twin.judge import faults
from tests.twin.judge.cases import read, written
from tests.twin.judge.edit import firewalls, swapped
from tests.twin.judge.generate import Scenario, scenario
from tests.twin.judge.mirror import Mirror
from tests.twin.judge.model import told
from tests.twin.judge.session import judge_all, judge_one
from tests.twin.judge.shrink import shrunk

NETWORKS = 40


def verdicts(wanted: Scenario) -> list[Verdict]:
    sent = [(item.packet, item.at) for item in wanted.probes]
    return [item.verdict for item in told(wanted.network, sent, wanted.knobs)]


def test_a_seed_gives_the_same_scenario_every_time() -> None:
    assert [written(scenario(seed)) for seed in range(5)] == [written(scenario(seed)) for seed in range(5)]
    assert written(scenario(1)) != written(scenario(2))


def test_networks_have_four_to_fourteen_nodes_and_most_have_a_fault() -> None:
    made = [scenario(seed) for seed in range(NETWORKS)]
    assert {4 <= len(item.network.nodes) <= 14 for item in made} == {True}
    assert all(item.probes for item in made)
    assert sum(bool(item.faults) for item in made) >= 0.4 * NETWORKS


def test_the_model_has_an_answer_to_every_packet() -> None:
    unknown = {Verdict.INSUFFICIENT, Verdict.MISMATCH}
    found = {seed: set(verdicts(scenario(seed))) & unknown for seed in range(NETWORKS)}
    assert not any(found.values())


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("missing route", Verdict.NO_ROUTE),
        ("deny rule", Verdict.DENIED),
        ("nothing listens", Verdict.REFUSED),
        ("unreachable next hop", Verdict.UNREACHABLE),
        ("PSK mismatch", Verdict.TUNNEL_DOWN),
        ("routing loop", Verdict.LOOP),
        ("link too small", Verdict.TOO_LARGE),
        ("underlay too small", Verdict.TOO_LARGE_SILENT),
        ("second way back", Verdict.ASYMMETRIC),
    ],
)
def test_each_fault_can_do_what_it_is_for(
    kind: str, expected: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in ("_GENERAL", "_SPECIAL"):
        monkeypatch.setattr(faults, table, {kind: faults.FAULTS[kind]})
    monkeypatch.setattr(faults, "_RARE", (kind, kind))
    found: Counter[Verdict] = Counter()
    for seed in range(150):
        made = scenario(seed)
        if kind in made.faults:
            found.update(verdicts(made))
        if found[expected]:
            break
    assert found[expected]


@pytest.mark.parametrize("seed", range(12))
def test_a_scenario_survives_its_text(seed: int) -> None:
    made = scenario(seed)
    again = read(written(made))
    assert written(again) == written(made)
    sent = [(item.packet, item.at) for item in made.probes]
    before, after = told(made.network, sent, made.knobs), told(again.network, sent, again.knobs)
    assert [of_model(item.worst) for item in before] == [of_model(item.worst) for item in after]


def test_the_judge_agrees_with_what_says_the_same() -> None:
    report = judge_all(range(15), Mirror, jobs=1)
    assert (report.networks, report.failed) == (15, [])


class Forgetful(Mirror):
    """A twin whose firewalls have their rules in the wrong order."""

    def build(self, network: object, knobs: object) -> None:
        super().build(reversed_rules(network), knobs)  # type: ignore[arg-type]


def reversed_rules(network: object) -> object:
    changed = [
        give(Firewall(firewall.rules[::-1], firewall.default, enabled=firewall.enabled))
        for node in network.nodes.values()  # type: ignore[attr-defined]
        for firewall, give in firewalls(node)
    ]
    return swapped(network, *changed)  # type: ignore[arg-type]


def test_a_firewall_in_the_wrong_order_is_found_and_made_small() -> None:
    report = judge_all(range(30), Forgetful)
    assert report.failed
    result = min(report.failed, key=lambda item: len(item.scenario.network.nodes))
    small = shrunk(result.scenario, lambda item: not judge_one(item, Forgetful()).agrees, tries=80)
    assert not judge_one(small, Forgetful()).agrees
    assert len(small.network.nodes) < len(result.scenario.network.nodes)
    assert len(small.probes) == 1


def test_another_knob_is_part_of_the_scenario() -> None:
    made = next(item for item in map(scenario, range(200)) if item.knobs)
    assert read(written(made)).knobs == made.knobs
    assert replace(made, knobs={}) != made
