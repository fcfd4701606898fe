"""Routes of nodes: those that workers have by themselves, and ours, each kept by a pod on every node.

A route of ours is a ConfigMap with its words and a DaemonSet whose pods keep it, the form in which IBM has
static routes of workers (reference 3.3). A node has it when its pod is ready.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Network

from adapters.kubernetes import api
from adapters.kubernetes.access import Conventions, Side, Subnet
from adapters.kubernetes.client import Object
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider.found import Found
from adapters.kubernetes.provider.parsing import address, handle_of, label, name_of, ready
from hopbook.engine.change import Observed
from hopbook.resources.kubernetes import NodeRoute

OF_ROUTE = "hopbook/route"
"""The label of a route's pods; its value is the name of the DaemonSet."""
_HOST = "kubernetes.io/hostname"
_WORDS = "hopbook/words"  # the digest of the ConfigMap, so that another one makes new pods
_INTERVAL = 15  # seconds after which a route that somebody took away is there again
_SCRIPT = files("adapters.kubernetes.provider").joinpath("route.sh").read_text()


def observed(found: Found, markers: Markers) -> Iterator[Observed]:
    """The routes that the workers' subnets bring, and ours."""
    for side in found.access.sides:
        yield from (Observed(resource=route, system=True) for route in _given(found, side))
    words = {name_of(item): item for item in found.of(api.CONFIG_MAP)}
    for item in found.of(api.DAEMON_SET):
        name = markers.read(item)
        if name and label(item, OF_ROUTE):
            data = words.get(name_of(item), {}).get("data") or {}
            yield Observed(resource=_ours(found, name, item, data), marked=True, handle=handle_of(item))


# Those of the subnets


def _given(found: Found, side: Side) -> Iterator[NodeRoute]:
    """One route a subnet; where there are several, each says whose it is."""
    nodes = _by_subnet(found, side)
    for number, (subnet, names) in enumerate(
        sorted(nodes.items(), key=lambda item: item[0].network), start=1
    ):
        alone = len(nodes) == 1
        yield NodeRoute(
            cluster=found.cluster,
            route=side.route if alone else f"{side.route}-{number}",
            networks=side.reaches,
            interface=side.label,
            next_hop=subnet.router,
            nodes=() if alone else tuple(names),
        )


def _by_subnet(found: Found, side: Side) -> dict[Subnet, list[str]]:
    nodes: dict[Subnet, list[str]] = {}
    for item in found.of(api.NODE) if side.reaches else ():
        for told in item.get("status", {}).get("addresses") or []:
            at = address(told.get("address"))
            subnet = side.subnet(at) if at is not None and told.get("type") == side.reported else None
            if subnet is not None:
                nodes.setdefault(subnet, []).append(item["metadata"]["name"])
                break
    return nodes


# Ours, as they are


def _ours(found: Found, name: str, item: Object, words: Object) -> NodeRoute:
    """What the ConfigMap says, for the nodes whose pods are ready; none is: no network is routed."""
    wanted = _chosen(item)
    having = {pod["spec"]["nodeName"] for pod in of_route(found.of(api.POD), item) if ready(pod)}
    everywhere = {node["metadata"]["name"] for node in found.of(api.NODE)}
    complete = having >= (set(wanted) or everywhere)
    networks = words.get("NETWORKS", "").split() if having else []
    return NodeRoute(
        cluster=found.cluster,
        route=name,
        networks=tuple(map(IPv4Network, networks)),
        interface=words.get("INTERFACE", ""),
        next_hop=IPv4Address(words["NEXT_HOP"]) if words.get("NEXT_HOP") else None,
        nodes=wanted if complete or not having else tuple(sorted(having)),
    )


def of_route(pods: Sequence[Object], daemon_set: Object) -> list[Object]:
    """The pods that keep a route and are of its DaemonSet as it is now."""
    about, template = daemon_set["metadata"], daemon_set["spec"]["template"]["metadata"]
    words = (template.get("annotations") or {}).get(_WORDS)
    return [
        pod
        for pod in pods
        if label(pod, OF_ROUTE) == about["name"]
        and pod["metadata"].get("namespace") == about.get("namespace")
        and (pod["metadata"].get("annotations") or {}).get(_WORDS) == words
    ]


def _chosen(item: Object) -> tuple[str, ...]:
    """The nodes that a DaemonSet of ours chooses; none: every one."""
    affinity = (item["spec"]["template"]["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or []:
        for expression in term.get("matchExpressions") or []:
            if expression["key"] == _HOST and expression["operator"] == "In":
                return tuple(expression["values"])
    return ()


# Ours, as we want them


def object_name(route: str) -> str:
    """What the objects of a route are called."""
    return f"hopbook-route-{route}"


def config_map(route: NodeRoute, conventions: Conventions, markers: Markers) -> Object:
    """The words of a route."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": object_name(route.route),
            "namespace": conventions.namespace,
            **markers.write(route.route),
        },
        "data": {
            "NETWORKS": " ".join(map(str, route.networks)),
            "INTERFACE": route.interface,
            "NEXT_HOP": "" if route.next_hop is None else str(route.next_hop),
            "INTERVAL": str(_INTERVAL),
        },
    }


def daemon_set(route: NodeRoute, conventions: Conventions, markers: Markers) -> Object:
    """The pods that keep it: the node's network, NET_ADMIN and nothing else, on whatever taints there are."""
    name, marker = object_name(route.route), markers.write(route.route)
    words = json.dumps(config_map(route, conventions, markers)["data"], sort_keys=True)
    pod = {OF_ROUTE: name}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": name,
            "namespace": conventions.namespace,
            "labels": {**marker["labels"], **pod},
            "annotations": marker["annotations"],
        },
        "spec": {
            "selector": {"matchLabels": pod},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {
                    "labels": {**marker["labels"], **pod},
                    "annotations": {_WORDS: hashlib.sha256(f"{words}{_SCRIPT}".encode()).hexdigest()},
                },
                "spec": {
                    "hostNetwork": True,
                    "automountServiceAccountToken": False,
                    "tolerations": [{"operator": "Exists"}],
                    "terminationGracePeriodSeconds": 10,
                    "containers": [_container(name, conventions.image)],
                    **_affinity(route.nodes),
                },
            },
        },
    }


def _container(name: str, image: str) -> Object:
    return {
        "name": "route",
        "image": image,
        "command": ["/bin/sh", "-c", _SCRIPT, "route"],
        "envFrom": [{"configMapRef": {"name": name}}],
        "readinessProbe": {
            "exec": {"command": ["/bin/sh", "-c", _SCRIPT, "route", "there"]},
            "periodSeconds": 5,
        },
        "securityContext": {
            "runAsUser": 0,  # a capability is of use to root alone
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
        },
    }


def _affinity(nodes: Sequence[str]) -> Object:
    if not nodes:
        return {}
    chosen = [{"key": _HOST, "operator": "In", "values": list(nodes)}]
    required = {"nodeSelectorTerms": [{"matchExpressions": chosen}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
