"""What a model expects at a place: read from its annotations, for finding and naming what is wrong there."""

import dataclasses
import enum
import typing
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hopbook.resources.base import SecretRef


def bare(annotation: Any) -> Any:
    """Without `Annotated` and without `| None`; a union of several stays one."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        return bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def alternatives(annotation: Any) -> Iterator[Any]:
    """The types of a union, or the one type."""
    annotation = bare(annotation)
    if get_origin(annotation) in {Union, UnionType}:
        yield from (bare(arg) for arg in get_args(annotation) if arg is not type(None))
    else:
        yield annotation


def members(annotation: Any) -> Mapping[str, Any] | None:
    """The keys that a mapping may have there, with what each holds; None where that is not said."""
    found: dict[str, Any] | None = None
    for each in alternatives(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            found = {**(found or {}), **{key: info.annotation for key, info in _fields(each)}}
        elif isinstance(each, type) and each is not SecretRef and dataclasses.is_dataclass(each):
            found = {**(found or {}), **typing.get_type_hints(each)}
    return found


def inner(annotation: Any, key: str | int) -> Any:
    """What is expected one key further in; None where that is not said."""
    known = members(annotation)
    if known is not None:
        return known.get(str(key))
    origin, args = get_origin(bare(annotation)), get_args(bare(annotation))
    if not args or origin in {Literal, Union, UnionType}:
        return None
    if origin is tuple and isinstance(key, int) and args[-1] is not ...:
        return args[key] if key < len(args) else None
    return args[0] if origin is tuple else args[-1]


def description(annotation: Any, key: str) -> str:
    """What the model says about a key, or the type of its value about itself; empty if neither does."""
    for each in alternatives(annotation):
        if isinstance(each, type) and issubclass(each, BaseModel):
            for name, info in _fields(each):
                if name == key:
                    return info.description or _described(info.annotation)
    return ""


def words(annotation: Any) -> list[str]:
    """What a choice may be: the values of an enum or a literal, and a mapping where one may stand instead."""
    found: list[str] = []
    for each in alternatives(annotation):
        if isinstance(each, type) and issubclass(each, enum.Enum):
            found += [str(member.value) for member in each]
        elif get_origin(each) is Literal:
            found += [str(word) for word in get_args(each)]
        elif members(each) is not None:
            found.append(mapping(each))
    return found


def mapping(annotation: Any) -> str:
    """`a mapping with subnet, edge, router`."""
    known = members(annotation)
    return "a mapping" + (f" with {', '.join(known)}" if known else "")


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """A model's fields by the keys that people write."""
    for name, info in model.model_fields.items():
        yield (info.alias or name), info


def _described(annotation: Any) -> str:
    """The description that a type carries (`HostName`), inside `| None` or a tuple too."""
    for metadata in getattr(annotation, "__metadata__", ()):
        if isinstance(metadata, FieldInfo) and metadata.description:
            return metadata.description
    return next(filter(None, map(_described, get_args(annotation))), "")
