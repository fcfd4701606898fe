"""NAT of an ESG on the simulated NSX Manager."""

from collections.abc import Iterator

import httpx
import pytest
from lxml import etree

from adapters.nsxv.simulator import NsxManager, Options
from tests.unit.nsxv.manager import EDGE, EDGES, esg, make, tags, talk, value, values


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


CONFIG = f"{EDGE}/nat/config"
RULES = f"{CONFIG}/rules"


@pytest.fixture(autouse=True)
def _edge(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())


def rule(action: str = "snat", inside: str = "") -> str:
    return f"<natRule><action>{action}</action>{inside}</natRule>"


def append(client: httpx.Client, *rules: str) -> httpx.Response:
    return client.post(RULES, content=f"<natRules>{''.join(rules)}</natRules>")


def ids(client: httpx.Client) -> list[str]:
    return values(client.get(CONFIG), "natRules/natRule/ruleId")


def test_a_new_edge_has_nat_and_no_rules(client: httpx.Client) -> None:
    assert client.get(CONFIG).text.endswith(
        "<nat><version>1</version><enabled>true</enabled><natRules/></nat>"
    )


def test_a_rule_is_shown_in_the_captured_order_with_every_default(client: httpx.Client) -> None:
    append(client, rule("dnat", "<vnic>0</vnic>"), rule())
    shown = client.get(CONFIG)
    assert tags(shown, "natRules/natRule[1]") == [
        "ruleId",
        "ruleTag",
        "ruleType",
        "action",
        "vnic",
        "originalAddress",
        "translatedAddress",
        "dnatMatchSourceAddress",
        "loggingEnabled",
        "enabled",
        "description",
        "protocol",
        "originalPort",
        "translatedPort",
        "dnatMatchSourcePort",
    ]
    one = "natRules/natRule[1]"
    defaulted = ("ruleId", "ruleTag", "ruleType", "originalAddress", "loggingEnabled", "enabled", "protocol")
    assert [value(shown, f"{one}/{name}") for name in defaulted] == [
        "196609",
        "196609",
        "user",
        "any",
        "false",
        "true",
        "any",
    ]
    assert value(shown, f"{one}/description") == ""
    assert "vnic" not in tags(shown, "natRules/natRule[2]")
    assert value(shown, "natRules/natRule[2]/snatMatchDestinationPort") == "any"


def test_an_append_answers_201_and_the_new_rules_address(client: httpx.Client) -> None:
    answer = append(client, rule())
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["Location"] == "/api/4.0/edges/edge-1/nat/config/rules/196609"
    assert append(client, rule(), rule("dnat")).headers["Location"].endswith("/196611")


def test_the_same_append_again_adds_the_same_again(client: httpx.Client) -> None:
    append(client, rule(inside="<ruleTag>70000</ruleTag>"))
    append(client, rule(inside="<ruleTag>70000</ruleTag>"))
    assert ids(client) == ["196609", "196610"]
    assert values(client.get(CONFIG), "natRules/natRule/ruleTag") == ["70000", "70000"]


def test_an_id_is_never_used_again(client: httpx.Client) -> None:
    append(client, rule(), rule())
    client.delete(f"{RULES}/196610")
    append(client, rule())
    assert ids(client) == ["196609", "196611"]
    client.delete(CONFIG)
    append(client, rule())
    assert ids(client) == ["196612"]


def test_an_append_takes_a_list_and_an_insert_a_bare_rule(client: httpx.Client) -> None:
    append(client, rule())
    assert client.post(RULES, content=rule()).status_code == 400
    wrapped = f"<natRules>{rule()}</natRules>"
    assert client.post(f"{RULES}?aboveRuleId=196609", content=wrapped).status_code == 400
    assert ids(client) == ["196609"]


def test_an_insert_goes_above_the_rule_that_it_names(client: httpx.Client) -> None:
    append(client, rule(), rule())
    answer = client.post(f"{RULES}?aboveRuleId=196610", content=rule())
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith("/rules/196611")
    assert ids(client) == ["196609", "196611", "196610"]


def test_above_nothing_is_allowed_while_there_is_nothing(client: httpx.Client) -> None:
    assert client.post(f"{RULES}?aboveRuleId=0", content=rule()).status_code == 201
    assert client.post(f"{RULES}?aboveRuleId=0", content=rule()).status_code == 404
    assert client.post(f"{RULES}?aboveRuleId=5", content=rule()).status_code == 404


def test_there_is_no_get_of_a_single_rule(client: httpx.Client) -> None:
    append(client, rule())
    assert client.get(f"{RULES}/196609").status_code == 404
    assert client.get(RULES).status_code == 404


def test_a_put_replaces_one_rule_in_its_place(client: httpx.Client) -> None:
    append(client, rule(inside="<description>a</description><ruleTag>70000</ruleTag>"), rule())
    answer = client.put(f"{RULES}/196609", content=rule("dnat"))
    assert (answer.status_code, answer.content) == (204, b"")
    shown = client.get(CONFIG)
    assert values(shown, "natRules/natRule/action") == ["dnat", "snat"]
    assert value(shown, "natRules/natRule[1]/description") == ""
    assert value(shown, "natRules/natRule[1]/ruleTag") == "196609"
    assert client.put(f"{RULES}/196699", content=rule()).status_code == 404


def test_a_delete_answers_204_and_the_next_404(client: httpx.Client) -> None:
    append(client, rule())
    assert client.delete(f"{RULES}/196609").status_code == 204
    again = client.delete(f"{RULES}/196609")
    assert (again.status_code, value(again, "errorCode")) == (404, "202")


def test_a_put_of_all_replaces_all(client: httpx.Client) -> None:
    append(client, rule(), rule("dnat"))
    answer = client.put(CONFIG, content=f"<nat><natRules>{rule()}</natRules></nat>")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ids(client) == ["196611"]
    client.put(CONFIG, content="<nat><enabled>false</enabled></nat>")
    assert ids(client) == []
    assert value(client.get(CONFIG), "enabled") == "false"


def test_what_a_get_shows_may_be_put_back_and_keeps_its_ids(
    client: httpx.Client, manager: NsxManager
) -> None:
    append(client, rule(inside="<ruleTag>70000</ruleTag>"), rule("dnat"))
    before = manager.dump()
    assert client.put(CONFIG, content=client.get(CONFIG).content).status_code == 204
    assert ids(client) == ["196609", "196610"]
    assert manager.dump() == before


def test_a_whole_configuration_cannot_hold_one_id_twice(client: httpx.Client) -> None:
    append(client, rule())
    twice = rule(inside="<ruleId>196609</ruleId>") * 2
    assert client.put(CONFIG, content=f"<nat><natRules>{twice}</natRules></nat>").status_code == 400


def test_a_delete_of_all_leaves_the_system_default(client: httpx.Client, manager: NsxManager) -> None:
    before = manager.dump()
    client.put(CONFIG, content=f"<nat><enabled>false</enabled><natRules>{rule()}</natRules></nat>")
    assert manager.dump() != before
    assert client.delete(CONFIG).status_code == 204
    assert manager.dump() == before


@pytest.mark.parametrize(
    "inside",
    [
        "<originalAddress>10.0.0.0/8</originalAddress><translatedAddress>192.0.2.1</translatedAddress>",
        "<originalAddress>10.0.0.1-10.0.0.9</originalAddress>",
        "<originalAddress>10.0.0.1/24</originalAddress>",
        "<protocol>tcp</protocol><originalPort>80</originalPort><translatedPort>8000-8080</translatedPort>",
        "<protocol>icmp</protocol><icmpType>echo-request</icmpType>",
        "<protocol>47</protocol>",
        "<snatMatchDestinationAddress>10.9.0.0/16</snatMatchDestinationAddress>",
        "<description>a &amp; b</description><loggingEnabled>True</loggingEnabled>",
        "<vnic>9</vnic>",
        "<ruleTag>65537</ruleTag>",
        "<ruleTag>131072</ruleTag>",
    ],
)
def test_what_a_rule_says_comes_back(client: httpx.Client, inside: str) -> None:
    assert append(client, rule(inside=inside)).status_code == 201
    shown = client.get(CONFIG)
    for element in etree.fromstring(f"<x>{inside}</x>"):
        expected = (element.text or "").replace("True", "true")
        assert value(shown, f"natRules/natRule/{element.tag!s}") == expected


@pytest.mark.parametrize(
    ("action", "inside", "code", "field"),
    [
        ("nat", "", "100", "action"),
        ("", "", "100", "action"),
        ("snat", "<originalAddress>10.0.0</originalAddress>", "15012", "originalAddress"),
        ("snat", "<originalAddress>10.0.0.9-10.0.0.1</originalAddress>", "15012", "originalAddress"),
        ("snat", "<originalAddress>10.0.0.9-</originalAddress>", "15012", "originalAddress"),
        ("snat", "<originalAddress>10.0.0.0/33</originalAddress>", "15012", "originalAddress"),
        ("snat", "<originalAddress>10.0.0.0/255.0.0.0</originalAddress>", "15012", "originalAddress"),
        ("snat", "<originalAddress>10.0.0.0/</originalAddress>", "15012", "originalAddress"),
        ("snat", "<translatedAddress>example.com</translatedAddress>", "15012", "translatedAddress"),
        ("dnat", "<dnatMatchSourceAddress>1</dnatMatchSourceAddress>", "15012", "dnatMatchSourceAddress"),
        ("snat", "<dnatMatchSourceAddress>any</dnatMatchSourceAddress>", "100", "dnatMatchSourceAddress"),
        ("snat", "<dnatMatchSourcePort>any</dnatMatchSourcePort>", "100", "dnatMatchSourcePort"),
        (
            "dnat",
            "<snatMatchDestinationAddress>10.0.0.1</snatMatchDestinationAddress>",
            "100",
            "snatMatchDestinationAddress",
        ),
        ("snat", "<vnic>10</vnic>", "100", "vnic"),
        ("snat", "<protocol>tcpp</protocol>", "100", "protocol"),
        ("snat", "<protocol>256</protocol>", "100", "protocol"),
        ("snat", f"<protocol>{'9' * 5000}</protocol>", "100", "protocol"),
        ("snat", "<icmpType>any</icmpType>", "100", "icmpType"),
        ("dnat", "<protocol>tcp</protocol><originalPort>70000</originalPort>", "100", "originalPort"),
        ("dnat", "<protocol>tcp</protocol><originalPort>9-1</originalPort>", "100", "originalPort"),
        ("dnat", "<protocol>tcp</protocol><originalPort>1-2-3</originalPort>", "100", "originalPort"),
        ("dnat", "<protocol>tcp</protocol><originalPort>-</originalPort>", "100", "originalPort"),
        ("dnat", "<originalPort>80</originalPort>", "100", "originalPort"),
        ("snat", "<ruleTag>65536</ruleTag>", "100", "ruleTag"),
        ("snat", "<ruleTag>131073</ruleTag>", "100", "ruleTag"),
        ("snat", "<ruleType>internal_high</ruleType>", "100", "ruleType"),
        ("snat", "<enabled>maybe</enabled>", "100", "enabled"),
        ("snat", "<orignalAddress>any</orignalAddress>", "100", "orignalAddress"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_its_field(
    client: httpx.Client, action: str, inside: str, code: str, field: str
) -> None:
    answer = append(client, rule(), rule(action, inside))
    assert (answer.status_code, value(answer, "errorCode")) == (400, code)
    assert f"natRules[1].{field}" in (value(answer, "details") or "")
    assert ids(client) == []


def test_a_match_on_the_side_that_is_translated_is_invalid(client: httpx.Client) -> None:
    answer = append(client, rule("dnat", "<snatMatchDestinationAddress>any</snatMatchDestinationAddress>"))
    assert value(answer, "details") == (
        "Field natRules[0].snatMatchDestinationAddress is invalid for a rule with action dnat."
    )


def test_a_rule_for_icmp_is_for_any_type_of_it(client: httpx.Client) -> None:
    append(client, rule(inside="<protocol>icmp</protocol>"))
    assert value(client.get(CONFIG), "natRules/natRule/icmpType") == "any"


def test_several_wrong_rules_are_refused_together(client: httpx.Client) -> None:
    wrong = rule(inside="<originalAddress>x</originalAddress>")
    answer = append(client, wrong, rule(), wrong)
    assert answer.status_code == 400
    assert tags(answer) == ["error", "error"]
    assert values(answer, "error/errorCode") == ["15012", "15012"]


@pytest.mark.parametrize("body", ["<natRules/>", "<natRules><rule/></natRules>", "<nat/>"])
def test_an_append_of_nothing_is_refused(client: httpx.Client, body: str) -> None:
    assert client.post(RULES, content=body).status_code == 400


def test_where_the_tag_is_the_id_it_names_the_rule() -> None:
    manager = make(options=Options(tag_is_id=True))
    with talk(manager) as client:
        client.post(EDGES, content=esg())
        tagged = rule(inside="<ruleTag>70000</ruleTag>")
        assert append(client, tagged).headers["Location"].endswith("/rules/70000")
        assert append(client, tagged).status_code == 400
        append(client, rule())
        assert ids(client) == ["70000", "196609"]
        before = manager.dump()
        assert client.put(CONFIG, content=client.get(CONFIG).content).status_code == 204
        assert manager.dump() == before
        assert ids(client) == ["70000", "196609"]
        assert client.put(f"{RULES}/196609", content=tagged).status_code == 400
        moved = rule(inside="<ruleTag>70001</ruleTag>")
        assert client.put(f"{RULES}/70000", content=moved).status_code == 204
        assert ids(client) == ["70001", "196609"]


def test_there_are_as_many_rules_as_the_edge_holds() -> None:
    with talk(make(options=Options(limits={"nat.MAX_RULES": 2}))) as client:
        client.post(EDGES, content=esg())
        assert append(client, rule(), rule(), rule()).status_code == 400
        assert append(client, rule(), rule()).status_code == 201
        assert append(client, rule()).status_code == 400
        assert client.post(f"{RULES}?aboveRuleId=196609", content=rule()).status_code == 400
        three = f"<nat><natRules>{rule() * 3}</natRules></nat>"
        assert client.put(CONFIG, content=three).status_code == 400
        assert len(ids(client)) == 2


def test_a_rule_of_the_system_that_is_echoed_is_dropped_and_noted(
    client: httpx.Client, manager: NsxManager
) -> None:
    echoed = rule(inside="<ruleType>internal_high</ruleType>")
    assert client.put(CONFIG, content=f"<nat><natRules>{echoed}</natRules></nat>").status_code == 204
    assert ids(client) == []
    assert manager.warnings == ["edge-1: a client sent back the internal_high rule of nat"]
