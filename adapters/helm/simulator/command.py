"""A helm that only remembers, asked by its command line.

Faults are asked for by a command's path, `helm:lost@/upgrade/vpn`. Statuses become helm's words for them,
`lost` is a helm that is killed when all is done, `late` one that is killed and whose change shows some reads
later.
"""

import argparse
import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

import yaml

from adapters.helm.client import STAND_IN
from adapters.helm.exchange import Finished, TookTooLong
from adapters.helm.simulator.line import WrongLine, parse
from adapters.helm.simulator.objects import Memory, Object, Objects, in_the_way, is_hook, owned, place_of
from adapters.helm.simulator.record import Record, Revision
from adapters.helm.simulator.rendering import NotRendered, Render, by_hand
from hopbook.resources.helm import Status

TestJudge = Callable[[str, str, str], tuple[bool, str]]
"""Whether a test passes, and what it prints: asked with namespace, release and the test's name."""

_Command: TypeAlias = "Callable[[SimulatedHelm, argparse.Namespace, str], str | Finished]"
_METHODS = {"upgrade": "PUT", "uninstall": "DELETE", "test": "POST", "rollback": "PUT"}
_LATE_READS = 2
_KILLED = -9
_UNDER_WAY = frozenset({Status.PENDING_INSTALL, Status.PENDING_UPGRADE, Status.PENDING_ROLLBACK})
_LISTED = {
    Status.DEPLOYED: "deployed",
    Status.FAILED: "failed",
    Status.UNINSTALLING: "uninstalling",
    **dict.fromkeys(_UNDER_WAY, "pending"),
}
_LOOK = 'Kubernetes cluster unreachable: Get "https://simulated/version": '
_WORDS = {
    401: _LOOK + "the server has asked for the client to provide credentials",
    403: 'secrets is forbidden: User "hopbook" cannot list resource "secrets" in API group ""',
    404: "release: not found",
}
_UNAVAILABLE = "the server is currently unable to handle the request"
_BUSY = "UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress"


class Fault(Protocol):
    """What `adapters.simulated.faults.Fault` says; that module is above this one."""

    @property
    def kind(self) -> str:
        """`status`, `busy`, `timeout`, `lost`, `late` or `garbage`."""

    @property
    def status(self) -> int:
        """The HTTP status of a refusal."""


class Faults(Protocol):
    """What somebody asked to go wrong."""

    def take(self, system: str, method: str, path: str) -> Fault | None:
        """The fault that hits this request, used up by it."""


class Refusal(Exception):
    """What helm says of what it does not do."""


def _passes(_namespace: str, _release: str, _test: str) -> tuple[bool, str]:
    return True, ""


class SimulatedHelm:
    """One cluster's helm. Safe to share between threads; calling it is asking it.

    Args:
        render: Makes the objects of a release.
        objects: Where they go.
        judge: How tests end.
        faults: What goes wrong.
        now: The time, in UTC.
        version: Which helm it says to be.
    """

    def __init__(
        self,
        *,
        render: Render = by_hand,
        objects: Objects | None = None,
        judge: TestJudge = _passes,
        faults: Faults | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        version: str = "v3.17.2",
    ) -> None:
        self.record = Record()
        self.objects: Objects = objects if objects is not None else Memory()
        self._render = render
        self._judge = judge
        self._faults = faults
        self._now = now
        self._version = version
        self._lock = threading.RLock()

    def __call__(self, arguments: Sequence[str], stdin: str, timeout: float) -> Finished:  # noqa: ARG002 - nothing takes time here
        """As `Execute` says."""
        with self._lock:
            try:
                line = parse(arguments)
            except WrongLine as error:
                return Finished(1, stderr=f"Error: {error}\n")
            return self._answer(line, stdin)

    def strand(self, release: str, namespace: str, status: Status) -> None:
        """Leave a release as a helm that is killed at its work does."""
        latest = self.record.latest(release, namespace)
        if latest is not None:
            latest.status = status

    def _answer(self, line: argparse.Namespace, stdin: str) -> Finished:
        method = _METHODS.get(line.command, "GET")
        path = f"/{line.command}/{getattr(line, 'release', '')}"
        fault = self._faults.take("helm", method, path) if self._faults else None
        if method == "GET" and line.command != "version":
            self._time_passes()
        if fault is not None and (told := _spoilt(fault)) is not None:
            return told
        try:
            text = self._commands[line.command](self, line, stdin)
        except Refusal as error:
            return Finished(1, stderr=f"Error: {error}\n")
        if fault is not None:  # done, and then the helm was killed
            if fault.kind == "late":
                self._delay(line)
            return Finished(_KILLED)
        return text if isinstance(text, Finished) else Finished(0, stdout=text)

    def _time_passes(self) -> None:
        for revision in self.record:
            if revision.reads_left:
                revision.reads_left -= 1
                if not revision.reads_left:
                    revision.status = revision.ends

    def _delay(self, line: argparse.Namespace) -> None:
        """What was done only now begins to show."""
        latest = self.record.latest(line.release, line.namespace)
        if latest is not None:
            pending = Status.PENDING_INSTALL if latest.number == 1 else Status.PENDING_UPGRADE
            latest.ends, latest.status, latest.reads_left = latest.status, pending, _LATE_READS

    # Reads

    def _say_version(self, _line: argparse.Namespace, _stdin: str) -> str:
        return self._version

    def _list(self, line: argparse.Namespace, _stdin: str) -> str:
        chosen = {
            state for state in ("deployed", "failed", "pending", "uninstalling") if getattr(line, state)
        }
        wanted = dict(item.split("=", 1) for item in line.selector.split(",") if item)
        found = [
            revision
            for revision in self.record
            if (line.all_namespaces or revision.namespace == line.namespace)
            and _LISTED.get(revision.status) in (chosen or {"deployed", "failed"})
            and wanted.items() <= revision.labels.items()
        ]
        return json.dumps(
            [
                {
                    "name": revision.release,
                    "namespace": revision.namespace,
                    "revision": str(revision.number),
                    "updated": revision.updated.isoformat(timespec="seconds"),
                    "status": revision.status.value,
                    "chart": f"{revision.chart}-{revision.version}",
                    "app_version": "18.10.30",
                }
                for revision in found
            ]
        )

    def _get(self, line: argparse.Namespace, _stdin: str) -> str:
        if line.what != "values":
            raise Refusal(f'unknown command "{line.what}" for "helm get"')
        return json.dumps(self._latest(line).values or None)

    def _status(self, line: argparse.Namespace, _stdin: str) -> str:
        latest = self._latest(line)
        return json.dumps(
            {
                "name": latest.release,
                "info": {"status": latest.status.value},
                "config": latest.values,
                "version": latest.number,
                "namespace": latest.namespace,
                "hooks": [_hook(test, latest) for test in latest.tests],
            }
        )

    def _show(self, line: argparse.Namespace, _stdin: str) -> str:
        name, version = _chart(line)
        return yaml.safe_dump({"apiVersion": "v1", "name": name, "version": version})

    def _template(self, line: argparse.Namespace, stdin: str) -> str:
        objects = self._rendered(line, _values(line, stdin))
        return yaml.safe_dump_all(objects)

    # Changes

    def _upgrade(self, line: argparse.Namespace, stdin: str) -> str:
        latest = self.record.latest(line.release, line.namespace)
        if latest is not None and latest.status in _UNDER_WAY:
            raise Refusal(_BUSY)
        if latest is None and not line.install:
            raise Refusal(f'UPGRADE FAILED: "{line.release}" has no deployed releases')
        values = _values(line, stdin)
        if not values and latest is not None and not line.reset_values:
            values = dict(latest.values)
        rendered = self._rendered(line, values)
        objects = [owned(item, line.release, line.namespace) for item in rendered if not is_hook(item)]
        if problem := in_the_way(objects, self.objects, line.release, line.namespace):
            verb = "install" if latest is None else "update"
            raise Refusal(f"Unable to continue with {verb}: {problem}")
        self._put(objects, latest)
        name, version = _chart(line)
        problem = self.objects.unready(objects) if line.wait else ""
        revision = Revision(
            release=line.release,
            namespace=line.namespace,
            number=1 if latest is None else latest.number + 1,
            chart=name,
            version=version,
            values=values,
            objects=objects,
            tests=[owned(item, line.release, line.namespace) for item in rendered if is_hook(item)],
            labels=_labels(line.labels, latest),
            updated=self._now(),
            status=Status.FAILED if problem else Status.DEPLOYED,
        )
        self.record.add(revision)
        if problem:
            raise Refusal(f"UPGRADE FAILED: {problem}: timed out waiting for the condition")
        return json.dumps({"name": line.release, "version": revision.number})

    def _put(self, objects: Sequence[Object], latest: Revision | None) -> None:
        kept = {place_of(item) for item in objects}
        for item in objects:
            self.objects.put(item)
        for item in latest.objects if latest is not None else ():
            if place_of(item) not in kept:
                self.objects.delete(item)

    def _uninstall(self, line: argparse.Namespace, _stdin: str) -> str:
        latest = self.record.latest(line.release, line.namespace)
        if latest is None:
            raise Refusal(f"uninstall: Release not loaded: {line.release}: release: not found")
        for item in reversed([*latest.objects]):
            self.objects.delete(item)
        self.record.forget(line.release, line.namespace)
        return f'release "{line.release}" uninstalled\n'

    def _rollback(self, line: argparse.Namespace, _stdin: str) -> str:
        self._latest(line).status = Status.DEPLOYED
        return "Rollback was a success! Happy Helming!\n"

    def _test(self, line: argparse.Namespace, _stdin: str) -> str | Finished:
        latest = self._latest(line)
        only = line.filter.removeprefix("name=")
        said = ""
        for test in latest.tests:
            name = test["metadata"]["name"]
            if only and name != only:
                continue
            passed, printed = self._judge(line.namespace, line.release, name)
            latest.runs[name] = (self._now(), "Succeeded" if passed else "Failed")
            said += f"POD LOGS: {name}\n{printed}\n" if line.logs else ""
            if not passed:  # helm ends here, too
                words = f"Error: 1 error occurred:\n\t* pod {name} failed\n\n"
                return Finished(1, stdout=said, stderr=words)
        return said

    # Help

    def _latest(self, line: argparse.Namespace) -> Revision:
        latest = self.record.latest(line.release, line.namespace)
        if latest is None:
            raise Refusal("release: not found")
        return latest

    def _rendered(self, line: argparse.Namespace, values: dict[str, Any]) -> Sequence[Object]:
        place = Path(line.chart)
        try:
            return self._render(line.release, line.namespace, place if place.exists() else STAND_IN, values)
        except NotRendered as error:
            raise Refusal(str(error)) from error

    _commands: ClassVar[dict[str, _Command]] = {
        "version": _say_version,
        "list": _list,
        "get": _get,
        "status": _status,
        "show": _show,
        "template": _template,
        "upgrade": _upgrade,
        "uninstall": _uninstall,
        "rollback": _rollback,
        "test": _test,
    }


def _spoilt(fault: Fault) -> Finished | None:
    """What is said instead of an answer, when nothing was done; None: it is done first."""
    match fault.kind:
        case "lost" | "late":
            return None
        case "timeout":
            raise TookTooLong
        case "garbage":
            return Finished(0, stdout="<html><body>It works!</body></html>")
        case "busy":
            return Finished(1, stderr=f"Error: {_BUSY}\n")
        case _:
            words = _WORDS.get(fault.status, _LOOK + f"{_UNAVAILABLE} ({fault.status})")
            return Finished(1, stderr=f"Error: {words}\n")


def _chart(line: argparse.Namespace) -> tuple[str, str]:
    """Name and version of the chart at a place; one that is not on this machine is as it was asked for."""
    folder = Path(line.chart)
    if (folder / "Chart.yaml").is_file():
        found = yaml.safe_load((folder / "Chart.yaml").read_text())
        return str(found["name"]), str(found["version"])
    if folder.is_absolute() or line.chart.startswith("."):
        raise Refusal(f'path "{line.chart}" not found')
    name = line.chart.rstrip("/").rpartition("/")[2]
    return name.removesuffix(".tgz").removesuffix(f"-{line.version}"), line.version


def _values(line: argparse.Namespace, stdin: str) -> dict[str, Any]:
    if line.values != "-":
        return {}
    found = yaml.safe_load(stdin)
    if not isinstance(found or {}, dict):
        raise Refusal("failed to parse -: error unmarshaling JSON: json: cannot unmarshal into map")
    return found or {}


def _labels(text: str, latest: Revision | None) -> dict[str, str]:
    labels = dict(latest.labels) if latest is not None else {}
    for item in filter(None, text.split(",")):
        name, _, value = item.partition("=")
        labels[name] = value
        if value == "null":
            del labels[name]
    return labels


def _hook(test: Object, revision: Revision) -> dict[str, Any]:
    name = test["metadata"]["name"]
    last = {}
    if name in revision.runs:
        started, phase = revision.runs[name]
        last = {"started_at": started.isoformat(), "completed_at": started.isoformat(), "phase": phase}
    return {"name": name, "kind": "Pod", "events": ["test"], "last_run": last or {"phase": ""}}
