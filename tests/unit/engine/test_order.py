"""Ours stand in the order of their ranks, and nothing is moved that need not be."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hopbook.engine.change import Action
from hopbook.testing import Rule, World
from tests.unit.engine.lab import Lab, step
from tests.unit.engine.worlds import few

orders = st.lists(st.integers(0, 7), max_size=8, unique=True)


def rule(number: int, rank: int | None = None) -> Rule:
    return Rule(shelf="a", short=f"r{number}", match=f"m{number}", rank=number if rank is None else rank)


def stranger(world: World, label: str, place: int) -> None:
    thing = world.put(Rule(shelf="a", short="", match=f"theirs-{label}"))
    world.things.remove(thing)
    world.things.insert(min(place, len(world.things)), thing)


def ours(lab: Lab) -> list[str]:
    return [thing.resource.short for thing in lab.world.things if thing.marked]


def theirs(lab: Lab) -> list[str]:
    return [thing.resource.short for thing in lab.world.things if not thing.marked]


def in_order(numbers: Sequence[int]) -> list[str]:
    return [f"r{number}" for number in sorted(numbers)]


@few
@given(
    standing=orders,
    wanted=orders,
    places=st.lists(st.integers(0, 9), max_size=4),
    apart=st.integers(0, 8),
    shuffle=st.randoms(),
)
def test_ours_stand_in_order_whatever_stood_there(
    standing: list[int], wanted: list[int], places: list[int], apart: int, shuffle: object
) -> None:
    """Some are there already, moved by somebody; two steps want them; strangers stand between."""
    lab = Lab()
    lab.run([step("s", *map(rule, standing))])
    lab.world.things.sort(key=lambda thing: standing.index(int(thing.resource.short[1:])))
    for label, place in enumerate(places):
        stranger(lab.world, str(label), place)
    before = theirs(lab)

    steps = [step("s", *map(rule, wanted[:apart])), step("t", *map(rule, wanted[apart:]))]
    lab.run(steps)

    assert ours(lab) == in_order(wanted)
    assert theirs(lab) == before
    assert lab.drift(steps).differences == ()


@few
@given(standing=orders.filter(len))
def test_no_more_is_moved_than_has_to(standing: list[int]) -> None:
    lab = Lab()
    wanted = step("s", *map(rule, sorted(standing)))
    lab.run([wanted])
    lab.world.things.sort(key=lambda thing: standing.index(int(thing.resource.short[1:])))

    plan = lab.process("p").plan(wanted)

    kept = max(
        size
        for size in range(len(standing) + 1)
        for some in combinations(standing, size)
        if list(some) == sorted(some)
    )
    assert len(plan.changes) == len(standing) - kept
    assert all(change.moved and change.action is Action.UPDATE for change in plan.changes)


def test_a_new_rule_stands_directly_above_ours_and_not_above_theirs() -> None:
    lab = Lab()
    lab.run([step("s", rule(5))])
    stranger(lab.world, "first", 0)
    stranger(lab.world, "last", 9)

    lab.run([step("s", rule(3), rule(4), rule(5), rule(6))])

    assert [thing.resource.short for thing in lab.world.things] == ["#2", "r3", "r4", "r5", "#3", "r6"]


def test_what_stands_above_one_that_is_taken_over_comes_after_it() -> None:
    """Until it is taken over it has no name of ours, so nothing can be put above it."""
    lab = Lab()
    lab.world.put(replace(rule(2), act="deny"))

    lab.run([step("s", rule(1), rule(2))])

    assert ours(lab) == ["r1", "r2"]


def test_a_rule_of_another_step_is_not_moved_and_a_rank_that_changed_counts() -> None:
    lab = Lab()
    steps = [step("s", rule(1), rule(2)), step("t", rule(3))]
    lab.run(steps)

    changed = [step("s", rule(1), rule(2, rank=9)), step("t", rule(3))]
    plans = [lab.process("p").plan(item).changes for item in changed]
    lab.run(changed)

    assert [[str(change.key) for change in plan] for plan in plans] == [["toy.rule:a/r2"], []]
    assert ours(lab) == ["r1", "r3", "r2"]


def test_nothing_is_put_above_a_rule_that_goes() -> None:
    lab = Lab()
    lab.run([step("s", rule(1), rule(5))])

    plan = lab.process("p").plan(step("s", rule(1), rule(3)))

    assert [(change.action, change.above) for change in plan.changes] == [
        (Action.CREATE, None),
        (Action.DELETE, None),
    ]


def test_a_rank_that_changed_where_nothing_had_to_move_is_remembered() -> None:
    """Else a later step would put its own rules in relation to a rank of yesterday."""
    lab = Lab()
    lab.run([step("s", rule(2)), step("t", rule(3))])
    lab.run([step("s", rule(2)), step("t", rule(3, rank=9))])

    lab.run([step("s", rule(2), rule(5)), step("t", rule(3, rank=9))])
    calls = len(lab.state.changes)
    lab.run([step("s", rule(2), rule(5)), step("t", rule(3, rank=9))])

    assert ours(lab) == ["r2", "r5", "r3"]
    assert calls == len(lab.state.changes) == 3
