"""What went with a thing that was deleted is nobody's any more; what a step keeps stays ours."""

from dataclasses import replace

from hopbook.resources.base import Key, Resource
from hopbook.testing import KINDS, Box, Peg
from tests.unit.engine.lab import Lab, crashed, step

BOX, OTHER = Box(shelf="a", short="b", label="l"), Box(shelf="a", short="o", label="m")
PEG, ELSEWHERE = Peg(shelf="p", short="p", on=(BOX.key,)), Peg(shelf="p", short="q", on=(OTHER.key,))
STEPS = [step("boxes", BOX, OTHER), step("pegs", PEG, ELSEWHERE)]
EMPTIER = [step("boxes", OTHER)]


def with_its_box(resource: Resource) -> Key | None:
    return resource.on[0] if isinstance(resource, Peg) and resource.on else None


def lab() -> Lab:
    made = Lab(kinds={**KINDS, Peg.kind: replace(KINDS[Peg.kind], goes_with=with_its_box)})
    made.run(STEPS)
    return made


def test_what_went_with_it_is_not_ours_any_more() -> None:
    toys = lab()

    toys.run(EMPTIER)

    assert set(toys.state.owned) == {str(OTHER.key), str(ELSEWHERE.key)}


def test_so_it_is_wherever_the_process_ended() -> None:
    for left in range(30):
        toys = lab()
        crashed(toys, left, lambda toys=toys: toys.run(EMPTIER, "r"))  # type: ignore[misc] # mypy infers no default
        toys.run(EMPTIER, "r")

        assert set(toys.state.owned) == {str(OTHER.key), str(ELSEWHERE.key)}, left


def test_what_is_made_anew_begins_without_it() -> None:
    toys = lab()
    toys.run(EMPTIER)
    toys.world.things = [thing for thing in toys.world.things if thing.resource.key != PEG.key]
    before = set(toys.state.owned)

    again = toys.run(STEPS)
    toys.undo(again)

    assert set(toys.state.owned) == before


def test_what_a_step_keeps_stays_until_another_one_gives_it_up() -> None:
    toys = lab()

    toys.run([replace(EMPTIER[0], keeps=frozenset({BOX.key}))])
    kept = set(toys.state.owned)
    toys.run(EMPTIER)

    assert str(BOX.key) in kept
    assert str(BOX.key) not in toys.state.owned


def test_what_goes_with_a_thing_that_the_run_deletes_is_not_looked_at_again() -> None:
    toys = lab()
    both = [step("pegs", PEG), EMPTIER[0]]
    toys.run(both, "r")
    toys.world.things = [thing for thing in toys.world.things if thing.resource.key != PEG.key]

    toys.run(both, "r")
    gone = toys.world.find(PEG.key)
    toys.run([both[0]])

    assert gone is None
    assert toys.world.find(PEG.key) is not None
