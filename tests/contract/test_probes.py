"""What every prober of an NSX Manager promises, whatever the manager behind it.

A tier gives the fixture `ground` and nothing else: no promise is overridden.
"""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from adapters.nsxv.client import NsxClient
from adapters.nsxv.probes import CliProber, Commands, TraceflowOptions, TraceflowProber
from adapters.nsxv.provider import NsxProvider
from adapters.simulated.faults import Faults, parse_fault
from adapters.simulated.serve import serve
from adapters.simulated.site import PASSWORD, USERNAME, SimulatedSite
from adapters.wiring import any_secret, simulated
from hopbook.engine.change import Action, Change, Observation, Observed, Result, Scope
from hopbook.engine.plan import field_changes
from hopbook.errors import AnswerLost, Garbled, LoginRefused, Missing, Rejected
from hopbook.network.nodes import Network
from hopbook.network.packet import Packet
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import (
    DistributedRule,
    Edge,
    FirewallAction,
    FirewallPolicy,
    FirewallRule,
    Interface,
    NatAction,
    NatRule,
    Router,
)
from hopbook.secret import Secret
from hopbook.site.load import site_of
from hopbook.site.model import Site
from hopbook.steps import icp
from hopbook.trace.probes import (
    DEFAULT_RULE,
    FirewallRow,
    Flow,
    Holds,
    Kind,
    Prober,
    Question,
    RouteRow,
    Sight,
    Sighting,
    probed,
)
from hopbook.trace.traffic import expand, read_traffic
from hopbook.trace.verify import Verification, verify
from tasks import files
from tasks.verification import written_by_hand

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ESG, DLR = Key(Edge.kind, "icp-esg"), Key(Router.kind, "icp-dlr")
NTP_FLOW = (
    "1: udp  17 29 src=192.168.20.41 dst=10.0.77.54 sport=40000 dport=123 pkts=1 bytes=76 "
    "src=10.0.77.54 dst=10.95.40.70 sport=123 dport=40000 pkts=1 bytes=76 rid=131074"
)
STEPS = (
    icp.logical_switches,
    icp.edge_and_router,
    icp.internet,
    icp.dns_and_ntp,
    icp.cluster_addresses,
    icp.admit_clients,
)
R = TypeVar("R", bound=Resource)


class Trouble(Faults):
    """Faults that a test asks for when everything stands."""

    def arm(self, notation: str) -> None:
        super().__init__([parse_fault(notation)])


@dataclass
class Ground:
    """A simulated site with the ICP network, and the probers that ask it."""

    world: SimulatedSite
    trouble: Trouble
    connect: Callable[[Secret], NsxClient]
    waited: list[float] = field(default_factory=list)
    client: NsxClient = field(init=False)
    provider: NsxProvider = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.connect(PASSWORD)
        self.provider = NsxProvider(self.client, site=self.site.site, resolve=any_secret)
        lanes: dict[str, list[Change]] = {}
        for resource in (resource for step in STEPS for resource in step(self.site).resources):
            lane = self.provider.kinds[resource.kind].lane(resource)
            change = Change(action=Action.CREATE, key=resource.key, after=resource)
            lanes.setdefault(lane, []).append(change)
        for batch in lanes.values():
            outcomes = list(self.provider.apply(batch, lambda _: None))
            assert {outcome.result for outcome in outcomes} == {Result.APPLIED}, outcomes
        self.world.written = written_by_hand(self.site)

    @property
    def site(self) -> Site:
        return self.world.site

    @property
    def cli(self) -> CliProber:
        return CliProber(self.client, site=self.site.site, now=lambda: NOON)

    @property
    def traceflow(self) -> TraceflowProber:
        return TraceflowProber(self.client, vnics=self.world.vnic, sleep=self.waited.append, now=lambda: NOON)

    @property
    def probers(self) -> tuple[Prober, ...]:
        return self.cli, self.traceflow

    def apply(self, action: Action, resource: Resource, *, above: Key | None = None) -> None:
        before = resource if action is Action.DELETE else None
        after = None if action is Action.DELETE else resource
        change = Change(action=action, key=resource.key, before=before, after=after, above=above)
        outcomes = list(self.provider.apply([change], lambda _: None))
        assert [outcome.result for outcome in outcomes] == [Result.APPLIED], outcomes

    def update(self, before: Resource, after: Resource) -> None:
        change = Change(
            action=Action.UPDATE,
            key=after.key,
            before=before,
            after=after,
            fields=field_changes(before, after),
        )
        assert [item.result for item in self.provider.apply([change], lambda _: None)] == [Result.APPLIED]

    def live(self, kind: type[R], name: str) -> R:
        key = Key(kind.kind, name)
        found = self.provider.observe(Scope(frozenset({key, ESG}))).items[key].resource
        assert isinstance(found, kind)
        return found

    def verified(self, traffic: str, source: str = "icp-worker-1") -> tuple[Verification, Network]:
        network = self.world.network()
        cases = expand(read_traffic(files.traffic_document(traffic)), self.site, network)
        case = next(case for case in cases if case.source == source)
        return verify(case, network, frozenset(self.site.accepts)), network

    def packet(self, machine: str, to: str, port: int) -> Packet:
        (interface,) = (
            item for item in self.world.network().nodes[machine].interfaces.values() if item.prefix
        )
        return Packet.of("tcp", (IPv4Address(interface.addresses[0]), 40000), (IPv4Address(to), port))

    def follow(self, machine: str, to: str, port: int) -> tuple[Sight, ...]:
        question = Question(Kind.TRACEFLOW, machine, self.packet(machine, to, port))
        return self.traceflow.ask(question).of(Sight)


class ProberContract:
    """The promises."""

    def test_an_edge_s_routes(self, ground: Ground) -> None:
        answer = ground.cli.ask(Question(Kind.ROUTES, "icp-esg"))
        rows = {(str(row.prefix), row.connected): row for row in answer.of(RouteRow)}
        assert answer.unread == ()
        assert str(IPv4Address(rows["0.0.0.0/0", False].next_hop)) == "203.0.113.17"
        assert str(IPv4Address(rows["10.95.40.64/26", True].next_hop)) == "10.95.40.70"
        assert str(IPv4Address(rows["192.168.20.0/24", False].next_hop)) == "192.168.21.2"
        assert answer.fact is not None
        assert str(answer.fact) == "observed nsxv.edge:icp-esg at 2030-01-01 12:00:00 UTC"
        assert answer.fact.source.startswith("nsxv CLI, show edge edge-")

    def test_a_route_whose_next_hop_nobody_reaches_is_in_no_table(self, ground: Ground) -> None:
        private = ground.live(Interface, "icp-esg/private")
        ground.update(private, replace(private, connected=False))
        rows = ground.cli.ask(Question(Kind.ROUTES, "icp-esg")).of(RouteRow)
        prefixes = {str(row.prefix) for row in rows}
        assert not prefixes & {"10.0.0.0/8", "10.95.40.64/26"}
        assert "0.0.0.0/0" in prefixes

    def test_a_router_s_routes(self, ground: Ground) -> None:
        rows = ground.cli.ask(Question(Kind.ROUTES, "icp-dlr")).of(RouteRow)
        assert {str(row.prefix) for row in rows if row.connected} == {"192.168.20.0/24", "192.168.21.0/29"}

    def test_every_nat_rule_reads_as_it_was_made(self, ground: Ground) -> None:
        made = NatRule(
            owner=ESG,
            rule="odd",
            action=NatAction.DNAT,
            interface=0,
            original="10.95.40.75-10.95.40.76",
            translated="192.168.20.7",
            protocol="udp",
            original_port="30000-30010",
            translated_port="53",
            match="10.0.0.0/8",
            match_port="1024-65535",
        )
        ground.apply(Action.CREATE, made)
        ground.apply(Action.CREATE, replace(made, rule="off", enabled=False))
        answer = ground.cli.ask(Question(Kind.NAT, "icp-esg"))
        scope = Scope(frozenset({ESG, made.key}))
        stored = {
            live.resource
            for key, live in ground.provider.observe(scope).items.items()
            if key.kind == NatRule.kind
        }
        shown = [
            replace(rule, purpose="", logging=False, rank=0)
            for rule in stored
            if isinstance(rule, NatRule) and rule.enabled
        ]
        assert answer.unread == ()
        assert sorted(answer.of(NatRule), key=_by_name) == sorted(shown, key=_by_name)
        assert {rule.rule for rule in answer.of(NatRule)} >= {"odd", "snat-internet", "dnat-master-8001"}

    def test_the_firewall_s_rules_in_their_order(self, ground: Ground) -> None:
        rows = ground.cli.ask(Question(Kind.FIREWALL, "icp-esg")).of(FirewallRow)
        assert rows[0] == FirewallRow("#131074", FirewallAction.ACCEPT)
        assert FirewallRow("nodes-to-internet", FirewallAction.ACCEPT) in rows
        assert rows[-1] == FirewallRow(DEFAULT_RULE, FirewallAction.DENY)

    def test_an_edge_whose_firewall_is_off_does_no_nat(self, ground: Ground) -> None:
        policy = ground.live(FirewallPolicy, "icp-esg")
        ground.update(policy, replace(policy, enabled=False))
        assert ground.cli.ask(Question(Kind.NAT, "icp-esg")).rows == ()

    def test_connections(self, ground: Ground) -> None:
        assert ground.cli.ask(Question(Kind.FLOWS, "icp-esg")).rows == ()
        ground.world.nsx.probes.flows["edge-1"] = [NTP_FLOW]
        (seen,) = ground.cli.ask(Question(Kind.FLOWS, "icp-esg")).of(Flow)
        assert (str(seen.reply), seen.rule) == ("udp 10.0.77.54:123 → 10.95.40.70:40000", "#131074")

    def test_asking_changes_nothing(self, ground: Ground) -> None:
        before = ground.world.nsx.dump()
        for kind in (Kind.ROUTES, Kind.NAT, Kind.FIREWALL, Kind.FLOWS):
            ground.cli.ask(Question(kind, "icp-esg"))
        ground.follow("icp-worker-1", "198.51.100.200", 443)
        assert ground.world.nsx.dump() == before

    # Trouble

    def test_an_edge_that_is_not_there(self, ground: Ground) -> None:
        with pytest.raises(Missing, match="there is no edge nobody"):
            ground.cli.ask(Question(Kind.ROUTES, "nobody"))

    def test_a_command_that_nobody_knows_is_no_table(self, ground: Ground) -> None:
        commands = Commands(routes="show edge {edge} roads")
        prober = CliProber(ground.client, site=ground.site.site, commands=commands)
        with pytest.raises(Garbled, match="no routing table: '% Invalid command: roads'"):
            prober.ask(Question(Kind.ROUTES, "icp-esg"))

    def test_a_router_has_no_nat(self, ground: Ground) -> None:
        with pytest.raises(Rejected, match="not supported"):
            ground.cli.ask(Question(Kind.NAT, "icp-dlr"))

    def test_errors_are_those_of_the_adapter(self, ground: Ground) -> None:
        with ground.connect(Secret("wrong")) as stranger:
            with pytest.raises(LoginRefused):
                stranger.say("show edge edge-1 ip route")
            prober = TraceflowProber(stranger, vnics=ground.world.vnic, sleep=ground.waited.append)
            with pytest.raises(LoginRefused):
                prober.ask(Question(Kind.TRACEFLOW, "orders", Packet(1, 2, "tcp")))

    @pytest.mark.parametrize(
        ("fault", "error"), [("500", Rejected), ("garbage", Garbled), ("timeout*3", AnswerLost)]
    )
    def test_an_answer_that_does_not_come(self, fault: str, error: type[Exception], ground: Ground) -> None:
        ground.trouble.arm(f"nsxv:{fault}")
        with pytest.raises(error):
            ground.client.say("show edge edge-1 ip route")

    def test_a_question_that_changes_nothing_is_asked_again(self, ground: Ground) -> None:
        ground.trouble.arm("nsxv:timeout*2")
        assert "Total number of routes" in ground.client.say("show edge edge-1 ip route")

    # Traceflow

    def test_traceflow_stops_at_the_esg(self, ground: Ground) -> None:
        seen = ground.follow("icp-worker-1", "198.51.100.200", 443)
        assert seen[-1] == Sight(Sighting.DELIVERED, "EDGE", "esx-1")
        assert Sight(Sighting.FORWARDED, "LR", "esx-1") in seen
        assert ground.waited == [1], "it is complete at the second look"

    def test_traceflow_goes_from_host_to_host(self, ground: Ground) -> None:
        seen = ground.follow("icp-worker-3", "192.168.20.42", 22)
        hosts = list(dict.fromkeys(item.host for item in seen))
        assert hosts == ["esx-3", "esx-2"]
        assert seen[-1].what is Sighting.DELIVERED
        assert "LR" not in {item.component for item in seen}

    def test_traceflow_shows_who_drops(self, ground: Ground) -> None:
        rule = DistributedRule(rule="1005", rank=1, action=FirewallAction.DENY, sources=("192.168.20.0/24",))
        ground.world.written = ground.world.written.merged(_observed(rule))
        seen = ground.follow("icp-worker-1", "198.51.100.200", 443)
        assert seen[-1] == Sight(Sighting.DROPPED, "FW", "esx-1", "1005")

    def test_traceflow_refuses_what_hcx_extends(self, ground: Ground) -> None:
        with pytest.raises(Rejected, match="Traceflow is not supported"):
            ground.follow("ledger", "10.64.8.15", 5432)

    def test_a_vnic_that_nobody_knows(self, ground: Ground) -> None:
        prober = TraceflowProber(ground.client, vnics=lambda *_: None, sleep=ground.waited.append)
        answer = prober.ask(Question(Kind.TRACEFLOW, "orders", Packet(1, 2, "tcp")))
        assert answer.silence == "nobody can ask that: which vNIC orders has is not known"
        with pytest.raises(Missing):
            ground.traceflow.ask(Question(Kind.TRACEFLOW, "nobody", Packet(1, 2, "tcp")))

    def test_one_that_does_not_end(self, ground: Ground) -> None:
        prober = TraceflowProber(
            ground.client,
            vnics=ground.world.vnic,
            sleep=ground.waited.append,
            options=TraceflowOptions(polls=1),
        )
        question = Question(
            Kind.TRACEFLOW, "icp-worker-1", ground.packet("icp-worker-1", "198.51.100.200", 443)
        )
        assert prober.ask(question).silence.endswith("does not end")

    # All of it

    @pytest.mark.parametrize(
        ("traffic", "source", "settled"),
        [
            ("icp-node-to-registry", "icp-worker-1", {"A14"}),
            ("icp-node-to-dns", "icp-worker-2", {"A14"}),
            # What comes to a VM from an ESG nobody can send but the ESG
            ("icp-node-to-published-master", "icp-worker-3", set()),
            ("client-to-icp-proxy", "client", set()),
        ],
    )
    def test_a_site_that_is_as_it_was_observed_contradicts_nothing(
        self, traffic: str, source: str, settled: set[str], ground: Ground
    ) -> None:
        result, network = ground.verified(traffic, source)
        found = probed(result, network, ground.probers)
        assert result.met
        assert found.verification.met
        assert not found.which(Holds.CONTRADICTED)
        confirmed = {item.question.kind for item in found.which(Holds.CONFIRMED)}
        assert confirmed >= {Kind.ROUTES, Kind.FIREWALL, Kind.TRACEFLOW}
        assert set(result.given) - set(found.verification.given) == settled

    def test_what_changed_since_is_a_mismatch(self, ground: Ground) -> None:
        result, network = ground.verified("icp-node-to-registry")
        ground.apply(Action.DELETE, ground.live(NatRule, "icp-esg/snat-internet"))
        found = probed(result, network, ground.probers)
        assert (found.verification.verdict, found.verification.met) == ("model mismatch", False)
        assert "icp-esg: the model says SNAT snat-internet makes" in found.verification.reason
        assert "; the system says no SNAT of" in found.verification.reason
        (wrong,) = found.which(Holds.CONTRADICTED)
        assert wrong.fact is not None

    def test_a_rule_of_somebody_else_is_a_mismatch(self, ground: Ground) -> None:
        result, network = ground.verified("icp-node-to-registry")
        deny = FirewallRule(owner=ESG, rule="deny-all", action=FirewallAction.DENY)
        ground.apply(Action.CREATE, deny, above=Key(FirewallRule.kind, "icp-esg/nodes-to-internet"))
        found = probed(result, network, ground.probers)
        assert "rule deny-all stands before nodes-to-internet" in found.verification.reason

    def test_a_machine_that_moved_is_a_mismatch(self, ground: Ground) -> None:
        result, network = ground.verified("icp-node-to-registry")
        moved = next(
            replace(live, resource=replace(live.resource, host="esx-3"))  # type: ignore[call-arg]
            for key, live in ground.world.written.items.items()
            if key.name == "icp-worker-1" and key.kind == "vsphere.placement"
        )
        written = ground.world.written
        ground.world.written = replace(written, items={**written.items, moved.resource.key: moved})
        found = probed(result, network, ground.probers)
        assert "the system says a logical router handles it in esx-3" in found.verification.reason


def _by_name(rule: NatRule) -> str:
    return rule.rule


def _observed(resource: Resource) -> Observation:
    return Observation(items={resource.key: Observed(resource=resource)})


def example() -> Site:
    return site_of(files.read_site_file("example"))


class TestSimulated(ProberContract):
    """The simulated manager, in process."""

    @pytest.fixture
    def ground(self) -> Iterator[Ground]:
        trouble = Trouble()
        world = SimulatedSite(example(), trouble)

        def connect(password: Secret) -> NsxClient:
            return NsxClient(
                "https://nsx.simulated",
                USERNAME,
                password,
                transport=httpx.MockTransport(world.nsx.handle),
                sleep=lambda _: None,
            )

        made = Ground(world, trouble, connect)
        yield made
        made.client.close()


class TestLoopback(ProberContract):
    """The same over TLS on loopback."""

    @pytest.fixture
    def ground(self, tmp_path: Path) -> Iterator[Ground]:
        trouble = Trouble()
        world = SimulatedSite(example(), trouble)
        world.written = written_by_hand(world.site)  # before its clusters are served
        with serve(world, tmp_path / "tls") as served:
            trusted = ssl.create_default_context(cafile=served.ca_file)

            def connect(password: Secret) -> NsxClient:
                return NsxClient(served.nsx_url, USERNAME, password, verify=trusted, sleep=lambda _: None)

            made = Ground(world, trouble, connect)
            yield made
            made.client.close()


def test_a_rehearsal_has_probers() -> None:
    with simulated(example()) as systems:
        kinds = frozenset[Kind]().union(*(prober.kinds for prober in systems.probers))
        assert kinds == {Kind.ROUTES, Kind.NAT, Kind.FIREWALL, Kind.FLOWS, Kind.TRACEFLOW}
