"""What a host says of itself, read from the answer to one question list.

A question is a word and what it is about (`file /etc/hosts`). The answer has a line a fact: fields parted by
tabs, the first the number of the question (`-` for what was not asked), free text in base64, and `- end` at
the end, so that an answer that was cut off is not taken for one.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

Question = tuple[str, str]
SYSTEM: Question = ("system", "-")
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Possession:
    """Who owns something at a path, and its mode."""

    mode: int
    owner: str
    group: str
    size: int


@dataclass(frozen=True, slots=True)
class FileFact(Possession):
    """A regular file; `content` is None where it is too large."""

    content: bytes | None


@dataclass(frozen=True, slots=True)
class SecretFact(Possession):
    """A file whose content is not told: its SHA-256, and the note that we left when we wrote it."""

    sha256: str
    note: str


@dataclass(frozen=True, slots=True)
class SumFact:
    """A large file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JobFact:
    """A supervised job: `state` is running, ended or killed; `status` only of an ended one."""

    state: str
    status: int | None
    spec: str
    logged: int
    tail: str


@dataclass(frozen=True, kw_only=True)
class System:
    """The host as a whole. What it does not say is None or empty.

    Attributes:
        clock: Seconds since 1970 by its own clock, when it answered.
        memory: In kB.
        swap: In kB; 0: none.
        pythons: Versions by the command's name.
        resolved: What its own name leads to.
        synchronized: Whether its clock is kept; None: it does not say.
        timeservices: Units that keep time and run.
        firewalls: Firewalls that are on.
        addresses: Interface and address with prefix length.
        listens: TCP ports.
        docker: Version and storage driver of the running daemon.
    """

    uid: int
    hostname: str
    clock: float
    os: tuple[str, str] = ("", "")
    cpus: int = 0
    memory: int = 0
    swap: int = 0
    pythons: Mapping[str, str] = field(default_factory=dict)
    resolved: tuple[str, ...] = ()
    synchronized: bool | None = None
    timeservices: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    listens: frozenset[int] = frozenset()
    docker: tuple[str, str] | None = None


@dataclass(frozen=True)
class Facts:
    """The answers to a list of questions.

    Attributes:
        answers: The fields of each line, by question.
        busy: Scripts of ours that still run there.
    """

    answers: Mapping[Question, tuple[tuple[str, ...], ...]]
    busy: tuple[str, ...] = ()

    def one(self, word: str, about: str) -> tuple[str, ...]:
        """The single line of an answer.

        Raises:
            ValueError: it was not asked, or not answered with one line.
        """
        lines = self.answers.get((word, about), ())
        if len(lines) != 1:
            raise ValueError(f"{word} {about}: {len(lines)} answers, expected 1")
        return lines[0]

    def file(self, path: str) -> FileFact | None:
        """A regular file; None where there is none."""
        fields = self.one("file", path)
        if fields == (_NOTHING,):
            return None
        _shaped(fields, 5, f"file {path}")
        content = None if fields[4] == _NOTHING else _bytes(fields[4])
        return FileFact(*_possession(fields), content=content)

    def taken(self, path: str) -> bool:
        """Whether something that is no regular file lies at a file's path."""
        return self.one("file", path) == ("other",)

    def secret(self, path: str) -> SecretFact | None:
        """A file with secrets; None where there is none."""
        fields = self.one("secret", path)
        if fields == (_NOTHING,):
            return None
        _shaped(fields, 6, f"secret {path}")
        return SecretFact(*_possession(fields), sha256=fields[4], note=_text(fields[5]))

    def directory(self, path: str) -> Possession | None:
        """A directory; None where there is none."""
        fields = self.one("directory", path)
        return None if fields == (_NOTHING,) else Possession(*_possession(fields))

    def exists(self, path: str) -> bool:
        """Whether anything lies at a path."""
        return self.one("exists", path) == ("yes",)

    def pair(self, path: str) -> str | None:
        """A key pair's public key; None where there is no private one."""
        fields = self.one("pair", path)
        return None if fields == (_NOTHING,) else _text(fields[1])

    def sum(self, path: str) -> SumFact | None:
        """A large file; None where there is none."""
        fields = self.one("sum", path)
        return None if fields == (_NOTHING,) else SumFact(int(fields[0]), fields[1])

    def package(self, name: str) -> str:
        """The installed version; empty where it is not installed."""
        (version,) = self.one("package", name)
        return "" if version == _NOTHING else version

    def sysctl(self, name: str) -> str:
        """A kernel parameter's value; empty where the kernel has none."""
        return " ".join(_text(self.one("sysctl", name)[0]).split())

    def service(self, name: str) -> tuple[bool, bool]:
        """Whether a unit runs, and whether it starts with the host."""
        active, enabled = self.one("service", name)
        return active in {"active", "reloading", "activating"}, enabled.startswith("enabled")

    def keys(self, user: str) -> tuple[str, str] | None:
        """A user's home and `authorized_keys`; None where there is no such user."""
        fields = self.one("keys", user)
        return None if fields == (_NOTHING,) else (fields[0], _text(fields[1]))

    def image(self, name: str) -> bool:
        """Whether Docker has an image."""
        return self.one("image", name) == ("yes",)

    def job(self, name: str) -> JobFact | None:
        """A supervised job; None where there is none under this id."""
        fields = self.one("job", name)
        if fields == (_NOTHING,):
            return None
        _shaped(fields, 5, f"job {name}")
        state, status, spec, logged, tail = fields
        return JobFact(state, _status(status), _text(spec), int(logged), _text(tail))

    def ping(self, address: str) -> float | None:
        """The average round trip in ms; None where no answer came."""
        (average,) = self.one("ping", address)
        return None if average == _NOTHING else float(average)

    def disk(self, path: str) -> tuple[int, int]:
        """Size and free room of the file system that holds a path, in kB."""
        total, free = self.one("disk", path)
        return int(total), int(free)

    @cached_property
    def system(self) -> System:
        """The host as a whole; it has to have been asked."""
        told: dict[str, list[tuple[str, ...]]] = {}
        for name, *rest in self.answers.get(SYSTEM, ()):
            told.setdefault(name, []).append(tuple(rest))
        return _system(told)


def arguments(questions: Iterable[Question]) -> list[str]:
    """The questions as the arguments of the script that answers them."""
    return [word for question in questions for word in question]


def parse(output: bytes, questions: Sequence[Question]) -> Facts:
    """Read the answer to the questions.

    Raises:
        ValueError: it is not one, or it is not whole.
    """
    lines = [line.split("\t") for line in output.decode(errors="replace").split("\n")]
    if lines[-2:] != [[_NOTHING, "end"], [""]]:
        raise ValueError("the answer is not whole")
    answers: dict[Question, list[tuple[str, ...]]] = {question: [] for question in questions}
    busy: list[str] = []
    for number, *fields in lines[:-2]:
        if number == _NOTHING and fields[:1] == ["busy"]:
            busy.extend(fields[1:])
        elif number.isdecimal() and int(number) < len(questions) and fields:
            answers[questions[int(number)]].append(tuple(fields))
        else:
            raise ValueError(f"a line that answers nothing: {number[:40]!r}")
    return Facts({question: tuple(given) for question, given in answers.items()}, tuple(busy))


def _shaped(fields: Sequence[str], count: int, what: str) -> None:
    if len(fields) != count:
        raise ValueError(f"{what}: {len(fields)} fields, expected {count}")


def _possession(fields: Sequence[str]) -> tuple[int, str, str, int]:
    mode, owner, group, size = fields[:4]
    return int(mode, 8), owner, group, int(size)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error


def _text(text: str) -> str:
    return _bytes(text).decode(errors="replace")


def _status(text: str) -> int | None:
    return int(text) if text != _NOTHING else None


def _system(told: Mapping[str, Sequence[tuple[str, ...]]]) -> System:
    def last(name: str) -> str:
        return told[name][-1][0] if told.get(name) and told[name][-1] else ""

    synchronized = {"yes": True, "no": False}.get(last("synchronized"))
    pairs = {name: list(_pairs(lines)) for name, lines in told.items()}
    return System(
        uid=int(last("uid")),
        hostname=last("hostname"),
        clock=float(last("clock")),
        os=pairs["os"][-1] if pairs.get("os") else ("", ""),
        cpus=int(last("cpus") or 0),
        memory=int(last("memory") or 0),
        swap=int(last("swap") or 0),
        pythons=dict(pairs.get("python", ())),
        resolved=tuple(last("resolved").split()),
        synchronized=synchronized,
        timeservices=tuple(words[0] for words in told.get("timeservice", ())),
        firewalls=tuple(words[0] for words in told.get("firewall", ())),
        addresses=tuple(pairs.get("address", ())),
        listens=frozenset(int(words[0]) for words in told.get("listens", ()) if words[0].isdecimal()),
        docker=pairs["docker"][-1] if pairs.get("docker") else None,
    )


def _pairs(lines: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """The lines that have two fields: one that had nothing to tell has none."""
    for words in lines:
        match words:
            case (first, second):
                yield first, second
            case _:
                continue
