"""Changes that take long: jobs, pulled and loaded images, fetched files. Each is a job under the supervisor.

The job's handle is recorded before it is waited for. One that is already there under its id is waited for and
not started a second time, whoever started it.
"""

from collections.abc import Callable

from adapters.ssh.errors import SYSTEM, CommandFailed
from adapters.ssh.provider import jobs, things
from adapters.ssh.provider.reading import revealed
from adapters.ssh.provider.session import Session
from adapters.ssh.scripts import FETCH, LOAD
from adapters.ssh.supervisor import Progress
from hopbook.engine.change import Action, Change, Submitted
from hopbook.engine.ports import Recorder
from hopbook.errors import Missing
from hopbook.resources.base import Key, SecretRef
from hopbook.resources.host import Artifact, Image, Job, JobState

_DAMAGED = 65  # sysexits(3), as our scripts say it of a file
_NO_WAY = "does the host get to {} (NAT and firewall on the way, or the web proxy that it was told of)?"


def job(session: Session, change: Change, submitted: Recorder) -> None:
    """Run a job to its end, or take it back. How it ended is read afterwards.

    Raises:
        CommandFailed: it may not be run again, or is running and cannot be taken back.
        SystemTrouble: it was not started, or (`AnswerLost`) nobody knows.
    """
    wanted = change.resource
    if not isinstance(wanted, Job):
        raise TypeError(f"{change.key} is no job")
    if change.action is Action.DELETE:
        _take_back(session, wanted, submitted)
        return
    before = change.before
    failed = isinstance(before, Job) and before.state is not JobState.RUNNING
    if failed and not wanted.repeatable:
        told = "it ended and may not simply be run again"
        folder = f"{session.base}/jobs/{wanted.job}"
        hint = f"see {folder}/log on the host; when that is dealt with, rename {folder}"
        raise CommandFailed(
            f"{wanted.title()}: {told}", system=SYSTEM, address=session.client.address, hint=hint
        )
    _run(session, wanted, change.key, submitted, again=failed)


def image(session: Session, change: Change, submitted: Recorder) -> None:
    """Pull or load an image, or take it away.

    Raises:
        CommandFailed: with what Docker said.
    """
    wanted = change.resource
    if not isinstance(wanted, Image):
        raise TypeError(f"{change.key} is no image")
    if not wanted.loaded:
        things.untag(session, wanted.image)
        return
    command = LOAD.command(wanted.tarball) if wanted.tarball else ("docker", "pull", wanted.image)
    side = Job(host=wanted.host, job=jobs.image_job(wanted.image), command=command)
    _succeed(
        session, side, change.key, submitted, hint="" if wanted.tarball else _NO_WAY.format("the registry")
    )


def artifact(session: Session, change: Change, submitted: Recorder) -> None:
    """Send a large file or let the host fetch it, or remove it.

    Raises:
        CommandFailed: with what went wrong; the old file stands.
    """
    wanted = change.resource
    if not isinstance(wanted, Artifact):
        raise TypeError(f"{change.key} is no file")
    if change.action is Action.DELETE:
        things.remove(session, change)
    elif wanted.source.startswith("file://"):
        things.send(session, wanted)
    elif not wanted.source:
        what = f"{wanted.title()}: where it came from is not known, so it cannot be put back"
        raise CommandFailed(what, system=SYSTEM, address=session.client.address)
    else:
        command = FETCH.command(wanted.source, wanted.path, wanted.sha256, f"{wanted.mode:04o}")
        side = Job(host=wanted.host, job=jobs.fetch_job(wanted.path), command=command)
        _succeed(session, side, change.key, submitted, hint=_NO_WAY.format("where the file is"))


def _run(session: Session, wanted: Job, key: Key, submitted: Recorder, *, again: bool) -> Progress:
    """Start a job, or find it, and wait for its end."""
    variables = [
        f"{item.name}={item.value if isinstance(item.value, str) else session.resolve(item.value).reveal()}"
        for item in wanted.environment
    ]
    session.supervisor.start(
        wanted.job,
        wanted.command,
        spec=jobs.spec_of(wanted),
        directory=wanted.directory,
        variables=variables,
        again=again,
    )
    submitted(Submitted(key, f"job:{wanted.host}/{wanted.job}"))
    told = _Lines(lambda text: session.listener(key, text), tuple(revealed(wanted, session.resolve)))
    seen = session.supervisor.follow(wanted.job, told.add)
    told.end()
    return seen


class _Lines:
    """Passes output on by whole lines, so that no secret is missed because it came in two pieces."""

    def __init__(self, tell: Callable[[str], None], secrets: tuple[str, ...]) -> None:
        self._tell, self._secrets, self._rest = tell, secrets, ""

    def add(self, text: str) -> None:
        """Take a piece."""
        whole, newline, self._rest = (self._rest + text).rpartition("\n")
        self._pass(whole + newline)

    def end(self) -> None:
        """No more comes."""
        self._pass(self._rest)

    def _pass(self, text: str) -> None:
        for secret in self._secrets:
            text = text.replace(secret, "…")
        if text:
            self._tell(text)


def _succeed(session: Session, side: Job, key: Key, submitted: Recorder, *, hint: str = "") -> None:
    """Run a job whose only point is what it brings; a failed one is a refusal in its own words.

    Args:
        session: The host.
        side: The job.
        key: What it is for.
        submitted: Told of its handle.
        hint: What to look at where it fails, unless it was what came that is damaged.
    """
    seen = _run(session, side, key, submitted, again=True)
    if (seen.state, seen.status) == (JobState.ENDED, 0):
        return
    facts = session.ask((("job", side.job),))
    fact = facts.job(side.job)
    hidden = [
        session.resolve(item.value).reveal() for item in side.environment if isinstance(item.value, SecretRef)
    ]
    said = jobs.last_lines(fact.tail, hidden) if fact is not None else ""
    ended = "it was killed" if seen.state is JobState.KILLED else f"it ended with status {seen.status}"
    what = f"{session.host}, {key.kind.removeprefix('host.')} {key.name.partition('/')[2]}: {said or ended}"
    hint = "" if seen.status == _DAMAGED else hint
    raise CommandFailed(what, system=SYSTEM, address=session.client.address, hint=hint, code=str(seen.status))


def _take_back(session: Session, wanted: Job, submitted: Recorder) -> None:
    if wanted.takes_back:
        side = Job(
            host=wanted.host,
            job=jobs.undo_job(wanted.job),
            command=wanted.takes_back,
            directory=wanted.directory,
            environment=wanted.environment,
        )
        _succeed(session, side, wanted.key, submitted)
    try:
        session.supervisor.put_aside(wanted.job)
    except Missing:
        return  # somebody else did
