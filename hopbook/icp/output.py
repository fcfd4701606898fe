"""The installer's output, read as it comes: which play and task, how each host fared, how it ended.

The installer is ansible in a container. What it prints is for people: lines that are cut by the terminal's
width or by a lost connection, in colours, with carriage returns. So the reader takes any text in any pieces,
never raises, and what it cannot tell stays untold; whether the installer succeeded is said only by its recap
and its exit status together (ICP 3.1.0, installation; a recap of failed=0 and unreachable=0 for every host).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]")
_PLAY = re.compile(r"PLAY \[(.*?)\] ?\**$")
_TASK = re.compile(r"(?:TASK|RUNNING HANDLER) \[(.*?)\] ?\**$")
_RECAP = re.compile(r"PLAY RECAP \**$")
_RESULT = re.compile(r"(ok|changed|skipping|rescued|ignored): \[([^\]\s]+)")
_FAILED = re.compile(r"(?:fatal|failed): \[(?P<host>[^\]\s]+)[^\]]*\]:? ?(?P<rest>.*)")
_COUNTS = re.compile(r"(\S+)\s+: ((?:\w+=\d{1,9}(?:\s+|$))+)$")
_COUNT = re.compile(r"(\w+)=(\d{1,9})\b")
_MESSAGE = re.compile(r'"(?:msg|stderr)": "((?:[^"\\]|\\.)*)"')
_CONSOLE = re.compile(r"UI URL is (https://\S+?)\s*(?:,|$)")
_TOOK = re.compile(r"Playbook run took (\d{1,4}) days?, (\d{1,2}) hours?, (\d{1,2}) minutes?")
_FATAL_MARK = "FATAL ERROR OCCURRED DURING INSTALLATION"
_DEPLOYED = "POST DEPLOY MESSAGE"
_RETRYING = re.compile(r"FAILED - RETRYING: (.*) \((\d+) retries left\)")
_LONGEST = 16 * 1024  # characters of a line that are kept; the rest of it is not read
_MOST = 200  # failures that are kept
_SHOWN = 300  # characters of what a host said
_SIGNALLED = 128  # a shell's status of a program that a signal ended is 128 and its number


class Ending(StrEnum):
    """How a run of the installer ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # it said so itself: it may be run again
    KILLED = "killed"  # it is gone and said nothing: residue may be left
    TRUNCATED = "truncated"  # it ended well, and its output does not show that


@dataclass(frozen=True, slots=True)
class HostFailure:
    """A task that failed on a host.

    Attributes:
        said: What ansible says of it, on one line, shortened; never a whole result.
    """

    host: str
    task: str
    said: str
    unreachable: bool = False
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Recap:
    """How a host fared, in ansible's counts."""

    host: str
    counts: Mapping[str, int]

    @property
    def clean(self) -> bool:
        """Nothing failed on it, and it was always reached."""
        return not self.counts.get("failed", 0) and not self.counts.get("unreachable", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the installer is, for whoever watches.

    Attributes:
        play: Its number, from 1; 0 before the first.
        tasks: How many tasks have begun.
        results: How many results of hosts there were.
        waiting: What is being tried again, and how often it still will be.
    """

    play: int = 0
    play_name: str = ""
    task: str = ""
    tasks: int = 0
    results: int = 0
    waiting: str = ""

    def __str__(self) -> str:
        """For a line of progress."""
        head = f"play {self.play}" + (f" ({self.play_name})" if self.play_name else "")
        tail = f", task {self.tasks}: {self.task}" if self.task else ""
        return head + tail + (f", waiting: {self.waiting}" if self.waiting else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the output says so far.

    Attributes:
        recap: By host; empty before the recap.
        failures: In their order; those that ansible ignored are marked.
        console: The address of the console, where the installer told it.
        minutes: How long it says it took; None before it says so.
        deployed: It printed its message of success.
        fatal: It printed its message of failure.
    """

    progress: Progress = Progress()
    recap: Mapping[str, Recap] = field(default_factory=dict)
    failures: tuple[HostFailure, ...] = ()
    console: str = ""
    minutes: int | None = None
    deployed: bool = False
    fatal: bool = False

    @property
    def clean(self) -> bool:
        """There is a recap, and it is clean for every host."""
        return bool(self.recap) and all(host.clean for host in self.recap.values())

    @property
    def unreachable(self) -> tuple[str, ...]:
        """The hosts that were not reached."""
        from_recap = (host for host, each in self.recap.items() if each.counts.get("unreachable", 0))
        told = (failure.host for failure in self.failures if failure.unreachable)
        return tuple(dict.fromkeys([*from_recap, *told]))

    @property
    def decisive(self) -> HostFailure | None:
        """The failure that ended the run, as far as that shows: the last one that was not ignored."""
        return next((each for each in reversed(self.failures) if not each.ignored), None)

    def ended(self, exit_status: int | None) -> Ending:
        """How the run ended; `exit_status` is None where it left none (killed, or the host restarted)."""
        if exit_status is None:
            return Ending.KILLED
        if exit_status != 0 or self.fatal or (self.recap and not self.clean):
            return Ending.KILLED if exit_status > _SIGNALLED and not self.fatal else Ending.FAILED
        return Ending.SUCCEEDED if self.clean else Ending.TRUNCATED


@dataclass(slots=True)
class Reader:
    """Reads the output piece by piece; the report is the same however it was cut.

    Attributes:
        hide: Takes secrets out of a line before anything of it is kept: the installer prints the password of
            its administrator.
    """

    hide: Callable[[str], str] = str
    report: Report = field(default_factory=Report)
    _rest: str = ""
    _in_recap: bool = False

    def feed(self, text: str) -> Report:
        """Take the next piece, and say what all of it tells so far; the last line waits for its end."""
        for piece in re.split(r"(\n)", text):
            if piece == "\n":
                self._end_of_line()
            else:
                self._rest = (self._rest + piece)[:_LONGEST]
        return self.report

    def close(self) -> Report:
        """The output is at its end, in the middle of a line or not."""
        self._end_of_line()
        return self.report

    def _end_of_line(self) -> None:
        line, self._rest = self.hide(ESCAPE.sub("", self._rest)), ""
        for part in line.split("\r"):
            if shown := part.strip():
                self._line(shown)

    def _line(self, line: str) -> None:
        self._marks(line)
        any(reads(line) for reads in (self._heading, self._outcome, self._count))

    def _heading(self, line: str) -> bool:
        progress = self.report.progress
        if _RECAP.match(line):
            self._in_recap = True
        elif found := _PLAY.match(line):
            self._in_recap = False
            self._progress(
                Progress(
                    play=progress.play + 1, play_name=found[1], tasks=progress.tasks, results=progress.results
                )
            )
        elif found := _TASK.match(line):
            self._progress(replace(progress, task=found[1], tasks=progress.tasks + 1, waiting=""))
        else:
            return False
        return True

    def _outcome(self, line: str) -> bool:
        progress = self.report.progress
        if _RESULT.match(line):
            self._progress(replace(progress, results=progress.results + 1))
        elif found := _RETRYING.search(line):
            self._progress(replace(progress, waiting=f"{found[1]} ({found[2]} more times)"))
        elif found := _FAILED.match(line):
            self._failed(
                HostFailure(
                    host=found["host"],
                    task=progress.task,
                    said=_said(found["rest"]),
                    unreachable="UNREACHABLE!" in found["rest"],
                )
            )
        elif line == "...ignoring" and self.report.failures:
            *before, last = self.report.failures
            self.report = replace(self.report, failures=(*before, replace(last, ignored=True)))
        else:
            return False
        return True

    def _count(self, line: str) -> bool:
        found = _COUNTS.match(line) if self._in_recap else None
        if found is None:
            return False
        counts = {name: int(count) for name, count in _COUNT.findall(found[2])}
        recap = {**self.report.recap, found[1]: Recap(found[1], counts)}
        self.report = replace(self.report, recap=recap)
        return True

    def _marks(self, line: str) -> None:
        if _FATAL_MARK in line:
            self.report = replace(self.report, fatal=True)
        if _DEPLOYED in line:
            self.report = replace(self.report, deployed=True)
        if found := _CONSOLE.search(line):
            self.report = replace(self.report, console=found[1])
        if found := _TOOK.search(line):
            days, hours, minutes = map(int, found.groups())
            self.report = replace(self.report, minutes=(days * 24 + hours) * 60 + minutes)

    def _progress(self, progress: Progress) -> None:
        self.report = replace(self.report, progress=progress)

    def _failed(self, failure: HostFailure) -> None:
        progress = self.report.progress
        kept = self.report.failures[-(_MOST - 1) :]
        results = replace(progress, results=progress.results + 1)
        self.report = replace(self.report, failures=(*kept, failure), progress=results)


def _said(rest: str) -> str:
    """What ansible's result says, without the result around it."""
    found = _MESSAGE.search(rest)
    text = found[1].replace("\\n", " ").replace('\\"', '"') if found else rest.removeprefix("=> ")
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
