"""What a cluster does by itself: endpoints, pods of DaemonSets and Deployments, load balancers, namespaces.

Nothing here takes time. What takes time in a cluster takes looks: a new pod is ready, and a namespace gone,
after so many reads of the API.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from typing import Any

from adapters.kubernetes import api
from adapters.kubernetes.simulator.store import Object, Place, Store

SIDE = "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type"
"""The annotation by which IKS gives a service a private or a public address (reference 3.2)."""
KEEPERS = "ibm-system"
_KEEPER = "ibm-cloud-provider-ip-"
_HOST = "kubernetes.io/hostname"
_TUNNEL = "projectcalico.org/IPv4IPIPTunnelAddr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """Where a cluster takes addresses from."""

    services: IPv4Network
    public: IPv4Network | None = None
    private: IPv4Network | None = None


@dataclass
class Controllers:
    """The controllers of one cluster.

    Attributes:
        looks: How many reads it takes until a new pod is ready, or a namespace is gone.
        stuck: Nodes on which no image can be pulled any more.
        besides: What containers do by themselves, after everything else.
    """

    store: Store
    ranges: Ranges
    looks: int = 2
    stuck: set[str] = field(default_factory=set)
    besides: Callable[[], None] = lambda: None
    _waiting: dict[Place, int] = field(default_factory=dict)
    _going: dict[str, int] = field(default_factory=dict)

    def reconcile(self) -> None:
        """Do what follows from the objects at once."""
        for kind in (api.DAEMON_SET, api.DEPLOYMENT):
            for item in self.store.all_of(kind):
                self._pods_of(kind, item)
        self._orphans()
        for service in self.store.all_of(api.SERVICE):
            self._balanced(service)
        self._keepers()
        self._endpoints()
        self.besides()

    def look(self) -> None:
        """Somebody looks: what takes time comes nearer."""
        changed = False
        for place, left in list(self._waiting.items()):
            pod = self.store.get(api.POD, *place)
            if pod is None:
                del self._waiting[place]
            elif pod["spec"]["nodeName"] not in self.stuck:
                self._waiting[place] = left - 1
                if left <= 1:
                    del self._waiting[place]
                    self.store.save(api.POD, _ready(pod))
                    changed = True
        for namespace, left in list(self._going.items()):
            self._going[namespace] = left - 1
            if left <= 1:
                del self._going[namespace]
                self._emptied(namespace)
                changed = True
        if changed:
            self.reconcile()
            self._statuses()

    def end(self, namespace: str) -> None:
        """A namespace is to go; it does so later, with all that is in it."""
        self._going.setdefault(namespace, self.looks)

    def settle(self) -> None:
        """Have everything that is under way come to its end."""
        for _ in range(self.looks):
            self.look()

    # Pods

    def _pods_of(self, kind: api.Api, item: Object) -> None:
        """The pods that a DaemonSet or Deployment should have, of its template as it is now."""
        about, template = item["metadata"], item["spec"]["template"]
        wanted = dict(self._named(kind, item))
        for pod in self.store.all_of(api.POD, about["namespace"]):
            owned = any(
                owner.get("uid") == about["uid"] for owner in pod["metadata"].get("ownerReferences", [])
            )
            if owned and pod["metadata"]["name"] not in wanted:
                self.store.remove(api.POD, about["namespace"], pod["metadata"]["name"])
        for name, node in wanted.items():
            if self.store.get(api.POD, about["namespace"], name) is None:
                self._start(_pod(name, about, template, kind.kind, node["metadata"]["name"]), node)
        self._statuses()

    def _named(self, kind: api.Api, item: Object) -> Iterator[tuple[str, Object]]:
        nodes = [node for node in self.store.all_of(api.NODE) if _may_run(item["spec"]["template"], node)]
        digest = json.dumps([item["metadata"]["uid"], item["spec"]["template"]], sort_keys=True)
        if kind is not api.DAEMON_SET:
            replicas = int(item["spec"].get("replicas", 1)) if nodes else 0
            nodes = [nodes[number % len(nodes)] for number in range(replicas)]
        for number, node in enumerate(nodes):
            told = f"{digest}{node['metadata']['name']}{number if kind is not api.DAEMON_SET else ''}"
            yield f"{item['metadata']['name']}-{hashlib.sha256(told.encode()).hexdigest()[:5]}", node

    def _start(self, pod: Object, node: Object) -> None:
        at = _internal(node) if pod["spec"].get("hostNetwork") else self._free(node)
        pod["status"] = {"phase": "Pending", "podIP": at, "containerStatuses": _waiting()}
        self.store.save(api.POD, pod)
        self._waiting[pod["metadata"].get("namespace", ""), pod["metadata"]["name"]] = self.looks

    def _free(self, node: Object) -> str:
        """The next address of the node's blocks."""
        taken = {pod.get("status", {}).get("podIP") for pod in self.store.all_of(api.POD)}
        taken.add((node["metadata"].get("annotations") or {}).get(_TUNNEL))
        for block in self.store.all_of(api.BLOCK_AFFINITY):
            if block["spec"]["node"] == node["metadata"]["name"]:
                for at in IPv4Network(block["spec"]["cidr"]):
                    if str(at) not in taken:
                        return str(at)
        return ""

    def _orphans(self) -> None:
        """Pods whose owner or node is gone go, too."""
        owners = {
            item["metadata"]["uid"]
            for kind in (api.DAEMON_SET, api.DEPLOYMENT)
            for item in self.store.all_of(kind)
        }
        nodes = {node["metadata"]["name"] for node in self.store.all_of(api.NODE)}
        for pod in self.store.all_of(api.POD):
            about = pod["metadata"]
            owned = [owner["uid"] for owner in about.get("ownerReferences", [])]
            if pod["spec"].get("nodeName") not in nodes or (owned and not owners.intersection(owned)):
                self.store.remove(api.POD, about["namespace"], about["name"])

    def _statuses(self) -> None:
        for item in self.store.all_of(api.DAEMON_SET):
            about = item["metadata"]
            pods = [
                pod
                for pod in self.store.all_of(api.POD, about["namespace"])
                if any(owner["uid"] == about["uid"] for owner in pod["metadata"].get("ownerReferences", []))
            ]
            status = {
                "desiredNumberScheduled": len(pods),
                "currentNumberScheduled": len(pods),
                "numberReady": sum(map(is_ready, pods)),
                "observedGeneration": about.get("generation", 1),
            }
            self.store.save(api.DAEMON_SET, {**item, "status": status})

    # Services

    def _endpoints(self) -> None:
        """Those of services with a selector; without one they are whoever's who made them."""
        services = {
            (item["metadata"]["namespace"], item["metadata"]["name"]): item
            for item in self.store.all_of(api.SERVICE)
        }
        for (namespace, name), item in services.items():
            selector = item["spec"].get("selector")
            if not selector:
                continue
            pods = [
                pod
                for pod in self.store.all_of(api.POD, namespace)
                if is_ready(pod) and _chosen(selector, pod["metadata"].get("labels") or {})
            ]
            self.store.save(api.ENDPOINTS, _endpoints_of(namespace, name, item, pods, self.store))

    def _balanced(self, service: Object) -> None:
        """Give a load balancer its address, if one is free; else it goes on waiting."""
        spec = service["spec"]
        if spec.get("type") != "LoadBalancer" or (service.get("status") or {}).get("loadBalancer"):
            return
        at = self._portable(service)
        if at is not None:
            status = {"loadBalancer": {"ingress": [{"ip": str(at)}]}}
            self.store.save(api.SERVICE, {**service, "status": status})

    def _portable(self, service: Object) -> IPv4Address | None:
        side = (service["metadata"].get("annotations") or {}).get(SIDE)
        pools = {"public": self.ranges.public, "private": self.ranges.private}
        chosen = [pools.get(side)] if side else [pool for pool in pools.values() if pool is not None][:1]
        taken = set(self._given())
        wanted = service["spec"].get("loadBalancerIP")
        if wanted:
            chosen, free = list(pools.values()), [IPv4Address(wanted)]
        else:
            free = [at for pool in chosen if pool is not None for at in list(pool.hosts())[1:]]
        inside = (at for at in free if any(pool is not None and at in pool for pool in chosen))
        return next((at for at in inside if str(at) not in taken), None)

    def _given(self) -> Iterator[str]:
        for service in self.store.all_of(api.SERVICE):
            for told in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []:
                yield told["ip"]

    def _keepers(self) -> None:
        """One pod an address of a load balancer, on the first node; gone with the address."""
        given = set(self._given())
        kept = {}
        for pod in self.store.all_of(api.POD, KEEPERS):
            name = pod["metadata"]["name"]
            if name.startswith(_KEEPER):
                kept[".".join(name.removeprefix(_KEEPER).split("-")[:4])] = name
        for at in kept.keys() - given:
            self.store.remove(api.POD, KEEPERS, kept[at])
        nodes = self.store.all_of(api.NODE)
        for at in sorted(given - kept.keys()) if nodes else ():
            self.store.save(
                api.POD, keeper(IPv4Address(at), nodes[0]["metadata"]["name"], _internal(nodes[0]))
            )

    # Namespaces

    def _emptied(self, namespace: str) -> None:
        for kind in list(self.store.kinds()):
            for item in self.store.all_of(kind, namespace) if kind.namespaced else ():
                self.store.remove(kind, namespace, item["metadata"]["name"])
        self.store.remove(api.NAMESPACE, "", namespace)


def cluster_ip(store: Store, services: IPv4Network) -> str:
    """The next free cluster address; the range's first ones are the API server's and the DNS's."""
    taken = {service["spec"].get("clusterIP") for service in store.all_of(api.SERVICE)}
    free = (services[number] for number in count(100))
    return next(str(at) for at in free if str(at) not in taken)


def keeper(at: IPv4Address, node: str, host: str) -> Object:
    """The pod that keeps a load balancer's address."""
    name = f"{_KEEPER}{str(at).replace('.', '-')}-0"
    labels = {"ibm-cloud-provider-ip": str(at).replace(".", "-")}
    about = {"name": name, "namespace": KEEPERS, "labels": labels}
    spec = {
        "hostNetwork": True,
        "nodeName": node,
        "containers": [{"name": "keepalived", "image": "keepalived"}],
    }
    return _ready(
        {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec, "status": {"podIP": host}}
    )


def is_ready(pod: Object) -> bool:
    """Whether its node says so."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _ready(pod: Object) -> Object:
    conditions = [{"type": "Ready", "status": "True"}]
    kept = {"podIP": (pod.get("status") or {}).get("podIP", "")}
    return {**pod, "status": {**kept, "phase": "Running", "conditions": conditions}}


def _waiting() -> list[Any]:
    return [{"name": "any", "ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}]


def _pod(name: str, owner: Object, template: Object, kind: str, node: str) -> Object:
    about = template.get("metadata") or {}
    reference = {"kind": kind, "name": owner["name"], "uid": owner["uid"], "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["namespace"],
            "labels": about.get("labels") or {},
            "annotations": about.get("annotations") or {},
            "ownerReferences": [reference],
        },
        "spec": {**template["spec"], "nodeName": node},
    }


def _internal(node: Object) -> str:
    told = node.get("status", {}).get("addresses") or []
    return next((str(one["address"]) for one in told if one["type"] == "InternalIP"), "")


def _may_run(template: Object, node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    spec = template["spec"]
    if not _chosen(spec.get("nodeSelector") or {}, labels):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms")
    return not terms or any(
        all(labels.get(one["key"]) in one["values"] for one in term.get("matchExpressions") or [])
        for term in terms
    )


def _chosen(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())


def _endpoints_of(namespace: str, name: str, service: Object, pods: Iterable[Object], store: Store) -> Object:
    addresses = sorted((pod["status"]["podIP"] for pod in pods), key=IPv4Address)
    ports = [
        {
            **({"name": port["name"]} if port.get("name") else {}),
            "port": port["targetPort"] if isinstance(port.get("targetPort"), int) else port["port"],
            "protocol": port.get("protocol", "TCP"),
        }
        for port in service["spec"].get("ports") or []
    ]
    before = store.get(api.ENDPOINTS, namespace, name)
    about = before["metadata"] if before is not None else {"name": name, "namespace": namespace}
    subsets = [{"addresses": [{"ip": at} for at in addresses], "ports": ports}] if addresses else []
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": about, "subsets": subsets}
