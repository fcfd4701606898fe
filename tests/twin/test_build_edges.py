"""Routers, edges, ESXi hosts: what is built carries real connections."""

from tests.twin.bench import Ask, Play, play
from tests.twin.small import placed, published


def test_an_edge_translates_filters_and_routes() -> None:
    asks = (
        Ask("user", "198.51.100.3", 443),
        Ask("user", "198.51.100.3", 444),
        Ask("user", "198.51.100.3", 22),
        Ask("web", "192.0.2.10"),
        Ask("web", "192.0.2.11"),
        Ask("user", "10.1.1.1"),
    )
    (played,) = play(Play(published(), asks, (("web", 8443), ("user", 80))))
    assert played.answers == (
        "192.0.2.10",  # published, from where it came
        "refused",  # the rule accepts it, nothing is behind
        "silent",  # the default policy
        "198.51.100.2",  # translated on its way out
        "unreachable",
        "no route",  # the internet does not carry it
    )
    assert {
        ("esg", "DNAT", "DNAT web"),
        ("esg", "SNAT", "SNAT internet"),
        ("esg", "accept", "firewall in"),
        ("esg", "denied", "default policy deny"),
    } <= played.moved


def test_the_other_reading_of_a_rule_is_built_too() -> None:
    asks = (Ask("user", "198.51.100.3", 443), Ask("web", "192.0.2.10"))
    serves = (("web", 8443), ("user", 80))
    (played,) = play(Play(published(), asks, serves, knobs={"A2": "after SNAT"}))
    # the rule `out` still names the vNIC, so only its place in the order differs
    assert played.answers == ("192.0.2.10", "198.51.100.2")


def test_machines_on_several_hosts_meet_by_vxlan_and_their_own_router() -> None:
    names = {"a": "172.16.1.10", "b": "172.16.2.10", "c": "172.16.2.12", "user": "198.51.100.9"}
    pairs = [(one, two) for one in names for two in names if one != two]
    asks = tuple(Ask(one, names[two]) for one, two in pairs)
    (played,) = play(Play(placed(), asks, tuple((name, 80) for name in names)))
    assert played.answers == tuple(names[one] for one, _ in pairs)


def test_a_machine_on_no_known_host_is_reached_without_a_loop() -> None:
    names = {"a": "172.16.1.10", "b": "172.16.2.10", "d": "172.16.2.13"}
    pairs = [(one, two) for one in names for two in names if one != two]
    asks = tuple(Ask(one, names[two]) for one, two in pairs)
    (played,) = play(Play(placed(unknown=True), asks, tuple((name, 80) for name in names)))
    assert played.answers == tuple(names[one] for one, _ in pairs)


def test_an_underlay_that_is_too_small_swallows_full_packets() -> None:
    asks = (Ask("a", "172.16.2.10"), Ask("a", "172.16.2.10", size=4000))
    serves = (("b", 80),)
    quiet, told, wide = play(
        Play(placed(carries=1500), asks, serves),
        Play(placed(carries=1500), asks, serves, knobs={"A15": "told"}),
        Play(placed(), asks, serves),
    )
    assert quiet.answers == ("172.16.1.10", "stalled")
    assert told.answers == wide.answers == ("172.16.1.10", "172.16.1.10")


def test_networks_follow_each_other_quickly() -> None:
    played = play(*[Play(published()) for _ in range(4)])
    assert min(item.seconds for item in played) < 0.25
