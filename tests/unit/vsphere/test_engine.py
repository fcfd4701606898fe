"""What the engine makes of vSphere: steps that stop and go on, runs that are cut, and undo."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.errors import NotUndoable, StepNotDone
from hopbook.resources.base import Key
from hopbook.resources.vsphere import VirtualMachine
from tests.contract.vsphere_lab import FOLDER, GUEST, NODES, RULE, SECOND, TOP, VM, machine
from tests.unit.engine.lab import completed, crashed, step
from tests.unit.vsphere.site import VsphereSite

MADE = (VM, GUEST, SECOND)
STEPS = [step("folders", TOP, FOLDER), step("machines", *MADE), step("apart", RULE)]
EVERYTHING = (TOP, FOLDER, *MADE, RULE)


def live(site: VsphereSite) -> dict[Key, object]:
    seen = site.process("look").observe(EVERYTHING)
    return {key: seen.items[key].resource for key in (one.key for one in EVERYTHING) if key in seen.items}


def everything_is_there(site: VsphereSite) -> bool:
    return live(site) == {one.key: one for one in EVERYTHING}


def test_a_run_makes_it_all_and_undo_takes_it_back() -> None:
    site = VsphereSite()
    site.vcenter.by_hand("theirs")
    before = site.dump()

    run = site.run(STEPS)
    assert everything_is_there(site)
    assert completed(site, run)

    site.undo(run)
    assert site.dump() == before
    assert site.state.owned == {}


def test_a_second_run_changes_nothing() -> None:
    site = VsphereSite()
    site.run(STEPS)
    before = len(site.vcenter.calls())

    site.run(STEPS)

    assert set(site.vcenter.calls()[before:]) == {"RetrievePropertiesEx"}


def test_a_silent_guest_fails_its_step_by_name_and_the_run_goes_on_from_there() -> None:
    site = VsphereSite()
    site.vcenter.silence(VM.vm)
    with pytest.raises(StepNotDone, match=r"step machines: .*VM icp-master-1: its guest does not have"):
        site.run(STEPS, "r")

    site.vcenter.vcenter.silent.clear()
    site.run(STEPS, "r")

    assert everything_is_there(site)
    assert site.vcenter.calls().count("CloneVM_Task") == 2


def test_a_machine_whose_guest_is_silent_is_undone_without_force() -> None:
    site = VsphereSite()
    before = site.dump()
    site.vcenter.silence(VM.vm)
    with pytest.raises(StepNotDone):
        site.run(STEPS, "r")

    site.undo("r")

    assert site.dump() == before


def test_a_guest_that_fell_silent_later_does_not_stand_in_the_way_of_undo() -> None:
    site = VsphereSite()
    before = site.dump()
    run = site.run(STEPS)
    site.vcenter.silence(VM.vm)

    site.undo(run)

    assert site.dump() == before


@pytest.mark.parametrize("fault", ["break_off", "lose"])
def test_a_half_made_machine_is_finished_in_the_same_run(fault: str) -> None:
    site = VsphereSite()
    getattr(site.vcenter, fault)("CloneVM_Task")

    site.run(STEPS)

    assert everything_is_there(site)
    assert site.vcenter.calls().count("CloneVM_Task") == 2


def test_a_full_datastore_stops_the_step_and_resume_ends_the_same() -> None:
    site = VsphereSite()
    site.vcenter.fill("CloneVM_Task")
    with pytest.raises(StepNotDone, match="has no room for its disks – free space on it"):
        site.run(STEPS, "r")

    site.run(STEPS, "r")

    assert everything_is_there(site)


def test_a_foreign_machine_of_the_same_name_stops_the_step_unless_it_is_to_be_adopted() -> None:
    site = VsphereSite()
    site.run(STEPS[:1])
    site.vcenter.by_hand(VM.vm)
    before = site.dump()

    with pytest.raises(StepNotDone, match="already there and not ours: VM icp-master-1; --adopt"):
        site.run([step("machines", replace(VM, folder=Key("vsphere.folder", "dal10")))])

    assert site.dump() == before


def test_what_cannot_change_in_place_is_said_before_anything_is_touched() -> None:
    site = VsphereSite()
    site.run(STEPS)
    before = site.dump()

    with pytest.raises(StepNotDone, match="template cannot be changed in place"):
        site.run([step("machines", replace(VM, template="centos-7"), GUEST, SECOND)])

    assert site.dump() == before


def test_a_machine_that_somebody_changed_is_shown_before_it_is_undone() -> None:
    site = VsphereSite()
    run = site.run(STEPS)
    state = site.vcenter.vcenter.state
    next(vm for vm in state.vms.values() if vm.name == VM.vm).cpus = 32

    with pytest.raises(NotUndoable, match="VM icp-master-1 was changed after us: cpus is 32"):
        site.undo(run)
    site.undo(run, "by force", force=True)

    assert site.state.owned == {}


def test_a_machine_that_is_not_wanted_any_more_goes() -> None:
    site = VsphereSite()
    site.run([step("machines", TOP, FOLDER, VM, GUEST, SECOND)])

    site.run([step("machines", TOP, FOLDER, SECOND)])

    assert VM.key not in live(site)
    assert SECOND.key in live(site)


def test_a_stranger_on_a_switch_or_in_a_folder_is_named_before_that_goes() -> None:
    site = VsphereSite()
    site.run(STEPS)
    site.vcenter.by_hand("stranger", folder=FOLDER.path, network=NODES)

    assert site.carried(FOLDER.key, resources=EVERYTHING) == [
        "VM folder dal10/hopbook/icp carries VM stranger, which is not ours"
    ]


def test_a_grown_disk_of_an_adopted_machine_cannot_be_given_back() -> None:
    site = VsphereSite(adopt=True)
    site.run(STEPS[:1])
    site.vcenter.by_hand(VM.vm)
    found = next(
        one.resource
        for one in site.process("look").observe([VM]).items.values()
        if one.resource.name == VM.vm
    )
    assert isinstance(found, VirtualMachine)
    run = site.run([step("machines", replace(found, disks=(60,)))])

    with pytest.raises(StepNotDone, match="none can shrink or go"):
        site.undo(run)


@settings(max_examples=10)
@given(cut=st.integers(0, 30), again=st.integers(0, 30))
def test_a_run_that_is_cut_anywhere_ends_the_same(cut: int, again: int) -> None:
    site = VsphereSite()
    for left in (cut, again):
        crashed(site, left, lambda: site.run(STEPS, "r", tries=3))
    site.run(STEPS, "r", tries=3)

    assert everything_is_there(site)
    assert list(site.state.doubts()) == []
    assert len([vm for vm in site.vcenter.vcenter.state.vms.values() if not vm.template]) == 2


@settings(max_examples=10)
@given(cut=st.integers(0, 30))
def test_undo_of_a_run_that_was_cut_restores_the_vcenter(cut: int) -> None:
    site = VsphereSite()
    before = site.dump()
    crashed(site, cut, lambda: site.run(STEPS, "r"))

    if "r" in site.state.runs:
        site.undo("r")

    assert site.dump() == before


def test_twenty_machines_are_made_side_by_side() -> None:
    site = VsphereSite()
    many = [machine(number) for number in range(1, 21)]
    site.run([STEPS[0], step("machines", *many)])
    seen = site.process("look").observe(many)
    assert [seen.items[one.key].resource for one in many] == many
