"""A vCenter by SOAP: the verbs of `Vcenter`, each one call or one task that is waited for."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from adapters.vsphere import parsing, reading, specs
from adapters.vsphere.client import VsphereClient
from adapters.vsphere.inventory import Clone, Details, Inventory, RuleFound, Sizing
from adapters.vsphere.provider import Patience
from adapters.vsphere.reading import id_of
from adapters.vsphere.sdk import vim
from adapters.vsphere.specs import Network
from adapters.vsphere.vcenter import Started
from adapters.vsphere.waiting import Progress, Waiting
from adapters.vsphere.words import SYSTEM
from hopbook.errors import Missing, Rejected
from hopbook.resources.vsphere import Customization


def _unwatched(_what: str, _percent: int) -> None:
    """Nobody watches."""


class SoapVcenter:
    """`Vcenter` by SOAP. Safe to share between threads.

    Args:
        client: The vCenter's wire.
        patience: How long tasks and guests are waited for.
        progress: Told how far a task is, in percent, whenever vCenter says so.
    """

    def __init__(
        self,
        client: VsphereClient,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        progress: Progress = _unwatched,
    ) -> None:
        self._client, self._patience = client, patience
        self._waiting = Waiting(client, progress=progress)
        self._networks: Mapping[str, Any] = {}  # as they were read last
        self._names: Mapping[str, str] = {}  # likewise, for messages

    @property
    def address(self) -> str:
        """Host and port."""
        return self._client.address

    def inventory(self) -> Inventory:
        """All there is, in one round trip."""
        rows = reading.everything(self._client)
        self._networks = {key: thing for key, (thing, _) in rows.items() if isinstance(thing, vim.Network)}
        found = parsing.Parser(rows).inventory()
        self._names = {machine.id: f"VM {machine.vm}" for machine in found.machines}
        return found

    def details(self, machines: Iterable[str]) -> Mapping[str, Details]:
        """More of these machines, in one round trip."""
        rows = reading.of_machines(self._client, machines)
        return {key: parsing.details(values) for key, (_, values) in rows.items() if values}

    def make_folder(self, parent: str, name: str) -> None:
        """Make a VM folder."""
        above = self._client.object("Folder", parent)
        self._client.change(f"folder {name}", lambda _: above.CreateFolder(parsing.quoted(name)))

    def remove_folder(self, folder: str, started: Started) -> None:
        """Remove a VM folder."""
        thing = self._client.object("Folder", folder)
        self._task(f"removing folder {folder}", thing.Destroy_Task, started)

    def clone(self, wanted: Clone, started: Started) -> str:
        """Clone a machine with all that vCenter does in one task."""
        client = self._client
        places = {
            "pool": client.object("ResourcePool", wanted.pool),
            "datastore": client.object("Datastore", wanted.datastore),
        }
        devices = self._devices(wanted.source)
        spec = specs.clone(wanted, places, devices, self._network(wanted.network))
        source, folder = (
            client.object("VirtualMachine", wanted.source),
            client.object("Folder", wanted.folder),
        )
        name = parsing.quoted(wanted.vm)
        made = self._task(
            f"VM {wanted.vm}", lambda: source.CloneVM_Task(folder=folder, name=name, spec=spec), started
        )
        return id_of(made)

    def reconfigure(self, machine: str, sizing: Sizing, started: Started) -> None:
        """Change a machine in one task."""
        network = self._network(sizing.network) if sizing.network is not None else None
        hardware = sizing.grow or sizing.add or network is not None
        spec = specs.change(sizing, self._devices(machine) if hardware else (), network)
        thing = self._client.object("VirtualMachine", machine)
        self._task(f"changing {self._name(machine)}", lambda: thing.ReconfigVM_Task(spec=spec), started)

    def customize(self, machine: str, customization: Customization, started: Started) -> None:
        """Have a guest told who it is; one that is going to be told already is left alone."""
        spec = specs.customization(customization, len(parsing.nics_of(self._devices(machine))))
        thing = self._client.object("VirtualMachine", machine)
        try:
            self._task(
                f"customizing {self._name(machine)}", lambda: thing.CustomizeVM_Task(spec=spec), started
            )
        except Rejected as error:
            if error.code != "CustomizationPending":
                raise

    def power(self, machine: str, started: Started, *, on: bool) -> None:
        """Switch a machine on or off."""
        thing = self._client.object("VirtualMachine", machine)
        what = f"switching {self._name(machine)} {'on' if on else 'off'}"
        self._task(what, thing.PowerOnVM_Task if on else thing.PowerOffVM_Task, started)

    def destroy(self, machine: str, started: Started) -> None:
        """Remove a machine."""
        thing = self._client.object("VirtualMachine", machine)
        self._task(f"removing {self._name(machine)}", thing.Destroy_Task, started)

    def set_rule(self, cluster: str, rule: RuleFound, started: Started, *, new: bool) -> None:
        """Add or change a rule."""
        machines = [self._client.object("VirtualMachine", one) for one in rule.vms]
        self._rules(cluster, f"rule {rule.rule}", specs.rule(rule, machines, new=new), started)

    def drop_rule(self, cluster: str, rule: int, started: Started) -> None:
        """Remove a rule."""
        self._rules(cluster, f"removing rule {rule}", specs.no_rule(rule), started)

    def guest(self, machine: str, wanted: IPv4Address, /) -> tuple[IPv4Address, ...]:
        """Wait until a guest has an address."""
        values = self._waiting.until(
            self._client.object("VirtualMachine", machine),
            ("guest.ipAddress", "guest.net"),
            lambda values: wanted in parsing.addresses(values),
            self._patience.guest,
        )
        return parsing.addresses(values)

    def _rules(self, cluster: str, what: str, spec: Any, started: Started) -> None:
        thing = self._client.object("ClusterComputeResource", cluster)
        self._task(what, lambda: thing.ReconfigureComputeResource_Task(spec, modify=True), started)

    def _task(self, what: str, make: Callable[[], Any], started: Started) -> Any:
        """Start a task, say so, see its end; returns its result."""
        task = id_of(self._client.change(what, lambda _: make()))
        started(task)
        return self._waiting.for_task(task, what, self._patience.task)

    def _name(self, machine: str) -> str:
        return self._names.get(machine, machine)

    def _devices(self, machine: str) -> list[Any]:
        thing = self._client.object("VirtualMachine", machine)
        values = reading.properties(self._client, thing, "config.hardware.device")
        return list(values.get("config.hardware.device") or ())

    def _network(self, identifier: str) -> Network:
        """A network with the uuid of its distributed switch, where it is on one."""
        thing, read = self._networks.get(identifier), partial(reading.properties, self._client)
        if thing is None:
            raise Missing(f"network {identifier} is not there", system=SYSTEM, address=self.address)
        if not isinstance(thing, vim.dvs.DistributedVirtualPortgroup):
            return Network(identifier, str(read(thing, "name")["name"]), "", thing)
        switch = read(thing, "config.distributedVirtualSwitch")["config.distributedVirtualSwitch"]
        return Network(identifier, "", str(read(switch, "uuid")["uuid"]), thing)
