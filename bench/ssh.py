"""SSH: preparing many simulated hosts against preparing one, where each command takes 20 ms.

The hosts run in a process of their own: their work is not ours.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.journal import SqlJournal
from adapters.ssh.client import Login
from adapters.ssh.fleet import Fleet
from adapters.ssh.provider import SshProvider
from adapters.ssh.simulator import SimulatedHost, SimulatedHosts
from adapters.ssh.trust import HostKeys
from adapters.wiring import SystemClock, any_secret
from bench.measure import Figure, ratio, stopwatch
from hopbook.engine.change import Scope
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import Step
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.hosts import checks
from hopbook.resources.base import Resource, SecretRef
from hopbook.resources.host import AuthorizedKey, Block, Check, File, Line, Package, Service, Sysctl
from hopbook.secret import Secret

LATENCY = 0.02
MANY = 20
PACKAGES = ("python", "python-yaml", "thin-provisioning-tools", "lvm2", "nfs-common", "chrony")


@contextmanager
def served(hosts: int) -> Iterator[Fleet]:
    """So many new hosts in a process of their own, as `hopbook simulate` serves them, and their clients."""
    command = [sys.executable, "-m", "bench.ssh", str(hosts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdin is None or server.stdout is None:
            message = "the simulated hosts have no pipes"
            raise AssertionError(message)
        places = json.loads(server.stdout.readline())
        logins = [
            Login(name=name, address=address, port=port, password=SecretRef("bench", "host"))
            for name, (address, port, _) in places.items()
        ]
        pins = {name: [key] for name, (_, _, key) in places.items()}
        fleet = Fleet(logins, HostKeys.read("", pins), lambda _ref: Secret("simulated"))
        yield fleet
        fleet.close()
        server.stdin.close()


def serve(hosts: int) -> None:
    """Serve so many new hosts until standard input ends."""
    world = SimulatedHosts()
    for number in range(hosts):
        world.add(SimulatedHost(f"node-{number}", f"192.168.20.{10 + number}", latency=LATENCY))
    with world.serve() as places:
        keys = {name: f"{host.key.get_name()} {host.key.get_base64()}" for name, host in world.hosts.items()}
        print(json.dumps({name: (*place, keys[name]) for name, place in places.items()}), flush=True)
        sys.stdin.read()


def wanted(host: str) -> Iterator[Resource]:
    """What ICP wants of a node before it is installed."""
    yield Line(host=host, path="/etc/hosts", word="127.0.1.1", text=None)
    yield Block(host=host, path="/etc/hosts", label="icp", lines=(f"192.168.20.10 {host}",))
    yield AuthorizedKey(host=host, user="root", label="boot", public_key="ssh-rsa AAAA")
    yield Sysctl(host=host, parameter="vm.max_map_count", value="262144", minimum=True)
    yield Sysctl(host=host, parameter="net.ipv4.ip_local_port_range", value="10240 60999")
    yield from (Package(host=host, package=package) for package in PACKAGES)
    yield Service(host=host, service="ufw", running=False, enabled=False)
    yield File(host=host, path="/etc/docker/daemon.json", content='{"bip": "172.18.0.1/16"}\n')
    for requirement in (
        checks.os_release(("ubuntu", "16.04"), ("rhel", "7")),
        checks.cpus(2),
        checks.memory(4),
        checks.disk("/var/lib/docker", 100),
        checks.docker("18.03.1"),
        checks.docker_bridge(IPv4Network("192.168.20.0/24")),
        checks.free_ports(*checks.INSTALL_PORTS),
        checks.no_firewall(),
    ):
        yield Check(host=host, requirement=requirement)


def prepare(hosts: int) -> float:
    """Seconds of preparing so many hosts, by the engine, on a journal on disk."""
    clock, ids = SystemClock(), count()
    with (
        served(hosts) as fleet,
        TemporaryDirectory() as folder,
        SqlJournal(Path(folder) / "journal.db") as journal,
    ):
        writer = Writer(journal, "bench", "r-1", "bench", clock, lambda: f"{next(ids):032}")
        writer.append(RunStarted(mode="apply", runbook="bench", parameters={}, site_document="", inputs={}))
        runner = Runner(
            providers=(SshProvider(fleet, resolve=any_secret),),
            writer=writer,
            clock=clock,
            instance="bench",
            secret_digest=lambda _ref: "",
        )
        step = Step("s", "t", "S1", tuple(item for name in fleet.clients for item in wanted(name)))
        with stopwatch() as watch:
            runner.take(step)
    return watch.seconds


def observe_rounds(hosts: int) -> int:
    """Commands that one host is given to be read."""
    world = SimulatedHosts()
    for number in range(hosts):
        world.add(SimulatedHost(f"node-{number}", f"192.168.20.{10 + number}"))
    fleet = world.fleet([Login(name=host.name, address=host.address) for host in world.hosts.values()])
    keys = frozenset(item.key for name in fleet.clients for item in wanted(name))
    SshProvider(fleet, resolve=any_secret).observe(Scope(keys))
    fleet.close()
    return max(world.calls.count(call) for call in set(world.calls))


def figures() -> Iterator[Figure]:
    """SSH's figures."""
    rounds = observe_rounds(MANY)
    yield Figure("commands to read all that ICP wants of a host", str(rounds), "1", rounds == 1)
    growth = ratio(lambda: prepare(MANY), lambda: prepare(1), 5)
    yield Figure(
        f"preparing {MANY} hosts / preparing one, 20 ms a command",
        f"{growth:.1f}",
        "at most 2.5",
        growth <= 2.5,
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]))
