"""What every provider of clusters promises the engine, whatever API server is behind it.

A tier gives the fixture `kube` and nothing else: no promise is overridden. What a live cluster promises, too,
is in `test_kubernetes_live.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.client import KubernetesClient
from adapters.kubernetes.connect import kubeconfig
from adapters.kubernetes.simulator import NEW, OLD
from adapters.kubernetes.wire import from_kubeconfig
from adapters.simulated.serve import serve_cluster
from adapters.simulated.trust import issue
from hopbook.secret import Secret
from tests.contract.kubernetes_anywhere import Anywhere, Place
from tests.contract.kubernetes_cost import Cost
from tests.contract.kubernetes_identity import Identity
from tests.contract.kubernetes_lab import CLUSTER, TOKEN, Lab, Trouble, built, lab_at
from tests.contract.kubernetes_round_trips import Moving, RoundTrips
from tests.contract.kubernetes_trouble import Troubles


class KubernetesContract(RoundTrips, Moving, Identity, Troubles, Cost, Anywhere):
    """The promises."""

    @pytest.fixture
    def place(self, kube: Lab) -> Place:
        kube.by_hand("POST", api.NAMESPACE, "contract")
        return Place(kube.client, "contract")


class TestOld(KubernetesContract):
    """Kubernetes 1.11, as ICP 3.1.0 has it: no server-side apply, no schemas of custom kinds."""

    @pytest.fixture
    def kube(self) -> Lab:
        return lab_at(OLD)


class TestNew(KubernetesContract):
    """A server that knows which field is whose, in process."""

    @pytest.fixture
    def kube(self) -> Lab:
        return lab_at(NEW)


class TestOverTls(KubernetesContract):
    """The same over a network: a kubeconfig, TLS, connections that end."""

    @pytest.fixture
    def kube(self, tmp_path: Path) -> Iterator[Lab]:
        trouble, waited = Trouble(), list[float]()
        cluster = built(NEW, trouble)
        issued = issue(tmp_path)
        with serve_cluster(cluster, issued, Secret(TOKEN)) as file:
            document = kubeconfig(Secret(file.read_text()), CLUSTER)
            client = KubernetesClient(
                CLUSTER, lambda: from_kubeconfig(document, CLUSTER), timeout=10, sleep=waited.append
            )
            with client:
                yield Lab(cluster, trouble, client, waited)
