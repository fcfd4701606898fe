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
from hopbook.vpn.proposals import in_common
from hopbook.vpn.reasons import Reason

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
    """What comes of each negotiation that is about this end, its own first; one that succeeds counts."""
    tried: list[Tunnel] = []
    own = [(node, end)] if end.initiates and end.peer is not None else []
    for other, far in (*own, *_starting(network, node, end)):
        found = _initiated(walker, other, far, far.peer or 0, (node, end))
        if found is not None and not found.down:
            return found
        tried += [found] if found is not None else []
    return tried[0] if tried else _down(Reason.NOT_STARTED, f"nobody initiates {end.name}")


def _starting(network: Network, node: Node, end: Ipsec) -> list[tuple[Node, Ipsec]]:
    """The ends that may start towards this one; first those whose subnets are this one's, crosswise."""
    found = [
        (other, far)
        for other in network.nodes.values()
        if other is not node and other.present and _partners(node, other)
        for far in ends(other)
        if far.initiates and far.peer is not None
    ]
    return sorted(found, key=lambda each: not _crosswise(end, each[1]))


def _partners(node: Node, other: Node) -> bool:
    """Concentrators are installed in pairs; everybody else may call everybody."""
    if isinstance(node, Concentrator) or isinstance(other, Concentrator):
        return isinstance(node, Concentrator) and node.peer == other.name
    return True


def _crosswise(one: Ipsec, other: Ipsec) -> bool:
    return bool(_common(one.inside, other.beyond) and _common(one.beyond, other.inside))


def _down(reason: Reason, why: str) -> Tunnel:
    return Tunnel(reason.said(why), reason=reason)


def _initiated(walker: Walker, node: Node, end: Ipsec, peer: int, asked: tuple[Node, Ipsec]) -> Tunnel | None:
    """What comes of a negotiation that `end` starts, as the end that is asked for sees it.

    None: it is about another end than that one.
    """
    from_here = asked[1] is end
    first = Packet(end.local, peer, "udp", NAT_T_PORT, NAT_T_PORT, _IKE_BYTES)
    there, arrived = next(walker(first, node, None))
    if arrived is None:
        lost = _down(Reason.NO_ANSWER, _lost(f"IKE to {ip(peer)}", there))
        return lost if from_here or _meant(asked, node, end) else None
    far_node = there.hops[-1].node
    if not from_here and far_node is not asked[0]:
        return None
    far = _agreed(end, [far for far in ends(far_node) if _addressed(far, arrived)], far_node)
    if isinstance(far, Tunnel) or not (from_here or far is asked[1]):
        return far if isinstance(far, Tunnel) else None
    back, received = next(walker(arrived.reply(), far_node, there))
    if received is None or back.hops[-1].node is not node:
        return _down(Reason.NO_ANSWER, _lost(f"IKE back to {node.name}", back))
    inside, beyond = _common(end.inside, far.beyond), _common(end.beyond, far.inside)
    if from_here:
        return Tunnel("", first, there.known, inside, beyond)
    return Tunnel("", arrived.reply(), there.known, beyond, inside)


def _meant(asked: tuple[Node, Ipsec], node: Node, end: Ipsec) -> bool:
    """Whether a call that does not get through was for the end that is asked for, as far as one can tell."""
    if isinstance(node, Concentrator):
        return True
    return asked[1].local == end.peer or (asked[1].local_id == end.peer_id and _crosswise(asked[1], end))


def _lost(what: str, walk: Walk) -> str:
    return f"{what}: {walk.end.verdict} at {walk.end.node}, {walk.end.reason}"


def _addressed(far: Ipsec, arrived: Packet) -> bool:
    return far.local == arrived.dst and far.peer in {None, arrived.src}


def _agreed(end: Ipsec, matching: list[Ipsec], far_node: Node) -> Ipsec | Tunnel:
    """The far end that agrees, or why none does; without a fitting end IKE is answered so (charon 5.6)."""
    found = _down(Reason.NO_PROPOSAL_CHOSEN, f"{far_node.name} has no end for {end.name}")
    for far in matching:
        differs = _differs(end, far, far_node)
        if differs is None:
            return far
        found = differs
    return found


def _differs(end: Ipsec, far: Ipsec, far_node: Node) -> Tunnel | None:
    """What keeps two ends from agreeing, in the order in which IKE comes to it."""
    both = f"{end.name} and {far.name}"
    if not in_common(end.ike, far.ike):
        return _down(Reason.NO_PROPOSAL_CHOSEN, f"{both}: IKE proposals {end.ike} and {far.ike}")
    if (end.local_id, end.peer_id) != (far.peer_id, far.local_id):
        why = f"{both}: the identities do not match ({end.local_id} and {far.peer_id}, {end.peer_id} and "
        return _down(Reason.AUTHENTICATION_FAILED, f"{why}{far.local_id})")
    if end.secret != far.secret:
        return _down(Reason.AUTHENTICATION_FAILED, f"{both}: the pre-shared keys differ")
    if not in_common(end.esp, far.esp):
        return _down(Reason.NO_PROPOSAL_CHOSEN, f"{both}: ESP proposals {end.esp} and {far.esp}")
    layer2 = isinstance(far_node, Concentrator)
    if not layer2 and not _crosswise(end, far):
        return _down(Reason.TS_UNACCEPTABLE, f"{both}: the traffic selectors have nothing in common")
    return None


def _common(ours: tuple[IPv4Network, ...], theirs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    """What both sides name: of two overlapping prefixes the narrower."""
    pairs = ((one, other) for one in ours for other in theirs if one.overlaps(other))
    return tuple(dict.fromkeys(max(pair, key=lambda net: net.prefixlen) for pair in pairs))
