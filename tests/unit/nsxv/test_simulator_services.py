"""DNS relay, syslog, high availability and autoconfiguration on the simulated NSX Manager."""

from collections.abc import Iterator

import httpx
import pytest

from adapters.nsxv.simulator import NsxManager
from tests.unit.nsxv.manager import APPLIANCE, EDGE, EDGES, esg, group, make, tags, talk, value, values, vnic


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


DNS = f"{EDGE}/dns/config"
SYSLOG = f"{EDGE}/syslog/config"
HA = f"{EDGE}/highavailability/config"
AUTO = f"{EDGE}/autoconfiguration"


@pytest.fixture(autouse=True)
def _edge(client: httpx.Client) -> None:
    vnics = vnic(0, group("203.0.113.2"), "uplink") + vnic(1, group("10.1.0.1", secondary="10.1.0.2"))
    client.post(EDGES, content=esg(inside=f"<vnics>{vnics}</vnics>", appliances=APPLIANCE * 2))


def dns(*forwarders: str, listeners: str = "", more: str = "") -> str:
    inside = "".join(f"<ipAddress>{one}</ipAddress>" for one in forwarders)
    heard = "".join(f"<ipAddress>{one}</ipAddress>" for one in listeners.split())
    return (
        f"<dns><enabled>true</enabled>{more}<listeners>{heard}</listeners><dnsViews><dnsView>"
        f"<forwarders>{inside}</forwarders></dnsView></dnsViews></dns>"
    )


DEFAULT_DNS = (
    "<dns><version>1</version><enabled>false</enabled><cacheSize>16</cacheSize><listeners><vnic>any</vnic>"
    "</listeners><dnsViews><dnsView><viewId>view-0</viewId><name>vsm-default-view</name><enabled>true</enabled>"
    "<viewMatch><ipAddress>any</ipAddress><vnic>any</vnic></viewMatch><recursion>false</recursion></dnsView>"
    "</dnsViews><logging><enable>false</enable><logLevel>info</logLevel></logging></dns>"
)  # fmt: skip


def test_a_new_edge_has_the_documented_dns_defaults(client: httpx.Client) -> None:
    assert client.get(DNS).text.endswith(DEFAULT_DNS)


def test_a_relay_comes_back_as_it_was_put(client: httpx.Client, manager: NsxManager) -> None:
    body = dns("10.0.80.11", "10.0.80.12", listeners="10.1.0.1 10.1.0.2", more="<cacheSize>128</cacheSize>")
    answer = client.put(DNS, content=body)
    assert (answer.status_code, answer.content) == (204, b"")
    shown = client.get(DNS)
    assert values(shown, "listeners/ipAddress") == ["10.1.0.1", "10.1.0.2"]
    assert values(shown, "dnsViews/dnsView/forwarders/ipAddress") == ["10.0.80.11", "10.0.80.12"]
    assert value(shown, "cacheSize") == "128"
    before = manager.dump()
    assert client.put(DNS, content=shown.content).status_code == 204
    assert manager.dump() == before


def test_a_delete_puts_the_dns_defaults_back(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    client.put(DNS, content=dns("10.0.80.11"))
    assert client.delete(DNS).status_code == 204
    assert client.get(DNS).text.endswith(DEFAULT_DNS.replace("<version>1<", "<version>3<"))
    assert manager.dump() == before


@pytest.mark.parametrize(
    "body",
    [
        dns("10.0.80.11", "10.0.80.12", "10.0.80.13"),
        dns("dns.example"),
        dns(listeners="203.0.113.2"),
        dns(listeners="10.1.0.9"),
        dns(listeners="everywhere"),
        dns(more="<cacheSize>0</cacheSize>"),
        dns(more="<cacheSize>8197</cacheSize>"),
        dns(more="<forwarders/>"),
        "<dns><listeners><vnic>1</vnic></listeners></dns>",
        "<dns><dnsViews><dnsView/><dnsView/></dnsViews></dns>",
        "<dns><dnsViews><dnsView><enabled>false</enabled></dnsView></dnsViews></dns>",
        "<dns><dnsViews><dnsView><name>mine</name></dnsView></dnsViews></dns>",
    ],
    ids=lambda body: body[5:40],
)
def test_a_relay_that_cannot_be_is_refused(client: httpx.Client, body: str) -> None:
    assert client.put(DNS, content=body).status_code == 400
    assert value(client.get(DNS), "enabled") == "false"


def test_a_new_edge_has_no_syslog(client: httpx.Client) -> None:
    assert client.get(SYSLOG).text.endswith("<syslog><version>1</version><enabled>false</enabled></syslog>")


def test_syslog_is_on_once_it_is_put(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    body = (
        "<syslog><protocol>TCP</protocol><serverAddresses><ipAddress>10.9.9.9</ipAddress></serverAddresses>"
        "</syslog>"
    )
    assert client.put(SYSLOG, content=body).status_code == 204
    shown = client.get(SYSLOG)
    assert [value(shown, name) for name in ("enabled", "protocol")] == ["true", "tcp"]
    assert values(shown, "serverAddresses/ipAddress") == ["10.9.9.9"]
    assert client.delete(SYSLOG).status_code == 204
    assert manager.dump() == before


@pytest.mark.parametrize(
    "inside",
    [
        "<serverAddresses>" + "<ipAddress>10.0.0.1</ipAddress>" * 3 + "</serverAddresses>",
        "<serverAddresses><ipAddress>log.example</ipAddress></serverAddresses>",
        "<protocol>tls</protocol>",
    ],
)
def test_syslog_that_cannot_be_is_refused(client: httpx.Client, inside: str) -> None:
    assert client.put(SYSLOG, content=f"<syslog>{inside}</syslog>").status_code == 400


def test_high_availability_is_off_until_it_is_put(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    shown = client.get(HA)
    assert [value(shown, name) for name in ("enabled", "declareDeadTime")] == ["false", "15"]
    body = (
        "<highAvailability><enabled>true</enabled><vnic>any</vnic><ipAddresses>"
        "<ipAddress>192.180.0.1/30</ipAddress><ipAddress>192.180.0.2/30</ipAddress></ipAddresses>"
        "<declareDeadTime>6</declareDeadTime></highAvailability>"
    )
    assert client.put(HA, content=body).status_code == 204
    shown = client.get(HA)
    assert tags(shown) == [
        "version",
        "enabled",
        "vnic",
        "ipAddresses",
        "declareDeadTime",
        "logging",
        "security",
    ]
    assert client.put(HA, content=shown.content).status_code == 204
    assert client.delete(HA).status_code == 204
    assert manager.dump() == before


def test_high_availability_takes_two_appliances(client: httpx.Client) -> None:
    client.post(EDGES, content=esg("single"))
    assert (
        client.put(f"{EDGES}/edge-2/highavailability/config", content="<highAvailability/>").status_code
        == 400
    )
    off = "<highAvailability><enabled>false</enabled></highAvailability>"
    assert client.put(f"{EDGES}/edge-2/highavailability/config", content=off).status_code == 204


@pytest.mark.parametrize(
    "inside",
    [
        "<vnic>10</vnic>",
        "<declareDeadTime>5</declareDeadTime>",
        "<ipAddresses><ipAddress>1</ipAddress></ipAddresses>",
    ],
)
def test_high_availability_that_cannot_be_is_refused(client: httpx.Client, inside: str) -> None:
    assert client.put(HA, content=f"<highAvailability>{inside}</highAvailability>").status_code == 400


def test_autoconfiguration_is_read_and_put(client: httpx.Client) -> None:
    assert [value(client.get(AUTO), name) for name in ("enabled", "rulePriority")] == ["true", "high"]
    body = "<autoConfiguration><enabled>False</enabled><rulePriority>low</rulePriority></autoConfiguration>"
    assert client.put(AUTO, content=body).status_code == 204
    assert [value(client.get(AUTO), name) for name in ("enabled", "rulePriority")] == ["false", "low"]
    assert value(client.get(EDGE), "autoConfiguration/rulePriority") == "low"
    assert value(client.get(EDGE), "version") == "2"
    assert client.delete(AUTO).status_code == 404
