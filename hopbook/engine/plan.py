"""The difference between what a step wants and what is there."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hopbook.engine.change import Action, Change, FieldChange, KindTraits, Observation, Observed
from hopbook.engine.events import canonical
from hopbook.engine.findings import findings
from hopbook.engine.order import placed, rank_of
from hopbook.engine.state import Owned
from hopbook.resources.base import Key, Later, Resource, SecretRef, from_document, shape_of

SecretDigest = Callable[[SecretRef], str]
Traits = Mapping[str, KindTraits]
Naturals = Mapping[tuple[str, Hashable], Key]


@dataclass(frozen=True, slots=True)
class Step:
    """One documented step: what it wants.

    Attributes:
        keeps: What it does not want, but leaves as it is where an earlier run of it made it: another step
            is to give it up.
        tells: By the name of a field, what a person should know where it is about to change.
    """

    id: str
    title: str
    citation: str
    resources: tuple[Resource, ...]
    keeps: frozenset[Key] = frozenset()
    tells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What a step would change.

    Attributes:
        blocked: Why it cannot be carried out as things are; it is then not tried.
        findings: What a person should know: a foreign rule that shadows ours, two objects with one marker.
    """

    step: Step
    changes: tuple[Change, ...]
    blocked: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()

    @property
    def adoptions(self) -> tuple[Change, ...]:
        """The changes that take over an object of somebody else."""
        return tuple(change for change in self.changes if change.action is Action.ADOPT)


@dataclass(frozen=True)
class Known:
    """What the journal adds to an observation: what is ours, and the digests of secrets.

    Attributes:
        wanted: What the steps of this run want so far, and which step: a resource may have moved between
            them, and a rank may have changed.
    """

    owned: Mapping[str, Owned]
    secret_digest: SecretDigest
    wanted: Mapping[str, tuple[str, Resource]] = field(default_factory=dict)

    def left_by(self, instance: str, step: Step) -> list[Resource]:
        """What the step made in earlier runs of the instance and does not want any more, newest first."""
        wanted = {str(resource.key) for resource in step.resources} | set(map(str, step.keeps))
        mine = [
            owned
            for key, owned in self.owned.items()
            if (owned.instance, owned.step) == (instance, step.id)
            and key not in wanted
            and (key not in self.wanted or self.wanted[key][0] == step.id)
        ]
        mine.sort(key=lambda owned: -owned.position)
        return [from_document(owned.document) for owned in mine]

    def ours(self, key: Key) -> Resource | None:
        """What is ours under a key, as we last applied it."""
        owned = self.owned.get(str(key))
        return from_document(owned.document) if owned else None

    def rank(self, key: Key) -> int | None:
        """Where a rule stands among ours; None for one that is not ours."""
        if str(key) in self.wanted:
            return rank_of(self.wanted[str(key)][1])
        return owned_rank(self.owned, key)


def diff(step: Step, observation: Observation, known: Known, traits: Traits, instance: str) -> StepPlan:
    """What would change to make the step's resources so, in the order in which it can be done.

    Creates, adoptions and updates come in the step's own order, then the end of our hold on what an earlier
    version of the step wanted, last made first.
    """
    naturals = _naturals(observation, known, traits)
    obsolete = _obsolete(step, observation, known, instance, traits)
    leaving = frozenset(change.key for change in obsolete)
    resources = [resolve(resource, observation) for resource in step.resources]
    changes = [
        change
        for resource in resources
        if (change := _change(resource, observation, known, traits[resource.kind], naturals)) is not None
    ]
    changes = placed(changes, resources, observation, known.rank, traits, leaving)
    first = _in_the_way(changes, obsolete, traits)
    changes = [*first, *changes, *(change for change in obsolete if change not in first)]
    return StepPlan(
        step=step,
        changes=tuple(changes),
        blocked=tuple(why for change in changes for why in _blocked(change, observation, traits)),
        findings=(*findings(resources, changes, observation, known.owned, traits), *_told(step, changes)),
    )


def _told(step: Step, changes: Iterable[Change]) -> list[str]:
    """What the step tells of fields of things that are there already."""
    moved = {item.field for change in changes if change.action is Action.UPDATE for item in change.fields}
    return [text for name, text in step.tells.items() if name in moved]


def resolve(resource: Resource, observation: Observation) -> Resource:
    """The resource with every `Later` that is known by now filled in; the others stay."""
    values = {}
    for name in shape_of(type(resource)).later:
        value = getattr(resource, name)
        filled = _filled(value, observation)
        if filled is not value:
            values[name] = filled
    return replace(resource, **values) if values else resource


def _filled(value: Any, observation: Observation) -> Any:
    if isinstance(value, tuple):
        items = tuple(_filled(item, observation) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, Later):
        return value
    found = observation.get(value.key)
    live = getattr(found.resource, value.field) if found and value.field not in found.unreadable else None
    return value if live is None else live


def unresolved(resource: Resource) -> list[Later]:
    """The values that are not known yet."""
    return [later for name in shape_of(type(resource)).later for later in _laters(getattr(resource, name))]


def _laters(value: object) -> Iterator[Later]:
    if isinstance(value, Later):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _laters(item)


def field_changes(
    before: Resource, after: Resource, unreadable: frozenset[str] = frozenset()
) -> tuple[FieldChange, ...]:
    """The compared fields that differ, without the unreadable ones.

    A field that one of the two does not compare is no difference: there any value will do.
    """
    if before == after:
        return ()
    old, new = before.compared(), after.compared()
    return tuple(
        FieldChange(name, old[name], value)
        for name, value in new.items()
        if name in old and name not in unreadable and old[name] != value
    )


def owned_rank(owned: Mapping[str, Owned], key: Key) -> int | None:
    """The rank of a rule of ours, as it was last applied."""
    ours = owned.get(str(key))
    return ours.document.get("fields", {}).get("rank", 0) if ours else None


def _naturals(observation: Observation, known: Known, traits: Traits) -> Naturals:
    """Foreign objects by what makes them the same thing as ours; the first one wins, as in evaluation."""
    found: dict[tuple[str, Hashable], Key] = {}
    for key, observed in observation.items.items():
        trait = traits.get(key.kind)
        if trait is None or trait.natural is None or observed.marked or observed.system:
            continue
        if trait.marker or str(key) not in known.owned:
            found.setdefault((key.kind, trait.natural(observed.resource)), key)
    return found


def _change(
    resource: Resource, observation: Observation, known: Known, trait: KindTraits, naturals: Naturals
) -> Change | None:
    key = live_key = resource.key
    found = observation.get(key)
    if found is None and trait.natural is not None:
        live_key = naturals.get((key.kind, trait.natural(resource)), key)
        found = observation.get(live_key)
    if found is None or _ours_to_replace(resource, known, trait, found):
        fresh = tuple(FieldChange(name, None, value) for name, value in resource.compared().items())
        return Change(action=Action.CREATE, key=key, after=resource, fields=fresh)
    ours = str(key) in known.owned or trait.setting or found.marked
    changed = (*field_changes(found.resource, resource, found.unreadable), *_secrets(resource, found, known))
    if ours and trait.marker and not found.marked:
        changed = (*changed, FieldChange("marker", None, "ours"))
    if ours and not changed and live_key == key:
        return None
    return Change(
        action=Action.UPDATE if ours else Action.ADOPT,
        key=key,
        before=remembered(found, known.owned.get(str(key))),
        after=resource,
        fields=changed,
        adopts=live_key if live_key != key else None,
    )


def _ours_to_replace(resource: Resource, known: Known, trait: KindTraits, found: Observed) -> bool:
    """Whether what is there is not ours by itself, but lies in what is: it is made anew."""
    if str(resource.key) in known.owned or trait.setting or found.marked or found.system:
        return False
    return trait.within(resource, known.ours)


def remembered(found: Observed, owned: Owned | None) -> Resource:
    """An object as it is; what cannot be read of it, or is no difference, as we last applied it."""
    return as_applied(found, from_document(owned.document) if owned else None)


def recalled(observation: Observation, owned: Mapping[str, Owned]) -> Observation:
    """The observation with what cannot be read of our objects as we last applied it."""
    items = {
        key: replace(found, resource=remembered(found, owned.get(str(key)))) if found.unreadable else found
        for key, found in observation.items.items()
    }
    return replace(observation, items=items)


def as_applied(found: Observed, applied: Resource | None) -> Resource:
    """The same, from what was applied."""
    if type(applied) is not type(found.resource):
        return found.resource
    readable = found.resource.compared().keys() - found.unreadable
    return replace(applied, **{name: getattr(found.resource, name) for name in readable})


def _secrets(resource: Resource, found: Observed, known: Known) -> tuple[FieldChange, ...]:
    """Unreadable fields whose secret is not the one that we last applied.

    Where we never applied one nothing can be said: neither a difference nor a proof.
    """
    owned = known.owned.get(str(resource.key))
    changed = []
    for name in sorted(found.unreadable):
        wanted = getattr(resource, name)
        applied = owned.digests.get(name) if owned else None
        if applied and isinstance(wanted, SecretRef) and known.secret_digest(wanted) != applied:
            changed.append(FieldChange(name, "(unreadable)", wanted))
    return tuple(changed)


def _blocked(change: Change, observation: Observation, traits: Traits) -> Iterator[str]:
    found = observation.get(change.adopts or change.key)
    if found is None:
        return
    trait, title = traits[change.key.kind], change.resource.title()
    theirs = change.action is Action.ADOPT
    for item in change.fields:
        if item.field in trait.fixed:
            old, new = plain(item.before), plain(item.after)
            why = f"{title}: {item.field} cannot be changed in place ({old} → {new})"
            yield f"{why}; it is not ours: rename it or take it away, if it is not the one" if theirs else why
    if found.system:
        yield f"{title}: the system made it by itself"
    if protected := trait.protected(found):
        yield f"{title}: {protected}"


def _obsolete(
    step: Step, observation: Observation, known: Known, instance: str, traits: Traits
) -> list[Change]:
    changes = []
    for resource in known.left_by(instance, step):
        found = observation.get(resource.key)
        if found is not None and resource.kind in traits:
            changes.append(_given_back(found, known.owned[str(resource.key)], resource))
    return changes


def _given_back(found: Observed, owned: Owned, applied: Resource) -> Change:
    """What ends our hold on an object: deleted if we made it, else our fields as they were before us."""
    live = remembered(found, owned)
    if owned.origin is None:
        return Change(action=Action.DELETE, key=applied.key, before=live)
    origin = from_document(owned.origin)
    if type(origin) is not type(applied):
        origin = applied
    ours = {item.field: item.before for item in field_changes(origin, applied)}
    after = replace(live, **{name: value for name, value in ours.items() if name not in found.unreadable})
    return Change(
        action=Action.RELEASE, key=applied.key, before=live, after=after, fields=field_changes(live, after)
    )


def _in_the_way(changes: Iterable[Change], obsolete: Iterable[Change], traits: Traits) -> list[Change]:
    """Objects of ours that go and hold the place of one that comes: they go first.

    Of kinds with markers two can be there at once, and then the new one comes first.
    """

    def place(change: Change) -> tuple[str, Hashable] | None:
        trait = traits[change.key.kind]
        if trait.natural is None or trait.marker:
            return None
        return change.key.kind, trait.natural(change.resource)

    coming = {place(change) for change in changes if change.action is Action.CREATE} - {None}
    return [change for change in obsolete if change.action is Action.DELETE and place(change) in coming]


def describe(change: Change) -> dict[str, Any]:
    """A change as JSON data: for the journal, digests and `--json`."""
    return {
        "action": change.action.value,
        "key": str(change.key),
        "title": change.resource.title(),
        "fields": [[item.field, plain(item.before), plain(item.after)] for item in change.fields],
        "above": str(change.above) if change.above else None,
        "adopts": str(change.adopts) if change.adopts else None,
    }


def plain(value: object) -> Any:
    """A field's value as JSON data."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Later):
        return f"(known when {value.key} exists: {value.field})"
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, Key | SecretRef):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return str(value)


def digest(inputs: Mapping[str, Any], plans: Iterable[StepPlan]) -> str:
    """What a plan is, in 64 hex digits: inputs, ordered keys, actions and fields.

    Never a vendor's id (a foreign object counts as adopted, not by its name), time or reading order.
    """
    return digest_of(
        inputs, ((plan.step.id, [describe(change) for change in plan.changes]) for plan in plans)
    )


def digest_of(inputs: Mapping[str, Any], steps: Iterable[tuple[str, list[dict[str, Any]]]]) -> str:
    """The digest of steps whose changes are described already."""
    changes = [
        [step, [{**change, "adopts": change["adopts"] is not None} for change in described]]
        for step, described in steps
    ]
    return hashlib.sha256(canonical([dict(inputs), changes]).encode()).hexdigest()
