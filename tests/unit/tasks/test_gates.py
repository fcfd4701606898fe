"""A run at a gate: it waits without a process, goes on when approved, is taken back when refused."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from adapters import wiring
from adapters.journal import SqlJournal
from hopbook.engine.events import NewEvent
from hopbook.engine.gates import Answer, Gate, Rehearsed
from hopbook.engine.plan import Step
from hopbook.engine.runs import RunStatus
from hopbook.errors import GateRefused, HopbookError, InvalidInput, Waiting
from hopbook.network.facts import How
from hopbook.network.nsxv import Source
from hopbook.testing import Box, CrashNow, Fuse, Peg
from tasks import files
from tasks.approval import Reply, write_down
from tasks.modes import Mode
from tasks.resume import resumption
from tasks.run import Steps, open_journal
from tasks.taking_back import Undoing
from tasks.undo import undo
from tests.unit.tasks.conftest import RUNBOOK, House

PEERING = Peg(shelf="outside", short="peering", size=7)
GATE = Gate("peering", "Peering with the router", "S15", "Please peer\nwith 64999.", (), (PEERING,))


def box(name: str) -> Step:
    return Step(name, name.title(), "S1", (Box(shelf="a", short=name, label=name),))


def flow(steps: Steps, gate: Gate = GATE) -> None:
    steps.take(box("before"))
    steps.gate(gate)
    steps.take(box("after"))


def made(house: House) -> list[str]:
    return [thing.resource.short for thing in house.world.things]


def waiting(house: House) -> str:
    with pytest.raises(Waiting):
        house.run(flow)
    return house.last.id


def resume(house: House, run: str, body: Callable[[Steps], object] = flow) -> object:
    with open_journal(house.home)[0] as journal:
        going_on = resumption(journal, run, rebase=False)
    called = house.invocation(resume=going_on.run, site=going_on.site)
    return house.run(body, called=called, parameters=going_on.run.started.parameters)


def answer(
    house: House, run: str, what: Answer = Answer.APPROVE, *, gate: str = "", by: str = "jane", **more: str
) -> object:
    return write_down(house.home, Reply(run, what, gate=gate, by=by, **more))


def test_no_answer_yet(house: House) -> None:
    with pytest.raises(Waiting) as caught:
        house.run(flow)

    assert caught.value.exit_status == 4
    for words in ("waits at gate peering", "with 64999.", "hopbook approve r-", "hopbook resume r-"):
        assert words in str(caught.value)
    assert made(house) == ["before"]
    assert house.last.status is RunStatus.WAITING


def test_waiting_holds_no_lease_and_asks_once(house: House) -> None:
    run = waiting(house)
    with pytest.raises(Waiting):
        resume(house, run)
    with open_journal(house.home)[0] as journal:
        asked = [item for item in journal.read("example") if item.event.kind == "gate.requested.v1"]
        with journal.lease("example", "somebody else"):
            pass

    assert len(asked) == 1
    assert house.last.status is RunStatus.WAITING


def test_an_approval_lets_it_go_on(house: House) -> None:
    run = waiting(house)
    answer(house, run, evidence="mail 7", ticket="CS1", note="done by noon")

    resume(house, run)

    assert made(house) == ["before", "after"]
    assert house.last.status is RunStatus.COMPLETED
    words = house.last.gates["peering"].words()
    for part in ("approved by jane (as ", "not signed", "evidence mail 7", "ticket CS1", "note done by noon"):
        assert part in words


def test_a_refusal_takes_the_run_back_and_ends_it(house: House) -> None:
    run = waiting(house)
    answer(house, run, Answer.REFUSE, note="no capacity")

    with pytest.raises(GateRefused, match="no capacity"):
        resume(house, run)

    state = house.state
    back = next(item for item in state.runs.values() if item.started.undoes == run)
    assert made(house) == []
    assert back.status is RunStatus.COMPLETED
    assert state.runs[run].status is RunStatus.FAILED
    assert "refused by jane" in state.runs[run].reason
    assert "no capacity" in state.runs[run].reason


def test_a_refused_run_is_not_carried_out_again_by_resuming_it(house: House) -> None:
    run = waiting(house)
    answer(house, run, Answer.REFUSE)
    with pytest.raises(GateRefused):
        resume(house, run)
    before = house.world.made

    with pytest.raises(GateRefused):
        resume(house, run)

    assert house.world.made == before
    assert len([item for item in house.state.runs.values() if item.started.undoes]) == 1


def ended(body: Callable[[], object]) -> str:
    """How something ended: by which error, cut off, or well."""
    try:
        body()
    except (HopbookError, CrashNow) as error:
        return type(error).__name__
    return "done"


@pytest.fixture
def burn(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """End the process after so many moments: two an append, two a call."""
    original = SqlJournal.append

    def append(journal: SqlJournal, stream: str, after: int, events: Sequence[NewEvent]) -> int:
        house.world.fuse()
        position = original(journal, stream, after, events)
        house.world.fuse()
        return position

    monkeypatch.setattr(SqlJournal, "append", append)

    def burn(left: int | None) -> None:
        house.world.fuse = Fuse(left)

    return burn


@pytest.mark.parametrize("left", range(15))
def test_cut_on_the_way_to_the_gate(house: House, burn: Callable[[int | None], None], left: int) -> None:
    burn(left)
    first = ended(lambda: house.run(flow))
    burn(None)

    run = next(iter(house.state.runs), "")
    again = ended(lambda: resume(house, run) if run else house.run(flow))
    run = house.last.id
    answer(house, run)

    assert ended(lambda: resume(house, run)) == "done"
    assert first == ("CrashNow" if left < 14 else "Waiting")
    assert again == "Waiting"
    assert len([event for event in house.events if event.kind == "gate.requested.v1"]) == 1
    assert made(house) == ["before", "after"]


@pytest.mark.parametrize("left", [0, 1])
def test_cut_while_an_answer_is_written(house: House, burn: Callable[[int | None], None], left: int) -> None:
    run = waiting(house)

    burn(left)
    assert ended(lambda: answer(house, run)) == "CrashNow"
    burn(None)
    again = ended(lambda: answer(house, run))

    assert again == ("InvalidInput" if left else "done")
    assert ended(lambda: resume(house, run)) == "done"


@pytest.mark.parametrize("through_the_undo", [False, True])
@pytest.mark.parametrize("left", range(19))
def test_cut_while_a_refused_run_is_taken_back(
    house: House, burn: Callable[[int | None], None], left: int, *, through_the_undo: bool
) -> None:
    run = waiting(house)
    answer(house, run, Answer.REFUSE)
    before = house.world.made

    burn(left)
    first = ended(lambda: resume(house, run))
    burn(None)
    back = next((item for item in house.state.runs.values() if item.started.undoes), None)
    if through_the_undo and back is not None:
        undo(Undoing(run=run, home=house.home, resume=back))
        assert house.state.runs[run].status is RunStatus.FAILED
    assert ended(lambda: resume(house, run)) == "GateRefused"

    state = house.state
    assert first == ("CrashNow" if left < 18 else "GateRefused")
    assert made(house) == []
    assert house.world.made == before
    assert [item.status for item in state.runs.values() if item.started.undoes] == [RunStatus.COMPLETED]
    assert "refused by jane" in state.runs[run].reason


def test_an_undo_gives_up_a_run_that_waits(house: House) -> None:
    run = waiting(house)

    undo(Undoing(run=run, home=house.home))

    assert made(house) == []
    assert "while it waited" in house.state.runs[run].reason
    assert ended(lambda: house.run(flow)) == "Waiting"  # a new one may begin


def test_a_run_that_waits_having_done_nothing_is_given_up_too(house: House) -> None:
    assert ended(lambda: house.run(lambda steps: steps.gate(GATE))) == "Waiting"
    run = house.last.id

    undo(Undoing(run=run, home=house.home))

    assert house.state.runs[run].status is RunStatus.FAILED


def test_another_apply_of_the_instance_says_which_run_waits(house: House) -> None:
    run = waiting(house)

    with pytest.raises(Waiting, match=f"run {run} of toys cluster=iks-a waits: gate peering is asked for"):
        house.run(flow)
    answer(house, run, Answer.REFUSE)
    with pytest.raises(Waiting, match=f"gate peering was refused by jane.*hopbook resume {run}"):
        house.run(flow)

    assert len(house.state.runs) == 1


def test_what_an_earlier_run_was_granted_is_not_asked_for_again(house: House) -> None:
    run = waiting(house)
    answer(house, run)
    resume(house, run)

    assert ended(lambda: house.run(flow)) == "done"


@pytest.mark.parametrize(
    "other",
    [replace(GATE, request="Please peer with two."), replace(GATE, grants=(replace(PEERING, size=8),))],
)
def test_an_approval_is_of_what_was_asked_for(house: House, other: Gate) -> None:
    run = waiting(house)
    answer(house, run)
    resume(house, run)

    assert ended(lambda: house.run(lambda steps: flow(steps, other))) == "Waiting"


def test_an_approval_ends_with_the_undo_of_its_run(house: House) -> None:
    run = waiting(house)
    answer(house, run)
    resume(house, run)
    told: list[tuple[str, object]] = []

    undo(Undoing(run=run, home=house.home, watch=lambda *news: told.append(news)))

    assert house.state.approved == {}
    assert ("said", f"granted outside, and to be taken back there: {GATE.title}") in told
    assert ended(lambda: house.run(flow)) == "Waiting"


def test_a_plan_shows_it_and_goes_on_as_if_approved(house: House) -> None:
    seen: list[object] = []

    def body(steps: Steps) -> None:
        flow(steps)
        seen.append(steps.observation().get(PEERING.key))

    report = house.run(body, Mode.PLAN)

    assert report.changes == {"create": 2}
    (gate,) = report.document()["gates"]
    assert (gate["status"], gate["words"]) == ("planned", "to be asked for; planned as if it were approved")
    assert seen != [None]
    assert not house.home.exists()


def test_drift_takes_it_as_answered_last(house: House) -> None:
    def body(steps: Steps) -> None:
        flow(steps)
        found.append(PEERING.key in steps.observation().items)

    found: list[bool] = []
    run = waiting(house)
    unanswered = house.run(body, Mode.DRIFT).gates[0]
    answer(house, run)
    resume(house, run)
    approved = house.run(body, Mode.DRIFT).gates[0]

    assert (unanswered.status, approved.status) == ("not answered", "approved")
    assert found == [False, True]


def test_what_is_granted_is_a_declared_fact_whose_event_is_the_answer(house: House) -> None:
    facts: list[tuple[How, str]] = []

    def body(steps: Steps) -> None:
        flow(steps)
        seen = steps.observation()
        source = Source(observation=seen, events=lambda key: steps._last_change(key, seen))
        fact = source.fact(PEERING.key)
        facts.append((fact.how, fact.event))

    run = waiting(house)
    answer(house, run)
    resume(house, run, body)

    position = next(
        number for number, event in enumerate(house.events, 1) if event.kind == "gate.answered.v1"
    )
    assert facts == [(How.DECLARED, f"run {run} #{position}")]


@pytest.mark.parametrize(
    ("said", "ending", "left", "words"),
    [
        (Rehearsed.APPROVE, "done", ["before", "after"], "the rehearsal answers: approve"),
        (Rehearsed.REFUSE, "GateRefused", [], "the rehearsal answers: refuse"),
        (Rehearsed.LATE, "done", ["before", "after"], "nothing for 14 days, and the run goes on waiting"),
    ],
)
def test_a_rehearsal_answers_by_itself(
    house: House, said: Rehearsed, ending: str, left: list[str], words: str
) -> None:
    called = house.invocation(answer=said)

    assert ended(lambda: house.run(flow, Mode.DRY_RUN, called=called)) == ending

    (gate,) = called.report[0].document()["gates"]
    assert made(house) == left
    assert words in gate["words"]
    assert not house.home.exists()


def test_a_late_answer_of_a_rehearsal_needs_a_patience(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (files.RUNBOOKS / "toys.yaml").write_text(RUNBOOK.replace("patience: 14\n", ""))

    with pytest.raises(InvalidInput, match="the runbook has no `patience`"):
        house.run(flow, Mode.DRY_RUN, called=house.invocation(answer=Rehearsed.LATE))


class TestLate:
    """No answer in the days that the runbook allows."""

    def test_the_run_goes_on_waiting_and_says_so(self, house: House) -> None:
        run = waiting(house)
        house.world.clock.sleep(15 * 24 * 3600)

        with pytest.raises(Waiting, match="no answer came in 14 days: ask again; the run goes on waiting"):
            resume(house, run)

        assert house.last.status is RunStatus.WAITING

    def test_a_late_approval_counts_and_is_noted(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        run = waiting(house)
        house.world.clock.sleep(15 * 24 * 3600)
        monkeypatch.setattr(wiring, "SystemClock", lambda: house.world.clock)
        answer(house, run)

        resume(house, run)

        assert "late: it was due 2026-01-15" in house.last.gates["peering"].words()
        assert made(house) == ["before", "after"]

    def test_one_in_time_is_not(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        run = waiting(house)
        monkeypatch.setattr(wiring, "SystemClock", lambda: house.world.clock)
        answer(house, run)

        assert "late" not in house.last.gates["peering"].words()


class TestAnswers:
    """What is no answer."""

    @pytest.mark.parametrize(
        ("gate", "by", "message"),
        [
            ("peerin", "jane", "has no gate 'peerin' – did you mean `peering`?; say which: --gate peering"),
            ("", "kim", "gate peering is answered by jane or joe, not by 'kim': --by NAME"),
        ],
    )
    def test_of_another_gate_or_person(self, house: House, gate: str, by: str, message: str) -> None:
        asked = replace(GATE, approvers=("jane", "joe"))
        assert ended(lambda: house.run(lambda steps: flow(steps, asked))) == "Waiting"

        with pytest.raises(InvalidInput) as caught:
            answer(house, house.last.id, gate=gate, by=by)

        assert message in str(caught.value)
        assert caught.value.exit_status == 3
        assert house.last.gates["peering"].answer is None

    def test_to_no_run(self, house: House) -> None:
        with pytest.raises(InvalidInput, match="there is no run r-0 in the journal"):
            answer(house, "r-0")

    def test_to_a_run_without_gates(self, house: House) -> None:
        house.run(lambda steps: steps.take(box("a")))

        with pytest.raises(InvalidInput, match="waits at no gate: it is completed"):
            answer(house, house.last.id)

    def test_to_which_of_two(self, house: House) -> None:
        run = waiting(house)
        answer(house, run)
        second = replace(GATE, id="second")

        def body(steps: Steps) -> None:
            flow(steps)
            steps.gate(second)

        assert ended(lambda: resume(house, run, body)) == "Waiting"
        answer(house, run, Answer.APPROVE)

        assert house.last.gates["second"].approved
        with pytest.raises(InvalidInput, match="has several gates; say which: --gate peering or second"):
            answer(house, run)

    def test_two_at_once(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """One is written between the other's reading and writing."""
        run = waiting(house)
        original, others = SqlJournal.append, [lambda: answer(house, run, Answer.REFUSE)]

        def append(journal: SqlJournal, stream: str, after: int, events: Sequence[NewEvent]) -> int:
            if others:
                others.pop()()
            return original(journal, stream, after, events)

        monkeypatch.setattr(SqlJournal, "append", append)

        with pytest.raises(InvalidInput, match="answered already: refused by jane"):
            answer(house, run)

        assert len([event for event in house.events if event.kind == "gate.answered.v1"]) == 1
