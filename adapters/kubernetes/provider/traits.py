"""What the engine has to know of Kubernetes' kinds."""

from collections.abc import Hashable, Mapping
from dataclasses import replace

from hopbook.engine.change import KindTraits
from hopbook.resources.base import Resource
from hopbook.resources.kubernetes import (
    Annotation,
    BgpPeer,
    Calico,
    InCluster,
    Ingress,
    IpPool,
    Node,
    NodeRoute,
    Pod,
    Service,
    VirtualAddress,
)


def kinds(timeout: float, patience: float) -> Mapping[str, KindTraits]:
    """The traits of every kind.

    Args:
        timeout: Seconds after which an ordinary call can no longer take effect.
        patience: Seconds that a route's pods may take.
    """
    plain = KindTraits(lane=lane, call_timeout=timeout)
    marked = replace(plain, marker=True)
    return {
        # Interfaces keep the MTU that they were made with: a changed one would be true of new pods only
        Calico.kind: replace(plain, setting=True, fixed=frozenset({"mtu"})),
        IpPool.kind: replace(marked, natural=_natural_pool, fixed=frozenset({"cidr"})),
        BgpPeer.kind: replace(marked, natural=_natural_peer),
        NodeRoute.kind: replace(marked, call_timeout=timeout + patience),
        Annotation.kind: replace(plain, by_key=True),
        Service.kind: replace(marked, fixed=frozenset({"namespace"})),
        **{kind.kind: plain for kind in (Ingress, Node, Pod, VirtualAddress)},
    }


def lane(resource: Resource) -> str:
    """One a cluster."""
    cluster = resource.cluster if isinstance(resource, InCluster) else resource.name.partition("/")[0]
    return lane_of(cluster)


def lane_of(cluster: str) -> str:
    """The lane of a cluster."""
    return f"kubernetes:{cluster}"


def _natural_pool(resource: Resource) -> Hashable:
    return (resource.cluster, resource.cidr) if isinstance(resource, IpPool) else None


def _natural_peer(resource: Resource) -> Hashable:
    return (resource.cluster, resource.address, resource.node) if isinstance(resource, BgpPeer) else None
