"""Two hosts and a provider that reaches them, and the words that the contract is written in."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import paramiko

from adapters.ssh.client import Dial, Login, Timeouts
from adapters.ssh.fleet import Fleet
from adapters.ssh.provider import Options, SshProvider
from adapters.ssh.provider.jobs import spec_of
from adapters.ssh.simulator import SimulatedHost, SimulatedHosts, archive, private_key
from adapters.ssh.supervisor import Supervisor
from adapters.ssh.trust import HostKeys
from hopbook.engine.change import Action, Change, Observation, Outcome, Result, Scope, Submitted
from hopbook.engine.plan import field_changes
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.resources.host import Job
from hopbook.secret import Secret
from tests.contract import ssh_programs
from tests.contract.ssh_line import Line

PASSWORD = "n0-One-Gu3sses-it"
SECRET = "the-admin's $ecret"
HOMES = "/home"
HOST, SECOND = "master-1", "master-2"
LOGIN_KEY = private_key()
OTHER_KEY = private_key()
_TRIES = 400


def public(key: str) -> str:
    """The line of `authorized_keys` for a private key."""
    loaded = paramiko.Ed25519Key(file_obj=io.StringIO(key))
    return f"{loaded.get_name()} {loaded.get_base64()} contract"


class Box(Protocol):
    """A host as one who stands before it sees it."""

    def read(self, path: str) -> str | None:
        """A file's text."""

    def write(self, path: str, text: str) -> None:
        """Somebody else writes a file."""

    def names(self, path: str) -> list[str]:
        """What lies in a directory."""

    def possession(self, path: str) -> tuple[int, str, str]:
        """Mode, owner and group."""

    def parameter(self, name: str) -> str:
        """A kernel parameter as it is now."""

    def unit(self, name: str) -> tuple[bool, bool]:
        """Whether a unit runs and whether it is enabled."""

    def package(self, name: str) -> str:
        """An installed package's version, or nothing."""

    def images(self) -> set[str]:
        """Docker's images."""

    def archive(self, path: str, image: str, *, whole: bool = True) -> bytes:
        """Put an archive of one image on the host, or half of one; its bytes."""

    def offer(self, url: str, content: bytes) -> None:
        """Let the host find something at an address."""

    def cut_off(self) -> None:
        """Let nothing outside be reached from the host."""

    def kill_jobs(self) -> None:
        """Kill every job with its supervisor."""


@dataclass
class Secrets:
    """What the references of the contract mean."""

    values: dict[str, str] = field(
        default_factory=lambda: {
            "password": PASSWORD,
            "key": LOGIN_KEY,
            "other-key": OTHER_KEY,
            "admin": SECRET,
        }
    )

    def resolve(self, ref: SecretRef) -> Secret:
        return Secret(self.values[ref.name])


@dataclass
class Lab:
    """A fleet of two hosts.

    Attributes:
        boxes: The hosts, by name.
        logins: How they are reached.
        known: Their keys, as a `known_hosts`.
        wires: How a connection is made.
    """

    boxes: Mapping[str, Box]
    logins: tuple[Login, ...]
    known: str
    dial: Dial
    base: str
    secrets: Secrets = field(default_factory=Secrets)
    heard: list[tuple[Key, str]] = field(default_factory=list)
    fleets: list[Fleet] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    fleet: Fleet = field(init=False)
    provider: SshProvider = field(init=False)

    def __post_init__(self) -> None:
        self.fleet = self.new_fleet()
        self.provider = self.new_provider(self.fleet)

    @property
    def box(self) -> Box:
        """The first host."""
        return self.boxes[HOST]

    def login(self, name: str = HOST, /, **changes: Any) -> Login:
        return replace(next(login for login in self.logins if login.name == name), **changes)

    def new_fleet(
        self,
        *logins: Login,
        keys: HostKeys | None = None,
        dial: Dial | None = None,
        timeouts: Timeouts | None = None,
    ) -> Fleet:
        """Clients of their own, with connections of their own."""
        fleet = Fleet(
            logins or self.logins,
            keys or HostKeys.read(self.known),
            self.secrets.resolve,
            dial=dial or self.dial,
            timeouts=timeouts or Timeouts(connect=10, command=20, idle=20),
        )
        self.fleets.append(fleet)
        return fleet

    def new_provider(self, fleet: Fleet, silence: float = 5.0) -> SshProvider:
        """As after a restart: nothing is known but what the hosts hold."""
        return SshProvider(
            fleet,
            resolve=self.secrets.resolve,
            listener=lambda key, text: self.heard.append((key, text)),
            options=Options(base=self.base, poll=0.02, silence=silence),
        )

    def line(self) -> Line:
        """A way to the hosts that can be cut."""
        self.lines.append(Line(self.dial))
        return self.lines[-1]

    def close(self) -> None:
        for line in self.lines:
            line.close()
        for fleet in self.fleets:
            fleet.close()

    # -- what is done and seen ----------------------------------------------------------------------

    def apply(
        self,
        *changes: Change,
        submitted: Callable[[Submitted], None] = lambda _: None,
        provider: SshProvider | None = None,
    ) -> list[Outcome]:
        return list((provider or self.provider).apply(changes, submitted))

    def done(self, *changes: Change) -> None:
        """Make changes so, and have all of them succeed."""
        outcomes = self.apply(*changes)
        bad = [item for item in outcomes if item.result in {Result.REFUSED, Result.UNKNOWN}]
        assert bad == [], bad
        assert [item.key for item in outcomes] == [change.key for change in changes]

    def done_in_part(self, job: Job) -> None:
        """Start a job as a runner does that is killed while it waits: it runs, and nobody waits for it."""
        supervisor = Supervisor(self.fleet.client(job.host), self.base, sleep=lambda _: None)
        supervisor.start(job.job, job.command, spec=spec_of(job), directory=job.directory)
        until(lambda: supervisor.read(job.job).output == b"one\n")

    def see(self, *keys: Key) -> Observation:
        return self.provider.observe(Scope(frozenset(keys)))

    def live(self, resource: Resource) -> Resource | None:
        """What is there under a resource's key."""
        found = self.see(resource.key).get(resource.key)
        return found.resource if found is not None else None

    def make(self, *wanted: Resource) -> None:
        """Make resources so, from what is there, as the engine would."""
        seen = self.see(*(item.key for item in wanted))
        changes = [change_to(item, seen) for item in wanted]
        self.done(*(change for change in changes if change is not None))


def change_to(wanted: Resource, seen: Observation) -> Change | None:
    """The change from what is there to what is wanted; None where there is nothing to do."""
    found = seen.get(wanted.key)
    if found is None:
        return create(wanted)
    fields = field_changes(found.resource, wanted, found.unreadable)
    return update(found.resource, wanted) if fields else None


def create(resource: Resource) -> Change:
    return Change(action=Action.CREATE, key=resource.key, after=resource)


def update(before: Resource, after: Resource) -> Change:
    return Change(
        action=Action.UPDATE,
        key=after.key,
        before=before,
        after=after,
        fields=field_changes(before, after),
    )


def delete(resource: Resource) -> Change:
    return Change(action=Action.DELETE, key=resource.key, before=resource)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    moment = threading.Event()
    for _ in range(_TRIES):
        if condition():
            return
        moment.wait(0.02)
    raise AssertionError("it never came true")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# -- the simulated tier -------------------------------------------------------------------------


@dataclass
class SimulatedBox:
    """A simulated host."""

    host: SimulatedHost

    def read(self, path: str) -> str | None:
        content = self.host.files.read(path)
        return None if content is None else content.decode()

    def write(self, path: str, text: str) -> None:
        node = self.host.files.get(path)
        if node is None:
            self.host.files.write(path, text)
        else:
            node.content = text.encode()

    def names(self, path: str) -> list[str]:
        return sorted(item.rpartition("/")[2] for item in self.host.files.within(path))

    def possession(self, path: str) -> tuple[int, str, str]:
        node = self.host.files.nodes[path]
        return node.mode, node.owner, node.group

    def parameter(self, name: str) -> str:
        return self.host.parameters[name]

    def unit(self, name: str) -> tuple[bool, bool]:
        unit = self.host.units[name]
        return unit.running, unit.enabled

    def package(self, name: str) -> str:
        return self.host.packages.get(name, "")

    def images(self) -> set[str]:
        assert self.host.docker is not None
        return self.host.docker.images

    def archive(self, path: str, image: str, *, whole: bool = True) -> bytes:
        content = archive(image)[: None if whole else 600]
        self.host.files.write(path, content)
        return content

    def offer(self, url: str, content: bytes) -> None:
        self.host.files.write(f"/.downloads/{url}", content)

    def cut_off(self) -> None:
        self.host.reach = lambda _host, _to, _port, _via=None: "no route"

    def kill_jobs(self) -> None:
        self.host.kill_jobs()


def simulated_world() -> SimulatedHosts:
    """Two hosts that know the contract's programs and users."""
    world = SimulatedHosts()
    ssh_programs.teach(world.programs)
    for number, name in enumerate((HOST, SECOND), 11):
        host = world.add(SimulatedHost(name, f"192.168.20.{number}", password=PASSWORD))
        host.users = dict(host.users)
        for user in ("ops", "asks"):
            host.add_user(user, sudo=user == "ops")
        for home in ("/root", f"{HOMES}/ops", f"{HOMES}/asks"):
            host.files.write(f"{home}/.ssh/authorized_keys", f"{public(LOGIN_KEY)}\n", 0o600)
    return world


def logins_of(places: Mapping[str, tuple[str, int]]) -> tuple[Login, ...]:
    return tuple(
        Login(name=name, address=address, port=port, key=SecretRef("lab", "key"))
        for name, (address, port) in places.items()
    )


def in_process() -> Iterator[Lab]:
    """Simulated hosts over socket pairs."""
    world = simulated_world()
    places = {name: (host.address, 22) for name, host in world.hosts.items()}
    boxes = {name: SimulatedBox(host) for name, host in world.hosts.items()}
    lab = Lab(boxes, logins_of(places), world.known_hosts(), world.dial, "/var/lib/hopbook")
    yield lab
    lab.close()
