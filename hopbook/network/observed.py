"""An observation that a person wrote down: what no provider reads yet, in files of short documents.

A file is a list of resources, each with its kind and its fields (`runbooks/observed/SITE/*.yaml`):

    when: [iks.join=vpn]
    resources:
      - kind: nsxv.nat-rule
        owner: nsxv.edge:workload-esg
        ...

A file without `when` always holds. One with it holds where the site is like that, and may say anew what a
file without it says. Rules of an edge stand in the order of the files and of the lines in them.
"""

import typing
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import GenericAlias, ModuleType
from typing import Annotated, Any

from pydantic import AfterValidator, create_model

from hopbook.engine.change import Observation, Observed
from hopbook.errors import InvalidInput, Problem
from hopbook.network import naming
from hopbook.resources import hcx, ibm, kubernetes, nsxv, vsphere
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.site import expects
from hopbook.site.document import Document
from hopbook.site.model import Join, NextHop, Part, Site
from hopbook.site.validate import validated
from hopbook.site.words import KeyPath, near, shown
from hopbook.steps import naming as live

_MODULES: tuple[ModuleType, ...] = (nsxv, kubernetes, ibm, vsphere, hcx)


def _join(name: str, wanted: object) -> Callable[[Site], bool]:
    """Whether some cluster is joined like that."""
    return lambda site: any(getattr(cluster.join, name, None) == wanted for cluster in site.iks)


CONDITIONS: Mapping[str, Callable[[Site], bool]] = {
    "icp": lambda site: site.icp is not None,
    "icp.vpns": lambda site: site.icp is not None and bool(site.icp.vpns),
    "iks": lambda site: bool(site.iks),
    **{f"iks.join={how}": _join("how", how) for how in Join},
    **{f"iks.next-hop={hop}": _join("next_hop", hop) for hop in NextHop},
}


def _kinds() -> Iterator[tuple[str, type[Resource]]]:
    for module in _MODULES:
        for item in vars(module).values():
            own = isinstance(item, type) and item.__module__ == module.__name__
            if own and issubclass(item, Resource) and hasattr(item, "kind"):
                yield item.kind, item


KINDS: Mapping[str, type[Resource]] = dict(_kinds())


def read(documents: Iterable[Document], site: Site, on: Container[str] = CONDITIONS) -> Observation:
    """What the files of a site say together.

    Args:
        documents: The files in their order.
        site: Whose they are; it decides which of the files hold.
        on: A file with another condition than these is left out.

    Raises:
        InvalidInput: With every problem of the files, each at its file and line.
    """
    problems: list[Problem] = []
    files: list[_File] = []
    for document in documents:
        try:
            files.append(_file(document))
        except InvalidInput as error:
            problems += error.problems
    holding = [file for file in files if all(name in on and CONDITIONS[name](site) for name in file.when)]
    entries: dict[Key, _Entry] = {}
    for file in sorted(holding, key=lambda file: bool(file.when)):
        problems += _entered(file, entries)
    problems += _dangling(entries, site)
    if problems:
        raise InvalidInput(*problems)
    return _observation(entry.resource for entry in entries.values())


def beside(observed: Observation, written: Observation) -> Observation:
    """Both: where a system was asked, its answer counts, and what is only written stands behind.

    In an ordered section the system's own last rules (a firewall's default) stay last.
    """
    sections = dict.fromkeys((*observed.order, *written.order))
    return Observation(
        items={**written.items, **observed.items},
        order={name: _in_order(observed, name, written.order.get(name, ())) for name in sections},
        pending=observed.pending,
    )


def _in_order(observed: Observation, section: str, written: tuple[Key, ...]) -> tuple[Key, ...]:
    keys = list(observed.order.get(section, ()))
    last: list[Key] = []
    while keys and (item := observed.get(keys[-1])) is not None and item.system:
        last.insert(0, keys.pop())
    return tuple(dict.fromkeys((*keys, *(key for key in written if key not in last), *last)))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A resource and where it is written."""

    resource: Resource
    document: Document
    number: int
    conditional: bool

    def problem(self, what: str, *path: str) -> Problem:
        return Problem(what=what, where=self.document.where(("resources", self.number, *path)))


@dataclass(frozen=True, slots=True)
class _File:
    """One file, read."""

    document: Document
    when: tuple[str, ...]
    resources: tuple[Resource, ...]


# One file


def _condition(value: str) -> str:
    if value not in CONDITIONS:
        message = f"{shown(value)} is no condition; there are {', '.join(CONDITIONS)}"
        raise ValueError(message)
    return value


def _file(document: Document) -> _File:
    """The resources of a file, each read as its kind says."""
    items = document.data.get("resources")
    items = items if isinstance(items, list) else []
    kinds = [_kind(document, number, item) for number, item in enumerate(items)]
    problems = [kind for kind in kinds if isinstance(kind, Problem)]
    classes = [kind for kind in kinds if not isinstance(kind, Problem)]
    if problems:
        raise InvalidInput(*problems)
    each: Any = GenericAlias(tuple, tuple(classes))
    model = create_model(
        "Observed",
        __base__=Part,
        when=(tuple[Annotated[str, AfterValidator(_condition)], ...], ()),
        # A tuple with a type for each item, so that a problem is found at its line
        resources=(each, ...),
    )
    plain = [_plain(item, kind) for item, kind in zip(items, classes, strict=True)]
    data = {**document.data, "resources": plain} if items else document.data
    file: Any = validated(replace(document, data=data), model)
    return _File(document, file.when, file.resources)


def _kind(document: Document, number: int, item: Any) -> type[Resource] | Problem:
    path: KeyPath = ("resources", number)
    if not isinstance(item, dict) or "kind" not in item:
        what = f"found {shown(item)}; expected `kind: KIND` and the fields of a resource"
        return Problem(what=what, where=document.where(path))
    found = KINDS.get(item["kind"]) if isinstance(item["kind"], str) else None
    if found is None:
        close = near(str(item["kind"]), KINDS) or f"; expected one of {', '.join(sorted(KINDS))}"
        return Problem(
            what=f"unknown kind {shown(item['kind'])}{close}", where=document.where((*path, "kind"))
        )
    return found


def _plain(item: Mapping[str, Any], kind: type[Resource]) -> dict[str, Any]:
    """The fields as `resources` spells them: a key is text here, and a secret says where it is."""
    hints = typing.get_type_hints(kind)
    return {name: _spelt(value, hints.get(name)) for name, value in item.items() if name != "kind"}


def _spelt(value: Any, annotation: Any) -> Any:
    types = set(expects.alternatives(annotation)) if annotation is not None else set()
    if Key in types and isinstance(value, str) and (str not in types or _names_a_resource(value)):
        key = Key.parse(value)
        return {"kind": key.kind, "name": key.name}
    if SecretRef in types and isinstance(value, dict) and len(value) == 1:
        (source, name), *_ = value.items()
        return {"source": source, "name": name} if source in {"env", "file", "prefect"} else value
    return value


def _names_a_resource(text: str) -> bool:
    kind, found, name = text.partition(":")
    return bool(found and name) and kind in KINDS


# All files together


def _entered(file: _File, entries: dict[Key, _Entry]) -> Iterator[Problem]:
    """Take a file's resources; one with a condition may say anew what one without says."""
    for number, resource in enumerate(file.resources):
        entry = _Entry(resource, file.document, number, conditional=bool(file.when))
        before = entries.get(resource.key)
        if before is not None and before.conditional == entry.conditional:
            first = before.document.where(("resources", before.number)).partition(" ")[0]
            yield entry.problem(f"{resource.title()} is written twice; the first is in {first}")
        entries[resource.key] = entry


def _dangling(entries: Mapping[Key, _Entry], site: Site) -> Iterator[Problem]:
    """What names something that neither the files nor the site know."""
    known = {*entries, *_keys(site)}
    clusters = [naming.ICP] * (site.icp is not None) + [cluster.name for cluster in site.iks]
    for entry in entries.values():
        for key in entry.resource.refs():
            if key not in known:
                close = near(str(key), map(str, known))
                yield entry.problem(f"{shown(str(key))} is neither observed nor of the site{close}")
        if isinstance(entry.resource, kubernetes.InCluster):
            yield from _in_cluster(entry, entry.resource, entries, clusters)


def _keys(site: Site) -> Iterator[Key]:
    for overlay in site.overlays:
        yield live.edge_key(site, overlay)
        yield live.router_key(site, overlay)
        yield live.switch_key(live.transit_name(site, overlay))
        for network in overlay.networks:
            yield live.switch_key(live.switch_name(site, overlay, network.name))


def _in_cluster(
    entry: _Entry,
    resource: kubernetes.InCluster,
    entries: Mapping[Key, _Entry],
    clusters: list[str],
) -> Iterator[Problem]:
    if resource.cluster not in clusters:
        choices = f"; expected one of {', '.join(clusters) or 'none, for the site has no cluster'}"
        yield entry.problem(f"{shown(resource.cluster)} is no cluster of the site{choices}", "cluster")
        return
    for name, wanted, kinds in _named(resource):
        keys = (Key(kind, f"{resource.cluster}/{wanted}") for kind in kinds)
        if not any(key in entries for key in keys):
            what = " or ".join(kind.partition(".")[2] for kind in kinds)
            yield entry.problem(f"no {what} {shown(wanted)} of {resource.cluster} is observed", name)


def _named(resource: kubernetes.InCluster) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The nodes, pods and services that a resource names: field, name, and of which kind that may be."""
    node, pod, service = kubernetes.Node.kind, kubernetes.Pod.kind, kubernetes.Service.kind
    if isinstance(resource, kubernetes.Pod | kubernetes.Vpn | kubernetes.VirtualAddress):
        yield "node", resource.node, (node,)
    elif isinstance(resource, kubernetes.BgpPeer):
        yield from (("node", name, (node,)) for name in [resource.node] if name)
    elif isinstance(resource, kubernetes.NodeRoute):
        yield from (("nodes", name, (node,)) for name in resource.nodes)
    elif isinstance(resource, kubernetes.Ingress):
        yield "service", resource.service, (service,)
        yield from (("controllers", name, (pod, node)) for name in resource.controllers)


def _observation(resources: Iterable[Resource]) -> Observation:
    items: dict[Key, Observed] = {}
    order: dict[str, tuple[Key, ...]] = {}
    for resource in resources:
        system = getattr(resource, "rule", "").startswith("#")  # NSX's own rules have a number and no name
        items[resource.key] = Observed(resource=resource, marked=not system, system=system)
        if isinstance(resource, nsxv.NatRule | nsxv.FirewallRule):
            section = "nat" if isinstance(resource, nsxv.NatRule) else "firewall"
            name = f"{resource.owner.name}/{section}"
            order[name] = (*order.get(name, ()), resource.key)
    return Observation(items=items, order=order)
