"""Names to ids, in an inventory; what is not there is refused with the names of what is."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from adapters.vsphere import words
from adapters.vsphere.inventory import (
    ClusterFound,
    Datastore,
    FolderFound,
    Inventory,
    Machine,
    NetworkFound,
    Pool,
)
from adapters.vsphere.markers import Markers
from hopbook.resources.base import Key
from hopbook.resources.nsxv import LogicalSwitch
from hopbook.resources.vsphere import Folder, VirtualMachine

# NSX-V makes a port group on every distributed switch of a zone for each of its logical switches
_OF_A_SWITCH = re.compile(r"vxw-dvs-\d+-virtualwire-\d+-sid-\d+-(?P<name>.+)")


class _Found(Protocol):
    @property
    def id(self) -> str: ...


_F = TypeVar("_F", bound=_Found)


def network_ref(name: str) -> Key | str:
    """What a port group is to us: a logical switch by key, or any other by its name."""
    found = _OF_A_SWITCH.fullmatch(name)
    return Key(LogicalSwitch.kind, found["name"]) if found else name


def folder_key(datacenter: str, path: str) -> Key:
    """The key of a VM folder."""
    return Folder(datacenter=datacenter, path=path).key


def age(machine: Machine) -> tuple[int, str]:
    """Older machines first: vCenter counts its ids up."""
    number = machine.id.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0, machine.id


@dataclass(frozen=True, slots=True)
class Lookup:
    """An inventory, asked by name."""

    inventory: Inventory
    markers: Markers
    address: str

    def keys(self) -> dict[str, Key]:
        """The key of every machine by its id: ours by marker (of copies the oldest), others by their id."""
        found: dict[str, Key] = {}
        taken: set[str] = set()
        for machine in sorted(self.inventory.machines, key=age):
            name = self.markers.read(machine.annotation)[1]
            ours = name and name not in taken and not machine.template
            taken.add(name)
            found[machine.id] = Key(VirtualMachine.kind, name if ours else f"#{machine.id}")
        return found

    def machine(self, key: Key) -> Machine | None:
        """The machine that a key names."""
        wanted = [identifier for identifier, found in self.keys().items() if found == key]
        return next((machine for machine in self.inventory.machines if machine.id in wanted), None)

    def named(self, datacenter: str, vm: str) -> Machine | None:
        """Anything in a datacenter that has this name, template or VM."""
        machines = self.inventory.machines
        return next((one for one in machines if (one.datacenter, one.vm) == (datacenter, vm)), None)

    def template(self, datacenter: str, name: str) -> Machine:
        """A template by name."""
        there = [one for one in self.inventory.machines if one.template and one.datacenter == datacenter]
        hint = f"name a template of {datacenter} in the site file"
        found = [one for one in there if one.vm == name]
        return self._only("template", name, found, (one.vm for one in there), hint)

    def folder(self, key: Key) -> FolderFound:
        """A folder by its resource's key."""
        there = self.inventory.folders
        found = [one for one in there if folder_key(one.datacenter, one.path) == key]
        names = (folder_key(one.datacenter, one.path).name for one in there)
        return self._only("VM folder", key.name, found, names, "")

    def pool(self, datacenter: str, path: str) -> Pool:
        """A resource pool by cluster and path."""
        there = [one for one in self.inventory.pools if one.datacenter == datacenter]
        found = [one for one in there if one.path == path]
        return self._only("resource pool", path, found, (one.path for one in there), "")

    def datastore(self, datacenter: str, name: str) -> Datastore:
        """A datastore by name."""
        there = [one for one in self.inventory.datastores if one.datacenter == datacenter]
        found = [one for one in there if one.name == name]
        return self._only("datastore", name, found, (one.name for one in there), "")

    def network(self, datacenter: str, ref: Key | str, *, cluster: str = "") -> NetworkFound:
        """A port group by name, or the one that NSX made for a logical switch.

        A logical switch has one port group on each distributed switch of its transport zone. Any of them is
        the same segment; where there are several, the cluster tells which one its hosts have.
        """
        there = [one for one in self.inventory.networks if one.datacenter == datacenter]
        found = [one for one in there if network_ref(one.name) == ref]
        names = [str(network_ref(one.name)) for one in there]
        seen = self._networks_of(cluster)
        usable = [one for one in found if one.id in seen] if seen else found
        return self._only("network", str(ref), usable or found, names, "was its step done?")

    def cluster(self, name: str) -> ClusterFound:
        """A cluster by name."""
        there = self.inventory.clusters
        found = [one for one in there if one.name == name]
        return self._only("cluster", name, found, (one.name for one in there), "")

    def _networks_of(self, cluster: str) -> frozenset[str]:
        """The networks that a cluster's hosts have, by id."""
        return frozenset(
            identifier
            for one in self.inventory.clusters
            if one.name == cluster
            for identifier in one.networks
        )

    def _only(self, what: str, name: str, found: Sequence[_F], there: Iterable[str], hint: str) -> _F:
        if not found:
            raise words.missing(self.address, what, name, there, hint=hint)
        if len(found) > 1:
            raise words.ambiguous(self.address, what, name, (one.id for one in found))
        return found[0]
