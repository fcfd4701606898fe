"""Edges of the simulated NSX Manager: made, listed, shown and removed."""

from collections.abc import Iterator

import httpx
import pytest
from lxml import etree

from adapters.nsxv.simulator import NsxManager, Options
from tests.unit.nsxv.manager import (
    APPLIANCE,
    EDGE,
    EDGES,
    dlr,
    esg,
    group,
    make,
    tags,
    talk,
    value,
    values,
    vnic,
)


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


UNTOUCHED_VNIC = (
    "<vnic><label>vNic_2</label><name>vnic2</name><addressGroups/><mtu>1500</mtu><type>internal</type>"
    "<isConnected>false</isConnected><index>2</index><enableProxyArp>false</enableProxyArp>"
    "<enableSendRedirects>true</enableSendRedirects></vnic>"
)


def test_a_new_edge_answers_201_and_says_where_it_is(client: httpx.Client) -> None:
    answer = client.post(EDGES, content=esg())
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"] == "/api/4.0/edges/edge-1"


def test_an_edge_is_shown_in_the_captured_order_with_every_default(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    shown = client.get(EDGE)
    assert tags(shown) == [
        "id",
        "version",
        "status",
        "datacenterMoid",
        "datacenterName",
        "tenant",
        "name",
        "fqdn",
        "enableAesni",
        "enableFips",
        "vseLogLevel",
        "vnics",
        "appliances",
        "cliSettings",
        "features",
        "autoConfiguration",
        "type",
        "isUniversal",
        "hypervisorAssist",
        "queryDaemon",
    ]
    assert [value(shown, name) for name in ("tenant", "enableAesni", "vseLogLevel", "type")] == [
        "default",
        "true",
        "info",
        "gatewayServices",
    ]
    assert value(shown, "autoConfiguration/rulePriority") == "high"
    assert value(shown, "appliances/applianceSize") == "compact"


def test_an_edge_has_all_ten_vnics_and_all_features(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    shown = client.get(EDGE)
    assert values(shown, "vnics/vnic/index") == [str(index) for index in range(10)]
    assert UNTOUCHED_VNIC in shown.text
    assert tags(shown, "features") == [
        "l2Vpn",
        "featureConfig",
        "firewall",
        "sslvpnConfig",
        "dns",
        "routing",
        "highAvailability",
        "syslog",
        "featureConfig",
        "loadBalancer",
        "ipsec",
        "dhcp",
        "nat",
        "bridges",
        "featureConfig",
        "featureConfig",
    ]
    assert "<staticRoutes/>" in shown.text
    assert "<natRules/>" in shown.text
    assert value(shown, "features/firewall/defaultPolicy/action") == "deny"
    assert values(shown, "features/routing/bgp") == []


def test_an_edge_without_a_name_is_called_by_its_id(client: httpx.Client) -> None:
    client.post(EDGES, content=esg("").replace("<name></name>", ""))
    assert [value(client.get(EDGE), name) for name in ("name", "fqdn")] == ["NSX-edge-1", "NSX-edge-1"]


def test_nothing_gives_the_cli_password_back(client: httpx.Client, manager: NsxManager) -> None:
    cli = "<cliSettings><userName>root</userName><password>VMware1!VMware1!</password></cliSettings>"
    assert client.post(EDGES, content=esg(inside=cli)).status_code == 201
    assert value(client.get(EDGE), "cliSettings/userName") == "root"
    shown = [client.get(path).text for path in (EDGES, EDGE, f"{EDGE}/summary", f"{EDGES}/jobs")]
    assert not any("VMware1!" in text for text in (*shown, str(manager.dump())))


@pytest.mark.parametrize(
    "body",
    [
        esg().replace("datacenter-2", "datacenter-9"),
        esg().replace("<datacenterMoid>datacenter-2</datacenterMoid>", ""),
        esg().replace("resgroup-20", "resgroup-9"),
        esg().replace("datastore-23", "datastore-9"),
        esg(appliances=APPLIANCE * 3),
        esg(appliances="<applianceSize>huge</applianceSize>" + APPLIANCE),
        esg(inside="<cliSettings><password>short</password></cliSettings>"),
        esg(inside=f"<vnics>{vnic(0).replace('dvportgroup-38', 'dvportgroup-99')}</vnics>"),
        esg(inside=f"<vnics>{''.join(vnic(index) for index in range(11))}</vnics>"),
        esg(inside=f"<vnics>{vnic(10)}</vnics>"),
        esg(inside=f"<vnics>{vnic(0)}{vnic(0)}</vnics>"),
        esg(inside="<vnics><vnic><index>0</index><isConnected>true</isConnected></vnic></vnics>"),
        esg(inside=f"<vnics>{vnic(0, group('10.0.0.1'))}{vnic(1, group('10.0.0.129'))}</vnics>"),
        esg(inside="<type>firewall</type>"),
        esg(inside="<autoConfiguration><rulePriority>middle</rulePriority></autoConfiguration>"),
        esg(inside="<features><nat><natRules><natRule/></natRules></nat></features>"),
        esg(inside="<colour>blue</colour>"),
    ],
)
def test_an_edge_that_cannot_be_is_refused_and_leaves_nothing(
    client: httpx.Client, manager: NsxManager, body: str
) -> None:
    answer = client.post(EDGES, content=body)
    assert answer.status_code == 400
    assert value(answer, "moduleName") == "vShield Edge"
    assert manager.dump()["edges"] == {}
    assert client.post(EDGES, content=esg()).headers["Location"].endswith("/edge-1")


def test_a_name_is_unique_for_its_tenant(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    again = client.post(EDGES, content=esg())
    assert (again.status_code, value(again, "errorCode")) == (400, "10085")
    assert value(again, "details") == (
        "Edge name should be unique for tenant. Edge esg already exists for default tenant."
    )
    assert client.post(EDGES, content=esg(inside="<tenant>other</tenant>")).status_code == 201
    client.delete(EDGE)
    assert client.post(EDGES, content=esg()).headers["Location"] == "/api/4.0/edges/edge-3"


def test_an_edge_may_come_with_its_features(client: httpx.Client) -> None:
    features = (
        "<features>"
        "<firewall><defaultPolicy><action>accept</action></defaultPolicy></firewall>"
        "<nat><natRules><natRule><action>snat</action></natRule></natRules></nat>"
        "<routing><staticRouting><defaultRoute><gatewayAddress>10.0.0.254</gatewayAddress></defaultRoute>"
        "</staticRouting></routing>"
        "<dns><enabled>true</enabled></dns>"
        "<syslog><serverAddresses><ipAddress>10.9.9.9</ipAddress></serverAddresses></syslog>"
        "<highAvailability><enabled>true</enabled></highAvailability>"
        "</features>"
    )
    inside = f"<vnics>{vnic(0, group('10.0.0.1'))}</vnics>{features}"
    assert client.post(EDGES, content=esg(inside=inside, appliances=APPLIANCE * 2)).status_code == 201
    shown = client.get(EDGE)
    assert value(shown, "features/firewall/defaultPolicy/action") == "accept"
    assert values(shown, "features/nat/natRules/natRule/ruleId") == ["196609"]
    assert value(shown, "features/routing/staticRouting/defaultRoute/gatewayAddress") == "10.0.0.254"
    assert value(shown, "features/dns/enabled") == "true"
    assert values(shown, "features/syslog/serverAddresses/ipAddress") == ["10.9.9.9"]
    assert value(shown, "features/highAvailability/enabled") == "true"


def test_the_settings_of_an_edge_come_back(client: httpx.Client) -> None:
    inside = (
        "<description>d</description><fqdn>f.example</fqdn><vseLogLevel>debug</vseLogLevel>"
        "<enableAesni>False</enableAesni><enableFips>True</enableFips>"
        "<queryDaemon><enabled>true</enabled><port>5667</port></queryDaemon>"
        "<dnsClient><primaryDns>10.1.1.1</primaryDns><domainName>example</domainName></dnsClient>"
    )
    client.post(EDGES, content=esg(inside=inside))
    shown = client.get(EDGE)
    names = ("description", "fqdn", "vseLogLevel", "enableAesni", "enableFips")
    assert [value(shown, name) for name in names] == ["d", "f.example", "debug", "false", "true"]
    assert value(shown, "queryDaemon/port") == "5667"
    assert value(shown, "dnsClient/primaryDns") == "10.1.1.1"


def test_edges_are_listed_by_pages_of_256(client: httpx.Client) -> None:
    for number in range(3):
        client.post(EDGES, content=esg(f"esg-{number}"))
    answer = client.get(EDGES)
    info = "edgePage/pagingInfo"
    assert tags(answer, info) == ["pageSize", "startIndex", "totalCount", "sortOrderAscending", "sortBy"]
    assert [value(answer, f"{info}/{name}") for name in ("pageSize", "totalCount", "sortBy")] == [
        "256",
        "3",
        "id",
    ]
    page = client.get(EDGES, params={"startIndex": 1, "pageSize": 1})
    assert values(page, "edgePage/edgeSummary/name") == ["esg-1"]
    assert value(page, f"{info}/totalCount") == "3"
    # The other API's spelling is an unknown parameter here
    assert len(values(client.get(EDGES, params={"pagesize": 1}), "edgePage/edgeSummary")) == 3


def test_ids_are_sorted_as_numbers(client: httpx.Client) -> None:
    for number in range(11):
        client.post(EDGES, content=esg(f"esg-{number}"))
    listed = values(client.get(EDGES), "edgePage/edgeSummary/objectId")
    assert listed == [f"edge-{number}" for number in range(1, 12)]
    backwards = client.get(EDGES, params={"sortBy": "name", "sortOrderAscending": "false"})
    assert values(backwards, "edgePage/edgeSummary/name")[:2] == ["esg-9", "esg-8"]


@pytest.mark.parametrize("query", ["sortBy=colour", "pageSize=0", "pageSize=1025", "startIndex=x"])
def test_a_list_has_its_rules(client: httpx.Client, query: str) -> None:
    assert client.get(f"{EDGES}?{query}").status_code == 400


def test_a_list_may_be_of_one_tenant_datacenter_or_network(client: httpx.Client) -> None:
    client.post(EDGES, content=esg("a", f"<tenant>t</tenant><vnics>{vnic(0)}</vnics>"))
    client.post(EDGES, content=esg("b"))
    found = {
        query: values(client.get(f"{EDGES}?{query}"), "edgePage/edgeSummary/name")
        for query in ("tenant=t", "datacenter=datacenter-2", "datacenter=datacenter-3", "pg=dvportgroup-38")
    }
    assert found == {
        "tenant=t": ["a"],
        "datacenter=datacenter-2": ["a", "b"],
        "datacenter=datacenter-3": [],
        "pg=dvportgroup-38": ["a"],
    }


def test_a_listed_edge_says_what_it_is(client: httpx.Client) -> None:
    client.post(EDGES, content=esg(inside=f"<vnics>{vnic(0)}{vnic(4)}</vnics>"))
    client.post(EDGES, content=dlr())
    answer = client.get(EDGES)
    summary = "edgePage/edgeSummary"
    assert values(answer, f"{summary}/edgeType") == ["gatewayServices", "distributedRouter"]
    assert values(answer, f"{summary}/numberOfConnectedVnics") == ["2", "0"]
    assert values(answer, f"{summary}/recentJobInfo/status") == ["SUCCESS", "SUCCESS"]
    assert values(answer, f"{summary}/edgeStatus") == ["GREEN", "GREEN"]


def test_a_delete_answers_204_and_the_next_404(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    answer = client.delete(EDGE)
    assert (answer.status_code, answer.content) == (204, b"")
    assert client.delete(EDGE).status_code == 404
    assert client.get(EDGE).status_code == 404


def test_a_router_has_interfaces_and_no_nat_dns_or_vnics(client: httpx.Client) -> None:
    assert client.post(EDGES, content=dlr()).status_code == 201
    shown = client.get(EDGE)
    assert value(shown, "type") == "distributedRouter"
    assert value(shown, "mgmtInterface/connectedToId") == "dvportgroup-38"
    assert {"nat", "dns", "ipsec"}.isdisjoint(tags(shown, "features"))
    assert {"firewall", "routing", "syslog", "highAvailability"} <= set(tags(shown, "features"))
    assert "vnics" not in tags(shown)
    for path in ("nat/config", "dns/config", "vnics"):
        assert client.get(f"{EDGE}/{path}").status_code == 400
    for path in ("firewall/config", "routing/config", "syslog/config", "interfaces"):
        assert client.get(f"{EDGE}/{path}").status_code == 200


def test_a_gateway_has_no_router_interfaces(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    assert client.get(f"{EDGE}/interfaces").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        dlr().replace("<mgmtInterface><connectedToId>dvportgroup-38</connectedToId></mgmtInterface>", ""),
        dlr(management="<connectedToId>dvportgroup-99</connectedToId>"),
        dlr().replace(APPLIANCE, ""),
        dlr(f"<vnics>{vnic(0)}</vnics>"),
        dlr("<features><nat/></features>"),
        dlr(
            "<features><routing><routingGlobalConfig><ecmp>true</ecmp></routingGlobalConfig></routing>"
            "</features>"
        ),
    ],
)
def test_a_router_that_cannot_be_is_refused(client: httpx.Client, manager: NsxManager, body: str) -> None:
    assert client.post(EDGES, content=body).status_code == 400
    assert manager.dump()["edges"] == {}


def test_a_summary_shows_the_limits_by_size_and_version() -> None:
    def limits(size: str, version: str, **overrides: int) -> dict[str, str]:
        named = {name.replace("__", "."): most for name, most in overrides.items()}
        with talk(make(version=version, options=Options(limits=named))) as client:
            client.post(EDGES, content=esg(appliances=f"<applianceSize>{size}</applianceSize>{APPLIANCE}"))
            root = etree.fromstring(client.get(f"{EDGE}/summary").content)
        return {
            f"{capability.findtext('service')}.{limit.findtext('key')}": limit.findtext("value") or ""
            for capability in root.findall("featureCapabilities/featureCapability")
            for limit in capability.findall("configurationLimit")
        }

    compact = limits("compact", "6.4.4")
    assert compact["nat.MAX_RULES"] == "2048"
    assert compact["dns.MAX_SERVER_IPS"] == "2"
    assert compact["routing.MAX_ROUTES"] == "2048"
    assert limits("xlarge", "6.4.4")["routing.MAX_ROUTES"] == "10240"
    assert limits("xlarge", "6.4.3")["routing.MAX_ROUTES"] == "2048"
    assert limits("compact", "6.4.4", nat__MAX_RULES=7)["nat.MAX_RULES"] == "7"


def test_a_status_says_that_all_is_well(client: httpx.Client) -> None:
    client.post(EDGES, content=esg(appliances=APPLIANCE * 2))
    status = client.get(f"{EDGE}/status")
    assert [value(status, name) for name in ("edgeStatus", "publishStatus", "version")] == [
        "GREEN",
        "APPLIED",
        "1",
    ]
    assert values(status, "edgeVmStatus/edgeVmStatus/haState") == ["active", "standby"]
    assert "nat" in values(status, "featureStatuses/featureStatus/service")


def test_a_health_summary_is_there_since_6_4_0() -> None:
    with talk(make(version="6.4.0")) as client:
        client.post(EDGES, content=esg())
        health = client.get(f"{EDGE}/healthsummary")
        assert value(health, "configVersion") == value(health, ".//vmConfigVersion") == "1"
        assert values(health, "pendingJobs/edgeJob") == []
    with talk(make(version="6.3.7")) as client:
        client.post(EDGES, content=esg())
        assert client.get(f"{EDGE}/healthsummary").status_code == 404


def test_a_version_is_the_edges_at_the_features_last_change(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())

    def versions() -> list[str | None]:
        shown = client.get(EDGE)
        names = ("version", "features/nat/version", "features/syslog/version", "features/firewall/version")
        return [value(shown, name) for name in names]

    assert versions() == ["1", "1", "1", "1"]
    client.put(f"{EDGE}/nat/config", content="<nat/>")
    client.put(f"{EDGE}/syslog/config", content="<syslog/>")
    assert versions() == ["3", "2", "3", "1"]
    client.put(f"{EDGE}/nat/config", content="<nat/>")  # equal, and counted all the same
    assert client.put(f"{EDGE}/nat/config", content="<nope/>").status_code == 400
    assert versions() == ["4", "4", "3", "1"]


@pytest.mark.parametrize(("strict", "stale"), [(False, 204), (True, 409)], ids=["as documented", "strict"])
def test_an_old_version_is_minded_only_if_asked_to(strict: bool, stale: int) -> None:
    with talk(make(options=Options(strict_versions=strict))) as client:
        client.post(EDGES, content=esg())
        read = client.get(f"{EDGE}/nat/config").content
        assert client.put(f"{EDGE}/nat/config", content=read).status_code == 204
        assert client.put(f"{EDGE}/nat/config", content=read).status_code == stale
        assert client.put(f"{EDGE}/nat/config", content="<nat/>").status_code == 204
