"""What edges of the simulated site say of their sessions and tunnels: what its network makes of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from adapters.nsxv.provider.ipsec import MASKED
from adapters.simulated.site import PASSWORD, USERNAME, SimulatedSite
from hopbook.engine.change import Action, Change, Observation, Result, Scope
from hopbook.network import observed
from hopbook.resources import nsxv
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.secret import Secret
from hopbook.site.document import read_document
from hopbook.site.model import Site

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
EXAMPLE = read_document((RUNBOOKS / "sites/example.yaml").read_bytes(), "example.yaml").data
FILES = sorted((RUNBOOKS / "observed/example").glob("*.yaml"))
DOCUMENTS = [read_document(path.read_bytes(), path.name) for path in FILES]
ESG = Key(nsxv.Edge.kind, "workload-esg")
WORKERS = ("10.95.60.4", "10.95.60.5", "10.95.61.4")
DYNAMIC = (nsxv.Bgp, nsxv.BgpNeighbour, nsxv.IpsecSite)
ORDER = [
    nsxv.LogicalSwitch,
    nsxv.Edge,
    nsxv.Router,
    nsxv.Interface,
    nsxv.StaticRoute,
    nsxv.NatRule,
    nsxv.FirewallRule,
    nsxv.FirewallPolicy,
    *DYNAMIC,
]


class Laid:
    """The example site's workload edge on the simulated manager, and everything else as it is written."""

    def __init__(self, provider: NsxProvider, world: SimulatedSite, written: Observation) -> None:
        self.provider, self.world, self.written = provider, world, written

    def see(self, *keys: Key) -> Observation:
        return self.provider.observe(Scope(frozenset(keys)))

    def states(self) -> dict[str, str]:
        keys = [nsxv.BgpSession(owner=ESG, address=IPv4Address(worker)).key for worker in WORKERS]
        found = self.see(*keys).items
        return {key.name.partition("/")[2]: found[key].resource.compared()["state"] for key in keys}

    def tunnel(self) -> nsxv.IpsecTunnel:
        (found,) = self.see(nsxv.IpsecTunnel(owner=ESG, site="iks-a").key).items.values()
        assert isinstance(found.resource, nsxv.IpsecTunnel)
        return found.resource


@contextmanager
def laid(join: str, *left_out: str, resolve: dict[str, str] | None = None, **changed: Any) -> Iterator[Laid]:
    """The site with that join; without some written resources, or with fields of the NSX ones changed."""
    document = deepcopy(EXAMPLE)
    document["iks"][0]["join"] = {"overlay": "workload", "how": join}
    site = Site.model_validate(document)
    written = observed.read(DOCUMENTS, site)
    world = SimulatedSite(site)
    ours = [
        item.resource
        for key, item in written.items.items()
        if type(item.resource) in ORDER
        and not item.system
        and str(key) not in left_out
        and getattr(item.resource, "owner", ESG).name.startswith("workload")
    ]
    ours.sort(key=lambda item: ORDER.index(type(item)))
    rest = {
        key: item
        for key, item in written.items.items()
        if type(item.resource) not in ORDER and str(key) not in left_out
    }
    with NsxClient(
        "https://nsx.simulated", USERNAME, PASSWORD, transport=httpx.MockTransport(world.nsx.handle)
    ) as client:
        keys = resolve or {}
        provider = NsxProvider(
            client,
            site=site.site,
            resolve=lambda ref: Secret(keys.get(ref.name, str(ref))),
            sleep=lambda _: None,
        )
        ours.append(nsxv.Ipsec(owner=ESG, enabled=join == "vpn"))
        for item in ours:
            fields = {name: value for name, value in changed.items() if name in item.compared()}
            fields = fields if isinstance(item, DYNAMIC) else {}
            _make(provider, world, replace(item, **fields))
        world.written = replace(written, items=rest, order={})
        yield Laid(provider, world, written)


def _make(provider: NsxProvider, world: SimulatedSite, item: Resource) -> None:
    if isinstance(item, nsxv.Interface) and isinstance(item.network, str):
        world.nsx.add_network(item.network, item.network)
    change = Change(action=Action.CREATE, key=item.key, after=item)
    outcomes = list(provider.apply([change], lambda _: None))
    assert [outcome.result for outcome in outcomes] == [Result.APPLIED], outcomes


@pytest.mark.parametrize("join", ["vlan-bgp", "vpn"])
def test_what_is_observed_is_what_was_written_by_hand(join: str) -> None:
    with laid(join) as site:
        seen = site.see(ESG).items
        written = {
            key: item.resource
            for key, item in site.written.items.items()
            if isinstance(item.resource, DYNAMIC)
        }

        assert len(written) == (4 if join == "vlan-bgp" else 1)
        for key, resource in written.items():
            expected = replace(resource, psk=MASKED) if isinstance(resource, nsxv.IpsecSite) else resource
            assert seen[key].resource == expected


def test_sessions_stand_where_both_sides_agree_and_their_routes_are_shown() -> None:
    with laid("vlan-bgp") as site:
        assert site.states() == dict.fromkeys(WORKERS, "Established")
        edge = site.see(ESG).items[ESG].handle
        told = site.provider._client.say(f"show edge {edge} ip route bgp")
        assert "172.30.64.0/26" in told
        assert "[20/0]" in told
        assert "C  " not in told


@pytest.mark.parametrize(
    ("left_out", "changed", "state"),
    [
        ("kubernetes.bgp-peer:iks-a/workload-esg", {}, "Active"),
        ("nsxv.firewall-rule:workload-esg/iks-a-bgp", {}, "Connect"),
        ("", {"router_id": IPv4Address("10.95.40.80"), "asn": 65099}, "Idle"),
    ],
)
def test_a_session_whose_other_side_is_missing_says_how_far_it_came(
    left_out: str, changed: dict[str, Any], state: str
) -> None:
    with laid("vlan-bgp", left_out, **changed) as site:
        assert set(site.states().values()) == {state}


def test_a_tunnel_is_up_where_both_ends_match() -> None:
    with laid("vpn") as site:
        assert site.tunnel() == nsxv.IpsecTunnel(owner=ESG, site="iks-a")


@pytest.mark.parametrize(
    ("left_out", "changed", "why"),
    [
        ("", {"dh_group": nsxv.DhGroup.DH5}, "proposals"),
        ("", {"peer_id": "somebody"}, "identities"),
        ("", {"psk": SecretRef("env", "ANOTHER")}, "pre-shared keys differ"),
        ("", {"peer_subnets": (IPv4Network("10.66.0.0/24"),)}, "selectors have nothing in common"),
        ("kubernetes.vpn:iks-a/vpn", {}, ""),
    ],
)
def test_a_tunnel_that_is_down_says_why(left_out: str, changed: dict[str, Any], why: str) -> None:
    with laid("vpn", left_out, **changed) as site:
        tunnel = site.tunnel()
        assert not tunnel.up
        assert why in tunnel.why
        assert tunnel.why


def test_two_references_to_one_key_are_the_same_key() -> None:
    keys = {"ANOTHER": "env:IKS_A_VPN_PSK"}
    with laid("vpn", resolve=keys, psk=SecretRef("env", "ANOTHER")) as site:
        assert site.tunnel().up
