"""The address plan: every range of a site, and which of them clash.

Two networks either nest or are disjoint, so ranges sorted by address keep those around the current one on a
stack: one pass finds all overlapping pairs, in time for sorting and for the pairs that there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from hopbook.errors import Problem
from hopbook.site.document import Document
from hopbook.site.model import Hcx, Icp, IksCluster, OnPremises, Overlay, Site, Vcs
from hopbook.site.rules import EVERYWHERE, PAIRS, RULES, SERVICE_NETWORKS, TAKEN, Taken, Use
from hopbook.site.words import KeyPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One range of the plan.

    Attributes:
        name: What it is, for a sentence.
        use: What it is for; the rules speak of uses.
        owner: Whose it is: `icp`, `iks-a`, `overlay workload`, `vcs`, `IBM Cloud`.
        statement: Where the source document speaks of it: `S32`.
        path: The key of the site file; empty for what is taken.
        where: The place in the site file; for what is taken, its source.
        given: False for a default that nobody wrote.
        stretched: Whether the same prefix may stand on-premises.
        taken: Why nobody may use it, for what is taken.
    """

    name: str
    network: IPv4Network
    use: Use
    owner: str
    statement: str = ""
    path: KeyPath = ()
    where: str = ""
    given: bool = True
    stretched: bool = False
    taken: Taken | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A range, for people."""

    network: str
    name: str
    use: str
    statement: str
    where: str


def address_plan(site: Site, document: Document) -> list[Range]:
    """Every range that the site declares, by address."""
    found = list(_declared(site))
    placed = [
        Range(
            name=name,
            network=network,
            use=use,
            owner=owner,
            statement=statement,
            path=path,
            where=document.where(path),
            given=document.has(path),
            stretched=stretched,
        )
        for name, network, use, owner, statement, path, stretched in found
    ]
    return sorted(placed, key=_by_address)


def rows(ranges: Iterable[Range]) -> list[Row]:
    """The plan as a table."""
    return [
        Row(
            str(each.network),
            each.name,
            f"{each.use}" + ("" if each.given else ", the default"),
            each.statement,
            each.where,
        )
        for each in sorted(ranges, key=_by_address)
    ]


def taken_ranges(plan: Iterable[Range]) -> list[Range]:
    """The ranges that IBM Cloud or a product's default has.

    One for ICP's nodes counts only where the plan says which network is theirs: else any might be.
    """
    has_nodes = any(each.use is Use.ICP_NODES for each in plan)
    return [
        Range(name=each.by, network=each.network, use=Use.TAKEN, owner="taken", where=each.source, taken=each)
        for each in TAKEN
        if has_nodes or Use.ICP_NODES not in each.for_
    ]


def clashes(ranges: Sequence[Range], location: str = "") -> list[Problem]:
    """The overlaps that a rule forbids, each once, with both values.

    The place is that of the range which has to give way. What clashes with several taken ranges is one
    problem that names them all.

    Args:
        ranges: The plan, with or without what is taken, in any order.
        location: The site's data centre, for saying that its own service network is hit.
    """
    found = [judged for one, other in overlaps(ranges) if (judged := _judged(one, other))]
    declared = [clash for clash in found if clash[2].taken is None]
    problems = [
        _problem(rule, mine, f"{_relation(mine, theirs)} {theirs.network}, {theirs.name} ({theirs.where})")
        for rule, mine, theirs in declared
    ]
    by_range: dict[tuple[str, Range], list[Taken]] = {}
    for rule, mine, theirs in found:
        if theirs.taken is not None and not _said(mine, theirs.taken, declared):
            by_range.setdefault((rule, mine), []).append(theirs.taken)
    for (rule, mine), taken in by_range.items():
        texts = [
            f"{each.network}: {each.by} [{each.source}]{_service(mine, each, location)}" for each in taken
        ]
        problems.append(_problem(rule, mine, "overlaps what is taken: " + "; ".join(texts)))
    return problems


def overlaps(ranges: Iterable[Range]) -> Iterator[tuple[Range, Range]]:
    """Each pair of ranges that have an address in common, the wider one first."""
    around: list[Range] = []
    for each in sorted(ranges, key=_by_address):
        while around and not each.network.subnet_of(around[-1].network):
            around.pop()
        for wider in around:
            yield wider, each
        around.append(each)


def _by_address(each: Range) -> tuple[int, int, str, str]:
    return int(each.network.network_address), each.network.prefixlen, each.use, each.name


def _judged(one: Range, other: Range) -> tuple[str, Range, Range] | None:
    """The rule that forbids the overlap, who has to give way, and to whom."""
    for pair in PAIRS:
        ways = [
            (mine, theirs)
            for mine, theirs in ((one, other), (other, one))
            if mine.use in pair.mine and theirs.use in pair.theirs
        ]
        if ways:
            mine, theirs = max(ways, key=lambda way: (way[0].use, way[0].name, str(way[0].network)))
            return None if _may(mine, theirs) else (pair.rule, mine, theirs)
    return None


def _may(mine: Range, theirs: Range) -> bool:
    """Whether these two may overlap although their uses may not."""
    same = mine.network == theirs.network
    if theirs.taken is not None:
        corporate = mine.use in {Use.ON_PREMISES, Use.STRETCHED}
        return mine.use in theirs.taken.for_ or (corporate and not theirs.taken.direct_link)
    match mine.use, theirs.use:
        case (Use.PRIMARY, Use.PRIMARY):  # clusters and hosts on one VLAN share its primary subnet (S7)
            return same
        case (Use.IKS_PODS, Use.IKS_PODS) | (Use.IKS_SERVICES, Use.IKS_SERVICES):
            return (
                same  # every cluster has the same default, routed only between its own workers (S18): a note
            )
        case (Use.VMS | Use.ICP_NODES, Use.STRETCHED):
            return mine.stretched and same
        case (Use.VMS | Use.ICP_NODES, Use.ON_PREMISES):
            return mine.stretched
        case _:
            return False


def _said(mine: Range, taken: Taken, declared: Iterable[tuple[str, Range, Range]]) -> bool:
    """Whether a clash with the very thing that the range is reserved for is reported already."""
    return any(
        each is mine and theirs.use in taken.for_ and theirs.network.overlaps(taken.network)
        for _, each, theirs in declared
    )


def _relation(mine: Range, theirs: Range) -> str:
    if mine.network == theirs.network:
        return "equals"
    return "lies in" if mine.network.subnet_of(theirs.network) else "covers"


def _service(mine: Range, taken: Taken, location: str) -> str:
    """` (with the service network of dal10, …)` where that one is hit."""
    hit = [
        f"{network}, the service network of {name}"
        for name in dict.fromkeys((location, EVERYWHERE))
        for network in SERVICE_NETWORKS.get(name, ())
        if network.overlaps(mine.network) and network.subnet_of(taken.network)
    ]
    return f" (with {' and '.join(hit)})" if hit else ""


def _problem(rule: str, mine: Range, what: str) -> Problem:
    default = "" if mine.given else " (the default)"
    return Problem(
        what=f"{mine.network}{default}, {mine.name}, {what}; {RULES[rule].text}",
        where=mine.where,
        rule=rule,
        source=RULES[rule].source,
    )


# What a site declares

_Declared = tuple[str, IPv4Network, Use, str, str, KeyPath, bool]


def _declared(site: Site) -> Iterator[_Declared]:
    if site.vcs:
        yield from _of_vcs(site.vcs)
    for number, overlay in enumerate(site.overlays):
        yield from _of_overlay(overlay, site.icp, ("overlays", number))
    if site.icp:
        yield from _of_icp(site.icp)
    for number, cluster in enumerate(site.iks):
        yield from _of_iks(cluster, ("iks", number))
    if site.on_premises:
        yield from _of_on_premises(site.on_premises)
    if site.hcx:
        yield from _of_hcx(site.hcx)
    for number, network in enumerate(site.ibm_cloud.assigned if site.ibm_cloud else ()):
        path = ("ibm_cloud", "assigned", number)
        yield "a subnet of the account", network, Use.ASSIGNED, "IBM Cloud", "S31", path, False
    for number, network in enumerate(site.reserved):
        yield "reserved by the site file", network, Use.RESERVED, "site", "", ("reserved", number), False


def _of_vcs(vcs: Vcs) -> Iterator[_Declared]:
    path: KeyPath
    hosts, uplinks = vcs.hosts, vcs.uplinks
    for side, primary, portable, statements in (
        ("public", hosts.public, uplinks.public.subnet, ("S27", "S29")),
        ("private", hosts.private, uplinks.private.subnet, ("S28", "S30")),
    ):
        if primary:
            name, path = f"the hosts' {side} primary subnet", ("vcs", "hosts", side)
            yield name, primary, Use.PRIMARY, "vcs", statements[0], path, False
        name, path = f"the edges' {side} portable subnet", ("vcs", "uplinks", side, "subnet")
        yield name, portable, Use.PORTABLE, "vcs", statements[1], path, False
    if vcs.transport:
        name, path = "the hosts' tunnel end points", ("vcs", "transport", "subnet")
        yield name, vcs.transport.subnet, Use.PORTABLE, "vcs", "T2.4", path, False


def _of_overlay(overlay: Overlay, icp: Icp | None, path: KeyPath) -> Iterator[_Declared]:
    owner = f"overlay {overlay.name}"
    transit = (*path, "transit", "subnet")
    yield f"the transit of {owner}", overlay.transit.subnet, Use.TRANSIT, owner, "S2", transit, False
    for number, network in enumerate(overlay.networks):
        nodes = icp is not None and (icp.overlay, icp.network) == (overlay.name, network.name)
        yield (
            f"network {network.name} of {owner}",
            network.subnet,
            Use.ICP_NODES if nodes else Use.VMS,
            owner,
            "S34" if nodes else "S31",
            (*path, "networks", number, "subnet"),
            network.stretched,
        )


def _of_icp(icp: Icp) -> Iterator[_Declared]:
    yield "ICP's pods", icp.pods, Use.ICP_PODS, "icp", "S32", ("icp", "pods"), False
    yield "ICP's services", icp.services.network, Use.ICP_SERVICES, "icp", "S33", ("icp", "services"), False
    name, bridge = "Docker's bridge on the ICP nodes", icp.docker_bip.network
    yield name, bridge, Use.DOCKER, "icp", "S34", ("icp", "docker_bip"), False


def _of_iks(cluster: IksCluster, path: KeyPath) -> Iterator[_Declared]:
    owner = cluster.name
    yield f"the pods of {owner}", cluster.pods, Use.IKS_PODS, owner, "S18", (*path, "pods"), False
    services = (*path, "services")
    yield f"the services of {owner}", cluster.services, Use.IKS_SERVICES, owner, "S22", services, False
    for side, primary, portable, statements in (
        ("public", cluster.workers.public, cluster.portable.public, ("S25", "S23")),
        ("private", cluster.workers.private, cluster.portable.private, ("S26", "S24")),
    ):
        if primary:
            name, at = f"the {side} primary subnet of {owner}'s workers", (*path, "workers", side)
            yield name, primary, Use.PRIMARY, owner, statements[0], at, False
        if portable:
            name, at = f"the {side} portable subnet of {owner}", (*path, "portable", side)
            yield name, portable, Use.PORTABLE, owner, statements[1], at, False


def _of_on_premises(enterprise: OnPremises) -> Iterator[_Declared]:
    for number, network in enumerate(enterprise.networks):
        path = ("on_premises", "networks", number)
        yield "an on-premises network", network, Use.ON_PREMISES, "on-premises", "T5", path, False
    for number, network in enumerate(enterprise.stretched):
        path = ("on_premises", "stretched", number)
        yield "a stretched network", network, Use.STRETCHED, "on-premises", "T5", path, True


def _of_hcx(hcx: Hcx) -> Iterator[_Declared]:
    """An extended network stands on both sides, so it is one of VMs that is stretched."""
    path: KeyPath = ("hcx", "enterprise", "subnet")
    yield "the concentrator's on-premises", hcx.enterprise.subnet, Use.ON_PREMISES, "hcx", "T5.4", path, False
    path = ("hcx", "cloud", "subnet")
    yield "the concentrator's portable subnet", hcx.cloud.subnet, Use.PORTABLE, "hcx", "T5.4", path, False
    for number, network in enumerate(hcx.networks):
        path = ("hcx", "networks", number, "subnet")
        yield f"network {network.name} of HCX", network.subnet, Use.VMS, "hcx", "T5.2", path, True
