"""What a trace asks of real systems, what their answers prove, and how their text is read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from adapters.nsxv import probes as nsxv
from hopbook.errors import Unreachable
from hopbook.network.facts import Fact, How
from hopbook.network.nodes import Esg, Network
from hopbook.network.packet import Packet
from hopbook.network.routes import Origin, Route
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule, StaticRoute
from hopbook.trace.probes import (
    DEFAULT_RULE,
    Answer,
    FirewallRow,
    Flow,
    Holds,
    Kind,
    Output,
    Probed,
    Question,
    RouteRow,
    Sight,
    Sighting,
    once,
    probed,
    questions,
)
from hopbook.trace.probing import evidence
from hopbook.trace.traffic import Traffic, expand
from hopbook.trace.verify import Verification, verify

ESG = Key(Edge.kind, "icp-esg")
SEEN = Fact(how=How.OBSERVED, source="a probe", when="noon")
TABLES = frozenset({Kind.ROUTES, Kind.NAT, Kind.FIREWALL})


@dataclass
class Truth:
    """Answers for the edges of a network, and what else it is given."""

    network: Network
    also: dict[Kind, Answer] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[Kind]:
        return TABLES | self.also.keys()

    def ask(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.kind in self.also:
            return self.also[question.kind]
        node = self.network.nodes[question.node]
        if question.kind is Kind.ROUTES:
            return Answer(SEEN, tuple(map(_row, node.routes.routes)))
        assert isinstance(node, Esg)
        if question.kind is Kind.NAT:
            return Answer(SEEN, tuple(item.rule for item in (*node.dnat.rules, *node.snat.rules)))
        rules = [FirewallRow(_short(item.rule), item.action) for item in node.firewall.rules]
        return Answer(SEEN, (*rules, FirewallRow(DEFAULT_RULE, node.firewall.default.action)))


def _row(route: Route) -> RouteRow:
    connected = route.origin is Origin.CONNECTED
    return RouteRow(route.prefix, route.next_hop or 1, route.distance, connected)


def _short(rule: FirewallRule) -> str:
    return rule.name.partition("/")[2]


@dataclass
class Broken:
    """Never answers."""

    kinds: frozenset[Kind] = frozenset(Kind)

    def ask(self, question: Question) -> Answer:
        raise Unreachable(f"no connection for {question.kind}", system="NSX")


def number(text: str) -> int:
    return int(IPv4Address(text))


@pytest.fixture
def verified(lab: Any, traffics: dict[str, Traffic]) -> Callable[..., tuple[Verification, Network]]:
    """A case of the example with its cluster installed: by traffic and where it comes from."""

    def make(traffic: str, source: str = "icp-worker-1", site: Any = None) -> tuple[Verification, Network]:
        network = (site or lab).network()
        case = next(
            case for case in expand(traffics[traffic], lab.site) if source in {case.source, case.name}
        )
        return verify(case, network), network

    return make


def held(found: Probed, kind: Kind) -> set[Holds]:
    return {item.holds for item in found.findings if item.question.kind is kind}


# What is asked


def test_a_trace_asks_its_edges_its_vms_and_its_sender(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    asked = questions(result.traces[0], network)
    assert {(item.kind, item.node) for item in asked} == {
        (Kind.ROUTES, "icp-dlr"),
        (Kind.ROUTES, "icp-esg"),
        (Kind.NAT, "icp-esg"),
        (Kind.FIREWALL, "icp-esg"),
        (Kind.FLOWS, "icp-esg"),
        (Kind.TRACEFLOW, "icp-worker-1"),
        (Kind.SSH, "icp-worker-1"),
    }
    assert len(asked) == len(set(asked))
    (tried,) = (item for item in asked if item.kind is Kind.SSH)
    assert tried.command == "nc -z -w 3 198.51.100.200 443"


def test_nobody_is_asked_at_a_machine_that_is_not_there(lab: Any, traffics: dict[str, Traffic]) -> None:
    network = lab.network(cluster=False)
    case = next(
        case for case in expand(traffics["client-to-icp-master"], lab.site) if case.source == "client"
    )
    result = verify(case, network)
    assert result.as_if
    found = probed(result, network, [Truth(network), Broken()])
    (seen,) = (item for item in found.findings if item.question.kind is Kind.TRACEFLOW)
    assert (seen.holds, seen.system) == (Holds.OPEN, "icp-master-vip is not there yet")
    assert Kind.SSH not in {item.question.kind for item in found.findings}


def test_a_question_is_asked_once_for_all_verifications(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    truth = Truth(network)
    panel = once([truth])
    assert probed(result, network, panel) == probed(result, network, panel)
    assert sorted(truth.asked, key=str) == sorted(set(truth.asked), key=str)


# What answers prove


def test_true_answers_confirm_every_table(verified: Any) -> None:
    for traffic in ("icp-node-to-registry", "icp-node-to-dns", "icp-node-to-published-master"):
        result, network = verified(traffic)
        found = probed(result, network, [Truth(network)])
        assert result.met
        assert found.verification == result
        assert {kind: held(found, kind) for kind in TABLES} == {kind: {Holds.CONFIRMED} for kind in TABLES}
        assert found.observed == (SEEN,)


def test_what_nobody_can_ask_is_open(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    found = probed(result, network, [])
    assert found.verification == result
    assert {item.holds for item in found.findings} == {Holds.OPEN}
    assert all(item.system.startswith("nobody can ask that: no adapter for a ") for item in found.findings)
    assert found.observed == ()


def test_trouble_is_open_and_says_why(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    found = probed(result, network, [Broken()])
    assert found.verification == result
    assert "NSX: no connection for NAT table" in {item.system for item in found.findings}


def _other_hop(part: StaticRoute) -> StaticRoute:
    return replace(part, next_hop=IPv4Address("203.0.113.20"))


def _longer(next_hop: str) -> Callable[[Any], Any]:
    more = StaticRoute(
        owner=ESG, network=IPv4Network("198.51.100.0/24"), next_hop=IPv4Address(next_hop), interface=None
    )
    return lambda lab: lab.first(more)


def _denied_before(lab: Any) -> Any:
    return lab.first(FirewallRule(owner=ESG, rule="#132000", action=FirewallAction.DENY))


def _deny(part: FirewallRule) -> FirewallRule:
    return replace(part, action=FirewallAction.DENY)


def _translated_before(lab: Any) -> Any:
    esg = lab.network().nodes["icp-esg"]
    public = next(item.index for item in esg.interfaces.values() if item.role == "public")
    rule = NatRule(
        owner=ESG,
        rule="#196700",
        action=NatAction.SNAT,
        interface=public,
        original="192.168.20.0/24",
        translated="203.0.113.20",
    )
    return lab.first(rule)


REALITIES: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "no SNAT": (lambda lab: lab.without("icp-esg/snat-internet"), "SNAT snat-internet", "no SNAT of"),
    "another SNAT before": (_translated_before, "SNAT snat-internet", "SNAT #196700"),
    "no route": (lambda lab: lab.without("icp-esg/default"), "goes by route 0.0.0.0/0", "has no route"),
    "another next hop": (
        lambda lab: lab.changed("icp-esg/default", _other_hop),
        "via 203.0.113.17",
        "via 203.0.113.20",
    ),
    "a longer prefix": (_longer("203.0.113.20"), "route 0.0.0.0/0", "route 198.51.100.0/24"),
    "a longer prefix, no other way": (
        _longer("203.0.113.17"),
        "route 0.0.0.0/0",
        "route 198.51.100.0/24 via 203.0.113.17",
    ),
    "no rule": (
        lambda lab: lab.without("icp-esg/nodes-to-internet"),
        "rule nodes-to-internet: accept",
        "there is no rule nodes-to-internet",
    ),
    "the rule denies": (
        lambda lab: lab.changed("icp-esg/nodes-to-internet", _deny),
        "rule nodes-to-internet: accept",
        "rule nodes-to-internet: deny",
    ),
    "an unknown rule before": (
        _denied_before,
        "rule nodes-to-internet: accept",
        "rule #132000 stands before nodes-to-internet",
    ),
}


@pytest.mark.parametrize("reality", REALITIES)
def test_what_a_system_contradicts_is_a_mismatch(reality: str, lab: Any, verified: Any) -> None:
    change, model, system = REALITIES[reality]
    result, network = verified("icp-node-to-registry")
    assert result.met
    found = probed(result, network, [Truth(change(lab).network())])
    after = found.verification
    assert (after.verdict, after.met) == ("model mismatch", False)
    wrong = found.which(Holds.CONTRADICTED)
    assert {(item.node, item.hop) for item in wrong} == {("icp-esg", 3)}
    assert any(model in item.model and system in item.system for item in wrong), wrong
    assert after.reason.startswith("hop 3, icp-esg: the model says ")
    assert "; the system says " in after.reason


def test_a_way_that_the_model_denies_is_probed_too(lab: Any, verified: Any) -> None:
    without = lab.without("icp-esg/default")
    result, network = verified("icp-node-to-registry", site=without)
    assert result.verdict == "no route"
    assert probed(result, network, [Truth(network)]).verification == result
    found = probed(result, network, [Truth(lab.network())])
    assert found.verification.verdict == "model mismatch"
    assert "198.51.100.200 has no route" in found.verification.reason


def test_a_line_that_nobody_reads_proves_nothing(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    empty = Answer(SEEN, unread=("Chain of events",))
    found = probed(result, network, [Truth(network, {Kind.ROUTES: empty})])
    assert held(found, Kind.ROUTES) == {Holds.OPEN}
    assert found.verification == result


# Assumptions


@pytest.fixture
def worker(lab: Any) -> IPv4Address:
    address = lab.address_of("icp-worker-1")
    assert isinstance(address, IPv4Address)
    return address


def connection(worker: IPv4Address, reply_to: str, rule: str = "nodes-to-internet") -> Answer:
    registry = number("198.51.100.200")
    came = Packet(int(worker), registry, "tcp", 51000, 443)
    return Answer(SEEN, (Flow(came, Packet(registry, number(reply_to), "tcp", 443, 51000), rule),))


def test_a_connection_settles_the_order_of_an_esg(verified: Any, worker: IPv4Address) -> None:
    result, network = verified("icp-node-to-registry")
    assert "A1" in result.given
    seen = connection(worker, "203.0.113.18")
    found = probed(result, network, [Truth(network, {Kind.FLOWS: seen})])
    assert set(result.given) - set(found.verification.given) == {"A1"}
    assert found.verification.met


@pytest.mark.parametrize(("to", "rule"), [("203.0.113.19", "nodes-to-internet"), ("203.0.113.18", "another")])
def test_an_old_connection_proves_nothing(to: str, rule: str, verified: Any, worker: IPv4Address) -> None:
    result, network = verified("icp-node-to-registry")
    found = probed(result, network, [Truth(network, {Kind.FLOWS: connection(worker, to, rule)})])
    assert found.verification == result
    assert held(found, Kind.FLOWS) == {Holds.OPEN}


def test_the_firewall_s_table_settles_rules_that_nobody_observed(lab: Any, verified: Any) -> None:
    without = lab.without("icp-esg/#131074")
    result, network = verified("icp-node-to-dns", site=without)
    assert "A3" in result.given
    found = probed(result, network, [Truth(lab.network())])
    assert "A3" not in found.verification.given
    assert found.verification.met


def sights(*seen: Sight) -> dict[Kind, Answer]:
    return {Kind.TRACEFLOW: Answer(SEEN, seen)}


LR = Sight(Sighting.FORWARDED, "LR", "esx-2.example.com")
ARRIVED = Sight(Sighting.DELIVERED, "PHYS", "esx-1.example.com")


def test_traceflow_settles_where_a_router_is_and_that_a_firewall_lets_pass(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    assert {"A13", "A14"} <= set(result.given)
    found = probed(result, network, [Truth(network, sights(LR, ARRIVED))])
    (seen,) = (item for item in found.findings if item.question.kind is Kind.TRACEFLOW)
    assert (seen.holds, seen.settles) == (Holds.CONFIRMED, ("A13", "A14"))
    # The router's hop on the way back is in the ESG's host, which Traceflow does not see
    assert set(result.given) - set(found.verification.given) == {"A14"}


def test_without_a_host_nobody_knows_where_a_router_is(verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    found = probed(result, network, [Truth(network, sights(LR._replace(host=""), ARRIVED))])
    (seen,) = (item for item in found.findings if item.question.kind is Kind.TRACEFLOW)
    assert (seen.holds, seen.settles) == (Holds.CONFIRMED, ("A14",))


@pytest.mark.parametrize(
    ("seen", "system"),
    [
        ((LR, Sight(Sighting.DROPPED, "FW", rule="1005")), "the distributed firewall drops it by rule 1005"),
        ((LR,), "it is neither delivered nor dropped"),
        ((ARRIVED,), "no logical router handles it"),
    ],
)
def test_traceflow_contradicts(seen: Iterable[Sight], system: str, verified: Any) -> None:
    result, network = verified("icp-node-to-registry")
    found = probed(result, network, [Truth(network, sights(*seen))])
    (wrong,) = found.which(Holds.CONTRADICTED)
    assert (wrong.node, wrong.hop, wrong.system) == ("icp-worker-1", 1, system)
    assert found.verification.verdict == "model mismatch"


def test_a_firewall_may_drop_the_copy_of_a_reply(verified: Any) -> None:
    result, network = verified("client-to-icp-master", "client")
    dropped = sights(LR, Sight(Sighting.DROPPED, "FW", rule="1005"))
    found = probed(result, network, [Truth(network, dropped)])
    assert held(found, Kind.TRACEFLOW) == {Holds.OPEN}
    assert found.verification == result


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("esx-1", "esx-1", False),
        ("esx-1", "esx-1.example.com", False),
        ("esx-1.example.com", "esx-1", False),
        ("esx-1", "esx-10", True),
        ("esx-1", "esx-2", True),
        ("", "esx-2", False),
    ],
)
def test_hosts_by_long_and_short_names(one: str, other: str, differ: bool) -> None:
    assert evidence._differ(one, other) is differ


# Commands


@pytest.mark.parametrize(
    ("printed", "holds"),
    [
        ('[{"dst":"10.0.0.9","gateway":"10.0.0.1","dev":"eth0"}]', Holds.CONFIRMED),
        ('[{"dst":"10.0.0.9","gateway":"10.0.0.2","dev":"eth0"}]', Holds.CONTRADICTED),
        ('[{"dst":"10.0.0.9","dev":"eth1"}]', Holds.CONTRADICTED),
        ("[]", Holds.OPEN),
        ("RTNETLINK answers: Network is unreachable", Holds.OPEN),
        ("null", Holds.OPEN),
    ],
)
def test_a_kernel_s_route(printed: str, holds: Holds) -> None:
    route = Route(
        prefix=IPv4Network("10.0.0.0/8"), interface="eth0", fact=SEEN, next_hop=number("10.0.0.1"), distance=1
    )
    assert evidence.by_kernel(route, Answer(SEEN, (Output(0, printed),))).holds is holds


@pytest.mark.parametrize(
    ("status", "works", "holds"),
    [
        (0, True, Holds.CONFIRMED),
        (1, True, Holds.CONTRADICTED),
        (0, False, Holds.CONTRADICTED),
        (1, False, Holds.CONFIRMED),
        (127, True, Holds.OPEN),
    ],
)
def test_a_connection_is_tried(status: int, works: bool, holds: Holds, verified: Any) -> None:
    said = Answer(SEEN, (Output(status, "nc: no such thing"),))
    reading = evidence.by_trying(said, works=works, settles=("A14",))
    assert reading.holds is holds
    assert reading.settles == (("A14",) if holds is not Holds.OPEN else ())
    result, network = verified("icp-node-to-registry")
    found = probed(result, network, [Truth(network, {Kind.SSH: said})])
    assert (found.verification.verdict == "model mismatch") is (status == 1)


# The text of tables

CODES = "Codes: O - OSPF derived, i - IS-IS derived, B - BGP derived,\nC - connected, S - static\n"


def table(total: int, *lines: str) -> str:
    return "\n".join(["", CODES, f"Total number of routes: {total}", "", *lines])


def test_a_routing_table_is_read() -> None:
    text = table(
        4,
        "O   E2  192.0.2.0/24         [110/1]       via 10.9.0.3        ",
        "S       0.0.0.0/0            [1/1]         via 203.0.113.1     ",
        "B       172.30.0.0/16        [20/0]        via 10.9.0.4        ",
        "B       172.30.0.0/16        [20/0]        via 10.9.0.5        ",
        "C       10.9.0.0/29          [0/0]         via 10.9.0.1",
    )
    rows = nsxv.routes(text).of(RouteRow)
    assert [
        (str(row.prefix), str(IPv4Address(row.next_hop)), row.distance, row.connected) for row in rows
    ] == [
        ("192.0.2.0/24", "10.9.0.3", 110, False),
        ("0.0.0.0/0", "203.0.113.1", 1, False),
        ("172.30.0.0/16", "10.9.0.4", 20, False),
        ("172.30.0.0/16", "10.9.0.5", 20, False),
        ("10.9.0.0/29", "10.9.0.1", 0, True),
    ]


def test_a_routing_table_that_is_not_whole_is_none() -> None:
    with pytest.raises(ValueError, match="a table of 2 routes that shows 1"):
        nsxv.routes(table(2, "S       0.0.0.0/0            [1/1]         via 203.0.113.1"))
    with pytest.raises(ValueError, match="no routing table: '% Invalid command'"):
        nsxv.routes("% Invalid command\n")
    assert nsxv.routes(table(1, "S  somewhere  via nobody")).unread == ("S  somewhere  via nobody",)


HEADER = "rid    pkts bytes target     prot opt in     out     source               destination         "


NAT_TABLE = f"""
Chain PREROUTING (policy ACCEPT 20 packets, 1200 bytes)
{HEADER}
0      20  1200 usr_dnat   all  --  *      *       0.0.0.0/0            0.0.0.0/0

Chain usr_dnat (1 references)
{HEADER}
196609  0     0 DNAT tcp  --  vNic_0 *       198.51.100.0/24  203.0.113.10  tcp dpt:443 to:10.1.0.5:8443

Chain usr_snat (1 references)
{HEADER}
196610 1K    9M SNAT all  --  *  vNic_1  0.0.0.0/0  10.0.0.0/8  source IP range 10.1.0.1-10.1.0.9 to:10.9.0.7
196611  0     0 SNAT udp  --  *      *       10.1.0.0/24  0.0.0.0/0  udp spts:1024:2048 to:10.9.0.8-10.9.0.9
"""


def test_a_nat_table_is_read() -> None:
    answer = nsxv.nat(NAT_TABLE, ESG, {"196609": "dnat-console"})
    dnat, private, ranged = answer.of(NatRule)
    assert answer.unread == ()
    assert dnat == NatRule(
        owner=ESG,
        rule="dnat-console",
        action=NatAction.DNAT,
        interface=0,
        original="203.0.113.10",
        translated="10.1.0.5",
        protocol="tcp",
        original_port="443",
        translated_port="8443",
        match="198.51.100.0/24",
    )
    assert (dnat.rule, private.rule) == ("dnat-console", "#196610")
    assert (private.interface, private.original, private.match) == (1, "10.1.0.1-10.1.0.9", "10.0.0.0/8")
    assert (ranged.interface, ranged.original_port, ranged.translated) == (
        None,
        "1024-2048",
        "10.9.0.8-10.9.0.9",
    )


@pytest.mark.parametrize(
    "line",
    [
        "196609 0 0 MASQUERADE all -- * vNic_0 10.1.0.0/24 0.0.0.0/0",
        "196609 0 0 DNAT tcp -- vNic_0 * 0.0.0.0/0 203.0.113.10 tcp dpt:443 ! ctstate NEW to:10.1.0.5",
        "196609 0 0 DNAT tcp -- eth0 * 0.0.0.0/0 203.0.113.10 to:10.1.0.5",
        "something else",
    ],
)
def test_a_nat_rule_that_is_not_understood_is_said(line: str) -> None:
    assert nsxv.nat(f"Chain usr_dnat (1 references)\n{HEADER}\n{line}", ESG, {}) == Answer(unread=(line,))


def test_what_is_no_table_is_none() -> None:
    for text in ("", "Error: edge edge-9 is not found.\n", "Chain PREROUTING (policy ACCEPT)\n"):
        with pytest.raises(ValueError, match="no table with a chain"):
            nsxv.nat(text, ESG, {})
        with pytest.raises(ValueError, match="no table with a chain"):
            nsxv.firewall(text, {})


FIREWALL_TABLE = f"""
Chain INPUT (policy ACCEPT 3146 packets, 4098K bytes)
{HEADER}
0         0     0 DROP       all  --  *      *       0.0.0.0/0   0.0.0.0/0   state INVALID

Chain usr_rules (2 references)
{HEADER}
131074 70104 5086K ACCEPT     all  --  *      *       0.0.0.0/0   0.0.0.0/0   match-set 0_131074 src
131075  116K 8370K REJECT     all  --  *      *       0.0.0.0/0   0.0.0.0/0   match-set 1_131075 dst
131075  116K 8370K REJECT     all  --  *      *       0.0.0.0/0   0.0.0.0/0   match-set 2_131075 dst
131073  151K 7844K DROP       all  --  *      *       0.0.0.0/0   0.0.0.0/0
"""


def test_a_firewall_table_is_read() -> None:
    answer = nsxv.firewall(FIREWALL_TABLE, {"131075": "deny-rest"})
    assert answer.rows == (
        FirewallRow("#131074", FirewallAction.ACCEPT),
        FirewallRow("deny-rest", FirewallAction.REJECT),
        FirewallRow(DEFAULT_RULE, FirewallAction.DENY),
    )


def test_connections_are_read() -> None:
    text = (
        "1: tcp  6 21554 ESTABLISHED src=10.1.0.5 dst=198.51.100.200 sport=51000 dport=443 pkts=5 bytes=500"
        " src=198.51.100.200 dst=203.0.113.9 sport=443 dport=51000 pkts=4 bytes=400 [ASSURED] rid=131075\n"
        "2: unknown 2 500 src=10.1.0.5 dst=224.0.0.1\n"
    )
    (seen,) = nsxv.flows(text, {"131075": "allow"}).of(Flow)
    assert (str(seen.came), str(seen.reply), seen.rule) == (
        "tcp 10.1.0.5:51000 → 198.51.100.200:443",
        "tcp 198.51.100.200:443 → 203.0.113.9:51000",
        "allow",
    )
