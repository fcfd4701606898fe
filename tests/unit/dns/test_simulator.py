"""The simulated resolver: what a real one would answer, whatever it is sent."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.dns.exchange import Transport
from adapters.dns.server import DnsServer, _Stream
from adapters.dns.simulator import DnsSimulator, Names, answer

NAMES: dict[str, list[IPv4Address] | str] = {
    "db.example.com": [IPv4Address("192.168.20.5")],
    "web.example.com": "db.example.com",
    "many.example.com": [IPv4Address("10.0.0.0") + number for number in range(100)],
}


def ask(query: dns.message.Message, transport: Transport = Transport.UDP) -> dns.message.Message:
    wire = answer(query.to_wire(), NAMES, transport)
    assert wire is not None
    return dns.message.from_wire(wire)


def query_of(name: str, kind: str = "A", **options: object) -> dns.message.Message:
    return dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]


def test_a_name_is_spelled_as_it_was_asked_for() -> None:
    reply = ask(query_of("DB.example.com"))
    assert [str(rrset) for rrset in reply.answer] == ["DB.example.com. 300 IN A 192.168.20.5"]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("A", ["CNAME", "A"]),
        ("ANY", ["CNAME"]),
        ("CNAME", ["CNAME"]),
        ("AAAA", ["CNAME"]),
        ("TXT", ["CNAME"]),
    ],
)
def test_an_alias_is_followed_for_what_is_asked(kind: str, found: list[str]) -> None:
    reply = ask(query_of("web.example.com", kind))
    assert reply.rcode() == dns.rcode.NOERROR
    assert [dns.rdatatype.to_text(rrset.rdtype) for rrset in reply.answer] == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (query_of("db.example.com", rdclass="CH"), dns.rcode.REFUSED),
        (query_of("gone.example.com"), dns.rcode.NXDOMAIN),
        (query_of("example.com"), dns.rcode.NOERROR),
        (query_of("."), dns.rcode.NXDOMAIN),
        (dns.message.Message(), dns.rcode.FORMERR),
        (dns.update.UpdateMessage("example.com"), dns.rcode.NOTIMP),
    ],
)
def test_each_refusal_has_its_code(query: dns.message.Message, code: dns.rcode.Rcode) -> None:
    assert ask(query).rcode() == code


def test_what_does_not_fit_a_datagram_is_cut_off() -> None:
    query = query_of("many.example.com")
    assert len(answer(query.to_wire(), NAMES, Transport.UDP) or b"") <= 512
    assert ask(query).flags & dns.flags.TC
    whole = ask(query, Transport.TCP)
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 100


def test_a_larger_datagram_may_be_asked_for() -> None:
    reply = ask(query_of("many.example.com", use_edns=0, payload=4096))
    assert not reply.flags & dns.flags.TC


def test_an_answer_is_not_answered() -> None:
    wire = ask(query_of("db.example.com")).to_wire()
    assert answer(wire, NAMES, Transport.UDP) is None


def test_what_is_no_query_is_answered_as_that() -> None:
    query = query_of("db.example.com").to_wire()
    reply = dns.message.from_wire(answer(query + b"junk", NAMES, Transport.UDP) or b"")
    assert reply.rcode() == dns.rcode.FORMERR
    assert reply.id == dns.message.from_wire(query).id
    assert answer(query[:11], NAMES, Transport.UDP) is None


def test_names_may_change_while_it_answers() -> None:
    names: dict[str, list[IPv4Address]] = {}
    simulator = DnsSimulator(names)
    query = query_of("new.example.com").to_wire()
    before = dns.message.from_wire(simulator.answer(query, Transport.UDP) or b"")
    names["new.example.com"] = [IPv4Address("10.1.1.1")]
    after = dns.message.from_wire(simulator.answer(query, Transport.UDP) or b"")
    assert (before.rcode(), after.rcode()) == (dns.rcode.NXDOMAIN, dns.rcode.NOERROR)


@given(st.one_of(st.binary(max_size=64), st.binary(max_size=64).map(lambda junk: b"\0\1\1\0\0\1" + junk)))
def test_no_bytes_make_it_stumble(junk: bytes) -> None:
    simulator: DnsSimulator = DnsSimulator(NAMES)
    reply = simulator.answer(junk, Transport.UDP)
    if reply is not None:
        assert reply[:2] == junk[:2]
        assert dns.message.from_wire(reply).flags & dns.flags.QR


# On loopback


@pytest.fixture
def server() -> Iterator[DnsServer]:
    names: Names = NAMES
    with DnsServer(DnsSimulator(names).answer) as server:
        yield server


def test_another_client_is_answered_over_both_transports(server: DnsServer) -> None:
    query = dns.message.make_query("many.example.com", "A")
    reply, used_tcp = dns.query.udp_with_fallback(query, server.host, timeout=5, port=server.port)
    assert used_tcp
    assert len(reply.answer[0]) == 100


def test_a_connection_may_ask_more_than_once(server: DnsServer) -> None:
    query = query_of("db.example.com").to_wire()
    framed = struct.pack("!H", len(query)) + query
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        stream = connection.makefile("rb")
        connection.sendall(framed + framed)
        for _ in range(2):
            (length,) = struct.unpack("!H", stream.read(2))
            assert dns.message.from_wire(stream.read(length)).rcode() == dns.rcode.NOERROR
        stream.close()


@pytest.mark.parametrize("junk", [b"", b"\0", b"\0\0", b"\xff\xff12", b"\0\x40" + b"\0" * 30])
def test_a_bad_client_gets_no_answer_and_does_not_stop_it(server: DnsServer, junk: bytes) -> None:
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(junk)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(512) == b""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(junk, (server.host, server.port))
    query = query_of("db.example.com")
    assert dns.query.tcp(query, server.host, timeout=5, port=server.port).rcode() == dns.rcode.NOERROR
    assert dns.query.udp(query, server.host, timeout=5, port=server.port).rcode() == dns.rcode.NOERROR


def test_its_port_is_free_again_when_it_ends() -> None:
    simulator = DnsSimulator(NAMES)
    with DnsServer(simulator.answer) as first:
        port = first.port
        with pytest.raises(OSError, match="in use"):
            DnsServer(simulator.answer, port=port)
    with DnsServer(simulator.answer, port=port) as second:
        assert second.port == port


def test_a_silent_client_does_not_keep_it_from_ending(server: DnsServer) -> None:
    query = query_of("db.example.com").to_wire()
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(struct.pack("!H", len(query)) + query + b"\0")
        assert connection.recv(2)  # so it is being served
        server.__exit__(None, None, None)


def test_a_client_that_breaks_off_is_nothing_to_report() -> None:
    class BrokenOff:
        def read(self, _size: int) -> bytes:
            raise ConnectionResetError

    handler = _Stream.__new__(_Stream)
    handler.rfile = BrokenOff()  # type: ignore[assignment]
    handler.handle()
