"""What is asked of Kubernetes about a release's objects, whoever speaks to it.

Objects are JSON as the server has it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Object: TypeAlias = Mapping[str, Any]


class Kube(Protocol):
    """The clusters of a site, each by its name.

    Each call raises a SystemTrouble where the cluster does not answer as it should; a namespace that is not
    there is empty.
    """

    def pods(self, cluster: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """The pods with these labels."""

    def services(self, cluster: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """The services with these labels."""

    def nodes(self, cluster: str) -> Sequence[Object]:
        """Every node."""

    def pools(self, cluster: str) -> Sequence[Object]:
        """Calico's IP pools."""

    def config_map(self, cluster: str, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap; None: it is not there."""

    def exists(self, cluster: str, namespace: str, kind: str, name: str) -> bool:
        """Whether there is an object of a kind (`Deployment`)."""

    def execute(self, cluster: str, namespace: str, pod: str, command: Sequence[str]) -> str:
        """What a command prints in a pod; one that fails raises Rejected."""


def name_of(item: Object) -> str:
    """An object's name."""
    return str(item["metadata"]["name"])


def ready(pod: Object) -> bool:
    """Whether a pod serves: it is not on its way out, and Kubernetes calls it ready."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = pod.get("status", {}).get("conditions", ())
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)
