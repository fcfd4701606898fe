"""Whether full packets get through where small ones did.

A TCP connection is made with small packets; the transfer fills them up to the smaller MTU of its two ends.
Where a hop is too narrow, a node that routes tells the sender (ICMP 3/4), and the sender sends smaller ones;
layer 2 tells nobody, and the transfer hangs (rules 15, 26 and 27).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from hopbook.network.encapsulation import EXTENSION, most
from hopbook.network.nodes import Concentrator, Dlr, EsxiHost, Interface, Node, Segment
from hopbook.network.packet import Packet
from hopbook.trace.process import Knobs
from hopbook.trace.verdict import End, Hop, Leg, Verdict


def fragments(packet: Packet, knobs: Knobs) -> bool:
    """Whether what carries a packet comes in fragments: a knob for concentrators (rule 27)."""
    return EXTENSION in packet.layers and knobs.reading("A27") == "fragments"


Answers = Callable[[Node, Packet], bool]
"""Whether an ICMP message about a packet leaves a node towards who sent it."""


def silent(node: Node, came: Packet, left: Packet, knobs: Knobs, answers: Answers, *, underlay: bool) -> bool:
    """Whether what is too large for a node's way out is dropped without a word to who sent it.

    Args:
        node: Where it is too large.
        came: As it came; without a source the node sends it itself.
        left: As it would leave.
        knobs: For the reading of rule 15.
        answers: Whom a node that routes can tell.
        underlay: It is the underlay of a VXLAN that is too narrow, and not the node's own interface.
    """
    if EXTENSION in left.layers or isinstance(node, Concentrator):
        return True
    if isinstance(node, Dlr | EsxiHost) or underlay:
        return knobs.reading("A15") == "silent"
    return not answers(node, came)


def on_underlay(egress: Interface, segment: Segment, packet: Packet, size: int) -> bool:
    """Whether it is a VXLAN's underlay, and not the interface before it, that is too narrow for a size."""
    return segment.overhead > 0 and most(packet, egress.mtu) >= size


def sized(
    leg: Leg, segments: Mapping[str, Segment], knobs: Knobs, answers: Answers
) -> tuple[Leg, End | None, bool]:
    """A TCP leg with the size of its packets; and how it ends where they are lost, with on which way."""
    back = leg.back
    first = leg.there.hops[0]
    if back is None or first.before.protocol != "tcp":
        return leg, None, False
    size = min(_mtu(leg.there.hops[0]), _mtu(back.hops[0]), first.before.size)
    mtu = size
    for returning, hops in ((False, leg.there.hops), (True, back.hops)):
        sent = size
        for hop in hops:
            if hop.fits is None or hop.fits >= sent or fragments(hop.after, knobs):
                continue
            if _swallows(hop, segments, sent, knobs, answers):
                reason = f"{sent} bytes do not fit there, {hop.fits} do, and nobody says so"
                return leg, End(Verdict.TOO_LARGE_SILENT, hop.node.name, reason), returning
            sent = hop.fits
        mtu = min(mtu, sent)
    return replace(leg, mtu=mtu), None, False


def _swallows(hop: Hop, segments: Mapping[str, Segment], size: int, knobs: Knobs, answers: Answers) -> bool:
    out = hop.egress
    underlay = out is not None and on_underlay(out, segments[out.segment], hop.after, size)
    return silent(hop.node, hop.before, hop.after, knobs, answers, underlay=underlay)


def _mtu(hop: Hop) -> int:
    """The MTU of the interface by which a node sends what it opens or answers."""
    return hop.egress.mtu if hop.egress is not None else hop.before.size
