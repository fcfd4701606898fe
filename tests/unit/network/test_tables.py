"""Routes, NAT and firewall tables against the slowest possible reading of the same rules."""

import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hopbook.network.facts import declared
from hopbook.network.firewall import Filter, Firewall, Policy, Question
from hopbook.network.nat import NatTable, translation
from hopbook.network.ranges import Index
from hopbook.network.routes import Route, RouteTable
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule, Service
from hopbook.resources.spans import Span, address_span, port_span

FEWER = settings(max_examples=40)  # rules are slow to make up, and few fields decide
FACT = declared("a test")
ESG = Key(Edge.kind, "esg")
# Few values, so that rules and packets meet often
ADDRESSES = st.sampled_from([int(IPv4Address(f"10.0.{x}.{y}")) for x in (0, 1) for y in (0, 1, 127, 255)])
SPECS = st.sampled_from(
    ["any", "10.0.0.0/24", "10.0.0.0/23", "10.0.1.1", "10.0.0.127", "10.0.0.1-10.0.1.0", "10.0.0.0/25"]
)
PORTS = st.sampled_from([53, 80, 443, 8443])
PORT_SPECS = st.sampled_from(["any", "80", "443", "80-443", "1-65535"])
PROTOCOLS = st.sampled_from(["tcp", "udp"])
GROUPS = st.sampled_from(["vse", "vnic-index-1", "internal", "external"])


def holds(span: Span | None, value: int) -> bool:
    return span is not None and span[0] <= value <= span[1]


@given(
    st.lists(st.tuples(st.integers(0, 6), st.tuples(st.integers(0, 40), st.integers(0, 40)))),
    st.integers(0, 45),
)
def test_index_holds_what_the_ranges_hold(spans: list[tuple[int, Span]], value: int) -> None:
    spans = [(rule, (min(span), max(span))) for rule, span in spans]
    assert Index(spans).at(value) == sum({1 << rule for rule, span in spans if holds(span, value)})


@given(st.lists(st.tuples(ADDRESSES, st.sampled_from([0, 8, 23, 24, 25, 32]), st.integers(0, 3))), ADDRESSES)
def test_longest_prefix_then_distance(ways: list[tuple[int, int, int]], address: int) -> None:
    routes = [
        Route(
            prefix=IPv4Network((number, length), strict=False),
            interface=f"i{place}",
            fact=FACT,
            distance=distance,
        )
        for place, (number, length, distance) in enumerate(ways)
    ]
    fitting = [route for route in routes if IPv4Address(address) in route.prefix]
    best = max(((route.prefix.prefixlen, -route.distance) for route in fitting), default=None)
    expected = {route.interface for route in fitting if (route.prefix.prefixlen, -route.distance) == best}
    assert {route.interface for route in RouteTable(routes).lookup(address)} == expected


@st.composite
def nat_rules(draw: st.DrawFn) -> NatRule:
    return NatRule(
        owner=ESG,
        rule=f"r{draw(st.integers(0, 99))}",
        action=draw(st.sampled_from(NatAction)),
        interface=draw(st.sampled_from([0, 1, None])),
        original=draw(SPECS),
        translated="192.0.2.1",
        protocol=draw(st.sampled_from(["any", "tcp", "udp"])),
        original_port=draw(PORT_SPECS),
        match=draw(SPECS),
        enabled=draw(st.booleans()),
    )


@given(
    st.lists(nat_rules(), max_size=6),
    st.sampled_from(NatAction),
    st.integers(0, 2),
    PROTOCOLS,
    st.tuples(ADDRESSES, PORTS),
    st.tuples(ADDRESSES, PORTS),
)
@FEWER
def test_first_nat_rule_that_matches(
    rules: list[NatRule], action: NatAction, vnic: int, protocol: str, near: Span, far: Span
) -> None:
    def matches(rule: NatRule) -> bool:
        return (
            rule.enabled
            and rule.action is action
            and rule.interface in {None, vnic}
            and rule.protocol in {"any", protocol}
            and holds(address_span(rule.original), near[0])
            and holds(port_span(rule.original_port), near[1])
            and holds(address_span(rule.match), far[0])
        )

    expected = next((rule for rule in rules if matches(rule)), None)
    table = NatTable([translation(rule, FACT) for rule in rules], action)
    found = table.first(vnic, protocol, near, far)
    assert (found.rule if found is not None else None) is expected


@st.composite
def firewall_rules(draw: st.DrawFn) -> FirewallRule:
    sides = st.lists(st.one_of(SPECS, GROUPS), max_size=2).map(tuple)
    services = st.lists(
        st.builds(Service, PROTOCOLS, st.lists(PORT_SPECS, max_size=2).map(tuple)), max_size=2
    ).map(tuple)
    return FirewallRule(
        owner=ESG,
        rule=f"r{draw(st.integers(0, 99))}",
        action=draw(st.sampled_from(FirewallAction)),
        sources=draw(sides),
        destinations=draw(sides),
        services=draw(services),
        match_translated=draw(st.booleans()),
        enabled=draw(st.booleans()),
    )


def names_side(texts: tuple[str, ...], address: int, groups: tuple[str, ...]) -> bool:
    return not texts or any(text in groups or holds(address_span(text), address) for text in texts)


@given(
    st.lists(firewall_rules(), max_size=6),
    st.builds(
        Question,
        PROTOCOLS,
        ADDRESSES,
        ADDRESSES,
        PORTS,
        ADDRESSES,
        PORTS,
        st.tuples(GROUPS),
        st.tuples(GROUPS),
    ),
)
@FEWER
def test_first_firewall_rule_that_matches(rules: list[FirewallRule], asked: Question) -> None:
    def matches(rule: FirewallRule) -> bool:
        seen = (asked.src, asked.new_dst, asked.new_dport)
        src, dst, port = seen if rule.match_translated else (asked.src, asked.dst, asked.dport)
        served = not rule.services or any(
            service.protocol == asked.protocol
            and (not service.ports or any(holds(port_span(text), port) for text in service.ports))
            for service in rule.services
        )
        return (
            rule.enabled
            and served
            and names_side(rule.sources, src, asked.came)
            and names_side(rule.destinations, dst, asked.goes)
        )

    default = Policy(FirewallAction.DENY, FACT)
    ruling = Firewall([Filter(rule, FACT) for rule in rules], default).decide(asked)
    expected = next((rule for rule in rules if matches(rule)), None)
    assert (ruling.by.rule if isinstance(ruling.by, Filter) else None) is expected
    assert ruling.doubt is None


def rule(name: str, action: FirewallAction, **fields: object) -> FirewallRule:
    return FirewallRule(owner=ESG, rule=name, action=action, **fields)  # type: ignore[arg-type] # a test's words


QUESTION = Question("tcp", 1, 2, 443, 2, 443, ("internal",), ("external",))


@pytest.mark.parametrize(
    ("below", "doubtful"),
    [(FirewallAction.ACCEPT, True), (FirewallAction.DENY, False), (FirewallAction.REJECT, False)],
)
def test_a_group_that_nobody_observed_is_a_doubt_only_where_it_would_change_something(
    below: FirewallAction, doubtful: bool
) -> None:
    rules = [
        rule("others", FirewallAction.DENY, sources=("ipset-4",)),
        rule("ours", below),
    ]
    ruling = Firewall([Filter(item, FACT) for item in rules], Policy(FirewallAction.DENY, FACT)).decide(
        QUESTION
    )
    assert ruling.by.title == "firewall ours"
    assert (ruling.doubt is not None) is doubtful


def test_a_rule_that_cannot_be_read_is_a_doubt() -> None:
    rules = [
        Filter(rule("others", FirewallAction.DENY), FACT, doubt="sources cannot be read"),
        Filter(rule("ours", FirewallAction.ACCEPT), FACT),
    ]
    ruling = Firewall(rules, Policy(FirewallAction.DENY, FACT)).decide(QUESTION)
    assert ruling.accepts
    assert ruling.doubt is rules[0]


def test_an_unknown_protocol_is_a_doubt() -> None:
    rules = [
        Filter(rule("others", FirewallAction.DENY, services=(Service("application-155"),)), FACT),
        Filter(rule("ours", FirewallAction.ACCEPT), FACT),
    ]
    ruling = Firewall(rules, Policy(FirewallAction.DENY, FACT)).decide(QUESTION)
    assert ruling.doubt is rules[0]


@pytest.mark.parametrize(
    ("fields", "address", "port", "doubt"),
    [
        ({}, int(IPv4Address("192.0.2.1")), None, False),
        ({"original_port": "443", "translated_port": "443"}, int(IPv4Address("192.0.2.1")), None, False),
        ({"original_port": "443", "translated_port": "8443"}, int(IPv4Address("192.0.2.1")), 8443, False),
        (
            {"original_port": "80-90", "translated_port": "8080-8090"},
            int(IPv4Address("192.0.2.1")),
            None,
            True,
        ),
        ({"translated": "192.0.2.0/28"}, None, None, False),
        ({"original": "ipset-4"}, int(IPv4Address("192.0.2.1")), None, True),
    ],
)
def test_what_a_nat_rule_makes_of_a_packet(
    fields: dict[str, str], address: int | None, port: int | None, doubt: bool
) -> None:
    words = {"original": "10.0.0.0/24", "translated": "192.0.2.1", **fields}
    found = translation(
        NatRule(owner=ESG, rule="r", action=NatAction.SNAT, interface=0, **words),  # type: ignore[arg-type] # text
        FACT,
    )
    assert (found.address, found.port, bool(found.doubt)) == (address, port, doubt)


def quickest(work: Callable[[], object]) -> float:
    """Seconds for a thousand calls, the best of five: what disturbs only makes it slower."""

    def once() -> float:
        begun = time.perf_counter()
        for _ in range(1000):
            work()
        return time.perf_counter() - begun

    return min(once() for _ in range(5))


def test_five_thousand_rules_cost_no_more_than_three_times_fifty() -> None:
    others = [
        Filter(rule(f"r{number}", FirewallAction.ACCEPT, sources=(f"10.0.0.{number}",)), FACT)
        for number in range(49)
    ]
    last = Filter(rule("last", FirewallAction.ACCEPT, sources=("10.0.1.1",)), FACT)
    policy = Policy(FirewallAction.DENY, FACT)
    few, many = Firewall([*others, last], policy), Firewall([*others * 102, last], policy)
    assert (len(few.rules), len(many.rules)) == (50, 4999)
    asked = QUESTION._replace(src=int(IPv4Address("10.0.1.1")))
    assert many.decide(asked).by is last
    assert quickest(lambda: many.decide(asked)) < 3 * quickest(lambda: few.decide(asked))
