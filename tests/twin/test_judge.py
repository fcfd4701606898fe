"""A hundred random networks: the model and real packets say the same of each.

The networks follow from one seed, which a failure prints; `HOPBOOK_JUDGE_SEED` gives another one. More of
them, and how to make a disagreement small: `python -m tests.twin.judge.run --help`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.twin.twin import Twin
from hopbook.network import firewall, nat
from hopbook.trace import kube, process
from hopbook.trace.agreement import of_model
from tests.twin.judge.cases import load
from tests.twin.judge.generate import Scenario, scenario
from tests.twin.judge.model import told
from tests.twin.judge.session import judge_all, judge_one

SEED = int(os.environ.get("HOPBOOK_JUDGE_SEED", "20000"))
NETWORKS = 100
FAULTY = 0.4
JOBS = 2
CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))

pytestmark = pytest.mark.timeout(300)  # by the wall, on a busy machine


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    with Twin() as opened:
        yield opened


def test_model_and_twin_agree_on_a_hundred_random_networks() -> None:
    report = judge_all(range(SEED, SEED + NETWORKS), Twin, JOBS)
    print("\n".join(report.lines()))  # noqa: T201  pytest shows it when something is wrong
    assert report.networks == NETWORKS
    assert report.faulty >= FAULTY * NETWORKS
    assert not report.failed, f"seed {SEED}\n" + "\n\n".join(str(item) for item in report.failed)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_what_once_disagreed_agrees(path: Path, twin: Twin) -> None:
    result = judge_one(load(path), twin)
    assert result.agrees, str(result)


def last(mask: int) -> int:
    """The last rule, not the first one."""
    return mask.bit_length() - 1


def trusts(*_: Any) -> bool:
    """No reverse path filter."""
    return False


def shows(*_: Any) -> None:
    """No masquerade."""


BUGS: dict[str, list[tuple[Any, str, Callable[..., Any]]]] = {
    "the last firewall rule wins": [(firewall, "lowest", last)],
    "the last NAT rule wins": [(nat, "lowest", last)],
    "no reverse path filter": [(process, "suspects", trusts)],
    "no masquerade": [(kube, "_masquerade", shows)],
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_the_model_is_found(bug: str, twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a hundred networks; those of which the bug changes nothing need no twin."""
    for made in map(scenario, range(SEED, SEED + NETWORKS)):
        right = said(made)
        with monkeypatch.context() as patch:
            for module, name, wrong in BUGS[bug]:
                patch.setattr(module, name, wrong)
            if said(made) != right and not judge_one(made, twin).agrees:
                return
    pytest.fail(f"nobody noticed: {bug}")


def said(made: Scenario) -> list[object]:
    traces = told(made.network, [(probe.packet, probe.at) for probe in made.probes], made.knobs)
    return [[of_model(path) for path in trace.paths] for trace in traces]
