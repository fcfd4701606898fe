"""A process may end anywhere: whoever goes on comes to the same end."""

from hypothesis import given
from hypothesis import strategies as st

from hopbook.engine.state import ChangeStatus
from tests.unit.engine.lab import Lab, completed, crashed
from tests.unit.engine.worlds import Scene, few, scenes

TRIES = 12  # a fault fails a step; each key has two at most


def uninterrupted(scene: Scene) -> Lab:
    lab = scene.lab()
    lab.run(scene.steps, "r", tries=TRIES)
    return lab


def assert_same_end(lab: Lab, wanted: Lab) -> None:
    assert lab.world.snapshot() == wanted.world.snapshot()
    assert list(lab.state.doubts()) == []
    assert lab.world.underway == []
    assert lab.world.violations == []
    assert completed(lab, "r")


@few
@given(scene=scenes(), cut=st.integers(0, 60))
def test_a_run_that_is_cut_anywhere_comes_to_the_same_end(scene: Scene, cut: int) -> None:
    lab = scene.lab()

    crashed(lab, cut, lambda: lab.run(scene.steps, "r", tries=TRIES))
    lab.run(scene.steps, "r", tries=TRIES)

    assert_same_end(lab, uninterrupted(scene))


@few
@given(scene=scenes(), cuts=st.lists(st.integers(0, 30), min_size=2, max_size=4))
def test_and_so_does_one_whose_resume_is_cut_too(scene: Scene, cuts: list[int]) -> None:
    lab = scene.lab()

    for cut in cuts:
        crashed(lab, cut, lambda: lab.run(scene.steps, "r", tries=TRIES))
    lab.run(scene.steps, "r", tries=TRIES)

    assert_same_end(lab, uninterrupted(scene))


@few
@given(scene=scenes())
def test_every_intent_has_an_outcome_and_no_object_is_made_twice(scene: Scene) -> None:
    lab = uninterrupted(scene)

    assert {change.status for change in lab.state.changes.values()} <= {
        ChangeStatus.APPLIED,
        ChangeStatus.REFUSED,
    }
    keys = [thing.resource.key for thing in lab.world.things]
    assert len(keys) == len(set(keys))
