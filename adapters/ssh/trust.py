"""Which key a host has to show. A key that nobody vouched for is never taken: it may be anybody's."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import paramiko

from adapters.ssh.errors import SYSTEM, UnknownHostKey, WrongHostKey
from hopbook.errors import InvalidInput, Problem

_SSH_PORT = 22
_SHA256 = "SHA256:"


class Trust(Protocol):
    """Who says which key a host has to show."""

    def types(self, name: str, address: str, port: int) -> list[str]:
        """The types of the keys that are known for a host: it has to be asked for one of these."""

    def check(self, key: paramiko.PKey, name: str, address: str, port: int) -> None:
        """Take the key that a host shows, or raise `WrongHostKey` or `UnknownHostKey`."""


@dataclass(frozen=True)
class HostKeys:
    """The keys that are known, from lines as in `known_hosts` or pinned for a host by name.

    Attributes:
        known: A `known_hosts`, read.
        pins: By a host's name: `SHA256:…` as `ssh-keygen -l` shows it, or type and base64 of the key itself.
            A host that has one is judged by it alone.
        revoked: Keys that no host may show.
    """

    known: paramiko.HostKeys = field(default_factory=paramiko.HostKeys)
    pins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    revoked: frozenset[paramiko.PKey] = frozenset()

    @classmethod
    def read(
        cls, text: str = "", pins: Mapping[str, Sequence[str]] | None = None, *, where: str = "known_hosts"
    ) -> "HostKeys":
        """Read a `known_hosts`, and check the pins.

        Raises:
            InvalidInput: a line or a pin is none.
        """
        known, revoked = paramiko.HostKeys(), set()
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#") or words[0] == "@cert-authority":
                continue
            entry = _entry(words[words[0] == "@revoked" :], f"{where}:{number}")
            if entry is None or entry.key is None:
                continue  # a type of key that nobody here can check
            if words[0] == "@revoked":
                revoked.add(entry.key)
            for name in entry.hostnames:
                known.add(name, entry.key.get_name(), entry.key)
        for host, keys in (pins or {}).items():
            for pin in keys:
                _checked(host, pin)
        return cls(known, pins or {}, frozenset(revoked))

    def types(self, name: str, address: str, port: int) -> list[str]:
        """The types of the keys that are known for a host: it has to be asked for one of these."""
        pinned = [pin.split()[0] for pin in self.pins.get(name, ()) if not pin.startswith(_SHA256)]
        return pinned or [key.get_name() for key in self._known(name, address, port)]

    def check(self, key: paramiko.PKey, name: str, address: str, port: int) -> None:
        """Take the key that a host shows, or raise.

        Raises:
            WrongHostKey: another one is known for it.
            UnknownHostKey: none is.
        """
        shown, place = fingerprint(key), f"{address}:{port}"
        pins = self.pins.get(name, ())
        if key in self.revoked:
            raise _wrong(name, place, shown, "known_hosts has revoked it")
        if pins:
            if not any(pin in {shown, f"{key.get_name()} {key.get_base64()}"} for pin in map(_plain, pins)):
                raise _wrong(name, place, shown, "the site file pins another one")
            return
        known = list(self._known(name, address, port))
        if not known:
            hint = f"compare {shown} with the host's console, then pin it in the site file"
            raise UnknownHostKey(
                f"{name}: nothing is known of its host key", system=SYSTEM, address=place, hint=hint
            )
        if key not in known:
            raise _wrong(name, place, shown, "known_hosts has another one")

    def _known(self, name: str, address: str, port: int) -> Iterator[paramiko.PKey]:
        """By address as OpenSSH writes it; only one that is not there may stand under its name instead."""
        places = [address] if port == _SSH_PORT else []
        for place in dict.fromkeys([f"[{address}]:{port}", *places, name]):
            found = self.known.lookup(place)
            if found:
                yield from found.values()
                return


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` shows it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{_SHA256}{digest}"


def _entry(words: Sequence[str], where: str) -> paramiko.hostkeys.HostKeyEntry | None:
    if len(words) < _FIELDS:
        raise _bad(where, "no line of a known_hosts (name, type and key)")
    try:
        return paramiko.hostkeys.HostKeyEntry.from_line(" ".join(words))
    except (paramiko.SSHException, paramiko.hostkeys.InvalidHostKey, ValueError) as error:
        raise _bad(where, f"no line of a known_hosts ({error})") from error


_FIELDS = 3


def _plain(pin: str) -> str:
    """A key without its comment."""
    return " ".join(pin.split()[:2])


def _checked(host: str, pin: str) -> None:
    words = pin.split()
    try:
        if pin.startswith(_SHA256):
            fits = len(words) == 1 and len(base64.b64decode(f"{pin.removeprefix(_SHA256)}=")) == _DIGEST
        else:
            fits = paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1])).get_name() == words[0]
    except (IndexError, binascii.Error, ValueError, paramiko.SSHException) as error:
        raise _bad(f"host key of {host}", f"{pin[:60]!r} is no host key") from error
    if not fits:
        raise _bad(f"host key of {host}", f"{pin[:60]!r} is no host key")


_DIGEST = hashlib.sha256().digest_size


def _bad(where: str, what: str) -> InvalidInput:
    return InvalidInput(Problem(what=f"{what}; expected SHA256:… or type and base64", where=where))


def _wrong(name: str, place: str, shown: str, told: str) -> WrongHostKey:
    hint = "if the host was made anew, replace the known key; if not, somebody is between"
    return WrongHostKey(
        f"{name}: it shows the host key {shown}, {told}", system=SYSTEM, address=place, hint=hint
    )
