"""Whether a cluster of hosts has room for the nodes, by IBM's own formulas.

IBM's automation refuses an order with "Capacity Validation Failed" and says no more. Here the same formulas
name what is short and by how much, before anything is made (IBM Cloud for VMware Solutions, ICP hosted, of
2018-11-09). They keep one host in reserve, and what vSAN and the management machines take.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import ceil

from hopbook.icp.sizes import Demand, Node
from hopbook.resources.vsphere import GIB, ClusterCapacity
from hopbook.site.model import Storage

SOURCE = "IBM Cloud for VMware Solutions, IBM Cloud Private Hosted, of 2018-11-09"

_HOST_CORES = Decimal("0.1")  # of the hypervisor itself
_VSAN_CORES = Decimal("0.1")  # vSAN's share of a host
_KEPT_CORES = 5  # of the management machines
_HOST_MEMORY = Decimal("4.6")  # GB
_VSAN_MEMORY = 7  # GB
_VSAN_PER_GB = Decimal("0.0275")  # GB of memory for a GB of the capacity disks
_KEPT_MEMORY = 77  # GB


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a vSphere cluster has; hosts are taken to be alike, by the smallest of them.

    Attributes:
        hosts: How many hosts are in it and not in maintenance.
        cores: Physical cores of a host.
        memory: GB of a host.
        free: GB free on the datastore of the nodes.
        capacity_disks: GB of vSAN's capacity disks of a host; 0 without vSAN.
        used_vcpus: Virtual CPUs of the machines that run there already, without the nodes.
        used_memory: GB of them.
    """

    hosts: int
    cores: int
    memory: int
    free: int
    capacity_disks: int = 0
    used_vcpus: int = 0
    used_memory: int = 0


def offer_of(
    found: ClusterCapacity, datastore: str, nodes: tuple[Node, ...], *, capacity_disks: int = 0
) -> Offer:
    """What a live cluster has for these nodes; those that run there already take nothing twice.

    Args:
        found: The cluster as vCenter shows it.
        datastore: Where the nodes' disks go; one that the cluster does not see has nothing free.
        nodes: The machines that are to fit.
        capacity_disks: GB of vSAN's capacity disks of a host.
    """
    usable = [host for host in found.hosts if host.usable]
    store = found.datastore(datastore)
    free = store.free_gib * GIB // 10**9 if store is not None and store.accessible else 0
    running = {each.vm for each in found.promised}
    others = [each for each in found.promised if each.vm not in {node.name for node in nodes}]
    return Offer(
        hosts=len(usable),
        cores=min((host.cores for host in usable), default=0),
        memory=min((host.memory_mb for host in usable), default=0) // 1024,
        free=free + sum(sum(node.size.disks) for node in nodes if node.name in running),
        capacity_disks=capacity_disks,
        used_vcpus=sum(each.cpus for each in others),
        used_memory=sum(each.memory_mb for each in others) // 1024,
    )


def cores(offer: Offer, storage: Storage) -> int:
    """Cores that machines may use: (host - 0.1 - 10 % with vSAN) × (hosts - 1) - 5, to the nearest.

    The 5 are the management machines'; what others run there counts in `shortages`.
    """
    share = _VSAN_CORES if storage is Storage.VSAN else Decimal(0)
    host = offer.cores - _HOST_CORES - share * offer.cores
    return _whole(host * (offer.hosts - 1) - _KEPT_CORES)


def memory(offer: Offer, storage: Storage) -> int:
    """GB that machines may use: (host - 4.6 - 7 - 0.0275 × capacity disks) × (hosts - 1) - 77.

    The 7 and the disks' share are vSAN's.
    """
    vsan = _VSAN_MEMORY + _VSAN_PER_GB * offer.capacity_disks if storage is Storage.VSAN else Decimal(0)
    return _whole((offer.memory - _HOST_MEMORY - vsan) * (offer.hosts - 1) - _KEPT_MEMORY)


def shortages(demand: Demand, offer: Offer, storage: Storage) -> tuple[str, ...]:
    """What is short, each with by how much and what would help; empty where there is room.

    Machines that are there already are not in `demand`.
    """
    return tuple(_shortages(demand, offer, storage))


def _shortages(demand: Demand, offer: Offer, storage: Storage) -> Iterator[str]:
    if offer.hosts < demand.hosts:
        lacking = demand.hosts - offer.hosts
        yield f"{lacking} host{'s' if lacking > 1 else ''} short: {offer.hosts} of {demand.hosts}"
    if demand.vcpus and offer.memory < demand.host_memory:
        yield f"hosts have {offer.memory} GB of memory each; at least {demand.host_memory} GB are needed"
    ratio = Decimal(str(demand.vcpus_per_core))
    needed = max(demand.cores, ceil(Decimal(demand.vcpus) / ratio))
    for what, need, have in (
        ("cores", needed, _left(cores(offer, storage), ceil(offer.used_vcpus / ratio), _KEPT_CORES)),
        ("GB of memory", demand.memory, _left(memory(offer, storage), offer.used_memory, _KEPT_MEMORY)),
        ("GB of storage", demand.disk, offer.free),
    ):
        if have < need:
            yield f"{need - have} {what} short: {have} usable of {need} needed"


def _left(usable: int, used: int, kept: int) -> int:
    """What others leave of it; the management machines are among them, and were counted as kept."""
    return max(usable - max(used - kept, 0), 0)


def advice(found: Sequence[str]) -> str:
    """The shortages as one sentence with what to do; empty for none."""
    told = "; ".join(found)
    return f"{told}. Add hosts or free capacity, or choose a smaller profile" if told else ""


def _whole(value: Decimal) -> int:
    return int(value.to_integral_value(ROUND_HALF_UP))
