"""Random networks: a seed gives a network, packets for it, and mostly something that is wrong with it.

Whole parts are drawn and joined at routers (`blocks`, `clusters`, `tunnels`), so that most of what is drawn
works; then `faults` breaks what the packets really use. A seed gives the same scenario every time, while
generator and model stay as they are: faults aim at what the model says that a packet meets.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

from hopbook.network.nodes import Esg, EsxiHost, Host, Network, Node
from hopbook.network.packet import DATAGRAM, Packet
from tests.twin.judge import blocks, clusters, tunnels
from tests.twin.judge.draft import PORTS, UDP_PORT, Box, Draft, Wish
from tests.twin.judge.faults import broken

FAULTY = 0.6  # of all networks have a fault, where one can be found
_MOST_PACKETS = 4
_FEWEST_NODES, _MOST_NODES = 4, 14
_WANTED = ("overlay", "overlay", "cluster", "cluster", "vpn", "edges", "extension", "overlay+cluster")
_LARGE = (1400, 1472, 1500)  # bytes of a datagram that some links do not carry


@dataclass(frozen=True)
class Probe:
    """A packet and the node that sends it."""

    packet: Packet
    at: str

    def __str__(self) -> str:
        return f"{self.at}: {self.packet}, {self.packet.size} bytes"


@dataclass(frozen=True)
class Scenario:
    """A network, what is sent in it, and what is wrong with it.

    Attributes:
        knobs: Readings of inferred rules, for the model and the twin.
        faults: Kinds of what was broken; none: nothing was.
        description: What was drawn and what was broken, for people.
    """

    seed: int
    network: Network
    probes: tuple[Probe, ...]
    knobs: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    description: str = ""


def scenario(seed: int) -> Scenario:
    """The scenario of a seed."""
    rng = Random(seed)  # noqa: S311  chance that can be repeated is what a judge needs
    draft, outside = _sized(rng)
    network = draft.network()
    probes = _probes(draft, network, outside)
    knobs = dict(_readings(draft, network))
    made = Scenario(seed, network, probes, knobs, (), "; ".join(draft.title))
    if not draft.chance(FAULTY):
        return made
    kinds, told = [], []
    for _ in range(rng.choice((1, 1, 1, 2))):
        found = broken(network, [(probe.packet, probe.at) for probe in probes], rng, knobs)
        if found is not None:
            network = found.network
            kinds.append(found.kind)
            told.append(f"{found.kind}: {found.what}")
    return replace(made, network=network, faults=tuple(kinds), description="; ".join((*draft.title, *told)))


def _sized(rng: Random) -> tuple[Draft, list[Box]]:
    """A draft that is neither too small nor too large, and the machines outside."""
    while True:
        draft = Draft(rng)
        outside = _drawn(draft)
        if _FEWEST_NODES <= len(draft.boxes) <= _MOST_NODES:
            return draft, outside


def _readings(draft: Draft, network: Network) -> Iterator[tuple[str, str]]:
    """Other readings of inferred rules, where the network asks for them."""
    nodes = network.nodes.values()
    translates = any(isinstance(node, Esg) and node.ipsec and node.snat.rules for node in nodes)
    if translates and draft.chance(0.3):
        yield "A1", "selectors, then SNAT"
    if any(isinstance(node, EsxiHost) for node in nodes) and draft.chance(0.5):
        yield "A15", "told"


def _drawn(draft: Draft) -> list[Box]:
    """Draw the parts; give the machines outside."""
    rng = draft.rng
    blocks.backbone(draft)
    outside = blocks.outsiders(draft)
    wanted = rng.choice(_WANTED)
    hosts = blocks.esxi(draft) if wanted != "cluster" and draft.chance(0.5) else ()
    overlays = []
    if wanted not in {"cluster", "extension"}:
        overlays.append(blocks.overlay(draft, hosts))
    if wanted == "edges":
        overlays.append(blocks.overlay(draft, hosts if draft.chance(0.5) else ()))
        tunnels.between_edges(draft, *overlays)
    if wanted == "vpn":
        tunnels.to_gateway(draft, *overlays)
    if wanted == "extension":
        tunnels.extension(draft, hosts)
    if wanted == "overlay+cluster":
        _published_cluster(draft, overlays[0])
    if wanted == "cluster":
        _cluster(draft)
    for item in overlays:
        item.close()
    draft.spread()
    return outside


def _cluster(draft: Draft) -> None:
    router = draft.rng.choice(draft.routers)
    places = [blocks.lan(draft, router)]
    if draft.chance(0.35):
        places.append(blocks.lan(draft, router))
    clusters.cluster(draft, places, router)


def _published_cluster(draft: Draft, made: blocks.Overlay) -> None:
    """A cluster in an overlay's network, its virtual address published by the ESG."""
    drawn = clusters.cluster(draft, made.networks[:1])
    index, (_place, _router, address) = next(iter(made.uplinks.items()))
    blocks.publish(draft, made, index, address, drawn.virtual, 443)


def _probes(draft: Draft, network: Network, outside: list[Box]) -> tuple[Probe, ...]:
    """Some of the wished flows, each with a source port of its own, and one between any two machines."""
    rng = draft.rng
    wishes = list(draft.wishes)
    rng.shuffle(wishes)
    machines = [node for node in network.nodes.values() if isinstance(node, Host) and node.addresses]
    source, target = (draft.boxes[item.name] for item in rng.sample(machines, 2))
    port = draft.port(target) if draft.chance(0.7) else rng.choice(PORTS)
    wishes = [*wishes[: _MOST_PACKETS - 1], Wish(source.name, target.address, port)]
    found: dict[tuple[str, int, int, str], Probe] = {}
    for wish in (_settled(draft, item, outside) for item in wishes):
        node = network.nodes[wish.at]
        if wish.address in node.addresses:
            continue
        size = 1500
        if wish.protocol == "udp":
            size = rng.choice((DATAGRAM, *_LARGE))
        source_address = _source(node)
        packet = Packet(source_address, wish.address, wish.protocol, 41000 + len(found), wish.port, size)
        found.setdefault((wish.at, wish.address, wish.port, wish.protocol), Probe(packet, wish.at))
    return tuple(found.values())


def _settled(draft: Draft, wish: Wish, outside: list[Box]) -> Wish:
    """With a machine outside in place of `outside` and address 0; sometimes as a datagram."""
    if wish.at == "outside":
        wish = wish._replace(at=draft.rng.choice(outside).name)
    if not wish.address:
        box = draft.rng.choice(outside)
        wish = wish._replace(address=box.address, port=draft.port(box))
    if wish.protocol == "tcp" and draft.chance(0.15):
        wish = wish._replace(protocol="udp", port=UDP_PORT)
    return wish


def _source(node: Node) -> int:
    """The address that it sends from; a second interface's may be another one."""
    return next(number for item in node.interfaces.values() for number in item.addresses)
