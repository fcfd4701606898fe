"""What is somebody else's stays theirs, unless it is taken over on purpose; then it is given back."""

from dataclasses import replace

import pytest
from hypothesis import given

from hopbook.engine.change import Action, project
from hopbook.errors import StepNotDone
from hopbook.resources.base import Key
from hopbook.testing import KINDS, Box, Peg, Rule
from tests.unit.engine.lab import Lab, step
from tests.unit.engine.worlds import SHELVES, Scene, few, scenes

BOX = Box(shelf="a", short="b", label="l")
PEG = Peg(shelf="a", short="p")


@few
@given(scene=scenes(faulty=False))
def test_nothing_of_others_is_touched_without_leave_and_nothing_is_doubled_with_it(scene: Scene) -> None:
    lab = scene.lab()
    lab.adopt = False
    runner, seen = lab.process("p"), lab.observe(*SHELVES)
    taken = [change for item in scene.steps for change in runner.plan(item, seen).adoptions]
    theirs = {thing.id: thing.resource for thing in lab.world.things if thing.resource.kind != "toy.knob"}

    if taken:
        with pytest.raises(StepNotDone, match=r"already there and not ours: .*; --adopt takes them over"):
            lab.run(scene.steps, "r")
    else:
        lab.run(scene.steps, "r")

    there = {thing.id: thing for thing in lab.world.things}
    assert {name: there[name].resource for name in theirs} == theirs
    assert not any(there[name].marked for name in theirs)

    lab.adopt = True
    lab.run(scene.steps, "r")
    there = {thing.id: thing for thing in lab.world.things}
    assert {change.adopts or change.key for change in taken} == {
        theirs[name].key for name in theirs if str(there[name].resource.key) in lab.state.owned
    }
    wanted = {resource.key for item in scene.steps for resource in item.resources}
    keys = [thing.resource.key for thing in lab.world.things]
    assert all(keys.count(key) == 1 for key in wanted)


def test_without_leave_nothing_at_all_is_touched() -> None:
    lab = Lab(adopt=False)
    lab.world.put(BOX)

    with pytest.raises(
        StepNotDone, match=r"already there and not ours: toy.box:a/b; --adopt takes them over"
    ):
        lab.run([step("s", PEG, BOX)])

    assert len(lab.world.things) == 1
    assert not lab.world.things[0].marked
    assert lab.state.changes == {}


def test_what_is_taken_over_is_given_back_when_it_is_not_wanted_any_more() -> None:
    lab = Lab()
    lab.world.put(replace(BOX, size=4, note="theirs"))
    lab.world.put(replace(PEG, size=4))
    lab.run([step("s", BOX, PEG)])
    assert [thing.resource.size for thing in lab.world.things if isinstance(thing.resource, Box | Peg)] == [
        0,
        0,
    ]
    lab.world.things[0].resource = replace(BOX, on=PEG.key)  # a field that we never set

    lab.run([step("s")])

    box, peg = lab.world.things
    assert (box.resource, box.marked) == (replace(BOX, short="#1", size=4, note="theirs", on=PEG.key), False)
    assert isinstance(peg.resource, Peg)
    assert peg.resource.size == 4
    assert lab.state.owned == {}


def test_what_somebody_deleted_and_we_made_anew_is_ours() -> None:
    lab = Lab()
    lab.world.put(replace(BOX, size=4))
    lab.run([step("s", BOX)])
    lab.world.things.clear()
    lab.run([step("s", BOX)])

    lab.run([step("s")])

    assert lab.world.things == []


def test_a_reference_to_what_is_taken_over_is_one_to_its_new_name() -> None:
    """Else the plan of the step behind would change what need not change."""
    lab = Lab()
    lab.world.put(BOX)
    lab.world.put(Peg(shelf="b", short="p", on=(Key("toy.box", "a/#1"),)))
    steps = [step("s", BOX), step("t", Peg(shelf="b", short="p", on=(BOX.key,)))]
    runner = lab.process("p")

    first = runner.plan(steps[0], lab.observe("a", "b"))

    (change,) = runner.plan(steps[1], project(lab.observe("a", "b"), first.changes, KINDS)).changes
    assert (change.action, change.fields) == (Action.ADOPT, ())


def test_what_the_system_made_is_not_taken_over() -> None:
    lab = Lab()
    lab.world.put(PEG)
    seen = lab.observe("a")
    items = {key: replace(item, system=True) for key, item in seen.items.items()}

    plan = lab.process("p").plan(step("s", PEG), replace(seen, items=items))

    assert plan.blocked == ("toy.peg:a/p: the system made it by itself",)


def test_of_two_that_match_the_one_evaluated_first_is_taken() -> None:
    lab = Lab()
    for act in ("deny", "allow"):
        lab.world.put(Rule(shelf="a", short="", match="m", act=act))

    lab.run([step("s", Rule(shelf="a", short="r", match="m"))])

    assert [(thing.id, thing.marked) for thing in lab.world.things] == [(1, True), (2, False)]
