"""A simulated cluster: the REST API that clients of Kubernetes speak, of 1.11 or of today.

`SimulatedCluster.handle` takes a request and gives an answer: a real client talks to it in process, and an
HTTP server may call it, too. What a real one does besides: authentication by anything but a token, webhooks,
most defaults and most validation. A watch tells what there is to tell and ends.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from adapters.kubernetes import api
from adapters.kubernetes.api import Api
from adapters.kubernetes.exchange import APPLY, JSON, MERGE, Answer, NoAnswer, Request
from adapters.kubernetes.simulator import refusals, validation
from adapters.kubernetes.simulator.controllers import Controllers, Ranges, cluster_ip
from adapters.kubernetes.simulator.managed import applied, merge, updated
from adapters.kubernetes.simulator.refusals import Refusal
from adapters.kubernetes.simulator.registry import Target, kinds, target
from adapters.kubernetes.simulator.store import Object, Store

SYSTEM = "kubernetes"
OLD, NEW = (1, 11), (1, 31)
"""ICP 3.1.0's version, and one that knows whose a field is."""
_APPLIES = (1, 16)
_DRY_RUNS = (1, 13)
_STRATEGIC = "application/strategic-merge-patch+json"
_BEGINS = ("default", "kube-system", "kube-public", "ibm-system")
_LARGEST = 3 * 1024 * 1024
_LATE = 4  # reads until a change whose answer was lost at once is made


class Fault(Protocol):
    """What should go wrong with a request; `adapters.simulated.faults.Fault` is one."""

    @property
    def kind(self) -> str:
        """`status`, `busy`, `timeout`, `lost`, `late` or `garbage`."""

    @property
    def status(self) -> int:
        """The HTTP status of a refusal."""


class FaultSource(Protocol):
    """Where faults come from; `adapters.simulated.faults.Faults` is one."""

    def take(self, system: str, method: str, path: str) -> Fault | None:
        """The fault for this request, if one was asked for."""


@dataclass(frozen=True, slots=True)
class Allow:
    """What a user may: verbs, kinds (`bgppeers.crd.projectcalico.org`), namespaces; `*` is any."""

    verbs: Sequence[str] = ("*",)
    kinds: Sequence[str] = ("*",)
    namespaces: Sequence[str] = ("*",)

    def allows(self, verb: str, kind: Api, namespace: str) -> bool:
        """Whether it covers that."""
        wanted = ((self.verbs, verb), (self.kinds, str(kind)), (self.namespaces, namespace))
        return all("*" in some or one in some for some, one in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a cluster is like.

    Attributes:
        token: Who shows it is the user.
        rules: What the user may.
        looks: Reads until a new pod is ready or a namespace is gone.
    """

    ranges: Ranges
    version: tuple[int, int] = OLD
    token: str = field(default="simulated", repr=False)
    user: str = "hopbook"
    rules: tuple[Allow, ...] = (Allow(),)
    looks: int = 2


class SimulatedCluster:
    """One cluster. Safe to share between threads.

    Attributes:
        requests: Every request so far, by method and target.
        options: May be replaced while it runs, but for the version.
    """

    def __init__(self, name: str, options: Options, faults: FaultSource | None = None) -> None:
        self.name, self.options = name, options
        self.requests: list[tuple[str, str]] = []
        self.store = Store()
        self.controllers = Controllers(self.store, options.ranges, options.looks)
        self._faults = faults
        self._kinds = kinds(options.version)
        self._lock = threading.RLock()
        self._late: deque[tuple[int, Request]] = deque()
        for namespace in _BEGINS:
            self.put(api.NAMESPACE, {"metadata": {"name": namespace}, "status": {"phase": "Active"}})

    def put(self, kind: Api, document: Object) -> Object:
        """Have an object there, whoever made it; no rule is asked."""
        with self._lock:
            return self.store.save(kind, {"apiVersion": kind.api_version, "kind": kind.kind, **document})

    def kind(self, name: str) -> Api:
        """The kind of a name, `Deployment`, in the version of this server's era."""
        return next(kind for kind in self._kinds.values() if kind.kind == name)

    def have(self, document: Object) -> None:
        """Make an object so, as somebody does who may do everything, with what follows from it."""
        with self._lock:
            kind, place = self.kind(document["kind"]), _place(document)
            live = self.store.get(kind, *place)
            wanted = {**document, "apiVersion": kind.api_version}
            if live is not None:
                wanted["metadata"] = {**live["metadata"], **document["metadata"]}
            if live is not None and kind is api.SERVICE:  # it keeps its address
                wanted["spec"] = {"clusterIP": live["spec"]["clusterIP"], **document["spec"]}
            self.store.save(kind, self._kept(Target(kind, *place), wanted, live))
            self.controllers.reconcile()

    def drop(self, document: Object) -> None:
        """Take an object away, likewise; one that is not there is no error."""
        with self._lock:
            kind, place = self.kind(document["kind"]), _place(document)
            self.store.remove(kind, *place)
            if kind is api.SERVICE:
                self.store.remove(api.ENDPOINTS, *place)
            self.controllers.reconcile()

    def began(self) -> None:
        """All that it starts with was put: have it settle."""
        with self._lock:
            self.controllers.reconcile()
            self.controllers.settle()

    # The wire

    def handle(self, request: Request) -> Answer:
        """Answer one request.

        Raises:
            NoAnswer: a fault that was asked for: whoever asked hears nothing.
        """
        with self._lock:
            self.requests.append((request.method, request.target))
            if request.method == "GET":
                self._be_late()
            taken = None
            if self._faults is not None:
                taken = self._faults.take(SYSTEM, request.method, request.target)
            if taken is not None:
                return self._go_wrong(taken, request)
            return self._answered(request, self._authorized)

    def peek(self, request: Request) -> Answer:
        """Answer a read of the simulated site's own: nobody logs in, no time passes, it is not noted."""
        with self._lock:
            return self._answered(request, lambda *_: None)

    def _go_wrong(self, fault: Fault, request: Request) -> Answer:
        match fault.kind:
            case "status":
                return refusals.of_status(fault.status).answer()
            case "busy":
                return refusals.throttled().answer()
            case "garbage":
                page = b"<html><body>Sign in</body></html>"
                return Answer(status=200, headers={"content-type": "text/html"}, body=page)
            case "lost":
                self._answered(request, self._authorized)
            case "late":
                self._late.append((_LATE, request))
            case _:
                pass  # a timeout: nothing is done
        raise NoAnswer(f"simulated: no answer to {request.method} {request.path}")

    def _be_late(self) -> None:
        for _ in range(len(self._late)):
            left, request = self._late.popleft()
            if left > 1:
                self._late.append((left - 1, request))
            else:
                self._answered(request, self._authorized)

    def _answered(self, request: Request, authorized: Callable[[Request, str, Target], None]) -> Answer:
        try:
            if request.path == "/version":
                return self._version(request, authorized)
            wanted = target(request.path, self._kinds)
            verb = _verb(request, wanted)
            authorized(request, verb, wanted)
            if len(request.body) > _LARGEST:
                raise refusals.bad_request("the request is too large")
            if request.method == "GET":
                return self._read(verb, wanted, request)
            return _told(*self._changed(verb, wanted, request))
        except Refusal as error:
            return error.answer()

    def _version(self, request: Request, authorized: Callable[[Request, str, Target], None]) -> Answer:
        authorized(request, "get", Target(api.NAMESPACE, name="default"))
        major, minor = self.options.version
        return _told({"major": str(major), "minor": f"{minor}+", "gitVersion": f"v{major}.{minor}.3+IKS"})

    def _authorized(self, request: Request, verb: str, wanted: Target) -> None:
        if request.token != self.options.token:
            raise refusals.unauthorized()
        if request.path == "/version":
            return
        if not any(rule.allows(verb, wanted.kind, wanted.namespace) for rule in self.options.rules):
            raise refusals.forbidden(self.options.user, verb, wanted.kind, wanted.namespace, wanted.name)

    # Reads

    def _read(self, verb: str, wanted: Target, request: Request) -> Answer:
        self.controllers.look()
        if verb == "watch":
            return self._watched(wanted, request)
        if wanted.name:
            return _told(self._live(wanted))
        limit = int(request.query.get("limit", "0"))
        if token := request.query.get("continue"):
            items, rest = self.store.more(token, limit)
        else:
            found = self.store.all_of(wanted.kind, wanted.namespace)
            items, rest = self.store.page([item for item in found if _selected(item, request)], limit)
        about = {"resourceVersion": str(self.store.version), **({"continue": rest} if rest else {})}
        version, kind = wanted.kind.api_version, f"{wanted.kind.kind}List"
        return _told({"apiVersion": version, "kind": kind, "metadata": about, "items": items})

    def _watched(self, wanted: Target, request: Request) -> Answer:
        since = int(request.query.get("resourceVersion") or 0)
        try:
            events = self.store.since(since, wanted.kind) if since else []
        except Refusal as error:
            lines = [{"type": "ERROR", "object": error.document()}]
        else:
            lines = [
                {"type": event.what, "object": event.object}
                for event in events
                if _selected(event.object, request)
                and (not wanted.namespace or event.object["metadata"].get("namespace") == wanted.namespace)
            ]
        body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        return Answer(status=200, headers={"content-type": JSON}, body=body)

    def _live(self, wanted: Target) -> Object:
        live = self.store.get(wanted.kind, wanted.namespace, wanted.name)
        if live is None:
            raise refusals.not_found(wanted.kind, wanted.name)
        return live

    # Changes

    def _changed(self, verb: str, wanted: Target, request: Request) -> tuple[Object, int]:
        dry = self._dry(request)
        if verb == "delete":
            return self._deleted(wanted, request, dry=dry), 200
        body = _body(request)
        live = self.store.get(wanted.kind, wanted.namespace, wanted.name) if wanted.name else None
        if verb == "create":
            new, code = self._created(wanted, body, request), 201
        elif verb == "update":
            new, code = self._replaced(wanted, body, request), 200
        elif request.media == APPLY:
            new, code = self._applied(wanted, live, body, request), 200 if live else 201
        else:
            new, code = self._patched(wanted, body, request), 200
        if not dry:
            new = self.store.save(wanted.kind, new)
            self.controllers.reconcile()
            new = self.store.get(wanted.kind, *_place(new)) or new
        return new, code

    def _dry(self, request: Request) -> bool:
        dry = request.query.get("dryRun", "")
        if dry and self.options.version < _DRY_RUNS:
            raise refusals.bad_request("the dryRun alpha feature is disabled")
        return bool(dry)

    def _created(self, wanted: Target, body: Object, request: Request) -> Object:
        if wanted.name:
            raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the resource")
        new = self._prepared(wanted, body)
        name = new["metadata"].get("name", "")
        if self.store.get(wanted.kind, wanted.namespace, name) is not None:
            raise refusals.exists(wanted.kind, name)
        return self._admitted(wanted, new, None, request)

    def _replaced(self, wanted: Target, body: Object, request: Request) -> Object:
        live = self._live(wanted)
        new = self._prepared(wanted, body)
        self._check_version(wanted, new, live)
        kept = {key: live["metadata"][key] for key in ("uid", "creationTimestamp") if key in live["metadata"]}
        return self._admitted(wanted, {**new, "metadata": {**new["metadata"], **kept}}, live, request)

    def _patched(self, wanted: Target, body: Object, request: Request) -> Object:
        if request.media not in {MERGE, _STRATEGIC}:
            raise refusals.media(f"{MERGE}, {_STRATEGIC}" + (f", {APPLY}" if self._tells_managers else ""))
        live = self._live(wanted)
        self._check_version(wanted, body, live)
        new = _merge_patch(live, body) if request.media == MERGE else merge(live, body)
        return self._admitted(wanted, new, live, request)

    def _applied(self, wanted: Target, live: Object | None, body: Object, request: Request) -> Object:
        if not self._tells_managers:
            raise refusals.media(f"application/json-patch+json, {MERGE}, {_STRATEGIC}")
        manager = request.query.get("fieldManager", "")
        if not manager:
            raise refusals.bad_request("PatchOptions.meta.k8s.io is invalid: fieldManager: Required value")
        new = self._prepared(wanted, body)
        if live is not None:
            self._check_version(wanted, new, live)
        force = request.query.get("force") == "true"
        merged, conflicts = applied(live, new, manager, force=force)
        if conflicts:
            raise refusals.managed(wanted.kind, wanted.name, conflicts)
        return self._kept(wanted, merged, live)

    @property
    def _tells_managers(self) -> bool:
        return self.options.version >= _APPLIES

    def _prepared(self, wanted: Target, body: Object) -> Object:
        """The body as an object of that place.

        Raises:
            Refusal: it is of another one.
        """
        said = (body.get("apiVersion"), body.get("kind"))
        if said != (wanted.kind.api_version, wanted.kind.kind):
            raise refusals.bad_request(f"the kind of the object {said} does not match the request")
        about = dict(body.get("metadata") or {})
        if wanted.name and about.setdefault("name", wanted.name) != wanted.name:
            raise refusals.bad_request("the name of the object does not match the name on the URL")
        if wanted.kind.namespaced:
            if about.setdefault("namespace", wanted.namespace) != wanted.namespace:
                raise refusals.bad_request("the namespace of the provided object does not match the request")
            self._check_namespace(wanted, about.get("name", ""))
        return {**body, "metadata": about}

    def _check_namespace(self, wanted: Target, name: str) -> None:
        namespace = self.store.get(api.NAMESPACE, "", wanted.namespace)
        if namespace is None:
            raise refusals.not_found(api.NAMESPACE, wanted.namespace)
        there = self.store.get(wanted.kind, wanted.namespace, name)
        if "deletionTimestamp" in namespace["metadata"] and there is None:
            raise refusals.terminating(wanted.kind, name, wanted.namespace)

    def _check_version(self, wanted: Target, body: Object, live: Object) -> None:
        told = (body.get("metadata") or {}).get("resourceVersion")
        if told and told != live["metadata"]["resourceVersion"]:
            raise refusals.stale(wanted.kind, wanted.name)

    def _admitted(self, wanted: Target, new: Object, live: Object | None, request: Request) -> Object:
        """An object made or changed by whoever, with who has which field, where that is told."""
        kept = self._kept(wanted, new, live)
        if not self._tells_managers:
            return kept
        return updated(live, kept, request.query.get("fieldManager") or "unknown")

    def _kept(self, wanted: Target, new: Object, live: Object | None) -> Object:
        """With what the server fills in, if it may be kept; its status is nobody's but the cluster's."""
        filled = _defaulted(wanted.kind, new, lambda: cluster_ip(self.store, self.options.ranges.services))
        status = {"status": live["status"]} if live is not None and "status" in live else {}
        filled = {**{key: value for key, value in filled.items() if key != "status"}, **status}
        if wanted.part == "status":
            filled["status"] = new.get("status", {})
        generation = 1 if live is None else live["metadata"].get("generation", 1)
        changed = live is not None and live.get("spec") != filled.get("spec")
        about = {**filled["metadata"], "generation": generation + int(changed)}
        filled = {**filled, "metadata": about}
        validation.check(wanted.kind, filled, live, self.options.version)
        return filled

    def _deleted(self, wanted: Target, request: Request, *, dry: bool) -> Object:
        live = self._live(wanted)
        options = _body(request) if request.body else {}
        uid = (options.get("preconditions") or {}).get("uid")
        if uid and uid != live["metadata"]["uid"]:
            raise refusals.wrong_uid(wanted.kind, wanted.name)
        done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        if dry:
            return done
        if wanted.kind is api.NAMESPACE:
            about = {**live["metadata"], "deletionTimestamp": "2018-11-23T00:00:00Z"}
            going = {**live, "metadata": about, "status": {"phase": "Terminating"}}
            self.controllers.end(wanted.name)
            return self.store.save(api.NAMESPACE, going)
        self.store.remove(wanted.kind, wanted.namespace, wanted.name)
        if wanted.kind is api.SERVICE:
            self.store.remove(api.ENDPOINTS, wanted.namespace, wanted.name)
        self.controllers.reconcile()
        return done


def _verb(request: Request, wanted: Target) -> str:
    """As RBAC calls it."""
    if request.method == "GET":
        if wanted.name:
            return "get"
        return "watch" if request.query.get("watch") in {"true", "1"} else "list"
    verbs = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    if request.method not in verbs or (request.method != "POST" and not wanted.name):
        raise Refusal(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
        )
    return verbs[request.method]


def _body(request: Request) -> Object:
    try:
        found = json.loads(request.body)
    except ValueError:
        raise refusals.bad_request("the object provided is unrecognized: it is no JSON") from None
    if not isinstance(found, dict):
        raise refusals.bad_request("the object provided is unrecognized: it is no object")
    return found


def _told(document: Object, status: int = 200) -> Answer:
    return Answer(status=status, headers={"content-type": JSON}, body=json.dumps(document).encode())


def _place(document: Object) -> tuple[str, str]:
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


def _selected(item: Object, request: Request) -> bool:
    """By labels: `a=b,c` (equal, and there at all)."""
    labels = item["metadata"].get("labels") or {}
    for term in filter(None, request.query.get("labelSelector", "").split(",")):
        name, equal, value = term.partition("=")
        if name not in labels or (equal and labels[name] != value.lstrip("=")):
            return False
    return True


def _merge_patch(live: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    base = dict(live) if isinstance(live, dict) else {}
    for name, value in patch.items():
        if value is None:
            base.pop(name, None)
        else:
            base[name] = _merge_patch(base.get(name), value)
    return base


def _defaulted(kind: Api, document: Object, address: Callable[[], str]) -> Object:
    if kind is not api.SERVICE:
        return document
    spec = document.get("spec") or {}
    ports = [{"protocol": "TCP", "targetPort": port.get("port"), **port} for port in spec.get("ports") or []]
    given = spec.get("clusterIP") or address()
    return {**document, "spec": {"type": "ClusterIP", **spec, "ports": ports, "clusterIP": given}}


def replaced(cluster: SimulatedCluster, **options: Any) -> None:
    """Change a cluster's options while it runs: its rules, its token."""
    cluster.options = replace(cluster.options, **options)
