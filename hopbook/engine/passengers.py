"""What goes with an object that is deleted, though nobody asks for it.

Deleting an edge deletes every rule on it, also the ones that somebody else put there beside ours. Deleting a
machine deletes all that was made on it; none of that is ours any more, and a new machine of the same name
begins without it.
"""

from collections.abc import Collection, Iterator, Mapping

from hopbook.engine.change import Action, KindTraits, Observation
from hopbook.engine.plan import Step
from hopbook.engine.state import ChangeStatus, SiteState
from hopbook.resources.base import Key, from_document


def passengers(
    deleted: Collection[Key],
    observation: Observation,
    ours: Collection[str],
    traits: Mapping[str, KindTraits],
) -> Iterator[str]:
    """One sentence for each foreign object that refers to an object which would be deleted."""
    for key, item in observation.items.items():
        trait = traits.get(key.kind)
        if trait is None or trait.setting or item.system or item.marked or str(key) in ours or key in deleted:
            continue
        for ref in item.resource.refs():
            if ref in deleted:
                carrier = observation.items[ref].resource.title()
                yield f"{carrier} carries {item.resource.title()}, which is not ours"


def going_with(state: SiteState, run: str, step: Step, traits: Mapping[str, KindTraits]) -> frozenset[Key]:
    """The keys of what a step wants that goes with something which the run has begun to delete.

    Only of a step that the run completed before: it was as it should be then.
    """
    known = state.runs.get(run)
    if known is None or step.id not in known.steps or known.steps[step.id].status != "completed":
        return frozenset()
    changes = (state.changes[change] for each in known.steps.values() for change in each.changes)
    going = {Key.parse(change.intent.key) for change in changes if change.intent.action == Action.DELETE}
    return frozenset(each.key for each in step.resources if traits[each.kind].goes_with(each) in going)


def gone_with(state: SiteState, run: str, step: str, traits: Mapping[str, KindTraits]) -> Iterator[str]:
    """The keys of what is ours by the journal, and went with something that a step of a run deleted."""
    steps = state.runs[run].steps if run in state.runs else {}
    changes = [state.changes[change] for change in steps[step].changes] if step in steps else []
    deleted = {
        Key.parse(change.intent.key)
        for change in changes
        if change.intent.action == Action.DELETE
        and change.status is ChangeStatus.APPLIED
        and change.intent.key not in state.owned
    }
    if not deleted:
        return
    for key, owned in state.owned.items():
        trait = traits.get(Key.parse(key).kind)
        if trait is not None and trait.goes_with(from_document(owned.document)) in deleted:
            yield key
