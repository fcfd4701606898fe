"""One query and its answer over the wire (RFC 1035, 4.2)."""

import socket
import time
from collections.abc import Callable
from enum import StrEnum
from ipaddress import IPv4Address

_LARGEST = 65535


class Transport(StrEnum):
    """How a query travels."""

    UDP = "udp"
    TCP = "tcp"


Exchange = Callable[[bytes, IPv4Address, Transport], bytes]
"""Sends a query to a server and gives its answer, unread; raises OSError where none comes."""


def over_sockets(port: int, timeout: float) -> Exchange:
    """The exchange with real servers; a query has `timeout` seconds for everything."""

    def exchange(query: bytes, server: IPv4Address, transport: Transport) -> bytes:
        ask = _over_tcp if transport is Transport.TCP else _over_udp
        return ask(query, (str(server), port), time.monotonic() + timeout)

    return exchange


def _over_udp(query: bytes, place: tuple[str, int], deadline: float) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        # Connected, so that the kernel drops what others send and tells of a closed port.
        connection.connect(place)
        connection.settimeout(_left(deadline))
        connection.send(query)
        while True:
            answer = connection.recv(_LARGEST)
            if answer[:2] == query[:2]:  # not ours: late, or guessed by somebody
                return answer
            connection.settimeout(_left(deadline))


def _over_tcp(query: bytes, place: tuple[str, int], deadline: float) -> bytes:
    with socket.create_connection(place, timeout=_left(deadline)) as connection:
        connection.sendall(len(query).to_bytes(2) + query)
        length = int.from_bytes(_exactly(connection, 2, deadline))
        return _exactly(connection, length, deadline)


def _exactly(connection: socket.socket, count: int, deadline: float) -> bytes:
    received = b""
    while len(received) < count:
        connection.settimeout(_left(deadline))
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("the connection ended within the answer")
        received += part
    return received


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
