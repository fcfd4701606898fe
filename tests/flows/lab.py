"""A simulated site on loopback, and the command line in this process or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from adapters.journal import SqlJournal
from adapters.simulated.serve import Served
from adapters.simulated.site import USERNAME, SimulatedSite
from commands.app import run
from commands.simulate import overlay
from hopbook.engine.events import Event
from hopbook.engine.state import SiteState, fold
from tasks import files

CANARY = "canary-7c1f0d52-password"
SECONDS = 0.6  # until an answer counts as lost


@dataclass
class Ended:
    """A command that ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Lab:
    """A served simulated site and the command line pointed at it."""

    folder: Path
    world: SimulatedSite
    served: Served
    capture: Callable[[], tuple[str, str]]
    site: str = "example"
    program: str = "commands"  # whose `-m` is the command line in a process of its own
    overlay: Path = field(init=False)

    def __post_init__(self) -> None:
        text = yaml.safe_load(overlay(self.served))
        text["endpoints"]["nsx"] |= {"timeout": SECONDS, "deploy_timeout": SECONDS}
        self.overlay = self.served.ca_file.with_name("overlay.yaml")
        self.overlay.write_text(yaml.safe_dump(text))

    def hopbook(self, *arguments: str) -> Ended:
        """Run a command in this process."""
        self.capture()
        status = run(list(arguments))
        return Ended(status, *self.capture())

    def live(self, command: str, *options: str) -> Ended:
        """Run plan or apply of icp-network against the served site."""
        return self.hopbook(
            command, "icp-network", "--site", self.site, "--overlay", str(self.overlay), *options
        )

    def drift(self, *options: str) -> Ended:
        return self.hopbook("drift", self.site, "--overlay", str(self.overlay), *options)

    def process(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", self.program, *arguments],
            cwd=files.ROOT,
            env=os.environ | {"PYTHONPATH": str(files.ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, method: str, path: str, body: str = "") -> httpx.Response:
        """What any other client of NSX does: straight to the manager."""
        with httpx.Client(
            transport=httpx.MockTransport(self.world.nsx.handle),
            base_url="https://nsx.simulated",
            auth=(USERNAME, CANARY),
        ) as client:
            response = client.request(
                method, path, content=body or None, headers={"Content-Type": "application/xml"}
            )
        response.raise_for_status()
        return response

    def state(self) -> SiteState:
        """What the journal says."""
        with SqlJournal(files.home() / "journal.db") as journal:
            return fold(journal.read("example"))

    def events(self) -> Sequence[Event]:
        """What the journal holds."""
        with SqlJournal(files.home() / "journal.db") as journal:
            return [recorded.event for recorded in journal.read("example")]

    def last_run(self, mode: str = "apply") -> str:
        """The id of the newest run of a mode."""
        return [run.id for run in self.state().runs.values() if run.started.mode == mode][-1]
