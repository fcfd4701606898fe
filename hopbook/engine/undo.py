"""Taking a run back: inverse changes, judged by what is live now.

A change is taken back only where live still is what the change left; of an object that we did not create only
the fields that we changed go back. Everything else is shown, and needs to be asked for (`force`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from hopbook.engine.change import Action, Change, FieldChange, KindTraits, Observation, Observed
from hopbook.engine.events import ChangeIntended
from hopbook.engine.order import placed
from hopbook.engine.plan import as_applied, field_changes, owned_rank, plain
from hopbook.engine.state import ChangeState, ChangeStatus, Owned
from hopbook.engine.waves import brings
from hopbook.resources.base import Key, Resource, from_document


@dataclass(slots=True)
class TakeBack:
    """What undoing one step comes to.

    Attributes:
        changes: The inverse changes, last made first.
        undoes: By key, the changes that each of them takes back, oldest first.
        nothing_left: Intents whose effect is already gone: recorded as undone without a call.
        conflicts: Why an object is not touched.
    """

    changes: list[Change] = field(default_factory=list)
    undoes: dict[Key, list[str]] = field(default_factory=dict)
    nothing_left: list[tuple[ChangeIntended, list[str]]] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Object:
    """One object that a run changed: what the run did to it, oldest first, and what is there now.

    Attributes:
        place: The key under which it is observed: not its own once our marker is gone from it.
    """

    key: Key
    changes: list[ChangeState]
    place: Key
    live: Observed | None

    @property
    def made(self) -> bool:
        """Whether the run made it."""
        return self.changes[0].intent.before is None

    @property
    def names(self) -> set[str]:
        """The fields that the run set."""
        return {name for change in self.changes for name in change.intent.fields}

    @property
    def before(self) -> Resource | None:
        """As it was before the run."""
        document = self.changes[0].intent.before
        return from_document(document) if document else None

    @property
    def left(self) -> Resource | None:
        """As the run left it."""
        document = self.changes[-1].intent.after
        return from_document(document) if document else None

    @property
    def released(self) -> bool:
        """Whether the run gave it back to others."""
        return self.changes[-1].intent.action == Action.RELEASE


def to_take_back(changes: Iterable[ChangeState]) -> list[ChangeState]:
    """Of a run's changes those that took effect and were not taken back, nor take something back."""
    return [
        change
        for change in changes
        if change.status is ChangeStatus.APPLIED and not change.undone_by and not change.intent.undoes
    ]


def begun_to_take_back(changes: Iterable[ChangeState]) -> Iterator[str]:
    """The changes that an undo intended to take back, whatever came of it."""
    return (undone for change in changes for undone in change.intent.undoes)


def take_back(
    done: Iterable[ChangeState],
    observation: Observation,
    traits: Mapping[str, KindTraits],
    *,
    force: bool = False,
    owned: Mapping[str, Owned] | None = None,
    begun: Collection[str] = (),
) -> TakeBack:
    """The inverse of a step's applied changes, as of the observation.

    With `force` what was changed after us is taken back, too. `owned` is what is ours, so that a rule that
    comes back stands in its place among the others. `begun` are the changes that an undo began to take back
    before: a machine that it switched off to delete it is not as the run left it, and nobody else's doing.
    """
    by_key: dict[Key, list[ChangeState]] = {}
    for change in to_take_back(done):
        by_key.setdefault(Key.parse(change.intent.key), []).append(change)
    result = TakeBack()
    for key, changes in sorted(by_key.items(), key=lambda item: -item[1][-1].position):
        if key.kind not in traits:
            result.conflicts.append(f"{key}: nothing here knows things of this kind")
            continue
        trait = traits[key.kind]
        thing = _Object(key, changes, *_find(key, changes[-1], observation, trait))
        again = changes[-1].intent.change in begun
        conflict = "" if force or again else _conflict(thing, trait)
        inverse = None if conflict else _inverse(thing)
        if conflict:
            result.conflicts.append(conflict)
        elif inverse is None:
            result.nothing_left.append((changes[0].intent, [change.intent.change for change in changes]))
        else:
            result.changes.append(inverse)
            result.undoes[key] = [change.intent.change for change in changes]
    back = [change.resource for change in result.changes if brings(change)]
    result.changes = placed(
        result.changes, back, observation, lambda key: owned_rank(owned or {}, key), traits
    )
    return result


def _find(
    key: Key, last: ChangeState, observation: Observation, trait: KindTraits
) -> tuple[Key, Observed | None]:
    """An object that we changed; one that has lost our marker by what makes it the same thing."""
    found = observation.get(key)
    if found is not None or last.intent.after is None or trait.natural is None:
        return key, found
    natural = trait.natural(from_document(last.intent.after))
    for place, live in observation.items.items():
        if (
            place.kind == key.kind
            and not (live.marked or live.system)
            and trait.natural(live.resource) == natural
        ):
            return place, live
    return key, None


def _conflict(thing: _Object, trait: KindTraits) -> str:
    """Why an object is not to be touched unless that is asked for."""
    last = thing.changes[-1]
    if any(change.run == last.run for change in last.later()):
        return ""  # by a later step, which is taken back first
    if trait.irreversible and (thing.live is not None or thing.left is None):
        return f"{thing.key}: {trait.irreversible}"
    later = last.overtaken()
    if later is not None and thing.changes[0].intent.action == Action.ADOPT:
        return f"{thing.key} was changed by run {later.run} after it was taken over"
    return _moved_on(thing, thing.live) if thing.live is not None else ""


def _moved_on(thing: _Object, live: Observed) -> str:
    """How an object is not as the run left it."""
    left = thing.left
    if left is None:
        there_again = thing.before is None or field_changes(thing.before, live.resource, live.unreadable)
        return f"{thing.key} is there again, and our run deleted it" if there_again else ""
    if thing.place != thing.key and not thing.released:
        return "" if thing.made else f"{left.title()} has lost our marker"
    return _changed(thing, live, left) or _unreadable(thing, live, left)


def _changed(thing: _Object, live: Observed, left: Resource) -> str:
    differing = [
        f"{item.field} is {plain(item.after)}, our run left {plain(item.before)}"
        for item in field_changes(left, live.resource, live.unreadable)
        if thing.made or item.field in thing.names
    ]
    return f"{left.title()} was changed after us: {'; '.join(differing)}" if differing else ""


def _unreadable(thing: _Object, live: Observed, left: Resource) -> str:
    """Fields that we set and whose old value nobody knows."""
    if thing.before is None:
        return ""
    old, new = thing.before.compared(), left.compared()
    names = sorted(
        name for name in thing.names & live.unreadable if old[name] is None or old[name] == new[name]
    )
    return f"{left.title()}: what {', '.join(names)} was before cannot be read" if names else ""


def _inverse(thing: _Object) -> Change | None:
    key, live, before = thing.key, thing.live, thing.before
    if before is None:
        ours = live if thing.place == key else None
        return Change(action=Action.DELETE, key=key, before=as_applied(ours, thing.left)) if ours else None
    if live is None:
        return Change(action=Action.CREATE, key=key, after=before) if thing.left is None else None
    if thing.place != key and not thing.released:
        return None
    values = {name: value for name, value in before.compared().items() if name in thing.names}
    after = replace(live.resource, **values)
    fields = field_changes(live.resource, after)
    if thing.place != key:
        fields = (*fields, FieldChange("marker", None, "ours"))
        return Change(
            action=Action.UPDATE,
            key=key,
            before=live.resource,
            after=replace(before, **after.compared()),
            fields=fields,
            adopts=thing.place,
        )
    if thing.changes[0].intent.action == Action.ADOPT:
        return Change(action=Action.RELEASE, key=key, before=live.resource, after=after, fields=fields)
    return (
        Change(action=Action.UPDATE, key=key, before=live.resource, after=after, fields=fields)
        if fields
        else None
    )
