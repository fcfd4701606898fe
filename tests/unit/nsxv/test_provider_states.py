"""How the edge's own words on sessions, tunnels and prefixes are read."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from adapters.nsxv.provider import bgp, states
from adapters.nsxv.xml import make, parse
from hopbook.resources.base import Key
from hopbook.resources.nsxv import (
    Bgp,
    BgpNeighbour,
    BgpSession,
    Edge,
    FilterAction,
    IpsecTunnel,
    PrefixFilter,
    Redistributed,
)

ESG = Key(Edge.kind, "esg")
TOLD = """
BGP neighbor is 192.0.2.2,   remote AS 64706,
BGP state = Established, up
Hold time is 3, Keep alive interval is 1 seconds
Neighbor capabilities:
         Route refresh: advertised and received
Received 338 messages, Sent 338 messages
Local host: 192.0.2.1, Local port: 179
Remote host: 192.0.2.2, Remote port: 56330


BGP neighbor is 192.0.2.6,   remote AS 1.10,
BGP state = Active
Hold time is 180, Keep alive interval is 60 seconds
"""


def test_each_neighbour_has_its_state() -> None:
    one, two = states.sessions(TOLD, ESG)
    assert (one, one.why) == (BgpSession(owner=ESG, address=IPv4Address("192.0.2.2")), "")
    assert (two.address, two.state) == (IPv4Address("192.0.2.6"), "Active")
    assert "tcp/179" in two.why


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_nothing_is_no_neighbour(text: str) -> None:
    assert list(states.sessions(text, ESG)) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("% Invalid command: ip bgp neighbors\n", "Invalid command"),
        ("Error: edge edge-7 is not found.\n", "edge-7"),
        (TOLD.replace("BGP state = Active\n", ""), "192.0.2.6 has no state"),
    ],
)
def test_something_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(states.sessions(text, ESG))


PAIR = "<tunnelStats><tunnelStatus>{}</tunnelStatus><failureMessage>{}</failureMessage></tunnelStats>"


@pytest.mark.parametrize(
    ("channel", "pairs", "up", "why"),
    [
        ("up", PAIR.format("up", ""), True, ""),
        ("UP", "", True, ""),
        ("up", PAIR.format("up", "") + PAIR.format("down", "TS_UNACCEPTABLE"), False, "TS_UNACCEPTABLE"),
        ("down", PAIR.format("down", "X") * 2, False, "said; X"),
        ("", "", False, "said"),
    ],
)
def test_a_tunnel_is_up_with_all_its_pairs(channel: str, pairs: str, up: bool, why: str) -> None:
    said = "<lastInformationalMessage>said</lastInformationalMessage>"
    ike = f"<ikeStatus><channelStatus>{channel}</channelStatus>{said}</ikeStatus>"
    told = parse(
        f"<s><siteStatistics><siteId>ipsecsite-1</siteId>{ike}{pairs}</siteStatistics>"
        "<siteStatistics><siteId>ipsecsite-2</siteId></siteStatistics></s>".encode()
    )
    (tunnel,) = states.tunnels(told, ESG, {"ipsecsite-1": "a"})
    assert tunnel == IpsecTunnel(owner=ESG, site="a", up=up, why=why)


def routing(inside: str, prefixes: str = "") -> bytes:
    head = f"<routingGlobalConfig><routerId>10.0.0.1</routerId>{prefixes}</routingGlobalConfig>"
    return f"<routing>{head}<bgp><enabled>true</enabled>{inside}</bgp></routing>".encode()


@pytest.mark.parametrize(
    ("spelt", "asn"),
    [
        ("<localAS>65010</localAS>", 65010),
        ("<localASNumber>4200000000</localASNumber>", 4_200_000_000),
        ("<localASNumber>1.10</localASNumber>", 65546),
        ("<localAS>65010</localAS><localASNumber>65010</localASNumber>", 65010),
    ],
)
def test_an_as_number_is_read_in_every_spelling(spelt: str, asn: int) -> None:
    assert bgp.read(ESG, parse(routing(spelt))).asn == asn


def test_a_rule_of_a_prefix_that_is_gone_is_not_guessed() -> None:
    rule = (
        "<rule><prefixName>gone</prefixName><from><static>true</static></from><action>permit</action></rule>"
    )
    inside = (
        f"<localAS>1</localAS><redistribution><enabled>true</enabled><rules>{rule}</rules></redistribution>"
    )
    with pytest.raises(ValueError, match="prefix gone"):
        bgp.read(ESG, parse(routing(inside)))


def test_a_prefix_made_by_hand_is_used_and_ours_goes_with_its_rule() -> None:
    named = (
        "<ipPrefixes><ipPrefix><name>theirs</name><ipAddress>10.1.0.9/16</ipAddress></ipPrefix></ipPrefixes>"
    )
    live = parse(routing("<localAS>1</localAS>", named))
    wanted = Bgp(
        owner=ESG,
        enabled=True,
        asn=1,
        router_id=IPv4Address("10.0.0.1"),
        redistributes=tuple(Redistributed),
        prefixes=tuple(
            PrefixFilter(action=FilterAction.PERMIT, network=IPv4Network(network))
            for network in ("10.1.0.0/16", "10.2.0.0/16")
        ),
    )
    bgp.write(live, wanted)
    assert bgp.read(ESG, live) == wanted
    names = [one.text for one in live.iterfind(".//ipPrefix/name")]
    assert names == ["theirs", "hopbook-10.2.0.0-16"]
    assert [one.text for one in live.iterfind(".//rule/prefixName")] == names
    bgp.write(live, Bgp(owner=ESG, router_id=IPv4Address("10.0.0.1")))
    assert [one.text for one in live.iterfind(".//ipPrefix/name")] == ["theirs"]
    assert live.find("bgp") is None


def test_a_line_that_denies_everything_at_the_end_says_nothing() -> None:
    line = PrefixFilter(action=FilterAction.PERMIT, network=IPv4Network("10.0.0.0/8"))
    rest = PrefixFilter(action=FilterAction.DENY, network=IPv4Network("0.0.0.0/0"), le=32)
    peer = BgpNeighbour(
        owner=ESG, address=IPv4Address("10.0.0.9"), asn=2, imports=(line, rest), exports=(rest,)
    )
    assert (peer.imports, peer.exports) == ((line,), ())
    live = make("routing")
    bgp.write(live, Bgp(owner=ESG, enabled=True, asn=1, router_id=IPv4Address("10.0.0.1")))
    bgp.write_neighbour(live, None, peer)
    assert dict(bgp.observed(ESG, live))[peer.key].resource == peer
    assert [one.text for one in live.iterfind(".//bgpFilter/action")] == ["permit", "deny"]
