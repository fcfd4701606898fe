"""Single addresses of a site: each is of its subnet, and nobody has one that is another's.

On an uplink an address belongs to one edge, which may forward several things by it; in an overlay network it
belongs to one machine.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from hopbook.errors import Problem
from hopbook.site.model import ConcentratorUplink, Egress, ExtendedNetwork, Hcx, Icp, OverlayNetwork, Vcs
from hopbook.site.names import EXTENDED
from hopbook.site.rules import RULES
from hopbook.site.subject import Subject, unusable
from hopbook.site.words import KeyPath


@dataclass(frozen=True, slots=True)
class _Claim:
    """An address that somebody is to have."""

    address: IPv4Address
    name: str
    path: KeyPath
    rule: str

    def __str__(self) -> str:
        return f"{self.address}, {self.name},"


def check_addresses(subject: Subject) -> Iterator[Problem]:
    """R6, R7, the address in R8, C3 to C7, and C10 to C12."""
    vcs, icp, hcx = subject.site.vcs, subject.site.icp, subject.site.hcx
    yield from _one_edge_each(subject)
    yield from _networks(subject)
    if vcs:
        yield from _uplinks(subject, vcs)
        yield from _pairs(subject, vcs)
        yield from _end_points(subject, vcs)
    if hcx:
        yield from _extension(subject, hcx)
    yield from _one_workload_each(subject)
    yield from _user(subject)
    if icp:
        yield from _published(subject, icp)
        yield from _cluster(subject, icp)


# On the uplinks


def _uplinks(subject: Subject, vcs: Vcs) -> Iterator[Problem]:
    """Gateways and edges' addresses are of their portable subnet."""
    both = {"public": vcs.uplinks.public, "private": vcs.uplinks.private}
    for side, uplink in both.items():
        if trouble := unusable(uplink.gateway, uplink.subnet):
            path = ("vcs", "uplinks", side, "gateway")
            yield subject.against("C3", path, f"the gateway {uplink.gateway} {trouble}")
    for _, side, claim in _on_uplinks(subject):
        uplink, other = both[side], both["private" if side == "public" else "public"]
        at = f"the {side} uplink {subject.place(('vcs', 'uplinks', side, 'subnet'))}"
        if trouble := unusable(claim.address, uplink.subnet):
            swapped = f", but in the other uplink's {other.subnet}" if claim.address in other.subnet else ""
            yield subject.against("R7", claim.path, f"{claim} {trouble}{swapped}: {at}")
        elif claim.address == uplink.gateway:
            yield subject.against("R7", claim.path, f"{claim} is the gateway of {at}")


def _one_edge_each(subject: Subject) -> Iterator[Problem]:
    holders: dict[IPv4Address, tuple[str, _Claim]] = {}
    for overlay, _, claim in _on_uplinks(subject):
        owner, holder = holders.setdefault(claim.address, (overlay, claim))
        if owner != overlay:
            what = f"{claim} is {holder.name} already {subject.place(holder.path)}"
            yield subject.against("R7", claim.path, what)


def _on_uplinks(subject: Subject) -> Iterator[tuple[str, str, _Claim]]:
    """Overlay, side and claim; the edges' own addresses first."""
    for number, overlay in enumerate(subject.site.overlays):
        for side, address in (("public", overlay.edge.public), ("private", overlay.edge.private)):
            if address is not None:
                name, path = (
                    f"the {side} address of {overlay.name}'s edge",
                    ("overlays", number, "edge", side),
                )
                yield overlay.name, side, _Claim(address, name, path, "R7")
    if icp := subject.site.icp:
        for role, address in (("master", icp.published.master), ("proxy", icp.published.proxy)):
            claim = _Claim(address, f"the published address of the {role}s", ("icp", "published", role), "R7")
            yield icp.overlay, "private", claim
        if icp.public:
            claim = _Claim(
                icp.public.proxy, "the web tier's public address", ("icp", "public", "proxy"), "R7"
            )
            yield icp.overlay, "public", claim
    for overlay_name, _, claim in _of_joins(subject):
        yield overlay_name, "private", claim


def _of_joins(subject: Subject) -> Iterator[tuple[str, str, _Claim]]:
    """Overlay, workload and claim of what the edges publish for IKS clusters."""
    for number, cluster in enumerate(subject.site.iks):
        for item, each in enumerate(cluster.join.published if cluster.join else ()):
            path = ("iks", number, "join", "published", item, "address")
            claim = _Claim(each.address, f"the published address of {each.workload}", path, "R7")
            yield cluster.join.overlay if cluster.join else "", each.workload, claim


def _one_workload_each(subject: Subject) -> Iterator[Problem]:
    """Two clusters may use one published workload by its one address."""
    holders: dict[IPv4Address, tuple[str, _Claim]] = {}
    if icp := subject.site.icp:
        for role, address in (("master", icp.published.master), ("proxy", icp.published.proxy)):
            name, path = f"the published address of ICP's {role}s", ("icp", "published", role)
            holders.setdefault(address, ("", _Claim(address, name, path, "C12")))
    for _, workload, claim in _of_joins(subject):
        load, holder = holders.setdefault(claim.address, (workload, claim))
        if load != workload:
            what = f"{claim} is {holder.name} already {subject.place(holder.path)}"
            yield subject.against("C12", claim.path, what)


def _published(subject: Subject, icp: Icp) -> Iterator[Problem]:
    published = icp.published
    both = sorted(set(published.master_ports) & set(published.proxy_ports))
    if published.master == published.proxy and both:
        masters = subject.place(("icp", "published", "master"))
        what = (
            f"{published.proxy} is published for the proxies and for the masters {masters}, both with port "
            f"{both[0]}; expected two addresses, or ports that differ"
        )
        yield subject.problem("R7", ("icp", "published", "proxy"), what)
    overlay = subject.site.overlay(icp.overlay)
    if overlay is None or overlay.edge.public is not None:
        return
    lacking = f"the edge of overlay {overlay.name} has no `public` address"
    if icp.public:
        what = f"{icp.public.proxy} is to be translated on the public uplink, but {lacking}"
        yield subject.against("R7", ("icp", "public", "proxy"), what)
    if icp.egress is Egress.SNAT:
        yield subject.against("C7", ("icp", "egress"), f"egress is snat, but {lacking}")


# In the overlays


def _networks(subject: Subject) -> Iterator[Problem]:
    for number, overlay in enumerate(subject.site.overlays):
        transit, at = overlay.transit, ("overlays", number, "transit")
        ends = (
            _Claim(transit.edge, f"the edge of {overlay.name}", (*at, "edge"), "C3"),
            _Claim(transit.router, f"the router of {overlay.name}", (*at, "router"), "C3"),
        )
        yield from _claimed(subject, ends, transit.subnet, (*at, "subnet"))
    for overlay_name, network, path in subject.networks():
        claims = _in_network(subject, overlay_name, network, path)
        yield from _claimed(subject, claims, network.subnet, (*path, "subnet"))


def _claimed(
    subject: Subject, claims: Iterable[_Claim], subnet: IPv4Network, path: KeyPath
) -> Iterator[Problem]:
    """Each address is of the subnet, and nobody has it twice: the first keeps it."""
    holders: dict[IPv4Address, _Claim] = {}
    for claim in claims:
        if trouble := unusable(claim.address, subnet):
            what = f"{claim} {trouble} {subject.place(path)}"
            yield subject.against(claim.rule, claim.path, what)
        elif (holder := holders.setdefault(claim.address, claim)) is not claim:
            what = f"{claim} is {holder.name} already {subject.place(holder.path)}"
            yield subject.against(claim.rule, claim.path, what)


def _in_network(subject: Subject, overlay: str, network: OverlayNetwork, path: KeyPath) -> Iterator[_Claim]:
    yield _Claim(network.gateway, f"the gateway of {network.name}", (*path, "gateway"), "C3")
    icp = subject.site.icp
    ours = icp if icp and (icp.overlay, icp.network) == (overlay, network.name) else None
    for role, addresses in ours.nodes.by_role().items() if ours else ():
        for number, address in enumerate(addresses):
            yield _Claim(address, f"{role} node {number + 1}", ("icp", "nodes", role, number), "C4")
    yield from _vms(subject, f"{overlay}/{network.name}")
    if ours:
        for role, address in (("master", ours.vips.master), ("proxy", ours.vips.proxy)):
            yield _Claim(address, f"the {role}s' virtual address", ("icp", "vips", role), "R6")


def _vms(subject: Subject, place: str) -> Iterator[_Claim]:
    for number, load in enumerate(subject.site.workloads):
        if load.address is not None and load.on == place:
            yield _Claim(load.address, f"VM {load.name}", ("workloads", number, "address"), "C4")


# On the hosts and on-premises


def _end_points(subject: Subject, vcs: Vcs) -> Iterator[Problem]:
    if vcs.transport is None:
        if vcs.esxi:
            what = f"found {len(vcs.esxi)} hosts with VTEPs, but no `vcs.transport`"
            yield subject.against("C11", ("vcs", "esxi"), what)
        return
    claims = [
        _Claim(host.vtep, f"the VTEP of {host.name}", ("vcs", "esxi", number, "vtep"), "C3")
        for number, host in enumerate(vcs.esxi)
    ]
    yield from _claimed(subject, claims, vcs.transport.subnet, ("vcs", "transport", "subnet"))


def _extension(subject: Subject, hcx: Hcx) -> Iterator[Problem]:
    for side, uplink in (("enterprise", hcx.enterprise), ("cloud", hcx.cloud)):
        at: KeyPath = ("hcx", side)
        yield from _claimed(subject, _of_uplink(uplink, side, at), uplink.subnet, (*at, "subnet"))
    for number, network in enumerate(hcx.networks):
        place: KeyPath = ("hcx", "networks", number)
        claims = _in_extended(subject, network, place)
        yield from _claimed(subject, claims, network.subnet, (*place, "subnet"))


def _of_uplink(uplink: ConcentratorUplink, side: str, path: KeyPath) -> Iterator[_Claim]:
    yield _Claim(uplink.gateway, f"the gateway of the {side} concentrator", (*path, "gateway"), "C3")
    yield _Claim(uplink.address, f"the {side} concentrator", (*path, "address"), "C3")


def _in_extended(subject: Subject, network: ExtendedNetwork, path: KeyPath) -> Iterator[_Claim]:
    yield _Claim(network.gateway, f"the gateway of {network.name}", (*path, "gateway"), "C3")
    yield from _vms(subject, f"{EXTENDED}/{network.name}")


def _user(subject: Subject) -> Iterator[Problem]:
    enterprise = subject.site.on_premises
    if enterprise is None or enterprise.user is None:
        return
    known = (*enterprise.networks, *enterprise.stretched)
    if not any(enterprise.user in network for network in known):
        what = f"{enterprise.user} is in none of them ({', '.join(map(str, known)) or 'there is none'})"
        yield subject.against("C10", ("on_premises", "user"), what)


# The rest


def _cluster(subject: Subject, icp: Icp) -> Iterator[Problem]:
    if len(icp.nodes.master) not in {1, 3, 5}:
        what = f"found {len(icp.nodes.master)} masters; {RULES['C5'].text}"
        yield subject.problem("C5", ("icp", "nodes", "master"), what)
    bridge = icp.docker_bip
    if trouble := unusable(bridge.ip, bridge.network):
        what = f"{bridge} {trouble}; expected the bridge's own address, like 172.17.0.1/16"
        yield subject.problem("R8", ("icp", "docker_bip"), what)


def _pairs(subject: Subject, vcs: Vcs) -> Iterator[Problem]:
    for number, overlay in enumerate(subject.site.overlays):
        if overlay.edge.ha and len(vcs.placements) == 1:
            place = subject.place(("vcs", "placements"))
            what = f"{overlay.name}'s edge is an HA pair, but there is 1 placement {place}"
            path = ("overlays", number, "edge", "ha")
            yield subject.problem("C6", path, f"{what}; expected 2, or `ha: false`")
