"""Changes within files that are not ours alone: read, edited, written back if nobody else wrote meanwhile."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.ssh import scripts
from adapters.ssh.errors import SYSTEM, Busy, CommandFailed
from adapters.ssh.provider.reading import SYSCTL_CONF, decoded
from adapters.ssh.provider.session import Session
from hopbook.engine.change import Action, Change
from hopbook.hosts import edits
from hopbook.hosts.facts import Facts, Question
from hopbook.resources.host import AuthorizedKey, Block, Line, Sysctl

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _Place:
    """A file that is edited, and how it is made where it is missing."""

    path: str
    mode: str = "0644"
    owner: str = "root:root"


def edit(session: Session, changes: Sequence[Change]) -> None:
    """Make changes of blocks, lines, authorized keys and kernel parameters so, each file in one go.

    A parameter is set first and then written down, so that what the kernel refuses is in no file.

    Raises:
        SystemTrouble: nothing was done, or (`AnswerLost`) nobody knows.
    """
    pairs = [word for change in changes for word in _parameter(change)]
    if pairs:
        session.client.run(scripts.SYSCTL, session.base, *pairs)
    for attempt in range(_ATTEMPTS):
        try:
            return _edit(session, changes)
        except Busy:
            if attempt == _ATTEMPTS - 1:
                raise
    return None


def _parameter(change: Change) -> tuple[str, ...]:
    """Name and value, where the value has to be set now."""
    resource = change.resource
    differs = any(item.field == "value" for item in change.fields)
    return (resource.parameter, resource.value) if isinstance(resource, Sysctl) and differs else ()


def _edit(session: Session, changes: Sequence[Change]) -> None:
    facts = session.ask(tuple(dict.fromkeys(_question(change) for change in changes)))
    places: dict[str, _Place] = {}
    before: dict[str, str | None] = {}
    after: dict[str, str] = {}
    for change in changes:
        place, text = session.understood(lambda change=change: _now(session, change, facts))  # type: ignore[misc]
        before.setdefault(place.path, text)
        places[place.path] = place
        after[place.path] = _edited(change, after.get(place.path, text or ""))
    arguments = [
        word
        for path, text in after.items()
        if text != (before[path] or "")
        for word in _arguments(places[path], before[path], text)
    ]
    if arguments:
        session.client.run(scripts.EDIT, session.base, *arguments)


def _arguments(place: _Place, before: str | None, after: str) -> tuple[str, ...]:
    digest = "-" if before is None else hashlib.sha256(before.encode()).hexdigest()
    content = base64.b64encode(after.encode()).decode()
    return place.path, digest, place.mode, place.owner, content


def _question(change: Change) -> Question:
    match change.resource:
        case AuthorizedKey() as resource:
            return "keys", resource.user
        case Sysctl():
            return "file", SYSCTL_CONF
        case Block() | Line() as resource:
            return "file", resource.path
        case _:
            raise ValueError(f"{change.key} is nothing that is edited")


def _now(session: Session, change: Change, facts: Facts) -> tuple[_Place, str | None]:
    """The file that a change is in, and its text; None where there is no such file."""
    word, about = _question(change)
    if word == "keys":
        told = facts.keys(about)
        if told is None:
            raise _refused(session, f"{change.resource.title()}: there is no user {about}")
        home, text = told
        return _Place(f"{home}/.ssh/authorized_keys", "0600", f"{about}:"), text or None
    fact = facts.file(about)
    if fact is None:
        return _Place(about), None
    content = decoded(fact.content)
    if content is None:
        raise _refused(session, f"{about} is no text file, or too large to be edited")
    return _Place(about), content


def _refused(session: Session, what: str) -> CommandFailed:
    return CommandFailed(what, system=SYSTEM, address=session.client.address)


def _edited(change: Change, text: str) -> str:
    match change.resource:
        case Block() as block:
            return edits.without_block(text, block) if _gone(change) else edits.with_block(text, block)
        case Line() as line:
            return edits.with_line(text, line.word, line.text)
        case AuthorizedKey() as key:
            wanted = key.public_key if isinstance(key.public_key, str) else None
            return edits.with_key(text, key.label, wanted)
        case Sysctl() as sysctl:
            return edits.with_parameter(text, sysctl.parameter, sysctl.persisted or "")
        case _:
            raise ValueError(f"{change.key} is nothing that is edited")


def _gone(change: Change) -> bool:
    return change.action is Action.DELETE
