"""What any cluster promises, a live one too: only services in a namespace of the test's own are touched."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.access import Access
from adapters.kubernetes.client import KubernetesClient, Object
from adapters.kubernetes.errors import Conflict, Expired
from adapters.kubernetes.exchange import APPLY
from adapters.kubernetes.provider import KubernetesProvider
from adapters.releasing import Kube
from hopbook.engine.change import Change, Observed, Outcome, Result, Scope
from hopbook.engine.plan import field_changes
from hopbook.errors import Missing
from hopbook.resources.base import Key
from hopbook.resources.kubernetes import Calico, Service, ServicePort
from tests.contract.kubernetes_lab import CLUSTER, SITE, create, delete, update


@dataclass
class Place:
    """A namespace of a cluster that is ours to use."""

    client: KubernetesClient
    namespace: str

    @property
    def access(self) -> dict[str, Access]:
        return {CLUSTER: Access(client=self.client, patience=60)}

    def apply(self, change: Change) -> Outcome:
        provider = KubernetesProvider(self.access, site=SITE)
        (outcome,) = provider.apply([change], lambda _: None)
        return outcome

    def see(self, service: Service) -> Observed | None:
        provider = KubernetesProvider(self.access, site=SITE)
        return provider.observe(Scope(frozenset({Key(Calico.kind, CLUSTER)}))).get(service.key)

    @property
    def service(self) -> Service:
        return Service(
            cluster=CLUSTER,
            service="orders",
            namespace=self.namespace,
            ports=(ServicePort(port=3306), ServicePort(port=53, target=5353, protocol="udp")),
            endpoints=(IPv4Address("10.95.40.81"), IPv4Address("10.95.40.82")),
        )

    def document(self, name: str, **data: str) -> Object:
        about = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}

    def as_somebody(self, document: Object) -> None:
        """Another manager applies."""
        query = {"fieldManager": "somebody", "force": "true"}
        self.client._change("PATCH", "patch", api.CONFIG_MAP, document, query, APPLY)


class Anywhere:
    """The promises that need no faults."""

    def test_a_service_goes_round(self, place: Place) -> None:
        wanted = place.service
        other = replace(wanted, ports=wanted.ports[:1], endpoints=wanted.endpoints[1:])
        assert place.see(wanted) is None
        for change in (create(wanted), update(wanted, other), update(other, wanted)):
            assert place.apply(change).result is Result.APPLIED
            seen = place.see(wanted)
            assert seen is not None
            assert seen.marked
            assert change.after is not None
            assert field_changes(seen.resource, change.after) == ()
        assert place.apply(delete(wanted)).result is Result.APPLIED
        assert place.see(wanted) is None
        assert place.client.find(api.ENDPOINTS, place.namespace, "orders") is None

    def test_somebody_s_service_is_left_alone(self, place: Place) -> None:
        spec = {"ports": [{"port": 80, "protocol": "TCP"}]}
        about = {"name": "orders", "namespace": place.namespace}
        place.client.create(
            api.SERVICE, {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": spec}
        )
        outcome = place.apply(create(place.service))
        assert outcome.result is Result.REFUSED
        assert f"Service {place.namespace}.orders already, and it is not ours" in outcome.reason

    def test_an_object_is_made_once(self, place: Place) -> None:
        place.client.create(api.CONFIG_MAP, place.document("words", a="1"))
        with pytest.raises(Conflict, match="already exists"):
            place.client.create(api.CONFIG_MAP, place.document("words", a="2"))

    def test_another_object_of_the_same_name_is_not_deleted(self, place: Place) -> None:
        first = place.client.create(api.CONFIG_MAP, place.document("words", a="1"))
        place.client.delete(api.CONFIG_MAP, first)
        place.client.create(api.CONFIG_MAP, place.document("words", a="2"))
        with pytest.raises(Conflict, match="UID"):
            place.client.delete(api.CONFIG_MAP, first)

    def test_a_patch_of_a_version_that_is_past_is_refused(self, place: Place) -> None:
        made = place.client.create(api.CONFIG_MAP, place.document("words", a="1"))
        place.client.patch(api.CONFIG_MAP, place.document("words", a="2"))
        late = place.document("words", a="3")
        late["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
        with pytest.raises(Conflict, match="the object has been modified"):
            place.client.patch(api.CONFIG_MAP, late)

    def test_a_field_that_somebody_manages_is_not_taken(self, place: Place) -> None:
        if not place.client.applies:
            assert place.client.version < (1, 16)
            return
        place.as_somebody(place.document("words", theirs="1"))
        place.client.apply(api.CONFIG_MAP, place.document("words", ours="1"))
        with pytest.raises(Conflict, match=r"\.data\.theirs is managed by somebody; it is not taken"):
            place.client.apply(api.CONFIG_MAP, place.document("words", theirs="2"))
        found = place.client.find(api.CONFIG_MAP, place.namespace, "words")
        assert found
        assert found["data"] == {"theirs": "1", "ours": "1"}

    def test_a_field_that_is_not_applied_any_more_goes(self, place: Place) -> None:
        if not place.client.applies:
            assert place.client.version < (1, 16)
            return
        place.client.apply(api.CONFIG_MAP, place.document("words", a="1", b="1"))
        made = place.client.apply(api.CONFIG_MAP, place.document("words", b="1"))
        assert made["data"] == {"b": "1"}

    def test_a_list_is_whole_whatever_its_pages(self, place: Place) -> None:
        for number in range(5):
            place.client.create(api.CONFIG_MAP, place.document(f"words-{number}"))
        place.client._page = 2
        names = [
            item["metadata"]["name"] for item in place.client.all_of(api.CONFIG_MAP, place.namespace).items
        ]
        assert [name for name in names if name.startswith("words-")] == [f"words-{n}" for n in range(5)]

    def test_a_watch_tells_what_changed_and_ends(self, place: Place) -> None:
        before = place.client.all_of(api.CONFIG_MAP, place.namespace)
        place.client.create(api.CONFIG_MAP, place.document("words"))
        told = list(place.client.watch(api.CONFIG_MAP, before.version, 1, place.namespace))
        assert [item["metadata"]["name"] for item in told] == ["words"]

    def test_a_version_that_is_long_past_cannot_be_watched(self, place: Place) -> None:
        with pytest.raises(Expired):
            list(place.client.watch(api.CONFIG_MAP, "1", 1, place.namespace))

    def test_what_is_not_there_is_none_and_an_unknown_kind_is_missing(self, place: Place) -> None:
        assert place.client.find(api.CONFIG_MAP, place.namespace, "nobody") is None
        stranger = api.Api("no.such.group", "v1", "things", "Thing")
        with pytest.raises(Missing):
            place.client.all_of(stranger)

    def test_others_read_words_and_services(self, place: Place) -> None:
        place.client.create(api.CONFIG_MAP, place.document("words", a="1"))
        place.apply(create(place.service))
        kube = Kube(place.access)
        assert kube.config_map(CLUSTER, place.namespace, "words") == {"a": "1"}
        assert kube.config_map(CLUSTER, place.namespace, "nobody") is None
        (service,) = kube.services(CLUSTER, place.namespace, {"app.kubernetes.io/managed-by": "hopbook"})
        assert (service["metadata"]["name"], bool(service["spec"]["clusterIP"])) == ("orders", True)
        assert kube.pods(CLUSTER, place.namespace, {}) == []
        assert not kube.exists(CLUSTER, place.namespace, "Deployment", "orders")
