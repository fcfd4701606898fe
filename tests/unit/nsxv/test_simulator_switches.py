"""Transport zones and logical switches of the simulated NSX Manager."""

from collections.abc import Iterator

import httpx
import pytest
from lxml import etree

from adapters.nsxv.simulator import NsxManager

WIRES = "/api/2.0/vdn/virtualwires"


@pytest.fixture
def manager() -> NsxManager:
    manager = NsxManager(username="admin", password="secret")
    manager.add_transport_zone("tz-1")
    manager.add_transport_zone("tz-2", id="vdnscope-77")
    manager.add_datacenter("datacenter-2", "DC")
    manager.add_resource_pool("resgroup-20", "pool")
    manager.add_datastore("datastore-23", "store")
    return manager


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with httpx.Client(
        transport=httpx.MockTransport(manager.handle),
        base_url="https://nsx",
        auth=("admin", "secret"),
        headers={"Content-Type": "application/xml"},
    ) as client:
        yield client


def value(answer: httpx.Response, path: str) -> str | None:
    return etree.fromstring(answer.content).findtext(path)


def values(answer: httpx.Response, path: str) -> list[str]:
    return [found.text or "" for found in etree.fromstring(answer.content).findall(path)]


def create(client: httpx.Client, name: str, zone: str = "vdnscope-1", more: str = "") -> httpx.Response:
    body = f"<virtualWireCreateSpec><name>{name}</name><tenantId>t</tenantId>{more}</virtualWireCreateSpec>"
    return client.post(f"/api/2.0/vdn/scopes/{zone}/virtualwires", content=body)


def test_zones_are_listed_in_one_piece(client: httpx.Client) -> None:
    create(client, "web")
    answer = client.get("/api/2.0/vdn/scopes")
    assert values(answer, "vdnScope/objectId") == ["vdnscope-1", "vdnscope-77"]
    assert values(answer, "vdnScope/name") == ["tz-1", "tz-2"]
    assert values(answer, "vdnScope/virtualWireCount") == ["1", "0"]
    assert value(client.get("/api/2.0/vdn/scopes/vdnscope-77"), "name") == "tz-2"
    assert client.get("/api/2.0/vdn/scopes/vdnscope-78").status_code == 404


def test_a_create_answers_the_bare_id(client: httpx.Client) -> None:
    answer = create(client, "web")
    assert answer.status_code == 201
    assert answer.text == "virtualwire-1"
    assert answer.headers["Location"] == "/api/2.0/vdn/virtualwires/virtualwire-1"
    assert "xml" not in answer.headers["Content-Type"]


def test_a_switch_shows_what_it_was_given_and_the_defaults(client: httpx.Client) -> None:
    create(client, "web", more="<description>d</description>")
    answer = client.get(f"{WIRES}/virtualwire-1")
    assert [child.tag for child in etree.fromstring(answer.content)] == [
        "objectId",
        "objectTypeName",
        "vsmUuid",
        "nodeId",
        "revision",
        "type",
        "name",
        "description",
        "clientHandle",
        "extendedAttributes",
        "isUniversal",
        "universalRevision",
        "tenantId",
        "vdnScopeId",
        "vdsContextWithBacking",
        "vdnId",
        "guestVlanAllowed",
        "controlPlaneMode",
        "ctrlLsUuid",
        "macLearningEnabled",
    ]
    assert value(answer, "vdnScopeId") == "vdnscope-1"
    assert value(answer, "controlPlaneMode") == "UNICAST_MODE"
    assert value(answer, "guestVlanAllowed") == "false"


def test_the_same_create_again_makes_a_second_one_with_another_vni(client: httpx.Client) -> None:
    create(client, "web")
    create(client, "web")
    answer = client.get(WIRES)
    assert values(answer, "dataPage/virtualWire/name") == ["web", "web"]
    assert values(answer, "dataPage/virtualWire/vdnId") == ["5000", "5001"]


def test_the_id_of_a_removed_switch_does_not_come_back(client: httpx.Client) -> None:
    create(client, "web")
    client.delete(f"{WIRES}/virtualwire-1")
    assert create(client, "web").text == "virtualwire-2"


def test_a_create_needs_a_zone_a_name_and_a_tenant(client: httpx.Client) -> None:
    assert create(client, "web", zone="vdnscope-9").status_code == 404
    assert create(client, "").status_code == 400
    body = "<virtualWireCreateSpec><name>web</name></virtualWireCreateSpec>"
    assert client.post("/api/2.0/vdn/scopes/vdnscope-1/virtualwires", content=body).status_code == 400
    assert create(client, "web", more="<controlPlaneMode>NO</controlPlaneMode>").status_code == 400


def test_a_list_is_cut_at_twenty_unless_asked_otherwise(client: httpx.Client) -> None:
    for number in range(25):
        create(client, f"ls-{number}")
    first = client.get(WIRES)
    assert len(values(first, "dataPage/virtualWire")) == 20
    assert value(first, "dataPage/pagingInfo/pageSize") == "20"
    assert value(first, "dataPage/pagingInfo/totalCount") == "25"
    second = client.get(WIRES, params={"startindex": 20})
    assert values(second, "dataPage/virtualWire/name") == [f"ls-{number}" for number in range(20, 25)]
    assert value(second, "dataPage/pagingInfo/startIndex") == "20"
    assert len(values(client.get(WIRES, params={"pagesize": 1024}), "dataPage/virtualWire")) == 25
    # The other API's spelling is an unknown parameter here
    assert len(values(client.get(WIRES, params={"pageSize": 1024}), "dataPage/virtualWire")) == 20


@pytest.mark.parametrize("query", ["pagesize=0", "pagesize=1025", "pagesize=x", "startindex=-1"])
def test_a_page_has_bounds(client: httpx.Client, query: str) -> None:
    assert client.get(f"{WIRES}?{query}").status_code == 400


def test_a_list_may_be_of_one_zone_or_one_name(client: httpx.Client) -> None:
    create(client, "web")
    create(client, "web", zone="vdnscope-77")
    create(client, "app")
    of_zone = client.get("/api/2.0/vdn/scopes/vdnscope-1/virtualwires")
    assert values(of_zone, "dataPage/virtualWire/name") == ["web", "app"]
    assert len(values(client.get(WIRES, params={"name": "web"}), "dataPage/virtualWire")) == 2


def test_an_empty_list_is_an_empty_page(client: httpx.Client) -> None:
    answer = client.get(WIRES)
    assert value(answer, "dataPage/pagingInfo/totalCount") == "0"
    assert values(answer, "dataPage/virtualWire") == []


def test_a_put_replaces_all_and_answers_200(client: httpx.Client) -> None:
    create(client, "web", more="<description>old</description>")
    body = "<virtualWire><name>app</name><tenantId>u</tenantId></virtualWire>"
    answer = client.put(f"{WIRES}/virtualwire-1", content=body)
    assert (answer.status_code, answer.content) == (200, b"")
    shown = client.get(f"{WIRES}/virtualwire-1")
    assert [value(shown, name) for name in ("name", "tenantId", "description", "revision")] == [
        "app",
        "u",
        None,
        "1",
    ]


def test_what_a_get_shows_may_be_put_back_until_somebody_else_did(client: httpx.Client) -> None:
    create(client, "web")
    read = client.get(f"{WIRES}/virtualwire-1").content
    assert client.put(f"{WIRES}/virtualwire-1", content=read).status_code == 200
    again = client.put(f"{WIRES}/virtualwire-1", content=read)
    assert again.status_code == 400
    assert "has an older version 0 than the current system version 1" in (value(again, "details") or "")


def test_a_delete_answers_200_and_the_next_404(client: httpx.Client) -> None:
    create(client, "web")
    assert client.delete(f"{WIRES}/virtualwire-1").status_code == 200
    assert client.delete(f"{WIRES}/virtualwire-1").status_code == 404
    assert client.get(f"{WIRES}/virtualwire-1").status_code == 404
    assert client.put(f"{WIRES}/virtualwire-1", content="<virtualWire/>").status_code == 404


APPLIANCES = (
    "<appliances><appliance><resourcePoolId>resgroup-20</resourcePoolId>"
    "<datastoreId>datastore-23</datastoreId></appliance></appliances>"
)
ESG = (
    f"<edge><datacenterMoid>datacenter-2</datacenterMoid>{APPLIANCES}<vnics><vnic><index>1</index>"
    "<portgroupId>virtualwire-1</portgroupId><isConnected>true</isConnected></vnic></vnics></edge>"
)
DLR = (
    f"<edge><type>distributedRouter</type><datacenterMoid>datacenter-2</datacenterMoid>{APPLIANCES}"
    "<mgmtInterface><connectedToId>virtualwire-2</connectedToId></mgmtInterface><interfaces><interface>"
    "<type>internal</type><connectedToId>virtualwire-1</connectedToId></interface></interfaces></edge>"
)


@pytest.mark.parametrize("edge", [ESG, DLR])
def test_a_switch_in_use_cannot_be_deleted(client: httpx.Client, edge: str) -> None:
    create(client, "web")
    create(client, "management")
    assert client.post("/api/4.0/edges", content=edge).status_code == 201
    refused = client.delete(f"{WIRES}/virtualwire-1")
    assert refused.status_code == 400
    assert "edge-1" in (value(refused, "details") or "")
    client.delete("/api/4.0/edges/edge-1")
    assert client.delete(f"{WIRES}/virtualwire-1").status_code == 200


def test_a_switch_of_a_management_interface_is_in_use_too(client: httpx.Client) -> None:
    create(client, "web")
    create(client, "management")
    client.post("/api/4.0/edges", content=DLR)
    assert client.delete(f"{WIRES}/virtualwire-2").status_code == 400
