"""The official client as a wire: it brings kubeconfigs, credentials and TLS, and nothing of it leaves here.

Its models stay out of it. They are of one version of Kubernetes and refuse what another one sends, and this
speaks to 1.11 as well as to today's; five hundred nodes would also take them seconds.
"""

import atexit
import json
import ssl
import threading
from typing import Any, Protocol

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException, load_kube_config_from_dict
from urllib3.exceptions import (
    ConnectTimeoutError,
    EmptyPoolError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from adapters.kubernetes.exchange import Answer, NoAnswer, NotSent, NotTrusted, Request

_CONNECT_SECONDS = 10.0
_NOT_SENT = (NewConnectionError, ConnectTimeoutError, EmptyPoolError, ProxyError, LocationParseError)


class Pool(Protocol):
    """What the official client asks of a pool of connections."""

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Ask once."""

    def clear(self) -> None:
        """Let go of the connections."""


class SdkWire:
    """The official client, spoken to in bytes."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        atexit.register(client.close)

    @property
    def address(self) -> str:
        """The server's host and port."""
        return str(urllib3.util.parse_url(self._client.configuration.host).netloc)

    def send(self, request: Request, timeout: float) -> Answer:
        """As `Wire` says."""
        headers = {"Accept": "application/json"}
        if request.media:
            headers["Content-Type"] = request.media
        method, url, headers, _, _ = self._client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query.items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        try:
            response = self._client.call_api(
                method,
                url,
                headers,
                json.loads(request.body) if request.body else None,  # it writes JSON by itself
                _request_timeout=(min(_CONNECT_SECONDS, timeout), timeout),
            )
            body = response.read()  # type: ignore[no-untyped-call]  # the client's own
        except ApiException as error:  # it makes one of a handshake that fails
            raise _trouble(error.__context__ or error) from error
        except (HTTPError, OSError) as error:
            raise _trouble(error) from error
        told = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=told, body=body)

    def close(self) -> None:
        """Let go of the connections."""
        atexit.unregister(self._client.close)
        self._client.close()  # type: ignore[no-untyped-call]  # likewise


def from_kubeconfig(document: dict[str, Any], context: str) -> SdkWire:
    """The wire to the server that a context of a kubeconfig leads to.

    Raises:
        ValueError: what is wrong with it, without what is in it.
    """
    configuration = Configuration()
    configuration.proxy = None  # the kubeconfig may name one; the environment's is for other things
    try:
        load_kube_config_from_dict(  # type: ignore[no-untyped-call]  # likewise
            document, context=context, client_configuration=configuration, persist_config=False
        )
    except ConfigException as error:
        raise ValueError(str(error).partition("\n")[0]) from None
    return SdkWire(_client(configuration))


def in_process(host: str, token: str, pool: Pool) -> SdkWire:
    """The wire to whoever stands behind a pool of connections, without a network."""
    configuration = Configuration(host=host, api_key={"BearerToken": f"Bearer {token}"})
    configuration.proxy = None
    client = _client(configuration)
    client.rest_client.pool_manager = pool  # type: ignore[assignment]  # what it asks of one
    return SdkWire(client)


_making = threading.Lock()


def _client(configuration: Configuration) -> ApiClient:
    configuration.verify_ssl = True
    configuration.retries = False  # what may be sent again is decided where its meaning is known
    with _making:
        return ApiClient(configuration)


def _trouble(error: BaseException) -> NotSent | NotTrusted | NoAnswer:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return NotTrusted(getattr(seen, "verify_message", "") or str(seen.args[-1]))
        seen = seen.__cause__ or seen.__context__ or _first(seen)
    why = str(error) or type(error).__name__
    return NotSent(why) if isinstance(error, (*_NOT_SENT, SSLError)) else NoAnswer(why)


def _first(error: BaseException) -> BaseException | None:
    """What urllib3 wraps without saying that it is a cause."""
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, BaseException) else None
