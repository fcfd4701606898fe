"""Static routing on the simulated NSX Manager."""

from collections.abc import Iterator

import httpx
import pytest

from adapters.nsxv.simulator import NsxManager, Options
from tests.unit.nsxv.manager import EDGE, EDGES, dlr, esg, group, make, tags, talk, value, values, vnic


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


ROUTING = f"{EDGE}/routing/config"
STATIC = f"{ROUTING}/static"
ONE = f"{ROUTING}/staticroute"


def routed(client: httpx.Client) -> None:
    vnics = vnic(0, group("10.0.0.1") + "<mtu>1400</mtu>", "uplink") + vnic(1, group("10.1.0.1"))
    assert client.post(EDGES, content=esg(inside=f"<vnics>{vnics}</vnics>")).status_code == 201


@pytest.fixture(autouse=True)
def _edge(client: httpx.Client) -> None:
    routed(client)


def route(network: str, hop: str, more: str = "") -> str:
    return f"<route><network>{network}</network><nextHop>{hop}</nextHop>{more}</route>"


def static(*routes: str, default: str = "") -> str:
    gateway = f"<defaultRoute><gatewayAddress>{default}</gatewayAddress></defaultRoute>" if default else ""
    return f"<staticRouting><staticRoutes>{''.join(routes)}</staticRoutes>{gateway}</staticRouting>"


def networks(client: httpx.Client) -> list[str]:
    return values(client.get(STATIC), "staticRoutes/route/network")


def test_a_new_edge_has_no_route_at_all(client: httpx.Client) -> None:
    assert client.get(STATIC).text.endswith("<staticRouting><staticRoutes/></staticRouting>")
    assert value(client.get(ROUTING), "enabled") == "true"
    assert tags(client.get(ROUTING)) == ["version", "enabled", "routingGlobalConfig", "staticRouting"]


def test_routes_and_the_default_come_back_with_their_defaults(client: httpx.Client) -> None:
    body = static(route("11.0.0.0/24", "10.0.0.9", "<vnic>0</vnic>"), default="10.1.0.9")
    answer = client.put(STATIC, content=body)
    assert (answer.status_code, answer.content) == (204, b"")
    shown = client.get(STATIC)
    assert tags(shown, "staticRoutes/route") == [
        "description",
        "vnic",
        "network",
        "nextHop",
        "mtu",
        "adminDistance",
        "type",
    ]
    one = "staticRoutes/route"
    assert [value(shown, f"{one}/{name}") for name in ("mtu", "adminDistance", "type")] == [
        "1400",
        "1",
        "user",
    ]
    assert tags(shown, "defaultRoute") == ["mtu", "description", "gatewayAddress"]
    assert value(shown, "defaultRoute/mtu") == "1500"


def test_a_put_replaces_the_routes_and_the_default(client: httpx.Client) -> None:
    client.put(STATIC, content=static(route("11.0.0.0/24", "10.0.0.9"), default="10.0.0.9"))
    client.put(STATIC, content=static(route("12.0.0.0/24", "10.0.0.9")))
    assert networks(client) == ["12.0.0.0/24"]
    assert "defaultRoute" not in tags(client.get(STATIC))
    client.put(STATIC, content=static(route("12.0.0.0/24", "10.0.0.9"), default="10.0.0.9"))
    assert client.delete(STATIC).status_code == 204
    assert client.get(STATIC).text.endswith("<staticRouting><staticRoutes/></staticRouting>")


def test_what_a_get_shows_may_be_put_back(client: httpx.Client) -> None:
    body = static(
        route("11.0.0.0/24", "10.0.0.9", "<localeId>FF</localeId><adminDistance>5</adminDistance>"),
        default="10.0.0.9",
    )
    client.put(STATIC, content=body)
    for address in (STATIC, ROUTING):
        before = client.get(STATIC).content
        assert client.put(address, content=client.get(address).content).status_code == 204
        assert client.get(STATIC).content == before


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (static(route("11.0.0", "10.0.0.9")), "15012"),
        (static(route("11.0.0.0", "10.0.0.9")), "15012"),
        (static(route("11.0.0.0/24", "nowhere")), "15012"),
        (static(default="nowhere"), "15012"),
        (static(route("11.0.0.0/24", "172.16.0.1")), "100"),
        (static(route("11.0.0.0/24", "10.1.0.9", "<vnic>0</vnic>")), "100"),
        (static(route("11.0.0.0/24", "10.0.0.9", "<vnic>5</vnic>")), "100"),
        (static(route("11.0.0.0/24", "10.0.0.9", "<adminDistance>0</adminDistance>")), "100"),
        (static(route("11.0.0.0/24", "10.0.0.9", "<adminDistance>256</adminDistance>")), "100"),
        (static(route("11.0.0.0/24", "10.0.0.9"), route("11.0.0.7/24", "10.0.0.9")), "100"),
        (static(default="172.16.0.1"), "100"),
        (static(default="10.0.0.9,10.0.0.10"), "100"),
        (static("<route><network>11.0.0.0/24</network></route>"), "100"),
    ],
)
def test_a_route_that_cannot_be_is_refused(client: httpx.Client, body: str, code: str) -> None:
    client.put(STATIC, content=static(route("12.0.0.0/24", "10.0.0.9")))
    answer = client.put(STATIC, content=body)
    assert (answer.status_code, value(answer, "errorCode")) == (400, code)
    assert networks(client) == ["12.0.0.0/24"]


def test_several_next_hops_share_a_network(client: httpx.Client) -> None:
    body = static(route("11.0.0.0/24", "10.0.0.9"), route("11.0.0.0/24", "10.0.0.10"))
    assert client.put(STATIC, content=body).status_code == 204
    assert networks(client) == ["11.0.0.0/24", "11.0.0.0/24"]


def test_several_gateways_need_ecmp(client: httpx.Client) -> None:
    client.put(f"{ROUTING}/global", content="<routingGlobalConfig><ecmp>true</ecmp></routingGlobalConfig>")
    assert client.put(STATIC, content=static(default="10.0.0.9,10.0.0.10")).status_code == 204
    assert value(client.get(STATIC), "defaultRoute/gatewayAddress") == "10.0.0.9,10.0.0.10"


GLOBAL = (
    "<routingGlobalConfig><routerId>10.0.0.1</routerId><ecmp>true</ecmp>"
    "<logging><enable>true</enable><logLevel>debug</logLevel></logging><ipPrefixes><ipPrefix><name>a</name>"
    "<ipAddress>10.112.196.160/24</ipAddress><le>30</le><ge>26</ge></ipPrefix></ipPrefixes>"
    "</routingGlobalConfig>"
)


def test_the_global_settings_have_an_address_of_their_own(client: httpx.Client) -> None:
    client.put(STATIC, content=static(route("11.0.0.0/24", "10.0.0.9")))
    assert client.put(f"{ROUTING}/global", content=GLOBAL).status_code == 204
    assert client.get(f"{ROUTING}/global").text.endswith(GLOBAL)
    assert networks(client) == ["11.0.0.0/24"]
    twice = GLOBAL.replace(
        "</ipPrefixes>", "<ipPrefix><name>a</name><ipAddress>1.0.0.0/8</ipAddress></ipPrefix></ipPrefixes>"
    )
    assert client.put(f"{ROUTING}/global", content=twice).status_code == 400
    wrong = "<routingGlobalConfig><routerId>one</routerId></routingGlobalConfig>"
    assert value(client.put(f"{ROUTING}/global", content=wrong), "errorCode") == "15012"


def test_a_put_of_all_replaces_every_section(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    whole = f"<routing>{GLOBAL}{static(route('11.0.0.0/24', '10.0.0.9'))}</routing>"
    assert client.put(ROUTING, content=whole).status_code == 204
    assert client.put(ROUTING, content=f"<routing>{GLOBAL}</routing>").status_code == 204
    assert networks(client) == []
    assert client.delete(ROUTING).status_code == 204
    assert manager.dump() == before


@pytest.mark.parametrize("section", ["<multicast/>", "<ospf/>", "<enabled>false</enabled>"])
def test_what_is_not_simulated_is_refused_and_not_ignored(client: httpx.Client, section: str) -> None:
    assert client.put(ROUTING, content=f"<routing>{section}</routing>").status_code == 400


def hops(network: str, *hops: str) -> str:
    inside = "".join(f"<nextHop><ipAddress>{hop}</ipAddress></nextHop>" for hop in hops)
    return (
        f"<staticRouteForNetwork><network>{network}</network><nextHops>{inside}</nextHops>"
        "</staticRouteForNetwork>"
    )


def test_one_prefix_can_be_set_alone(client: httpx.Client) -> None:
    client.put(STATIC, content=static(route("12.0.0.0/8", "10.0.0.9"), default="10.0.0.9"))
    address = f"{ONE}?&network=11.0.0.0/8"  # as clients in the field send it
    body = hops("11.0.0.0/8", "10.0.0.9", "10.0.0.10")
    assert client.put(address, content=body).status_code == 204
    assert client.put(address, content=body).status_code == 204
    assert sorted(networks(client)) == ["11.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"]
    assert value(client.get(STATIC), "defaultRoute/gatewayAddress") == "10.0.0.9"
    shown = client.get(address)
    assert values(shown, "nextHops/nextHop/ipAddress") == ["10.0.0.9", "10.0.0.10"]
    assert tags(shown, "nextHops/nextHop") == ["adminDistance", "description", "ipAddress"]
    assert client.delete(address).status_code == 204
    assert client.delete(address).status_code == 404
    assert client.get(address).status_code == 404
    assert networks(client) == ["12.0.0.0/8"]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("network=11.0.0.0/8", hops("12.0.0.0/8", "10.0.0.9")),
        ("network=11.0.0.0/8", hops("11.0.0.0/8")),
        ("network=11.0.0.0/8", hops("11.0.0.0/8", "172.16.0.1")),
        ("network=11.0.0.0", hops("11.0.0.0/8", "10.0.0.9")),
        ("", hops("11.0.0.0/8", "10.0.0.9")),
    ],
)
def test_one_prefix_has_to_make_sense(client: httpx.Client, query: str, body: str) -> None:
    assert client.put(f"{ONE}?{query}", content=body).status_code == 400


def test_one_prefix_has_an_address_since_6_4_4() -> None:
    with talk(make(version="6.4.3")) as client:
        routed(client)
        address = f"{ONE}?network=11.0.0.0/8"
        assert client.put(address, content=hops("11.0.0.0/8", "10.0.0.9")).status_code == 404


def test_there_are_as_many_routes_as_the_edge_holds() -> None:
    with talk(make(options=Options(limits={"routing.MAX_ROUTES": 2}))) as client:
        routed(client)
        three = static(*(route(f"11.{number}.0.0/16", "10.0.0.9") for number in range(3)))
        assert client.put(STATIC, content=three).status_code == 400
        two = static(*(route(f"11.{number}.0.0/16", "10.0.0.9") for number in range(2)))
        assert client.put(STATIC, content=two).status_code == 204
        assert (
            client.put(f"{ONE}?network=12.0.0.0/8", content=hops("12.0.0.0/8", "10.0.0.9")).status_code == 400
        )


def test_a_router_routes_through_its_interfaces(client: httpx.Client) -> None:
    uplink = (
        "<interfaces><interface><type>uplink</type><connectedToId>dvportgroup-39</connectedToId>"
        f"{group('192.168.10.2')}</interface></interfaces>"
    )
    client.post(EDGES, content=dlr(uplink))
    address = f"{EDGES}/edge-2/routing/config/static"
    default = "<defaultRoute><vnic>2</vnic><gatewayAddress>192.168.10.1</gatewayAddress></defaultRoute>"
    body = f"<staticRouting>{default}</staticRouting>"
    assert client.put(address, content=body).status_code == 204
    assert client.put(address, content=body.replace("192.168.10.1", "10.0.0.9")).status_code == 400
