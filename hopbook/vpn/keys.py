"""The value keys of a chart, by version; data, so that an operator adds those of a chart that came later."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from hopbook.site.document import Document
from hopbook.site.model import Part
from hopbook.site.validate import validated

_DURATION = re.compile(r"[0-9]+[smhd]?")


class Kind(StrEnum):
    """What a value has to be."""

    FLAG = "flag"
    NUMBER = "number"
    TEXT = "text"
    ADDRESS = "address"
    CHOICE = "choice"
    NETWORKS = "networks"
    PAIRS = "pairs"
    DURATION = "duration"
    LOGGING = "logging"
    LIST = "list"
    MAPPING = "mapping"
    OPEN = "open"


def release_of(version: str) -> tuple[int, ...]:
    """A version for comparisons: `2.2.9` is (2, 2, 9).

    Raises:
        ValueError: it is not three numbers with dots.
    """
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}){2}", version) is None:
        message = f"{version!r} is no version; expected three numbers with dots, such as 2.2.9"
        raise ValueError(message)
    return tuple(int(part) for part in version.split("."))


def _checked(version: str) -> str:
    release_of(version)
    return version


Version = Annotated[str, AfterValidator(_checked)]


class ValueKey(Part):
    """One key."""

    key: str
    kind: Kind
    choices: tuple[str, ...] = ()
    default: bool | int | str | None = None
    since: Version | None = None

    def names(self, path: str) -> bool:
        """Whether a path is this key."""
        return path.startswith(self.key[:-1]) if self.key.endswith("*") else path == self.key

    def misfit(self, value: Any) -> str:
        """What a value was expected to be; empty for one that fits. None leaves a key as it is."""
        return "" if value is None or _FITS[self.kind](self, value) else self._expected()

    def _expected(self) -> str:
        if self.kind is Kind.CHOICE:
            return "one of " + ", ".join(self.choices)
        return _EXPECTED[self.kind]


class KeyTable(Part):
    """`runbooks/vpn/strongswan.yaml`."""

    chart: str
    oldest: Version
    newest: Version
    secret_at: str
    source: str
    keys: tuple[ValueKey, ...] = Field(min_length=1)

    def covers(self, version: str) -> bool:
        """Whether the table says something of a chart's version; what is no version is not covered."""
        try:
            asked = release_of(version)
        except ValueError:
            return False
        return release_of(self.oldest) <= asked <= release_of(self.newest)

    def find(self, path: str) -> ValueKey | None:
        """The key that a path is, of whatever version."""
        return next((key for key in self.keys if key.names(path)), None)

    def default(self, path: str) -> Any:
        """What the chart takes where nothing is given."""
        key = self.find(path)
        return None if key is None else key.default

    def nearest(self, path: str) -> str:
        """The key that somebody may have meant; empty: none is near."""
        return next(iter(difflib.get_close_matches(path, [key.key for key in self.keys], n=1)), "")

    def entries(self, values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
        """Each value with its path; what stands under a key of the table is that key's value."""
        for name, value in values.items():
            path = f"{above}{name}"
            if isinstance(value, Mapping) and value and self.find(path) is None:
                yield from self.entries(value, f"{path}.")
            elif value != {} or self.find(path) is not None:
                yield path, value


def read_keys(document: Document) -> KeyTable:
    """The key table of a document.

    Raises:
        InvalidInput: with every problem of it.
    """
    return validated(document, KeyTable)


def split(value: Any) -> tuple[str, ...]:
    """The items of a list with commas."""
    return tuple(item.strip() for item in str(value or "").split(",") if item.strip())


def networks(value: Any) -> tuple[IPv4Network, ...]:
    """The networks of a list with commas.

    Raises:
        ValueError: one is none.
    """
    return tuple(IPv4Network(item) for item in split(value))


def _is_networks(_key: ValueKey, value: Any) -> bool:
    try:
        return isinstance(value, str) and len(networks(value)) == len(value.split(",") if value else ())
    except ValueError:
        return False


def _is_address(_key: ValueKey, value: Any) -> bool:
    try:
        return isinstance(value, str) and (value == "" or IPv4Address(value).version > 0)
    except ValueError:
        return False


def _is_pairs(_key: ValueKey, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        for item in split(value):
            left, _, right = item.partition("=")
            IPv4Network(left.strip()), IPv4Network(right.strip())
    except ValueError:
        return False
    return True


def _is_choice(key: ValueKey, value: Any) -> bool:
    """A flag may be written as one, where its words are among the choices."""
    word = str(value).lower() if isinstance(value, bool) else value
    return word in key.choices


def _is_duration(_key: ValueKey, value: Any) -> bool:
    return not isinstance(value, bool) and _DURATION.fullmatch(str(value)) is not None


_FITS: Mapping[Kind, Callable[[ValueKey, Any], bool]] = {
    Kind.FLAG: lambda _key, value: isinstance(value, bool),
    Kind.NUMBER: lambda _key, value: isinstance(value, int) and not isinstance(value, bool),
    Kind.TEXT: lambda _key, value: isinstance(value, str),
    Kind.ADDRESS: _is_address,
    Kind.CHOICE: _is_choice,
    Kind.NETWORKS: _is_networks,
    Kind.PAIRS: _is_pairs,
    Kind.DURATION: _is_duration,
    Kind.LOGGING: lambda _key, value: isinstance(value, str),
    Kind.LIST: lambda _key, value: isinstance(value, list | tuple),
    Kind.MAPPING: lambda _key, value: isinstance(value, Mapping),
    Kind.OPEN: lambda _key, _value: True,
}

_EXPECTED = {
    Kind.FLAG: "true or false",
    Kind.NUMBER: "a number",
    Kind.TEXT: "text, in quotes where YAML would read something else",
    Kind.ADDRESS: "an address such as 10.95.60.131",
    Kind.NETWORKS: "networks with commas between them: 172.30.0.0/16,172.21.0.0/16",
    Kind.PAIRS: "pairs of networks with commas between them: 172.30.0.0/16=10.1.0.0/16",
    Kind.DURATION: "a time such as 3h, 9m or 90s",
    Kind.LOGGING: "text such as `ike 2, cfg 1`",
    Kind.LIST: "a list",
    Kind.MAPPING: "a mapping",
}
