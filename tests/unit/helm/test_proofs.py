"""The chart's tests, one by one."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from hopbook.site.document import read_document
from hopbook.vpn.keys import KeyTable, read_keys
from hopbook.vpn.proofs import Verdict, judge
from hopbook.vpn.values import Effective
from tests.contract.helm_lab import TABLE

PODS, WORKERS = IPv4Network("172.30.0.0/16"), (IPv4Network("10.95.60.0/26"),)
PING = {"remote.privateIPtoPing": "192.168.12.10"}
FAILS, SAYS_NOTHING = Verdict.FAILED, Verdict.NO_PROOF


@pytest.fixture(scope="module")
def table() -> KeyTable:
    return read_keys(read_document(TABLE.read_bytes(), TABLE.name))


@pytest.mark.parametrize(
    ("test", "values", "verdict", "why"),
    [
        ("check-config", {}, FAILS, "does not take its configuration"),
        ("check-state", {}, FAILS, "or the cluster has no way out"),
        ("ping-remote-gw", {}, SAYS_NOTHING, "remote.gateway is %any"),
        ("ping-remote-gw", {"remote.gateway": "10.95.40.80"}, FAILS, "or drops ICMP"),
        ("ping-remote-ip-1", {}, SAYS_NOTHING, "privateIPtoPing is empty"),
        ("ping-remote-ip-1", PING, FAILS, "a pod gets no answer"),
        (
            "ping-remote-ip-1",
            {**PING, "local.subnet": "172.21.0.0/16"},
            SAYS_NOTHING,
            "172.30.0.0/16 (the pods')",
        ),
        ("ping-remote-ip-2", {}, SAYS_NOTHING, "privateIPtoPing is empty"),
        ("ping-remote-ip-2", PING, SAYS_NOTHING, "10.95.60.0/26 (the workers') is not in local.subnet"),
        ("ping-remote-ip-2", {**PING, "local.subnet": "10.95.60.0/24"}, FAILS, "a worker gets no answer"),
        ("somebody-s-own", {}, FAILS, "it says no more"),
    ],
)
def test_what_a_failure_says(
    table: KeyTable, test: str, values: dict[str, Any], verdict: Verdict, why: str
) -> None:
    effective = Effective(table, values)
    name = f"vpn-strongswan-{test}"
    proof = judge(name, passed=False, values=effective, pods=PODS, workers=WORKERS)
    assert (proof.test, proof.verdict) == (name, verdict)
    assert why in proof.why
    passed = judge(name, passed=True, values=effective, pods=PODS, workers=WORKERS)
    assert (passed.verdict, passed.why) == (Verdict.PASSED, "")
