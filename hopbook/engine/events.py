"""What happened, in the past tense.

A payload holds the domain's words as plain JSON data (resources as documents, `resources.base`), so a journal
stays readable when a kind of resource is gone. Its envelope, `Recorded`, says when, by whom and in which
run. A changed shape is a new version with an upcaster; an unknown kind is an error, never skipped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from hopbook.errors import UnknownEvent

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact. `kind` is its stable name on the wire."""

    kind: ClassVar[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """A fact that is not written yet. `id` makes a lost answer to an append recognisable."""

    id: str
    run: str
    time: datetime
    actor: str
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded(NewEvent):
    """A fact at its place in a stream."""

    stream: str
    position: int
    digest: str


_KINDS: dict[str, type[Event]] = {}
_UPCASTERS: dict[str, Callable[[Document], tuple[str, Document]]] = {}
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_E = TypeVar("_E", bound=type[Event])


def _known(cls: _E) -> _E:
    _KINDS[cls.kind] = cls
    return cls


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began, with everything that it was given; no secret is in it."""

    kind: ClassVar[str] = "run.started.v1"

    mode: str
    runbook: str
    parameters: Document
    site_document: str
    inputs: Document  # digests of site document and runbook, versions of program and libraries
    reason: str = ""
    ticket: str = ""
    undoes: str = ""  # the run that this one takes back


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """Another process went on with the run; `rebased` where its inputs had changed and that was agreed."""

    kind: ClassVar[str] = "run.resumed.v1"

    rebased: bool
    site_document: str
    inputs: Document


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlanned(Event):
    """What a step would change, seen from what was observed just before."""

    kind: ClassVar[str] = "step.planned.v1"

    step: str
    title: str
    citation: str
    changes: list[Document]
    digest: str


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeIntended(Event):
    """A change is about to be asked for. Without an outcome behind it, it is in doubt.

    `undoes` names the changes that this one takes back, oldest first; `timeout` is how many seconds after
    this event, or the last outcome that the same process wrote, the call can still take effect.
    """

    kind: ClassVar[str] = "change.intended.v1"

    change: str
    step: str
    action: str
    key: str
    before: Document | None
    after: Document | None
    fields: list[str] = field(default_factory=list)
    undoes: list[str] = field(default_factory=list)
    timeout: float = 0.0
    digests: Document = field(default_factory=dict)  # keyed digests of the secrets that go into it


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubmitted(Event):
    """The system took the work and gave a handle to ask for it by."""

    kind: ClassVar[str] = "change.submitted.v1"

    change: str
    handle: str


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeApplied(Event):
    """The change took effect. `settled` where that was read from the system and not answered by it."""

    kind: ClassVar[str] = "change.applied.v1"

    change: str
    settled: bool = False


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRefused(Event):
    """The change certainly did not take effect. `settled` where that was read from the system."""

    kind: ClassVar[str] = "change.refused.v1"

    change: str
    reason: str
    settled: bool = False


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDoubted(Event):
    """No answer came, or one that proves nothing. The system has to be read."""

    kind: ClassVar[str] = "change.doubted.v1"

    change: str
    reason: str


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted(Event):
    """The step's resources were observed as they should be.

    `ranks` are those of rules that changed while the rules already stood right; `gone` are the keys of what
    went with something that the step deleted: it is nobody's any more.
    """

    kind: ClassVar[str] = "step.completed.v1"

    step: str
    ranks: dict[str, int] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(Event):
    """The step left differences behind, or could not go on."""

    kind: ClassVar[str] = "step.failed.v1"

    step: str
    reason: str


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class GateRequested(Event):
    """Somebody outside was asked for something, and the run waits until they answer.

    `patience` is how many days an answer may take until it is late; 0 says nothing about that. `grants` are
    the resources that an approval brings and that no system shows.
    """

    kind: ClassVar[str] = "gate.requested.v1"

    gate: str
    title: str
    citation: str
    request: str
    approvers: list[str] = field(default_factory=list)
    grants: list[Document] = field(default_factory=list)
    patience: float = 0.0


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswered(Event):
    """They answered `approve` or `refuse`. `by` is whose answer it is, not who wrote it down."""

    kind: ClassVar[str] = "gate.answered.v1"

    gate: str
    answer: str
    by: str
    evidence: str = ""
    ticket: str = ""
    note: str = ""


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficVerified(Event):
    """A promised traffic was followed: how it ended, and whether that is what was promised."""

    kind: ClassVar[str] = "traffic.verified.v1"

    traffic: str
    verdict: str
    met: bool
    reason: str = ""


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFound(Event):
    """Live differs from declared or from what was last applied."""

    kind: ClassVar[str] = "drift.found.v1"

    differences: list[Document]


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted(Event):
    """The run came to its end, verified."""

    kind: ClassVar[str] = "run.completed.v1"


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Event):
    """The run ended before its end; it can be resumed."""

    kind: ClassVar[str] = "run.failed.v1"

    reason: str


@_known
@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterrupted(Event):
    """A person asked the run to stop at a safe point; it can be resumed."""

    kind: ClassVar[str] = "run.interrupted.v1"


def to_wire(event: Event) -> Document:
    """The payload as JSON data."""
    return {item.name: getattr(event, item.name) for item in fields(event)}


def from_wire(kind: str, document: Mapping[str, Any]) -> Event:
    """The event that was written.

    Raises:
        UnknownEvent: its kind, version or shape is not one that this program knows.
    """
    data = document
    while kind in _UPCASTERS:
        kind, data = _UPCASTERS[kind](dict(data))
    cls = _KINDS.get(kind)
    if cls is None:
        message = f"an event of the kind {kind} is not known to this version of hopbook"
        raise UnknownEvent(message)
    try:
        return cls(**data)
    except TypeError as error:
        message = f"an event of the kind {kind} has another shape than this version of hopbook knows"
        raise UnknownEvent(message) from error


def canonical(document: Any) -> str:
    """JSON in one spelling: what digests are taken of."""
    return _ENCODER.encode(document)
