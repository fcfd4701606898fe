"""ESXi hosts, the machines that the site declares behind its edges, and which of them runs where.

The site says which hosts there are and where their VTEPs are; which machine is on which of them changes by
itself and is observed (rule 13). Where it was not, a trace has no hops of hosts and says that it assumed so.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from hopbook.engine.change import Observation
from hopbook.network.facts import Fact, declared
from hopbook.network.nodes import Dlr, EsxiHost, Host, Interface, Listener, Medium, Node, Segment
from hopbook.network.nsxv import Source
from hopbook.network.routes import Origin, Route, RouteTable
from hopbook.resources.base import Key, Resource
from hopbook.resources.vsphere import Placement
from hopbook.site.model import Site, TransportNetwork, Workload
from hopbook.steps import naming as live

VTEP = "vmk0"
_R = TypeVar("_R", bound=Resource)
_EVERYWHERE = IPv4Network("0.0.0.0/0")


def seen(observation: Observation, kind: type[_R]) -> Iterator[_R]:
    """The resources of a kind."""
    for observed in observation.items.values():
        if isinstance(observed.resource, kind):
            yield observed.resource


def fact_of(source: Source, provider: str, key: Key) -> Fact:
    """How a resource that somebody else than NSX showed is known."""
    return replace(source.fact(key), source=provider)


def hosts(site: Site, _source: Source) -> Iterator[EsxiHost]:
    """The site's ESXi hosts, each with its VTEP."""
    if site.vcs is None or site.vcs.transport is None:
        return
    transport = site.vcs.transport
    for host in site.vcs.esxi:
        fact = declared(f"vcs.esxi.{host.name}")
        yield EsxiHost(
            name=host.name,
            fact=fact,
            interfaces={VTEP: _vtep(host.vtep, transport, fact)},
            routes=RouteTable((Route(prefix=transport.subnet, interface=VTEP, fact=fact),)),
            vtep=VTEP,
        )


def _vtep(address: IPv4Address, transport: TransportNetwork, fact: Fact) -> Interface:
    return Interface(
        name=VTEP,
        role="vtep",
        segment=transport.port_group,
        fact=fact,
        addresses=(int(address),),
        prefix=transport.subnet,
        mtu=transport.mtu,
    )


def segments(site: Site, _source: Source) -> Iterator[Segment]:
    """The transport network of the VTEPs."""
    if site.vcs is not None and site.vcs.transport is not None:
        transport, fact = site.vcs.transport, declared("vcs.transport")
        yield Segment(name=transport.port_group, medium=Medium.VLAN, fact=fact, carries=transport.mtu)


def placed(nodes: Iterable[Node], source: Source) -> list[Node]:
    """The nodes, each on the ESXi host that it was seen on.

    A distributed router stays nowhere, for it is on every host, whatever host its control VM is on. So does
    what was seen on a host that is no node here: of such a host nothing else is known.
    """
    nodes = list(nodes)
    known = {node.name for node in nodes if isinstance(node, EsxiHost)}
    places = {place.machine: place.host for place in seen(source.observation, Placement)}
    return [
        node
        if isinstance(node, Dlr | EsxiHost) or places.get(node.name) not in known
        else replace(node, host=places[node.name])
        for node in nodes
    ]


def machines(site: Site, _source: Source) -> Iterator[Host]:
    """The VMs on the networks of overlays that serve something; their gateway is the DLR."""
    for load in site.workloads:
        name, _, rest = load.on.partition("/")
        overlay = site.overlay(name)
        network = overlay.network(rest) if overlay is not None else None
        if overlay is not None and network is not None and load.address is not None:
            switch = live.switch_name(site, overlay, network.name)
            yield machine(load, load.address, switch, network.subnet, network.gateway)


def machine(  # what tells two VMs apart
    load: Workload,
    address: IPv4Address,
    switch: str,
    subnet: IPv4Network,
    gateway: IPv4Address,
    *,
    mtu: int = 1500,
) -> Host:
    """A VM that serves something, on a segment with one gateway."""
    fact = declared(f"workloads.{load.name}")
    return Host(
        name=load.name,
        fact=fact,
        interfaces={
            "eth0": Interface(
                name="eth0",
                role="eth0",
                segment=switch,
                fact=fact,
                addresses=(int(address),),
                prefix=subnet,
                mtu=mtu,
            )
        },
        routes=by_gateway(fact, "eth0", subnet, gateway),
        listens=frozenset({Listener("tcp", load.port)}),
    )


def by_gateway(fact: Fact, interface: str, subnet: IPv4Network, gateway: IPv4Address) -> RouteTable:
    """The routes of something with one network and one gateway."""
    default = Route(
        prefix=_EVERYWHERE,
        interface=interface,
        fact=fact,
        next_hop=int(gateway),
        distance=1,
        origin=Origin.DECLARED,
    )
    return RouteTable((Route(prefix=subnet, interface=interface, fact=fact), default))
