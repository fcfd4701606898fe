"""The world of a toy site: what is there, and what calls make of it."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from hopbook.engine.change import Action, Change, Submitted
from hopbook.engine.ports import Recorder
from hopbook.errors import AnswerLost, Rejected
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.testing.kinds import CALL_TIMEOUT, KINDS, Knob, Peg, Rule, Toy, Vault, shelf_of
from hopbook.testing.ports import FakeClock, Fuse


class Fault(StrEnum):
    """What goes wrong with the next call about a key."""

    REFUSED = "the system says no"
    LOST = "it takes effect, and the answer is lost"
    NOTHING = "it takes no effect, and nobody says so"
    LATE = "it takes effect after some observations, and shows as pending until then"
    SLOW = "it takes effect just before its deadline, and nothing shows it"


@dataclass(slots=True)
class Thing:
    """One object of the world. `resource.short` is the name that our marker gives it."""

    id: int
    resource: Toy
    marked: bool = False
    secret: str = ""


@dataclass(slots=True)
class Underway:
    """A change whose effect is still to come: after some observations, or at a time."""

    change: Change
    looks: int
    due: datetime | None


@dataclass
class World:
    """Everything that is there, in the order in which it is evaluated.

    Attributes:
        faults: What goes wrong with the next calls about a key.
        raising: Whether calls that go wrong raise, instead of saying so.
        seconds: How long a call takes.
        patience: How many observations what comes late needs.
        addresses: Whether pegs have addresses.
        violations: What no runner may do: a change while another is under way in its lane.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    things: list[Thing] = field(default_factory=list)
    secrets: dict[SecretRef, str] = field(default_factory=dict)
    faults: dict[Key, list[Fault]] = field(default_factory=dict)
    raising: bool = False
    seconds: float = 0.0
    patience: int = 3
    addresses: bool = True
    fuse: Fuse = field(default_factory=Fuse)
    underway: list[Underway] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    made: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, resource: Toy, *, marked: bool = False, secret: str = "", first: bool = False) -> Thing:
        """Somebody makes something; of a kind with markers it is foreign unless it is marked."""
        self.made += 1
        if KINDS[resource.kind].marker and not marked:
            resource = replace(resource, short=f"#{self.made}")
        if isinstance(resource, Peg) and self.addresses:
            resource = replace(resource, address=f"at {resource.name}")
        thing = Thing(self.made, resource, marked, secret)
        self.things.insert(0 if first else len(self.things), thing)
        return thing

    def find(self, key: Key) -> Thing | None:
        """The object that a key names."""
        return next((thing for thing in self.things if thing.resource.key == key), None)

    def snapshot(self) -> list[tuple[Any, ...]]:
        """All there is, rules in their order; of ids only those in the names of foreign things."""
        things = sorted(self.things, key=_shown)
        return [
            (str(thing.resource.key), thing.marked, dict(thing.resource.compared()), thing.secret)
            for thing in things
        ]

    def call(self, change: Change, submitted: Recorder) -> None:
        """Somebody asks for a change.

        Raises:
            Rejected: it was not made.
            AnswerLost: nobody knows.
        """
        self.fuse()
        with self.lock:
            until = self.clock.now() + timedelta(seconds=CALL_TIMEOUT - 1)
            self.clock.sleep(self.seconds)
            self._pass_by(change)
            faults = self.faults.get(change.key)
            fault = faults.pop(0) if faults else None
        match fault:
            case Fault.REFUSED:
                raise Rejected("no", system="toys")
            case Fault.LATE:
                self.underway.append(Underway(change, self.patience, None))
                submitted(Submitted(change.key, f"task-{change.key.name}"))
            case Fault.SLOW:
                self.underway.append(Underway(change, 0, until))
            case Fault.LOST | None:
                self.effect(change)
            case Fault.NOTHING:
                pass
        self.fuse()
        if fault is not None:
            raise AnswerLost(fault.value, system="toys")

    def _pass_by(self, change: Change) -> None:
        """What was under way in a change's lane is over, or the change comes too early."""
        shelf = shelf_of(change.resource)
        self.go_on(frozenset({shelf}), looked=False)
        if any(shelf_of(item.change.resource) == shelf for item in self.underway):
            self.violations.append(f"{change.key} was asked for while something else was under way")

    def go_on(self, shelves: frozenset[str], *, looked: bool = True) -> None:
        """What is under way on the shelves goes on; some of it only when somebody looks."""
        for item in list(self.underway):
            if shelf_of(item.change.resource) not in shelves:
                continue
            item.looks -= looked
            if self.clock.now() >= item.due if item.due else item.looks <= 0:
                self.underway.remove(item)
                with suppress(Rejected):
                    self.effect(item.change)

    def effect(self, change: Change) -> None:
        """The change takes effect.

        Raises:
            Rejected: it cannot.
        """
        with self.lock:
            thing = self.find(change.adopts or change.key)
            if change.action is Action.CREATE:
                thing = self._create(change, thing)
            elif thing is None:
                raise Rejected(f"{change.adopts or change.key} is gone", system="toys")
            elif change.after is None:
                self._remove(thing)
            else:
                self._change(thing, change, change.after)
            if KINDS[change.key.kind].section and change.after is not None:
                self._place(thing, change)

    def _create(self, change: Change, there: Thing | None) -> Thing:
        resource = change.after
        assert isinstance(resource, Toy)  # noqa: S101 - all of this world are
        marker = KINDS[resource.kind].marker
        if there is not None and not marker:
            raise Rejected(f"{resource.key} exists", system="toys")
        secret = self._secret(resource)
        if isinstance(resource, Vault):
            resource = replace(resource, password=None)
        return self.put(resource, marked=marker, secret=secret)

    def _remove(self, thing: Thing) -> None:
        if isinstance(thing.resource, Knob):
            thing.resource = Knob(shelf=thing.resource.shelf, short=thing.resource.short)
        else:
            self.things.remove(thing)

    def _change(self, thing: Thing, change: Change, after: Resource) -> None:
        marker = KINDS[change.key.kind].marker
        thing.marked = marker and change.action is not Action.RELEASE
        names = after.compared().keys() - {"password"}
        values = {name: getattr(after, name) for name in names}
        short = change.key.name.partition("/")[2] if thing.marked or not marker else f"#{thing.id}"
        thing.resource = replace(thing.resource, short=short, **values)
        if isinstance(after, Vault) and "password" in {item.field for item in change.fields}:
            thing.secret = self._secret(after)

    def _secret(self, resource: Resource) -> str:
        return self.secrets[resource.password] if isinstance(resource, Vault) and resource.password else ""

    def _place(self, thing: Thing, change: Change) -> None:
        if change.action is not Action.CREATE and not change.moved:
            return
        above = self.find(change.above) if change.above else None
        if change.above and above is None:
            raise Rejected(f"{change.above} is gone", system="toys")
        self.things.remove(thing)
        self.things.insert(self.things.index(above) if above else len(self.things), thing)


def _shown(thing: Thing) -> tuple[str, str]:
    resource = thing.resource
    return resource.shelf, "" if isinstance(resource, Rule) else str(resource.key)
