"""Verbs of one API server: list, find, apply, create, patch, delete, wait.

Objects are JSON as the server has it. What may be sent again: reads, and what the server refused unheard
(429) or never got. Everything else is asked once.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeAlias

from tenacity import RetryCallState, Retrying, stop_never, wait_exponential

from adapters.kubernetes import errors
from adapters.kubernetes.api import Api
from adapters.kubernetes.errors import Asked, Expired, Throttled
from adapters.kubernetes.exchange import (
    APPLY,
    JSON,
    MERGE,
    Answer,
    NoAnswer,
    NotSent,
    NotTrusted,
    Request,
    Wire,
)
from hopbook.errors import AnswerLost, Missing, Unreachable

Object: TypeAlias = dict[str, Any]

MANAGER = "hopbook"
"""Our name among the managers of fields."""
SERVER_SIDE_APPLY = (1, 16)
"""Kubernetes documentation, "Server-Side Apply": beta, and on, from here."""

_PAGE = 500  # as kubectl's
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 4.0
_TRIES: Mapping[type[Exception], int] = {Throttled: 6, Unreachable: 4}
_TRIES_OF_A_READ: Mapping[type[Exception], int] = {**_TRIES, AnswerLost: 3}
_LISTINGS = 3  # that may expire before their last page
_REDIRECT = 300
_LULL = 1.0  # seconds between a watch that ended and the next look


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a list, and the version of the server's state that they are of."""

    items: list[Object]
    version: str


class KubernetesClient:
    """One API server. Safe to share between threads.

    Args:
        cluster: Its name in the site file, for messages.
        wire: Gives the way to it, when it is first asked.
        timeout: Seconds that an answer may take.
        sleep: How to wait between tries.
        page: Objects that are asked for at once.
    """

    def __init__(
        self,
        cluster: str,
        wire: Callable[[], Wire],
        *,
        timeout: float = 30,
        sleep: Callable[[float], None] = time.sleep,
        page: int = _PAGE,
    ) -> None:
        self.cluster, self.timeout = cluster, timeout
        self._open, self._sleep, self._page = wire, sleep, page

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections, if there are any."""
        opened = self.__dict__.pop("_wire", None)
        if opened is not None:
            opened.close()

    @cached_property
    def _wire(self) -> Wire:
        return self._open()

    @cached_property
    def version(self) -> tuple[int, int]:
        """The server's version, `(1, 11)`; asked for once."""
        asked = self._asked("get", name="/version")
        told = self._document(Request(method="GET", path="/version"), asked)
        numbers = ["".join(filter(str.isdigit, str(told.get(name, "")))) for name in ("major", "minor")]
        if not all(numbers):  # providers write 11+
            raise errors.garbled(asked, "no version in it")
        return int(numbers[0]), int(numbers[1])

    @property
    def applies(self) -> bool:
        """Whether the server knows which field is whose (server-side apply)."""
        return self.version >= SERVER_SIDE_APPLY

    # Reads

    def all_of(self, api: Api, namespace: str = "", labels: str = "") -> Listing:
        """All objects of a kind, page by page; `labels` is a selector: `app=strongswan,release=vpn`.

        Raises:
            Missing: the server does not know the kind.
            SystemTrouble: any other reason.
        """
        asked = self._asked("list", api, namespace)
        for _ in range(_LISTINGS - 1):
            try:
                return self._listed(asked, api, namespace, labels)
            except Expired:  # the server forgot the state that the pages are of
                continue
        return self._listed(asked, api, namespace, labels)

    def _listed(self, asked: Asked, api: Api, namespace: str, labels: str) -> Listing:
        items: list[Object] = []
        query = {"limit": str(self._page), **({"labelSelector": labels} if labels else {})}
        while True:
            page = self._document(Request(method="GET", path=api.path(namespace), query=query), asked)
            found, about = page.get("items"), page.get("metadata")
            if not isinstance(about, dict) or not isinstance(found, list | None):
                raise errors.garbled(asked, "no list")
            items += found or []
            if not about.get("continue"):
                return Listing(items, str(about.get("resourceVersion", "")))
            query["continue"] = about["continue"]

    def find(self, api: Api, namespace: str, name: str) -> Object | None:
        """One object; None: there is none of that name."""
        asked = self._asked("get", api, namespace, name)
        try:
            return self._document(Request(method="GET", path=api.path(namespace, name)), asked)
        except Missing:
            return None

    def watch(
        self, api: Api, since: str, seconds: float, namespace: str = "", labels: str = ""
    ) -> Iterator[Object]:
        """The objects that change after a version, until the server ends the watch.

        Raises:
            Expired: the version is too old, so that everything has to be listed anew.
        """
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": f"{seconds:.0f}"}
        query |= {"labelSelector": labels} if labels else {}
        asked = self._asked("watch", api, namespace)
        request = Request(method="GET", path=api.path(namespace), query=query)
        answer = self._send(request, asked, self.timeout + seconds)
        for line in answer.body.splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # cut off with the connection
                return
            if event.get("type") == "ERROR":
                refused = json.dumps(event.get("object")).encode()
                raise errors.from_answer(
                    Answer(status=int(event["object"].get("code", 500)), body=refused), asked
                )
            if event.get("type") != "BOOKMARK":
                yield event["object"]

    def until(
        self,
        api: Api,
        holds: Callable[[list[Object]], bool],
        patience: float,
        namespace: str = "",
        labels: str = "",
    ) -> list[Object] | None:
        """Wait until something holds for all objects of a list; None: it did not in so many seconds.

        A watch that ends, is lost or expires is followed by a new look at all of them.
        """
        waited = 0.0
        while True:
            listing = self.all_of(api, namespace, labels)
            if holds(listing.items):
                return listing.items
            if waited >= patience:
                return None
            try:
                changed = any(True for _ in self.watch(api, listing.version, _LULL, namespace, labels))
            except (Expired, AnswerLost):
                changed = False
            waited += _LULL
            if not changed:
                self._sleep(_LULL)

    # Changes

    def apply(self, api: Api, manifest: Object) -> Object:
        """Have the fields of a manifest so, by server-side apply; what others manage is left to them.

        Raises:
            Conflict: somebody else manages one of the fields and has it otherwise.
        """
        query = {"fieldManager": MANAGER, "force": "false"}
        return self._change("PATCH", "patch", api, manifest, query, APPLY)

    def create(self, api: Api, manifest: Object) -> Object:
        """Make an object.

        Raises:
            Conflict: there is one of that name.
        """
        query = {"fieldManager": MANAGER} if self.applies else {}
        return self._change("POST", "create", api, manifest, query, JSON)

    def patch(self, api: Api, patch: Object) -> Object:
        """Merge fields into an object; `patch` has its name and, where it must not have changed, its version.

        Raises:
            Conflict: it changed since that version.
        """
        query = {"fieldManager": MANAGER} if self.applies else {}
        return self._change("PATCH", "patch", api, patch, query, MERGE)

    def delete(self, api: Api, live: Object) -> None:
        """Take away this very object, and what it owns; one that is gone already is no error."""
        about = live["metadata"]
        namespace, name = about.get("namespace", ""), about["name"]
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": about["uid"]},
        }
        request = Request(
            method="DELETE", path=api.path(namespace, name), body=json.dumps(options).encode(), media=JSON
        )
        try:
            self._document(request, self._asked("delete", api, namespace, name))
        except Missing:
            return

    def _change(
        self, method: str, verb: str, api: Api, manifest: Object, query: Mapping[str, str], media: str
    ) -> Object:
        about = manifest["metadata"]
        namespace, name = about.get("namespace", ""), about["name"]
        path = api.path(namespace, "" if method == "POST" else name)
        body = json.dumps(manifest).encode()
        request = Request(method=method, path=path, query=query, body=body, media=media)
        return self._document(request, self._asked(verb, api, namespace, name))

    # The wire

    def _asked(self, verb: str, api: Api | None = None, namespace: str = "", name: str = "") -> Asked:
        return Asked(self.cluster, self._wire.address, verb, api, namespace, name)

    def _document(self, request: Request, asked: Asked) -> Object:
        document = self._send(request, asked, self.timeout).document()
        if document is None:
            raise errors.garbled(asked, "it is no JSON object")
        return document

    def _send(self, request: Request, asked: Asked, timeout: float) -> Answer:
        tries = _TRIES if asked.changing else _TRIES_OF_A_READ

        def worth_it(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            return isinstance(error, Exception) and state.attempt_number < tries.get(type(error), 1)

        again = Retrying(retry=worth_it, stop=stop_never, wait=_patience, sleep=self._sleep, reraise=True)
        return again(self._once, request, asked, timeout)

    def _once(self, request: Request, asked: Asked, timeout: float) -> Answer:
        try:
            answer = self._wire.send(request, timeout)
        except (NotSent, NotTrusted, NoAnswer) as error:
            raise errors.from_wire(error, asked) from error
        if answer.status >= _REDIRECT:
            raise errors.from_answer(answer, asked)
        return answer


_longer = wait_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)


def _patience(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.wait if isinstance(error, Throttled) else _longer(state)
