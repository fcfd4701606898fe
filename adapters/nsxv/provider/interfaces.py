"""Interfaces as NSX writes them: the ten slots of an ESG, the logical interfaces of a DLR.

NSX-V API guide 6.4, "Working with NSX Edge Interfaces", "Working with Distributed Logical Routers". Both are
replaced whole, so a change starts from the live element and keeps what we do not know of it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface

from adapters.nsxv import xml
from adapters.nsxv.xml import Element, make
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, Interface, InterfaceType

_ROUTED = frozenset(kind.value for kind in InterfaceType)


def is_gateway(owner: Key) -> bool:
    """Whether an interface of this owner is a numbered slot."""
    return owner.kind == Edge.kind


def network_tag(owner: Key) -> str:
    """The element that names what an interface is connected to."""
    return "portgroupId" if is_gateway(owner) else "connectedToId"


def is_configured(element: Element) -> bool:
    """Whether somebody has ever configured a slot: an ESG always shows all ten."""
    return (
        xml.flag(element, "isConnected", default=False)
        or bool(xml.text(element, "portgroupId"))
        or element.find("addressGroups/addressGroup") is not None
    )


def read(owner: Key, element: Element, network: Key | str) -> Interface | None:
    """The interface that an element describes; None for a trunk and for one without an IPv4 address."""
    groups = [group for group in map(_read_group, element.iterfind("addressGroups/addressGroup")) if group]
    kind = xml.text(element, "type", InterfaceType.INTERNAL).lower()
    if not groups or kind not in _ROUTED:
        return None
    first, *further = groups
    extra = [address for main, others in further for address in (main.ip, *others)]
    index = xml.text(element, "index")
    return Interface(
        owner=owner,
        label=xml.text(element, "name") or xml.text(element, "label"),
        index=int(index) if is_gateway(owner) else None,
        type=InterfaceType(kind),
        network=network,
        address=first[0],
        secondaries=(*first[1], *extra),
        mtu=xml.number(element, "mtu", 1500),
        connected=xml.flag(element, "isConnected", default=False),
    )


def _read_group(group: Element) -> tuple[IPv4Interface, list[IPv4Address]] | None:
    primary = xml.text(group, "primaryAddress")
    if ":" in primary or not primary:
        return None
    mask = xml.text(group, "subnetPrefixLength") or xml.text(group, "subnetMask")
    secondaries = xml.texts(group, "secondaryAddresses/ipAddress")
    return IPv4Interface(f"{primary}/{mask}"), [IPv4Address(text) for text in secondaries if ":" not in text]


def fill(element: Element, interface: Interface, network: str) -> None:
    """Make an element describe the interface; what we do not know of it stays."""
    xml.put(element, "name", interface.label)
    xml.put(element, "addressGroups", _groups(element, interface))
    xml.put(element, "mtu", interface.mtu)
    xml.put(element, "type", interface.type.value)
    xml.put(element, "isConnected", interface.connected)
    if is_gateway(interface.owner):
        xml.put(element, "index", interface.index)
    xml.put(element, network_tag(interface.owner), network)
    xml.drop(element, "portgroupName", "connectedToName")


def _groups(element: Element, interface: Interface) -> Element:
    """The address and the secondaries of its subnet, then further groups that hold other secondaries.

    A second subnet on an interface is a group of its own with its own mask, which only the live element
    knows; one that is no longer wanted goes.
    """
    wanted = set(interface.secondaries)
    kept: list[Element] = []
    for group in element.iterfind("addressGroups/addressGroup"):
        found = _read_group(group)
        if found is None:
            kept.append(group)
        elif found[0].network != interface.address.network and found[0].ip in wanted:
            kept.append(_group(found[0], [address for address in found[1] if address in wanted]))
            wanted -= {found[0].ip, *found[1]}
    return make("addressGroups", _group(interface.address, sorted(wanted)), *kept)


def _group(address: IPv4Interface, secondaries: Iterable[IPv4Address]) -> Element:
    others = [make("ipAddress", str(other)) for other in secondaries]
    return make(
        "addressGroup",
        make("primaryAddress", str(address.ip)),
        make("secondaryAddresses", *others) if others else None,
        make("subnetMask", str(address.netmask)),
    )
