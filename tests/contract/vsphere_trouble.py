"""When vCenter refuses, breaks off or does not answer: what is told is true, and one can go on from there."""

from dataclasses import replace
from typing import Any

import pytest

from hopbook.engine.change import Change, Result
from hopbook.engine.plan import Known, Step, diff
from hopbook.resources.base import Key
from hopbook.resources.vsphere import AntiAffinity, Guest
from tests.contract.vsphere_lab import (
    CLUSTER,
    FOLDER,
    GUEST,
    RULE,
    SECOND,
    VM,
    Lab,
    build,
    create,
    delete,
    machine,
    update,
)

OFF = replace(VM, powered_on=False)
CHANGES: list[tuple[str, Change]] = [
    ("CloneVM_Task", create(machine(3))),
    ("ReconfigVM_Task", update(VM, replace(VM, disks=(50, 20)))),
    ("PowerOffVM_Task", update(VM, OFF)),
    ("ReconfigureComputeResource_Task", create(RULE)),
    ("ReconfigureComputeResource_Task", delete(replace(RULE, rule="before"))),
    ("CreateFolder", create(replace(FOLDER, path="hopbook/icp/more"))),
    ("Destroy_Task", delete(replace(SECOND, powered_on=False))),
]
every_change = pytest.mark.parametrize(
    ("method", "change"), CHANGES, ids=[f"{one.action} {method}" for method, one in CHANGES]
)
TASKS = [entry for entry in CHANGES if entry[0] != "CreateFolder"]
MISSING: list[tuple[dict[str, Any], str]] = [
    ({"template": "centos-7"}, "there is no template centos-7, only ubuntu-16.04"),
    ({"folder": Key("vsphere.folder", "dal10/none")}, "there is no VM folder dal10/none, only"),
    ({"resource_pool": f"{CLUSTER}/none"}, f"there is no resource pool {CLUSTER}/none, only {CLUSTER}"),
    ({"datastore": "none"}, "there is no datastore none, only store-"),
    ({"network": "none"}, "there is no network none, only"),
    (
        {"network": Key("nsxv.logical-switch", "none")},
        "there is no network nsxv.logical-switch:none, only",
    ),
]


def ready(vsphere: Lab) -> None:
    build(vsphere, VM, replace(SECOND, powered_on=False), replace(RULE, rule="before"))


def is_so(vsphere: Lab, change: Change) -> bool:
    live = vsphere.see(change.key).get(change.key)
    if change.after is None:
        return live is None
    return live is not None and live.resource == change.after


def left(vsphere: Lab, *wanted: Any) -> list[Change]:
    """What a plan would still change."""
    step = Step("s", "machines", "S1", wanted)
    keys = [one.key for one in wanted]
    plan = diff(step, vsphere.see(*keys), Known({}, str), vsphere.provider.kinds, "i")
    assert plan.blocked == ()
    return list(plan.changes)


class Troubles:
    """Refusals, lost answers, half-done work."""

    @every_change
    def test_a_lost_answer_is_unknown_and_reading_settles_it(
        self, vsphere: Lab, method: str, change: Change
    ) -> None:
        ready(vsphere)
        vsphere.world.lose(method)

        outcomes = vsphere.apply(change, create(replace(FOLDER, path="hopbook/after")))

        assert [outcome.result for outcome in outcomes] == [Result.UNKNOWN, Result.REFUSED]
        assert "not attempted" in outcomes[1].reason
        assert is_so(vsphere, change)

    @pytest.mark.parametrize(("method", "change"), TASKS)
    def test_a_task_that_ends_in_an_error_is_a_refusal(
        self, vsphere: Lab, method: str, change: Change
    ) -> None:
        ready(vsphere)
        before = vsphere.world.machines()
        vsphere.world.refuse(method)

        (outcome,) = vsphere.apply(change)

        assert outcome.result is Result.REFUSED
        assert outcome.reason.startswith("vCenter (")
        assert vsphere.world.machines() == before
        assert not is_so(vsphere, change)

    @pytest.mark.parametrize(("fields", "said"), MISSING, ids=[said for _, said in MISSING])
    def test_what_a_machine_needs_and_is_not_there_is_named(
        self, vsphere: Lab, fields: dict[str, Any], said: str
    ) -> None:
        build(vsphere)
        before = vsphere.world.machines()

        (outcome,) = vsphere.apply(create(replace(VM, **fields)))

        assert outcome.result is Result.REFUSED
        assert said in outcome.reason
        assert vsphere.world.machines() == before

    def test_a_full_datastore_is_named(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.world.fill("CloneVM_Task")

        (outcome,) = vsphere.apply(create(VM))

        assert outcome.result is Result.REFUSED
        assert "VM icp-master-1: " in outcome.reason
        assert "has no room for its disks" in outcome.reason
        assert vsphere.see(VM.key).get(VM.key) is None

    def test_a_clone_that_breaks_off_is_in_doubt_and_finished_later(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.world.break_off("CloneVM_Task")

        (outcome,) = vsphere.apply(create(VM))

        assert outcome.result is Result.UNKNOWN  # something is there, and it carries our marker
        half = vsphere.see(VM.key).items[VM.key]
        assert (half.marked, half.resource == VM) == (True, False)
        (finish,) = left(vsphere, VM)
        assert (finish.action, finish.key) == ("update", VM.key)
        vsphere.done(finish, create(GUEST))
        assert vsphere.live(VM.key) == VM
        assert left(vsphere, VM) == []

    def test_a_machine_that_cannot_be_started_is_finished_later(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.world.break_off("CloneVM_Task")
        vsphere.apply(create(VM))
        vsphere.world.refuse("PowerOnVM_Task")

        (outcome,) = vsphere.apply(*left(vsphere, VM))

        assert outcome.result is Result.REFUSED
        assert vsphere.live(VM.key) == OFF
        (finish,) = left(vsphere, VM)
        assert [item.field for item in finish.fields] == ["powered_on"]
        vsphere.done(finish)
        assert vsphere.live(VM.key) == VM

    def test_a_guest_that_waits_to_be_told_is_told_once(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.world.lose("CloneVM_Task")  # it is to be told at its start, and nobody noted that
        vsphere.apply(create(OFF))

        vsphere.done(update(OFF, VM), create(GUEST))

        assert vsphere.live(VM.key) == VM

    def test_a_half_made_machine_can_be_removed(self, vsphere: Lab) -> None:
        build(vsphere)
        before = vsphere.world.machines()
        vsphere.world.break_off("CloneVM_Task")
        vsphere.apply(create(VM))

        vsphere.done(delete(VM))

        assert vsphere.world.machines() == before

    def test_a_guest_that_never_has_its_address_is_named(self, vsphere: Lab) -> None:
        vsphere.world.silence(VM.vm)
        build(vsphere)

        outcomes = vsphere.apply(create(VM), create(GUEST))

        assert [one.result for one in outcomes] == [Result.APPLIED, Result.REFUSED]
        assert f"VM {VM.vm}: its guest does not have 192.168.20.11 after" in outcomes[1].reason
        assert vsphere.see(VM.key).get(GUEST.key) is None
        assert [change.key for change in left(vsphere, VM, GUEST)] == [GUEST.key]

    def test_a_guest_with_another_address_is_a_difference(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        vsphere.done(create(GUEST))
        other = Guest(vm=VM.key, address=replace_last(GUEST))

        (change,) = left(vsphere, other)

        assert [item.field for item in change.fields] == ["address"]
        (outcome,) = vsphere.apply(change)
        assert outcome.result is Result.REFUSED
        assert "its tools report 192.168.20.11" in outcome.reason

    def test_the_guest_of_a_machine_that_is_not_there_is_not_waited_for(self, vsphere: Lab) -> None:
        (outcome,) = vsphere.apply(create(GUEST))
        assert outcome.result is Result.REFUSED
        assert "VM icp-master-1 is not there" in outcome.reason

    def test_a_task_is_journaled_before_it_is_waited_for(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.world.refuse("CloneVM_Task")

        vsphere.apply(create(VM))

        assert [item.key for item in vsphere.handles] == [VM.key]
        assert vsphere.handles[0].handle.startswith("task-")

    def test_what_is_under_way_is_pending_until_it_ends(self, vsphere: Lab) -> None:
        build(vsphere)
        let_go = vsphere.world.hold("CloneVM_Task")
        (outcome,) = vsphere.apply(create(VM))
        assert outcome.result is Result.UNKNOWN

        lane = vsphere.provider.kinds[VM.kind].lane(VM)
        assert lane in {pending.lane for pending in vsphere.see(VM.key).pending}

        let_go()
        seen = vsphere.see(VM.key)
        assert (seen.pending, VM.key in seen.items) == ((), True)

    def test_a_rule_whose_name_is_taken_is_refused(self, vsphere: Lab) -> None:
        build(vsphere, VM, SECOND, RULE)
        (outcome,) = vsphere.apply(create(replace(RULE, mandatory=True)))
        assert outcome.result is Result.REFUSED
        assert "the name icp-masters is taken" in outcome.reason
        assert vsphere.live(RULE.key) == RULE

    def test_a_rule_about_a_machine_that_is_not_there_is_refused(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        (outcome,) = vsphere.apply(create(RULE))
        assert outcome.result is Result.REFUSED
        assert f"there is no VM in {CLUSTER} {SECOND.vm}, only {VM.vm}" in outcome.reason

        alone = AntiAffinity(cluster=CLUSTER, rule="alone", vms=(VM.key,))
        (outcome,) = vsphere.apply(create(alone))
        assert outcome.result is Result.REFUSED
        assert "two machines or more" in outcome.reason

    def test_a_folder_below_nothing_is_refused(self, vsphere: Lab) -> None:
        (outcome,) = vsphere.apply(create(FOLDER))
        assert outcome.result is Result.REFUSED
        assert "there is no VM folder dal10/hopbook, only dal10" in outcome.reason


def replace_last(guest: Guest) -> Any:
    return guest.address + 50
