"""An API server that is just enough for a real helm: it keeps objects and calls them ready."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from hopbook.secret import Secret

_RBAC = "rbac.authorization.k8s.io/v1"
_KINDS = {
    "v1": {
        "configmaps": "ConfigMap",
        "pods": "Pod",
        "secrets": "Secret",
        "serviceaccounts": "ServiceAccount",
        "services": "Service",
        "namespaces": "Namespace",
    },
    "apps/v1": {"daemonsets": "DaemonSet", "deployments": "Deployment", "replicasets": "ReplicaSet"},
    _RBAC: {"clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding"},
}
_MAGIC = b"k8s\0"
_WIDE = {"clusterroles", "clusterrolebindings", "namespaces"}


class Api:
    """The objects by their paths."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.clock = 0
        self.stalled = False

    def stall(self, stalled: bool) -> None:
        """From now on no Deployment becomes ready, or every one does again."""
        with self.lock:
            self.stalled = stalled
            for path, item in list(self.objects.items()):
                self._keep(path, item)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        with self.lock:
            if (found := _discovery(path)) is not None:
                return 200, found
            group, rest = _split(path) if path.startswith("/api") else ("", [path])
            resource = rest[2] if rest[0] == "namespaces" and len(rest) > 2 else rest[0]
            kind = _KINDS.get(group, {}).get(resource)
            if kind is None:
                return 404, _status(404, "the server could not find the requested resource", "NotFound")
            if method == "POST":
                return self._create(f"{path}/{body['metadata']['name']}", group, kind, body)
            if method == "GET" and len(rest) % 2:
                return 200, self._list(path, group, kind, resource, query)
            return self._one(method, path, resource, body)

    def _one(self, method: str, path: str, resource: str, body: Any) -> tuple[int, Any]:
        item = self.objects.get(path)
        if item is None:
            name = path.rpartition("/")[2]
            return 404, _status(404, f'{resource} "{name}" not found', "NotFound")
        if method == "DELETE":
            del self.objects[path]
            return 200, _status(200, "", "")
        if method in {"PATCH", "PUT"}:
            whole = {"metadata": {**item["metadata"], **body["metadata"]}} if method == "PUT" else {}
            item = {**item, **body, **whole} if method == "PUT" else _merged(item, body)
            self._keep(path, item)
        return 200, item

    def _create(self, path: str, group: str, kind: str, body: dict[str, Any]) -> tuple[int, Any]:
        name = body["metadata"]["name"]
        if path in self.objects:
            return 409, _status(409, f'{kind.lower()}s "{name}" already exists', "AlreadyExists")
        body = {"apiVersion": group, "kind": kind, **body}
        parts = path.split("/namespaces/")
        if len(parts) > 1:
            body["metadata"]["namespace"] = parts[1].split("/")[0]
        body["metadata"] |= {"uid": f"uid-{self.clock}", "creationTimestamp": "2018-11-12T00:00:00Z"}
        self._keep(path, body)
        return 201, body

    def _keep(self, path: str, item: dict[str, Any]) -> None:
        self.clock += 1
        metadata = item["metadata"]
        metadata["resourceVersion"], metadata["generation"] = str(self.clock), 1
        kind = item["kind"]
        if kind == "Deployment":
            counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
            item["status"] = {"observedGeneration": 1} | dict.fromkeys(counts, 0 if self.stalled else 1)
            self._replica_set(path, item)
        elif kind == "DaemonSet":
            scheduled = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady")
            item["status"] = {"observedGeneration": 1} | dict.fromkeys(scheduled, 1)
        elif kind == "Service":
            item["spec"]["clusterIP"] = "172.21.0.40"
            item["status"] = {"loadBalancer": {"ingress": [{"ip": "10.95.60.131"}]}}
        elif kind == "Pod":
            failed = metadata["name"].endswith("ping-remote-gw")
            item["status"] = {"phase": "Failed" if failed else "Succeeded"}
        self.objects[path] = item

    def _replica_set(self, path: str, deployment: dict[str, Any]) -> None:
        name = deployment["metadata"]["name"]
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "controller": True}
        template, ready = deployment["spec"]["template"], 0 if self.stalled else 1
        self.objects[path.replace("/deployments/", "/replicasets/")] = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": deployment["metadata"]["namespace"],
                "labels": template["metadata"]["labels"],
                "creationTimestamp": "2018-11-12T00:00:00Z",
                "ownerReferences": [{**owner, "uid": deployment["metadata"]["uid"]}],
            },
            "spec": {"replicas": 1, "selector": deployment["spec"]["selector"], "template": template},
            "status": {"replicas": 1} | dict.fromkeys(("readyReplicas", "availableReplicas"), ready),
        }

    def _list(
        self, path: str, group: str, kind: str, resource: str, query: dict[str, list[str]]
    ) -> dict[str, Any]:
        everywhere = "/namespaces/" not in path and resource not in _WIDE
        items = [
            item
            for place, item in sorted(self.objects.items())
            if item["kind"] == kind
            and (everywhere or place.rpartition("/")[0] == path)
            and _selected(item, query)
        ]
        metadata = {"resourceVersion": str(self.clock)}
        return {"apiVersion": group, "kind": f"{kind}List", "metadata": metadata, "items": items}


def _selected(item: dict[str, Any], query: dict[str, list[str]]) -> bool:
    labels = item["metadata"].get("labels") or {}
    for part in filter(None, ",".join(query.get("labelSelector", ())).split(",")):
        name, _, value = part.partition("=")
        if labels.get(name.strip()) != value.strip("= "):
            return False
    for part in filter(None, ",".join(query.get("fieldSelector", ())).split(",")):
        name, _, value = part.partition("=")
        if name == "metadata.name" and item["metadata"]["name"] != value.strip("="):
            return False
    return True


def _split(path: str) -> tuple[str, list[str]]:
    parts = path.strip("/").split("/")
    return (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])


def _discovery(path: str) -> Any:
    return _DISCOVERY.get(path)


def _discoveries() -> Iterator[tuple[str, Any]]:
    yield "/version", {"major": "1", "minor": "32", "gitVersion": "v1.32.0"}
    yield "/api", {"kind": "APIVersions", "versions": ["v1"]}
    groups = []
    for group in _KINDS:
        yield f"/{_root(group)}", _resources(group)
        yield f"/openapi/v3/{_root(group)}", _checks_fields(group)
        if "/" in group:
            version = {"groupVersion": group, "version": "v1"}
            groups.append({"name": group[:-3], "versions": [version], "preferredVersion": version})
    yield "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    roots = [_root(group) for group in _KINDS]
    yield "/openapi/v3", {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}}


def _resources(group: str) -> Any:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    resources = [
        {"name": name, "singularName": "", "namespaced": name not in _WIDE, "kind": kind, "verbs": verbs}
        for name, kind in _KINDS[group].items()
    ]
    return {"kind": "APIResourceList", "groupVersion": group, "resources": resources}


def _root(group: str) -> str:
    return f"apis/{group}" if "/" in group else f"api/{group}"


def _checks_fields(group: str) -> Any:
    """The part of OpenAPI in which a helm reads that the server validates by itself."""
    paths = {}
    for name, kind in _KINDS[group].items():
        meant = {"group": group.partition("/")[0] if "/" in group else "", "version": "v1", "kind": kind}
        query = [{"name": "fieldValidation", "in": "query"}]
        operation = {"parameters": query, "x-kubernetes-group-version-kind": meant}
        paths[f"/{_root(group)}/{name}/{{name}}"] = {"patch": operation}
    return {"openapi": "3.0.0", "info": {"title": "lab", "version": "v1"}, "paths": paths}


_DISCOVERY = dict(_discoveries())


def _merged(item: Any, patch: Any) -> Any:
    if not isinstance(item, dict) or not isinstance(patch, dict):
        return patch
    merged = {**item, **{name: _merged(item.get(name), value) for name, value in patch.items()}}
    return {name: value for name, value in merged.items() if value is not None and not name.startswith("$")}


def _status(code: int, message: str, reason: str) -> dict[str, Any]:
    status = "Success" if code < 400 else "Failure"
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": status,
        "message": message,
        "reason": reason,
        "code": code,
    }


def _read(text: bytes) -> Any:
    """A body; helm writes its own records, which are Secrets, as protobuf."""
    if not text.startswith(_MAGIC):
        return json.loads(text)
    secret = _fields(_fields(text[len(_MAGIC) :])[2][0])
    metadata = _fields(secret[1][0])
    return {
        "metadata": {"name": metadata[1][0].decode(), "labels": _pairs(metadata.get(11, []))},
        "data": {name: base64.b64encode(value).decode() for name, value in _entries(secret.get(2, []))},
        "type": secret[3][0].decode(),
    }


def _fields(text: bytes) -> dict[int, list[bytes]]:
    """The fields of a protobuf message that hold bytes."""
    found: dict[int, list[bytes]] = {}
    place = 0
    while place < len(text):
        tag, place = _number(text, place)
        value, place = _number(text, place)
        if tag & 7 == 2:
            found.setdefault(tag >> 3, []).append(text[place : place + value])
            place += value
    return found


def _number(text: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = text[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place


def _entries(entries: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for entry in entries:
        found = _fields(entry)
        yield found[1][0].decode(), found.get(2, [b""])[0]


def _pairs(entries: list[bytes]) -> dict[str, str]:
    return {name: value.decode() for name, value in _entries(entries)}


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _do(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            length = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(length)
            if url.path.endswith("/log"):
                self._send(200, b"no answer from %any\n", "text/plain")
                return
            body = _read(text) if text and self.command != "DELETE" else None
            code, told = api.answer(self.command, url.path, query, body)
            if query.get("watch") and code == 200:
                told = {"type": "ADDED", "object": told["items"][0]} if told["items"] else {}
                self.close_connection = True
                self._send(200, json.dumps(told).encode() if told else b"")
                return
            self._send(code, json.dumps(told).encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - http.server's names

        def _send(self, code: int, body: bytes, media: str = "application/json") -> None:
            self.send_response(code)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving() -> Iterator[tuple[Secret, Api]]:
    """A new, empty cluster: its kubeconfig and itself."""
    api = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "lab", "user": {}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
    try:
        yield Secret(yaml.safe_dump(config)), api
    finally:
        server.shutdown()
        server.server_close()
