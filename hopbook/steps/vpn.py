"""What the runbooks of VPNs share: the cluster that is meant, what was seen of it, its address."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hopbook.engine.change import Observation
from hopbook.engine.plan import Step
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import Annotation, Node, Service
from hopbook.resources.nsxv import NatRule
from hopbook.site.model import IksCluster, Site, Vpn
from hopbook.site.words import choices, near
from hopbook.steps import naming
from hopbook.vpn import chart
from hopbook.vpn.tunnel import Tunnel, is_public


@dataclass(frozen=True)
class Seen:
    """What was looked at, as far as the steps ask: nothing of it is there on a site that is only planned."""

    observation: Observation = field(default_factory=Observation)

    def workers(self, cluster: str) -> list[Node]:
        """The nodes of a cluster, by address."""
        found = (item.resource for item in self.observation.items.values())
        nodes = [node for node in found if isinstance(node, Node) and node.cluster == cluster]
        return sorted(nodes, key=lambda node: node.address)

    def load_balancer(self, cluster: IksCluster, release: str) -> IPv4Address | None:
        """The address that the release's service got; of several the private one."""
        found = self.observation.get(Key(Service.kind, f"{cluster.name}/{chart.service(release)}"))
        if found is None or not isinstance(found.resource, Service):
            return None
        return min(found.resource.external, key=lambda address: is_public(cluster, address), default=None)

    def snat(self) -> Iterator[tuple[NatRule, bool]]:
        """The NAT rules of edges, and whether each bears our marker."""
        for item in self.observation.items.values():
            if isinstance(item.resource, NatRule):
                yield item.resource, item.marked


NOTHING = Seen()


def vpns(site: Site) -> Iterator[tuple[str, Vpn]]:
    """The VPNs of a site, each with every cluster that has an end of it."""
    for cluster in site.iks:
        if cluster.join is not None and cluster.join.vpn is not None:
            yield cluster.name, cluster.join.vpn
    for item in site.icp.vpns if site.icp is not None else ():
        yield item.cluster, item
        yield naming.ICP, item


def place(cluster: IksCluster, vpn: Vpn, **more: Any) -> chart.Place:
    """Where the end in IKS goes, and what the site says of it."""
    return chart.Place(
        cluster=cluster.name,
        release=vpn.release,
        namespace=vpn.namespace,
        chart=vpn.chart,
        load_balancer=vpn.load_balancer,
        more=vpn.values,
        **more,
    )


def chosen(wanted: str, names: Iterable[str], having: str) -> str:
    """The cluster that is meant: the one that was named, else the only one.

    Raises:
        InvalidInput: it is none of them, or there are none or several; says which there are.
    """
    known = list(names)
    if not known:
        message = f"no IKS cluster of the site has {having}"
        raise InvalidInput(message)
    listed = choices(known)
    if not wanted and len(known) > 1:
        message = f"several IKS clusters have {having}; expected `cluster`: {listed}"
        raise InvalidInput(message)
    if wanted and wanted not in known:
        message = f"cluster {wanted!r} is none that has {having}{near(wanted, known)}; there is {listed}"
        raise InvalidInput(message)
    return wanted or known[0]


def networks(cluster: IksCluster, workers: Iterable[Node]) -> tuple[IPv4Network, ...]:
    """The private subnets that workers are on: as they were seen, else as the site has them."""
    seen = {item.address.network for node in workers for item in node.interfaces if item.role == "private"}
    return tuple(sorted(seen)) or (cluster.workers.private,)


def address_of(tunnel: Tunnel, cluster: IksCluster, vpn: Vpn) -> IPv4Address:
    """The address by which the cluster's end is known.

    Raises:
        InvalidInput: nobody knows it yet, because the site does not say and the release is not there.
    """
    if tunnel.near.gateway is None:
        subnet = f" {cluster.portable.private}" if cluster.portable.private else ""
        message = (
            f"nobody knows yet which address the load balancer of {vpn.release} in {cluster.name} gets; "
            f"say it in `load_balancer`, of the cluster's private portable subnet{subnet}"
        )
        raise InvalidInput(message)
    return tunnel.near.gateway


def peers(tunnel: Tunnel, cluster: IksCluster, vpn: Vpn, seen: Seen) -> tuple[IPv4Address | IPv4Network, ...]:
    """Whom the edge hears IKE of: the other end's address, or the workers' subnets where any may start."""
    if tunnel.near.starts and tunnel.near.gateway is None:
        return networks(cluster, seen.workers(cluster.name))
    return (address_of(tunnel, cluster, vpn),)


def private_end(cluster: IksCluster, vpn: Vpn, address: IPv4Address | None) -> list[Resource]:
    """What makes the load balancer a private one, which the chart has no value for; none for a public one."""
    if is_public(cluster, address):
        return []
    return [
        Annotation(
            cluster=cluster.name,
            object=f"service/{vpn.namespace}/{chart.service(vpn.release)}",
            annotation=name,
            value=value,
        )
        for name, value in chart.PRIVATE.items()
    ]


def step(step_id: str, title: str, citation: str, resources: Iterable[Resource], **tells: str) -> Step:
    """A step, with what it tells of a field that changes."""
    return Step(id=step_id, title=title, citation=citation, resources=tuple(resources), tells=tells)
