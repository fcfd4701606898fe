"""YAML as data with places, for files that people write: sites, runbooks, traffic.

Not `yaml.safe_load`: that one forgets where a value stood, lets the last of two equal keys win, follows
aliases until the memory is gone, and reads `no`, `on` and `12:30` as a boolean, a boolean and a number. Here
a plain scalar means what the core schema of YAML 1.2 says, with less: digits with leading zeros (octal in
1.1, decimal in 1.2), more than 18 digits, and what no float can hold stay text. Anchors, aliases, tags, merge
keys and a second document are refused. Only names of keys are repeated in a message: a value may be a secret.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from hopbook.errors import InvalidInput, Problem
from hopbook.site.words import KeyPath, path_text

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_PROBLEMS = 50

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, ten times as fast, where there is one

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_OTHER_BASE = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DIGITS = re.compile(r"[-+]?[0-9]+")
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # YAML 1.2.2, 5.1
)

_PLAINLY = {
    "mapping values are not allowed": "a `: ` where none can be: wrong indentation, or quotes are missing",
    "could not find expected ':'": "expected `key: value`, but there is no `: `",
    "found unexpected end of stream": "the file ends inside a quoted text",
    "did not find expected key": "expected `key: value` in line with the keys above it",
    "did not find expected '-' indicator": "expected a further `- ` of the list above, in line with it",
    "did not find expected ',' or": "expected a comma or the closing bracket",
    "did not find expected node content": "expected a value here",
    "did not find expected <document start>": "expected `key: value` in line with the first key",
    "tag": "a tag (`!…`) is not taken; leave it out, or quote a value that begins with !",
    "expected <block end>": "expected `key: value` or `- ` in line with what stands above it",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a value begins, and where the values in it do."""

    file: str
    line: int
    children: Mapping[str | int, "Mark"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where it says so.

    Attributes:
        name: The file's name as problems show it.
        data: Mappings, lists, strings, numbers, booleans and None.
        marks: The places, in the shape of the data.
    """

    name: str
    data: dict[str, Any]
    marks: Mark

    def has(self, path: KeyPath) -> bool:
        """Whether somebody wrote that value."""
        mark: Mark | None = self.marks
        for key in path:
            mark = mark.children.get(key) if mark else None
        return mark is not None

    def mark(self, path: KeyPath) -> Mark:
        """The place of a value, or of the nearest one around it."""
        mark = self.marks
        for key in path:
            if key not in mark.children:
                break
            mark = mark.children[key]
        return mark

    def line_of(self, path: KeyPath) -> int:
        """The line of a value, counted from 1, or of the nearest one around it."""
        return self.mark(path).line

    def where(self, path: KeyPath) -> str:
        """The place as a person finds it: `example.yaml:12 icp.vips.master`."""
        mark = self.mark(path)
        return f"{mark.file}:{mark.line} {path_text(path, self.data)}".rstrip()


def read_document(text: bytes | str, name: str) -> Document:
    """Read one YAML mapping.

    Args:
        text: The file; bytes are UTF-8.
        name: What problems call it.

    Raises:
        InvalidInput: With every anchor, alias, tag and repeated key, or the one error of syntax.
    """
    return _Reader(_decoded(text, name), name).document()


def merge(base: Document, over: Document) -> Document:
    """Lay one document over another: mappings key by key, anything else is replaced whole."""
    data, marks = _merged(base.data, base.marks, over.data, over.marks)
    return Document(base.name, data, marks)


def _merged(low: Any, low_mark: Mark, high: Any, high_mark: Mark) -> tuple[Any, Mark]:
    if not (isinstance(low, dict) and isinstance(high, dict)):
        return high, high_mark
    data, marks = dict(low), dict(low_mark.children)
    for key, value in high.items():
        if key in low:
            data[key], marks[key] = _merged(low[key], marks[key], value, high_mark.children[key])
        else:
            data[key], marks[key] = value, high_mark.children[key]
    return data, Mark(low_mark.file, low_mark.line, marks)


def _decoded(text: bytes | str, name: str) -> str:
    if len(text) > MAX_BYTES:
        message = f"the file has {len(text):,} bytes; at most {MAX_BYTES:,} are read"
        raise InvalidInput(Problem(what=message, where=name))
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"byte {error.object[error.start]:#04x} is not UTF-8; expected a text file in UTF-8"
        raise InvalidInput(Problem(what=message, where=f"{name}:{line}")) from None
    if found := _UNPRINTABLE.search(decoded):
        line = decoded.count("\n", 0, found.start()) + 1
        message = f"character U+{ord(found[0]):04X} is not text; expected YAML in UTF-8"
        raise InvalidInput(Problem(what=message, where=f"{name}:{line}"))
    return decoded


class _Reader:
    """Builds data and places from the parser's events; recursion is bounded by MAX_DEPTH."""

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        self.problems: list[Problem] = []

    def document(self) -> Document:
        try:
            data, mark = self._only_document(yaml.parse(self.text, Loader=_Loader))
        except (yaml.YAMLError, ValueError) as error:
            raise InvalidInput(*self.problems, self._syntax(error)) from None
        if not isinstance(data, dict):
            found = (
                "is empty"
                if data is None
                else "holds a list"
                if isinstance(data, list)
                else "is not a mapping"
            )
            self._problem(mark.line, f"the file {found}; expected `key: value`")
        if self.problems:
            raise InvalidInput(*self.problems)
        return Document(self.name, data, mark)

    def _only_document(self, events: Iterator[yaml.Event]) -> tuple[Any, Mark]:
        data, mark = None, Mark(self.name, 1)
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fatal(event, "a second document begins; expected one document in a file")
            elif isinstance(event, yaml.NodeEvent):
                data, mark = self._node(event, events, ())
        return data, Mark(self.name, 1, mark.children)

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: KeyPath) -> tuple[Any, Mark]:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent):
            self._problem(
                line, "an alias (`*…`) is not followed; write the value out, in quotes if it begins with *"
            )
            return None, Mark(self.name, line)
        if getattr(event, "anchor", None) is not None:
            self._problem(
                line, "an anchor (`&…`) is not taken; leave it out, or quote a value that begins with &"
            )
        if getattr(event, "tag", None) is not None:
            self._problem(
                line, "a tag (`!…`) is not taken; leave it out, or quote a value that begins with !"
            )
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event), Mark(self.name, line)
        if len(path) >= MAX_DEPTH:
            self._fatal(event, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, path, line)
        return self._mapping(events, path, line)

    def _list(self, events: Iterator[yaml.Event], path: KeyPath, line: int) -> tuple[list[Any], Mark]:
        items: list[Any] = []
        marks: dict[str | int, Mark] = {}
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            value, marks[len(items)] = self._node(event, events, (*path, len(items)))
            items.append(value)
        return items, Mark(self.name, line, marks)

    def _mapping(self, events: Iterator[yaml.Event], path: KeyPath, line: int) -> tuple[dict[str, Any], Mark]:
        data: dict[str, Any] = {}
        marks: dict[str | int, Mark] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event)
            key_line = _line(event)
            inner, mark = self._node(next(events), events, (*path, key))
            if key in data:
                first = marks[key].line
                self._problem(
                    key_line, f"{path_text((*path, key))} is written twice; the first is in line {first}"
                )
                continue
            data[key], marks[key] = inner, Mark(self.name, key_line, mark.children)
        return data, Mark(self.name, line, marks)

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._fatal(event, "a key is a plain word here; expected `key: value`")
        if event.anchor is not None or event.tag is not None:
            self._problem(_line(event), "a key has an anchor or a tag; leave it out")
        if event.value == "<<" and not event.style:
            self._problem(_line(event), "a merge key (`<<`) is not taken; write the values out")
        if not event.value.strip():
            self._fatal(event, "a key is empty; expected `key: value`")
        return self._text(event)

    def _text(self, event: yaml.ScalarEvent) -> str:
        value = str(event.value)
        if found := _UNPRINTABLE.search(value):  # written as an escape: "\0"
            self._problem(
                _line(event),
                f"character U+{ord(found[0]):04X} in a text; nothing here has a use for it",
            )
        return value

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        return self._text(event) if event.style else _resolved(event.value)

    def _problem(self, line: int, what: str) -> None:
        self.problems.append(Problem(what=what, where=f"{self.name}:{line}"))
        if len(self.problems) >= MAX_PROBLEMS:
            raise InvalidInput(*self.problems)

    def _fatal(self, event: yaml.Event, what: str) -> NoReturn:
        self._problem(_line(event), what)
        raise InvalidInput(*self.problems)

    def _syntax(self, error: Exception) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = str(getattr(error, "problem", None) or "this is not YAML")
        if mark is None:
            return Problem(what=f"{problem}; expected YAML", where=self.name)
        lines = self.text.split("\n")
        before = lines[mark.line][: mark.column + 1] if mark.line < len(lines) else ""
        what = next((plain for sign, plain in _PLAINLY.items() if sign in problem), problem)
        if "\t" in before and not before.strip():
            what = "a tab indents this line; expected spaces"
        elif "cannot start any token" in problem and before:
            what = f"a value cannot begin with {before[-1]}; expected quotes around it"
        started = getattr(error, "context_mark", None)
        if started is not None and started.line != mark.line:
            what += f"; it belongs to what begins in line {started.line + 1}"
        return Problem(what=what, where=f"{self.name}:{mark.line + 1}")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _resolved(text: str) -> str | int | float | bool | None:
    """A plain scalar by the core schema of YAML 1.2."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and not _DIGITS.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
