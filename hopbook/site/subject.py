"""A site under examination: what the checks look at, and how they say what they find."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from hopbook.errors import Problem
from hopbook.site.document import Document
from hopbook.site.model import OverlayNetwork, Site
from hopbook.site.plan import Range, address_plan
from hopbook.site.rules import RULES
from hopbook.site.words import KeyPath


@dataclass(frozen=True)
class Subject:
    """A site with the document that it was read from."""

    site: Site
    document: Document

    @cached_property
    def ranges(self) -> list[Range]:
        """The address plan."""
        return address_plan(self.site, self.document)

    def networks(self) -> Iterator[tuple[str, OverlayNetwork, KeyPath]]:
        """Every overlay network: its overlay's name, itself, its place."""
        for i, overlay in enumerate(self.site.overlays):
            for j, network in enumerate(overlay.networks):
                yield overlay.name, network, ("overlays", i, "networks", j)

    def problem(self, rule: str, path: KeyPath, what: str) -> Problem:
        """A finding."""
        source = RULES[rule].source if rule else ""
        return Problem(what=what, where=self.document.where(path), rule=rule, source=source)

    def against(self, rule: str, path: KeyPath, what: str) -> Problem:
        """A finding that ends with the rule in words."""
        return self.problem(rule, path, f"{what}; {RULES[rule].text}")

    def place(self, path: KeyPath) -> str:
        """A second place, in brackets."""
        return f"({self.document.where(path)})"


def unusable(address: IPv4Address, subnet: IPv4Network) -> str:
    """Why nothing can have that address in that subnet; empty if something can."""
    if address not in subnet:
        return f"is not in {subnet}"
    if subnet.prefixlen < 31:  # noqa: PLR2004 – in a /31 both addresses are hosts' (RFC 3021)
        if address == subnet.network_address:
            return f"is the network address of {subnet}"
        if address == subnet.broadcast_address:
            return f"is the broadcast address of {subnet}"
    return ""
