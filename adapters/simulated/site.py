"""The simulated site: the simulators of one site's systems, coupled into one world.

It starts from the given part of the site file: what IBM Cloud hands over before any runbook ran (transport
zone, port groups, where appliances can go, the names that resolve), and from what is given besides: overlays
that no runbook lays, machines and clusters. Everything else has to be made by calls.

Where its packets go the tracer says, on the network that the simulators' own state makes. That is not the
network of whoever asks, so a probe of a simulated site can contradict a model that is wrong.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING
from uuid import NAMESPACE_DNS, uuid5

import httpx

from adapters.dns.simulator import DnsSimulator
from adapters.nsxv.client import NsxClient
from adapters.nsxv.probes import Vnic
from adapters.nsxv.provider import NsxProvider
from adapters.nsxv.simulator import NsxManager
from adapters.nsxv.simulator.errors import invalid, not_found
from adapters.nsxv.simulator.probes import Injected, Seen
from adapters.simulated.control import ControlPlane, Resolve, by_reference, keyed
from adapters.simulated.faults import Faults
from adapters.simulated.given import beyond, lay
from hopbook.engine.change import Observation, Scope
from hopbook.network.compile import compile_network
from hopbook.network.firewall import Filter, Policy
from hopbook.network.nodes import Dlr, Esg, EsxiHost, Host, Interface, Medium, Network
from hopbook.network.observed import beside
from hopbook.network.packet import DATAGRAM, Packet
from hopbook.resources.base import Key
from hopbook.resources.nsxv import LogicalSwitch
from hopbook.secret import Secret
from hopbook.site.model import Site
from hopbook.steps import naming
from hopbook.trace.control import settled
from hopbook.trace.verdict import Hop, What
from hopbook.trace.walk import trace

if TYPE_CHECKING:
    from adapters.simulated.clusters import Clusters
    from adapters.simulated.machines import Machines
    from adapters.simulated.releases import Releases

_ROUTER_MAC = "02:50:56:56:44:52"  # of every logical router's interfaces
USERNAME, PASSWORD = "admin", Secret("simulated")  # the simulators' own; they open nothing else
NSX_VERSION = "6.4.4"


class SimulatedSite:
    """Every system of a site that can be simulated, answering its own protocol.

    Attributes:
        written: What the systems hold that have no simulator yet.
        resolve: What the secrets are that `written` refers to: a tunnel needs the same key at both ends.
        tunnels: What the releases of the clusters have made, once somebody may make some.

    Args:
        site: Whose.
        faults: What should go wrong.
        given: What is there, and no runbook of ours made it.
        password: Of every system.
    """

    def __init__(
        self,
        site: Site,
        faults: Faults | None = None,
        given: Observation | None = None,
        *,
        password: Secret = PASSWORD,
    ) -> None:
        self.site = site
        self.faults = faults or Faults(())
        self.password = password
        self.nsx = NsxManager(
            username=USERNAME, password=password.reveal(), version=NSX_VERSION, faults=self.faults
        )
        self.dns = DnsSimulator(names_of(site), self.faults)
        _hand_over(site, self.nsx)
        self._given = given or Observation()
        self.written = beyond(self._given)
        self.lay()
        self.resolve: Resolve = by_reference
        self.tunnels: Callable[[], Observation] | None = None
        self.nsx.probes.follow = self._follow
        control = ControlPlane(self.network)
        self.nsx.control.sessions, self.nsx.control.tunnels = control.sessions, control.tunnels

    @cached_property
    def machines(self) -> "Machines":
        """VCenter and the hosts, from when somebody asks for them."""
        from adapters.simulated.machines import Machines, Switch  # paramiko takes its time

        return Machines(
            self.site,
            switches=lambda: {
                key: Switch(item.name, item.vni, item.id) for key, item in self.nsx.switches().items()
            },
            network=self.network,
            names=lambda name: names_of(self.site).get(name.lower(), ()),
            faults=self.faults,
            password=self.password,
        )

    @cached_property
    def clusters(self) -> "Clusters":
        """The clusters, with what is written of them, from when somebody asks for one."""
        from adapters.simulated.clusters import Clusters

        return Clusters(self.site, self.written, self.faults, token=self.password)

    @cached_property
    def releases(self) -> "Releases":
        """The helms of the clusters, from when somebody asks for one."""
        from adapters.kubernetes.access import sides_of
        from adapters.simulated.releases import Releases

        return Releases(self.clusters.cluster, partial(sides_of, self.site), self.faults)

    def lay(self) -> None:
        """Make what is given and is not there yet: at first, and when a runbook made the edge of more."""
        if self._given.items:
            lay(self.nsx, self._given, self.password)

    def nsx_transport(self) -> httpx.BaseTransport:
        """The manager's wire, without a network."""
        return httpx.MockTransport(self.nsx.handle)

    def network(self) -> Network:
        """The network as the simulators have it now."""
        transport = httpx.MockTransport(self.nsx.peek)
        with NsxClient("https://nsx.simulated", USERNAME, self.password, transport=transport) as client:
            provider = NsxProvider(client, site=self.site.site, resolve=lambda _: self.password)
            seen = provider.observe(Scope(frozenset(_keys(self.site))))
        everything = beside(seen, self._others())
        return settled(compile_network(self.site, keyed(everything, self.nsx.keys, self.resolve)))

    def _others(self) -> Observation:
        """What the other systems hold; a cluster that nobody asked for yet is as it is written."""
        clusters = self.__dict__.get("clusters")
        if clusters is None or not clusters.asked:
            return self.written
        seen = beside(clusters.observation(), clusters.beyond(self.written))
        return seen if self.tunnels is None else beside(self.tunnels(), seen)

    def vnic(self, machine: str, _packet: Packet | None = None) -> Vnic:
        """The vNIC of a VM, as a vCenter would have it: the same for the same name."""
        identity = uuid5(NAMESPACE_DNS, f"{machine}.{self.site.site}.simulated")
        mac = ":".join(("00:50:56", *(f"{byte:02x}" for byte in identity.bytes[-3:])))
        return Vnic(id=f"{identity}.000", mac=mac, next_mac=_ROUTER_MAC)

    def _follow(self, sent: Injected) -> Sequence[Seen]:
        network = self.network()
        machine = next(
            (node for node in network.nodes.values() if self.vnic(node.name).id == sent.vnic), None
        )
        if not isinstance(machine, Host) or not machine.present:
            raise not_found(sent.vnic)
        on = _overlay(machine, network)
        if on is None or on.segment in network.extensions:
            raise invalid(f"Traceflow is not supported on the network of vNIC {sent.vnic}.")
        protocol = sent.protocol or "icmp"
        packet = Packet(int(sent.src), int(sent.dst), protocol, sent.sport, sent.dport, DATAGRAM)
        found = trace(network, packet, machine.name)
        return tuple(_seen(found.worst.legs[0].there.hops))


def names_of(site: Site) -> dict[str, tuple[IPv4Address, ...]]:
    """Every DNS name that the site declares, and the addresses that it should lead to."""
    names: dict[str, tuple[IPv4Address, ...]] = {item.host: (item.address,) for item in site.externals}
    stands_for = {
        item.workload: item.address
        for cluster in site.iks
        if cluster.join is not None
        for item in cluster.join.published
    }
    for workload in site.workloads:
        address = stands_for.get(workload.name, workload.address)
        if workload.host and address:
            names[workload.host] = (address,)
    if site.icp is not None:
        published, public = site.icp.published, site.icp.public
        if published.master_name:
            names[published.master_name] = (published.master,)
        if published.proxy_name:
            names[published.proxy_name] = (published.proxy,)
        if public is not None and public.name:
            names[public.name] = (public.proxy,)
    return {name.lower(): addresses for name, addresses in names.items()}


def _keys(site: Site) -> Iterator[Key]:
    """Whatever of NSX is in a network."""
    yield Key(LogicalSwitch.kind, "any")
    for overlay in site.overlays:
        yield naming.edge_key(site, overlay)
        yield naming.router_key(site, overlay)


def _overlay(machine: Host, network: Network) -> Interface | None:
    """A VM's interface on a logical switch."""
    sides = machine.interfaces.values()
    return next(
        (side for side in sides if side.segment and network.segments[side.segment].medium is Medium.VXLAN),
        None,
    )


def _seen(hops: Sequence[Hop]) -> Iterator[Seen]:
    """What Traceflow shows of a way: from a VM to the next machine or ESG, and no further."""
    yield Seen("Received", "PHYS", "vNIC", hops[0].node.host)
    for hop in hops:
        if isinstance(hop.node, Dlr):
            yield Seen("LogicalReceived", "LR", hop.node.name, hop.host)
            yield Seen("LogicalForwarded", "LR", hop.node.name, hop.host)
        elif isinstance(hop.node, EsxiHost):
            yield Seen("LogicalReceived", "LS", hop.node.name, hop.node.name)
        else:
            dropped = _dropped_by(hop)
            if dropped is not None:
                yield Seen("LogicalDropped", "FW", "Firewall", hop.node.host, dropped)
                return
            if hop is not hops[0]:
                component = "EDGE" if isinstance(hop.node, Esg) else "PHYS"
                yield Seen("Delivered", component, "vNIC", hop.node.host)
                return


def _dropped_by(hop: Hop) -> str | None:
    """The distributed firewall's rule that drops the packet at this machine's vNIC."""
    for decision in hop.decisions:
        if hop.node.vnic is not None and decision.what is What.DROPPED:
            if isinstance(decision.ground, Filter):
                return decision.ground.rule.rule
            if isinstance(decision.ground, Policy):
                return "default"
    return None


def _hand_over(site: Site, nsx: NsxManager) -> None:
    vcs = site.vcs
    if vcs is None:
        return
    nsx.add_transport_zone(vcs.transport_zone)
    nsx.add_datacenter(vcs.datacenter, vcs.datacenter)
    for place in vcs.placements:
        nsx.add_resource_pool(place.resource_pool, place.resource_pool)
        nsx.add_datastore(place.datastore, place.datastore)
    for number, host in enumerate(vcs.esxi, start=1):
        nsx.add_host(f"host-{number}", host.name)
    groups = {vcs.uplinks.public.port_group, vcs.uplinks.private.port_group, vcs.management_network} - {""}
    for group in sorted(groups):
        nsx.add_network(group, group)
