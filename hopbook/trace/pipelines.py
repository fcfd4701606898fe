"""What each kind of node does with a packet. A new kind adds a line to the table at the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hopbook.network.firewall import Question
from hopbook.network.nodes import (
    Concentrator,
    Dlr,
    Esg,
    Host,
    IbmRouter,
    Internet,
    KubeNode,
    Node,
    ReversePath,
    VpnGateway,
)
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.resources.nsxv import FirewallAction
from hopbook.trace.edges import dlr, esg
from hopbook.trace.gateways import concentrator, vpn_gateway
from hopbook.trace.kube import kube_node, lookup
from hopbook.trace.machines import host
from hopbook.trace.process import (
    Arrival,
    Arrived,
    Ended,
    Onward,
    Outcome,
    ended,
    filtered,
    forward,
    speaks,
    ways,
)
from hopbook.trace.verdict import Decision, Verdict, What

_AT_VNIC = "vNIC of "  # before a node's name: what its distributed firewall remembers


def router(node: Node, arrival: Arrival) -> Sequence[Outcome]:
    """It routes, and more of it cannot be observed."""
    packet = arrival.packet
    if packet.dst in node.addresses and arrival.ingress is not None:
        if arrival.replying or speaks(node, packet):
            return [Arrived(packet, (Decision(What.RECEIVED),))]
        return ended(node, packet, Verdict.REFUSED, f"nothing answers at {packet.destination}")
    return forward(node, packet)


# The values take the class that they stand under, which a mapping's type cannot say
_PIPELINES: Mapping[type[Node], Callable[[Any, Arrival], Sequence[Outcome]]] = {
    Host: host,
    KubeNode: kube_node,
    VpnGateway: vpn_gateway,
    IbmRouter: router,
    Internet: router,
    Esg: esg,
    Dlr: dlr,
    Concentrator: concentrator,
}


def process(node: Node, arrival: Arrival) -> Sequence[Outcome]:
    """Every alternative of what a node does with a packet: several where equal routes are."""
    if arrival.ingress is not None and arrival.packet.src in node.addresses:
        reason = f"{ip(arrival.packet.src)}, where it comes from, is an address of {node.name} itself"
        return ended(node, arrival.packet, Verdict.DENIED, reason)
    if node.vnic is None:
        return _by_kind(node, arrival)
    stopped = [] if arrival.ingress is None else _at_vnic(node, arrival, arrival.packet)
    if stopped:
        return stopped
    found: list[Outcome] = []
    for outcome in _by_kind(node, arrival):
        sent = isinstance(outcome, Onward)
        found += (_at_vnic(node, arrival, outcome.packet) if sent else ()) or [
            _remembering(node, arrival, outcome)
        ]
    return found


def _by_kind(node: Node, arrival: Arrival) -> Sequence[Outcome]:
    found = _PIPELINES[type(node)](node, arrival)
    if node.reverse_path is ReversePath.OFF or _turned_away(node, arrival):
        return found
    return filtered(node, arrival, ways_back(node, arrival.packet.src), found)


def ways_back(node: Node, address: int) -> Sequence[Route]:
    """The routes by which a node would answer."""
    return lookup(node, address) if isinstance(node, KubeNode) else ways(node, address)


def _turned_away(node: Node, arrival: Arrival) -> bool:
    """Whether a machine that forwards nothing gets what is for another: nobody asks where that came from."""
    machine = isinstance(node, Host) and not isinstance(node, KubeNode | VpnGateway)
    return machine and arrival.packet.dst not in node.addresses


def _at_vnic(node: Node, arrival: Arrival, packet: Packet) -> Sequence[Outcome]:
    """The distributed firewall at the machine's vNIC (rule 14): how the packet ends, or nothing."""
    firewall = node.vnic
    if firewall is None or not firewall.enabled or (_AT_VNIC + node.name, packet[:5]) in arrival.known:
        return []
    asked = Question(packet.protocol, packet.src, packet.dst, packet.dport, packet.dst, packet.dport, (), ())
    ruling = firewall.decide(asked)
    if ruling.doubt is not None:
        reason = f"{ruling.doubt.title} may decide otherwise: it names what was not observed"
        return ended(node, packet, Verdict.INSUFFICIENT, reason, ground=ruling.doubt)
    if ruling.accepts:
        return []
    how = "rejects" if ruling.by.action is FirewallAction.REJECT else "drops"
    reason = f"the distributed firewall's {ruling.by.title} {how} {packet}"
    return ended(node, packet, Verdict.DENIED, reason, ground=ruling.by)


def _remembering(node: Node, arrival: Arrival, outcome: Outcome) -> Outcome:
    """What passed the vNIC may come back."""
    if isinstance(outcome, Ended):
        return outcome
    passed = [arrival.packet] if arrival.ingress is not None else []
    if isinstance(outcome, Onward):
        passed.append(outcome.packet)
    learns = {(_AT_VNIC + node.name, packet.reply()[:5]): packet.reply() for packet in passed}
    return outcome._replace(learns={**outcome.learns, **learns})
