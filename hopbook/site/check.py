"""What is wrong with a site: the rules of its address plan, and whether it agrees with itself.

Problems make a file unusable; notes say what a person should know. Each names its rule, the place and both
values. Sections are optional, so a rule whose sections are missing is silent: that a runbook needs them is
said by `hopbook.site.needs`.
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from hopbook.errors import Problem
from hopbook.site.addresses import check_addresses
from hopbook.site.document import Document
from hopbook.site.joins import check_joins
from hopbook.site.limits import check_limits
from hopbook.site.model import Site
from hopbook.site.names import check_names
from hopbook.site.plan import Range, clashes, taken_ranges
from hopbook.site.reach import BROUGHT, check_reach
from hopbook.site.rules import PRIVATE_SPACE, SERVICE_NETWORKS, Use
from hopbook.site.subject import Subject
from hopbook.site.words import near

_LINE = re.compile(r"(.*?):(\d+)(?: |$)")


def check_site(site: Site, document: Document) -> list[Problem]:
    """Everything that is wrong with a site, by place."""
    subject = Subject(site, document)
    found = [
        *_clashes(subject),
        *check_names(subject),
        *check_addresses(subject),
        *check_reach(subject),
        *check_joins(subject),
        *check_limits(site, document),
    ]
    return by_place(found, document)


def notes(site: Site, document: Document) -> list[Problem]:
    """What is not wrong, but should be known, by place."""
    subject = Subject(site, document)
    found = [*_same_iks_ranges(subject), *_in_private_space(subject), *_location(subject), *_unused(subject)]
    return by_place(found, document)


def by_place(found: Iterable[Problem], document: Document) -> list[Problem]:
    """Each problem once, in the order of the file's lines."""

    def place(problem: Problem) -> tuple[bool, str, int, str, str]:
        found = _LINE.match(problem.where)
        file, line = (found[1], int(found[2])) if found else ("", 0)
        return file != document.name, file, line, problem.rule, problem.what

    return sorted(dict.fromkeys(found), key=place)


def _clashes(subject: Subject) -> list[Problem]:
    location = subject.site.ibm_cloud.location if subject.site.ibm_cloud else ""
    return clashes([*subject.ranges, *taken_ranges(subject.ranges)], location)


def _same_iks_ranges(subject: Subject) -> Iterator[Problem]:
    """R10 forbids routing two such clusters; that both have one range is IBM's default (S18, S22)."""
    groups: dict[tuple[Use, IPv4Network], list[Range]] = {}
    for each in subject.ranges:
        if each.use in {Use.IKS_PODS, Use.IKS_SERVICES}:
            groups.setdefault((each.use, each.network), []).append(each)
    for (_, network), group in groups.items():
        if len(group) > 1:
            names = " and ".join(each.name for each in group)
            what = f"{names} have one range, {network}: at most one of them may be announced or tunnelled"
            yield subject.problem("R10", group[-1].path, what)


def _in_private_space(subject: Subject) -> Iterator[Problem]:
    wrong = {problem.where for problem in _clashes(subject)}
    for each in subject.ranges:
        ours = each.use in BROUGHT and each.owner != "hcx"  # what HCX extends is the corporate network's
        if ours and each.network.overlaps(PRIVATE_SPACE) and each.where not in wrong:
            what = f"{each.network}, {each.name}, is in {PRIVATE_SPACE}, of which IBM Cloud assigns subnets"
            yield subject.problem("R3", each.path, f"{what}; list the account's in ibm_cloud.assigned")


def _location(subject: Subject) -> Iterator[Problem]:
    cloud = subject.site.ibm_cloud
    if cloud and cloud.location not in SERVICE_NETWORKS:
        what = f"{cloud.location!r} is no data centre of the list of 2018-01"
        path = ("ibm_cloud", "location")
        yield subject.problem("", path, what + near(cloud.location, SERVICE_NETWORKS))


def _unused(subject: Subject) -> Iterator[Problem]:
    for number, load in enumerate(subject.site.workloads):
        if load.address is not None and (load.on == "icp" or load.on.startswith("iks/")):
            what = f"{load.address} is not used: {load.name} is in a cluster, which has addresses of its own"
            yield subject.problem("", ("workloads", number, "address"), what)
