"""Names of a site file: what is named exists, nothing has another's name, templates make no name twice."""

from collections.abc import Iterator, Mapping
from string import Formatter

from hopbook.errors import Problem
from hopbook.site.model import Workload
from hopbook.site.subject import Subject
from hopbook.site.words import KeyPath, near

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
    for number, load in enumerate(site.workloads):
        yield from _workload(subject, load, ("workloads", number, "on"))


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
        what = f"{load.on!r} names no place; expected icp, iks/CLUSTER, or OVERLAY/NETWORK for a VM"
        yield subject.problem("C1", path, what)
    elif head == "iks":
        names = [cluster.name for cluster in subject.site.iks]
        if rest not in names:
            yield subject.problem("C1", path, f"no IKS cluster is called {rest!r}{_known(rest, names)}")
    else:
        yield from _overlay_network(subject, head, path, rest, path)
        if load.address is None:
            yield subject.problem("C4", path, f"{load.name} is a VM on {load.on}; expected its `address`")


def _known(name: str, names: list[str]) -> str:
    return near(name, names) or (f"; expected one of {', '.join(names)}" if names else "; the file has none")


def _unique(subject: Subject) -> Iterator[Problem]:
    site = subject.site
    for what, names, key in (
        ("overlays", [each.name for each in site.overlays], "overlays"),
        ("IKS clusters", [each.name for each in site.iks], "iks"),
        ("workloads", [each.name for each in site.workloads], "workloads"),
        ("externals", [each.name for each in site.externals], "externals"),
    ):
        yield from _twice(subject, what, names, (key,))
    for number, overlay in enumerate(site.overlays):
        names = [each.name for each in overlay.networks]
        path = ("overlays", number, "networks")
        yield from _twice(subject, f"networks of overlay {overlay.name}", names, path)
        if overlay.name == "iks":
            what = "an overlay cannot be called 'iks': `iks/NAME` says that a workload is in an IKS cluster"
            yield subject.problem("C2", ("overlays", number, "name"), what)


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
    """Kind, name, owner and place of every object that the templates name."""
    site = subject.site.site
    for number, overlay in enumerate(subject.site.overlays):
        for kind in ("transit", "edge", "router"):
            name = templates[kind].format(site=site, overlay=overlay.name)
            yield kind, name, f"the {kind} of overlay {overlay.name}", ("overlays", number, "name")
    for overlay_name, network, path in subject.networks():
        name = templates["switch"].format(site=site, overlay=overlay_name, network=network.name)
        yield "switch", name, f"network {network.name} of overlay {overlay_name}", (*path, "name")
