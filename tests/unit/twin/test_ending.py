"""What was seen of a probe, and the one word for how it ended."""

import errno
from ipaddress import IPv4Network
from typing import Any

import pytest

from adapters.twin.decode import Code, Datagram, Icmp, Layer
from adapters.twin.ending import Complaint, Evidence, Moved, judge
from adapters.twin.follow import Map, Passage, Place, Sighting, Way, follow
from hopbook.network.facts import declared
from hopbook.network.firewall import Firewall, Policy
from hopbook.network.nat import NatTable
from hopbook.network.nodes import Esg, Host, IbmRouter, Interface, Listener, Medium, Network, Segment
from hopbook.network.routes import RouteTable
from hopbook.resources.nsxv import FirewallAction, NatAction
from hopbook.trace.verdict import Verdict

FACT = declared("a test")
CLIENT, LEFT, RIGHT, SERVER, ELSEWHERE = range(1, 6)


def interface(name: str, segment: str, address: int) -> Interface:
    prefix = IPv4Network("0.0.0.0/29")
    return Interface(name=name, role="", segment=segment, fact=FACT, addresses=(address,), prefix=prefix)


def machine(name: str, segment: str, address: int, **more: Any) -> Host:
    held = {"eth0": interface("eth0", segment, address)}
    return Host(name=name, fact=FACT, interfaces=held, routes=RouteTable(), **more)


ROUTER = IbmRouter(
    name="router",
    fact=FACT,
    interfaces={"left": interface("left", "a", LEFT), "right": interface("right", "b", RIGHT)},
    routes=RouteTable(),
)
WHERE = Map(
    places={
        "c": Place(node="client", interfaces={"0": "eth0"}),
        "r": Place(node="router", interfaces={"0": "left", "1": "right"}),
        "s": Place(node="server", interfaces={"0": "eth0"}),
    },
    wires={("c", "0"): ("r", "0"), ("r", "0"): ("c", "0"), ("r", "1"): ("s", "0"), ("s", "0"): ("r", "1")},
)
THERE = ("c/0", "r/0", "r/1", "s/0")
BACK = THERE[::-1]


def network(listens: frozenset[Listener] | None = frozenset({Listener("tcp", 80)})) -> Network:
    nodes = (machine("client", "a", CLIENT), ROUTER, machine("server", "b", SERVER, listens=listens))
    segments = (Segment(name=name, medium=Medium.VLAN, fact=FACT) for name in "ab")
    return Network.of(nodes, segments, names={})


def way(*at: str, src: int = CLIENT, dst: int = SERVER, layers: tuple[Layer, ...] = ()) -> Way:
    """A way through these interfaces, out and in by turns."""
    packet = Datagram(layers=layers, src=src, dst=dst, protocol="tcp", sport=1, dport=80, size=1500)
    seen = [
        Sighting(time, item[0], item[2:], Passage.HERE if time % 2 else Passage.OUT, packet)
        for time, item in enumerate(at)
    ]
    return follow(seen, seen[0].station, WHERE) if seen else Way()


def ended(**seen: Any) -> tuple[Verdict, str]:
    return verdict(judge(Evidence(**{"network": network(), "where": WHERE, "sender": "c", **seen})))


def verdict(end: Any) -> tuple[Verdict, str]:
    assert end.reason or end.verdict is Verdict.DELIVERED
    return end.verdict, end.node


def test_an_answer_and_full_packets_are_a_delivery() -> None:
    back = way(*BACK, src=SERVER, dst=CLIENT)
    assert ended(there=way(*THERE), back=back, answered=True, filled=True) == ("delivered", "")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errno.ENETUNREACH, "no route"),
        (errno.EHOSTUNREACH, "no route"),
        (errno.EMSGSIZE, "MTU exceeded, told"),
        (errno.EACCES, "insufficient information"),
    ],
)
def test_what_the_sender_itself_does_not_let_out(error: int, expected: str) -> None:
    assert ended(there=Way(), error=error) == (expected, "client")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Code.NET, "no route"),
        (Code.HOST, "no route"),
        (Code.PORT, "refused"),
        (Code.TOO_LARGE, "MTU exceeded, told"),
        (Code.PROHIBITED, "denied"),
    ],
)
def test_an_icmp_error_says_who_and_why(code: Code, expected: str) -> None:
    told = [Complaint("r", Icmp.UNREACHABLE, code, 1300)]
    assert ended(there=way(*THERE[:2]), complaints=told) == (expected, "router")


def test_a_time_to_live_that_ran_out_is_a_loop() -> None:
    assert ended(there=way(*THERE[:2]), complaints=[Complaint("r", Icmp.EXCEEDED, 0)]) == ("loop", "router")


@pytest.mark.parametrize("told", [[], [Complaint("r", Icmp.UNREACHABLE, Code.HOST)]])
def test_a_neighbour_that_does_not_answer_is_named(told: list[Complaint]) -> None:
    seen = Evidence(
        network=network(),
        where=WHERE,
        sender="c",
        there=way(*THERE[:2]),
        complaints=told,
        unanswered={"r": [SERVER]},
    )
    end = judge(seen)
    assert (end.verdict, end.node, end.sought) == ("neighbour unreachable", "router", SERVER)


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        ("denied", "denied"),
        ("refused", "denied"),
        ("tunnel down", "tunnel down"),
        ("asymmetric return", "asymmetric return"),
        ("accept", "insufficient information"),
    ],
)
def test_the_rule_that_acted_where_it_ended_says_why(does: str, expected: str) -> None:
    moved = {"r": [Moved("SNAT", "SNAT #1"), Moved(does, "rule #2")], "c": [Moved("denied", "another")]}
    assert ended(there=way(*THERE[:2]), moved=moved) == (expected, "router")


def test_a_reset_where_nobody_listens_is_a_refusal() -> None:
    assert ended(there=way(*THERE), reset="s") == ("refused", "server")


def test_a_reset_by_a_rule_is_a_denial() -> None:
    moved = {"r": [Moved("refused", "firewall #3")]}
    assert ended(there=way(*THERE[:2]), reset="r", moved=moved) == ("denied", "router")


def test_an_answer_to_a_reset_that_met_another_rule_says_nothing() -> None:
    moved = {"r": [Moved("asymmetric return", "stray"), Moved("refused", "firewall #3")]}
    assert ended(there=way(*THERE[:2]), reset="r", moved=moved) == ("denied", "router")


def test_a_reset_where_nobody_says_what_listens_proves_nothing() -> None:
    assert ended(network=network(None), there=way(*THERE), reset="s") == (
        "insufficient information",
        "server",
    )


def test_a_reverse_path_filter_denies() -> None:
    assert ended(there=way(*THERE[:2]), suspected=frozenset("r")) == ("denied", "router")


def test_a_route_to_nowhere_is_no_route() -> None:
    assert ended(there=way(*THERE[:2]), routeless=frozenset("r")) == ("no route", "router")


def test_a_machine_does_not_forward() -> None:
    assert ended(there=way(*THERE, dst=ELSEWHERE)) == ("denied", "server")


def test_what_enters_a_tunnel_device_and_does_not_come_out_meets_no_tunnel() -> None:
    there = way(*THERE[:2])
    device = Sighting(9, "r", "ipsec0", Passage.OUT, there.visits[-1].last.packet)  # type: ignore[union-attr]
    last = Way(
        (there.visits[0], type(there.visits[1])("r", there.visits[1].came, device, None)), there.crossings
    )
    assert ended(there=last) == ("tunnel down", "router")


def test_what_nothing_explains_is_not_guessed() -> None:
    assert ended(there=way(*THERE[:2])) == ("insufficient information", "router")


def test_the_same_headers_at_the_same_node_again_are_a_loop() -> None:
    there = way("c/0", "r/0", "r/1", "s/0", "s/0", "r/1", "r/1", "s/0")
    assert ended(there=there) == ("loop", "server")


def test_a_reply_that_ends_elsewhere_is_asymmetric() -> None:
    back = way("s/0", "r/1", src=SERVER, dst=LEFT)
    assert ended(there=way(*THERE), back=back) == ("asymmetric return", "router")


def test_a_reply_from_another_address_is_asymmetric() -> None:
    back = way(*BACK, src=ELSEWHERE, dst=CLIENT)
    assert ended(there=way(*THERE), back=back) == ("asymmetric return", "client")


def test_a_reply_that_its_receiver_refuses_is_asymmetric_where_nobody_waits_for_it() -> None:
    told = [Complaint("c", Icmp.UNREACHABLE, Code.PORT, returning=True)]
    back = way(*BACK, src=ELSEWHERE, dst=CLIENT)
    assert ended(there=way(*THERE), back=back, complaints=told) == ("asymmetric return", "client")


def test_a_large_reply_that_is_prohibited_is_denied_though_small_ones_arrived() -> None:
    told = [Complaint("r", Icmp.UNREACHABLE, Code.PROHIBITED, returning=True)]
    seen = {"there": way(*THERE), "back": way(*BACK, src=SERVER, dst=CLIENT), "answered": True}
    seen |= {"large": way(*THERE), "large_back": way(*BACK[:2], src=SERVER, dst=CLIENT)}
    assert ended(**seen, complaints=told) == ("denied", "router")


def test_an_edge_that_did_not_see_the_request_drops_the_reply() -> None:
    firewall = Firewall([], Policy(FirewallAction.DENY, FACT))
    held = {"eth0": interface("eth0", "b", ELSEWHERE)}
    edge = Esg(
        name="edge",
        fact=FACT,
        interfaces=held,
        routes=RouteTable(),
        firewall=firewall,
        dnat=NatTable([], NatAction.DNAT),
        snat=NatTable([], NatAction.SNAT),
    )
    site = network()
    site = Network.of((*site.nodes.values(), edge), site.segments.values(), names={})
    where = Map(
        places={**WHERE.places, "e": Place(node="edge", interfaces={"0": "eth0"})},
        wires={("s", "0"): ("e", "0"), ("e", "0"): ("s", "0")},
    )
    packet = Datagram(layers=(), src=SERVER, dst=CLIENT, protocol="tcp")
    back = follow(
        [Sighting(0, "s", "0", Passage.OUT, packet), Sighting(1, "e", "0", Passage.HERE, packet)], "s", where
    )
    moved = {"e": [Moved("denied", "default policy deny")]}
    found = ended(network=site, where=where, there=way(*THERE), back=back, moved=moved)
    assert found == ("asymmetric return", "edge")


def test_a_reply_without_a_route_is_no_route() -> None:
    told = [Complaint("r", Icmp.UNREACHABLE, Code.NET, returning=True)]
    back = way(*BACK[:2], src=SERVER, dst=CLIENT)
    assert ended(there=way(*THERE), back=back, complaints=told) == ("no route", "router")


@pytest.mark.parametrize(
    ("large", "large_back", "node"),
    [(THERE[:2], (), "router"), (THERE, BACK[:1], "server"), (THERE, BACK[:2], "router")],
)
def test_a_full_packet_that_vanishes_is_too_large(
    large: tuple[str, ...], large_back: tuple[str, ...], node: str
) -> None:
    seen = {"there": way(*THERE), "back": way(*BACK, src=SERVER, dst=CLIENT), "answered": True}
    seen |= {"large": way(*large), "large_back": way(*large_back, src=SERVER, dst=CLIENT)}
    assert ended(**seen) == ("MTU exceeded, silent", node)


def test_a_message_about_the_size_that_does_not_arrive_is_as_good_as_silence() -> None:
    told = [Complaint("r", Icmp.UNREACHABLE, Code.TOO_LARGE, 1300)]
    seen = {"there": way(*THERE), "back": way(*BACK, src=SERVER, dst=CLIENT), "answered": True}
    assert ended(**seen, large=way(*THERE[:2]), complaints=told) == ("MTU exceeded, silent", "router")


def test_a_sender_that_adapted_and_still_loses_packets_names_where() -> None:
    told = [Complaint("r", Icmp.UNREACHABLE, Code.TOO_LARGE, 1500)]
    seen = {"there": way(*THERE), "back": way(*BACK, src=SERVER, dst=CLIENT), "answered": True}
    assert ended(**seen, large=way(*THERE), complaints=told) == ("MTU exceeded, silent", "server")


@pytest.mark.parametrize(
    ("port", "moved", "expected"),
    [
        (81, [], "refused"),
        (80, [], "neighbour unreachable"),
        (81, [Moved("DNAT", "x")], "neighbour unreachable"),
    ],
)
def test_a_refusal_that_finds_no_way_back_is_still_one(port: int, moved: list[Moved], expected: str) -> None:
    site = network(frozenset({Listener("tcp", 80 if port == 80 else 443)}))
    seen = {"there": way(*THERE), "unanswered": {"s": [RIGHT]}, "moved": {"s": moved}}
    assert ended(network=site, **seen) == (expected, "server")
