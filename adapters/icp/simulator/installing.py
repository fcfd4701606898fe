"""The installer's plays, done to simulated hosts.

It is a generator: each look at the job takes it one task further, and when it is killed nothing is tidied up,
so its lock stays, as it does in earnest.
"""

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from adapters.icp.simulator.ansible import Talk
from adapters.icp.simulator.cluster import SimulatedCluster
from adapters.icp.simulator.trouble import Trouble
from adapters.ssh.simulator import WAITING, SimulatedHost, Steps
from adapters.ssh.simulator.programs import registry_of
from hopbook.errors import InvalidInput
from hopbook.hosts.checks import INSTALL_PORTS
from hopbook.icp import config, inventory
from hopbook.icp.config_keys import Config
from hopbook.icp.inventory import Groups

FATAL = "FATAL ERROR OCCURRED DURING INSTALLATION :-(\r\n"
_SSH, _HTTPS = 22, 443
_LOCK = ".install.lock"
_IMAGE = "ibmcom/icp-inception"
_PLACEHOLDER = 2  # bytes: what the skeleton has for a key


_Step = Callable[[], tuple[str, bool]]
_Wrong = Callable[[SimulatedHost, IPv4Address], str]


@dataclass(slots=True)
class Run:
    """One run of the installer.

    Attributes:
        boot: Where it runs.
        folder: The cluster folder on that host.
        hosts: Every simulated host by address.
        only: The addresses that `-l` names; empty: all.
        trouble: What ICP fails at this time.
        waits: Asked before each task whether it has to wait.
    """

    boot: SimulatedHost
    folder: str
    hosts: Mapping[IPv4Address, SimulatedHost]
    cluster: SimulatedCluster
    only: tuple[IPv4Address, ...] = ()
    trouble: Trouble | None = None
    waits: Callable[[str], bool] = lambda _task: False
    talk: Talk = field(default_factory=Talk)

    # -- what is run --------------------------------------------------------------------------------

    def install(self) -> Steps:
        """Install the cluster, or with `only` make these nodes workers of it."""
        read = self._read()
        if isinstance(read, str):
            yield read + FATAL
            return 2
        keys, groups = read
        nodes = self._nodes(groups)
        for step in (*self._checks(nodes), *self._images(nodes)):
            text, fine = step()
            yield text
            if not fine:
                return (yield from self._failed(nodes))
        self.boot.files.write(f"{self.folder}/{_LOCK}", "")
        for play, task in _PLAYS:
            if play:
                yield self.talk.play(play)
            while self.waits(task):
                yield WAITING
            if self.trouble is not None and self.trouble.task == task:
                yield self.talk.failed(task, str(nodes[0]), self.trouble.said)
                return (yield from self._failed(nodes))
            yield self.talk.task(task, map(str, nodes), changed=True)
            if task == _MAKES:
                for address in nodes:
                    self.cluster.join(self.hosts[address], address, groups)
        yield from self._wait_for_pods(nodes)
        self.cluster.config = keys
        self._certificates()
        yield from self._done(keys)
        return 0

    def uninstall(self) -> Steps:
        """Take ICP off every node, or off those that `only` names."""
        read = self._read(strict=False)
        if isinstance(read, str):
            yield read + FATAL
            return 2
        nodes = self._nodes(read[1])
        yield self.talk.play("Uninstall")
        for address in nodes:
            host = self.hosts.get(address)
            if host is None or not host.up:
                yield self._unreachable(address)
                return (yield from self._failed(nodes))
        for address in nodes:
            self.cluster.leave(self.hosts[address], address)
            yield self.talk.task("cleanup : Removing ICP", [str(address)], changed=True)
        if not self.only:
            self.cluster.config = None
        self.boot.files.remove(f"{self.folder}/{_LOCK}")
        yield self.talk.recap() + _TOOK
        return 0

    # -- what is looked at first --------------------------------------------------------------------

    def _read(self, *, strict: bool = True) -> tuple[Config, Groups] | str:
        files = self.boot.files
        try:
            groups = inventory.parse(files.text(f"{self.folder}/hosts"))
            keys, document = config.parse(files.text(f"{self.folder}/{config.NAME}"))
            problems = [each for each in config.judge(keys, groups, document) if "password" not in each.where]
        except InvalidInput as error:
            groups, problems = {}, list(error.problems)
            keys = Config()
        if problems and strict:
            return self.talk.failed("check : Validating the configuration", "localhost", str(problems[0]))
        return keys, groups

    def _nodes(self, groups: Groups) -> list[IPv4Address]:
        found = dict.fromkeys(address for addresses in groups.values() for address in addresses)
        return [address for address in found if not self.only or address in self.only]

    def _checks(self, nodes: Sequence[IPv4Address]) -> Iterator[_Step]:
        yield lambda: (self.talk.play("Check nodes"), True)
        yield from (self._reached(address) for address in nodes)
        yield self._locked
        for task, wrong in (
            ("check : Validating Hostname is resolvable", _own_name),
            ("check : Validating ports", self._ports),
            ("check : Validating Docker", _no_docker),
        ):
            yield from (self._check(task, address, wrong) for address in nodes)

    def _reached(self, address: IPv4Address) -> _Step:
        def step() -> tuple[str, bool]:
            host = self.hosts.get(address)
            if host is None or not host.up or not self._let_in(host):
                return self._unreachable(address), False
            return self.talk.task("Gathering Facts", [str(address)]), True

        return step

    def _unreachable(self, address: IPv4Address) -> str:
        said = f"Failed to connect to the host via ssh: ssh: connect to host {address} port {_SSH}"
        return self.talk.failed("Gathering Facts", str(address), said, unreachable=True)

    def _let_in(self, host: SimulatedHost) -> bool:
        """Whether a node knows the public half of the key that lies in the cluster folder."""
        files = self.boot.files
        key = files.text(f"{self.folder}/ssh_key")
        if len(key) < _PLACEHOLDER:
            return False
        halves = [path for path in files.nodes if path.endswith(".pub") and files.text(path[:-4]) == key]
        public = [" ".join(files.text(path).split()[:2]) for path in halves]
        known = [
            " ".join(line.split()[:2])
            for user in host.users.values()
            for line in host.files.text(f"{user.home}/.ssh/authorized_keys").splitlines()
        ]
        return any(each in known for each in public)

    def _locked(self) -> tuple[str, bool]:
        if self.boot.files.get(f"{self.folder}/{_LOCK}") is not None and not self.only:
            said = "the lock file exists"
            return self.talk.failed("check : Creating the lock file", "localhost", said), False
        return self.talk.task("check : Creating the lock file", ["localhost"]), True

    def _check(self, task: str, address: IPv4Address, wrong: _Wrong) -> _Step:
        def step() -> tuple[str, bool]:
            why = wrong(self.hosts[address], address)
            if why:
                return self.talk.failed(task, str(address), why), False
            return self.talk.task(task, [str(address)]), True

        return step

    def _ports(self, host: SimulatedHost, address: IPv4Address) -> str:
        if address in self.cluster.roles:
            return ""  # its own, of a run before
        taken = sorted(port for port in host.listens if any(port in ports for ports in _PORTS))
        return f"port {taken[0]} is in use" if taken else ""

    # -- images -------------------------------------------------------------------------------------

    def _images(self, nodes: Sequence[IPv4Address]) -> Iterator[_Step]:
        yield lambda: (self.talk.play("Load images"), True)
        yield from (self._check("docker : Loading images", address, self._image) for address in nodes)

    def _image(self, host: SimulatedHost, _address: IPv4Address) -> str:
        """From the archive in the cluster folder, else from the registry."""
        archives = self.boot.files.within(f"{self.folder}/images")
        if archives:
            whole = _whole(self.boot.files.read(archives[0]) or b"")
            return "" if whole else "tar: Unexpected EOF in archive"
        registry = registry_of(_IMAGE)
        why = host.docker_fetches(registry, _HTTPS)
        if why:
            return f"Get https://{registry}/v2/: net/http: request canceled, timeout: {why}"
        return ""

    # -- how it ends --------------------------------------------------------------------------------

    def _failed(self, _nodes: Sequence[IPv4Address]) -> Steps:
        """It says so itself, and tidies its lock up."""
        self.boot.files.remove(f"{self.folder}/{_LOCK}")
        yield self.talk.recap() + FATAL
        return 2

    def _wait_for_pods(self, nodes: Sequence[IPv4Address]) -> Iterator[str]:
        yield self.talk.waiting("Waiting for the console to start", 99)
        yield self.talk.task("addon : Waiting for the console to start", [str(nodes[0])])

    def _certificates(self) -> None:
        for path in ("root-ca/ca.crt", "kubernetes/kubecfg.crt", "kubernetes/kubecfg.key"):
            self.boot.files.write(f"{self.folder}/cfc-certs/{path}", f"simulated {path}\n", 0o600)

    def _done(self, keys: Config) -> Iterator[str]:
        self.boot.files.remove(f"{self.folder}/{_LOCK}")
        address = keys.cluster_lb_address or keys.cluster_vip
        told = f"UI URL is https://{address}:{keys.router_https_port} , default username/password is ***"
        yield self.talk.task("POST DEPLOY MESSAGE", ["localhost"]) + f'    "msg": "{told}"\r\n'
        yield self.talk.recap() + _TOOK


_TOOK = "\r\nPlaybook run took 0 days, 0 hours, 31 minutes, 7 seconds\r\n"
_MAKES = "kubelet : Starting kubelet"
_PLAYS = (
    ("Prepare nodes", "docker : docker login"),
    ("", _MAKES),
    ("Deploy network", "network : Calico Validation - Finding MTU for the detected Interface(s)"),
    ("", "network : Waiting for configure-calico-mesh job to complete"),
    ("Deploy add-ons", "addon : Uploading helm charts"),
    ("", "addon : Waiting for auth-pdp to start"),
    ("", "addon : Waiting for management-ingress to start"),
)
_PORTS = [
    range(int(first), int(last or first) + 1) for first, _, last in (p.partition("-") for p in INSTALL_PORTS)
]


def _own_name(host: SimulatedHost, address: IPv4Address) -> str:
    found = host.resolved()
    if str(address) in found and not any(each.startswith("127.") for each in found):
        return ""
    return "configure your hostname to resolve to an externally reachable IP"


def _whole(content: bytes) -> bool:
    """Whether an archive can be unpacked to its end."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            return all(len(_content(archive, item)) == item.size for item in archive)
    except (tarfile.TarError, OSError):
        return False


def _content(archive: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    found = archive.extractfile(item)
    return found.read() if found is not None else b""


def _no_docker(host: SimulatedHost, _address: IPv4Address) -> str:
    return "" if host.docker_runs() else "Cannot connect to the Docker daemon"
