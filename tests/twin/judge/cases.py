"""A scenario as text that can be read, edited and played again, without the generator.

The text follows the core types field by field: what has its usual value is left out, an address is written
as people write one, and where something is known from is not said, because a judge does not ask.
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from hopbook.network import nodes
from hopbook.network.facts import Fact
from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.nat import NatTable, Translation, translation
from hopbook.network.nodes import Network, Segment
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route, RouteTable
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallAction, FirewallRule, NatAction, NatRule
from tests.twin.judge.draft import FACT
from tests.twin.judge.generate import Probe, Scenario

_ADDRESS = 2**24  # a number from here on is an address; sizes, ports and AS numbers are smaller
_WIDTH = 110


def written(scenario: Scenario, *why: str) -> str:
    """The scenario as YAML; `why` becomes a comment on top."""
    document = {
        "seed": scenario.seed,
        "description": scenario.description,
        "faults": list(scenario.faults),
        "knobs": dict(scenario.knobs),
        "probes": [{"at": probe.at, **_fields_of(probe.packet)} for probe in scenario.probes],
        "segments": [_dumped(item) for item in scenario.network.segments.values()],
        "nodes": [{"kind": type(node).__name__, **_dumped(node)} for node in scenario.network.nodes.values()],
    }
    comment = "".join(f"# {line}\n" for text in why for line in text.splitlines())
    return comment + yaml.safe_dump(document, sort_keys=False, width=_WIDTH, default_flow_style=None)


def read(text: str) -> Scenario:
    """The scenario that a text holds."""
    data = yaml.safe_load(text)
    network = Network.of(
        [_loaded(getattr(nodes, item.pop("kind")), item) for item in data["nodes"]],
        [_loaded(Segment, item) for item in data["segments"]],
        names={},
    )
    probes = tuple(
        Probe(Packet(**{name: _number(value) for name, value in item.items()}), at)
        for item in data["probes"]
        for at in [item.pop("at")]
    )
    return Scenario(data["seed"], network, probes, data["knobs"], tuple(data["faults"]), data["description"])


def load(path: Path) -> Scenario:
    """The scenario of a file."""
    return read(path.read_text(encoding="utf-8"))


def _fields_of(packet: Packet) -> dict[str, Any]:
    return {name: _dumped(value) for name, value in packet._asdict().items() if value is not None}


_PLAIN: Mapping[type, Callable[[Any], Any]] = {
    bool: bool,
    str: str,
    int: lambda value: ip(value) if value >= _ADDRESS else value,
    IPv4Network: str,
    Key: str,
    RouteTable: lambda value: [_dumped(item) for item in value.routes],
    NatTable: lambda value: [_dumped(item.rule) for item in value.rules],
    Firewall: lambda value: {
        "rules": [_dumped(item.rule) for item in value.rules],
        "default": value.default.action.value,
        "enabled": value.enabled,
    },
}


def _dumped(value: Any) -> Any:
    """A value as plain data."""
    if value is None or isinstance(value, Enum):
        return None if value is None else value.value
    plain = _PLAIN.get(type(value))
    if plain is not None:
        return plain(value)
    if is_dataclass(value):
        return {
            item.name: _dumped(getattr(value, item.name))
            for item in fields(value)
            if item.init and item.type is not Fact and not _usual(item, getattr(value, item.name))
        }
    if isinstance(value, Mapping):
        return {_dumped(key): _dumped(item) for key, item in value.items()}
    found = [_dumped(item) for item in value]
    return sorted(found, key=str) if isinstance(value, frozenset) else found


def _usual(item: "Field[Any]", value: Any) -> bool:
    """Whether a field has the value that it has when nobody says anything."""
    if item.default is not MISSING:
        return bool(value == item.default)
    if item.default_factory is not MISSING:
        empty = isinstance(value, RouteTable) and not value.routes
        return empty or value == item.default_factory()
    return False


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _loaded(hint: Any, data: Any) -> Any:
    """Plain data as a value of a type."""
    if data is None:
        return None
    if get_origin(hint) in {Union, types.UnionType}:
        return _loaded(next(item for item in get_args(hint) if item is not type(None)), data)
    if get_origin(hint) is not None:
        return _collection(hint, data)
    reader = _READERS.get(hint)
    if reader is not None:
        return reader(data)
    return _whole(hint, data) if is_dataclass(hint) else hint(data)


def _collection(hint: Any, data: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is frozenset:
        return frozenset(_loaded(arguments[0], item) for item in data)
    if origin is tuple:
        return tuple(_loaded(arguments[0], item) for item in data)
    return {_loaded(arguments[0], key): _loaded(arguments[1], item) for key, item in data.items()}


def _whole(hint: Any, data: Any) -> Any:
    found: dict[str, Any] = {}
    for name, kind in _hints(hint).items():
        if name in {"dnat", "snat"}:
            found[name] = _nat_table(data.get(name, ()), NatAction(name))
        elif name in data:
            found[name] = _loaded(kind, data[name])
        elif kind is Fact:
            found[name] = FACT
    return hint(**found)


def _nat_table(rules: Any, action: NatAction) -> NatTable:
    found: list[Translation] = [translation(_whole(NatRule, item), FACT) for item in rules]
    return NatTable(found, action)


def _firewall(data: Any) -> Firewall:
    rules = [Filter(_whole(FirewallRule, item), FACT) for item in data["rules"]]
    return Firewall(rules, Policy(FirewallAction(data["default"]), FACT), enabled=data["enabled"])


def _number(value: Any) -> Any:
    return int(IPv4Address(value)) if isinstance(value, str) and value.count(".") == 3 else value


_READERS: Mapping[Any, Callable[[Any], Any]] = {
    Any: lambda data: data,
    int: _number,
    Key: Key.parse,
    RouteTable: lambda data: RouteTable(_loaded(Route, item) for item in data),
    Firewall: _firewall,
}
