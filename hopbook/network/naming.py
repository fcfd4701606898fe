"""How declared nodes and segments are called; what NSX has is called by its live name (`steps.naming`)."""

from ipaddress import IPv4Address

from hopbook.steps import naming as live

ICP = live.ICP
FCR = "FCR"
BCR = "BCR"
INTERNET = "internet"
INTERNET_USER = "internet-user"
CLIENT = "client"
WEB_PROXY = "web-proxy"
MASTER_VIP = "icp-master-vip"
PROXY_VIP = "icp-proxy-vip"

BACKBONE = "internet backbone"
INTERNET_HOSTS = "internet hosts"
PRIVATE = "IBM Cloud private network"


# Addresses that RFC 5737 keeps for documents stand for those that nobody knows: anybody's on the internet,
# and the web proxy's towards it
ANYBODY = IPv4Address("192.0.2.10")
PROXY_OUTSIDE = IPv4Address("192.0.2.20")


def icp_node(role: str, number: int) -> str:
    """A node of the cluster, counted from 1 within its role."""
    return f"icp-{role}-{number}"


def server(service: str, number: int) -> str:
    """A DNS or NTP server, counted from 1."""
    return f"{service}-{number}"


def worker(cluster: str, number: int) -> str:
    """A worker of an IKS cluster, counted from 1."""
    return f"{cluster}-worker-{number}"


def vpn_pod(cluster: str) -> str:
    """The strongSwan container of a cluster."""
    return f"{cluster}-vpn"


def appliance(cluster: str) -> str:
    """The router appliance by which a cluster's workers reach the instance."""
    return f"{cluster}-vra"


def worker_vlan(cluster: str, side: str) -> str:
    """The VLAN of a cluster's workers, where it is not the instance's."""
    return f"{cluster} {side} VLAN"


def of_pod(pod: str) -> str:
    """The segment between a pod and its node."""
    return f"pod {pod}"


def cali(pod: str) -> str:
    """A node's interface to one of its pods."""
    return f"cali-{pod}"
