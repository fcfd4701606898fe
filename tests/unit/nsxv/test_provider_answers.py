"""The provider against a manager that answers what a test wants: what the simulated one never does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from xml.sax.saxutils import escape

import httpx
import pytest

from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from hopbook.engine.change import Change, Observation, Outcome, Result, Scope
from hopbook.errors import Garbled
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Interface, LogicalSwitch
from hopbook.secret import Secret
from tests.contract.nsxv_lab import DLR, EDGE, ESG, INSIDE, SNAT, TUNNEL, UPLINK, create, delete, update

EDGES = """<pagedEdgeList><edgePage><pagingInfo><totalCount>1</totalCount></pagingInfo><edgeSummary>
  <objectId>edge-1</objectId><name>{name}</name><edgeType>{type}</edgeType></edgeSummary></edgePage></pagedEdgeList>"""
SWITCHES = (
    "<virtualWires><dataPage><pagingInfo><totalCount>0</totalCount></pagingInfo></dataPage></virtualWires>"
)
LIFS = """<interfaces><interface><name>up</name><index>2</index><type>uplink</type>
  <isConnected>true</isConnected><connectedToId>virtualwire-9</connectedToId><addressGroups><addressGroup><primaryAddress>10.9.0.2</primaryAddress>
  <subnetMask>255.255.255.248</subnetMask></addressGroup></addressGroups></interface></interfaces>"""


def provider(pages: Mapping[str, str]) -> NsxProvider:
    """A provider whose manager gives these documents by path, and finds every change one too many."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path in pages:
            return httpx.Response(200, text=pages[request.url.path])
        if request.method in {"GET", "DELETE"}:
            details = f"The requested object : {request.url.path} could not be found."
            return httpx.Response(404, text=f"<error><details>{details}</details></error>")
        details = "Number of objects 2049 exceeds the limit MAX_RULES of 2048."
        return httpx.Response(400, text=f"<error><details>{details}</details></error>")

    client = NsxClient("https://nsx", "admin", Secret("x"), transport=httpx.MockTransport(answer))
    return NsxProvider(client, site="lab", resolve=lambda _: Secret("x"))


def test_a_router_that_does_not_show_its_interfaces_is_asked_for_them() -> None:
    nsx = provider(
        {
            "/api/4.0/edges": EDGES.format(name=DLR.name, type="distributedRouter"),
            "/api/4.0/edges/jobs": "<edgeJobs/>",
            "/api/4.0/edges/edge-1": "<edge><id>edge-1</id><features/></edge>",
            "/api/4.0/edges/edge-1/interfaces": LIFS,
            "/api/2.0/vdn/virtualwires": SWITCHES,
        }
    )

    lif = nsx.observe(Scope(frozenset({DLR}))).items[Key(Interface.kind, "icp-dlr/up")]

    assert isinstance(lif.resource, Interface)
    assert (lif.handle, lif.resource.index) == ("2", None)
    assert lif.resource.network == Key(LogicalSwitch.kind, "#virtualwire-9")


@pytest.mark.parametrize(
    "rule",
    [
        "<natRule><ruleId>1</ruleId><action>teleport</action></natRule>",
        "<natRule><ruleId>1</ruleId></natRule>",
    ],
)
def test_what_cannot_be_understood_is_said_and_not_left_out(rule: str) -> None:
    edge = f"<edge><id>edge-1</id><features><nat><natRules>{rule}</natRules></nat></features></edge>"
    nsx = provider(
        {
            "/api/4.0/edges": EDGES.format(name=ESG.name, type="gatewayServices"),
            "/api/4.0/edges/jobs": "<edgeJobs/>",
            "/api/4.0/edges/edge-1": edge,
        }
    )

    with pytest.raises(Garbled, match="icp-esg"):
        nsx.observe(Scope(frozenset({ESG})))


def test_an_edge_that_goes_while_it_is_read_is_not_there() -> None:
    nsx = provider(
        {
            "/api/4.0/edges": EDGES.format(name=ESG.name, type="gatewayServices"),
            "/api/4.0/edges/jobs": "<edgeJobs/>",
        }
    )

    assert nsx.observe(Scope(frozenset({ESG}))) == Observation()


def test_what_goes_before_we_delete_it_is_deleted() -> None:
    rule = f"<natRule><ruleId>1</ruleId><description>[hopbook:lab/{SNAT.name}]</description></natRule>"
    nsx = provider(
        {
            "/api/4.0/edges": EDGES.format(name=ESG.name, type="gatewayServices"),
            "/api/4.0/edges/edge-1/nat/config": f"<nat><natRules>{rule}</natRules></nat>",
        }
    )

    assert [outcome.result for outcome in outcomes(nsx, delete(SNAT), delete(EDGE))] == [Result.APPLIED] * 2
    assert [outcome.result for outcome in outcomes(nsx, delete(SNAT))] == [Result.APPLIED]


def outcomes(nsx: NsxProvider, *changes: Change) -> list[Outcome]:
    return list(nsx.apply(changes, lambda _: None))


def test_a_limit_is_explained_with_the_edges_own_figures() -> None:
    nsx = provider(
        {
            "/api/4.0/edges": EDGES.format(name=ESG.name, type="gatewayServices"),
            "/api/4.0/edges/edge-1/summary": """<edgeSummary><featureCapabilities><featureCapability>
            <service>nat</service><configurationLimit><key>MAX_RULES</key><value>2048</value></configurationLimit>
            </featureCapability></featureCapabilities></edgeSummary>""",
        }
    )

    (outcome,) = outcomes(nsx, create(SNAT))

    assert outcome.result is Result.REFUSED
    assert "limits of icp-esg: nat.MAX_RULES 2048" in outcome.reason
    assert nsx.edge_limits("no-such-edge") == {}


REFUSED: list[tuple[Callable[[], Change], str]] = [
    (lambda: create(replace(SNAT, interface=None)), "names no interface"),
    (lambda: create(replace(SNAT, owner=DLR)), "of another type"),
    (lambda: create(replace(SNAT, owner=Key(ESG.kind, "gone"))), "there is no nsxv.edge:gone"),
    (lambda: create(replace(UPLINK, index=None)), "slot from 0 to 9"),
    (lambda: create(replace(UPLINK, index=10)), "slot from 0 to 9"),
    (lambda: create(INSIDE), "no logical switch icp-transit of ours"),
    (lambda: update(UPLINK, replace(UPLINK, mtu=9000)), "does not have it any more"),
    (lambda: update(SNAT, replace(SNAT, purpose="x")), "is not there"),
    (lambda: create(replace(SNAT, purpose="\x00")), "character that XML cannot hold"),
]


@pytest.mark.parametrize(("change", "says"), REFUSED)
def test_what_cannot_be_done_is_refused_before_it_is_sent(change: Callable[[], Change], says: str) -> None:
    slots = "".join(f"<vnic><index>{n}</index><name>vnic{n}</name></vnic>" for n in range(10))
    nsx = provider(
        {
            "/api/4.0/edges": EDGES.format(name=ESG.name, type="gatewayServices").replace(
                "</edgePage>",
                "<edgeSummary><objectId>edge-2</objectId><name>icp-dlr</name></edgeSummary></edgePage>",
            ),
            "/api/4.0/edges/edge-1/vnics": f"<vnics>{slots}</vnics>",
            "/api/4.0/edges/edge-1/nat/config": "<nat><natRules/></nat>",
            "/api/2.0/vdn/virtualwires": SWITCHES,
        }
    )

    (outcome,) = outcomes(nsx, change())

    assert (outcome.result, says in outcome.reason) == (Result.REFUSED, True), outcome


def test_a_key_that_nsx_repeats_in_its_refusal_is_not_told_on() -> None:
    theirs, ours = "th3ir-<key>", "0ur-<key>"
    site = (
        "<site><name>theirs</name><siteId>ipsecsite-1</siteId><localIp>10.0.0.1</localIp><peerIp>10.0.0.9</peerIp>"
        f"<psk>{escape(theirs)}</psk></site>"
    )
    pages = {
        "/api/4.0/edges": EDGES.format(name=ESG.name, type="gatewayServices"),
        "/api/4.0/edges/edge-1/ipsec/config": f"<ipsec><sites>{site}</sites></ipsec>",
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, text=pages[request.url.path])
        details = f"Invalid document {escape(request.content.decode())}"
        return httpx.Response(400, text=f"<error><details>{details}</details></error>")

    client = NsxClient("https://nsx", "admin", Secret("x-x"), transport=httpx.MockTransport(answer))
    nsx = NsxProvider(client, site="lab", resolve=lambda _: Secret(ours))

    (outcome,) = nsx.apply([create(TUNNEL)], lambda _: None)

    assert outcome.result is Result.REFUSED
    assert "Invalid document" in outcome.reason
    for key in (theirs, ours):
        assert key not in outcome.reason
        assert escape(key) not in outcome.reason
