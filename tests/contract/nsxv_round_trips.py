"""What is applied can be observed: nothing is lost or invented on the way to NSX and back."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hopbook.engine.change import Action, Observation, lanes, project
from hopbook.engine.plan import Known, Step, diff
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    DhGroup,
    DnsRelay,
    EdgeSetting,
    FilterAction,
    FirewallAction,
    FirewallPolicy,
    FirewallRule,
    HighAvailability,
    IkeVersion,
    InterfaceType,
    Ipsec,
    IpsecDigest,
    IpsecEncryption,
    LogicalSwitch,
    NatAction,
    NatRule,
    PrefixFilter,
    Redistributed,
    Service,
    Syslog,
)
from tests.contract.nsxv_lab import (
    ALL,
    ALLOW,
    BGP,
    DEFAULT,
    DLR,
    DNAT,
    ESG,
    INSIDE,
    LIF_IN,
    LOG,
    ON_DLR,
    ON_ESG,
    PAIR,
    PEER,
    POLICY,
    RELAY,
    ROUTE,
    SNAT,
    SWITCH,
    TRANSIT,
    TUNNEL,
    UPLINK,
    VPN,
    Lab,
    as_shown,
    build,
    create,
    delete,
    update,
)

wire = settings(
    max_examples=40,
    # The lab may serve many examples: each removes what it made
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)

EVERYWHERE = IPv4Network("0.0.0.0/0")
UPDATES: list[tuple[Resource, dict[str, Any]]] = [
    (SWITCH, {"purpose": ""}),
    (SWITCH, {"purpose": '<&> "é" [brackets]', "tenant": "another"}),
    (UPLINK, {"address": IPv4Interface("203.0.113.3/25"), "secondaries": (), "mtu": 9000}),
    (UPLINK, {"secondaries": (IPv4Address("203.0.113.77"),)}),
    (INSIDE, {"network": SWITCH.key}),
    (INSIDE, {"connected": False, "type": InterfaceType.UPLINK}),
    (LIF_IN, {"address": IPv4Interface("10.1.4.1/22"), "mtu": 1400, "connected": False}),
    (DEFAULT, {"next_hop": IPv4Address("203.0.113.99"), "interface": None, "purpose": "another way"}),
    (ROUTE, {"interface": 1, "distance": 1, "purpose": ""}),
    (
        SNAT,
        {"translated": "203.0.113.20-203.0.113.29", "match": "198.51.100.7", "enabled": False, "purpose": ""},
    ),
    (DNAT, {"action": NatAction.SNAT, "interface": 1, "match_port": "1000-2000", "logging": False}),
    (ALLOW, {"sources": (), "destinations": ("any",), "services": (), "action": FirewallAction.REJECT}),
    (ALLOW, {"match_translated": True, "enabled": False, "purpose": "x", "services": (Service("icmp"),)}),
    (POLICY, {"enabled": False}),
    (POLICY, {"default": FirewallAction.ACCEPT, "logging": False}),
    (RELAY, {"listeners": (), "forwarders": (), "cache_mb": 16, "enabled": False}),
    (PAIR, {"enabled": False, "dead_time": 15}),
    (LOG, {"servers": (IPv4Address("10.0.80.21"), IPv4Address("10.0.80.22")), "protocol": "udp"}),
    (LOG, {"servers": (), "enabled": False}),
    (BGP, {"asn": 4_200_000_000, "router_id": IPv4Address("10.9.0.1")}),
    (BGP, {"redistributes": (), "prefixes": ()}),
    (BGP, {"redistributes": (Redistributed.STATIC,), "prefixes": ()}),
    (BGP, {"prefixes": (PrefixFilter(action=FilterAction.PERMIT, network=EVERYWHERE, le=32), *BGP.prefixes)}),
    (PEER, {"asn": 65536, "weight": 10, "hold": 30, "keepalive": 10, "imports": None}),
    (PEER, {"imports": (), "exports": (*(PEER.imports or ()), *BGP.prefixes)}),
    (VPN, {"enabled": False}),
    (TUNNEL, {"peer": None, "peer_id": "any-one", "responds_only": True, "enabled": False, "pfs": False}),
    (
        TUNNEL,
        {
            "local": IPv4Address("203.0.113.9"),
            "local_id": "203.0.113.9",
            "local_subnets": (IPv4Network("10.3.0.0/24"),),
            "peer_subnets": (IPv4Network("172.21.0.0/16"), IPv4Network("172.30.0.0/16")),
            "encryption": IpsecEncryption.AES_GCM,
            "digest": IpsecDigest.SHA1,
            "dh_group": DhGroup.DH16,
            "ike": IkeVersion.V1,
        },
    ),
]

addresses = st.builds(lambda number: str(IPv4Address(number)), st.integers(2**24, 2**31))
prefixes = st.builds(lambda address, length: f"{address}/{length}", addresses, st.integers(1, 32))
ranges = st.builds(
    lambda number, more: f"{IPv4Address(number)}-{IPv4Address(number + more)}",
    st.integers(2**24, 2**31),
    st.integers(0, 1000),
)
members = addresses | prefixes | ranges
ports = st.integers(0, 65535).map(str) | st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(
    lambda pair: f"{min(pair)}-{max(pair)}"
)
purposes = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=30).map(str.strip)
portless = st.sampled_from(["any", "icmp", "gre", "esp", "89", "1"])


@st.composite
def nat_rules(draw: st.DrawFn) -> NatRule:
    protocol = draw(portless | st.sampled_from(["tcp", "UDP", "6"]))
    some_ports = st.just("any") | ports if protocol.lower() in {"tcp", "udp", "6"} else st.just("any")
    return NatRule(
        owner=ESG,
        rule=draw(st.text("abc-", min_size=1, max_size=5)),
        action=draw(st.sampled_from(NatAction)),
        interface=draw(st.sampled_from([0, 1])),
        original=draw(members | st.just("ANY")),
        translated=draw(members | st.just("any")),
        protocol=protocol,
        original_port=draw(some_ports),
        translated_port=draw(some_ports),
        match=draw(members | st.just("any")),
        match_port=draw(some_ports),
        enabled=draw(st.booleans()),
        logging=draw(st.booleans()),
        purpose=draw(purposes | st.just("[hopbook:other/x]")),
    )


services = st.builds(
    Service, st.sampled_from(["tcp", "udp", "TCP"]), st.lists(ports | st.just("any"), max_size=3).map(tuple)
) | portless.filter(lambda name: name != "any").map(Service)
groups = st.sampled_from(["vnic-index-0", "vnic-index-9", "internal", "external", "vse"])
sides = st.lists(members | groups | st.just("any"), max_size=4).map(tuple)
firewall_rules = st.builds(
    FirewallRule,
    owner=st.just(ESG),
    rule=st.text("abc-", min_size=1, max_size=5),
    action=st.sampled_from(FirewallAction),
    sources=sides,
    destinations=sides,
    services=st.lists(services, max_size=3).map(tuple),
    match_translated=st.booleans(),
    enabled=st.booleans(),
    logging=st.booleans(),
    purpose=purposes,
)


def ranked(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Rules that shall stand in the order in which they are given."""
    for rank, one in enumerate(resources):
        yield replace(one, rank=rank) if isinstance(one, NatRule | FirewallRule) else one


class RoundTrips:
    """Create, update and delete, kind by kind and field by field."""

    def test_a_scope_that_does_not_exist_is_empty(self, nsx: Lab) -> None:
        assert nsx.see(*(resource.key for resource in ALL)) == Observation()

    def test_a_scope_of_nothing_asks_nothing(self, nsx: Lab) -> None:
        assert nsx.see(Key("vsphere.vm", "worker")) == Observation()
        assert nsx.manager.requests == []

    def test_what_is_made_is_seen_field_for_field(self, nsx: Lab) -> None:
        build(nsx)

        seen = nsx.see(*(resource.key for resource in ALL))

        assert {key: seen.items[key].resource for key in (one.key for one in ALL)} == {
            resource.key: as_shown(resource) for resource in ALL
        }
        assert {key for key, live in seen.items.items() if live.marked} == {
            one.key for one in ALL if isinstance(one, LogicalSwitch | NatRule | FirewallRule)
        }
        assert seen.items[ESG].unreadable == {"cli_password"}
        assert seen.items[TUNNEL.key].unreadable == {"psk"}
        assert seen.pending == ()

    def test_what_a_plan_foresees_is_what_comes(self, nsx: Lab) -> None:
        kinds, known = nsx.provider.kinds, Known({}, str)
        keys = [one.key for one in ALL]
        step = Step("s", "everything", "S6", tuple(ranked(ALL)))
        empty = nsx.see(*keys)
        plan = diff(step, empty, known, kinds, "i")
        foreseen = project(empty, plan.changes, kinds)

        for batch in lanes(plan.changes, kinds).values():
            nsx.done(*batch)

        seen = nsx.see(*keys)
        again = diff(step, seen, known, kinds, "i")
        assert [change for change in again.changes if change.fields] == []
        assert {change.action for change in again.changes} == {Action.ADOPT}  # no journal says whose they are
        assert not any(kinds[change.key.kind].marker for change in again.changes)
        assert (again.blocked, again.findings) == ((), ())
        for key in keys:
            assert as_shown(foreseen.items[key].resource).compared() == seen.items[key].resource.compared()
            assert foreseen.items[key].marked == seen.items[key].marked
        for section, order in foreseen.order.items():
            assert tuple(key for key in seen.order[section] if not seen.items[key].system) == order

    @pytest.mark.parametrize(("resource", "fields"), UPDATES, ids=lambda value: getattr(value, "name", None))
    def test_an_update_reaches_every_field(
        self, nsx: Lab, resource: Resource, fields: dict[str, Any]
    ) -> None:
        build(nsx)
        wanted = replace(resource, **fields)

        nsx.done(update(resource, wanted))

        seen = nsx.see(*(one.key for one in ALL))
        assert seen.items[resource.key].resource == as_shown(wanted)
        assert {key: live.resource for key, live in seen.items.items() if key != resource.key} == {
            **{key: live.resource for key, live in seen.items.items() if live.system},
            **{one.key: as_shown(one) for one in ALL if one.key != resource.key},
            **{
                key: live.resource
                for key, live in seen.items.items()
                if key.name == DLR.name and live.at_default
            },
        }

    def test_a_setting_says_whether_it_is_as_delivered(self, nsx: Lab) -> None:
        bare = [one for one in ON_ESG if not isinstance(one, EdgeSetting | BgpNeighbour)]
        build(nsx, [TRANSIT, *bare])

        kinds = (FirewallPolicy, DnsRelay, HighAvailability, Syslog, Bgp, Ipsec)
        assert all(nsx.see(ESG).items[Key(kind.kind, ESG.name)].at_default for kind in kinds)

        nsx.done(create(RELAY))
        assert not nsx.see(ESG).items[RELAY.key].at_default

        nsx.done(delete(RELAY))
        assert nsx.see(ESG).items[RELAY.key].at_default

    @wire
    @given(rule=nat_rules())
    def test_any_nat_rule_comes_back_as_it_went(self, nsx: Lab, rule: NatRule) -> None:
        self._there_and_back(nsx, rule)

    @wire
    @given(rule=firewall_rules)
    def test_any_firewall_rule_comes_back_as_it_went(self, nsx: Lab, rule: FirewallRule) -> None:
        self._there_and_back(nsx, rule)

    def _there_and_back(self, nsx: Lab, rule: NatRule | FirewallRule) -> None:
        if nsx.see(ESG).get(ESG) is None:
            build(nsx, [TRANSIT, *ON_ESG])
        plain = SNAT if isinstance(rule, NatRule) else DENY_FROM
        before = replace(plain, rule=rule.rule)

        nsx.done(create(before))
        nsx.done(update(before, rule))
        updated = nsx.live(rule.key)
        nsx.done(delete(rule))
        nsx.done(create(rule))
        made = nsx.live(rule.key)
        nsx.done(delete(rule))

        assert (updated, made) == (rule, rule)
        assert nsx.see(ESG).get(rule.key) is None

    def test_what_is_deleted_is_gone_and_deleting_it_again_is_well(self, nsx: Lab) -> None:
        build(nsx)
        parts = [one for one in (*ON_ESG, *ON_DLR) if not isinstance(one, EdgeSetting)]
        gone = [ROUTE, SNAT, DNAT, ALLOW, INSIDE, PEER, TUNNEL]

        nsx.done(*(delete(one) for one in gone))
        nsx.done(delete(LIF_IN))
        assert {one.key for one in parts} & nsx.see(ESG, DLR).items.keys() == {
            one.key for one in parts if one not in {*gone, LIF_IN}
        }
        nsx.done(delete(SWITCH))
        assert nsx.see(SWITCH.key).get(SWITCH.key) is None

        before = nsx.manager.dump()
        nsx.done(*(delete(one) for one in gone))
        nsx.done(delete(LIF_IN))
        nsx.done(delete(SWITCH))
        assert nsx.manager.dump() == before

    def test_an_edge_goes_with_all_that_it_carries(self, nsx: Lab) -> None:
        build(nsx)

        nsx.done(*(delete(one) for one in reversed(ON_ESG)))
        nsx.done(*(delete(one) for one in reversed(ON_DLR)))

        assert nsx.see(ESG, DLR) == Observation()
        nsx.done(delete(ON_ESG[0]))


DENY_FROM = FirewallRule(owner=ESG, rule="x", action=FirewallAction.DENY, sources=("10.0.0.0/8",))
