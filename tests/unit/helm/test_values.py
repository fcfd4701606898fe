"""The linter of strongSwan's values: what it lets through, and each refusal with key and expectation."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from hopbook.errors import InvalidInput
from hopbook.site.document import read_document
from hopbook.vpn.keys import KeyTable, read_keys
from hopbook.vpn.values import lint

ROOT = Path(__file__).parents[3]
GOOD: dict[str, Any] = {
    "ipsec": {"auto": "add", "ike": "aes256-sha256-modp2048", "esp": "aes256-sha256-modp2048"},
    "local": {"subnet": "172.30.0.0/16,172.21.0.0/16"},
    "remote": {"subnet": "192.168.12.0/24"},
}


@pytest.fixture(scope="module")
def table() -> KeyTable:
    path = ROOT / "runbooks/vpn/strongswan.yaml"
    return read_keys(read_document(path.read_bytes(), path.name))


def said(table: KeyTable, version: str = "2.2.9", /, *, secret: bool = True, **values: Any) -> list[str]:
    """What is wrong with the good values and these over them: `ipsec__auto="start"`."""
    document: dict[str, Any] = {name: dict(part) for name, part in GOOD.items()}
    for path, value in values.items():
        *above, last = path.split("__")
        inner = document
        for name in above:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return [str(problem) for problem in lint(document, version, table, release="vpn", secret=secret)]


@pytest.mark.parametrize("version", ["2.2.0", "2.2.9", "2.3.0", "2.6.0"])
def test_good_values_are_good_for_every_version(table: KeyTable, version: str) -> None:
    assert said(table, version) == []


def test_the_table_holds_the_keys_and_defaults_of_the_stand_in(table: KeyTable) -> None:
    """Both were written down from one source, so each catches a slip in the other."""
    values = yaml.safe_load((ROOT / "adapters/helm/chart/values.yaml").read_text())
    given = dict(table.entries(values))
    named = {key.key for key in table.keys if key.since is None and not key.key.endswith("*")}
    assert {path for path in given if not path.startswith("monitoring.slack")} == named
    defaults = {path: value for path, value in given.items() if value not in ("", {}, [])}
    assert {path: table.default(path) for path in defaults} == defaults | {"strongswanLogging": None}
    assert lint(values, "2.2.9", table) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"zoneSelector": "a"}, "zoneSelector: strongswan 2.2.9 has no such key; expected version 2.3.5 or"),
        ({"zoneLoadBalancer": "a"}, "zoneLoadBalancer: strongswan 2.2.9 has no such key; expected version 2"),
        ({"zoneSpecificRoutes": True}, "zoneSpecificRoutes: strongswan 2.2.9 has no such key; expected vers"),
        ({"local__zoneSubnet": "a"}, "local.zoneSubnet: strongswan 2.2.9 has no such key; expected version "),
        (
            {"ipsec__keyexchage": "ikev2"},
            "ipsec.keyexchage: strongswan 2.2.9 has no such key; is ipsec.keyex",
        ),
        ({"authby": "psk"}, "authby: strongswan 2.2.9 has no such key"),
        ({"enableRBAC": "yes"}, "enableRBAC: it is 'yes'; expected true or false"),
        ({"ipsec__auto": "route"}, "ipsec.auto: it is 'route'; expected one of add, start"),
        ({"validate": False}, "validate: it is False; expected one of off, simple, strict"),
        ({"local": "172.30.0.0/16"}, "local: strongswan 2.2.9 has no such key"),
        ({"remote__subnet": "192.168.12.1/24"}, "remote.subnet: it is '192.168.12.1/24'; expected networks "),
        (
            {"remote__subnet": ["192.168.12.0/24"]},
            "remote.subnet: it is ['192.168.12.0/24']; expected networ",
        ),
        ({"ipsec__lifetime": "1 hour"}, "ipsec.lifetime: it is '1 hour'; expected a time such as 3h"),
        ({"loadBalancerIP": "10.95.60"}, "loadBalancerIP: it is '10.95.60'; expected an address such as"),
        ({"localSubnetNAT": "172.30.0.0/16"}, "localSubnetNAT: it is '172.30.0.0/16'; expected pairs of net"),
        ({"tolerations": {}}, "tolerations: it is {}; expected a list"),
        ({"monitoring__delay": True}, "monitoring.delay: it is True; expected a number"),
        ({"ipsec__keyexchange": "ikev1", "ipsec__ike": ""}, "ipsec.ike: it is empty; expected a proposal"),
        ({"ipsec__keyexchange": "ikev1", "ipsec__esp": ""}, "ipsec.esp: it is empty; expected a proposal"),
        (
            {"ipsec__keyexchange": "ikev1"},
            "local.subnet: it holds 2 networks; expected exactly one with ikev1",
        ),
        (
            {"ipsec__auto": "start"},
            "remote.gateway: it is %any; expected the other end's address, as ipsec.a",
        ),
        (
            {"enableServiceSourceIP": True},
            "enableServiceSourceIP: ipsec.keyexchange is ikev2; expected ikev1",
        ),
        (
            {"enableServiceSourceIP": True},
            "enableServiceSourceIP: loadBalancerIP is empty; expected an addre",
        ),
        (
            {"enableSingleSourceIP": True},
            "local.subnet: expected exactly one /32, as enableSingleSourceIP is",
        ),
        (
            {"enableSingleSourceIP": True, "local__subnet": "10.0.0.1/32", "enablePodSNAT": False},
            "enablePodSNAT: it is false; expected auto or true",
        ),
        (
            {"remoteSubnetNAT": "192.168.13.0/24=10.1.0.0/24"},
            "remoteSubnetNAT: 192.168.13.0/24 is not in remote.subnet (192.168.12.0/24); expected an entry",
        ),
        ({"strongswanLogging": "ike 1, cfg 3"}, "strongswanLogging: it is 'ike 1, cfg 3'; expected `ike 2`"),
        ({"strongswanLogging": "cfg 3"}, "strongswanLogging: it is 'cfg 3'; expected `ike 2` or more"),
        (
            {"remote__subnet": "172.30.8.0/24"},
            "remote.subnet: 172.30.8.0/24 overlaps 172.30.0.0/16 of local.",
        ),
        ({"preshared__secret": "hunter2"}, "preshared.secret: a secret stands among the values; expected a "),
    ],
)
def test_what_is_refused(table: KeyTable, values: dict[str, Any], message: str) -> None:
    found = said(table, **values)
    assert any(text.startswith(message) for text in found), found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(
    ("version", "values"),
    [
        ("2.3.5", {"zoneSelector": "dal10"}),
        ("2.6.0", {"local__zoneSubnet": "dal10=172.30.0.0/17"}),
        ("2.2.9", {"ipsec__auto": "start", "remote__gateway": "10.95.40.80"}),
        ("2.2.9", {"ipsec__keyexchange": "ikev1", "local__subnet": "172.30.0.0/16"}),
        ("2.2.9", {"remoteSubnetNAT": "192.168.12.0/24=10.1.0.0/24"}),
        ("2.2.9", {"remote__subnet": "172.30.8.0/24", "localSubnetNAT": "172.30.0.0/16=10.1.0.0/16"}),
        ("2.2.9", {"strongswanLogging": "ike 2, cfg 1"}),
        ("2.2.9", {"nodeSelector": {"dedicated": "edge"}, "tolerations": [{"key": "dedicated"}]}),
        ("2.2.9", {"enablePodSNAT": True, "monitoring__slackChannel": "#vpn"}),
        ("2.2.9", {"overRideIpsecConf": None, "loadBalancerIP": "10.95.60.131"}),
    ],
)
def test_what_is_let_through(table: KeyTable, version: str, values: dict[str, Any]) -> None:
    assert said(table, version, **values) == []


def test_one_slip_is_one_problem(table: KeyTable) -> None:
    """What does not fit its kind is not judged by the rules, too."""
    assert len(said(table, remote__subnet="nonsense")) == 1


def test_a_secret_that_is_missing_on_this_side(table: KeyTable) -> None:
    (found,) = said(table, secret=False)
    assert found.startswith("preshared.secret: it is missing; expected a reference to the secret that the")


@pytest.mark.parametrize("version", ["2.1.9", "2.6.1", "10.0.0", "latest", "2.2"])
def test_a_version_that_nobody_wrote_down_is_said(table: KeyTable, version: str) -> None:
    (found,) = said(table, version)
    assert found == f"nothing is known of strongswan {version}; expected 2.2.0 to 2.6.0"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("v" * 36, "release: its name has 36 characters; expected at most 35"),
        ("Vpn", "release: 'Vpn' is no name; expected lower case letters, digits and dashes"),
    ],
)
def test_names_of_releases(table: KeyTable, name: str, message: str) -> None:
    assert [str(problem) for problem in lint(GOOD, "2.2.9", table, release=name)] == [message]
    assert lint(GOOD, "2.2.9", table, release="v" * 35) == []


def test_a_table_that_is_wrong_says_where() -> None:
    head = b'chart: strongswan\noldest: "2.2"\nnewest: 2.6.0\nsecret_at: a.b\nsource: x\n'
    with pytest.raises(InvalidInput, match=r"keys.yaml:2 oldest: .*three numbers with dots"):
        read_keys(read_document(head + b"keys:\n  - {key: a, kind: text}\n", "keys.yaml"))
