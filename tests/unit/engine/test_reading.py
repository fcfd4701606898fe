"""What of an observation still serves: a lane that was read, or only the keys that were asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from hopbook.engine.change import Change, KindTraits, Observation, Observed, Outcome, Scope
from hopbook.engine.ports import Recorder
from hopbook.engine.reading import Reading
from hopbook.resources.base import Key
from hopbook.testing import KINDS, Box, FakeClock

ONE, TWO = Box(shelf="a", short="one", label=""), Box(shelf="a", short="two", label="")


@dataclass
class Asked:
    """A system that tells only what it is asked for, and how often it was asked."""

    kinds: Mapping[str, KindTraits]
    times: int = 0
    there: Mapping[Key, Box] = field(default_factory=lambda: {ONE.key: ONE, TWO.key: TWO})

    def observe(self, scope: Scope) -> Observation:
        self.times += 1
        found = {key: Observed(resource=self.there[key]) for key in scope.keys if key in self.there}
        return Observation(items=found)

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        raise NotImplementedError


@pytest.mark.parametrize("by_key", [False, True])
def test_another_thing_of_a_lane_is_read_where_only_the_first_was_asked_for(by_key: bool) -> None:
    trait = replace(KINDS[Box.kind], by_key=by_key)
    system = Asked({Box.kind: trait})
    reading = Reading([system], FakeClock())
    first = reading.observe([ONE])
    both = reading.observe([ONE, TWO])
    assert set(first.items) == {ONE.key}
    assert set(both.items) == ({ONE.key, TWO.key} if by_key else {ONE.key})
    assert system.times == (2 if by_key else 1)
    reading.observe([TWO, ONE])
    assert system.times == (2 if by_key else 1)
