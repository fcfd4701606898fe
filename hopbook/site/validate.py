"""From a document to a model, with every problem in plain words and at its place.

pydantic judges; here its findings become sentences. A few things that it takes are refused first, because a
person who wrote them meant something else: a number as an address, an address as a network (it would become a
/32), a boolean as a number, an unknown key in a dataclass.
"""

import copy
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_interface
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hopbook.errors import InvalidInput, Problem
from hopbook.resources.base import SecretRef
from hopbook.site import expects
from hopbook.site.document import Document
from hopbook.site.words import KeyPath, choices, near, path_text, shown

MAX_PROBLEMS = 100

_M = TypeVar("_M", bound=BaseModel)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BLOCK_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")  # Prefect's rule for the name of a block
_PREFIX = "expected a network with its prefix length, like 10.0.0.0/24"
_EXAMPLE: dict[type, str] = {
    IPv4Address: "expected an IPv4 address, like 10.0.0.5",
    IPv4Network: "expected an IPv4 network, like 10.0.0.0/24",
    IPv4Interface: "expected an IPv4 address with its prefix length, like 10.0.0.1/24",
}


def validated(document: Document, model: type[_M]) -> _M:
    """The document as that model.

    Raises:
        InvalidInput: With every problem of the document (the first hundred), by line.
    """
    found: dict[KeyPath, Callable[[], str]] = {}
    for path, value, annotation in _leaves(document.data, model, ()):
        if trouble := _misread(value, annotation):
            found[path] = _say(trouble)
    instance = None
    try:
        instance = model.model_validate(_without(document.data, found))
    except ValidationError as error:
        for path, details in _findings(error, document):
            found.setdefault(path, _sentence(details, path, document, model))
    if instance is None or found:
        raise InvalidInput(*_problems(found, document))
    return instance


def _findings(error: ValidationError, document: Document) -> Iterator[tuple[KeyPath, ErrorDetails]]:
    """What pydantic found, without what only follows from a finding further in."""
    found = [(_path(details, document.data), details) for details in error.errors(include_url=False)]
    around = {path[:length] for path, _ in found for length in range(len(path))}
    for path, details in found:
        tried = len(path) < len(details["loc"])  # the value is of another of a union's types
        if not (path in around and (tried or details["type"] == "too_short")):
            yield path, details


def _path(details: ErrorDetails, data: Any) -> KeyPath:
    """The place without the names of a union's types in it."""
    path: list[str | int] = []
    last = len(details["loc"]) - 1 if details["type"].startswith("missing") else None
    for number, key in enumerate(details["loc"]):
        if isinstance(data, dict) and (key in data or number == last):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            continue
        path.append(key)
    return tuple(path)


def _without(data: Any, paths: Collection[KeyPath]) -> Any:
    """The data with an empty text at those places, which no type there takes: pydantic need not see more."""
    if not paths:
        return data
    data = copy.deepcopy(data)
    for *steps, last in paths:
        inner = data
        for step in steps:
            inner = inner[step]
        inner[last] = ""
    return data


def _say(text: str) -> Callable[[], str]:
    return lambda: text


def _problems(found: Mapping[KeyPath, Callable[[], str]], document: Document) -> Iterator[Problem]:
    def place(path: KeyPath) -> tuple[bool, str, int, str]:
        mark = document.mark(path)
        return mark.file != document.name, mark.file, mark.line, path_text(path)

    for path in sorted(found, key=place)[:MAX_PROBLEMS]:
        yield Problem(what=found[path](), where=document.where(path))
    if len(found) > MAX_PROBLEMS:
        yield Problem(what=f"and {len(found) - MAX_PROBLEMS:,} further problems", where=document.name)


def _leaves(value: Any, annotation: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any, Any]]:
    """The values that hold no further ones, each with its type."""
    annotation = expects.bare(annotation)
    if annotation is SecretRef or not isinstance(value, dict | list):
        yield path, value, annotation
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if (inner := expects.inner(annotation, key)) is not None:
            yield from _leaves(item, inner, (*path, key))


def _misread(value: Any, annotation: Any) -> str:
    """Why a value that pydantic may take is not what the person meant; empty if nothing is wrong."""
    if annotation in _EXAMPLE:
        return _misread_address(value, annotation)
    if annotation is SecretRef:
        return _misread_secret(value)
    numbers = annotation in {int, float} or (get_origin(annotation) is Literal and 1 in get_args(annotation))
    if numbers and isinstance(value, bool):
        return f"found {shown(value)}; expected a number"
    if numbers and annotation is not float and isinstance(value, float):
        return f"found {shown(value)}; expected a whole number"
    return ""


def _misread_address(value: Any, annotation: type) -> str:
    if value is None or isinstance(value, list | dict):
        return ""
    if not isinstance(value, str):
        return f"found {shown(value)}; {_EXAMPLE[annotation]}"
    return _address_trouble(value.strip(), annotation)


def _address_trouble(text: str, annotation: type) -> str:
    try:
        read = ip_interface(text)
    except ValueError:
        return f"{shown(text)} is no address; {_EXAMPLE[annotation]}"
    if read.version != 4:  # noqa: PLR2004 – the version of IP
        return f"{shown(text)} is IPv6; {_EXAMPLE[annotation]}"
    if annotation is IPv4Address:
        return f"{text} is a network; {_EXAMPLE[annotation]}" if "/" in text else ""
    if "/" not in text:
        return (
            f"{text} has no prefix length; {_PREFIX if annotation is IPv4Network else _EXAMPLE[annotation]}"
        )
    if annotation is IPv4Network and read.ip != read.network.network_address:
        return f"{text} has host bits set; the network is {read.network}"
    return ""


def _misread_secret(value: Any) -> str:
    match value:
        case {"env": str(name)} if len(value) == 1 and not _ENV_NAME.fullmatch(name):
            return "this is not the name of an environment variable; expected {env: NAME}"
        case {"prefect": str(name)} if len(value) == 1 and not _BLOCK_NAME.fullmatch(name):
            return "a Prefect block's name has lower case, digits and dashes only; expected {prefect: BLOCK}"
        case {"file": str(name)} if len(value) == 1 and not name.strip():
            return "the file has no name; expected {file: PATH}"
    return ""


# pydantic's findings as sentences


def _sentence(
    details: ErrorDetails, path: KeyPath, document: Document, model: type[BaseModel]
) -> Callable[[], str]:
    return lambda: _plainly(details, path, document, model)


def _plainly(details: ErrorDetails, path: KeyPath, document: Document, model: type[BaseModel]) -> str:
    kind, value = details["type"], details["input"]
    around: Any = model
    for key in path[:-1]:
        around = expects.inner(around, key)
    last = str(path[-1]) if path else ""
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _unknown(last, expects.members(around) or {}, document, path)
    if kind.startswith("missing"):
        return f"`{last}` is missing{_hint(around, last)}"
    return _wrong(
        details, shown(value, path), expects.inner(around, path[-1]) if path else model, _hint(around, last)
    )


def _unknown(key: str, known: Mapping[str, Any], document: Document, path: KeyPath) -> str:
    beside = [name for name in known if not document.has((*path[:-1], name))]
    close = near(key, beside) or near(key, known)
    return f"unknown key {shown(key)}" + (close or f"; expected one of {', '.join(known)}")


def _hint(around: Any, key: str) -> str:
    """What the model says about a field: ` (a DNS name: icp.example.com)`."""
    text = expects.description(around, key)
    return f" ({text})" if text else ""


_EXPECTED = {
    "tuple_type": "a list, like [a, b]",
    "list_type": "a list, like [a, b]",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a number",
    "int_parsing": "a number",
    "int_from_float": "a number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def _wrong(details: ErrorDetails, found: str, annotation: Any, hint: str) -> str:
    kind, bare = details["type"], expects.bare(annotation)
    if kind == "value_error":
        return details["msg"].removeprefix("Value error, ")
    return f"found {found}; " + _expected(kind, details, bare, hint)


def _expected(kind: str, details: ErrorDetails, bare: Any, hint: str) -> str:
    context = details.get("ctx", {})
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}{hint}"
    if kind == "string_type":
        return f"expected text{hint}" + ("; write it in quotes" if isinstance(details["input"], int) else "")
    if kind == "string_pattern_mismatch":
        return "expected " + (hint[2:-1] if hint else f"what fits {context['pattern']}")
    if words := expects.words(bare) if kind in {"enum", "literal_error"} else []:
        return f"expected {choices(words)}{near(str(details['input']), words)}"
    return _expected_otherwise(kind, details, bare, context) + hint


def _expected_otherwise(kind: str, details: ErrorDetails, bare: Any, context: Mapping[str, Any]) -> str:
    if kind == "too_short":
        return f"expected at least {context['min_length']}"
    if kind == "too_long":
        return f"expected at most {context['max_length']}"
    if bare in _EXAMPLE:
        return _EXAMPLE[bare]
    return f"expected {expects.mapping(bare)}" if expects.members(bare) else _lowered(details["msg"])


def _lowered(message: str) -> str:
    """`Input should be …` as the second half of a sentence."""
    return message.replace("Input should be", "expected", 1) if message.startswith("Input") else message
