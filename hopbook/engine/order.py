"""Where rules stand: first match wins, so ours stand in the order of their ranks, whatever is between them.

Only what has to is moved. Rules of others are never moved, and neither are those of ours that another step
wants: the step's own are put in their places among them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hopbook.engine.change import Action, Change, FieldChange, KindTraits, Observation
from hopbook.resources.base import Key, Resource

Rank = tuple[int, str]
Ranks = Callable[[Key], int | None]


@dataclass(frozen=True, slots=True)
class Put:
    """A rule that has to be put somewhere.

    Attributes:
        above: Our rule that it has to stand above; None: behind all others.
        moved: It stands elsewhere now.
    """

    key: Key
    above: Key | None
    moved: bool


def placed(
    changes: Sequence[Change],
    resources: Iterable[Resource],
    observation: Observation,
    ranks: Ranks,
    traits: Mapping[str, KindTraits],
    leaving: frozenset[Key] = frozenset(),
) -> list[Change]:
    """The changes with their places in ordered sections, and moves for what stands in a wrong one.

    Those of a section that are put somewhere come together, in the order in which they have to be made and
    behind the section's other changes: what they are put above then is ours already. Nothing is put above
    rules that are `leaving`; `ranks` gives those of ours that these resources are not about.
    """
    sections: dict[str, dict[Key, Resource]] = {}
    for resource in resources:
        section = traits[resource.kind].section
        if section is not None:
            sections.setdefault(section(resource), {})[resource.key] = resource
    renamed = {change.adopts: change.key for change in changes if change.adopts is not None}
    found = list(changes)
    for name, wanted in sections.items():
        present = [
            renamed.get(key, key)
            for key in observation.order.get(name, ())
            if key in renamed or key in wanted or not (key in leaving or _unmarked(key, observation, traits))
        ]
        found = _with(found, list(puts(wanted, present, ranks)), wanted, observation)
    return found


def _unmarked(key: Key, observation: Observation, traits: Mapping[str, KindTraits]) -> bool:
    """Whether a rule is somebody else's, whatever the journal says: it does not carry our marker."""
    return traits[key.kind].marker and not observation.items[key].marked


def puts(wanted: Mapping[Key, Resource], present: Sequence[Key], ranks_of: Ranks) -> Iterator[Put]:
    """What of a section has to be put somewhere, in the order in which that has to be done."""
    ranks = {key: (rank, str(key)) for key in present if (rank := ranks_of(key)) is not None}
    ranks |= {key: (rank_of(resource), str(key)) for key, resource in wanted.items()}
    standing = [key for key in present if key in ranks]
    fixed = _increasing([key for key in standing if key not in wanted], ranks)
    settled = _increasing(_fitting(standing, fixed, wanted, ranks), ranks)
    below: Key | None = None
    found = []
    for key in sorted({*settled, *wanted}, key=ranks.__getitem__, reverse=True):
        if key in settled:
            below = key
        else:
            found.append(Put(key, below, key in standing))
    return reversed(found)


def rank_of(resource: Resource) -> int:
    """Where a rule wants to stand among ours."""
    rank: int = getattr(resource, "rank", 0)
    return rank


def _fitting(
    standing: Sequence[Key], fixed: set[Key], wanted: Mapping[Key, Resource], ranks: Mapping[Key, Rank]
) -> list[Key]:
    """The fixed rules, and the wanted ones that stand right among them."""
    over: dict[Key, Rank] = {}
    lowest: Rank | None = None
    for key in reversed(standing):
        if key in fixed:
            lowest = ranks[key]
        elif lowest is not None:
            over[key] = lowest
    fitting = []
    highest: Rank | None = None
    for key in standing:
        if key in fixed:
            highest = ranks[key]
            fitting.append(key)
        elif (
            key in wanted
            and (highest is None or highest < ranks[key])
            and (key not in over or ranks[key] < over[key])
        ):
            fitting.append(key)
    return fitting


def _increasing(keys: Sequence[Key], ranks: Mapping[Key, Rank]) -> set[Key]:
    """The most keys that already stand in the right order: what need not move (patience sorting)."""
    ends: list[Rank] = []
    tops: list[Key] = []
    before: dict[Key, Key | None] = {}
    for key in keys:
        index = bisect_left(ends, ranks[key])
        before[key] = tops[index - 1] if index else None
        ends[index : index + 1] = [ranks[key]]
        tops[index : index + 1] = [key]
    kept: set[Key] = set()
    last = tops[-1] if tops else None
    while last is not None:
        kept.add(last)
        last = before[last]
    return kept


def _with(
    changes: list[Change], places: Sequence[Put], wanted: Mapping[Key, Resource], live: Observation
) -> list[Change]:
    by_key = {change.key: change for change in changes}
    moved = [_put(by_key.get(put.key), wanted[put.key], live, put) for put in places]
    keys = {change.key for change in moved}
    indices = [index for index, change in enumerate(changes) if change.key in wanted]
    end = indices[-1] + 1 if indices else len(changes)
    return [*(change for change in changes[:end] if change.key not in keys), *moved, *changes[end:]]


def _put(change: Change | None, resource: Resource, live: Observation, put: Put) -> Change:
    if change is not None:
        return replace(change, above=put.above, moved=put.moved)
    place = FieldChange("place", "out of order", f"above {put.above.name}" if put.above else "last")
    return Change(
        action=Action.UPDATE,
        key=put.key,
        before=live.items[put.key].resource,
        after=resource,
        fields=(place,),
        above=put.above,
        moved=True,
    )
