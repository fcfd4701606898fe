"""The vCenter in memory: what it refuses, what can go wrong with it, and whom it tells."""

import subprocess
import sys
from dataclasses import replace

import pytest

from adapters.simulated.faults import Faults, parse_fault
from adapters.vsphere.provider import VsphereProvider, for_site
from adapters.vsphere.simulator import SimulatedVcenter, State, Vm
from hopbook.engine.change import Outcome, Result, Scope
from hopbook.errors import AnswerLost, Garbled, LoginRefused, Rejected
from hopbook.resources.vsphere import AntiAffinity, Placement
from hopbook.site.model import Site
from tests.contract.vsphere_lab import (
    CLUSTER,
    DC,
    FOLDER,
    GUEST,
    NODES,
    RULE,
    SECOND,
    STORE,
    TEMPLATE,
    THIRD,
    TOP,
    VM,
    create,
    delete,
)

SITE = Site.model_validate({"hopbook": 1, "site": "lab"})


def seeded(*, hosts: int = 3, gib: int = 1000) -> State:
    state = State()
    state.add_datacenter(DC)
    state.add_cluster(DC, CLUSTER, hosts)
    state.add_datastore(DC, STORE, gib)
    state.add_switch(DC, NODES.name)
    state.add_vm(DC, TEMPLATE, template=True, disks=[16])
    return state


def opened(state: State, *faults: str) -> tuple[SimulatedVcenter, VsphereProvider]:
    vcenter = SimulatedVcenter(state, Faults(parse_fault(f"vsphere:{fault}") for fault in faults))
    return vcenter, for_site(SITE, vcenter)


def made(vsphere: VsphereProvider, *resources: object) -> list[Outcome]:
    return [
        outcome
        for resource in resources
        for outcome in vsphere.apply([create(resource)], lambda _: None)  # type: ignore[arg-type] # any of ours
    ]


def test_a_rehearsal_does_not_wait_for_pyvmomi() -> None:
    modules = "sys, adapters.vsphere.provider, adapters.vsphere.simulator"
    code = f"import {modules}; sys.exit('pyVmomi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_datastore_without_room_refuses_by_its_name() -> None:
    _, vsphere = opened(seeded(gib=70))
    outcome = made(vsphere, TOP, FOLDER, VM)[-1]
    assert outcome.result is Result.REFUSED
    assert "VM icp-master-1: datastore store-1 has no room for its disks" in outcome.reason


@pytest.mark.parametrize(
    ("fault", "result", "said"),
    [
        ("401", Result.REFUSED, "not logged in"),
        ("403", Result.REFUSED, "no permission"),
        ("404", Result.REFUSED, "not there"),
        ("409", Result.REFUSED, "the name icp-master-1 is taken"),
        ("500", Result.UNKNOWN, "ended in an error"),
        ("503", Result.REFUSED, "ended in an error"),
        ("507", Result.REFUSED, "has no room for its disks"),
        ("busy", Result.REFUSED, "another task is in progress"),
        ("timeout", Result.UNKNOWN, "no answer"),
        ("garbage", Result.UNKNOWN, "no answer"),
        ("lost", Result.UNKNOWN, "no answer"),
        ("late", Result.UNKNOWN, "no answer"),
    ],
)
def test_a_fault_that_is_asked_for_hits_the_clone(fault: str, result: Result, said: str) -> None:
    vcenter, vsphere = opened(seeded(), f"{fault}@/CloneVM_Task/icp-master-1")
    outcome = made(vsphere, TOP, FOLDER, VM)[-1]
    assert outcome.result is result
    assert said in outcome.reason
    assert vcenter.calls.count("CloneVM_Task/icp-master-1") == 1
    assert made(vsphere, SECOND)[0].result is Result.APPLIED  # it was aimed at one machine


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("timeout", AnswerLost), ("garbage", Garbled), ("403", LoginRefused), ("503", Rejected)],
)
def test_a_reading_can_go_wrong_too(fault: str, kind: type[Exception]) -> None:
    _, vsphere = opened(seeded(), f"{fault}@/RetrievePropertiesEx/inventory")
    with pytest.raises(kind):
        vsphere.observe(Scope(frozenset({VM.key})))
    assert vsphere.observe(Scope(frozenset({VM.key}))).items


def test_whoever_asks_is_told_when_a_machine_starts_and_stops() -> None:
    vcenter, vsphere = opened(seeded())
    told: list[tuple[str, str]] = []

    def started(vm: Vm) -> None:
        assert vm.told is not None
        told.append((vm.name, str(vm.told.address)))

    vcenter.on_power_on = started
    vcenter.on_power_off = lambda vm: told.append((vm.name, "off"))

    made(vsphere, TOP, FOLDER, VM, replace(SECOND, powered_on=False))
    list(vsphere.apply([delete(VM)], lambda _: None))

    assert told == [("icp-master-1", "192.168.20.11/24"), ("icp-master-1", "off")]


def test_a_rule_moves_machines_apart() -> None:
    state = seeded()
    _, vsphere = opened(state)
    made(vsphere, TOP, FOLDER, VM, SECOND, THIRD)
    for vm in state.vms.values():
        vm.host = "esx-1"
    made(vsphere, AntiAffinity(cluster=CLUSTER, rule="apart", vms=(VM.key, SECOND.key, THIRD.key)))
    seen = vsphere.observe(Scope(frozenset({VM.key})))
    places = [one.resource.host for one in seen.items.values() if isinstance(one.resource, Placement)]
    assert sorted(places) == ["esx-1", "esx-2", "esx-3"]


def test_hosts_are_called_as_the_site_calls_them() -> None:
    state = seeded()
    cluster = next(iter(state.clusters.values()))
    cluster.hosts[:] = [replace(host, name=f"{host.name}.example.com") for host in cluster.hosts]
    vcenter, _ = opened(state)
    vsphere = VsphereProvider(vcenter, site="lab", hosts=["esx-1"])
    made(vsphere, TOP, FOLDER, VM, SECOND)
    seen = vsphere.observe(Scope(frozenset({VM.key})))
    places = {one.resource.host for one in seen.items.values() if isinstance(one.resource, Placement)}
    assert places <= {"esx-1", "esx-2.example.com", "esx-3.example.com"}
    assert "esx-1" in places


def test_the_dump_of_a_vcenter_knows_no_ids() -> None:
    one, other = seeded(), seeded()
    other.count += 100
    for state in (one, other):
        made(opened(state)[1], TOP, FOLDER, VM, SECOND, RULE)
    assert one.dump() == other.dump()
    made(opened(other)[1], GUEST, THIRD)
    assert one.dump() != other.dump()


def test_two_machines_with_one_marker_are_a_finding() -> None:
    state = seeded()
    _, vsphere = opened(state)
    made(vsphere, TOP, FOLDER, VM)
    original = next(vm for vm in state.vms.values() if vm.name == VM.vm)
    state.add(replace(original, id=state.new_id("vm"), name="a copy"))

    seen = vsphere.observe(Scope(frozenset({VM.key})))

    assert seen.items[VM.key].handle == original.id
    assert [one.copies for key, one in seen.items.items() if key.kind == VM.kind] == [2, 2]
