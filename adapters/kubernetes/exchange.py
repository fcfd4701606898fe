"""What goes over the wire to an API server, in nobody's types: our client and the simulator share it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode

MERGE, APPLY, JSON = "application/merge-patch+json", "application/apply-patch+yaml", "application/json"
"""Media types of a body; an apply's YAML is written as JSON, which is YAML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: `path` from `/api` or `/apis` on."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    media: str = ""
    token: str = ""

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object; None: it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class NotSent(Exception):
    """There is no connection, and nothing was sent."""


class NotTrusted(Exception):
    """The server shows a certificate that is not trusted; nothing was sent."""


class NoAnswer(Exception):
    """Something was sent, and no answer came."""


class Wire(Protocol):
    """The way to one API server. Safe to share between threads."""

    @property
    def address(self) -> str:
        """The server's host and port."""

    def send(self, request: Request, timeout: float) -> Answer:
        """Ask once, and wait that many seconds at most.

        Raises:
            NotSent: there is no connection.
            NotTrusted: nor will there be one, to this server.
            NoAnswer: whether it was heard is unknown.
        """

    def close(self) -> None:
        """Let go of the connections."""
