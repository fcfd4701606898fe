"""The key that digests of secrets are taken with.

A digest tells whether a secret that no system shows any more is still the one that was applied. Without the
key it could be guessed from a list of passwords, so the key lies beside the journal and never in it.
"""

import os
import secrets
import stat
import tempfile
from pathlib import Path

from hopbook.errors import JournalTrouble

_LENGTH = 32  # bytes: the block that SHA-256 gives


def digest_key(path: Path) -> bytes:
    """The key in a file; made at first use, readable by its owner only. All who ask at once get the same.

    Raises:
        JournalTrouble: the file cannot be used. It is never replaced: digests in the journal need it.
    """
    try:
        try:
            return _read(path)
        except FileNotFoundError:
            _make(path)
            return _read(path)
    except OSError as error:
        raise JournalTrouble(f"the digest key {path}: {error.strerror}") from error


def _read(path: Path) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise JournalTrouble(f"the digest key {path}: it is not a regular file")
        if stat.S_IMODE(mode) & 0o077:
            others = f"its mode is {stat.S_IMODE(mode):04o}"
            raise JournalTrouble(f"the digest key {path}: others may use it ({others}); expected chmod 0600")
        key = os.read(file, _LENGTH + 1)
    finally:
        os.close(file)
    if len(key) != _LENGTH:
        raise JournalTrouble(
            f"the digest key {path}: it is damaged (expected {_LENGTH} bytes); restore a copy"
        )
    return key


def _make(path: Path) -> None:
    """Put a complete key there, or leave the one that somebody else put there first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A link appears at once and whole, and fails where there is one already; a rename would replace it.
    file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        try:
            os.write(file, secrets.token_bytes(_LENGTH))
            os.fsync(file)
        finally:
            os.close(file)
        path.hardlink_to(name)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
