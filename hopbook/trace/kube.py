"""What a Kubernetes node does with a packet: rules 11 and 16 to 19 of `reference/network-rules.md`."""

from collections.abc import Sequence
from dataclasses import dataclass

from hopbook.network.encapsulation import IP_IN_IP, wrapped
from hopbook.network.ipsec import within
from hopbook.network.nodes import Backend, KubeNode, Pool, Service
from hopbook.network.packet import Inside, Packet, ip
from hopbook.network.routes import Route
from hopbook.trace.machines import received
from hopbook.trace.process import Arrival, Onward, Outcome, ended, established, filtered, no_way, ways
from hopbook.trace.verdict import Decision, Ground, Verdict, What


def kube_node(node: KubeNode, arrival: Arrival) -> Sequence[Outcome]:
    """Decapsulation, connection tracking, reverse path filter, service, route, masquerade, encapsulation."""
    packet, inside = arrival.packet, arrival.packet.inside
    if inside is None or inside.by != IP_IN_IP or packet.dst not in node.addresses:
        return _bare(node, arrival)
    if packet.src not in node.tunnel_peers:
        return ended(node, packet, Verdict.DENIED, f"takes no IP-in-IP from {ip(packet.src)}")
    device = node.interfaces[node.tunnel]
    first = Decision(What.DECAPSULATED, words=IP_IN_IP)
    within = arrival._replace(packet=inside.packet, ingress=device)
    return filtered(node, within, lookup(node, inside.packet.src), _bare(node, within, first), first)


def lookup(node: KubeNode, address: int) -> Sequence[Route]:
    """The equal best routes; the VPN's table is asked first."""
    return [route for route in node.policy.lookup(address) if route.interface] or ways(node, address)


def _bare(node: KubeNode, arrival: Arrival, *done: Decision) -> Sequence[Outcome]:
    packet = arrival.packet
    reply = established(arrival, node)
    if reply is not None:
        words = "established" if reply == packet else "un-NAT"
        return _delivered(_Way(node, arrival, reply), *done, Decision(What.CONNECTION, words=words))
    service = node.forwards.get((packet.protocol, packet.dst, packet.dport))
    if service is None:
        return _delivered(_Way(node, arrival, packet), *done)
    return _served(node, arrival, service, *done)


def _served(node: KubeNode, arrival: Arrival, service: Service, *done: Decision) -> Sequence[Outcome]:
    """By every endpoint that kube-proxy may choose."""
    packet = arrival.packet
    endpoints = [item for item in service.endpoints if not service.local_only or _is_here(node, item)]
    if not endpoints:
        why = "has no endpoint" + (f" on {node.name}" if service.local_only else "")
        verdict = Verdict.DENIED if service.local_only and service.endpoints else Verdict.REFUSED
        return ended(node, packet, verdict, f"{service.title} {why}", *done, ground=service)
    found: list[Outcome] = []
    for item in endpoints:
        inner = packet._replace(dst=item.address, dport=item.port)
        outside = packet.dst != service.cluster or not _pools(node, packet.src)
        hides = (outside and not service.local_only) or inner.src == inner.dst
        way = _Way(node, arrival, inner, masks=service if hides else None)
        found += _delivered(way, *done, Decision(What.DNAT, service))
    return found


def _is_here(node: KubeNode, endpoint: Backend) -> bool:
    if endpoint.address in node.addresses:
        return True
    return any(
        route.interface != node.tunnel and not route.next_hop for route in ways(node, endpoint.address)
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """A packet on its way through a node.

    Attributes:
        packet: It, as it is now; `arrival.packet` is how it came.
        masks: The service whose connections get the node's address.
    """

    node: KubeNode
    arrival: Arrival
    packet: Packet
    masks: Service | None = None


def _delivered(way: _Way, *done: Decision) -> Sequence[Outcome]:
    node, packet = way.node, way.packet
    if packet.dst in node.addresses:
        return received(node, packet, way.arrival, *done)
    routes = lookup(node, packet.dst)
    if not routes:
        return no_way(node, packet, packet.dst, *done)
    return [outcome for route in routes for outcome in _leaving(way, route, *done)]


def _leaving(way: _Way, route: Route, *done: Decision) -> Sequence[Outcome]:
    """Masquerade, then IP-in-IP where the route is the tunnel's."""
    node, packet = way.node, way.packet
    done = (*done, Decision(What.ROUTE, route))
    own = node.interfaces[route.interface].addresses
    address = own[0] if own else node.node_address
    ground = _masquerade(way) if packet.src else None
    sent = packet if packet.src else packet._replace(src=address)
    if ground is not None:
        sent = packet._replace(src=address)
        done = (*done, Decision(What.SNAT, ground))
    came = way.arrival.packet
    known = any(decision.what is What.CONNECTION for decision in done)
    keeps = () if known else ((sent, came if came.src else sent),)
    if route.interface != node.tunnel:
        return [Onward(sent, route, done, keeps=keeps)]
    return _encapsulated(node, sent, route, keeps, *done)


def _encapsulated(
    node: KubeNode, packet: Packet, route: Route, keeps: tuple[tuple[Packet, Packet], ...], *done: Decision
) -> Sequence[Outcome]:
    """Into IP-in-IP to the other node (rule 19)."""
    if route.next_hop is None:
        return no_way(node, packet, packet.dst, *done)
    outer = wrapped(Inside(packet, IP_IN_IP, node.tunnel), node.node_address, route.next_hop)
    routes = [item for item in ways(node, route.next_hop) if item.interface != node.tunnel]
    if not routes:
        return no_way(node, outer, route.next_hop, *done)
    done = (*done, Decision(What.ENCAPSULATED, words=IP_IN_IP))
    limit = node.interfaces[node.tunnel].mtu
    return [Onward(outer, under, done, keeps=keeps, limit=limit) for under in routes]


def _masquerade(way: _Way) -> Ground | None:
    """What gives the packet the node's address: the service, or a pool with natOutgoing (rule 18)."""
    packet = way.packet
    if way.masks is not None:
        return way.masks
    if established(way.arrival, way.node) is not None or _pools(way.node, packet.dst):
        return None
    return next((pool for pool in _pools(way.node, packet.src) if pool.nat_outgoing), None)


def _pools(node: KubeNode, address: int) -> list[Pool]:
    return [pool for pool in node.pools if within(address, (pool.cidr,))]
