"""What machines do with a packet: send, receive, refuse, and end a connection to open another (rule 17)."""

from collections.abc import Sequence

from hopbook.network.nodes import Backend, Host, Listener
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.trace.process import Arrival, Arrived, Onward, Outcome, ended, no_way, speaks, ways
from hopbook.trace.verdict import Decision, Verdict, What


def host(node: Host, arrival: Arrival) -> Sequence[Outcome]:
    """A machine sends and receives; it forwards nothing."""
    packet = arrival.packet
    if arrival.ingress is None:
        return [_sent(node, packet, route) for route in ways(node, packet.dst)] or no_way(
            node, packet, packet.dst
        )
    if packet.dst not in node.addresses:
        reason = f"is no router, and {ip(packet.dst)} is not its address"
        return ended(node, packet, Verdict.DENIED, reason)
    return received(node, packet, arrival)


def _sent(node: Host, packet: Packet, route: Route) -> Onward:
    """By a route, from the address of its interface where the sender chose none."""
    if not packet.src:
        packet = packet._replace(src=node.interfaces[route.interface].addresses[0])
    return Onward(packet, route, (Decision(What.SENT, route),))


def received(node: Host, packet: Packet, arrival: Arrival, *done: Decision) -> Sequence[Outcome]:
    """A packet for one of the machine's own addresses."""
    if arrival.replying or speaks(node, packet):
        return [Arrived(packet, (*done, Decision(What.RECEIVED)))]
    behind = node.relays.get(packet.dport)
    if behind is not None and packet.protocol == "tcp":
        return _ingress(node, packet, behind, *done)
    if node.listens is None:
        reason = f"what listens at {packet.destination} is not declared"
        return ended(node, packet, Verdict.INSUFFICIENT, reason, *done)
    if Listener(packet.protocol, packet.dport) not in node.listens:
        return ended(node, packet, Verdict.REFUSED, f"nothing listens at {packet.destination}", *done)
    if node.proxies:
        decided = (*done, Decision(What.RELAYED, words="web proxy"))
        return [Arrived(packet, decided, given=("A17",), proxies=True)]
    return [Arrived(packet, (*done, Decision(What.RECEIVED)))]


def _ingress(node: Host, packet: Packet, behind: tuple[Backend, ...], *done: Decision) -> Sequence[Outcome]:
    """It ends the connection, and opens one of its own to each pod that it may choose."""
    if not behind:
        reason = f"no pod stands behind the Ingress at {packet.destination}"
        return ended(node, packet, Verdict.REFUSED, reason, *done)
    return [Arrived(packet, (*done, Decision(What.RELAYED, words="Ingress")), asks=behind)]
