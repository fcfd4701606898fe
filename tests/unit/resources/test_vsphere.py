"""Machines as desired state: equality is meaning, and what they name is found by key."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from hopbook.resources.base import Key, Resource, from_document, to_document
from hopbook.resources.vsphere import (
    AntiAffinity,
    ClusterCapacity,
    Customization,
    DatastoreCapacity,
    Folder,
    Guest,
    HostCapacity,
    VirtualMachine,
    guest_of,
)

FOLDER = Folder(datacenter="dal10", path="hopbook/icp")
SWITCH = Key("nsxv.logical-switch", "icp-nodes")
MASTER = VirtualMachine(
    vm="icp-master-1",
    datacenter="dal10",
    template="ubuntu-16.04",
    folder=FOLDER.key,
    resource_pool="compute/icp",
    datastore="vsan",
    cpus=8,
    memory_mb=16384,
    disks=(200, 100),
    network=SWITCH,
    customization=Customization(
        hostname="icp-master-1",
        domain="icp.example.com",
        address=IPv4Interface("192.168.20.11/24"),
        gateway=IPv4Address("192.168.20.1"),
        dns=(IPv4Address("10.0.80.12"), IPv4Address("10.0.80.11")),
    ),
    purpose="ICP master",
)
APART = AntiAffinity(
    cluster="compute", rule="icp-masters", vms=(MASTER.key, Key(VirtualMachine.kind, "icp-master-2"))
)
ANSWER = Guest(vm=MASTER.key, address=IPv4Address("192.168.20.11"))


@pytest.mark.parametrize("resource", [FOLDER, MASTER, ANSWER, APART, replace(MASTER, network="VM Network")])
def test_it_is_read_back_as_it_was_written(resource: Resource) -> None:
    assert from_document(to_document(resource)) == resource


def test_keys_are_names() -> None:
    assert [str(one.key) for one in (FOLDER, MASTER, ANSWER, APART)] == [
        "vsphere.folder:dal10/hopbook/icp",
        "vsphere.vm:icp-master-1",
        "vsphere.guest:icp-master-1",
        "vsphere.anti-affinity:compute/icp-masters",
    ]


def test_a_machine_waits_for_its_folder_and_its_network() -> None:
    assert list(MASTER.refs()) == [FOLDER.key, SWITCH]


def test_a_rule_waits_for_its_machines_and_their_order_means_nothing() -> None:
    assert set(APART.refs()) == set(APART.vms)
    assert replace(APART, vms=(*reversed(APART.vms), MASTER.key)) == APART


@pytest.mark.parametrize("path", ["/hopbook/icp", "hopbook/icp/", "hopbook//icp"])
def test_a_path_has_one_spelling(path: str) -> None:
    assert replace(FOLDER, path=path) == FOLDER


def test_the_folder_of_a_datacenter_has_its_name() -> None:
    assert Folder(datacenter="dal10", path="").name == "dal10"


def test_the_order_of_resolvers_means_something() -> None:
    assert MASTER.customization is not None
    other = replace(MASTER.customization, dns=tuple(reversed(MASTER.customization.dns)))
    assert replace(MASTER, customization=other) != MASTER


def test_of_a_running_machine_with_an_address_the_guest_is_expected() -> None:
    assert guest_of(MASTER) == ANSWER
    assert guest_of(replace(MASTER, powered_on=False)) is None
    assert guest_of(replace(MASTER, customization=None)) is None


def test_a_cluster_offers_what_its_usable_hosts_have() -> None:
    host = HostCapacity(name="esx-1", cores=28, memory_mb=262144, memory_used_mb=1000, usable=True)
    store = DatastoreCapacity(name="vsan", capacity_gib=4000, free_gib=1000)
    cluster = ClusterCapacity(
        cluster="compute",
        hosts=(host, replace(host, name="esx-2"), replace(host, name="esx-3", usable=False)),
        datastores=(store,),
    )
    assert (cluster.cores, cluster.memory_mb) == (56, 524288)
    assert cluster.datastore("vsan") == store
    assert cluster.datastore("none") is None
    assert MASTER.cluster == "compute"
