"""What an API server refuses to keep (422), as far as it concerns the kinds that are made here."""

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from adapters.kubernetes import api
from adapters.kubernetes.api import Api
from adapters.kubernetes.simulator.refusals import Cause, invalid
from adapters.kubernetes.simulator.store import Object

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PORTS = range(1, 65536)
_PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
_IPIP = frozenset({"Always", "CrossSubnet", "Never"})
STRUCTURAL = (1, 16)
"""From here custom kinds have schemas (apiextensions v1)."""


def check(kind: Api, document: Object, live: Object | None, version: tuple[int, int]) -> None:
    """See that an object may be kept.

    Raises:
        Refusal: with every field that it may not have.
    """
    causes = [*_name(kind, document)]
    rule = _RULES.get(kind)
    if rule is not None and (not kind.group.startswith("crd.") or version >= STRUCTURAL):
        causes += rule(document, live)
    if causes:
        raise invalid(kind, document["metadata"].get("name", ""), causes)


def _name(kind: Api, document: Object) -> Iterator[Cause]:
    name = document["metadata"].get("name", "")
    pattern = _LABEL if kind is api.SERVICE else _SUBDOMAIN
    if not pattern.fullmatch(name):
        what = "a DNS-1035 label" if kind is api.SERVICE else "a lowercase RFC 1123 subdomain"
        yield Cause("metadata.name", f'Invalid value: "{name}": {what} must consist of lower case letters')


def _service(document: Object, live: Object | None) -> Iterator[Cause]:
    spec = document.get("spec", {})
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None":
        yield Cause("spec.ports", "Required value", "FieldValueRequired")
    for number, port in enumerate(ports):
        at = f"spec.ports[{number}]"
        if port.get("port") not in _PORTS:
            yield Cause(f"{at}.port", f"Invalid value: {port.get('port')}: must be between 1 and 65535")
        if port.get("protocol", "TCP") not in _PROTOCOLS:
            yield Cause(f"{at}.protocol", f'Unsupported value: "{port["protocol"]}"')
        if len(ports) > 1 and not port.get("name"):
            yield Cause(f"{at}.name", "Required value", "FieldValueRequired")
    if live is not None and live["spec"].get("clusterIP") != spec.get("clusterIP"):
        yield Cause("spec.clusterIP", f'Invalid value: "{spec.get("clusterIP")}": field is immutable')


def _endpoints(document: Object, _live: Object | None) -> Iterator[Cause]:
    for number, subset in enumerate(document.get("subsets") or []):
        for place, told in enumerate(subset.get("addresses") or []):
            if not re.fullmatch(r"\d+(\.\d+){3}", str(told.get("ip"))):
                at = f"subsets[{number}].addresses[{place}].ip"
                yield Cause(at, f'Invalid value: "{told.get("ip")}": must be a valid IP address')


def _workload(document: Object, live: Object | None) -> Iterator[Cause]:
    spec = document.get("spec", {})
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if not wanted:
        yield Cause("spec.selector", "Required value", "FieldValueRequired")
    if any(labels.get(name) != value for name, value in wanted.items()):
        yield Cause(
            "spec.template.metadata.labels",
            f"Invalid value: {labels}: `selector` does not match template `labels`",
        )
    if live is not None and live["spec"].get("selector") != spec.get("selector"):
        yield Cause("spec.selector", "Invalid value: field is immutable")
    containers = (template.get("spec") or {}).get("containers") or []
    if not containers:
        yield Cause("spec.template.spec.containers", "Required value", "FieldValueRequired")
    for number, container in enumerate(containers):
        for name in ("name", "image"):
            if not container.get(name):
                at = f"spec.template.spec.containers[{number}].{name}"
                yield Cause(at, "Required value", "FieldValueRequired")


def _peer(document: Object, _live: Object | None) -> Iterator[Cause]:
    spec = document.get("spec", {})
    yield from _typed(spec, {"asNumber": int, "peerIP": str, "node": str})
    if isinstance(spec.get("asNumber"), int) and not 0 <= spec["asNumber"] < 2**32:
        yield Cause("spec.asNumber", f"Invalid value: {spec['asNumber']}: should be less than 4294967296")


def _pool(document: Object, _live: Object | None) -> Iterator[Cause]:
    spec = document.get("spec", {})
    yield from _typed(spec, {"cidr": str, "natOutgoing": bool, "disabled": bool})
    if "cidr" not in spec:
        yield Cause("spec.cidr", "Required value", "FieldValueRequired")
    if spec.get("ipipMode", "Never") not in _IPIP:
        yield Cause("spec.ipipMode", f'Unsupported value: "{spec["ipipMode"]}"', "FieldValueNotSupported")
    try:
        IPv4Network(spec.get("cidr", "0.0.0.0/0"))
    except ValueError:
        yield Cause("spec.cidr", f'Invalid value: "{spec["cidr"]}"')


def _configuration(document: Object, _live: Object | None) -> Iterator[Cause]:
    yield from _typed(document.get("spec", {}), {"asNumber": int, "nodeToNodeMeshEnabled": bool})


def _typed(spec: Mapping[str, Any], types: Mapping[str, type]) -> Iterator[Cause]:
    for name, kind in types.items():
        if name in spec and type(spec[name]) is not kind:
            said = f'Invalid value: "{type(spec[name]).__name__}": must be of type {kind.__name__}'
            yield Cause(f"spec.{name}", said, "FieldValueTypeInvalid")


_RULES: Mapping[Api, Callable[[Object, Object | None], Iterator[Cause]]] = {
    api.SERVICE: _service,
    api.ENDPOINTS: _endpoints,
    api.DAEMON_SET: _workload,
    api.DEPLOYMENT: _workload,
    api.BGP_PEER: _peer,
    api.IP_POOL: _pool,
    api.BGP_CONFIGURATION: _configuration,
}
