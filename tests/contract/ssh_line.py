"""The line between a client and a host, which a test can cut, stall or take down."""

import contextlib
import socket
import threading

from adapters.ssh.client import Dial, Login

_SCRIPT = 1500  # bytes: whatever is sent at once and is longer is a script, not a request
_BLOCK = 65536


class Line:
    """A `Dial` that passes bytes on as long as it is let.

    Attributes:
        down: Refuse new connections.
        stalled: While it is set, nothing that the host says passes.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self.down = False
        self.stalled = threading.Event()
        self._lose_script = self._lose_answer = self._stall_answer = False
        self._sockets: list[socket.socket] = []
        self._pumps: list[threading.Thread] = []

    def dial(self, login: Login, timeout: float) -> socket.socket:
        if self.down:
            raise ConnectionRefusedError(111, "Connection refused")
        far = self._dial(login, timeout)
        far.settimeout(None)
        ours, near = socket.socketpair()
        self._sockets += [near, far]
        for pump in (
            threading.Thread(target=self._there, args=(near, far), daemon=True),
            threading.Thread(target=self._back, args=(far, near), daemon=True),
        ):
            self._pumps.append(pump)
            pump.start()
        return ours

    def cut(self) -> None:
        """End every connection now."""
        for end in self._sockets:
            _shut(end)

    def close(self) -> None:
        self.cut()
        for pump in self._pumps:
            pump.join(10)
        for end in self._sockets:
            end.close()

    def lose_the_script(self) -> None:
        """Cut the line when the next script is sent: a part of it arrives."""
        self._lose_script = True

    def lose_the_answer(self) -> None:
        """Let the next script arrive, and cut the line before its answer."""
        self._lose_answer = True

    def stall_the_answer(self) -> None:
        """Let the next script arrive, and hold its answer back without a word."""
        self._stall_answer = True

    def _there(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := near.recv(_BLOCK):
                script = len(block) > _SCRIPT
                if script and self._lose_script:
                    self._lose_script = False
                    far.sendall(block[: len(block) // 2])
                    break
                lost, stalled = script and self._lose_answer, script and self._stall_answer
                if lost or stalled:
                    self._lose_answer = self._stall_answer = False
                    self.stalled.set()  # from here on no answer passes
                far.sendall(block)
                if lost:
                    _shut(near)  # we see the end; the host has all of it and sees the end after that
                    self.stalled.clear()
                    far.shutdown(socket.SHUT_WR)
                    return
        _shut(near, far)

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := far.recv(_BLOCK):
                if not self.stalled.is_set():
                    near.sendall(block)
        _shut(near, far)


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
