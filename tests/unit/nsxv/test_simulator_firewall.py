"""The edge firewall on the simulated NSX Manager."""

from collections.abc import Iterator

import httpx
import pytest

from adapters.nsxv.simulator import NsxManager, Options
from tests.unit.nsxv.manager import APPLIANCE, EDGE, EDGES, esg, make, tags, talk, value, values


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


CONFIG = f"{EDGE}/firewall/config"
RULES = f"{CONFIG}/rules"


@pytest.fixture(autouse=True)
def _edge(client: httpx.Client) -> None:
    client.post(EDGES, content=esg(appliances=APPLIANCE * 2))


def rule(inside: str = "", action: str = "accept") -> str:
    return f"<firewallRule><action>{action}</action>{inside}</firewallRule>"


def append(client: httpx.Client, *rules: str) -> httpx.Response:
    return client.post(RULES, content=f"<firewallRules>{''.join(rules)}</firewallRules>")


def ids(client: httpx.Client) -> list[str]:
    return values(client.get(CONFIG), "firewallRules/firewallRule/id")


def kinds(client: httpx.Client) -> list[str]:
    return values(client.get(CONFIG), "firewallRules/firewallRule/ruleType")


def test_a_new_edge_lets_nothing_through_but_what_it_sends(client: httpx.Client) -> None:
    shown = client.get(CONFIG)
    assert tags(shown) == ["version", "enabled", "globalConfig", "defaultPolicy", "firewallRules"]
    assert value(shown, "enabled") == "true"
    assert value(shown, "defaultPolicy/action") == "deny"
    assert ids(client) == ["131074", "131073"]
    assert kinds(client) == ["internal_high", "default_policy"]
    assert values(shown, "firewallRules/firewallRule/name") == [
        "firewall",
        "default rule for ingress traffic",
    ]
    assert values(shown, "firewallRules/firewallRule/source/vnicGroupId") == ["vse"]
    assert values(shown, "firewallRules/firewallRule/action") == ["accept", "deny"]


def test_user_rules_stand_between_the_systems(client: httpx.Client) -> None:
    answer = append(client, rule("<name>web</name>"))
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"] == "/api/4.0/edges/edge-1/firewall/config/rules/131075"
    assert kinds(client) == ["internal_high", "user", "default_policy"]
    client.post(f"{RULES}?aboveRuleId=131075", content=rule())
    assert ids(client) == ["131074", "131076", "131075", "131073"]


def test_an_append_takes_a_list_and_an_insert_a_bare_rule(client: httpx.Client) -> None:
    append(client, rule())
    assert client.post(RULES, content=rule()).status_code == 400
    wrapped = f"<firewallRules>{rule()}</firewallRules>"
    assert client.post(f"{RULES}?aboveRuleId=131075", content=wrapped).status_code == 400


FULL = (
    "<name>web</name><ruleTag>17</ruleTag>"
    "<source><exclude>false</exclude><ipAddress>10.0.0.0/8</ipAddress><ipAddress>192.0.2.1-192.0.2.9</ipAddress>"
    "<vnicGroupId>vnic-index-5</vnicGroupId></source>"
    "<destination><vnicGroupId>internal</vnicGroupId></destination>"
    "<application><service><protocol>tcp</protocol><port>80</port><port>443</port></service>"
    "<service><protocol>icmp</protocol><icmpType>any</icmpType></service></application>"
    "<matchTranslated>true</matchTranslated><direction>in</direction><loggingEnabled>true</loggingEnabled>"
    "<description>d</description>"
)  # fmt: skip


def test_what_a_rule_says_comes_back_with_the_defaults(client: httpx.Client) -> None:
    append(client, rule(FULL))
    shown = client.get(f"{RULES}/131075")
    assert tags(shown) == [
        "id",
        "ruleTag",
        "name",
        "ruleType",
        "source",
        "destination",
        "application",
        "matchTranslated",
        "direction",
        "action",
        "enabled",
        "loggingEnabled",
        "description",
    ]
    assert tags(shown, "source") == ["exclude", "ipAddress", "ipAddress", "vnicGroupId"]
    # As captured: a port that nobody named is shown as any
    assert values(shown, "application/service/sourcePort") == ["any"]
    assert tags(shown, "application/service") == ["protocol", "port", "port", "sourcePort"]
    assert [value(shown, name) for name in ("ruleTag", "matchTranslated", "enabled")] == [
        "17",
        "true",
        "true",
    ]


def test_a_service_without_ports_is_for_any(client: httpx.Client) -> None:
    append(client, rule("<application><service><protocol>udp</protocol></service></application>"))
    shown = client.get(f"{RULES}/131075")
    assert values(shown, "application/service/port") == ["any"]


def test_an_absent_source_destination_or_application_stays_absent(client: httpx.Client) -> None:
    append(client, rule())
    shown = client.get(f"{RULES}/131075")
    assert {"source", "destination", "application", "direction"}.isdisjoint(tags(shown))
    assert value(shown, "ruleTag") == "131075"


def test_a_single_rule_can_be_read_even_the_systems(client: httpx.Client) -> None:
    assert value(client.get(f"{RULES}/131073"), "ruleType") == "default_policy"
    missing = client.get(f"{RULES}/131075")
    assert (missing.status_code, value(missing, "errorCode")) == (404, "100046")


@pytest.mark.parametrize(
    ("inside", "status"),
    [
        ("<source><ipAddress>10.0.0</ipAddress></source>", 400),
        ("<source><vnicGroupId>vnic-index-10</vnicGroupId></source>", 400),
        ("<source><vnicGroupId>everything</vnicGroupId></source>", 400),
        ("<source><groupingObjectId>ipset-7</groupingObjectId></source>", 404),
        ("<application><applicationId>application-7</applicationId></application>", 404),
        ("<application><service><port>80</port></service></application>", 400),
        ("<application><service><protocol>icmp</protocol><port>80</port></service></application>", 400),
        ("<application><service><protocol>tcp</protocol><port>http</port></service></application>", 400),
        ("<direction>both</direction>", 400),
        ("<ruleTag>65537</ruleTag>", 400),
        ("<ruleTag>0</ruleTag>", 400),
        ("<ruleType>default_policy</ruleType>", 400),
        ("<sources/>", 400),
    ],
)
def test_a_rule_that_cannot_be_is_refused(client: httpx.Client, inside: str, status: int) -> None:
    assert append(client, rule(inside)).status_code == status
    assert ids(client) == ["131074", "131073"]


def test_an_action_is_one_of_three(client: httpx.Client) -> None:
    assert (
        append(client, *(rule(action=action) for action in ("accept", "deny", "reject"))).status_code == 201
    )
    assert append(client, rule(action="allow")).status_code == 400


def test_a_rule_is_replaced_in_its_place_and_removed(client: httpx.Client) -> None:
    append(client, rule(), rule())
    assert client.put(f"{RULES}/131075", content=rule(action="deny")).status_code == 204
    assert values(client.get(CONFIG), "firewallRules/firewallRule/action")[1:3] == ["deny", "accept"]
    assert client.delete(f"{RULES}/131075").status_code == 204
    assert client.delete(f"{RULES}/131075").status_code == 404
    append(client, rule())
    assert ids(client) == ["131074", "131076", "131077", "131073"]


@pytest.mark.parametrize("system", ["131073", "131074"])
def test_a_rule_of_the_system_cannot_be_changed_by_its_id(client: httpx.Client, system: str) -> None:
    assert client.put(f"{RULES}/{system}", content=rule()).status_code == 400
    assert client.delete(f"{RULES}/{system}").status_code == 400
    assert system in ids(client)


def test_the_default_policy_has_an_address_of_its_own(client: httpx.Client) -> None:
    address = f"{CONFIG}/defaultpolicy"
    inside = "<action>accept</action><loggingEnabled>true</loggingEnabled>"
    body = f"<firewallDefaultPolicy>{inside}</firewallDefaultPolicy>"
    assert client.put(address, content=body).status_code == 204
    assert value(client.get(address), "action") == "accept"
    last = client.get(f"{RULES}/131073")
    assert [value(last, name) for name in ("action", "loggingEnabled")] == ["accept", "true"]
    wrong = "<defaultPolicy><action>accept</action></defaultPolicy>"
    assert client.put(address, content=wrong).status_code == 400
    assert client.put(address, content="<firewallDefaultPolicy/>").status_code == 400


def test_the_global_settings_have_an_address_of_their_own(client: httpx.Client) -> None:
    address = f"{CONFIG}/global"
    defaults = client.get(address)
    assert len(tags(defaults)) == 15
    assert value(defaults, "tcpTimeoutEstablished") == "21600"
    inside = "<udpTimeout>90</udpTimeout><dropInvalidTraffic>False</dropInvalidTraffic>"
    body = f"<globalConfig>{inside}</globalConfig>"
    assert client.put(address, content=body).status_code == 204
    assert value(client.get(address), "udpTimeout") == "90"
    assert value(client.get(CONFIG), "globalConfig/dropInvalidTraffic") == "false"
    assert client.put(address, content="<globalConfig/>").status_code == 204
    assert client.get(address).content == defaults.content
    body = "<globalConfig><udpTimeout>soon</udpTimeout></globalConfig>"
    assert client.put(address, content=body).status_code == 400


def test_a_put_of_all_puts_back_what_it_leaves_out(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    body = (
        "<firewall><enabled>false</enabled><defaultPolicy><action>accept</action></defaultPolicy>"
        "<globalConfig><udpTimeout>90</udpTimeout></globalConfig>"
        f"<firewallRules>{rule()}</firewallRules></firewall>"
    )
    assert client.put(CONFIG, content=body).status_code == 204
    assert manager.dump() != before
    assert client.put(CONFIG, content="<firewall/>").status_code == 204
    assert manager.dump() == before


def test_a_delete_of_all_puts_the_defaults_back(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    client.put(CONFIG, content="<firewall><defaultPolicy><action>accept</action></defaultPolicy></firewall>")
    append(client, rule())
    assert client.delete(CONFIG).status_code == 204
    assert manager.dump() == before


def test_what_a_get_shows_may_be_put_back_without_doubling_the_systems_rules(
    client: httpx.Client, manager: NsxManager
) -> None:
    append(client, rule(FULL), rule())
    before, rules = manager.dump(), ids(client)
    assert client.put(CONFIG, content=client.get(CONFIG).content).status_code == 204
    assert (manager.dump(), ids(client)) == (before, rules)
    assert manager.warnings == [
        "edge-1: a client sent back the internal_high rule of firewall",
        "edge-1: a client sent back the default_policy rule of firewall",
    ]


def test_high_availability_plumbs_a_rule_from_the_same_counter(
    client: httpx.Client, manager: NsxManager
) -> None:
    append(client, rule())
    before = manager.dump()
    ha = f"{EDGE}/highavailability/config"
    assert client.put(ha, content="<highAvailability/>").status_code == 204
    assert ids(client) == ["131074", "131076", "131075", "131073"]
    assert kinds(client) == ["internal_high", "internal_high", "user", "default_policy"]
    assert client.delete(f"{RULES}/131076").status_code == 400
    client.put(ha, content="<highAvailability><declareDeadTime>9</declareDeadTime></highAvailability>")
    assert "131076" in ids(client)
    client.delete(ha)
    assert ids(client) == ["131074", "131075", "131073"]
    assert manager.dump() == before


def test_a_low_rule_priority_puts_the_systems_rules_behind(client: httpx.Client) -> None:
    append(client, rule())
    body = "<autoConfiguration><rulePriority>low</rulePriority></autoConfiguration>"
    client.put(f"{EDGE}/autoconfiguration", content=body)
    assert kinds(client) == ["user", "internal_low", "default_policy"]


def test_there_are_as_many_rules_as_the_edge_holds() -> None:
    with talk(make(options=Options(limits={"firewall.MAX_RULES": 2}))) as client:
        client.post(EDGES, content=esg())
        assert append(client, rule(), rule()).status_code == 201
        assert append(client, rule()).status_code == 400
