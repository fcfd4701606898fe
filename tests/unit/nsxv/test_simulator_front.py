"""The simulated NSX Manager before any feature: who may talk to it, in what form, and how it refuses."""

from collections.abc import Iterator

import httpx
import pytest
from lxml import etree

from adapters.nsxv.simulator import NsxManager, Options

XML = {"Content-Type": "application/xml"}
SCOPE = "/api/2.0/vdn/scopes/vdnscope-1/virtualwires"
SPEC = "<virtualWireCreateSpec><name>web</name><tenantId>t</tenantId></virtualWireCreateSpec>"


def talk(manager: NsxManager, user: str = "admin", password: str = "secret") -> httpx.Client:
    transport = httpx.MockTransport(manager.handle)
    return httpx.Client(transport=transport, base_url="https://nsx", auth=(user, password), headers=XML)


def value(answer: httpx.Response, path: str) -> str | None:
    return etree.fromstring(answer.content).findtext(path)


@pytest.fixture
def manager() -> NsxManager:
    manager = NsxManager(
        username="admin", password="secret", options=Options(auditors={"auditor": "look-only"})
    )
    manager.add_transport_zone("tz-1")
    return manager


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic not-base64!",
        "Basic YWRtaW46d3Jvbmc=",
        "Basic bm9ib2R5OnNlY3JldA==",
        "Bearer YWRtaW46c2VjcmV0",
        "AUTHTOKEN eyJ",
        "Basic /w==",
        "Basic \xe9\xe9\xe9\xe9",
    ],
)
def test_without_the_right_login_the_web_server_answers_401(
    manager: NsxManager, authorization: str | None
) -> None:
    headers = {b"Authorization": authorization.encode("latin-1")} if authorization else None
    with httpx.Client(transport=httpx.MockTransport(manager.handle)) as client:
        answer = client.get("https://nsx/api/2.0/vdn/scopes", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_the_probe_answers_whoever_is_logged_in(manager: NsxManager, client: httpx.Client) -> None:
    probe = "/api/2.0/services/usermgmt/user/admin"
    assert value(client.get(probe), "userId") == "admin"
    with talk(manager, "auditor", "look-only") as auditor:
        assert auditor.get(probe).status_code == 200
    assert client.get("/api/2.0/services/usermgmt/user/nobody").status_code == 404


def test_who_may_only_read_reads_and_is_refused_the_rest(manager: NsxManager) -> None:
    before = manager.dump()
    with talk(manager, "auditor", "look-only") as auditor:
        assert auditor.get("/api/2.0/vdn/scopes").status_code == 200
        refused = auditor.post(SCOPE, content=SPEC)
        assert auditor.get("/api/1.0/appliance-management/global/info").status_code == 403
    assert refused.status_code == 403
    assert manager.dump() == before


def test_the_version_is_the_one_that_was_asked_for() -> None:
    manager = NsxManager(username="admin", password="secret", version="6.3.5")
    with talk(manager) as client:
        info = client.get("/api/1.0/appliance-management/global/info")
    assert [value(info, f"versionInfo/{part}Version") for part in ("major", "minor", "patch")] == [
        "6",
        "3",
        "5",
    ]


@pytest.mark.parametrize("version", ["6.4", "6.4.x", "", "6.4.4.1"])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(ValueError, match=r"such as 6\.4\.4"):
        NsxManager(username="admin", password="secret", version=version)


@pytest.mark.parametrize("accept", ["*/*", "application/xml", "application/json, */*;q=0.1", "text/xml"])
def test_any_client_that_takes_xml_gets_xml(client: httpx.Client, accept: str) -> None:
    answer = client.get("/api/2.0/vdn/scopes", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    assert answer.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')


def test_a_client_that_takes_none_is_told(client: httpx.Client) -> None:
    assert client.get("/api/2.0/vdn/scopes", headers={"Accept": "application/json"}).status_code == 415


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_a_body_that_is_not_declared_as_xml_is_415(client: httpx.Client, content_type: str) -> None:
    assert client.post(SCOPE, content=SPEC, headers={"Content-Type": content_type}).status_code == 415


def test_a_charset_beside_the_content_type_is_fine(client: httpx.Client) -> None:
    answer = client.post(SCOPE, content=SPEC, headers={"Content-Type": "application/xml; charset=utf-8"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n ",
        b"not xml",
        b"<virtualWireCreateSpec>",
        b"<somethingElse/>",
        b'<virtualWireCreateSpec xmlns="urn:x"><name>a</name></virtualWireCreateSpec>',
        b"\xff\xfe<\x00a\x00/\x00>\x00",
        b"<a>" * 5000 + b"</a>" * 5000,
    ],
)
def test_a_body_that_is_no_document_of_that_root_is_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post(SCOPE, content=body)
    assert answer.status_code == 400
    assert value(answer, "details")


EXTERNAL = '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
LAUGHS = '<!DOCTYPE v [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        (EXTERNAL + SPEC.replace("web", "&x;")).encode(),
        (LAUGHS + SPEC.replace("web", "w&b;")).encode(),
        b"<!DOCTYPE v>" + SPEC.encode(),
        # In UTF-7 the document type hides from a search of the bytes
        b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE v+AD4-' + SPEC.encode(),
        # An attribute's entity is expanded while it is parsed
        (LAUGHS + SPEC.replace("<name>", '<name a="&b;">')).encode(),
    ],
)
def test_no_document_type_and_no_entity_gets_in(
    client: httpx.Client, manager: NsxManager, body: bytes
) -> None:
    assert client.post(SCOPE, content=body).status_code == 400
    assert manager.dump()["logical switches"] == {}


def test_the_encoding_is_not_the_documents_to_say(client: httpx.Client, manager: NsxManager) -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?>' + SPEC.replace("web", "日本語")
    assert client.post(SCOPE, content=body.encode()).status_code == 201
    assert list(manager.dump()["logical switches"]) == ["日本語"]


def test_comments_and_instructions_are_not_data(client: httpx.Client, manager: NsxManager) -> None:
    body = SPEC.replace("web", "w<!-- no -->e<?pi x?>b")
    assert client.post(SCOPE, content=body).status_code == 201
    assert list(manager.dump()["logical switches"]) == ["web"]


def test_a_body_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    assert client.post(SCOPE, content=b" " * (10 * 2**20 + 1)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/9.9/nothing"),
        ("GET", "/"),
        ("PATCH", "/api/4.0/edges"),
        ("GET", "/api/4.0/edges/edge-1/routing/config/ospf"),
        ("GET", "/api/4.0/edges/edge-1/nat/config/rules/196609"),
    ],
)
def test_an_address_that_does_not_exist_is_the_web_servers_404(
    client: httpx.Client, method: str, path: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_object_that_does_not_exist_is_a_404_of_its_own(client: httpx.Client) -> None:
    answer = client.get("/api/4.0/edges/edge-9")
    assert answer.status_code == 404
    assert value(answer, "errorCode") == "202"
    assert value(answer, "moduleName") == "core-services"
    assert value(answer, "details") == (
        "The requested object : edge-9 could not be found. Object identifiers are case sensitive."
    )


def test_a_misspelt_element_does_not_pass_in_silence(client: httpx.Client) -> None:
    answer = client.post(SCOPE, content=SPEC.replace("<tenantId>", "<tenant>x</tenant><tenantId>"))
    assert answer.status_code == 400
    assert value(answer, "details") == "Unrecognized field virtualWireCreateSpec.tenant."


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (SPEC.replace("<name>web</name>", ""), "Required field virtualWireCreateSpec.name is missing."),
        (
            SPEC.replace("<name>", "<name>a</name><name>"),
            "Field virtualWireCreateSpec.name is given more than once.",
        ),
        (SPEC.replace("web", "<b/>"), "Field virtualWireCreateSpec.name takes a single value."),
    ],
)
def test_a_field_is_there_once_and_holds_one_value(client: httpx.Client, body: str, details: str) -> None:
    answer = client.post(SCOPE, content=body)
    assert (answer.status_code, value(answer, "details")) == (400, details)


@pytest.mark.parametrize("flag", ["true", "True", "TRUE"])
def test_a_boolean_is_read_in_any_case(client: httpx.Client, flag: str) -> None:
    body = SPEC.replace("<name>", f"<guestVlanAllowed>{flag}</guestVlanAllowed><name>")
    created = client.post(SCOPE, content=body).text
    answer = client.get(f"/api/2.0/vdn/virtualwires/{created}")
    assert value(answer, "guestVlanAllowed") == "true"


def test_a_boolean_that_is_none_is_refused(client: httpx.Client) -> None:
    body = SPEC.replace("<name>", "<guestVlanAllowed>yes</guestVlanAllowed><name>")
    assert client.post(SCOPE, content=body).status_code == 400


def test_a_trailing_slash_and_an_empty_first_pair_are_tolerated(client: httpx.Client) -> None:
    client.post(SCOPE, content=SPEC)
    answer = client.get("/api/2.0/vdn/virtualwires/?&pagesize=1")
    assert value(answer, "dataPage/pagingInfo/pageSize") == "1"


def test_text_comes_back_as_it_was(client: httpx.Client, manager: NsxManager) -> None:
    odd = "a &lt;b&gt; &amp; 日本語 &quot;c&quot;"
    created = client.post(SCOPE, content=SPEC.replace("web", odd)).text
    answer = client.get(f"/api/2.0/vdn/virtualwires/{created}")
    assert value(answer, "name") == 'a <b> & 日本語 "c"'


def test_every_request_is_noted_whatever_came_of_it(client: httpx.Client, manager: NsxManager) -> None:
    client.post(SCOPE, content=SPEC)
    client.get("/api/2.0/vdn/virtualwires?pagesize=5")
    client.get("/nowhere")
    assert manager.requests == [
        ("POST", SCOPE),
        ("GET", "/api/2.0/vdn/virtualwires?pagesize=5"),
        ("GET", "/nowhere"),
    ]
    assert manager.calls[0].body == SPEC.encode()


@pytest.mark.parametrize(
    ("absolute", "expected"),
    [
        (False, "/api/2.0/vdn/virtualwires/virtualwire-1"),
        (True, "https://nsx/api/2.0/vdn/virtualwires/virtualwire-1"),
    ],
)
def test_location_is_a_path_or_a_url(absolute: bool, expected: str) -> None:
    options = Options(absolute_location=absolute)
    manager = NsxManager(username="admin", password="secret", options=options)
    manager.add_transport_zone("tz-1")
    with talk(manager) as client:
        assert client.post(SCOPE, content=SPEC).headers["Location"] == expected
