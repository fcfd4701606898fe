"""A simulated manager, the documents that make edges on it, and what to read of its answers."""

from collections.abc import Callable

import httpx
from lxml import etree

from adapters.nsxv.simulator import FaultSource, NsxManager, Options

EDGES = "/api/4.0/edges"
EDGE = f"{EDGES}/edge-1"
APPLIANCE = (
    "<appliance><resourcePoolId>resgroup-20</resourcePoolId>"
    "<datastoreId>datastore-23</datastoreId></appliance>"
)


def group(address: str, mask: str = "255.255.255.0", secondary: str = "") -> str:
    extra = "".join(f"<ipAddress>{one}</ipAddress>" for one in secondary.split())
    wrapped = f"<secondaryAddresses>{extra}</secondaryAddresses>" if extra else ""
    return (
        f"<addressGroups><addressGroup><primaryAddress>{address}</primaryAddress>{wrapped}"
        f"<subnetMask>{mask}</subnetMask></addressGroup></addressGroups>"
    )


def vnic(index: int, inside: str = "", kind: str = "internal") -> str:
    return (
        f"<vnic><index>{index}</index><type>{kind}</type><portgroupId>dvportgroup-38</portgroupId>"
        f"<isConnected>true</isConnected>{inside}</vnic>"
    )


def esg(name: str = "esg", inside: str = "", appliances: str = APPLIANCE) -> str:
    return (
        f"<edge><datacenterMoid>datacenter-2</datacenterMoid><name>{name}</name>"
        f"<appliances>{appliances}</appliances>{inside}</edge>"
    )


def dlr(inside: str = "", management: str = "<connectedToId>dvportgroup-38</connectedToId>") -> str:
    return esg(
        "dlr",
        f"<type>distributedRouter</type><mgmtInterface>{management}</mgmtInterface>{inside}",
    )


def make(
    *,
    version: str = "6.4.4",
    faults: FaultSource | None = None,
    options: Options | None = None,
    on_change: Callable[[str], None] | None = None,
) -> NsxManager:
    manager = NsxManager(
        username="admin",
        password="secret",
        version=version,
        faults=faults,
        options=options,
        on_change=on_change,
    )
    manager.add_transport_zone("tz-1")
    manager.add_datacenter("datacenter-2", "DC")
    manager.add_resource_pool("resgroup-20", "pool")
    manager.add_datastore("datastore-23", "store")
    for number in range(38, 42):
        manager.add_network(f"dvportgroup-{number}", f"network {number}")
    return manager


def talk(manager: NsxManager) -> httpx.Client:
    return httpx.Client(
        transport=httpx.MockTransport(manager.handle),
        base_url="https://nsx",
        auth=("admin", "secret"),
        headers={"Content-Type": "application/xml"},
    )


def value(answer: httpx.Response, path: str) -> str | None:
    return etree.fromstring(answer.content).findtext(path)


def values(answer: httpx.Response, path: str) -> list[str]:
    return [found.text or "" for found in etree.fromstring(answer.content).findall(path)]


def tags(answer: httpx.Response, path: str = ".") -> list[str]:
    found = etree.fromstring(answer.content).find(path)
    return [] if found is None else [str(child.tag) for child in found]
