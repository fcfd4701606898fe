"""What others want to know of clusters: pods by label, services, the words of a ConfigMap."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from adapters.kubernetes import api
from adapters.kubernetes.access import Access
from adapters.kubernetes.provider.parsing import address, ready
from hopbook.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPod:
    """A pod as its cluster shows it; `phase` is Pending, Running, Succeeded, Failed or Unknown."""

    name: str
    namespace: str
    node: str
    phase: str
    ready: bool
    address: IPv4Address | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenService:
    """A service as its cluster shows it; `external`: the addresses of its load balancer."""

    name: str
    namespace: str
    address: IPv4Address | None = None
    external: tuple[IPv4Address, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


class ClusterReader:
    """The clusters of a site, to be read. Each method raises `SystemTrouble` as the client does."""

    def __init__(self, clusters: Mapping[str, Access]) -> None:
        self._clusters = clusters

    def version(self, cluster: str) -> tuple[int, int]:
        """The server's version: `(1, 11)`."""
        return self._access(cluster).client.version

    def pods(self, cluster: str, namespace: str = "", labels: str = "") -> list[SeenPod]:
        """The pods of a namespace (none: of all) that a selector chooses: `app=strongswan,release=vpn`."""
        items = self._access(cluster).client.all_of(api.POD, namespace, labels).items
        return [
            SeenPod(
                name=item["metadata"]["name"],
                namespace=item["metadata"].get("namespace", ""),
                node=item["spec"].get("nodeName", ""),
                phase=item.get("status", {}).get("phase", "Unknown"),
                ready=ready(item),
                address=address(item.get("status", {}).get("podIP")),
                labels=item["metadata"].get("labels") or {},
            )
            for item in items
        ]

    def services(self, cluster: str, namespace: str = "", labels: str = "") -> list[SeenService]:
        """The services of a namespace that a selector chooses."""
        items = self._access(cluster).client.all_of(api.SERVICE, namespace, labels).items
        return [
            SeenService(
                name=item["metadata"]["name"],
                namespace=item["metadata"].get("namespace", ""),
                address=address(item["spec"].get("clusterIP")),
                external=tuple(
                    at
                    for told in (item.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
                    if (at := address(told.get("ip"))) is not None
                ),
                labels=item["metadata"].get("labels") or {},
            )
            for item in items
        ]

    def config_map(self, cluster: str, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap; None: there is none of that name."""
        found = self._access(cluster).client.find(api.CONFIG_MAP, namespace, name)
        return None if found is None else found.get("data") or {}

    def _access(self, cluster: str) -> Access:
        access = self._clusters.get(cluster)
        if access is None:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise InvalidInput(f"no way to the cluster {cluster!r} is known; expected one of: {known}")
        return access
