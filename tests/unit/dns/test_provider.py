"""A name in a step's plan: nothing to do, or blocked with what to ask of whom."""

from ipaddress import IPv4Address

import pytest

from adapters.dns import DnsClient, DnsProvider
from adapters.dns.simulator import DnsSimulator
from hopbook.engine.change import Scope
from hopbook.engine.plan import Known, Step, StepPlan, diff
from hopbook.engine.ports import Provider
from hopbook.resources.dns import NameRecord

WEB, OLD = IPv4Address("169.48.1.10"), IPv4Address("169.48.1.9")


def plan(name: str) -> StepPlan:
    """The plan of a step that wants a name to lead to `WEB`, with nothing of ours in the journal."""
    names = {"right.example.com": [WEB], "wrong.example.com": [OLD], "without.example.com": []}
    provider: Provider = DnsProvider(
        DnsClient([IPv4Address("10.0.80.11")], query=DnsSimulator(names).in_process())
    )
    record = NameRecord(fqdn=name, addresses=(WEB,))
    observation = provider.observe(Scope(frozenset({record.key})))
    step = Step(id="dns", title="DNS names", citation="T1.2", resources=(record,))
    known = Known(owned={}, secret_digest=str)
    return diff(step, observation, known, provider.kinds, "icp-network")


def test_a_name_that_leads_where_it_should_is_nothing_to_do() -> None:
    found = plan("right.example.com")
    assert (found.changes, found.blocked, found.adoptions) == ((), (), ())


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("wrong.example.com", "169.48.1.9"),
        ("without.example.com", "no address"),
        ("gone.example.com", "no address"),
    ],
)
def test_any_other_is_blocked_by_whom_to_ask(name: str, now: str) -> None:
    found = plan(name)
    assert [change.key.name for change in found.changes] == [name]
    (reason,) = found.blocked
    assert reason == (
        f"DNS name {name}: it leads to {now}, and names are kept by the owners of the site's DNS: "
        "ask them for the change, then resume"
    )
