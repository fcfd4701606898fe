"""Reading the systems, each lane once until something may have changed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hopbook.engine.change import KindTraits, Observation, Scope
from hopbook.engine.plan import unresolved
from hopbook.engine.ports import Clock, Provider
from hopbook.resources.base import Key, Resource

_AGE = timedelta(minutes=1)  # of an observation that still serves


@dataclass(slots=True)
class Reading:
    """What the providers of a site say, and what of it still serves."""

    providers: Sequence[Provider]
    clock: Clock
    traits: Mapping[str, KindTraits] = field(init=False)
    _seen: dict[str, tuple[datetime, Observation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Collect the traits of all providers."""
        self.traits = {kind: trait for provider in self.providers for kind, trait in provider.kinds.items()}

    def observe(self, resources: Iterable[Resource | Key]) -> Observation:
        """What is there in the lanes of the resources, and in every lane that was read and still serves.

        A key alone is read with whatever its provider reads it by. Where a value of a resource is known only
        later, what it is a value of is read, too. Kinds that no provider knows are left out.
        """
        oldest = self.clock.now() - _AGE
        self._seen = {lane: seen for lane, seen in self._seen.items() if seen[0] >= oldest}
        missing = {key: lane for key, lane in self._places(resources) if lane not in self._seen}
        for provider in self.providers:
            keys = frozenset(key for key in missing if key.kind in provider.kinds)
            if keys:
                found = self.clock.now(), provider.observe(Scope(keys))
                self._seen |= {missing[key]: found for key in keys}
        merged = Observation()
        for seen in {id(seen): seen for _, seen in self._seen.values()}.values():
            merged = merged.merged(seen)
        return merged

    def forget(self) -> None:
        """Something may have changed: the next observation reads everything again."""
        self._seen.clear()

    def _places(self, resources: Iterable[Resource | Key]) -> Iterator[tuple[Key, str]]:
        """Where to read: keys, each with its lane, or itself where that is all that is read of the lane."""
        for resource in resources:
            if isinstance(resource, Key):
                yield resource, str(resource)
                continue
            trait = self.traits.get(resource.kind)
            if trait is not None:
                yield resource.key, str(resource.key) if trait.by_key else trait.lane(resource)
            for later in unresolved(resource):
                yield later.key, str(later.key)
