"""Names of a site file: what is named exists, nothing has another's name, templates make no name twice."""

from collections.abc import Iterator, Mapping
from string import Formatter

from hopbook.errors import Problem
from hopbook.site.model import IksCluster, IksJoin, PublishedPort, Workload
from hopbook.site.subject import Subject
from hopbook.site.words import KeyPath, near

EXTENDED = "hcx"  # `hcx/NETWORK`: a VM on a network that HCX extends
_MEANS = {"iks": "in an IKS cluster", EXTENDED: "on a network that HCX extends"}
_FOR_A_VM = f"or OVERLAY/NETWORK or {EXTENDED}/NETWORK for a VM"
_HCX_NETWORKS: KeyPath = ("hcx", "networks")
_FIELDS = {
    "switch": ("site", "overlay", "network"),
    "transit": ("site", "overlay"),
    "edge": ("site", "overlay"),
    "router": ("site", "overlay"),
}


def check_names(subject: Subject) -> Iterator[Problem]:
    """C1, C2 and C8."""
    yield from _references(subject)
    yield from _unique(subject)
    wrong = list(_templates(subject))
    yield from wrong or _objects(subject)


def _references(subject: Subject) -> Iterator[Problem]:
    site = subject.site
    if site.icp:
        network = ("icp", "network")
        yield from _overlay_network(subject, site.icp.overlay, ("icp", "overlay"), site.icp.network, network)
    for number, cluster in enumerate(site.iks):
        if cluster.join:
            yield from _join(subject, cluster, cluster.join, ("iks", number, "join"))
    for number, load in enumerate(site.workloads):
        yield from _workload(subject, load, ("workloads", number, "on"))


def _join(subject: Subject, cluster: IksCluster, join: IksJoin, path: KeyPath) -> Iterator[Problem]:
    if subject.site.overlay(join.overlay) is None:
        names = [each.name for each in subject.site.overlays]
        what = f"{cluster.name} is joined with {join.overlay!r}, which is no overlay"
        yield subject.problem("C1", (*path, "overlay"), what + _known(join.overlay, names))
    for number, each in enumerate(join.published):
        yield from _published(subject, join.overlay, each, (*path, "published", number, "workload"))


def _published(subject: Subject, overlay: str, each: PublishedPort, path: KeyPath) -> Iterator[Problem]:
    """What an edge publishes has to be behind it."""
    loads = subject.site.workloads
    load = next((load for load in loads if load.name == each.workload), None)
    if load is None:
        what = f"no workload is called {each.workload!r}"
        yield subject.problem("C1", path, what + _known(each.workload, [load.name for load in loads]))
    elif not load.on.startswith(f"{overlay}/"):
        what = f"{load.name} is on {load.on}; expected a VM behind the edge of overlay {overlay}"
        yield subject.problem("C1", path, what)


def _overlay_network(
    subject: Subject, overlay: str, overlay_path: KeyPath, network: str, network_path: KeyPath
) -> Iterator[Problem]:
    found = subject.site.overlay(overlay)
    if found is None:
        names = [each.name for each in subject.site.overlays]
        yield subject.problem("C1", overlay_path, f"no overlay is called {overlay!r}{_known(overlay, names)}")
    elif found.network(network) is None:
        names = [each.name for each in found.networks]
        what = f"overlay {overlay} has no network {network!r}{_known(network, names)}"
        yield subject.problem("C1", network_path, what)


def _workload(subject: Subject, load: Workload, path: KeyPath) -> Iterator[Problem]:
    head, slash, rest = load.on.partition("/")
    if load.on == "icp":
        if subject.site.icp is None:
            yield subject.problem("C1", path, f"{load.name} is on icp, but the file has no `icp`")
    elif not slash or "/" in rest:
        what = f"{load.on!r} names no place; expected icp, iks/CLUSTER, {_FOR_A_VM}"
        yield subject.problem("C1", path, what)
    elif head == "iks":
        names = [cluster.name for cluster in subject.site.iks]
        if rest not in names:
            yield subject.problem("C1", path, f"no IKS cluster is called {rest!r}{_known(rest, names)}")
    else:
        yield from _place_of_vm(subject, head, rest, path)
        if load.address is None:
            yield subject.problem("C4", path, f"{load.name} is a VM on {load.on}; expected its `address`")


def _place_of_vm(subject: Subject, head: str, network: str, path: KeyPath) -> Iterator[Problem]:
    if head != EXTENDED:
        yield from _overlay_network(subject, head, path, network, path)
        return
    hcx = subject.site.hcx
    names = [each.name for each in hcx.networks] if hcx else []
    if network not in names:
        yield subject.problem("C1", path, f"HCX extends no network {network!r}{_known(network, names)}")


def _known(name: str, names: list[str]) -> str:
    return near(name, names) or (f"; expected one of {', '.join(names)}" if names else "; the file has none")


def _unique(subject: Subject) -> Iterator[Problem]:
    site = subject.site
    lists: tuple[tuple[str, list[str], KeyPath], ...] = (
        ("overlays", [each.name for each in site.overlays], ("overlays",)),
        ("IKS clusters", [each.name for each in site.iks], ("iks",)),
        ("workloads", [each.name for each in site.workloads], ("workloads",)),
        ("externals", [each.name for each in site.externals], ("externals",)),
        ("ESXi hosts", [each.name for each in site.vcs.esxi] if site.vcs else [], ("vcs", "esxi")),
        ("networks of HCX", [each.name for each in site.hcx.networks] if site.hcx else [], _HCX_NETWORKS),
    )
    for what, names, path in lists:
        yield from _twice(subject, what, names, path)
    for number, overlay in enumerate(site.overlays):
        names = [each.name for each in overlay.networks]
        path = ("overlays", number, "networks")
        yield from _twice(subject, f"networks of overlay {overlay.name}", names, path)
        if overlay.name in _MEANS:
            what = f"an overlay cannot be called {overlay.name!r}: `{overlay.name}/NAME` says that a workload"
            yield subject.problem("C2", ("overlays", number, "name"), f"{what} is {_MEANS[overlay.name]}")


def _twice(subject: Subject, what: str, names: list[str], path: KeyPath) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for number, name in enumerate(names):
        if name in first:
            line = subject.document.line_of((*path, first[name]))
            text = f"two {what} are called {name!r}; the first is in line {line}"
            yield subject.problem("C2", (*path, number, "name"), text)
        first.setdefault(name, number)


def _templates(subject: Subject) -> Iterator[Problem]:
    """Only plain fields: `{overlay.__class__}` and `{overlay:>9999}` would be more than a name."""
    for kind, template in subject.site.names.model_dump().items():
        path = ("names", kind)
        try:
            parts = list(Formatter().parse(template))
        except ValueError as error:
            yield subject.problem("C8", path, f"{template!r} is no template: {error}")
            continue
        for _, name, spec, conversion in parts:
            if name is not None and (spec or conversion or name not in _FIELDS[kind]):
                expected = " or ".join("{" + each + "}" for each in _FIELDS[kind])
                yield subject.problem("C8", path, f"{template!r} asks for {{{name}}}; expected {expected}")


def _objects(subject: Subject) -> Iterator[Problem]:
    """No two switches and no two edges of one name, and none of a protected edge's."""
    owners: dict[tuple[bool, str], str] = {}
    protected = subject.site.vcs.protected_edges if subject.site.vcs else ()
    for kind, name, owner, path in _rendered(subject, subject.site.names.model_dump()):
        is_edge = kind in {"edge", "router"}
        if (other := owners.setdefault((is_edge, name), owner)) != owner:
            what = f"{owner} and {other} would both be called {name!r} in NSX; see `names`"
            yield subject.problem("C2", path, what)
        if is_edge and name in protected:
            what = f"{owner} would be called {name!r}, which vcs.protected_edges keeps from us"
            yield subject.problem("C2", path, what)


def _rendered(subject: Subject, templates: Mapping[str, str]) -> Iterator[tuple[str, str, str, KeyPath]]:
    """Kind, name, owner and place of every object that the templates name, and of the switches of HCX."""
    site = subject.site.site
    for number, overlay in enumerate(subject.site.overlays):
        for kind in ("transit", "edge", "router"):
            name = templates[kind].format(site=site, overlay=overlay.name)
            yield kind, name, f"the {kind} of overlay {overlay.name}", ("overlays", number, "name")
    for overlay_name, network, path in subject.networks():
        name = templates["switch"].format(site=site, overlay=overlay_name, network=network.name)
        yield "switch", name, f"network {network.name} of overlay {overlay_name}", (*path, "name")
    for number, extended in enumerate(subject.site.hcx.networks if subject.site.hcx else ()):
        place = (*_HCX_NETWORKS, number, "switch")
        yield "switch", extended.switch, f"network {extended.name} of HCX", place
