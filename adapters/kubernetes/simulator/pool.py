"""The official client's way to a simulated cluster, without a network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from urllib3.exceptions import ReadTimeoutError

from adapters.kubernetes.exchange import NoAnswer
from adapters.kubernetes.simulator import SimulatedCluster
from adapters.kubernetes.simulator.front import received


@dataclass(frozen=True, slots=True)
class _Response:
    """What the official client looks at of an answer."""

    status: int
    data: bytes
    headers: Mapping[str, str]
    reason: str = field(default="")

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """The body, at once."""
        yield self.data


class InProcess:
    """A pool of connections for the official client, with the cluster at the other end."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    def request(self, method: str, url: str, **options: Any) -> _Response:
        """Ask once.

        Raises:
            ReadTimeoutError: the cluster was made to give no answer.
        """
        body = options.get("body") or b""
        content = body.encode() if isinstance(body, str) else body
        try:
            answer = self._cluster.handle(received(method, url, options.get("headers") or {}, content))
        except NoAnswer as error:
            raise ReadTimeoutError(None, url, str(error)) from error  # type: ignore[arg-type]  # there is no pool
        return _Response(answer.status, answer.body, answer.headers)

    def clear(self) -> None:
        """There is nothing to let go of."""
