"""The two lists of rules of an edge: what NAT and the firewall have in common."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from adapters.nsxv import xml
from adapters.nsxv.provider import firewall, nat
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.xml import Element
from hopbook.engine.change import Observed
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallRule, NatRule

_USER = "user"


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature of an edge that is a list of rules.

    Attributes:
        kind: The kind of its resources.
        name: How NSX and our sections call it.
        wrapper: The element around the rules.
        element: One rule's.
        identifier: The element that holds a rule's id.
        read: From owner, short name, purpose and element to the resource.
        fill: Makes an element describe a resource, with this description.
    """

    kind: str
    name: str
    wrapper: str
    element: str
    identifier: str
    read: Callable[[Key, str, str, Element], NatRule | FirewallRule]
    fill: Callable[[Element, Any, str], None]

    @property
    def config(self) -> str:
        """Its address below the edge's."""
        return f"{self.name}/config"

    def rules(self, config: Element, *, system: bool = False) -> list[Element]:
        """The rules of a configuration in evaluation order, the system's own only where asked for."""
        found = config.findall(f"{self.wrapper}/{self.element}")
        return [rule for rule in found if system or not self.is_system(rule)]

    def id_of(self, rule: Element) -> str:
        """What NSX calls it (the JSON names shine through in places)."""
        return xml.text(rule, self.identifier) or xml.text(rule, "ruleId")

    def is_system(self, rule: Element) -> bool:
        """Whether NSX made it by itself (`internal_high`, `default_policy`)."""
        return xml.text(rule, "ruleType", _USER) != _USER

    def drop_system(self, config: Element) -> None:
        """Take NSX's own rules out of a configuration that is to be written back: NSX makes them itself."""
        for rule in self.rules(config, system=True):
            parent = rule.getparent()
            if parent is not None and self.is_system(rule):
                parent.remove(rule)


NAT = Feature(NatRule.kind, "nat", "natRules", "natRule", "ruleId", nat.read, nat.fill)
FIREWALL = Feature(
    FirewallRule.kind, "firewall", "firewallRules", "firewallRule", "id", firewall.read, firewall.fill
)
FEATURES = {feature.kind: feature for feature in (NAT, FIREWALL)}


def observed(
    feature: Feature, owner: Key, config: Element, markers: Markers
) -> Iterator[tuple[Key, Observed]]:
    """The rules of one edge in evaluation order, each under its key.

    Of several with one marker the first has the key, as it is the one that works; each says how many.
    """
    named = [(rule, *names(owner, rule, markers)) for rule in feature.rules(config, system=True)]
    copies = Counter(name for _, name, _ in named if name)
    seen: set[str] = set()
    for rule, name, purpose in named:
        identifier = feature.id_of(rule)
        ours = name and name not in seen
        key = Key(feature.kind, name if ours else f"{owner.name}/#{identifier}")
        seen.add(name)
        short = name.removeprefix(f"{owner.name}/") or f"#{identifier}"
        yield (
            key,
            Observed(
                resource=feature.read(owner, short, purpose, rule),
                marked=bool(name),
                system=feature.is_system(rule),
                handle=identifier,
                copies=max(copies[name], 1),
            ),
        )


def names(owner: Key, rule: Element, markers: Markers) -> tuple[str, str]:
    """The name that our marker on a rule gives, empty if it has none of this edge, and the purpose."""
    description = xml.text(rule, "description")
    purpose, name = markers.read(description)
    return (name, purpose) if name.startswith(f"{owner.name}/") else ("", description)


def find(feature: Feature, owner: Key, config: Element, key: Key, markers: Markers) -> Element | None:
    """The user's rule that is observed under a key."""
    identifier = key.name.removeprefix(f"{owner.name}/#") if key.name.startswith(f"{owner.name}/#") else ""
    for rule in feature.rules(config):
        if identifier and feature.id_of(rule) == identifier:
            return rule
        if not identifier and names(owner, rule, markers)[0] == key.name:
            return rule
    return None
