"""How the IKS clusters of a site are joined to it: whether the ways can work, alone and beside each other."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from hopbook.errors import Problem
from hopbook.site.model import BcrPeering, IksCluster, IksJoin, Join, NextHop, Overlay, Site
from hopbook.site.subject import Subject, unusable
from hopbook.site.words import KeyPath

BGP = frozenset({Join.VLAN_BGP, Join.BCR_BGP})
_BY_NEXT_HOP = frozenset({Join.VLAN_BGP, Join.STATIC_ROUTES})
_BCR = "the BCR"


def check_joins(subject: Subject) -> Iterator[Problem]:
    """R10 of clusters that are routed, and J1 to J5."""
    joined = [
        (cluster, cluster.join, ("iks", number, "join"))
        for number, cluster in enumerate(subject.site.iks)
        if cluster.join
    ]
    for cluster, join, path in joined:
        if join.how in BGP:
            yield from _numbers(subject, cluster, join, path)
        if join.how in _BY_NEXT_HOP:
            yield from _next_hop(subject, cluster, join, path)
        if join.how is Join.BCR_BGP and join.bcr is not None:
            yield from _taken_by_bcr(subject, cluster, join, join.bcr, path)
    yield from _one_number_each(subject)
    yield from _one_way_each(subject)


def routed(site: Site, overlay: str, how: Join) -> list[IksCluster]:
    """The clusters that are joined with an overlay in one way."""
    return [
        cluster
        for cluster in site.iks
        if cluster.join and cluster.join.how is how and cluster.join.overlay == overlay
    ]


def bcr_knows(site: Site, overlay: str) -> bool:
    """Whether IBM's router is told the overlay's networks: by the edge, for some cluster (S16)."""
    return bool(routed(site, overlay, Join.BCR_BGP))


def refused(network: IPv4Network, peering: BcrPeering) -> IPv4Network | None:
    """What keeps IBM's router from taking a network; 0.0.0.0/0 is the default route, not everything."""
    return next(
        (
            prefix
            for prefix in peering.refuses
            if (network.subnet_of(prefix) if prefix.prefixlen else network == prefix)
        ),
        None,
    )


def _numbers(subject: Subject, cluster: IksCluster, join: IksJoin, path: KeyPath) -> Iterator[Problem]:
    numbers = {f"Calico of {cluster.name}": join.calico_asn}
    if join.how is Join.BCR_BGP and join.bcr is not None:
        numbers[_BCR] = join.bcr.asn
    names = {f"the ESG of {join.overlay}": join.asn}
    for name, number in numbers.items():
        same = next((other for other, theirs in names.items() if theirs == number), "")
        if same:
            what = f"{same} and {name} both have AS {number}"
            yield subject.against("J1", (*path, "asn"), what)
        names[name] = number


def _one_number_each(subject: Subject) -> Iterator[Problem]:
    first: dict[str, tuple[int, KeyPath]] = {}
    for number, cluster in enumerate(subject.site.iks):
        join = cluster.join
        if join is None or join.how not in BGP:
            continue
        at: KeyPath = ("iks", number, "join")
        speakers = [(f"the ESG of {join.overlay}", join.asn, (*at, "asn"))]
        if join.how is Join.BCR_BGP and join.bcr is not None:
            speakers.append((_BCR, join.bcr.asn, (*at, "bcr", "asn")))
        for name, asn, path in speakers:
            other, place = first.setdefault(name, (asn, path))
            if other != asn:
                what = f"{name} has AS {asn} here and AS {other} for another cluster {subject.place(place)}"
                yield subject.against("J2", path, what)


def _next_hop(subject: Subject, cluster: IksCluster, join: IksJoin, path: KeyPath) -> Iterator[Problem]:
    if join.next_hop is NextHop.BCR and not bcr_knows(subject.site, join.overlay):
        networks = ", ".join(map(str, _networks(subject.site.overlay(join.overlay))))
        what = (
            f"{cluster.name}'s next hop is bcr, but the BCR knows no way to {networks or join.overlay}; "
            f"expected onlink or vra, or a cluster that is joined with {join.overlay} by bcr-bgp"
        )
        yield subject.against("J3", (*path, "next_hop"), what)
    if join.next_hop is NextHop.VRA and join.vra is not None:
        trouble = _no_neighbour(join.vra, cluster.workers.private)
        if trouble:
            place = subject.place(("iks", path[1], "workers", "private"))
            what = f"{join.vra}, the router appliance, {trouble} {place}"
            yield subject.against("J5", (*path, "vra"), what)


def _no_neighbour(address: IPv4Address, subnet: IPv4Network) -> str:
    return unusable(address, subnet) or (
        f"is IBM's router on {subnet}" if int(address) == int(subnet.network_address) + 1 else ""
    )


def _taken_by_bcr(
    subject: Subject, cluster: IksCluster, join: IksJoin, peering: BcrPeering, path: KeyPath
) -> Iterator[Problem]:
    announced = {f"{network}, of overlay {join.overlay},": network for network in _overlays(subject, join)}
    announced[f"{cluster.pods}, the pods of {cluster.name},"] = cluster.pods
    for name, network in announced.items():
        prefix = refused(network, peering)
        if prefix is not None:
            what = f"{name} lies in {prefix}, which the BCR refuses"
            yield subject.against("J4", (*path, "bcr"), what)


def _overlays(subject: Subject, join: IksJoin) -> tuple[IPv4Network, ...]:
    return _networks(subject.site.overlay(join.overlay))


def _networks(overlay: Overlay | None) -> tuple[IPv4Network, ...]:
    return tuple(network.subnet for network in overlay.networks) if overlay else ()


def _one_way_each(subject: Subject) -> Iterator[Problem]:
    """A router knows one way to a range: two clusters of one range cannot both be routed by it."""
    told: list[tuple[IksCluster, set[str], KeyPath]] = []
    for number, cluster in enumerate(subject.site.iks):
        routers = _routers(cluster)
        path: KeyPath = ("iks", number, "pods")
        for other, theirs, place in told:
            both = sorted(routers & theirs)
            if both and cluster.pods.overlaps(other.pods):
                what = (
                    f"{cluster.pods}, the pods of {cluster.name}, and {other.pods}, the pods of {other.name} "
                    f"{subject.place(place)}, would both be routed by {both[0]} without NAT"
                )
                yield subject.against("R10", path, what)
        told.append((cluster, routers, path))


def _routers(cluster: IksCluster) -> set[str]:
    """Who gets routes to the cluster's pods."""
    join = cluster.join
    if join is None or join.how not in {*BGP, Join.VPN}:
        return set()
    return {f"the ESG of {join.overlay}", *({_BCR} if join.how is Join.BCR_BGP else ())}
