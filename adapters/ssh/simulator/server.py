"""The SSH server of one simulated host: paramiko's, answering on any socket.

Each exec request is answered by a thread of its own. It first reads the script that the client sends, which
the client does only when it has the reply to its request, so no answer overtakes that reply.
"""

import hmac
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)

from adapters.ssh import scripts
from adapters.ssh.simulator.answers import Failed, answer
from adapters.ssh.simulator.host import Late, SimulatedHost
from adapters.ssh.simulator.programs import Programs
from adapters.ssh.simulator.sftp import SimulatedSftp
from adapters.ssh.tunnel import Tunnel

_LATE_READS = 2
_TEMPFAIL, _SOFTWARE = 75, 70  # as in sysexits(3)
_NOT_FOUND = 127


class Fault(Protocol):
    """What `adapters.simulated.faults.Fault` says; that module is above this one."""

    @property
    def kind(self) -> str:
        """`status`, `busy`, `timeout`, `lost`, `late` or `garbage`."""

    @property
    def status(self) -> int:
        """The status of a refusal."""


class Faults(Protocol):
    """What somebody asked to go wrong."""

    def take(self, system: str, method: str, path: str) -> Fault | None:
        """The fault that hits this request, used up by it."""


Forward = Callable[[str, int], Callable[[Any], None] | None]
"""Who attends to a connection to an address and port; None: nobody answers there."""


class HostServer(paramiko.ServerInterface):
    """One connection to a simulated host."""

    def __init__(
        self,
        host: SimulatedHost,
        programs: Programs,
        faults: Faults,
        forward: Forward,
        calls: list[tuple[str, str]],
    ) -> None:
        self.host, self.user = host, ""
        self._programs, self._faults, self._forward, self._calls = programs, faults, forward, calls
        self._transport: paramiko.Transport | None = None
        self._targets: dict[int, Callable[[Any], None]] = {}
        self._passes = False

    def attend(self, wire: Any) -> None:
        """Answer on a connected socket until it ends."""
        transport = paramiko.Transport(wire)
        self._transport = transport
        transport.add_server_key(self.host.key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, SimulatedSftp)
        try:
            transport.start_server(server=self, event=threading.Event())
        except (paramiko.SSHException, OSError, EOFError):
            transport.close()  # whoever connected has gone

    # -- who may log in -----------------------------------------------------------------------------

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's
        """A key or the password."""
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        """Every user has the host's one password."""
        known = username in self.host.users
        return self._in(
            username, known and hmac.compare_digest(password.encode(), self.host.password.encode())
        )

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """By the user's `authorized_keys`."""
        user = self.host.users.get(username)
        lines = self.host.files.text(f"{user.home}/.ssh/authorized_keys").splitlines() if user else []
        wanted = [key.get_name(), key.get_base64()]
        return self._in(username, any(line.split()[:2] == wanted for line in lines))

    def _in(self, username: str, allowed: bool) -> int:  # noqa: FBT001 - paramiko's answer
        self.user = username if allowed else self.user
        return AUTH_SUCCESSFUL if allowed else AUTH_FAILED

    # -- what is asked ------------------------------------------------------------------------------

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - paramiko's
        """Sessions only."""
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_CONNECT_FAILED

    def check_channel_direct_tcpip_request(
        self,
        chanid: int,
        origin: tuple[str, int],  # noqa: ARG002 - paramiko's
        destination: tuple[str, int],
    ) -> int:
        """On to another host, where one answers."""
        target = self._forward(*destination)
        if target is None or self._transport is None:
            return OPEN_FAILED_CONNECT_FAILED
        self._targets[chanid] = target
        if not self._passes:
            self._passes = True
            threading.Thread(target=self._pass_on, args=(self._transport,), daemon=True).start()
        return OPEN_SUCCEEDED

    def _pass_on(self, transport: paramiko.Transport) -> None:
        """Pass on every channel that is to be; sessions are kept, as nobody else here holds them."""
        kept: list[paramiko.Channel] = []
        while transport.is_active():
            channel = transport.accept(1)
            if channel is None:
                continue
            target = self._targets.pop(channel.chanid, None)
            if target is not None:
                target(Tunnel(channel))
            else:
                kept = [*(each for each in kept if not each.closed), channel]

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Only our own two ways of starting a shell."""
        if command.decode(errors="replace") not in {scripts.SHELL, scripts.SUDO_SHELL}:
            return False
        sudo = command.decode() == scripts.SUDO_SHELL
        threading.Thread(target=self._shell, args=(channel, sudo), daemon=True).start()
        return True

    def _shell(self, channel: paramiko.Channel, sudo: bool) -> None:  # noqa: FBT001 - a thread's argument
        try:
            text = b"".join(iter(lambda: channel.recv(65536), b"")).decode(errors="replace")
            if self.host.latency:
                time.sleep(self.host.latency)
            status, output, told = self._carry_out(text, sudo=sudo)
            channel.sendall(output)
            channel.sendall_stderr(told.encode())
            channel.send_exit_status(status)
            channel.close()
        except (paramiko.SSHException, OSError, EOFError):
            channel.close()  # the line was cut

    def _carry_out(self, text: str, *, sudo: bool) -> tuple[int, bytes, str]:
        """Status, standard output and standard error of a shell that reads this text."""
        if not self.host.up:  # it was switched off since it was connected to
            return self._cut()
        user = self.host.users[self.user]
        if sudo and not user.sudo:
            return 1, b"", "sudo: a password is required\n"
        script, arguments = next(
            ((script, found) for script in scripts.EVERY if (found := script.arguments(text)) is not None),
            (None, ()),
        )
        if script is None:
            return _NOT_FOUND, b"", "/bin/sh: this simulated host knows only Hopbook's own scripts\n"
        return self._met(script, arguments)

    def _met(self, script: scripts.Script, arguments: tuple[str, ...]) -> tuple[int, bytes, str]:
        """What becomes of a script, faults included."""
        method = "POST" if script.changing else "GET"
        self._calls.append((self.host.name, script.name))
        if not script.changing:
            self._come_late()
        fault = self._faults.take("ssh", method, f"/{self.host.name}/{script.name}")
        kind = str(fault.kind) if fault is not None else ""
        if fault is not None and kind in {"status", "busy"}:
            told = "a simulated refusal" if kind == "status" else "something else is under way"
            return (_TEMPFAIL if kind == "busy" else 1), b"", f"{told} ({fault.status or kind})\n"
        if kind == "garbage":
            return 0, b"<html>Something else answers</html>\n", ""
        if kind == "late":
            self.host.late.append(
                Late(_LATE_READS, lambda: answer(self.host, self._programs, script, arguments))
            )
        if kind in {"timeout", "late"}:
            return self._cut()
        try:
            output = answer(self.host, self._programs, script, arguments)
        except Failed as failed:
            return failed.status, b"", f"{failed.said}\n"
        except Exception as error:  # noqa: BLE001 - else who asked would wait for ever
            return _SOFTWARE, b"", f"the simulated host cannot do that: {error!r}\n"
        return self._cut() if kind == "lost" else (0, output, "")

    def lose(self, act: Callable[[], None]) -> bool:
        """Whether a renaming's answer is lost; the renaming is then made or not, as the fault says."""
        self._calls.append((self.host.name, "upload"))
        fault = self._faults.take("ssh", "POST", f"/{self.host.name}/upload")
        if fault is None:
            return False
        kind = str(fault.kind)
        if kind == "lost":
            act()
        if kind == "late":
            self.host.late.append(Late(_LATE_READS, act))
        if kind in {"timeout", "late", "lost"} and self._transport is not None:
            self._transport.close()
        return True

    def _come_late(self) -> None:
        for item in list(self.host.late):
            item.reads -= 1
            if item.reads <= 0:
                self.host.late.remove(item)
                item.act()

    def _cut(self) -> tuple[int, bytes, str]:
        if self._transport is not None:
            self._transport.close()
        raise EOFError
