"""What a hop did, short enough to stand beside it."""

from collections.abc import Iterator
from typing import NamedTuple

from hopbook.network.packet import Packet, ip
from hopbook.trace.verdict import Decision, Hop, What
from hopbook.trace.words import phrase


class Label(NamedTuple):
    """One line beside a hop.

    Attributes:
        changes: It shows an address before and after.
        minor: It says where to, not what changed or passed.
    """

    text: str
    changes: bool = False
    minor: bool = False


_DESTINATION, _SOURCE = "dst", "src"
_CHANGE = {
    What.DNAT: (_DESTINATION,),
    What.SNAT: (_SOURCE,),
    What.CONNECTION: (_DESTINATION, _SOURCE),
}


def labels(hop: Hop) -> list[Label]:
    """What decided, and what became of the addresses. How it ended is the picture's own mark."""
    found: list[Label] = []
    changes = dict(_changes(hop))
    for decision in hop.decisions:
        if decision.what is What.ENCAPSULATED:
            found += _into(hop.after, decision)
            continue
        said = "" if decision.what is What.DROPPED else _short(hop, decision)
        if said:
            found.append(Label(said, minor=decision.what is What.ROUTE))
        sides = [side for side in _CHANGE.get(decision.what, ()) if side in changes]
        found += [Label(f"{side} {changes.pop(side)}", changes=True) for side in sides]
    return [*found, *(Label(f"{side} {text}", changes=True) for side, text in changes.items())]


def _short(hop: Hop, decision: Decision) -> str:
    """The phrase of `trace.words`, without addresses that are shown on a line of their own."""
    title = decision.ground.title if decision.ground is not None else ""
    what, words = decision.what, decision.words
    match what:
        case What.DNAT | What.SNAT:
            said = title if title.upper().startswith(what) else f"{what} {title}"
        case What.CONNECTION:
            said = words
        case What.SENT:
            said = f"sends {hop.after.innermost}"
        case What.RECEIVED:
            said = f"receives {hop.after.innermost}"
        case What.SWITCHED:
            said = f"switched on {words}" if words else "switched"
        case What.DECAPSULATED:
            said = f"out of {words or title}"
        case _:
            said = phrase(hop, decision)
    return said


def _into(packet: Packet, decision: Decision) -> Iterator[Label]:
    """Into which tunnel, and between which ends."""
    title = decision.ground.title if decision.ground is not None else ""
    while packet.inside is not None:
        inside = packet.inside
        if decision.words in {inside.by, f"{inside.by} {inside.tunnel}"}:
            yield Label(f"into {inside.by} {inside.tunnel or title}")
            yield Label(f"outside {ip(packet.src)} → {ip(packet.dst)}", minor=True)
            return
        packet = inside.packet
    yield Label(f"into {decision.words or title}")


def _changes(hop: Hop) -> Iterator[tuple[str, str]]:
    """What became of the packet's addresses; of a tunnel's where the node translated those."""
    before, after = hop.before, hop.after
    if before.layers != after.layers:
        before, after = before.innermost, after.innermost
    if before.destination != after.destination:
        yield _DESTINATION, f"{before.destination} → {after.destination}"
    if before.source != after.source and before.src:
        yield _SOURCE, f"{before.source} → {after.source}"
