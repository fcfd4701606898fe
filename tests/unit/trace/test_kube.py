"""Kubernetes nodes: services, masquerade, natOutgoing, IP-in-IP, strict reverse paths (rules 11, 16-19)."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from hopbook.network.nodes import (
    Backend,
    Host,
    KubeNode,
    Medium,
    Network,
    Pool,
    ReversePath,
    Segment,
    Service,
)
from hopbook.network.packet import ip
from hopbook.network.routes import RouteTable
from hopbook.trace.verdict import Trace
from hopbook.trace.walk import trace
from tests.unit.trace.parts import HERE, host, kube, network, number, placed, route, router, side, tcp

PODS = IPv4Network("172.30.0.0/16")
FAR_POD, NEAR_POD = "172.30.2.10", "172.30.1.10"


def service(*endpoints: str, **more: Any) -> Service:
    return Service(
        name="web",
        protocol="tcp",
        port=443,
        addresses=frozenset({number("10.0.1.100"), number("172.21.0.5")}),
        endpoints=tuple(Backend(number(item), 80) for item in endpoints),
        fact=HERE,
        cluster=number("172.21.0.5"),
        **more,
    )


def pod(name: str, address: str, worker: str) -> Host:
    found = host(name, f"pod {name}", f"{address}/32")
    way = replace(route("0.0.0.0/0", "eth0"), next_node=worker)
    return replace(found, routes=RouteTable([way]))


def cluster(
    served: Service, *, pools: Sequence[Pool] = (), tunnels: bool = True, common: bool = False
) -> Network:
    """Two workers with a pod each, on two networks or one, and a client behind the router."""
    pools = pools or (Pool(name="pods", cidr=PODS, fact=HERE, nat_outgoing=True),)
    other = "10.0.1.12" if common else "10.0.2.12"
    peers = frozenset({number("10.0.1.11"), number(other)})
    nodes = []
    for n, address, far in ((1, "10.0.1.11", other), (2, other, "10.0.1.11")):
        lan = "lan-1" if common else f"lan-{n}"
        gateway = "10.0.1.1" if common else f"10.0.{n}.1"
        block = f"172.30.{3 - n}.0/26"
        nodes.append(
            kube(
                f"worker-{n}",
                side("eth0", lan, f"{address}/24", *(["10.0.1.100/32"] if n == 1 else [])),
                side("tunl0", "", f"172.30.{n}.1/32", mtu=1480),
                side(f"cali-{n}", f"pod pod-{n}", mtu=1480),
                routes=[
                    route("0.0.0.0/0", "eth0", gateway),
                    route(block, "tunl0" if tunnels else "eth0", far),
                    route(f"172.30.{n}.10/32", f"cali-{n}"),
                ],
                tunnel="tunl0",
                pools=tuple(pools),
                services=(served,),
                tunnel_peers=peers,
                reverse_path=ReversePath.STRICT,
            )
        )
    pairs = {
        f"pod pod-{n}": Segment(name=f"pod pod-{n}", medium=Medium.POD, fact=HERE, carries=1500)
        for n in (1, 2)
    }
    return network(
        *nodes,
        pod("pod-1", NEAR_POD, "worker-1"),
        pod("pod-2", FAR_POD, "worker-2"),
        host("client", "office", "10.9.0.10/24", "10.9.0.1"),
        router(
            "router",
            side("one", "lan-1", "10.0.1.1/24"),
            side("two", "lan-2", "10.0.2.1/24"),
            side("office", "office", "10.9.0.1/24"),
        ),
        segments=pairs,
    )


def nodes(found: Trace) -> list[str]:
    return [hop.node.name for hop in found.worst.legs[0].there.hops]


def test_an_endpoint_on_the_same_worker() -> None:
    found = trace(cluster(service(NEAR_POD)), tcp("10.9.0.10", "10.0.1.100", 443), "client")
    assert found.verdict == "delivered", found.end.reason
    assert nodes(found) == ["client", "router", "worker-1", "pod-1"]
    assert ip(found.worst.legs[0].there.hops[-1].after.src) == "10.0.1.11"  # masqueraded


def test_an_endpoint_on_another_worker_is_masqueraded_to_the_tunnels_address() -> None:
    found = trace(cluster(service(FAR_POD)), tcp("10.9.0.10", "10.0.1.100", 443), "client")
    assert found.verdict == "delivered", found.end.reason
    assert nodes(found) == ["client", "router", "worker-1", "router", "worker-2", "pod-2"]
    hops = found.worst.legs[0].there.hops
    assert [hop.after.layers for hop in hops] == [(), (), ("IP-in-IP",), ("IP-in-IP",), (), ()]
    assert ip(hops[-1].after.src) == "172.30.1.1"
    assert found.worst.legs[0].mtu == 1480


def test_without_masquerade_the_reply_leaves_by_the_other_worker() -> None:
    shy = replace(service(FAR_POD), local_only=True)
    whole = cluster(shy)
    found = trace(whole, tcp("10.9.0.10", "10.0.1.100", 443), "client")
    assert (found.verdict, found.end.node) == ("denied", "worker-1")  # no endpoint there
    assert "no endpoint on worker-1" in found.end.reason


def test_local_only_keeps_the_clients_address() -> None:
    found = trace(
        cluster(service(NEAR_POD, FAR_POD, local_only=True)), tcp("10.9.0.10", "10.0.1.100", 443), "client"
    )
    assert (found.verdict, len(found.paths)) == ("delivered", 1)
    assert ip(found.worst.legs[0].there.hops[-1].after.src) == "10.9.0.10"


def test_every_endpoint_is_a_path() -> None:
    found = trace(cluster(service(NEAR_POD, FAR_POD)), tcp("10.9.0.10", "10.0.1.100", 443), "client")
    assert [path.end.verdict for path in found.paths] == ["delivered", "delivered"]
    assert {path.end.node for path in found.paths} == {"pod-1", "pod-2"}


def test_no_endpoint_is_refused() -> None:
    found = trace(cluster(service()), tcp("10.9.0.10", "10.0.1.100", 443), "client")
    assert (found.verdict, found.end.node) == ("refused", "worker-1")


def test_nat_outgoing_only_towards_no_pool() -> None:
    whole = cluster(service())
    out = trace(whole, tcp(NEAR_POD, "10.9.0.10"), "pod-1")
    assert out.verdict == "delivered", out.end.reason
    assert ip(out.worst.legs[0].there.hops[-1].after.src) == "10.0.1.11"
    between = trace(whole, tcp(NEAR_POD, FAR_POD), "pod-1")
    assert between.verdict == "delivered", between.end.reason
    assert ip(between.worst.legs[0].there.hops[-1].after.src) == NEAR_POD


def test_a_disabled_pool_counts_as_a_pool() -> None:
    pools = (
        Pool(name="pods", cidr=PODS, fact=HERE, nat_outgoing=True),
        Pool(name="vpn", cidr=IPv4Network("10.9.0.0/24"), fact=HERE, disabled=True),
    )
    found = trace(cluster(service(), pools=pools), tcp(NEAR_POD, "10.9.0.10"), "pod-1")
    assert (found.verdict, found.worst.returning) == ("no route", True)  # the pod's address leaked out


def test_on_one_network_cross_subnet_needs_no_tunnel() -> None:
    whole = cluster(service(), tunnels=False, common=True)
    found = trace(whole, tcp(NEAR_POD, FAR_POD), "pod-1")
    assert found.verdict == "delivered", found.end.reason
    assert nodes(found) == ["pod-1", "worker-1", "worker-2", "pod-2"]
    assert not any(hop.after.layers for _, _, hop in found.worst.hops)


def test_only_peers_may_tunnel() -> None:
    whole = cluster(service())
    worker = whole.nodes["worker-2"]
    assert isinstance(worker, KubeNode)
    closed = replace(whole, nodes={**whole.nodes, "worker-2": replace(worker, tunnel_peers=frozenset())})
    found = trace(closed, tcp(NEAR_POD, FAR_POD), "pod-1")
    assert (found.verdict, found.end.node) == ("denied", "worker-2")


def test_a_source_that_belongs_elsewhere_is_dropped() -> None:
    found = trace(cluster(service(NEAR_POD)), tcp(FAR_POD, "10.0.1.100", 443), "client")
    assert (found.verdict, found.end.node) == ("denied", "worker-1")
    assert "reverse path" in found.end.reason


@pytest.mark.parametrize("port", [443, 80])
def test_an_ingress_on_the_host_opens_a_second_leg(port: int) -> None:
    whole = cluster(service())
    worker = whole.nodes["worker-1"]
    assert isinstance(worker, KubeNode)
    open_to = replace(worker, relays={port: (Backend(number(FAR_POD), 80),)})
    found = trace(
        replace(whole, nodes={**whole.nodes, "worker-1": open_to}),
        tcp("10.9.0.10", "10.0.1.11", port),
        "client",
    )
    assert found.verdict == "delivered", found.end.reason
    first, second = found.worst.legs
    assert first.there.hops[-1].node.name == "worker-1"
    assert [hop.node.name for hop in second.there.hops] == ["worker-1", "router", "worker-2", "pod-2"]
    assert ip(second.there.hops[0].after.innermost.src) == "172.30.1.1"


def test_a_worker_on_a_host_is_reached_by_it() -> None:
    whole = cluster(service(NEAR_POD))
    moved = replace(whole, nodes={**whole.nodes, "worker-1": placed(whole.nodes["worker-1"], "esx-1")})
    found = trace(moved, tcp("10.9.0.10", "10.0.1.100", 443), "client")
    assert (found.verdict, found.end.reason) == (
        "insufficient information",
        "the ESXi host esx-1 is not in the network",
    )


def test_between_a_pod_and_its_node_is_no_host() -> None:
    whole = cluster(service(NEAR_POD))
    both = {name: placed(whole.nodes[name], "esx-1") for name in ("worker-1", "pod-1")}
    found = trace(replace(whole, nodes={**whole.nodes, **both}), tcp(NEAR_POD, "10.0.1.11"), "pod-1")
    assert nodes(found) == ["pod-1", "worker-1"]
