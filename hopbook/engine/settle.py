"""What became of a change that nobody gave an answer to, as the system shows it."""

from collections.abc import Sequence
from datetime import datetime

from hopbook.engine.change import Action, Observation, Observed
from hopbook.engine.events import ChangeApplied, ChangeIntended, ChangeRefused
from hopbook.engine.plan import field_changes
from hopbook.engine.state import ChangeState
from hopbook.resources.base import Key, Resource, SecretRef, from_document


def subject(doubt: ChangeState) -> Resource:
    """The resource that a change in doubt is about."""
    return from_document(doubt.intent.after or doubt.intent.before or {})


def settled(
    doubt: ChangeState, observation: Observation, now: datetime, *, marker: bool, busy: bool
) -> ChangeApplied | ChangeRefused | None:
    """What a change in doubt came to; None while that cannot be said.

    While an operation is pending in its lane (`busy`) nothing can: what shows may be part of it. One that
    shows then took effect. One that does not may still do so until its call's deadline is past; then it did
    not, and certainly will not. `marker` says whether things of its kind carry our marker.
    """
    intent = doubt.intent
    if busy:
        return None
    found = observation.get(Key.parse(intent.key))
    visible = _visible(intent, found, marker=marker)
    if now < doubt.deadline and not (visible and _tells(intent, found, marker=marker)):
        return None
    if visible:
        return ChangeApplied(change=intent.change, settled=True)
    return ChangeRefused(change=intent.change, reason="read from the system: it took no effect", settled=True)


def _visible(intent: ChangeIntended, found: Observed | None, *, marker: bool) -> bool:
    """Whether the system looks as it does after the change."""
    if intent.after is None:
        return found is None or found.at_default  # a setting goes back to what the system delivers
    after = from_document(intent.after)
    if intent.action == Action.RELEASE:
        # Without our marker the object is not found under our key; a kind without markers shows its fields.
        return found is None or (not found.marked and _shows(found, after, intent.fields))
    if found is None or (marker and not found.marked):
        return False
    if intent.action == Action.CREATE and marker:
        return True  # ours, if perhaps not as it should be: the next plan mends that
    return _shows(found, after, intent.fields)


def _shows(found: Observed, wanted: Resource, names: Sequence[str]) -> bool:
    """Whether the fields are as wanted, as far as that can be seen; one that cannot be may be as it was."""
    secret = {name for name, value in wanted.compared().items() if isinstance(value, SecretRef)}
    unseen = found.unreadable | secret | {"place"}
    changed = {item.field for item in field_changes(found.resource, wanted, unseen)}
    return not changed.intersection(names) and (not names or not unseen.issuperset(names))


def _tells(intent: ChangeIntended, found: Observed | None, *, marker: bool) -> bool:
    """Whether the object looked otherwise before the change (taking over an equal one changes no field)."""
    new = intent.action in {Action.CREATE, Action.DELETE} or (marker and intent.action != Action.UPDATE)
    return new or found is None or bool(intent.fields)
