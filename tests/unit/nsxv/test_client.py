"""The client against a server that answers what a test wants."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from adapters.nsxv import xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.errors import Busy
from hopbook.errors import (
    AnswerLost,
    Garbled,
    HopbookError,
    InvalidInput,
    LoginRefused,
    Missing,
    Rejected,
    SystemTrouble,
    Unreachable,
)
from hopbook.secret import Secret

PASSWORD = Secret("n5x&<Secret>")
EDGE = "/api/4.0/edges/edge-1"
CONCURRENT = "Concurrent object access error. Refresh UI or fetch the latest copy of the object."
HTML = b"<!doctype html><html><title>HTTP Status</title></html>"

Answer = httpx.Response | type[httpx.TransportError]


def error(details: str = "", code: str = "", more: str = "") -> bytes:
    told = f"<details>{details}</details>" if details else ""
    return (
        f"<error>{told}<errorCode>{code}</errorCode><moduleName>vShield</moduleName>{more}</error>".encode()
    )


@dataclass
class Server:
    """Gives its answers one after the other, the last one for ever."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.Response):
            return answer
        raise answer("simulated", request=request)


Serve = Callable[..., tuple[NsxClient, Server]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    clients = []

    def start(*answers: Answer) -> tuple[NsxClient, Server]:
        server = Server(list(answers))
        transport = httpx.MockTransport(server)
        client = NsxClient(
            "https://nsx.example", "admin", PASSWORD, transport=transport, sleep=server.waited.append
        )
        clients.append(client)
        return client, server

    yield start
    for client in clients:
        client.close()


def test_a_request_says_who_sends_it_and_that_it_is_xml(serve: Serve) -> None:
    client, server = serve(httpx.Response(201, headers={"Location": "/api/4.0/edges/edge-7"}))

    made = client.change("POST", "/api/4.0/edges", xml.make("edge", xml.make("name", "esg")))

    (request,) = server.requests
    assert made == "edge-7"
    assert httpx.BasicAuth("admin", PASSWORD.reveal())._auth_header == request.headers["Authorization"]
    assert (request.headers["Accept"], request.headers["Content-Type"]) == (
        "application/xml",
        "application/xml",
    )
    assert xml.text(xml.parse(request.content), "name") == "esg"


@pytest.mark.parametrize(
    ("answer", "identifier"),
    [
        (httpx.Response(201, headers={"Location": "https://nsx/api/4.0/edges/edge-4/"}), "edge-4"),
        (
            httpx.Response(201, headers={"Location": "/api/4.0/edges/edge-1/nat/config/rules/196610?x=y"}),
            "196610",
        ),
        (httpx.Response(201, text="virtualwire-3\n", headers={"Location": "/elsewhere"}), "virtualwire-3"),
        (httpx.Response(200, content=b"<interfaces><interface/></interfaces>"), ""),
        (httpx.Response(204), ""),
    ],
)
def test_the_id_of_what_was_made_is_found(serve: Serve, answer: httpx.Response, identifier: str) -> None:
    client, _ = serve(answer)

    assert client.change("POST", EDGE) == identifier


BUSY = [
    httpx.Response(409, content=error(CONCURRENT, "101")),
    httpx.Response(400, content=error(CONCURRENT, "101")),
    httpx.Response(409, content=error("org.hibernate.OptimisticLockException", "258")),
    httpx.Response(400, content=error("org.hibernate.OptimisticLockException", "258")),
    httpx.Response(409, content=HTML),
    httpx.Response(503, content=HTML),
]


@pytest.mark.parametrize("busy", BUSY)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
def test_a_busy_manager_is_asked_again_with_growing_patience(
    serve: Serve, busy: httpx.Response, method: str
) -> None:
    client, server = serve(*[busy] * 6, httpx.Response(200, content=b"<ok/>"))

    client.read(EDGE) if method == "GET" else client.change(method, EDGE)

    assert server.waited == [0.5, 1, 2, 4, 4, 4]


def test_a_manager_that_stays_busy_is_given_up_and_can_be_asked_later(serve: Serve) -> None:
    client, server = serve(BUSY[0])

    with pytest.raises(Busy, match="Concurrent object access") as caught:
        client.change("PUT", EDGE)

    assert (caught.value.retryable, caught.value.code, len(server.requests)) == (True, "101", 10)


@pytest.mark.parametrize("lost", [httpx.ConnectError, httpx.ConnectTimeout])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_nothing_was_sent_so_it_is_tried_again(
    serve: Serve, lost: type[httpx.TransportError], method: str
) -> None:
    client, server = serve(lost)

    with pytest.raises(Unreachable):
        client.read(EDGE) if method == "GET" else client.change(method, EDGE)

    assert len(server.requests) == 4


LOST: list[Answer] = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
    httpx.Response(500, content=error("Internal", "100046")),
    httpx.Response(502, content=HTML),
    httpx.Response(504, content=HTML),
    httpx.Response(200, content=HTML),
    httpx.Response(200, content=b"<html/>"),
    httpx.Response(200, content=b"\x00\x01"),
    httpx.Response(202, headers={"Location": "/api/4.0/edges/jobs/jobdata-1"}),
    httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
]


@pytest.mark.parametrize("answer", LOST)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_change_without_a_clear_answer_is_unknown_and_not_sent_again(
    serve: Serve, answer: Answer, method: str
) -> None:
    client, server = serve(answer)

    with pytest.raises(AnswerLost):
        client.change(method, EDGE)

    assert len(server.requests) == 1


def test_a_reading_without_an_answer_is_tried_three_times(serve: Serve) -> None:
    client, server = serve(httpx.ReadTimeout, httpx.ReadError, httpx.Response(200, content=b"<edge/>"))
    assert client.read(EDGE).tag == "edge"

    client, server = serve(httpx.ReadTimeout)
    with pytest.raises(AnswerLost):
        client.read(EDGE)
    assert len(server.requests) == 3


@pytest.mark.parametrize("body", [HTML, b"", b"edge-1", b'{"edge": 1}'])
def test_a_reading_of_something_else_is_garbled(serve: Serve, body: bytes) -> None:
    client, _ = serve(httpx.Response(200, content=body))

    with pytest.raises(Garbled, match="nsx"):
        client.read(EDGE)


REFUSALS: list[tuple[int, bytes, type[SystemTrouble], str]] = [
    (401, HTML, LoginRefused, "check user and password"),
    (403, HTML, LoginRefused, "role"),
    (403, error("User is not authorized", "403"), LoginRefused, "User is not authorized"),
    (404, error("The requested object : edge-9 could not be found.", "202"), Missing, "edge-9"),
    (400, error("The requested object : edge-9 could not be found.", "202"), Missing, "edge-9"),
    (400, error("Firewall rule does not exist", "100029"), Missing, "does not exist"),
    (404, HTML, Rejected, "404"),
    (400, HTML, Rejected, "not NSX's"),
    (400, error(code="100"), Rejected, "gives no reason"),
    (503, error("Edge VM is not running", "10013"), Rejected, "not running"),
    (
        400,
        error(
            "Invalid IP Address input 44.4-44.5 for field ipPools.ipPools[0].ipRange.",
            "15012",
            "<errorData><data><key>leafNode</key><value>ipRange</value></data></errorData>",
        ),
        Rejected,
        "for field ipPools.ipPools[0].ipRange. [15012]",
    ),
    (
        400,
        error("No.", "1", "<errorData><data><key>leafNode</key><value>mtu</value></data></errorData>"),
        Rejected,
        "(field mtu)",
    ),
    (400, b"<errors>" + error("One.", "7") + error("Two.", "8") + b"</errors>", Rejected, "One.; Two. [7]"),
    (
        400,
        b'{"details":"Edge name should be unique","errorCode":10085,"rootCauseString":null,"errorData":null}',
        Rejected,
        "Edge name should be unique [10085]",
    ),
    (400, b'{"errors":[{"details":"A","errorCode":1},{"details":"B"}]}', Rejected, "A; B [1]"),
    (400, b"[1, 2]", Rejected, "not NSX's"),
    (400, b'{"message": "x"}', Rejected, "not NSX's"),
    (415, b"", Rejected, "415"),
]


@pytest.mark.parametrize(("status", "body", "kind", "says"), REFUSALS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refusal_says_what_nsx_said(
    serve: Serve, status: int, body: bytes, kind: type[SystemTrouble], says: str, method: str
) -> None:
    client, server = serve(httpx.Response(status, content=body))

    with pytest.raises(kind) as caught:
        client.read(EDGE) if method == "GET" else client.change(method, EDGE)

    assert says in str(caught.value)
    assert "nsx.example" in str(caught.value)
    assert len(server.requests) == 1
    assert isinstance(caught.value, Missing) is (kind is Missing)


def test_no_secret_comes_back_in_an_error(serve: Serve) -> None:
    cli = Secret("cl1-S3cret&<x>")
    body = xml.make("edge", xml.make("password", cli.reveal()))
    told = xml.serialize(
        xml.make("error", xml.make("details", f"{cli.reveal()} for {PASSWORD.reveal()} is too weak"))
    )
    page = b"<html>" + xml.serialize(body)
    twice = xml.serialize(xml.make("error", xml.make("details", xml.serialize(body).decode())))
    for answer in (
        httpx.Response(400, content=told),
        httpx.Response(401, content=told),
        httpx.Response(500, content=told),
        httpx.Response(200, content=page),
        httpx.Response(400, content=page),
        httpx.Response(400, content=twice),
        httpx.ReadTimeout,
    ):
        client, _ = serve(answer)
        with pytest.raises(HopbookError) as caught:
            client.change("POST", "/api/4.0/edges", body, secrets=[cli])
        seen: BaseException | None = caught.value
        while seen is not None:
            assert "S3cret" not in f"{seen!s}{seen!r}{seen.args!r}"
            assert "n5x" not in f"{seen!s}{seen!r}{seen.args!r}"
            seen = seen.__cause__ or seen.__context__
        assert "n5x" not in repr(client.__dict__)


def page(total: int, start: int, count: int) -> httpx.Response:
    items = "".join(f"<x>{n}</x>" for n in range(start, min(start + count, total)))
    info = f"<pagingInfo><totalCount>{total}</totalCount></pagingInfo>"
    return httpx.Response(200, content=f"<list><page>{info}{items}</page></list>".encode())


def test_every_page_is_read(serve: Serve) -> None:
    client, server = serve(page(5, 0, 2), page(5, 2, 2), page(5, 4, 2))

    found = [element.text for element in client.pages("/api/x", "x", start="startIndex", size="pageSize")]

    assert found == ["0", "1", "2", "3", "4"]
    assert [request.url.params["startIndex"] for request in server.requests] == ["0", "2", "4"]
    assert {request.url.params["pageSize"] for request in server.requests} == {"1024"}


def test_a_list_that_shrinks_ends(serve: Serve) -> None:
    client, _ = serve(page(5, 0, 2), page(9, 9, 2))

    assert len(list(client.pages("/api/x", "x", start="startIndex", size="pageSize"))) == 2


def test_a_list_without_pages_is_no_empty_list(serve: Serve) -> None:
    client, _ = serve(httpx.Response(200, content=b"<somethingElse/>"))

    with pytest.raises(Garbled):
        list(client.pages("/api/x", "x", start="startIndex", size="pageSize"))


def test_the_version_is_read_or_not_known(serve: Serve) -> None:
    info = b"<globalInfo><versionInfo><majorVersion>6</majorVersion><minorVersion>4</minorVersion>"
    client, _ = serve(
        httpx.Response(200, content=info + b"<patchVersion>4</patchVersion></versionInfo></globalInfo>")
    )
    assert client.version() == (6, 4, 4)

    client, _ = serve(httpx.Response(403, content=HTML))
    assert client.version() == ()

    client, _ = serve(httpx.Response(401, content=HTML))
    with pytest.raises(LoginRefused):
        client.version()


@pytest.mark.parametrize(
    "url", ["http://nsx.example", "nsx.example", "https://", "https://a:b@nsx", "https://nsx:port"]
)
def test_only_https_without_credentials_is_an_address(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        NsxClient(url, "admin", PASSWORD)
    assert "a:b" not in str(caught.value)
