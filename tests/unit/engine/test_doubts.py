"""A change that nobody answered for is settled by reading, never by trying again."""

import pytest

from hopbook.engine.events import ChangeDoubted, ChangeIntended, ChangeSubmitted
from hopbook.errors import StepNotDone
from hopbook.testing import Box, Fault, Peg, Rule
from tests.unit.engine.lab import STREAM, Lab, crashed, step

BOXES = [Box(shelf="a", short=f"b{number}", label=f"l{number}") for number in range(8)]
PEG = Peg(shelf="b", short="p")
AFTER_THE_CALL = 7  # moments: two an append (the run, the plan, the intents), one before the call


def test_the_last_call_of_a_long_batch_is_waited_for() -> None:
    """Its intent is old by then; what counts is when its process last gave a sign."""
    lab = Lab()
    lab.world.seconds = 50
    lab.world.faults = {BOXES[5].key: [Fault.SLOW]}
    everything = [step("s", *BOXES[:6])]
    assert crashed(lab, AFTER_THE_CALL + 5 * 4, lambda: lab.run(everything, "r"))
    assert lab.world.underway

    lab.run(everything, "r")

    assert lab.world.violations == []
    assert [thing.resource for thing in lab.world.things] == BOXES[:6]


def test_a_process_that_stood_still_makes_no_call() -> None:
    lab = Lab()
    runner = lab.process("r")
    lab.run([], "r")
    append = runner.writer.append
    slept: list[object] = []

    def slow(*events: object) -> None:
        append(*events)  # type: ignore[arg-type] # events they are
        if isinstance(events[0], ChangeIntended) and not slept:
            slept.append(events)
            lab.clock.sleep(11)

    runner.writer = _Writing(runner.writer, slow)  # type: ignore[assignment] # it does as one

    with pytest.raises(StepNotDone, match="this process stood still"):
        runner.take(step("s", BOXES[0]))
    assert lab.world.things == []


def test_one_that_stood_still_between_two_calls_says_nothing_of_the_rest() -> None:
    lab = Lab()
    runner = lab.process("r")
    lab.run([], "r")
    runner.watch = lambda what, _: lab.clock.sleep(11 if what == "outcome" else 0)

    runner.take(step("s", *BOXES[:3]))

    assert [thing.resource for thing in lab.world.things] == BOXES[:3]
    doubted = [item for item in lab.journal.read(STREAM) if isinstance(item.event, ChangeDoubted)]
    assert len(doubted) == 3


def test_what_an_earlier_process_left_is_not_waited_for_anew() -> None:
    lab = Lab()
    lab.world.faults = {PEG.key: [Fault.NOTHING]}
    steps = [step("s", BOXES[0]), step("t", PEG)]
    assert crashed(lab, AFTER_THE_CALL + 10, lambda: lab.run(steps, "r"))
    assert [doubt.intent.key for doubt in lab.state.doubts()] == ["toy.peg:b/p"]
    lab.clock.sleep(3600)
    lab.world.things.clear()  # so that the first step makes a call again
    resumed = lab.clock.now()

    lab.run(steps, "r")

    assert lab.clock.now() == resumed


def test_what_another_run_left_in_the_lane_is_settled_first() -> None:
    lab = Lab()
    lab.world.faults = {BOXES[0].key: [Fault.LATE]}
    assert crashed(lab, AFTER_THE_CALL, lambda: lab.run([step("s", BOXES[0])], "r"))

    lab.run([step("other", BOXES[1])], "q")

    assert list(lab.state.doubts()) == []
    assert lab.state.owned["toy.box:a/b0"].run == "r"
    assert lab.world.violations == []


def test_one_in_another_lane_is_left_alone() -> None:
    lab = Lab()
    lab.world.faults = {BOXES[0].key: [Fault.SLOW]}
    assert crashed(lab, AFTER_THE_CALL, lambda: lab.run([step("s", BOXES[0])], "r"))

    lab.run([step("other", PEG)], "q")

    assert [doubt.intent.key for doubt in lab.state.doubts()] == ["toy.box:a/b0"]


def test_a_system_that_stays_busy_is_not_waited_for_for_ever() -> None:
    lab = Lab()
    lab.world.faults = {BOXES[0].key: [Fault.LATE]}
    lab.world.patience = 10**9

    with pytest.raises(
        StepNotDone, match=r"whether toy.box:a/b0 took effect cannot be said yet; under way: toy.box:a/b0"
    ):
        lab.run([step("s", BOXES[0])])
    assert lab.state.runs["r-1"].steps["s"].status == "failed"


def test_a_handle_is_written_before_it_is_waited_for() -> None:
    lab = Lab()
    lab.world.faults = {BOXES[0].key: [Fault.LATE]}

    lab.run([step("s", BOXES[0])])

    kinds = [type(item.event) for item in lab.journal.read(STREAM)]
    assert kinds.index(ChangeSubmitted) < kinds.index(ChangeDoubted)
    (change,) = lab.state.changes.values()
    assert (change.handle, change.settled) == ("task-a/b0", True)


def test_a_move_that_nobody_answered_for_is_not_taken_for_done() -> None:
    """Its fields are right before and after, so looking at them says nothing."""
    rules = [Rule(shelf="a", short=f"r{rank}", match=f"m{rank}", rank=rank) for rank in range(3)]
    lab = Lab()
    lab.run([step("s", *rules)])
    lab.world.things.reverse()
    lab.world.faults = {rule.key: [Fault.SLOW] for rule in rules}

    lab.run([step("s", *rules)])

    assert [thing.resource.short for thing in lab.world.things] == ["r0", "r1", "r2"]
    assert lab.world.violations == []


class _Writing:
    """A writer that does something else when it writes."""

    def __init__(self, writer: object, append: object) -> None:
        self.writer, self.append = writer, append

    def __getattr__(self, name: str) -> object:
        return getattr(self.writer, name)
