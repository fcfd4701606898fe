"""Making one change so. What is not ours is left alone; what somebody else has changed meanwhile, too."""

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.kubernetes import api
from adapters.kubernetes.access import Access
from adapters.kubernetes.api import Api
from adapters.kubernetes.client import KubernetesClient, Object
from adapters.kubernetes.markers import SELECTOR, Markers, without
from adapters.kubernetes.provider import annotations, merging, routes
from adapters.kubernetes.provider.manifests import Manifest, rendered
from adapters.kubernetes.provider.parsing import handle_of, ready
from hopbook.engine.change import Action, Change
from hopbook.errors import AnswerLost, Garbled, Missing, Rejected
from hopbook.resources.base import Key, Resource
from hopbook.resources.kubernetes import Annotation, BgpPeer, Calico, IpPool, NodeRoute, Service

_KIND_OF: dict[str, Api] = {
    BgpPeer.kind: api.BGP_PEER,
    IpPool.kind: api.IP_POOL,
    Service.kind: api.SERVICE,
    NodeRoute.kind: api.DAEMON_SET,
}


@dataclass
class Session:
    """The changes of one lane: what is ours by name is asked for once a kind.

    Attributes:
        touched: Whether something of the change under way was made, or perhaps was.
    """

    access: Access
    markers: Markers
    touched: bool = False
    _ours: dict[Api, dict[str, Object]] = field(default_factory=dict)

    @property
    def client(self) -> KubernetesClient:
        """The cluster's."""
        return self.access.client

    def make(self, change: Change) -> None:
        """Make a change so.

        Raises:
            HopbookError: it was not made, or, where an answer was lost, perhaps.
        """
        self.touched = False
        resource = change.resource
        if isinstance(resource, Calico):
            self._set(resource)
            return
        if isinstance(resource, Annotation):
            self._annotate(change, resource)
            return
        verbs: dict[Action, Callable[[Change], None]] = {
            Action.CREATE: self._create,
            Action.ADOPT: self._adopt,
            Action.UPDATE: self._update,
            Action.RELEASE: self._release,
            Action.DELETE: self._delete,
        }
        verbs[change.action](change)
        if isinstance(resource, NodeRoute) and change.after is not None:
            self._rolled_out(resource)

    # By action

    def _create(self, change: Change) -> None:
        for manifest in self._rendered(change.resource):
            live = self._find(manifest)
            if live is not None and not self._is_ours(live, change.key):
                raise self._refused(change, f"there is a {manifest.kind.kind} {handle_of(live)} already")
            self._put(manifest, live)

    def _adopt(self, change: Change) -> None:
        """Our marker comes onto somebody's object; a field that they manage otherwise stays theirs."""
        for manifest in self._rendered(change.resource, _plain(change.adopts or change.key)):
            live = self._find(manifest)
            if live is None and manifest.kind is _KIND_OF[change.key.kind]:
                raise self._refused(change, "it is not there any more", theirs=False)
            if live is not None and manifest.kind is api.SERVICE and live["spec"].get("selector"):
                raise self._refused(change, "its selector says what its endpoints are")
            self._put(manifest, live)

    def _update(self, change: Change) -> None:
        for manifest in self._rendered(change.resource, self._name(change)):
            live = self._find(manifest)
            if live is not None and not self._is_ours(live, change.key):
                raise self._refused(change, f"{manifest.kind.kind} {handle_of(live)}")
            self._put(manifest, live)

    def _release(self, change: Change) -> None:
        """The fields that we set go back, and our marker goes."""
        if change.before is None or change.after is None:
            raise self._refused(change, "a release has a before and an after", theirs=False)
        name = self._name(change)
        before, after = (self._rendered(each, name) for each in (change.before, change.after))
        for old, new in zip(before, after, strict=True):
            live = self._find(old)
            if live is None or not self._is_ours(live, change.key):
                continue
            changed = merging.difference(old.document, new.document)
            about = without(live["metadata"])
            about["annotations"][merging.LAST] = None
            self._sent(self.client.patch, old.kind, merging.versioned(live, {**changed, "metadata": about}))

    def _delete(self, change: Change) -> None:
        if isinstance(change.resource, NodeRoute):
            self._delete_route(change)
            return
        kind = _KIND_OF[change.key.kind]
        live = self._of_ours(kind).get(_plain(change.key))
        if live is None:
            namespace = change.resource.namespace if isinstance(change.resource, Service) else ""
            found = self._found(kind, namespace, _plain(change.key))
            if found is not None:
                raise self._refused(change, f"{kind.kind} {handle_of(found)}")
            return
        self._sent(self.client.delete, kind, live)
        about = live["metadata"]
        if kind is api.SERVICE:  # its endpoints go with it, sooner or later
            endpoints = self._found(api.ENDPOINTS, about["namespace"], about["name"])
            if endpoints is not None and self._is_ours(endpoints, change.key):
                self._sent(self.client.delete, api.ENDPOINTS, endpoints)

    # Routes

    def _delete_route(self, change: Change) -> None:
        """First its pods, each of which takes the route away, then its words."""
        name = _plain(change.key)
        live = self._of_ours(api.DAEMON_SET).get(name)
        where = self.access.conventions.namespace
        if live is not None:
            where = live["metadata"]["namespace"]
            self._sent(self.client.delete, api.DAEMON_SET, live)
        gone = self.client.until(api.POD, lambda pods: not pods, self.access.patience, where, _pods_of(name))
        if gone is None:
            raise self._unsettled(f"{change.key}: pods of it are still there, and perhaps its route")
        words = self._found(api.CONFIG_MAP, where, routes.object_name(name))
        if words is not None and self._is_ours(words, change.key):
            self._sent(self.client.delete, api.CONFIG_MAP, words)

    def _rolled_out(self, route: NodeRoute) -> None:
        """Wait until every node's pod is ready."""
        where, name = self.access.conventions.namespace, routes.object_name(route.route)
        item = self._found(api.DAEMON_SET, where, name)
        if item is None:
            raise self._unsettled(f"{route.key}: its DaemonSet {where}/{name} is gone already")
        nodes = {node["metadata"]["name"] for node in self.client.all_of(api.NODE).items}
        wanted = set(route.nodes) or nodes
        seen: list[Object] = []

        def complete(pods: list[Object]) -> bool:
            seen[:] = routes.of_route(pods, item)
            return {pod["spec"].get("nodeName") for pod in seen if ready(pod)} >= wanted

        if self.client.until(api.POD, complete, self.access.patience, where, _pods_of(route.route)) is None:
            missing = wanted - {pod["spec"].get("nodeName") for pod in seen if ready(pod)}
            told = ", ".join(f"{node}{_why(seen, node)}" for node in sorted(missing))
            raise self._unsettled(f"{route.key}: no pod of it is ready on {told}")

    # Settings

    def _set(self, wanted: Calico) -> None:
        """Set BGP's configuration; one that we made goes when it says what Calico does without it."""
        (manifest,) = self._rendered(wanted)
        kind, document = manifest
        live = self._find(manifest)
        ours = live is None or bool(self.markers.read(live))
        if live is not None and ours and (wanted.asn, wanted.mesh) == _DELIVERED:
            self._sent(self.client.delete, kind, live)
            return
        if ours:
            document["metadata"] |= self.markers.write(document["metadata"]["name"])
        self._put(manifest, live)

    def _annotate(self, change: Change, wanted: Annotation) -> None:
        """Set one annotation, or take it away; of a service that is gone there is nothing to take."""
        live = self._found(api.SERVICE, *annotations.place_of(wanted))
        value = wanted.value if change.after is not None else None
        if live is None:
            if value is None:
                return
            raise self._refused(change, f"there is no {wanted.object}", theirs=False)
        self._sent(self.client.patch, api.SERVICE, annotations.patch(live, wanted.annotation, value), live)

    # Objects

    def _rendered(self, resource: Resource, name: str = "") -> tuple[Manifest, ...]:
        return rendered(resource, self.access.conventions, self.markers, name)

    def _put(self, manifest: Manifest, live: Object | None) -> None:
        kind, document = manifest
        if self.client.applies:
            self._sent(self.client.apply, kind, document, live)
        elif live is None:
            self._sent(self.client.create, kind, merging.with_last(document))
        elif patch := merging.patch_of(live, document):
            self._sent(self.client.patch, kind, patch)

    def _sent(
        self,
        call: Callable[[Api, Object], Object | None],
        kind: Api,
        document: Object,
        live: Object | None = None,
    ) -> None:
        """Make one call; what the server refused was not made, nor what leaves an object of its version."""
        try:
            made = call(kind, document)
        except (AnswerLost, Garbled):
            self.touched = True
            raise
        if made is None or live is None or _version(made) != _version(live):
            self.touched = True

    def _find(self, manifest: Manifest) -> Object | None:
        about = manifest.document["metadata"]
        return self._found(manifest.kind, about.get("namespace", ""), about["name"])

    def _found(self, kind: Api, namespace: str, name: str) -> Object | None:
        return self.client.find(kind, namespace, name)

    def _of_ours(self, kind: Api) -> dict[str, Object]:
        """The objects of ours by the resource's name, whatever they are called."""
        if kind not in self._ours:
            try:
                items = self.client.all_of(kind, labels=SELECTOR).items
            except Missing:
                items = []
            self._ours[kind] = {name: item for item in items if (name := self.markers.read(item))}
        return self._ours[kind]

    def _name(self, change: Change) -> str:
        """What the object of a change is called; empty: as its resource is."""
        live = self._of_ours(_KIND_OF[change.key.kind]).get(_plain(change.key))
        if live is None or isinstance(change.resource, NodeRoute):
            return ""
        return str(live["metadata"]["name"])

    def _is_ours(self, live: Object, key: Key) -> bool:
        return self.markers.read(live) == _plain(key)

    def _refused(self, change: Change, why: str, *, theirs: bool = True) -> Rejected:
        tail = ", and it is not ours" if theirs else ""
        return Rejected(f"{change.resource.title()}: {why}{tail}", system=f"Kubernetes {self.client.cluster}")

    def _unsettled(self, why: str) -> AnswerLost:
        """It was sent; whether it came to be shows when the cluster is read."""
        return AnswerLost(
            f"{why} after {self.access.patience:.0f} s", system=f"Kubernetes {self.client.cluster}"
        )


_DELIVERED = (Calico(cluster="").asn, Calico(cluster="").mesh)


def _plain(key: Key) -> str:
    """The name within the cluster; of a foreign service its own one, without a namespace before it."""
    name = key.name.partition("/")[2].removeprefix("#")
    return name.rpartition(".")[2] if key.kind == Service.kind else name


def _version(live: Object) -> str:
    return str(live["metadata"].get("resourceVersion", ""))


def _pods_of(route: str) -> str:
    return f"{routes.OF_ROUTE}={routes.object_name(route)}"


def _why(pods: list[Object], node: str) -> str:
    """What a pod on a node waits for, as the node says."""
    for pod in pods:
        if pod["spec"].get("nodeName") == node:
            for told in pod.get("status", {}).get("containerStatuses") or []:
                reason = (told.get("state", {}).get("waiting") or {}).get("reason")
                if reason:
                    return f" ({reason})"
    return ""
