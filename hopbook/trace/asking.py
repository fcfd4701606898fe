"""A packet that a person asks about: from somewhere, to an address and a port."""

from ipaddress import AddressValueError, IPv4Address

from hopbook.errors import InvalidInput, Problem
from hopbook.network.nodes import Host, Network, Node
from hopbook.network.packet import Packet
from hopbook.site.model import Site
from hopbook.trace.traffic import SOURCE_PORT, Case, Traffic, Variant

_PROTOCOLS = ("tcp", "udp")
_EXPECTED = "NAME:PORT or ADDRESS:PORT, with /udp for a datagram"


def asked(network: Network, site: Site, source: str, target: str) -> Case:
    """The case of one packet; what nobody declared or observed is in its `missing`.

    Args:
        network: Where it travels.
        site: For the names of its workloads.
        source: A node, a workload of the site, or an address that a node has.
        target: `orders.example.com:3306`, `192.168.12.30:3306`, `10.0.80.11:53/udp`, or a node or workload.

    Raises:
        InvalidInput: the target is not written like that.
    """
    place, port, protocol = _split(target)
    traffic = Traffic.model_construct(
        traffic="asked", title=f"{source} to {target}", from_=source, to=target, cites=(), variants=()
    )
    case = Case(traffic=traffic, variant=Variant(expect="full"), name=f"{source} → {place} {protocol}/{port}")
    sender = _node(network, site, source)
    if sender is None:
        return _without(case, f"nothing in the network is called {source} or has that address")
    address = _address(network, site, place)
    if address is None:
        return _without(case, f"nothing in the network or in DNS is called {place}")
    own = next((number for item in sender.interfaces.values() for number in item.addresses), None)
    if own is None:
        return _without(case, f"{sender.name} has no address to send from")
    packet = Packet.of(protocol, (IPv4Address(own), SOURCE_PORT), (address, port))
    return Case(traffic=traffic, variant=case.variant, name=case.name, source=sender.name, packet=packet)


def _without(case: Case, missing: str) -> Case:
    return Case(traffic=case.traffic, variant=case.variant, name=case.name, missing=missing)


def _split(target: str) -> tuple[str, int, str]:
    rest, _, protocol = target.partition("/")
    place, colon, port = rest.rpartition(":")
    right = colon and place and port.isdecimal() and 1 <= int(port) <= 65535  # noqa: PLR2004  a port
    if not right or (protocol or "tcp") not in _PROTOCOLS:
        raise InvalidInput(Problem(what=f"--to {target} names no packet; expected {_EXPECTED}"))
    return place, int(port), protocol or "tcp"


def _node(network: Network, site: Site, name: str) -> Node | None:
    if name in network.nodes:
        return network.nodes[name]
    address = _address(network, site, name)
    owners = (
        node for node in network.nodes.values() if address is not None and int(address) in node.addresses
    )
    return next((node for node in owners if isinstance(node, Host)), None)


def _address(network: Network, site: Site, name: str) -> IPv4Address | None:
    try:
        return IPv4Address(name)
    except AddressValueError:
        pass
    if name in network.nodes:
        numbers = sorted(
            number for item in network.nodes[name].interfaces.values() for number in item.addresses
        )
        return IPv4Address(numbers[0]) if numbers else None
    workload = next((item for item in site.workloads if name in {item.name, item.host}), None)
    host = workload.host if workload is not None and workload.host else name
    known = network.names.get(host)
    if known is not None and known.addresses:
        return known.addresses[0]
    return workload.address if workload is not None else None
