"""What the runbook `icp-network` leaves behind on the example site, as an observation to break."""

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from hopbook.engine.change import Observation, Observed
from hopbook.network.compile import compile_network
from hopbook.network.nodes import Network
from hopbook.network.packet import Packet
from hopbook.resources.base import Key, Resource
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallPolicy, FirewallRule, NatRule, Router
from hopbook.site.document import Document, Mark, read_document
from hopbook.site.model import Site
from hopbook.steps import icp
from hopbook.trace.traffic import Traffic, read_traffic

ROOT = Path(__file__).parents[3]


def read_yaml(path: Path) -> dict[str, Any]:
    return read_document(path.read_bytes(), path.name).data


EXAMPLE = read_yaml(ROOT / "runbooks/sites/example.yaml")

ESG = Key(Edge.kind, "icp-esg")
DLR = Key(Router.kind, "icp-dlr")
SYSTEM = FirewallRule(owner=ESG, rule="#131074", action=FirewallAction.ACCEPT, sources=("vse",))


def site_with(**changes: Any) -> Site:
    """The example site with values at dotted paths: `icp__egress="proxy"`."""
    document = deepcopy(EXAMPLE)
    for path, value in changes.items():
        *parents, last = path.split("__")
        part = document
        for name in parents:
            part = part[name]
        if value is None:
            part.pop(last, None)
        else:
            part[last] = value
    return Site.model_validate(document)


def resources(site: Site) -> list[Resource]:
    """All that the runbook wants on a site, rules in the order of their ranks, and what NSX adds."""
    wanted = [
        resource
        for step in (
            icp.logical_switches,
            icp.edge_and_router,
            icp.internet,
            icp.dns_and_ntp,
            icp.cluster_addresses,
            icp.admit_clients,
        )
        for resource in step(site).resources
    ]
    return [SYSTEM, *sorted(wanted, key=lambda resource: getattr(resource, "rank", 0))]


def observe(parts: Iterable[Resource]) -> Observation:
    """Resources as observed, rules in the order in which they are given."""
    items = {part.key: Observed(resource=part, marked=True, system=part == SYSTEM) for part in parts}
    order: dict[str, tuple[Key, ...]] = {}
    for key, item in items.items():
        if isinstance(item.resource, NatRule | FirewallRule):
            section = "nat" if isinstance(item.resource, NatRule) else "firewall"
            name = f"{item.resource.owner.name}/{section}"
            order[name] = (*order.get(name, ()), key)
    return Observation(items=items, order=order)


@dataclass
class Lab:
    """A site and what is on it; every method gives a new value."""

    site: Site = field(default_factory=site_with)
    parts: list[Resource] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = self.parts or resources(self.site)

    def without(self, *names: str) -> "Lab":
        """Without the resources of these names (`icp-esg/snat-internet`); each has to be there."""
        for name in names:
            assert any(part.name == name for part in self.parts), name
        return Lab(self.site, [part for part in self.parts if part.name not in names])

    def first(self, *extra: Resource) -> "Lab":
        """With rules above ours."""
        return Lab(self.site, [*extra, *self.parts])

    def changed(self, name: str, change: Callable[[Any], Resource]) -> "Lab":
        """With one resource, by name or key, made another."""
        assert any(name in {part.name, str(part.key)} for part in self.parts), name
        return Lab(
            self.site,
            [change(part) if name in {part.name, str(part.key)} else part for part in self.parts],
        )

    def policy(self, **fields: Any) -> "Lab":
        """With a changed policy of the ESG's firewall."""
        return self.changed(f"{FirewallPolicy.kind}:icp-esg", lambda part: replace(part, **fields))

    def address_of(self, node: str) -> IPv4Address:
        """The address of a node with one interface."""
        (interface,) = self.network().nodes[node].interfaces.values()
        return IPv4Address(interface.addresses[0])

    def packet(self, node: str, to: str) -> Packet:
        """A packet from a node to `10.0.77.54:123/udp`, tcp unless it says otherwise."""
        address, _, rest = to.partition(":")
        port, _, protocol = rest.partition("/")
        return Packet.of(protocol or "tcp", (self.address_of(node), 40000), (IPv4Address(address), int(port)))

    def observation(self) -> Observation:
        return observe(self.parts)

    def network(self, *, cluster: bool = True, **more: Any) -> Network:
        """The network; by default with the cluster installed, so that the whole way can be judged."""
        return compile_network(self.site, self.observation(), cluster_exists=cluster, **more)


@pytest.fixture
def lab() -> Lab:
    """The example site after `icp-network`."""
    return Lab()


@pytest.fixture
def lab_with() -> Callable[..., Lab]:
    """The same on a changed site: `lab_with(icp__egress="proxy")`."""
    return lambda **changes: Lab(site_with(**changes))


def _traffics() -> dict[str, Traffic]:
    paths = sorted((ROOT / "runbooks/traffic").glob("*.yaml"))
    read = [read_traffic(read_document(path.read_bytes(), path.name)) for path in paths]
    return {traffic.traffic: traffic for traffic in read}


TRAFFICS = _traffics()


@pytest.fixture(name="site_with")
def _site_with() -> Callable[..., Site]:
    """The example site with changes: `site_with(ibm_cloud__client=None)`."""
    return site_with


@pytest.fixture
def traffic_of() -> Callable[[dict[str, Any]], Traffic]:
    """Read a traffic from plain data, as if a file `a-traffic` held it."""
    return lambda data: read_traffic(Document("a-traffic", data, Mark("a-traffic", 1)))


@pytest.fixture
def traffics() -> dict[str, Traffic]:
    """The documented traffics by id."""
    return TRAFFICS
