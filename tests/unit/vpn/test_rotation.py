"""A new key: the order of both ends, and how long the tunnel is down."""

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from hopbook.resources.base import SecretRef
from hopbook.vpn.reasons import Reason
from hopbook.vpn.rotation import earliest, order, told
from hopbook.vpn.tunnel import Lifetimes, Side, Tunnel

NEAR = Side(
    name="near", id="a", subnets=(IPv4Network("10.1.0.0/16"),), gateway=None, starts=False, behind_nat=True
)
FAR = Side(name="edge", id="b", subnets=(IPv4Network("10.2.0.0/16"),), gateway=None, starts=True)
TUNNEL = Tunnel(name="t", near=NEAR, far=FAR, ike="i", esp="e", psk=SecretRef("env", "PSK"))
TURNED = replace(TUNNEL, near=replace(NEAR, starts=True), far=replace(FAR, starts=False))


@pytest.mark.parametrize(("tunnel", "names"), [(TUNNEL, ("near", "edge")), (TURNED, ("edge", "near"))])
def test_the_listener_comes_first(tunnel: Tunnel, names: tuple[str, str]) -> None:
    assert tuple(side.name for side in order(tunnel)) == names


def test_keys_are_proven_again_before_the_margin_doubled() -> None:
    assert earliest(Lifetimes()) == 3 * 3600 - 2 * 540
    assert "after 162 minutes" in told(TUNNEL)
    longer = replace(TUNNEL, lifetimes=Lifetimes(ike=24 * 3600))
    assert "after 480 minutes" in told(longer)  # the edge's own 28800 s come first


def test_who_starts_decides_how_soon_a_dead_peer_is_noticed() -> None:
    assert "up to 150 s more" in told(TUNNEL)
    assert "up to 195 s more" in told(TURNED)


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_says_what_it_means_and_what_to_do(reason: Reason) -> None:
    assert reason.said() == f"{reason}: {reason.meaning}"
    assert reason.said("because") == f"{reason}: because"
    assert reason.remedy
    assert len({item.remedy for item in Reason}) == len(Reason)
