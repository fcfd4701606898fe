"""The simulated site's vCenter by SOAP: VMware's simulator in a process of its own, coupled to the site.

NSX's logical switches become port groups there before NSX answers that it made them. Which machines are
switched on is asked when somebody dials a host. So nobody waits for anything, and nothing is polled.
"""

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from adapters.simulated.machines import CORES, MANAGEMENT, MEMORY_MB, STORE_GIB, Body, Machines
from adapters.simulated.trust import Issued
from hopbook.errors import InvalidInput, Problem
from hopbook.secret import Secret
from hopbook.site.model import Site

_CALL = 20.0  # seconds
_END = 10.0


@dataclass
class Vcsim:
    """The program that `make vcsim` builds, while it runs.

    Attributes:
        url: Where it answers.
    """

    url: str
    process: "subprocess.Popen[str]" = field(repr=False)
    http: httpx.Client = field(repr=False)

    def ask(self, path: str, **what: Any) -> Any:
        """Ask its front for something beside SOAP; `adapters/vsphere/vcsim/front.go` lists what.

        Raises:
            httpx.HTTPError: it refuses, or is not there any more.
        """
        return self.http.post(f"/_control{path}", json=what).raise_for_status().json()

    def get(self, path: str) -> Any:
        """What its front tells."""
        return self.http.get(f"/_control{path}").raise_for_status().json()


@contextmanager
def running(
    program: Path, options: Mapping[str, str], issued: Issued, username: str, password: Secret
) -> Iterator[Vcsim]:
    """Run it while the context lasts. It ends with this process, however that ends.

    Args:
        program: The built program.
        options: Its flags: how its site is called.
        issued: What it shows as its certificate; its files go beside that.
        username: Who may log in.
        password: Likewise.

    Raises:
        InvalidInput: it cannot be started; says why.
    """
    server, folder = str(issued.server_file), issued.ca_file.parent
    flags = {"username": username, "tlscert": server, "tlskey": server, **options}
    command = [str(program), "-tied", *(f"-{name}={value}" for name, value in flags.items())]
    environment = {**os.environ, "VCSIM_PASSWORD": password.reveal(), "TMPDIR": str(folder)}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
    except OSError as error:
        raise _unusable(program, error.strerror or str(error)) from error
    try:
        url = process.stdout.readline().strip() if process.stdout is not None else ""
        if not url.startswith("https://"):
            raise _unusable(program, url or "it ended without a word")
        with httpx.Client(
            base_url=url,
            verify=issued.client(),
            auth=(username, password.reveal()),
            trust_env=False,
            timeout=_CALL,
        ) as http:
            yield Vcsim(url, process, http)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    """Its input ends, and so does it; one that does not is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _unusable(program: Path, why: str) -> InvalidInput:
    what = f"{program} does not serve vSphere ({why}); expected the program that `make vcsim` builds"
    return InvalidInput(Problem(what=what, where="--vcenter"))


def options_of(site: Site) -> dict[str, str]:
    """The vCenter that a site starts from, as the program's flags."""
    install = site.icp.install if site.icp is not None else None
    if install is None:
        return {}
    esxi = [host.name for host in site.vcs.esxi] if site.vcs is not None else []
    options = {
        "datacenter": install.datacenter,
        "cluster": install.cluster,
        "datastore": install.datastore,
        "template": install.template,
        "networks": MANAGEMENT,
        "folders": ",".join(_paths(install.folder)[:-1]),
        "pools": ",".join(_paths(install.resource_pool)),
        "cores": str(CORES),
        "memory": str(MEMORY_MB),
        "capacity": str(STORE_GIB),
    }
    return options | ({"hosts": ",".join(esxi)} if esxi else {})


def _paths(path: str) -> list[str]:
    """A path and all above it, the uppermost first."""
    parts = [part for part in path.split("/") if part]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


class Coupling:
    """What joins that vCenter to the simulated site. Safe to share between threads.

    While the program does not answer everything stays as it was seen last.
    """

    def __init__(self, vcsim: Vcsim, machines: Machines) -> None:
        self._vcsim, self._machines = vcsim, machines
        self._lock = threading.Lock()
        self._joined: frozenset[str] = frozenset()

    def join(self) -> None:
        """Let vCenter's port groups be those of NSX's switches now."""
        with self._lock:
            groups = frozenset(switch.port_group for switch in self._machines.switches().values())
            if groups == self._joined:
                return
            try:
                self._vcsim.ask("/switches", names=sorted(groups))
            except httpx.HTTPError:
                return
            self._joined = groups

    def refresh(self) -> None:
        """Let those hosts be up whose machines are switched on now."""
        with self._lock:
            try:
                found = self._vcsim.get("/guests")
            except httpx.HTTPError:
                return
            self._machines.become([_body(one) for one in found if one["on"] and one["address"]])


def _body(told: Mapping[str, Any]) -> Body:
    return Body(
        id=str(told["id"]),
        name=str(told["name"]),
        hostname=str(told["hostname"]),
        address=str(told["address"]),
        cpus=int(told["cpus"]),
        memory_mb=int(told["memory_mb"]),
        disks=tuple(int(size) for size in told["disks"]),
    )
