"""From a vCenter's inventory to resources."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from adapters.vsphere.inventory import Details, Inventory, Job, Machine
from adapters.vsphere.lookup import Lookup, folder_key, network_ref
from adapters.vsphere.traits import folder_lane, machine_lane, rule_lane
from hopbook.engine.change import Observation, Observed, Pending
from hopbook.resources.base import Key
from hopbook.resources.vsphere import (
    GIB,
    AntiAffinity,
    ClusterCapacity,
    DatastoreCapacity,
    Folder,
    Guest,
    HostCapacity,
    Placement,
    Promised,
    VirtualMachine,
)

_ONLY_IN_DETAIL = frozenset({"disks", "template", "customization"})  # what a list of machines does not show


@dataclass(frozen=True, slots=True)
class Seen:
    """One reading: all machines, and more of some."""

    lookup: Lookup
    details: Mapping[str, Details]
    hosts: Collection[str]

    def observation(self, wanted: Collection[Key]) -> Observation:
        """All of it, and what is under way, as far as it may concern the wanted keys."""
        items = {
            key: observed
            for part in (self._folders(), self._machines(), self._guests(), self._places(), self._rules())
            for key, observed in part
        }
        return Observation(items=items, pending=tuple(self._pending(wanted)))

    @property
    def _inventory(self) -> Inventory:
        return self.lookup.inventory

    def _folders(self) -> Iterator[tuple[Key, Observed]]:
        for found in self._inventory.folders:
            folder = Folder(datacenter=found.datacenter, path=found.path)
            yield folder.key, Observed(resource=folder, system=not found.path, handle=found.id)

    def _machines(self) -> Iterator[tuple[Key, Observed]]:
        marker = self.lookup.markers
        copies = Counter(
            marker.read(one.annotation)[1] for one in self._inventory.machines if not one.template
        )
        keys = self.lookup.keys()
        for machine in self._inventory.machines:
            if machine.template:
                continue
            details = self.details.get(machine.id)
            name = marker.read(machine.annotation)[1]
            yield (
                keys[machine.id],
                Observed(
                    resource=self._machine(machine, details),
                    marked=bool(name),
                    unreadable=_unreadable(details),
                    handle=machine.id,
                    copies=max(copies[name], 1) if name else 1,
                ),
            )

    def _machine(self, machine: Machine, details: Details | None) -> VirtualMachine:
        nics = details.nics if details else machine.networks
        return VirtualMachine(
            vm=machine.vm,
            datacenter=machine.datacenter,
            template=(details.made_from if details else None) or "",
            folder=folder_key(machine.datacenter, machine.folder),
            resource_pool=machine.resource_pool,
            datastore=machine.datastore,
            cpus=machine.cpus,
            memory_mb=machine.memory_mb,
            disks=details.disks if details else (),
            network=next((ref for ref in map(self._network, nics) if ref), ""),
            customization=details.customization if details else None,
            powered_on=machine.powered_on,
            purpose=self.lookup.markers.read(machine.annotation)[0],
        )

    def _network(self, identifier: str) -> Key | str:
        names = (one.name for one in self._inventory.networks if one.id == identifier)
        return network_ref(next(names, ""))

    def _guests(self) -> Iterator[tuple[Key, Observed]]:
        """The guests that have an address: of several the one that we gave it, else the main one."""
        keys = self.lookup.keys()
        for machine in self._inventory.machines:
            details = self.details.get(machine.id)
            if machine.template or details is None or not machine.powered_on or not details.addresses:
                continue
            told = details.customization.address.ip if details.customization else None
            address = told if told is not None and told in details.addresses else details.addresses[0]
            guest = Guest(vm=keys[machine.id], address=address)
            yield guest.key, Observed(resource=guest, at_default=True, handle=machine.id)

    def _places(self) -> Iterator[tuple[Key, Observed]]:
        for machine in self._inventory.machines:
            if not machine.template and machine.host:
                place = Placement(machine=machine.vm, host=self._site_name(machine.host))
                yield place.key, Observed(resource=place, system=True, handle=machine.id)

    def _site_name(self, host: str) -> str:
        """An ESXi host as the site has it: by its whole name, or by the first part of it."""
        short = host.partition(".")[0]
        return short if host not in self.hosts and short in self.hosts else host

    def _rules(self) -> Iterator[tuple[Key, Observed]]:
        keys = self.lookup.keys()
        for cluster in self._inventory.clusters:
            for found in cluster.rules:
                if found.apart:
                    vms = tuple(keys.get(vm, Key(VirtualMachine.kind, f"#{vm}")) for vm in found.vms)
                    rule = AntiAffinity(
                        cluster=cluster.name,
                        rule=found.rule,
                        vms=vms,
                        enabled=found.enabled,
                        mandatory=found.mandatory,
                    )
                    yield rule.key, Observed(resource=rule, handle=str(found.id))

    def _pending(self, wanted: Collection[Key]) -> Iterator[Pending]:
        for job in self._inventory.jobs:
            for lane in self._lanes_of(job, wanted):
                yield Pending(lane=lane, what=job.what, handle=job.id)

    def _lanes_of(self, job: Job, wanted: Collection[Key]) -> Iterator[str]:
        """Where a task's effect may show.

        A clone does not say what it makes, only from what: until a wanted machine is there and runs, any
        clone may be it.
        """
        keys = self.lookup.keys()
        if job.entity in keys:
            yield machine_lane(keys[job.entity].name)
        if "clone" in job.what.lower():
            there = {keys[machine.id] for machine in self._inventory.machines if machine.powered_on}
            yield from sorted(
                {machine_lane(key.name) for key in wanted if _of_a_machine(key) and key not in there}
            )
        for folder in self._inventory.folders:
            if folder.id == job.entity:
                yield folder_lane(folder.datacenter)
        for cluster in self._inventory.clusters:
            if cluster.id == job.entity:
                yield rule_lane(cluster.name)


def _of_a_machine(key: Key) -> bool:
    return key.kind == VirtualMachine.kind


def _unreadable(details: Details | None) -> frozenset[str]:
    """What cannot be seen: what a machine was made from and what its guest was told, if not by us."""
    if details is None:
        return _ONLY_IN_DETAIL
    unknown = {"template": details.made_from is None, "customization": details.customization is None}
    return frozenset(name for name, is_unknown in unknown.items() if is_unknown)


def capacity(inventory: Inventory, name: str) -> ClusterCapacity | None:
    """What a cluster has, from an inventory; None where there is no such cluster."""
    cluster = next((one for one in inventory.clusters if one.name == name), None)
    if cluster is None:
        return None
    return ClusterCapacity(
        cluster=name,
        hosts=tuple(
            HostCapacity(
                name=host.name,
                cores=host.cores,
                memory_mb=host.memory_mb,
                memory_used_mb=host.memory_used_mb,
                usable=host.usable,
            )
            for host in inventory.hosts
            if host.cluster == name
        ),
        datastores=tuple(
            DatastoreCapacity(
                name=store.name,
                capacity_gib=store.capacity // GIB,
                free_gib=store.free // GIB,
                accessible=store.accessible,
            )
            for store in inventory.datastores
            if store.id in cluster.datastores
        ),
        promised=tuple(
            Promised(vm=one.vm, cpus=one.cpus, memory_mb=one.memory_mb)
            for one in inventory.machines
            if one.powered_on and one.resource_pool.partition("/")[0] == name
        ),
    )
