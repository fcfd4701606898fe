"""Requests as they come in, by HTTP or by the simulated site's own reads."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from adapters.kubernetes.exchange import Answer, Request
from adapters.kubernetes.simulator import SimulatedCluster


class Peeking:
    """A wire for the simulated site's own reads: no time passes, nothing goes wrong, nothing is noted."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    @property
    def address(self) -> str:
        """For messages."""
        return f"{self._cluster.name}.simulated"

    def send(self, request: Request, timeout: float) -> Answer:  # noqa: ARG002 - it takes no time
        """As `Wire` says."""
        return self._cluster.peek(request)

    def close(self) -> None:
        """There is nothing to let go of."""


def received(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """A request as it came in by HTTP; header names in any case."""
    told = {name.lower(): value for name, value in headers.items()}
    parts = urlsplit(url)
    return Request(
        method=method,
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        body=body,
        media=told.get("content-type", "").partition(";")[0].strip(),
        token=told.get("authorization", "").removeprefix("Bearer "),
    )
