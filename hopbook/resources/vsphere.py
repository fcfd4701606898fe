"""vSphere, as desired state: folders, machines, what their guests answer, and which of them live apart.

Everything is called by its name: a vendor's id (`vm-17`) changes when a machine is made anew, and its name
does not. A machine carries our marker in its annotation; folders and rules have a natural key, their path
and name.

That a guest has its address is a resource of its own (`Guest`) and no field of its machine: a machine whose
guest never answers was made all the same, and undo has to remove it without being asked twice.

Which machine runs on which ESXi host is observed only: DRS moves machines, and that is neither a change of
ours nor drift (rule 13).
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import ClassVar

from hopbook.resources.base import Key, Resource, known

GIB = 1024**3
"""Bytes in a GiB, the unit of disks."""


@known
@dataclass(frozen=True, kw_only=True)
class Placement(Resource):
    """The ESXi host that a machine runs on: a VM, the active appliance of an edge, a concentrator.

    Attributes:
        machine: The machine's name as the network knows its node.
        host: The ESXi host's name as the site has it.
    """

    kind: ClassVar[str] = "vsphere.placement"

    machine: str
    host: str

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.machine

    def title(self) -> str:
        """For a sentence."""
        return f"the place of {self.machine}"


@known
@dataclass(frozen=True, kw_only=True)
class Folder(Resource):
    """A folder for VMs.

    Attributes:
        datacenter: The datacenter's name in vCenter.
        path: Its names from the datacenter's VM folder on: `hopbook/icp`. The one above it has to be there,
            or to come before it. Empty: the datacenter's VM folder itself, which always exists.
    """

    kind: ClassVar[str] = "vsphere.folder"

    datacenter: str
    path: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", "/".join(part for part in self.path.split("/") if part))

    @property
    def name(self) -> str:
        """Datacenter and path: `dal10/hopbook/icp`."""
        return f"{self.datacenter}/{self.path}" if self.path else self.datacenter

    def title(self) -> str:
        """For a sentence."""
        return f"VM folder {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customization:
    """What the guest is told at its first start: who it is and where on the network.

    Attributes:
        hostname: Without its domain.
        domain: The domain, which is searched for names, too.
        address: Of its first NIC, with the prefix's length.
        gateway: Its default route.
        dns: The resolvers, in the order in which they are asked.
    """

    hostname: str
    domain: str
    address: IPv4Interface
    gateway: IPv4Address
    dns: tuple[IPv4Address, ...]


@known
@dataclass(frozen=True, kw_only=True)
class VirtualMachine(Resource):
    """A VM, cloned from a template.

    Sizes, disks, network, purpose and power can change in place; the rest is decided when it is made.

    Attributes:
        vm: Its name in vCenter.
        datacenter: The datacenter's name.
        template: The name of the template that it is cloned from.
        folder: Key of the `Folder` that it is in.
        resource_pool: The cluster's name, for its root pool, or with the pool's path: `compute/icp`.
        datastore: Where its disks are, by name.
        cpus: Virtual CPUs.
        memory_mb: Memory in MiB.
        disks: Sizes in GiB. The first is the system disk, which comes with the template and may grow; the
            others are added empty. None can shrink or go.
        network: What its first NIC is connected to: the key of a logical switch (`nsxv.logical-switch`), or
            a port group's name.
        customization: None: the guest stays as the template has it.
        powered_on: Whether it runs.
        purpose: A sentence for people, in its annotation.
    """

    kind: ClassVar[str] = "vsphere.vm"

    vm: str
    datacenter: str
    template: str
    folder: Key
    resource_pool: str
    datastore: str
    cpus: int
    memory_mb: int
    disks: tuple[int, ...]
    network: Key | str
    customization: Customization | None = None
    powered_on: bool = True
    purpose: str = ""

    @property
    def name(self) -> str:
        """The VM's name in vCenter."""
        return self.vm

    @property
    def cluster(self) -> str:
        """The name of the cluster that it runs in."""
        return self.resource_pool.partition("/")[0]

    def title(self) -> str:
        """For a sentence."""
        return f"VM {self.vm}"


@known
@dataclass(frozen=True, kw_only=True)
class Guest(Resource):
    """The guest of a VM has its address, as its tools report it: it started, and its network is up.

    Making it so is waiting for it. Taking it back does nothing: the guest goes with its VM.
    """

    kind: ClassVar[str] = "vsphere.guest"

    vm: Key
    address: IPv4Address

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.vm.name

    def title(self) -> str:
        """For a sentence."""
        return f"guest of {self.vm.name}"


def guest_of(machine: VirtualMachine) -> Guest | None:
    """What to expect of a machine's guest; None where it does not run or nobody gave it an address."""
    if machine.customization is None or not machine.powered_on:
        return None
    return Guest(vm=machine.key, address=machine.customization.address.ip)


@known
@dataclass(frozen=True, kw_only=True)
class AntiAffinity(Resource):
    """A rule of a cluster's DRS: these machines run on different hosts.

    Attributes:
        cluster: The cluster's name.
        rule: The rule's name in it.
        vms: Keys of two machines or more.
        enabled: Whether DRS minds it.
        mandatory: A machine that cannot be placed so is not started, not even by HA.
    """

    kind: ClassVar[str] = "vsphere.anti-affinity"

    cluster: str
    rule: str
    vms: tuple[Key, ...]
    enabled: bool = True
    mandatory: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "vms", tuple(sorted(set(self.vms))))

    @property
    def name(self) -> str:
        """Cluster and rule: `compute/icp-masters-apart`."""
        return f"{self.cluster}/{self.rule}"

    def title(self) -> str:
        """For a sentence."""
        return f"anti-affinity rule {self.rule} of {self.cluster}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCapacity:
    """What an ESXi host has.

    Attributes:
        name: In vCenter.
        cores: Physical cores.
        memory_mb: Memory in MiB.
        memory_used_mb: Of that, in use now.
        usable: It is connected and not in maintenance.
    """

    name: str
    cores: int
    memory_mb: int
    memory_used_mb: int
    usable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DatastoreCapacity:
    """What a datastore has, in GiB."""

    name: str
    capacity_gib: int
    free_gib: int
    accessible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """What a VM that runs on a cluster was given; a check of what is left has to count it."""

    vm: str
    cpus: int
    memory_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCapacity:
    """What a cluster has for machines, and what it gave to those that run there."""

    cluster: str
    hosts: tuple[HostCapacity, ...]
    datastores: tuple[DatastoreCapacity, ...]
    promised: tuple[Promised, ...] = ()

    @property
    def cores(self) -> int:
        """Physical cores of the usable hosts."""
        return sum(host.cores for host in self.hosts if host.usable)

    @property
    def memory_mb(self) -> int:
        """Memory of the usable hosts, in MiB."""
        return sum(host.memory_mb for host in self.hosts if host.usable)

    def datastore(self, name: str) -> DatastoreCapacity | None:
        """The datastore of that name, if the cluster sees it."""
        return next((store for store in self.datastores if store.name == name), None)
