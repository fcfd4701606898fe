"""A whole cluster in a fixed number of lists, each read page by page, as resources."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from adapters.kubernetes import api
from adapters.kubernetes.access import Access
from adapters.kubernetes.api import Api
from adapters.kubernetes.client import KubernetesClient, Object
from adapters.kubernetes.markers import SELECTOR, Markers
from adapters.kubernetes.provider import annotations, calico, nodes, routes, services
from adapters.kubernetes.provider.found import Found
from adapters.kubernetes.provider.parsing import name_of
from hopbook.engine.change import Observation, Observed
from hopbook.errors import Garbled, Missing
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import Annotation

_OLD_INGRESS_UNTIL = (1, 19)
_LISTS = (
    api.BGP_CONFIGURATION,
    api.FELIX_CONFIGURATION,
    api.IP_POOL,
    api.BGP_PEER,
    api.BLOCK_AFFINITY,
    api.NODE,
    api.POD,
    api.SERVICE,
    api.ENDPOINTS,
    api.INGRESS,
)
_OURS = (api.DAEMON_SET, api.CONFIG_MAP)  # of which there are many, and only our own matter
_SIDE_BY_SIDE = 4  # lists that are asked for at the same time


def observe(cluster: str, access: Access, markers: Markers, keys: Iterable[Key] = ()) -> Observation:
    """All of a cluster, and of the annotations those that the keys name.

    Raises:
        SystemTrouble: the server did not answer as it should, or not with what it documents.
    """
    found = _found(cluster, access)
    items: dict[Key, Observed] = {}
    readers: tuple[Callable[[Found, Markers], Iterator[Observed]], ...] = (
        calico.observed,
        nodes.observed,
        routes.observed,
        services.observed,
    )
    try:
        for read in readers:
            _enter(items, read(found, markers))
        wanted = [key for key in keys if key.kind == Annotation.kind]
        _enter(items, annotations.observed(found, wanted))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"an object is not as documented ({type(error).__name__}: {error})"
        raise Garbled(what, system=f"Kubernetes {cluster}") from error
    return Observation(items=items)


def _found(cluster: str, access: Access) -> Found:
    client = access.client
    ingress = api.INGRESS if client.version >= _OLD_INGRESS_UNTIL else api.OLD_INGRESS
    wanted = [(kind if kind is not api.INGRESS else ingress, "") for kind in _LISTS]
    wanted += [(kind, SELECTOR) for kind in _OURS]
    with ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE, thread_name_prefix="list") as pool:
        listed = list(pool.map(lambda each: _listed(client, *each), wanted))
    lists = {kind: items for (kind, _), items in zip(wanted, listed, strict=True)}
    if ingress is not api.INGRESS:
        lists[api.INGRESS] = lists.pop(ingress)
    return Found(cluster, access, lists)


def _listed(client: KubernetesClient, kind: Api, labels: str) -> list[Object]:
    try:
        return sorted(client.all_of(kind, labels=labels).items, key=name_of)
    except Missing:
        return []


def _enter(items: dict[Key, Observed], found: Iterable[Observed]) -> None:
    """Take objects under their keys; of two with one marker the second has a key of its own."""
    for observed in found:
        key = observed.resource.key
        if key not in items:
            items[key] = observed
            continue
        first = items[key]
        copies = first.copies + 1 if first.marked and observed.marked else 1
        items[key] = replace(first, copies=copies)
        items[_apart(observed.resource, observed.handle)] = replace(observed, copies=copies)


def _apart(resource: Resource, handle: str) -> Key:
    return Key(resource.kind, f"{resource.name.partition('/')[0]}/#{handle}")
