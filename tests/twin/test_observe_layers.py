"""What real packets are wrapped into on their way: VXLAN between hosts, IP-in-IP between nodes."""

from ipaddress import IPv4Network
from typing import Any

import pytest

from adapters.twin.twin import Twin
from hopbook.network.nodes import Backend, Dlr, EsxiHost, KubeNode, Listener, Medium, Service
from hopbook.network.routes import Route, RouteTable

APP, DB = "172.16.1.10", "172.16.2.10"
WEB, CLUSTER_IP = "172.30.2.10", "172.21.0.80"


@pytest.fixture
def overlay(words: Any) -> Any:
    """Two ESXi hosts, a distributed router on both, and a machine on each."""
    draft = words.draft()
    draft.segment("transport", carries=1600)
    for name, vni in (("apps", 5001), ("data", 5002)):
        draft.segment(name, Medium.VXLAN, carries=1600, overhead=50, vni=vni)
    for number in (1, 2):
        vmk = {"vmk0": ("transport", f"10.160.0.1{number}/24")}
        draft.node(EsxiHost, f"esx{number}", vmk, {}, vtep="vmk0")
        draft.mtu(f"esx{number}", "vmk0", 1600)
    draft.node(Dlr, "dlr", {"lif1": ("apps", "172.16.1.1/24"), "lif2": ("data", "172.16.2.1/24")}, {})
    draft.host("app", "apps", f"{APP}/24", via="172.16.1.1", host="esx1")
    draft.host("db", "data", f"{DB}/24", via="172.16.2.1", host="esx2", listens="5432/tcp")
    return draft


def test_a_distributed_router_routes_in_the_sender_s_host(twin: Twin, overlay: Any, words: Any) -> None:
    twin.build(overlay.network())
    (found,) = twin.probe(words.packet(APP, f"{DB}:5432"), "app")
    assert (found.verdict, found.mtu) == ("delivered", 1500), found.reason
    asked, replied = f"tcp {APP}:40000 → {DB}:5432", f"tcp {DB}:5432 → {APP}:40000"
    wrapped, back = "VXLAN 10.160.0.11 → 10.160.0.12", "VXLAN 10.160.0.12 → 10.160.0.11"
    assert [str(crossing) for crossing in found.there] == [
        f"app [- → eth0] {asked} ⇒ {asked}",
        f"esx1 [- → -] {asked} ⇒ {asked}",
        f"dlr in esx1 [lif1 → lif2] {asked} ⇒ {asked}",
        f"esx1 [- → -] {asked} ⇒ {wrapped} around {asked}",
        f"esx2 [- → -] {wrapped} around {asked} ⇒ {asked}",
        f"db [eth0 → -] {asked} ⇒ {asked}",
    ]
    assert [str(crossing) for crossing in found.back][2:5] == [
        f"dlr in esx2 [lif2 → lif1] {replied} ⇒ {replied}",
        f"esx2 [- → -] {replied} ⇒ {back} around {replied}",
        f"esx1 [- → -] {back} around {replied} ⇒ {replied}",
    ]


def test_a_transport_network_that_is_too_small_is_silent(twin: Twin, overlay: Any, words: Any) -> None:
    overlay.segment("transport", carries=1500)
    twin.build(overlay.network())
    (found,) = twin.probe(words.packet(APP, f"{DB}:5432"), "app")
    assert (found.verdict, found.at) == ("MTU exceeded, silent", "esx1"), found.reason


def test_a_host_without_its_machine_answers_nobody(twin: Twin, overlay: Any, words: Any) -> None:
    overlay.changed("db", present=False)
    twin.build(overlay.network())
    (found,) = twin.probe(words.packet(APP, f"{DB}:5432"), "app")
    assert found.verdict != "delivered"
    assert [crossing.node for crossing in found.there][:2] == ["app", "esx1"]


@pytest.fixture
def cluster(words: Any) -> Any:
    """Two nodes that wrap what is for the other's pods, a pod on each, and a service of both."""
    draft = words.draft()
    blocks = {"node1": "172.30.1.0/26", "node2": "172.30.2.0/26"}
    endpoints = tuple(Backend(words.number(f"172.30.{index}.10"), 8080) for index in (1, 2))
    for index, (name, other) in enumerate((("node1", "node2"), ("node2", "node1")), 1):
        draft.segment(f"pods{index}", Medium.POD)
        draft.host(
            f"pod{index}", f"pods{index}", f"172.30.{index}.10/24", f"172.30.{index}.1", listens="8080/tcp"
        )
        sides = {"eth0": ("lan", f"10.140.0.1{index}/24"), "cali0": (f"pods{index}", f"172.30.{index}.1/24")}
        draft.node(
            KubeNode,
            name,
            sides,
            {"0.0.0.0/0": "10.140.0.1"},
            cluster="c",
            node_address=words.number(f"10.140.0.1{index}"),
        )
        held = draft.nodes[name]
        fact = held.fact
        tunnel = held.interfaces["eth0"].__class__(
            name="tunl0",
            role="",
            segment="",
            fact=fact,
            addresses=(words.number(f"172.30.{index}.63"),),
            mtu=1480,
        )
        to = words.number(f"10.140.0.1{3 - index}")
        way = Route(IPv4Network(blocks[other]), "tunl0", fact, to, distance=1)
        service = Service(
            name="web",
            protocol="tcp",
            port=80,
            addresses=frozenset({words.number(CLUSTER_IP)}),
            cluster=words.number(CLUSTER_IP),
            endpoints=endpoints,
            fact=fact,
        )
        draft.changed(
            name,
            interfaces={**held.interfaces, "tunl0": tunnel},
            routes=RouteTable([*held.routes.routes, way]),
            tunnel="tunl0",
            tunnel_peers=frozenset({to}),
            services=(service,),
        )
    return draft


def test_what_is_for_another_node_s_pod_is_wrapped(twin: Twin, cluster: Any, words: Any) -> None:
    twin.build(cluster.network())
    (found,) = twin.probe(words.packet("172.30.1.10", f"{WEB}:8080"), "pod1")
    assert (found.verdict, found.mtu) == ("delivered", 1480), found.reason
    asked = f"tcp 172.30.1.10:40000 → {WEB}:8080"
    wrapped = f"IP-in-IP 10.140.0.11 → 10.140.0.12 around {asked}"
    assert [str(crossing) for crossing in found.there] == [
        f"pod1 [- → eth0] {asked} ⇒ {asked}",
        f"node1 [cali0 → eth0] {asked} ⇒ {wrapped}",
        f"node2 [eth0 → cali0] {wrapped} ⇒ {asked}",
        f"pod2 [eth0 → -] {asked} ⇒ {asked}",
    ]


def test_a_node_takes_no_wrapped_packet_from_a_stranger(twin: Twin, cluster: Any, words: Any) -> None:
    cluster.changed("node2", tunnel_peers=frozenset())
    twin.build(cluster.network())
    (found,) = twin.probe(words.packet("172.30.1.10", f"{WEB}:8080"), "pod1")
    assert (found.verdict, found.at) == ("denied", "node2"), found.reason


def test_who_sends_more_than_the_tunnel_s_way_carries_is_told(twin: Twin, cluster: Any, words: Any) -> None:
    """Also a connection adapts, to what is left inside the tunnel."""
    for name in ("node1", "node2"):
        cluster.mtu(name, "eth0", 1400)
    cluster.changed("pod2", listens=frozenset({Listener("udp", 53), Listener("tcp", 8080)}))
    twin.build(cluster.network())
    asked = words.packet("172.30.1.10", f"{WEB}:53", protocol="udp", size=1381)
    (found,) = twin.probe(asked, "pod1")
    assert (found.verdict, found.at) == ("MTU exceeded, told", "node1"), found.reason
    assert "1380 bytes fit" in found.reason
    (found,) = twin.probe(asked._replace(size=1380), "pod1")
    assert found.verdict == "delivered", found.reason
    (found,) = twin.probe(words.packet("172.30.1.10", f"{WEB}:8080"), "pod1")
    assert (found.verdict, found.mtu) == ("delivered", 1380), found.reason


@pytest.mark.parametrize("into", ["nowhere", "its own device"])
def test_a_node_without_a_way_to_the_other_says_so(twin: Twin, cluster: Any, words: Any, into: str) -> None:
    """The way to the other node leads nowhere, or into the very tunnel that needs it."""
    held = cluster.nodes["node1"]
    astray = Route(
        IPv4Network("10.140.0.12/32"),
        "" if into == "nowhere" else "tunl0",
        held.fact,
        None if into == "nowhere" else words.number("10.140.0.12"),
        distance=1,
    )
    cluster.changed("node1", routes=RouteTable([*held.routes.routes, astray]))
    twin.build(cluster.network())
    (found,) = twin.probe(words.packet("172.30.1.10", f"{WEB}:8080"), "pod1")
    assert (found.verdict, found.at) == ("no route", "node1"), found.reason


@pytest.mark.parametrize("index", [1, 2])
def test_a_service_forwards_to_the_endpoint_that_is_chosen(
    twin: Twin, cluster: Any, words: Any, index: int
) -> None:
    twin.build(cluster.network())
    endpoint = Backend(words.number(f"172.30.{index}.10"), 8080)
    asked = words.packet("10.140.0.11", f"{CLUSTER_IP}:80")
    (found,) = twin.probe(asked, "node1", choose={"web": endpoint})
    assert (found.verdict, found.there[-1].node) == ("delivered", f"pod{index}"), found.reason
