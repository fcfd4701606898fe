"""A simulated resolver: the bytes of a query in, the bytes of its answer out.

It answers as a resolver does for the names it is given: aliases followed, a name above an existing one exists
without records (RFC 8020), an answer too long for a datagram cut off, and what is no query not understood.
"""

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address
from typing import Protocol

import dns.exception
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from adapters.dns.exchange import Exchange, Transport

Names = Mapping[str, Sequence[IPv4Address] | str]
"""What names lead to: addresses, or another name (CNAME). In lower case, without a final dot."""

_TTL = 300
_HEADER = 12
_RESPONSE = 0x80
_DATAGRAM, _STREAM = 512, 65535
_LONGEST_CHAIN = 8
_REFUSALS = {400: dns.rcode.FORMERR, 403: dns.rcode.REFUSED, 404: dns.rcode.NXDOMAIN, 501: dns.rcode.NOTIMP}


class Fault(Protocol):
    """What `adapters.simulated.faults.Fault` says; that module is above this one."""

    @property
    def kind(self) -> str:
        """`status`, `busy`, `timeout`, `lost`, `late` or `garbage`."""

    @property
    def status(self) -> int:
        """The HTTP status of a refusal."""


class Faults(Protocol):
    """What somebody asked to go wrong."""

    def take(self, system: str, method: str, path: str) -> Fault | None:
        """The fault that hits this request, used up by it."""


class DnsSimulator:
    """A resolver for names that may change while it answers.

    A fault is asked for by a name's path, `dns:timeout@/web.example.com`. Statuses become what is nearest in
    DNS: 400 FORMERR, 403 REFUSED, 404 NXDOMAIN, 501 NOTIMP, every other SERVFAIL.
    """

    def __init__(self, names: Names, faults: Faults | None = None) -> None:
        self._names = names
        self._faults = faults

    def answer(self, query: bytes, transport: Transport) -> bytes | None:
        """The answer to a query; None where none is given."""
        asked = _parse(query)
        if isinstance(asked, dns.message.Message) and self._faults and asked.question:
            fault = self._faults.take("dns", "GET", f"/{_text(asked.question[0].name)}")
            if fault is not None:
                return _spoilt(asked, fault)
        return answer(query, self._names, transport)

    def in_process(self) -> Exchange:
        """What a client takes instead of sockets; every server that it asks is this one."""

        def exchange(query: bytes, _server: IPv4Address, transport: Transport) -> bytes:
            reply = self.answer(query, transport)
            if reply is None:
                raise TimeoutError
            return reply

        return exchange


def answer(query: bytes, names: Names, transport: Transport) -> bytes | None:
    """What a resolver that knows these names answers; None for bytes that deserve no answer."""
    asked = _parse(query)
    if not isinstance(asked, dns.message.Message):
        return asked
    reply = dns.message.make_response(asked, recursion_available=True)
    reply.set_rcode(_resolve(asked, reply, names))
    limit = _STREAM if transport is Transport.TCP else max(_DATAGRAM, asked.payload)
    return reply.to_wire(max_size=limit, prefer_truncation=True)


def _parse(query: bytes) -> dns.message.Message | bytes | None:
    """The query; or how to answer what is none: not at all, or FORMERR."""
    if len(query) < _HEADER or query[2] & _RESPONSE:
        return None  # answering an answer could go on for ever
    try:
        return dns.message.from_wire(query)
    except dns.exception.DNSException:
        return query[:2] + bytes([_RESPONSE | query[2] & 0x79, dns.rcode.FORMERR]) + bytes(_HEADER - 4)


def _resolve(asked: dns.message.Message, reply: dns.message.Message, names: Names) -> dns.rcode.Rcode:
    """Put what the names lead to into the reply, and say how it went."""
    if asked.opcode() != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    if len(asked.question) != 1:
        return dns.rcode.FORMERR
    if asked.question[0].rdclass != dns.rdataclass.IN:
        return dns.rcode.REFUSED
    return _follow(asked.question[0], reply, names)


def _follow(question: dns.rrset.RRset, reply: dns.message.Message, names: Names) -> dns.rcode.Rcode:
    """Follow the aliases from a name to what was asked for."""
    name = question.name
    for _ in range(_LONGEST_CHAIN):
        leads_to = names.get(_text(name))
        if leads_to is None:
            return dns.rcode.NOERROR if _has_names_below(name, names) else dns.rcode.NXDOMAIN
        if not isinstance(leads_to, str):
            if question.rdtype in {dns.rdatatype.A, dns.rdatatype.ANY}:
                _add(reply, name, dns.rdatatype.A, [str(address) for address in leads_to])
            return dns.rcode.NOERROR
        _add(reply, name, dns.rdatatype.CNAME, [f"{leads_to}."])
        if question.rdtype in {dns.rdatatype.CNAME, dns.rdatatype.ANY}:
            return dns.rcode.NOERROR
        name = dns.name.from_text(leads_to)
    return dns.rcode.SERVFAIL  # aliases in a circle


def _add(
    reply: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType, values: Sequence[str]
) -> None:
    if values:
        reply.answer.append(dns.rrset.from_text_list(name, _TTL, dns.rdataclass.IN, kind, values))


def _has_names_below(name: dns.name.Name, names: Names) -> bool:
    return any(known.endswith(f".{_text(name)}") for known in names)


def _spoilt(asked: dns.message.Message, fault: Fault) -> bytes | None:
    if fault.kind == "garbage":
        return asked.id.to_bytes(2) + b"<html><body>It works!</body></html>"
    if fault.kind in {"timeout", "lost", "late"}:
        return None
    reply = dns.message.make_response(asked, recursion_available=True)
    reply.set_rcode(_REFUSALS.get(fault.status, dns.rcode.SERVFAIL))
    return reply.to_wire()


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
