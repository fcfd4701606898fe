"""IPsec and L2 extensions: charon negotiates, and what it agrees on carries packets."""

from typing import Any

import pytest

from tests.twin.bench import Ask, Play, play
from tests.twin.small import stretched, tunnelled

ASKS = (Ask("pod", "172.16.1.9", size=4000), Ask("vm", "172.30.0.9", size=4000))
SERVES = (("vm", 80), ("pod", 80))
BOTH = ("172.30.0.9", "172.16.1.9")
DOWN = {("gateway", "tunnel down", "IPsec esg"), ("esg", "tunnel down", "IPsec iks")}


def test_a_tunnel_carries_both_ways() -> None:
    (played,) = play(Play(tunnelled(), ASKS, SERVES))
    assert played.answers == BOTH
    assert [state.up for state in played.tunnels] == [True, True]
    assert played.keys == 2


def test_selectors_look_at_the_translated_source() -> None:
    first, second = play(
        Play(tunnelled(snat=True), ASKS, SERVES),
        Play(tunnelled(snat=True), ASKS, SERVES, knobs={"A1": "selectors, then SNAT"}),
    )
    assert first.answers == ("172.30.0.9", "silent")
    assert {("esg", "SNAT", "SNAT out"), ("esg", "denied", "IPsec iks")} <= first.moved
    assert second.answers == BOTH


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        ({"secret": "another"}, "AUTHENTICATION_FAILED"),
        ({"peer_id": "somebody"}, "AUTHENTICATION_FAILED"),
        ({"ike": "aes128-sha1-modp2048"}, "NO_PROPOSAL_CHOSEN"),
        ({"esp": "aes128-sha1"}, "NO_PROPOSAL_CHOSEN"),
        ({"beyond": ("172.31.0.0/16",)}, "TS_UNACCEPTABLE"),
    ],
)
def test_a_mismatch_is_charons_to_find(theirs: dict[str, Any], why: str) -> None:
    (played,) = play(Play(tunnelled(**theirs), ASKS[:1], SERVES))
    assert played.answers == ("silent",)
    states = {state.node: state for state in played.tunnels}
    assert not states["gateway"].up
    assert why in states["gateway"].why
    assert states["esg"].why
    assert ("gateway", "tunnel down", "IPsec esg") in played.moved


def test_a_firewall_that_stops_ike_keeps_the_tunnel_down() -> None:
    (played,) = play(Play(tunnelled(admits=False), ASKS, SERVES))
    assert played.answers == ("silent", "silent")
    assert "not responding" in next(state.why for state in played.tunnels if state.node == "gateway")
    assert played.moved >= DOWN | {("esg", "denied", "default policy deny")}


def test_the_narrower_selectors_hold() -> None:
    narrow = tunnelled(beyond=("172.30.0.0/29",))
    (played,) = play(Play(narrow, ASKS[:1], SERVES))
    assert [state.up for state in played.tunnels] == [True, True]
    assert played.answers == ("silent",)
    assert ("gateway", "denied", "IPsec esg") in played.moved


def test_an_extension_makes_two_segments_one() -> None:
    asks = (Ask("a", "192.168.5.2", size=4000), Ask("b", "192.168.5.1", size=4000))
    serves = (("a", 80), ("b", 80))
    whole, small, down = play(
        Play(stretched(), asks, serves),
        Play(stretched(), asks, serves, knobs={"A27": "drops"}),
        Play(stretched("another"), asks, serves),
    )
    assert whole.answers == ("192.168.5.1", "192.168.5.2")
    assert small.answers == ("stalled", "stalled")
    assert down.answers == ("unreachable", "unreachable")
