"""Send one packet, or open one connection, and watch it everywhere.

Everything happens in one thread: the sockets of the sender, of what answers and of the capture wait in one
place. A probe is over when the sender has its answer or an error, or when nobody has seen anything for a
moment; it never waits for the kernel to send a packet again.
"""

import contextlib
import select
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from adapters.twin.capture import Asked, Capture
from adapters.twin.clients import NOT_YET, Client, Datagrams, Outcome, Stream, tag_of
from adapters.twin.decode import Code, Datagram, EspKey, Icmp
from adapters.twin.ending import Evidence, Moved, Observed, judge
from adapters.twin.follow import Map, Passage, Place, Port, Sighting, Way, follow
from adapters.twin.forget import forget_connections
from adapters.twin.layout import Meaning, Station
from adapters.twin.servers import Arrival, Servers
from adapters.twin.tell import Told, largest, tell_tcp, tell_udp
from hopbook.network.encapsulation import ESP, EXTENSION, IP_IN_IP
from hopbook.network.nodes import Backend, Esg, Host, Network, Node, ReversePath
from hopbook.network.packet import DATAGRAM, Packet
from hopbook.trace.crossing import Crossing, Headers
from hopbook.trace.verdict import Verdict
from hopbook.trace.walk import Target

_QUIET = 0.04  # seconds without a sighting after which nothing more comes
_ASKING = 0.4  # while a neighbour is asked for: longer than the kernel asks
_PASSED_UP = 0.3  # while a program (charon, the IP-in-IP relay) has the packet in its hands
_ADAPTING = (
    0.45  # once a sender was told of an MTU: a tunnel's end tells its own senders only the second time
)
_AFTERMATH = 0.005  # for what is still under way once the sender knows
_LONGEST = 5.0
_HANDED = ("tun", "ipsec")  # devices behind which a program forwards
_UNWRAPPED = {(IP_IN_IP,), (ESP,), (EXTENSION,)}
_FOLLOWED = frozenset({"tcp", "udp", "icmp"})
_BACKGROUND = frozenset({179, 500})  # BGP and IKE talk whenever they like
_UNTOLD = {Verdict.INSUFFICIENT, Verdict.UNREACHABLE}  # where an ICMP message may have found no way
_SECOND_PORT = 41000  # source port of a leg that something on the way opens
_MOST_LEGS = 4
_FLUSH = Path("/proc/sys/net/ipv4/route/flush")
_STATISTICS = Path("/proc/thread-self/net/netstat")


class Bench(Protocol):
    """Of a lab, what a probe needs."""

    @property
    def meaning(self) -> Mapping[str, Meaning]:
        """What each counter counts."""

    def inside(self, station: Station) -> AbstractContextManager[None]:
        """Make a station's network this thread's."""

    def counters(self, station: Station) -> Mapping[str, int]:
        """How many packets each named counter has seen."""

    def choose(self, service: str, endpoint: Backend | None) -> None:
        """Let every node forward a service to one endpoint; None: to any."""

    def esp_keys(self) -> Mapping[int, EspKey]:
        """By SPI, what opens ESP."""


class Prober:
    """Probes one network that a lab has built.

    Args:
        wires: Which interface of a station is wired to which of another, in both directions.
        quiet: Seconds without a sighting after which nothing more comes.
    """

    def __init__(
        self,
        bench: Bench,
        stations: Sequence[Station],
        network: Network,
        wires: Mapping[Port, Port],
        *,
        quiet: float = _QUIET,
    ) -> None:
        self._bench, self._network, self._quiet = bench, network, quiet
        self._stations = {station.name: station for station in stations}
        places = {
            station.name: Place(
                node=station.node,
                host=station.host,
                interfaces=station.interfaces,
                switches=station.layer2,
            )
            for station in stations
        }
        self._map = Map(places=places, wires=wires)
        self._keys: dict[int, EspKey] = dict(bench.esp_keys())
        self._filters = [
            station
            for station in stations
            if not station.layer2 and network.nodes[station.node].reverse_path is not ReversePath.OFF
        ]
        self._ruled = [station for station in stations if bench.counters(station)]
        self._capture = Capture(
            ((name, bench.inside(item)) for name, item in self._stations.items()), self._keys
        )
        self._servers = Servers(self._machines())

    def close(self) -> None:
        """Stop watching and answering."""
        self._servers.close()
        self._capture.__exit__()

    def probe(
        self,
        packet: Packet,
        at: str,
        *,
        choose: Mapping[str, Backend] | None = None,
        onward: Target | None = None,
    ) -> tuple[Observed, ...]:
        """Send a packet from a node; one observation a leg.

        Args:
            packet: Its headers and size; the source may be 0 where the sender has to choose.
            at: Name of the node that sends it.
            choose: By service the endpoint that it is forwarded to; by node, of what ends a connection the
                backend that it goes on to. By default the first one.
            onward: What a web proxy on the way is asked for.
        """
        chosen = dict(choose or {})
        for service, endpoint in chosen.items():
            if service not in self._network.nodes:
                self._bench.choose(service, endpoint)
        legs: list[Observed] = []
        question: Packet | None = packet
        while question is not None and len(legs) < _MOST_LEGS:
            observed, arrival = self._leg(question, at)
            legs.append(observed)
            question = None
            # A datagram is passed on when it is there, a connection once it is made
            if arrival is not None and (observed.verdict is Verdict.DELIVERED or packet.protocol == "udp"):
                at = self._stations[arrival.station].node
                question = self._asked(self._network.nodes[at], arrival.headers, packet.size, chosen, onward)
        for service in chosen:
            if service not in self._network.nodes:
                self._bench.choose(service, None)
        return tuple(legs)

    def _machines(self) -> Iterator[tuple[str, Node, AbstractContextManager[None]]]:
        for name, station in self._stations.items():
            if station.node:
                yield name, self._network.nodes[station.node], self._bench.inside(station)

    def _asked(
        self,
        node: Node,
        headers: Headers,
        size: int,
        chosen: Mapping[str, Backend],
        onward: Target | None,
    ) -> Packet | None:
        """What the node asks in turn, where it ends the connection (rule 17)."""
        protocol, _, _, _, port = headers.inner
        backend: Backend | None = None
        if isinstance(node, Esg) and node.relay is not None and node.relay.forwarders:
            backend = Backend(node.relay.forwarders[0], port)
        elif isinstance(node, Host) and node.relays.get(port):
            backend = node.relays[port][0]
        elif isinstance(node, Host) and node.proxies and onward is not None:
            backend = Backend(*onward)
        if backend is None:
            return None
        backend = chosen.get(node.name, backend)
        return Packet(0, backend.address, protocol, _SECOND_PORT, backend.port, size)

    def _leg(self, packet: Packet, at: str) -> tuple[Observed, Arrival | None]:
        sender = self._sender(at)
        if sender is None:
            words = f"no node {at} is in the twin" if at not in self._network.nodes else f"{at} is not there"
            return Observed(verdict=Verdict.INSUFFICIENT, at=at, reason=words), None
        if packet.protocol not in {"tcp", "udp"}:
            words = f"nobody here sends {packet.protocol}"
            return Observed(verdict=Verdict.INSUFFICIENT, at=at, reason=words), None
        watch = self._watch(packet, sender)
        if self._capture.unopened:  # a tunnel has new keys
            self._keys.update(self._bench.esp_keys())
            watch = self._watch(packet, sender)
        observed, arrival = self._observed(packet, sender, watch)
        if packet.protocol == "udp" and packet.size > DATAGRAM and observed.verdict in _UNTOLD:
            smaller = packet._replace(size=DATAGRAM)
            further, _ = self._observed(smaller, sender, self._watch(smaller, sender))
            if len(further.there) > len(observed.there):
                reason = f"{packet.size} bytes vanish there, and {DATAGRAM} pass"
                observed = replace(observed, verdict=Verdict.TOO_LARGE_SILENT, reason=reason)
        return observed, arrival

    def _sender(self, at: str) -> Station | None:
        return next((station for station in self._stations.values() if station.node == at), None)

    def _watch(self, packet: Packet, sender: Station) -> "_Watch":
        self._servers.forget()
        self._flush()
        watch = _Watch(
            counters=self._counters(),
            suspicions={station.name: self._suspicions(station) for station in self._filters},
        )
        self._capture.forget()
        with self._bench.inside(sender):
            client: Client = Stream(packet) if packet.protocol == "tcp" else Datagrams(packet)
        try:
            client.begin()
            watch.outcome = self._wait(client, watch)
        finally:
            client.close()
        watch.arrivals = list(self._servers.arrived)
        return watch

    def _wait(self, client: Client, watch: "_Watch") -> Outcome:
        ready = select.epoll()
        with contextlib.closing(ready):
            ready.register(self._capture.fileno(), select.EPOLLIN)
            ready.register(self._servers.fileno(), select.EPOLLIN)
            if not client.done:
                ready.register(client.fileno(), select.EPOLLIN | select.EPOLLOUT)
            end = time.monotonic() + _LONGEST
            while time.monotonic() < end:
                patience = watch.patience(self._quiet, self._map)
                events = dict(ready.poll(_AFTERMATH if client.done else patience))
                watch.see(self._capture.read())
                self._servers.work()
                if client.fileno() in events:
                    client.work()
                    ready.modify(client.fileno(), select.EPOLLIN)
                    if client.done:
                        ready.unregister(client.fileno())
                if not events:
                    break
        return client.outcome

    def _flush(self) -> None:
        """Forget path MTUs that earlier probes learned."""
        for station in self._stations.values():
            if not station.layer2:
                with self._bench.inside(station), contextlib.suppress(OSError):
                    _FLUSH.write_text("1")

    def _counters(self) -> dict[str, Mapping[str, int]]:
        return {station.name: self._bench.counters(station) for station in self._ruled}

    def _suspicions(self, station: Station) -> int:
        """How many packets the station's reverse path filter has dropped."""
        with self._bench.inside(station):
            names, values = (
                line.split() for line in _STATISTICS.read_text().splitlines() if line.startswith("TcpExt:")
            )
        found = dict(zip(names, values, strict=True))
        return int(found.get("IPReversePathFilter", 0))

    def _observed(self, packet: Packet, sender: Station, watch: "_Watch") -> tuple[Observed, Arrival | None]:
        source, port = watch.outcome.source
        src = int(IPv4Address(source))
        asked = Headers((), src, packet.dst, (packet.protocol, src, port, packet.dst, packet.dport))
        told = (
            tell_tcp(watch.sightings, sender.name, port)
            if packet.protocol == "tcp"
            else tell_udp(watch.sightings, tag_of(packet))
        )
        arrival = watch.arrivals[0] if watch.arrivals else None
        evidence = self._evidence(sender, watch, told, asked, arrival)
        end = judge(evidence)
        self._tidy(evidence, end.verdict)
        observed = Observed(
            verdict=end.verdict,
            at=end.node,
            reason=end.reason,
            there=_where_asked(evidence, watch, asked),
            back=evidence.back.crossings,
            rules=_titles(evidence),
            mtu=_mtu(told, evidence) if watch.outcome.filled and packet.protocol == "tcp" else None,
        )
        return observed, arrival

    def _evidence(
        self, sender: Station, watch: "_Watch", told: Told, asked: Headers, arrival: Arrival | None
    ) -> Evidence:
        there = follow(told.there, sender.name, self._map, asked) if told.there else Way()
        if arrival is not None and there.end == arrival.station:
            there = _ending(there, arrival.headers)
        far = arrival.station if arrival is not None else there.end
        back = large_back = Way()
        if told.back and there.crossings:
            back = follow(told.back, far, self._map, _reply(there.crossings[-1].after))
            if watch.outcome.answered and back.end == sender.name:
                back = _ending(back, _reply(asked))
        if told.large_back:
            large_back = follow(told.large_back, far, self._map)
        suspected = (
            station.name
            for station in self._filters
            if self._suspicions(station) > watch.suspicions[station.name]
        )
        evidence = Evidence(
            network=self._network,
            where=self._map,
            sender=sender.name,
            there=there,
            back=back,
            large=follow(told.large, sender.name, self._map) if told.large else Way(),
            large_back=large_back,
            complaints=told.complaints,
            unanswered=watch.unanswered(self._map),
            moved=self._moved(watch.counters),
            suspected=frozenset(suspected),
            error=watch.outcome.error,
            reset=told.reset,
            answered=watch.outcome.answered,
            filled=watch.outcome.filled,
        )
        return replace(evidence, routeless=self._routeless(evidence))

    def _moved(self, before: Mapping[str, Mapping[str, int]]) -> dict[str, list[Moved]]:
        return {
            name: [
                Moved(*_meaning(self._bench, counter))
                for counter, count in counters.items()
                if count > before[name].get(counter, 0)
            ]
            for name, counters in self._counters().items()
        }

    def _routeless(self, evidence: Evidence) -> frozenset[str]:
        """Whether the kernel has a route for what ended at a router, where nothing else says why it ended."""
        way = evidence.back if evidence.back.visits else evidence.there
        if evidence.answered or not way.visits:
            return frozenset()
        last, station = way.visits[-1], self._stations[way.end]
        if station.layer2 or last.last is None or last.left is not None:
            return frozenset()
        packet = last.last.packet.headers
        mine = packet.dst in self._network.nodes[station.node].addresses
        with self._bench.inside(station), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                asking.connect((str(IPv4Address(packet.src if mine else packet.dst)), 9))
            except OSError:
                return frozenset({station.name})
        return frozenset()

    def _tidy(self, evidence: Evidence, verdict: Verdict) -> None:
        """Let the next probe of the same addresses and ports be a new connection everywhere."""
        for way in (evidence.there, evidence.back):
            for visit in way.visits:
                station = self._stations[visit.station]
                seen = [item.packet for item in (visit.came, visit.last, visit.left) if item is not None]
                if not station.layer2 and seen:
                    with self._bench.inside(station):
                        forget_connections({packet.headers.inner for packet in seen})
        if verdict is not Verdict.DELIVERED and evidence.there.end:
            station = self._stations[evidence.there.end]
            self._servers.reopen(station.name, self._bench.inside(station))


@dataclass
class _Watch:
    """What is seen while a probe lasts."""

    counters: Mapping[str, Mapping[str, int]]
    suspicions: Mapping[str, int]
    sightings: list[Sighting] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    outcome: Outcome = NOT_YET
    told: bool = False  # some sender was told that its packet is too large
    _latest: Sighting | None = None

    def see(self, found: Iterator[Sighting | Asked]) -> None:
        for item in found:
            if isinstance(item, Asked):
                self.questions.append(item)
            elif _belongs(item.packet):
                self.sightings.append(item)
                self.told |= _tells_size(item.packet)
                if self._latest is None or item.time > self._latest.time:
                    self._latest = item

    def patience(self, quiet: float, where: Map) -> float:
        """How long nothing may be seen until nothing more comes."""
        if self.unanswered(where):
            return _ASKING
        if self.told:
            return _ADAPTING
        return _PASSED_UP if self._latest is not None and _with_a_program(self._latest) else quiet

    def unanswered(self, where: Map) -> dict[str, list[int]]:
        """By station, whom it asked for without an answer."""
        answered = {(item.station, item.arp.sender) for item in self.questions if not item.arp.request}
        found: dict[str, list[int]] = {}
        for item in self.questions:
            mine = item.arp.request and item.passage == Passage.OUT
            if not mine or where.places[item.station].switches:
                continue
            if (item.station, item.arp.target) not in answered:
                wanted = found.setdefault(item.station, [])
                if item.arp.target not in wanted:
                    wanted.append(item.arp.target)
        return found


def _with_a_program(latest: Sighting) -> bool:
    """Whether a program has the packet in its hands: it went into the device of one, or came for one."""
    if latest.passage is Passage.OUT:
        return latest.interface.startswith(_HANDED)
    return latest.passage is Passage.HERE and latest.packet.headers.layers[:1] in _UNWRAPPED


def _tells_size(packet: Datagram) -> bool:
    error = packet.protocol == "icmp" and packet.about is not None
    return error and (packet.seq, packet.ack) == (Icmp.UNREACHABLE, Code.TOO_LARGE)


def _belongs(packet: Datagram) -> bool:
    """Whether it may be a probe's: not what daemons and kernels say to each other."""
    talk = {packet.sport, packet.dport} & _BACKGROUND
    return packet.whole and packet.protocol in _FOLLOWED and not talk


def _meaning(bench: Bench, counter: str) -> tuple[str, str]:
    meaning = bench.meaning[counter]
    return meaning.word, meaning.title


def _reply(headers: Headers) -> Headers:
    protocol, src, sport, dst, dport = headers.inner
    return Headers((), dst, src, (protocol, dst, dport, src, sport))


def _ending(way: Way, headers: Headers) -> Way:
    """A way whose last node took the packet in these headers, as who listens there has it."""
    last: Crossing = way.crossings[-1]
    return replace(way, crossings=(*way.crossings[:-1], last._replace(after=headers)))


def _where_asked(evidence: Evidence, watch: "_Watch", asked: Headers) -> tuple[Crossing, ...]:
    """The way there; one that ends because nobody answers ends at the interface by which was asked."""
    crossings = list(evidence.there.crossings)
    if not crossings:
        crossings = [Crossing(evidence.name(evidence.sender), "", "", "", asked, asked)]
    station = evidence.there.end or evidence.sender
    place = evidence.where.places[station]
    if not evidence.back.visits and evidence.unanswered.get(station) and not crossings[-1].left:
        sought = evidence.unanswered[station]
        by = (
            item.interface
            for item in watch.questions
            if item.station == station and item.arp.target in sought
        )
        crossings[-1] = crossings[-1]._replace(left=place.interfaces.get(next(by, ""), ""))
    return tuple(crossings)


def _titles(evidence: Evidence) -> tuple[str, ...]:
    """The rules that acted, in the order in which the packet met their nodes."""
    stations = dict.fromkeys(visit.station for way in (evidence.there, evidence.back) for visit in way.visits)
    if not stations:
        stations = {evidence.sender: None}
    return tuple(rule.title for station in stations for rule in evidence.moved.get(station, ()))


def _mtu(told: Told, evidence: Evidence) -> int | None:
    sizes = (largest(told.data, evidence.there.end), largest(told.data_back, evidence.sender))
    return min((size for size in sizes if size), default=None)
