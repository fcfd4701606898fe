"""A live cluster: `pytest tests --live KUBECONFIG`. Nothing outside a namespace of its own is touched."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.client import KubernetesClient
from adapters.kubernetes.connect import kubeconfig
from adapters.kubernetes.wire import from_kubeconfig
from hopbook.secret import Secret
from tests.contract.kubernetes_anywhere import Anywhere, Place
from tests.contract.kubernetes_lab import CLUSTER


class TestLive(Anywhere):
    """Whatever the kubeconfig's current context leads to."""

    @pytest.fixture
    def place(self, request: pytest.FixtureRequest) -> Iterator[Place]:
        text = Secret(Path(request.config.getoption("--live")).read_text())
        document = kubeconfig(text, "")
        with KubernetesClient(
            CLUSTER, lambda: from_kubeconfig(document, document["current-context"])
        ) as client:
            name = f"hopbook-contract-{uuid4().hex[:8]}"
            made = client.create(
                api.NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )
            try:
                yield Place(client, name)
            finally:
                client.delete(api.NAMESPACE, made)
