"""From a reference to a secret, at the moment of the call that needs it; nothing is kept.

No message here holds a value, nor does a cause: an error of decoding carries the bytes that it failed on.
"""

import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import PurePath

from hopbook.errors import InvalidInput, Problem
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret

Source = Callable[[str], str]
"""Gives the value for a name, or raises LookupError with a sentence: what is wrong, what was expected."""

_LARGEST = 64 * 1024  # bytes; a reference to anything larger is a mistake
_NOT_FOR_US = stat.S_IWGRP | stat.S_IWOTH


class Resolver:
    """Resolves references: `env:NAME` and `file:/PATH` by itself, others by the sources that it is given.

    Prefect's Secret blocks come from outside (`tasks`), since adapters do not know the orchestrator.
    """

    def __init__(self, sources: Mapping[str, Source] | None = None) -> None:
        self._sources: Mapping[str, Source] = {"env": _from_env, "file": _from_file, **(sources or {})}

    def resolve(self, ref: SecretRef) -> Secret:
        """The secret that a reference means.

        Raises:
            InvalidInput: it is missing or cannot be used; says what, where and what was expected.
        """
        source = self._sources.get(ref.source)
        if source is None:
            known = ", ".join(sorted(self._sources))
            raise _problem(ref, f"there is no source of secrets {ref.source!r}; expected one of {known}")
        try:
            value = source(ref.name)
        except LookupError as error:
            raise _problem(ref, str(error.args[0]) if error.args else "it is missing") from None
        if not value:
            raise _problem(ref, "the secret is empty; expected a value")
        if not _is_utf8(value):
            raise _problem(ref, "the secret is not text; expected UTF-8")
        return Secret(value)


def _from_env(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise LookupError(f"the environment variable {name} is not set; expected the secret in it")
    return value


def _from_file(name: str) -> str:
    if not PurePath(name).is_absolute():
        raise LookupError(f"the path {name!r} is relative; expected an absolute one")
    content = _content(name)
    if len(content) > _LARGEST:
        raise LookupError(f"the file is larger than {_LARGEST // 1024} KiB; expected one secret in it")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise LookupError("the file is not text; expected UTF-8") from None


def _content(name: str) -> bytes:
    """What is in the file, and one byte more than is allowed at most."""
    try:
        # O_NONBLOCK: a pipe that somebody put there would keep us waiting
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LookupError(_why(error)) from None
    except ValueError:  # a NUL in the path
        raise LookupError(f"{name!r} is not a path; expected an absolute one") from None
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise LookupError("it is not a regular file; expected a file with the secret in it")
        # Readable by others is how Kubernetes and Docker mount secrets; writable means it may be anybody's.
        if mode & _NOT_FOR_US:
            others = f"its mode is {stat.S_IMODE(mode):04o}"
            raise LookupError(f"others than its owner may write the file ({others}); expected chmod go-w")
        return os.read(file, _LARGEST + 1)
    except OSError as error:
        raise LookupError(_why(error)) from None
    finally:
        os.close(file)


def _why(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "there is no such file; expected the secret in it"
    return f"the file cannot be read ({error.strerror}); expected the secret in it"


def _is_utf8(value: str) -> bool:
    """Whether it can be sent: an environment may hold bytes that are no text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _problem(ref: SecretRef, what: str) -> InvalidInput:
    return InvalidInput(Problem(what=what, where=f"secret {ref}"))
