"""Reading a request's elements: each once, by name, with its default and its rule.

The product does not mind the order of elements nor the case of a boolean (clients in the field send Python's
`True`), so neither does this. It is strict in one thing that the guide leaves open: an element that is not
part of the documented body is refused, because a misspelt one would otherwise pass a rehearsal in silence.
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar

from adapters.nsxv.simulator.errors import invalid
from adapters.nsxv.simulator.wire import Node

_E = TypeVar("_E", bound=StrEnum)

Check = Callable[[str, str], str]
"""Takes a value and the path of its field, returns the value to keep, or raises ApiError."""


_MOST_DIGITS = 18


def whole(text: str) -> int | None:
    """The number that decimal digits say, or None; a text of a million digits is no number here."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


class Fields:
    """The children of one element. Leaving the `with` refuses those that nobody read."""

    def __init__(self, element: Node, path: str = "") -> None:
        self._element = element
        self._path = path
        self._read: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            for child in self._element.children:
                if child.tag not in self._read:
                    raise invalid(f"Unrecognized field {self.path(child.tag)}.")

    def path(self, name: str) -> str:
        """How an error names the field."""
        return f"{self._path}.{name}" if self._path else name

    def ignore(self, *names: str) -> None:
        """Accept what a client echoes from its own GET and the manager decides itself."""
        self._read.update(names)

    def child(self, name: str) -> Node | None:
        """The one child of that name, or None; two of them are refused."""
        self._read.add(name)
        found = self._element.all(name)
        if len(found) > 1:
            raise invalid(f"Field {self.path(name)} is given more than once.")
        return found[0] if found else None

    def optional(self, name: str) -> str | None:
        """The text of a field, None if it is absent or empty."""
        found = self.child(name)
        if found is None:
            return None
        if found.children:
            raise invalid(f"Field {self.path(name)} takes a single value.")
        return found.text or None

    def text(self, name: str, default: str = "") -> str:
        """The text of a field."""
        return self.optional(name) or default

    def required(self, name: str) -> str:
        """The text of a field that has to be there."""
        value = self.optional(name)
        if value is None:
            raise invalid(f"Required field {self.path(name)} is missing.")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """A boolean, in any case."""
        value = self.text(name, str(default)).lower()
        if value not in {"true", "false"}:
            raise invalid(f"Invalid value {value} for field {self.path(name)}: expected true or false.")
        return value == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number within bounds."""
        found = self.optional_number(name, low, high)
        return default if found is None else found

    def optional_number(self, name: str, low: int, high: int) -> int | None:
        """A whole number within bounds, or None."""
        value = self.optional(name)
        if value is None:
            return None
        found = whole(value)
        if found is None or not low <= found <= high:
            raise invalid(
                f"Invalid value {value} for field {self.path(name)}: expected a number from {low} to {high}."
            )
        return found

    def one_of(self, name: str, allowed: Collection[str], default: str = "") -> str:
        """One of a few words, as the client wrote it apart from its case; required without a default."""
        value = self.text(name, default) if default else self.required(name)
        words = {word.lower(): word for word in allowed}
        if value.lower() not in words:
            raise invalid(
                f"Invalid value {value} for field {self.path(name)}: expected one of {', '.join(allowed)}."
            )
        return words[value.lower()]

    def choice(self, name: str, kind: type[_E], default: _E | None = None) -> _E:
        """One member of an enumeration; required without a default."""
        return kind(self.one_of(name, [member.value for member in kind], default or ""))

    def checked(self, name: str, check: Check, default: str = "") -> str:
        """A value that a rule judges; required without a default, and the default is not judged."""
        value = self.optional(name)
        if value is None and default:
            return default
        return check(value or self.required(name), self.path(name))

    def texts(self, name: str, check: Check | None = None) -> tuple[str, ...]:
        """The texts of every child of that name."""
        self._read.add(name)
        values = tuple(child.text for child in self._element.all(name))
        if check is None:
            return values
        return tuple(check(value, f"{self.path(name)}[{index}]") for index, value in enumerate(values))

    def inner(self, name: str) -> "Fields":
        """The children of the one child of that name; none if it is absent."""
        return Fields(self.child(name) or Node(name), self.path(name))

    def items(self, wrapper: str, name: str) -> list["Fields"]:
        """The elements of a list, `<wrapper><name>...`; empty if the list is absent."""
        with self.inner(wrapper) as fields:
            return fields.every(name, wrapper)

    def every(self, name: str, label: str) -> list["Fields"]:
        """Every child of that name, as an element of its own.

        An error calls the first one `label[0]`: the guide's `ipPools.ipPools[0].ipRange` shows that the
        product names the list and not its element.
        """
        self._read.add(name)
        return [
            Fields(child, f"{self.path(label)}[{index}]")
            for index, child in enumerate(self._element.all(name))
        ]

    def has(self, name: str) -> bool:
        """Whether the child is there at all."""
        return self._element.child(name) is not None
