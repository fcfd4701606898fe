"""Jobs: long commands that go on when nobody is connected.

A job is a folder on the host with its description, output and status, and a supervisor process in a session
of its own. The folder comes into being by one renaming, so that of two starts with one id only one succeeds,
and whoever comes later finds the job under the same id: running, ended with a status, or killed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from adapters.ssh import errors
from adapters.ssh.client import SshClient
from adapters.ssh.scripts import ASIDE, READ, START
from hopbook.errors import AnswerLost, Missing, Rejected, Unreachable
from hopbook.resources.host import JobState

Listener = Callable[[str], None]
_BLOCK = 256 * 1024
_MISSING = "44"


class Begun(Enum):
    """What a start came to."""

    STARTED = "started"
    FOUND = "found"  # there is one under this id already; it was left alone


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        state: Of the job.
        status: Its exit status, once it ended.
        output: What it wrote from the offset on.
        more: Whether there is more output than was read.
    """

    state: JobState
    status: int | None
    output: bytes
    more: bool


class Supervisor:
    """The jobs of one host.

    Args:
        client: The host.
        base: The directory on the host that everything of ours lies in.
        sleep: How to wait between two looks.
        poll: Seconds between two looks.
        silence: Seconds without a connection after which nobody waits any longer.
    """

    def __init__(
        self,
        client: SshClient,
        base: str,
        *,
        sleep: Callable[[float], None],
        poll: float = 2.0,
        silence: float = 300.0,
    ) -> None:
        self._client, self._base, self._sleep = client, base, sleep
        self._poll, self._silence = poll, silence

    def start(
        self,
        job: str,
        command: Sequence[str],
        *,
        spec: str = "",
        directory: str = "/",
        variables: Sequence[str] = (),
        again: bool = False,
    ) -> Begun:
        """Start a job, unless there is one under its id.

        Args:
            job: The id.
            command: The program and its arguments.
            spec: A description that is kept with it, without secrets.
            directory: Where it runs.
            variables: `NAME=value`; they reach the host on standard input only.
            again: Put one that is not running aside first.

        Raises:
            SystemTrouble: it was not started, or (`AnswerLost`) nobody knows.
        """
        mode = "again" if again else "once"
        told = self._client.run(
            START, self._base, job, mode, directory, spec, str(len(variables)), *variables, *command
        )
        return Begun(told.decode(errors="replace").strip())

    def read(self, job: str, offset: int = 0) -> Progress:
        """How far a job is, with its output from an offset in bytes.

        Raises:
            Missing: there is no such job.
        """
        what = f"{self._client.login.name}, job {job}"
        try:
            told = self._client.run(READ, self._base, job, str(offset), str(_BLOCK))
        except Rejected as error:
            if error.code == _MISSING:
                text = f"{what}: there is none"
                raise Missing(text, system=errors.SYSTEM, address=self._client.address) from error
            raise
        head, _, output = told.partition(b"\n")
        try:
            state, status, size = head.decode().split()
            ended = None if status == "-" else int(status)
            return Progress(JobState(state), ended, output, offset + len(output) < int(size))
        except (ValueError, UnicodeDecodeError) as error:
            raise errors.garbled(what, self._client.address, "an answer that is not ours") from error

    def follow(self, job: str, listener: Listener | None = None, *, offset: int = 0) -> Progress:
        """Wait for a job's end, through lost connections; what it writes goes to the listener.

        Returns:
            The last look; its `output` is the last piece.

        Raises:
            AnswerLost: no connection for too long. The job may still run.
        """
        silent = 0.0
        while True:
            try:
                seen = self.read(job, offset)
            except (AnswerLost, Unreachable) as error:
                if silent >= self._silence:
                    what = f"{self._client.login.name}, job {job}"
                    why = f"no connection for {silent:.0f} s"
                    raise errors.lost(what, self._client.address, why, changing=True) from error
                silent += self._poll
                self._sleep(self._poll)
                continue
            silent = 0.0
            offset += len(seen.output)
            if listener is not None and seen.output:
                listener(seen.output.decode(errors="replace"))
            if seen.more:
                continue
            if seen.state is not JobState.RUNNING:
                return seen
            self._sleep(self._poll)

    def put_aside(self, job: str) -> None:
        """Let a job's id be free again; its folder stays under another name.

        Raises:
            CommandFailed: it is running.
        """
        self._client.run(ASIDE, self._base, job)
