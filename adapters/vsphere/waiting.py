"""Waiting for a property, as vCenter tells of its changes: a task that ends, a guest that has its address.

Each wait has a property collector of its own, so that many can wait at once. What is waited for stays in
vCenter: where the connection or the session is lost, the wait begins anew and nothing of it is missed.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.vsphere.client import VsphereClient
from adapters.vsphere.errors import from_fault
from adapters.vsphere.sdk import vmodl
from adapters.vsphere.words import SYSTEM
from hopbook.errors import AnswerLost, Missing, SystemTrouble

_CHUNK = 20.0  # seconds of one wait at most: shorter than any answer may take, so that silence is noticed
_TASK = ("info.state", "info.progress", "info.error", "info.result")
_FILTERS = vmodl.query.PropertyCollector

Progress = Callable[[str, int], None]
"""Told what is under way, and how far it is in percent."""


class Waiting:
    """Waits on one vCenter."""

    def __init__(
        self, client: VsphereClient, *, progress: Progress, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._progress, self._now = client, progress, now

    def for_task(self, task: str, what: str, seconds: float) -> Any:
        """Wait for a task's end; returns its result.

        Raises:
            AnswerLost: nobody saw its end: it goes on longer than that, or vCenter cannot be asked.
            SystemTrouble: it ended in an error, and the error says in which.
        """

        def ended(values: Mapping[str, Any]) -> bool:
            percent = values.get("info.progress")
            if percent is not None:
                self._progress(what, percent)
            return values.get("info.state") in {"success", "error"}

        try:
            values = self.until(self._client.object("Task", task), _TASK, ended, seconds)
        except SystemTrouble as error:
            raise self._unseen(f"{what}: {task} was started; {error.what}") from error
        if values.get("info.state") == "error":
            raise from_fault(values["info.error"], what, self._client.address)
        if values.get("info.state") != "success":
            raise self._unseen(f"{what}: {task} is still under way after {seconds:g} s")
        return values.get("info.result")

    def until(
        self, thing: Any, paths: Sequence[str], enough: Callable[[Mapping[str, Any]], bool], seconds: float
    ) -> Mapping[str, Any]:
        """The properties of an object as soon as they are enough, or as they are when the time is over.

        Raises:
            Missing: the object is not there.
            SystemTrouble: vCenter cannot be asked.
        """
        values: dict[str, Any] = {}
        until = self._now() + seconds
        while True:
            try:
                if self._watch(thing, paths, enough, until, values):
                    return values
            except Missing:
                if not self._there(thing):
                    raise
                # else the collector went with its session

    def _watch(
        self,
        thing: Any,
        paths: Sequence[str],
        enough: Callable[[Mapping[str, Any]], bool],
        until: float,
        values: dict[str, Any],
    ) -> bool:
        """Watch by one collector; false where it has to be made anew."""
        what = f"waiting for {thing._moId}"  # noqa: SLF001 - pyvmomi gives an object's id no other name
        read = self._client.read
        collector = read(what, lambda content: content.propertyCollector.CreatePropertyCollector())
        try:
            read(what, lambda _: collector.CreateFilter(_filter(thing, paths), partialUpdates=False))
            version = ""
            while True:
                left = until - self._now()
                options = _FILTERS.WaitOptions(maxWaitSeconds=max(1, math.ceil(min(left, self._chunk))))
                update = read(what, lambda _: collector.WaitForUpdatesEx(version, options))  # noqa: B023 - at once
                if update is not None:
                    version = update.version
                    _merge(values, update)
                if enough(values) or self._now() >= until:
                    return True
        finally:
            self._drop(collector)

    @property
    def _chunk(self) -> float:
        return min(_CHUNK, self._client.timeout / 2)

    def _drop(self, collector: Any) -> None:
        """Let go of a collector; vCenter does so itself when the session ends."""
        try:
            self._client.change("letting go", lambda _: collector.DestroyPropertyCollector())
        except SystemTrouble:
            return

    def _there(self, thing: Any) -> bool:
        spec = _filter(thing, ())
        try:
            self._client.read(
                "looking again",
                lambda content: content.propertyCollector.RetrievePropertiesEx([spec], _plain()),
            )
        except Missing:
            return False
        return True

    def _unseen(self, what: str) -> AnswerLost:
        return AnswerLost(what, system=SYSTEM, address=self._client.address)


def _plain() -> Any:
    return _FILTERS.RetrieveOptions()


def _filter(thing: Any, paths: Sequence[str]) -> Any:
    kind = type(thing)
    return _FILTERS.FilterSpec(
        objectSet=[_FILTERS.ObjectSpec(obj=thing)],
        propSet=[_FILTERS.PropertySpec(type=kind, pathSet=list(paths), all=False)],
    )


def _merge(values: dict[str, Any], update: Any) -> None:
    for filter_update in update.filterSet or ():
        for thing in filter_update.objectSet or ():
            for change in thing.changeSet or ():
                values[change.name] = change.val
