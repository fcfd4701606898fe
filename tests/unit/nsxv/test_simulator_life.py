"""Faults, jobs, changes at one time and the dump of the simulated NSX Manager."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.nsxv.simulator import NsxManager, Options
from adapters.simulated.faults import Fault, Faults, parse_fault
from tests.unit.nsxv.manager import EDGE, EDGES, esg, group, make, tags, talk, value, values, vnic


@pytest.fixture
def manager() -> NsxManager:
    return make()


@pytest.fixture
def client(manager: NsxManager) -> Iterator[httpx.Client]:
    with talk(manager) as client:
        yield client


RULES = f"{EDGE}/nat/config/rules"
ONE_RULE = "<natRules><natRule><action>snat</action></natRule></natRules>"
SWITCHES = "/api/2.0/vdn/scopes/vdnscope-1/virtualwires"
SWITCH = "<virtualWireCreateSpec><name>web</name><tenantId>t</tenantId></virtualWireCreateSpec>"


def broken(*faults: str, options: Options | None = None) -> NsxManager:
    """A manager with an edge, and with these faults from now on."""
    asked = Faults([parse_fault(fault) for fault in faults])
    manager = make(faults=_Later(asked), options=options)
    with talk(manager) as client:
        client.post(EDGES, content=esg())
    manager.calls.clear()
    return manager


class _Later:
    """Faults that spare the first request, which makes the edge."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.spared = False

    def take(self, system: str, method: str, path: str) -> Fault | None:
        if not self.spared:
            self.spared = True
            return None
        return self.faults.take(system, method, path)


def rules(client: httpx.Client) -> list[str]:
    return values(client.get(f"{EDGE}/nat/config"), "natRules/natRule/ruleId")


@pytest.mark.parametrize(
    ("status", "media", "body"),
    [
        ("400", "application/xml", "<error><errorCode>100</errorCode></error>"),
        ("401", "text/html", "HTTP Status 401"),
        ("403", "application/xml", "<error>"),
        ("404", "text/html", "HTTP Status 404"),
        ("409", "application/xml", "<errorCode>101</errorCode>"),
        ("500", "application/xml", "<error>"),
        ("503", "text/html", "HTTP Status 503"),
    ],
)
def test_a_refusal_looks_as_the_products_and_does_nothing(status: str, media: str, body: str) -> None:
    with talk(broken(f"nsxv:{status}")) as client:
        answer = client.post(RULES, content=ONE_RULE)
        assert answer.status_code == int(status)
        assert answer.headers["Content-Type"].startswith(media)
        assert body in answer.text
        assert rules(client) == []
        assert client.post(RULES, content=ONE_RULE).status_code == 201


def test_a_refusal_comes_as_often_as_asked_for() -> None:
    with talk(broken("nsxv:503*2")) as client:
        codes = [client.post(RULES, content=ONE_RULE).status_code for _ in range(3)]
    assert codes == [503, 503, 201]


def test_busy_is_a_409_that_says_concurrent_access() -> None:
    with talk(broken("nsxv:busy")) as client:
        answer = client.post(RULES, content=ONE_RULE)
        assert answer.status_code == 409
        assert (value(answer, "details") or "").startswith("Concurrent object access error.")
        assert rules(client) == []


def test_a_timeout_does_nothing() -> None:
    with talk(broken("nsxv:timeout")) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content=ONE_RULE)
        assert rules(client) == []


def test_a_lost_answer_is_to_a_change_that_was_made() -> None:
    with talk(broken("nsxv:lost")) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content=ONE_RULE)
        assert rules(client) == ["196609"]


def test_a_lost_answer_may_have_been_a_refusal() -> None:
    manager = broken("nsxv:lost")
    with talk(manager) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content="<natRules/>")
        assert rules(client) == []
    assert "was a refusal: 400" in manager.warnings[0]


def test_garbage_is_no_answer_of_the_manager() -> None:
    with talk(broken("nsxv:garbage", "nsxv:garbage@/nat/config")) as client:
        answer = client.post(RULES, content=ONE_RULE)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html;charset=utf-8")
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(client.get(f"{EDGE}/nat/config").content)
        assert rules(client) == []


def test_a_fault_is_for_one_who_is_logged_in() -> None:
    faults = Faults([parse_fault("nsxv:503@/")])
    manager = make(faults=faults)
    with talk(manager) as client:
        assert client.get(EDGES, auth=("admin", "wrong")).status_code == 401
        assert client.get(EDGES).status_code == 503


def test_a_late_change_happens_after_some_reads() -> None:
    with talk(broken("nsxv:late")) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content=ONE_RULE)
        assert [rules(client) for _ in range(4)] == [[], [], [], ["196609"]]


def test_a_read_that_finds_nothing_is_one_too() -> None:
    with talk(broken("nsxv:late", options=Options(late_after=2))) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content=ONE_RULE)
        assert [client.get(f"{EDGES}/edge-7").status_code for _ in range(2)] == [404, 404]
        assert rules(client) == ["196609"]


@pytest.mark.parametrize("reads", [1, 2, 5])
def test_how_late_is_an_option(reads: int) -> None:
    with talk(broken("nsxv:late", options=Options(late_after=reads))) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content=ONE_RULE)
        assert [len(rules(client)) for _ in range(reads + 1)] == [*[0] * reads, 1]


def test_a_late_change_is_a_job_that_holds_its_edge() -> None:
    with talk(broken("nsxv:late", options=Options(late_after=4))) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content=ONE_RULE)
        assert client.post(RULES, content=ONE_RULE).status_code == 409
        pending = client.get(f"{EDGE}/healthsummary")
        assert values(pending, "pendingJobs/edgeJob/status") == ["RUNNING"]
        active = client.get(f"{EDGE}/jobs?status=active")
        assert values(active, "edgeJob/message") == [f"POST {RULES}"]
        assert values(client.get(f"{EDGES}/jobs?status=active"), "edgeJob/status") == ["RUNNING"]
        job = value(active, "edgeJob/jobId")
        assert value(client.get(f"{EDGES}/jobs/{job}"), "status") == "RUNNING"
        ended = client.get(f"{EDGES}/jobs/{job}")
        assert value(ended, "status") == "SUCCESS"
        assert value(ended, "result/value") == f"{RULES}/196609"
        assert values(client.get(f"{EDGE}/healthsummary"), "pendingJobs/edgeJob") == []
        assert client.post(RULES, content=ONE_RULE).status_code == 201


def test_a_late_change_that_is_refused_in_the_end_is_a_failed_job() -> None:
    with talk(broken("nsxv:late", options=Options(late_after=1))) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(RULES, content="<natRules/>")
        job = value(client.get(f"{EDGE}/jobs?status=active"), "edgeJob/jobId")
        ended = client.get(f"{EDGES}/jobs/{job}")
        assert value(ended, "status") == "FAILED"
        assert "natRules is missing" in (value(ended, "message") or "")


def test_a_late_edge_is_a_job_before_it_is_an_edge() -> None:
    manager = make(faults=Faults([parse_fault("nsxv:late")]), options=Options(late_after=2))
    with talk(manager) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(EDGES, content=esg())
        active = client.get(f"{EDGES}/jobs?status=active")
        assert tags(active, "edgeJob/result") == []
        assert values(client.get(EDGES), "edgePage/edgeSummary/id") == []
        assert values(client.get(EDGES), "edgePage/edgeSummary/id") == ["edge-1"]
        assert values(client.get(f"{EDGE}/jobs"), "edgeJob/status") == ["COMPLETED"]


def test_a_late_switch_has_no_job_that_anybody_could_see() -> None:
    manager = make(faults=Faults([parse_fault("nsxv:late")]), options=Options(late_after=2))
    with talk(manager) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(SWITCHES, content=SWITCH)
        assert values(client.get(f"{EDGES}/jobs?status=all"), "edgeJob") == []
        # Who does not wait and tries again has two in the end
        assert client.post(SWITCHES, content=SWITCH).status_code == 201
        client.get(EDGES)
        names = values(client.get("/api/2.0/vdn/virtualwires"), "dataPage/virtualWire/name")
    assert names == ["web", "web"]


def test_an_asynchronous_change_answers_its_job(client: httpx.Client) -> None:
    answer = client.post(f"{EDGES}?async=true", content=esg())
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["Location"] == "/api/4.0/edges/jobs/jobdata-1"
    job = answer.headers["Location"]
    first = client.get(job)
    assert value(first, "status") == "RUNNING"
    assert values(first, "result/value") == [EDGE, "edge-1"]
    assert value(client.get(job), "status") == "SUCCESS"
    assert values(client.get(f"{EDGES}/jobs"), "edgeJob/status") == ["COMPLETED"]
    assert values(client.get(f"{EDGES}/jobs?status=active"), "edgeJob") == []


def test_an_asynchronous_change_holds_its_edge_until_it_ends(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    assert client.post(f"{RULES}?async=true", content=ONE_RULE).status_code == 202
    assert client.delete(f"{EDGE}/nat/config").status_code == 409
    assert client.put(f"{EDGES}/edge-2/nat/config", content="<nat/>").status_code == 404
    client.get(EDGE)
    assert client.delete(f"{EDGE}/nat/config?async=TRUE").status_code == 202


def test_an_asynchronous_change_that_is_wrong_is_refused_at_once(client: httpx.Client) -> None:
    assert client.post(f"{EDGES}?async=true", content="<edge/>").status_code == 400
    assert values(client.get(f"{EDGES}/jobs"), "edgeJob") == []


def test_a_job_may_end_before_it_is_asked_for() -> None:
    with talk(make(options=Options(async_after=0))) as client:
        job = client.post(f"{EDGES}?async=true", content=esg()).headers["Location"]
        assert value(client.get(job), "status") == "SUCCESS"


def test_jobs_have_their_rules(client: httpx.Client) -> None:
    assert client.get(f"{EDGES}/jobs?status=some").status_code == 400
    assert client.get(f"{EDGES}/jobs/jobdata-7").status_code == 404
    assert client.get(f"{EDGE}/jobs").status_code == 404


def test_of_two_changes_of_one_edge_at_one_time_one_is_refused() -> None:
    storing, go_on = threading.Event(), threading.Event()

    def publish(path: str) -> None:
        if path == RULES:
            storing.set()
            assert go_on.wait(1)

    manager = make(on_change=publish)
    with talk(manager) as client, ThreadPoolExecutor(1) as pool:
        client.post(EDGES, content=esg())
        client.post(EDGES, content=esg("other"))
        slow = pool.submit(client.post, RULES, content=ONE_RULE)
        assert storing.wait(1)
        refused = client.delete(f"{EDGE}/nat/config")
        elsewhere = client.delete(f"{EDGES}/edge-2/nat/config")
        read = client.get(f"{EDGE}/nat/config")
        go_on.set()
        assert slow.result(1).status_code == 201
        assert (refused.status_code, value(refused, "errorCode")) == (409, "101")
        assert elsewhere.status_code == 204
        assert value(read, "natRules/natRule/ruleId") == "196609"
        assert client.delete(f"{EDGE}/nat/config").status_code == 204


def test_a_refused_change_lets_go_of_its_edge(client: httpx.Client) -> None:
    client.post(EDGES, content=esg())
    assert client.post(RULES, content="<wrong/>").status_code == 400
    assert client.post(RULES, content=ONE_RULE).status_code == 201


def test_accepted_changes_are_told_and_no_others() -> None:
    told: list[str] = []
    with talk(make(on_change=told.append)) as client:
        client.post(SWITCHES, content=SWITCH)
        client.post(EDGES, content="<edge/>")
        client.get(EDGES)
    assert told == [SWITCHES]


def test_many_threads_make_as_many_switches_as_they_ask_for(manager: NsxManager) -> None:
    with talk(manager) as client, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: client.post(SWITCHES, content=SWITCH).text, range(50)))
    assert len(set(made)) == 50
    assert len(manager.requests) == 50


def test_two_managers_configured_alike_dump_alike_whatever_the_order_and_the_past() -> None:
    def configure(manager: NsxManager, *, detour: bool) -> None:
        with talk(manager) as client:
            if detour:
                client.post(SWITCHES, content=SWITCH)
                client.post(EDGES, content=esg("gone"))
                client.delete(f"{EDGES}/edge-1")
                client.delete("/api/2.0/vdn/virtualwires/virtualwire-1")
            switch = client.post(SWITCHES, content=SWITCH).text
            slot = vnic(1, group("10.1.0.1")).replace("dvportgroup-38", switch)
            edge = client.post(EDGES, content=esg(inside=f"<vnics>{slot}</vnics>")).headers["Location"]
            if detour:
                client.post(f"{edge}/nat/config/rules", content=ONE_RULE)
                client.delete(f"{edge}/nat/config")
            client.post(f"{edge}/nat/config/rules", content=ONE_RULE)
            hops = ["10.1.0.8", "10.1.0.9"]
            routes = "".join(
                f"<route><network>11.0.0.0/8</network><nextHop>{hop}</nextHop></route>"
                for hop in (hops[::-1] if detour else hops)
            )
            body = f"<staticRouting><staticRoutes>{routes}</staticRoutes></staticRouting>"
            assert client.put(f"{edge}/routing/config/static", content=body).status_code == 204

    one, other = make(), make()
    configure(one, detour=False)
    configure(other, detour=True)
    assert one.dump() == other.dump()
    assert json.loads(json.dumps(one.dump())) == one.dump()
    assert one.dump()["edges"]["default/esg"]["vnics"]["1"]["network"] == "logical switch web"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", SWITCHES, SWITCH),
        ("POST", RULES, ONE_RULE),
        ("PUT", f"{EDGE}/vnics/3", vnic(3)),
        ("PUT", f"{EDGE}/syslog/config", "<syslog/>"),
        ("PUT", f"{EDGE}/nat/config", "<nat><enabled>false</enabled></nat>"),
        ("DELETE", EDGE, ""),
    ],
)  # fmt: skip
def test_a_dump_shows_every_change(
    client: httpx.Client, manager: NsxManager, method: str, path: str, body: str
) -> None:
    client.post(EDGES, content=esg())
    before = manager.dump()
    assert client.request(method, path, content=body).is_success
    assert manager.dump() != before


def test_two_of_one_name_are_two_in_a_dump(client: httpx.Client, manager: NsxManager) -> None:
    client.post(SWITCHES, content=SWITCH)
    client.post(SWITCHES, content=SWITCH)
    for _ in range(2):
        client.post(EDGES, content=esg("").replace("<name></name>", ""))
    assert list(manager.dump()["logical switches"]) == ["web", "web #2"]
    assert list(manager.dump()["edges"]) == ["default/(unnamed)", "default/(unnamed) #2"]


_names = st.sampled_from(
    ["nat", "natRules", "natRule", "action", "originalAddress", "originalPort", "vnic", "ruleTag", "ruleId"]
)
_texts = st.text(alphabet="0123456789./-anysdtcp ", max_size=12) | st.sampled_from(["snat", "dnat", "any"])
_trees = st.recursive(
    st.builds(lambda name, text: f"<{name}>{text}</{name}>", _names, _texts),
    lambda inner: st.builds(
        lambda name, inside: f"<{name}>{''.join(inside)}</{name}>", _names, st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=40)  # a manager each; they stay far below the ceiling of a unit test
@given(body=_trees | st.text(max_size=30))
def test_whatever_comes_is_answered_and_what_is_refused_changes_nothing(body: str) -> None:
    manager = make()
    with talk(manager) as client:
        client.post(EDGES, content=esg())
        before = manager.dump()
        for method, path in (
            ("PUT", f"{EDGE}/nat/config"),
            ("POST", RULES),
            ("POST", f"{RULES}?aboveRuleId=0"),
        ):
            answer = client.request(method, path, content=body.encode())
            assert answer.status_code in {201, 204, 400, 404}
            if answer.status_code >= 400:
                assert manager.dump() == before
            before = manager.dump()
