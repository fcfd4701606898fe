"""The releases of simulated clusters: helm's objects in each cluster's own store, and what comes of them.

What strongSwan's container does once it runs is done here: it writes down where it is, for the pods that make
routes of it, and keeps Calico from masquerading what is for the other side (reference/ibm.md 3.2).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from adapters.helm.simulator import SimulatedHelm
from adapters.helm.simulator.objects import Object
from adapters.kubernetes import api
from adapters.kubernetes.access import Side
from adapters.kubernetes.simulator import SimulatedCluster
from adapters.kubernetes.simulator.controllers import is_ready
from adapters.simulated.faults import Faults

_APP, _ROUTES = "strongswan", "-routes"


class ClusterObjects:
    """One cluster's store, as a helm needs it (`adapters.helm.simulator.Objects`)."""

    def __init__(self, cluster: SimulatedCluster, sides: Sequence[Side]) -> None:
        self._cluster, self._sides = cluster, sides
        cluster.controllers.besides = self._containers

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """As `Objects` says."""
        return self._cluster.store.get(self._cluster.kind(kind), namespace, name)

    def put(self, item: Object) -> None:
        """As `Objects` says."""
        self._cluster.have(item)

    def delete(self, item: Object) -> None:
        """As `Objects` says."""
        self._cluster.drop(item)

    def unready(self, items: Sequence[Object]) -> str:
        """As `Objects` says; a service without an address is not waited for where there are none to give."""
        self._cluster.controllers.settle()
        for item in items:
            if item["kind"] not in {"Deployment", "DaemonSet"}:
                continue
            name = item["metadata"]["name"]
            selector = item["spec"]["selector"]["matchLabels"]
            pods = [pod for pod in self._pods(item["metadata"]["namespace"]) if _has(pod, selector)]
            if not pods or not all(map(is_ready, pods)):
                return f"{item['kind']}/{name}: not every pod is ready"
        return ""

    # The container

    def _containers(self) -> None:
        """What each strongSwan container does by itself, now that something changed."""
        store = self._cluster.store
        wanted: dict[str, IPv4Network] = {}
        for deployment in store.all_of(api.DEPLOYMENT):
            about = deployment["metadata"]
            if (about.get("labels") or {}).get("app") != _APP:
                continue
            release = str(about["labels"].get("release", ""))
            told = store.get(api.CONFIG_MAP, about["namespace"], f"{about['name']}{_ROUTES}")
            pods = [pod for pod in self._pods(about["namespace"]) if _is_container(pod, release)]
            pod = next((each for each in pods if is_ready(each)), None)
            if told is None:
                continue
            data = dict(told.get("data") or {})
            if pod is not None:
                data |= self._where(pod)
                store.save(api.CONFIG_MAP, {**told, "data": data})
            beyond = [IPv4Network(text.strip()) for text in data.get("remoteSubnet", "").split(",") if text]
            for number, network in enumerate(beyond, start=1):
                wanted[f"{release}-remote" + (f"-{number}" if len(beyond) > 1 else "")] = network
        self._pools(wanted)

    def _where(self, pod: Object) -> dict[str, str]:
        node = self._cluster.store.get(api.NODE, "", pod["spec"]["nodeName"])
        addresses = node["status"]["addresses"] if node is not None else []
        own = next((IPv4Address(each["address"]) for each in addresses if each["type"] == "InternalIP"), None)
        subnet = next(
            (found for side in self._sides if own is not None and (found := side.subnet(own))), None
        )
        return {
            "vpnPodIP": pod["status"]["podIP"],
            "vpnPodName": pod["metadata"]["name"],
            "workerNodeIP": str(own),
            "workerSubnet": str(subnet.network if subnet is not None else IPv4Network(own or 0)),
        }

    def _pools(self, wanted: Mapping[str, IPv4Network]) -> None:
        """The pools that keep Calico's hands off, while their release is there."""
        store = self._cluster.store
        for pool in store.all_of(api.IP_POOL):
            labels = pool["metadata"].get("labels") or {}
            if labels.get("app") == _APP and pool["metadata"]["name"] not in wanted:
                store.remove(api.IP_POOL, "", pool["metadata"]["name"])
        for name, network in wanted.items():
            about = {"name": name, "labels": {"app": _APP}}
            spec = {"cidr": str(network), "disabled": True, "ipipMode": "Always", "natOutgoing": False}
            if store.get(api.IP_POOL, "", name) is None:
                document = {"apiVersion": api.IP_POOL.api_version, "kind": api.IP_POOL.kind}
                store.save(api.IP_POOL, {**document, "metadata": about, "spec": spec})

    def _pods(self, namespace: str) -> list[Object]:
        return self._cluster.store.all_of(api.POD, namespace)


def _has(pod: Object, labels: Mapping[str, str]) -> bool:
    there = pod["metadata"].get("labels") or {}
    return all(there.get(name) == value for name, value in labels.items())


def _is_container(pod: Object, release: str) -> bool:
    return _has(pod, {"app": _APP, "release": release})


class Releases:
    """The helms of a site's clusters; each is made when somebody asks for it.

    Attributes:
        now: The time, in UTC.
    """

    def __init__(
        self,
        cluster: Callable[[str], SimulatedCluster],
        sides: Callable[[str], Sequence[Side]],
        faults: Faults,
    ) -> None:
        self._cluster, self._sides, self._faults = cluster, sides, faults
        self._helms: dict[str, SimulatedHelm] = {}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def helm(self, name: str) -> SimulatedHelm:
        """The helm of a cluster."""
        if name not in self._helms:
            objects = ClusterObjects(self._cluster(name), self._sides(name))
            self._helms[name] = SimulatedHelm(objects=objects, faults=self._faults, now=self._time)
        return self._helms[name]

    def peeking(self, name: str) -> SimulatedHelm:
        """The same, asked by the simulated site itself: nothing goes wrong, and no time passes."""
        helm = self.helm(name)
        unheard = SimulatedHelm(objects=helm.objects, now=self._time)
        unheard.record = helm.record
        return unheard

    def _time(self) -> datetime:
        return self.now()
