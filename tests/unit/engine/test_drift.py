"""Drift: exactly what differs, who moved, and which run of ours set it last."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hopbook.engine.drift import Cause
from hopbook.engine.plan import Step
from hopbook.resources.base import SecretRef
from hopbook.testing import Box, Knob, Peg, Rule, Vault
from tests.unit.engine.lab import Lab, step
from tests.unit.engine.worlds import few

REF = SecretRef("env", "A")
BOXES = [Box(shelf="a", short=f"b{number}", label=f"l{number}") for number in range(4)]
LAST = "tidy, run r-1, 2026-01-01 00:00:00 UTC by me@here"


def applied(*resources: Box | Knob | Peg | Rule | Vault) -> tuple[Lab, Step]:
    lab = Lab()
    lab.world.secrets = {REF: "one"}
    lab.world.put(Knob(shelf="a", short="k"))
    wanted = step("s", *resources)
    lab.run([wanted])
    return lab, wanted


def told(lab: Lab, *steps: Step) -> list[tuple[str, str, object, object, object, Cause, str]]:
    return [
        (str(item.key), item.field, item.declared, item.applied, item.live, item.cause, item.last)
        for item in lab.drift(steps).differences
    ]


@few
@given(
    changes=st.lists(
        st.sampled_from(["", "live", "declared", "both", "gone", "never"]), min_size=4, max_size=4
    )
)
def test_exactly_what_was_planted_is_found(changes: list[str]) -> None:
    there = [box for box, change in zip(BOXES, changes, strict=True) if change != "never"]
    lab, _ = applied(*there)
    declared: list[Box] = []
    expected: list[tuple[str, str, object, object, object, Cause, str]] = []
    for box, change in zip(BOXES, changes, strict=True):
        key = str(box.key)
        thing = lab.world.find(box.key)
        wants = replace(box, size=1) if change in {"declared", "both"} else box
        declared.append(wants)
        if thing is not None and change in {"live", "both"}:
            thing.resource = replace(box, size=2)
        match change:
            case "live":
                expected.append((key, "size", 0, 0, 2, Cause.LIVE, LAST))
            case "declared":
                expected.append((key, "size", 1, 0, 0, Cause.DECLARED, LAST))
            case "both":
                expected.append((key, "size", 1, 0, 2, Cause.LIVE, LAST))
            case "gone":
                assert thing is not None
                lab.world.things.remove(thing)
                expected.append((key, "", "present", "present", "absent", Cause.GONE, LAST))
            case "never":
                expected.append((key, "", "present", "absent", "absent", Cause.NEVER, ""))
            case _:
                pass
    before = lab.world.snapshot(), len(lab.journal.rows)

    assert told(lab, step("s", *declared)) == expected
    assert (lab.world.snapshot(), len(lab.journal.rows)) == before


def test_a_setting_that_no_run_of_ours_touched() -> None:
    lab, _ = applied()

    assert told(lab, step("s", Knob(shelf="a", short="k", level=3))) == [
        ("toy.knob:a/k", "level", 3, None, 0, Cause.NEVER, "")
    ]


def test_what_a_step_no_longer_wants() -> None:
    lab, _ = applied(BOXES[0])

    assert told(lab, step("s")) == [
        ("toy.box:a/b0", "", "absent", "present", "present", Cause.DECLARED, LAST)
    ]


def test_a_marker_that_somebody_took_off() -> None:
    lab, wanted = applied(BOXES[0])
    thing = lab.world.find(BOXES[0].key)
    assert thing is not None
    thing.marked, thing.resource = False, replace(BOXES[0], short="#2")

    assert told(lab, wanted) == [("toy.box:a/b0", "marker", "ours", None, None, Cause.LIVE, LAST)]


def test_a_rule_in_another_place_and_a_rank_that_changed() -> None:
    rules = [Rule(shelf="a", short=f"r{rank}", match=f"m{rank}", rank=rank) for rank in (1, 2)]
    lab, wanted = applied(*rules)
    ranked = step("s", rules[0], replace(rules[1], rank=0))
    ((key, field, *_, cause, _),) = told(lab, ranked)
    assert (key, field, cause) == ("toy.rule:a/r1", "place", Cause.DECLARED)

    lab.world.things.sort(key=lambda thing: thing.resource.short, reverse=True)

    ((key, field, *_, cause, _),) = told(lab, wanted)
    assert (field, cause) == ("place", Cause.LIVE)


def test_a_password_that_was_rotated_in_its_store_was_changed_by_us() -> None:
    lab, wanted = applied(Vault(shelf="a", short="v", password=REF))
    assert told(lab, wanted) == []
    lab.world.secrets[REF] = "two"

    ((key, field, declared, before, live, cause, last),) = told(lab, wanted)

    assert (key, field, cause, last) == ("toy.vault:a/v", "password", Cause.DECLARED, LAST)
    assert (declared, before, live) == ("env:A", "env:A", "(unreadable)")


def test_what_lives_beside_ours_is_listed_and_what_could_be_taken_over_is_not() -> None:
    lab, _ = applied(BOXES[0])
    for resource in (Box(shelf="a", short="", label="theirs"), Box(shelf="b", short="", label="elsewhere")):
        lab.world.put(resource)
    lab.world.put(Peg(shelf="a", short="theirs"))
    lab.world.put(BOXES[1])

    found = lab.drift([step("s", BOXES[0], BOXES[1])])

    assert [str(key) for key, _ in found.unmanaged] == ["toy.box:a/#3", "toy.peg:a/theirs"]
    assert [(str(item.key), item.cause) for item in found.differences] == [("toy.box:a/b1", Cause.NEVER)]
    assert found.document()["unmanaged"][1] == {"key": "toy.peg:a/theirs", "title": "toy.peg:a/theirs"}


def test_two_objects_with_our_marker_are_a_finding() -> None:
    lab, wanted = applied(BOXES[0])
    lab.world.put(BOXES[0], marked=True)

    assert lab.drift([wanted]).findings == ("toy.box:a/b0: 2 objects carry its marker",)
