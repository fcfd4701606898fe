"""From vCenter's objects to the inventory, in our words."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.vsphere.inventory import (
    ClusterFound,
    Datastore,
    Details,
    FolderFound,
    HostFound,
    Inventory,
    Job,
    Machine,
    NetworkFound,
    Pool,
    RuleFound,
)
from adapters.vsphere.reading import Rows, id_of
from adapters.vsphere.sdk import vim
from hopbook.resources.vsphere import GIB, Customization

NOTE_TEMPLATE = "hopbook.template"
NOTE_CUSTOMIZATION = "hopbook.customization"
NOTE_TOLD = "hopbook.told"
"""Names of the notes that we keep in a machine's extra configuration."""

TOLD = "yes"
CUSTOMIZATION = TypeAdapter(Customization)
_MIB = 1024**2
_UNDER_WAY = frozenset({"queued", "running"})
_STORE = re.compile(r"\[(?P<name>.*?)\]")


class Parser:
    """One reading of everything, taken apart."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._centers = {
            key: values for key, (thing, values) in rows.items() if isinstance(thing, vim.Datacenter)
        }
        self._roots = {id_of(one["vmFolder"]): one["name"] for one in self._centers.values()}

    def inventory(self) -> Inventory:
        """All of it."""
        return Inventory(
            folders=tuple(self._folders()),
            machines=tuple(self._machines()),
            networks=tuple(
                NetworkFound(id=key, name=one.get("name", ""), datacenter=self._lists(key, "network"))
                for key, one in self._of(vim.Network)
            ),
            pools=tuple(
                Pool(id=key, path=path, datacenter=self._center(one.get("owner")))
                for key, one in self._of(vim.ResourcePool)
                if (path := self._pool(key))
            ),
            datastores=tuple(self._datastores()),
            hosts=tuple(self._hosts()),
            clusters=tuple(self._clusters()),
            jobs=tuple(self._jobs()),
        )

    def _of(self, kind: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for key, (thing, values) in self._rows.items():
            if isinstance(thing, kind):
                yield key, values

    def _get(self, thing: Any) -> Mapping[str, Any]:
        return self._rows[id_of(thing)][1] if thing is not None and id_of(thing) in self._rows else {}

    def _name(self, thing: Any) -> str:
        return str(self._get(thing).get("name", ""))

    def _lists(self, key: str, property_: str) -> str:
        """The datacenter that lists an object."""
        for center in self._centers.values():
            if any(id_of(one) == key for one in center.get(property_, ())):
                return str(center["name"])
        return ""

    def _center(self, thing: Any) -> str:
        """The datacenter above an object."""
        while thing is not None and not isinstance(thing, vim.Datacenter):
            thing = self._get(thing).get("parent")
        return self._name(thing) if thing is not None else ""

    def _place(self, folder: Any) -> tuple[str, str] | None:
        """Datacenter and path of a VM folder; None for a folder of something else."""
        names: list[str] = []
        while folder is not None and id_of(folder) not in self._roots:
            names.insert(0, unquoted(self._name(folder)))
            folder = self._get(folder).get("parent")
        return (self._roots[id_of(folder)], "/".join(names)) if folder is not None else None

    def _folders(self) -> Iterator[FolderFound]:
        for key, (thing, _) in self._rows.items():
            place = self._place(thing) if isinstance(thing, vim.Folder) else None
            if place is not None:
                yield FolderFound(id=key, datacenter=place[0], path=place[1])

    def _machines(self) -> Iterator[Machine]:
        for key, one in self._of(vim.VirtualMachine):
            host, pool = one.get("runtime.host"), one.get("resourcePool")
            place = self._place(one.get("parent")) or (self._center(self._get(host).get("parent")), "")
            store = _STORE.match(one.get("config.files.vmPathName") or "")
            yield Machine(
                id=key,
                vm=unquoted(one.get("name", "")),
                datacenter=place[0],
                folder=place[1],
                template=bool(one.get("config.template")),
                annotation=one.get("config.annotation") or "",
                cpus=one.get("config.hardware.numCPU") or 0,
                memory_mb=one.get("config.hardware.memoryMB") or 0,
                powered_on=one.get("runtime.powerState") == "poweredOn",
                host=self._name(host),
                resource_pool=self._pool(id_of(pool)) if pool is not None else "",
                datastore=store["name"] if store else "",
                networks=tuple(id_of(net) for net in one.get("network") or ()),
            )

    def _pool(self, key: str) -> str:
        """Cluster and path; empty for a pool that nobody can see."""
        names: list[str] = []
        values = self._rows[key][1] if key in self._rows else {}
        while values and isinstance(values.get("parent"), vim.ResourcePool):
            names.insert(0, unquoted(str(values.get("name", ""))))
            values = self._get(values["parent"])
        return "/".join([self._name(values.get("owner")), *names]) if values else ""

    def _datastores(self) -> Iterator[Datastore]:
        for key, one in self._of(vim.Datastore):
            yield Datastore(
                id=key,
                name=one.get("name", ""),
                datacenter=self._lists(key, "datastore"),
                capacity=one.get("summary.capacity") or 0,
                free=one.get("summary.freeSpace") or 0,
                accessible=bool(one.get("summary.accessible")),
            )

    def _hosts(self) -> Iterator[HostFound]:
        for key, one in self._of(vim.HostSystem):
            hardware, stats = one.get("summary.hardware"), one.get("summary.quickStats")
            yield HostFound(
                id=key,
                name=one.get("name", ""),
                cluster=self._name(one.get("parent")),
                cores=getattr(hardware, "numCpuCores", None) or 0,
                memory_mb=(getattr(hardware, "memorySize", None) or 0) // _MIB,
                memory_used_mb=getattr(stats, "overallMemoryUsage", None) or 0,
                usable=one.get("runtime.connectionState") == "connected"
                and not one.get("runtime.inMaintenanceMode"),
            )

    def _clusters(self) -> Iterator[ClusterFound]:
        for key, one in self._of(vim.ComputeResource):
            rules = getattr(one.get("configurationEx"), "rule", None) or ()
            yield ClusterFound(
                id=key,
                name=one.get("name", ""),
                datacenter=self._center(one.get("parent")),
                datastores=tuple(id_of(store) for store in one.get("datastore") or ()),
                networks=tuple(id_of(net) for net in one.get("network") or ()),
                rules=tuple(map(_rule, rules)),
            )

    def _jobs(self) -> Iterator[Job]:
        for key, one in self._of(vim.Task):
            if one.get("info.state") in _UNDER_WAY:
                doing, entity = one.get("info.descriptionId") or one.get("info.name"), one.get("info.entity")
                what = f"{doing} of {one.get('info.entityName') or 'something'}"
                entity = id_of(entity) if entity is not None else ""
                yield Job(id=key, what=what, entity=entity)


def _rule(rule: Any) -> RuleFound:
    apart = isinstance(rule, vim.cluster.AntiAffinityRuleSpec)
    return RuleFound(
        id=rule.key,
        rule=rule.name,
        apart=apart,
        vms=tuple(id_of(vm) for vm in (getattr(rule, "vm", None) or ())),
        enabled=bool(rule.enabled),
        mandatory=bool(rule.mandatory),
    )


def unquoted(name: str) -> str:
    """A name as a person wrote it: vCenter shows three of its characters escaped."""
    return name.replace("%2f", "/").replace("%5c", "\\").replace("%25", "%")


def quoted(name: str) -> str:
    """A name as vCenter wants it."""
    return name.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")


def details(values: Mapping[str, Any]) -> Details:
    """What was asked of one machine."""
    hardware = values.get("config.hardware")
    devices = list(getattr(hardware, "device", None) or ())
    notes = {item.key: item.value for item in values.get("config.extraConfig") or ()}
    return Details(
        annotation=values.get("config.annotation") or "",
        cpus=getattr(hardware, "numCPU", 0) or 0,
        memory_mb=getattr(hardware, "memoryMB", 0) or 0,
        powered_on=values.get("runtime.powerState") == "poweredOn",
        disks=tuple(disk.capacityInKB * 1024 // GIB for disk in disks_of(devices)),
        nics=tuple(network for nic in nics_of(devices) if (network := network_of(nic))),
        addresses=addresses(values),
        made_from=notes.get(NOTE_TEMPLATE) or None,
        customization=_customization(notes.get(NOTE_CUSTOMIZATION)),
        told=notes.get(NOTE_TOLD) == TOLD,
    )


def _customization(note: str | None) -> Customization | None:
    """What we wrote down; somebody else's words in our note are none of ours."""
    try:
        return CUSTOMIZATION.validate_json(note) if note else None
    except ValidationError:
        return None


def disks_of(devices: list[Any]) -> list[Any]:
    """Disks in the order in which they hang on their controllers."""
    disks = [device for device in devices if isinstance(device, vim.vm.device.VirtualDisk)]
    return sorted(disks, key=lambda disk: (disk.controllerKey or 0, disk.unitNumber or 0))


def nics_of(devices: list[Any]) -> list[Any]:
    """NICs in the order in which the guest numbers them."""
    cards = [device for device in devices if isinstance(device, vim.vm.device.VirtualEthernetCard)]
    return sorted(cards, key=lambda card: card.key)


def network_of(nic: Any) -> str:
    """The id of the network that a NIC is on; empty where it is on none that vCenter knows."""
    backing = nic.backing
    port = getattr(backing, "port", None)
    if port is not None:
        return str(port.portgroupKey or "")
    network = getattr(backing, "network", None)
    return id_of(network) if network is not None else ""


def addresses(values: Mapping[str, Any]) -> tuple[IPv4Address, ...]:
    """A guest's IPv4 addresses, the main one first."""
    found = [values.get("guest.ipAddress") or ""]
    for nic in values.get("guest.net") or ():
        found.extend(nic.ipAddress or ())
    return tuple(dict.fromkeys(address for text in found if (address := _ipv4(text)) is not None))


def _ipv4(text: str) -> IPv4Address | None:
    try:
        return IPv4Address(text)
    except AddressValueError:
        return None
