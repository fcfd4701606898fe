"""When an API server refuses, is busy, or does not answer: what is told is true."""

import json
from dataclasses import replace

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.simulator import Allow, replaced
from hopbook.engine.change import Change, Result
from hopbook.errors import AnswerLost, Garbled, LoginRefused, Rejected
from tests.contract.kubernetes_lab import (
    CALICO,
    ONLINK,
    ORDERS,
    PEER,
    REMOTE,
    TOKEN,
    Lab,
    create,
    delete,
    update,
)

CHANGES = [
    create(PEER),
    update(PEER, replace(PEER, asn=65011)),
    delete(PEER),
    create(REMOTE),
    update(CALICO, replace(CALICO, asn=64600)),
    create(ORDERS),
    create(ONLINK),
    delete(ONLINK),
]
every_change = pytest.mark.parametrize(
    "change", CHANGES, ids=[f"{one.action} {one.key.kind}" for one in CHANGES]
)


def standing(kube: Lab, change: Change) -> None:
    """What the change needs to be there."""
    if change.before is not None and change.key != CALICO.key:
        kube.done(create(change.before))


def looks_done(kube: Lab, change: Change) -> bool:
    return kube.holds(change.after) if change.after is not None else change.key not in kube.see().items


class Troubles:
    """Refusals, doubts, and what is tried again."""

    @every_change
    @pytest.mark.parametrize("status", [400, 403, 409, 422, 503])
    def test_a_refusal_leaves_everything_as_it_was(self, kube: Lab, change: Change, status: int) -> None:
        standing(kube, change)
        before = kube.dump()
        kube.trouble.arm(f"{status}")

        (outcome,) = kube.apply(change)

        assert kube.trouble.left() == ()
        assert outcome.result is Result.REFUSED
        assert "Kubernetes iks-a" in outcome.reason
        assert kube.dump() == before

    @every_change
    @pytest.mark.parametrize("fault", ["500", "timeout", "garbage"])
    def test_no_answer_or_none_of_an_api_server_is_in_doubt(
        self, kube: Lab, change: Change, fault: str
    ) -> None:
        standing(kube, change)
        before = kube.dump()
        kube.trouble.arm(fault)

        (outcome,) = kube.apply(change)

        assert outcome.result is Result.UNKNOWN
        assert kube.dump() == before

    @every_change
    def test_a_lost_answer_is_in_doubt_and_the_cluster_says_what_became_of_it(
        self, kube: Lab, change: Change
    ) -> None:
        standing(kube, change)
        before = kube.dump()
        kube.trouble.arm("lost")

        (outcome,) = kube.apply(change)

        assert outcome.result is Result.UNKNOWN
        assert kube.dump() != before
        kube.done(change)  # once more is no harm
        assert looks_done(kube, change)

    def test_a_late_change_shows_late(self, kube: Lab) -> None:
        kube.trouble.arm("late")
        (outcome,) = kube.apply(create(PEER))
        assert outcome.result is Result.UNKNOWN
        assert kube.cluster.store.get(api.BGP_PEER, "", PEER.peer) is None
        kube.see()
        assert kube.live(PEER.key) == PEER

    @every_change
    def test_too_many_requests_are_waited_for_as_long_as_the_server_says(
        self, kube: Lab, change: Change
    ) -> None:
        standing(kube, change)
        kube.waited.clear()
        kube.trouble.arm("busy*3")

        kube.done(change)

        assert kube.waited[:3] == [1.0, 1.0, 1.0]
        assert looks_done(kube, change)

    def test_a_refusal_behind_a_part_that_was_made_is_in_doubt(self, kube: Lab) -> None:
        kube.trouble.arm("403*9@/namespaces/default/endpoints")
        (outcome,) = kube.apply(create(ORDERS))
        assert outcome.result is Result.UNKNOWN
        assert kube.cluster.store.get(api.SERVICE, "default", "orders") is not None

    # Reads

    @pytest.mark.parametrize("fault", ["timeout*2@/nodes", "429*3@/nodes"])
    def test_a_read_is_tried_again(self, kube: Lab, fault: str) -> None:
        kube.trouble.arm(fault)
        assert len([key for key in kube.see().items if key.kind == "kubernetes.node"]) == 3

    def test_a_read_that_is_never_answered_says_so(self, kube: Lab) -> None:
        kube.trouble.arm("timeout*9@/nodes")
        with pytest.raises(AnswerLost, match=r"Kubernetes iks-a \(.*\): list nodes: no answer"):
            kube.see()

    def test_a_page_instead_of_an_answer_says_so(self, kube: Lab) -> None:
        kube.trouble.arm("garbage*9@/nodes")
        with pytest.raises(Garbled, match="list nodes: the answer is not an API server's"):
            kube.see()

    def test_a_read_that_is_forbidden_says_what_is_needed(self, kube: Lab) -> None:
        replaced(kube.cluster, rules=(Allow(verbs=("get", "watch")), Allow(kinds=("pods",))))
        with pytest.raises(LoginRefused) as told:
            kube.see()
        assert "the user needs the verb 'list' on " in str(told.value)
        assert "in the whole cluster" in str(told.value)

    def test_a_change_that_is_forbidden_says_what_is_needed(self, kube: Lab) -> None:
        replaced(kube.cluster, rules=(Allow(verbs=("get", "list", "watch")),))
        (outcome,) = kube.apply(create(ORDERS))
        verb = "patch" if kube.client.applies else "create"
        assert outcome.result is Result.REFUSED
        assert f"the user needs the verb '{verb}' on services in namespace default" in outcome.reason

    def test_a_token_that_is_no_longer_valid_says_so_and_does_not_show_itself(self, kube: Lab) -> None:
        replaced(kube.cluster, token="another")
        with pytest.raises(LoginRefused, match="is the kubeconfig still valid") as told:
            kube.see()
        assert TOKEN not in str(told.value) + repr(told.value.__cause__)

    def test_a_list_whose_state_was_forgotten_is_read_anew(self, kube: Lab) -> None:
        kube.client._page = 1
        kube.trouble.arm("410@/nodes?limit=1&continue")
        assert len(kube.client.all_of(api.NODE).items) == 3
        assert kube.trouble.left() == ()

    def test_a_list_that_never_stays_is_given_up(self, kube: Lab) -> None:
        kube.client._page = 1
        kube.trouble.arm("410*9@/nodes?limit=1&continue")
        with pytest.raises(Rejected, match="list nodes"):
            kube.client.all_of(api.NODE)

    def test_a_watch_that_expired_is_followed_by_a_new_look(self, kube: Lab) -> None:
        kube.cluster.controllers.looks = 7
        kube.trouble.arm("410@/pods?watch=true", "timeout*3@/pods?watch=true")
        kube.done(create(ONLINK))
        assert kube.trouble.left() == ()
        assert kube.live(ONLINK.key) == ONLINK

    def test_a_namespace_that_is_going_takes_nothing_new(self, kube: Lab) -> None:
        kube.by_hand("POST", api.NAMESPACE, "shop")
        kube.by_hand("DELETE", api.NAMESPACE, "shop")
        (outcome,) = kube.apply(create(replace(ORDERS, namespace="shop")))
        assert outcome.result is Result.REFUSED
        assert "because it is being terminated" in outcome.reason

        kube.see()
        assert "shop" not in json.dumps([one["metadata"] for one in kube.cluster.store.all_of(api.NAMESPACE)])
