"""From keys to questions, and from a host's answers to what is there: one script a host for all of it."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.ssh.provider import jobs
from hopbook.engine.change import Observed
from hopbook.errors import HopbookError
from hopbook.hosts import checks, edits
from hopbook.hosts.facts import Facts, Possession, Question
from hopbook.resources.base import Key, SecretRef, from_document, to_document
from hopbook.resources.host import (
    Artifact,
    AuthorizedKey,
    Block,
    Check,
    Directory,
    File,
    Image,
    Job,
    KeyPair,
    Line,
    Package,
    SecretFile,
    Service,
    Sysctl,
    host_of,
    thing_of,
)
from hopbook.secret import Secret

SYSCTL_CONF = "/etc/sysctl.conf"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the answers of one host are read with.

    Attributes:
        offset: Seconds that its clock is ahead of ours.
        resolve: To see whether a file with secrets holds what they are now.
    """

    facts: Facts
    offset: float
    resolve: Callable[[SecretRef], Secret]


def questions(keys: Iterable[Key]) -> tuple[Question, ...]:
    """What has to be asked about things of one host, each question once.

    Raises:
        ValueError: a check's requirement is none.
    """
    return tuple(dict.fromkeys(item for key in keys for item in _ASKED[key.kind](thing_of(key))))


def observed(key: Key, reading: Reading) -> Observed | None:
    """What is there under a key; None where there is nothing."""
    return _READ[key.kind](host_of(key), thing_of(key), reading)


# -- what to ask --------------------------------------------------------------------------------


def _with_job(word: str, name: Callable[[str], str]) -> Callable[[str], Sequence[Question]]:
    """Something that a job brings: is it there, and is the job at it?"""
    return lambda thing: ((word, thing), ("job", name(thing)))


_ASKED: Mapping[str, Callable[[str], Sequence[Question]]] = {
    File.kind: lambda path: (("file", path),),
    SecretFile.kind: lambda path: (("secret", path),),
    Directory.kind: lambda path: (("directory", path),),
    Block.kind: lambda thing: (("file", _place(thing)[0]),),
    Line.kind: lambda thing: (("file", _place(thing)[0]),),
    KeyPair.kind: lambda path: (("pair", path),),
    Artifact.kind: _with_job("sum", jobs.fetch_job),
    Package.kind: lambda name: (("package", name),),
    Sysctl.kind: lambda thing: (("sysctl", thing.partition(">=")[0]), ("file", SYSCTL_CONF)),
    Service.kind: lambda name: (("service", name),),
    AuthorizedKey.kind: lambda thing: (("keys", thing.partition("/")[0]),),
    Image.kind: _with_job("image", jobs.image_job),
    Job.kind: lambda name: (("job", name), ("job", jobs.undo_job(name))),
    Check.kind: checks.questions,
}


def running(key: Key, facts: Facts) -> str:
    """The id of the job that is at work for a key; empty where none is."""
    for word, about in _ASKED[key.kind](thing_of(key)):
        if word == "job":
            fact = facts.job(about)
            if fact is not None and fact.state == "running":
                return about
    return ""


# -- what is there ------------------------------------------------------------------------------


def _file(host: str, path: str, reading: Reading) -> Observed | None:
    fact = reading.facts.file(path)
    if fact is None:
        return None
    return _possessed(File(host=host, path=path, content=decoded(fact.content)), fact)


def decoded(content: bytes | None) -> str | None:
    """Text, or None where it is none."""
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return None


def _possessed(resource: File | SecretFile | Directory, fact: Possession) -> Observed:
    return Observed(resource=replace(resource, mode=fact.mode, owner=fact.owner, group=fact.group))


def _secret_file(host: str, path: str, reading: Reading) -> Observed | None:
    fact = reading.facts.secret(path)
    if fact is None:
        return None
    written = noted(fact.note, fact.sha256)
    ours = written is not None and (written.host, written.path) == (host, path)
    if written is None or not ours or not _current(written, fact.sha256, reading.resolve):
        written = None
    return _possessed(written or SecretFile(host=host, path=path, template=None), fact)


def note_of(resource: SecretFile) -> str:
    """What a file with secrets is made from, to be kept beside its sum: references, no values."""
    return base64.b64encode(json.dumps(to_document(resource)).encode()).decode()


def noted(note: str, sha256: str) -> SecretFile | None:
    """What a file was made from; None where it is not the one that we wrote."""
    summed, _, document = note.partition(" ")
    if summed != sha256:
        return None
    try:
        resource = from_document(json.loads(base64.b64decode(document, validate=True)))
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
    return resource if isinstance(resource, SecretFile) else None


def rendered(resource: SecretFile, resolve: Callable[[SecretRef], Secret]) -> bytes:
    """The text with its secrets in it."""
    values = {slot.mark: resolve(slot.secret).reveal() for slot in resource.slots}
    marks = re.compile("|".join(map(re.escape, values)) or r"(?!)")
    return marks.sub(lambda mark: values[mark[0]], resource.template or "").encode()


def _current(written: SecretFile, sha256: str, resolve: Callable[[SecretRef], Secret]) -> bool:
    """Whether a file holds what its secrets are now; one that cannot be had is taken as it was."""
    try:
        return hashlib.sha256(rendered(written, resolve)).hexdigest() == sha256
    except HopbookError:
        return True


def _directory(host: str, path: str, reading: Reading) -> Observed | None:
    fact = reading.facts.directory(path)
    return None if fact is None else _possessed(Directory(host=host, path=path), fact)


def _text(path: str, reading: Reading) -> str:
    fact = reading.facts.file(path)
    return (decoded(fact.content) or "") if fact is not None else ""


def _place(thing: str) -> tuple[str, str]:
    path, _, label = thing.rpartition("#")
    return path, label


def _block(host: str, thing: str, reading: Reading) -> Observed | None:
    path, label = _place(thing)
    block = Block(host=host, path=path, label=label, lines=())
    lines = edits.block_of(_text(path, reading), block)
    return None if lines is None else Observed(resource=replace(block, lines=lines), marked=True)


def _line(host: str, thing: str, reading: Reading) -> Observed:
    path, word = _place(thing)
    text = edits.line_of(_text(path, reading), word)
    return Observed(resource=Line(host=host, path=path, word=word, text=text))


def _pair(host: str, path: str, reading: Reading) -> Observed | None:
    public = reading.facts.pair(path)
    if public is None:
        return None
    return Observed(resource=KeyPair(host=host, path=path, public_key=" ".join(public.split()[:2]) or None))


def _artifact(host: str, path: str, reading: Reading) -> Observed | None:
    fact = reading.facts.sum(path)
    if fact is None:
        return None
    return Observed(resource=Artifact(host=host, path=path, source="", sha256=fact.sha256))


def _package(host: str, name: str, reading: Reading) -> Observed:
    release = reading.facts.package(name)
    return Observed(resource=Package(host=host, package=name, installed=bool(release), release=release))


def _sysctl(host: str, thing: str, reading: Reading) -> Observed:
    parameter, bound, least = thing.partition(">=")
    live = reading.facts.sysctl(parameter)
    persisted = edits.parameter_of(_text(SYSCTL_CONF, reading), parameter)
    value, kept = (_bounded(item, least) if bound else item for item in (live, persisted))
    return Observed(
        resource=Sysctl(host=host, parameter=parameter, value=value, minimum=bool(bound), persisted=kept)
    )


def _bounded(value: str, least: str) -> str:
    """The bound itself where a value is as good, else the value."""
    first = value.split(maxsplit=1)[:1]
    enough = first and first[0].isdecimal() and least.isdecimal() and int(first[0]) >= int(least)
    return least if enough else value


def _service(host: str, name: str, reading: Reading) -> Observed:
    running, enabled = reading.facts.service(name)
    return Observed(resource=Service(host=host, service=name, running=running, enabled=enabled))


def _authorized(host: str, thing: str, reading: Reading) -> Observed:
    user, _, label = thing.partition("/")
    told = reading.facts.keys(user)
    key = edits.key_of(told[1], label) if told else None
    return Observed(resource=AuthorizedKey(host=host, user=user, label=label, public_key=key))


def _image(host: str, name: str, reading: Reading) -> Observed:
    return Observed(resource=Image(host=host, image=name, loaded=reading.facts.image(name)))


def _job(host: str, name: str, reading: Reading) -> Observed | None:
    fact = reading.facts.job(name)
    if fact is None:
        return None
    job = jobs.live_job(host, name, fact)
    if job is not None and job.said:
        job = jobs.live_job(host, name, fact, list(revealed(job, reading.resolve)))
    if job is None:
        return Observed(resource=Job(host=host, job=name, command=("?",)))
    return Observed(resource=job, marked=True, handle=f"job:{host}/{name}")


def revealed(job: Job, resolve: Callable[[SecretRef], Secret]) -> Iterator[str]:
    """The values that a job may have written and nobody else may see."""
    for variable in job.environment:
        if isinstance(variable.value, SecretRef):
            try:
                yield resolve(variable.value).reveal()
            except HopbookError:
                continue  # it cannot be told apart from other text


def _check(host: str, requirement: str, reading: Reading) -> Observed:
    judged = checks.judge(requirement, reading.facts, offset=reading.offset)
    check = Check(host=host, requirement=requirement, finding=judged.finding, advice=judged.advice)
    return Observed(resource=check)


_READ: Mapping[str, Callable[[str, str, Reading], Observed | None]] = {
    File.kind: _file,
    SecretFile.kind: _secret_file,
    Directory.kind: _directory,
    Block.kind: _block,
    Line.kind: _line,
    KeyPair.kind: _pair,
    Artifact.kind: _artifact,
    Package.kind: _package,
    Sysctl.kind: _sysctl,
    Service.kind: _service,
    AuthorizedKey.kind: _authorized,
    Image.kind: _image,
    Job.kind: _job,
    Check.kind: _check,
}
