"""A small ICP on a simulated site that answers on loopback, and commands in processes of their own."""

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from adapters.journal import SqlJournal
from adapters.simulated.serve import VCENTER_USER, serve
from adapters.simulated.site import USERNAME, SimulatedSite
from commands.simulate import PASSWORD_VARIABLE, overlay
from hopbook.engine.state import SiteState, fold
from hopbook.secret import Secret
from hopbook.site.load import read_site, to_document
from hopbook.site.model import Site
from tasks import files
from tests.contract.vsphere_wire import PROGRAM
from tests.flows.lab import Ended

CANARY, ADMIN = "canary-5b80e1c4-password", "Canary-7d3f-Console!1"
LONG = 120  # seconds; a command that takes as long hangs


def small() -> dict[str, Any]:
    """The example with one node of each role."""
    document: dict[str, Any] = to_document(read_site(files.site_path("example").read_bytes(), "example.yaml"))
    document["icp"]["install"]["profile"] = "small"
    document["icp"]["nodes"] = {
        "boot": ["192.168.20.9"],
        "master": ["192.168.20.11"],
        "proxy": ["192.168.20.21"],
        "worker": ["192.168.20.51"],
    }
    return document


@dataclass
class Wires:
    """A served site, and who works on it. A new one has a journal of its own."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.site.write_text(json.dumps(small()))  # JSON is YAML
        if not PROGRAM.exists():
            pytest.fail(f"{PROGRAM} is not there: make vcsim builds it")

    @property
    def site(self) -> Path:
        return self.folder / "site.yaml"

    @property
    def overlay(self) -> Path:
        return self.folder / "overlay.yaml"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def endpoints(self) -> Mapping[str, Any]:
        """What the overlay says."""
        found: Mapping[str, Any] = yaml.safe_load(self.overlay.read_text())["endpoints"]
        return found

    # -- commands -----------------------------------------------------------------------------------

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command in a process of its own."""
        environment = {
            "PYTHONPATH": str(files.ROOT),
            "HOPBOOK_HOME": str(self.home),
            PASSWORD_VARIABLE: CANARY,
            "ICP_ADMIN_PASSWORD": ADMIN,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "commands", *arguments],
            cwd=self.folder,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: "subprocess.Popen[str]") -> Ended:
        """What became of it."""
        out, err = process.communicate(timeout=LONG)
        self.said += [out, err]
        return Ended(process.returncode, out, err)

    def hopbook(self, *arguments: str) -> Ended:
        """A command from its start to its end."""
        return self.end(self.start(*arguments))

    def live(self, command: str, *options: str) -> Ended:
        """Plan or apply ICP."""
        return self.hopbook(*self.words(command), *options)

    def words(self, command: str) -> tuple[str, ...]:
        return command, "icp-install", "--site", str(self.site), "--overlay", str(self.overlay)

    def drift(self, *options: str) -> Ended:
        where = "--overlay", str(self.overlay), "--runbook", "icp-install"
        return self.hopbook("drift", str(self.site), *where, *options)

    # -- what is there ------------------------------------------------------------------------------

    def state(self) -> SiteState:
        with SqlJournal(self.home / "journal.db") as journal:
            return fold(journal.read("example"))

    def last_run(self) -> str:
        """The id of the newest apply."""
        return [run.id for run in self.state().runs.values() if run.started.mode == "apply"][-1]

    def nsx(self) -> httpx.Client:
        """Any other client of NSX."""
        return self._client("nsx", USERNAME)

    def vcenter(self) -> httpx.Client:
        """What stands beside the vCenter's SOAP."""
        return self._client("vsphere", VCENTER_USER)

    def _client(self, system: str, user: str) -> httpx.Client:
        endpoint = self.endpoints[system]
        trust = ssl.create_default_context(cafile=endpoint["ca_file"])
        return httpx.Client(base_url=endpoint["url"], verify=trust, auth=(user, CANARY), trust_env=False)

    def greeting(self) -> bytes:
        """What the published address of the boot node says first; nothing where it leads nowhere."""
        jump = self.endpoints["ssh"]["jump"]
        with socket.create_connection((jump["host"], jump["port"]), 20) as wire:
            return wire.recv(8)

    def dump(self) -> dict[str, Any]:
        """All of the site that others can see."""
        with self.nsx() as nsx, self.vcenter() as vcenter:
            lists = {path: nsx.get(path).raise_for_status().text for path in LISTS}
            machines = vcenter.get("/_control/machines").raise_for_status().json()
        return {"nsx": lists, "vcenter": machines, "ssh": self.greeting()}


LISTS = ("/api/2.0/vdn/virtualwires", "/api/4.0/edges")


@contextmanager
def simulated(folder: Path) -> Iterator[tuple[Wires, "subprocess.Popen[str]"]]:
    """`hopbook simulate` in a process of its own."""
    wires = Wires(folder)
    process = wires.start("simulate", str(wires.site), "--out", str(wires.overlay), "--vcenter", str(PROGRAM))
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        assert told.startswith("serving"), told + process.stderr.read()
        yield wires, process
    finally:
        process.terminate()
        wires.end(process)


@contextmanager
def served(folder: Path) -> Iterator[tuple[Wires, SimulatedSite]]:
    """The same in this process, so that a test can stop time in it."""
    wires = Wires(folder)
    world = SimulatedSite(Site.model_validate(small()), password=Secret(CANARY))
    with serve(world, folder / "tls", vcenter=PROGRAM) as found:
        wires.overlay.write_text(overlay(found))
        yield wires, world
