"""Three-way drift: declared, last applied, live.

Each difference says which of our runs last set the field, or that none did: live differs from what we last
applied (somebody else changed it), or declared differs from what we last applied (the site file moved on).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hopbook.engine.change import Action, Change, KindTraits, Observation
from hopbook.engine.plan import Known, StepPlan, field_changes, owned_rank, plain
from hopbook.engine.state import Owned, SiteState
from hopbook.resources.base import Key, from_document

_ENDED = {Action.DELETE, Action.RELEASE}


class Cause(StrEnum):
    """Who moved, as far as the journal and the live system tell."""

    LIVE = "changed, and no run of ours did it"
    GONE = "deleted, and no run of ours did it"
    DECLARED = "the site file, the runbook or what its steps are made from changed since it was applied"
    NEVER = "never applied by a run of ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field that is not as declared, or a whole object (then the field is empty).

    Attributes:
        last: Which run of ours set it last, when and by whom; empty: none did.
    """

    key: Key
    title: str
    field: str
    declared: Any
    applied: Any
    live: Any
    cause: Cause
    last: str

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "key": str(self.key),
            "title": self.title,
            "field": self.field,
            "declared": self.declared,
            "applied": self.applied,
            "live": self.live,
            "cause": self.cause.value,
            "last": self.last,
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """What a look at the live systems found: differences, what lives beside ours unmanaged, and findings."""

    differences: tuple[Difference, ...]
    unmanaged: tuple[tuple[Key, str], ...]
    findings: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "differences": [difference.document() for difference in self.differences],
            "unmanaged": [{"key": str(key), "title": title} for key, title in self.unmanaged],
            "findings": list(self.findings),
        }


def drift(
    plans: Iterable[StepPlan],
    observation: Observation,
    known: Known,
    state: SiteState,
    traits: Mapping[str, KindTraits],
) -> Drift:
    """What differs, told from the plans that would mend it."""
    plans = list(plans)
    differences = [
        difference
        for plan in plans
        for change in plan.changes
        for difference in _differences(
            change, known.owned.get(str(change.key)), _moved(change, observation, known, traits), state
        )
    ]
    findings = [finding for plan in plans for finding in (*plan.findings, *plan.blocked)]
    unmanaged = _unmanaged(plans, observation, known, traits)
    return Drift(tuple(differences), tuple(unmanaged), tuple(findings))


def _differences(
    change: Change, owned: Owned | None, moved: set[str], state: SiteState
) -> Iterator[Difference]:
    title, last = change.resource.title(), _attribution(owned, state)
    if change.action is not Action.UPDATE:
        yield Difference(
            key=change.key,
            title=title,
            field="",
            declared="absent" if change.action in _ENDED else "present",
            applied="present" if owned else "absent",
            live="absent" if change.before is None else "present",
            cause=_cause_of_object(change, owned),
            last=last,
        )
        return
    applied = from_document(owned.document).compared() if owned else {}
    for item in change.fields:
        yield Difference(
            key=change.key,
            title=title,
            field=item.field,
            declared=plain(item.after),
            applied=plain(applied.get(item.field)),
            live=plain(item.before),
            cause=_cause_of_field(item.field, moved, owned),
            last=last,
        )


def _moved(
    change: Change, observation: Observation, known: Known, traits: Mapping[str, KindTraits]
) -> set[str]:
    """What of an object somebody else changed, if it is one of ours."""
    owned = known.owned.get(str(change.key))
    applied = from_document(owned.document) if owned else None
    moved = {"marker"}
    if applied is not None and type(applied) is type(change.before):
        moved |= {item.field for item in field_changes(applied, change.before)}
    section = traits[change.key.kind].section
    keys = observation.order.get(section(change.resource), ()) if section else ()
    standing = [(rank, str(key)) for key in keys if (rank := owned_rank(known.owned, key)) is not None]
    return moved if standing == sorted(standing) else moved | {"place"}


def _cause_of_object(change: Change, owned: Owned | None) -> Cause:
    if change.action in _ENDED:
        return Cause.DECLARED
    return Cause.GONE if owned else Cause.NEVER


def _cause_of_field(name: str, moved: set[str], owned: Owned | None) -> Cause:
    if owned is None:
        return Cause.NEVER
    return Cause.LIVE if name in moved else Cause.DECLARED


def _attribution(owned: Owned | None, state: SiteState) -> str:
    if owned is None:
        return ""
    run = state.runs[owned.run]
    return f"{run.instance}, run {owned.run}, {owned.time:%Y-%m-%d %H:%M:%S} UTC by {owned.actor}"


def _unmanaged(
    plans: Iterable[StepPlan], observation: Observation, known: Known, traits: Mapping[str, KindTraits]
) -> Iterator[tuple[Key, str]]:
    """Objects in our lanes that no step wants, no run of ours made and the system did not make itself."""
    wanted = {resource.key for plan in plans for resource in plan.step.resources}
    claimed = {change.adopts for plan in plans for change in plan.changes}
    lanes = {traits[resource.kind].lane(resource) for plan in plans for resource in plan.step.resources}
    for key, found in observation.items.items():
        trait = traits.get(key.kind)
        if trait is None or trait.setting or found.system:
            continue
        if key in wanted or key in claimed or str(key) in known.owned:
            continue
        if trait.lane(found.resource) in lanes:
            yield key, found.resource.title()
