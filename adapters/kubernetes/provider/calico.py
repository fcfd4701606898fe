"""Calico's own objects: BGP configuration, pools, peers.

projectcalico.org reference, v3: with the Kubernetes datastore its data is in `crd.projectcalico.org/v1`. With
etcd as its datastore there is none of it, and then only what the product does by itself is known.
"""

from collections.abc import Iterator
from ipaddress import IPv4Network

from adapters.kubernetes import api
from adapters.kubernetes.client import Object
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider.found import Found
from adapters.kubernetes.provider.parsing import address
from hopbook.engine.change import Observed
from hopbook.resources.kubernetes import BgpPeer, Calico, IpipMode, IpPool

DEFAULT = "default"
"""The name of the configuration that holds for every node."""
_EVERY_NODE = "all()"


def observed(found: Found, markers: Markers) -> Iterator[Observed]:
    """The cluster's Calico, its IPv4 pools and peers."""
    yield _calico(found)
    for item in found.of(api.IP_POOL):
        pool = _pool(found.cluster, markers.read(item) or item["metadata"]["name"], item)
        if pool is not None:
            yield _of(item, pool, markers)
    for item in found.of(api.BGP_PEER):
        peer = _peer(found.cluster, markers.read(item) or item["metadata"]["name"], item)
        if peer is not None:
            yield _of(item, peer, markers)


def _calico(found: Found) -> Observed:
    delivered = Calico(cluster=found.cluster)
    bgp, felix = _default(found.of(api.BGP_CONFIGURATION)), _default(found.of(api.FELIX_CONFIGURATION))
    resource = Calico(
        cluster=found.cluster,
        asn=int(bgp.get("asNumber") or delivered.asn),
        mesh=bool(bgp.get("nodeToNodeMeshEnabled", delivered.mesh)),
        mtu=int(felix.get("ipipMTU") or delivered.mtu),
    )
    at_default = (resource.asn, resource.mesh) == (delivered.asn, delivered.mesh)
    return Observed(resource=resource, at_default=at_default, handle=DEFAULT)


def _default(items: list[Object]) -> Object:
    spec: Object = next((item.get("spec") or {} for item in items if item["metadata"]["name"] == DEFAULT), {})
    return spec


def _pool(cluster: str, name: str, item: Object) -> IpPool | None:
    spec = item["spec"]
    if ":" in spec["cidr"]:
        return None
    return IpPool(
        cluster=cluster,
        pool=name,
        cidr=IPv4Network(spec["cidr"]),
        ipip=IpipMode(spec.get("ipipMode") or IpipMode.NEVER),
        nat_outgoing=bool(spec.get("natOutgoing")),
        disabled=bool(spec.get("disabled")),
    )


def _peer(cluster: str, name: str, item: Object) -> BgpPeer | None:
    spec = item["spec"]
    at = address(spec.get("peerIP"))
    if at is None:
        return None
    selector = spec.get("nodeSelector", "")
    # Whom another selector chooses only Calico says: such a peer is of no node that we know
    node = spec.get("node") or ("" if selector in {"", _EVERY_NODE} else f"({selector})")
    return BgpPeer(cluster=cluster, peer=name, address=at, asn=int(spec["asNumber"]), node=node)


def _of(item: Object, resource: IpPool | BgpPeer, markers: Markers) -> Observed:
    return Observed(resource=resource, marked=bool(markers.read(item)), handle=item["metadata"]["name"])
