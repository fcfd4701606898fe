"""What SSH says when something goes wrong, in our own tree of errors: the seam that paramiko stops at."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from hopbook.errors import (
    AnswerLost,
    Garbled,
    LoginRefused,
    Rejected,
    SystemTrouble,
    Unreachable,
    WrongCertificate,
)

SYSTEM = "SSH"

_SUDO_ASKS = re.compile(r"sudo: .*(password|terminal|askpass)|is not (allowed|in the sudoers)", re.IGNORECASE)
_NO_SUDO = re.compile(r"sudo: (command )?not found|sudo: No such file", re.IGNORECASE)
_LONGEST = 600  # characters of what a host says that a message repeats


class WrongHostKey(WrongCertificate):
    """The host shows another key than the one that is known for it."""


class UnknownHostKey(WrongCertificate):
    """Nothing is known of the host's key, so nobody can say whether it is the host."""


class SudoAsks(LoginRefused):
    """The login succeeds, and sudo wants a password or does not know the user."""


class Busy(Rejected):
    """Somebody else changed the same thing meanwhile; nothing was done."""

    retryable = True


class CommandFailed(Rejected):
    """A script ended with another status than 0 and said why; `code` is the status."""


@contextmanager
def connecting(name: str, address: str) -> Iterator[None]:
    """Whatever goes wrong while a connection is made: nothing was asked of the host yet."""
    try:
        yield
    except SystemTrouble:
        raise
    except paramiko.AuthenticationException as error:
        what = f"{name} refuses the login: {_told(error)}"
        hint = "check user and key or password in the site file"
        raise LoginRefused(what, system=SYSTEM, address=address, hint=hint) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable(
            f"{name}: no connection ({_told(error)})", system=SYSTEM, address=address
        ) from error


def no_way_on(name: str, address: str, port: int, error: paramiko.ChannelException) -> Unreachable:
    """A host stands and gets no further: what it leads to does not answer it, or it may not pass us on."""
    what = f"it does not get to {address}:{port}: {error.text}"
    hint = f"is that machine on, does it answer SSH, and may {name} forward (AllowTcpForwarding)?"
    return Unreachable(what, system=SYSTEM, address=f"{address}:{port}", hint=hint)


@contextmanager
def asking(what: str, address: str, *, changing: bool) -> Iterator[None]:
    """Whatever goes wrong once a connection stands: of a change the outcome is then unknown."""
    try:
        yield
    except SystemTrouble:
        raise
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise lost(what, address, _told(error), changing=changing) from error


def lost(what: str, address: str, why: str, *, changing: bool) -> SystemTrouble:
    """No answer came."""
    hint = "whether it took effect is unknown" if changing else ""
    return AnswerLost(f"{what}: no answer ({why})", system=SYSTEM, address=address, hint=hint)


def garbled(what: str, address: str, why: str) -> SystemTrouble:
    """An answer that is not of our scripts."""
    return Garbled(f"{what}: {why}", system=SYSTEM, address=address, hint="does its shell print something?")


def failed(what: str, address: str, status: int, said: str, user: str) -> SystemTrouble:
    """The error that a status other than 0 is.

    Args:
        what: Host and script, for the message.
        address: Of the host.
        status: As the script ended.
        said: What it wrote to its standard error, without secrets.
        user: Who logged in.
    """
    if _SUDO_ASKS.search(said):
        hint = f"allow {user} sudo without a password (NOPASSWD), or log in as root"
        return SudoAsks(f"{what}: sudo asks for a password", system=SYSTEM, address=address, hint=hint)
    if _NO_SUDO.search(said):
        hint = "install sudo, or log in as root"
        return SudoAsks(f"{what}: there is no sudo", system=SYSTEM, address=address, hint=hint)
    kind = Busy if status == _TEMPFAIL else CommandFailed
    told = said.strip()[-_LONGEST:] or f"it ended with status {status} and gave no reason"
    return kind(f"{what}: {told}", system=SYSTEM, address=address, code=str(status))


_TEMPFAIL = 75  # sysexits(3): it may work later


def _told(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and str(error) in {"", "timed out"}:
        return "it does not answer in time"
    if isinstance(error, EOFError):
        return "the connection was closed"
    return str(error) or type(error).__name__
