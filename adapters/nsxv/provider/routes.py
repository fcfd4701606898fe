"""The static routes of an edge, default route included: one section that NSX replaces whole.

NSX-V API guide 6.4, "Working with NSX Edge Routing". The granular `staticroute?network=` exists only from
6.4.4 on and would be one call a prefix, so every change is a reading and a writing of the whole section.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from adapters.nsxv import xml
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Observed
from hopbook.resources.base import Key
from hopbook.resources.nsxv import StaticRoute

_EVERYWHERE = IPv4Network("0.0.0.0/0")
_GATEWAYS = "defaultRoute/gatewayAddress"


def observed(owner: Key, static: Element) -> Iterator[tuple[Key, Observed]]:
    """The routes under their keys; with ECMP a default route has several gateways, only one is `default`."""
    seen: set[Key] = set()
    for route, system in _routes(owner, static):
        key = route.key
        if key in seen:
            key = Key(key.kind, f"{owner.name}/#{route.network}-{route.next_hop}-{route.interface}")
        seen.add(key)
        yield key, Observed(resource=route, system=system)


def _routes(owner: Key, static: Element) -> Iterator[tuple[StaticRoute, bool]]:
    for element in static.iterfind("staticRoutes/route"):
        where = _where(element)
        if where is not None:
            system = xml.text(element, "type", "user") != "user"
            yield _read(owner, element, where), system
    default = static.find("defaultRoute")
    for gateway in _gateways(static):
        if default is not None:
            yield _read(owner, default, _Where(_EVERYWHERE, gateway)), False


@dataclass(frozen=True, slots=True)
class _Where:
    """What tells one static route from another."""

    network: IPv4Network
    next_hop: IPv4Address


def _where(element: Element) -> _Where | None:
    """Where a route leads; None for one of IPv6."""
    network, hop = xml.text(element, "network"), xml.text(element, "nextHop")
    if ":" in network + hop:
        return None
    return _Where(IPv4Network(network, strict=False), IPv4Address(hop))


def _gateways(static: Element) -> list[IPv4Address]:
    return [
        IPv4Address(part.strip())
        for part in xml.text(static, _GATEWAYS).split(",")
        if part and ":" not in part
    ]


def _read(owner: Key, element: Element, where: _Where) -> StaticRoute:
    vnic = xml.text(element, "vnic").lower().removeprefix("vnic_")
    return StaticRoute(
        owner=owner,
        network=where.network,
        next_hop=where.next_hop,
        interface=int(vnic) if vnic.isdecimal() else None,
        distance=xml.number(element, "adminDistance", 1),
        purpose=xml.text(element, "description"),
    )


def write(static: Element, before: StaticRoute | None, after: StaticRoute | None) -> None:
    """Put a route in the place of another; None stands for none, and the rest stays as it is."""
    resource = after or before
    if resource is None:
        return
    if resource.network == _EVERYWHERE:
        _write_default(static, before, after)
        return
    routes = static.find("staticRoutes")
    if routes is None:
        routes = make("staticRoutes")
        static.append(routes)
    found = _find(routes, before or resource)
    if after is None:
        if found is not None:
            routes.remove(found)
        return
    if found is None:
        found = make("route")
        routes.append(found)
    _fill(found, after)
    xml.put(found, "network", str(after.network))
    xml.put(found, "nextHop", str(after.next_hop))
    xml.put(found, "adminDistance", after.distance)


def _find(routes: Element, wanted: StaticRoute) -> Element | None:
    where = _Where(wanted.network, wanted.next_hop)
    return next((element for element in routes.iterfind("route") if _where(element) == where), None)


def _write_default(static: Element, before: StaticRoute | None, after: StaticRoute | None) -> None:
    gateways = _gateways(static)
    old = before.next_hop if before else None
    if after is not None and old in gateways:
        gateways[gateways.index(old)] = after.next_hop
    elif after is not None:
        gateways = [*gateways[1:], after.next_hop] if before else [*gateways, after.next_hop]
    elif old in gateways:
        gateways.remove(old)
    if not gateways:
        xml.drop(static, "defaultRoute")
        return
    default = static.find("defaultRoute")
    if default is None:
        default = make("defaultRoute")
        static.append(default)
    if after is not None:
        _fill(default, after)
        if after.distance != 1 or default.find("adminDistance") is not None:
            xml.put(default, "adminDistance", after.distance)
    xml.put(default, "gatewayAddress", ",".join(map(str, dict.fromkeys(gateways))))


def _fill(element: Element, route: StaticRoute) -> None:
    xml.put(element, "vnic", route.interface)
    xml.put(element, "description", route.purpose or None)
