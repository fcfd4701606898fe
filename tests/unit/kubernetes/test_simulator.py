"""The simulated API server, where its contract does not reach: what other clients would meet."""

import json
from ipaddress import IPv4Address
from typing import Any

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.exchange import APPLY, JSON, MERGE, Answer, NoAnswer, Request
from adapters.kubernetes.simulator import NEW, OLD, Allow, SimulatedCluster, replaced
from adapters.kubernetes.simulator.controllers import SIDE
from tests.contract.kubernetes_lab import TOKEN, Trouble, built

NAMES = "/api/v1/namespaces/default/configmaps"
WORDS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"a": "1"}}


def ask(
    cluster: SimulatedCluster,
    method: str,
    path: str,
    document: object = None,
    media: str = JSON,
    token: str = TOKEN,
    **query: str,
) -> Answer:
    body = b"" if document is None else json.dumps(document).encode()
    return cluster.handle(Request(method=method, path=path, query=query, body=body, media=media, token=token))


def told(answer: Answer) -> dict[str, Any]:
    document = answer.document()
    assert document is not None
    return document


@pytest.fixture
def new() -> SimulatedCluster:
    return built(NEW, Trouble())


@pytest.fixture
def old() -> SimulatedCluster:
    return built(OLD, Trouble())


@pytest.mark.parametrize(
    ("method", "path", "document", "media", "status"),
    [
        ("GET", "/apis/apps/v1/namespaces/default/nothings", None, JSON, 404),
        ("GET", "/", None, JSON, 404),
        ("GET", f"{NAMES}/nobody", None, JSON, 404),
        ("DELETE", NAMES, None, JSON, 405),
        ("PUT", f"{NAMES}/nobody", WORDS, JSON, 404),
        ("POST", NAMES, {**WORDS, "kind": "Secret"}, JSON, 400),
        ("POST", NAMES, [1], JSON, 400),
        ("POST", "/api/v1/namespaces/nowhere/configmaps", WORDS, JSON, 404),
        ("POST", NAMES, {**WORDS, "metadata": {"name": "Words"}}, JSON, 422),
        ("PATCH", f"{NAMES}/nobody", {}, MERGE, 404),
        ("PATCH", f"{NAMES}/nobody", WORDS, APPLY, 400),
        ("PATCH", f"{NAMES}/nobody", {}, "application/json-patch+json", 415),
        ("GET", "/apis/extensions/v1beta1/ingresses", None, JSON, 404),
    ],
)
def test_what_is_refused(
    new: SimulatedCluster, method: str, path: str, document: object, media: str, status: int
) -> None:
    answer = ask(new, method, path, document, media, fieldManager="x")
    assert (answer.status, told(answer)["kind"], told(answer)["code"]) == (status, "Status", status)


def test_a_dry_run_is_judged_and_changes_nothing(new: SimulatedCluster) -> None:
    version = new.store.version
    assert ask(new, "POST", NAMES, WORDS, dryRun="All").status == 201
    assert ask(new, "POST", NAMES, {**WORDS, "metadata": {"name": "_"}}, dryRun="All").status == 422
    assert ask(new, "DELETE", "/api/v1/namespaces/default/services/web", dryRun="All").status == 200
    assert new.store.version == version


def test_the_old_server_knows_neither_applies_nor_dry_runs_nor_managers(old: SimulatedCluster) -> None:
    assert ask(old, "PATCH", f"{NAMES}/words", WORDS, APPLY, fieldManager="x").status == 415
    assert ask(old, "POST", NAMES, WORDS, dryRun="All").status == 400
    assert "managedFields" not in told(ask(old, "POST", NAMES, WORDS))["metadata"]
    assert ask(old, "GET", "/apis/networking.k8s.io/v1/ingresses").status == 404
    assert ask(old, "GET", "/apis/extensions/v1beta1/ingresses").status == 200


def test_custom_kinds_have_schemas_only_in_the_new_one(old: SimulatedCluster, new: SimulatedCluster) -> None:
    peer = {"apiVersion": "crd.projectcalico.org/v1", "kind": "BGPPeer", "metadata": {"name": "p"}}
    document = {**peer, "spec": {"peerIP": "10.0.0.1", "asNumber": "65010"}}
    assert ask(old, "POST", api.BGP_PEER.path(), document).status == 201
    refused = told(ask(new, "POST", api.BGP_PEER.path(), document))
    assert refused["details"]["causes"][0]["field"] == "spec.asNumber"


def test_a_replacement_of_a_version_that_is_past_is_refused(new: SimulatedCluster) -> None:
    made = told(ask(new, "POST", NAMES, WORDS))
    assert ask(new, "PUT", f"{NAMES}/words", {**made, "data": {"a": "2"}}).status == 200
    assert ask(new, "PUT", f"{NAMES}/words", {**made, "data": {"a": "3"}}).status == 409


def test_an_unchanged_object_keeps_its_version(new: SimulatedCluster) -> None:
    made = told(ask(new, "POST", NAMES, WORDS))
    again = told(ask(new, "PATCH", f"{NAMES}/words", {"data": {"a": "1"}}, MERGE))
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_only_this_very_object_is_deleted(new: SimulatedCluster) -> None:
    ask(new, "POST", NAMES, WORDS)
    assert ask(new, "DELETE", f"{NAMES}/words", {"preconditions": {"uid": "another"}}).status == 409


def test_a_namespace_ends_later_with_all_that_is_in_it(new: SimulatedCluster) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    ask(new, "POST", "/api/v1/namespaces", namespace)
    ask(new, "POST", "/api/v1/namespaces/shop/configmaps", WORDS)
    ask(new, "DELETE", "/api/v1/namespaces/shop")
    assert told(ask(new, "GET", "/api/v1/namespaces/shop"))["status"]["phase"] == "Terminating"
    assert ask(new, "GET", "/api/v1/namespaces/shop").status == 404
    assert new.store.all_of(api.CONFIG_MAP, "shop") == []


def test_rules_say_who_may_what_where(new: SimulatedCluster) -> None:
    replaced(new, rules=(Allow(("get", "list"), ("configmaps",), ("default",)),))
    assert ask(new, "GET", NAMES).status == 200
    assert ask(new, "GET", "/api/v1/namespaces/kube-system/configmaps").status == 403
    refused = told(ask(new, "POST", NAMES, WORDS))
    assert 'User "hopbook" cannot create resource "configmaps" in API group ""' in refused["message"]
    assert ask(new, "GET", "/version", token="").status == 401


def balancer(name: str, **annotations: str) -> dict[str, Any]:
    about = {"name": name, "namespace": "default", "annotations": annotations}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": spec}


def test_a_load_balancer_gets_an_address_of_its_side_and_a_keeper(new: SimulatedCluster) -> None:
    path = "/api/v1/namespaces/default/services"

    def address(name: str, **annotations: str) -> str:
        made = told(ask(new, "POST", path, balancer(name, **annotations)))
        return str(made["status"]["loadBalancer"]["ingress"][0]["ip"])

    assert address("a") == "198.51.100.130"  # the first one is IBM's router's
    assert address("b", **{SIDE: "private"}) == "10.95.60.130"
    assert address("c", **{SIDE: "private"}) == "10.95.60.131"
    keepers = [pod["metadata"]["name"] for pod in new.store.all_of(api.POD, "ibm-system")]
    assert "ibm-cloud-provider-ip-10-95-60-130-0" in keepers
    assert len(keepers) == 3
    ask(new, "DELETE", f"{path}/b")
    assert len(new.store.all_of(api.POD, "ibm-system")) == 2
    assert address("d", **{SIDE: "private"}) == "10.95.60.130"


def test_a_load_balancer_waits_when_no_address_is_free(new: SimulatedCluster) -> None:
    path = "/api/v1/namespaces/default/services"
    made = [told(ask(new, "POST", path, balancer(f"s{number}"))) for number in range(6)]
    given = [one.get("status", {}).get("loadBalancer", {}) for one in made]
    assert [bool(one) for one in given] == [True] * 5 + [False]


def test_a_deployment_has_pods_with_addresses_of_their_nodes_blocks(new: SimulatedCluster) -> None:
    labels = {"app": "x"}
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "x", "image": "x"}]}},
    }
    about = {"name": "x", "namespace": "default"}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": about, "spec": spec}
    assert ask(new, "POST", "/apis/apps/v1/namespaces/default/deployments", document).status == 201

    def pods() -> list[dict[str, Any]]:
        path = "/api/v1/namespaces/default/pods"
        return list(told(ask(new, "GET", path, labelSelector="app=x"))["items"])

    assert [pod["status"]["phase"] for pod in pods()] == ["Pending"] * 2
    assert [pod["status"]["phase"] for pod in pods()] == ["Running"] * 2
    addresses = [IPv4Address(pod["status"]["podIP"]) for pod in pods()]
    assert len(set(addresses)) == 2
    ask(new, "DELETE", f"/api/v1/namespaces/default/pods/{pods()[0]['metadata']['name']}")
    assert len(pods()) == 2


def test_a_list_goes_on_with_the_state_that_it_began_with(new: SimulatedCluster) -> None:
    first = told(ask(new, "GET", "/api/v1/nodes", limit="2"))
    new.store.remove(api.NODE, "", "worker-3")
    token = first["metadata"]["continue"]
    rest = told(ask(new, "GET", "/api/v1/nodes", **{"limit": "2", "continue": token}))
    assert [item["metadata"]["name"] for item in rest["items"]] == ["worker-3"]
    again = told(ask(new, "GET", "/api/v1/nodes", limit="1"))
    new.store.forget()
    token = again["metadata"]["continue"]
    assert ask(new, "GET", "/api/v1/nodes", **{"continue": token}).status == 410
    assert ask(new, "GET", "/api/v1/nodes", **{"continue": "x"}).status == 400


def test_a_watch_tells_what_changed_by_kind_place_and_label(new: SimulatedCluster) -> None:
    since = str(new.store.version)
    ask(new, "POST", NAMES, {**WORDS, "metadata": {"name": "words", "labels": {"a": "b"}}})
    ask(new, "POST", NAMES, {**WORDS, "metadata": {"name": "others"}})
    ask(new, "PATCH", f"{NAMES}/words", {"data": {"a": "2"}}, MERGE)
    ask(new, "DELETE", f"{NAMES}/words")
    answer = ask(new, "GET", NAMES, watch="true", resourceVersion=since, labelSelector="a=b")
    events = [json.loads(line) for line in answer.body.splitlines()]
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    elsewhere = ask(new, "GET", "/api/v1/secrets", watch="true", resourceVersion=since)
    assert elsewhere.body == b""


def test_no_answer_is_none() -> None:
    trouble = Trouble()
    cluster = built(NEW, trouble)
    trouble.arm("lost")
    with pytest.raises(NoAnswer):
        ask(cluster, "POST", NAMES, WORDS)
    assert ask(cluster, "GET", f"{NAMES}/words").status == 200
