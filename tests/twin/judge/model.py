"""What the model says of packets in a network, its BGP settled."""

from collections.abc import Mapping, Sequence

from hopbook.network.nodes import Network
from hopbook.network.packet import Packet
from hopbook.trace.control import settled
from hopbook.trace.verdict import Trace
from hopbook.trace.walk import trace


def told(network: Network, sent: Sequence[tuple[Packet, str]], knobs: Mapping[str, str]) -> tuple[Trace, ...]:
    """A trace of each packet, as (packet, sender)."""
    whole = settled(network, knobs)
    return tuple(trace(whole, packet, at, knobs) for packet, at in sent)
