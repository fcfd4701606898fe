"""What is made is seen as it was wanted, and when it goes nothing of it is left."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.simulator.seeding import add_node, remove_node
from hopbook.engine.change import Result, Scope
from hopbook.resources.base import Resource
from hopbook.resources.kubernetes import Annotation, IpPool, NodeRoute, Service
from tests.contract.kubernetes_lab import (
    BY_EDGE,
    CALICO,
    MADE,
    MAPPED,
    ONLINK,
    ORDERS,
    PEER,
    PODS,
    POOL,
    REMOTE,
    WEB,
    Lab,
    create,
    delete,
    update,
    worker,
)

CHANGED: list[tuple[Resource, Resource]] = [
    (PEER, replace(PEER, asn=65011)),
    (PEER, replace(PEER, address=IPv4Address("10.95.40.90"), node="worker-2")),
    (replace(PEER, node="worker-2"), PEER),
    (REMOTE, replace(REMOTE, disabled=False, nat_outgoing=True)),
    (ORDERS, replace(ORDERS, endpoints=(IPv4Address("10.95.40.82"), IPv4Address("10.95.40.83")))),
    (ORDERS, replace(ORDERS, endpoints=())),
    (MAPPED, replace(MAPPED, ports=MAPPED.ports[:1])),
    (ONLINK, replace(ONLINK, next_hop=IPv4Address("10.95.60.10"))),
    (BY_EDGE, replace(BY_EDGE, networks=(IPv4Network("192.168.14.0/24"),))),
    (BY_EDGE, replace(BY_EDGE, nodes=())),
    (CALICO, replace(CALICO, asn=64600)),
    (CALICO, replace(CALICO, mesh=False)),
]


class RoundTrips:
    """Make, see, change, take away."""

    def test_a_cluster_is_seen_with_all_that_is_in_it(self, kube: Lab) -> None:
        seen = kube.see()
        for one in (CALICO, POOL, worker(1), worker(2), worker(3), *PODS, WEB):
            assert seen.items[one.key].resource == one
        assert seen.items[CALICO.key].at_default
        assert not any(item.marked for item in seen.items.values())
        shown = seen.items[WEB.key].resource
        assert isinstance(shown, Service)
        assert shown.address == WEB.address

    def test_routes_of_the_workers_subnets_are_the_system_s(self, kube: Lab) -> None:
        given = {key.name: item for key, item in kube.see().items.items() if key.kind == NodeRoute.kind}
        assert set(given) == {"iks-a/private", "iks-a/default"}
        assert all(item.system for item in given.values())
        private = given["iks-a/private"].resource
        assert isinstance(private, NodeRoute)
        assert (private.next_hop, private.interface, private.nodes) == (
            IPv4Address("10.95.60.1"),
            "eth0",
            (),
        )

    @pytest.mark.parametrize("resource", MADE, ids=lambda one: str(one.key))
    def test_what_is_made_is_seen_and_goes_without_a_trace(self, kube: Lab, resource: Resource) -> None:
        before = kube.dump()
        assert resource.key not in kube.see().items

        kube.done(create(resource))

        assert kube.holds(resource)
        seen = kube.see().items[resource.key]
        assert (seen.marked, seen.system, seen.copies) == (True, False, 1)

        kube.done(delete(resource))

        assert resource.key not in kube.see().items
        assert kube.dump() == before

    @pytest.mark.parametrize(
        ("before", "after"), CHANGED, ids=[f"{new.key} {number}" for number, (_, new) in enumerate(CHANGED)]
    )
    def test_what_is_changed_is_seen_so_and_goes_back(
        self, kube: Lab, before: Resource, after: Resource
    ) -> None:
        if before is not CALICO:
            kube.done(create(before))
        start = kube.dump()

        kube.done(update(before, after))
        assert kube.holds(after)

        kube.done(update(after, before))
        assert kube.holds(before)
        assert _without_notes(kube.dump()) == _without_notes(start)

    def test_one_annotation_of_a_service_that_somebody_else_made(self, kube: Lab) -> None:
        note = Annotation(
            cluster="iks-a", object=f"service/default/{WEB.service}", annotation="example.com/side", value="a"
        )
        before = kube.dump()
        assert note.key not in kube.provider.observe(Scope(frozenset({note.key}))).items

        def there() -> Resource:
            return kube.provider.observe(Scope(frozenset({note.key}))).items[note.key].resource

        kube.done(create(note))
        assert there() == note
        assert (
            note.key not in kube.see().items
        )  # nobody's annotations are listed but those that are asked for
        kube.done(update(note, replace(note, value="b")))
        assert there() == replace(note, value="b")
        kube.done(delete(replace(note, value="b")))
        assert kube.dump() == before

    def test_an_annotation_of_a_service_that_is_gone(self, kube: Lab) -> None:
        note = Annotation(cluster="iks-a", object="service/default/nobody", annotation="a/b", value="c")
        kube.done(delete(note))
        (outcome,) = kube.apply(create(note))
        assert outcome.result is Result.REFUSED
        assert "there is no service/default/nobody" in outcome.reason

    def test_making_it_twice_is_making_it_once(self, kube: Lab) -> None:
        kube.done(*map(create, MADE))
        before = kube.dump()
        kube.done(*map(create, MADE))
        assert kube.dump() == before

    def test_deleting_what_is_gone_is_done(self, kube: Lab) -> None:
        kube.done(*map(delete, MADE))

    def test_a_changed_setting_is_no_longer_at_its_default(self, kube: Lab) -> None:
        kube.done(update(CALICO, replace(CALICO, asn=64600)))
        assert not kube.see().items[CALICO.key].at_default

    def test_the_setting_s_object_goes_when_it_says_nothing(self, kube: Lab) -> None:
        before = kube.dump()
        other = replace(CALICO, asn=64600, mesh=False)
        kube.done(update(CALICO, other))
        kube.done(update(other, CALICO))
        assert kube.dump() == before

    def test_what_is_not_valid_is_refused_before_anything_is_sent(self, kube: Lab) -> None:
        kube.see()
        count = len(kube.cluster.requests)
        for wrong, why in (
            (replace(PEER, peer="Workload_ESG"), "no name of an object"),
            (replace(PEER, asn=2**33), "spec.asNumber"),
            (replace(ONLINK, networks=()), "expected networks"),
            (PODS[0], "does not make it"),
        ):
            (outcome,) = kube.apply(create(wrong))
            assert outcome.result is Result.REFUSED
            assert why in outcome.reason
        assert kube.since(count) == []

    def test_after_a_failure_nothing_more_is_tried(self, kube: Lab) -> None:
        outcomes = kube.apply(create(replace(PEER, asn=0)), create(REMOTE))
        assert [(one.result, one.attempted) for one in outcomes] == [
            (Result.REFUSED, True),
            (Result.REFUSED, False),
        ]
        assert REMOTE.key not in kube.see().items


class Moving:
    """Workers come and go, pods do not start, somebody takes things away."""

    def test_a_new_worker_has_the_route_when_its_pod_is_ready(self, kube: Lab) -> None:
        kube.done(create(ONLINK))
        kube.cluster.controllers.stuck.add("worker-4")
        add_node(kube.cluster, worker(4))

        assert kube.live(ONLINK.key) == replace(ONLINK, nodes=("worker-1", "worker-2", "worker-3"))

        kube.cluster.controllers.stuck.clear()
        kube.cluster.controllers.settle()
        assert kube.live(ONLINK.key) == ONLINK

    def test_a_lost_worker_takes_its_part_with_it(self, kube: Lab) -> None:
        kube.done(create(ONLINK), create(PEER))
        remove_node(kube.cluster, "worker-3")
        seen = kube.see().items
        assert worker(3).key not in seen
        assert seen[ONLINK.key].resource == ONLINK

    def test_a_route_whose_pods_do_not_start_is_in_doubt_and_names_the_node(self, kube: Lab) -> None:
        kube.cluster.controllers.stuck.add("worker-2")

        (outcome,) = kube.apply(create(ONLINK))

        assert outcome.result is Result.UNKNOWN
        assert "no pod of it is ready on worker-2 (ContainerCreating) after 5 s" in outcome.reason
        seen = kube.see().items[ONLINK.key]
        assert seen.marked
        assert seen.resource == replace(ONLINK, nodes=("worker-1", "worker-3"))
        assert sum(kube.waited) <= 5 + 1  # nobody waits for real

    def test_a_route_that_no_node_has_leads_nowhere(self, kube: Lab) -> None:
        kube.cluster.controllers.stuck |= {"worker-1", "worker-2", "worker-3"}
        kube.apply(create(ONLINK))
        assert kube.live(ONLINK.key) == replace(ONLINK, networks=())

    def test_a_pod_with_the_route_s_former_words_does_not_count(self, kube: Lab) -> None:
        kube.done(create(ONLINK))
        former = kube.cluster.store.all_of(api.POD, "kube-system")
        kube.cluster.controllers.stuck |= {"worker-1", "worker-2", "worker-3"}
        other = replace(ONLINK, next_hop=IPv4Address("10.95.60.10"))
        (outcome,) = kube.apply(update(ONLINK, other))
        assert outcome.result is Result.UNKNOWN
        for number, pod in enumerate(former):
            about = {**pod["metadata"], "name": f"former-{number}", "ownerReferences": []}
            kube.cluster.put(api.POD, {**pod, "metadata": about})
        assert kube.live(ONLINK.key) == replace(other, networks=())

    def test_strongswan_s_pods_are_its_release_s(self, kube: Lab) -> None:
        pod = kube.cluster.store.get(api.POD, "default", "web-1")
        assert pod
        about = {"name": "vpn-1", "namespace": "default", "labels": {"app": "strongswan", "release": "vpn"}}
        kube.cluster.put(api.POD, {**pod, "metadata": about})
        names = {key.name for key in kube.see().items if key.kind == "kubernetes.pod"}
        assert names == {"iks-a/web-1", "iks-a/web-2"}

    def test_an_endpoint_that_somebody_took_away_is_seen_and_mended(self, kube: Lab) -> None:
        kube.done(create(MAPPED))
        subsets = [{"addresses": [{"ip": "10.95.40.82"}], "ports": [{"name": "tcp-80", "port": 8080}]}]
        kube.by_hand("PATCH", api.ENDPOINTS, "ledger", {"subsets": subsets}, "default")
        seen = kube.live(MAPPED.key)
        assert isinstance(seen, Service)
        assert seen.endpoints == (IPv4Address("10.95.40.82"),)

    def test_a_rescheduled_pod_is_seen_where_it_is(self, kube: Lab) -> None:
        kube.by_hand("DELETE", api.POD, "web-1", namespace="default")
        seen = kube.see().items
        assert PODS[0].key not in seen
        web = seen[WEB.key].resource
        assert isinstance(web, Service)
        assert web.endpoints == (PODS[1].address,)

    def test_a_pool_of_another_family_is_not_seen(self, kube: Lab) -> None:
        kube.cluster.put(api.IP_POOL, {"metadata": {"name": "six"}, "spec": {"cidr": "fd00::/48"}})
        pools = [key.name for key in kube.see().items if key.kind == IpPool.kind]
        assert pools == [POOL.name]


def _without_notes(dump: dict[str, dict[str, object]]) -> dict[str, object]:
    """Without our notes of what was sent last, and without pods, which have other names each time."""
    kept: dict[str, object] = {}
    for place, item in dump.items():
        about = item["metadata"]
        assert isinstance(about, dict)
        told = {
            name: value
            for name, value in about.get("annotations", {}).items()
            if name != "hopbook/last-applied"
        }
        if not place.startswith("pods/kube-system"):
            kept[place] = {**item, "metadata": {**about, "annotations": told}}
    return kept
