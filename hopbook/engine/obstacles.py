"""Why a plan is not tried, and what is left when it was."""

from collections.abc import Iterator, Mapping, Sequence

from hopbook.engine.change import Action, Change, KindTraits
from hopbook.engine.plan import StepPlan, plain, unresolved
from hopbook.engine.waves import brings, waves
from hopbook.errors import StepNotDone


def obstacles(plan: StepPlan, traits: Mapping[str, KindTraits], *, adopt: bool) -> Iterator[str]:
    """Why a plan cannot be carried out, each once; found before anything is touched."""
    yield from dict.fromkeys(plan.blocked)
    takeable = [change for change in plan.adoptions if not _fixed(change, traits)]
    if takeable and not adopt:
        names = ", ".join(change.resource.title() for change in takeable)
        yield f"already there and not ours: {names}; --adopt takes them over"
    yield from dict.fromkeys(_unknown(plan.changes))
    try:
        list(waves(plan.changes, traits))
    except StepNotDone as circle:
        yield str(circle)


def _fixed(change: Change, traits: Mapping[str, KindTraits]) -> bool:
    """Whether something differs that cannot be changed."""
    return any(item.field in traits[change.key.kind].fixed for item in change.fields)


def _unknown(changes: Sequence[Change]) -> Iterator[str]:
    coming = {change.key for change in changes if brings(change)}
    for change in changes:
        for later in unresolved(change.after) if change.after is not None else ():
            if later.key not in coming:
                yield f"{change.resource.title()}: {later.field} of {later.key} is not known yet"


def leftover(change: Change) -> str:
    """What a change that is still to be made says of the object."""
    title = change.resource.title()
    if change.action is Action.CREATE:
        return f"{title} is not there"
    if change.action is Action.DELETE:
        return f"{title} is still there"
    fields = (f"{item.field} is {plain(item.before)}, not {plain(item.after)}" for item in change.fields)
    return f"{title}: {', '.join(fields)}"
