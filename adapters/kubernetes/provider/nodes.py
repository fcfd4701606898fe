"""Nodes with what Calico says of them, their pods, and the addresses that they keep for load balancers."""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from adapters.kubernetes import api
from adapters.kubernetes.access import Side
from adapters.kubernetes.client import Object
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider.found import Found
from adapters.kubernetes.provider.parsing import (
    address,
    annotation,
    handle_of,
    interface,
    label,
    ready,
    running,
)
from hopbook.engine.change import Observed
from hopbook.resources.kubernetes import Node, NodeInterface, Pod, VirtualAddress

# Calico's node agent writes them: projectcalico.org, "calico/node" with the Kubernetes datastore
_ADDRESS, _TUNNEL = "projectcalico.org/IPv4Address", "projectcalico.org/IPv4IPIPTunnelAddr"
_HELD = "confirmed"


def observed(found: Found, _markers: Markers) -> Iterator[Observed]:
    """Nodes, pods with an address of their own, virtual addresses."""
    blocks = _blocks(found.of(api.BLOCK_AFFINITY))
    for item in found.of(api.NODE):
        node = _node(found, item, blocks.get(item["metadata"]["name"], []))
        if node is not None:
            yield Observed(resource=node, system=True, handle=node.node)
    for name, item in pods(found).items():
        pod = _pod(found.cluster, name, item)
        if pod is not None:
            yield Observed(resource=pod, handle=handle_of(item))
    yield from _kept(found)


def pods(found: Found) -> Mapping[str, Object]:
    """The pods that have an address, by the name that they are known by here.

    A pod of the default namespace, or the only one of its name, has that; another one its namespace before.
    strongSwan's are not among them: their release says what they are.
    """
    vpn, value = found.access.conventions.vpn
    named: dict[str, Object] = {}
    for item in found.of(api.POD):
        if running(item) and label(item, vpn) != value:
            name = item["metadata"]["name"]
            named[handle_of(item) if name in named else name] = item
    return named


def own_network(pod: Object) -> bool:
    """Whether a pod has its node's network and not one of its own."""
    return bool(pod["spec"].get("hostNetwork"))


def _node(found: Found, item: Object, blocks: list[IPv4Network]) -> Node | None:
    cards = tuple(_cards(item, found.access.sides))
    known = interface(annotation(item, _ADDRESS))
    at = known.ip if known is not None else next((card.address.ip for card in cards), None)
    if at is None:
        return None
    return Node(
        cluster=found.cluster,
        node=item["metadata"]["name"],
        address=at,
        interfaces=cards,
        tunnel=address(annotation(item, _TUNNEL)),
        blocks=tuple(sorted(blocks)),
    )


def _cards(item: Object, sides: tuple[Side, ...]) -> Iterator[NodeInterface]:
    reported = item.get("status", {}).get("addresses") or []
    for side in sides:
        for told in reported:
            at = address(told.get("address"))
            if told.get("type") == side.reported and at is not None:
                yield NodeInterface(label=side.label, role=side.role, address=_with_prefix(item, side, at))
                break


def _with_prefix(item: Object, side: Side, at: IPv4Address) -> IPv4Interface:
    """With its subnet's length: the site's, else Calico's, else nothing but itself is known to be near."""
    subnet = side.subnet(at)
    if subnet is not None:
        return IPv4Interface((at, subnet.network.prefixlen))
    known = interface(annotation(item, _ADDRESS))
    return known if known is not None and known.ip == at else IPv4Interface(at)


def _blocks(items: list[Object]) -> dict[str, list[IPv4Network]]:
    held: dict[str, list[IPv4Network]] = {}
    for item in items:
        spec = item["spec"]
        gone = str(spec.get("deleted", "false")).lower() == "true"
        if ":" not in spec["cidr"] and not gone and spec.get("state", _HELD) == _HELD:
            held.setdefault(spec["node"], []).append(IPv4Network(spec["cidr"]))
    return held


def _pod(cluster: str, name: str, item: Object) -> Pod | None:
    at = address(item["status"].get("podIP"))
    if at is None or own_network(item):
        return None
    return Pod(
        cluster=cluster,
        pod=name,
        node=item["spec"]["nodeName"],
        address=at,
        listens=tuple(dict.fromkeys(_ports(item))),
    )


def _ports(pod: Object) -> Iterator[str]:
    for container in pod["spec"].get("containers") or []:
        for port in container.get("ports") or []:
            yield f"{port.get('protocol', 'TCP').lower()}/{port['containerPort']}"


def _kept(found: Found) -> Iterator[Observed]:
    """IKS runs two keepers an address, and which of them has it nobody says: the first ready one counts."""
    conventions = found.access.conventions
    seen: set[IPv4Address] = set()
    for item in found.of(api.POD):
        if item["metadata"].get("namespace") != conventions.keepers or not ready(item):
            continue
        match = conventions.keeper.match(item["metadata"]["name"])
        at = address(match["address"].replace("-", ".")) if match else None
        side = _side_of(at, found.access.sides) if at is not None else None
        if at is None or side is None or at in seen:
            continue
        seen.add(at)
        kept = VirtualAddress(
            cluster=found.cluster, address=at, node=item["spec"]["nodeName"], interface=side.label
        )
        yield Observed(resource=kept, handle=handle_of(item))


def _side_of(at: IPv4Address, sides: tuple[Side, ...]) -> Side | None:
    """Where an address is: of whose portable subnet it is, else by its being private or not."""
    named = (side for side in sides if side.portable is not None and at in side.portable)
    alike = (side for side in sides if (side.role != "public") == at.is_private)
    return next(named, None) or next(alike, None)
