"""What can be made side by side, and what has to wait."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from hopbook.engine.change import Action, Change
from hopbook.engine.waves import waves
from hopbook.errors import StepNotDone
from hopbook.resources.base import Key, Later
from hopbook.testing import KINDS, Box, Peg, Toy, Wire
from tests.unit.engine.lab import Lab, step
from tests.unit.engine.worlds import SHELVES, Scene, few, scenes


def peg(name: str, *on: str) -> Peg:
    shelf, _, short = name.partition("/")
    return Peg(shelf=shelf, short=short, on=tuple(Key("toy.peg", other) for other in on))


def create(resource: Toy) -> Change:
    return Change(action=Action.CREATE, key=resource.key, after=resource)


def update(before: Toy, after: Toy) -> Change:
    return Change(action=Action.UPDATE, key=after.key, before=before, after=after)


def delete(resource: Toy) -> Change:
    return Change(action=Action.DELETE, key=resource.key, before=resource)


def shown(changes: Sequence[Change]) -> list[str]:
    return [" ".join(change.key.name for change in wave) for wave in waves(changes, KINDS)]


def test_what_does_not_refer_to_each_other_goes_side_by_side() -> None:
    assert shown([create(peg("a/1")), create(peg("b/1")), create(peg("a/2"))]) == ["a/1 b/1 a/2"]


def test_what_refers_to_something_new_waits_with_all_that_is_behind_it() -> None:
    changes = [create(peg("b/1", "a/1")), create(peg("b/2")), create(peg("a/1"))]

    assert shown(changes) == ["a/1", "b/1 b/2"]


def test_a_lane_keeps_its_order_and_stays_whole() -> None:
    assert shown([create(peg("a/1")), create(peg("a/2", "a/1")), create(peg("a/3", "a/2"))]) == [
        "a/1 a/2 a/3"
    ]


def test_what_is_there_already_is_not_waited_for() -> None:
    one, two = peg("a/1", "b/1"), peg("b/1", "a/1")

    assert shown([update(one, replace(one, size=1)), update(two, replace(two, size=1))]) == ["a/1 b/1"]


def test_what_is_taken_over_under_another_name_is() -> None:
    box = Box(shelf="a", short="1", label="l")
    taken = Change(action=Action.ADOPT, key=box.key, before=box, after=box, adopts=Key(Box.kind, "a/#7"))
    on_it = replace(box, shelf="b", on=box.key)

    assert shown([create(on_it), taken]) == ["a/1", "b/1"]


def test_what_refers_is_deleted_first() -> None:
    assert shown([delete(peg("a/1")), delete(peg("b/1", "a/1"))]) == ["b/1", "a/1"]


def test_what_is_referred_to_is_deleted_when_nothing_refers_to_it_any_more() -> None:
    user = peg("b/1", "a/1")

    assert shown([update(user, replace(user, on=())), delete(peg("a/1"))]) == ["b/1", "a/1"]


def test_a_value_that_is_not_known_yet_is_waited_for_in_the_same_lane_too() -> None:
    wire = Wire(shelf="a", short="w", to=Later(Key("toy.peg", "a/1"), "address"))

    assert shown([create(peg("a/1")), create(wire), create(peg("a/2"))]) == ["a/1", "a/w a/2"]


def test_a_circle_is_an_error() -> None:
    with pytest.raises(StepNotDone, match="wait for each other"):
        shown([create(peg("a/1", "b/1")), create(peg("b/1", "a/1"))])


def test_and_is_found_before_anything_is_touched() -> None:
    lab = Lab()

    with pytest.raises(StepNotDone, match="wait for each other"):
        lab.run([step("s", peg("a/0"), peg("a/1", "b/1"), peg("b/1", "a/1"))])

    assert lab.world.things == []
    assert lab.state.runs["r-1"].steps["s"].status == "failed"


@few
@given(before=scenes(faulty=False), scene=scenes(faulty=False))
def test_nothing_is_made_before_what_it_refers_to_nor_deleted_before_what_refers_to_it(
    before: Scene, scene: Scene
) -> None:
    lab = before.lab()
    lab.run(before.steps)
    runner, seen = lab.process("p"), lab.observe(*SHELVES)

    for plan in (runner.plan(item, seen) for item in scene.steps):
        found = [*waves(plan.changes, KINDS)]
        place = {change.key: number for number, wave in enumerate(found) for change in wave}
        assert sorted(map(str, place)) == sorted(str(change.key) for change in plan.changes)
        new = {change.key for change in plan.changes if change.before is None}
        gone = {change.key for change in plan.changes if change.after is None}
        for change in plan.changes:
            after = change.after.refs() if change.after else ()
            assert all(place[ref] < place[change.key] + beside(ref, change) for ref in after if ref in new)
            refs = change.before.refs() if change.before else ()
            assert all(place[change.key] < place[ref] + beside(ref, change) for ref in refs if ref in gone)


def beside(key: Key, change: Change) -> bool:
    """Whether both are in one lane, where the given order holds."""
    return key.name[0] == change.key.name[0]
