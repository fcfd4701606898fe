"""Names and ids: which edge or logical switch a key means, as NSX has them now."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from adapters.nsxv import xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.errors import SYSTEM
from adapters.nsxv.provider import appliances
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.xml import Element
from hopbook.engine.change import Observed
from hopbook.errors import Missing, Rejected
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, LogicalSwitch, Router

EDGES = "/api/4.0/edges"
SCOPES = "/api/2.0/vdn/scopes"
SWITCHES = "/api/2.0/vdn/virtualwires"

# A switch of one manager, and one that spans several (NSX-V API guide 6.4, "universal")
_SWITCH_IDS = ("virtualwire-", "universalwire-")


@dataclass(frozen=True, slots=True)
class Found:
    """An edge or router in the list of all."""

    id: str
    key: Key


@dataclass(frozen=True, slots=True)
class SwitchFound:
    """A logical switch in the list of all."""

    id: str
    key: Key
    observed: Observed
    element: Element


class Directory:
    """One reading of the lists of edges and switches, made when it is first needed.

    It is never kept longer than one observation or one batch of changes: names move between ids.
    """

    def __init__(self, client: NsxClient, markers: Markers) -> None:
        self._client = client
        self._markers = markers

    def edge(self, name: str) -> Found | None:
        """The edge or router of that name.

        Raises:
            Rejected: two tenants have one of that name, and a key does not say which is meant.
        """
        found = [edge for edge in self._edges if edge.key.name == name]
        if len(found) > 1:
            ids = ", ".join(edge.id for edge in found)
            raise Rejected(
                f"several edges are named {name} ({ids})",
                system=SYSTEM,
                address=self._client.address,
                hint="Hopbook tells edges apart by name; rename the others",
            )
        return found[0] if found else None

    def name_of(self, identifier: str) -> str | None:
        """The name of the edge with an id; None for one that is not in the list."""
        return next((edge.key.name for edge in self._edges if edge.id == identifier), None)

    def forget(self) -> None:
        """Read the lists again when they are needed next: something was just made, changed or removed."""
        for kept in ("_edges", "switches"):
            self.__dict__.pop(kept, None)

    def network_key(self, identifier: str) -> Key | str:
        """What an interface is connected to: a logical switch by its key, anything else by its id."""
        if not identifier.startswith(_SWITCH_IDS):
            return identifier
        known = (switch.key for switch in self.switches if switch.id == identifier)
        return next(known, Key(LogicalSwitch.kind, f"#{identifier}"))

    def network_id(self, network: Key | str) -> str:
        """The id of what an interface should be connected to.

        Raises:
            Missing: there is no such logical switch, or none with our marker.
        """
        if isinstance(network, str):
            return network
        switch = self.switch(network)
        if switch is None:
            what = f"there is no logical switch {network.name} of ours"
            raise Missing(what, system=SYSTEM, address=self._client.address, hint="was its step done?")
        return switch.id

    def switch(self, key: Key) -> SwitchFound | None:
        """The logical switch under a key."""
        return next((switch for switch in self.switches if switch.key == key), None)

    def zone_id(self, name: str) -> str:
        """The id of a transport zone.

        Raises:
            Missing: there is none of that name; names those that there are.
            Rejected: there are several.
        """
        found = [identifier for identifier, known in self._zones.items() if known == name]
        address = self._client.address
        if not found:
            there = ", ".join(sorted(self._zones.values())) or "none"
            raise Missing(f"there is no transport zone {name}, only {there}", system=SYSTEM, address=address)
        if len(found) > 1:
            several = ", ".join(found)
            raise Rejected(
                f"several transport zones are named {name}: {several}", system=SYSTEM, address=address
            )
        return found[0]

    def observed_switches(self) -> Iterator[tuple[Key, Observed]]:
        """Every logical switch, with its transport zone by name."""
        for switch in self.switches:
            resource = switch.observed.resource
            if isinstance(resource, LogicalSwitch):
                named = replace(resource, zone=self._zones.get(resource.zone, resource.zone))
                yield switch.key, replace(switch.observed, resource=named)

    @cached_property
    def _edges(self) -> list[Found]:
        return [
            Found(
                xml.text(summary, "objectId") or xml.text(summary, "id"),
                Key(
                    Router.kind if xml.text(summary, "edgeType") == appliances.ROUTER_TYPE else Edge.kind,
                    xml.text(summary, "name"),
                ),
            )
            for summary in self._client.pages(EDGES, "edgeSummary", start="startIndex", size="pageSize")
        ]

    @cached_property
    def _zones(self) -> Mapping[str, str]:
        """The transport zones' names by their ids."""
        zones = self._client.read(SCOPES).iter("vdnScope")
        return {xml.text(zone, "objectId"): xml.text(zone, "name") for zone in zones}

    @cached_property
    def switches(self) -> Sequence[SwitchFound]:
        """Every logical switch; of several with one marker the oldest has the key."""
        elements = self._client.pages(SWITCHES, "virtualWire", start="startindex", size="pagesize")
        return list(_switches(sorted(elements, key=_age), self._markers))


def _age(element: Element) -> tuple[int, str]:
    identifier = xml.text(element, "objectId")
    number = identifier.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0, identifier


def _switches(elements: Sequence[Element], markers: Markers) -> Iterator[SwitchFound]:
    read = [(element, *appliances.read_switch(element, markers)) for element in elements]
    copies = Counter(name for _, _, name in read if name)
    seen: set[str] = set()
    for element, switch, name in read:
        identifier = xml.text(element, "objectId")
        ours = name and name not in seen
        seen.add(name)
        live = Observed(resource=switch, marked=bool(name), handle=identifier, copies=max(copies[name], 1))
        key = Key(LogicalSwitch.kind, name if ours else f"#{identifier}")
        yield SwitchFound(identifier, key, live, element)
