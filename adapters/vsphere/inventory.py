"""What a vCenter shows, in our words: what both the SOAP side and the one in memory answer.

Ids are vCenter's managed object ids (`vm-17`) and stay in this adapter; everything else is called by its
name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from hopbook.resources.vsphere import Customization


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderFound:
    """A VM folder; `path` is empty for a datacenter's own."""

    id: str
    datacenter: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A VM or template, as far as a list of all shows it.

    Attributes:
        folder: The path of its folder.
        resource_pool: Cluster and path of its pool; empty for a template.
        networks: The ids of the networks that it is attached to, in no order.
    """

    id: str
    vm: str
    datacenter: str
    folder: str
    template: bool
    annotation: str
    cpus: int
    memory_mb: int
    powered_on: bool
    host: str
    resource_pool: str
    datastore: str
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What has to be asked of a machine by itself.

    Attributes:
        disks: Sizes in GiB, as they hang on their controllers; a part of a GiB does not count.
        nics: The network's id of each NIC.
        addresses: IPv4 addresses that the guest's tools report, the main one first.
        made_from: The template that we cloned it from; None where we did not.
        customization: What its guest is to be told by us; None where nothing is.
        told: It certainly was told: by a clone that came to its end, or by a call of its own.
    """

    annotation: str
    cpus: int
    memory_mb: int
    powered_on: bool
    disks: tuple[int, ...]
    nics: tuple[str, ...]
    addresses: tuple[IPv4Address, ...] = ()
    made_from: str | None = None
    customization: Customization | None = None
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFound:
    """A port group, standard or distributed."""

    id: str
    name: str
    datacenter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A resource pool, by cluster and path: `compute/icp`; a cluster's own is `compute`."""

    id: str
    path: str
    datacenter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastore:
    """A datastore; sizes in bytes."""

    id: str
    name: str
    datacenter: str
    capacity: int
    free: int
    accessible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFound:
    """An ESXi host; memory in MiB."""

    id: str
    name: str
    cluster: str
    cores: int
    memory_mb: int
    memory_used_mb: int
    usable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFound:
    """A rule of a cluster.

    Attributes:
        id: The number by which the cluster knows it.
        apart: It keeps machines apart; other rules only take a name.
        vms: Ids of the machines.
    """

    id: int
    rule: str
    apart: bool
    vms: tuple[str, ...]
    enabled: bool
    mandatory: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFound:
    """A cluster with its rules, and the datastores and networks that its hosts see, by id."""

    id: str
    name: str
    datacenter: str
    datastores: tuple[str, ...]
    networks: tuple[str, ...] = ()
    rules: tuple[RuleFound, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A task that is queued or runs; `entity` is the id of what it is about, of a clone its source."""

    id: str
    what: str
    entity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All of a vCenter at one moment."""

    folders: tuple[FolderFound, ...] = ()
    machines: tuple[Machine, ...] = ()
    networks: tuple[NetworkFound, ...] = ()
    pools: tuple[Pool, ...] = ()
    datastores: tuple[Datastore, ...] = ()
    hosts: tuple[HostFound, ...] = ()
    clusters: tuple[ClusterFound, ...] = ()
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """What to clone, and as what. Places are ids; disks are GiB.

    Attributes:
        network: The id of the network of the first NIC.
    """

    source: str
    vm: str
    folder: str
    pool: str
    datastore: str
    network: str
    annotation: str
    cpus: int
    memory_mb: int
    disks: tuple[int, ...]
    made_from: str
    customization: Customization | None
    powered_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What to change of a machine; None stays as it is.

    Attributes:
        grow: New sizes in GiB by the disk's place.
        add: Sizes in GiB of further disks.
        network: The id of the network for the first NIC.
        told: Remember that its guest was told this.
    """

    annotation: str | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    grow: Mapping[int, int] = field(default_factory=dict)
    add: tuple[int, ...] = ()
    network: str | None = None
    told: Customization | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to change."""
        return self == Sizing()
