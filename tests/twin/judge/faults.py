"""What can be wrong with a network, by name. Each fault aims at what the packets really use.

A fault gives the broken network and says what it did, or None where the network has nothing of its kind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import IPv4Network
from random import Random
from typing import Any, NamedTuple

from hopbook.network.bgp import Permission, PrefixRule
from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import Translation
from hopbook.network.nodes import (
    Concentrator,
    Dlr,
    Esg,
    EsxiHost,
    Host,
    IbmRouter,
    Interface,
    Internet,
    KubeNode,
    Medium,
    Network,
    Node,
    ReversePath,
    VpnGateway,
)
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Origin, Route
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallAction, FirewallRule, NatAction, Service
from hopbook.trace.verdict import Hop, Trace
from tests.twin.judge.draft import FACT
from tests.twin.judge.edit import (
    filtering,
    firewalls,
    in_cluster,
    less,
    rerouted,
    retunnelled,
    routed,
    swapped,
    translating,
    translations,
    tunnel_ends,
)
from tests.twin.judge.model import told

_Result = tuple[Network, str] | None
_TRIES = 4
_WHOLE = 32  # bits of a prefix that is one address
_ROUTERS = (IbmRouter, Internet, Esg, Dlr, VpnGateway, KubeNode)


class Broken(NamedTuple):
    """A fault that was made."""

    kind: str
    what: str
    network: Network


@dataclass(frozen=True)
class Aim:
    """A network, and how the packets travel in it."""

    network: Network
    rng: Random
    traces: tuple[Trace, ...]

    @cached_property
    def hops(self) -> list[tuple[bool, Hop]]:
        """Every hop of every packet as (on the way back, hop), in random order."""
        found = [(back, hop) for item in self.traces for _, back, hop in item.worst.hops]
        self.rng.shuffle(found)
        return found

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes in random order, those that packets cross first."""
        crossed = list(dict.fromkeys(hop.node.name for _, hop in self.hops))
        rest = [name for name in self.network.nodes if name not in crossed]
        self.rng.shuffle(rest)
        return [self.network.nodes[name] for name in (*crossed, *rest)]

    def routes(self, *, back: bool | None = None, static: bool = True) -> Iterator[tuple[Node, Route]]:
        """The routes that packets take, with their nodes."""
        for returning, hop in self.hops:
            node = self.network.nodes[hop.node.name]
            for decision in hop.decisions:
                route = decision.ground
                if not isinstance(route, Route) or route not in node.routes.routes:
                    continue
                if back in {None, returning} and (not static or route.origin is not Origin.CONNECTED):
                    yield node, route


def broken(
    network: Network, sent: Sequence[tuple[Packet, str]], rng: Random, knobs: Mapping[str, str]
) -> Broken | None:
    """The network with one fault more; mostly one that some packet notices."""
    before = told(network, sent, knobs)
    aim = Aim(network, rng, before)
    special = [kind for kind in _SPECIAL if rng.random() < 0.5]
    general = list(_GENERAL)
    rng.shuffle(special)
    rng.shuffle(general)
    last, tried = None, 0
    rare = rng.sample(_RARE, 2) if rng.random() < 0.4 else []
    kinds = (*special, *general) if rng.random() < 0.6 else (*general, *special)
    for kind in (*rare, *kinds):
        made = FAULTS[kind](aim)
        if made is None:
            continue
        last, tried = Broken(kind, made[1], made[0]), tried + 1
        after = told(made[0], sent, knobs)
        if tried == _TRIES or [item.verdict for item in before] != [item.verdict for item in after]:
            break
    return last


def _missing_route(aim: Aim) -> _Result:
    for node, route in aim.routes(back=False):
        rest = [item for item in node.routes.routes if item != route]
        return swapped(aim.network, routed(node, rest)), f"{node.name} has no {route.title}"
    return None


def _missing_return(aim: Aim) -> _Result:
    for node, route in aim.routes(back=True):
        rest = [item for item in node.routes.routes if item != route]
        return swapped(aim.network, routed(node, rest)), f"{node.name} has no {route.title}, for replies"
    return None


def _wrong_prefix(aim: Aim) -> _Result:
    for node, route in aim.routes():
        length = route.prefix.prefixlen
        if length:
            other = IPv4Network((int(route.prefix.network_address) ^ 1 << (32 - length), length))
            changed = rerouted(node, route, replace(route, prefix=other))
            return swapped(aim.network, changed), f"{node.name} has {other} instead of {route.prefix}"
    return None


def _unreachable(aim: Aim) -> _Result:
    for node, route in aim.routes():
        item = node.interfaces.get(route.interface)
        free = _free(aim.network, item) if item is not None and route.next_hop else None
        if free is not None:
            changed = rerouted(node, route, replace(route, next_hop=free))
            return swapped(aim.network, changed), f"{node.name}: {route.title} points to {ip(free)}, nobody"
    return None


def _free(network: Network, item: Interface) -> int | None:
    taken = network.neighbours.get(item.segment, {})
    addresses = item.prefix.hosts() if item.prefix is not None else iter(())
    return next((int(address) for address in addresses if int(address) not in taken), None)


def _wrong_hop(aim: Aim) -> _Result:
    for node, route in aim.routes():
        others = _neighbours(aim.network, node, route) if route.next_hop else []
        if others:
            hop = aim.rng.choice(others)
            changed = rerouted(node, route, replace(route, next_hop=hop))
            return swapped(aim.network, changed), f"{node.name}: {route.title} points to {ip(hop)} instead"
    return None


def _neighbours(network: Network, node: Node, route: Route) -> list[int]:
    """The other addresses to which a route of a node could lead."""
    item = node.interfaces.get(route.interface)
    if item is None or item.prefix is None:
        return []
    if isinstance(node, KubeNode) and item.name == node.tunnel:
        return sorted(node.tunnel_peers - {route.next_hop})
    held = network.neighbours[item.segment].items()
    return [
        address for address, owners in held if owners[0][0].name != node.name and address != route.next_hop
    ]


def _loop(aim: Aim) -> _Result:
    """A router sends back what its neighbour sends it."""
    for returning, hop in aim.hops:
        node, item = aim.network.nodes[hop.node.name], hop.ingress
        if returning or item is None or not isinstance(node, _ROUTERS) or hop.egress is None:
            continue
        peers = [
            (other, side.addresses[0])
            for other in aim.network.nodes.values()
            for side in other.interfaces.values()
            if side.segment == item.segment and side.addresses and item.segment
            and other.name != node.name and isinstance(other, _ROUTERS)
        ]  # fmt: skip
        if not peers or item.prefix is None:
            continue
        other, address = aim.rng.choice(peers)
        prefix = IPv4Network((hop.after.dst & 0xFFFFFF00, 24))
        static = Route(
            prefix=prefix, interface=item.name, fact=FACT, next_hop=address, distance=1, origin=Origin.STATIC
        )
        rest = [route for route in node.routes.routes if route.prefix != prefix]
        return swapped(
            aim.network, routed(node, [*rest, static])
        ), f"{node.name} sends {prefix} to {other.name}"
    return None


def _black_hole(aim: Aim) -> _Result:
    for node, route in aim.routes():
        changed = rerouted(node, route, replace(route, interface="", next_hop=None, next_node=""))
        return swapped(aim.network, changed), f"{node.name}: {route.title} leads nowhere"
    return None


def _without_nat(aim: Aim, action: NatAction) -> _Result:
    for _, hop in aim.hops:
        node = aim.network.nodes[hop.node.name]
        used = [decision.ground for decision in hop.decisions if isinstance(decision.ground, Translation)]
        for rule in used:
            if isinstance(node, Esg) and rule.rule.action is action:
                rest = [item for item in translations(node) if item != rule]
                return swapped(aim.network, translating(node, rest)), f"{node.name} has no {rule.title}"
    return None


def _dropped_dnat(aim: Aim) -> _Result:
    return _without_nat(aim, NatAction.DNAT)


def _dropped_snat(aim: Aim) -> _Result:
    return _without_nat(aim, NatAction.SNAT)


def _dropped_rule(aim: Aim) -> _Result:
    for _, hop in aim.hops:
        node = aim.network.nodes[hop.node.name]
        used = [item.ground for item in hop.decisions if isinstance(item.ground, Filter)]
        for firewall, give in firewalls(node):
            for rule, rest in less(firewall.rules):
                if rule in used:
                    return swapped(
                        aim.network, give(filtering(firewall, rest))
                    ), f"{node.name}: no {rule.title}"
    return None


def _deny_rule(aim: Aim) -> _Result:
    for _, hop in aim.hops:
        node = aim.network.nodes[hop.node.name]
        if isinstance(node, Esg) and hop.ingress is not None and hop.before.dport:
            rule = _ruled(aim, node, hop.before)
            changed = filtering(node.firewall, (rule, *node.firewall.rules))
            return swapped(aim.network, replace(node, firewall=changed)), f"{node.name}: {rule.action} on top"
    return None


def _ruled(aim: Aim, node: Node, packet: Packet) -> Filter:
    """A rule against a packet: its port, and its source or its destination or neither."""
    choice = aim.rng.choice(("source", "destination", ""))
    return Filter(
        FirewallRule(
            owner=Key("nsxv.edge", node.name),
            rule="#131999",
            action=aim.rng.choice((FirewallAction.DENY, FirewallAction.REJECT)),
            sources=(ip(packet.src),) if choice == "source" else (),
            destinations=(ip(packet.dst),) if choice == "destination" else (),
            services=(Service(packet.innermost.protocol, (str(packet.dport),)),),
        ),
        FACT,
    )


def _distributed_rule(aim: Aim) -> _Result:
    for _, hop in aim.hops:
        node = aim.network.nodes[hop.node.name]
        if type(node) is Host and node.vnic is None and _virtual(aim.network, node):
            wall = Firewall([_ruled(aim, node, hop.before)], Policy(FirewallAction.ACCEPT, FACT))
            return swapped(aim.network, replace(node, vnic=wall)), f"{node.name} has a distributed firewall"
    return None


def _virtual(network: Network, node: Node) -> bool:
    media = {network.segments[item.segment].medium for item in node.interfaces.values()}
    return media == {Medium.VXLAN}


def _firewall_off(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, Esg):
            off = Firewall(node.firewall.rules, node.firewall.default, enabled=False)
            return swapped(aim.network, replace(node, firewall=off)), f"{node.name}: firewall off"
    return None


def _tunnel(aim: Aim, what: str, change: Callable[[Ipsec], Ipsec]) -> _Result:
    for node in aim.nodes:
        for end in tunnel_ends(node):
            return swapped(aim.network, retunnelled(node, end, change(end))), f"{node.name}: {what}"
    return None


def _psk(aim: Aim) -> _Result:
    return _tunnel(aim, "another pre-shared key", lambda end: replace(end, secret="env:OTHER_PSK"))


def _proposal(aim: Aim) -> _Result:
    field = aim.rng.choice(("ike", "esp"))
    other: dict[str, Any] = {field: "aes128-sha256-modp2048"}
    return _tunnel(aim, f"another {field} proposal", lambda end: replace(end, **other))


def _identity(aim: Aim) -> _Result:
    return _tunnel(
        aim, "waits for another identity", lambda end: replace(end, peer_id="somebody.example.com")
    )


def _selectors(aim: Aim) -> _Result:
    """A subnet of one end is another one, or half of it."""
    for node in aim.nodes:
        for end in tunnel_ends(node) if not isinstance(node, Concentrator) else ():
            field = aim.rng.choice(("inside", "beyond"))
            first, *others = getattr(end, field)
            halves = list(first.subnets())
            other = aim.rng.choice((*halves, IPv4Network("192.0.2.0/24")))
            named: dict[str, Any] = {field: (other, *others)}
            changed = replace(end, **named)
            what = f"{node.name}: {field} {other} instead of {first}"
            return swapped(aim.network, retunnelled(node, end, changed)), what
    return None


def _peer(aim: Aim) -> _Result:
    return _tunnel(aim, "another peer", lambda end: replace(end, peer=(end.peer or 0) ^ 1))


def _no_initiator(aim: Aim) -> _Result:
    found = [node for node in aim.nodes if tunnel_ends(node)]
    changed = [
        retunnelled(node, end, replace(end, initiates=False))
        for node in found
        for end in tunnel_ends(node)[:1]
    ]
    return (swapped(aim.network, *changed), "no end initiates") if changed else None


def _leaking(aim: Aim) -> _Result:
    """The tunnel is down and its policies went with it (rule 7)."""
    for node in aim.nodes:
        for end in tunnel_ends(node) if not isinstance(node, Concentrator) else ():
            changed = retunnelled(node, end, replace(end, secret="env:OTHER_PSK", policies_stay=False))
            return swapped(aim.network, changed), f"{node.name}: another key, and its policies do not stay"
    return None


def _underlay(aim: Aim) -> _Result:
    """A router does not know the way to a tunnel's end."""
    ends = [end for node in aim.nodes for end in tunnel_ends(node)]
    for end in ends:
        for node in aim.nodes:
            found = [route for route in node.routes.lookup(end.local) if route.origin is not Origin.CONNECTED]
            if isinstance(node, _ROUTERS) and found:
                rest = [route for route in node.routes.routes if route not in found]
                return swapped(aim.network, routed(node, rest)), f"{node.name} does not know {ip(end.local)}"
    return None


def _ike_rule(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, Esg) and node.ipsec:
            rest = [item for item in node.firewall.rules if item.rule.destinations != ("vse",)]
            return swapped(
                aim.network, replace(node, firewall=filtering(node.firewall, rest))
            ), f"{node.name}: no IKE"
    return None


def _wrong_as(aim: Aim) -> _Result:
    for node in aim.nodes:
        if node.speaker is not None and node.speaker.peers:
            first, *others = node.speaker.peers
            peers = (replace(first, asn=first.asn + 1), *others)
            changed = replace(node, speaker=replace(node.speaker, peers=peers))
            return swapped(aim.network, changed), f"{node.name} expects AS {first.asn + 1} of {first.name}"
    return None


def _prefix_filter(aim: Aim) -> _Result:
    """Blocks are /26, and the filter takes just the pool itself (rule 20)."""
    for node in aim.nodes:
        if node.speaker is not None and isinstance(node, IbmRouter) and node.speaker.peers:
            line = PrefixRule(Permission.PERMIT, IPv4Network("10.0.0.0/8"))
            peers = tuple(replace(peer, imports=(line,)) for peer in node.speaker.peers)
            changed = replace(node, speaker=replace(node.speaker, peers=peers))
            return swapped(aim.network, changed), f"{node.name} takes 10.0.0.0/8 only"
    return None


def _small_link(aim: Aim) -> _Result:
    """A whole segment of layer 3 neighbours carries less."""
    for _, hop in aim.hops:
        segment = hop.egress.segment if hop.egress is not None else ""
        if not segment or aim.network.segments[segment].medium in {Medium.VXLAN, Medium.POD}:
            continue
        mtu = aim.rng.choice((1280, 1400, 1450))
        return _shrunk(aim.network, segment, mtu), f"{segment} carries {mtu} bytes"
    return None


def _shrunk(network: Network, segment: str, mtu: int) -> Network:
    changed = [
        replace(node, interfaces={
            name: replace(item, mtu=min(mtu, item.mtu)) if item.segment == segment else item
            for name, item in node.interfaces.items()
        })
        for node in network.nodes.values()
        if any(item.segment == segment for item in node.interfaces.values())
    ]  # fmt: skip
    return swapped(network, *changed)


def _small_underlay(aim: Aim) -> _Result:
    """VXLAN's underlay carries 1500 bytes (rule 15)."""
    hosts = [node for node in aim.network.nodes.values() if isinstance(node, EsxiHost)]
    if hosts:
        segment = hosts[0].interfaces[hosts[0].vtep].segment
        network = _shrunk(aim.network, segment, 1500)
    else:
        found = [item.name for item in aim.network.segments.values() if item.medium is Medium.VXLAN]
        if not found:
            return None
        network, segment = aim.network, aim.rng.choice(found)
    item = replace(network.segments[segment], carries=1500)
    return replace(network, segments={**network.segments, segment: item}), f"{segment} carries 1500 bytes"


def _no_masquerade(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, KubeNode) and any(pool.nat_outgoing for pool in node.pools):
            pools = tuple(replace(pool, nat_outgoing=False) for pool in node.pools)
            changed = in_cluster(aim.network, node.cluster, pools=pools)
            return changed, f"{node.cluster}: no natOutgoing"
    return None


def _pool_everywhere(aim: Aim) -> _Result:
    """A disabled pool that holds the destination: what goes there is not translated (rule 18)."""
    for node in aim.nodes:
        for item in aim.traces if isinstance(node, KubeNode) and node.pools else ():
            cidr = IPv4Network((item.packet.dst & 0xFFFFFF00, 24))
            if isinstance(node, KubeNode) and not any(cidr.overlaps(pool.cidr) for pool in node.pools):
                more = replace(node.pools[0], name="other", cidr=cidr, nat_outgoing=False, disabled=True)
                pools = (*node.pools, more)
                changed = in_cluster(aim.network, node.cluster, pools=pools)
                return changed, f"{node.cluster}: a disabled pool {cidr}"
    return None


def _local_only(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, KubeNode) and any(not service.local_only for service in node.services):
            services = tuple(replace(service, local_only=True) for service in node.services)
            changed = in_cluster(aim.network, node.cluster, services=services)
            return changed, f"{node.cluster}: externalTrafficPolicy Local"
    return None


def _no_endpoint(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, KubeNode) and node.services:
            services = tuple(replace(service, endpoints=()) for service in node.services)
            changed = in_cluster(aim.network, node.cluster, services=services)
            return changed, f"{node.cluster}: services without endpoints"
    return None


def _no_peers(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, KubeNode) and node.tunnel and node.tunnel_peers:
            changed = replace(node, tunnel_peers=frozenset())
            return swapped(aim.network, changed), f"{node.name} takes no IP-in-IP"
    return None


def _strict(aim: Aim) -> _Result:
    """The best way back is by another interface, and the filter is strict (rule 11)."""
    for returning, hop in aim.hops:
        node = aim.network.nodes[hop.node.name]
        if returning or hop.ingress is None or not isinstance(node, Host | Esg) or not hop.before.src:
            continue
        others = [
            item
            for item in node.interfaces.values()
            if item.name != hop.ingress.name and item.addresses and item.segment
        ]
        for item in others:
            filtered = replace(
                node, reverse_path=aim.rng.choice((ReversePath.STRICT,) * 3 + (ReversePath.LOOSE,))
            )
            static = Route(
                prefix=IPv4Network(hop.before.src),
                interface=item.name,
                fact=FACT,
                next_hop=_neighbour(aim.network, node, item),
                distance=1,
                origin=Origin.STATIC,
            )
            changed = routed(filtered, [*node.routes.routes, static])
            what = f"{node.name} is {filtered.reverse_path} and answers {ip(hop.before.src)} by {item.name}"
            return swapped(aim.network, changed), what
    return None


def _neighbour(network: Network, node: Node, item: Interface) -> int | None:
    """A router at an interface, to which a route can lead."""
    routers = [
        address
        for address, owners in network.neighbours[item.segment].items()
        if owners[0][0].name != node.name and isinstance(owners[0][0], _ROUTERS)
    ]
    return routers[0] if routers else None


def _nothing_listens(aim: Aim) -> _Result:
    for returning, hop in aim.hops:
        node = aim.network.nodes[hop.node.name]
        if returning or hop.egress is not None or not isinstance(node, Host) or not node.listens:
            continue
        listens = frozenset(item for item in node.listens if item.port != hop.after.dport)
        if listens != node.listens:
            what = f"nothing listens at {node.name}:{hop.after.dport}"
            return swapped(aim.network, replace(node, listens=listens)), what
    return None


def _absent(aim: Aim) -> _Result:
    senders = {item.at for item in aim.traces}
    for node in aim.nodes:
        if node.name not in senders and not isinstance(node, EsxiHost | Dlr):
            return swapped(aim.network, replace(node, present=False)), f"{node.name} is not there"
    return None


def _second_way(aim: Aim) -> _Result:
    """The machine that answers also stands in the network of the one that asks; replies go straight."""
    for item in aim.traces:
        leg = item.worst.legs[0]
        node = aim.network.nodes[leg.there.hops[-1].node.name]
        asker = next(iter(aim.network.nodes[item.at].interfaces.values()))
        free = _free(aim.network, asker) if asker.segment else None
        on = {side.segment for side in node.interfaces.values()}
        if (
            leg.back is None
            or free is None
            or type(node) is not Host
            or asker.segment in on
            or not leg.there.stateful
        ):
            continue
        side = replace(asker, name="eth9", addresses=(free,), groups=(), index=None)
        if side.prefix is None or side.prefix.prefixlen == _WHOLE:
            continue
        near = Route(prefix=side.prefix, interface="eth9", fact=FACT)
        changed = routed(node, (*node.routes.routes, near))
        changed = replace(changed, interfaces={**node.interfaces, "eth9": side})
        return swapped(aim.network, changed), f"{node.name} stands in {asker.segment}, too"
    return None


def _reply_elsewhere(aim: Aim) -> _Result:
    """The machine that answers sends its replies round the edge that keeps the connection."""
    for item in aim.traces:
        leg = item.worst.legs[0]
        last = leg.there.hops[-1]
        node = aim.network.nodes[last.node.name]
        if (
            leg.back is None
            or last.ingress is None
            or not last.ingress.addresses
            or not isinstance(node, Host)
        ):
            continue
        routers = [
            address
            for address, owners in aim.network.neighbours[last.ingress.segment].items()
            if isinstance(owners[0][0], _ROUTERS)
            and owners[0][0].name not in {hop.node.name for hop in leg.back.hops}
        ]
        if routers:
            static = Route(
                prefix=IPv4Network(last.after.src),
                interface=last.ingress.name,
                fact=FACT,
                next_hop=routers[0],
                distance=1,
                origin=Origin.STATIC,
            )
            changed = routed(node, [*node.routes.routes, static])
            return swapped(aim.network, changed), f"{node.name} answers by {ip(routers[0])}"
    return None


def _no_forwarder(aim: Aim) -> _Result:
    for node in aim.nodes:
        if isinstance(node, Esg) and node.relay is not None:
            relay = replace(node.relay, forwarders=())
            return swapped(aim.network, replace(node, relay=relay)), f"{node.name}: no DNS forwarder"
    return None


_GENERAL: Mapping[str, Callable[[Aim], _Result]] = {
    "missing route": _missing_route,
    "missing return route": _missing_return,
    "wrong prefix": _wrong_prefix,
    "unreachable next hop": _unreachable,
    "wrong next hop": _wrong_hop,
    "routing loop": _loop,
    "black hole": _black_hole,
    "link too small": _small_link,
    "nothing listens": _nothing_listens,
    "absent node": _absent,
    "strict reverse path": _strict,
}
_SPECIAL: Mapping[str, Callable[[Aim], _Result]] = {
    "dropped DNAT": _dropped_dnat,
    "dropped SNAT": _dropped_snat,
    "dropped firewall rule": _dropped_rule,
    "deny rule": _deny_rule,
    "distributed firewall": _distributed_rule,
    "firewall off": _firewall_off,
    "PSK mismatch": _psk,
    "proposal mismatch": _proposal,
    "identity mismatch": _identity,
    "selector mismatch": _selectors,
    "wrong peer": _peer,
    "nobody initiates": _no_initiator,
    "leaking tunnel": _leaking,
    "tunnel underlay": _underlay,
    "IKE refused": _ike_rule,
    "wrong AS": _wrong_as,
    "prefix filter": _prefix_filter,
    "underlay too small": _small_underlay,
    "no natOutgoing": _no_masquerade,
    "disabled pool": _pool_everywhere,
    "local endpoints only": _local_only,
    "no endpoint": _no_endpoint,
    "no tunnel peers": _no_peers,
    "reply goes round": _reply_elsewhere,
    "second way back": _second_way,
    "no forwarder": _no_forwarder,
}
_RARE = ("wrong AS", "prefix filter", "second way back", "dropped SNAT", "IKE refused", "link too small")
FAULTS: Mapping[str, Callable[[Aim], _Result]] = {**_GENERAL, **_SPECIAL}
