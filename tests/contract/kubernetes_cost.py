"""What it costs: calls, whatever is in the cluster."""

from urllib.parse import urlsplit

from adapters.kubernetes import api
from adapters.kubernetes.simulator.seeding import add_node
from tests.contract.kubernetes_lab import MADE, PEER, REMOTE, Lab, create, update, worker

LISTS = 12


class Cost:
    """Calls."""

    def test_five_hundred_workers_are_as_many_lists_as_three(self, kube: Lab) -> None:
        kube.see()  # the version is asked for once
        count = len(kube.cluster.requests)
        kube.see()
        few = kube.since(count)
        for number in range(4, 501):
            add_node(kube.cluster, worker(number))
        for number in range(1, 501):
            name = f"more-{number}"
            spec = {"hostNetwork": True, "nodeName": f"worker-{number}", "containers": []}
            kube.cluster.put(api.POD, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})
        count = len(kube.cluster.requests)

        seen = kube.see()

        many = kube.since(count)
        assert len([key for key in seen.items if key.kind == "kubernetes.node"]) == 500
        assert len(few) == LISTS
        assert len({urlsplit(target).path for _, target in many}) == LISTS
        pages = [target for _, target in many if "continue=" in target]
        assert [urlsplit(target).path for target in pages] == ["/api/v1/pods"]  # 502 of them, 500 a page
        assert len(many) == LISTS + 1

    def test_a_change_asks_for_its_object_and_makes_it(self, kube: Lab) -> None:
        kube.see()
        count = len(kube.cluster.requests)
        kube.done(create(PEER), create(REMOTE))
        assert [method for method, _ in kube.since(count)] == (
            ["GET", "PATCH"] * 2 if kube.client.applies else ["GET", "POST"] * 2
        )

    def test_what_is_as_it_should_be_is_not_sent_again_to_an_old_server(self, kube: Lab) -> None:
        kube.done(*map(create, MADE))
        count = len(kube.cluster.requests)
        kube.done(*(update(one, one) for one in MADE))
        changing = [method for method, _ in kube.since(count) if method != "GET"]
        assert changing == ([] if not kube.client.applies else ["PATCH"] * len(changing))
