"""The whole configuration as plain data, for comparing two managers or one with its past.

It holds what somebody configured and nothing that the manager made up: no id, no counter, no version, no VNI.
Objects are called by their names, so it does not matter in which order or how often they were made.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from adapters.nsxv.simulator.state import Edge, Switch
from adapters.nsxv.simulator.world import World


def dump(world: World) -> dict[str, Any]:
    """Transport zones, logical switches and edges, as JSON would hold them."""
    zones = {zone.id: zone.name for zone in world.zones.values()}
    switches = _unique((switch.id, switch.name) for switch in world.switches.values())
    names = {moid: f"logical switch {name}" for moid, name in switches.items()}
    edges = _unique((edge.id, f"{edge.tenant}/{edge.name or '(unnamed)'}") for edge in world.edges.values())
    return {
        "transport zones": {
            zone.name: {"control_plane": str(zone.control_plane.value)} for zone in world.zones.values()
        },
        "logical switches": {
            switches[switch.id]: _switch(switch, zones) for switch in world.switches.values()
        },
        "edges": {edges[edge.id]: _edge(edge, names) for edge in world.edges.values()},
    }


def _unique(named: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each id's name; of several with one name all but the first get a number."""
    counts: dict[str, int] = {}
    found = {}
    for identifier, name in named:
        counts[name] = counts.get(name, 0) + 1
        found[identifier] = name if counts[name] == 1 else f"{name} #{counts[name]}"
    return found


def _switch(switch: Switch, zones: Mapping[str, str]) -> dict[str, Any]:
    return {
        "zone": zones.get(switch.zone, switch.zone),
        "description": switch.description,
        "tenant": switch.tenant,
        "control_plane": str(switch.control_plane.value),
        "guest_vlan": switch.guest_vlan,
    }


def _edge(edge: Edge, names: Mapping[str, str]) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(edge, names)
    return plain


def _plain(value: object, names: Mapping[str, str]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _field(field.metadata, getattr(value, field.name), names)
            for field in dataclasses.fields(value)
            if "generated" not in field.metadata
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(one, names) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one, names) for one in value]
    return value.value if isinstance(value, StrEnum) else value


def _field(metadata: Mapping[str, Any], value: Any, names: Mapping[str, str]) -> Any:
    if "moid" in metadata:
        return names.get(value, value)
    if "unordered" in metadata:
        items = value.values() if isinstance(value, Mapping) else value
        return sorted((_plain(one, names) for one in items), key=json.dumps)
    return _plain(value, names)
