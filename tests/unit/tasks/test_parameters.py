"""What tells two uses of a runbook on one site apart."""

from collections.abc import Callable

import pytest

from hopbook.engine.plan import Step
from hopbook.errors import InputsChanged, InvalidInput
from hopbook.runbook import Runbook, parameters_of, read_runbook, settings
from hopbook.site.model import Site
from hopbook.testing import Box
from tasks import orchestrator
from tasks.modes import Mode
from tasks.run import Steps, read_site
from tests.unit.tasks.conftest import RUNBOOK, House

BOOK = read_runbook(RUNBOOK, "toys.yaml")
SITE = read_site("example", None, (), "toys")
TWO = SITE.model_copy(update={"iks": (*SITE.iks, SITE.iks[0].model_copy(update={"name": "iks-b"}))})
NONE = SITE.model_copy(update={"iks": ()})


def boxes(steps: Steps) -> None:
    """The cluster's own box, in a step of a name that every cluster's has."""
    name = steps.parameters["cluster"]
    steps.take(Step("boxes", "Boxes", "S1", (Box(shelf="a", short=name, label=name),)))


@pytest.fixture
def in_two(house: House) -> Callable[..., object]:
    """Run for a cluster of a site that has two."""

    def go(cluster: str, mode: Mode = Mode.APPLY) -> object:
        called = house.invocation(site=TWO)
        return house.run(boxes, mode, called=called, parameters={"cluster": cluster}).document()

    return go


def test_one_cluster_s_objects_are_not_the_other_s_leftovers(
    house: House, in_two: Callable[..., object]
) -> None:
    in_two("iks-a")
    in_two("iks-b")

    assert [thing.resource.short for thing in house.world.things] == ["iks-a", "iks-b"]
    assert [run.instance for run in house.state.runs.values()] == ["toys cluster=iks-a", "toys cluster=iks-b"]
    assert house.last.started.parameters == {"cluster": "iks-b"}


def test_a_plan_s_digest_is_of_its_parameters(house: House, in_two: Callable[..., object]) -> None:
    house.world.put(Box(shelf="a", short="iks-a", label="iks-a"), marked=True)
    house.world.put(Box(shelf="a", short="iks-b", label="iks-b"), marked=True)
    one, other = in_two("iks-a", Mode.PLAN), in_two("iks-b", Mode.PLAN)

    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert one["changes"] == other["changes"] == {}
    assert one["digest"] != other["digest"]


def test_a_flow_run_that_prefect_begins_again_has_the_parameters_that_it_began_with(
    in_two: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrator, "flow_run_id", lambda: "one-and-the-same")
    in_two("iks-a")

    with pytest.raises(InputsChanged, match="has changed since"):
        in_two("iks-b")


@pytest.mark.parametrize("given", [{}, {"cluster": ""}, {"cluster": "iks-a"}])
def test_the_only_one_is_the_default(given: dict[str, str]) -> None:
    assert parameters_of(BOOK, given, SITE) == {"cluster": "iks-a"}


def test_a_default_that_is_written_counts() -> None:
    text = RUNBOOK.replace("of: iks", "default: small")
    assert parameters_of(read_runbook(text, "toys.yaml"), {}, SITE) == {"cluster": "small"}


NEEDS = "runbook toys needs its parameter cluster (the cluster); site example has"


@pytest.mark.parametrize(
    ("given", "site", "message"),
    [
        (
            {"clster": "iks-a"},
            SITE,
            "runbook toys has no parameter 'clster' – did you mean `cluster`?; it has cluster",
        ),
        ({}, TWO, f"{NEEDS} iks-a, iks-b; say which: --set cluster=NAME"),
        ({}, NONE, f"{NEEDS} none; say which: --set cluster=NAME"),
        (
            {"cluster": "iks-c"},
            TWO,
            "cluster=iks-c: there is no such item in `iks`; site example has iks-a, iks-b",
        ),
    ],
)
def test_what_is_wrong_is_said_once_and_plainly(given: dict[str, str], site: Site, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parameters_of(BOOK, given, site)

    assert str(caught.value) == message
    assert caught.value.exit_status == 3


def test_a_wrong_one_touches_nothing(house: House) -> None:
    with pytest.raises(InvalidInput):
        house.run(boxes, parameters={"cluster": "nowhere"})

    assert not house.home.exists()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["cluster"], "--set cluster: expected KEY=VALUE, as cluster=iks-a"),
        (["cluster="], "--set cluster=: expected KEY=VALUE, as cluster=iks-a"),
        (["=iks-a"], "--set =iks-a: expected KEY=VALUE, as cluster=iks-a"),
        (["cluster=a", "cluster=b"], "--set cluster=b: cluster is set twice, to a and to b"),
    ],
)
def test_a_setting_that_is_none(texts: list[str], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings(texts)

    assert str(caught.value) == message


def test_settings_are_read() -> None:
    assert settings(["cluster=iks-a", "note = a=b"]) == {"cluster": "iks-a", "note": "a=b"}


def test_a_runbook_without_parameters_takes_none() -> None:
    book: Runbook = read_runbook(RUNBOOK.partition("parameters:")[0], "toys.yaml")

    assert parameters_of(book, {}, SITE) == {}
    with pytest.raises(InvalidInput, match="it has none"):
        parameters_of(book, {"cluster": "iks-a"}, SITE)
