"""The few scripts that are all we ever run on a host.

They are fixed texts for a POSIX shell, which reads one from its standard input; only their arguments differ,
and every one of these is quoted. So no argument can become a command, nothing shows in the host's process
list, and a simulated host can recognise each script and do the same to its own state.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

_HERE = files(__package__)
_COMMON = (_HERE / "common.sh").read_text(encoding="utf-8")
# Without the closing brace nothing runs, so a script that arrives in part does nothing
_RUN = '{ main "$@" </dev/null; }\n'

# What shlex.join writes, read back; shlex.split would do it a character at a time
_WORD = re.compile(r"""(?:[^\s'"]+|'[^']*'|"[^"]*")+""")
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")

SHELL = "/bin/sh -s"
SUDO_SHELL = "sudo -n -- /bin/sh -s"


@dataclass(frozen=True, slots=True)
class Script:
    """One script.

    Attributes:
        name: What it is called in messages and in faults.
        body: Its text, without arguments.
        changing: Whether it changes anything, so that a lost answer leaves a doubt.
    """

    name: str
    body: str
    changing: bool

    def text(self, arguments: Sequence[str]) -> str:
        """What the shell is given to read.

        Raises:
            ValueError: an argument holds a NUL, which no shell can take.
        """
        for argument in arguments:
            if "\0" in argument:
                raise ValueError(f"{self.name}: an argument holds a NUL character")
        return f"set -- {shlex.join(arguments)}\n{self.body}"

    def arguments(self, text: str) -> tuple[str, ...] | None:
        """The arguments in what a shell was given; None: that is another script."""
        if not text.endswith(self.body) or not text.startswith("set -- "):
            return None
        return tuple(map(_unquoted, _WORD.findall(text[: -len(self.body)])))[2:]


@dataclass(frozen=True, slots=True)
class JobScript:
    """A script that runs as a job: its command is a shell with this text."""

    name: str
    body: str

    def command(self, *arguments: str) -> tuple[str, ...]:
        """The job's command."""
        return ("/bin/sh", "-c", self.body, f"hopbook-{self.name}", *arguments)

    def arguments(self, command: Sequence[str]) -> tuple[str, ...] | None:
        """The arguments in a command; None: it is another one."""
        return tuple(command[4:]) if tuple(command[:4]) == self.command() else None


def _unquoted(word: str) -> str:
    return _QUOTED.sub(lambda quoted: quoted[1] or quoted[2] or "", word)


def _text(name: str) -> str:
    return _COMMON + (_HERE / f"{name}.sh").read_text(encoding="utf-8")


def _reading(name: str) -> Script:
    return Script(name, _text(name) + _RUN, changing=False)


def _changing(name: str) -> Script:
    return Script(name, _text(name) + _RUN, changing=True)


def _job(name: str) -> JobScript:
    return JobScript(name, _text(name) + 'work "$@" </dev/null\n')


FACTS, READ, IDS, PACK = _reading("facts"), _reading("read"), _reading("ids"), _reading("pack")
ASK = _reading("ask")
START, ASIDE = _changing("start"), _changing("aside")
EDIT, PLACE, REMOVE, DIRECTORY = (
    _changing("edit"),
    _changing("place"),
    _changing("remove"),
    _changing("directory"),
)
SYSCTL, PACKAGES, SERVICE = _changing("sysctl"), _changing("packages"), _changing("service")
KEYPAIR, UNTAG = _changing("keypair"), _changing("untag")
LOAD, FETCH = _job("load"), _job("fetch")

EVERY = (
    FACTS,
    READ,
    IDS,
    PACK,
    ASK,
    START,
    ASIDE,
    EDIT,
    PLACE,
    REMOVE,
    DIRECTORY,
    SYSCTL,
    PACKAGES,
    SERVICE,
    KEYPAIR,
    UNTAG,
)
"""Every script that a host is given by itself."""
