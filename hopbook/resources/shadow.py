"""Whether one rule, standing above another, keeps every packet from it.

First match wins, so a rule below one that matches all that it matches is never used. The answer is certain
or it is no: where a rule names something that cannot be looked into here (an IP set, a group of interfaces),
only the same name counts as covered.
"""

from collections.abc import Sequence

from hopbook.resources.nsxv import FirewallRule, NatRule, Service
from hopbook.resources.spans import ANY, Span, address_span, covered, port_span


def nat_shadows(winner: NatRule, loser: NatRule) -> bool:
    """Whether a NAT rule above another of the same edge keeps every packet from it.

    SNAT and DNAT are looked up at different moments, so only rules of one action can be in each other's way.
    """
    return (
        winner.enabled
        and loser.enabled
        and (winner.owner, winner.action) == (loser.owner, loser.action)
        and winner.interface in {None, loser.interface}
        and winner.protocol in {ANY, loser.protocol}
        and _addresses_cover((winner.original,), (loser.original,))
        and _addresses_cover((winner.match,), (loser.match,))
        and _ports_cover((winner.original_port,), (loser.original_port,))
        and _ports_cover((winner.match_port,), (loser.match_port,))
    )


def firewall_shadows(winner: FirewallRule, loser: FirewallRule) -> bool:
    """Whether a firewall rule above another of the same edge keeps every packet from it."""
    return (
        winner.enabled
        and loser.enabled
        and winner.owner == loser.owner
        and _comparable(winner, loser)
        and _addresses_cover(winner.sources, loser.sources)
        and _addresses_cover(winner.destinations, loser.destinations)
        and all(_service_covered(service, winner.services) for service in loser.services or (Service(ANY),))
    )


def _comparable(winner: FirewallRule, loser: FirewallRule) -> bool:
    # One compares the destination before DNAT, the other after: only "any" means the same in both
    return winner.match_translated == loser.match_translated or not (winner.destinations or winner.services)


def _addresses_cover(winner: Sequence[str], loser: Sequence[str]) -> bool:
    if not winner or ANY in winner:
        return True
    if any(name.startswith("!") for name in (*winner, *loser)):
        return set(winner) == set(loser)
    spans = [span for name in winner if (span := address_span(name))]
    return all(name in winner or _inside(address_span(name), spans) for name in loser or (ANY,))


def _ports_cover(winner: Sequence[str], loser: Sequence[str]) -> bool:
    if not winner or ANY in winner:
        return True
    spans = [span for text in winner if (span := port_span(text))]
    return all(text in winner or _inside(port_span(text), spans) for text in loser or (ANY,))


def _service_covered(service: Service, by: Sequence[Service]) -> bool:
    candidates = [other.ports or (ANY,) for other in by if other.protocol in {ANY, service.protocol}]
    return not by or (bool(candidates) and _ports_cover(sum(candidates, ()), service.ports))


def _inside(span: Span | None, spans: Sequence[Span]) -> bool:
    return span is not None and covered(span, spans)
