"""What vCenter answers in pages, and what its objects say, taken apart."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.vsphere import parsing, reading
from adapters.vsphere.sdk import vim

MIB = 1024**2


@dataclass
class Paged:
    """A vCenter that gives its objects in pages of one."""

    objects: list[Any]
    asked: list[str] = field(default_factory=list)

    def read(self, what: str, ask: Callable[[Any], Any]) -> Any:
        self.asked.append(what)
        return ask(SimpleNamespace(propertyCollector=self))

    def object(self, kind: str, identifier: str) -> Any:
        return getattr(vim, kind)(identifier)

    def RetrievePropertiesEx(self, _specs: Any, _options: Any) -> Any:  # noqa: N802 - vCenter's name
        return self._page(0) if self.objects else None

    def ContinueRetrievePropertiesEx(self, token: str) -> Any:  # noqa: N802 - vCenter's name
        return self._page(int(token))

    def _page(self, at: int) -> Any:
        following = str(at + 1) if at + 1 < len(self.objects) else None
        return SimpleNamespace(objects=[self.objects[at]], token=following)


def shown(identifier: str, **values: Any) -> Any:
    properties = [SimpleNamespace(name=name.replace("__", "."), val=value) for name, value in values.items()]
    return SimpleNamespace(obj=vim.VirtualMachine(identifier), propSet=properties)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_page_is_read(count: int) -> None:
    vcenter = Paged([shown(f"vm-{number}", name=f"n-{number}") for number in range(count)])
    rows = reading.of_machines(vcenter, ["vm-0", "vm-1", "vm-2"])  # type: ignore[arg-type] # as much of a client as it takes
    assert {key: values["name"] for key, (_, values) in rows.items()} == {
        f"vm-{number}": f"n-{number}" for number in range(count)
    }
    assert len(vcenter.asked) == max(count, 1)


def disk(gib: float, controller: int, unit: int) -> Any:
    return vim.vm.device.VirtualDisk(
        key=2000 + unit, controllerKey=controller, unitNumber=unit, capacityInKB=int(gib * MIB)
    )


def test_disks_stand_as_they_hang_and_a_part_of_a_gib_does_not_count() -> None:
    hardware = vim.vm.VirtualHardware(
        numCPU=4, memoryMB=8192, device=[disk(7, 1001, 0), disk(100.9, 1000, 1), disk(40, 1000, 0)]
    )
    found = parsing.details({"config.hardware": hardware, "runtime.powerState": "poweredOn"})
    assert found.disks == (40, 100, 7)
    assert (found.cpus, found.memory_mb, found.powered_on, found.nics) == (4, 8192, True, ())


def test_a_guest_s_addresses_are_its_ipv4_ones_and_the_main_one_comes_first() -> None:
    nics = [
        SimpleNamespace(ipAddress=["172.17.0.1", "fe80::1"]),
        SimpleNamespace(ipAddress=["192.168.20.11", "192.168.20.10"]),
        SimpleNamespace(ipAddress=None),
    ]
    found = parsing.addresses({"guest.ipAddress": "192.168.20.11", "guest.net": nics})
    assert found == tuple(map(IPv4Address, ("192.168.20.11", "172.17.0.1", "192.168.20.10")))
    assert parsing.addresses({}) == ()


@pytest.mark.parametrize("note", ["", "not JSON", '{"hostname": "a"}'])
def test_a_note_that_is_not_ours_is_none(note: str) -> None:
    option = vim.option.OptionValue(key=parsing.NOTE_CUSTOMIZATION, value=note)
    assert parsing.details({"config.extraConfig": [option]}).customization is None
