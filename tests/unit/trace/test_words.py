"""Phrases of hops that translate and encapsulate at once, and which branch a path takes."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

import pytest

from hopbook.network.encapsulation import ESP, IP_IN_IP, wrapped
from hopbook.network.facts import Fact, declared
from hopbook.network.packet import Inside, Packet
from hopbook.trace.branches import Fork, fork
from hopbook.trace.clusters import Spot
from hopbook.trace.traffic import Branch
from hopbook.trace.verdict import Decision, End, Hop, Leg, Path, Verdict, Walk, What
from hopbook.trace.words import bare, phrase, said

POD, WORKER, OTHER, DATABASE = (
    int(IPv4Address(text)) for text in ("172.30.80.20", "10.95.60.5", "10.95.61.4", "192.168.12.30")
)


SOMEWHERE = declared("somewhere")


@dataclass(frozen=True)
class Named:
    title: str
    fact: Fact = SOMEWHERE


def tcp(src: int, dst: int) -> Packet:
    return Packet(src, dst, "tcp", 40000, 3306)


def around(packet: Packet, by: str, src: int = WORKER, dst: int = OTHER) -> Packet:
    return wrapped(Inside(packet, by, "any"), src, dst)


def hop(lab: Any, before: Packet, after: Packet, *decisions: Decision) -> Hop:
    node = lab.network().nodes["icp-worker-1"]
    return Hop(node, None, None, before, after, decisions)


def test_what_a_node_translates_before_it_encapsulates_is_inside(lab: Any) -> None:
    masked = tcp(WORKER, DATABASE)
    into = Decision(What.ENCAPSULATED, words=IP_IN_IP)
    found = hop(lab, tcp(POD, DATABASE), around(masked, IP_IN_IP), Decision(What.SNAT, Named("pool x")), into)
    assert bare(found) == masked
    assert said(found) == ["SNAT by pool x → 10.95.60.5", "into IP-in-IP, 10.95.60.5 → 10.95.61.4"]


def test_what_a_node_translates_of_a_tunnel_is_outside(lab: Any) -> None:
    inner = tcp(POD, DATABASE)
    came, left = around(inner, ESP), around(inner, ESP, dst=POD)
    found = hop(lab, came, left, Decision(What.DNAT, Named("service vpn")))
    assert bare(found) == left
    assert said(found) == ["DNAT by service vpn → 172.30.80.20:4500"]
    assert phrase(found, Decision(What.DNAT, Named("DNAT web"))) == "DNAT web → 172.30.80.20:4500"


def test_a_reply_out_of_ip_in_ip_is_un_natted_from_what_was_inside(lab: Any) -> None:
    reply, back = tcp(DATABASE, WORKER), tcp(DATABASE, POD)
    out = Decision(What.DECAPSULATED, words=IP_IN_IP)
    known = Decision(What.CONNECTION, words="un-NAT")
    found = hop(lab, around(reply, IP_IN_IP), back, out, known)
    assert said(found) == ["out of IP-in-IP", "un-NAT to 172.30.80.20:3306"]


def test_a_tunnels_own_connection_says_nothing_of_what_comes_out_of_it(lab: Any) -> None:
    inner = tcp(POD, DATABASE)
    known = Decision(What.CONNECTION, words="un-NAT")
    out = Decision(What.DECAPSULATED, Named("IPsec iks-a"), ESP)
    assert said(hop(lab, around(inner, ESP), inner, known, out)) == ["un-NAT", "out of ESP by IPsec iks-a"]


def path(lab: Any, *names: str, hosts: dict[str, str]) -> Path:
    """A way over nodes of the lab, of which some routed in a host."""
    nodes = lab.network().nodes
    packet = tcp(POD, DATABASE)
    hops = tuple(Hop(nodes[name], None, None, packet, packet, (), host=hosts.get(name, "")) for name in names)
    end = End(Verdict.DELIVERED, names[-1])
    return Path((Leg(Walk(hops, end, {})),), end)


@pytest.mark.parametrize(
    ("hosts", "wanted", "found"),
    [
        ({"icp-dlr": "esx-1", "icp-esg": "esx-1"}, "same", Fork.TAKEN),
        ({"icp-dlr": "esx-1", "icp-esg": "esx-1"}, "other", Fork.OTHER),
        ({"icp-dlr": "esx-1", "icp-esg": "esx-2"}, "other", Fork.TAKEN),
        ({"icp-dlr": "esx-1", "icp-esg": "esx-2"}, "same", Fork.OTHER),
        ({"icp-dlr": "esx-1"}, "same", Fork.UNKNOWN),
        ({"icp-dlr": "esx-1"}, "other", Fork.UNKNOWN),
    ],
)
def test_a_branch_by_hosts(hosts: dict[str, str], wanted: str, found: Fork, lab: Any) -> None:
    spots = {"dlr": (Spot("icp-dlr"),), "esg": (Spot("icp-esg"),)}
    branch = Branch.model_validate({"between": ["dlr", "esg"], "host": wanted})
    taken, _ = fork(branch, spots, lab.network(), path(lab, "icp-dlr", "icp-esg", hosts=hosts))
    assert taken is found


def test_a_branch_between_places_that_the_path_does_not_come_by_is_missed(lab: Any) -> None:
    spots = {"dlr": (Spot("icp-dlr"),), "esg": (Spot("icp-esg"),)}
    branch = Branch.model_validate({"between": ["dlr", "esg"], "host": "same"})
    found = fork(branch, spots, lab.network(), path(lab, "icp-dlr", hosts={}))
    assert found == (Fork.MISSED, "no hop is esg")


def test_what_is_on_no_kubernetes_node_takes_no_branch_of_workers(lab: Any) -> None:
    spots = {"dlr": (Spot("icp-dlr"),), "esg": (Spot("icp-esg"),)}
    branch = Branch.model_validate({"between": ["dlr", "esg"], "worker": "same"})
    found, why = fork(branch, spots, lab.network(), path(lab, "icp-dlr", "icp-esg", hosts={}))
    assert (found, why) == (Fork.UNKNOWN, "icp-dlr is on no Kubernetes node")
