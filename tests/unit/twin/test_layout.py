"""What a network becomes, as text: no namespace is made here."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from adapters.twin import bird, needs, nft, strongswan
from adapters.twin.bird import Heard
from adapters.twin.layout import Layout, NotBuildable, lay_out
from adapters.twin.needs import NotInstalled, need
from adapters.twin.nft import Meaning
from hopbook.network.bgp import Permission, PrefixRule
from hopbook.network.nodes import Backend, Network
from hopbook.resources.nsxv import FirewallAction, NatAction
from tests.twin.small import (
    OWN,
    allow,
    cluster,
    edge,
    firewall,
    machine,
    nat,
    network,
    number,
    placed,
    ports,
    published,
    router,
    side,
    speaking,
    stretched,
    tunnelled,
    way,
)


def script(layout: Layout, name: str, host: str = "") -> list[str]:
    return layout.scripts[layout.of(name, host).name].splitlines()


def rules(layout: Layout, name: str) -> str:
    return layout.rules[layout.of(name).name]


def changed(before: Network, name: str, **fields: object) -> Network:
    nodes = {**before.nodes, name: replace(before.nodes[name], **fields)}  # type: ignore[arg-type]
    return Network.of(nodes.values(), before.segments.values(), names={})


def test_a_node_is_one_namespace_and_a_distributed_router_one_in_each_host() -> None:
    layout = lay_out(placed())
    names = [station.name for station in layout.stations]
    assert len(names) == len(set(names))
    assert [station.host for station in layout.stations if station.node == "dlr"] == ["esx1", "esx2", "esx3"]
    assert layout.of("dlr", "esx2").interfaces["i1"] == "one"
    assert layout.of("esx1").layer2
    assert not layout.of("a").layer2
    with pytest.raises(KeyError):
        layout.of("dlr", "esx9")


def test_two_stations_alone_are_wired_directly() -> None:
    layout = lay_out(published())
    esg, internet = layout.of("esg").name, layout.of("internet").name
    assert layout.wires[esg, "i0"] == (internet, "i1")
    assert layout.wires[internet, "i1"] == (esg, "i0")
    assert not any(station.name == "fabric" for station in layout.stations)


def test_absent_nodes_are_left_out_but_for_those_that_count_as_there() -> None:
    absent = changed(published(), "web", present=False)
    with pytest.raises(KeyError):
        lay_out(absent).of("web")
    assert lay_out(absent, there={"web"}).of("web").node == "web"


def test_a_neighbour_without_an_address_gets_one_of_its_own() -> None:
    layout = lay_out(published())
    (default,) = (line for line in script(layout, "esg") if "0.0.0.0/0" in line)
    via = default.split(" via ")[1].split()[0]
    assert f"addr add {via}/32 dev i1" in script(layout, "internet")
    assert default.endswith("dev i0 onlink src 198.51.100.2 metric 1")
    # the edge looks where a packet comes from, so it has to know who asks
    assert f"route add {via}/32 dev i0 scope link" in script(layout, "esg")


def test_the_addresses_that_it_makes_up_are_nobodys() -> None:
    taken = machine("taken", "backbone", "100.127.0.9")
    before = published()
    layout = lay_out(Network.of([*before.nodes.values(), taken], before.segments.values(), names={}))
    assert "198.19." in layout.scripts[layout.of("internet").name]


def test_a_route_that_leads_nowhere_is_thrown() -> None:
    assert "route add throw 10.0.0.0/8" in script(lay_out(published()), "internet")


def test_equal_routes_are_one_route_with_several_ways() -> None:
    sides = [side("a", "s1", "10.1.0.1/24"), side("b", "s2", "10.2.0.1/24")]
    ways = (way("10.9.0.0/16", "a", "10.1.0.2"), way("10.9.0.0/16", "b", "10.2.0.2"))
    layout = lay_out(network([router("r", sides, *ways)]))
    hops = "nexthop via 10.1.0.2 dev i0 onlink nexthop via 10.2.0.2 dev i1 onlink"
    assert f"route add 10.9.0.0/16 metric 1 {hops}" in script(layout, "r")


def test_who_forwards_and_who_looks_where_packets_come_from() -> None:
    layout = lay_out(cluster())
    sysctls = {station.node: layout.sysctls[station.name] for station in layout.stations}
    forwards = {name: held["net/ipv4/ip_forward"] for name, held in sysctls.items() if name}
    assert forwards == {"gw": "1", "w1": "1", "w2": "1", "pod1": "0", "pod2": "0", "user": "0"}
    strict = {name for name, held in sysctls.items() if held.get("net/ipv4/conf/default/rp_filter") == "1"}
    assert strict == {"w1", "w2"}


def test_routers_addresses_are_not_asked_for_beyond_their_host() -> None:
    layout = lay_out(placed())
    kept = rules(layout, "esx2")
    for address in ("192.168.10.2", "172.16.1.1", "172.16.2.1"):
        assert kept.count(f"arp daddr ip {address} drop") == kept.count(f"arp saddr ip {address} drop") > 0
    permanent = [line for line in script(layout, "dlr", "esx1") if line.startswith("neigh")]
    assert {line.split()[2] for line in permanent} == {
        "192.168.10.1",
        "172.16.1.10",
        "172.16.2.10",
        "172.16.2.12",
    }


def test_uplinks_and_tunnels_of_an_overlay_do_not_meet() -> None:
    layout = lay_out(placed(far=False, unknown=True))
    lines = script(layout, "esx2")
    joined = {line.split()[2] for line in lines if " master b" in line and line.split()[2][0] in "ux"}
    isolated = {line.split()[2] for line in lines if line.endswith("isolated on")}
    shared = {name for name in joined if "u" + name[1:] in joined and "x" + name[1:] in joined}
    assert shared
    assert shared <= isolated
    assert sum(line.endswith("isolated on") for line in layout.scripts["fabric"].splitlines()) == len(shared)


def test_vxlan_knows_every_other_tunnel_end() -> None:
    far, near = lay_out(placed()), lay_out(placed(far=False))
    esx1 = far.of("esx1").name
    flooded = [line for line in far.flooding[esx1].splitlines() if "00:00:00:00:00:00" in line]
    assert sorted({line.split()[-1] for line in flooded}) == ["10.160.0.12", "10.160.0.13"]
    assert not any("00:00:00:00:00:00" in lines for lines in near.flooding.values())
    assert any("id 5001" in line and "remote 10.160.0.12" in line for line in script(near, "esx1"))


@pytest.mark.parametrize(("reading", "room"), [("silent", 1450), ("told", 1450)])
def test_what_an_underlay_carries(reading: str, room: int) -> None:
    small = placed(carries=1500)
    segments = [replace(item, carries=9000) if item.vni else item for item in small.segments.values()]
    layout = lay_out(Network.of(small.nodes.values(), segments, names={}), {"A15": reading})
    tunnel = next(line for line in script(layout, "esx1") if "type vxlan" in line)
    assert (f"mtu {room} " in tunnel) is (reading == "silent")


def test_a_firewall_compares_what_nsx_compares() -> None:
    held = firewall(
        OWN,
        allow("before", destinations=("198.51.100.3",), services=ports("tcp", "80", "444-450")),
        allow("behind", destinations=("10.0.0.20",), services=ports("tcp", "8443"), match_translated=True),
        allow("kind", "10.0.0.0/8", "internal", action=FirewallAction.REJECT),
    )
    before = published()
    layout = lay_out(changed(before, "esg", firewall=held))
    text = rules(layout, "esg")
    assert "ct original ip daddr 198.51.100.3 meta l4proto tcp ct original proto-dst { 80, 444-450 }" in text
    assert "ip daddr 10.0.0.20 meta l4proto tcp th dport 8443" in text
    assert 'iifname "i1" meta l4proto tcp counter' in text
    assert "ip saddr 10.0.0.0-10.255.255.255 counter" in text
    assert Meaning("refused", "firewall kind") in layout.meaning.values()
    assert set(layout.meaning) >= {
        word for word in text.split() if word.startswith("c") and word[1:].isdigit()
    }


def test_a_firewall_that_is_off_does_nothing_and_translates_nothing() -> None:
    off = changed(published(), "esg", firewall=firewall(OWN, enabled=False))
    assert lay_out(off).of("esg").name not in lay_out(off).rules


def test_what_cannot_be_expressed_is_named() -> None:
    odd = firewall(allow("group", "ipset-4"))
    with pytest.raises(NotBuildable, match="firewall group: ipset-4"):
        lay_out(changed(published(), "esg", firewall=odd))
    rule = nat(NatAction.DNAT, 0, "!10.0.0.1", "10.0.0.2", rule="odd")
    sides = [side("public", "p", "198.51.100.2/24", index=0)]
    with pytest.raises(NotBuildable, match="DNAT odd"):
        lay_out(network([edge("esg", sides, nats=[rule])]))


def test_a_distributed_firewall_stands_at_the_machine() -> None:
    guarded = changed(
        placed(), "a", vnic=firewall(allow("ssh", "172.16.0.0/12", services=ports("tcp", "22")))
    )
    text = rules(lay_out(guarded), "a")
    assert "hook prerouting" in text
    assert "hook postrouting" in text
    assert text.count("ip saddr 172.16.0.0-172.31.255.255 meta l4proto tcp th dport 22") == 2
    grouped = changed(placed(), "a", vnic=firewall(allow("group", "internal")))
    with pytest.raises(NotBuildable, match="firewall group"):
        lay_out(grouped)


def test_a_service_chooses_an_endpoint() -> None:
    layout = lay_out(cluster())
    first, second = layout.forwardings["web"]
    assert (first.station, second.station) == (layout.of("w1").name, layout.of("w2").name)
    one = Backend(number("172.30.1.10"), 8080)
    assert "dnat to 172.30.1.10:8080" in first.script(one)
    assert "numgen random mod 2" in first.script(None)
    assert "none" not in layout.forwardings
    local = lay_out(cluster(local_only=True)).forwardings["web"]
    assert [item.endpoints for item in local] == [(one,), (Backend(number("172.30.2.10"), 8080),)]
    (wrapped, _) = layout.wrappings
    assert wrapped.ways == ((IPv4Network("172.30.2.0/26"), number("10.0.0.12")),)


def test_a_tunnel_takes_the_rules_of_the_vnic_that_it_replaces() -> None:
    first = rules(lay_out(tunnelled(snat=True)), "esg")
    assert 'oifname "ipsec0" ip daddr 172.30.0.0-172.30.255.255 ip saddr 172.16.0.0-172.16.255.255' in first
    assert "ip saddr 172.16.0.0-172.16.255.255 ip daddr 172.30.0.0-172.30.255.255 accept" not in first
    second = rules(lay_out(tunnelled(snat=True), {"A1": "selectors, then SNAT"}), "esg")
    assert "ip saddr 172.16.0.0-172.16.255.255 ip daddr 172.30.0.0-172.30.255.255 accept" in second


def test_a_tunnel_that_lets_go_drops_nothing() -> None:
    stays, goes = (rules(lay_out(tunnelled(policies_stay=stay)), "esg") for stay in (True, False))
    assert "chain policies0 {\ncounter" in stays
    assert "chain policies0 {\n}" in goes


def test_what_charon_is_told() -> None:
    (esg, gateway) = lay_out(tunnelled(secret="another")).gateways
    assert "local_ts = 172.16.0.0/16" in esg.connections
    assert "remote_addrs = 10.2.0.2" in esg.connections
    assert "another" not in esg.connections
    secrets = [item.connections.split("secret = ")[1].split()[0] for item in (esg, gateway)]
    assert secrets[0] != secrets[1]
    assert esg.mtu == 1400
    assert not esg.borrowed  # it has an address in that subnet
    (c1, c2) = lay_out(stretched()).gateways
    assert c1.extends is not None
    assert c2.extends is not None
    assert (c1.extends.near, c1.extends.far) == (c2.extends.far, c2.extends.near)


_SAS = """\
t0: #1, ESTABLISHED, IKEv2, 94f2b2f6ca5f2c4d_i* 5d2b1f0a5d1a2b3c_r
  local  '10.2.0.2' @ 10.2.0.2[4500]
  remote '10.1.0.2' @ 10.1.0.2[4500]
  t0: #1, reqid 1, INSTALLED, TUNNEL-in-UDP, ESP:AES_CBC-256/HMAC_SHA2_256_128
    installed 0s ago, rekeying in 3374s, expires in 3960s
    in  0a0b0c0d,      0 bytes,     0 packets
    out 01020304,      0 bytes,     0 packets
    local  172.30.0.0/16
    remote 172.16.0.0/16 172.17.0.0/16
"""
_LOG = """\
05[CHD]   using AES_CBC for encryption
05[CHD] CHILD_SA encryption initiator key => 4 bytes @ 0x1
05[CHD]    0: 11 22 33 44                                      ."3D
07[CHD] CHILD_SA encryption initiator key => 4 bytes @ 0x2
07[CHD]    0: FF FF FF FF                                      ....
05[CHD] CHILD_SA encryption responder key => 4 bytes @ 0x1
05[CHD]    0: 55 66 77 88                                      Ufw.
05[CHD] CHILD_SA integrity initiator key => 4 bytes @ 0x1
05[CHD]    0: 00 00 00 00                                      ....
05[CHD]   adding inbound ESP SA
05[CHD]     SPI 0x0a0b0c0d, src 10.1.0.2 dst 10.2.0.2
05[CHD]   adding outbound ESP SA
05[CHD]     SPI 0x01020304, src 10.2.0.2 dst 10.1.0.2
"""


def test_what_charon_says_of_a_tunnel() -> None:
    (found,) = strongswan.associations(_SAS)
    assert found.here
    assert found.local == (IPv4Network("172.30.0.0/16"),)
    assert found.remote == (IPv4Network("172.16.0.0/16"), IPv4Network("172.17.0.0/16"))
    assert "route replace 172.17.0.0/16 dev ipsec0 scope link table 220" in strongswan.into(found)
    keys = {spi: key.cipher.hex() for spi, key in strongswan.keys(_LOG, (found,)).items()}
    assert keys == {0x0A0B0C0D: "55667788", 0x01020304: "11223344"}
    responds = strongswan.associations(_SAS.replace("_i* ", "_i ").replace("3c_r", "3c_r*"))
    keys = {spi: key.cipher.hex() for spi, key in strongswan.keys(_LOG, responds).items()}
    assert keys == {0x0A0B0C0D: "11223344", 0x01020304: "55667788"}
    assert "ip saddr 172.30.0.0-172.30.255.255" in nft.policies("ip edge p", "c1", found.local, found.remote)


_SHOWN = """\
2002-Name       Proto      Table      State  Since         Info
1002-device1    Device     ---        up     11:54:49.051
1002-ebgp0      BGP        ---        up     11:54:49.860  Established
1006-  BGP state:          Established
     Neighbor address: 10.9.1.2
       Import updates:              3          0          1          0          2
       Import withdraws:            1          0        ---          1          0
       Export updates:              5          2          1        ---          2
       Export withdraws:            1        ---        ---        ---          1

1002-ibgp1      BGP        ---        start  11:54:50.051  Idle          BGP Error: Bad peer AS
1006-  BGP state:          Idle
     Last error:       BGP Error: Bad peer AS
0000
"""


def test_what_bird_says_of_its_sessions() -> None:
    assert bird.heard(_SHOWN) == {
        "ebgp0": Heard("Established", "", received=4, sent=3),
        "ibgp1": Heard("Idle", "BGP Error: Bad peer AS"),
    }


def test_a_prefix_list_becomes_a_filter() -> None:
    lines = (
        PrefixRule(Permission.DENY, IPv4Network("10.0.0.0/8"), ge=24),
        PrefixRule(Permission.PERMIT, IPv4Network("172.30.0.0/16")),
    )
    config = {item.node: item.config for item in lay_out(speaking(imports=lines)).speakers}["r2"]
    assert "if net ~ [ 10.0.0.0/8{24,32} ] then reject;\n" in config
    assert "if net ~ [ 172.30.0.0/16{16,16} ] then accept;\nreject;" in config
    assert "neighbor 10.9.1.1 as 65001;\ndirect;" in config


def test_missing_programs_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "_PATH", "/nowhere")
    with pytest.raises(NotInstalled, match=r"needs bird, birdc: apt-get install .* bird2$"):
        need(needs.BGP)
