"""What is there, and what a step would make of it."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from hopbook.resources.base import Key, Resource


class Action(StrEnum):
    """What a change does to one resource."""

    CREATE = "create"
    ADOPT = "adopt"  # somebody else's object becomes ours: our marker is added, differing fields are set
    UPDATE = "update"
    DELETE = "delete"
    RELEASE = "release"  # the undo of an adoption: our marker goes, the fields that we set go back


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of one resource, before and after; a field that is not there yet is None."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Create, adopt, update, delete or release one resource.

    Attributes:
        before: The resource as observed; None where there is none.
        after: The resource as it should be; None for a delete.
        fields: The fields that differ, in the resource's order.
        above: In an ordered section: our rule that this one has to stand above; None means last.
        moved: An update whose place among our rules is wrong (its fields may be right).
        adopts: The key under which the adopted object was observed, where it is not `key`.
    """

    action: Action
    key: Key
    before: Resource | None = None
    after: Resource | None = None
    fields: tuple[FieldChange, ...] = ()
    above: Key | None = None
    moved: bool = False
    adopts: Key | None = None

    @property
    def resource(self) -> Resource:
        """The resource that the change is about: as it should be, else as it is."""
        resource = self.after or self.before
        if resource is None:
            message = f"a change of {self.key} has neither before nor after"
            raise ValueError(message)
        return resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One resource as it is.

    Attributes:
        resource: Its live fields. Unreadable fields hold whatever the system showed and are named below.
        marked: It carries our marker (only kinds whose `KindTraits.marker` is true can).
        system: The system made it by itself; never touched, never listed as unmanaged.
        at_default: A setting as the system delivers it.
        unreadable: Fields that the system does not show (a masked password).
        handle: The vendor's id; for messages and the provider, never for plans.
        copies: How many objects carry this one's marker; more than 1 is a finding.
        declared: No system shows it: somebody outside said that it is so.
    """

    resource: Resource
    marked: bool = False
    system: bool = False
    at_default: bool = False
    unreadable: frozenset[str] = frozenset()
    handle: str = ""
    copies: int = 1
    declared: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation that a system is still carrying out."""

    lane: str
    what: str
    handle: str = ""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What a provider read: ours and others' by key. A scope that does not exist yet is empty.

    Attributes:
        items: Every object of the scope. A foreign object that has a marker-less twin of ours keeps the
            key that the provider gives it (`nsxv.nat-rule:icp-esg/#196612`).
        order: For ordered kinds, by section name: the keys in evaluation order, foreign ones included.
        pending: Operations in flight, by lane.
    """

    items: Mapping[Key, Observed] = field(default_factory=dict)
    order: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()

    def get(self, key: Key) -> Observed | None:
        """The object under a key, if there is one."""
        return self.items.get(key)

    def merged(self, other: "Observation") -> "Observation":
        """Both, where they are of different scopes."""
        return Observation(
            items={**self.items, **other.items},
            order={**self.order, **other.order},
            pending=(*self.pending, *other.pending),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What to observe: all that these keys live in (the whole edge of a rule, the zone of a switch)."""

    keys: frozenset[Key]


def _never(_winner: Resource, _loser: Resource) -> bool:
    return False


def _unprotected(_observed: Observed) -> str:
    return ""


Ours = Callable[[Key], Resource | None]
"""What is ours under a key, as we last applied it."""


def _outside(_resource: Resource, _ours: Ours) -> bool:
    return False


def _alone(_resource: Resource) -> Key | None:
    return None


@dataclass(frozen=True, kw_only=True)
class KindTraits:
    """What the engine has to know of a kind of resource.

    Attributes:
        lane: Changes of one lane are made in order by one worker; lanes run side by side.
        section: For ordered kinds the name of the list that a resource stands in; else None.
        natural: What makes a foreign object the same thing as ours; None: its key alone.
        marker: Whether objects of the kind can carry our marker. Else the journal says what is ours.
        setting: It always exists: only updates, and undo puts the old fields back.
        by_key: Whether an observation holds only what it was asked for by key; else all of the lane. Of a
            host nobody can ask for everything.
        fixed: Fields that the system cannot change in place.
        shadows: Whether the first, standing above, keeps every packet from the second.
        call_timeout: Seconds after which a call of this kind can no longer take effect by itself.
        irreversible: Why undo cannot restore it; empty where it can.
        protected: Why a live object must not be touched; empty where it may.
        within: Whether a thing lies in something else that is ours altogether, so that it is ours to replace,
            whoever put it there: a file in a folder that we made. It is told what of ours is under a key.
        goes_with: What takes it along when it is deleted, though nobody asks for that: a file goes with its
            machine. None where nothing does.
    """

    lane: Callable[[Resource], str]
    section: Callable[[Resource], str] | None = None
    natural: Callable[[Resource], Hashable] | None = None
    marker: bool = False
    setting: bool = False
    by_key: bool = False
    fixed: frozenset[str] = frozenset()
    shadows: Callable[[Resource, Resource], bool] = _never
    call_timeout: float = 240.0
    irreversible: str = ""
    protected: Callable[[Observed], str] = _unprotected
    within: Callable[[Resource, Ours], bool] = _outside
    goes_with: Callable[[Resource], Key | None] = _alone


class Result(StrEnum):
    """How one change ended."""

    APPLIED = "applied"
    ADOPTED = "adopted"
    REFUSED = "refused"  # certainly not done
    UNKNOWN = "unknown"  # perhaps done, perhaps not, perhaps later


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the change of one key ended, and for a refusal or doubt why (no secret in it).

    `more`: another outcome of the same call follows at once, so both can be written as one. `attempted` is
    false of a refusal that only says that something before it went wrong.
    """

    key: Key
    result: Result
    reason: str = ""
    more: bool = False
    attempted: bool = True


def not_attempted(changes: Sequence[Change], because: str) -> Iterator[Outcome]:
    """The outcomes of changes of one call that was not made any more."""
    for change in changes:
        yield Outcome(
            key=change.key,
            result=Result.REFUSED,
            reason=f"not attempted: {because}",
            more=change is not changes[-1],
            attempted=False,
        )


@dataclass(frozen=True, slots=True)
class Submitted:
    """A handle that the system gave for work that goes on (task, job, supervised process)."""

    key: Key
    handle: str


def project(
    observation: Observation, changes: Sequence[Change], traits: Mapping[str, KindTraits]
) -> Observation:
    """The observation as it would be after the changes: what the next step's diff starts from."""
    items = dict(observation.items)
    order = {name: list(keys) for name, keys in observation.order.items()}
    for change in changes:
        trait = traits[change.key.kind]
        places = order.setdefault(trait.section(change.resource), []) if trait.section else []
        if change.adopts is not None and change.adopts in items:
            items[change.key] = items.pop(change.adopts)
            places[:] = [change.key if key == change.adopts else key for key in places]
            items = {key: _renamed(item, change.adopts, change.key) for key, item in items.items()}
        if change.key in places and (change.moved or change.after is None):
            places.remove(change.key)
        if change.after is None:
            items.pop(change.key, None)
            continue
        items[change.key] = replace(
            items.get(change.key, Observed(resource=change.after)),
            resource=change.after,
            marked=trait.marker and change.action is not Action.RELEASE,
            at_default=False,
        )
        if trait.section and change.key not in places:
            places.insert(places.index(change.above) if change.above in places else len(places), change.key)
    return replace(observation, items=items, order={name: tuple(keys) for name, keys in order.items()})


def _renamed(observed: Observed, old: Key, new: Key) -> Observed:
    """The observed object with references to one key made references to another."""
    resource = observed.resource
    if old not in resource.refs():
        return observed

    def renamed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(renamed, value))
        return new if value == old else value

    values = {item.name: renamed(getattr(resource, item.name)) for item in dataclasses.fields(resource)}
    return replace(observed, resource=replace(resource, **values))


def lanes(changes: Iterable[Change], traits: Mapping[str, KindTraits]) -> Mapping[str, list[Change]]:
    """The changes by lane, in their order."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(traits[change.key.kind].lane(change.resource), []).append(change)
    return found
