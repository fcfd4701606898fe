"""Whose an object is: ours by its marker, everybody else's is left alone or taken over in the open."""

from dataclasses import replace

import pytest

from adapters.kubernetes import api
from hopbook.engine.change import Result
from hopbook.resources.base import Key
from hopbook.resources.kubernetes import BgpPeer, IpPool
from tests.contract.kubernetes_lab import (
    ORDERS,
    PEER,
    REMOTE,
    WEB,
    Lab,
    adopt,
    create,
    delete,
    release,
    update,
)

THEIRS = {"spec": {"peerIP": "10.95.40.80", "asNumber": 65010}}
NAMED = Key(BgpPeer.kind, "iks-a/peer-10.95.40.80")


class Identity:
    """Markers, natural keys, adoption."""

    def test_what_somebody_made_is_seen_and_not_ours(self, kube: Lab) -> None:
        kube.by_hand("POST", api.BGP_PEER, "peer-10.95.40.80", THEIRS)
        seen = kube.see().items[NAMED]
        assert seen.resource == replace(PEER, peer="peer-10.95.40.80")
        assert (seen.marked, seen.system) == (False, False)

    @pytest.mark.parametrize("change", [create(PEER), update(PEER, replace(PEER, asn=65011)), delete(PEER)])
    def test_somebody_s_object_of_our_name_is_left_alone(self, kube: Lab, change: object) -> None:
        kube.by_hand("POST", api.BGP_PEER, "workload-esg", THEIRS)
        before = kube.dump()

        (outcome,) = kube.apply(change)  # type: ignore[arg-type]  # the parameters are changes

        assert outcome.result is Result.REFUSED
        assert "workload-esg" in outcome.reason
        assert "it is not ours" in outcome.reason
        assert kube.dump() == before

    def test_a_service_of_theirs_is_not_deleted(self, kube: Lab) -> None:
        before = kube.dump()
        (outcome,) = kube.apply(delete(WEB))
        assert (outcome.result, "Service default.web" in outcome.reason) == (Result.REFUSED, True)
        assert kube.dump() == before

    def test_endpoints_that_somebody_made_are_left_alone(self, kube: Lab) -> None:
        kube.by_hand("POST", api.ENDPOINTS, "orders", {"subsets": []}, "default")
        (outcome,) = kube.apply(create(ORDERS))
        assert outcome.result is Result.UNKNOWN  # the service is there
        assert "there is a Endpoints default.orders already, and it is not ours" in outcome.reason

    def test_the_same_by_another_name_is_offered_and_adopted_and_given_back(self, kube: Lab) -> None:
        kube.by_hand("POST", api.BGP_PEER, "peer-10.95.40.80", THEIRS)
        found, before = kube.see().items[NAMED], kube.dump()
        natural = kube.provider.kinds[BgpPeer.kind].natural
        assert natural
        assert natural(found.resource) == natural(PEER)

        (outcome,) = kube.apply(adopt(NAMED, found.resource, PEER))

        assert outcome.result is Result.ADOPTED
        seen = kube.see().items
        assert NAMED not in seen
        assert seen[PEER.key].resource == PEER
        assert (seen[PEER.key].marked, seen[PEER.key].handle) == (True, "peer-10.95.40.80")

        kube.done(release(PEER, found.resource))

        assert kube.see().items[NAMED] == found
        assert kube.dump() == before

    def test_an_adopted_object_is_changed_by_its_own_name(self, kube: Lab) -> None:
        kube.by_hand("POST", api.IP_POOL, "by-hand", {"spec": {"cidr": "192.168.12.0/24", "disabled": True}})
        found = Key(IpPool.kind, "iks-a/by-hand")
        kube.done(adopt(found, kube.live(found), REMOTE))
        other = replace(REMOTE, nat_outgoing=True)
        if kube.client.applies:
            kube.done(update(REMOTE, other))
            assert kube.live(REMOTE.key) == other
        pools = {item["metadata"]["name"] for item in kube.cluster.store.all_of(api.IP_POOL)}
        assert pools == {"default-ipv4-ippool", "by-hand"}

    def test_a_service_with_a_selector_is_not_adopted(self, kube: Lab) -> None:
        before = kube.dump()
        (outcome,) = kube.apply(adopt(WEB.key, WEB, WEB))
        assert outcome.result is Result.REFUSED
        assert "its selector says what its endpoints are" in outcome.reason
        assert kube.dump() == before

    def test_a_marker_of_another_site_is_not_ours(self, kube: Lab) -> None:
        list(kube.provider_of("another").apply([create(PEER)], lambda _: None))
        assert not kube.see().items[PEER.key].marked

        (outcome,) = kube.apply(delete(PEER))

        assert outcome.result is Result.REFUSED
        assert PEER.key in kube.see().items

    def test_two_objects_with_one_marker_are_a_finding(self, kube: Lab) -> None:
        kube.done(create(PEER))
        ours = kube.cluster.store.get(api.BGP_PEER, "", "workload-esg")
        assert ours
        about = {key: ours["metadata"][key] for key in ("labels", "annotations")}
        kube.by_hand("POST", api.BGP_PEER, "copied", {"metadata": about, "spec": ours["spec"]})

        copies = {key.name: item.copies for key, item in kube.see().items.items() if item.marked}

        assert copies == {PEER.name: 2, "iks-a/#workload-esg": 2}
