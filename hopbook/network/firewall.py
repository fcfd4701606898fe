"""An edge's firewall: the first rule that matches decides, else the default policy.

A rule compares the original destination (before DNAT), or with `match_translated` the translated one. What
a rule names and nobody observed (a group, a service object) leaves its match in doubt: then what would
happen without it is asked too, and only where both agree is the answer known.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from hopbook.network.facts import Fact
from hopbook.network.ranges import Index, bits, lowest
from hopbook.resources.nsxv import FirewallAction, FirewallRule, Service
from hopbook.resources.spans import Span, address_span, port_span

GROUPS = frozenset({"vse", "internal", "external", *(f"vnic-index-{number}" for number in range(10))})
_PROTOCOLS = frozenset({"any", "tcp", "udp", "icmp", "gre", "esp", "ah"})


@dataclass(frozen=True)
class Filter:
    """One firewall rule. `doubt` says what of it cannot be read; then whether it matches is unknown."""

    rule: FirewallRule
    fact: Fact
    doubt: str = ""

    @property
    def action(self) -> FirewallAction:
        """What it does."""
        return self.rule.action

    @cached_property
    def title(self) -> str:
        """For a sentence."""
        return f"firewall {self.rule.rule}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens when no rule matches."""

    action: FirewallAction
    fact: Fact

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"default policy {self.action}"


class Question(NamedTuple):
    """What the firewall compares: source, destination before and after DNAT, and both sides of the way."""

    protocol: str
    src: int
    dst: int
    dport: int
    new_dst: int
    new_dport: int
    came: tuple[str, ...]  # groups of the interface it came by, or `vse`
    goes: tuple[str, ...]


class Ruling(NamedTuple):
    """Which rule decides; `doubt` is one before it that may match and would decide otherwise."""

    by: Filter | Policy
    doubt: Filter | None = None

    @property
    def accepts(self) -> bool:
        """Whether the packet passes."""
        return self.by.action is FirewallAction.ACCEPT


class _Side:
    """Sources, or destinations, of all rules."""

    __slots__ = ("groups", "index", "unknown")

    def __init__(self, wanted: Sequence[tuple[int, tuple[str, ...]]]) -> None:
        spans: list[tuple[int, Span]] = []
        self.groups: dict[str, int] = defaultdict(int)
        self.unknown = 0
        for number, texts in wanted:
            for text in texts or ("any",):
                span = address_span(text)
                if span is not None:
                    spans.append((number, span))
                elif text in GROUPS:
                    self.groups[text] |= 1 << number
                else:
                    self.unknown |= 1 << number
        self.index = Index(spans)

    def at(self, address: int, groups: tuple[str, ...]) -> int:
        mask = self.index.at(address)
        for group in groups:
            mask |= self.groups.get(group, 0)
        return mask


class _Services:
    """Protocols and ports of all rules."""

    __slots__ = ("every", "index", "unknown")

    def __init__(self, wanted: Sequence[tuple[int, tuple[Service, ...]]]) -> None:
        spans: dict[str, list[tuple[int, Span]]] = defaultdict(list)
        self.every = self.unknown = 0
        for number, services in wanted:
            if not services:
                self.every |= 1 << number
            for protocol, span in _spans(services):
                if span is None:
                    self.unknown |= 1 << number
                else:
                    spans[protocol].append((number, span))
        self.index = {protocol: Index(held) for protocol, held in spans.items()}

    def at(self, protocol: str, port: int) -> int:
        mask = self.every
        for named in (protocol, "any"):
            index = self.index.get(named)
            if index is not None:
                mask |= index.at(port)
        return mask


def _spans(services: tuple[Service, ...]) -> Iterator[tuple[str, Span | None]]:
    for service in services:
        protocol = service.protocol.lower()
        if protocol not in _PROTOCOLS and not protocol.isdecimal():
            yield protocol, None
        elif protocol in {"tcp", "udp", "any"} and service.ports:
            yield from ((protocol, port_span(text)) for text in service.ports)
        else:
            yield protocol, port_span("any")


class Firewall:
    """The rules in evaluation order, system rules included, and the default."""

    __slots__ = ("_doubtful", "_plain", "_translated", "compares_translated", "default", "enabled", "rules")

    def __init__(self, rules: Sequence[Filter], default: Policy, *, enabled: bool = True) -> None:
        self.rules = tuple(item for item in rules if item.rule.enabled)
        self.default, self.enabled = default, enabled
        numbered = list(enumerate(self.rules))
        self._doubtful = sum(1 << number for number, item in numbered if item.doubt)
        self._plain = _Half([(n, item.rule) for n, item in numbered if not item.rule.match_translated])
        self._translated = _Half([(n, item.rule) for n, item in numbered if item.rule.match_translated])
        self.compares_translated = any(item.rule.match_translated for item in self.rules)

    def decide(self, asked: Question) -> Ruling:
        """The ruling on one packet; a firewall that is off is the caller's matter."""
        sure, maybe = self._plain.match(
            asked.protocol, (asked.src, asked.dst, asked.dport), asked.came, asked.goes
        )
        if self.compares_translated:
            also, perhaps = self._translated.match(
                asked.protocol, (asked.src, asked.new_dst, asked.new_dport), asked.came, asked.goes
            )
            sure, maybe = sure | also, maybe | perhaps
        if not maybe and not sure & self._doubtful:
            return Ruling(self.rules[lowest(sure)] if sure else self.default)
        sure, maybe = sure & ~self._doubtful, maybe | sure & self._doubtful
        doubts: list[Filter] = []
        for number in bits(sure | maybe):
            rule = self.rules[number]
            if sure >> number & 1:
                return _ruling(rule, doubts)
            doubts.append(rule)
        return _ruling(self.default, doubts)


def _ruling(by: Filter | Policy, doubts: Sequence[Filter]) -> Ruling:
    accepts = by.action is FirewallAction.ACCEPT
    other = (rule for rule in doubts if (rule.action is FirewallAction.ACCEPT) is not accepts)
    return Ruling(by, next(other, None))


class _Half:
    """The rules that compare one form of the packet: the original, or the translated."""

    __slots__ = ("_destinations", "_services", "_sources", "_unknown")

    def __init__(self, rules: Sequence[tuple[int, FirewallRule]]) -> None:
        self._sources = _Side([(number, rule.sources) for number, rule in rules])
        self._destinations = _Side([(number, rule.destinations) for number, rule in rules])
        self._services = _Services([(number, rule.services) for number, rule in rules])
        self._unknown = self._sources.unknown | self._destinations.unknown | self._services.unknown

    def match(
        self, protocol: str, seen: tuple[int, int, int], came: tuple[str, ...], goes: tuple[str, ...]
    ) -> tuple[int, int]:
        """The rules that surely match, and those that may."""
        source = self._sources.at(seen[0], came)
        destination = self._destinations.at(seen[1], goes)
        service = self._services.at(protocol, seen[2])
        sure = source & destination & service
        if not self._unknown:
            return sure, 0
        maybe = source | self._sources.unknown
        maybe &= destination | self._destinations.unknown
        maybe &= service | self._services.unknown
        return sure, maybe & ~sure
