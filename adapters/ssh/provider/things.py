"""Making things on a host so: files, directories, key pairs, packages, services."""

import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from adapters.ssh import scripts
from adapters.ssh.errors import SYSTEM, CommandFailed, garbled
from adapters.ssh.provider.reading import note_of, rendered
from adapters.ssh.provider.session import Session
from hopbook.engine.change import Action, Change
from hopbook.errors import InvalidInput, Problem
from hopbook.resources.host import (
    Artifact,
    Directory,
    File,
    KeyPair,
    Package,
    Possessed,
    SecretFile,
    Service,
)

_ROOT = ("root", "root")


def file(session: Session, changes: Sequence[Change]) -> None:
    """Write a file, or remove it."""
    for change in changes:
        resource = change.resource
        if change.action is Action.DELETE:
            session.client.run(scripts.REMOVE, session.base, "file", _path(change))
        elif isinstance(resource, SecretFile):
            _write_secret(session, resource)
        elif isinstance(resource, File):
            _write(session, resource)


def _write(session: Session, resource: File) -> None:
    if resource.content is None:
        raise _unknown_content(session, resource)
    source = BytesIO(resource.content.encode())
    if not session.client.is_root:
        _place(session, resource, source, "")
        return
    uid, gid = _numbers(session, resource)
    session.client.upload(resource.path, source, mode=resource.mode, uid=uid, gid=gid)


def _write_secret(session: Session, resource: SecretFile) -> None:
    if resource.template is None:
        raise _unknown_content(session, resource)
    source = BytesIO(rendered(resource, session.resolve))
    _place(session, resource, source, note_of(resource))


def _place(session: Session, resource: Possessed, source: BinaryIO, note: str) -> None:
    """Send a file, and let a script on the host give it its owner, note and place."""
    beside = resource.path if session.client.is_root else ""
    staged = session.client.stage(source, beside)
    owner = f"{resource.owner}:{resource.group}"
    mode = f"{resource.mode:04o}"
    session.client.run(scripts.PLACE, session.base, staged, resource.path, mode, owner, note)


def _numbers(session: Session, resource: Possessed) -> tuple[int, int]:
    if (resource.owner, resource.group) == _ROOT:
        return 0, 0
    told = session.client.run(scripts.IDS, session.base, resource.owner, resource.group)
    words = told.split()
    if len(words) != 2 or not all(word.isdigit() for word in words):  # noqa: PLR2004 - user and group
        raise garbled(f"{session.host}, ids", session.client.address, "an answer that is not ours")
    return int(words[0]), int(words[1])


def _unknown_content(session: Session, resource: Possessed) -> CommandFailed:
    what = f"{resource.title()}: what it held before was not read, so it cannot be put back"
    return CommandFailed(what, system=SYSTEM, address=session.client.address)


def directory(session: Session, changes: Sequence[Change]) -> None:
    """Make a directory, or remove it."""
    for change in changes:
        resource = change.resource
        if not isinstance(resource, Directory):
            continue
        if change.action is Action.DELETE:
            session.client.run(
                scripts.REMOVE, session.base, "tree" if resource.emptied else "directory", resource.path
            )
        else:
            owner, mode = f"{resource.owner}:{resource.group}", f"{resource.mode:04o}"
            session.client.run(scripts.DIRECTORY, session.base, resource.path, mode, owner)


def pair(session: Session, changes: Sequence[Change]) -> None:
    """Make a key pair, or remove it."""
    for change in changes:
        if change.action is Action.DELETE:
            session.client.run(scripts.REMOVE, session.base, "pair", _path(change))
        elif isinstance(change.resource, KeyPair) and change.action is Action.CREATE:
            bits = str(change.resource.bits)
            session.client.run(scripts.KEYPAIR, session.base, change.resource.path, bits, timeout=300)


def packages(session: Session, changes: Sequence[Change], timeout: float) -> None:
    """Install all that shall be there in one go, remove all that shall not in another."""
    wanted = [change.resource for change in changes if isinstance(change.resource, Package)]
    for verb, there in (("install", True), ("remove", False)):
        pairs = [
            word
            for package in wanted
            if package.installed is there
            for word in (package.package, _release(package))
        ]
        if pairs:
            session.client.run(scripts.PACKAGES, session.base, verb, *pairs, timeout=timeout)


def _release(package: Package) -> str:
    certain = package.installed and package.release not in {"", "any"}
    return package.release if certain else "-"


def services(session: Session, changes: Sequence[Change]) -> None:
    """Start or stop, enable or disable units, as far as they are otherwise."""
    pairs = []
    for change in changes:
        resource = change.resource
        if isinstance(resource, Service):
            fields = {item.field for item in change.fields}
            if "enabled" in fields:
                pairs += ["enable" if resource.enabled else "disable", resource.service]
            if "running" in fields:
                pairs += ["start" if resource.running else "stop", resource.service]
    if pairs:
        session.client.run(scripts.SERVICE, session.base, *pairs)


def send(session: Session, artifact: Artifact) -> None:
    """Send a large file from here, after it was seen to be the right one.

    Raises:
        InvalidInput: there is none here, or it is another one.
    """
    path = Path(artifact.source.removeprefix("file://"))
    try:
        with path.open("rb") as source:
            found = hashlib.file_digest(source, "sha256").hexdigest()
            if found != artifact.sha256:
                what = (
                    f"it has the SHA-256 {found}, expected {artifact.sha256}: it is damaged or not complete"
                )
                raise InvalidInput(Problem(what=what, where=str(path)))
            source.seek(0)
            staged = session.client.stage(source, artifact.path if session.client.is_root else "")
    except OSError as error:
        what = f"it cannot be read ({error.strerror or error}); expected the file to send"
        raise InvalidInput(Problem(what=what, where=str(path))) from error
    mode = f"{artifact.mode:04o}"
    session.client.run(scripts.PLACE, session.base, staged, artifact.path, mode, "root:root", "", timeout=600)


def remove(session: Session, change: Change) -> None:
    """Remove a large file."""
    session.client.run(scripts.REMOVE, session.base, "file", _path(change))


def untag(session: Session, image: str) -> None:
    """Take an image away."""
    session.client.run(scripts.UNTAG, session.base, image)


def _path(change: Change) -> str:
    path: str = getattr(change.resource, "path")  # noqa: B009 - of one of several kinds
    return path
