"""From a site file to logins."""

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.ssh.client import Login
from adapters.ssh.fleet import Fleet
from adapters.ssh.logins import fleet_of, host_keys, logins
from adapters.ssh.trust import HostKeys
from hopbook.errors import InvalidInput
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret
from hopbook.site.model import SshEndpoint

HOSTS = {"master-1": IPv4Address("192.168.20.11"), "boot": IPv4Address("192.168.20.5")}
PIN = "SHA256:" + "a" * 43
BASIC: dict[str, Any] = {"key": {"env": "KEY"}, "host_keys": {"boot": [PIN]}}


def endpoint(**more: Any) -> SshEndpoint:
    return SshEndpoint.model_validate({**BASIC, **more})


def test_every_host_is_reached_at_its_address_or_where_the_file_says() -> None:
    found = logins(endpoint(user="ops", port=2222, addresses={"boot": "10.95.40.75"}), HOSTS)
    key = SecretRef("env", "KEY")
    assert found == (
        Login(name="master-1", address="192.168.20.11", port=2222, user="ops", key=key),
        Login(name="boot", address="10.95.40.75", port=2222, user="ops", key=key),
    )


def test_the_way_leads_through_the_jump_host_with_its_own_or_the_same_key() -> None:
    first, *others = logins(endpoint(jump={"host": "10.95.40.75", "port": 2022}), HOSTS)
    assert (first.name, first.address, first.port, first.key) == (
        "jump",
        "10.95.40.75",
        2022,
        SecretRef("env", "KEY"),
    )
    assert [login.jump for login in others] == ["jump", "jump"]
    own = logins(endpoint(jump={"host": "gate", "password": {"env": "GATE"}}), HOSTS)[0]
    assert (own.key, own.password) == (None, SecretRef("env", "GATE"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": None}, "nobody can log in: expected `key`, `password` or both"),
        ({"host_keys": {}}, "no host could be told from another"),
        ({"host_keys": {"boot": ["SHA256:short"]}}, "String should match pattern"),
        ({"jump": {"host": "-oProxyCommand=x"}}, "String should match pattern"),
        ({"password": "plain"}, "a secret is never written here"),
    ],
)
def test_what_is_missing_or_wrong_is_said(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        endpoint(**change)


def test_a_known_hosts_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "known_hosts"
    with pytest.raises(InvalidInput, match=r"endpoints.ssh.known_hosts: .* \(No such file or directory\)"):
        host_keys(endpoint(known_hosts=str(missing)))
    missing.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="it is no text"):
        host_keys(endpoint(known_hosts=str(missing)))
    missing.write_text("nonsense\n")
    with pytest.raises(InvalidInput, match=r"known_hosts:1: no line of a known_hosts"):
        fleet_of(endpoint(known_hosts=str(missing)), HOSTS, lambda _ref: Secret(""))


def test_a_jump_that_leads_nowhere_or_in_a_circle_is_said() -> None:
    def fleet(*logins: Login) -> Fleet:
        return Fleet(logins, HostKeys(), lambda _ref: Secret(""))

    a, b = Login(name="a", address="10.0.0.1", jump="b"), Login(name="b", address="10.0.0.2", jump="a")
    with pytest.raises(InvalidInput, match="a through b through a: that leads to no host"):
        fleet(a, b)
    with pytest.raises(InvalidInput, match="a through b: that leads to no host"):
        fleet(a)
    with pytest.raises(InvalidInput, match="no login is known for host 'c'; known: none"):
        fleet().client("c")
