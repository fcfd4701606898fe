"""What a simulated site is given: overlays that somebody else laid, and what other systems hold."""

from typing import TypeVar

import httpx
import pytest

from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from adapters.simulated.faults import Faults, parse_fault
from adapters.simulated.site import USERNAME, SimulatedSite, names_of
from hopbook.engine.change import Observation, Scope
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallRule, Interface, LogicalSwitch, NatRule, StaticRoute
from hopbook.resources.vsphere import Placement
from hopbook.site.load import read_site
from tasks import files
from tasks.verification import given
from tests.unit.steps.iks import PUBLISHED, site_joined

EXAMPLE = read_site(files.site_path("example").read_bytes(), "example.yaml")
GIVEN = given(EXAMPLE, icp=False)
WORKLOAD, ICP = (Key(Edge.kind, f"{name}-esg") for name in ("workload", "icp"))


def seen(world: SimulatedSite, *keys: Key) -> Observation:
    transport = httpx.MockTransport(world.nsx.peek)
    with NsxClient("https://nsx.simulated", USERNAME, world.password, transport=transport) as client:
        provider = NsxProvider(client, site="example", resolve=lambda _: world.password)
        return provider.observe(Scope(frozenset(keys)))


_R = TypeVar("_R", StaticRoute, Interface, FirewallRule)


def of(observation: Observation, kind: type[_R]) -> list[_R]:
    """What the workload edge has of a kind."""
    resources = (item.resource for item in observation.items.values() if not item.system)
    return [each for each in resources if isinstance(each, kind) and each.owner == WORKLOAD]


@pytest.fixture(scope="module")
def world() -> SimulatedSite:
    return SimulatedSite(EXAMPLE, given=GIVEN)


def test_an_overlay_is_there_as_it_was_written(world: SimulatedSite) -> None:
    there = seen(world, WORKLOAD)
    assert {each.key for each in of(there, StaticRoute)} == {each.key for each in of(GIVEN, StaticRoute)}
    # It is connected to switches by their ids
    assert [each.address for each in of(there, Interface)] == [each.address for each in of(GIVEN, Interface)]
    assert [lets_in(rule) for rule in of(there, FirewallRule)] == [
        lets_in(rule) for rule in of(GIVEN, FirewallRule)
    ]


def lets_in(rule: FirewallRule) -> tuple[object, ...]:
    return rule.action, rule.sources, rule.destinations, rule.services


def test_it_is_nobodys_of_ours(world: SimulatedSite) -> None:
    there = seen(world, WORKLOAD, Key(LogicalSwitch.kind, "workload-databases"))
    kinds = (FirewallRule.kind, NatRule.kind, LogicalSwitch.kind)
    foreign = [item for key, item in there.items.items() if key.kind in kinds and not item.system]
    assert len(foreign) > 4
    assert not [item for item in foreign if item.marked]
    assert Key(LogicalSwitch.kind, "workload-databases") not in there.items


def test_what_lies_on_an_edge_that_is_not_there_waits_for_it(world: SimulatedSite) -> None:
    assert any(ICP in set(item.resource.refs()) for item in GIVEN.items.values())
    assert ICP not in seen(world, WORKLOAD, ICP).items
    before = world.nsx.dump()
    world.lay()
    assert world.nsx.dump() == before  # nothing is made twice


def test_nobody_notes_it_and_no_fault_takes_it() -> None:
    faults = Faults([parse_fault("nsxv:400*1000")])
    world = SimulatedSite(EXAMPLE, faults, GIVEN)
    assert WORKLOAD in seen(world, WORKLOAD).items
    assert world.nsx.calls == []


def test_what_other_systems_hold_is_kept(world: SimulatedSite) -> None:
    assert Key(Placement.kind, "orders") in world.written.items
    assert not [key for key in world.written.items if key.kind.startswith("nsxv.")]


def test_how_clusters_are_joined_is_not_given() -> None:
    kinds = {key.kind for key in given(EXAMPLE, icp=True).items}
    assert kinds >= {"kubernetes.node", "nsxv.edge"}
    assert not kinds & {"nsxv.bgp", "kubernetes.bgp-peer", "nsxv.ipsec-site", "ibm.bgp-peering"}


def test_the_network_knows_a_strangers_switch_by_its_name(world: SimulatedSite) -> None:
    network = world.network()
    assert network.nodes["workload-dlr"].interfaces["databases"].segment == "workload-databases"
    assert network.nodes["orders"].interfaces["eth0"].segment == "workload-databases"


def test_the_name_of_a_database_leads_to_the_address_that_stands_for_it() -> None:
    published = names_of(site_joined(how="static-dnat", published=PUBLISHED))
    assert [str(address) for address in published["orders.example.com"]] == ["10.95.40.81"]
    assert [str(address) for address in names_of(EXAMPLE)["orders.example.com"]] == ["192.168.12.30"]
