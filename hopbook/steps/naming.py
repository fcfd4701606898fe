"""The names and keys that steps and the network model share."""

from ipaddress import IPv4Address, IPv4Network

from hopbook.resources.base import Key
from hopbook.resources.kubernetes import Node
from hopbook.resources.nsxv import Edge, LogicalSwitch, Router
from hopbook.site.model import Overlay, Site

ICP = "icp"  # the cluster of ICP, beside those of IKS, which the site names
PRIVATE, PUBLIC, TRANSIT = 0, 1, 2  # the vNICs of an ESG of ours, by slot


def edge_name(site: Site, overlay: Overlay) -> str:
    """The ESG's name in NSX."""
    return site.names.edge.format(site=site.site, overlay=overlay.name)


def router_name(site: Site, overlay: Overlay) -> str:
    """The DLR's name in NSX."""
    return site.names.router.format(site=site.site, overlay=overlay.name)


def switch_name(site: Site, overlay: Overlay, network: str) -> str:
    """The name of a workload network's logical switch."""
    return site.names.switch.format(site=site.site, overlay=overlay.name, network=network)


def transit_name(site: Site, overlay: Overlay) -> str:
    """The name of the logical switch between ESG and DLR."""
    return site.names.transit.format(site=site.site, overlay=overlay.name)


def edge_key(site: Site, overlay: Overlay) -> Key:
    """The ESG, as other resources name it."""
    return Key(Edge.kind, edge_name(site, overlay))


def router_key(site: Site, overlay: Overlay) -> Key:
    """The DLR, as other resources name it."""
    return Key(Router.kind, router_name(site, overlay))


def switch_key(name: str) -> Key:
    """A logical switch, as other resources name it."""
    return Key(LogicalSwitch.kind, name)


def nodes_key(cluster: str) -> Key:
    """Stands for a cluster where it is looked at as a whole: no node is called like that."""
    return Key(Node.kind, f"{cluster}/any")


def ibm_router(subnet: IPv4Network) -> IPv4Address:
    """IBM's router has the first host address of a subnet."""
    return IPv4Address(int(subnet.network_address) + 1)
