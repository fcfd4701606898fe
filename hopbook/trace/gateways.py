"""What VPN gateways do with a packet: selectors, ESP, and what comes out of it (rules 6, 7 and 26)."""

from collections.abc import Sequence

from hopbook.network.encapsulation import ESP, NAT_T_PORT
from hopbook.network.ipsec import Ipsec, within
from hopbook.network.nodes import Concentrator, Esg, Node, VpnGateway
from hopbook.network.packet import Packet, ip
from hopbook.trace.process import (
    Arrival,
    Arrived,
    Onward,
    Outcome,
    ended,
    forward,
    into_tunnel,
    no_way,
    ways,
)
from hopbook.trace.verdict import Decision, Verdict, What

IKE_PORTS = (500, NAT_T_PORT)


def ends(node: Node) -> tuple[Ipsec, ...]:
    """The tunnel ends of a node."""
    if isinstance(node, Concentrator):
        return (node.ipsec,)
    return node.ipsec if isinstance(node, Esg | VpnGateway) else ()


def tunnel_for(node: Node, arrival: Arrival, packet: Packet) -> Ipsec | None:
    """The tunnel that a packet belongs into; none where it is down and keeps no policies: a leak (rule 7)."""
    end = next((item for item in ends(node) if item.leads(packet.dst)), None)
    if end is None or (not end.policies_stay and arrival.tunnel(node, end).down):
        return None
    return end


def negotiates(node: Node, packet: Packet) -> bool:
    """Whether a packet is IKE for one of the node's ends."""
    ike = packet.protocol == "udp" and packet.dport in IKE_PORTS and packet.inside is None
    return ike and any(end.local == packet.dst for end in ends(node))


def opened(node: Node, arrival: Arrival, packet: Packet) -> tuple[Packet, Decision] | Sequence[Outcome]:
    """The packet out of an ESP packet for this node, or how that ends."""
    inside = packet.inside
    if inside is None or inside.by != ESP:
        return ended(node, packet, Verdict.REFUSED, f"nothing opens {packet}")
    for end in ends(node):
        tunnel = arrival.tunnel(node, end)
        if tunnel.down or tunnel.outer is None or tunnel.outer.dst != packet.src:
            continue
        inner = inside.packet
        if within(inner.src, tunnel.beyond) and within(inner.dst, tunnel.inside):
            return inner, Decision(What.DECAPSULATED, end, ESP)
    return ended(node, packet, Verdict.DENIED, f"no tunnel of {node.name} takes {packet}")


def through(
    node: Node, arrival: Arrival, packet: Packet, end: Ipsec, *done: Decision
) -> Sequence[Onward] | Sequence[Outcome]:
    """Into the tunnel that leads to the destination; down, or not for this source: dropped (rule 7)."""
    tunnel = arrival.tunnel(node, end)
    if tunnel.down:
        reason = f"{end.title} is down: {tunnel.down}"
        return ended(node, packet, Verdict.TUNNEL_DOWN, reason, *done, ground=end)
    if not (within(packet.src, tunnel.inside) and within(packet.dst, tunnel.beyond)):
        reason = f"{ip(packet.src)} → {ip(packet.dst)} is outside the selectors of {end.title}"
        return ended(node, packet, Verdict.DENIED, reason, *done, ground=end)
    outer, routes = into_tunnel(node, end, tunnel, packet, ESP)
    if not routes:
        return no_way(node, outer, outer.dst, *done)
    done = (*done, Decision(What.ENCAPSULATED, end, ESP))
    return [Onward(outer, route, done, learns=tunnel.known) for route in routes]


def vpn_gateway(node: VpnGateway, arrival: Arrival) -> Sequence[Outcome]:
    """A strongSwan container: out of the tunnel to the cluster, and from the cluster into the tunnel."""
    packet = arrival.packet
    if packet.dst in node.addresses:
        if negotiates(node, packet):
            return [Arrived(packet, (Decision(What.RECEIVED),))]
        found = opened(node, arrival, packet)
        if not isinstance(found, tuple):
            return found
        inner, opening = found
        return forward(node, inner, opening)
    if arrival.ingress is None:
        return forward(node, packet)
    end = tunnel_for(node, arrival, packet)
    if end is None or (arrival.tunnel(node, end).down and not ways(node, packet.dst)):
        return forward(node, packet)  # strongSwan's own route goes with its tunnel
    return through(node, arrival, packet, end)


def concentrator(node: Concentrator, arrival: Arrival) -> Sequence[Outcome]:
    """Its own packets; what it carries is switched (`trace.switching`)."""
    packet = arrival.packet
    if arrival.ingress is None:
        return forward(node, packet)
    if negotiates(node, packet):
        return [Arrived(packet, (Decision(What.RECEIVED),))]
    return ended(node, packet, Verdict.REFUSED, f"nothing answers at {packet.destination}")
