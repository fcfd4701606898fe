"""What a resolver's client keeps to: one class of tests, a subclass a tier. No test of it is overridden."""

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from adapters.dns import DnsClient, DnsProvider
from adapters.dns.server import DnsServer
from adapters.dns.simulator import DnsSimulator, Names
from adapters.simulated.faults import Faults, parse_fault
from hopbook.engine.change import Action, Change, Observation, Result, Scope
from hopbook.errors import Garbled, InvalidInput, Missing, Rejected, Unreachable
from hopbook.resources.base import Key
from hopbook.resources.dns import NameRecord

SERVER = IPv4Address("127.0.0.1")
WEB, DB = IPv4Address("169.48.1.10"), IPv4Address("192.168.20.5")
MANY = tuple(IPv4Address("10.0.0.0") + number for number in range(100))
NAMES: Names = {
    "web.example.com": "alb.iks.example.com",
    "alb.iks.example.com": [WEB, IPv4Address("169.48.1.9")],
    "db.example.com": [DB],
    "many.example.com": MANY,
    "mail.example.com": [],
    "loop-a.example.com": "loop-b.example.com",
    "loop-b.example.com": "loop-a.example.com",
    "dangling.example.com": "gone.example.com",
}


class ResolverContract:
    """The contract. A subclass gives a client of a simulator with these faults."""

    @pytest.fixture
    def faults(self, request: pytest.FixtureRequest) -> Faults:
        return Faults(parse_fault(text) for text in getattr(request, "param", ()))

    @pytest.fixture
    def client(self, faults: Faults) -> DnsClient:
        raise NotImplementedError

    def test_a_name_leads_to_its_address(self, client: DnsClient) -> None:
        assert client.addresses("db.example.com") == (DB,)

    def test_spelling_means_nothing(self, client: DnsClient) -> None:
        assert client.addresses("DB.Example.Com.") == (DB,)

    def test_aliases_are_followed_and_addresses_sorted(self, client: DnsClient) -> None:
        assert client.addresses("web.example.com") == (IPv4Address("169.48.1.9"), WEB)

    def test_an_answer_too_long_for_a_datagram_comes_whole(self, client: DnsClient) -> None:
        assert client.addresses("many.example.com") == MANY

    @pytest.mark.parametrize("name", ["mail.example.com", "example.com", "iks.example.com"])
    def test_a_name_may_be_without_addresses(self, client: DnsClient, name: str) -> None:
        assert client.addresses(name) == ()

    @pytest.mark.parametrize("name", ["gone.example.com", "dangling.example.com", "xample.com"])
    def test_a_name_that_is_not_there_is_missing(self, client: DnsClient, name: str) -> None:
        with pytest.raises(Missing, match=rf"dns \(127\.0\.0\.1\): there is no name {name}") as caught:
            client.addresses(name)
        assert caught.value.code == "NXDOMAIN"

    def test_aliases_in_a_circle_are_a_failure_of_the_server(self, client: DnsClient) -> None:
        with pytest.raises(Rejected, match=r"loop-a.example.com: 127.0.0.1 it answers SERVFAIL") as caught:
            client.addresses("loop-a.example.com")
        assert caught.value.code == "SERVFAIL"

    @pytest.mark.parametrize(
        "name", ["", ".", "a..b", f"{'a' * 64}.example.com", "a." * 200, "\udcff", "\\999"]
    )
    def test_what_is_no_name_is_not_asked_for(self, client: DnsClient, name: str) -> None:
        with pytest.raises(InvalidInput, match="it is not a DNS name"):
            client.addresses(name)

    # Faults

    @pytest.mark.parametrize(
        "faults",
        [["dns:timeout@/db"], ["dns:garbage@/db"], ["dns:503@/db"]],
        indirect=True,
    )
    def test_one_fault_is_survived(self, client: DnsClient, faults: Faults) -> None:
        assert client.addresses("db.example.com") == (DB,)
        assert faults.left() == ()

    @pytest.mark.parametrize("faults", [["dns:timeout*9@/db"]], indirect=True)
    def test_a_server_that_never_answers_is_unreachable(self, client: DnsClient) -> None:
        with pytest.raises(Unreachable, match=r"db.example.com: 127.0.0.1 does not answer in time") as caught:
            client.addresses("db.example.com")
        assert caught.value.retryable

    @pytest.mark.parametrize("faults", [["dns:garbage*9@/db"]], indirect=True)
    def test_an_answer_of_something_else_is_no_address(self, client: DnsClient) -> None:
        with pytest.raises(Garbled, match=r"db.example.com: 127.0.0.1 its answer is not DNS"):
            client.addresses("db.example.com")

    @pytest.mark.parametrize(
        ("faults", "code"),
        [
            (["dns:400*9@/db"], "FORMERR"),
            (["dns:403*9@/db"], "REFUSED"),
            (["dns:501*9@/db"], "NOTIMP"),
            (["dns:500*9@/db"], "SERVFAIL"),
        ],
        indirect=["faults"],
    )
    def test_a_refusal_keeps_its_code(self, client: DnsClient, code: str) -> None:
        with pytest.raises(Rejected) as caught:
            client.addresses("db.example.com")
        assert type(caught.value) is Rejected
        assert caught.value.code == code

    @pytest.mark.parametrize("faults", [["dns:404@/db"]], indirect=True)
    def test_a_name_may_be_missing_for_once(self, client: DnsClient) -> None:
        with pytest.raises(Missing):
            client.addresses("db.example.com")
        assert client.addresses("db.example.com") == (DB,)

    # As resources

    def test_every_name_is_observed_a_missing_one_without_addresses(self, client: DnsClient) -> None:
        keys = [Key("dns.name", name) for name in ("db.example.com", "gone.example.com")]
        scope = Scope(frozenset([*keys, Key("nsxv.edge", "icp-esg")]))
        observation = DnsProvider(client).observe(scope)
        assert {key: item.resource for key, item in observation.items.items()} == {
            keys[0]: NameRecord(fqdn="db.example.com", addresses=(DB,)),
            keys[1]: NameRecord(fqdn="gone.example.com", addresses=()),
        }
        assert observation == Observation(items=observation.items)

    def test_a_change_of_a_name_is_refused_with_what_to_ask_for(self, client: DnsClient) -> None:
        before = NameRecord(fqdn="gone.example.com", addresses=())
        after = NameRecord(fqdn="gone.example.com", addresses=(WEB,))
        change = Change(action=Action.UPDATE, key=after.key, before=before, after=after)
        (outcome,) = DnsProvider(client).apply([change], lambda _submitted: None)
        assert (outcome.key, outcome.result) == (after.key, Result.REFUSED)
        assert outcome.reason.startswith("it should lead to 169.48.1.10, but it leads to no address, and")
        assert client.addresses("db.example.com") == (DB,)

    @pytest.mark.parametrize("faults", [["dns:timeout*9@/db"]], indirect=True)
    def test_a_name_that_cannot_be_asked_for_is_not_taken_for_missing(self, client: DnsClient) -> None:
        with pytest.raises(Unreachable):
            DnsProvider(client).observe(Scope(frozenset({Key("dns.name", "db.example.com")})))


class TestInProcess(ResolverContract):
    @pytest.fixture
    def client(self, faults: Faults) -> DnsClient:
        return DnsClient([SERVER], query=DnsSimulator(NAMES, faults).in_process())


class TestWire(ResolverContract):
    @pytest.fixture
    def client(self, faults: Faults) -> Iterator[DnsClient]:
        with DnsServer(DnsSimulator(NAMES, faults).answer) as server:
            yield DnsClient([SERVER], port=server.port, timeout=0.5 if faults.left() else 5)
