"""Make a station's kernel forget single connections, over netlink.

A probe of the same addresses and ports has to be a new connection (rule 9), and others, such as BGP's, have
to stay known; so connections are deleted one by one, which the kernel does in microseconds.
"""

import contextlib
import socket
import struct
from collections.abc import Iterable

_NETFILTER = 12  # NETLINK_NETFILTER
_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
_REQUEST = 1
_NESTED = 1 << 15
_TUPLE, _TUPLE_IP, _TUPLE_PROTO = 1, 1, 2
_SRC, _DST = 1, 2
_NUMBER, _SRC_PORT, _DST_PORT = 1, 2, 3
_PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
_HEADER = struct.Struct("=IHHII")
_IPV4 = struct.pack("=BBH", socket.AF_INET, 0, 0)

Connection = tuple[str, int, int, int, int]  # protocol, source, source port, destination, destination port


def forget_connections(connections: Iterable[Connection]) -> None:
    """Delete connections from the connection tracking of this thread's network; unknown ones are nothing."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as asking:
        for connection in connections:
            if connection[0] in _PROTOCOLS:
                body = _IPV4 + _original(connection)
                header = _HEADER.pack(_HEADER.size + len(body), _DELETE, _REQUEST, 0, 0)
                with contextlib.suppress(OSError):
                    asking.send(header + body)


def _original(connection: Connection) -> bytes:
    protocol, src, sport, dst, dport = connection
    addresses = _attribute(_SRC, struct.pack(">I", src)) + _attribute(_DST, struct.pack(">I", dst))
    ports = (
        _attribute(_NUMBER, bytes([_PROTOCOLS[protocol]]))
        + _attribute(_SRC_PORT, struct.pack(">H", sport))
        + _attribute(_DST_PORT, struct.pack(">H", dport))
    )
    inside = _attribute(_TUPLE_IP | _NESTED, addresses) + _attribute(_TUPLE_PROTO | _NESTED, ports)
    return _attribute(_TUPLE | _NESTED, inside)


def _attribute(kind: int, value: bytes) -> bytes:
    body = struct.pack("=HH", 4 + len(value), kind) + value
    return body + bytes(-len(body) % 4)
