"""A NAT rule as NSX writes it (NSX-V API guide 6.4, "Working with NSX Edge NAT")."""

from adapters.nsxv import xml
from adapters.nsxv.xml import Element
from hopbook.resources.base import Key
from hopbook.resources.nsxv import NatAction, NatRule
from hopbook.resources.spans import ANY

# Each action has a match of the other side of its own, and is refused with the other's
_MATCH = {
    NatAction.SNAT: ("snatMatchDestinationAddress", "snatMatchDestinationPort"),
    NatAction.DNAT: ("dnatMatchSourceAddress", "dnatMatchSourcePort"),
}
_ICMP_TYPE = "icmp type "  # stands where a port does: only rules of others have it


def read(owner: Key, rule: str, purpose: str, element: Element) -> NatRule:
    """The rule that an element describes."""
    action = NatAction(xml.text(element, "action").lower())
    address, port = _MATCH[action]
    vnic, icmp_type = xml.text(element, "vnic"), xml.text(element, "icmpType", ANY)
    return NatRule(
        owner=owner,
        rule=rule,
        action=action,
        interface=int(vnic) if vnic.isdecimal() else None,
        original=xml.text(element, "originalAddress", ANY),
        translated=xml.text(element, "translatedAddress", ANY),
        protocol=xml.text(element, "protocol", ANY),
        original_port=_ICMP_TYPE + icmp_type if icmp_type != ANY else xml.text(element, "originalPort", ANY),
        translated_port=xml.text(element, "translatedPort", ANY),
        match=xml.text(element, address, ANY),
        match_port=xml.text(element, port, ANY),
        enabled=xml.flag(element, "enabled", default=True),
        logging=xml.flag(element, "loggingEnabled", default=False),
        purpose=purpose,
    )


def fill(element: Element, rule: NatRule, description: str) -> None:
    """Make an element describe the rule; what we do not know of it stays."""
    xml.drop(element, "icmpType", *(tag for tags in _MATCH.values() for tag in tags))
    address, port = _MATCH[rule.action]
    xml.put(element, "action", rule.action.value)
    xml.put(element, "vnic", rule.interface)
    xml.put(element, "originalAddress", rule.original)
    xml.put(element, "translatedAddress", rule.translated)
    xml.put(element, address, _unless_any(rule.match))
    xml.put(element, "loggingEnabled", rule.logging)
    xml.put(element, "enabled", rule.enabled)
    xml.put(element, "description", description)
    xml.put(element, "protocol", rule.protocol)
    if rule.original_port.startswith(_ICMP_TYPE):
        xml.put(element, "icmpType", rule.original_port.removeprefix(_ICMP_TYPE))
        xml.drop(element, "originalPort")
    else:
        xml.put(element, "originalPort", _unless_any(rule.original_port))
    xml.put(element, "translatedPort", _unless_any(rule.translated_port))
    xml.put(element, port, _unless_any(rule.match_port))


def _unless_any(value: str) -> str | None:
    return None if value == ANY else value
