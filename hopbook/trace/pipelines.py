"""What each kind of node does with a packet. A new kind adds a line to the table at the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hopbook.network.nodes import Dlr, Esg, Host, IbmRouter, Internet, Listener, Node
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.trace.edges import dlr, esg
from hopbook.trace.process import Arrival, Arrived, Onward, Outcome, ended, forward, no_way, suspects, ways
from hopbook.trace.verdict import Decision, Verdict, What


def router(node: Node, arrival: Arrival) -> Sequence[Outcome]:
    """IBM's routers and the internet: they route, and more of them cannot be observed."""
    packet = arrival.packet
    if packet.dst in node.addresses:
        return ended(node, packet, Verdict.REFUSED, f"nothing answers at {packet.destination}")
    return forward(node, packet)


def host(node: Host, arrival: Arrival) -> Sequence[Outcome]:
    """A machine sends and receives; it forwards nothing. A web proxy ends the connection (rule 17)."""
    packet = arrival.packet
    if arrival.ingress is None:
        return [_sent(node, packet, route) for route in ways(node, packet.dst)] or no_way(
            node, packet, packet.dst
        )
    if packet.dst not in node.addresses:
        reason = f"is no router, and {ip(packet.dst)} is not its address"
        return ended(node, packet, Verdict.DENIED, reason)
    if suspects(node, arrival):
        return ended(node, packet, Verdict.DENIED, "reverse path filter: the way back is another one")
    return _received(node, arrival)


def _sent(node: Host, packet: Packet, route: Route) -> Onward:
    """By a route, from the address of its interface where the sender chose none."""
    if not packet.src:
        packet = packet._replace(src=node.interfaces[route.interface].addresses[0])
    return Onward(packet, route, (Decision(What.SENT, route),))


def _received(node: Host, arrival: Arrival) -> Sequence[Outcome]:
    packet = arrival.packet
    if arrival.replying:
        return [Arrived(packet, (Decision(What.RECEIVED),))]
    if node.listens is None:
        reason = f"what listens at {packet.destination} is not declared"
        return ended(node, packet, Verdict.INSUFFICIENT, reason)
    if Listener(packet.protocol, packet.dport) not in node.listens:
        return ended(node, packet, Verdict.REFUSED, f"nothing listens at {packet.destination}")
    if node.proxies:
        return [Arrived(packet, (Decision(What.RELAYED, words="web proxy"),), given=("A17",), proxies=True)]
    return [Arrived(packet, (Decision(What.RECEIVED),))]


# The values take the class that they stand under, which a mapping's type cannot say
_PIPELINES: Mapping[type[Node], Callable[[Any, Arrival], Sequence[Outcome]]] = {
    Host: host,
    IbmRouter: router,
    Internet: router,
    Esg: esg,
    Dlr: dlr,
}


def process(node: Node, arrival: Arrival) -> Sequence[Outcome]:
    """Every alternative of what a node does with a packet: several where equal routes are."""
    return _PIPELINES[type(node)](node, arrival)
