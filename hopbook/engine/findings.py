"""What a person should know of a plan before it is carried out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hopbook.engine.change import Change, KindTraits, Observation, project
from hopbook.engine.state import Owned
from hopbook.resources.base import Key, Resource


def findings(
    resources: Iterable[Resource],
    changes: Sequence[Change],
    observation: Observation,
    owned: Mapping[str, Owned],
    traits: Mapping[str, KindTraits],
) -> Iterator[str]:
    """Two objects with one marker, foreign rules that shadow ours, and what undo will not put back."""
    then = project(observation, changes, traits)
    strangers = {name: list(_strangers(keys, then, owned)) for name, keys in then.order.items()}
    places = {key: place for keys in then.order.values() for place, key in enumerate(keys)}
    for resource in resources:
        trait = traits[resource.kind]
        found = observation.get(resource.key)
        if found is not None and found.copies > 1:
            yield f"{resource.title()}: {found.copies} objects carry its marker"
        if trait.section is None:
            continue
        here = places.get(resource.key, len(places))
        for place, stranger in strangers.get(trait.section(resource), ()):
            if place < here and stranger.kind == resource.kind and trait.shadows(stranger, resource):
                title = stranger.title()
                yield f"{resource.title()}: the foreign {title} stands above it and takes its packets"
    for change in changes:
        yield from _for_good(change, observation, traits[change.key.kind])


def _strangers(
    keys: Sequence[Key], observation: Observation, owned: Mapping[str, Owned]
) -> Iterator[tuple[int, Resource]]:
    """The rules of a section that are neither ours nor the system's, with their places."""
    for place, key in enumerate(keys):
        found = observation.items[key]
        if not (found.marked or found.system or str(key) in owned):
            yield place, found.resource


def _for_good(change: Change, observation: Observation, trait: KindTraits) -> Iterator[str]:
    """What undo will not be able to put back."""
    title = change.resource.title()
    if trait.irreversible:
        yield f"{title}: undo cannot take this back: {trait.irreversible}"
    found = observation.get(change.key)
    for item in change.fields:
        old = getattr(change.before, item.field, None)
        if found and item.field in found.unreadable and (old is None or old == item.after):
            yield f"{title}: undo cannot put {item.field} back, as it cannot be read"
    if change.moved:
        yield f"{title}: undo will not put it back in its place"
