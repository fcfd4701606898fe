"""The tier in memory."""

from collections.abc import Callable
from typing import Any

from adapters.simulated.faults import Fault, Faults, parse_fault
from adapters.vsphere.provider import Patience, VsphereProvider
from adapters.vsphere.simulator import SimulatedVcenter
from hopbook.resources.base import Key
from tests.contract.vsphere_lab import CLUSTER, DC, NODES, OTHER, PLAIN, SITE, STORE, TEMPLATE, Lab


class Armed:
    """Faults that a test asks for when everything stands."""

    def __init__(self) -> None:
        self.faults = Faults()

    def arm(self, notation: str) -> None:
        self.faults = Faults([parse_fault(f"vsphere:{notation}")])

    def take(self, system: str, method: str, path: str) -> Fault | None:
        return self.faults.take(system, method, path)


class MemoryWorld:
    """`World` over a vCenter in memory."""

    guest_patience = 1.0

    def __init__(self) -> None:
        self.armed = Armed()
        self.vcenter = SimulatedVcenter(faults=self.armed)
        state = self.vcenter.state
        state.add_datacenter(DC)
        state.add_cluster(DC, CLUSTER)
        state.add_datastore(DC, STORE)
        self.networks: dict[Key | str, str] = {PLAIN: state.add_network(DC, PLAIN)}
        self.networks |= {switch: state.add_switch(DC, switch.name) for switch in (NODES, OTHER)}
        state.add_vm(DC, TEMPLATE, template=True, disks=[16])

    def by_hand(self, vm: str, *, folder: str = "", network: Key | str = PLAIN) -> str:
        state = self.vcenter.state
        (place,) = [one.id for one in state.folders.values() if one.path == folder]
        return state.add_vm(DC, vm, folder=place, nics=[self.networks[network]]).id

    def many(self, count: int) -> None:
        for number in range(count):
            self.by_hand(f"theirs-{number}")

    def lose(self, method: str) -> None:
        self.armed.arm(f"lost@/{method}")

    def refuse(self, method: str) -> None:
        self.armed.arm(f"503@/{method}")

    def break_off(self, method: str) -> None:
        self.armed.arm(f"500@/{method}")

    def fill(self, method: str) -> None:
        self.armed.arm(f"507@/{method}")

    def silence(self, vm: str) -> None:
        self.vcenter.silent.add(vm)

    def hold(self, method: str) -> Callable[[], None]:
        self.armed.arm(f"late@/{method}")
        return self._wait

    def _wait(self) -> None:
        for _ in range(2):
            self.vcenter.inventory()

    def calls(self) -> list[str]:
        return [call.partition("/")[0] for call in self.vcenter.calls]

    def machines(self) -> dict[str, Any]:
        found: dict[str, Any] = self.vcenter.state.dump()["machines"]
        return found


def in_memory() -> Lab:
    """A lab whose vCenter is in memory."""
    world = MemoryWorld()
    patience = Patience(guest=world.guest_patience)
    return Lab(world, VsphereProvider(world.vcenter, site=SITE, hosts=["esx-1"], patience=patience))
