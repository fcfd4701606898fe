"""How a frame gets to its station: by the ESXi hosts of both, by VXLAN between them, by L2 concentrators.

Which host a machine runs on is observed. Where it is not, the frame goes straight to its station and the
trace says so (A13).
"""

from typing import NamedTuple

from hopbook.network.encapsulation import EXTENSION, VXLAN, wrapped
from hopbook.network.nodes import Concentrator, Dlr, EsxiHost, Medium, Network, Node
from hopbook.network.packet import Frame, Inside, Packet
from hopbook.network.routes import Route
from hopbook.trace.process import Tunnel, into_tunnel, ways
from hopbook.trace.verdict import Decision, End, Verdict, What


class Next(NamedTuple):
    """Where a frame goes next: to a node, by the interface of its station or by none (a switch)."""

    node: Node
    interface: str
    frame: Frame | None
    host: str


class Switched(NamedTuple):
    """What a switch does: the packet as it leaves, and how: to a next node, or by a route of its own."""

    packet: Packet
    decision: Decision
    onward: Next | tuple[Route, ...] | End


def towards(network: Network, sender: Node, host: str, frame: Frame) -> Next | End:
    """Where a frame goes from its sender.

    Args:
        network: Where it travels.
        sender: Who sends it.
        host: The ESXi host that the sender, or the router in it, runs on; empty where that is not known.
        frame: Whom it is for.
    """
    station = network.nodes[frame.node]
    if network.segments[frame.segment].medium is Medium.POD:  # inside a machine
        return _station(network, frame, "")
    first = host or ("" if isinstance(station, Dlr) else station.host)
    if not first or isinstance(sender, EsxiHost):
        return _station(network, frame, host)
    switch = network.nodes.get(first)
    if not isinstance(switch, EsxiHost):
        return End(Verdict.INSUFFICIENT, sender.name, f"the ESXi host {first} is not in the network")
    return Next(switch, "", frame, first)


def _station(network: Network, frame: Frame, host: str) -> Next:
    return Next(network.nodes[frame.node], frame.interface, frame if frame.beyond else None, host)


def switched(network: Network, node: EsxiHost, packet: Packet, frame: Frame | None) -> Switched:
    """What an ESXi host does with a frame of a machine on it, or with a VXLAN packet for its VTEP."""
    if frame is not None:
        return _from_machine(network, node, packet, frame)
    inside = packet.inside
    if inside is None or inside.by != VXLAN or inside.frame is None or packet.dst not in node.addresses:
        reason = f"nothing answers at {packet.destination}"
        return Switched(packet, Decision(What.DROPPED, None, reason), End(Verdict.REFUSED, node.name, reason))
    decision = Decision(What.DECAPSULATED, words=f"{VXLAN} {inside.tunnel}")
    return Switched(inside.packet, decision, _station(network, inside.frame, node.name))


def _from_machine(network: Network, node: EsxiHost, packet: Packet, frame: Frame) -> Switched:
    station = network.nodes[frame.node]
    segment = network.segments[frame.segment]
    here = isinstance(station, Dlr) or station.host in {"", node.name}
    if here:
        return Switched(
            packet, Decision(What.SWITCHED, words=segment.name), _station(network, frame, node.name)
        )
    other = network.nodes.get(station.host)
    if not isinstance(other, EsxiHost):
        reason = f"the ESXi host {station.host} of {station.name} is not in the network"
        return _stuck(node, packet, Verdict.INSUFFICIENT, reason)
    if segment.medium is not Medium.VXLAN:
        decision = Decision(What.SWITCHED, words=segment.name)
        return Switched(packet, decision, Next(other, "", frame, other.name))
    if not node.vtep or not other.vtep:
        lacking = node if not node.vtep else other
        return _stuck(node, packet, Verdict.INSUFFICIENT, f"the VTEP of {lacking.name} is not declared")
    near, far = node.interfaces[node.vtep].addresses[0], other.interfaces[other.vtep].addresses[0]
    outer = wrapped(Inside(packet, VXLAN, segment.name, frame), near, far)
    routes = tuple(ways(node, far))
    if not routes:
        return _stuck(node, packet, Verdict.NO_ROUTE, f"no route to the VTEP of {other.name}")
    return Switched(outer, Decision(What.ENCAPSULATED, words=f"{VXLAN} {segment.name}"), routes)


def _stuck(node: Node, packet: Packet, verdict: Verdict, reason: str) -> Switched:
    return Switched(packet, Decision(What.DROPPED, None, reason), End(verdict, node.name, reason))


def extended(node: Concentrator, packet: Packet, frame: Frame, tunnel: Tunnel) -> Switched:
    """A frame for the other side of an extension: into the tunnel to the counterpart."""
    if tunnel.down or tunnel.outer is None:
        return _stuck(node, packet, Verdict.TUNNEL_DOWN, f"{node.ipsec.title} is down: {tunnel.down}")
    outer, routes = into_tunnel(node, node.ipsec, tunnel, packet, EXTENSION)
    if outer.inside is not None:
        outer = outer._replace(inside=outer.inside._replace(frame=frame.beyond))
    if not routes:
        return _stuck(node, packet, Verdict.NO_ROUTE, "no route to the counterpart")
    return Switched(outer, Decision(What.ENCAPSULATED, _Extended(node), EXTENSION), tuple(routes))


def arrived(network: Network, node: Concentrator, packet: Packet, tunnel: Tunnel) -> Switched:
    """A packet of the counterpart: onto the segment that this concentrator extends."""
    inside = packet.inside
    if inside is None or inside.frame is None or tunnel.down:
        return _stuck(node, packet, Verdict.TUNNEL_DOWN, f"{node.ipsec.title} is down: {tunnel.down}")
    frame = inside.frame
    found = towards(network, node, node.host, frame)
    return Switched(inside.packet, Decision(What.DECAPSULATED, _Extended(node), EXTENSION), found)


class _Extended:
    """An extension as what a decision rests on."""

    def __init__(self, node: Concentrator) -> None:
        self.title = f"extension of {node.interfaces[node.trunk].segment}"
        self.fact = node.extension
