"""Hosts that are reached by SSH, as desired state: what lies on them, how they are set, what runs on them.

Everything names its host as the site does (`master-1`) and is called `HOST/THING`, so a provider can tell
from the key alone what to read. Three ways of being there:

- Files, directories, blocks, key pairs, artifacts and jobs come and go: they are created and deleted.
- Packages, kernel parameters, services, lines, authorized keys and images are settings: every host has each
  of them in some state (`installed=False`), so what a template brought along needs no adoption, and undo
  puts the old state back.
- A `Check` is a setting that nobody can set: it has a finding or none, and a step that wants none is
  stopped with the finding and what to do about it.

No resource here holds a secret: a file that has some in it is a `SecretFile`, whose text names where each
one goes, and whose content is never read into an observation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, ClassVar

from hopbook.resources.base import Key, Later, Resource, SecretRef, known

ANY = "any"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_WORD = re.compile(r"[A-Za-z0-9_@+][A-Za-z0-9_@%:~^.+-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_JOB = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HIGHEST_MODE = 0o7777


def host_of(key: Key) -> str:
    """The host that a key of this module is about."""
    return key.name.partition("/")[0]


def thing_of(key: Key) -> str:
    """What of the host a key is about: a path with its leading slash, else a name."""
    thing = key.name.partition("/")[2]
    return f"/{thing}" if key.kind in _AT_A_PATH else thing


@dataclass(frozen=True, kw_only=True)
class OnHost(Resource):
    """Something of one host. A subclass says in `thing` how it is called there."""

    host: str

    def __post_init__(self) -> None:
        _need(_HOST.fullmatch(self.host), f"host {self.host!r}: expected letters, digits, dots and dashes")

    @property
    def thing(self) -> str:
        """How it is called on its host."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Host and thing."""
        return f"{self.host}/{self.thing.removeprefix('/')}"

    def title(self) -> str:
        """For a sentence."""
        return f"{self.kind.removeprefix('host.')} {self.thing} on {self.host}"


@dataclass(frozen=True, kw_only=True)
class AtPath(OnHost):
    """Something at an absolute path, which is brought to one spelling (`/etc//hosts`)."""

    path: str

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "path", _path(self.path))

    @property
    def thing(self) -> str:
        """The path."""
        return self.path


@dataclass(frozen=True, kw_only=True)
class Possessed(AtPath):
    """Something at a path that has mode, owner and group."""

    mode: int = 0o644
    owner: str = "root"
    group: str = "root"

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(0 <= self.mode <= _HIGHEST_MODE, f"{self.path}: mode {self.mode:o}: expected 0 to 7777, octal")
        for name in (self.owner, self.group):
            _need(_WORD.fullmatch(name), f"{self.path}: {name!r} is no user or group")


@known
@dataclass(frozen=True, kw_only=True)
class File(Possessed):
    """A text file, as a whole. It is replaced atomically; its directory is made where it is missing.

    Attributes:
        content: The text; None only for a live file that is no text or too large to be read. Never a
            secret: see `SecretFile`.
    """

    kind: ClassVar[str] = "host.file"

    content: str | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a text where a secret goes: `{{name}}`."""

    name: str
    secret: SecretRef

    @property
    def mark(self) -> str:
        """What stands in the text."""
        return "{{" + self.name + "}}"


@known
@dataclass(frozen=True, kw_only=True)
class SecretFile(Possessed):
    """A text file with secrets in it; they are put in when it is written and are in no observation.

    Attributes:
        template: The text, with `{{name}}` for each slot. None for a live file that is not as we wrote it:
            what it holds is then not told.
    """

    kind: ClassVar[str] = "host.secret-file"

    template: str | None
    slots: tuple[Slot, ...] = ()
    mode: int = 0o600

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "slots", tuple(sorted(self.slots, key=lambda slot: slot.name)))
        names = [slot.name for slot in self.slots]
        _need(len(set(names)) == len(names), f"{self.path}: two slots have one name")
        for slot in self.slots if self.template is not None else ():
            _need(slot.mark in (self.template or ""), f"{self.path}: the text has no place {slot.mark}")


@known
@dataclass(frozen=True, kw_only=True)
class Directory(Possessed):
    """A directory.

    Attributes:
        emptied: Whether undo may delete what lies in it, too. Else it is only deleted when it is empty.
    """

    kind: ClassVar[str] = "host.directory"

    mode: int = 0o755
    emptied: bool = field(default=False, metadata={"compare": False})


@known
@dataclass(frozen=True, kw_only=True)
class Block(AtPath):
    """Some lines of ours in a file of others, between two marks that carry its label.

    The rest of the file is left as it is. New, it stands at the file's end.
    """

    kind: ClassVar[str] = "host.block"

    label: str
    lines: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(_WORD.fullmatch(self.label), f"label {self.label!r}: expected a word")
        for line in self.lines:
            _need("\n" not in line and not line.startswith(_MARK), f"{line!r} cannot be a line of a block")

    @property
    def thing(self) -> str:
        """Path and label."""
        return f"{self.path}#{self.label}"

    @property
    def marks(self) -> tuple[str, str]:
        """The lines before and behind it."""
        return f"{_MARK}begin {self.label}", f"{_MARK}end {self.label}"


_MARK = "# hopbook: "


@known
@dataclass(frozen=True, kw_only=True)
class Line(AtPath):
    """The lines of a file that begin with one word; None: there is none.

    What `/etc/hosts` says of 127.0.1.1 has to go before ICP is installed, and comes back by undo.
    """

    kind: ClassVar[str] = "host.line"

    word: str
    text: str | None

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(_WORD.fullmatch(self.word), f"{self.word!r}: expected the first word of a line")
        for line in (self.text or self.word).split("\n"):
            _need(line.split()[:1] == [self.word], f"{line!r} does not begin with {self.word}")

    @property
    def thing(self) -> str:
        """Path and word."""
        return f"{self.path}#{self.word}"


@known
@dataclass(frozen=True, kw_only=True)
class Package(OnHost):
    """A package of the host's own package manager (apt or yum).

    Attributes:
        release: Its version, exactly this one, as the package manager spells it. `any` where it does not
            matter: then it is no difference. Empty for a live package that is not installed.
    """

    kind: ClassVar[str] = "host.package"

    package: str
    installed: bool = True
    release: str = ANY

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(_WORD.fullmatch(self.package), f"{self.package!r} is no package's name")
        _need(not self.release or _WORD.fullmatch(self.release), f"{self.release!r} is no version")

    @property
    def thing(self) -> str:
        """The package's name."""
        return self.package

    def compared(self) -> Mapping[str, Any]:
        """Without the version where any will do."""
        values = super().compared()
        return {name: value for name, value in values.items() if name != "release" or value != ANY}


@known
@dataclass(frozen=True, kw_only=True)
class Sysctl(OnHost):
    """A kernel parameter, now and after a restart (`/etc/sysctl.conf`).

    Attributes:
        value: Numbers are separated by one space: `10240 60999`.
        minimum: A larger first number is as good and is left alone. The number is then part of the name, as
            what is read has to be held against it: another minimum is another resource.
        persisted: What the file says; empty: nothing. Not given, it is the value.
    """

    kind: ClassVar[str] = "host.sysctl"

    parameter: str
    value: str
    minimum: bool = False
    persisted: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(re.fullmatch(r"[a-z0-9_]+(\.[A-Za-z0-9_-]+)+", self.parameter), f"no parameter: {self}")
        object.__setattr__(self, "value", " ".join(self.value.split()))
        persisted = self.value if self.persisted is None else " ".join(self.persisted.split())
        object.__setattr__(self, "persisted", persisted)

    @property
    def thing(self) -> str:
        """The parameter, with its minimum where it has one."""
        return f"{self.parameter}>={self.value}" if self.minimum else self.parameter


@known
@dataclass(frozen=True, kw_only=True)
class Service(OnHost):
    """A unit of systemd. One that does not exist neither runs nor starts with the host."""

    kind: ClassVar[str] = "host.service"

    service: str
    running: bool
    enabled: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(_WORD.fullmatch(self.service), f"{self.service!r} is no service's name")

    @property
    def thing(self) -> str:
        """The unit's name, without `.service`."""
        return self.service


@known
@dataclass(frozen=True, kw_only=True)
class KeyPair(AtPath):
    """An SSH key pair that is made on the host and whose private half never leaves it.

    Attributes:
        path: Of the private key; the public one lies beside it as `PATH.pub`.
        public_key: Known when it is there: `Later(pair.key, "public_key")` elsewhere.
    """

    kind: ClassVar[str] = "host.key-pair"

    bits: int = field(default=4096, metadata={"compare": False})  # RSA, which ICP's installer reads
    public_key: str | None = field(default=None, metadata={"compare": False})


@known
@dataclass(frozen=True, kw_only=True)
class AuthorizedKey(OnHost):
    """A public key that may log in as a user, told by its comment.

    Attributes:
        label: The comment of its line in `authorized_keys`; one word.
        public_key: Type and base64 without comment (`ssh-rsa AAAA…`); None: none with this label.
    """

    kind: ClassVar[str] = "host.authorized-key"

    user: str
    label: str
    public_key: str | Later | None

    def __post_init__(self) -> None:
        super().__post_init__()
        for word in (self.user, self.label):
            _need(_WORD.fullmatch(word), f"{word!r}: expected one word")
        if isinstance(self.public_key, str):
            object.__setattr__(self, "public_key", " ".join(self.public_key.split()[:2]))

    @property
    def thing(self) -> str:
        """User and label."""
        return f"{self.user}/{self.label}"


@known
@dataclass(frozen=True, kw_only=True)
class Artifact(AtPath):
    """A large file that is not read, only summed: an image tarball, an installer.

    Attributes:
        source: Where it comes from: `https://…` is fetched by the host itself, `file:///…` is sent from here.
        sha256: 64 hex digits.
    """

    kind: ClassVar[str] = "host.artifact"

    source: str = field(metadata={"compare": False})
    sha256: str
    mode: int = field(default=0o644, metadata={"compare": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", self.sha256.lower())
        _need(re.fullmatch("[0-9a-f]{64}", self.sha256), f"{self.sha256!r} is no SHA-256: 64 hex digits")
        fetched = re.match("(https|file)://", self.source) or not self.source
        _need(fetched, f"{self.source!r}: expected https://… or file:///…")


@known
@dataclass(frozen=True, kw_only=True)
class Image(OnHost):
    """A tagged image in the host's Docker.

    Attributes:
        image: Repository and tag: `ibmcom/icp-inception-amd64:3.1.0-ee`.
        tarball: The path on the host of the archive that it is loaded from; empty: it is pulled.
    """

    kind: ClassVar[str] = "host.image"

    image: str
    loaded: bool = True
    tarball: str = field(default="", metadata={"compare": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        tagged = re.fullmatch(r"[a-z0-9][A-Za-z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*", self.image)
        _need(tagged, f"{self.image!r}: expected an image with its tag: ibmcom/icp-inception:3.1.0")
        object.__setattr__(self, "tarball", _path(self.tarball) if self.tarball else "")

    @property
    def thing(self) -> str:
        """The image with its tag."""
        return self.image


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a job's environment."""

    name: str
    value: str | SecretRef


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    ENDED = "ended"
    KILLED = "killed"  # it is gone and left no status: somebody killed it, or the host restarted


@known
@dataclass(frozen=True, kw_only=True)
class Job(OnHost):
    """A long command under a supervisor on the host, which a lost connection does not touch.

    It is started at most once under its id. A live one that ended otherwise than wanted is a difference; an
    apply runs it again where it is `repeatable`, and else says what to do.

    Attributes:
        job: Its id: lower case, digits, dashes.
        command: The program and its arguments; there is no shell between.
        directory: Where it runs.
        environment: Secrets only here: what is in `command` everyone on the host can read.
        takes_back: What undo runs, in the same directory and environment. Empty: what the command did
            needs no taking back (or its own uninstaller is a step of its own).
        repeatable: Whether a failed one may simply be run again.
        said: Of a live one that failed: the end of its output.
    """

    kind: ClassVar[str] = "host.job"

    job: str
    command: tuple[str, ...]
    directory: str = "/"
    environment: tuple[Variable, ...] = ()
    state: JobState = JobState.ENDED
    exit_status: int | None = 0
    said: str = ""
    takes_back: tuple[str, ...] = field(default=(), metadata={"compare": False})
    repeatable: bool = field(default=True, metadata={"compare": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(_JOB.fullmatch(self.job), f"job {self.job!r}: expected lower case, digits, dashes")
        _need(self.command and self.command[0], f"job {self.job}: it has no command")
        object.__setattr__(self, "directory", _path(self.directory))
        for variable in self.environment:
            _need(_VARIABLE.fullmatch(variable.name), f"job {self.job}: no variable: {variable.name!r}")

    @property
    def thing(self) -> str:
        """The id."""
        return self.job


@known
@dataclass(frozen=True, kw_only=True)
class Check(OnHost):
    """Something that has to be so on a host and that nobody here can make so.

    Attributes:
        requirement: What has to be so, as `hopbook.hosts.checks` writes it: `disk /var/lib/docker 100`. It is
            the name, so that whoever reads the host knows what to look for.
        finding: How it is not so, and what to do; empty: it is so. A step wants it empty.
        advice: What is worth knowing and stops nothing.
    """

    kind: ClassVar[str] = "host.check"

    requirement: str
    finding: str = ""
    advice: str = field(default="", metadata={"compare": False})

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "requirement", " ".join(self.requirement.split()))
        _need(self.requirement, "a check needs a requirement")

    @property
    def thing(self) -> str:
        """The requirement."""
        return self.requirement

    def title(self) -> str:
        """For a sentence."""
        return f"{self.host}: {self.requirement}"


_AT_A_PATH = frozenset(kind.kind for kind in (File, SecretFile, Directory, Block, Line, KeyPair, Artifact))


def _path(text: str) -> str:
    path = PurePosixPath(text)
    plain = path.is_absolute() and ".." not in path.parts and "\0" not in text and "\n" not in text
    _need(plain, f"path {text!r}: expected an absolute one, without ..")
    return str(PurePosixPath("/", *path.parts[1:]))


def _need(condition: object, problem: str) -> None:
    if not condition:
        raise ValueError(problem)
