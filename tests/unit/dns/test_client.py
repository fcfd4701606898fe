"""The client against servers that are worse than any simulator."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from ipaddress import IPv4Address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.dns import DnsClient, Transport
from adapters.dns.simulator import Names, answer
from hopbook.errors import Garbled, HopbookError, InvalidInput, Missing, Rejected, Unreachable

FIRST, SECOND = IPv4Address("10.0.80.11"), IPv4Address("10.0.80.12")
ADDRESS = IPv4Address("192.168.20.5")
NAMES: Names = {"db.example.com": [ADDRESS], "web.example.com": "db.example.com"}


def asks(*answers: Callable[[bytes], bytes]) -> tuple[DnsClient, list[tuple[IPv4Address, Transport]]]:
    """A client of two servers, whose queries meet these answers in turn, and what it asked of whom."""
    asked: list[tuple[IPv4Address, Transport]] = []
    turns = iter(answers)

    def query(wire: bytes, server: IPv4Address, transport: Transport) -> bytes:
        asked.append((server, transport))
        return next(turns)(wire)

    return DnsClient([FIRST, SECOND], query=query), asked


def good(query: bytes) -> bytes:
    return answer(query, NAMES, Transport.TCP) or b""


def silent(_query: bytes) -> bytes:
    raise TimeoutError


def closed(_query: bytes) -> bytes:
    raise ConnectionRefusedError(111, "Connection refused")


def replied(change: Callable[[dns.message.Message], object]) -> Callable[[bytes], bytes]:
    """A good answer with one change made to it."""

    def reply(query: bytes) -> bytes:
        message = dns.message.from_wire(good(query))
        change(message)
        return message.to_wire()

    return reply


def flag(bits: int) -> Callable[[dns.message.Message], None]:
    return lambda message: setattr(message, "flags", message.flags ^ bits)


servfail = replied(lambda message: message.set_rcode(dns.rcode.SERVFAIL))
cut_off = replied(flag(dns.flags.TC))


def test_no_server_is_no_client() -> None:
    with pytest.raises(InvalidInput, match="no DNS server"):
        DnsClient([])


@pytest.mark.parametrize("bad", [silent, closed, servfail, lambda _query: b"", cut_off])
def test_the_next_server_is_asked(bad: Callable[[bytes], bytes]) -> None:
    client, asked = asks(bad, *([bad] if bad is cut_off else []), good)
    assert client.addresses("db.example.com") == (ADDRESS,)
    assert asked[0] == (FIRST, Transport.UDP)
    assert asked[-1] == (SECOND, Transport.UDP)


def test_each_server_is_asked_twice_and_every_failure_told() -> None:
    client, asked = asks(silent, closed, closed, closed)
    with pytest.raises(Unreachable) as caught:
        client.addresses("db.example.com")
    assert [server for server, _ in asked] == [FIRST, SECOND] * 2
    assert str(caught.value) == (
        "dns: db.example.com: 10.0.80.11 does not answer in time; "
        "10.0.80.12 cannot be asked (Connection refused); 10.0.80.11 cannot be asked (Connection refused)"
    )


def test_a_name_that_is_missing_is_asked_for_once() -> None:
    client, asked = asks(good)
    with pytest.raises(Missing):
        client.addresses("gone.example.com")
    assert len(asked) == 1


def test_the_most_telling_failure_gives_the_kind() -> None:
    client, _ = asks(silent, servfail, lambda _query: b"", silent)
    with pytest.raises(Rejected) as caught:
        client.addresses("db.example.com")
    assert caught.value.code == "SERVFAIL"
    client, _ = asks(silent, lambda _query: b"", silent, silent)
    with pytest.raises(Garbled):
        client.addresses("db.example.com")


def test_what_is_cut_off_is_asked_for_again_over_tcp() -> None:
    client, asked = asks(cut_off, good)
    assert client.addresses("db.example.com") == (ADDRESS,)
    assert asked == [(FIRST, Transport.UDP), (FIRST, Transport.TCP)]


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (lambda _query: b"", "is not DNS"),
        (lambda _query: b"<html>It works!</html>", "is not DNS"),
        (lambda query: query, "another question"),  # an echo
        (lambda query: b"\0\0" + good(query)[2:], "another question"),
        (replied(flag(dns.flags.QR)), "another question"),
        (replied(lambda message: message.question.clear()), "another question"),
        (
            lambda query: good(query)[:2] + b"\xa8\x00" + good(query)[4:],
            "is not DNS|another question",
        ),  # UPDATE
        (cut_off, "cut off, over TCP too"),
        (replied(lambda message: message.set_rcode(dns.rcode.NXDOMAIN)), "there is no name"),
    ],
)
def test_an_answer_that_is_none_is_not_believed(bad: Callable[[bytes], bytes], what: str) -> None:
    client, _ = asks(*[bad] * 8)
    with pytest.raises((Garbled, Missing), match=what):
        client.addresses("db.example.com")


def test_an_answer_for_another_name_gives_no_address() -> None:
    def poison(message: dns.message.Message) -> None:
        message.answer = [dns.rrset.from_text("other.example.com.", 60, "IN", "A", "6.6.6.6")]

    client, _ = asks(replied(poison))
    assert client.addresses("db.example.com") == ()


def test_aliases_in_a_circle_are_not_followed_for_ever() -> None:
    def circle(message: dns.message.Message) -> None:
        one, two = "db.example.com.", "web.example.com."
        message.answer = [
            dns.rrset.from_text(one, 60, "IN", "CNAME", two),
            dns.rrset.from_text(two, 60, "IN", "CNAME", one),
        ]

    client, _ = asks(*[replied(circle)] * 4)
    with pytest.raises(Garbled, match="contradicts itself"):
        client.addresses("db.example.com")


def test_a_referral_is_not_taken_for_no_address() -> None:
    def refer(message: dns.message.Message) -> None:
        message.answer = []
        message.flags &= ~dns.flags.RA

    client, _ = asks(*[replied(refer)] * 4)
    with pytest.raises(Rejected, match="does not resolve names for us"):
        client.addresses("db.example.com")


@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_make_it_stumble(junk: bytes, with_id: bool) -> None:
    client, _ = asks(*[lambda query: query[:2] + junk if with_id else junk] * 8)
    with pytest.raises(HopbookError):
        client.addresses("db.example.com")


@given(st.data())
@settings(max_examples=40)
def test_no_damage_to_an_answer_makes_it_stumble(data: st.DataObject) -> None:
    def damage(query: bytes) -> bytes:
        wire = bytearray(good(query))
        for place in data.draw(st.lists(st.integers(2, len(wire) - 1), max_size=4)):
            wire[place] = data.draw(st.integers(0, 255))
        return bytes(wire[: data.draw(st.integers(2, len(wire)))])

    client, _ = asks(*[damage] * 8)
    try:
        found = client.addresses("web.example.com")
    except HopbookError:
        return
    assert all(isinstance(address, IPv4Address) for address in found)


@given(st.text(max_size=80))
def test_no_name_makes_it_stumble(name: str) -> None:
    client, _ = asks(*[good] * 4)
    try:
        client.addresses(name)
    except (InvalidInput, Missing):
        return


# Over sockets


@pytest.fixture
def udp() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind(("127.0.0.1", 0))
        yield server


@pytest.fixture
def tcp(udp: socket.socket) -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", udp.getsockname()[1]))) as server:
        yield server


def client_of(udp: socket.socket, timeout: float) -> DnsClient:
    return DnsClient([IPv4Address("127.0.0.1")], port=udp.getsockname()[1], timeout=timeout)


def test_a_datagram_with_another_id_is_passed_over(udp: socket.socket) -> None:
    def serve() -> None:
        query, client = udp.recvfrom(512)
        forged = replied(lambda message: setattr(message, "id", message.id ^ 1))(query)
        for datagram in (b"", b"x", forged, good(query)):
            udp.sendto(datagram, client)

    thread = threading.Thread(target=serve)
    thread.start()
    assert client_of(udp, 5).addresses("db.example.com") == (ADDRESS,)
    thread.join()


def test_a_flood_of_other_datagrams_does_not_hold_it_for_ever(
    udp: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wrong datagram takes a second on this clock, and four are allowed."""
    seconds = iter(range(1000))
    monkeypatch.setattr("adapters.dns.exchange.time.monotonic", lambda: float(next(seconds)))

    def serve() -> None:
        for _ in range(2):
            _, client = udp.recvfrom(512)
            for _ in range(20):
                udp.sendto(b"no", client)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(Unreachable, match="does not answer in time"):
        client_of(udp, 4).addresses("db.example.com")
    thread.join()


def test_a_port_that_nobody_listens_on_is_told_at_once(udp: socket.socket) -> None:
    client = client_of(udp, 30)
    udp.close()
    with pytest.raises(Unreachable, match="cannot be asked"):
        client.addresses("db.example.com")


@pytest.mark.parametrize(
    "reply",
    [b"", b"\0", struct.pack("!H", 200), struct.pack("!H", 200) + b"x" * 50],
    ids=["nothing", "half a length", "only a length", "half an answer"],
)
def test_a_stream_that_ends_early_is_no_answer(udp: socket.socket, tcp: socket.socket, reply: bytes) -> None:
    def serve() -> None:
        for _ in range(2):
            query, client = udp.recvfrom(512)
            udp.sendto(cut_off(query), client)
            connection, _ = tcp.accept()
            with connection:
                connection.recv(512)
                connection.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(Unreachable, match="the connection ended within the answer"):
        client_of(udp, 5).addresses("db.example.com")
    thread.join()


def test_a_stream_in_small_pieces_is_put_together(udp: socket.socket, tcp: socket.socket) -> None:
    def serve() -> None:
        query, client = udp.recvfrom(512)
        udp.sendto(cut_off(query), client)
        connection, _ = tcp.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            query = connection.recv(512)[2:]
            wire = good(query)
            for byte in struct.pack("!H", len(wire)) + wire:
                connection.sendall(bytes([byte]))

    thread = threading.Thread(target=serve)
    thread.start()
    assert client_of(udp, 5).addresses("db.example.com") == (ADDRESS,)
    thread.join()
