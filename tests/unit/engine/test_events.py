"""Events go over the wire and back; what is not known is never skipped."""

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopbook.engine import events
from hopbook.engine.events import (
    ChangeApplied,
    ChangeIntended,
    Event,
    NewEvent,
    Recorded,
    RunCompleted,
    RunStarted,
    StepCompleted,
    canonical,
    from_wire,
    to_wire,
)
from hopbook.engine.state import SiteState, fold, instance_of
from hopbook.errors import BrokenChain, LeaseLost, StalePosition, UnknownEvent
from hopbook.resources import base
from hopbook.resources.base import Opaque, SecretRef, from_document, to_document
from hopbook.testing import Box, MemoryJournal, Vault
from tests.unit.engine.lab import STREAM, Lab, crashed, step
from tests.unit.engine.worlds import Scene, few, scenes

KINDS = sorted(events._KINDS.values(), key=lambda cls: cls.kind)
texts = st.text(max_size=4)
documents = st.dictionaries(texts, texts, max_size=2)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    dict[str, Any]: documents,
    dict[str, Any] | None: st.none() | documents,
    dict[str, int]: st.dictionaries(texts, st.integers(), max_size=2),
    list[str]: st.lists(texts, max_size=2),
    list[dict[str, Any]]: st.lists(documents, max_size=2),
}


def any_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(cls)
    return st.builds(cls, **{item.name: VALUES[hints[item.name]] for item in fields(cls)})


@given(event=st.one_of(*map(any_of, KINDS)))
def test_every_event_comes_back_as_it_was(event: Event) -> None:
    assert from_wire(event.kind, json.loads(json.dumps(to_wire(event)))) == event


@pytest.mark.parametrize("kind", ["run.started.v0", "run.started", "", "nonsense.v1"])
def test_a_kind_that_is_not_known_is_an_error(kind: str) -> None:
    with pytest.raises(UnknownEvent, match="is not known to this version of hopbook"):
        from_wire(kind, {})


@pytest.mark.parametrize("document", [{}, {"change": "c", "settled": True, "more": 1}])
def test_so_is_a_shape_that_is_not_known(document: dict[str, Any]) -> None:
    with pytest.raises(UnknownEvent, match="has another shape"):
        from_wire("change.applied.v1", document)


def test_an_older_version_is_read_as_the_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        events._UPCASTERS,
        "step.completed.v0",
        lambda old: ("step.completed.v1", {"step": old["name"]}),
    )

    assert from_wire("step.completed.v0", {"name": "s"}) == StepCompleted(step="s")


def test_one_spelling_for_one_document() -> None:
    assert (
        canonical({"b": [1, "é"], "a": None})
        == canonical({"a": None, "b": [1, "é"]})
        == '{"a":null,"b":[1,"é"]}'
    )


@few
@given(scene=scenes())
def test_replaying_is_reading(scene: Scene) -> None:
    """What a writer knows is what a reader of its journal knows, at every position."""
    lab = scene.lab()
    lab.run(scene.steps, "r", tries=12)
    recorded = list(lab.journal.read(STREAM))
    half = len(recorded) // 2

    assert fold(recorded[half:], fold(recorded[:half])) == fold(recorded)
    assert all(kind.kind in {event.event.kind for event in recorded} for kind in (RunStarted, RunCompleted))


def test_an_event_about_nothing_breaks_the_chain() -> None:
    recorded = Recorded(
        id="e",
        run="r",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        actor="me",
        event=ChangeApplied(change="c-7"),
        stream=STREAM,
        position=3,
        digest="",
    )

    with pytest.raises(BrokenChain, match="event 3 of toys speaks of 'c-7', which nothing began"):
        SiteState().evolve(recorded)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({}, "iks-vpn"), ({"cluster": "a"}, "iks-vpn cluster=a"), ({"z": 1, "b": 2}, "iks-vpn b=2 z=1")],
)
def test_an_instance_is_a_runbook_with_what_tells_its_uses_apart(
    parameters: dict[str, Any], name: str
) -> None:
    assert instance_of("iks-vpn", parameters) == name


class Meeting(MemoryJournal):
    """A journal in which two appends meet, if they are let."""

    together = threading.Barrier(2)

    def append(self, stream: str, after: int, events: Sequence[NewEvent]) -> int:
        position = super().append(stream, after, events)
        with suppress(threading.BrokenBarrierError):
            self.together.wait(0.02)
        self.together.reset()
        return position


class TestWriter:
    """Writing, when others write, too."""

    def test_behind_what_somebody_else_wrote_first(self) -> None:
        lab = Lab()
        lab.run([])
        one, two = lab.process("r-1").writer, lab.process("r-1").writer

        one.append(StepCompleted(step="first"))
        two.append(StepCompleted(step="second"))

        assert list(two.state.runs["r-1"].steps) == ["first", "second"]
        assert two.state == lab.state
        assert one.catch_up() == lab.state

    def test_nothing_is_intended_when_somebody_else_intends(self) -> None:
        """The lease was lost: whoever has it now settles what this one left, so it must not begin more."""
        lab = Lab()
        lab.run([])
        one, two = lab.process("r-1").writer, lab.process("r-1").writer
        intent = ChangeIntended(
            change="c-1", step="s", action="create", key="toy.box:a/b", before=None, after=None
        )
        two.append(intent)

        with pytest.raises(LeaseLost, match="run r-1 lost site toys"):
            one.append(replace(intent, change="c-2"))

        one.append(ChangeApplied(change="c-1"))
        assert "c-2" not in lab.state.changes

    def test_side_by_side(self) -> None:
        lab = Lab()
        lab.run([])
        lab.journal = Meeting(lab.journal.rows, lab.journal.fuse, lab.journal.envelopes)
        writer = lab.process("r-1").writer
        threads = [
            threading.Thread(target=writer.append, args=[StepCompleted(step=f"s{n}")], daemon=True)
            for n in range(4)
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(1)

        assert writer.state == lab.state
        assert sorted(lab.state.runs["r-1"].steps) == ["s0", "s1", "s2", "s3"]

    def test_all_of_an_append_or_nothing(self) -> None:
        lab = Lab()
        new = NewEvent(id="1", run="r", time=lab.clock.now(), actor="me", event=RunCompleted())

        with pytest.raises(StalePosition):
            lab.journal.append(STREAM, 7, [new])

        assert lab.journal.rows == []


class TestUnknownKinds:
    """A journal stays readable when a kind of resource is gone."""

    def test_its_resource_can_be_shown_and_is_written_back_as_it_was(self) -> None:
        document = {"kind": "toy.gone.v1", "key": "toy.gone:a/x", "fields": {"size": 3}}

        found = from_document(document)

        assert isinstance(found, Opaque)
        assert (found.name, to_document(found)) == ("toy.gone:a/x", document)

    @pytest.mark.parametrize("cut", [6, 7, 99])
    def test_runs_and_drift_go_on_beside_it(self, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
        lab = Lab()
        box = Box(shelf="a", short="b", label="l")
        crashed(lab, cut, lambda: lab.run([step("s", box)]))
        monkeypatch.delitem(base._KINDS, "toy.box.v1")
        lab.kinds = {kind: trait for kind, trait in lab.kinds.items() if kind != "toy.box"}

        lab.run([step("s", Vault(shelf="a", short="v"))], "r-2")

        assert lab.drift([step("s", Vault(shelf="a", short="v"))]).differences == ()
        assert len(lab.world.things) == 1 + (cut > 6)


def test_a_secret_is_in_no_event() -> None:
    lab, canary = Lab(), "s3cret-canary"
    ref, other = SecretRef("env", "A"), SecretRef("env", "B")
    lab.world.secrets = {ref: canary, other: f"{canary}-2"}
    lab.run([step("s", Vault(shelf="a", short="v", password=ref))])
    lab.world.secrets[ref] = f"{canary}-3"
    lab.run([step("s", Vault(shelf="a", short="v", password=ref, size=1))])
    two = lab.run([step("s", Vault(shelf="a", short="v", password=other))])
    lab.undo(two)
    lab.run([step("s")])

    assert lab.world.things == []
    assert not [row for row in lab.journal.rows if canary in row]
