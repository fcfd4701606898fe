"""BGP: sessions come up or do not, and routes follow."""

from dataclasses import replace
from ipaddress import IPv4Network

from hopbook.network.bgp import Permission, PrefixRule
from hopbook.network.nodes import Network
from hopbook.network.routes import RouteTable
from tests.twin.bench import Ask, Play, play
from tests.twin.small import EVERYWHERE, network, peer, placed, router, side, speaker, speaking, way

ASK = (Ask("a", "10.3.0.9"),)
SERVES = (("b", 80),)


def test_routes_are_told_on() -> None:
    (played,) = play(Play(speaking(), ASK, SERVES, shows=("r1",)))
    assert played.answers == ("10.1.0.9",)
    assert {state.state for state in played.sessions} == {"Established"}
    assert "10.3.0.0/24 via 10.9.1.2 dev i1 proto bird metric 20" in played.routes["r1"]


def test_a_wrong_as_number_and_a_prefix_list_keep_routes_away() -> None:
    denies = (
        PrefixRule(Permission.DENY, IPv4Network("10.1.0.0/16"), le=32),
        PrefixRule(Permission.PERMIT, IPv4Network(EVERYWHERE), le=32),
    )
    wrong, kept = play(Play(speaking(65009), ASK, SERVES), Play(speaking(imports=denies), shows=("r1", "r3")))
    assert wrong.answers == ("no route",)
    assert "Bad peer AS" in next(state.why for state in wrong.sessions if state.node == "r3")
    assert "10.1.0.0/24" not in kept.routes["r3"]
    assert "10.3.0.0/24" in kept.routes["r1"]


def test_ibgp_leaves_the_next_hop_alone() -> None:
    edge = router(
        "edge",
        [
            side("a", "s1", "10.9.1.2/24"),
            side("b", "s2", "10.9.2.2/24"),
            side("t", "transit", "192.168.1.1/24"),
        ],
        way("172.16.0.0/16", "t", "192.168.1.2"),
        speaker=speaker(
            64512,
            "2.2.2.2",
            peer("worker", "10.9.1.2", "10.9.1.1", 64512),
            peer("bcr", "10.9.2.2", "10.9.2.3", 65003),
            announces=("172.16.0.0/16",),
        ),
    )
    lost = router(
        "worker",
        [side("a", "s1", "10.9.1.1/24")],
        speaker=speaker(64512, "1.1.1.1", peer("edge", "10.9.1.1", "10.9.1.2", 64512)),
    )
    bcr = router(
        "bcr",
        [side("b", "s2", "10.9.2.3/24")],
        speaker=speaker(65003, "3.3.3.3", peer("edge", "10.9.2.3", "10.9.2.2", 64512)),
    )
    found = replace(lost, routes=RouteTable((*lost.routes.routes, way(EVERYWHERE, "a", "10.9.1.2"))))
    without, with_way = play(
        Play(network([edge, lost, bcr]), shows=("worker", "bcr")),
        Play(network([edge, found, bcr]), shows=("worker",)),
    )
    assert "172.16.0.0/16 via 10.9.2.2" in without.routes["bcr"]  # eBGP names itself
    assert "172.16.0.0/16" not in without.routes["worker"]  # nobody leads to the transit network
    assert "172.16.0.0/16 via 10.9.1.2" in with_way.routes["worker"]
    assert "metric 200" in with_way.routes["worker"]


def test_a_distributed_router_knows_in_every_host_what_one_learned() -> None:
    base = placed(far=False)
    nodes = dict(base.nodes)
    for name, learned, spoken in (
        (
            "esg",
            "172.16.0.0/16",
            speaker(65001, "1.1.1.1", peer("dlr", "192.168.10.1", "192.168.10.2", 65002), announces=_OUTER),
        ),
        (
            "dlr",
            EVERYWHERE,
            speaker(65002, "2.2.2.2", peer("esg", "192.168.10.2", "192.168.10.1", 65001), announces=_INNER),
        ),
    ):
        kept = [route for route in nodes[name].routes.routes if str(route.prefix) != learned]
        nodes[name] = replace(nodes[name], routes=RouteTable(kept), speaker=spoken)
    told = Network.of(nodes.values(), base.segments.values(), names={})
    (played,) = play(Play(told, (Ask("user", "172.16.2.10"),), SERVES, shows=("dlr",)))
    assert played.answers == ("198.51.100.9",)
    assert played.routes["dlr"].count("198.51.100.0/24 via 192.168.10.1") == 2


_OUTER, _INNER = ("198.51.100.0/24",), ("172.16.1.0/24", "172.16.2.0/24")
