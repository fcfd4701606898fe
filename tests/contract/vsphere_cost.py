"""What asking costs, in round trips."""

from tests.contract.vsphere_lab import FOLDER, GUEST, NODES, VM, Lab, build, create

MOST = 3  # round trips for an observation, however many machines there are
MANY = 500


class Cost:
    """Round trips are counted where the calls arrive."""

    def test_500_machines_are_observed_in_three_round_trips(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        vsphere.world.many(MANY)
        before = len(vsphere.world.calls())

        seen = vsphere.see(VM.key, GUEST.key, FOLDER.key)

        assert len(vsphere.since(before)) <= MOST
        assert len([key for key in seen.items if key.kind == VM.kind]) == MANY + 1
        assert seen.items[VM.key].resource == VM

    def test_who_is_on_a_network_is_one_round_trip(self, vsphere: Lab) -> None:
        build(vsphere, VM)
        before = len(vsphere.world.calls())
        assert len(vsphere.provider.attached(NODES)) == 1
        assert len(vsphere.since(before)) == 1

    def test_a_machine_is_made_without_reading_everything_again(self, vsphere: Lab) -> None:
        build(vsphere)
        vsphere.see(VM.key)
        before = len(vsphere.world.calls())

        vsphere.done(create(VM), create(GUEST))

        # Its template's devices, its network and that one's switch; itself, for itself and for its guest
        assert vsphere.since(before).count("RetrievePropertiesEx") <= 5
