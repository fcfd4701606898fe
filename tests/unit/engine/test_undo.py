"""Undo gives the world back as it was, also when it is cut."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopbook.errors import NotUndoable
from hopbook.resources.base import Resource, SecretRef
from hopbook.testing import Box, Knob, Peg, Rule, Vault
from tests.unit.engine.lab import Lab, crashed, step
from tests.unit.engine.worlds import Scene, few, scenes

TRIES = 12


def contents(lab: Lab) -> list[str]:
    """All there is, without its order: a rule that we took over and moved is not moved back."""
    return sorted(map(str, lab.world.snapshot()))


def strangers(lab: Lab) -> list[Any]:
    return [thing for thing in lab.world.snapshot() if not thing[1]]


def ranked(scene: Scene) -> Scene:
    def rank(resource: Resource) -> Resource:
        return replace(resource, rank=int(resource.short[1:])) if isinstance(resource, Rule) else resource

    steps = (replace(item, resources=tuple(map(rank, item.resources))) for item in scene.steps)
    return replace(scene, steps=tuple(steps))


@few
@given(scene=scenes())
def test_undo_restores_the_world(scene: Scene) -> None:
    lab = scene.lab()
    before = contents(lab)
    run = lab.run(scene.steps, tries=TRIES)
    lab.world.faults = {key: list(faults) for key, faults in scene.faults.items()}

    lab.undo(run, tries=TRIES)

    assert contents(lab) == before
    assert lab.state.owned == {}
    assert list(lab.state.doubts()) == []
    assert lab.world.violations == []


@few
@given(scene=scenes(), cut=st.integers(0, 40), again=st.integers(0, 40))
def test_an_undo_that_is_cut_anywhere_restores_it_too(scene: Scene, cut: int, again: int) -> None:
    lab = scene.lab()
    before = contents(lab)
    run = lab.run(scene.steps, tries=TRIES)
    lab.world.faults = {key: list(faults) for key, faults in scene.faults.items()}

    for left in (cut, again):
        crashed(lab, left, lambda: lab.undo(run, tries=TRIES))
    lab.undo(run, tries=TRIES)

    assert contents(lab) == before
    assert list(lab.state.doubts()) == []
    assert lab.world.violations == []


@few
@given(scene=scenes(), cut=st.integers(0, 40))
def test_undo_of_a_run_that_was_cut_restores_it(scene: Scene, cut: int) -> None:
    lab = scene.lab()
    before = contents(lab)
    crashed(lab, cut, lambda: lab.run(scene.steps, "r", tries=TRIES))
    lab.world.faults.clear()

    if "r" in lab.state.runs:
        lab.undo("r")

    assert contents(lab) == before
    assert list(lab.state.doubts()) == []


@few
@given(first=scenes(faulty=False), second=scenes(faulty=False))
def test_undo_goes_back_to_what_the_run_before_had_made(first: Scene, second: Scene) -> None:
    """The second run wants other things in its steps: what the first made goes, and comes back.

    Both rank rules alike: what a changed rank moved is not moved back.
    """
    first, second = ranked(first), ranked(second)
    lab = first.lab()
    before = contents(lab)
    one = lab.run(first.steps)
    between, owned = lab.world.snapshot(), lab.state.owned
    two = lab.run(second.steps)

    lab.undo(two, "u-2")

    assert sorted(map(str, between)) == contents(lab)
    assert lab.state.owned == owned
    assert lab.drift(first.steps).differences == ()
    lab.undo(one, "u-1")
    assert contents(lab) == before
    assert lab.state.owned == {}


BOX = Box(shelf="a", short="box", label="l")
KNOB = Knob(shelf="a", short="k", level=1, mode="loud")


def lab_with(*there: Knob | Box | Peg | Rule) -> Lab:
    lab = Lab()
    lab.world.secrets = {SecretRef("env", "A"): "one", SecretRef("env", "B"): "two"}
    for resource in there:
        lab.world.put(resource)
    return lab


def test_what_somebody_changed_after_us_is_named_and_not_touched() -> None:
    lab = lab_with()
    run = lab.run([step("s", BOX, Peg(shelf="a", short="p"))])
    lab.world.things[0].resource = replace(BOX, size=2)
    before = lab.world.snapshot()

    with pytest.raises(NotUndoable, match=r"toy.box:a/box was changed after us: size is 2, our run left 0"):
        lab.undo(run)
    assert lab.world.snapshot() == before

    lab.undo(run, force=True)
    assert lab.world.things == []


def test_of_somebody_elses_object_only_our_fields_go_back() -> None:
    lab = lab_with(replace(BOX, note="theirs", size=7))
    run = lab.run([step("s", BOX)])
    assert lab.world.things[0].resource == BOX
    lab.world.things[0].resource = replace(BOX, on=BOX.key)

    lab.undo(run)

    assert lab.world.things[0].resource == replace(BOX, short="#1", note="theirs", size=7, on=BOX.key)
    assert not lab.world.things[0].marked


def test_a_later_run_on_the_same_object_has_to_be_undone_first() -> None:
    lab = lab_with()
    one = lab.run([step("s", BOX)])
    two = lab.run([step("s", replace(BOX, size=1))])

    with pytest.raises(NotUndoable, match=r"size is 1, our run left 0"):
        lab.undo(one, "u-1")

    lab.undo(two, "u-2")
    assert lab.state.owned["toy.box:a/box"].run == one
    lab.undo(one, "u-3")
    assert lab.state.owned == {}


def test_so_has_one_on_other_fields_of_an_object_that_we_took_over() -> None:
    lab = lab_with(replace(BOX, size=5))
    one = lab.run([step("s", BOX)])
    two = lab.run([step("s", replace(BOX, note="mine"))])

    with pytest.raises(NotUndoable, match=f"changed by run {two}"):
        lab.undo(one, "u-1")

    lab.undo(two, "u-2")
    lab.undo(one, "u-3")
    assert lab.world.things[0].resource == replace(BOX, short="#1", size=5)


def test_a_setting_that_a_later_run_changed_elsewhere_stays_that_runs() -> None:
    lab = lab_with(Knob(shelf="a", short="k"))
    one = lab.run([step("s", replace(KNOB, mode="auto"))])
    two = lab.run([step("t", KNOB)])

    lab.undo(one, "u-1")

    assert lab.world.things[0].resource == replace(KNOB, level=0)
    owned = lab.state.owned["toy.knob:a/k"]
    assert (owned.run, owned.document["fields"]["level"]) == (two, 0)
    lab.undo(two, "u-2")
    assert lab.world.things[0].resource == Knob(shelf="a", short="k")
    assert lab.state.owned == {}


def test_forcing_the_first_of_two_runs_leaves_nothing_of_the_second() -> None:
    lab = lab_with()
    one = lab.run([step("s", BOX)])
    two = lab.run([step("s", replace(BOX, size=1))])

    lab.undo(one, "u-1", force=True)
    lab.undo(two, "u-2")

    assert lab.world.things == []
    assert lab.state.owned == {}


def test_what_was_given_back_is_taken_over_again() -> None:
    lab = lab_with(replace(BOX, size=5))
    lab.run([step("s", BOX)])
    two = lab.run([step("s")])
    assert not lab.world.things[0].marked

    lab.undo(two)

    assert (lab.world.things[0].resource, lab.world.things[0].marked) == (BOX, True)


def test_a_rule_that_comes_back_stands_in_its_place() -> None:
    rules = [Rule(shelf="a", short=f"r{rank}", match=f"m{rank}", rank=rank) for rank in range(4)]
    lab = lab_with()
    lab.run([step("s", *rules)])
    before = lab.world.snapshot()
    two = lab.run([step("s", rules[0], rules[3])])

    lab.undo(two)

    assert lab.world.snapshot() == before


def test_one_that_is_taken_over_again_has_its_place_among_those_that_come_back() -> None:
    lab = lab_with(Rule(shelf="a", short="", match="m1"))
    rules = [Rule(shelf="a", short=f"r{rank}", match=f"m{rank}", rank=rank) for rank in range(3)]
    lab.run([step("s", *rules)])
    before = lab.world.snapshot()
    two = lab.run([step("s")])

    lab.undo(two)

    assert lab.world.snapshot() == before


def test_a_password_that_nobody_can_read_is_not_called_undone() -> None:
    vault = Vault(shelf="a", short="v", password=SecretRef("env", "A"))
    lab = lab_with()
    lab.run([step("s", vault)])
    lab.world.secrets[SecretRef("env", "A")] = "rotated"
    two = lab.run([step("s", vault)])

    with pytest.raises(NotUndoable, match="what password was before cannot be read"):
        lab.undo(two)


def test_a_password_from_elsewhere_goes_back() -> None:
    vault = Vault(shelf="a", short="v", password=SecretRef("env", "A"))
    lab = lab_with()
    lab.run([step("s", vault)])
    two = lab.run([step("s", replace(vault, password=SecretRef("env", "B")))])
    assert lab.world.things[0].secret == "two"

    lab.undo(two)

    assert lab.world.things[0].secret == "one"
    assert lab.drift([step("s", vault)]).differences == ()


def test_an_object_of_ours_that_is_gone_is_no_conflict() -> None:
    lab = lab_with()
    run = lab.run([step("s", BOX, Peg(shelf="a", short="p"))])
    lab.world.things.clear()

    lab.undo(run)

    assert lab.state.owned == {}


def test_a_step_of_a_kind_that_nothing_here_knows_is_not_undone() -> None:
    lab = lab_with()
    run = lab.run([step("s", BOX)])
    lab.kinds = {kind: trait for kind, trait in lab.kinds.items() if kind != BOX.kind}

    with pytest.raises(NotUndoable, match="nothing here knows things of this kind"):
        lab.undo(run)


def test_a_one_way_step_is_told_before_and_not_undone() -> None:
    lab = lab_with()
    lab.kinds = {**lab.kinds, BOX.kind: replace(lab.kinds[BOX.kind], irreversible="it is glued")}
    plan = lab.process("p").plan(step("s", BOX))
    assert plan.findings == ("toy.box:a/box: undo cannot take this back: it is glued",)
    run = lab.run([step("s", BOX)])

    with pytest.raises(NotUndoable, match="it is glued"):
        lab.undo(run)


def test_an_undo_is_settled_by_the_next_run_in_its_lane() -> None:
    lab = lab_with()
    run = lab.run([step("s", BOX)])
    for cut in range(3, 8):  # around the call
        crashed(lab, cut, lambda: lab.undo(run))

    lab.run([step("other", Peg(shelf="a", short="p"))])

    assert list(lab.state.doubts()) == []
    lab.undo(run)
    assert [thing.resource.kind for thing in lab.world.things] == ["toy.peg"]


def test_what_somebody_made_again_is_not_touched() -> None:
    peg = Peg(shelf="a", short="p")
    lab = lab_with()
    lab.run([step("s", peg)])
    two = lab.run([step("s")])
    lab.world.put(replace(peg, size=9))

    with pytest.raises(NotUndoable, match=r"toy.peg:a/p is there again, and our run deleted it"):
        lab.undo(two)


def test_what_has_lost_our_marker_is_not_touched() -> None:
    lab = lab_with(replace(BOX, size=5))
    run = lab.run([step("s", BOX)])
    thing = lab.world.things[0]
    thing.marked, thing.resource = False, replace(BOX, short="#1")

    with pytest.raises(NotUndoable, match=r"toy.box:a/box has lost our marker"):
        lab.undo(run)


def test_what_moved_to_a_later_step_is_taken_back_from_there_first() -> None:
    """The earlier step deleted it, so at first sight it is there again."""
    lab = lab_with()
    lab.run([step("s", BOX)])
    before = lab.world.snapshot()
    two = lab.run([step("s"), step("t", replace(BOX, size=1))])

    lab.undo(two)

    assert lab.world.snapshot() == before
