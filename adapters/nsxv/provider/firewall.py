"""A firewall rule as NSX writes it (NSX-V API guide 6.4, "Working with NSX Edge Firewall").

Rules of others can say more than ours do. So that nobody takes such a rule for one that matches more, what
only NSX can look into becomes part of the text: `!10.0.0.0/8` (all but), `any (in)` (one direction only),
`tcp from 1024-65535`, `icmp type echo-request`, `application-155`. It is written back the same.
"""

import re

from adapters.nsxv import xml
from adapters.nsxv.xml import Element, make
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallAction, FirewallRule, Service
from hopbook.resources.spans import ANY

_VNIC_GROUP = re.compile(r"vnic-index-\d+|vse|internal|external|nat64")
_OBJECT = re.compile(r"[a-z]+-\d+")
_MEMBERS = ("ipAddress", "groupingObjectId", "vnicGroupId")
_SOURCE = re.compile(r"(?P<member>.*?)(?: \((?P<direction>in|out)\))?", re.DOTALL)
_SERVICE = re.compile(r"(?P<protocol>.*?)(?: from (?P<source>.*?))?(?: type (?P<type>.*?))?", re.DOTALL)


def read(owner: Key, rule: str, purpose: str, element: Element) -> FirewallRule:
    """The rule that an element describes; it is called what NSX shows, else `rule`."""
    direction = xml.text(element, "direction")
    sources = _read_members(element.find("source"))
    if direction:
        sources = tuple(f"{source} ({direction})" for source in sources or (ANY,))
    return FirewallRule(
        owner=owner,
        rule=xml.text(element, "name", rule),
        action=FirewallAction(xml.text(element, "action").lower()),
        sources=sources,
        destinations=_read_members(element.find("destination")),
        services=_read_services(element.find("application")),
        match_translated=xml.flag(element, "matchTranslated", default=False),
        enabled=xml.flag(element, "enabled", default=True),
        logging=xml.flag(element, "loggingEnabled", default=False),
        purpose=purpose,
    )


def _read_members(side: Element | None) -> tuple[str, ...]:
    if side is None:
        return ()
    but = "!" if xml.flag(side, "exclude", default=False) else ""
    return tuple(but + member for tag in _MEMBERS for member in xml.texts(side, tag))


def _read_services(application: Element | None) -> tuple[Service, ...]:
    if application is None:
        return ()
    named = [Service(name) for name in xml.texts(application, "applicationId")]
    return (*named, *(_read_service(element) for element in application.iterfind("service")))


def _read_service(element: Element) -> Service:
    protocol, icmp_type = xml.text(element, "protocol", ANY), xml.text(element, "icmpType", ANY)
    sources = sorted(set(xml.texts(element, "sourcePort")))
    if sources and ANY not in sources:
        protocol += f" from {','.join(sources)}"
    if icmp_type != ANY:
        protocol += f" type {icmp_type}"
    return Service(protocol, xml.texts(element, "port"))


def fill(element: Element, rule: FirewallRule, description: str) -> None:
    """Make an element describe the rule; what we do not know of it stays."""
    parted = [_parts(_SOURCE, source) for source in rule.sources]
    sources = [part["member"] or "" for part in parted]
    xml.put(element, "name", rule.rule)
    xml.put(element, "source", _members("source", [name for name in sources if name != ANY]))
    xml.put(element, "destination", _members("destination", rule.destinations))
    xml.put(element, "application", _application(rule.services))
    xml.put(element, "matchTranslated", rule.match_translated)
    xml.put(element, "direction", next((part["direction"] for part in parted if part["direction"]), None))
    xml.put(element, "action", rule.action.value)
    xml.put(element, "enabled", rule.enabled)
    xml.put(element, "loggingEnabled", rule.logging)
    xml.put(element, "description", description)


def _members(tag: str, names: list[str] | tuple[str, ...]) -> Element | None:
    if not names:
        return None
    exclude = any(name.startswith("!") for name in names)
    members = [make(_member_tag(name.lstrip("!")), name.lstrip("!")) for name in names]
    return make(tag, make("exclude", exclude) if exclude else None, *members)


def _member_tag(name: str) -> str:
    if _VNIC_GROUP.fullmatch(name):
        return "vnicGroupId"
    return "groupingObjectId" if _OBJECT.fullmatch(name) else "ipAddress"


def _application(services: tuple[Service, ...]) -> Element | None:
    """One `<service>` a port: that a service may hold several is only seen in captures."""
    if not services:
        return None
    elements = []
    for service in services:
        if _OBJECT.fullmatch(service.protocol):
            elements.append(make("applicationId", service.protocol))
            continue
        said = _parts(_SERVICE, service.protocol)
        sources = [make("sourcePort", port) for port in (said["source"] or "").split(",") if port]
        icmp_type = make("icmpType", said["type"]) if said["type"] else None
        for port in service.ports or (None,):
            wanted = None if port is None else make("port", port)
            copies = [make("sourcePort", source.text) for source in sources]
            elements.append(make("service", make("protocol", said["protocol"]), wanted, *copies, icmp_type))
    return make("application", *elements)


def _parts(pattern: re.Pattern[str], said: str) -> dict[str, str | None]:
    found = pattern.fullmatch(said)
    return found.groupdict() if found else {}
