"""What a hop did, in words: the same ones in evidence, on the terminal and in JSON."""

from collections.abc import Callable, Mapping

from hopbook.network.packet import Packet, ip
from hopbook.trace.verdict import Decision, Hop, What


def said(hop: Hop) -> list[str]:
    """What a hop did, a phrase each."""
    return [phrase(hop, decision) for decision in hop.decisions]


def bare(hop: Hop) -> Packet:
    """The packet as the hop left it, without the encapsulations that the hop itself put around it."""
    packet = hop.after
    for decision in hop.decisions:
        if decision.what is What.ENCAPSULATED and packet.inside is not None:
            packet = packet.inside.packet
    return packet


def phrase(hop: Hop, decision: Decision) -> str:
    """One decision of a hop."""
    return _PHRASES[decision.what](hop, decision)


def _title(decision: Decision) -> str:
    return decision.ground.title if decision.ground is not None else ""


def _by(decision: Decision) -> str:
    return f" by {decision.ground.title}" if decision.ground is not None else ""


def _called(decision: Decision) -> str:
    """A translation by whatever makes it: an edge's rule, a service, a pool of addresses."""
    title = _title(decision)
    return title if title.startswith(decision.what) else f"{decision.what} by {title}"


def _into(hop: Hop, decision: Decision) -> str:
    return f"into {decision.words}{_by(decision)}, {ip(hop.after.src)} → {ip(hop.after.dst)}"


def _connection(hop: Hop, decision: Decision) -> str:
    """What a known connection made of the packet; nothing to add where the packet was opened after that."""
    words, before, after = decision.words, _opened(hop), bare(hop)
    if words == "established" or before.layers != after.layers:
        return words
    if before.source != after.source:
        words += f" from {after.source}"
    if before.destination != after.destination:
        words += f" to {after.destination}"
    return words


def _opened(hop: Hop) -> Packet:
    """The packet as the node's connections saw it: out of the encapsulations that it took off before."""
    packet = hop.before
    for decision in hop.decisions:
        if decision.what is What.CONNECTION:
            break
        if decision.what is What.DECAPSULATED and packet.inside is not None:
            packet = packet.inside.packet
    return packet


_PHRASES: Mapping[What, Callable[[Hop, Decision], str]] = {
    What.CONNECTION: _connection,
    What.DNAT: lambda hop, decision: f"{_called(decision)} → {bare(hop).destination}",
    What.ROUTE: lambda _hop, decision: _title(decision),
    What.FILTER: lambda _hop, decision: f"{_title(decision)} {decision.words}",
    What.SNAT: lambda hop, decision: f"{_called(decision)} → {ip(bare(hop).src)}",
    What.SWITCHED: lambda _hop, decision: f"switched in {decision.words}",
    What.ENCAPSULATED: _into,
    What.DECAPSULATED: lambda _hop, decision: f"out of {decision.words}{_by(decision)}",
    What.SENT: lambda hop, _decision: str(hop.after),
    What.RECEIVED: lambda hop, _decision: f"received {hop.after}",
    What.RELAYED: lambda _hop, decision: f"{_title(decision) or decision.words} ends the connection",
    What.DROPPED: lambda _hop, decision: decision.words,
}
