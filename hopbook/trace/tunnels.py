"""Whether an IPsec tunnel comes up: both ends have to match, and IKE has to get through, there and back.

Its packets then travel as IKE's do, through the same address translations: what the nodes between the ends
remember of the negotiation is what they make of ESP.
"""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network

from hopbook.network.encapsulation import NAT_T_PORT
from hopbook.network.ipsec import Ipsec
from hopbook.network.nodes import Concentrator, Network, Node
from hopbook.network.packet import Packet, ip
from hopbook.trace.gateways import ends
from hopbook.trace.process import Knobs, Tunnel
from hopbook.trace.verdict import Walk

_IKE_BYTES = 500

Arriving = tuple[Walk, Packet | None]
Walker = Callable[[Packet, Node, Walk | None], Iterator[Arriving]]
"""Every way of a packet from a node, and the packet as it arrived where it did; of a reply, to which walk."""


def state(network: Network, knobs: Knobs, walker: Walker, node: Node, end: Ipsec) -> Tunnel:
    """One end's tunnel, worked out once for a network and the readings of its knobs."""
    readings = tuple(sorted(knobs.chosen.items()))
    memory = network.memory.setdefault(("tunnels", readings), {})
    name = (node.name, end.name)
    if name not in memory:
        memory[name] = (Tunnel(f"{end.name} needs itself"), {})
        before = dict(knobs.asked)
        knobs.asked.clear()
        found = _state(network, walker, node, end)
        memory[name] = (found, dict(knobs.asked))
        knobs.asked.update(before)
    found, asked = memory[name]
    knobs.asked.update(asked)
    result: Tunnel = found
    return result


def _state(network: Network, walker: Walker, node: Node, end: Ipsec) -> Tunnel:
    tried: list[str] = []
    if end.initiates and end.peer is not None:
        found = _initiated(walker, node, end, from_here=True)
        if not found.down:
            return found
        tried.append(found.down)
    for other in network.nodes.values():
        if other is node or not other.present:
            continue
        for far in ends(other):
            if far.initiates and far.peer is not None and _meant(node, end, other, far):
                found = _initiated(walker, other, far, from_here=False, wanted=(node, end))
                if not found.down:
                    return found
                tried.append(found.down)
    return Tunnel(tried[0] if tried else f"nobody initiates {end.name}")


def _meant(node: Node, end: Ipsec, other: Node, far: Ipsec) -> bool:
    """Whether the far end can be the one that this one waits for."""
    if isinstance(node, Concentrator) or isinstance(other, Concentrator):
        return isinstance(node, Concentrator) and node.peer == other.name
    return far.peer == end.local or far.peer_id == end.local_id


def _initiated(
    walker: Walker,
    node: Node,
    end: Ipsec,
    *,
    from_here: bool,
    wanted: tuple[Node, Ipsec] | None = None,
) -> Tunnel:
    """What comes of a negotiation that `end` starts, as this end (or the one that is asked for) sees it."""
    if end.peer is None:
        return Tunnel(f"{end.name} names no peer")
    first = Packet(end.local, end.peer, "udp", NAT_T_PORT, NAT_T_PORT, _IKE_BYTES)
    there, arrived = next(walker(first, node, None))
    if arrived is None:
        return Tunnel(_lost(f"IKE to {ip(end.peer)}", there))
    far_node = there.hops[-1].node
    matching = [far for far in ends(far_node) if _addressed(far, arrived)]
    far, why = _agreed(end, matching, far_node)
    if far is None or (wanted is not None and far is not wanted[1]):
        return Tunnel(why or f"IKE of {node.name} does not reach {end.name}")
    back, received = next(walker(arrived.reply(), far_node, there))
    if received is None or back.hops[-1].node is not node:
        return Tunnel(_lost(f"IKE back to {node.name}", back))
    inside, beyond = _common(end.inside, far.beyond), _common(end.beyond, far.inside)
    if from_here:
        return Tunnel("", first, there.known, inside, beyond)
    return Tunnel("", arrived.reply(), there.known, beyond, inside)


def _lost(what: str, walk: Walk) -> str:
    return f"{what}: {walk.end.verdict} at {walk.end.node}, {walk.end.reason}"


def _addressed(far: Ipsec, arrived: Packet) -> bool:
    return far.local == arrived.dst and far.peer in {None, arrived.src}


def _agreed(end: Ipsec, matching: list[Ipsec], far_node: Node) -> tuple[Ipsec | None, str]:
    """The far end that agrees, or why none does."""
    why = f"{far_node.name} has no end for {end.name}"
    for far in matching:
        why = _differs(end, far, far_node)
        if not why:
            return far, ""
    return None, why


def _differs(end: Ipsec, far: Ipsec, far_node: Node) -> str:
    if (end.local_id, end.peer_id) != (far.peer_id, far.local_id):
        return f"{end.name} and {far.name}: the identities do not match"
    if end.secret != far.secret:
        return f"{end.name} and {far.name}: the pre-shared keys differ"
    if end.ike != far.ike:
        return f"{end.name} and {far.name}: IKE proposals {end.ike} and {far.ike}"
    if end.esp != far.esp:
        return f"{end.name} and {far.name}: ESP proposals {end.esp} and {far.esp}"
    layer2 = isinstance(far_node, Concentrator)
    if not layer2 and not (_common(end.inside, far.beyond) and _common(end.beyond, far.inside)):
        return f"{end.name} and {far.name}: the traffic selectors have nothing in common"
    return ""


def _common(ours: tuple[IPv4Network, ...], theirs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    """What both sides name: of two overlapping prefixes the narrower."""
    pairs = ((one, other) for one in ours for other in theirs if one.overlaps(other))
    return tuple(dict.fromkeys(max(pair, key=lambda net: net.prefixlen) for pair in pairs))
