"""Documents as real managers write them, where they differ from our simulated one.

The shapes are those that `nsxv.md` reports of captures and of the API guide; the values are ours.
"""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest

from adapters.nsxv import xml
from adapters.nsxv.provider import appliances, firewall, interfaces, nat, routes, rules, settings
from adapters.nsxv.provider.markers import Markers
from hopbook.resources.base import Key
from hopbook.resources.nsxv import (
    DnsRelay,
    NatAction,
    NatRule,
    Placement,
    Router,
    StaticRoute,
    Syslog,
)
from tests.contract.nsxv_lab import ALLOW, DLR, ESG

NAT_RULE = """<natRule><ruleTag>196609</ruleTag><ruleId>196609</ruleId><ruleType>user</ruleType>
  <action>DNAT</action>{more}<originalAddress>10.112.196.116/32</originalAddress>
  <translatedAddress>172.16.1.10</translatedAddress><loggingEnabled>True</loggingEnabled><enabled>TRUE</enabled>
  <description></description><protocol>TCP</protocol><translatedPort>3389</translatedPort>
  <originalPort>3389</originalPort></natRule>"""


def element(text: str) -> xml.Element:
    return xml.parse(text.encode())


def test_a_nat_rule_of_an_older_client_reads_the_same() -> None:
    read = nat.read(ESG, "#1", "", element(NAT_RULE.format(more="<vnic>0</vnic>")))

    assert read == NatRule(
        owner=ESG,
        rule="#1",
        action=NatAction.DNAT,
        interface=0,
        original="10.112.196.116",
        translated="172.16.1.10",
        protocol="tcp",
        original_port="3389",
        translated_port="3389",
        logging=True,
    )
    assert nat.read(ESG, "#1", "", element(NAT_RULE.format(more=""))) == replace(read, interface=None)


@pytest.mark.parametrize(
    "more",
    [
        "<protocol>icmp</protocol><icmpType>echo-request</icmpType>",
        "<snatMatchDestinationPort>80-90</snatMatchDestinationPort>",
    ],
)
def test_what_a_nat_rule_of_others_says_more_comes_back(more: str) -> None:
    live = element(f"<natRule><action>snat</action><ruleTag>70000</ruleTag>{more}</natRule>")
    read = nat.read(ESG, "#1", "", live)
    before = {child.tag: child.text for child in live}

    nat.fill(live, replace(read, interface=3), "changed")
    nat.fill(live, read, "")

    assert before.items() <= {child.tag: child.text for child in live}.items()
    assert nat.read(ESG, "#1", "", live) == read


def test_an_update_of_a_rule_keeps_what_we_do_not_know() -> None:
    live = element(
        "<firewallRule><id>7</id><ruleTag>9</ruleTag><action>deny</action><future>x</future>"
        "<source><ipAddress>1.1.1.1</ipAddress></source></firewallRule>"
    )
    firewall.fill(live, ALLOW, "d")

    assert (xml.text(live, "id"), xml.text(live, "ruleTag"), xml.text(live, "future")) == ("7", "9", "x")
    assert firewall.read(ESG, "", ALLOW.purpose, live) == ALLOW


@pytest.mark.parametrize(
    "rule",
    [
        "<source><exclude>true</exclude><ipAddress>10.0.0.0/8</ipAddress><groupingObjectId>ipset-1</groupingObjectId></source>",
        "<source><exclude>false</exclude><groupingObjectId>securitygroup-7</groupingObjectId></source>",
        "<source><vnicGroupId>vnic-index-5</vnicGroupId></source><direction>out</direction>",
        "<direction>in</direction>",
        "<application><applicationId>application-155</applicationId></application>",
        "<application><service><protocol>icmp</protocol><icmpType>echo-reply</icmpType></service></application>",
        "<application><service><protocol>tcp</protocol><port>80</port><sourcePort>1500</sourcePort></service></application>",
        "<application><service><protocol>udp</protocol><port>67</port><sourcePort>any</sourcePort></service></application>",
        "<application><service><protocol>tcp</protocol><port>80</port><port>81</port></service></application>",
    ],
)
def test_what_a_firewall_rule_of_others_says_comes_back(rule: str) -> None:
    live = element(f"<firewallRule><name>x</name><action>accept</action>{rule}</firewallRule>")
    read = firewall.read(ESG, "", "", live)
    written = xml.make("firewallRule")

    firewall.fill(written, read, "")

    assert firewall.read(ESG, "", "", written) == read
    for tag in ("direction", "source/groupingObjectId", "source/vnicGroupId", "application/applicationId"):
        assert xml.texts(written, tag) == xml.texts(live, tag)
    for tag in ("icmpType", "port"):
        assert xml.texts(written, f"application/service/{tag}") == xml.texts(
            live, f"application/service/{tag}"
        )


def test_an_exclusion_is_written_as_one() -> None:
    written = xml.make("firewallRule")
    firewall.fill(written, replace(ALLOW, sources=("!10.0.0.0/8", "!ipset-1")), "")

    assert xml.flag(written, "source/exclude", default=False)
    assert xml.texts(written, "source/ipAddress") == ("10.0.0.0/8",)
    assert xml.texts(written, "source/groupingObjectId") == ("ipset-1",)


def test_a_slot_with_two_subnets_and_ipv6_keeps_what_is_wanted() -> None:
    slot = element(
        """<vnic><name>public</name><index>0</index><type>uplink</type><isConnected>true</isConnected>
        <portgroupId>dvportgroup-1</portgroupId><portgroupName>x</portgroupName><mtu>1500</mtu>
        <macAddress><value>00:50:56:00:00:01</value></macAddress><addressGroups>
        <addressGroup><primaryAddress>2001:db8::1</primaryAddress><subnetPrefixLength>64</subnetPrefixLength></addressGroup>
        <addressGroup><primaryAddress>203.0.113.2</primaryAddress><subnetMask>255.255.255.0</subnetMask>
          <secondaryAddresses><ipAddress>203.0.113.9</ipAddress></secondaryAddresses></addressGroup>
        <addressGroup><primaryAddress>198.51.100.2</primaryAddress><subnetPrefixLength>28</subnetPrefixLength>
          <secondaryAddresses><ipAddress>198.51.100.3</ipAddress></secondaryAddresses></addressGroup>
        </addressGroups></vnic>"""
    )
    read = interfaces.read(ESG, slot, "dvportgroup-1")
    assert read is not None
    assert read.address == IPv4Interface("203.0.113.2/24")
    assert read.secondaries == tuple(map(IPv4Address, ("198.51.100.2", "198.51.100.3", "203.0.113.9")))

    interfaces.fill(slot, replace(read, mtu=9000), "dvportgroup-1")
    assert interfaces.read(ESG, slot, "dvportgroup-1") == replace(read, mtu=9000)
    assert xml.text(slot, "macAddress/value") == "00:50:56:00:00:01"
    assert "2001:db8::1" in xml.texts(slot, "addressGroups/addressGroup/primaryAddress")

    fewer = replace(read, secondaries=(IPv4Address("198.51.100.2"),))
    interfaces.fill(slot, fewer, "dvportgroup-1")
    assert interfaces.read(ESG, slot, "dvportgroup-1") == fewer

    none = replace(read, secondaries=())
    interfaces.fill(slot, none, "dvportgroup-1")
    assert interfaces.read(ESG, slot, "dvportgroup-1") == none


def test_routes_of_an_edge_with_ecmp_and_ipv6() -> None:
    static = element(
        """<staticRouting><version>8</version><staticRoutes>
        <route><vnic>vNic_1</vnic><network>10.1.0.1/24</network><nextHop>10.9.0.2</nextHop><mtu>1400</mtu>
          <adminDistance>1</adminDistance><type>user</type></route>
        <route><network>10.2.0.0/24</network><nextHop>10.9.0.2</nextHop><type>internal</type></route>
        <route><network>2001:db8::/32</network><nextHop>2001:db8::1</nextHop></route></staticRoutes>
        <defaultRoute><vnic>0</vnic><gatewayAddress>203.0.113.1, 203.0.113.4</gatewayAddress></defaultRoute>
        </staticRouting>"""
    )
    seen = dict(routes.observed(ESG, static))
    ours, second = Key(StaticRoute.kind, "icp-esg/default"), "icp-esg/#0.0.0.0/0-203.0.113.4-0"
    assert [key.name for key in seen] == [
        "icp-esg/10.1.0.0/24-10.9.0.2",
        "icp-esg/10.2.0.0/24-10.9.0.2",
        "icp-esg/default",
        second,
    ]
    assert [live.system for live in seen.values()] == [False, True, False, False]
    default = seen[ours].resource
    route = seen[Key(StaticRoute.kind, "icp-esg/10.1.0.0/24-10.9.0.2")].resource
    assert isinstance(default, StaticRoute)
    assert isinstance(route, StaticRoute)
    assert route.interface == 1

    routes.write(static, default, replace(default, next_hop=IPv4Address("203.0.113.7"), distance=3))
    assert xml.text(static, "defaultRoute/gatewayAddress") == "203.0.113.7,203.0.113.4"
    assert xml.text(static, "defaultRoute/adminDistance") == "3"
    routes.write(static, route, replace(route, distance=9))
    assert xml.text(static, "staticRoutes/route/mtu") == "1400"
    routes.write(static, replace(default, next_hop=IPv4Address("203.0.113.7")), None)
    assert xml.text(static, "defaultRoute/gatewayAddress") == "203.0.113.4"
    routes.write(static, route, None)
    assert xml.texts(static, "staticRoutes/route/network") == ("10.2.0.0/24", "2001:db8::/32")


def test_routes_of_an_edge_that_has_none() -> None:
    static = element("<staticRouting/>")
    new = StaticRoute(owner=ESG, network=IPv4Network("10.0.0.0/8"), next_hop=IPv4Address("10.9.0.2"))
    default = replace(new, network=IPv4Network("0.0.0.0/0"))

    for route in (new, default):
        routes.write(static, None, route)
    assert [live.resource for live in dict(routes.observed(ESG, static)).values()] == [new, default]
    for route in (new, default):
        routes.write(static, route, None)
        routes.write(static, route, None)
    assert dict(routes.observed(ESG, static)) == {}


def test_settings_that_say_less_than_the_guide_are_as_delivered() -> None:
    features = element(
        "<features><dns><enabled>false</enabled></dns><syslog><enabled>false</enabled></syslog></features>"
    )

    seen = [live for _, live in settings.observed(ESG, features)]

    assert [live.resource for live in seen] == [DnsRelay(owner=ESG), Syslog(owner=ESG)]
    assert all(live.at_default for live in seen)


def test_a_relay_keeps_its_further_views_and_its_logging() -> None:
    live = element(
        "<dns><enabled>true</enabled><dnsViews><dnsView><viewId>view-0</viewId></dnsView><dnsView><viewId>view-1</viewId>"
        "<forwarders><ipAddress>10.0.0.9</ipAddress></forwarders></dnsView></dnsViews><logging><enable>true</enable>"
        "</logging></dns>"
    )
    wanted = DnsRelay(owner=ESG, enabled=True, forwarders=(IPv4Address("10.0.0.1"),))

    settings.SETTINGS[DnsRelay.kind].fill(live, wanted)

    assert xml.text(live, "listeners/vnic") == "any"
    assert xml.texts(live, "dnsViews/dnsView/viewId") == ("view-0", "view-1")
    assert xml.texts(live, "dnsViews/dnsView/forwarders/ipAddress") == ("10.0.0.1", "10.0.0.9")
    assert xml.flag(live, "logging/enable", default=False)
    assert settings.SETTINGS[DnsRelay.kind].read(ESG, live) == wanted


def test_an_appliance_that_was_moved_is_where_it_was_asked_to_be() -> None:
    live = element(
        "<edge><id>edge-2</id><datacenterMoid>datacenter-2</datacenterMoid><appliances><appliance>"
        "<resourcePoolId>resgroup-9</resourcePoolId><datastoreId>datastore-9</datastoreId><configuredResourcePool>"
        "<id>resgroup-1</id></configuredResourcePool><configuredDataStore><id>datastore-1</id></configuredDataStore>"
        "</appliance></appliances></edge>"
    )

    seen = appliances.observed(DLR, live, "dvportgroup-38")

    assert seen.resource == Router(
        router=DLR.name,
        datacenter="datacenter-2",
        placements=(Placement("resgroup-1", "datastore-1"),),
        ha_network="dvportgroup-38",
    )


def test_rules_are_known_by_either_name_of_their_id() -> None:
    config = element(
        "<firewall><firewallRules><firewallRule><ruleId>7</ruleId><name>x</name><action>deny</action></firewallRule>"
        "<firewallRule><id>8</id><ruleType>internal_low</ruleType><action>deny</action></firewallRule>"
        "</firewallRules></firewall>"
    )

    seen = dict(rules.observed(rules.FIREWALL, ESG, config, Markers("lab")))

    assert [(key.name, live.handle, live.system) for key, live in seen.items()] == [
        ("icp-esg/#7", "7", False),
        ("icp-esg/#8", "8", True),
    ]
