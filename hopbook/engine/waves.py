"""Which changes can be made side by side.

What refers to something new waits until that is there, and what is referred to is deleted when nothing refers
to it any more. Within a lane the given order holds, and a lane's batch stays whole where it can, so that a
provider can make one call of it; only what needs a value that is not known yet begins a batch of its own.
"""

from collections.abc import Iterator, Mapping, Sequence

from hopbook.engine.change import Action, Change, KindTraits
from hopbook.engine.plan import unresolved
from hopbook.errors import StepNotDone
from hopbook.resources.base import Key


def brings(change: Change) -> bool:
    """Whether there is something under the change's key only once it is made."""
    return change.after is not None and (change.before is None or change.adopts is not None)


def waves(changes: Sequence[Change], traits: Mapping[str, KindTraits]) -> Iterator[list[Change]]:
    """The changes in groups, each of which may be worked on lane beside lane.

    Raises:
        StepNotDone: two lanes wait for each other.
    """
    left = list(changes)
    while left:
        wave = _next(left, traits)
        if not wave:
            message = f"{left[0].key} and what it refers to wait for each other"
            raise StepNotDone(message)
        yield wave
        taken = {id(change) for change in wave}
        left = [change for change in left if id(change) not in taken]


def _next(left: Sequence[Change], traits: Mapping[str, KindTraits]) -> list[Change]:
    lane_of = {id(change): traits[change.key.kind].lane(change.resource) for change in left}
    brought = {change.key: change for change in left if brings(change)}
    referring: dict[Key, list[Change]] = {}
    for change in left:
        for ref in change.before.refs() if change.before is not None else ():
            referring.setdefault(ref, []).append(change)
    held: set[str] = set()
    wave: list[Change] = []
    for change in left:
        lane = lane_of[id(change)]
        elsewhere = any(lane_of[id(other)] != lane for other in _first(change, brought, referring))
        if lane in held or elsewhere or _unknown(change, brought):
            held.add(lane)
        else:
            wave.append(change)
    return wave


def _first(
    change: Change, brought: Mapping[Key, Change], referring: Mapping[Key, Sequence[Change]]
) -> Sequence[Change]:
    """What has to be made before a change, of what is left."""
    if change.action is Action.DELETE:
        return referring.get(change.key, ())
    return [brought[ref] for ref in change.resource.refs() if ref in brought]


def _unknown(change: Change, brought: Mapping[Key, Change]) -> bool:
    """Whether a value of the change is known only when something that is left is there."""
    return change.after is not None and any(later.key in brought for later in unresolved(change.after))
