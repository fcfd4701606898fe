"""Which keys a known_hosts and pins vouch for. That hosts are held to them the contract shows."""

import io

import paramiko
import pytest

from adapters.ssh.errors import UnknownHostKey, WrongHostKey
from adapters.ssh.simulator import private_key
from adapters.ssh.trust import HostKeys, fingerprint
from hopbook.errors import InvalidInput

KEY, OTHER = (paramiko.Ed25519Key(file_obj=io.StringIO(private_key())) for _ in range(2))
LINE, OTHER_LINE = (f"{key.get_name()} {key.get_base64()}" for key in (KEY, OTHER))


def trusts(keys: HostKeys, name: str = "m1", address: str = "10.0.0.1", port: int = 22) -> bool:
    try:
        keys.check(KEY, name, address, port)
    except (WrongHostKey, UnknownHostKey):
        return False
    return True


@pytest.mark.parametrize(
    ("text", "port", "trusted"),
    [
        ("10.0.0.1 LINE", 22, True),
        ("10.0.0.1 LINE", 2222, False),
        ("[10.0.0.1]:2222 LINE", 2222, True),
        ("m1 LINE a comment", 2222, True),
        ("other,10.0.0.1 LINE", 22, True),
        ("10.0.0.2 LINE", 22, False),
        ("# 10.0.0.1 LINE\n\n10.0.0.1 ANOTHER", 22, False),
        ("10.0.0.1 ANOTHER\nm1 LINE", 22, False),
        ("@cert-authority * LINE", 22, False),
        ("10.0.0.1 LINE\n@revoked * LINE", 22, False),
        ("10.0.0.1 ssh-future AAAA", 22, False),
    ],
)
def test_a_known_hosts_says_who_is_who(text: str, port: int, trusted: bool) -> None:
    text = text.replace("LINE", LINE).replace("ANOTHER", OTHER_LINE)  # keys are new in each process
    assert trusts(HostKeys.read(text), port=port) is trusted


def test_a_hashed_name_is_found() -> None:
    assert trusts(HostKeys.read(f"{paramiko.HostKeys.hash_host('10.0.0.1')} {LINE}"))


def test_a_pin_is_judged_alone() -> None:
    known = f"10.0.0.1 {LINE}"
    assert not trusts(HostKeys.read(known, {"m1": [OTHER_LINE]}))
    assert trusts(HostKeys.read("", {"m1": [OTHER_LINE, f"{LINE} comment"]}))
    assert trusts(HostKeys.read("", {"m1": [fingerprint(KEY)]}))
    assert trusts(HostKeys.read(known, {"m2": [OTHER_LINE]}))


def test_the_known_types_are_asked_for() -> None:
    assert HostKeys.read(f"10.0.0.1 {LINE}").types("m1", "10.0.0.1", 22) == ["ssh-ed25519"]
    assert HostKeys.read("", {"m1": [LINE]}).types("m1", "10.0.0.1", 22) == ["ssh-ed25519"]
    assert HostKeys.read("", {"m1": [fingerprint(KEY)]}).types("m1", "10.0.0.1", 22) == []


@pytest.mark.parametrize(
    ("text", "pins", "told"),
    [
        ("10.0.0.1 ssh-rsa", {}, "known_hosts:1: no line of a known_hosts"),
        ("\n10.0.0.1 ssh-ed25519 AAAA", {}, "known_hosts:2: no line of a known_hosts"),
        ("", {"m1": ["SHA256:abc"]}, "host key of m1: 'SHA256:abc' is no host key"),
        ("", {"m1": ["MD5:aa:bb"]}, "host key of m1"),
        ("", {"m1": [f"ssh-rsa {LINE.split()[1]}"]}, "host key of m1"),
    ],
)
def test_what_is_no_key_is_said_with_its_place(text: str, pins: dict[str, list[str]], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        HostKeys.read(text, pins)
