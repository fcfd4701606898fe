"""Which branch of a documented traffic a path takes: by where two of its machines are, not by what it did.

So a path that took the wrong way cannot make the step that would show it vanish.
"""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network

from hopbook.network.nodes import KubeNode, Network
from hopbook.trace.clusters import Spot, worker_of
from hopbook.trace.traffic import Branch
from hopbook.trace.verdict import Hop, Path


class Fork(StrEnum):
    """Whether a path takes a branch."""

    TAKEN = "taken"
    OTHER = "other"
    MISSED = "missed"  # it does not come by the places that the branch is about
    UNKNOWN = "unknown"


def fork(
    branch: Branch, spots: Mapping[str, tuple[Spot, ...]], network: Network, path: Path
) -> tuple[Fork, str]:
    """Whether a path takes a branch, and why not."""
    near, far = branch.between
    ours = [hop for leg, back, hop in path.hops if leg == branch.leg and not back]
    first = next((hop for hop in ours if _is(hop, spots[near])), None)
    last = next((hop for hop in reversed(ours) if _is(hop, spots[far])), None)
    if first is None or last is None:
        return Fork.MISSED, f"no hop is {near if first is None else far}"
    if branch.host is not None:
        return _hosts(branch.host, network, first, last)
    return _workers(branch, network, first, last)


def _is(hop: Hop, spots: tuple[Spot, ...]) -> bool:
    return any(hop.node.name == spot.node for spot in spots)


def _hosts(wanted: str, network: Network, first: Hop, last: Hop) -> tuple[Fork, str]:
    one, other = _host(network, first), _host(network, last)
    if not one or not other:
        lacking = (first if not one else last).node.name
        return Fork.UNKNOWN, f"which host {lacking} runs on was not observed"
    found = "same" if one == other else "other"
    where = (
        f"both are on {one}"
        if one == other
        else f"{first.node.name} is on {one}, {last.node.name} on {other}"
    )
    return (Fork.TAKEN if found == wanted else Fork.OTHER), where


def _host(network: Network, hop: Hop) -> str:
    """The ESXi host of a machine, of a pod's worker, or in which a distributed router routed."""
    return hop.host or (worker_of(network, hop.node) or hop.node).host


def _workers(branch: Branch, network: Network, first: Hop, last: Hop) -> tuple[Fork, str]:
    one, other = worker_of(network, first.node), worker_of(network, last.node)
    if one is None or other is None:
        lacking = (first if one is None else last).node.name
        return Fork.UNKNOWN, f"{lacking} is on no Kubernetes node"
    if one is other:
        where = f"both are on {one.name}"
        return (Fork.TAKEN if branch.worker == "same" else Fork.OTHER), where
    if branch.worker is not None:
        where = f"{first.node.name} is on {one.name}, {last.node.name} on {other.name}"
        return (Fork.TAKEN if branch.worker == "other" else Fork.OTHER), where
    near, far = _subnet(one), _subnet(other)
    found = "same" if near is not None and near == far else "other"
    return (Fork.TAKEN if found == branch.subnet else Fork.OTHER), f"the workers are on {near} and {far}"


def _subnet(node: KubeNode) -> IPv4Network | None:
    """The subnet of the address by which Calico knows a node."""
    own = (item for item in node.interfaces.values() if node.node_address in item.addresses)
    return next((item.prefix for item in own), None)
