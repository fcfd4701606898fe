"""Hosts, as resources."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import tenacity

from adapters.ssh.errors import SYSTEM, CommandFailed
from adapters.ssh.fleet import Fleet
from adapters.ssh.provider import editing, reading, supervised, things, traits
from adapters.ssh.provider.session import Listener, Session
from adapters.ssh.scripts import PACK
from adapters.ssh.supervisor import Progress, Supervisor
from hopbook.engine.change import (
    Action,
    Change,
    KindTraits,
    Observation,
    Observed,
    Outcome,
    Pending,
    Result,
    Scope,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import AnswerLost, Garbled, HopbookError, InvalidInput, Problem, Rejected, Unreachable
from hopbook.hosts.facts import Facts
from hopbook.resources.base import Key, SecretRef
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
)
from hopbook.secret import Secret

_AGAIN = 5.0  # seconds between two attempts to reach a host that is just starting

Group = Callable[[Session, Sequence[Change]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a provider goes about it. Times are seconds.

    Attributes:
        base: The directory on each host that everything of ours lies in.
        patience: How long a host that cannot be reached is given to start.
        packages: How long installing packages may take.
        poll: Between two looks at a job.
        silence: Without a connection, until a job is not followed any longer.
    """

    base: str = "/var/lib/hopbook"
    patience: float = 0.0
    packages: float = 900.0
    poll: float = 2.0
    silence: float = 300.0


class SshProvider:
    """The hosts of a site. Safe to share between threads.

    Args:
        fleet: The hosts.
        resolve: Where secrets come from; asked only when the call that needs one is made.
        listener: Told what jobs write, as they write it, by the key of the change.
        absent: Whether a host is not there yet, so that nothing on it is either. Everything else that does
            not answer is trouble: an unreachable host must not look like an empty one.
        options: How to go about it.
        sleep: How to wait.
        now: Seconds since 1970, which hosts' clocks are held against.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        resolve: Callable[[SecretRef], Secret],
        listener: Listener = lambda _key, _text: None,
        absent: Callable[[str], bool] = lambda _host: False,
        options: Options | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._fleet, self._resolve, self._listener, self._absent = fleet, resolve, listener, absent
        self._options, self._sleep, self._now = options or Options(), sleep, now
        longest = max((client.timeouts.command for client in fleet.clients.values()), default=0.0)
        self.kinds: Mapping[str, KindTraits] = traits.kinds(longest)

    # -- reading ------------------------------------------------------------------------------------

    def observe(self, scope: Scope) -> Observation:
        """Read what the scope's keys name, host beside host, each in one round trip."""
        by_host: dict[str, list[Key]] = {}
        for key in sorted(scope.keys):
            if key.kind in self.kinds and not self._absent(host_of(key)):
                by_host.setdefault(host_of(key), []).append(key)
        found = self._fleet.each(by_host, lambda host: self._read(host, by_host[host]))
        items = {key: item for seen, _ in found.values() for key, item in seen.items()}
        return Observation(items=items, pending=tuple(item for _, busy in found.values() for item in busy))

    def _read(self, host: str, keys: Sequence[Key]) -> tuple[dict[Key, Observed], list[Pending]]:
        session = self._session(host)
        try:
            questions = reading.questions(keys)
        except ValueError as error:
            raise InvalidInput(Problem(what=str(error), where=host)) from error
        began = self._now()
        facts = self._patiently(lambda: session.ask(questions))
        middle = (began + self._now()) / 2

        def understood() -> dict[Key, Observed]:
            system = ("system", "-") in facts.answers
            offset = facts.system.clock - middle if system else 0.0
            read = reading.Reading(facts, offset, self._resolve)
            seen = {key: reading.observed(key, read) for key in keys}
            return {key: item for key, item in seen.items() if item is not None}

        items = session.understood(understood)
        return items, session.understood(lambda: list(self._pending(host, keys, facts)))

    def _patiently(self, ask: Callable[[], Facts]) -> Facts:
        """Ask a host that may be starting."""
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unreachable),
            stop=tenacity.stop_after_attempt(1 + int(self._options.patience / _AGAIN)),
            wait=tenacity.wait_fixed(_AGAIN),
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(ask)

    def _pending(self, host: str, keys: Sequence[Key], facts: Facts) -> Iterator[Pending]:
        lane = traits.lane_of(host)
        for what in facts.busy:
            yield Pending(lane=lane, what=f"{what} on {host}")
        for job in dict.fromkeys(filter(None, (reading.running(key, facts) for key in keys))):
            yield Pending(lane=lane, what=f"job {job} on {host}", handle=f"job:{host}/{job}")

    # -- changing -----------------------------------------------------------------------------------

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        """Make the changes of one host so; after the first that fails nothing more is tried."""
        session = self._session(host_of(batch[0].key))
        failed = ""
        for make, changes in self._groups(batch, submitted):
            if failed:
                yield from not_attempted(changes, failed)
                continue
            for outcome in self._make(session, make, changes):
                if outcome.result in {Result.REFUSED, Result.UNKNOWN} and not failed:
                    failed = f"{outcome.key.name} before it failed"
                yield outcome

    def _make(self, session: Session, make: Group, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Make changes in one go. Where that is refused, one by one: each can be made again unharmed."""
        try:
            make(session, changes)
        except Rejected as error:
            if len(changes) == 1:
                yield from _all(changes, Result.REFUSED, str(error))
                return
            failed = ""
            for change in changes:
                if failed:
                    yield from not_attempted([change], failed)
                    continue
                for outcome in self._make(session, make, [change]):
                    failed = f"{change.key.name} before it failed" if outcome.reason else ""
                    yield outcome
        except (AnswerLost, Garbled) as error:
            yield from _all(changes, Result.UNKNOWN, str(error))
        except HopbookError as error:
            yield from _all(changes, Result.REFUSED, str(error))
        else:
            yield from _done(changes)

    def _groups(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[tuple[Group, list[Change]]]:
        """Changes that follow each other and can be made in one go."""
        together: Mapping[str, Group] = {
            **dict.fromkeys((kind.kind for kind in (Block, Line, AuthorizedKey, Sysctl)), editing.edit),
            Package.kind: self._install,
            Service.kind: things.services,
        }
        alone: Mapping[str, Group] = {
            **dict.fromkeys((kind.kind for kind in (File, SecretFile)), things.file),
            Directory.kind: things.directory,
            KeyPair.kind: things.pair,
            Check.kind: self._check,
            Job.kind: lambda session, changes: supervised.job(session, changes[0], submitted),
            Image.kind: lambda session, changes: supervised.image(session, changes[0], submitted),
            Artifact.kind: lambda session, changes: supervised.artifact(session, changes[0], submitted),
        }
        for make, run in groupby(batch, lambda change: together.get(change.key.kind)):
            if make is not None:
                yield make, list(run)
                continue
            for change in run:
                yield alone[change.key.kind], [change]

    def _install(self, session: Session, changes: Sequence[Change]) -> None:
        things.packages(session, changes, self._options.packages)

    def _check(self, session: Session, changes: Sequence[Change]) -> None:
        """A check is met by now or stays what it is."""
        keys = [change.key for change in changes]
        seen, _ = self._read(session.host, keys)
        for item in seen.values():
            if isinstance(item.resource, Check) and item.resource.finding:
                what = f"{item.resource.title()}: {item.resource.finding}"
                raise CommandFailed(what, system=SYSTEM, address=session.client.address)

    # -- beside resources ---------------------------------------------------------------------------

    def job_output(self, host: str, job: str, offset: int = 0) -> Progress:
        """How far a job is, and what it wrote from an offset on.

        Raises:
            Missing: there is no such job.
        """
        return self._session(host).supervisor.read(job, offset)

    def packed(self, host: str, directory: str) -> bytes:
        """A directory with all that lies in it, as a tar archive (gzip): what has to be kept safe.

        It may hold secrets, so it is nothing for the journal.
        """
        session = self._session(host)
        return session.client.run(PACK, session.base, directory)

    def _session(self, host: str) -> Session:
        client, options = self._fleet.client(host), self._options
        supervisor = Supervisor(
            client, options.base, sleep=self._sleep, poll=options.poll, silence=options.silence
        )
        return Session(client, supervisor, options.base, self._resolve, self._listener)


def _done(changes: Sequence[Change]) -> Iterator[Outcome]:
    for change in changes:
        result = Result.ADOPTED if change.action is Action.ADOPT else Result.APPLIED
        yield Outcome(key=change.key, result=result, more=change is not changes[-1])


def _all(changes: Sequence[Change], result: Result, reason: str) -> Iterator[Outcome]:
    for change in changes:
        yield Outcome(key=change.key, result=result, reason=reason, more=change is not changes[-1])
