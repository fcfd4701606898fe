"""Simulated ICP: what the installer's image, `kubectl` and the console do on simulated hosts.

They are programs of those hosts (`Programs.add`): they print what the real ones print and change what the
real ones change. What the installer finds wrong (a name that leads to 127.0.1.1, a taken port, a key that a
node does not know, a registry that cannot be reached) it finds in the hosts' own state; what ICP is known to
fail at by itself is asked for (`fail_next`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address
from typing import Any

from adapters.icp.simulator import shell
from adapters.icp.simulator.cluster import SimulatedCluster
from adapters.icp.simulator.installing import Run
from adapters.icp.simulator.trouble import TROUBLES, Trouble
from adapters.ssh.simulator import Call, Programs, SimulatedHost, Steps
from adapters.ssh.simulator.programs import pull
from hopbook.icp.smoke import CONSOLE_PORT

__all__ = ["SimulatedCluster", "SimulatedIcp", "Trouble"]

_INCEPTION = "icp-inception"
_REFUSED = 7  # curl: no connection
_WRONG = 2


class SimulatedIcp:
    """ICP on the simulated hosts of one site.

    Args:
        hosts: Every host by name; looked at anew each time, so hosts may come and go.

    Attributes:
        cluster: What is installed.
        waits: Asked before each task of the installer, and again at each look, whether it has to wait.
    """

    def __init__(self, hosts: Mapping[str, SimulatedHost]) -> None:
        self._hosts = hosts
        self.cluster = SimulatedCluster()
        self.waits: Callable[[str], bool] = lambda _task: False
        self._trouble: list[Trouble] = []

    def fail_next(self, trouble: str) -> None:
        """Let the installer's next run fail so; an id of `TROUBLES`.

        Raises:
            ValueError: there is no such trouble.
        """
        if trouble not in TROUBLES:
            message = f"there is no trouble {trouble!r}; known: {', '.join(TROUBLES)}"
            raise ValueError(message)
        self.ask_for(TROUBLES[trouble])

    def ask_for(self, trouble: Trouble) -> None:
        """Let the installer's next run fail in this way."""
        self._trouble.append(trouble)

    def teach(self, programs: Programs) -> None:
        """Let the hosts run ICP's programs and what its steps call."""
        programs.add(lambda command: tuple(command[:2]) == ("docker", "run"), self._docker_run)
        programs.add(lambda command: tuple(command[:1]) == ("kubectl",), self._kubectl)
        programs.add(lambda command: tuple(command[:1]) == ("curl",), self._curl)
        shell.teach(programs)

    # -- docker run ---------------------------------------------------------------------------------

    def _docker_run(self, call: Call) -> Steps:
        """The installer's image: its own commands, and copying out of it."""
        image = next((word for word in call.command if _INCEPTION in word), "")
        host = call.host
        if not image or not host.docker_runs() or host.docker is None:
            yield "docker: Cannot connect to the Docker daemon.\r\n"
            return 125
        if image not in host.docker.images:
            status = yield from pull(Call(host, ("docker", "pull", image), "/", {}))
            if status:
                return 125
        if "LICENSE=accept" not in call.command:
            yield "The license has to be accepted: -e LICENSE=accept\r\n"
            return _WRONG
        before, after = _split(call.command, image)
        if after[:1] == ("cp",):
            yield from _copy_out(host, _mount(before, "/data"), after)
            return 0
        return (yield from self._run(host, _mount(before, "/installer/cluster"), after))

    def _run(self, host: SimulatedHost, folder: str, words: Sequence[str]) -> Steps:
        only = words[words.index("-l") + 1].split(",") if "-l" in words else []
        run = Run(
            boot=host,
            folder=folder,
            hosts={IPv4Address(each.address): each for each in self._hosts.values()},
            cluster=self.cluster,
            only=tuple(map(IPv4Address, only)),
            trouble=self._trouble.pop(0) if self._trouble and words[0] != "uninstall" else None,
            waits=self.waits,
        )
        return (yield from run.uninstall() if words[0] == "uninstall" else run.install())

    # -- asking the cluster -------------------------------------------------------------------------

    def _kubectl(self, call: Call) -> Steps:
        words = [word for word in call.command[1:] if not word.startswith("--")]
        if call.host.files.get("/usr/local/bin/kubectl") is None:
            yield "kubectl: not found\n"
            return 127
        if self.cluster.config is None:
            yield "The connection to the server was refused - did you specify the right host or port?\n"
            return 1
        match words:
            case ["get", "nodes", *_]:
                yield json.dumps({"items": [self._node(address) for address in self.cluster.roles]})
            case ["get", "configmap", *_]:
                yield json.dumps({"data": self._info()})
            case ["delete", "node", address, *_]:
                self.cluster.roles.pop(IPv4Address(address), None)
                yield f'node "{address}" deleted\n'
            case ["drain", address, *_]:
                yield f"node/{address} drained\n"
            case _:
                yield f"error: unknown command {words[:1]}\n"
                return 1
        return 0

    def _node(self, address: IPv4Address) -> dict[str, Any]:
        host = next((each for each in self._hosts.values() if each.address == str(address)), None)
        ready = host is not None and host.up and address not in self.cluster.unready
        return {
            "metadata": {"name": str(address)},
            "status": {
                "addresses": [{"type": "InternalIP", "address": str(address)}],
                "conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}],
            },
        }

    def _info(self) -> dict[str, str]:
        config = self.cluster.config
        if config is None:
            return {}
        return {
            "cluster_name": config.cluster_name,
            "cluster_address": config.cluster_lb_address or str(config.cluster_vip),
            "proxy_address": config.proxy_lb_address or str(config.proxy_vip),
            "cluster_router_https_port": str(config.router_https_port),
        }

    def _curl(self, call: Call) -> Steps:
        """The console, by the virtual address that the call resolves its name to."""
        resolved = call.command[call.command.index("--resolve") + 1] if "--resolve" in call.command else ""
        config = self.cluster.config
        at = f":{CONSOLE_PORT}:{config.cluster_vip}" if config is not None else ""
        if not at or not resolved.endswith(at):
            yield "curl: (7) Failed to connect: Connection refused\n"
            return _REFUSED
        yield str(self.cluster.console)
        return 0


def _split(command: Sequence[str], image: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    at = command.index(image)
    return tuple(command[:at]), tuple(command[at + 1 :])


def _mount(options: Sequence[str], inside: str) -> str:
    """What of the host is mounted there."""
    mounts = [word for word in options if word.endswith(f":{inside}")]
    return mounts[0].removesuffix(f":{inside}") if mounts else "/"


def _copy_out(host: SimulatedHost, folder: str, words: Sequence[str]) -> Iterator[str]:
    """`cp` in the image: the skeleton of the cluster folder, or a program."""
    if words[1] == "-r":
        skeleton = {"config.yaml": "network_type: calico\n", "hosts": "[master]\n", "ssh_key": " "}
        for name, text in skeleton.items():
            host.files.write(f"{folder}/cluster/{name}", text, 0o400 if name == "ssh_key" else 0o644)
        host.files.make(f"{folder}/cluster/misc")
    else:
        name = words[-2].rpartition("/")[2]
        host.files.write(f"{folder}/{name}", f"simulated {name}\n", 0o755)
    yield ""
