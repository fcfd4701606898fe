"""Addresses, ports and protocols as rules write them: one spelling for one meaning, and what covers what.

A manager keeps what was typed (`192.168.1.5/32`, `10.0.0.1/24`, `ANY`), so equal rules can look different.
What is not an address or a port (`vnic-index-1`, `ipset-4`, a negation `!...`) passes through untouched and
equals only itself.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import TypeAlias

ANY = "any"

Span: TypeAlias = tuple[int, int]
"""First and last number of a range, both in it."""

Match: TypeAlias = tuple[str, tuple[str, ...]]
"""What a service matches: a protocol and its ports; no ports means any."""

_REMEMBERED = 4096  # spellings: the rules of one site share most of theirs
_ALL_ADDRESSES: Span = (0, 2**32 - 1)
_ALL_PORTS: Span = (0, 2**16 - 1)
_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "50": "esp", "51": "ah"}


@lru_cache(maxsize=_REMEMBERED)
def canonical_address(text: str) -> str:
    """`any`, an address, a range or a prefix in its one spelling; anything else as it is."""
    text = text.strip()
    if text.lower() in {"", ANY}:
        return ANY
    span = address_span(text)
    if span is None:
        return text
    first, last = (IPv4Address(bound) for bound in span)
    if first == last:
        return str(first)
    return str(IPv4Network(text, strict=False)) if "/" in text else f"{first}-{last}"


@lru_cache(maxsize=_REMEMBERED)
def canonical_port(text: str) -> str:
    """`any`, a port or a range in its one spelling; anything else as it is."""
    text = text.strip().lower()
    if text in {"", ANY}:
        return ANY
    span = port_span(text)
    if span is None:
        return text
    first, last = span
    return str(first) if first == last else f"{first}-{last}"


def canonical_protocol(text: str) -> str:
    """A protocol in lower case, by its name where it has a usual one."""
    text = text.strip().lower() or ANY
    return _PROTOCOLS.get(text, text)


def canonical_addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """A set of addresses and groups, sorted; empty means any, and so does one that is any."""
    found = {canonical_address(text) for text in texts}
    return () if ANY in found else tuple(sorted(found, key=lambda text: _order(address_span(text), text)))


def canonical_ports(texts: Iterable[str]) -> tuple[str, ...]:
    """A set of ports, sorted; `80,443` is two of them, and empty means any."""
    found = {canonical_port(part) for text in texts for part in text.split(",")}
    return () if ANY in found else tuple(sorted(found, key=lambda text: _order(port_span(text), text)))


def canonical_matches(matches: Iterable[Match]) -> tuple[Match, ...]:
    """Services with one entry a protocol, sorted; empty means any."""
    found: dict[str, set[str]] = {}
    for protocol, ports in matches:
        found.setdefault(canonical_protocol(protocol), set()).update(canonical_ports(ports) or (ANY,))
    merged = {protocol: canonical_ports(ports) for protocol, ports in found.items()}
    return () if merged.get(ANY) == () else tuple(sorted(merged.items()))


@lru_cache(maxsize=_REMEMBERED)
def address_span(text: str) -> Span | None:
    """The addresses that a text stands for; None for a group, a negation and everything else."""
    if text.lower() == ANY:
        return _ALL_ADDRESSES
    try:
        if "-" in text:
            first, _, last = text.partition("-")
            bounds = int(IPv4Address(first.strip())), int(IPv4Address(last.strip()))
            return bounds if bounds[0] <= bounds[1] else None
        network = IPv4Network(text, strict=False)
    except ValueError:
        return None
    return int(network.network_address), int(network.broadcast_address)


@lru_cache(maxsize=_REMEMBERED)
def port_span(text: str) -> Span | None:
    """The ports that a text stands for; None for everything that is neither `any`, a port nor a range."""
    if text.lower() == ANY:
        return _ALL_PORTS
    first, _, last = text.partition("-")
    try:
        bounds = int(first), int(last or first)
    except ValueError:
        return None
    return bounds if _ALL_PORTS[0] <= bounds[0] <= bounds[1] <= _ALL_PORTS[1] else None


def covered(inner: Span, outer: Iterable[Span]) -> bool:
    """Whether several ranges together hold every number of one."""
    missing = inner[0]
    for first, last in sorted(outer):
        if first > missing:
            return False
        missing = max(missing, last + 1)
        if missing > inner[1]:
            return True
    return False


def _order(span: Span | None, text: str) -> tuple[bool, Span, str]:
    return span is None, span or (0, 0), text
