"""The simulated site's machines: what vCenter switches on answers by SSH, and fetches by the site's network.

vCenter shows NSX's logical switches as port groups. A machine that is switched on is a host with the name and
address that its guest was told. Whatever a host wants of a registry, mirror or other host the tracer answers,
on the network as the simulators have it at that moment, by DNS first where it asks for a name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from adapters.icp.simulator import SimulatedIcp
from adapters.simulated.faults import Faults
from adapters.ssh.simulator import SimulatedHost, SimulatedHosts, Via, host_key
from adapters.vsphere.inventory import Inventory
from adapters.vsphere.simulator import SimulatedVcenter, State, Vm
from hopbook.icp import sizes
from hopbook.network import naming
from hopbook.network.nodes import Host, Listener, Network
from hopbook.network.packet import Packet
from hopbook.secret import Secret
from hopbook.site.model import IcpInstall, Site
from hopbook.trace.verdict import Verdict
from hopbook.trace.walk import Target, trace

_DNS, _SSH, _SOURCE = 53, 22, 40000
_GIB = 2**20  # in kB
CORES, MEMORY_MB, STORE_GIB = 56, 768 * 1024, 60_000
"""What a simulated ESXi host and the datastore have."""
MANAGEMENT = "SDDC-DPortGroup-Mgmt"
"""A port group that is there before any runbook ran."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A logical switch as vCenter knows it: the name of its port group says which it is."""

    name: str
    vni: int
    backing: str

    @property
    def port_group(self) -> str:
        """As NSX calls it."""
        return f"vxw-dvs-1-{self.backing}-sid-{self.vni}-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A VM that is switched on and knows who it is. `id` is vCenter's; disks are GiB."""

    id: str
    name: str
    hostname: str
    address: str
    cpus: int
    memory_mb: int
    disks: tuple[int, ...]


class SiteVcenter(SimulatedVcenter):
    """A vCenter whose port groups are, besides its own, those of NSX's logical switches."""

    def __init__(
        self, state: State, faults: Faults, switches: Callable[[], Mapping[str, Switch]], datacenter: str
    ) -> None:
        super().__init__(state, faults)
        self._switches, self._datacenter = switches, datacenter
        self._groups: dict[str, str] = {}

    def inventory(self) -> Inventory:
        """All there is, with the switches of this moment."""
        switches = self._switches()
        for moid in set(self._groups) - set(switches):
            del self.state.networks[self._groups.pop(moid)]
        for moid in set(switches) - set(self._groups):
            self._groups[moid] = self.state.add_network(self._datacenter, switches[moid].port_group)
        return super().inventory()


class Machines:
    """A site's vCenter and its hosts.

    Args:
        site: Its `icp.install` says what vCenter holds from the start.
        switches: NSX's logical switches now, by id.
        network: The network as the simulators have it now.
        names: What DNS answers.
        faults: What goes wrong.
        password: Of every host.

    Attributes:
        vcenter: The vCenter in memory; another one takes its place by `become`.
        keys: The hosts' keys by the nodes' names. They are there before the hosts, so that they can be known.
        denied: Names that the web proxy lets nobody go to.
    """

    def __init__(
        self,
        site: Site,
        *,
        switches: Callable[[], Mapping[str, Switch]],
        network: Callable[[], Network],
        names: Callable[[str], tuple[IPv4Address, ...]],
        faults: Faults,
        password: Secret,
    ) -> None:
        self.switches, self._password = switches, password
        self._site, self._network, self._names = site, network, names
        install = site.icp.install if site.icp is not None else None
        state = State() if install is None else _given(site, install)
        self.vcenter = SiteVcenter(state, faults, switches, install.datacenter if install else "")
        self.vcenter.on_power_on, self.vcenter.on_power_off = self._begin, self._end
        self.vcenter.on_destroy = self._vanish
        self.hosts = SimulatedHosts(faults, password=password)
        self.keys = {name: host_key() for name in _node_names(site)}
        self.icp = SimulatedIcp(self.hosts.hosts)
        self.icp.teach(self.hosts.programs)
        self.hosts.ask(self.reaches)
        if site.icp is not None and site.icp.published.ssh is not None:
            self.hosts.entry = self._entered
        self.denied: set[str] = set()
        self._bodies: dict[str, SimulatedHost] = {}  # by VM id

    # -- power --------------------------------------------------------------------------------------

    def _begin(self, vm: Vm) -> None:
        if vm.told is None:
            return  # a guest that nobody told who it is has no address
        self._start(
            Body(
                id=vm.id,
                name=vm.name,
                hostname=vm.told.hostname,
                address=str(vm.told.address.ip),
                cpus=vm.cpus,
                memory_mb=vm.memory_mb,
                disks=tuple(vm.disks),
            )
        )

    def _end(self, vm: Vm) -> None:
        if vm.id in self._bodies:
            self._bodies[vm.id].up = False

    def become(self, bodies: Sequence[Body]) -> None:
        """Let exactly these machines be switched on, as another vCenter than the one in memory has them."""
        on = {body.id for body in bodies}
        for identifier, host in self._bodies.items():
            host.up = host.up and identifier in on
        for body in bodies:
            self._start(body)

    def _start(self, body: Body) -> None:
        if body.id in self._bodies:
            self._bodies[body.id].up = True
            return
        mirror = next((each.host for each in self._site.externals if each.name == "os-mirror"), None)
        host = SimulatedHost(
            name=body.name,
            address=body.address,
            hostname=body.hostname,
            cpus=body.cpus,
            memory=body.memory_mb * 1024,
            disks={"/": (sum(body.disks) * _GIB, (sum(body.disks) - 5) * _GIB)},
            password=self._password.reveal(),
        )
        host.key = self.keys.get(body.name, host.key)
        host.mirror = mirror or host.mirror
        host.rounds = {str(address): 0.4 for address in self._site.icp.nodes.master} if self._site.icp else {}
        ssh = self._site.endpoints.ssh
        if ssh is not None and ssh.user not in host.users:
            host.add_user(ssh.user)
        self._bodies[body.id] = self.hosts.add(host)

    def _vanish(self, vm: Vm) -> None:
        if vm.id in self._bodies:
            self.hosts.remove(self._bodies.pop(vm.id).name)

    # -- the network, from outside ------------------------------------------------------------------

    def _entered(self, address: str, port: int) -> tuple[str, int] | str:
        """Where a connection of an operator's machine ends up: the address and port inside, or why not."""
        up = {name: host for name, host in self.hosts.hosts.items() if host.up}
        network = self._network()
        nodes = {
            name: replace(node, listens=frozenset({Listener("tcp", _SSH)}))
            if name in up and isinstance(node, Host)
            else node
            for name, node in network.nodes.items()
        }
        client = network.nodes.get(naming.CLIENT)
        if client is None:
            return f"{naming.CLIENT}, where operators are, is on no network that the site knows"
        packet = Packet.of("tcp", (IPv4Address(min(client.addresses)), _SOURCE), (IPv4Address(address), port))
        found = trace(replace(network, nodes=nodes), packet, client.name, answering=tuple(up))
        if found.verdict is not Verdict.DELIVERED:
            return f"{found.verdict} at {found.end.node}: {found.end.reason}"
        last = found.worst.legs[0].there.hops[-1].after
        return str(IPv4Address(last.dst)), last.dport

    # -- the network --------------------------------------------------------------------------------

    def reaches(self, host: str, to: str, port: int, via: Via | None = None) -> str:
        """Whether a host reaches a name or address on a port, itself or by a web proxy.

        Empty where it does, else why not.
        """
        network = self._network()
        if host not in network.nodes:
            return f"{host} is on no network that the site knows"
        there = tuple(name for name, item in self.hosts.hosts.items() if item.up)
        if via is not None:
            return self._by_proxy(network, host, (to, port), via, there)
        try:
            address = IPv4Address(to)
        except ValueError:
            why = self._asks(network, host, there)
            if why:
                return f"Could not resolve {to}: {why}"
            found = self._names(to)
            if not found:
                return f"Could not resolve {to}: no such name"
            address = found[0]
        return self._follow(network, host, (address, port), "tcp", there)

    def _asks(self, network: Network, host: str, there: tuple[str, ...]) -> str:
        """Whether the host's resolver answers it."""
        overlay = self._site.overlay(self._site.icp.overlay) if self._site.icp is not None else None
        if overlay is None:
            return ""
        return self._follow(network, host, (overlay.transit.edge, _DNS), "udp", there)

    def _by_proxy(
        self, network: Network, host: str, to: tuple[str, int], via: Via, there: tuple[str, ...]
    ) -> str:
        """Whether a host gets there by a web proxy, which asks DNS itself."""
        name, port = to
        proxy = f"the web proxy {via[0]}:{via[1]}"
        found = self._names(name)
        target = Target(int(found[0]), port) if found else None
        why = self._follow(network, host, (IPv4Address(via[0]), via[1]), "tcp", there, target)
        if why:
            return f"{proxy} is not reached: {why}"
        if name in self.denied:
            return f"{proxy} refuses {name}: 403 Forbidden"
        return "" if found else f"{proxy} does not know {name}: 503 Service Unavailable"

    def _follow(
        self,
        network: Network,
        host: str,
        to: tuple[IPv4Address, int],
        protocol: str,
        there: tuple[str, ...],
        onward: Target | None = None,
    ) -> str:
        source = IPv4Address(self.hosts.hosts[host].address)
        packet = Packet.of(protocol, (source, _SOURCE), to)
        found = trace(network, packet, host, onward=onward, answering=there)
        if found.verdict is Verdict.DELIVERED:
            return ""
        return f"{found.verdict} at {found.end.node or host}: {found.end.reason}"


def _node_names(site: Site) -> Iterator[str]:
    for role, addresses in (site.icp.nodes.by_role() if site.icp is not None else {}).items():
        for number, _ in enumerate(addresses, start=1):
            yield sizes.node_name(role, number)


def _given(site: Site, install: IcpInstall) -> State:
    """What vCenter holds before any runbook ran: places, room and the template."""
    state = State()
    state.add_datacenter(install.datacenter)
    esxi = [host.name for host in site.vcs.esxi] if site.vcs is not None else []
    cluster = state.clusters[
        state.add_cluster(
            install.datacenter, install.cluster, max(len(esxi), 3), cores=CORES, memory_mb=MEMORY_MB
        )
    ]
    if esxi:
        named = zip(cluster.hosts, esxi, strict=False)
        cluster.hosts[:] = [replace(host, name=name) for host, name in named]
    if install.resource_pool:
        state.add_pool(install.datacenter, f"{install.cluster}/{install.resource_pool}")
    state.add_datastore(install.datacenter, install.datastore, STORE_GIB)
    parts = install.folder.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        state.add_folder(install.datacenter, "/".join(parts[:depth]))
    state.add_network(install.datacenter, MANAGEMENT)
    state.add_vm(install.datacenter, install.template, template=True)
    return state
