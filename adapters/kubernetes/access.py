"""How a cluster is reached, and what its API does not say: subnets, routers, and who stands for what.

The conventions are IKS's as its documentation and the field have them; where they are from memory the site
file can say them otherwise (`endpoints.kubernetes`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from adapters.kubernetes.client import KubernetesClient
from hopbook.network import naming
from hopbook.site.model import IksCluster, Site

EVERYWHERE = IPv4Network("0.0.0.0/0")
ROUTE_IMAGE = "docker.io/nicolaka/netshoot:v0.13"


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet that nodes have addresses of, and the router on it."""

    network: IPv4Network
    router: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One interface of every node.

    Attributes:
        label: Its name on the node: `eth0`.
        role: `private` or `public`; empty: it is called by its label.
        reported: As which kind of address a node reports its own on it: `InternalIP`.
        route: What the route is called that nodes get with it.
        reaches: Where that leads to, by the subnet's router; nowhere: there is none.
        portable: The addresses of load balancers that are on it.
    """

    label: str
    role: str
    reported: str
    subnets: tuple[Subnet, ...]
    route: str = ""
    reaches: tuple[IPv4Network, ...] = ()
    portable: IPv4Network | None = None

    def subnet(self, address: IPv4Address) -> Subnet | None:
        """The subnet that an address is of."""
        return next((subnet for subnet in self.subnets if address in subnet.network), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """Who stands for what in a cluster.

    Attributes:
        keepers: The namespace of the pods that keep load balancers' addresses.
        keeper: What their names look like; its group `address` has dashes for dots. IBM Cloud documentation,
            "containers-istio_gateway_affinity": `ibm-cloud-provider-ip-169-12-345-67-…` in `ibm-system`.
        controller: What the names of an Ingress controller's pods look like; from memory.
        vpn: The selector of strongSwan's pods, which somebody else observes (chart, README).
        namespace: Where the pods of our routes live.
        image: What they run: a shell and iproute2.
    """

    keepers: str = "ibm-system"
    keeper: re.Pattern[str] = re.compile(r"ibm-cloud-provider-ip-(?P<address>\d+-\d+-\d+-\d+)(-|$)")
    controller: re.Pattern[str] = re.compile(r"(^|-)alb-?\d+(-|$)|^nginx-ingress-controller")
    vpn: tuple[str, str] = ("app", "strongswan")
    namespace: str = "kube-system"
    image: str = ROUTE_IMAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One cluster.

    Attributes:
        patience: Seconds that the pods of a route may take until they are ready, or gone.
    """

    client: KubernetesClient
    sides: tuple[Side, ...] = ()
    conventions: Conventions = field(default_factory=Conventions)
    patience: float = 180.0


def sides_of(site: Site, cluster: str) -> tuple[Side, ...]:
    """The sides of a cluster's nodes; none for a cluster that the site does not have."""
    if cluster == naming.ICP:
        return _of_icp(site)
    return next((_of_iks(site, iks) for iks in site.iks if iks.name == cluster), ())


def _of_icp(site: Site) -> tuple[Side, ...]:
    """The overlay's network; its router is the DLR."""
    overlay = site.overlay(site.icp.overlay) if site.icp is not None else None
    network = overlay.network(site.icp.network) if site.icp is not None and overlay is not None else None
    if site.icp is None or network is None:
        return ()
    label = site.icp.install.settings.interface if site.icp.install is not None else "eth0"
    return (
        Side(
            label=label,
            role="",
            reported="InternalIP",
            subnets=(Subnet(network.subnet, network.gateway),),
            route="default",
            reaches=(EVERYWHERE,),
        ),
    )


def _of_iks(site: Site, iks: IksCluster) -> tuple[Side, ...]:
    """The two VLANs of IKS workers (S18 to S26): the default route by the public one, where there is one."""
    more = site.ibm_cloud.assigned if site.ibm_cloud is not None else ()
    ranges = site.ibm_cloud.private_ranges if site.ibm_cloud is not None else ()
    public = iks.workers.public
    private = Side(
        label="eth0",
        role="private",
        reported="InternalIP",
        subnets=tuple(_routed((iks.workers.private, *more))),
        route="private" if public is not None else "default",
        reaches=ranges if public is not None else (EVERYWHERE,),
        portable=iks.portable.private,
    )
    if public is None:
        return (private,)
    return (
        private,
        Side(
            label="eth1",
            role="public",
            reported="ExternalIP",
            subnets=tuple(_routed((public, *more))),
            route="default",
            reaches=(EVERYWHERE,),
            portable=iks.portable.public,
        ),
    )


def _routed(networks: tuple[IPv4Network, ...]) -> Iterator[Subnet]:
    """IBM Cloud's router has the first address of a subnet."""
    for network in networks:
        if network.num_addresses > 2:  # noqa: PLR2004 - a network, a broadcast, and somebody
            yield Subnet(network, network.network_address + 1)
