"""vNICs of an ESG and logical interfaces of a DLR on the simulated NSX Manager."""

from collections.abc import Iterator

import httpx
import pytest

from adapters.nsxv.simulator import NsxManager
from tests.unit.nsxv.manager import EDGE, EDGES, dlr, esg, group, make, tags, talk, value, values, vnic


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


VNICS = f"{EDGE}/vnics"
LIFS = f"{EDGE}/interfaces"


@pytest.fixture
def gateway(client: httpx.Client) -> httpx.Client:
    client.post(EDGES, content=esg())
    return client


@pytest.fixture
def router(client: httpx.Client) -> httpx.Client:
    client.post(EDGES, content=dlr())
    return client


def lif(network: int, address: str = "", kind: str = "internal") -> str:
    return (
        f"<interface><name>lif</name><type>{kind}</type><isConnected>true</isConnected>"
        f"<connectedToId>dvportgroup-{network}</connectedToId>{group(address) if address else ''}</interface>"
    )


def post(client: httpx.Client, *lifs: str) -> httpx.Response:
    return client.post(f"{LIFS}?action=patch", content=f"<interfaces>{''.join(lifs)}</interfaces>")


def test_a_patch_sets_the_slots_that_it_names(gateway: httpx.Client) -> None:
    body = f"<vnics>{vnic(1, group('10.0.0.1', secondary='10.0.0.2 10.0.0.3'))}</vnics>"
    answer = gateway.post(f"{VNICS}/?action=patch", content=body)
    assert (answer.status_code, answer.content) == (204, b"")
    shown = gateway.get(f"{VNICS}/1")
    assert tags(shown) == [
        "label",
        "name",
        "addressGroups",
        "mtu",
        "type",
        "isConnected",
        "index",
        "portgroupId",
        "portgroupName",
        "enableProxyArp",
        "enableSendRedirects",
    ]
    assert value(shown, "portgroupName") == "network 38"
    one = "addressGroups/addressGroup"
    assert values(shown, f"{one}/secondaryAddresses/ipAddress") == ["10.0.0.2", "10.0.0.3"]
    assert [value(shown, f"{one}/{name}") for name in ("subnetMask", "subnetPrefixLength")] == [
        "255.255.255.0",
        "24",
    ]
    assert len(values(gateway.get(VNICS), "vnic")) == 10


def test_a_patch_again_changes_nothing(gateway: httpx.Client, manager: NsxManager) -> None:
    body = f"<vnics>{vnic(1, group('10.0.0.1'))}</vnics>"
    gateway.post(f"{VNICS}?action=patch", content=body)
    before = manager.dump()
    assert gateway.post(f"{VNICS}?action=patch", content=body).status_code == 204
    assert manager.dump() == before


def test_a_change_of_a_vnic_is_one_of_the_edge(gateway: httpx.Client) -> None:
    gateway.put(f"{VNICS}/1", content=vnic(1))
    assert value(gateway.get(EDGE), "version") == "2"


def test_a_put_replaces_the_slot_whole(gateway: httpx.Client) -> None:
    gateway.put(f"{VNICS}/1", content=vnic(1, group("10.0.0.1", secondary="10.0.0.2")))
    assert gateway.put(f"{VNICS}/1", content=vnic(1, group("10.0.0.1"))).status_code == 204
    assert "10.0.0.2" not in gateway.get(f"{VNICS}/1").text


def test_what_a_get_shows_may_be_put_back(gateway: httpx.Client, manager: NsxManager) -> None:
    gateway.put(f"{VNICS}/1", content=vnic(1, group("10.0.0.1", secondary="10.0.0.2")))
    before = manager.dump()
    assert gateway.put(f"{VNICS}/1", content=gateway.get(f"{VNICS}/1").content).status_code == 204
    assert manager.dump() == before


def test_a_delete_resets_the_slot_and_leaves_it(gateway: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    gateway.put(f"{VNICS}/1", content=vnic(1, group("10.0.0.1")))
    assert gateway.delete(f"{VNICS}/1").status_code == 204
    assert value(gateway.get(f"{VNICS}/1"), "isConnected") == "false"
    assert manager.dump() == before


@pytest.mark.parametrize("prefix", ["<subnetPrefixLength>24</subnetPrefixLength>"])
def test_a_prefix_length_does_as_well_as_a_mask(gateway: httpx.Client, prefix: str) -> None:
    body = vnic(1, group("10.0.0.1").replace("<subnetMask>255.255.255.0</subnetMask>", prefix))
    assert gateway.put(f"{VNICS}/1", content=body).status_code == 204
    assert value(gateway.get(f"{VNICS}/1"), ".//subnetMask") == "255.255.255.0"


@pytest.mark.parametrize(
    ("inside", "code"),
    [
        (group("10.0.0"), "15012"),
        (group("10.0.0.1", "255.0.255.0"), "15012"),
        (group("10.0.0.1", "0.0.0.255"), "15012"),
        (group("10.0.0.1", "0.0.0.0"), "15012"),  # noqa: S104 - a mask of nothing
        (group("10.0.0.1", "24"), "15012"),
        (group("10.0.0.1", secondary="10.0.0.300"), "15012"),
        (group("10.0.0.1", secondary="10.0.1.2"), "10115"),
        (group("10.0.0.1", secondary="10.0.0.1"), "100"),
        (group("10.0.0.1").replace("<subnetMask>255.255.255.0</subnetMask>", ""), "100"),
        (
            group("10.0.0.1").replace(
                "</subnetMask>", "</subnetMask><subnetPrefixLength>25</subnetPrefixLength>"
            ),
            "100",
        ),
        ("<mtu>20</mtu>", "100"),
        ("<mtu>1500x</mtu>", "100"),
        ("<addressGroups><addressGroup/></addressGroups>", "100"),
    ],
)
def test_a_vnic_that_cannot_be_is_refused(gateway: httpx.Client, inside: str, code: str) -> None:
    answer = gateway.put(f"{VNICS}/1", content=vnic(1, inside))
    assert (answer.status_code, value(answer, "errorCode")) == (400, code)
    assert value(gateway.get(f"{VNICS}/1"), "isConnected") == "false"


def test_an_error_names_the_field(gateway: httpx.Client) -> None:
    body = f"<vnics>{vnic(1)}{vnic(2, group('10.0.0'))}</vnics>"
    answer = gateway.post(f"{VNICS}?action=patch", content=body)
    path = "vnics[1].addressGroups.addressGroups[0].primaryAddress"
    assert value(answer, "details") == f"Invalid IP Address input 10.0.0 for field {path}."
    assert value(answer, "errorData/data/value") == "primaryAddress"


def test_two_vnics_cannot_share_a_subnet(gateway: httpx.Client) -> None:
    gateway.put(f"{VNICS}/1", content=vnic(1, group("10.0.0.1")))
    assert gateway.put(f"{VNICS}/2", content=vnic(2, group("10.0.0.200"))).status_code == 400
    smaller = vnic(2, group("10.0.0.65", "255.255.255.192"))
    assert gateway.put(f"{VNICS}/2", content=smaller).status_code == 400
    assert gateway.put(f"{VNICS}/2", content=vnic(2, group("10.0.1.1"))).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", VNICS, f"<vnics>{vnic(1)}</vnics>", 400),
        ("POST", f"{VNICS}?action=replace", f"<vnics>{vnic(1)}</vnics>", 400),
        ("POST", f"{VNICS}?action=patch", "<vnics/>", 400),
        ("POST", f"{VNICS}?action=patch", vnic(1), 400),
        ("POST", f"{VNICS}?action=patch", "<vnics><vnic><name>x</name></vnic></vnics>", 400),
        ("PUT", f"{VNICS}/1", vnic(2), 400),
        ("PUT", f"{VNICS}/10", vnic(1), 404),
        ("GET", f"{VNICS}/ten", "", 404),
        ("GET", f"{VNICS}/{'9' * 5000}", "", 404),
    ],
)
def test_a_vnic_request_that_cannot_be_is_refused(
    gateway: httpx.Client, method: str, path: str, body: str, status: int
) -> None:
    assert gateway.request(method, path, content=body).status_code == status


def test_a_new_interface_answers_200_and_its_index(router: httpx.Client) -> None:
    answer = post(router, lif(39, "192.168.20.1"))
    assert answer.status_code == 200
    assert values(answer, "interface/index") == ["10"]
    assert values(post(router, lif(40, "192.168.21.1")), "interface/index") == ["11"]
    assert values(post(router, lif(41, "192.168.22.1", "uplink")), "interface/index") == ["2"]
    assert values(router.get(LIFS), "interface/index") == ["2", "10", "11"]


def test_an_interface_is_shown_in_the_captured_order(router: httpx.Client) -> None:
    post(router, lif(39, "192.168.20.1"), lif(40, "192.168.21.1", "uplink"))
    shown = router.get(f"{LIFS}/10")
    assert tags(shown) == [
        "label",
        "name",
        "addressGroups",
        "mtu",
        "type",
        "isConnected",
        "isSharedNetwork",
        "index",
        "connectedToId",
        "connectedToName",
    ]
    assert (value(shown, "label") or "").endswith("0000000a")
    assert (value(router.get(f"{LIFS}/2"), "label") or "").endswith("00000002/vNic_2")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lif(39, "10.0.0.1"), lif(39, "10.0.1.1")),
        (lif(39, "10.0.0.1"), lif(40, "10.0.0.9")),
    ],
    ids=["same network", "same subnet"],
)
def test_the_same_interface_again_is_refused(router: httpx.Client, first: str, second: str) -> None:
    assert post(router, first).status_code == 200
    assert post(router, second).status_code == 400
    assert post(router, first).status_code == 400
    assert values(router.get(LIFS), "interface/index") == ["10"]


@pytest.mark.parametrize(
    "inside",
    [
        lif(99),
        lif(39, "10.0.0.1", "trunk"),
        lif(39, "10.0.0.1").replace("<subnetMask>", "<secondaryAddresses><ipAddress>10.0.0.2</ipAddress>"
                                    "</secondaryAddresses><subnetMask>"),
        "<interface><name>x</name></interface>",
        "",
    ],
)  # fmt: skip
def test_an_interface_that_cannot_be_is_refused(router: httpx.Client, inside: str) -> None:
    assert post(router, inside).status_code == 400


def test_a_router_has_nine_uplinks(manager: NsxManager, router: httpx.Client) -> None:
    for number in range(100, 110):
        manager.add_network(f"dvportgroup-{number}", "n")
    indexes = [
        values(post(router, lif(number, f"10.{number}.0.1", "uplink")), "interface/index")
        for number in range(100, 109)
    ]
    assert sorted(indexes) == [[str(index)] for index in range(1, 10)]
    assert post(router, lif(109, "10.109.0.1", "uplink")).status_code == 400


def test_an_interface_can_be_replaced_but_not_turned(router: httpx.Client) -> None:
    post(router, lif(39, "192.168.20.1"))
    assert router.put(f"{LIFS}/10", content=lif(40, "192.168.30.1")).status_code == 204
    assert value(router.get(f"{LIFS}/10"), ".//primaryAddress") == "192.168.30.1"
    assert router.put(f"{LIFS}/10", content=lif(40, "192.168.30.1", "uplink")).status_code == 400
    assert router.put(f"{LIFS}/11", content=lif(40, "192.168.30.1")).status_code == 404


def test_deleting_some_or_without_an_index_all(router: httpx.Client) -> None:
    post(router, lif(39), lif(40), lif(41))
    assert router.delete(f"{LIFS}/10").status_code == 204
    assert router.delete(f"{LIFS}/10").status_code == 404
    post(router, lif(39))
    assert router.delete(f"{LIFS}?index=11&index=77").status_code == 404
    assert router.delete(f"{LIFS}?index=10&index=11").status_code == 204
    assert values(router.get(LIFS), "interface/index") == ["12"]
    post(router, lif(39))
    assert router.delete(LIFS).status_code == 204
    assert values(router.get(LIFS), "interface") == []


def test_a_router_may_come_with_its_interfaces(client: httpx.Client) -> None:
    inside = f"<interfaces>{lif(39, '10.0.0.1', 'uplink')}{lif(40, '10.0.1.1')}</interfaces>"
    assert client.post(EDGES, content=dlr(inside)).status_code == 201
    assert values(client.get(LIFS), "interface/index") == ["2", "10"]
    assert values(client.get(EDGE), "interfaces/interface/index") == ["2", "10"]
