"""What is wrong with the VPNs of a site: V1 to V10, found before anything is installed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations, product
from typing import Any

from hopbook.errors import Problem
from hopbook.site.document import Document
from hopbook.site.model import Chart, IcpVpn, IksCluster, IksVpn, Join, Site, Vpn
from hopbook.site.subject import Subject, unusable
from hopbook.site.words import KeyPath, near
from hopbook.vpn import chart
from hopbook.vpn.keys import KeyTable
from hopbook.vpn.mirror import differences
from hopbook.vpn.proposals import NoProposal, Proposals, see_known
from hopbook.vpn.tunnel import End, Tunnel, brought, of_edge, of_icp
from hopbook.vpn.values import lint

_LATER = IPv4Address(0)  # stands for the address that a load balancer is only given
_JUDGED = frozenset(  # by V1, V3, V4 and V6
    {"local.subnet", "remote.subnet", "remote.gateway", ".".join(chart.SECRET_AT)}
)
_AT = {"V3": "values", "V4": "peer_psk", "V5": "local_id", "V6": "values", "V7": "ike"}


@dataclass(frozen=True, slots=True)
class _Found:
    """A tunnel of the site file.

    Attributes:
        end: Who its far end is, for telling those of one end apart.
    """

    tunnel: Tunnel
    cluster: IksCluster
    vpn: Vpn
    path: KeyPath
    end: str


def check_vpns(site: Site, document: Document, keys: KeyTable) -> list[Problem]:
    """Everything that is wrong with the tunnels; what they name without there being any is C1 and C2."""
    subject = Subject(site, document)
    found = [*_of_edges(site), *_of_icp(site)]
    problems: list[Problem] = [*_names(subject), *_releases(subject, found)]
    for each in found:
        problems += _sides(subject, each)
        problems += _ends(subject, each)
        problems += _values(subject, each, keys)
        problems += _address(subject, each)
    return [*problems, *_twice(subject, found)]


def _of_edges(site: Site) -> Iterator[_Found]:
    for number, cluster in enumerate(site.iks):
        join = cluster.join
        overlay = site.overlay(join.overlay) if join is not None and join.how is Join.VPN else None
        if join is not None and join.vpn is not None and overlay is not None:
            name = f"the edge of overlay {overlay.name}"
            tunnel = of_edge(cluster, join.vpn, overlay, name, brought(site), _LATER)
            yield _Found(tunnel, cluster, join.vpn, ("iks", number, "join", "vpn"), name)


def _of_icp(site: Site) -> Iterator[_Found]:
    clusters = {cluster.name: cluster for cluster in site.iks}
    for number, vpn in enumerate(site.icp.vpns if site.icp is not None else ()):
        if site.icp is not None and vpn.cluster in clusters:
            cluster = clusters[vpn.cluster]
            tunnel = of_icp(site.icp, cluster, vpn, _LATER)
            yield _Found(tunnel, cluster, vpn, ("icp", "vpns", number), "ICP")


def _names(subject: Subject) -> Iterator[Problem]:
    """ICP's tunnels name clusters that there are, each once."""
    clusters = [cluster.name for cluster in subject.site.iks]
    seen: set[str] = set()
    for number, vpn in enumerate(subject.site.icp.vpns if subject.site.icp is not None else ()):
        path = ("icp", "vpns", number, "cluster")
        if vpn.cluster not in clusters:
            known = near(vpn.cluster, clusters) or f"; expected one of {', '.join(clusters) or 'none'}"
            yield subject.problem("C1", path, f"no IKS cluster is called {vpn.cluster!r}{known}")
        elif vpn.cluster in seen:
            yield subject.problem("C2", path, f"two tunnels of ICP are for {vpn.cluster}; expected one")
        seen.add(vpn.cluster)


def _releases(subject: Subject, found: list[_Found]) -> Iterator[Problem]:
    for one, other in combinations(found, 2):
        if (one.cluster, one.vpn.release) == (other.cluster, other.vpn.release):
            what = f"two releases in {one.cluster.name} are called {one.vpn.release!r}; the first is"
            place = subject.place((*one.path, "release"))
            yield subject.against("C2", (*other.path, "release"), f"{what} {place}")


def _sides(subject: Subject, each: _Found) -> Iterator[Problem]:
    tunnel, networks = each.tunnel, brought(subject.site)
    default = {each.cluster.pods, each.cluster.services}  # those against the site's own ranges are R4 and R5
    for mine, theirs in product(tunnel.near.subnets, tunnel.far.subnets):
        said = mine in default and (theirs in networks or each.end == "ICP")
        if mine.overlaps(theirs) and not said:
            what = f"{theirs} is {tunnel.far.name}'s side of the tunnel and overlaps {mine}, the cluster's"
            key = "remote" if theirs not in networks and each.end != "ICP" else "also_local"
            yield subject.against("V1", (*each.path, key), what)
    if isinstance(each.vpn, IksVpn) and each.vpn.remote:
        for overlay, network, place in subject.networks():
            if not any(network.subnet.subnet_of(item) for item in each.vpn.remote):
                what = f"the tunnel leaves out {network.subnet}, network {network.name} of overlay {overlay}"
                yield subject.against("V2", (*each.path, "remote"), f"{what} {subject.place(place)}")


def _ends(subject: Subject, each: _Found) -> Iterator[Problem]:
    try:
        _possible(each)
        one, other = _configured(each)
    except NoProposal as error:
        yield subject.against("V7", (*each.path, "ike"), str(error))
        return
    except chart.Misread as error:
        yield subject.against("V3", (*each.path, "values"), str(error))
        return
    if chart.holds_key(each.vpn.values):
        what = f"`values` has {'.'.join(chart.SECRET_AT)}, and a key is never written here; expected `psk`"
        yield subject.against("V4", (*each.path, "values"), what)
    for rule, _, what in differences(one, other):
        yield subject.against(rule, (*each.path, _AT[rule]), what)


def _values(subject: Subject, each: _Found, keys: KeyTable) -> Iterator[Problem]:
    """What the chart would not take, or not know, of what a person wrote for it."""
    near, far = each.tunnel.ends()
    given = [(near, each.vpn.release, each.vpn.values, "values")]
    if isinstance(each.vpn, IcpVpn):
        given.append((far, f"vpn-{each.cluster.name}", each.vpn.icp_values, "icp_values"))
    for end, release, more, key in given if each.vpn.chart.name == keys.chart else ():
        found = chart.values(each.tunnel, end, _place(more))
        for problem in lint(found, each.vpn.chart.version, keys, release=release):
            if problem.where not in _JUDGED:
                yield subject.problem("V10", (*each.path, key), f"{problem.where}: {problem.what}")


def _place(more: Mapping[str, Any]) -> chart.Place:
    return chart.Place(cluster="", release="", namespace="", chart=Chart(), more=more)


def _possible(each: _Found) -> None:
    """See that both ends can do what they are to propose."""
    if isinstance(each.vpn, IcpVpn):
        see_known(each.tunnel.ike, each.tunnel.esp)
    else:
        Proposals.read(each.tunnel.ike, each.tunnel.esp)


def _configured(each: _Found) -> tuple[End, End]:
    """Both ends as they would be, with what a person changed by values."""
    near, far = each.tunnel.ends()
    near = _by_values(each.tunnel, near, each.vpn.values)
    if isinstance(each.vpn, IcpVpn):
        far = _by_values(each.tunnel, far, each.vpn.icp_values)
    return near, replace(far, psk=each.vpn.peer_psk or each.vpn.psk)


def _by_values(tunnel: Tunnel, end: End, more: Mapping[str, Any]) -> End:
    return chart.end_of(chart.values(tunnel, end, _place(more)), end.name, end.psk)


def _address(subject: Subject, each: _Found) -> Iterator[Problem]:
    """S13 has a private portable address; the chart's documents have a public one, which may be chosen."""
    address, portable = each.vpn.load_balancer, each.cluster.portable
    if address is None:
        return
    subnets = [subnet for subnet in (portable.private, portable.public) if subnet is not None]
    troubles = [unusable(address, subnet) for subnet in subnets]
    if all(troubles):
        why = " and ".join(troubles) or f"{each.cluster.name} has no `portable` subnets"
        what = f"{address}, the load balancer of {each.cluster.name}'s VPN: {why}"
        yield subject.against("V9", (*each.path, "load_balancer"), what)


def _twice(subject: Subject, found: list[_Found]) -> Iterator[Problem]:
    for one, other in combinations(found, 2):
        both = _common(one.tunnel.near.subnets, other.tunnel.near.subnets)
        if one.end == other.end and one.cluster is not other.cluster and both:
            what = f"the tunnels of {one.cluster.name} and {other.cluster.name} from {one.end}"
            place = subject.place(one.path)
            yield subject.against(
                "V8", other.path, f"{what} both lead to {', '.join(both)}; the first is {place}"
            )


def _common(ours: tuple[IPv4Network, ...], theirs: tuple[IPv4Network, ...]) -> list[str]:
    return [str(one) for one, other in product(ours, theirs) if one.overlaps(other)]
