"""What we want as the objects of the API, each checked before it is sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.kubernetes import api
from adapters.kubernetes.access import Conventions
from adapters.kubernetes.api import Api
from adapters.kubernetes.client import Object
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider import calico, routes
from hopbook.errors import InvalidInput
from hopbook.resources.base import Resource
from hopbook.resources.kubernetes import BgpPeer, Calico, IpPool, NodeRoute, Service, Table


class Manifest(NamedTuple):
    """One object to be."""

    kind: Api
    document: Object


def rendered(
    resource: Resource, conventions: Conventions, markers: Markers, name: str = ""
) -> tuple[Manifest, ...]:
    """The objects of a resource in the order in which they are made.

    Args:
        resource: Of a kind that can be made.
        conventions: The cluster's.
        markers: The site's.
        name: What the object is called, where that is not what the resource is: it was adopted.

    Raises:
        InvalidInput: nothing can be made of it, or an API server would refuse it.
    """
    match resource:
        case Calico():
            made: tuple[Manifest, ...] = (_calico(resource),)
        case IpPool():
            made = (_pool(resource, markers, name or resource.pool),)
        case BgpPeer():
            made = (_peer(resource, markers, name or resource.peer),)
        case Service():
            made = tuple(_service(resource, markers, name or resource.service))
        case NodeRoute():
            made = tuple(_route(resource, conventions, markers))
        case _:
            raise InvalidInput(f"{resource.title()}: Hopbook reads it and does not make it")
    for manifest in made:
        check(manifest)
    return made


def _calico(resource: Calico) -> Manifest:
    spec = {"asNumber": resource.asn, "nodeToNodeMeshEnabled": resource.mesh}
    return Manifest(api.BGP_CONFIGURATION, _document(api.BGP_CONFIGURATION, {"name": calico.DEFAULT}, spec))


def _pool(resource: IpPool, markers: Markers, name: str) -> Manifest:
    spec = {
        "cidr": str(resource.cidr),
        "ipipMode": resource.ipip.value,
        "natOutgoing": resource.nat_outgoing,
        "disabled": resource.disabled,
    }
    about = {"name": name, **markers.write(resource.pool)}
    return Manifest(api.IP_POOL, _document(api.IP_POOL, about, spec))


def _peer(resource: BgpPeer, markers: Markers, name: str) -> Manifest:
    node = {"node": resource.node} if resource.node else {}
    spec = {"peerIP": str(resource.address), "asNumber": resource.asn, **node}
    about = {"name": name, **markers.write(resource.peer)}
    return Manifest(api.BGP_PEER, _document(api.BGP_PEER, about, spec))


def _service(resource: Service, markers: Markers, name: str) -> Iterator[Manifest]:
    """A service without a selector, so that nobody but us says what its endpoints are."""
    about = {"name": name, "namespace": resource.namespace, **markers.write(resource.service)}
    ports, targets = [], []
    for port in resource.ports:
        target = port.port if port.target is None else port.target
        common = {"name": f"{port.protocol}-{port.port}", "protocol": port.protocol.upper()}
        ports.append({**common, "port": port.port, "targetPort": target})
        targets.append({**common, "port": target})
    spec: Object = {"type": "ClusterIP", "ports": ports}
    if resource.local_only:
        raise InvalidInput(
            f"{resource.title()}: local_only belongs to a load balancer, and what Hopbook makes has none"
        )
    yield Manifest(api.SERVICE, _document(api.SERVICE, about, spec))
    addresses = [{"ip": str(address)} for address in resource.endpoints]
    subsets = [{"addresses": addresses, "ports": targets}] if addresses else []
    document: Object = {"apiVersion": "v1", "kind": "Endpoints", "metadata": about, "subsets": subsets}
    yield Manifest(api.ENDPOINTS, document)


def _route(resource: NodeRoute, conventions: Conventions, markers: Markers) -> Iterator[Manifest]:
    if resource.table is not Table.MAIN:
        raise InvalidInput(f"{resource.title()}: the VPN's table is its chart's; expected the main one")
    if not resource.networks:
        raise InvalidInput(f"{resource.title()}: it leads nowhere; expected networks")
    yield Manifest(api.CONFIG_MAP, routes.config_map(resource, conventions, markers))
    yield Manifest(api.DAEMON_SET, routes.daemon_set(resource, conventions, markers))


def _document(kind: Api, about: Object, spec: Object) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": about, "spec": spec}


# Checks: the schemas of Kubernetes for its own kinds, small ones for Calico's

_SCHEMAS_OF = "1.25"  # the oldest that there are; what we send has been the same since 1.9
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_LONGEST_NAME = 253


class _Spec(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Configuration(_Spec):
    asNumber: int = Field(ge=1, le=2**32 - 1)  # noqa: N815 - as the API spells it
    nodeToNodeMeshEnabled: bool  # noqa: N815


class _Peer(_Spec):
    peerIP: str  # noqa: N815
    asNumber: int = Field(ge=1, le=2**32 - 1)  # noqa: N815
    node: str = ""


class _PoolSpec(_Spec):
    cidr: str
    ipipMode: Literal["Always", "CrossSubnet", "Never"]  # noqa: N815
    natOutgoing: bool  # noqa: N815
    disabled: bool


_CUSTOM: Mapping[Api, type[_Spec]] = {
    api.BGP_CONFIGURATION: _Configuration,
    api.BGP_PEER: _Peer,
    api.IP_POOL: _PoolSpec,
}


def check(manifest: Manifest) -> None:
    """See that an API server would take a manifest.

    Raises:
        InvalidInput: it would not; says which field and why.
    """
    kind, document = manifest
    name = document["metadata"]["name"]
    what = f"{kind.kind} {name}"
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidInput(f"{what}: {name!r} is no name of an object; expected lower case, digits, dashes")
    if kind in _CUSTOM:
        try:
            _CUSTOM[kind].model_validate(document["spec"])
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInput(f"{what}: spec.{_path(first['loc'])}: {first['msg']}") from error
        return
    _by_schema(what, document)


def _by_schema(what: str, document: Object) -> None:
    # A third of a second, and only changes need it
    import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        kubernetes_validate.validate(document, _SCHEMAS_OF, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise InvalidInput(f"{what}: {_path(error.path)}: {error.message}") from error


def _path(steps: Any) -> str:
    return ".".join(map(str, steps))
