"""What a vCenter in memory holds, how it is seeded, and how it is compared."""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from itertools import cycle
from typing import Any

from adapters.vsphere.inventory import (
    ClusterFound,
    Datastore,
    Details,
    FolderFound,
    HostFound,
    Inventory,
    Machine,
    NetworkFound,
    Pool,
    RuleFound,
)
from adapters.vsphere.lookup import network_ref
from hopbook.resources.vsphere import GIB, Customization


@dataclass(slots=True, kw_only=True)
class Vm:
    """A VM or template. Places are ids; disks are GiB; `told` is what its guest was told.

    `made_from`, `remembered` and `was_told` are the notes that we keep in it.
    """

    id: str
    name: str
    folder: str
    pool: str
    datastore: str
    cpus: int = 2
    memory_mb: int = 4096
    disks: list[int] = field(default_factory=lambda: [16])
    nics: list[str] = field(default_factory=list)
    template: bool = False
    on: bool = False
    annotation: str = ""
    host: str = ""
    made_from: str | None = None
    remembered: Customization | None = None
    was_told: bool = False
    told: Customization | None = None

    def details(self, addresses: tuple[IPv4Address, ...]) -> Details:
        """As one that is asked for by itself shows."""
        return Details(
            annotation=self.annotation,
            cpus=self.cpus,
            memory_mb=self.memory_mb,
            powered_on=self.on,
            disks=tuple(self.disks),
            nics=tuple(self.nics),
            addresses=addresses,
            made_from=self.made_from,
            customization=self.remembered,
            told=self.was_told,
        )


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A cluster with its hosts and rules."""

    id: str
    name: str
    datacenter: str
    hosts: list[HostFound]
    rules: list[RuleFound] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """Everything that is there. Seed it with `add_...`; names are unique as vCenter wants them."""

    folders: dict[str, FolderFound] = field(default_factory=dict)
    vms: dict[str, Vm] = field(default_factory=dict)
    networks: dict[str, NetworkFound] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    datastores: dict[str, Datastore] = field(default_factory=dict)
    clusters: dict[str, Cluster] = field(default_factory=dict)
    count: int = 0

    def new_number(self) -> int:
        """A number that was never given before."""
        self.count += 1
        return self.count

    def new_id(self, kind: str) -> str:
        """An id as vCenter makes them: `vm-17`."""
        return f"{kind}-{self.new_number()}"

    # -- seeding ------------------------------------------------------------------------------------

    def add_datacenter(self, name: str) -> str:
        """A datacenter, as its VM folder; returns that folder's id."""
        return self.add_folder(name, "")

    def add_folder(self, datacenter: str, path: str) -> str:
        """A VM folder; returns its id."""
        found = FolderFound(id=self.new_id("group-v"), datacenter=datacenter, path=path)
        self.folders[found.id] = found
        return found.id

    def add_cluster(  # what one is made of
        self, datacenter: str, name: str, hosts: int = 3, *, cores: int = 28, memory_mb: int = 262_144
    ) -> str:
        """A cluster with hosts `esx-1`, ... and its own resource pool; returns its id."""
        found = [
            HostFound(
                id=self.new_id("host"),
                name=f"esx-{number}",
                cluster=name,
                cores=cores,
                memory_mb=memory_mb,
                memory_used_mb=0,
                usable=True,
            )
            for number in range(1, hosts + 1)
        ]
        cluster = Cluster(id=self.new_id("domain-c"), name=name, datacenter=datacenter, hosts=found)
        self.clusters[cluster.id] = cluster
        self.add_pool(datacenter, name)
        return cluster.id

    def add_pool(self, datacenter: str, path: str) -> str:
        """A resource pool, by cluster and path; returns its id."""
        found = Pool(id=self.new_id("resgroup"), path=path, datacenter=datacenter)
        self.pools[found.id] = found
        return found.id

    def add_datastore(self, datacenter: str, name: str, gib: int = 10_000) -> str:
        """A datastore, empty but for the VMs that are there; returns its id."""
        size = gib * GIB
        found = Datastore(
            id=self.new_id("datastore"), name=name, datacenter=datacenter, capacity=size, free=size
        )
        self.datastores[found.id] = found
        return found.id

    def add_network(self, datacenter: str, name: str) -> str:
        """A port group; returns its id. Those of logical switches are called as NSX calls them."""
        found = NetworkFound(id=self.new_id("dvportgroup"), name=name, datacenter=datacenter)
        self.networks[found.id] = found
        return found.id

    def add_switch(self, datacenter: str, switch: str) -> str:
        """The port group that NSX makes for a logical switch; returns its id."""
        number = self.new_number()
        return self.add_network(datacenter, f"vxw-dvs-1-virtualwire-{number}-sid-{5000 + number}-{switch}")

    def add(self, vm: Vm) -> Vm:
        """A VM or template."""
        self.vms[vm.id] = vm
        self.spread()
        return vm

    def add_vm(self, datacenter: str, name: str, **values: Any) -> Vm:
        """A VM somewhere in a datacenter: in its VM folder, its first pool, datastore and network."""
        first = {
            "folder": next(one.id for one in self.folders.values() if one.datacenter == datacenter),
            "pool": next(one.id for one in self.pools.values() if one.datacenter == datacenter),
            "datastore": next(one.id for one in self.datastores.values() if one.datacenter == datacenter),
            "nics": [next(one.id for one in self.networks.values() if one.datacenter == datacenter)],
        }
        return self.add(Vm(id=self.new_id("vm"), name=name, **{**first, **values}))

    # -- changing -----------------------------------------------------------------------------------

    def remove(self, vm: Vm) -> None:
        """A VM goes; rules forget it, and one that then keeps nothing apart goes, too."""
        del self.vms[vm.id]
        for cluster in self.clusters.values():
            left = [replace(one, vms=tuple(v for v in one.vms if v != vm.id)) for one in cluster.rules]
            cluster.rules[:] = [one for one in left if one.vms]

    def drop_folder(self, folder: str) -> None:
        """A folder goes with all that is in it."""
        gone = self.folders[folder]
        inside = [
            one.id
            for one in self.folders.values()
            if one.datacenter == gone.datacenter and f"{one.path}/".startswith(f"{gone.path}/")
        ]
        for vm in [vm for vm in self.vms.values() if vm.folder in inside]:
            self.remove(vm)
        for identifier in inside:
            del self.folders[identifier]

    def spread(self) -> None:
        """DRS: every VM that is on gets a host, rules first; one that is off keeps the one that it had."""
        for cluster in self.clusters.values():
            hosts = [host.name for host in cluster.hosts if host.usable]
            turn = cycle(hosts)
            for vm in self.vms.values():
                if hosts and not vm.template and self.pools[vm.pool].path.partition("/")[0] == cluster.name:
                    vm.host = vm.host or next(turn)
            for rule in cluster.rules:
                if rule.enabled:
                    self._part([self.vms[one] for one in rule.vms if one in self.vms], hosts)

    def _part(self, vms: list[Vm], hosts: list[str]) -> None:
        if len({vm.host for vm in vms}) < min(len(vms), len(hosts)):
            for vm, host in zip(vms, cycle(hosts), strict=False):
                vm.host = host

    # -- reading ------------------------------------------------------------------------------------

    def place(self, folder: str) -> tuple[str, str]:
        """Datacenter and path of a folder."""
        return self.folders[folder].datacenter, self.folders[folder].path

    def names_in(self, datacenter: str, path: str) -> set[str]:
        """What a folder holds, by name."""
        here = {vm.name for vm in self.vms.values() if self.place(vm.folder) == (datacenter, path)}
        return here | {
            one.path.rpartition("/")[2]
            for one in self.folders.values()
            if one.path and (one.datacenter, one.path.rpartition("/")[0]) == (datacenter, path)
        }

    def used(self, datastore: str) -> int:
        """Bytes that VMs were promised on a datastore."""
        return sum(sum(vm.disks) for vm in self.vms.values() if vm.datastore == datastore) * GIB

    def inventory(self) -> Inventory:
        """All of it as a vCenter shows it."""
        return Inventory(
            folders=tuple(self.folders.values()),
            machines=tuple(self._machine(vm) for vm in self.vms.values()),
            networks=tuple(self.networks.values()),
            pools=tuple(self.pools.values()),
            datastores=tuple(
                replace(one, free=one.capacity - self.used(one.id)) for one in self.datastores.values()
            ),
            hosts=tuple(self._loaded(host) for one in self.clusters.values() for host in one.hosts),
            clusters=tuple(
                ClusterFound(
                    id=one.id,
                    name=one.name,
                    datacenter=one.datacenter,
                    datastores=tuple(
                        store.id for store in self.datastores.values() if store.datacenter == one.datacenter
                    ),
                    rules=tuple(one.rules),
                )
                for one in self.clusters.values()
            ),
        )

    def _machine(self, vm: Vm) -> Machine:
        datacenter, path = self.place(vm.folder)
        return Machine(
            id=vm.id,
            vm=vm.name,
            datacenter=datacenter,
            folder=path,
            template=vm.template,
            annotation=vm.annotation,
            cpus=vm.cpus,
            memory_mb=vm.memory_mb,
            powered_on=vm.on,
            host=vm.host,
            resource_pool="" if vm.template else self.pools[vm.pool].path,
            datastore=self.datastores[vm.datastore].name,
            networks=tuple(sorted(set(vm.nics))),
        )

    def _loaded(self, host: HostFound) -> HostFound:
        used = sum(vm.memory_mb for vm in self.vms.values() if vm.on and vm.host == host.name)
        return replace(host, memory_used_mb=used)

    def dump(self) -> dict[str, Any]:
        """All of it by name, without ids and hosts: equal before and after what is undone."""
        return {
            "folders": sorted(f"{one.datacenter}/{one.path}" for one in self.folders.values()),
            "machines": {
                f"{self.place(vm.folder)[1]}/{vm.name}": {
                    "template": vm.template,
                    "on": vm.on,
                    "cpus": vm.cpus,
                    "memory_mb": vm.memory_mb,
                    "disks": list(vm.disks),
                    "networks": [str(network_ref(self.networks[nic].name)) for nic in vm.nics],
                    "pool": self.pools[vm.pool].path,
                    "datastore": self.datastores[vm.datastore].name,
                    "annotation": vm.annotation,
                    "guest": vm.told,
                }
                for vm in sorted(self.vms.values(), key=lambda vm: vm.name)
            },
            "rules": {
                f"{cluster.name}/{rule.rule}": {
                    "vms": sorted(self.vms[one].name for one in rule.vms),
                    "enabled": rule.enabled,
                    "mandatory": rule.mandatory,
                    "apart": rule.apart,
                }
                for cluster in self.clusters.values()
                for rule in cluster.rules
            },
        }
