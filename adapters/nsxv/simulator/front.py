"""The web server in front of the manager: what a request is, who sent it, how a reply looks on the wire."""

import base64
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

import httpx

from adapters.nsxv.simulator.errors import ApiError, Problem, concurrent, invalid
from adapters.nsxv.simulator.exchange import Incoming, Reply, is_xml
from adapters.nsxv.simulator.probes import CLI

_WILDCARDS = frozenset({"*/*", "application/*", "text/*"})


def read(request: httpx.Request) -> Incoming:
    """The request as a handler sees it, still without a user."""
    query: dict[str, str] = {}
    # Clients in the field send `?&network=11.0.0.0/8`: an empty first pair, a slash as it is
    for name, value in parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return Incoming(
        method=request.method,
        path=request.url.path,
        query=query,
        content=request.read(),
        content_type=request.headers.get("Content-Type", ""),
    )


def target(request: httpx.Request) -> str:
    """Its path and query, as they were sent."""
    return request.url.raw_path.decode("ascii")


def login(request: httpx.Request, passwords: Mapping[str, str]) -> str:
    """Whose request it is.

    Raises:
        ApiError: 401; it has no basic authentication, or not this user's.
    """
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:  # not ASCII, not base64 or not UTF-8
        raise ApiError(401) from None
    expected = passwords.get(user)
    if scheme.lower() != "basic" or expected is None:
        raise ApiError(401)
    if not hmac.compare_digest(password.encode(), expected.encode()):
        raise ApiError(401)
    return user


def check_accept(request: httpx.Request) -> None:
    """Refuse a client that takes no XML: 6.4 would answer JSON, and this manager has none.

    The central CLI answers plain text, and only who asks for it.
    """
    wanted = request.headers.get("Accept", "*/*").split(",")
    if request.url.path == CLI:
        if not any(media.partition(";")[0].strip() == "text/plain" for media in wanted):
            raise ApiError(415, Problem("The central CLI answers text/plain only."))
        return
    if not any(is_xml(media) or media.partition(";")[0].strip() in _WILDCARDS for media in wanted):
        raise ApiError(415, Problem("The simulated manager answers XML only."))


def respond(request: httpx.Request, reply: Reply, *, absolute: bool) -> httpx.Response:
    """The reply as it goes over the wire."""
    headers = {"Cache-Control": "private, no-cache", "X-Frame-Options": "SAMEORIGIN"}
    if reply.media:
        headers["Content-Type"] = reply.media
    if reply.status == 401:  # noqa: PLR2004 - the status that this header belongs to
        headers["WWW-Authenticate"] = 'Basic realm="NSX Manager"'
    if reply.location:
        headers["Location"] = str(request.url.join(reply.location)) if absolute else reply.location
    return httpx.Response(reply.status, headers=headers, content=reply.body, request=request)


def refusal(status: int) -> ApiError:
    """A refusal as the product words it: with what it says of itself, or as its web server's page."""
    if status == 409:  # noqa: PLR2004
        return concurrent()
    if status == 400:  # noqa: PLR2004 - seen in the field with nothing but its code
        return invalid("")
    if status in {401, 404, 502, 503, 504}:
        return ApiError(status)
    return ApiError(status, Problem("Internal server error." if status >= 500 else "Refused."))  # noqa: PLR2004
