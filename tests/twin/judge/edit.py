"""The same network with something changed or taken away; faults and the shrinker share it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hopbook.network.firewall import Filter, Firewall
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import NatTable, Translation
from hopbook.network.nodes import Concentrator, Dlr, Esg, KubeNode, Network, Node, VpnGateway
from hopbook.network.routes import Route, RouteTable
from hopbook.resources.nsxv import NatAction

_T = TypeVar("_T")


def swapped(network: Network, *nodes: Node) -> Network:
    """With these nodes in place of those of the same names."""
    return replace(network, nodes={**network.nodes, **{node.name: node for node in nodes}})


def without(network: Network, name: str) -> Network:
    """Without a node."""
    return replace(network, nodes={key: node for key, node in network.nodes.items() if key != name})


def less(items: Sequence[_T]) -> Iterator[tuple[_T, tuple[_T, ...]]]:
    """Each item, and all the others."""
    for number, item in enumerate(items):
        yield item, (*items[:number], *items[number + 1 :])


def routed(node: Node, routes: Iterable[Route]) -> Node:
    """With other routes."""
    return replace(node, routes=RouteTable(routes))


def rerouted(node: Node, old: Route, new: Route) -> Node:
    """With one route in place of another."""
    return routed(node, (new if route == old else route for route in node.routes.routes))


def translations(node: Esg) -> tuple[Translation, ...]:
    """Its NAT rules, DNAT first."""
    return (*node.dnat.rules, *node.snat.rules)


def translating(node: Esg, rules: Sequence[Translation]) -> Esg:
    """With other NAT rules."""
    return replace(node, dnat=NatTable(rules, NatAction.DNAT), snat=NatTable(rules, NatAction.SNAT))


def filtering(firewall: Firewall, rules: Sequence[Filter]) -> Firewall:
    """With other rules."""
    return Firewall(rules, firewall.default, enabled=firewall.enabled)


def firewalls(node: Node) -> Iterator[tuple[Firewall, Callable[[Firewall | None], Node]]]:
    """Every firewall of a node, and how to give it another one."""
    if isinstance(node, Esg):
        esg = node
        yield node.firewall, lambda firewall: replace(esg, firewall=firewall or esg.firewall)
    if isinstance(node, Dlr) and node.firewall is not None:
        dlr = node
        yield node.firewall, lambda firewall: replace(dlr, firewall=firewall)
    if node.vnic is not None:
        yield node.vnic, lambda firewall: replace(node, vnic=firewall)


def tunnel_ends(node: Node) -> tuple[Ipsec, ...]:
    """The IPsec ends of a node."""
    if isinstance(node, Concentrator):
        return (node.ipsec,)
    return node.ipsec if isinstance(node, Esg | VpnGateway) else ()


def retunnelled(node: Node, old: Ipsec, new: Ipsec) -> Node:
    """With one IPsec end in place of another."""
    if isinstance(node, Concentrator):
        return replace(node, ipsec=new)
    if isinstance(node, Esg | VpnGateway):
        return replace(node, ipsec=tuple(new if end is old else end for end in node.ipsec))
    return node


def in_cluster(network: Network, cluster: str, **changes: Any) -> Network:
    """With these fields of all nodes of a cluster."""
    found = [
        node for node in network.nodes.values() if isinstance(node, KubeNode) and node.cluster == cluster
    ]
    return swapped(network, *(replace(node, **changes) for node in found))
