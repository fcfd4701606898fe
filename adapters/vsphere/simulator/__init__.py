"""A vCenter in memory: the verbs that the adapter asks for, and no SOAP, which is too large to simulate.

Everything above the verbs is the adapter itself, so a rehearsal plans, marks, clones and gives up as an apply
does. The contract suite holds this vCenter to VMware's own simulator. It knows what stops a step: names,
places, room, power, a guest that never answers. It does not know performance, permissions or storage behind
a datastore.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from adapters.vsphere import words
from adapters.vsphere.inventory import Clone, Details, Inventory, RuleFound, Sizing
from adapters.vsphere.simulator.state import State, Vm
from adapters.vsphere.simulator.trouble import Taker, Trouble
from adapters.vsphere.vcenter import Started
from hopbook.errors import Missing
from hopbook.resources.vsphere import GIB, Customization

__all__ = ["SimulatedVcenter", "State", "Vm"]


def _nothing(_vm: Vm) -> None:
    """Nobody minds."""


class SimulatedVcenter:
    """`Vcenter` in memory. Safe to share between threads.

    Args:
        state: What is there; seed it before, look at it at any time.
        faults: What goes wrong with the next calls; `trouble` says which calls there are.
        address: How it calls itself in messages.

    Attributes:
        silent: Names of VMs whose guests never get an address.
        on_power_on: Told of a VM when it is switched on, before its guest answers.
        on_power_off: Told of a VM when it is switched off.
        on_destroy: Told of a VM that is gone.
        calls: Every call in order: `CloneVM_Task/icp-master-1`.
    """

    def __init__(
        self, state: State | None = None, faults: Taker | None = None, *, address: str = "vcenter.simulated"
    ) -> None:
        self.state = state or State()
        self.silent: set[str] = set()
        self.on_power_on: Callable[[Vm], None] = _nothing
        self.on_power_off: Callable[[Vm], None] = _nothing
        self.on_destroy: Callable[[Vm], None] = _nothing
        self._address = address
        self._lock = threading.RLock()
        self._trouble = Trouble(faults, address)

    @property
    def address(self) -> str:
        """How it calls itself."""
        return self._address

    @property
    def calls(self) -> list[str]:
        """Every call in order."""
        return self._trouble.calls

    # -- reading ------------------------------------------------------------------------------------

    def inventory(self) -> Inventory:
        """All there is."""
        with self._lock:
            jobs = self._trouble.read("RetrievePropertiesEx", "inventory")
            return replace(self.state.inventory(), jobs=jobs)

    def details(self, machines: Iterable[str]) -> Mapping[str, Details]:
        """More of these machines."""
        with self._lock:
            self._trouble.read("RetrievePropertiesEx", "details")
            found = (self.state.vms[one] for one in machines if one in self.state.vms)
            return {vm.id: vm.details(self._addresses(vm)) for vm in found}

    def guest(self, machine: str, _wanted: IPv4Address, /) -> tuple[IPv4Address, ...]:
        """What a guest has: there is nothing to wait for."""
        with self._lock:
            vm = self._vm(machine)
            self._trouble.read("WaitForUpdatesEx", vm.name)
            return self._addresses(vm)

    def _addresses(self, vm: Vm) -> tuple[IPv4Address, ...]:
        if not vm.on or vm.name in self.silent or vm.told is None:
            return ()
        return (vm.told.address.ip,)

    # -- folders ------------------------------------------------------------------------------------

    def make_folder(self, parent: str, name: str) -> None:
        """Make a VM folder."""

        def effect() -> None:
            above = self.state.folders.get(parent)
            if above is None:
                raise self._gone("folder", parent)
            path = f"{above.path}/{name}".lstrip("/")
            self._free(above.datacenter, above.path, name)
            self.state.add_folder(above.datacenter, path)

        self._call("CreateFolder", name, parent, effect)

    def remove_folder(self, folder: str, started: Started) -> None:
        """Remove a VM folder and, as vCenter does, all that is in it."""

        def effect() -> None:
            found = self.state.folders.get(folder)
            if found is None:
                raise self._gone("folder", folder)
            self.state.drop_folder(folder)

        name = self.state.folders[folder].path if folder in self.state.folders else folder
        self._call("Destroy_Task", name, folder, effect, started)

    # -- machines -----------------------------------------------------------------------------------

    def clone(self, wanted: Clone, started: Started) -> str:
        """Clone a machine."""

        def half() -> None:
            """What a clone that breaks off leaves behind: the template's copy, with our name on it."""
            source = self._vm(wanted.source)
            self._free(*self.state.place(wanted.folder), wanted.vm)
            self.state.add(
                replace(
                    source,
                    id=self.state.new_id("vm"),
                    name=wanted.vm,
                    template=False,
                    folder=wanted.folder,
                    pool=wanted.pool,
                    datastore=wanted.datastore,
                    annotation=wanted.annotation,
                    made_from=wanted.made_from,
                    remembered=wanted.customization,
                    disks=list(source.disks),
                    nics=list(source.nics),
                )
            )

        def effect() -> None:
            self._has_room(wanted.vm, wanted.datastore, sum(wanted.disks))
            half()
            vm = self._named(wanted.vm)
            vm.cpus, vm.memory_mb, vm.disks = wanted.cpus, wanted.memory_mb, list(wanted.disks)
            vm.nics[:1] = [wanted.network]
            vm.told = wanted.customization
            if wanted.powered_on:
                self._switch(vm, on=True)

        self._call("CloneVM_Task", wanted.vm, wanted.source, effect, started, half)
        return self._named(wanted.vm).id

    def reconfigure(self, machine: str, sizing: Sizing, started: Started) -> None:
        """Change a machine."""

        def effect() -> None:
            vm = self._vm(machine)
            if vm.on and (sizing.cpus is not None or sizing.memory_mb is not None):
                raise words.needs_off(self.address, vm.name, "the number of CPUs or the memory")
            disks = [sizing.grow.get(place, size) for place, size in enumerate(vm.disks)] + list(sizing.add)
            if any(new < old for new, old in zip(disks, vm.disks, strict=False)):
                raise words.shrunk(self.address, vm.name, tuple(vm.disks), tuple(disks))
            self._has_room(vm.name, vm.datastore, sum(disks) - sum(vm.disks))
            vm.disks = disks
            vm.cpus = sizing.cpus or vm.cpus
            vm.memory_mb = sizing.memory_mb or vm.memory_mb
            vm.annotation = vm.annotation if sizing.annotation is None else sizing.annotation
            if sizing.told is not None:
                vm.remembered, vm.was_told = sizing.told, True
            if sizing.network is not None:
                vm.nics[:1] = [sizing.network]

        self._call("ReconfigVM_Task", self._name(machine), machine, effect, started)

    def customize(self, machine: str, customization: Customization, started: Started) -> None:
        """Have a guest told who it is; that it was shows once it is remembered (`Sizing`)."""

        def effect() -> None:
            vm = self._vm(machine)
            if vm.on:
                raise words.needs_off(self.address, vm.name, "what its guest is told")
            vm.told = customization

        self._call("CustomizeVM_Task", self._name(machine), machine, effect, started)

    def power(self, machine: str, started: Started, *, on: bool) -> None:
        """Switch a machine on or off."""

        def effect() -> None:
            vm = self._vm(machine)
            if vm.template:
                raise words.failed(self.address, f"VM {vm.name}", "a template cannot be switched on")
            if vm.on == on:
                raise words.failed(self.address, f"VM {vm.name}", f"it is {'on' if on else 'off'} already")
            self._switch(vm, on=on)

        self._call(
            "PowerOnVM_Task" if on else "PowerOffVM_Task", self._name(machine), machine, effect, started
        )

    def _switch(self, vm: Vm, *, on: bool) -> None:
        vm.on = on
        self.state.spread()
        (self.on_power_on if on else self.on_power_off)(vm)

    def destroy(self, machine: str, started: Started) -> None:
        """Remove a machine."""

        def effect() -> None:
            vm = self._vm(machine)
            if vm.on:
                raise words.needs_off(self.address, vm.name, "whether it is there")
            self.state.remove(vm)
            self.on_destroy(vm)

        self._call("Destroy_Task", self._name(machine), machine, effect, started)

    # -- rules --------------------------------------------------------------------------------------

    def set_rule(self, cluster: str, rule: RuleFound, started: Started, *, new: bool) -> None:
        """Add or change a rule."""

        def effect() -> None:
            found = self.state.clusters.get(cluster)
            if found is None:
                raise self._gone("cluster", cluster)
            if new:
                if any(one.rule == rule.rule for one in found.rules):
                    raise words.name_taken(self.address, f"rule of {found.name}", rule.rule)
                found.rules.append(replace(rule, id=self.state.new_number()))
            else:
                found.rules[:] = [rule if one.id == rule.id else one for one in found.rules]
            self.state.spread()

        self._call("ReconfigureComputeResource_Task", rule.rule, cluster, effect, started)

    def drop_rule(self, cluster: str, rule: int, started: Started) -> None:
        """Remove a rule."""

        def effect() -> None:
            found = self.state.clusters[cluster]
            found.rules[:] = [one for one in found.rules if one.id != rule]

        names = (one.rule for one in self.state.clusters[cluster].rules if one.id == rule)
        self._call("ReconfigureComputeResource_Task", next(names, ""), cluster, effect, started)

    # -- what a call is -----------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        name: str,
        entity: str,
        effect: Callable[[], None],
        started: Started | None = None,
        half: Callable[[], None] | None = None,
    ) -> None:
        with self._lock:
            self._trouble.meet(method, name, entity, effect, started or (lambda _handle: None), half)

    def _vm(self, identifier: str) -> Vm:
        found = self.state.vms.get(identifier)
        if found is None:
            raise self._gone("VM", identifier)
        return found

    def _named(self, name: str) -> Vm:
        return next(vm for vm in reversed(self.state.vms.values()) if vm.name == name)

    def _name(self, identifier: str) -> str:
        found = self.state.vms.get(identifier)
        return found.name if found else identifier

    def _free(self, datacenter: str, folder: str, name: str) -> None:
        """A name is given once in a folder, to a machine or to a folder."""
        if name in self.state.names_in(datacenter, folder):
            raise words.name_taken(self.address, "VM or folder", name)

    def _has_room(self, vm: str, datastore: str, gib: int) -> None:
        found = self.state.datastores[datastore]
        if gib * GIB > found.capacity - self.state.used(datastore):
            raise words.datastore_full(self.address, f"VM {vm}", found.name)

    def _gone(self, what: str, identifier: str) -> Missing:
        return Missing(f"{what} {identifier} is not there", system=words.SYSTEM, address=self.address)
