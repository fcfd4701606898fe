"""Connections that something ends on the way: each leg is followed, and the next begins where it ended."""

from typing import Any

import pytest

from adapters.twin.twin import Target, Twin
from hopbook.network.nodes import Backend, Relay

CLIENT, MIDDLE, ONE, TWO = "10.1.0.10", "10.1.0.20", "10.2.0.10", "10.2.0.20"


@pytest.fixture
def site(words: Any) -> Any:
    """A client and something in the middle on one side of a router, two servers on the other."""
    draft = words.draft()
    draft.host("client", "near", f"{CLIENT}/24", via="10.1.0.1")
    draft.router("router", {"near": ("near", "10.1.0.1/24"), "far": ("far", "10.2.0.1/24")}, {})
    draft.host("one", "far", f"{ONE}/24", via="10.2.0.1", listens="8080/tcp 53/udp 53/tcp")
    draft.host("two", "far", f"{TWO}/24", via="10.2.0.1", listens="8080/tcp")
    return draft


def ways(legs: Any) -> list[list[str]]:
    return [[crossing.node for crossing in leg.there] for leg in legs]


def test_an_ingress_goes_on_to_the_backend_that_is_chosen(twin: Twin, site: Any, words: Any) -> None:
    backends = tuple(Backend(words.number(address), 8080) for address in (ONE, TWO))
    site.host("ingress", "near", f"{MIDDLE}/24", via="10.1.0.1", relays={443: backends})
    twin.build(site.network())
    asked = words.packet(CLIENT, f"{MIDDLE}:443")
    assert ways(twin.probe(asked, "client")) == [["client", "ingress"], ["ingress", "router", "one"]]
    legs = twin.probe(asked, "client", choose={"ingress": backends[1]})
    assert ways(legs) == [["client", "ingress"], ["ingress", "router", "two"]]
    assert [leg.verdict for leg in legs] == ["delivered", "delivered"]
    assert str(legs[1].there[0]).startswith(f"ingress [- → eth0] tcp {MIDDLE}:41000 → {TWO}:8080")


def test_a_proxy_goes_on_to_what_it_is_asked_for(twin: Twin, site: Any, words: Any) -> None:
    site.host("proxy", "near", f"{MIDDLE}/24", via="10.1.0.1", listens="3128/tcp", proxies=True)
    twin.build(site.network())
    asked = words.packet(CLIENT, f"{MIDDLE}:3128")
    legs = twin.probe(asked, "client", onward=Target(words.number(TWO), 8080))
    assert ways(legs) == [["client", "proxy"], ["proxy", "router", "two"]]
    refused = twin.probe(asked, "client", onward=Target(words.number(TWO), 9))
    assert [(leg.verdict, leg.at) for leg in refused] == [("delivered", ""), ("refused", "two")]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_an_edge_asks_its_forwarder(twin: Twin, site: Any, words: Any, protocol: str) -> None:
    relay = Relay(
        listeners=frozenset({words.number(MIDDLE)}),
        forwarders=(words.number(ONE),),
        fact=site.nodes["one"].fact,
    )
    vnics = {"vnic0": ("far", "10.2.0.30/24"), "vnic1": ("near", f"{MIDDLE}/24")}
    site.esg("edge", vnics, {}, rules=(words.allow(), words.allow("vse", rule="own")), relay=relay)
    twin.build(site.network())
    legs = twin.probe(words.packet(CLIENT, f"{MIDDLE}:53", protocol), "client")
    assert ways(legs) == [["client", "edge"], ["edge", "one"]]
    assert [leg.verdict for leg in legs] == ["delivered", "delivered"]
    assert legs[1].there[0].after.inner[1] == words.number("10.2.0.30")
    (refused,) = twin.probe(words.packet(CLIENT, f"{MIDDLE}:54", protocol), "client")
    assert (refused.verdict, refused.at) == ("refused", "edge")


def test_no_leg_follows_one_that_failed(twin: Twin, site: Any, words: Any) -> None:
    site.host("ingress", "near", f"{MIDDLE}/24", via="10.1.0.1", relays={443: (Backend(1, 1),)})
    twin.build(site.network())
    (only,) = twin.probe(words.packet(CLIENT, f"{MIDDLE}:444"), "client")
    assert (only.verdict, only.at) == ("refused", "ingress")
