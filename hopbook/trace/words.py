"""What a hop did, in words: the same ones in evidence, on the terminal and in JSON."""

from hopbook.network.packet import ip
from hopbook.trace.verdict import Decision, Hop, What


def said(hop: Hop) -> list[str]:
    """What a hop did, a phrase each."""
    return [phrase(hop, decision) for decision in hop.decisions]


def phrase(hop: Hop, decision: Decision) -> str:
    """One decision of a hop."""
    title = decision.ground.title if decision.ground is not None else ""
    by_kind = {
        What.CONNECTION: _connection(hop, decision.words),
        What.DNAT: f"{title} → {hop.after.destination}",
        What.ROUTE: title,
        What.FILTER: f"{title} {decision.words}",
        What.SNAT: f"{title} → {ip(hop.after.src)}",
        What.SENT: str(hop.after),
        What.RECEIVED: f"received {hop.after}",
        What.RELAYED: f"{title or decision.words} ends the connection",
        What.DROPPED: decision.words,
    }
    return by_kind[decision.what]


def _connection(hop: Hop, words: str) -> str:
    if hop.before.source != hop.after.source:
        words += f" from {hop.after.source}"
    if hop.before.destination != hop.after.destination:
        words += f" to {hop.after.destination}"
    return words
