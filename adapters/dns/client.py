"""Asking resolvers for the addresses of a name.

A query changes nothing, so here an answer that was lost is no doubt: it is asked for again, of each server
twice, and then the servers count as unreachable.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from dns.message import QueryMessage

from adapters.dns.exchange import Exchange, Transport, over_sockets
from hopbook.errors import Garbled, InvalidInput, Missing, Problem, Rejected, SystemTrouble, Unreachable

SYSTEM = "dns"
_ROUNDS = 2  # a datagram may be lost


class DnsClient:
    """Asks a site's resolvers, in their order.

    Args:
        servers: The resolvers; one that does not answer well is followed by the next.
        timeout: Seconds that one query may take.
        port: Where the servers listen.
        query: What carries a query to a server and its answer back; UDP and TCP by default.
    """

    def __init__(
        self,
        servers: Sequence[IPv4Address],
        *,
        timeout: float = 3.0,
        port: int = 53,
        query: Exchange | None = None,
    ) -> None:
        if not servers:
            raise InvalidInput("no DNS server is given; expected at least one")
        self._servers = servers
        self._exchange = query or over_sockets(port, timeout)

    def addresses(self, name: str) -> tuple[IPv4Address, ...]:
        """The addresses that a name leads to, sorted; none where it exists without one.

        Raises:
            InvalidInput: it is not a DNS name.
            Missing: there is no such name.
            Unreachable: no server answered.
            Rejected: a server refused or failed; its `code` is the DNS one (`SERVFAIL`).
            Garbled: what came is not an answer to the question.
        """
        query = _question(name)
        failures: list[SystemTrouble] = []
        for server in [*self._servers] * _ROUNDS:
            try:
                return _addresses(query, self._answer(query, server), server)
            except Missing:
                raise
            except SystemTrouble as failure:
                failures.append(failure)
        raise _verdict(name, failures)

    def _answer(self, query: QueryMessage, server: IPv4Address) -> QueryMessage:
        for transport in Transport:  # TCP only for an answer that does not fit a datagram
            try:
                wire = self._exchange(query.to_wire(), server, transport)
            except OSError as error:
                raise Unreachable(_why(error), system=SYSTEM, address=str(server)) from error
            try:
                answer = dns.message.from_wire(wire, raise_on_truncation=True)
            except dns.message.Truncated:
                continue
            except dns.exception.DNSException as error:
                raise _garbled(server, f"its answer is not DNS ({type(error).__name__})") from error
            if not isinstance(answer, QueryMessage) or not query.is_response(answer):
                raise _garbled(server, "it answers another question")
            return answer
        raise _garbled(server, "its answer is cut off, over TCP too")


def _question(name: str) -> QueryMessage:
    try:
        parsed = dns.name.from_text(name)
        if parsed == dns.name.root:
            raise dns.name.EmptyLabel
        return dns.message.make_query(parsed, dns.rdatatype.A)
    except dns.exception.DNSException as error:
        problem = Problem(what=f"it is not a DNS name ({error})", where=repr(name))
        raise InvalidInput(problem) from error


def _addresses(query: QueryMessage, answer: QueryMessage, server: IPv4Address) -> tuple[IPv4Address, ...]:
    code = dns.rcode.to_text(answer.rcode())
    name = query.question[0].name.to_text(omit_final_dot=True)
    if answer.rcode() == dns.rcode.NXDOMAIN:
        raise Missing(f"there is no name {name}", system=SYSTEM, address=str(server), code=code)
    if answer.rcode() != dns.rcode.NOERROR:
        raise Rejected(f"it answers {code}", system=SYSTEM, address=str(server), code=code)
    try:
        found = answer.resolve_chaining().answer
    except dns.exception.DNSException as error:
        raise _garbled(server, f"its answer contradicts itself ({type(error).__name__})") from error
    if found is None and not answer.flags & (dns.flags.RA | dns.flags.AA):
        # A referral: the server knows whom to ask, and has not asked; that is not "no address".
        raise Rejected("it does not resolve names for us", system=SYSTEM, address=str(server), code=code)
    return tuple(sorted(IPv4Address(record.address) for record in found or ()))


def _verdict(name: str, failures: Sequence[SystemTrouble]) -> SystemTrouble:
    """One error for all servers, of the most telling kind that any of them gave."""
    what = f"{name}: " + "; ".join(dict.fromkeys(f"{failure.address} {failure.what}" for failure in failures))
    for failure in failures:
        if isinstance(failure, Rejected):
            return Rejected(what, system=SYSTEM, code=failure.code)
    if any(isinstance(failure, Garbled) for failure in failures):
        return Garbled(what, system=SYSTEM)
    return Unreachable(what, system=SYSTEM)


def _garbled(server: IPv4Address, what: str) -> Garbled:
    return Garbled(what, system=SYSTEM, address=str(server))


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "does not answer in time"
    return f"cannot be asked ({error.strerror or error})"
