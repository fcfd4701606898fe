"""What the provider asks of the nodes, over SSH: marks, files, programs, and the jobs of the boot node."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

from adapters.ssh.errors import CommandFailed
from adapters.ssh.fleet import Fleet
from adapters.ssh.scripts import ASK, FACTS, PLACE, REMOVE
from adapters.ssh.supervisor import Progress, Supervisor
from hopbook.errors import Garbled
from hopbook.hosts.facts import Facts, Question, arguments, parse

_PATIENCE = 60  # seconds for a program that only answers


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a site.

    Attributes:
        base: The directory on each host that everything of ours lies in.
        absent: Whether a host is not there yet.
        sleep: How to wait between two looks at a job.
        poll: Seconds between two looks.
    """

    fleet: Fleet
    base: str
    absent: Callable[[str], bool]
    sleep: Callable[[float], None]
    poll: float = 2.0

    def ask(self, host: str, questions: Sequence[Question]) -> Facts:
        """The answers of one host, in one round trip.

        Raises:
            SystemTrouble: it did not answer, or something else did.
        """
        client = self.fleet.client(host)
        told = client.run(FACTS, self.base, *arguments(questions))
        try:
            return parse(told, questions)
        except ValueError as error:
            raise Garbled(f"{host}, facts: {error}", system="SSH", address=client.address) from error

    def present(self, hosts: Iterable[str], paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Which of the paths lie on which hosts, host beside host; a host that is not there has none."""
        there = [host for host in hosts if not self.absent(host)]
        questions = [("exists", path) for path in paths]
        facts = self.fleet.each(there, lambda host: self.ask(host, questions))
        return {host: tuple(path for path in paths if found.exists(path)) for host, found in facts.items()}

    def said(self, host: str, argv: Sequence[str]) -> tuple[str, str]:
        """What a program says, and why it failed (empty where it did not)."""
        try:
            told = self.fleet.client(host).run(
                ASK, self.base, str(_PATIENCE), *argv, timeout=_PATIENCE + 10.0
            )
        except CommandFailed as error:
            return "", error.what
        return told.decode(errors="replace"), ""

    def start(self, host: str, job: str, argv: Sequence[str], spec: str = "") -> None:
        """Start a job, or find the one that runs; one that ended is put aside first."""
        self._supervisor(host).start(job, argv, spec=spec, again=True)

    def follow(self, host: str, job: str, listener: Callable[[str], None]) -> Progress:
        """Wait for a job's end, through lost connections; all that it wrote goes to the listener."""
        return self._supervisor(host).follow(job, listener)

    def put_aside(self, host: str, job: str) -> None:
        """Let a job's id be free again; its output stays under another name."""
        self._supervisor(host).put_aside(job)

    def write(self, host: str, path: str, content: bytes, mode: int) -> None:
        """Put a file in its place, atomically, as root's."""
        client = self.fleet.client(host)
        staged = client.stage(BytesIO(content), path if client.is_root else "")
        client.run(PLACE, self.base, staged, path, f"{mode:04o}", "root:root", "")

    def remove(self, host: str, path: str) -> None:
        """Remove a file, if it is there."""
        self.fleet.client(host).run(REMOVE, self.base, "file", path)

    def read(self, host: str, path: str) -> bytes:
        """A file of any size.

        Raises:
            CommandFailed: it cannot be read.
            Garbled: what came is not it.
        """
        client = self.fleet.client(host)
        told = client.run(ASK, self.base, str(_PATIENCE), "base64", "--wrap=0", path)
        try:
            return base64.b64decode(told, validate=True)
        except ValueError as error:
            raise Garbled(f"{host}, {path}: {error}", system="SSH", address=client.address) from error

    def _supervisor(self, host: str) -> Supervisor:
        return Supervisor(self.fleet.client(host), self.base, sleep=self.sleep, poll=self.poll)
