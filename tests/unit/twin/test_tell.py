"""One probe's packets among all others."""

from itertools import count
from typing import Any

from adapters.twin.decode import Datagram, Flags
from adapters.twin.ending import Complaint
from adapters.twin.follow import Passage, Sighting
from adapters.twin.servers import answering
from adapters.twin.tell import Told, largest, tell_tcp, tell_udp

ISN, ANSWER = 2**32 - 1, 5000  # the next sequence number begins anew at 0
TAG = b"8 bytes!"
_clock = count()


def seen(station: str, passage: Passage = Passage.OUT, **fields: Any) -> Sighting:
    made = {"layers": (), "src": 1, "dst": 2, "protocol": "tcp", "sport": 40000, "dport": 80, **fields}
    return Sighting(next(_clock), station, "i0", passage, Datagram(**made))


def syn(station: str = "c", **fields: Any) -> Sighting:
    return seen(station, **{"seq": ISN, "flags": Flags.SYN, "ident": 1, **fields})


def error(station: str, code: int, **about: Any) -> Sighting:
    quoted = {"layers": (), "src": 1, "dst": 2, "protocol": "tcp", "seq": ISN, **about}
    return seen(station, protocol="icmp", seq=3, ack=code, room=1300, about=Datagram(**quoted))


def stations(sightings: Any) -> list[str]:
    return [item.station for item in sightings]


def test_a_connection_is_told_by_its_sequence_number_whatever_its_addresses() -> None:
    nat = {"src": 9, "sport": 1024}
    others = [syn("x", seq=7), seen("c", seq=ISN, flags=Flags.ACK), syn("x", seq=ISN + 1 - 2**32)]
    assert stations(tell_tcp([syn("c"), *others, syn("r", **nat)], "c", 40000).there) == ["c", "r"]


def test_a_retransmission_is_another_packet() -> None:
    assert stations(tell_tcp([syn("c"), syn("c", ident=2), syn("r", ident=2)], "c", 40000).there) == ["c"]


def test_only_the_sender_begins_a_connection() -> None:
    assert tell_tcp([syn("elsewhere")], "c", 40000) == Told()
    assert tell_tcp([syn("c", sport=179)], "c", 40000) == Told()


def test_the_answer_acknowledges_the_next_number() -> None:
    both = Flags.SYN | Flags.ACK
    answers = [seen("s", seq=ANSWER, ack=0, flags=both), seen("s", seq=ANSWER, ack=7, flags=both)]
    assert len(tell_tcp([syn(), *answers], "c", 40000).back) == 1


def test_a_reset_names_who_refused_the_connection_first() -> None:
    refusal: dict[str, Any] = {"flags": Flags.RST | Flags.ACK, "ack": 0}
    assert tell_tcp([syn(), seen("s", **refusal), seen("r", **refusal)], "c", 40000).reset == "s"
    data = seen("c", seq=0, flags=Flags.ACK, payload=b"1")
    assert not tell_tcp([syn(), data, seen("s", **refusal)], "c", 40000).reset
    abort = seen("c", flags=Flags.RST, seq=0)
    assert not tell_tcp([syn(), abort], "c", 40000).reset


def test_full_packets_are_those_with_data() -> None:
    both = Flags.SYN | Flags.ACK
    packets = [
        syn(),
        seen("s", seq=ANSWER, ack=0, flags=both),
        seen("c", seq=0, flags=Flags.ACK),
        seen("c", seq=0, flags=Flags.ACK, payload=b"1", ident=3, size=1500),
        seen("s", Passage.HERE, seq=0, flags=Flags.ACK, payload=b"1", ident=3, size=1300),
        seen("s", seq=ANSWER + 1, flags=Flags.ACK, payload=b"2", ident=5),
    ]
    found = tell_tcp(packets, "c", 40000)
    assert (stations(found.large), stations(found.large_back)) == (["c", "s"], ["s"])
    assert largest(found.data, "s") == 1300
    assert largest(found.data, "c") == 0


def test_errors_are_about_the_packet_or_about_its_answer() -> None:
    answer = seen("s", seq=ANSWER, ack=0, flags=Flags.SYN | Flags.ACK)
    packets = [syn(), answer, error("r", 0), error("c", 0), error("q", 1, seq=ANSWER), error("z", 0, seq=99)]
    assert tell_tcp(packets, "c", 40000).complaints == [
        Complaint("r", 3, 0, 1300),
        Complaint("q", 3, 1, 1300, returning=True),
    ]


def test_nobody_wants_to_know_that_a_reset_found_no_way() -> None:
    assert tell_tcp([syn(), error("r", 0, seq=0)], "c", 40000).complaints == []
    data = seen("c", seq=0, flags=Flags.ACK, payload=b"1")
    assert len(tell_tcp([syn(), data, error("r", 4, seq=0)], "c", 40000).complaints) == 1


def test_datagrams_are_told_by_their_tag() -> None:
    asked: dict[str, Any] = {"protocol": "udp", "payload": TAG + b"rest"}
    packets = [
        seen("c", **asked),
        seen("x", protocol="udp", payload=b"another one"),
        seen("s", protocol="udp", payload=answering(TAG) + b"rest"),
        error("r", 4, protocol="udp", payload=TAG),
    ]
    found = tell_udp(packets, TAG)
    assert (stations(found.there), stations(found.back)) == (["c"], ["s"])
    assert found.complaints == [Complaint("r", 3, 4, 1300)]


def test_of_a_sender_that_was_told_the_smaller_packet_counts() -> None:
    fields: dict[str, Any] = {"flags": Flags.ACK, "payload": b"1"}
    packets = [
        syn(),
        seen("c", seq=0, ident=3, size=1500, **fields),
        seen("c", seq=0, ident=4, size=1300, **fields),
        seen("c", seq=1248, ident=5, size=252, **fields),
        seen("s", seq=0, ident=4, size=1300, **fields),
    ]
    assert [item.packet.size for item in tell_tcp(packets, "c", 40000).large] == [1300, 1300]
