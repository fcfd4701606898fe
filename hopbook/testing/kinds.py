"""The kinds of things that stand on shelves; a shelf is a lane."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from hopbook.engine.change import KindTraits, Observed
from hopbook.resources.base import Key, Later, Resource, SecretRef, known

CALL_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Toy(Resource):
    """Something on a shelf."""

    shelf: str
    short: str = field(metadata={"compare": False})

    @property
    def name(self) -> str:
        """`SHELF/SHORT`."""
        return f"{self.shelf}/{self.short}"


@known
@dataclass(frozen=True, kw_only=True)
class Box(Toy):
    """Carries our marker; one with the same label is the same thing as ours."""

    kind: ClassVar[str] = "toy.box"

    label: str
    size: int = 0
    note: str = ""
    on: Key | None = None


@known
@dataclass(frozen=True, kw_only=True)
class Rule(Toy):
    """Stands in the list of its shelf, where the first match wins."""

    kind: ClassVar[str] = "toy.rule"

    match: str
    act: str = "allow"
    rank: int = field(default=0, metadata={"compare": False})


@known
@dataclass(frozen=True, kw_only=True)
class Knob(Toy):
    """Always there: a setting."""

    kind: ClassVar[str] = "toy.knob"

    level: int = 0
    mode: str = "auto"


@known
@dataclass(frozen=True, kw_only=True)
class Peg(Toy):
    """Carries no marker; its key alone says which it is. The world gives it an address."""

    kind: ClassVar[str] = "toy.peg"

    size: int = 0
    material: str = "wood"
    on: tuple[Key, ...] = ()
    address: str | None = field(default=None, metadata={"compare": False})


@known
@dataclass(frozen=True, kw_only=True)
class Wire(Toy):
    """Leads to an address, which may be known only later."""

    kind: ClassVar[str] = "toy.wire"

    to: str | Later


@known
@dataclass(frozen=True, kw_only=True)
class Vault(Toy):
    """Has a password, which it never shows."""

    kind: ClassVar[str] = "toy.vault"

    size: int = 0
    password: SecretRef | None = None


def shelf_of(resource: Resource) -> str:
    """The shelf that something stands on: its lane, and the list that a rule is in."""
    return resource.name.partition("/")[0]


def _natural(resource: Resource) -> Hashable:
    return shelf_of(resource), getattr(resource, "match", getattr(resource, "label", None))


def _shadows(winner: Resource, loser: Resource) -> bool:
    return getattr(winner, "match", "") in {"*", getattr(loser, "match", "")}


def _protected(observed: Observed) -> str:
    return "the house stands on it" if shelf_of(observed.resource) == "cellar" else ""


_PLAIN = KindTraits(lane=shelf_of, call_timeout=CALL_TIMEOUT, protected=_protected)
KINDS: Mapping[str, KindTraits] = {
    Box.kind: replace(_PLAIN, marker=True, natural=_natural),
    Rule.kind: replace(_PLAIN, marker=True, natural=_natural, section=shelf_of, shadows=_shadows),
    Knob.kind: replace(_PLAIN, setting=True),
    Peg.kind: replace(_PLAIN, fixed=frozenset({"material"})),
    Wire.kind: _PLAIN,
    Vault.kind: _PLAIN,
}
