"""What an ESG and a DLR do with a packet: rules 1 to 8, 10, 11 and 13 of `reference/network-rules.md`."""

from collections.abc import Sequence

from hopbook.network.firewall import Firewall, Question, Ruling
from hopbook.network.nat import Translation
from hopbook.network.nodes import Backend, Dlr, Esg, Interface, Node
from hopbook.network.packet import Packet
from hopbook.network.routes import Route
from hopbook.resources.nsxv import FirewallAction
from hopbook.trace.gateways import negotiates, opened, through, tunnel_for
from hopbook.trace.process import (
    Arrival,
    Arrived,
    Onward,
    Outcome,
    ended,
    established,
    forward,
    no_way,
    speaks,
    ways,
)
from hopbook.trace.verdict import Decision, Verdict, What

_ITSELF = ("vse",)  # what firewall rules call the edge


def esg(node: Esg, arrival: Arrival) -> Sequence[Outcome]:
    """Connection tracking, DNAT, route, firewall, SNAT (rule 1). NAT needs the firewall on (rule 3)."""
    packet = arrival.packet
    reply = established(arrival, node)
    if reply is not None:
        return _established(node, arrival, reply)
    if arrival.ingress is None:
        return _own(node, packet)
    if not node.firewall.enabled:
        return _to_itself(node, arrival, packet) if packet.dst in node.addresses else _open(node, arrival)
    if arrival.replying and packet.protocol == "tcp":
        return _stray(node, packet)
    return _new(node, arrival, arrival.ingress)


def _established(node: Node, arrival: Arrival, reply: Packet, *before: Decision) -> Sequence[Outcome]:
    """Of a connection that the node knows: translated back, and the firewall does not ask again."""
    words = "established" if reply == arrival.packet else "un-NAT"
    done = (*before, Decision(What.CONNECTION, words=words))
    if reply.dst in node.addresses:
        if reply.inside is not None and isinstance(node, Esg):
            return _opened(node, arrival, reply, *done)
        return [Arrived(reply, (*done, Decision(What.RECEIVED)))]
    return _onward(node, arrival, reply, *done)


def _open(node: Esg, arrival: Arrival, *done: Decision) -> Sequence[Outcome]:
    """Past an edge whose firewall is off: no NAT and no filter (rule 3), but its tunnels stay."""
    return _onward(node, arrival, arrival.packet, *done)


def _onward(node: Node, arrival: Arrival, packet: Packet, *done: Decision) -> Sequence[Outcome]:
    """Past the firewall: by a route, or into the tunnel that takes it; that adds no route (rule 6)."""
    end = tunnel_for(node, arrival, packet)
    if end is None or not ways(node, packet.dst):
        return forward(node, packet, *done)
    return through(node, arrival, packet, end, *done)


def _stray(node: Node, packet: Packet) -> Sequence[Outcome]:
    reason = f"drops {packet}: the connection did not come this way"
    return ended(node, packet, Verdict.ASYMMETRIC, reason)


def _own(node: Esg, packet: Packet) -> Sequence[Outcome]:
    """A packet that the edge sends itself: the egress vNIC's address, no SNAT (rule 10)."""
    found: list[Outcome] = []
    for route in ways(node, packet.dst):
        egress = node.interfaces[route.interface]
        sent = packet._replace(src=packet.src or egress.addresses[0])
        before = Decision(What.ROUTE, route)
        if node.firewall.enabled:
            ruling = node.firewall.decide(_question(sent, sent, sent.src, _ITSELF, egress.groups))
            found += _stopped(node, sent, ruling, before) or [
                Onward(sent, route, (before, _passed(ruling)), keeps=((sent, sent),), given=("A10",))
            ]
        else:
            found.append(Onward(sent, route, (before,), given=("A10",)))
    return found or no_way(node, packet, packet.dst)


def _opened(node: Esg, arrival: Arrival, packet: Packet, *done: Decision) -> Sequence[Outcome]:
    """Out of a tunnel: what was inside comes in by the same vNIC, like any other packet."""
    found = opened(node, arrival, packet)
    if not isinstance(found, tuple):
        return found
    inner, opening = found
    done = (*done, opening)
    within = arrival._replace(packet=inner)
    reply = established(within, node)
    if reply is not None:
        return _established(node, within, reply, *done)
    if arrival.ingress is None or not node.firewall.enabled:
        return _open(node, within, *done)
    if arrival.replying and inner.protocol == "tcp":
        return _stray(node, inner)
    return _new(node, within, arrival.ingress, *done)


def _new(node: Esg, arrival: Arrival, ingress: Interface, *done: Decision) -> Sequence[Outcome]:
    """The first packet of a connection."""
    packet, inner = arrival.packet, arrival.packet
    rule = node.dnat.first(
        ingress.index, packet.protocol, (packet.dst, packet.dport), (packet.src, packet.sport)
    )
    if rule is not None:
        if rule.doubt or rule.address is None:
            return _unclear(node, packet, rule)
        inner = packet._replace(dst=rule.address, dport=packet.dport if rule.port is None else rule.port)
        done = (*done, Decision(What.DNAT, rule))
    if inner.dst in node.addresses:
        ruling = node.firewall.decide(_question(packet, inner, packet.src, ingress.groups, _ITSELF))
        return _stopped(node, packet, ruling, *done) or _to_itself(
            node, arrival, inner, *done, _passed(ruling)
        )
    found = [
        outcome
        for route in ways(node, inner.dst)
        for outcome in _through(node, arrival, ingress, inner, (*done, Decision(What.ROUTE, route)), route)
    ]
    return found or no_way(node, inner, inner.dst, *done)


def _through(
    node: Esg,
    arrival: Arrival,
    ingress: Interface,
    inner: Packet,
    done: tuple[Decision, ...],
    route: Route,
) -> Sequence[Outcome]:
    """Firewall and SNAT, once the way out is known. The firewall compares the packet as it came (rule 2)."""
    packet, egress = arrival.packet, node.interfaces[route.interface]
    outer = inner
    rule = node.snat.first(egress.index, inner.protocol, (inner.src, inner.sport), (inner.dst, inner.dport))
    if rule is not None and rule.address is not None:
        outer = inner._replace(src=rule.address, sport=inner.sport if rule.port is None else rule.port)
    end = tunnel_for(node, arrival, inner)
    hidden = end is not None and outer.src != inner.src and end.takes(inner.src, inner.dst)
    if hidden and arrival.knobs.reading("A1") == "selectors, then SNAT":
        rule, outer = None, inner
    source = inner.src
    if outer.src != inner.src and arrival.knobs.reading("A2") == "after SNAT":
        source = outer.src
    ruling = node.firewall.decide(_question(packet, inner, source, ingress.groups, egress.groups))
    stopped = _stopped(node, packet, ruling, *done)
    if stopped:
        return stopped
    done = (*done, _passed(ruling))
    if rule is not None:
        if rule.doubt or rule.address is None:
            return _unclear(node, inner, rule, *done)
        done = (*done, Decision(What.SNAT, rule))
    given = ("A1",) if outer is not packet else ()
    back = ways(node, packet.src)
    if all(way.interface != ingress.name for way in back):
        given = (*given, "A11")  # a strict filter would drop it
    keeps = ((outer, packet),)
    if end is None:
        return [Onward(outer, route, done, keeps=keeps, given=given)]
    return [
        item._replace(keeps=keeps, given=given) if isinstance(item, Onward) else item
        for item in through(node, arrival, outer, end, *done)
    ]


def _to_itself(node: Esg, arrival: Arrival, packet: Packet, *done: Decision) -> Sequence[Outcome]:
    """Behind the firewall: IKE, ESP, the DNS relay, or nothing that answers (rule 8: a reset)."""
    relay = node.relay
    if packet.inside is not None:
        return _opened(node, arrival, packet, *done)
    if arrival.replying and not node.firewall.enabled:  # its own socket waits, whoever tracks connections
        return [Arrived(packet, (*done, Decision(What.RECEIVED)))]
    if negotiates(node, packet) or speaks(node, packet):
        keeps = ((packet, arrival.packet),) if node.firewall.enabled else ()
        return [Arrived(packet, (*done, Decision(What.RECEIVED)), keeps=keeps)]
    asked = packet.protocol in {"udp", "tcp"} and relay is not None and packet.dport == relay.port
    if relay is None or not asked or packet.dst not in relay.listeners:
        return ended(node, packet, Verdict.REFUSED, f"nothing answers at {packet.destination}", *done)
    if not relay.forwarders:
        return ended(node, packet, Verdict.REFUSED, "the DNS relay has no forwarder", *done, ground=relay)
    decided = (*done, Decision(What.RELAYED, relay))
    keeps = ((packet, arrival.packet),) if node.firewall.enabled else ()
    asks = tuple(Backend(address, packet.dport) for address in relay.forwarders)
    return [Arrived(packet, decided, keeps=keeps, asks=asks)]


def dlr(node: Dlr, arrival: Arrival) -> Sequence[Outcome]:
    """It routes in the sender's host, which was not observed; its firewall sees the uplinks (rule 13)."""
    packet, firewall = arrival.packet, node.firewall
    if packet.dst in node.addresses:
        if speaks(node, packet):
            return [Arrived(packet, (Decision(What.RECEIVED),))]
        return ended(node, packet, Verdict.REFUSED, f"nothing answers at {packet.destination}")
    reply = established(arrival, node)
    outcomes = forward(node, packet) if reply is None else _established(node, arrival, reply)
    return [
        checked
        for outcome in outcomes
        for checked in (
            _at_uplink(node, firewall, arrival, outcome)
            if isinstance(outcome, Onward) and firewall is not None and reply is None
            else (outcome,)
        )
    ]


def _at_uplink(node: Dlr, firewall: Firewall, arrival: Arrival, outcome: Onward) -> Sequence[Outcome]:
    packet, egress = arrival.packet, node.interfaces[outcome.route.interface]
    came = _ITSELF if arrival.ingress is None else arrival.ingress.groups
    if "external" not in came and "external" not in egress.groups:
        return [outcome]
    if arrival.replying and packet.protocol == "tcp":
        return _stray(node, packet)
    ruling = firewall.decide(_question(packet, packet, packet.src, came, egress.groups))
    return _stopped(node, packet, ruling, *outcome.decisions) or [
        outcome._replace(decisions=(*outcome.decisions, _passed(ruling)), keeps=((packet, packet),))
    ]


def _question(
    packet: Packet, inner: Packet, source: int, came: tuple[str, ...], goes: tuple[str, ...]
) -> Question:
    return Question(packet.protocol, source, packet.dst, packet.dport, inner.dst, inner.dport, came, goes)


def _passed(ruling: Ruling) -> Decision:
    return Decision(What.FILTER, ruling.by, "accepts")


def _stopped(node: Node, packet: Packet, ruling: Ruling, *done: Decision) -> Sequence[Outcome]:
    """How the packet ends at the firewall; nothing where it passes."""
    if ruling.doubt is not None:
        reason = f"{ruling.doubt.title} may decide otherwise: it names what was not observed"
        return ended(node, packet, Verdict.INSUFFICIENT, reason, *done, ground=ruling.doubt)
    if ruling.accepts:
        return []
    how = "rejects" if ruling.by.action is FirewallAction.REJECT else "drops"
    return ended(node, packet, Verdict.DENIED, f"{ruling.by.title} {how} {packet}", *done, ground=ruling.by)


def _unclear(node: Node, packet: Packet, rule: Translation, *done: Decision) -> Sequence[Outcome]:
    why = rule.doubt or f"which address of {rule.rule.translated} it takes is not known"
    return ended(node, packet, Verdict.INSUFFICIENT, f"{rule.title}: {why}", *done, ground=rule)
