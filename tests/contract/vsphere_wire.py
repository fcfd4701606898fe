"""The tier of SOAP: VMware's own simulator on loopback, with TLS and a CA of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from adapters.simulated.trust import Issued, issue
from adapters.simulated.vcenter import Vcsim as Program
from adapters.simulated.vcenter import running
from adapters.vsphere.client import VsphereClient
from adapters.vsphere.provider import Patience, VsphereProvider
from adapters.vsphere.soap import SoapVcenter
from hopbook.resources.base import Key
from hopbook.secret import Secret
from tests.contract.vsphere_lab import CLUSTER, DC, NODES, OTHER, PLAIN, SITE, STORE, TEMPLATE, Lab

PROGRAM = Path(__file__).parents[2] / ".tools" / "vcsim"
USER, PASSWORD = "hopbook@vsphere.local", "v3ry-S&cret<!"
PORT_GROUPS: dict[Key | str, str] = {
    PLAIN: PLAIN,
    NODES: f"vxw-dvs-9-virtualwire-7-sid-5003-{NODES.name}",
    OTHER: f"vxw-dvs-9-virtualwire-8-sid-5004-{OTHER.name}",
}
_PATIENCE = Patience(call=20, task=20, guest=1)


@dataclass
class Vcsim:
    """VMware's simulator with our front: a `World`, and the wire to it."""

    program: Program
    issued: Issued
    guest_patience: float = _PATIENCE.guest
    waited: list[float] = field(default_factory=list)

    @property
    def ca_file(self) -> Path:
        """The CA to trust."""
        return self.issued.ca_file

    def client(self, password: str = PASSWORD, **how: Any) -> VsphereClient:
        """A client that trusts it, unless told otherwise."""
        trust = how or {"verify": self.issued.client()}
        return VsphereClient(
            self.program.url,
            USER,
            Secret(password),
            timeout=_PATIENCE.call,
            sleep=self.waited.append,
            **trust,
        )

    def lab(self, client: VsphereClient) -> Lab:
        """A provider by a client."""
        vcenter = SoapVcenter(client, patience=_PATIENCE)
        return Lab(self, VsphereProvider(vcenter, site=SITE, hosts=["esx-1"], patience=_PATIENCE))

    def fault(self, method: str, action: str, *, count: int = 1, fault: str = "") -> None:
        """The next calls of a method go wrong."""
        self.program.ask("", method=method, action=action, count=count, fault=fault)

    def expire(self) -> None:
        """Every session ends."""
        self.program.ask("/expire")

    def release(self) -> None:
        """What is held takes effect now."""
        self.program.ask("/release")

    # -- World --------------------------------------------------------------------------------------

    def by_hand(self, vm: str, *, folder: str = "", network: Key | str = PLAIN) -> str:
        return str(self.program.ask("/machine", name=vm, folder=folder, network=PORT_GROUPS[network]))

    def many(self, count: int) -> None:
        self.program.ask("/machine", name="theirs", network=PORT_GROUPS[PLAIN], count=count)

    def lose(self, method: str) -> None:
        self.fault(method, "drop-after")

    def refuse(self, method: str) -> None:
        self.fault(method, "error")

    def break_off(self, method: str) -> None:
        self.fault(method, "half")

    def fill(self, method: str) -> None:
        self.fault(method, "error", fault="NoDiskSpace")

    def silence(self, vm: str) -> None:
        self.program.ask("/silence", name=vm)

    def hold(self, method: str) -> Callable[[], None]:
        self.fault(method, "hold")
        return self.release

    def calls(self) -> list[str]:
        found: list[str] = self.program.get("/calls")
        return found

    def machines(self) -> dict[str, Any]:
        found: dict[str, Any] = self.program.get("/machines")
        return found


@contextmanager
def vcsim(folder: Path) -> Iterator[Vcsim]:
    """Run it while the context lasts."""
    if not PROGRAM.exists():
        pytest.fail(f"{PROGRAM} is not there: make vcsim builds it")
    issued = issue(folder)
    options = {
        "datacenter": DC,
        "cluster": CLUSTER,
        "datastore": STORE,
        "template": TEMPLATE,
        "networks": ",".join(PORT_GROUPS.values()),
    }
    with running(PROGRAM, options, issued, USER, Secret(PASSWORD)) as program:
        yield Vcsim(program, issued)
