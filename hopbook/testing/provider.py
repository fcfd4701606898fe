"""The provider of a toy site."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from hopbook.engine.change import (
    Action,
    Change,
    KindTraits,
    Observation,
    Observed,
    Outcome,
    Pending,
    Result,
    Scope,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import AnswerLost, Rejected
from hopbook.resources.base import Key
from hopbook.testing.kinds import KINDS, Knob, Rule, Vault, shelf_of
from hopbook.testing.world import Thing, World


class ToyProvider:
    """`ports.Provider` over a world."""

    def __init__(self, world: World, kinds: Mapping[str, KindTraits] = KINDS) -> None:
        self.world = world
        self.kinds = kinds

    def observe(self, scope: Scope) -> Observation:
        """As the port says."""
        world = self.world
        shelves = frozenset(key.name.partition("/")[0] for key in scope.keys)
        with world.lock:
            world.go_on(shelves)
            here = [thing for thing in world.things if thing.resource.shelf in shelves]
            copies = Counter(thing.resource.key for thing in here)
            items: dict[Key, Observed] = {}
            for thing in here:
                key = thing.resource.key
                if key in items:
                    key = replace(key, name=f"{thing.resource.shelf}/#{thing.id}")
                items[key] = self._observed(thing, copies[thing.resource.key])
            order = {
                shelf: tuple(
                    key for key in items if key.kind == Rule.kind and key.name.startswith(f"{shelf}/")
                )
                for shelf in shelves
            }
            pending = tuple(
                Pending(lane=shelf_of(item.change.resource), what=str(item.change.key))
                for item in world.underway
                if item.due is None
            )
        return Observation(
            items=items, order={shelf: keys for shelf, keys in order.items() if keys}, pending=pending
        )

    def _observed(self, thing: Thing, copies: int) -> Observed:
        resource, unreadable = thing.resource, frozenset[str]()
        if isinstance(resource, Vault):
            resource, unreadable = replace(resource, password=None), frozenset({"password"})
        if isinstance(resource, Rule):
            resource = replace(resource, rank=0)  # the world knows places, not ranks
        delivered = isinstance(resource, Knob) and resource == Knob(
            shelf=resource.shelf, short=resource.short
        )
        return Observed(
            resource=resource,
            marked=thing.marked,
            at_default=delivered,
            unreadable=unreadable,
            handle=f"toy-{thing.id}",
            copies=copies,
        )

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        """As the port says; after the first call that fails nothing more is tried."""
        failed = False
        for change in batch:
            if failed:
                yield from not_attempted([change], "one before it failed")
                continue
            try:
                self.world.call(change, submitted)
            except (AnswerLost, Rejected) as error:
                if self.world.raising:
                    raise
                failed = True
                result = Result.UNKNOWN if isinstance(error, AnswerLost) else Result.REFUSED
                yield Outcome(key=change.key, result=result, reason=str(error))
                continue
            adopted = change.action is Action.ADOPT
            yield Outcome(key=change.key, result=Result.ADOPTED if adopted else Result.APPLIED)
