"""Networks that HCX extends: the concentrators on both sides and the VMs behind them (T5.3 to T5.7).

Where HCX was observed, what it has is there and nothing else; where nobody asked it, what the site declares
is. An extension that is not complete forwards nothing.

A concentrator of the model extends one segment. Of a second network of the same pair it is not known how its
frames travel, so its segments are open: a packet to one of its VMs ends with that, not with a guess.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from hopbook.network import onpremises
from hopbook.network.facts import Fact, declared
from hopbook.network.ipsec import Ipsec
from hopbook.network.nodes import Concentrator, Host, Interface, Medium, Node, Segment
from hopbook.network.nsxv import Source
from hopbook.network.vsphere import by_gateway, fact_of, machine, seen
from hopbook.resources.hcx import ConcentratorPair, Extension, ExtensionState
from hopbook.site.model import ConcentratorUplink, ExtendedNetwork, Hcx, Site
from hopbook.site.names import EXTENDED

CLOUD = "hcx-concentrator"
ENTERPRISE = "on-premises-concentrator"
UPLINK, TRUNK = "uplink", "trunk"

_UNDERLAY = 9000  # bytes, MTU of the private vDS (ibm.md 1.3)
_VXLAN = 50
_PROVIDER = "hcx"
_ANYTHING = (IPv4Network("0.0.0.0/0"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extended:
    """An extended network as it is: by which switch, and whether it is complete."""

    network: ExtendedNetwork
    switch: str
    fact: Fact
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """The concentrators as they are."""

    enterprise: IPv4Address
    cloud: IPv4Address
    ike: str
    esp: str
    secret: str
    fact: Fact


def segments(site: Site, source: Source) -> Iterator[Segment]:
    """The extended networks: the VLAN on-premises and the logical switch that HCX made.

    A switch that NSX showed is better known from there.
    """
    if site.hcx is None:
        return
    transport = site.vcs.transport if site.vcs is not None else None
    carries = transport.mtu if transport is not None else _UNDERLAY
    followed = _followed(site.hcx, source)
    for item in _extended(site.hcx, source):
        unknown = item.complete and followed is not None and item.network != followed.network
        name, fact = onpremises.vlan(item.network), _declared(item.network)
        yield Segment(name=name, medium=Medium.VLAN, fact=fact, open=unknown)
        yield Segment(
            name=item.switch,
            medium=Medium.VXLAN,
            fact=item.fact,
            carries=carries,
            overhead=_VXLAN,
            open=unknown,
        )


def nodes(site: Site, source: Source) -> Iterator[Node]:
    """The two concentrators, and the VMs on extended networks."""
    if site.hcx is None:
        return
    yield from _concentrators(site.hcx, source)
    for item in _extended(site.hcx, source):
        yield from _machines(site, item)


def _machines(site: Site, item: _Extended) -> Iterator[Host]:
    """The VMs of a network; their gateway stays on-premises (rule 28)."""
    network = item.network
    for load in site.workloads:
        if load.on == f"{EXTENDED}/{network.name}" and load.address is not None:
            yield machine(load, load.address, item.switch, network.subnet, network.gateway, mtu=network.mtu)


def _extended(hcx: Hcx, source: Source) -> Iterator[_Extended]:
    observed = {item.network: item for item in seen(source.observation, Extension)}
    asked = observed or any(True for _ in seen(source.observation, ConcentratorPair))
    for network in hcx.networks:
        found = observed.get(network.name)
        if found is not None:
            yield _Extended(
                network=network,
                switch=found.switch,
                fact=fact_of(source, _PROVIDER, found.key),
                complete=found.state is ExtensionState.EXTENDED,
            )
        else:
            fact = _declared(network)
            yield _Extended(network=network, switch=network.switch, fact=fact, complete=not asked)


def _followed(hcx: Hcx, source: Source) -> _Extended | None:
    """The network whose frames the concentrators of the model carry."""
    return next((item for item in _extended(hcx, source) if item.complete), None)


def _pair(hcx: Hcx, source: Source) -> _Pair | None:
    """The pair with the site's uplink addresses, else the first that was observed."""
    ours = (hcx.enterprise.address, hcx.cloud.address)
    pairs = list(seen(source.observation, ConcentratorPair))
    pairs.sort(key=lambda pair: (pair.enterprise, pair.cloud) != ours)
    for pair in pairs:
        return _Pair(
            enterprise=pair.enterprise,
            cloud=pair.cloud,
            ike=pair.ike,
            esp=pair.esp,
            secret=str(pair.psk),
            fact=fact_of(source, _PROVIDER, pair.key),
        )
    if any(True for _ in seen(source.observation, Extension)):
        return None
    kind = ConcentratorPair
    return _Pair(
        enterprise=hcx.enterprise.address,
        cloud=hcx.cloud.address,
        ike=kind.ike,
        esp=kind.esp,
        secret=_PROVIDER,  # HCX gives both ends one key
        fact=declared("hcx"),
    )


def _concentrators(hcx: Hcx, source: Source) -> Iterator[Concentrator]:
    pair, extended = _pair(hcx, source), _followed(hcx, source)
    if pair is None or extended is None:
        return
    yield _concentrator(ENTERPRISE, hcx.enterprise, pair, extended)
    yield _concentrator(CLOUD, hcx.cloud, pair, extended)


def _concentrator(name: str, uplink: ConcentratorUplink, pair: _Pair, extended: _Extended) -> Concentrator:
    """One of the pair: a trunk on its side's segment, and an uplink with the tunnel's address."""
    here = name == ENTERPRISE
    local, peer = (pair.enterprise, pair.cloud) if here else (pair.cloud, pair.enterprise)
    fact = declared("hcx.enterprise" if here else "hcx.cloud")
    outside = Interface(
        name=UPLINK,
        role=UPLINK,
        segment=onpremises.CONCENTRATORS if here else onpremises.HCX_PRIVATE,
        fact=fact,
        addresses=(int(local),),
        prefix=uplink.subnet,
    )
    inside = Interface(
        name=TRUNK,
        role=extended.network.name,
        segment=onpremises.vlan(extended.network) if here else extended.switch,
        fact=extended.fact,
    )
    return Concentrator(
        name=name,
        fact=fact,
        interfaces={item.name: item for item in (outside, inside)},
        routes=by_gateway(fact, UPLINK, uplink.subnet, uplink.gateway),
        host=onpremises.ESXI if here else "",
        trunk=TRUNK,
        peer=CLOUD if here else ENTERPRISE,
        ipsec=Ipsec(
            name=name,
            local=int(local),
            peer=int(peer),
            local_id=str(local),
            peer_id=str(peer),
            inside=_ANYTHING,
            beyond=_ANYTHING,
            secret=pair.secret,
            fact=pair.fact,
            ike=pair.ike,
            esp=pair.esp,
            initiates=here,
        ),
        extension=extended.fact,
    )


def _declared(network: ExtendedNetwork) -> Fact:
    return declared(f"hcx.networks.{network.name}")
