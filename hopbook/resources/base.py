"""A resource: a value that says how one thing should be.

Resources name each other by `Key`, never by a vendor's id, so that a plan made before anything exists
equals the plan made after. They hold no secrets: a field that is one holds a `SecretRef`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The stable name of a resource: `nsxv.nat-rule:icp-esg/snat-internet`."""

    kind: str
    name: str

    def __str__(self) -> str:
        """`kind:name`."""
        return f"{self.kind}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Read what `str` wrote."""
        kind, _, name = text.partition(":")
        return cls(kind, name)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is, not what it is: `env:NSX_PASSWORD`, `file:/run/secrets/nsx`, `prefect:nsx`."""

    source: str
    name: str

    def __str__(self) -> str:
        """`source:name`."""
        return f"{self.source}:{self.name}"


@dataclass(frozen=True, slots=True)
class Later:
    """A value that is known only when another resource exists: field `field` of the live `key`."""

    key: Key
    field: str


@dataclass(frozen=True, kw_only=True)
class Resource:
    """How one thing should be. Subclasses are frozen dataclasses; equality is meaning.

    A subclass names its `kind` (with a version: a changed meaning is a new one) and gives `name`, unique
    within the kind on one site. Fields with `metadata={"compare": False}` order or explain and are never a
    difference.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def name(self) -> str:
        """The name within the kind."""
        raise NotImplementedError

    @cached_property  # a plan asks for it many times
    def key(self) -> Key:
        """The stable key."""
        return Key(self.kind, self.name)

    def refs(self) -> Iterator[Key]:
        """The keys that this resource names in its fields, `Later` ones included."""
        for name in shape_of(type(self)).names:
            yield from _keys_in(getattr(self, name))

    def compared(self) -> Mapping[str, Any]:
        """The fields that make a difference, by name."""
        return {name: getattr(self, name) for name in shape_of(type(self)).compared}

    def title(self) -> str:
        """How a person would name it in a sentence."""
        return str(self.key)


@dataclass(frozen=True, kw_only=True)
class Opaque(Resource):
    """A resource of a kind that this program does not know: readable, never applied."""

    kind: ClassVar[str] = "opaque"

    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The key that it was written under."""
        return str(self.document.get("key", "?"))


class Shape(NamedTuple):
    """The names of a kind's fields: all, those that make a difference, those that may hold a `Later`."""

    names: tuple[str, ...]
    compared: tuple[str, ...]
    later: tuple[str, ...]


_SHAPES: dict[type[Resource], Shape] = {}


def shape_of(cls: type[Resource]) -> Shape:
    """A kind's shape; asked for every resource of every plan, so it is kept."""
    if cls not in _SHAPES:
        fields = dataclasses.fields(cls)
        _SHAPES[cls] = Shape(
            names=tuple(field.name for field in fields),
            compared=tuple(field.name for field in fields if field.metadata.get("compare", True)),
            later=tuple(field.name for field in fields if Later.__name__ in str(field.type)),
        )
    return _SHAPES[cls]


def _keys_in(value: object) -> Iterator[Key]:
    if isinstance(value, Key):
        yield value
    elif isinstance(value, Later):
        yield value.key
    elif isinstance(value, tuple):
        for item in value:
            yield from _keys_in(item)


_KINDS: dict[str, type[Resource]] = {}
_R = TypeVar("_R", bound=type[Resource])


def known(cls: _R) -> _R:
    """Make a kind of resource readable from documents (a class decorator)."""
    _KINDS[f"{cls.kind}.v{cls.version}"] = cls
    return cls


_ADAPTERS: dict[type[Resource], TypeAdapter[Any]] = {}


def _adapter(cls: type[Resource]) -> TypeAdapter[Any]:
    if cls not in _ADAPTERS:
        _ADAPTERS[cls] = TypeAdapter(cls)
    return _ADAPTERS[cls]


def to_document(resource: Resource) -> dict[str, Any]:
    """A resource as plain JSON data, with its kind and key; `from_document` reads it back equal."""
    if isinstance(resource, Opaque):
        return dict(resource.document)
    fields = _adapter(type(resource)).dump_python(resource, mode="json")
    return {"kind": f"{resource.kind}.v{resource.version}", "key": str(resource.key), "fields": fields}


def from_document(document: Mapping[str, Any]) -> Resource:
    """The resource that a document says; of an unknown kind an `Opaque` that still can be shown."""
    cls = _KINDS.get(document.get("kind", ""))
    if cls is None:
        return Opaque(document=document)
    resource: Resource = _adapter(cls).validate_python(document["fields"])
    return resource
