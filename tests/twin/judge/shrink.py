"""Make a disagreement small: take away what it does not need, until nothing goes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from hopbook.network.nodes import Concentrator, Esg, EsxiHost, Host, KubeNode, Network, Node
from hopbook.trace.verdict import Verdict
from tests.twin.judge.edit import (
    filtering,
    firewalls,
    less,
    routed,
    swapped,
    translating,
    translations,
    tunnel_ends,
    without,
)
from tests.twin.judge.generate import Probe, Scenario
from tests.twin.judge.model import told

_MOST_TRIES = 400
_UNKNOWN = frozenset({Verdict.INSUFFICIENT, Verdict.MISMATCH})

Fails = Callable[[Scenario], bool]
"""Whether a scenario still shows the disagreement."""


def shrunk(scenario: Scenario, fails: Fails, tries: int = _MOST_TRIES) -> Scenario:
    """The smallest scenario that was found to fail; a candidate that the model knows nothing of is none."""
    position = 0
    while tries > 0:
        for number, smaller in enumerate(_candidates(scenario)):
            if number < position or tries <= 0 or not _sensible(smaller):
                continue
            tries -= 1
            if fails(smaller):
                scenario, position = (
                    smaller,
                    number,
                )  # what came before was tried, and is hardly worth it again
                break
        else:
            if not position:
                break
            position = 0
    return scenario


def _sensible(scenario: Scenario) -> bool:
    network = scenario.network
    if any(probe.at not in network.nodes for probe in scenario.probes):
        return False
    if any(node.host and node.host not in network.nodes for node in network.nodes.values()):
        return False
    try:
        traces = told(network, [(probe.packet, probe.at) for probe in scenario.probes], scenario.knobs)
    except (KeyError, IndexError, StopIteration, ValueError):
        return False
    return all(trace.verdict not in _UNKNOWN for trace in traces)


def _candidates(scenario: Scenario) -> Iterator[Scenario]:
    """What is one thing smaller, the largest steps first."""
    for _, rest in less(scenario.probes) if len(scenario.probes) > 1 else ():
        yield replace(scenario, probes=rest)
    if scenario.knobs:
        yield replace(scenario, knobs={})
    for network in _networks(scenario.network, scenario.probes):
        yield replace(scenario, network=network)


def _networks(network: Network, probes: tuple[Probe, ...]) -> Iterator[Network]:
    senders = {probe.at for probe in probes}
    hosts = [node.name for node in network.nodes.values() if isinstance(node, EsxiHost)]
    if hosts:
        unplaced = [replace(node, host="") for node in network.nodes.values() if node.host]
        bare = swapped(network, *unplaced)
        for name in hosts:
            bare = without(bare, name)
        yield bare
    for node in network.nodes.values():
        if node.name not in senders:
            smaller = without(network, node.name)
            yield without(smaller, node.peer) if isinstance(node, Concentrator) else smaller
    used = {item.segment for node in network.nodes.values() for item in node.interfaces.values()}
    if not used.issuperset(network.segments):
        kept = {name: item for name, item in network.segments.items() if name in used}
        yield replace(network, segments=kept)
    for node in network.nodes.values():
        yield from (swapped(network, smaller) for smaller in _nodes(node))


def _nodes(node: Node) -> Iterator[Node]:
    """A node with one thing less."""
    if node.speaker is not None:
        yield replace(node, speaker=None)
    if node.vnic is not None:
        yield replace(node, vnic=None)
    for name in sorted(node.interfaces.keys() - _needed(node)):
        rest = {key: item for key, item in node.interfaces.items() if key != name}
        bare = routed(node, (route for route in node.routes.routes if route.interface != name))
        yield replace(bare, interfaces=rest)
    for _, routes in less(node.routes.routes):
        yield routed(node, routes)
    for firewall, give in firewalls(node):
        for _, rules in less(firewall.rules):
            yield give(filtering(firewall, rules))
    if isinstance(node, Esg):
        yield from _edges(node)
    if isinstance(node, KubeNode):
        yield from _kube_nodes(node)
    if isinstance(node, Host) and node.relays:
        yield replace(node, relays={})


def _needed(node: Node) -> frozenset[str]:
    """Interfaces without which a node is not one of its kind."""
    kept = getattr(node, "trunk", ""), getattr(node, "vtep", ""), getattr(node, "tunnel", "")
    return frozenset(kept)


def _edges(node: Esg) -> Iterator[Node]:
    for _, rules in less(translations(node)):
        yield translating(node, rules)
    if node.relay is not None:
        yield replace(node, relay=None)
    for _, ends in less(tunnel_ends(node)):
        yield replace(node, ipsec=ends)


def _kube_nodes(node: KubeNode) -> Iterator[Node]:
    for service, services in less(node.services):
        yield replace(node, services=services)
        for _, endpoints in less(service.endpoints) if len(service.endpoints) > 1 else ():
            fewer = tuple(
                replace(item, endpoints=endpoints) if item is service else item for item in node.services
            )
            yield replace(node, services=fewer)
    for _, pools in less(node.pools):
        yield replace(node, pools=pools)
