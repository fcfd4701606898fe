"""NAT rules of an edge: the first that matches translates, and there is none that exempts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hopbook.network.facts import Fact
from hopbook.network.ranges import Index, lowest, one
from hopbook.resources.nsxv import NatAction, NatRule
from hopbook.resources.spans import address_span, port_span


@dataclass(frozen=True)
class Translation:
    """One NAT rule, ready to translate.

    Attributes:
        address: What the address becomes; None where the rule gives a range, so which one is not known.
        port: What the port becomes; None: it stays.
        doubt: What of the rule cannot be read; then whether it matches is unknown.
    """

    rule: NatRule
    fact: Fact
    address: int | None
    port: int | None
    doubt: str = ""

    @cached_property
    def title(self) -> str:
        """For a sentence."""
        return f"{self.rule.action.upper()} {self.rule.rule}"


def translation(rule: NatRule, fact: Fact, doubt: str = "") -> Translation:
    """A rule as a translation; what cannot be understood becomes its doubt."""
    fields = {
        "original": address_span(rule.original),
        "match": address_span(rule.match),
        "original port": port_span(rule.original_port),
        "match port": port_span(rule.match_port),
        "translated port": port_span(rule.translated_port),
    }
    unread = [name for name, span in fields.items() if span is None]
    keeps = rule.translated_port in {"any", rule.original_port}
    port = None if keeps else one(fields["translated port"])
    if not keeps and port is None:
        unread.append("translated port")
    doubt = doubt or ", ".join(dict.fromkeys(unread))
    return Translation(rule, fact, one(address_span(rule.translated)), port, doubt)


class NatTable:
    """The rules of one action in evaluation order, indexed by interface, protocol, ports and addresses.

    `near` is the side that the rule translates (for SNAT the source), `far` the other one.
    """

    __slots__ = ("_far", "_far_port", "_near", "_near_port", "_protocols", "_vnics", "rules")

    def __init__(self, rules: Sequence[Translation], action: NatAction) -> None:
        self.rules = tuple(item for item in rules if item.rule.action is action and item.rule.enabled)
        numbered = [(number, item.rule) for number, item in enumerate(self.rules)]
        self._vnics: dict[int | None, int] = defaultdict(int)
        self._protocols: dict[str, int] = defaultdict(int)
        for number, rule in numbered:
            self._vnics[rule.interface] |= 1 << number
            self._protocols[rule.protocol] |= 1 << number
        # What cannot be read holds every value; that it is in doubt is in the translation
        self._near = Index((number, address_span(rule.original)) for number, rule in numbered)
        self._far = Index((number, address_span(rule.match)) for number, rule in numbered)
        self._near_port = Index((number, port_span(rule.original_port)) for number, rule in numbered)
        self._far_port = Index((number, port_span(rule.match_port)) for number, rule in numbered)

    def first(
        self, vnic: int | None, protocol: str, near: tuple[int, int], far: tuple[int, int]
    ) -> Translation | None:
        """The first rule that matches. Whether it surely does, its `doubt` says."""
        mask = self._vnics.get(vnic, 0) | self._vnics.get(None, 0)
        if not mask:
            return None
        mask &= self._protocols.get(protocol, 0) | self._protocols.get("any", 0)
        mask &= self._near.at(near[0]) & self._near_port.at(near[1])
        mask &= self._far.at(far[0]) & self._far_port.at(far[1])
        return self.rules[lowest(mask)] if mask else None
