"""The step protocol: lanes, values known later, stopping, and doubts that end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from hopbook.engine.change import Change, Outcome, Result
from hopbook.engine.events import ChangeDoubted, StepFailed
from hopbook.engine.ports import Recorder
from hopbook.engine.state import ChangeStatus
from hopbook.errors import Interrupted, JournalTrouble, StepNotDone, Unreachable
from hopbook.resources.base import Key, Later
from hopbook.testing import Box, Fault, Knob, Peg, ToyProvider, Wire
from tests.unit.engine.lab import STREAM, Lab, completed, step

BOXES = [Box(shelf="a", short=f"b{number}", label=f"l{number}") for number in range(8)]
PEG = Peg(shelf="b", short="p")
AFTER_THE_CALL = (
    7  # moments of a process: two an append (the run, the plan, the intents), one before the call
)


def to(peg: Peg) -> Later:
    return Later(peg.key, "address")


class TestLater:
    """Values that are known only when something else exists."""

    @pytest.mark.parametrize("shelf", ["a", "b"])
    def test_of_the_same_step(self, shelf: str) -> None:
        lab = Lab()

        lab.run([step("s", PEG, Wire(shelf=shelf, short="w", to=to(PEG)))])

        assert wire(lab, shelf) == "at b/p"

    def test_of_a_step_before_in_another_lane(self) -> None:
        lab = Lab()

        lab.run([step("s", PEG), step("t", BOXES[0]), step("u", Wire(shelf="a", short="w", to=to(PEG)))])

        assert wire(lab, "a") == "at b/p"

    def test_one_behind_the_other_as_long_as_it_takes(self) -> None:
        lab = Lab()
        pegs = [Peg(shelf="b", short=f"p{number}") for number in range(7)]
        wires = [Wire(shelf="b", short=f"w{number}", to=to(peg)) for number, peg in enumerate(pegs)]

        lab.run([step("s", *(item for pair in zip(pegs, wires, strict=True) for item in pair))])

        assert sorted(wire(lab, "b", f"w{number}") for number in range(7)) == [f"at b/p{n}" for n in range(7)]

    def test_of_something_that_nobody_makes(self) -> None:
        lab = Lab()

        with pytest.raises(StepNotDone, match=r"toy.wire:a/w: address of toy.peg:b/p is not known yet"):
            lab.run([step("s", BOXES[0], Wire(shelf="a", short="w", to=to(PEG)))])

        assert lab.world.things == []

    def test_that_does_not_come_though_its_object_does(self) -> None:
        lab = Lab()
        lab.world.addresses = False

        with pytest.raises(StepNotDone, match="is not known yet"):
            lab.run([step("s", PEG, Wire(shelf="a", short="w", to=to(PEG)))])

        lab.world.things[0].resource = replace(PEG, address="by DHCP")
        lab.run([step("s", PEG, Wire(shelf="a", short="w", to=to(PEG)))])
        assert wire(lab, "a") == "by DHCP"

    def test_is_planned_as_such_before_anything_exists(self) -> None:
        plan = Lab().process("p").plan(step("s", PEG, Wire(shelf="a", short="w", to=to(PEG))))

        assert [str(item.after) for item in plan.changes[1].fields if item.field == "to"] == [str(to(PEG))]


def wire(lab: Lab, shelf: str, short: str = "w") -> str:
    found = lab.world.find(Key("toy.wire", f"{shelf}/{short}"))
    assert found is not None
    assert isinstance(found.resource, Wire)
    return str(found.resource.to)


class Odd(ToyProvider):
    """A provider with a fault of its own on one shelf."""

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        if batch[0].key.name.startswith("b"):
            self.together.wait(1)
            raise self.error
        self.together.wait(1)
        yield from super().apply(batch, submitted)

    together = Barrier(2)
    error: BaseException = ZeroDivisionError("a bug")


class TestLanes:
    """Side by side, each with its own end."""

    @pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), JournalTrouble("the disk is full")])
    def test_an_error_in_one_does_not_lose_the_others_outcome(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lab = Lab()
        runner = lab.process("r")
        runner.providers = [Odd(lab.world)]
        monkeypatch.setattr(Odd, "error", error)
        lab.run([], "r")

        with pytest.raises(type(error)):
            runner.take(step("s", BOXES[0], PEG))

        states = {change.intent.key: change.status for change in lab.state.changes.values()}
        assert states == {"toy.box:a/b0": ChangeStatus.APPLIED, "toy.peg:b/p": ChangeStatus.INTENDED}
        lab.run([step("s", BOXES[0], PEG)], "r")
        assert completed(lab, "r")

    def test_nothing_was_sent_where_no_connection_was_made(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lab = Lab()
        runner = lab.process("r")
        runner.providers = [Odd(lab.world)]
        monkeypatch.setattr(Odd, "error", Unreachable("no route", system="toys"))
        lab.run([], "r")

        with pytest.raises(StepNotDone, match="no route"):
            runner.take(step("s", BOXES[0], PEG))

        assert [doubt.intent.key for doubt in lab.state.doubts()] == []

    def test_a_change_without_an_outcome_is_in_doubt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lab = Lab()
        monkeypatch.setattr(ToyProvider, "apply", lambda *_: iter(()))

        with pytest.raises(StepNotDone, match="is not there"):
            lab.run([step("s", BOXES[0])])

        reasons = [
            item.event.reason for item in lab.journal.read(STREAM) if isinstance(item.event, ChangeDoubted)
        ]
        assert set(reasons) == {"the provider gave no outcome"}

    def test_an_outcome_that_nobody_asked_for_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lab = Lab()
        apply = ToyProvider.apply

        def odd(self: ToyProvider, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
            for outcome in apply(self, batch, submitted):
                yield outcome
                yield outcome
                yield Outcome(key=PEG.key, result=Result.APPLIED)

        monkeypatch.setattr(ToyProvider, "apply", odd)
        lab.run([step("s", *BOXES[:2])])

        assert len(lab.state.changes) == 2

    def test_lanes_write_one_journal(self) -> None:
        lab = Lab()
        shelves = "abcdefgh"

        lab.run([step("s", *(Peg(shelf=shelf, short=f"p{n}") for shelf in shelves for n in range(5)))])

        assert lab.state.position == len(lab.journal.rows)
        assert len(lab.state.owned) == 40


class TestStopping:
    """A person asks to stop."""

    def test_between_two_waves(self) -> None:
        lab = Lab()
        asked = iter([False, True])
        lab.stopping = lambda: next(asked)
        steps = [step("s", BOXES[0], replace(BOXES[1], shelf="b", on=BOXES[0].key))]

        with pytest.raises(Interrupted, match="hopbook resume r"):
            lab.run(steps, "r")

        assert lab.state.runs["r"].status == "interrupted"
        assert [thing.resource for thing in lab.world.things] == [BOXES[0]]
        assert list(lab.state.doubts()) == []
        assert not [item for item in lab.journal.read(STREAM) if isinstance(item.event, StepFailed)]
        lab.stopping = lambda: False
        lab.run(steps, "r")
        assert completed(lab, "r")

    def test_while_waiting_for_a_doubt_to_end(self) -> None:
        lab = Lab()
        lab.world.faults = {BOXES[0].key: [Fault.SLOW]}
        asked = iter([False, True])
        lab.stopping = lambda: next(asked)

        with pytest.raises(Interrupted):
            lab.run([step("s", BOXES[0])], "r")

        assert len(list(lab.state.doubts())) == 1


def test_an_observation_serves_until_it_is_old() -> None:
    lab = Lab()
    runner = lab.process("r")
    runner.observe([BOXES[0]])
    lab.world.put(BOXES[0], marked=True)

    assert runner.observe([BOXES[0]]).items == {}
    lab.clock.sleep(61)
    assert list(runner.observe([BOXES[0]]).items) == [BOXES[0].key]


def test_what_cannot_be_read_fails_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()

    def unreachable(*_: object) -> None:
        raise Unreachable("no route", system="toys")

    monkeypatch.setattr(ToyProvider, "observe", unreachable)
    with pytest.raises(Unreachable):
        lab.run([step("s", BOXES[0])])

    assert lab.state.runs["r-1"].steps["s"].reason == "toys: no route"


def test_a_step_that_is_as_wanted_touches_nothing() -> None:
    lab = Lab()
    lab.world.put(Knob(shelf="a", short="k", level=2))
    lab.clock.sleep(timedelta(days=1).total_seconds())

    lab.run([step("s", Knob(shelf="a", short="k", level=2))])

    assert lab.state.changes == {}
    assert lab.state.runs["r-1"].steps["s"].status == "completed"
