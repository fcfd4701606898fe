"""Kubernetes nodes: services, masquerade, natOutgoing, IP-in-IP."""

from hopbook.network.nodes import Backend
from tests.twin.bench import Ask, Play, play
from tests.twin.small import cluster, number

ONE, TWO = Backend(number("172.30.1.10"), 8080), Backend(number("172.30.2.10"), 8080)
SERVES = (("pod1", 8080), ("pod2", 8080), ("user", 90), ("w2", 22))
VIP, INNER = "10.0.0.100", "172.21.0.5"


def test_a_service_hides_who_asks_from_outside() -> None:
    asks = (
        Ask("user", VIP, choose=ONE),
        Ask("user", INNER, choose=ONE),
        Ask("user", VIP, choose=TWO),
        Ask("user", INNER, choose=TWO),
        Ask("pod1", INNER, choose=TWO),
        Ask("pod1", INNER, choose=ONE),
        Ask("user", VIP, 81),
    )
    (played,) = play(Play(cluster(), asks, SERVES))
    assert played.answers == (
        "10.0.0.11",  # to a pod of its own: the node's address
        "172.30.2.0",  # by the tunnel: the tunnel's
        "172.30.1.0",
        "10.0.0.12",
        "172.30.1.10",  # within the cluster nobody is hidden
        "10.0.0.11",  # but a pod that meets itself
        "refused",
    )
    assert ("w1", "DNAT", "service web") in played.moved
    assert ("w1", "refused", "service none") in played.moved


def test_a_local_service_keeps_the_source_and_its_own_endpoints() -> None:
    asks = (Ask("user", VIP, choose=TWO), Ask("user", INNER, choose=ONE))
    (played,) = play(Play(cluster(local_only=True), asks, SERVES))
    assert played.answers == ("10.0.0.50", "10.0.0.50")


def test_pods_leave_by_the_nodes_address_and_meet_by_their_own() -> None:
    asks = (
        Ask("pod1", "10.0.0.50", 90),
        Ask("pod1", "172.30.2.10", 8080, 4000),
        Ask("pod1", "10.0.0.12", 22),
        Ask("user", "172.30.2.10", 8080),
    )
    (played,) = play(Play(cluster(), asks, SERVES))
    assert played.answers == (
        "10.0.0.11",
        "172.30.1.10",
        "10.0.0.11",
        "silent",  # it comes out of the tunnel from an address that is not behind it
    )
    assert ("w1", "SNAT", "Calico pool pods") in played.moved


def test_ip_in_ip_of_a_stranger_is_dropped() -> None:
    (played,) = play(Play(cluster(peers=False), (Ask("pod1", "172.30.2.10", 8080),), SERVES))
    assert played.answers == ("silent",)
    assert ("w2", "denied", "takes no IP-in-IP") in played.moved
