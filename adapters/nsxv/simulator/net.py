"""Addresses, prefixes and ports as the manager judges them.

What a client wrote is kept as it wrote it, host bits and all (`10.0.0.1/24`); these only say yes or no.
IPv4 alone: the document that Hopbook encodes has no IPv6, and a DLR of NSX-V takes none.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network, NetmaskValueError

from adapters.nsxv.simulator.errors import SUBNET, invalid, invalid_ip
from adapters.nsxv.simulator.fields import Fields, whole
from adapters.nsxv.simulator.state import AddressGroup
from adapters.nsxv.simulator.wire import Node, node

ANY = "any"
_LAST_PORT = 65535
_BOUNDS_OF_A_RANGE = 2
_LAST_PROTOCOL = 255
_PORT_PROTOCOLS = frozenset({"tcp", "udp", "6", "17"})
_PROTOCOL_WORDS = frozenset({ANY, "tcp", "udp", "icmp", "icmp6", "igmp", "gre", "esp", "ah", "ipip", "sctp"})


def address(value: str, path: str) -> str:
    """One address."""
    try:
        IPv4Address(value)
    except AddressValueError:
        raise invalid_ip(value, path) from None
    return value


def prefix(value: str, path: str) -> str:
    """A prefix in CIDR notation."""
    length = whole(value.partition("/")[2])  # digits: 10.0.0.0/255.0.0.0 is no CIDR
    try:
        IPv4Interface(f"{value.partition('/')[0]}/{length}")
    except (AddressValueError, NetmaskValueError):
        raise invalid_ip(value, path) from None
    return value


def addresses(value: str, path: str) -> str:
    """`any`, an address, a range `a-b` or a prefix (NSX-V API guide 6.4, NAT and firewall rules)."""
    if value.lower() == ANY:
        return ANY
    if "/" in value:
        return prefix(value, path)
    first, dash, last = value.partition("-")
    address(first, path) if not dash else _range(first, last, value, path)
    return value


def _range(first: str, last: str, value: str, path: str) -> None:
    try:
        backwards = IPv4Address(first.strip()) > IPv4Address(last.strip())
    except AddressValueError:
        raise invalid_ip(value, path) from None
    if backwards:
        raise invalid_ip(value, path)


def ports(value: str, path: str) -> str:
    """`any`, a port, or a range `n-m`."""
    if value.lower() == ANY:
        return ANY
    bounds = value.split("-")
    numbers = [number for number in map(whole, bounds) if number is not None and number <= _LAST_PORT]
    if len(numbers) != len(bounds) or len(bounds) > _BOUNDS_OF_A_RANGE or numbers != sorted(numbers):
        raise invalid(f"Invalid port {value} for field {path}: expected any, a port or a range of ports.")
    return value


def protocol(value: str, path: str) -> str:
    """A protocol's name or number."""
    number = whole(value)
    if value.lower() not in _PROTOCOL_WORDS and (number is None or number > _LAST_PROTOCOL):
        raise invalid(f"Invalid protocol {value} for field {path}.")
    return value.lower()


def has_ports(name: str) -> bool:
    """Whether packets of this protocol have ports."""
    return name in _PORT_PROTOCOLS


def subnet(group: AddressGroup) -> IPv4Network:
    """The network that an address group is on."""
    return IPv4Interface(f"{group.primary}/{group.prefix}").network


def parse_groups(fields: Fields) -> tuple[AddressGroup, ...]:
    """The `<addressGroups>` of an interface."""
    return tuple(_parse_group(group) for group in fields.items("addressGroups", "addressGroup"))


def _parse_group(fields: Fields) -> AddressGroup:
    with fields:
        primary = fields.checked("primaryAddress", address)
        with fields.inner("secondaryAddresses") as secondaries:
            secondary = secondaries.texts("ipAddress", address)
        group = AddressGroup(primary, secondary, _prefix_length(fields))
    network = subnet(group)
    if any(IPv4Address(extra) not in network for extra in secondary):
        # Known to say no more than this: not which address, nor of which group
        raise invalid("IP addresses of an address group must be in the same subnet.", SUBNET)
    if len({primary, *secondary}) != 1 + len(secondary):
        raise invalid(f"Duplicate IP address in {fields.path('secondaryAddresses')}.")
    return group


def _prefix_length(fields: Fields) -> int:
    mask = fields.optional("subnetMask")
    length = fields.optional_number("subnetPrefixLength", 1, 32)
    if mask is None and length is None:
        raise invalid(f"Required field {fields.path('subnetMask')} is missing.")
    if mask is None:
        return length or 0
    bits = f"{int(IPv4Address(address(mask, fields.path('subnetMask')))):032b}"
    from_mask = bits.count("1")
    if bits != "1" * from_mask + "0" * (32 - from_mask) or not from_mask:
        raise invalid_ip(mask, fields.path("subnetMask"))
    if length not in {None, from_mask}:
        raise invalid(f"Fields {fields.path('subnetMask')} and subnetPrefixLength differ.")
    return from_mask


def render_groups(groups: tuple[AddressGroup, ...]) -> Node:
    """`<addressGroups>`, with both the mask and the prefix length, as the product echoes them."""
    return node("addressGroups", *(_render_group(group) for group in groups))


def _render_group(group: AddressGroup) -> Node:
    extra = node("secondaryAddresses", *(node("ipAddress", one) for one in group.secondary))
    return node(
        "addressGroup",
        node("primaryAddress", group.primary),
        extra if group.secondary else None,
        node("subnetMask", str(subnet(group).netmask)),
        node("subnetPrefixLength", group.prefix),
    )


def check_overlap(groups: dict[str, tuple[AddressGroup, ...]]) -> None:
    """Refuse two subnets of one edge that overlap; `groups` holds each interface's, by its name."""
    seen: list[tuple[IPv4Network, str]] = []
    for name, of_interface in groups.items():
        for network in map(subnet, of_interface):
            other = next((where for taken, where in seen if taken.overlaps(network)), None)
            if other is not None:
                raise invalid(f"The subnet {network} of {name} overlaps with a subnet of {other}.")
            seen.append((network, name))
