"""A simulator on loopback, over UDP and TCP on one port: for `hopbook simulate` and for tests of the wire."""

import socketserver
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from adapters.dns.exchange import Transport

Answer = Callable[[bytes, Transport], bytes | None]

_ATTEMPTS = 20  # a port that is free for UDP may be taken for TCP
_PATIENCE = 5.0  # seconds that a TCP client may be silent
_POLL = 0.02  # seconds until a server notices that it should stop


class DnsServer:
    """Answers while its context lasts; `port` is the port, chosen by the kernel where 0 was given.

    It listens on loopback unless told otherwise, since it answers whoever asks.
    """

    def __init__(self, answer: Answer, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self._udp, self._tcp = _bind(host, port)
        self._udp.answer = self._tcp.answer = answer
        self.port: int = self._udp.server_address[1]
        self._running = ExitStack()

    def __enter__(self) -> Self:
        for server in (self._udp, self._tcp):
            thread = threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True)
            thread.start()
            self._running.callback(server.server_close)
            self._running.callback(thread.join)
            self._running.callback(server.shutdown)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()


class _Datagram(socketserver.BaseRequestHandler):
    server: "_Udp"

    def handle(self) -> None:
        query, back = self.request
        reply = self.server.answer(query, Transport.UDP)
        if reply is not None:
            back.sendto(reply, self.client_address)


class _Stream(socketserver.StreamRequestHandler):
    server: "_Tcp"
    timeout = _PATIENCE

    def handle(self) -> None:
        try:
            while (query := self._query()) is not None:
                reply = self.server.answer(query, Transport.TCP)
                if reply is None:
                    return
                self.wfile.write(len(reply).to_bytes(2) + reply)
        except OSError:
            pass  # the client went away or fell silent

    def _query(self) -> bytes | None:
        """The next query; None where there is none, or only a part of one."""
        size = int.from_bytes(self.rfile.read(2))
        query = self.rfile.read(size)
        return query if size and len(query) == size else None


class _Udp(socketserver.UDPServer):
    answer: Answer


class _Tcp(socketserver.ThreadingTCPServer):
    answer: Answer
    daemon_threads = True
    allow_reuse_address = True


def _bind(host: str, port: int) -> tuple[_Udp, _Tcp]:
    for attempt in range(_ATTEMPTS):
        udp = _Udp((host, port), _Datagram)
        try:
            return udp, _Tcp((host, udp.server_address[1]), _Stream)
        except OSError:
            udp.server_close()
            if port or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")
