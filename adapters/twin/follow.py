"""Put the sightings of one packet in order: the way that it took, node after node.

A bridge that does not know an address sends a copy to every port, so sightings alone are more than the way.
They are joined by the wires between the namespaces: what leaves by one end is seen at the other; a copy that
no router or machine takes is no way. Between the wires a node is its own matter: its tunnels, its bridges.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from adapters.twin.decode import Datagram
from hopbook.trace.crossing import Crossing, Headers

Port = tuple[str, str]  # station, Linux name of its interface
_MOST_VISITS = 200  # a TTL's worth of routers, with the switches between


class Passage(IntEnum):
    """How a frame passed an interface, as the kernel says."""

    HERE = 0
    BROADCAST = 1
    MULTICAST = 2
    OTHERS = 3  # for another machine: a copy
    OUT = 4
    LOOP = 5
    USER = 6
    KERNEL = 7


class Sighting(NamedTuple):
    """A packet at an interface.

    Attributes:
        time: Nanoseconds, by one clock for all stations.
    """

    time: int
    station: str
    interface: str
    passage: Passage
    packet: Datagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One namespace in the model's words.

    Attributes:
        node: The model's node; empty for what joins segments that nobody owns.
        host: For a distributed router, the ESXi host of this instance.
        interfaces: The model's name by the Linux name; empty for a port of a bridge.
        switches: It works on layer 2.
    """

    node: str
    host: str = ""
    interfaces: Mapping[str, str] = field(default_factory=dict)
    switches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """All namespaces by name, and which interface is wired to which, in both directions."""

    places: Mapping[str, Place]
    wires: Mapping[Port, Port]


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay of the packet at a station.

    Attributes:
        came: How it came in; None where the way begins.
        last: What was last seen of it here; None where nothing was.
        left: How it went out; None where the way ends.
    """

    station: str
    came: Sighting | None
    last: Sighting | None
    left: Sighting | None


@dataclass(frozen=True, slots=True)
class Way:
    """The visits of one packet in order, and the same as crossings: without what the model does not know."""

    visits: tuple[Visit, ...] = ()
    crossings: tuple[Crossing, ...] = ()

    @property
    def end(self) -> str:
        """The station where it ended; empty where it was not seen at all."""
        return self.visits[-1].station if self.visits else ""


def follow(sightings: Iterable[Sighting], begin: str, where: Map, asked: Headers | None = None) -> Way:
    """The way of one packet.

    Args:
        sightings: All of this packet, at whatever station, in any order.
        begin: The station that sent it.
        where: The stations and wires.
        asked: The headers that its sender meant, where the sender's own node may have changed them.
    """
    follower = _Follower(sorted(sightings, key=lambda sighting: sighting.time), where)
    visits = follower.onward(begin, -1)
    if not visits or (visits[0].last is None and asked is None):
        return Way()
    return Way(tuple(visits), tuple(_crossings(visits, where, asked)))


class _Follower:
    def __init__(self, sightings: Sequence[Sighting], where: Map) -> None:
        self._where = where
        self._at: dict[str, list[tuple[int, Sighting]]] = defaultdict(list)
        for number, sighting in enumerate(sightings):
            self._at[sighting.station].append((number, sighting))

    def onward(self, station: str, entered: int, depth: int = 0) -> list[Visit]:
        """The best way on from a station that the packet entered with a sighting, this visit first."""
        stay = self._stay(station, entered)
        came = next((sighting for number, sighting in stay if number == entered), None)
        last = stay[-1][1] if stay else None
        best: list[Visit] = []
        left = None
        for number, sighting in stay if depth < _MOST_VISITS else ():
            peer = self._where.wires.get((station, sighting.interface))
            if sighting.passage is not Passage.OUT or peer is None:
                continue
            tail = self._across(peer, number, sighting.packet, depth)
            if left is None or _worth(tail, self._where) > _worth(best, self._where):
                best, left = tail, sighting
        return [Visit(station, came, last, left), *best]

    def _stay(self, station: str, entered: int) -> list[tuple[int, Sighting]]:
        """From where it entered until something comes in by a wire again.

        What joins segments changes nothing, and copies for several hosts pass it side by side.
        """
        seen = [(number, item) for number, item in self._at[station] if number >= entered]
        if seen and not self._where.places[station].node:
            mine = seen[0][1].packet.headers
            seen = [(number, item) for number, item in seen if item.packet.headers == mine]
        found: list[tuple[int, Sighting]] = []
        for number, sighting in seen:
            wired = (station, sighting.interface) in self._where.wires
            if number > entered and wired and sighting.passage is not Passage.OUT:
                break
            found.append((number, sighting))
        return found

    def _across(self, peer: Port, number: int, packet: Datagram, depth: int) -> list[Visit]:
        """What becomes of what left by a wire."""
        station, interface = peer
        for there, sighting in self._at[station]:
            same = sighting.interface == interface and sighting.packet.headers == packet.headers
            if there < number or not same or sighting.passage is Passage.OUT:
                continue
            if sighting.passage is Passage.OTHERS and not self._where.places[station].switches:
                return []
            return self.onward(station, there, depth + 1)
        return []


def _worth(visits: Sequence[Visit], where: Map) -> tuple[int, int, int]:
    """Of two copies, the one that a machine or router took; else the one that was meant, and came further."""
    taken = sum(not where.places[visit.station].switches for visit in visits)
    last = visits[-1].came if visits else None
    return taken, int(last is not None and last.passage is Passage.HERE), len(visits)


def _crossings(visits: Sequence[Visit], where: Map, asked: Headers | None) -> Iterable[Crossing]:
    merged: list[Crossing] = []
    previous = ""
    for visit in visits:
        place = where.places[visit.station]
        if not place.node:
            previous = ""
            continue
        crossing = _crossing(visit, place, asked)
        if place.switches and previous == visit.station:
            merged[-1] = merged[-1]._replace(after=crossing.after)
        else:
            merged.append(crossing)
        previous = visit.station
    return merged


def _crossing(visit: Visit, place: Place, asked: Headers | None) -> Crossing:
    first = visit.came or visit.last
    ended = visit.left or visit.last
    before = asked if visit.came is None and asked is not None else _seen(first, asked)
    after = _seen(ended, asked)
    if place.switches:
        return Crossing(place.node, place.host, "", "", before, after)
    came = "" if visit.came is None else place.interfaces.get(visit.came.interface, "")
    left = "" if visit.left is None else place.interfaces.get(visit.left.interface, "")
    return Crossing(place.node, place.host, came, left, before, after)


def _seen(sighting: Sighting | None, asked: Headers | None) -> Headers:
    if sighting is not None:
        return sighting.packet.headers
    if asked is None:
        raise ValueError("a visit without a sighting needs what was asked")
    return asked
