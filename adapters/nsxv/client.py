"""The wire of an NSX Manager: HTTPS, XML, and what to do when it does not answer as it should.

NSX-V API guide 6.4, introduction and appendix. No call carries a token that would make a repetition safe, so
a change is sent again only where the answer (or the lack of a connection) proves that nothing was done.
"""

import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias
from xml.sax.saxutils import escape

import httpx
from tenacity import RetryCallState, Retrying, stop_never, wait_exponential

from adapters import tls
from adapters.nsxv import errors, xml
from adapters.nsxv.errors import SYSTEM, Busy, RoleMissing
from adapters.nsxv.xml import Element
from hopbook.errors import AnswerLost, InvalidInput, Problem, Unreachable
from hopbook.secret import Secret

Query: TypeAlias = Mapping[str, str | int | Sequence[int]]

CLI = "/api/1.0/nsx/cli"
_XML, _PLAIN = "application/xml", "text/plain"
_CONNECT_SECONDS = 10.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 4.0  # as OpenStack's driver waits between its tries
_TRIES: Mapping[type[Exception], int] = {Busy: 10, Unreachable: 4}
_TRIES_OF_A_READ: Mapping[type[Exception], int] = {**_TRIES, AnswerLost: 3}
_PAGE = 1024  # the most that NSX gives at once
_BARE_ID = re.compile(rb"[\w.-]+")  # some creates answer `virtualwire-3` and nothing around it


class NsxClient:
    """One NSX Manager. Safe to share between threads.

    Args:
        url: `https://nsx.example`; nothing but https.
        username: Of NSX or SSO.
        password: Never shown, in no error either.
        timeout: Seconds that an answer may take.
        deploy_timeout: The same where an appliance is deployed or removed.
        verify: Whom to trust as the manager; None: whom the operating system trusts.
        transport: For tests and rehearsals, instead of the network.
        fingerprint: The SHA-256 of the one certificate to trust, instead of `verify`.
        sleep: How to wait between tries.
    """

    def __init__(  # noqa: PLR0913 - what a connection is made of
        self,
        url: str,
        username: str,
        password: Secret,
        *,
        timeout: float = 240,
        deploy_timeout: float = 1200,
        verify: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
        fingerprint: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeout, self.deploy_timeout = timeout, deploy_timeout
        self._password = password
        self._http = httpx.Client(
            base_url=_checked(url),
            auth=_login(username, password),
            headers={"Accept": _XML},
            timeout=_patience(timeout),
            verify=_trust(verify, fingerprint) if transport is None else True,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    @property
    def address(self) -> str:
        """The manager's host and port."""
        return self._http.base_url.netloc.decode()

    def read(self, path: str, query: Query | None = None) -> Element:
        """What a GET answers.

        Raises:
            SystemTrouble: of the class that says why not; an `AnswerLost` after several tries.
        """
        response = self._send("GET", path, None, query or {}, self.timeout, ())
        try:
            return xml.parse(response.content)
        except xml.NotXml as error:
            raise errors.garbled(f"GET {path}", self.address, str(error), changing=False) from error

    def pages(self, path: str, item: str, *, start: str, size: str) -> Iterator[Element]:
        """Every element of a paged list, read page by page (`start` and `size` name its parameters)."""
        at = 0
        while True:
            page = self.read(path, {start: at, size: _PAGE})
            found = list(page.iter(item))
            yield from found
            at += len(found)
            total = page.find(".//pagingInfo/totalCount")
            if total is None:
                raise errors.garbled(f"GET {path}", self.address, "a list without pages", changing=False)
            if not found or at >= int(total.text or 0):
                return

    def change(
        self,
        method: str,
        path: str,
        body: Element | None = None,
        *,
        query: Query | None = None,
        timeout: float | None = None,
        secrets: Sequence[Secret] = (),
    ) -> str:
        """Make a change; returns the id of what was made, empty where the answer names none.

        Args:
            method: POST, PUT or DELETE.
            path: Behind the manager's address, from `/api` on.
            body: The document to send.
            query: Parameters.
            timeout: Where an answer may take longer than usual.
            secrets: What of the body must not come back in an error.

        Raises:
            AnswerLost: no answer, or none of NSX: whether it was done is unknown.
            SystemTrouble: any other: it was not done.
        """
        response = self._send(method, path, body, query or {}, timeout or self.timeout, secrets)
        content, location = response.content.strip(), response.headers.get("Location", "")
        if response.status_code == httpx.codes.ACCEPTED:
            why = "it goes on by itself"
            raise errors.garbled(f"{method} {path}", self.address, why, changing=True)
        if _BARE_ID.fullmatch(content):
            return content.decode()
        if content:
            try:
                xml.parse(content)
            except xml.NotXml as error:
                raise errors.garbled(f"{method} {path}", self.address, str(error), changing=True) from error
        return str(location).partition("?")[0].rstrip("/").rpartition("/")[2]

    def say(self, command: str) -> str:
        """What the central CLI prints for a command that only shows something.

        Raises:
            SystemTrouble: it refused, or did not answer.
        """
        request = self._http.build_request(
            "POST",
            CLI,
            params={"action": "execute"},
            content=xml.serialize(xml.make("nsxcli", xml.make("command", command))),
            headers={"Content-Type": _XML, "Accept": _PLAIN},
        )
        response = self._again(request, f"central CLI: {command}", (), changing=False)
        if not response.headers.get("Content-Type", _PLAIN).startswith(_PLAIN):
            raise errors.garbled(command, self.address, "no plain text", changing=False)
        return response.text

    def version(self) -> tuple[int, ...]:
        """The manager's version, `(6, 4, 4)`; empty where the user may not know it.

        NSX-V API guide 6.4: `appliance-management` refuses the users of SSO.
        """
        try:
            info = self.read("/api/1.0/appliance-management/global/info")
        except RoleMissing:
            return ()
        names = ("majorVersion", "minorVersion", "patchVersion")
        return tuple(xml.number(info, f"versionInfo/{name}", 0) for name in names)

    def _send(
        self,
        method: str,
        path: str,
        body: Element | None,
        query: Query,
        timeout: float,
        secrets: Sequence[Secret],
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            path,
            params=dict(query),
            content=None if body is None else xml.serialize(body),
            headers=None if body is None else {"Content-Type": _XML},
            timeout=_patience(timeout),
        )
        return self._again(request, f"{method} {path}", secrets, changing=method != "GET")

    def _again(
        self, request: httpx.Request, what: str, secrets: Sequence[Secret], *, changing: bool
    ) -> httpx.Response:
        """Send a request, and once more where that may help."""
        tries = _TRIES if changing else _TRIES_OF_A_READ

        def worth_it(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            return isinstance(error, Exception) and state.attempt_number < tries.get(type(error), 1)

        again = Retrying(
            retry=worth_it,
            stop=stop_never,
            wait=wait_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT),
            sleep=self._sleep,
            reraise=True,
        )
        return again(self._once, request, what, secrets, changing)

    def _once(
        self,
        request: httpx.Request,
        what: str,
        secrets: Sequence[Secret],
        changing: bool,  # noqa: FBT001
    ) -> httpx.Response:
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            raise errors.from_transport(error, what, self.address) from error
        except httpx.DecodingError as error:
            raise errors.garbled(what, self.address, str(error), changing=changing) from error
        if response.status_code < httpx.codes.MULTIPLE_CHOICES:
            return response
        scrub = _scrubber((self._password, *secrets))
        raise errors.from_answer(response, what, changing=changing, scrub=scrub)


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidInput(Problem(what=f"{url!r} is no address of an {SYSTEM} manager: {error}")) from error
    if parsed.scheme != "https" or not parsed.host or parsed.userinfo:
        raise InvalidInput(Problem(what=f"{parsed.host or url!r}: expected https://host without credentials"))
    return url


def _login(username: str, password: Secret) -> Callable[[httpx.Request], httpx.Request]:
    def sign(request: httpx.Request) -> httpx.Request:
        return next(httpx.BasicAuth(username, password.reveal()).auth_flow(request))

    return sign


def _trust(verify: ssl.SSLContext | None, fingerprint: str | None) -> ssl.SSLContext:
    if fingerprint is None:
        context = verify or ssl.create_default_context()
        if context.verify_mode is not ssl.CERT_REQUIRED:
            raise InvalidInput(Problem(what=f"{SYSTEM}: TLS without verification of the certificate"))
        return context
    try:
        return tls.pinned(fingerprint)
    except ValueError as error:
        raise InvalidInput(Problem(what=f"{SYSTEM}: {error}")) from error


def _patience(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))


def _scrubber(secrets: Sequence[Secret]) -> Callable[[str], str]:
    def scrub(said: str) -> str:
        for secret in secrets:
            for spelling in {secret.reveal(), escape(secret.reveal())} - {""}:
                said = said.replace(spelling, "…")
        return said

    return scrub
