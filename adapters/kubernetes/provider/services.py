"""Services with their endpoints, and Ingresses with who serves them."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from adapters.kubernetes import api
from adapters.kubernetes.client import Object
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider import nodes
from adapters.kubernetes.provider.found import Found
from adapters.kubernetes.provider.parsing import address, handle_of, name_of
from hopbook.engine.change import Observed
from hopbook.resources.kubernetes import Ingress, Service, ServicePort

_OF_THE_SERVER = ("", "kubernetes")  # the API server's own, in the default namespace


def observed(found: Found, markers: Markers) -> Iterator[Observed]:
    """Services, then Ingresses."""
    endpoints = {name_of(item): item for item in found.of(api.ENDPOINTS)}
    named: dict[tuple[str, str], Service] = {}
    # Ours come first, so that nobody else's of the same name has their key
    for item in sorted(found.of(api.SERVICE), key=lambda item: not markers.read(item)):
        if item["spec"].get("type") == "ExternalName":
            continue
        taken = {service.service for service in named.values()}
        name = markers.read(item) or item["metadata"]["name"]
        marked = bool(markers.read(item))
        service = _service(
            found.cluster,
            handle_of(item) if name in taken and not marked else name,
            item,
            endpoints.get(name_of(item), {}),
        )
        named[name_of(item)] = service
        system = name_of(item) == _OF_THE_SERVER
        yield Observed(resource=service, marked=marked, system=system, handle=handle_of(item))
    yield from _ingresses(found, named)


def _service(cluster: str, name: str, item: Object, endpoints: Object) -> Service:
    spec = item["spec"]
    subsets = endpoints.get("subsets") or []
    served = {at for subset in subsets for told in subset.get("addresses") or [] if (at := _at(told))}
    given = (item.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    outside = [_at(told) for told in given] + [address(text) for text in spec.get("externalIPs") or []]
    return Service(
        cluster=cluster,
        service=name,
        namespace=item["metadata"]["namespace"],
        address=address(spec.get("clusterIP")),
        ports=tuple(_port(port, subsets) for port in spec.get("ports") or []),
        endpoints=tuple(sorted(served)),
        external=tuple(dict.fromkeys(at for at in outside if at is not None)),
        local_only=spec.get("externalTrafficPolicy") == "Local",
    )


def _at(told: Mapping[str, Any]) -> IPv4Address | None:
    return address(told.get("ip"))


def _port(port: Object, subsets: list[Object]) -> ServicePort:
    """What a named target is its endpoints say."""
    number, target = int(port["port"]), port.get("targetPort", port["port"])
    served = (
        told["port"]
        for subset in subsets
        for told in subset.get("ports") or []
        if told.get("name", "") == port.get("name", "")
    )
    found = next(served, target if isinstance(target, int) else number)
    return ServicePort(
        port=number,
        target=None if found == number else int(found),
        protocol=port.get("protocol", "TCP").lower(),
    )


def _ingresses(found: Found, services: Mapping[tuple[str, str], Service]) -> Iterator[Observed]:
    controllers = tuple(_controllers(found))
    for item in found.of(api.INGRESS):
        name, number = item["metadata"]["name"], 0
        for host, backend, port in _rules(item):
            service = services.get((name_of(item)[0], backend))
            if service is None:
                continue
            number += 1
            yield Observed(
                resource=Ingress(
                    cluster=found.cluster,
                    ingress=name if number == 1 else f"{name}#{number}",
                    host=host,
                    service=service.service,
                    port=_number(port, found, item, backend),
                    controllers=controllers,
                ),
                handle=handle_of(item),
            )


def _controllers(found: Found) -> Iterator[str]:
    """The controller's pods; of those on their node's network, the nodes."""
    for name, pod in nodes.pods(found).items():
        if found.access.conventions.controller.search(pod["metadata"]["name"]):
            yield pod["spec"]["nodeName"] if nodes.own_network(pod) else name


def _rules(item: Object) -> Iterator[tuple[str, str, Any]]:
    """Host, service and port of every path, each once, as either version of the API spells them."""
    told: dict[tuple[str, str, Any], None] = {}
    for rule in item["spec"].get("rules") or []:
        for path in (rule.get("http") or {}).get("paths") or []:
            backend = path["backend"]
            service = backend.get("service")
            if service is not None:
                port = service.get("port") or {}
                told[rule.get("host", ""), service["name"], port.get("number") or port.get("name")] = None
            elif "serviceName" in backend:
                told[rule.get("host", ""), backend["serviceName"], backend["servicePort"]] = None
    yield from told


def _number(port: Any, found: Found, ingress: Object, backend: str) -> int:
    """The service's port, where an Ingress gives its name."""
    if isinstance(port, int):
        return port
    for item in found.of(api.SERVICE):
        if name_of(item) == (name_of(ingress)[0], backend):
            for told in item["spec"].get("ports") or []:
                if told.get("name") == port:
                    return int(told["port"])
    return 0
