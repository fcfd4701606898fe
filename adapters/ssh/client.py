"""One host by SSH: run our scripts, send files.

Everything that is asked of a host is one of the scripts of `adapters.ssh.scripts`, given to a shell on its
standard input. Until that text has arrived in full nothing runs, so trouble before is certainly without
effect (`Unreachable`), and trouble after leaves a change in doubt (`AnswerLost`). A session that ends without
an exit status is such trouble: paramiko says -1 for it, whether the line was cut or the shell was killed.
"""

import contextlib
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import PurePosixPath
from typing import BinaryIO

import paramiko

from adapters.ssh import errors
from adapters.ssh.scripts import SHELL, SUDO_SHELL, Script
from adapters.ssh.trust import Trust
from adapters.ssh.tunnel import Tunnel
from hopbook.errors import AnswerLost, InvalidInput, Problem, Unreachable
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret

# What goes wrong is raised; without a handler paramiko's threads would print it as well
logging.getLogger("paramiko").addHandler(logging.NullHandler())

Resolve = Callable[[SecretRef], Secret]
Output = Callable[[bytes], None]
_BLOCK = 32768
_STAGE = PurePosixPath("/tmp")  # noqa: S108 - files there get a name that nobody guesses, made exclusively
_FSYNC = "fsync@openssh.com"
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to reach one host and log in.

    Attributes:
        name: As the site calls it.
        address: Where it answers: its own address, or one that is published for it.
        password: Where it is; None: the key alone.
        key: Where a private key in OpenSSH's or PEM form is.
        passphrase: Of the key, where it has one.
        jump: The name of the host that it is reached through; empty: directly.
    """

    name: str
    address: str
    port: int = 22
    user: str = "root"
    password: SecretRef | None = None
    key: SecretRef | None = None
    passphrase: SecretRef | None = None
    jump: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds.

    Attributes:
        connect: Until a connection stands, login included.
        command: Until a script has ended.
        idle: Between two pieces of a script's output.
    """

    connect: float = 15.0
    command: float = 120.0
    idle: float = 120.0


Dial = Callable[[Login, float], socket.socket]
"""Gives a connected socket to a host, within seconds, or raises OSError."""


def dial(login: Login, timeout: float) -> socket.socket:
    """By TCP."""
    wire = socket.create_connection((login.address, login.port), timeout)
    # A script is several small packets in a row; held together they would wait for each other's receipt
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


class SshClient:
    """One host. It connects when it is first asked something, and again after a connection is lost.

    Safe to share between threads.

    Args:
        login: How to reach it.
        keys: The host keys that are known.
        resolve: Where passwords and keys come from; asked for each connection and not kept.
        timeouts: How long to wait for what.
        dial: How a connection is made.
        jump: The host that it is reached through.
    """

    def __init__(
        self,
        login: Login,
        keys: Trust,
        resolve: Resolve,
        *,
        timeouts: Timeouts | None = None,
        dial: Dial = dial,
        jump: "SshClient | None" = None,
    ) -> None:
        self.login = login
        self.timeouts = timeouts or Timeouts()
        self._keys, self._resolve, self._dial, self._jump = keys, resolve, dial, jump
        self._lock = threading.Lock()
        self._connection: paramiko.Transport | None = None

    @property
    def address(self) -> str:
        """Address and port, for messages."""
        return f"{self.login.address}:{self.login.port}"

    @property
    def is_root(self) -> bool:
        """Whether it logs in as root; else every script is run by sudo."""
        return self.login.user == "root"

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def drop(self) -> None:
        """The connection is not to be used again: a stalled one looks alive."""
        self.close()

    # -- scripts ------------------------------------------------------------------------------------

    def run(
        self, script: Script, *arguments: str, timeout: float | None = None, output: Output | None = None
    ) -> bytes:
        """Run a script to its end and return its standard output.

        A script that only reads is tried once more where its answer is lost.

        Args:
            script: One of ours.
            arguments: Any text without NUL.
            timeout: Seconds instead of `timeouts.command`.
            output: Told of standard output as it comes.

        Raises:
            SystemTrouble: it failed (`CommandFailed`), was not run, or nobody knows (`AnswerLost`).
        """
        try:
            return self._run(script, arguments, timeout, output)
        except AnswerLost:
            if script.changing:
                raise
            return self._run(script, arguments, timeout, output)

    def _run(
        self, script: Script, arguments: tuple[str, ...], timeout: float | None, output: Output | None
    ) -> bytes:
        text, what = _text(script, arguments), f"{self.login.name}, {script.name}"
        seconds = self.timeouts.command if timeout is None else timeout
        with self._session() as session:
            try:
                with errors.asking(what, self.address, changing=script.changing):
                    told = _Exchange(session, seconds, self.timeouts.idle, output).carry_out(text)
                if told.status < 0:
                    why = "the session ended without an exit status"
                    raise errors.lost(what, self.address, why, changing=script.changing)
            except AnswerLost:
                self.drop()
                raise
        if told.status:
            raise errors.failed(what, self.address, told.status, told.errors, self.login.user)
        return told.output

    @contextlib.contextmanager
    def _session(self) -> Iterator[paramiko.Channel]:
        """A session in which a shell reads what it is sent; trouble until it does is without effect."""
        session = self._opened(lambda connection: connection.open_session(timeout=self.timeouts.connect))
        try:
            with errors.connecting(self.login.name, self.address):
                session.settimeout(self.timeouts.connect)
                session.exec_command(SHELL if self.is_root else SUDO_SHELL)
            yield session
        finally:
            session.close()

    # -- files --------------------------------------------------------------------------------------

    def upload(self, path: str, source: BinaryIO, *, mode: int, uid: int, gid: int) -> None:
        """Put a file in its place: whoever opens the path finds the old file or the whole new one.

        It is written beside its place, synced, given mode and owner, then renamed. The user has to be allowed
        to do all that; see `stage` for one who needs sudo.

        Raises:
            CommandFailed: the host refuses it; the old file stands.
            Unreachable: the connection was lost before the renaming; the old file stands.
            AnswerLost: it was lost in the renaming.
        """
        self._put(path, source, rename=True, mode=mode, uid=uid, gid=gid)

    def stage(self, source: BinaryIO, beside: str = "") -> str:
        """Send a file to a place of its own, readable by the user alone, and return that place.

        Args:
            source: What to send.
            beside: The path that it is meant for, to put it into the same directory. Empty: `/tmp`.
        """
        place = beside or str(_STAGE / "staged")
        return self._put(place, source, rename=False)

    def _put(
        self,
        path: str,
        source: BinaryIO,
        *,
        rename: bool,
        mode: int = 0o600,
        uid: int | None = None,
        gid: int | None = None,
    ) -> str:
        what, folder = f"{self.login.name}, write {path}", PurePosixPath(path).parent
        new = str(folder / f".hopbook.{secrets.token_hex(8)}")
        with self._sftp() as sftp:
            with self._refusable(sftp, what), errors.connecting(self.login.name, self.address):
                file = _opened(sftp, new, folder)
                try:
                    with file:
                        _give(sftp, file, mode, uid, gid)
                        _write(sftp, file, source)
                except OSError:
                    _discard(sftp, new)
                    raise
            if rename:
                with self._refusable(sftp, what), errors.asking(what, self.address, changing=True):
                    try:
                        sftp.posix_rename(new, path)
                    except OSError:
                        _discard(sftp, new)
                        raise
        return new

    @contextlib.contextmanager
    def _refusable(self, sftp: paramiko.SFTPClient, what: str) -> Iterator[None]:
        """The host's own refusals, which come over a connection that stands."""
        try:
            yield
        except (AnswerLost, Unreachable) as error:
            cause, channel = error.__cause__, sftp.get_channel()
            refused = isinstance(cause, OSError) and not isinstance(cause, TimeoutError)
            if refused and channel is not None and not channel.closed and not isinstance(cause, EOFError):
                told = getattr(cause, "strerror", None) or str(cause)
                raise errors.failed(what, self.address, 1, told, self.login.user) from cause
            self.drop()
            raise

    @contextlib.contextmanager
    def _sftp(self) -> Iterator[paramiko.SFTPClient]:
        session = self._opened(lambda connection: connection.open_session(timeout=self.timeouts.connect))
        with errors.connecting(self.login.name, self.address):
            session.settimeout(self.timeouts.idle)
            session.invoke_subsystem("sftp")
            sftp = paramiko.SFTPClient(session)
        try:
            yield sftp
        finally:
            sftp.close()

    # -- connections --------------------------------------------------------------------------------

    def tunnel(self, address: str, port: int, timeout: float) -> socket.socket:
        """A connection from this host to another one, as if it were a socket."""

        def opened(connection: paramiko.Transport) -> paramiko.Channel:
            try:
                return connection.open_channel(
                    "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=timeout
                )
            except paramiko.ChannelException as error:
                raise errors.no_way_on(self.login.name, address, port, error) from error

        wire: socket.socket = Tunnel(self._opened(opened))  # type: ignore[assignment] # it has all of a socket's that is used
        return wire

    def _opened(self, opened: Callable[[paramiko.Transport], paramiko.Channel]) -> paramiko.Channel:
        """A channel on the connection, or on a new one where the old one turns out to be gone."""
        with errors.connecting(self.login.name, self.address):
            known = self._connection
            connection = self._connected()
            try:
                return opened(connection)
            except paramiko.ChannelException:
                raise  # the host's own refusal, over a connection that stands
            except (paramiko.SSHException, OSError, EOFError):
                self.drop()
                if connection is not known:
                    raise
                return opened(self._connected())

    def _connected(self) -> paramiko.Transport:
        with self._lock:
            if self._connection is None or not self._connection.is_active():
                self._connection = self._connect()
            return self._connection

    def _connect(self) -> paramiko.Transport:
        login, seconds = self.login, self.timeouts.connect
        # The secrets first: one that is missing is said before anything is dialled
        authenticate = self._authentication()
        with errors.connecting(login.name, self.address):
            jump = self._jump
            wire = self._dial(login, seconds) if jump is None else self._through(jump)
            connection = paramiko.Transport(wire)
            try:
                self._shake_hands(connection)
                authenticate(connection)
            except BaseException:
                connection.close()
                raise
            connection.set_keepalive(15)
            return connection

    def _through(self, jump: "SshClient") -> socket.socket:
        try:
            return jump.tunnel(self.login.address, self.login.port, self.timeouts.connect)
        except Unreachable as error:
            what = f"{self.login.name}: no connection through {jump.login.name} ({error.what})"
            raise Unreachable(what, system=errors.SYSTEM, address=self.address, hint=error.hint) from error

    def _shake_hands(self, connection: paramiko.Transport) -> None:
        """Agree on keys, and let the host prove who it is before anything secret is sent."""
        login, seconds = self.login, self.timeouts.connect
        connection.banner_timeout = connection.auth_timeout = connection.channel_timeout = seconds
        options = connection.get_security_options()
        known = [
            name
            for kind in self._keys.types(login.name, login.address, login.port)
            for name in (_RSA if kind == "ssh-rsa" else (kind,))
            if name in options.key_types
        ]
        if known:
            options.key_types = list(dict.fromkeys(known))
        # Authenticated ciphers first: they need no MAC, which paramiko compares byte by byte in Python
        options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)
        connection.start_client(timeout=seconds)
        self._keys.check(connection.get_remote_server_key(), login.name, login.address, login.port)

    def _authentication(self) -> Callable[[paramiko.Transport], None]:
        login = self.login
        key = self._key(login.key) if login.key else None
        password = self._resolve(login.password) if login.password else None
        if key is None and password is None:
            what = f"{login.name} has neither a key nor a password"
            raise InvalidInput(Problem(what=f"{what}; expected one", where="endpoints.ssh"))

        def authenticate(connection: paramiko.Transport) -> None:
            if key is not None:
                connection.auth_publickey(login.user, key)
            if password is not None and not connection.is_authenticated():
                connection.auth_password(login.user, password.reveal())
            if not connection.is_authenticated():
                raise paramiko.AuthenticationException("it wants more than was given")

        return authenticate

    def _key(self, ref: SecretRef) -> paramiko.PKey:
        passphrase = self._resolve(self.login.passphrase).reveal() if self.login.passphrase else None
        text = self._resolve(ref).reveal()
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            with contextlib.suppress(paramiko.SSHException, ValueError, IndexError):  # of another type
                return kind.from_private_key(StringIO(f"{text.strip()}\n"), passphrase)
        # Not even the error behind it: it may hold a part of the key
        what = "it is no private key, or its passphrase is another; expected Ed25519, ECDSA or RSA"
        raise InvalidInput(Problem(what=what, where=f"secret {ref}")) from None


@dataclass(frozen=True, slots=True)
class _Told:
    status: int
    output: bytes
    errors: str


class _Exchange:
    """A script's text to a shell, and what comes back, within a time."""

    def __init__(self, session: paramiko.Channel, seconds: float, idle: float, output: Output | None) -> None:
        self._session, self._idle, self._output = session, idle, output
        self._end = time.monotonic() + seconds

    def carry_out(self, text: str) -> _Told:
        self._session.settimeout(self._patience())
        with contextlib.suppress(BrokenPipeError):  # it ended without reading, and says below why
            self._session.sendall(text.encode())
        self._session.shutdown_write()
        output = b"".join(self._read(self._session.recv, self._output))
        told = b"".join(self._read(self._session.recv_stderr, None))
        if not self._session.status_event.wait(self._patience()):
            raise TimeoutError
        return _Told(self._session.exit_status, output, told.decode(errors="replace"))

    def _read(self, receive: Callable[[int], bytes], output: Output | None) -> Iterator[bytes]:
        while True:
            self._session.settimeout(self._patience())
            block = receive(_BLOCK)
            if not block:
                return
            if output is not None:
                output(block)
            yield block

    def _patience(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return min(left, self._idle)


def _text(script: Script, arguments: tuple[str, ...]) -> str:
    try:
        return script.text(arguments)
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def _make(sftp: paramiko.SFTPClient, folder: PurePosixPath) -> None:
    """Make a directory and those above it, where they are missing."""
    try:
        sftp.stat(str(folder))
    except FileNotFoundError:
        _make(sftp, folder.parent)
        sftp.mkdir(str(folder), 0o755)


def _opened(sftp: paramiko.SFTPClient, new: str, folder: PurePosixPath) -> paramiko.SFTPFile:
    """A new file, and the directories above it where they are missing."""
    try:
        return sftp.open(new, "wx")
    except FileNotFoundError:
        _make(sftp, folder)
        return sftp.open(new, "wx")


def _write(sftp: paramiko.SFTPClient, file: paramiko.SFTPFile, source: BinaryIO) -> None:
    file.set_pipelined(True)
    while block := source.read(_BLOCK):
        file.write(block)
    file.set_pipelined(False)
    file.flush()
    with contextlib.suppress(OSError):  # a server without this extension still has the file
        _request(sftp, paramiko.sftp.CMD_EXTENDED, _FSYNC, file.handle)


def _discard(sftp: paramiko.SFTPClient, new: str) -> None:
    """Remove what was sent, after a refusal; a line that was cut takes no more orders."""
    with contextlib.suppress(OSError, paramiko.SSHException, EOFError):
        sftp.remove(new)


def _give(
    sftp: paramiko.SFTPClient, file: paramiko.SFTPFile, mode: int, uid: int | None, gid: int | None
) -> None:
    """Mode and owner in one request, while nothing is in the file yet: nobody reads what he may not."""
    attributes = paramiko.SFTPAttributes()
    attributes.st_mode, attributes.st_uid, attributes.st_gid = mode, uid, gid
    _request(sftp, paramiko.sftp.CMD_FSETSTAT, file.handle, attributes)


def _request(sftp: paramiko.SFTPClient, command: int, *words: object) -> None:
    """What paramiko has no public name for."""
    request = sftp._request  # type: ignore[attr-defined] # noqa: SLF001
    request(command, *words)
