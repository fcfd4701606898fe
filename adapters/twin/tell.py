"""Tell the packets of one probe from all others, and which of its packets each one is.

What every hop keeps tells: TCP's sequence numbers, a datagram's tag. A retransmission of a packet is another
packet with its own IP identification, so of each kind only one transmission counts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from adapters.twin.decode import Datagram, Flags
from adapters.twin.ending import Complaint
from adapters.twin.follow import Passage, Sighting
from adapters.twin.servers import TAG, answering

_RING = 1 << 32
_WINDOW = 1 << 17  # bytes of a connection that count as its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The sightings of one probe, by packet.

    Attributes:
        there: What opens: the SYN, or the datagram.
        back: What answers.
        large, large_back: The first full packet of a connection, in each direction, as it was sent last: by
            a sender that was told of an MTU, in the size that it was told.
        data, data_back: All packets with data, retransmissions too.
        reset: The station that refused.
    """

    there: Sequence[Sighting] = ()
    back: Sequence[Sighting] = ()
    large: Sequence[Sighting] = ()
    large_back: Sequence[Sighting] = ()
    data: Sequence[Sighting] = ()
    data_back: Sequence[Sighting] = ()
    complaints: Sequence[Complaint] = ()
    reset: str = ""


def tell_tcp(sightings: Iterable[Sighting], sender: str, port: int) -> Told:
    """The packets of the connection that a station opens from a port."""
    ordered = [item for item in _ordered(sightings) if item.packet.protocol in {"tcp", "icmp"}]
    opens = _flags(Flags.SYN)
    first = next(
        (
            item.packet.seq
            for item in ordered
            if item.station == sender
            and item.passage is Passage.OUT
            and item.packet.sport == port
            and opens(item.packet)
        ),
        None,
    )
    if first is None:
        return Told(complaints=())
    answers = _flags(Flags.SYN | Flags.ACK)
    back = [item for item in ordered if answers(item.packet) and item.packet.ack == (first + 1) % _RING]
    second = back[0].packet.seq if back else None
    data, data_back = _data(ordered, first), _data(ordered, second)
    refuses = _flags(Flags.RST | Flags.ACK)
    return Told(
        there=_once([item for item in ordered if opens(item.packet) and item.packet.seq == first]),
        back=_once(back),
        large=_again(data),
        large_back=_again(data_back),
        data=data,
        data_back=data_back,
        complaints=_complaints(
            ordered, _sent(first, with_data=bool(data)), _sent(second, with_data=bool(data_back))
        ),
        reset=next(
            (
                item.station
                for item in ordered
                if refuses(item.packet) and item.packet.ack == (first + 1) % _RING and not data
            ),
            "",
        ),
    )


def tell_udp(sightings: Iterable[Sighting], tag: bytes) -> Told:
    """The datagrams that bear a tag, and its answer."""
    ordered = [item for item in _ordered(sightings) if item.packet.protocol in {"udp", "icmp"}]
    reply = answering(tag)

    def bears(wanted: bytes) -> Callable[[Datagram], bool]:
        return lambda packet: packet.protocol == "udp" and packet.payload[:TAG] == wanted

    return Told(
        there=_once([item for item in ordered if bears(tag)(item.packet)]),
        back=_once([item for item in ordered if bears(reply)(item.packet)]),
        complaints=_complaints(ordered, bears(tag), bears(reply)),
    )


def largest(sightings: Iterable[Sighting], station: str) -> int:
    """Bytes of the largest packet with data that came in at a station; 0: none did."""
    sizes = (
        item.packet.size
        for item in sightings
        if item.station == station and item.passage is not Passage.OUT and not item.packet.layers
    )
    return max(sizes, default=0)


def _ordered(sightings: Iterable[Sighting]) -> list[Sighting]:
    return sorted(sightings, key=lambda item: item.time)


def _flags(wanted: Flags) -> Callable[[Datagram], bool]:
    mask = Flags.SYN | Flags.ACK | Flags.RST
    return lambda packet: packet.protocol == "tcp" and packet.flags & mask == wanted


def _of(packet: Datagram, protocol: str, start: int | None) -> bool:
    return packet.protocol == protocol and start is not None and (packet.seq - start) % _RING < _WINDOW


def _sent(start: int | None, *, with_data: bool) -> Callable[[Datagram], bool]:
    """Whether a packet is the opening or a full one: of a reset that found no way nobody wants to know."""
    return lambda packet: _of(packet, "tcp", start) and (packet.seq == start or with_data)


def _data(sightings: Sequence[Sighting], start: int | None) -> list[Sighting]:
    return [
        item
        for item in sightings
        if item.packet.payload and _of(item.packet, "tcp", start) and item.packet.seq != start
    ]


def _once(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Without retransmissions."""
    return [item for item in sightings if item.packet.ident == sightings[0].packet.ident]


def _again(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The last transmission of the first of these packets."""
    first = [item for item in sightings if item.packet.seq == sightings[0].packet.seq]
    return [item for item in first if item.packet.ident == first[-1].packet.ident]


def _complaints(
    sightings: Sequence[Sighting], there: Callable[[Datagram], bool], back: Callable[[Datagram], bool]
) -> list[Complaint]:
    """Each error once, by the station where it was first seen."""
    found: list[Complaint] = []
    known: set[tuple[int, int, int, bool]] = set()
    for item in sightings:
        about = item.packet.about
        if about is None or not (there(about) or back(about)):
            continue
        returning = not there(about)
        key = (item.packet.seq, item.packet.ack, item.packet.room, returning)
        if key not in known:
            known.add(key)
            kind, code, room, _ = key
            found.append(Complaint(item.station, kind, code, room, returning))
    return found
