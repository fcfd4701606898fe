"""A channel through one host to another, as the socket that the next connection runs on."""

import contextlib
from typing import Any

import paramiko


class Tunnel:
    """What paramiko asks of a socket, done by a channel.

    To close it never fails. The connection that it runs through may have gone before, and then the thread
    that closes it would end in a traceback that nobody can do anything about.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    @property
    def _closed(self) -> bool:
        """As paramiko asks a socket whether its connection can still be waited for."""
        return self._channel.closed

    def settimeout(self, seconds: float | None) -> None:
        """Seconds that `send` and `recv` wait."""
        self._channel.settimeout(seconds)

    def send(self, data: bytes) -> int:
        """Send some of it; returns how much."""
        return self._channel.send(data)

    def recv(self, most: int) -> bytes:
        """What came; nothing at the end."""
        return self._channel.recv(most)

    def getpeername(self) -> tuple[str, int]:
        """The host that it runs through."""
        name: Any = self._channel.getpeername()  # paramiko's stubs say str
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """No more of it."""
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            self._channel.close()
