"""The wire of a vCenter: SOAP over HTTPS by pyvmomi, one session, and what to do when it does not answer.

pyvmomi's ways in are not used. `SmartConnect` first asks for versions on a connection without a timeout,
without a TLS context it verifies nothing on loopback, and it compares a pinned thumbprint only after the
ordinary check has failed, so a wrong one passes. Here every connection is made with a context that
verifies, and the protocol is that of vSphere 6.5, which every later vCenter speaks, too.
"""

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from adapters import tls
from adapters.vsphere.errors import TROUBLE, Expired, NotConnected, NotSoap, from_wire
from adapters.vsphere.sdk import SoapStubAdapter, vim
from adapters.vsphere.words import SYSTEM
from hopbook.errors import AnswerLost, InvalidInput, Problem, SystemTrouble, Unreachable
from hopbook.secret import Secret

_T = TypeVar("_T")
_VERSION = "vim.version.version11"  # vSphere 6.5
_PATH, _PORT = "/sdk", 443
_IDLE_SECONDS = (
    30.0  # of a connection: one that the other side closed meanwhile would look like a lost answer
)
_CONNECTIONS = 16
_CONNECT_SECONDS = 10.0
_TRIES = 3
_OF_SOAP = frozenset({200, 500})
_SOAP = frozenset({"text/xml", "application/soap+xml"})
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 4.0


class VsphereClient:
    """One vCenter, logged in when it is first asked. Safe to share between threads.

    Args:
        url: `https://vcenter.example`; nothing but https.
        username: Of SSO: `user@vsphere.local`.
        password: Never shown, in no error either.
        timeout: Seconds that an answer may take.
        verify: Whom to trust as the vCenter; None: whom the operating system trusts.
        fingerprint: The SHA-256 of the one certificate to trust, instead of `verify`.
        sleep: How to wait between tries.
    """

    def __init__(
        self,
        url: str,
        username: str,
        password: Secret,
        *,
        timeout: float = 240,
        verify: ssl.SSLContext | None = None,
        fingerprint: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        host, port = _checked(url)
        self.timeout, self.address = timeout, f"{host}:{port}"
        self.calls = 0
        self._username, self._password, self._sleep = username, password, sleep
        self._stub = SoapStubAdapter(
            host,
            port,
            path=_PATH,
            version=_VERSION,
            poolSize=_CONNECTIONS,
            connectionPoolTimeout=_IDLE_SECONDS,
            sslContext=_trust(verify, fingerprint),
            httpConnectionTimeout=timeout,
        )
        self._stub.scheme = _SoapOnly
        self._connect, self._stub.GetConnection = self._stub.GetConnection, self._connection
        self._lock = threading.Lock()
        self._content: Any = None
        self._session = 0  # how often we logged in

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out and let go of the connections. What goes wrong with that is nobody's trouble any more."""
        with self._lock:
            content, self._content = self._content, None
            with suppress(*TROUBLE):  # what is not ended here ends by itself
                if content is not None:
                    content.sessionManager.Logout()
            self._stub.DropConnections()

    def read(self, what: str, ask: Callable[[Any], _T]) -> _T:
        """What the vCenter answers; tried again where no answer came.

        Args:
            what: The call, for messages.
            ask: Makes it, of the vCenter's `ServiceContent`.

        Raises:
            SystemTrouble: of the class that says why not.
        """
        again = Retrying(
            retry=retry_if_exception_type((AnswerLost, Unreachable)),
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
            sleep=self._sleep,
            reraise=True,
        )
        answer: _T = again(self._logged_in, what, ask, changing=False)
        return answer

    def change(self, what: str, make: Callable[[Any], _T]) -> _T:
        """Make a call that changes something, once.

        Raises:
            AnswerLost: no answer, or none of vCenter: whether it was done is unknown.
            SystemTrouble: any other: it was not done.
        """
        return self._logged_in(what, make, changing=True)

    def object(self, kind: str, identifier: str) -> Any:
        """The managed object of a kind (`VirtualMachine`) and id; nothing is asked for it yet."""
        return getattr(vim, kind)(identifier, self._stub)

    def _logged_in(self, what: str, ask: Callable[[Any], _T], *, changing: bool) -> _T:
        """Call; where the session has ended, which proves that nothing was done, log in and call again."""
        session, content = self._open(0)
        try:
            return self._once(what, lambda: ask(content), changing=changing)
        except Expired:
            _, content = self._open(session)
        return self._once(what, lambda: ask(content), changing=changing)

    def _open(self, ended: int) -> tuple[int, Any]:
        """The session, newer than the one that has ended; of several threads one logs in."""
        with self._lock:
            if self._content is None or self._session == ended:
                root = vim.ServiceInstance("ServiceInstance", self._stub)
                content = self._once("connecting", root.RetrieveContent, changing=False)
                self._once("login", lambda: self._login(content), changing=False)
                self._content, self._session = content, self._session + 1
            return self._session, self._content

    def _login(self, content: Any) -> None:
        content.sessionManager.Login(self._username, self._password.reveal(), None)

    def _once(self, what: str, call: Callable[[], _T], *, changing: bool) -> _T:
        self.calls += 1
        try:
            return call()
        except SystemTrouble:
            raise
        except TROUBLE as error:
            raise from_wire(error, what, self.address, changing=changing) from error

    def _connection(self) -> Any:
        """A connection; what goes wrong with it comes before anything was sent."""
        try:
            return self._connect()
        except OSError as error:
            raise NotConnected from error


class _SoapOnly(HTTPSConnection):
    """Lets no page through: pyvmomi would take a well-formed one for an answer that says nothing."""

    def connect(self) -> None:
        """Connect, TLS handshake included; an answer may take longer than that."""
        patience, self.timeout = self.timeout, min(self.timeout or _CONNECT_SECONDS, _CONNECT_SECONDS)
        super().connect()
        self.timeout = patience
        self.sock.settimeout(patience)

    def getresponse(self) -> HTTPResponse:
        """The answer, if it is one of SOAP or carries a status that is none."""
        response = super().getresponse()
        kind = response.headers.get_content_type()
        if response.status in _OF_SOAP and kind not in _SOAP:
            raise NotSoap(f"it is {kind}")
        return response


def _checked(url: str) -> tuple[str, int]:
    try:
        parsed = urlsplit(url)
        port = parsed.port or _PORT
    except ValueError as error:
        raise InvalidInput(Problem(what=f"this is no address of a {SYSTEM}: {error}")) from error
    if (
        parsed.scheme != "https"
        or not parsed.hostname
        or parsed.username
        or parsed.path not in {"", "/", _PATH}
    ):
        raise InvalidInput(
            Problem(what=f"{parsed.hostname or 'the address'}: expected https://host without credentials")
        )
    return parsed.hostname, port


def _trust(verify: ssl.SSLContext | None, fingerprint: str | None) -> ssl.SSLContext:
    if fingerprint is None:
        context = verify or ssl.create_default_context()
        if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
            raise InvalidInput(Problem(what=f"{SYSTEM}: TLS without verification of the certificate"))
        return context
    try:
        return tls.pinned(fingerprint)
    except ValueError as error:
        raise InvalidInput(Problem(what=f"{SYSTEM}: {error}")) from error
