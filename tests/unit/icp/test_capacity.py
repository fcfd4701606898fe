"""IBM's formulas, with the figures that IBM gives for them, and what a shortage says."""

import pytest

from hopbook.icp import capacity
from hopbook.icp.capacity import Offer, advice, offer_of, shortages
from hopbook.icp.sizes import Catalogue, Demand, Node, demand_of
from hopbook.resources.vsphere import ClusterCapacity, DatastoreCapacity, HostCapacity, Promised
from hopbook.site.model import Storage


@pytest.mark.parametrize(("storage", "expected"), [(Storage.VSAN, 38), (Storage.NFS, 43)])
def test_cores_of_four_hosts_with_sixteen(storage: Storage, expected: int) -> None:
    assert capacity.cores(Offer(hosts=4, cores=16, memory=192, free=0), storage) == expected


@pytest.mark.parametrize(("storage", "expected"), [(Storage.VSAN, 693), (Storage.NFS, 860)])
def test_memory_of_six_hosts_with_192_gb(storage: Storage, expected: int) -> None:
    offer = Offer(hosts=6, cores=16, memory=192, free=0, capacity_disks=960)
    assert capacity.memory(offer, storage) == expected


def test_the_example_fits_four_hosts_of_the_architecture(
    nodes: tuple[Node, ...], catalogue: Catalogue
) -> None:
    demand = demand_of(nodes, catalogue.profiles["ha"])
    assert (demand.vcpus, demand.memory, demand.disk) == (68, 464, 4780)
    offer = Offer(hosts=4, cores=28, memory=384, free=8000, capacity_disks=1920)
    assert shortages(demand, offer, Storage.VSAN) == ()
    assert not advice(())


def test_a_shortage_names_what_and_by_how_much() -> None:
    demand = Demand(vcpus=150, memory=640, disk=8000, hosts=3, host_memory=65, vcpus_per_core=2.9)
    small = Offer(hosts=2, cores=16, memory=64, free=7500, capacity_disks=960)
    told = shortages(demand, small, Storage.VSAN)
    assert told == (
        "1 host short: 2 of 3",
        "hosts have 64 GB of memory each; at least 65 GB are needed",
        "43 cores short: 9 usable of 52 needed",
        "640 GB of memory short: 0 usable of 640 needed",
        "500 GB of storage short: 7500 usable of 8000 needed",
    )
    assert advice(told).endswith("Add hosts or free capacity, or choose a smaller profile")


def test_a_profile_asks_at_least_what_its_document_does(
    nodes: tuple[Node, ...], catalogue: Catalogue
) -> None:
    demand = demand_of(nodes, catalogue.profiles["production"])
    assert (demand.cores, demand.memory, demand.disk) == (52, 640, 8000)
    offer = Offer(hosts=5, cores=16, memory=256, free=9000)
    assert shortages(demand, offer, Storage.NFS) == ()  # 59 cores
    assert shortages(demand, offer, Storage.VSAN) == ()  # 52, as many as that
    assert shortages(demand, Offer(hosts=4, cores=16, memory=256, free=9000), Storage.VSAN)


def host(name: str, *, cores: int = 28, memory: int = 384, usable: bool = True) -> HostCapacity:
    return HostCapacity(name=name, cores=cores, memory_mb=memory * 1024, memory_used_mb=0, usable=usable)


def live(*promised: Promised, free: int = 8000) -> ClusterCapacity:
    return ClusterCapacity(
        cluster="cluster1",
        hosts=(host("a"), host("b"), host("c", cores=24, memory=256), host("d", usable=False)),
        datastores=(DatastoreCapacity(name="vsan", capacity_gib=20_000, free_gib=free),),
        promised=promised,
    )


def test_a_live_cluster_counts_by_its_smallest_usable_host(nodes: tuple[Node, ...]) -> None:
    offer = offer_of(live(), "vsan", nodes, capacity_disks=1920)
    assert (offer.hosts, offer.cores, offer.memory, offer.capacity_disks) == (3, 24, 256, 1920)
    assert offer.free == 8589  # GiB are more than GB
    assert offer_of(live(), "elsewhere", nodes).free == 0


def test_nodes_that_run_already_take_nothing_twice(nodes: tuple[Node, ...]) -> None:
    ours = Promised(vm="icp-master-1", cpus=4, memory_mb=64 * 1024)
    theirs = Promised(vm="jenkins", cpus=8, memory_mb=32 * 1024)
    offer = offer_of(live(ours, theirs), "vsan", nodes)
    assert (offer.used_vcpus, offer.used_memory) == (8, 32)
    assert offer.free == 8589 + 200


def test_what_others_run_counts_beyond_the_management_machines() -> None:
    demand = Demand(vcpus=29, memory=100, disk=0, vcpus_per_core=2.9)
    offer = Offer(hosts=3, cores=16, memory=128, free=1, used_vcpus=14, used_memory=77)
    assert shortages(demand, offer, Storage.NFS) == ()
    crowded = Offer(hosts=3, cores=16, memory=128, free=1, used_vcpus=75, used_memory=177)
    assert shortages(demand, crowded, Storage.NFS) == (
        "4 cores short: 6 usable of 10 needed",
        "30 GB of memory short: 70 usable of 100 needed",
    )
