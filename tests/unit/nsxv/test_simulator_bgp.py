"""BGP and redistribution on the simulated NSX Manager."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import httpx
import pytest

from adapters.nsxv.simulator import NsxManager
from adapters.nsxv.simulator.control import Learned, Session
from tests.unit.nsxv.manager import EDGE, EDGES, dlr, esg, group, make, tags, talk, value, values, vnic

CONFIG = f"{EDGE}/routing/config"
BGP = f"{CONFIG}/bgp"
PREFIX = "<ipPrefix><name>a</name><ipAddress>10.9.0.0/16</ipAddress></ipPrefix>"
GLOBAL = f"<routerId>10.0.0.1</routerId><ipPrefixes>{PREFIX}</ipPrefixes>"
FROM = "<from><connected>true</connected></from><action>permit</action>"


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        vnics = vnic(0, group("10.0.0.1", secondary="10.0.0.2"), "uplink")
        assert client.post(EDGES, content=esg(inside=f"<vnics>{vnics}</vnics>")).status_code == 201
        settings = f"<routingGlobalConfig>{GLOBAL}</routingGlobalConfig>"
        assert client.put(f"{CONFIG}/global", content=settings).status_code == 204
        yield client


def peer(address: str = "10.0.0.9", more: str = "", asn: str = "<remoteAS>64512</remoteAS>") -> str:
    return f"<bgpNeighbour><ipAddress>{address}</ipAddress>{asn}{more}</bgpNeighbour>"


def bgp(*peers: str, rules: str = "", asn: str = "<localAS>65010</localAS>", more: str = "") -> str:
    told = f"<redistribution><enabled>true</enabled><rules>{rules}</rules></redistribution>" if rules else ""
    listed = f"<bgpNeighbours>{''.join(peers)}</bgpNeighbours>"
    return f"<bgp><enabled>true</enabled>{asn}{listed}{told}{more}</bgp>"


def told(client: httpx.Client, table: str) -> str:
    command = f"<nsxcli><command>show edge edge-1 {table}</command></nsxcli>"
    path, accept = "/api/1.0/nsx/cli?action=execute", {"Accept": "text/plain"}
    return client.post(path, content=command, headers=accept).text


def test_before_its_first_use_there_is_none(client: httpx.Client) -> None:
    assert "bgp" not in tags(client.get(CONFIG))
    assert value(client.get(BGP), "enabled") == "false"


def test_a_process_comes_back_with_its_defaults(client: httpx.Client) -> None:
    rule = f"<rule><prefixName>a</prefixName>{FROM}</rule><rule>{FROM}</rule>"
    answer = client.put(BGP, content=bgp(peer(), rules=rule))
    assert (answer.status_code, answer.content) == (204, b"")
    shown = client.get(BGP)
    neighbour = "bgpNeighbours/bgpNeighbour"
    for path, expected in {
        "localAS": "65010",
        "localASNumber": "65010",
        f"{neighbour}/weight": "60",
        f"{neighbour}/holdDownTimer": "180",
        f"{neighbour}/keepAliveTimer": "60",
        f"{neighbour}/remoteASNumber": "64512",
        "redistribution/enabled": "true",
    }.items():
        assert value(shown, path) == expected
    assert values(shown, "redistribution/rules/rule/id") == ["0", "1"]
    assert values(shown, "redistribution/rules/rule/prefixName") == ["a"]
    assert tags(client.get(CONFIG))[-1] == "bgp"


def test_numbers_of_four_bytes_have_one_spelling(client: httpx.Client) -> None:
    dotted = bgp(
        peer(asn="<remoteASNumber>65536</remoteASNumber>"), asn="<localASNumber>1.10</localASNumber>"
    )
    assert client.put(BGP, content=dotted).status_code == 204
    shown = client.get(BGP)
    assert (value(shown, "localAS"), value(shown, "localASNumber")) == (None, "65546")
    assert values(shown, "bgpNeighbours/bgpNeighbour/remoteAS") == []


def test_what_is_disabled_is_dropped(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    for end in ("PUT", "DELETE"):
        assert client.put(BGP, content=bgp(peer())).status_code == 204
        assert manager.dump() != before
        assert client.request(end, BGP, content="<bgp><enabled>false</enabled></bgp>").status_code == 204
        assert manager.dump() == before


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (bgp(asn=""), "field localAS is missing"),
        (bgp(asn="<localAS>65535</localAS>"), "1 to 65534"),
        (bgp(asn="<localASNumber>65535</localASNumber>"), "Invalid AS number 65535"),
        (bgp(asn="<localASNumber>4294967295</localASNumber>"), "Invalid AS number"),
        (bgp(asn="<localASNumber>1.x</localASNumber>"), "Invalid AS number 1.x"),
        (bgp(asn="<localAS>1</localAS><localASNumber>2</localASNumber>"), "differ"),
        (bgp(peer("10.0.0.1")), "address of the edge itself"),
        (bgp(peer("10.0.0.2")), "address of the edge itself"),
        (bgp(peer(), peer()), "Two BGP neighbours"),
        (bgp(peer(more="<holdDownTimer>100</holdDownTimer>")), "three times keepAliveTimer"),
        (bgp(peer(more="<forwardingAddress>10.0.0.3</forwardingAddress>")), "for a distributed router only"),
        (bgp(peer(asn="")), "field bgpNeighbours.bgpNeighbours[0].remoteAS is missing"),
        (
            bgp(peer(asn="<remoteAS>65010</remoteAS>", more="<removePrivateAS>true</removePrivateAS>")),
            "another AS",
        ),
        (bgp(peer(more="<password>****</password>")), "a masked password"),
        (bgp(rules=f"<rule><prefixName>none</prefixName>{FROM}</rule>"), "IP prefix none"),
        (bgp(rules="<rule><from/><action>permit</action></rule>"), "names no protocol"),
        (bgp(more="<neighbors/>"), "Unrecognized field"),
    ],
)
def test_what_the_product_refuses_is_refused(
    client: httpx.Client, manager: NsxManager, document: str, said: str
) -> None:
    before = manager.dump()
    answer = client.put(BGP, content=document)
    assert answer.status_code == 400
    assert said in answer.text
    assert manager.dump() == before


@pytest.mark.parametrize(
    ("bounds", "status"),
    [
        ("<ipPrefixGe>26</ipPrefixGe><ipPrefixLe>32</ipPrefixLe>", 204),
        ("", 204),
        ("<ipPrefixGe>15</ipPrefixGe>", 400),
        ("<ipPrefixGe>30</ipPrefixGe><ipPrefixLe>28</ipPrefixLe>", 400),
        ("<ipPrefixLe>33</ipPrefixLe>", 400),
    ],
)
def test_a_filter_holds_lengths_that_can_be(client: httpx.Client, bounds: str, status: int) -> None:
    line = f"<direction>in</direction><action>permit</action><network>172.30.0.0/16</network>{bounds}"
    filters = f"<bgpFilters><bgpFilter>{line}</bgpFilter></bgpFilters>"
    assert client.put(BGP, content=bgp(peer(more=filters))).status_code == status


@pytest.mark.parametrize("settings", ["", "<routerId>10.0.0.1</routerId>"])
def test_a_process_needs_its_router_id_and_its_prefixes(client: httpx.Client, settings: str) -> None:
    rule = f"<rule><prefixName>a</prefixName>{FROM}</rule>"
    assert client.put(BGP, content=bgp(rules=rule)).status_code == 204
    document = f"<routingGlobalConfig>{settings}</routingGlobalConfig>"
    assert client.put(f"{CONFIG}/global", content=document).status_code == 400
    assert client.delete(BGP).status_code == 204
    assert client.put(f"{CONFIG}/global", content=document).status_code == 204
    assert client.put(BGP, content=bgp(rules=rule)).status_code == 400


def test_a_process_goes_with_a_routing_that_leaves_it_out(client: httpx.Client) -> None:
    assert client.put(BGP, content=bgp()).status_code == 204
    static = "<staticRouting><staticRoutes/></staticRouting>"
    assert client.put(f"{CONFIG}/static", content=static).status_code == 204
    assert value(client.get(BGP), "enabled") == "true"
    whole = f"<routing><routingGlobalConfig>{GLOBAL}</routingGlobalConfig>{static}"
    assert client.put(CONFIG, content=f"{whole}{bgp(peer())}</routing>").status_code == 204
    assert values(client.get(BGP), "bgpNeighbours/bgpNeighbour/ipAddress") == ["10.0.0.9"]
    assert client.put(CONFIG, content=f"{whole}</routing>").status_code == 204
    assert value(client.get(BGP), "enabled") == "false"


def test_a_password_is_shown_to_who_asks_and_a_mask_keeps_it(
    client: httpx.Client, manager: NsxManager
) -> None:
    assert client.put(BGP, content=bgp(peer(more="<password>s3cret</password>"))).status_code == 204
    path = "bgpNeighbours/bgpNeighbour/password"
    assert values(client.get(BGP), path) == []
    assert "s3cret" not in client.get(EDGE).text
    assert values(client.get(f"{BGP}?showSensitiveData=true"), path) == ["s3cret"]
    assert manager.warnings == []
    assert client.put(BGP, content=bgp(peer(more="<password>***</password>"))).status_code == 204
    assert values(client.get(f"{BGP}?showSensitiveData=true"), path) == ["s3cret"]
    assert len(manager.warnings) == 1
    assert client.put(BGP, content=bgp(peer())).status_code == 204
    assert values(client.get(f"{BGP}?showSensitiveData=true"), path) == []


@pytest.mark.parametrize(("count", "status"), [(10, 204), (11, 400)])
def test_a_compact_edge_has_room_for_ten_neighbours(client: httpx.Client, count: int, status: int) -> None:
    document = bgp(*(peer(f"10.0.0.{number}") for number in range(10, 10 + count)))
    answer = client.put(BGP, content=document)
    assert answer.status_code == status
    assert ("MAX_BGP_NEIGHBOURS of 10" in answer.text) == (status == 400)


def test_a_router_names_two_addresses_and_originates_no_default(client: httpx.Client) -> None:
    assert client.post(EDGES, content=dlr()).status_code == 201
    config = f"{EDGES}/edge-2/routing/config"
    router_id = "<routingGlobalConfig><routerId>10.0.0.3</routerId></routingGlobalConfig>"
    assert client.put(f"{config}/global", content=router_id).status_code == 204
    assert "forwardingAddress is missing" in client.put(f"{config}/bgp", content=bgp(peer())).text
    answer = client.put(f"{config}/bgp", content=bgp(more="<defaultOriginate>true</defaultOriginate>"))
    assert value(answer, "errorCode") == "13100"
    both = "<forwardingAddress>10.0.0.3</forwardingAddress><protocolAddress>10.0.0.4</protocolAddress>"
    assert client.put(f"{config}/bgp", content=bgp(peer(more=both))).status_code == 204


def test_the_edge_tells_what_its_sessions_have_come_to(client: httpx.Client, manager: NsxManager) -> None:
    assert client.put(BGP, content=bgp(peer(), peer("10.0.0.10"))).status_code == 204
    assert told(client, "ip bgp neighbors").count("BGP state = Idle, down") == 2
    learned = Learned(IPv4Network("172.30.0.0/26"), IPv4Address("10.0.0.9"), 20)
    asked: list[str] = []

    def sessions(edge: str) -> dict[str, Session]:
        asked.append(edge)
        return {"10.0.0.9": Session("Established", (learned,))}

    manager.control.sessions = sessions
    text = told(client, "ip bgp neighbors")
    assert "BGP neighbor is 10.0.0.9,   remote AS 64512,\nBGP state = Established, up" in text
    assert "BGP neighbor is 10.0.0.10,   remote AS 64512,\nBGP state = Idle, down" in text
    assert "Prefixes received 1 " in text
    assert "Total number of routes: 2" in told(client, "ip route")
    routes = told(client, "ip route bgp")
    assert "Total number of routes: 1" in routes
    assert "B       172.30.0.0/26        [20/0]        via 10.0.0.9" in routes
    assert set(asked) == {"esg"}


def test_a_rule_of_the_system_comes_with_the_process(client: httpx.Client) -> None:
    names = "firewallRules/firewallRule/name"
    before = values(client.get(f"{EDGE}/firewall/config"), names)
    client.put(BGP, content=bgp())
    assert set(values(client.get(f"{EDGE}/firewall/config"), names)) - set(before) == {"routing"}
    client.put(
        f"{EDGE}/autoconfiguration", content="<autoConfiguration><enabled>false</enabled></autoConfiguration>"
    )
    assert values(client.get(f"{EDGE}/firewall/config"), names) == before
