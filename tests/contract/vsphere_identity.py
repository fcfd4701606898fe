"""What is ours, what is somebody else's, and what nobody may touch."""

from dataclasses import replace

from hopbook.engine.change import Result
from hopbook.engine.plan import Known, Step, diff
from hopbook.resources.base import Key
from hopbook.resources.vsphere import VirtualMachine
from tests.contract.vsphere_lab import FOLDER, NODES, VM, Lab, adopt, build, create, delete, release


def theirs(vsphere: Lab, **where: str) -> Key:
    """The key of a VM of somebody else that has the name of ours."""
    return Key(VirtualMachine.kind, f"#{vsphere.world.by_hand(VM.vm, **where)}")


class Identity:
    """Markers, names, adoption."""

    def test_a_name_that_somebody_else_has_is_refused_and_not_touched(self, vsphere: Lab) -> None:
        build(vsphere)
        key = theirs(vsphere)
        before = vsphere.world.machines()

        (outcome,) = vsphere.apply(create(VM))

        assert outcome.result is Result.REFUSED
        assert f"the name {VM.vm} is taken by a VM that is not ours ({key.name[1:]}" in outcome.reason
        assert vsphere.world.machines() == before

    def test_a_plan_offers_it_for_adoption(self, vsphere: Lab) -> None:
        build(vsphere)
        key = theirs(vsphere)
        step = Step("s", "a machine", "S1", (VM,))

        plan = diff(step, vsphere.see(VM.key), Known({}, str), vsphere.provider.kinds, "i")

        assert [change.adopts for change in plan.adoptions] == [key]

    def test_it_is_adopted_and_given_back_as_it_was(self, vsphere: Lab) -> None:
        build(vsphere)
        key = theirs(vsphere)
        before = vsphere.world.machines()
        found = vsphere.see(VM.key).items[key]
        assert isinstance(found.resource, VirtualMachine)
        assert {"template", "customization"} <= found.unreadable
        wanted = replace(found.resource, purpose="now ours", network=NODES)

        (outcome,) = vsphere.apply(adopt(key, found.resource, wanted))
        assert outcome.result is Result.ADOPTED, outcome
        taken = vsphere.see(VM.key).items[VM.key]
        assert (taken.resource, taken.marked, taken.handle) == (wanted, True, found.handle)

        vsphere.done(release(wanted, found.resource))
        assert vsphere.see(VM.key).items[key] == found
        assert vsphere.world.machines() == before

    def test_a_machine_of_another_site_is_not_ours(self, vsphere: Lab) -> None:
        build(vsphere)
        key = theirs(vsphere)
        live = vsphere.see(VM.key).items[key].resource
        assert isinstance(live, VirtualMachine)
        elsewhere = replace(live, purpose="[hopbook:another/icp-master-1]")
        vsphere.done(adopt(key, live, elsewhere))
        vsphere.done(release(elsewhere, elsewhere))

        seen = vsphere.see(VM.key)

        assert not seen.items[key].marked
        assert VM.key not in seen.items

    def test_a_machine_that_lost_our_marker_is_not_removed(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        vsphere.done(release(VM, replace(VM, purpose="somebody's now")))
        before = vsphere.world.machines()

        vsphere.done(delete(VM))  # ours is gone

        assert vsphere.world.machines() == before

    def test_a_folder_with_somebody_else_s_machine_stays(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.world.by_hand("stranger", folder=FOLDER.path)

        (outcome,) = vsphere.apply(delete(FOLDER))

        assert outcome.result is Result.REFUSED
        assert "still holds stranger" in outcome.reason
        assert FOLDER.key in vsphere.see(FOLDER.key).items

    def test_templates_are_no_machines(self, vsphere: Lab) -> None:
        seen = vsphere.see(VM.key)
        assert [key for key in seen.items if key.kind == VirtualMachine.kind] == []
