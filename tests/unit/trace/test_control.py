"""BGP sessions whose packets have to get through before there are routes."""

from dataclasses import replace

from hopbook.network.bgp import Peer, Speaker
from hopbook.network.firewall import Firewall, Policy
from hopbook.network.nodes import Network
from hopbook.resources.nsxv import FirewallAction
from hopbook.trace.control import session_states, settled
from hopbook.trace.walk import trace
from tests.unit.trace.parts import HERE, esg, host, network, networks, number, router, side, tcp


def speaker(asn: int, own: str, other: str, other_as: int, *announced: str) -> Speaker:
    peer = Peer(name=other, local=number(own), address=number(other), asn=other_as, fact=HERE)
    return Speaker(asn=asn, router_id=number(own), fact=HERE, peers=(peer,), announces=networks(*announced))


def joined(policy: FirewallAction = FirewallAction.ACCEPT) -> Network:
    """A router and an edge that tell each other what is behind them."""
    return network(
        host("a", "lan-a", "10.1.0.10/24", "10.1.0.1"),
        host("b", "lan-b", "10.2.0.10/24", "10.2.0.1"),
        router(
            "bcr",
            side("lan", "lan-a", "10.1.0.1/24"),
            side("up", "wan", "172.16.0.1/24"),
            speaker=speaker(65001, "172.16.0.1", "172.16.0.2", 65002, "10.1.0.0/24"),
        ),
        esg(
            "edge",
            side("up", "wan", "172.16.0.2/24", index=0),
            side("in", "lan-b", "10.2.0.1/24", index=2),
            firewall=Firewall([], Policy(policy, HERE)),
            speaker=speaker(65002, "172.16.0.2", "172.16.0.1", 65001, "10.2.0.0/24"),
        ),
    )


def test_a_session_that_is_up_brings_the_routes() -> None:
    found = trace(settled(joined()), tcp("10.1.0.10", "10.2.0.10"), "a")
    assert found.verdict == "delivered", found.end.reason
    decided = [decision.ground for decision in found.worst.legs[0].there.hops[1].decisions]
    assert any(ground is not None and "BGP" in ground.title for ground in decided)
    assert all(state.up for state in session_states(joined()))


def test_without_its_packets_a_session_is_down_and_says_why() -> None:
    whole = joined(FirewallAction.DENY)
    found = trace(settled(whole), tcp("10.1.0.10", "10.2.0.10"), "a")
    assert (found.verdict, found.end.node) == ("no route", "bcr")
    assert any("edge" in state.why and "default policy deny" in state.why for state in session_states(whole))


def test_a_network_without_speakers_stays_itself() -> None:
    whole = joined()
    silent = replace(whole, nodes={name: replace(node, speaker=None) for name, node in whole.nodes.items()})
    assert settled(silent) is silent
