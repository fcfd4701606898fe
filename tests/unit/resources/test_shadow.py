"""A rule shadows another when no packet is left for it: checked against packets, one by one."""

from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.resources import spans
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule, Service
from hopbook.resources.shadow import firewall_shadows, nat_shadows

ESG = Key(Edge.kind, "esg")
SNAT = NatRule(
    owner=ESG, rule="a", action=NatAction.SNAT, interface=0, original="10.0.0.0/24", translated="203.0.113.9"
)
ALLOW = FirewallRule(owner=ESG, rule="a", action=FirewallAction.ACCEPT)

# A world of four addresses, three ports and two protocols: small enough to look at every packet
BASE = int(IPv4Address("10.0.0.0"))
address_span, port_span = cache(spans.address_span), cache(spans.port_span)
NUMBERS = [str(IPv4Address(BASE + number)) for number in range(4)]
addresses = st.sampled_from(
    ["any", *NUMBERS, "10.0.0.0/31", "10.0.0.2/31", "10.0.0.0/30", "10.0.0.1-10.0.0.2", "10.0.0.0/8"]
)
ports = st.sampled_from(["any", "80", "81", "82", "80-81", "81-82", "80-82"])
protocols = st.sampled_from(["any", "tcp", "udp"])
PACKETS = list(
    product(["tcp", "udp"], range(BASE, BASE + 4), range(BASE, BASE + 4), range(80, 83), range(80, 83))
)

nat_rules = st.builds(
    NatRule,
    owner=st.just(ESG),
    rule=st.just("x"),
    action=st.sampled_from(NatAction),
    interface=st.sampled_from([0, 1, None]),
    original=addresses,
    translated=st.just("203.0.113.9"),
    protocol=protocols,
    original_port=ports,
    match=addresses,
    match_port=ports,
)
sides = st.lists(
    addresses.filter(lambda text: text != "any") | st.sampled_from(["vse", "ipset-1"]), max_size=3
)
firewall_rules = st.builds(
    FirewallRule,
    owner=st.just(ESG),
    rule=st.just("x"),
    action=st.sampled_from(FirewallAction),
    sources=sides.map(tuple),
    destinations=sides.map(tuple),
    services=st.lists(st.builds(Service, protocols, st.lists(ports, max_size=2).map(tuple)), max_size=2).map(
        tuple
    ),
    match_translated=st.booleans(),
)


def inside(value: int, span: tuple[int, int] | None) -> bool:
    return span is not None and span[0] <= value <= span[1]


def nat_matches(rule: NatRule, vnic: int, packet: tuple[str, int, int, int, int]) -> bool:
    protocol, near, far, near_port, far_port = packet
    return (
        rule.interface in {None, vnic}
        and rule.protocol in {"any", protocol}
        and inside(near, address_span(rule.original))
        and inside(far, address_span(rule.match))
        and inside(near_port, port_span(rule.original_port))
        and inside(far_port, port_span(rule.match_port))
    )


def member(value: int, names: tuple[str, ...], groups: frozenset[str]) -> bool:
    return not names or any(name in groups or inside(value, address_span(name)) for name in names)


def firewall_matches(
    rule: FirewallRule, packet: tuple[str, int, int, int, int], new: tuple[int, int], groups: frozenset[str]
) -> bool:
    protocol, source, destination, _, port = packet
    if rule.match_translated:
        destination, port = new
    return (
        member(source, rule.sources, groups)
        and member(destination, rule.destinations, groups)
        and (
            not rule.services
            or any(
                service.protocol in {"any", protocol}
                and (not service.ports or any(inside(port, port_span(text)) for text in service.ports))
                for service in rule.services
            )
        )
    )


wide = {"original", "original_port", "match", "match_port", "protocol"}


@settings(max_examples=40)
@given(rule=nat_rules, loser=nat_rules, widened=st.sets(st.sampled_from(sorted(wide))))
def test_no_packet_is_left_for_a_shadowed_nat_rule(rule: NatRule, loser: NatRule, widened: set[str]) -> None:
    any_of: dict[str, Any] = dict.fromkeys(widened, "any")
    winner = replace(rule, **any_of)
    if not nat_shadows(winner, loser):
        return
    left = [
        packet
        for vnic in (0, 1)
        for packet in PACKETS
        if nat_matches(loser, vnic, packet) and not nat_matches(winner, vnic, packet)
    ]
    assert winner.action is loser.action
    assert left == []


@settings(max_examples=40)
@given(
    rule=firewall_rules,
    loser=firewall_rules,
    widened=st.sets(st.sampled_from(["sources", "destinations", "services"])),
)
def test_no_packet_is_left_for_a_shadowed_firewall_rule(
    rule: FirewallRule, loser: FirewallRule, widened: set[str]
) -> None:
    any_of: dict[str, Any] = dict.fromkeys(widened, ())
    winner = replace(rule, **any_of)
    if not firewall_shadows(winner, loser):
        return
    for groups in (frozenset[str](), frozenset({"vse"}), frozenset({"ipset-1"})):
        for packet in PACKETS:
            for new in ((packet[2], packet[4]), (BASE + 3, 82), (BASE, 80)):
                assert firewall_matches(winner, packet, new, groups) or not firewall_matches(
                    loser, packet, new, groups
                )


@settings(max_examples=30)
@given(rule=nat_rules)
def test_a_nat_rule_shadows_its_copy(rule: NatRule) -> None:
    assert nat_shadows(rule, replace(rule, rule="copy", translated="203.0.113.10"))


@settings(max_examples=30)
@given(rule=firewall_rules)
def test_a_firewall_rule_shadows_its_copy(rule: FirewallRule) -> None:
    assert firewall_shadows(rule, replace(rule, rule="copy", action=FirewallAction.DENY))


@pytest.mark.parametrize(
    ("winner", "loser", "shadows"),
    [
        ({"original": "any"}, {}, True),
        ({"original": "10.0.0.0/16"}, {"original": "10.0.0.7"}, True),
        ({}, {"original": "any"}, False),
        ({"interface": 1}, {}, False),
        ({"interface": None}, {}, True),
        ({}, {"interface": None}, False),
        ({"enabled": False}, {}, False),
        ({}, {"enabled": False}, False),
        ({"protocol": "tcp"}, {}, False),
        ({}, {"protocol": "tcp", "original_port": "80"}, True),
        ({"match": "10.9.0.0/16"}, {}, False),
        ({"match": "10.9.0.0/16"}, {"match": "10.9.1.1-10.9.1.9"}, True),
        ({"action": NatAction.DNAT}, {}, False),
        ({"owner": Key(Edge.kind, "other")}, {}, False),
        ({"protocol": "icmp", "original_port": "icmp type 8"}, {"protocol": "icmp"}, False),
        ({"protocol": "icmp"}, {"protocol": "icmp", "original_port": "icmp type 8"}, True),
    ],
)
def test_nat(winner: dict[str, Any], loser: dict[str, Any], shadows: bool) -> None:
    assert nat_shadows(replace(SNAT, **winner), replace(SNAT, **loser)) is shadows


TCP, UDP = "tcp", "udp"


@pytest.mark.parametrize(
    ("winner", "loser", "shadows"),
    [
        ({}, {"sources": ("10.0.0.0/8",)}, True),
        ({"sources": ("10.0.0.0/9", "10.128.0.0/9")}, {"sources": ("10.0.0.0/8",)}, True),
        ({"sources": ("0.0.0.0/0",)}, {}, True),
        ({"sources": ("10.0.0.0/9",)}, {"sources": ("10.0.0.0/8",)}, False),
        ({"sources": ("vse",)}, {"sources": ("vse",)}, True),
        ({"sources": ("vse", "10.0.0.0/8")}, {"sources": ("vse",)}, True),
        ({"sources": ("vse",)}, {"sources": ("10.0.0.1",)}, False),
        ({"sources": ("10.0.0.0/8",)}, {"sources": ("vse",)}, False),
        ({"sources": ("!10.0.0.0/8",)}, {"sources": ("!10.0.0.0/8",)}, True),
        ({"sources": ("!10.0.0.0/8", "!11.0.0.0/8")}, {"sources": ("!10.0.0.0/8",)}, False),
        ({"sources": ("any (in)",)}, {"sources": ("10.0.0.1",)}, False),
        ({"services": (Service(TCP, ("1-100",)),)}, {"services": (Service(TCP, ("80", "90-95")),)}, True),
        ({"services": (Service(TCP, ("1-100",)),)}, {"services": (Service(TCP),)}, False),
        ({"services": (Service(TCP),)}, {"services": (Service(TCP, ("80",)), Service(UDP, ("53",)))}, False),
        ({"services": (Service(TCP), Service(UDP))}, {}, False),
        ({"services": (Service("tcp from 1024-65535"),)}, {"services": (Service(TCP),)}, False),
        ({"match_translated": True}, {"destinations": ("10.0.0.1",)}, True),
        ({"match_translated": True, "destinations": ("10.0.0.1",)}, {"destinations": ("10.0.0.1",)}, False),
        ({"match_translated": True, "services": (Service(TCP),)}, {"services": (Service(TCP),)}, False),
        ({"action": FirewallAction.DENY, "enabled": False}, {}, False),
        ({}, {"enabled": False}, False),
        ({}, {"owner": Key(Edge.kind, "other")}, False),
    ],
)
def test_firewall(winner: dict[str, Any], loser: dict[str, Any], shadows: bool) -> None:
    assert firewall_shadows(replace(ALLOW, **winner), replace(ALLOW, **loser)) is shadows
