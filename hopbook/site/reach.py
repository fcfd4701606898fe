"""Which side of the site things are on: private or public, inside or outside, here or on-premises too."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from hopbook.errors import Problem
from hopbook.site.model import IbmCloud
from hopbook.site.rules import Use
from hopbook.site.subject import Subject
from hopbook.site.words import KeyPath

BROUGHT = frozenset({Use.ICP_NODES, Use.ICP_PODS, Use.ICP_SERVICES, Use.VMS, Use.TRANSIT})
_PRIVATE_PLACES = frozenset({("vcs", "transport", "subnet"), ("hcx", "cloud", "subnet")})
_INSIDE = BROUGHT | {Use.DOCKER, Use.IKS_PODS, Use.IKS_SERVICES}


def check_reach(subject: Subject) -> Iterator[Problem]:
    """P9, P10, and the half of P4 that is no overlap."""
    private = _private_ranges(subject)
    listed = f"ibm_cloud.private_ranges ({', '.join(map(str, private))})"
    yield from _subnets(subject, private, listed)
    yield from _servers(subject, private, listed)
    yield from _outside(subject)
    yield from _stretched(subject)


def _private_ranges(subject: Subject) -> tuple[IPv4Network, ...]:
    if subject.site.ibm_cloud:
        return subject.site.ibm_cloud.private_ranges
    default: tuple[IPv4Network, ...] = IbmCloud.model_fields["private_ranges"].default
    return default


def _subnets(subject: Subject, private: tuple[IPv4Network, ...], listed: str) -> Iterator[Problem]:
    for each in subject.ranges:
        if each.use not in {Use.PRIMARY, Use.PORTABLE}:
            continue
        if "public" in each.path and any(each.network.overlaps(network) for network in private):
            what = f"{each.network}, {each.name}, is in {listed}; expected a public subnet"
            yield subject.problem("P10", each.path, f"{what} – are the two swapped?")
        if _on_private(each.path) and not any(each.network.subnet_of(network) for network in private):
            what = f"{each.network}, {each.name}, is not in {listed}; expected a private subnet"
            yield subject.problem("P10", each.path, what)


def _on_private(path: KeyPath) -> bool:
    return "private" in path or path in _PRIVATE_PLACES


def _servers(subject: Subject, private: tuple[IPv4Network, ...], listed: str) -> Iterator[Problem]:
    for address, name, path, on_private in _outsiders(subject):
        inside = any(address in network for network in private)
        if on_private and not inside:
            what = f"{address}, {name}, is not in {listed}, so packets to it would leave by the public uplink"
            yield subject.problem("P10", path, what)
        if inside and not on_private:
            what = f"{address}, {name}, is in {listed}; expected a public address, or `where: private`"
            yield subject.problem("P10", path, what)


def _outside(subject: Subject) -> Iterator[Problem]:
    inside = [each for each in subject.ranges if each.use in _INSIDE and not each.stretched]
    for address, name, path, _ in _outsiders(subject):
        for each in inside:
            if address in each.network:
                what = f"{address}, {name}, lies in {each.network}, {each.name} {subject.place(each.path)}"
                yield subject.against("P9", path, what)


def _outsiders(subject: Subject) -> Iterator[tuple[IPv4Address, str, KeyPath, bool]]:
    """Servers outside: address, name, place, and whether they are on IBM Cloud's private network."""
    if cloud := subject.site.ibm_cloud:
        for key, name, addresses in (("dns", "a DNS server", cloud.dns), ("ntp", "an NTP server", cloud.ntp)):
            for number, address in enumerate(addresses):
                yield address, name, ("ibm_cloud", key, number), True
        if cloud.client:
            yield cloud.client, "the client", ("ibm_cloud", "client"), True
    for number, external in enumerate(subject.site.externals):
        private = external.where == "private"
        yield external.address, f"external {external.name}", ("externals", number, "address"), private


def _stretched(subject: Subject) -> Iterator[Problem]:
    if subject.site.on_premises is None:
        return
    known = subject.site.on_premises.stretched
    for _, network, path in subject.networks():
        if network.stretched and network.subnet not in known:
            listed = f"on_premises.stretched has {', '.join(map(str, known)) or 'nothing'}"
            place = subject.place(("on_premises", "stretched"))
            what = f"{network.subnet}, network {network.name}, is stretched, but {listed} {place}"
            yield subject.against("P4", (*path, "stretched"), what)
