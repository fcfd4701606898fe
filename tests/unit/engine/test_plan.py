"""What a plan says: the same before and after, and nothing when all is as wanted."""

import random
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hopbook.engine.change import Action, Observation, project
from hopbook.engine.plan import StepPlan, digest
from hopbook.resources.base import Key, Later, SecretRef
from hopbook.testing import KINDS, Box, Peg, Rule, Toy, Vault
from tests.unit.engine.lab import Lab, step
from tests.unit.engine.worlds import SHELVES, Scene, few, scenes


def plans_of(lab: Lab, scene: Scene, observation: Observation) -> tuple[list[StepPlan], Observation]:
    """All steps planned in one go, each from what the ones before would make of the world."""
    plans, runner = [], lab.process("p")
    for item in scene.steps:
        plan = runner.plan(item, observation)
        plans.append(plan)
        observation = project(observation, plan.changes, KINDS)
    return plans, observation


def shown(observation: Observation) -> Any:
    """What an observation says that a plan can know: things of others by no name, no late or secret value."""

    def named(key: Key) -> tuple[str, ...]:
        item = observation.items[key]
        fields = {
            name: "?" if isinstance(value, SecretRef | Later) or name in {"to", *item.unreadable} else value
            for name, value in item.resource.compared().items()
        }
        theirs = KINDS[key.kind].marker and not item.marked
        return key.kind, "" if theirs else key.name, str(fields)

    return sorted(map(named, observation.items)), {
        name: [*map(named, keys)] for name, keys in observation.order.items() if keys
    }


@few
@given(before=scenes(faulty=False), scene=scenes(faulty=False))
def test_a_plan_comes_true(before: Scene, scene: Scene) -> None:
    """`project` says what is observed after the changes are made, whatever an earlier run had made."""
    lab = before.lab()
    lab.run(before.steps)
    _, projected = plans_of(lab, scene, lab.observe(*SHELVES))

    lab.run(scene.steps)

    assert shown(projected) == shown(lab.observe(*SHELVES))


@few
@given(before=scenes(faulty=False), scene=scenes(faulty=False))
def test_nothing_is_left_to_plan_after_an_apply(before: Scene, scene: Scene) -> None:
    lab = before.lab()
    lab.run(before.steps)
    lab.run(scene.steps)

    plans, _ = plans_of(lab, scene, lab.observe(*SHELVES))

    assert [plan.changes for plan in plans] == [() for _ in plans]


@few
@given(scene=scenes(faulty=False), seed=st.integers())
def test_a_digest_knows_no_handle_and_no_reading_order(scene: Scene, seed: int) -> None:
    lab = scene.lab()
    seen = lab.observe(*SHELVES)
    shuffled = list(seen.items.items())
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
    ones = {(key.kind, _natural(key, seen)) for key, _ in shuffled}
    items = {key: replace(item, handle=f"moved-{number}") for number, (key, item) in enumerate(shuffled)}
    again = replace(seen, items=items)

    if len(ones) == len(shuffled):  # of two that could be taken over, the one read first is
        assert digest({}, plans_of(lab, scene, seen)[0]) == digest({}, plans_of(lab, scene, again)[0])


def _natural(key: Key, seen: Observation) -> Any:
    natural = KINDS[key.kind].natural
    return natural(seen.items[key].resource) if natural else key


CHANGED: list[Toy] = [
    Box(shelf="a", short="b", label="l", size=1),
    Box(shelf="a", short="b", label="l", note="n"),
    Box(shelf="a", short="b", label="l", on=Key("toy.box", "a/x")),
    Box(shelf="a", short="b", label="other"),
    Box(shelf="a", short="c", label="l"),
    Box(shelf="b", short="b", label="l"),
    Peg(shelf="a", short="b"),
    Vault(shelf="a", short="b", password=SecretRef("env", "A")),
    Vault(shelf="a", short="b", password=SecretRef("env", "B")),
]


def test_a_digest_tells_every_field_key_kind_order_and_input() -> None:
    plain = Box(shelf="a", short="b", label="l")
    rules = [Rule(shelf="a", short=f"r{rank}", match=f"m{rank}", rank=rank) for rank in range(2)]
    wanted = [
        (plain,),
        *((other,) for other in CHANGED),
        (),
        tuple(rules),
        tuple(replace(rule, rank=-rule.rank) for rule in rules),
    ]
    lab = Lab()

    digests = [digest({}, [lab.process("p").plan(step("s", *resources))]) for resources in wanted]
    digests.append(digest({"site": "1"}, [lab.process("p").plan(step("s", plain))]))

    assert len(set(digests)) == len(digests)


def test_a_digest_calls_adoption_by_no_vendors_name() -> None:
    digests = set()
    for strangers in range(3):
        lab = Lab()
        for number in range(strangers):
            lab.world.put(Box(shelf="a", short="", label=f"stranger-{number}"))
        lab.world.put(Box(shelf="a", short="", label="l"))
        plan = lab.process("p").plan(step("s", Box(shelf="a", short="b", label="l")))
        assert [change.action for change in plan.changes] == [Action.ADOPT]
        digests.add(digest({}, [plan]))

    assert len(digests) == 1


def test_a_place_that_only_one_can_have_is_left_before_the_next_takes_it() -> None:
    """Of a kind without markers: what we made there is ours by the journal, and nobody's to take over."""
    kinds = {**KINDS, Peg.kind: replace(KINDS[Peg.kind], natural=lambda resource: resource.size)}  # type: ignore[attr-defined]
    lab = Lab(kinds=kinds)
    lab.run([step("s", Peg(shelf="a", short="old", size=3), Peg(shelf="a", short="other", size=4))])

    plan = lab.process("p").plan(step("s", Peg(shelf="a", short="new", size=3)))

    assert [(change.action, change.key.name) for change in plan.changes] == [
        (Action.DELETE, "a/old"),
        (Action.CREATE, "a/new"),
        (Action.DELETE, "a/other"),
    ]


def test_what_moved_to_an_earlier_step_is_not_deleted_by_the_later_one() -> None:
    lab, box = Lab(), Box(shelf="a", short="b", label="l")
    lab.run([step("t", box)])
    made = lab.world.things[0].id

    lab.run([step("s", box), step("t")])

    assert [thing.id for thing in lab.world.things] == [made]


def test_steps_that_are_planned_ahead_know_each_others_ranks() -> None:
    lab, runner = Lab(), Lab().process("p")
    second, first = (Rule(shelf="a", short=f"r{rank}", match=f"m{rank}", rank=rank) for rank in (2, 1))

    ahead = runner.plan(step("s", second), lab.observe("a"))
    plan = runner.plan(step("t", first), project(lab.observe("a"), ahead.changes, KINDS))

    assert [change.above for change in plan.changes] == [second.key]


def test_what_will_be_given_back_is_somebody_elses_again() -> None:
    lab, box = Lab(), Box(shelf="a", short="b", label="l")
    lab.world.put(box)
    lab.run([step("s", box)])

    plan = lab.process("p").plan(step("s"))
    seen = project(lab.observe("a"), plan.changes, KINDS)

    assert [change.action for change in plan.changes] == [Action.RELEASE]
    assert [item.marked for item in seen.items.values()] == [False]
