"""What would go with an object that is deleted, though it is not ours.

Deleting an edge deletes every rule on it, also the ones that somebody else put there beside ours.
"""

from collections.abc import Collection, Iterator, Mapping

from hopbook.engine.change import KindTraits, Observation
from hopbook.resources.base import Key


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
