"""Who makes machines, prepares them and installs ICP, on a real vCenter or in a rehearsal.

Apart from `adapters.wiring`, which imports it only for runbooks that need hosts.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from adapters.icp.provider import IcpProvider, Surroundings
from adapters.simulated.machines import Machines as Simulated
from adapters.ssh.client import Login
from adapters.ssh.fleet import Fleet
from adapters.ssh.logins import fleet_of
from adapters.ssh.provider import SshProvider
from adapters.vsphere.provider import VsphereProvider, for_site
from hopbook.engine.ports import Clock, Provider
from hopbook.errors import InvalidInput
from hopbook.icp import sizes
from hopbook.icp.knowledge import Knowledge
from hopbook.resources.base import Key, SecretRef
from hopbook.secret import Secret
from hopbook.site.model import Server, Site

Resolve = Callable[[SecretRef], Secret]


def _nothing() -> None:
    """Nothing to let go of."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Where machines are, and how they are reached.

    Attributes:
        wire: Lets go of vCenter.
    """

    vcenter: VsphereProvider
    fleet: Fleet
    wire: Callable[[], None] = _nothing

    def absent(self, host: str) -> bool:
        """Whether a host is not there yet."""
        return not self.vcenter.holds(host)

    def close(self) -> None:
        """Let go of every connection."""
        self.fleet.close()
        self.wire()


def rehearsed(site: Site, world: Simulated) -> Machines:
    """Those of a simulated site."""
    return Machines(for_site(site, world.vcenter), world.hosts.fleet(_logins(site)))


def real(site: Site, resolve: Resolve, trust: Callable[[Server, str], ssl.SSLContext | None]) -> Machines:
    """Those of the vCenter that the site file names; it has `endpoints.vsphere` and `endpoints.ssh`.

    Raises:
        InvalidInput: a secret cannot be resolved, or a file cannot be read.
    """
    from adapters.vsphere import connect  # pyvmomi takes a second, and a rehearsal needs none of it

    vsphere, ssh = site.endpoints.vsphere, site.endpoints.ssh
    if vsphere is None or ssh is None:
        raise InvalidInput("endpoints.vsphere or endpoints.ssh is missing")
    wire = connect.client(vsphere, resolve(vsphere.password), verify=trust(vsphere, "vsphere"))
    return Machines(connect.real(site, vsphere, wire), fleet_of(ssh, _nodes(site), resolve), wire.close)


def providers(
    site: Site,
    icp: Knowledge,
    machines: Machines,
    clock: Clock,
    resolve: Resolve,
    tell: Callable[[Key, str], None],
) -> tuple[Provider, ...]:
    """One a system; `tell` hears how far the installer is."""
    around = Surroundings(
        capacity=machines.vcenter.capacity,
        attached=lambda network: [item.vm for item in machines.vcenter.attached(network)],
        resolve=resolve,
        absent=machines.absent,
        listener=tell,
    )
    return (
        machines.vcenter,
        SshProvider(machines.fleet, resolve=resolve, absent=machines.absent, sleep=clock.sleep),
        IcpProvider(site, icp.catalogue, icp.failures, machines.fleet, around=around, sleep=clock.sleep),
    )


def _nodes(site: Site) -> dict[str, IPv4Address]:
    """The cluster's machines by name, with their own addresses."""
    if site.icp is None:
        return {}
    return {
        sizes.node_name(role, number): address
        for role, addresses in site.icp.nodes.by_role().items()
        for number, address in enumerate(addresses, start=1)
    }


def _logins(site: Site) -> tuple[Login, ...]:
    """How each node of a rehearsal is reached: by the boot node, where that is published."""
    nodes = _nodes(site)
    user = site.endpoints.ssh.user if site.endpoints.ssh is not None else "root"
    if site.icp is None or site.icp.published.ssh is None:
        return tuple(Login(name=name, address=str(address), user=user) for name, address in nodes.items())
    boot, published = sizes.boot_name(site.icp), site.icp.published
    way = Login(name=boot, address=str(published.master), port=site.icp.published.ssh, user=user)
    others = (
        Login(name=name, address=str(address), user=user, jump=boot)
        for name, address in nodes.items()
        if name != boot
    )
    return way, *others
