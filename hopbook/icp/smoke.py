"""Whether an installed cluster works: its nodes are ready, it answers, clients are told the right addresses.

Judges what `kubectl … -o json` and the console say; what cannot be read is a finding, never a pass.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hopbook.icp.commands import Boot, kubectl
from hopbook.icp.config import ca_domain
from hopbook.icp.sizes import Node, installation
from hopbook.site.model import Icp

CONSOLE_PORT = 8443
INFO = ("kube-public", "ibmcloud-cluster-info")
_FINE = range(200, 400)


def get_nodes(icp: Icp) -> tuple[str, ...]:
    """The command whose answer `nodes` judges."""
    return kubectl(icp, "get", "nodes", "--output=json")


def get_info(icp: Icp) -> tuple[str, ...]:
    """The command whose answer `info` judges."""
    namespace, name = INFO
    return kubectl(icp, "get", "configmap", f"--namespace={namespace}", name, "--output=json")


def get_console(icp: Icp, boot: Boot) -> tuple[str, ...]:
    """The command whose answer `console` judges: the certificate is verified, for the cluster's own name."""
    name = ca_domain(icp)
    return (
        *("curl", "--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}"),
        *("--max-time", "20", "--noproxy", "*"),
        *("--cacert", f"{boot.cluster}/{installation(icp).settings.ca_file}"),
        *("--resolve", f"{name}:{CONSOLE_PORT}:{icp.vips.master}"),
        f"https://{name}:{CONSOLE_PORT}/console/",
    )


def nodes(answer: str, wanted: Iterable[Node]) -> str:
    """Which nodes are missing or not ready; empty where all are."""
    items = _read(answer).get("items")
    if not isinstance(items, list):
        return "the cluster's list of nodes cannot be read"
    ready = {address: _ready(item) for item in items for address in _addresses(item)}
    missing = [node.name for node in wanted if str(node.address) not in ready]
    unready = [node.name for node in wanted if ready.get(str(node.address)) is False]
    told = [f"{', '.join(missing)} not in the cluster"] if missing else []
    told += (
        [f"{', '.join(unready)} not ready; see `kubectl describe node` and the kubelet there"]
        if unready
        else []
    )
    return "; ".join(told)


def node_addresses(answer: str) -> frozenset[str]:
    """The addresses of the cluster's nodes; none where the answer cannot be read."""
    items = _read(answer).get("items")
    return (
        frozenset(address for item in items for address in _addresses(item))
        if isinstance(items, list)
        else frozenset()
    )


def info(answer: str, icp: Icp, keys: Mapping[str, Any]) -> str:
    """Whether clients are told the addresses that `config.yaml` has; empty where they are."""
    data = _read(answer).get("data")
    if not isinstance(data, dict):
        return "the cluster does not say how it is reached (ConfigMap ibmcloud-cluster-info)"
    expected = {
        "cluster_address": str(keys.get("cluster_lb_address", icp.vips.master)),
        "proxy_address": str(keys.get("proxy_lb_address", icp.vips.proxy)),
    }
    wrong = [
        f"{key} is {str(data.get(key))!r}, expected {value}"
        for key, value in expected.items()
        if data.get(key) != value
    ]
    return f"clients are sent elsewhere: {'; '.join(wrong)}" if wrong else ""


def console(answer: str, problem: str = "") -> str:
    """Whether the console answered; `problem` is what the command said where it did not."""
    code = answer.strip()
    if code.isascii() and code.isdecimal() and int(code) in _FINE:
        return ""
    told = " ".join(problem.split()) or f"it answers with status {code or '?'}"
    return f"the console on port {CONSOLE_PORT} is not there: {told}"


def _read(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _addresses(item: Any) -> list[str]:
    match item:
        case {"status": {"addresses": list(addresses)}}:
            return [
                str(each["address"]) for each in addresses if isinstance(each, dict) and "address" in each
            ]
        case _:
            return []


def _ready(item: Any) -> bool:
    match item:
        case {"status": {"conditions": list(conditions)}}:
            return {"type": "Ready", "status": "True"}.items() <= _condition(conditions).items()
        case _:
            return False


def _condition(conditions: list[Any]) -> dict[str, Any]:
    return next((each for each in conditions if isinstance(each, dict) and each.get("type") == "Ready"), {})
