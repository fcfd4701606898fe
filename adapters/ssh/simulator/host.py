"""The state of one simulated host.

It begins as a machine does that was just cloned from a plain Ubuntu 16.04 template with Docker on it; what
makes it worse (a small disk, a busy port, a clock that is off) is set on it.
"""

import hashlib
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from uuid import uuid4

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.ssh.simulator.files import Files
from adapters.ssh.simulator.jobs import SimulatedJob
from adapters.ssh.simulator.proxies import Program, Via, by_environment, docker_environment, via


class Reach(Protocol):
    """Who says whether packets get through."""

    def __call__(self, host: str, to: str, port: int, via: Via | None = None, /) -> str:
        """Whether a host reaches a name or address on a port, itself or by a web proxy.

        Empty where it does, else why not, for people.
        """


def _everywhere(_host: str, _to: str, _port: int, _via: Via | None = None, /) -> str:
    return ""


@dataclass(slots=True)
class Unit:
    """A systemd unit."""

    running: bool = True
    enabled: bool = True


@dataclass(slots=True)
class User:
    """A user; `sudo` says whether they become root without a password."""

    uid: int
    home: str
    sudo: bool = True


@dataclass(slots=True)
class Docker:
    """A Docker daemon; images by tag. `environment` is what it was told when it started."""

    version: str = "18.03.1-ce"
    driver: str = "overlay2"
    bridge: str = "172.17.0.1/16"
    images: set[str] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Offer:
    """A package that a repository has, and the units that come with it."""

    version: str
    units: tuple[str, ...] = ()
    pythons: tuple[tuple[str, str], ...] = ()


def _offers() -> dict[str, Offer]:
    plain = ("thin-provisioning-tools", "lvm2", "python-yaml", "nfs-common", "socat", "curl")
    return {
        **{name: Offer("1.0-1ubuntu1") for name in plain},
        "chrony": Offer("2.1.1-1ubuntu0.1", units=("chrony",)),
        "ntp": Offer("1:4.2.8p4+dfsg-3ubuntu5", units=("ntp",)),
        "python": Offer("2.7.12-1~16.04", pythons=(("python", "2.7.12"),)),
    }


def _units() -> dict[str, Unit]:
    return {"ssh": Unit(), "docker": Unit(), "ufw": Unit(running=False, enabled=False)}


def host_key() -> paramiko.PKey:
    """A new host key."""
    return paramiko.Ed25519Key(file_obj=io.StringIO(private_key()))


def private_key() -> str:
    """A new private key, as OpenSSH writes it."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        .decode()
    )


@dataclass(slots=True)
class SimulatedHost:
    """One host.

    Attributes:
        up: Whether it answers at all.
        clock: Seconds that its clock is ahead.
        disks: Size and free room in kB, by mount point.
        latency: Seconds that each command takes before it is carried out.
        reach: Asked for everything that it would fetch over a network.
        mirror: Where its package manager looks.
        rounds: Round trip times in ms, by address; others are not answered.
    """

    name: str
    address: str
    hostname: str = ""
    os: tuple[str, str] = ("ubuntu", "16.04")
    up: bool = True
    clock: float = 0.0
    cpus: int = 8
    memory: int = 32 * 2**20
    swap: int = 0
    pythons: dict[str, str] = field(default_factory=dict)
    disks: dict[str, tuple[int, int]] = field(default_factory=lambda: {"/": (500_000_000, 400_000_000)})
    addresses: dict[str, str] = field(default_factory=dict)
    listens: set[int] = field(default_factory=lambda: {22})
    parameters: dict[str, str] = field(
        default_factory=lambda: {
            "vm.max_map_count": "65530",
            "net.ipv4.ip_local_port_range": "32768\t60999",
        }
    )
    packages: dict[str, str] = field(default_factory=lambda: {"openssh-server": "1:7.2p2-4ubuntu2.4"})
    offers: dict[str, Offer] = field(default_factory=_offers)
    units: dict[str, Unit] = field(default_factory=_units)
    docker: Docker | None = field(default_factory=Docker)
    users: dict[str, User] = field(default_factory=lambda: {"root": User(0, "/root")})
    password: str = field(default="simulated", repr=False)
    files: Files = field(default_factory=Files)
    jobs: dict[str, SimulatedJob] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    rounds: dict[str, float] = field(default_factory=dict)
    latency: float = 0.0
    reach: Reach = _everywhere
    mirror: str = "archive.ubuntu.com"
    boot: str = field(default_factory=lambda: str(uuid4()))
    key: paramiko.PKey = field(default_factory=host_key)
    lock: threading.RLock = field(default_factory=threading.RLock)
    late: list["Late"] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give it its name and the file that a template leaves behind."""
        self.hostname = self.hostname or self.name
        self.addresses = self.addresses or {"lo": "127.0.0.1/8", "eth0": f"{self.address}/24"}
        hosts = f"127.0.0.1 localhost\n127.0.1.1 {self.hostname}\n"
        if self.files.get("/etc/hosts") is None:
            self.files.write("/etc/hosts", hosts)
            self.files.write("/etc/sysctl.conf", "# Kernel parameters\n")

    # -- what happens to it -------------------------------------------------------------------------

    def add_user(self, name: str, *, sudo: bool = True) -> None:
        """Give it one more user."""
        self.users[name] = User(1000 + len(self.users), f"/home/{name}", sudo)
        self.files.make(f"/home/{name}", 0o755, name, name)

    def restart(self) -> None:
        """Everything that ran is gone; the clock, files and settings stay."""
        with self.lock:
            self.boot = str(uuid4())
            self.kill_jobs()

    def kill_jobs(self) -> None:
        """Somebody kills every job with its supervisor."""
        with self.lock:
            for job in self.jobs.values():
                job.kill()

    # -- what it knows of itself --------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """What a run made of it, without its jobs: equal before and after what is undone."""
        with self.lock:
            return {
                "files": {
                    path: (node.content, f"{node.mode:o}", f"{node.owner}:{node.group}")
                    for path, node in sorted(self.files.nodes.items())
                },
                "packages": dict(self.packages),
                "parameters": dict(self.parameters),
                "units": {name: (unit.running, unit.enabled) for name, unit in self.units.items()},
                "docker": self.docker and replace(self.docker, images=set(self.docker.images)),
                "listens": set(self.listens),
            }

    def resolved(self) -> list[str]:
        """The addresses that its own name leads to, by `/etc/hosts`."""
        lines = [line.split() for line in self.files.text("/etc/hosts").splitlines()]
        found = [words[0] for words in lines if self.hostname in words[1:] and not words[0].startswith("#")]
        return sorted(set(found[:1] if found else []))

    def room(self, path: str) -> tuple[int, int]:
        """The disk that a path lies on."""
        mounts = [mount for mount in self.disks if f"{path}/".startswith(f"{mount.rstrip('/')}/")]
        return self.disks[max(mounts, key=len)]

    def sum_of(self, path: str) -> str:
        """A file's SHA-256; one that only counts as large has the one that it was given."""
        return self.sums.get(path) or hashlib.sha256(self.files.read(path) or b"").hexdigest()

    def fetches(self, program: Program, to: str, port: int) -> str:
        """Whether a program gets to a name or address: empty where it does, else why not."""
        return self.reach(self.name, to, port, via(self.files, program, to))

    def docker_fetches(self, to: str, port: int) -> str:
        """The same of Docker."""
        told = self.docker.environment if self.docker is not None else {}
        return self.reach(self.name, to, port, by_environment(told, to))

    def docker_starts(self) -> None:
        """Docker reads its files."""
        if self.docker is not None:
            told = json.loads(self.files.text("/etc/docker/daemon.json") or "{}")
            self.docker.bridge = told.get("bip", self.docker.bridge)
            self.docker.driver = told.get("storage-driver", self.docker.driver)
            self.docker.environment = docker_environment(self.files)

    def docker_runs(self) -> bool:
        """Whether there is a Docker daemon that answers."""
        unit = self.units.get("docker")
        return self.docker is not None and unit is not None and unit.running


@dataclass(slots=True)
class Late:
    """Something that a host does only some reads later."""

    reads: int
    act: Callable[[], object]
