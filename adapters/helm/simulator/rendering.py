"""The objects of a release: by the real `helm template` where there is a helm, else of the stand-in by hand.

A test holds the two against each other.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml

from adapters.helm.binary import Binary
from adapters.helm.client import STAND_IN
from adapters.helm.simulator.objects import Object

_SECONDS = 30.0
_IMAGE = "strongswan-stand-in:18.10.30"
_TESTS = (
    ("check-config", False, "validate"),
    ("check-state", False, None),
    ("ping-remote-gw", False, "remote.gateway"),
    ("ping-remote-ip-1", False, "remote.privateIPtoPing"),
    ("ping-remote-ip-2", True, "remote.privateIPtoPing"),
)


class NotRendered(Exception):
    """A chart that does not take the values; says so as helm does."""


class Render(Protocol):
    """Makes a release's objects, tests included."""

    def __call__(
        self, release: str, namespace: str, chart: Path, values: Mapping[str, Any]
    ) -> Sequence[Object]:
        """The objects; raises NotRendered."""


def by_binary(path: Path) -> Render:
    """Rendered by a helm."""
    helm = Binary(path)

    def render(release: str, namespace: str, chart: Path, values: Mapping[str, Any]) -> Sequence[Object]:
        arguments = ("template", release, str(chart), "--namespace", namespace, "--values", "-")
        finished = helm(arguments, json.dumps(values), _SECONDS)
        if finished.code != 0:
            raise NotRendered(finished.stderr.removeprefix("Error: ").strip())
        return [item for item in yaml.safe_load_all(finished.stdout) if item]

    return render


def by_hand(release: str, namespace: str, chart: Path, values: Mapping[str, Any]) -> Sequence[Object]:  # noqa: ARG001 - it knows one chart
    """The stand-in's objects, without a helm."""
    return _StandIn(release, namespace, over(_defaults(), values)).objects()


def over(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values over a chart's defaults, as helm lays them; a null takes a key away."""
    merged = dict(defaults)
    for name, value in given.items():
        inner = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(inner, Mapping) and isinstance(value, Mapping):
            merged[name] = over(inner, value)
        else:
            merged[name] = value
    return merged


def _defaults() -> Mapping[str, Any]:
    document: Mapping[str, Any] = yaml.safe_load((STAND_IN / "values.yaml").read_text())
    return document


class _StandIn:
    """The templates of the stand-in, in Python."""

    def __init__(self, release: str, namespace: str, values: Mapping[str, Any]) -> None:
        self._release = release
        self._namespace = namespace
        self._values = values
        self._name = f"{release}-strongswan"

    def objects(self) -> list[Object]:
        """All, in the order of the templates."""
        values = self._values
        found = [*self._configuration(), *(self._permissions() if values["enableRBAC"] else ())]
        chosen = str(values["helmTestsToRun"])
        tests = [test for test in _TESTS if chosen.lower() == "all" or chosen in test[0]]
        return [*found, *self._workloads(), self._service(), *(self._test(*test) for test in tests)]

    def _configuration(self) -> tuple[Object, ...]:
        values, local, remote = self._values, self._values["local"], self._values["remote"]
        shared = f'{local["id"]} {remote["id"]} : PSK "{values["preshared"]["secret"]}"'
        starts_at_balancer = values["ipsec"]["auto"] == "start" and values["loadBalancerIP"] != ""
        by_balancer = values["connectUsingLoadBalancerIP"]
        routes = {
            "connectUsingLB": _go(starts_at_balancer if by_balancer == "auto" else by_balancer),
            "loadBalancerIP": values["loadBalancerIP"],
            "localSubnet": local["subnet"],
            "remoteGateway": remote["gateway"],
            "remoteSubnet": remote["subnet"],
        }
        secrets = {"ipsec.secrets": str(values["overRideIpsecSecrets"] or shared)}
        return (
            self._object("v1", "ConfigMap", "-config", data={"ipsec.conf": self._ipsec_conf()}),
            self._object("v1", "Secret", "-secrets", stringData=secrets),
            self._object("v1", "ConfigMap", "-routes", "strongswan-routes", data=routes),
        )

    def _ipsec_conf(self) -> str:
        values, ipsec = self._values, self._values["ipsec"]
        if values["overRideIpsecConf"]:
            return f"{values['overRideIpsecConf']}\n"
        closing = ipsec["closeaction"]
        if closing == "auto":
            closing = "restart" if ipsec["auto"] == "start" else "none"
        settings = {
            "authby": "psk",
            "type": "tunnel",
            "mobike": "no",
            "forceencaps": "yes",
            "left": "%any",
            "leftallowany": "yes",
            "rightallowany": "yes",
            "leftid": values["local"]["id"],
            "leftsubnet": values["local"]["subnet"],
            "right": values["remote"]["gateway"],
            "rightid": values["remote"]["id"],
            "rightsubnet": values["remote"]["subnet"],
            "keyexchange": ipsec["keyexchange"],
            "ike": ipsec["ike"] or "aes128-sha1-modp2048,3des-sha1-modp1536",
            "esp": ipsec["esp"] or "aes128-sha1,3des-sha1",
            "auto": ipsec["auto"],
            "closeaction": closing,
            **{name: ipsec[name] for name in _TIMES},
        }
        head = ["config setup", "    uniqueids=yes", f'    charondebug="{values["strongswanLogging"]}"']
        lines = [*head, "conn k8s-conn", *(f"    {name}={value}" for name, value in settings.items())]
        return "".join(f"{line}\n" for line in lines)

    def _workloads(self) -> tuple[Object, ...]:
        values = self._values
        rights = {"privileged": True} if values["privilegedVpnPod"] else {"capabilities": _NET_ADMIN}
        container = {
            "name": "strongswan",
            "image": _IMAGE,
            "securityContext": rights,
            "env": [
                {"name": "ENABLE_POD_SNAT", "value": _go(values["enablePodSNAT"])},
                {"name": "VALIDATE", "value": _go(values["validate"])},
            ],
        }
        router = {"name": "routes", "image": _IMAGE, "securityContext": {"capabilities": _NET_ADMIN}}
        pod = {
            "nodeSelector": values["nodeSelector"],
            "tolerations": values["tolerations"],
            "containers": [container],
        }
        on_nodes = {"hostNetwork": True, "tolerations": values["tolerations"], "containers": [router]}
        deployment = {"replicas": 1, **self._template("strongswan", pod)}
        daemon_set = self._template("strongswan-routes", on_nodes)
        return (
            self._object("apps/v1", "Deployment", spec=deployment),
            self._object("apps/v1", "DaemonSet", "-routes", "strongswan-routes", spec=daemon_set),
        )

    def _template(self, app: str, pod: Object) -> Object:
        labels = {"app": app, "release": self._release}
        account = {"serviceAccountName": self._name} if self._values["enableRBAC"] else {}
        template = {"metadata": {"labels": labels}, "spec": {**account, **pod}}
        return {"selector": {"matchLabels": labels}, "template": template}

    def _service(self) -> Object:
        values = self._values
        asked = {"loadBalancerIP": values["loadBalancerIP"]} if values["loadBalancerIP"] else {}
        spec = {
            "type": "LoadBalancer",
            **asked,
            "externalTrafficPolicy": "Local" if values["enableServiceSourceIP"] else "Cluster",
            "selector": {"app": "strongswan", "release": self._release},
            "ports": [
                {"name": "isakmp", "protocol": "UDP", "port": 500},
                {"name": "nat-traversal", "protocol": "UDP", "port": 4500},
            ],
        }
        return self._object("v1", "Service", spec=spec)

    def _permissions(self) -> tuple[Object, ...]:
        group = "rbac.authorization.k8s.io"
        rules = [
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]},
            {
                "apiGroups": [""],
                "resources": ["configmaps", "pods"],
                "verbs": ["get", "list", "update", "watch"],
            },
            {
                "apiGroups": ["crd.projectcalico.org"],
                "resources": ["ippools"],
                "verbs": ["create", "delete", "get", "list", "update"],
            },
        ]
        role = {"apiGroup": group, "kind": "ClusterRole", "name": self._name}
        subject = {"kind": "ServiceAccount", "name": self._name, "namespace": self._namespace}
        return (
            self._object("v1", "ServiceAccount"),
            self._object(f"{group}/v1", "ClusterRole", rules=rules),
            self._object(f"{group}/v1", "ClusterRoleBinding", roleRef=role, subjects=[subject]),
        )

    def _test(self, name: str, host: bool, argument: str | None) -> Object:  # noqa: FBT001 - from the table above
        command = [name if name.startswith("check") else "ping"]
        if argument is not None:
            section, _, key = argument.rpartition(".")
            command.append((self._values[section] if section else self._values)[key])
        container = {"name": "test", "image": _IMAGE, "command": command}
        spec = {"restartPolicy": "Never", "hostNetwork": host, "containers": [container]}
        item = self._object("v1", "Pod", f"-{name}", "strongswan-test", spec=spec)
        item["metadata"]["annotations"] = {"helm.sh/hook": "test-success"}
        return item

    def _object(
        self, version: str, kind: str, suffix: str = "", app: str = "strongswan", **body: Any
    ) -> Object:
        labels = {"app": app, "release": self._release, "chart": "strongswan-2.2.9"}
        metadata = {"name": f"{self._name}{suffix}", "labels": labels}
        return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


_TIMES = ("dpdaction", "ikelifetime", "keyingtries", "lifetime", "margintime")
_NET_ADMIN = {"add": ["NET_ADMIN"]}


def _go(value: Any) -> str:
    """A value as Go prints it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
