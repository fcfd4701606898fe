"""A request as a handler sees it, a reply as it gives it, and the table that joins the two."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from adapters.nsxv.simulator.errors import ApiError, Problem, invalid
from adapters.nsxv.simulator.fields import Fields, whole
from adapters.nsxv.simulator.wire import Node, node, parse, serialize

XML = "application/xml;charset=UTF-8"
PLAIN = "text/plain;charset=UTF-8"
HTML = "text/html;charset=utf-8"

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `location` is a path; whether a client sees a host before it is the manager's choice."""

    status: int
    body: bytes = b""
    media: str = ""
    location: str = ""


def ok(root: Node) -> Reply:
    """What every GET answers."""
    return Reply(200, serialize(root), XML)


def done() -> Reply:
    """What a PUT or DELETE of an edge's configuration answers."""
    return Reply(204)


def created(location: str, bare: str = "") -> Reply:
    """What a POST answers: no body on an edge, the bare id (and not XML) elsewhere."""
    return Reply(201, bare.encode(), PLAIN if bare else "", location)


def accepted(location: str) -> Reply:
    """What an asynchronous change answers; the location is its job's."""
    return Reply(202, location=location)


def refused(error: ApiError) -> Reply:
    """An error's body: one `<error>`, several in `<errors>`, or the web server's HTML page."""
    if not error.problems:
        return html_page(error.status)
    problems = [_problem(problem) for problem in error.problems]
    root = problems[0] if len(problems) == 1 else node("errors", *problems)
    return Reply(error.status, serialize(root), XML)


def html_page(status: int) -> Reply:
    """An answer of the web server in front of NSX, which speaks no XML."""
    page = (
        f"<!doctype html><html><head><title>HTTP Status {status}</title></head><body><hr><br></body></html>"
    )
    return Reply(status, page.encode(), HTML)


def _problem(problem: Problem) -> Node:
    code = node("errorCode", problem.code)
    if not problem.details:
        return node("error", code)
    data = [node("data", node("key", key), node("value", value)) for key, value in problem.data]
    extra = [node("errorData", *data)] if data else []
    return node("error", node("details", problem.details), code, node("moduleName", problem.module), *extra)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that is authorized and has a handler. `args` are the named parts of its path.

    `query` joins the values of a repeated parameter with commas.
    """

    method: str
    path: str
    query: Mapping[str, str]
    content: bytes
    content_type: str
    user: str = ""
    args: Mapping[str, str] = field(default_factory=dict)

    def document(self, root: str) -> Node:
        """The body.

        Raises:
            ApiError: 415 if it is not declared as XML, 400 if it is missing, malformed or of another root.
        """
        if self.content.strip() and not is_xml(self.content_type):
            raise ApiError(415, Problem(f"Unsupported content type {self.content_type or '(none)'}."))
        document = parse(self.content)
        if document.tag != root:
            raise invalid(f"Unexpected root element {document.tag}: expected {root}.")
        return document

    def fields(self, root: str) -> Fields:
        """The elements of the body; errors name them from the root."""
        return Fields(self.document(root), root)

    def asks(self, flag: str) -> bool:
        """Whether a query parameter is `true`."""
        return self.query.get(flag, "").lower() == "true"

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A query parameter that is a whole number."""
        value = self.query.get(name, "") or str(default)
        found = whole(value)
        if found is None or not low <= found <= high:
            raise invalid(f"Invalid value {value} for parameter {name}: expected {low} to {high}.")
        return found


def is_xml(media: str) -> bool:
    """Whether a media type is one of XML's."""
    return media.partition(";")[0].strip().lower() in {"application/xml", "text/xml"}


Handler = Callable[[Any, Incoming], Reply]
"""Takes the `World` (named `Any` here, because the world is built from what this module defines)."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address that the manager serves, and since which version."""

    method: str
    template: str
    handler: Handler
    since: Version = (0, 0, 0)


class Table:
    """The addresses that a manager of one version serves."""

    def __init__(self, routes: Iterable[Route], version: Version) -> None:
        self._routes = [
            (route.method, _pattern(route.template), route.handler)
            for route in routes
            if route.since <= version
        ]

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The handler of a request, and the named parts of its path.

        Raises:
            ApiError: 404; the web server knows no such address, or no such method of it.
        """
        bare = path.rstrip("/")  # clients send `/vnics/?action=patch` too
        for known, pattern, handler in self._routes:
            match = pattern.fullmatch(bare)
            if match and known == method:
                return handler, match.groupdict()
        raise ApiError(404)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
