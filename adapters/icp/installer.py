"""One run of ICP's installer: a job on the boot node that is followed, told of, and explained where it fails.

The job goes on when nobody is connected. Whoever comes next finds it under its id and waits for it; one that
ended otherwise than well says by its own output whether the installer may run again.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from adapters.icp.nodes import Nodes
from hopbook.engine.change import Submitted
from hopbook.engine.ports import Recorder
from hopbook.errors import Rejected
from hopbook.hosts.facts import JobFact
from hopbook.icp.failures import Explained, Failures, Retry, explain
from hopbook.icp.output import Ending, Reader
from hopbook.resources.base import Key
from hopbook.resources.host import JobState
from hopbook.secret import Secret

SYSTEM = "ICP"
INSTALL, UNINSTALL = "icp-installer", "icp-uninstaller"
Listener = Callable[[Key, str], None]


class InstallerFailed(Rejected):
    """The installer did not succeed; the message says why and what to do, `retry` how to go on."""

    def __init__(self, why: Explained, *, address: str) -> None:
        self.retry = why.retry
        super().__init__(why.text, system=SYSTEM, address=address, code=why.known)


@dataclass(frozen=True, slots=True)
class Installer:
    """Runs the installer's image on the boot node.

    Attributes:
        boot: The boot node's name.
        listener: Told how far a run is, by the key of the change.
        hide: Takes secrets out of a line.
    """

    nodes: Nodes
    boot: str
    failures: Failures
    listener: Listener
    hide: Callable[[str], str]

    def run(self, job: str, argv: Sequence[str], key: Key, submitted: Recorder, *, spec: str = "") -> None:
        """Run it to its end, or wait for the run that is under way.

        Raises:
            InstallerFailed: it ended otherwise than well.
            SystemTrouble: it was not started, or (`AnswerLost`) nobody knows.
        """
        self.nodes.start(self.boot, job, argv, spec)
        submitted(Submitted(key, f"job:{self.boot}/{job}"))
        watcher = _Watcher(lambda text: self.listener(key, text), Reader(self.hide))
        seen = self.nodes.follow(self.boot, job, watcher.hear)
        report = watcher.reader.close()
        status = None if seen.state is JobState.KILLED else seen.status
        if report.ended(status) is not Ending.SUCCEEDED:
            why = explain(report, status, self.failures)
            raise InstallerFailed(why or _unexplained(status), address=self.boot)

    def barred(self, fact: JobFact | None) -> str:
        """Why the installer may not simply run again after a run that ended so; empty where it may."""
        if fact is None or fact.state == JobState.RUNNING:
            return ""
        reader = Reader(self.hide)
        reader.feed(fact.tail)
        why = explain(reader.close(), fact.status, self.failures)
        killed = fact.state == JobState.KILLED
        if why is None or (why.retry is not Retry.CLEAN and not killed):
            return ""
        return f"{why.text} (runbook icp-uninstall)"


def hider(secrets: Callable[[], Iterable[Secret]]) -> Callable[[str], str]:
    """What takes secrets out of a line, as they are and as JSON spells them."""

    def hide(line: str) -> str:
        for secret in secrets():
            plain = secret.reveal()
            for form in (plain, json.dumps(plain)[1:-1], json.dumps(plain, ensure_ascii=False)[1:-1]):
                line = line.replace(form, "…") if form else line
        return line

    return hide


def _unexplained(status: int | None) -> Explained:
    return Explained(text=f"the installer ended with status {status}", retry=Retry.MEND)


@dataclass(slots=True)
class _Watcher:
    """Reads what the installer writes, and tells of progress when that changes."""

    tell: Callable[[str], None]
    reader: Reader
    told: str = ""

    def hear(self, text: str) -> None:
        progress = str(self.reader.feed(text).progress)
        if progress != self.told:
            self.told = progress
            self.tell(progress)
