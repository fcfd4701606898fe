"""The tunnel between IKS and ICP on the example site: both ways, and without each part of it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from hopbook.resources.base import SecretRef
from hopbook.trace.steps import Met
from hopbook.trace.traffic import Traffic
from hopbook.trace.verify import Verification
from hopbook.vpn.reasons import Reason
from tests.unit.trace.test_documented import SITE, Whole, first, verified, whole  # noqa: F401 - a fixture

THERE, BACK = "iks-web-to-icp-web", "icp-web-to-iks-web"
VPN = {"cluster": "iks-a", "psk": {"env": "ICP_VPN_PSK"}, "load_balancer": "10.95.60.132"}
NEAR, FAR = "kubernetes.vpn:iks-a/vpn-icp", "kubernetes.vpn:icp/vpn-iks-a"


@pytest.fixture
def joined(whole: Callable[..., Whole]) -> Whole:  # noqa: F811
    icp = {**deepcopy(SITE["icp"]), "vpns": [VPN]}
    return whole("vpn", icp=icp)


def shown(results: list[Verification]) -> list[str]:
    return [
        f"{item.case.name}: {item.reason}; {step.says}: {step.evidence}"
        for item in results
        for step in item.steps
        if not item.met and step.met is not Met.MET
    ]


@pytest.mark.parametrize("traffic", [THERE, BACK])
def test_pods_reach_pods_both_ways(joined: Whole, traffics: dict[str, Traffic], traffic: str) -> None:
    results = verified(traffics, joined, traffic)
    assert len(results) == 4  # two pods each
    assert shown(results) == []
    assert {item.verdict for item in results} == {"delivered"}
    assert all(item.as_if == () for item in results)
    every = {step.says for item in results for step in item.steps if step.met is Met.MET}
    assert every == {step.says for item in results for step in item.steps}  # no branch is skipped


def test_the_tunnel_to_the_edge_is_no_hindrance(joined: Whole, traffics: dict[str, Traffic]) -> None:
    results = verified(traffics, joined, "iks-web-to-database")
    assert [item.reason for item in results if not item.met] == []


@pytest.mark.parametrize(
    ("key", "fields", "reason", "why"),
    [
        (FAR, {"remote_id": "somebody"}, Reason.AUTHENTICATION_FAILED, "identities"),
        (FAR, {"auto": "add"}, Reason.NOT_STARTED, "nobody initiates vpn-icp"),
        (FAR, {"gateway": None}, Reason.NOT_STARTED, "nobody initiates vpn-icp"),
        (FAR, {"esp": "aes128-sha1"}, Reason.NO_PROPOSAL_CHOSEN, "ESP proposals"),
        (FAR, {"remote_subnets": ()}, Reason.TS_UNACCEPTABLE, "nothing in common"),
    ],
)
def test_ends_that_do_not_match_keep_the_tunnel_down(
    joined: Whole, traffics: dict[str, Traffic], key: str, fields: dict[str, Any], reason: Reason, why: str
) -> None:
    found = first(verified(traffics, joined.changed(key, **fields), THERE), "catalogue-1")
    assert (found.verdict, found.met) == ("tunnel down", False)
    assert f"vpn-icp is down: {reason}: " in found.reason
    assert why in found.reason


@pytest.mark.parametrize(
    ("gone", "verdict", "why"),
    [
        # One side left out: the other one waits, or calls in vain
        (FAR, "tunnel down", "NOT_STARTED: nobody initiates vpn-icp"),
        (
            "nsxv.firewall-rule:icp-esg/iks-a-ike-out",
            "tunnel down",
            "NO_ANSWER: IKE to 10.95.60.132: denied at",
        ),
        ("kubernetes.virtual-address:iks-a/10.95.60.132", "tunnel down", "NO_ANSWER: IKE to 10.95.60.132"),
        ("nsxv.nat-rule:icp-esg/snat-private", "tunnel down", "another way back to 192.168.20.51"),
        ("kubernetes.ip-pool:iks-a/vpn-icp-pods", "denied", "outside the selectors"),
        ("kubernetes.route:iks-a/vpn-icp-beside", "delivered", ""),  # no pod of the web tier is there
    ],
)
def test_each_part_of_it_is_needed(
    joined: Whole, traffics: dict[str, Traffic], gone: str, verdict: str, why: str
) -> None:
    found = first(verified(traffics, joined.without(gone), THERE), "catalogue-1")
    assert found.verdict == verdict, found.reason
    assert why in found.reason


def test_without_the_listener_pods_of_icp_have_no_tunnel(joined: Whole, traffics: dict[str, Traffic]) -> None:
    found = first(verified(traffics, joined.without(NEAR), BACK), "shop-1")
    assert found.verdict == "tunnel down"
    assert "vpn-iks-a is down: NO_ANSWER: IKE to 10.95.60.132" in found.reason


def test_the_trouble_of_another_tunnel_is_not_this_one_s(joined: Whole, traffics: dict[str, Traffic]) -> None:
    """The edge calls the cluster's other container, which refuses it."""
    other = joined.without(FAR).changed("nsxv.ipsec-site:workload-esg/iks-a", psk=SecretRef("env", "OTHER"))
    found = first(verified(traffics, other, THERE), "catalogue-1")
    assert "vpn-icp is down: NOT_STARTED: nobody initiates vpn-icp" in found.reason
    found = first(verified(traffics, other, "iks-web-to-database"), "catalogue-1")
    assert "vpn is down: AUTHENTICATION_FAILED: iks-a and vpn: the pre-shared keys differ" in found.reason
