"""The control plane before the data plane: which BGP sessions are up decides which routes there are.

The sessions' own packets travel by the routes that no session brought.
"""

from collections.abc import Mapping

from hopbook.network.bgp import Peer
from hopbook.network.convergence import Reaches, SessionState, converge, sessions, unlearned
from hopbook.network.nodes import Network, Node
from hopbook.network.packet import DATAGRAM, Packet
from hopbook.trace.process import BGP_PORT
from hopbook.trace.verdict import Verdict
from hopbook.trace.walk import trace

_SOURCE_PORT = 42000


def settled(network: Network, knobs: Mapping[str, str] | None = None) -> Network:
    """The network with the routes that its BGP sessions bring; itself where nobody speaks BGP."""
    return converge(network, _reaches(network, knobs))


def session_states(network: Network, knobs: Mapping[str, str] | None = None) -> tuple[SessionState, ...]:
    """Each end of each session, up or why not."""
    return sessions(network, _reaches(network, knobs))


def _reaches(network: Network, knobs: Mapping[str, str] | None) -> Reaches:
    bare = unlearned(network)

    def ask(node: Node, peer: Peer) -> str:
        packet = Packet(peer.local, peer.address, "tcp", _SOURCE_PORT, BGP_PORT, DATAGRAM)
        found = trace(bare, packet, node.name, knobs)
        if found.verdict is Verdict.DELIVERED:
            return ""
        return f"its packets: {found.verdict} at {found.end.node}, {found.end.reason}"

    return ask
