"""Observing: one GET an edge, whatever it carries, plus the lists that names come from.

What sessions and tunnels have come to is read only where it is asked for: `provider.states`.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from adapters.nsxv import xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.errors import SYSTEM
from adapters.nsxv.provider import appliances, bgp, interfaces, ipsec, routes, rules, settings, states, traits
from adapters.nsxv.provider.directory import EDGES, Directory, Found
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.xml import Element
from hopbook.engine.change import Observation, Observed, Pending, Scope
from hopbook.errors import Garbled, Missing
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Bgp, Edge, Interface, Ipsec, LogicalSwitch, Router

_AT_ONCE = 8  # edges read side by side
_DONE = frozenset({"SUCCESS", "COMPLETED", "FAILED", "ROLLBACK"})  # the guide's text and examples differ


def owners(scope: Scope) -> frozenset[str]:
    """The edges and routers that a scope is about, by name."""
    whole = {Edge.kind, Router.kind, Bgp.kind, Ipsec.kind, *settings.SETTINGS}
    apart = {LogicalSwitch.kind, *states.KINDS}
    return frozenset(
        key.name if key.kind in whole else key.name.partition("/")[0]
        for key in scope.keys
        if key.kind.startswith("nsxv.") and key.kind not in apart
    )


def observe(client: NsxClient, markers: Markers, scope: Scope, commands: states.Commands) -> Observation:
    """Read a scope.

    Raises:
        SystemTrouble: NSX did not answer as it should.
    """
    names = owners(scope)
    directory = Directory(client, markers)
    seen = Observation()
    if names:
        seen = _edges(client, markers, directory, names)
    if any(key.kind == LogicalSwitch.kind for key in scope.keys):
        seen = seen.merged(Observation(items=dict(directory.observed_switches())))
    told = states.observe(client, directory, scope, commands)
    return seen.merged(Observation(items=told)) if told else seen


def _edges(client: NsxClient, markers: Markers, directory: Directory, names: frozenset[str]) -> Observation:
    # First what is under way: what ends after this is then at least in the state that is read next
    jobs = client.read(f"{EDGES}/jobs", {"status": "active"}).findall("edgeJob")
    found = {name: edge for name in sorted(names) if (edge := directory.edge(name))}
    items: dict[Key, Observed] = {}
    order: dict[str, tuple[Key, ...]] = {}
    for edge, element in _fetch(client, found.values()):
        try:
            items.update(_parts(edge, element, directory))
            for feature in rules.FEATURES.values():
                config = element.find(f"features/{feature.name}")
                listed = (
                    dict(rules.observed(feature, edge.key, config, markers)) if config is not None else {}
                )
                items.update(listed)
                order[f"{edge.key.name}/{feature.name}"] = tuple(listed)
        except ValueError as error:
            what = f"{edge.key.name} ({edge.id}) cannot be read: {error}"
            raise Garbled(what, system=SYSTEM, address=client.address) from error
    pending = tuple(_pending(jobs, directory, names))
    return Observation(items=items, order=order, pending=pending)


def _fetch(client: NsxClient, edges: Iterable[Found]) -> list[tuple[Found, Element]]:
    """Every edge with its whole configuration; one that went meanwhile is left out."""

    def fetch(edge: Found) -> tuple[Found, Element] | None:
        try:
            element = client.read(f"{EDGES}/{edge.id}")
            if edge.key.kind == Router.kind and element.find("interfaces") is None:
                element.append(client.read(f"{EDGES}/{edge.id}/interfaces"))
        except Missing:
            return None
        return edge, element

    with ThreadPoolExecutor(_AT_ONCE, "nsxv-observe") as pool:
        return [found for found in pool.map(fetch, edges) if found]


def _parts(edge: Found, element: Element, directory: Directory) -> Iterator[tuple[Key, Observed]]:
    owner = edge.key
    management = xml.text(element, "mgmtInterface/connectedToId")
    yield owner, appliances.observed(owner, element, directory.network_key(management))
    yield from _interfaces(owner, element, directory)
    static = element.find("features/routing/staticRouting")
    if static is not None:
        yield from routes.observed(owner, static)
    routing = element.find("features/routing")
    if routing is not None:
        yield from bgp.observed(owner, routing)
    tunnels = element.find("features/ipsec")
    if tunnels is not None:
        yield from ipsec.observed(owner, tunnels)
    features = element.find("features")
    if features is not None:
        yield from settings.observed(owner, features)


def _interfaces(owner: Key, element: Element, directory: Directory) -> Iterator[tuple[Key, Observed]]:
    seen: set[Key] = set()
    for one in (*element.iterfind("vnics/vnic"), *element.iterfind("interfaces/interface")):
        network = directory.network_key(xml.text(one, interfaces.network_tag(owner)))
        resource = interfaces.read(owner, one, network)
        index = xml.text(one, "index")
        if resource is None:
            continue
        key = Key(Interface.kind, f"{owner.name}/#{index}") if resource.key in seen else resource.key
        seen.add(key)
        yield key, Observed(resource=resource, handle=index)


def _pending(jobs: Iterable[Element], directory: Directory, names: frozenset[str]) -> Iterator[Pending]:
    """What is under way on these edges; a job of an edge that is in no list yet may be making one of them."""
    absent = sorted(name for name in names if directory.edge(name) is None)
    for job in jobs:
        if xml.text(job, "status").upper() in _DONE:
            continue
        results = {xml.text(result, "key"): xml.text(result, "value") for result in job.iterfind("result")}
        name = directory.name_of(results.get("edgeId", ""))
        for concerned in absent if name is None else sorted({name} & names):
            yield Pending(
                lane=traits.edge_lane(concerned),
                what=xml.text(job, "message", "a job"),
                handle=xml.text(job, "jobId"),
            )
