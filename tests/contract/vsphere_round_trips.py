"""What is applied can be observed: machines, folders, rules and guests, there and back."""

from dataclasses import replace

import pytest

from hopbook.engine.change import Action, Observation, lanes, project
from hopbook.engine.plan import Known, Step, diff
from hopbook.resources.base import Key
from hopbook.resources.vsphere import AntiAffinity, Folder, Guest, Placement, VirtualMachine
from tests.contract.vsphere_lab import (
    CLUSTER,
    DC,
    FOLDER,
    GUEST,
    NODES,
    OTHER,
    PLAIN,
    RULE,
    SECOND,
    STORE,
    THIRD,
    TOP,
    VM,
    Lab,
    build,
    create,
    delete,
    update,
    vms,
)

UPDATES = [
    {"disks": (50, 20)},
    {"disks": (40, 25)},
    {"disks": (40, 20, 100, 7)},
    {"network": OTHER},
    {"network": PLAIN},
    {"purpose": ""},
    {"purpose": '<&> "é" [brackets]\nand a second line'},
    {"powered_on": False},
    {"powered_on": False, "cpus": 8, "memory_mb": 16384, "disks": (60, 60), "network": OTHER},
]


class RoundTrips:
    """Create, update and delete, kind by kind and field by field."""

    def test_a_scope_of_nothing_asks_nothing(self, vsphere: Lab) -> None:
        before = len(vsphere.world.calls())
        assert vsphere.see(Key("nsxv.edge", "icp-esg")) == Observation()
        assert vsphere.since(before) == []

    def test_a_scope_that_does_not_exist_is_not_there(self, vsphere: Lab) -> None:
        seen = vsphere.see(FOLDER.key, VM.key, GUEST.key, RULE.key)
        assert {FOLDER.key, VM.key, GUEST.key, RULE.key} & seen.items.keys() == set()
        assert seen.pending == ()

    def test_what_is_made_is_seen_field_for_field(self, vsphere: Lab) -> None:
        build(vsphere, VM, SECOND, RULE)
        vsphere.done(create(GUEST))

        seen = vsphere.see(VM.key)

        for resource in (TOP, FOLDER, VM, SECOND, GUEST, RULE):
            assert seen.items[resource.key].resource == resource
        assert {key for key, live in seen.items.items() if live.marked} == {VM.key, SECOND.key}
        assert seen.items[VM.key].unreadable == frozenset()
        assert seen.items[VM.key].handle
        assert seen.pending == ()

    def test_the_folder_of_the_datacenter_belongs_to_the_system(self, vsphere: Lab) -> None:
        assert vsphere.see(TOP.key).items[Key(Folder.kind, DC)].system

    def test_a_machine_is_somewhere(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        place = vsphere.live(Key(Placement.kind, VM.vm))
        assert isinstance(place, Placement)
        assert place.host in {"esx-1", "esx-2", "esx-3"}
        assert vsphere.see(VM.key).items[place.key].system

    def test_a_machine_that_is_to_be_off_stays_off(self, vsphere: Lab) -> None:
        off = replace(VM, powered_on=False)
        build(vsphere, off)
        seen = vsphere.see(VM.key)
        assert seen.items[VM.key].resource == off
        assert seen.get(GUEST.key) is None

    def test_a_machine_without_customization_keeps_the_template_s(self, vsphere: Lab) -> None:
        bare = replace(VM, customization=None, disks=(40,))
        build(vsphere, bare)
        assert vsphere.live(VM.key) == bare

    def test_what_a_plan_foresees_is_what_comes(self, vsphere: Lab) -> None:
        kinds, known = vsphere.provider.kinds, Known({}, str)
        wanted = (TOP, FOLDER, VM, GUEST, SECOND, RULE)
        keys = [one.key for one in wanted]
        step = Step("s", "everything", "S1", wanted)
        empty = vsphere.see(*keys)
        plan = diff(step, empty, known, kinds, "i")
        foreseen = project(empty, plan.changes, kinds)
        assert plan.blocked == ()

        for batch in lanes(plan.changes, kinds).values():
            vsphere.done(*batch)

        seen = vsphere.see(*keys)
        again = diff(step, seen, known, kinds, "i")
        assert [change for change in again.changes if change.fields] == []
        assert {change.action for change in again.changes} <= {Action.ADOPT}  # no journal says whose they are
        for key in keys:
            assert foreseen.items[key].resource.compared() == seen.items[key].resource.compared()
            assert foreseen.items[key].marked == seen.items[key].marked

    @pytest.mark.parametrize("fields", UPDATES, ids="-".join)
    def test_an_update_reaches_every_field(self, vsphere: Lab, fields: dict[str, object]) -> None:
        build(vsphere, VM, SECOND)
        wanted = replace(VM, **fields)  # type: ignore[arg-type] # one test for every field

        vsphere.done(update(VM, wanted))

        assert vsphere.live(VM.key) == wanted
        assert vsphere.live(SECOND.key) == SECOND

    def test_a_machine_is_switched_on_with_its_new_sizes(self, vsphere: Lab) -> None:
        off = replace(VM, powered_on=False)
        build(vsphere, off)
        wanted = replace(VM, cpus=16, memory_mb=32768)

        vsphere.done(update(off, wanted), create(GUEST))

        assert vsphere.live(VM.key) == wanted
        assert vsphere.live(GUEST.key) == GUEST

    def test_a_rule_comes_changes_and_goes(self, vsphere: Lab) -> None:
        build(vsphere, VM, SECOND, THIRD, RULE)
        wider = replace(RULE, vms=(VM.key, SECOND.key, THIRD.key), enabled=False, mandatory=True)
        second = AntiAffinity(cluster=CLUSTER, rule="two", vms=(SECOND.key, THIRD.key))

        vsphere.done(create(second), update(RULE, wider))
        assert vsphere.live(RULE.key) == wider
        assert vsphere.live(second.key) == second

        vsphere.done(delete(RULE))
        seen = vsphere.see(RULE.key)
        assert (seen.get(RULE.key), second.key in seen.items) == (None, True)

    def test_undoing_all_of_it_leaves_what_was_there(self, vsphere: Lab) -> None:
        vsphere.world.by_hand("theirs")
        before, seen_before = vsphere.world.machines(), vsphere.see(VM.key).items
        build(vsphere, VM, SECOND, RULE)
        vsphere.done(create(GUEST))
        assert vsphere.world.machines() != before

        vsphere.done(delete(RULE))
        vsphere.done(delete(GUEST), delete(VM))
        vsphere.done(delete(SECOND))
        vsphere.done(delete(FOLDER), delete(TOP))

        assert vsphere.world.machines() == before
        assert vsphere.see(VM.key).items == seen_before

    def test_deleting_what_is_gone_is_well(self, vsphere: Lab) -> None:
        vsphere.done(delete(VM), delete(GUEST))
        vsphere.done(delete(RULE))
        vsphere.done(delete(FOLDER))

    def test_a_disk_that_would_shrink_is_refused(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        for disks in ((39, 20), (40,), (50, 19)):
            (outcome,) = vsphere.apply(update(VM, replace(VM, disks=disks)))
            assert outcome.result == "refused"
            assert "none can shrink or go" in outcome.reason
        assert vsphere.live(VM.key) == VM

    def test_cpus_and_memory_wait_until_it_is_off(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        before = len(vsphere.world.calls())

        (outcome,) = vsphere.apply(update(VM, replace(VM, cpus=8)))

        assert outcome.result == "refused"
        assert "VM icp-master-1: the number of CPUs or the memory can be changed only while it is off" in (
            outcome.reason
        )
        assert "ReconfigVM_Task" not in vsphere.since(before)

    def test_a_machine_is_described_by_what_cannot_change(self, vsphere: Lab) -> None:
        fixed = vsphere.provider.kinds[VirtualMachine.kind].fixed
        assert {"template", "customization", "datastore", "resource_pool", "folder"} <= fixed

    def test_a_cluster_says_what_it_has(self, vsphere: Lab) -> None:
        build(vsphere, VM, replace(SECOND, powered_on=False))

        found = vsphere.provider.capacity(CLUSTER)

        assert found.cluster == CLUSTER
        assert len(found.hosts) == 3
        assert found.cores > 0
        assert found.memory_mb > 0
        assert {host.usable for host in found.hosts} == {True}
        store = found.datastore(STORE)
        assert store is not None
        assert 0 < store.free_gib <= store.capacity_gib
        assert [(one.vm, one.cpus, one.memory_mb) for one in found.promised if one.vm == VM.vm] == [
            (VM.vm, VM.cpus, VM.memory_mb)
        ]
        assert SECOND.vm not in {one.vm for one in found.promised}

    def test_who_is_on_a_network_can_be_asked(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        vsphere.world.by_hand("stranger", network=NODES)
        vsphere.world.by_hand("elsewhere", network=OTHER)

        found = {one.vm: one.ours for one in vsphere.provider.attached(NODES)}

        assert found == {VM.vm: True, "stranger": False}
        assert [one.vm for one in vsphere.provider.attached(OTHER)] == ["elsewhere"]
        assert vsphere.provider.attached(Key("nsxv.logical-switch", "none")) == ()

    def test_a_stranger_on_a_network_refers_to_it(self, vsphere: Lab) -> None:
        vsphere.world.by_hand("stranger", network=NODES)
        (stranger,) = [one for one in vms(vsphere.see(VM.key)) if one.vm == "stranger"]
        assert stranger.network == NODES

    def test_a_guest_is_the_machine_s_own(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        vsphere.done(create(GUEST))
        assert vsphere.live(GUEST.key) == Guest(vm=VM.key, address=GUEST.address)
