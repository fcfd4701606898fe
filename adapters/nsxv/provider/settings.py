"""The parts of an edge that always exist: firewall policy, DNS relay, high availability, syslog.

NSX-V API guide 6.4. Each is a section that a PUT replaces whole, so a change starts from the live section and
keeps what we do not know of it (the firewall's rules and timeouts, the relay's further views).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from adapters.nsxv import xml
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Observed
from hopbook.resources.base import Key
from hopbook.resources.nsxv import (
    DnsRelay,
    EdgeSetting,
    FirewallAction,
    FirewallPolicy,
    HighAvailability,
    Syslog,
)

_FORWARDERS = "dnsViews/dnsView[1]/forwarders/ipAddress"  # of the default view, which is the first


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        kind: Its class of resources.
        element: Its element in an edge's features.
        path: Its address below the edge's.
        read: From owner and element to the resource.
        fill: Makes an element say what a resource says.
    """

    kind: type[EdgeSetting]
    element: str
    path: str
    read: Callable[[Key, Element], EdgeSetting]
    fill: Callable[[Element, Any], None]


def observed(owner: Key, features: Element) -> Iterator[tuple[Key, Observed]]:
    """The settings that this edge has (a DLR has no DNS relay)."""
    for setting in SETTINGS.values():
        element = features.find(setting.element)
        if element is not None:
            resource = setting.read(owner, element)
            at_default = resource == setting.kind(owner=owner)
            yield resource.key, Observed(resource=resource, at_default=at_default)


def _read_policy(owner: Key, element: Element) -> FirewallPolicy:
    return FirewallPolicy(
        owner=owner,
        enabled=xml.flag(element, "enabled", default=True),
        default=FirewallAction(xml.text(element, "defaultPolicy/action", FirewallAction.DENY).lower()),
        logging=xml.flag(element, "defaultPolicy/loggingEnabled", default=False),
    )


def _fill_policy(element: Element, policy: FirewallPolicy) -> None:
    xml.put(element, "enabled", policy.enabled)
    xml.put(element, "defaultPolicy", policy_element("defaultPolicy", policy))


def policy_element(tag: str, policy: FirewallPolicy) -> Element:
    """What happens when no rule matches, under the name that the address wants."""
    return make(tag, make("action", policy.default.value), make("loggingEnabled", policy.logging))


def _read_relay(owner: Key, element: Element) -> DnsRelay:
    return DnsRelay(
        owner=owner,
        enabled=xml.flag(element, "enabled", default=False),
        listeners=_addresses(xml.texts(element, "listeners/ipAddress")),
        forwarders=_addresses(xml.texts(element, _FORWARDERS)),
        cache_mb=xml.number(element, "cacheSize", 16),
    )


def _fill_relay(element: Element, relay: DnsRelay) -> None:
    xml.put(element, "enabled", relay.enabled)
    xml.put(element, "cacheSize", relay.cache_mb)
    everywhere = None if relay.listeners else make("vnic", "any")
    xml.put(element, "listeners", make("listeners", everywhere, *_elements(relay.listeners)))
    views = element.find("dnsViews")
    if views is None:
        views = make("dnsViews")
        element.append(views)
    view = views.find("dnsView")
    if view is None:
        view = make("dnsView")
        views.append(view)
    xml.put(
        view, "forwarders", make("forwarders", *_elements(relay.forwarders)) if relay.forwarders else None
    )


def _read_availability(owner: Key, element: Element) -> HighAvailability:
    return HighAvailability(
        owner=owner,
        enabled=xml.flag(element, "enabled", default=False),
        dead_time=xml.number(element, "declareDeadTime", 15),
    )


def _fill_availability(element: Element, availability: HighAvailability) -> None:
    xml.put(element, "enabled", availability.enabled)
    xml.put(element, "declareDeadTime", availability.dead_time)


def _read_syslog(owner: Key, element: Element) -> Syslog:
    return Syslog(
        owner=owner,
        enabled=xml.flag(element, "enabled", default=False),
        protocol=xml.text(element, "protocol", "udp"),
        servers=_addresses(xml.texts(element, "serverAddresses/ipAddress")),
    )


def _fill_syslog(element: Element, syslog: Syslog) -> None:
    servers = make("serverAddresses", *_elements(syslog.servers)) if syslog.servers else None
    xml.put(element, "enabled", syslog.enabled)
    xml.put(element, "protocol", syslog.protocol)
    xml.put(element, "serverAddresses", servers)


def _addresses(texts: tuple[str, ...]) -> tuple[IPv4Address, ...]:
    return tuple(IPv4Address(text) for text in texts if ":" not in text)


def _elements(addresses: tuple[IPv4Address, ...]) -> list[Element]:
    return [make("ipAddress", str(address)) for address in addresses]


SETTINGS = {
    setting.kind.kind: setting
    for setting in (
        Setting(FirewallPolicy, "firewall", "firewall/config", _read_policy, _fill_policy),
        Setting(DnsRelay, "dns", "dns/config", _read_relay, _fill_relay),
        Setting(
            HighAvailability,
            "highAvailability",
            "highavailability/config",
            _read_availability,
            _fill_availability,
        ),
        Setting(Syslog, "syslog", "syslog/config", _read_syslog, _fill_syslog),
    )
}
