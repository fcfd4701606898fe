"""The simulated site: the simulators of one site's systems, coupled into one world.

It starts from the given part of the site file: what IBM Cloud hands over before any runbook ran (transport
zone, port groups, where appliances can go, the names that resolve). Everything else has to be made by calls.
"""

from ipaddress import IPv4Address

import httpx

from adapters.dns.simulator import DnsSimulator
from adapters.nsxv.simulator import NsxManager
from adapters.simulated.faults import Faults
from hopbook.secret import Secret
from hopbook.site.model import Site

USERNAME, PASSWORD = "admin", Secret("simulated")  # the simulators' own; they open nothing else
NSX_VERSION = "6.4.4"


class SimulatedSite:
    """Every system of a site that can be simulated, answering its own protocol."""

    def __init__(self, site: Site, faults: Faults | None = None, *, password: Secret = PASSWORD) -> None:
        self.site = site
        self.faults = faults or Faults(())
        self.password = password
        self.nsx = NsxManager(
            username=USERNAME, password=password.reveal(), version=NSX_VERSION, faults=self.faults
        )
        self.dns = DnsSimulator(names_of(site), self.faults)
        _hand_over(site, self.nsx)

    def nsx_transport(self) -> httpx.BaseTransport:
        """The manager's wire, without a network."""
        return httpx.MockTransport(self.nsx.handle)


def names_of(site: Site) -> dict[str, tuple[IPv4Address, ...]]:
    """Every DNS name that the site declares, and the addresses that it should lead to."""
    names: dict[str, tuple[IPv4Address, ...]] = {item.host: (item.address,) for item in site.externals}
    for workload in site.workloads:
        if workload.host and workload.address:
            names[workload.host] = (workload.address,)
    if site.icp is not None:
        published, public = site.icp.published, site.icp.public
        if published.master_name:
            names[published.master_name] = (published.master,)
        if published.proxy_name:
            names[published.proxy_name] = (published.proxy,)
        if public is not None and public.name:
            names[public.name] = (public.proxy,)
    return {name.lower(): addresses for name, addresses in names.items()}


def _hand_over(site: Site, nsx: NsxManager) -> None:
    vcs = site.vcs
    if vcs is None:
        return
    nsx.add_transport_zone(vcs.transport_zone)
    nsx.add_datacenter(vcs.datacenter, vcs.datacenter)
    for place in vcs.placements:
        nsx.add_resource_pool(place.resource_pool, place.resource_pool)
        nsx.add_datastore(place.datastore, place.datastore)
    groups = {vcs.uplinks.public.port_group, vcs.uplinks.private.port_group, vcs.management_network} - {""}
    for group in sorted(groups):
        nsx.add_network(group, group)
