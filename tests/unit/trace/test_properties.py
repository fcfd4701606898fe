"""What holds whatever somebody puts on the edge."""

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule, Service
from hopbook.trace.verdict import What
from hopbook.trace.walk import trace

ESG = Key(Edge.kind, "icp-esg")
SETTINGS = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
PACKETS = st.sampled_from(
    [
        ("icp-worker-1", "198.51.100.200:443"),
        ("icp-worker-1", "10.0.77.54:123/udp"),
        ("icp-worker-1", "192.168.21.1:53/udp"),
        ("icp-worker-1", "10.95.40.72:443"),
        ("client", "10.95.40.71:8443"),
        ("internet-user", "203.0.113.19:443"),
        ("internet-user", "203.0.113.18:22"),
    ]
)
SIDES = st.lists(
    st.sampled_from(
        ["192.168.20.0/24", "10.0.0.0/8", "10.95.40.71", "203.0.113.19", "vnic-index-1", "vse", "internal"]
    ),
    max_size=2,
).map(tuple)
SERVICES = st.sampled_from(
    [(), (Service("tcp"),), (Service("tcp", ("443",)),), (Service("udp", ("53", "123")),)]
)


@st.composite
def firewall_rules(draw: st.DrawFn, action: FirewallAction) -> FirewallRule:
    return FirewallRule(
        owner=ESG,
        rule="#132730",
        action=action,
        sources=draw(SIDES),
        destinations=draw(SIDES),
        services=draw(SERVICES),
        match_translated=draw(st.booleans()),
    )


@st.composite
def nat_rules(draw: st.DrawFn) -> NatRule:
    addresses = st.sampled_from(["any", "192.168.20.0/24", "10.95.40.71", "203.0.113.19", "192.168.20.10"])
    return NatRule(
        owner=ESG,
        rule="#196612",
        action=draw(st.sampled_from(NatAction)),
        interface=draw(st.sampled_from([0, 1, 2, None])),
        original=draw(addresses),
        translated=draw(st.sampled_from(["192.168.20.20", "203.0.113.18", "10.95.40.70", "192.168.21.1"])),
        match=draw(addresses),
    )


@given(firewall_rules(FirewallAction.DENY), PACKETS)
@SETTINGS
def test_a_deny_on_top_never_delivers_more(lab: Any, deny: FirewallRule, sent: tuple[str, str]) -> None:
    node, to = sent
    before = trace(lab.network(), lab.packet(node, to), node)
    after = trace(lab.first(deny).network(), lab.packet(node, to), node)
    assert before.verdict == "delivered" or after.verdict != "delivered"


@given(firewall_rules(FirewallAction.ACCEPT), PACKETS)
@SETTINGS
def test_an_accept_on_top_never_denies_more(lab: Any, accept: FirewallRule, sent: tuple[str, str]) -> None:
    node, to = sent
    before = trace(lab.network(), lab.packet(node, to), node)
    after = trace(lab.first(accept).network(), lab.packet(node, to), node)
    assert before.verdict == "denied" or after.verdict != "denied"


@given(st.lists(nat_rules(), max_size=2), PACKETS)
@SETTINGS
def test_what_comes_back_answers_what_was_sent(lab: Any, rules: list[NatRule], sent: tuple[str, str]) -> None:
    """However it was translated on the way; and every node hands on what the one before sent."""
    node, to = sent
    packet = lab.packet(node, to)
    found = trace(lab.first(*rules).network(), packet, node)
    for path in found.paths:
        for leg in path.legs:
            for walk in (leg.there, leg.back):
                hops = walk.hops if walk is not None else ()
                assert all(one.after == next_.before for one, next_ in pairwise(hops))
        if path.end.verdict == "delivered":
            (leg, *_) = path.legs
            assert leg.back is not None
            assert leg.back.hops[-1].after == packet.reply()
            assert leg.back.hops[-1].node.name == node


@given(st.lists(nat_rules(), max_size=2), PACKETS)
@SETTINGS
def test_nothing_translates_while_the_firewall_is_off(
    lab: Any, rules: list[NatRule], sent: tuple[str, str]
) -> None:
    node, to = sent
    found = trace(lab.policy(enabled=False).first(*rules).network(), lab.packet(node, to), node)
    done = {decision.what for _, _, hop in found.worst.hops for decision in hop.decisions}
    assert not done & {What.DNAT, What.SNAT, What.FILTER}
