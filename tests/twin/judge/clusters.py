"""Kubernetes clusters: nodes at one place or two, pods, services, IP-in-IP or plain routes, BGP."""

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network

from hopbook.network.bgp import Peer, Permission, PrefixRule, Speaker
from hopbook.network.nodes import (
    Backend,
    Host,
    KubeNode,
    Listener,
    Medium,
    Pool,
    ReversePath,
    Service,
)
from hopbook.network.routes import RouteTable
from tests.twin.judge.draft import EVERYWHERE, FACT, PORTS, Box, Draft, Place, Subnet, Wish

_BLOCK = 26
_INGRESS_PORT = 8080


@dataclass
class Cluster:
    """A cluster being drawn."""

    name: str
    places: list[Place]
    pool: IPv4Network
    nodes: list[Box] = field(default_factory=list)
    blocks: list[Subnet] = field(default_factory=list)
    pods: list[Box] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    virtual: int = 0  # the address of its load balancer


def cluster(draft: Draft, places: list[Place], router: Box | None = None) -> Cluster:
    """Two or three nodes at these places, each with pods.

    Args:
        draft: Where it is drawn.
        places: Nodes take them in turns; two are two subnets.
        router: The gateway of the places, if it may learn the pods' blocks by BGP.
    """
    rng = draft.rng
    pool = draft.subnet(20).prefix
    made = Cluster(draft.name("cluster"), places, pool)
    blocks = list(pool.subnets(new_prefix=_BLOCK))
    tunnelled = rng.choice(("always", "cross-subnet", "never"))
    count = rng.choice((2, 2, 3))
    for number in range(count):
        _node(draft, made, places[number % len(places)], Subnet(blocks[number * 3], rng), tunnelled)
    for number, node in enumerate(made.nodes):
        for _ in range(1 if number else rng.choice((1, 2))):
            _pod(draft, made, node, made.blocks[number])
    _ways(draft, made, tunnelled)
    _services(draft, made)
    _pools(draft, made)
    if router is not None and draft.chance(0.35):
        _bgp(draft, made, router)
    _wishes(draft, made)
    draft.title.append(f"{made.name}: {count} nodes at {len(places)} places, IP-in-IP {tunnelled}")
    return made


def _node(draft: Draft, made: Cluster, place: Place, block: Subnet, tunnelled: str) -> None:
    filters = (ReversePath.STRICT, ReversePath.STRICT, ReversePath.LOOSE, ReversePath.OFF)
    listens = frozenset({Listener("tcp", 22)})
    box = draft.node(
        KubeNode,
        "node",
        cluster=made.name,
        host=draft.host(place),
        listens=listens,
        reverse_path=draft.rng.choice(filters),
    )
    address = place.subnet.take()
    draft.plug(box, place.segment, place.subnet.prefix, address, mtu=place.mtu)
    draft.route(box, EVERYWHERE, "eth0", place.gateway)
    box.more["node_address"] = address
    if tunnelled != "never":
        own = block.take()
        draft.plug(box, "", IPv4Network(own), own, name="tunl0", mtu=1480)
        box.more["tunnel"] = "tunl0"
    made.nodes.append(box)
    made.blocks.append(block)


def _pod(draft: Draft, made: Cluster, node: Box, block: Subnet) -> None:
    listens = frozenset(Listener("tcp", port) for port in PORTS[: draft.rng.randrange(1, 4)])
    pod = draft.node(Host, "pod", listens=listens)
    segment = draft.segment(Medium.POD, "veth")
    mtu = 1480 if "tunl0" in node.interfaces else 1500
    address, name = block.take(), f"cali{len(node.interfaces)}"
    draft.plug(pod, segment, IPv4Network(address), address, mtu=mtu)
    draft.route(pod, EVERYWHERE, "eth0", node=node.name)
    draft.plug(node, segment, None, name=name, mtu=mtu)
    draft.route(node, IPv4Network(address), name)
    made.pods.append(pod)


def _ways(draft: Draft, made: Cluster, tunnelled: str) -> None:
    """Each node's route to the blocks of the others: by the tunnel, or plainly (rule 19)."""
    for node in made.nodes:
        own = node.interfaces["eth0"]
        for other, block in zip(made.nodes, made.blocks, strict=True):
            if other is node:
                continue
            near = own.segment == other.interfaces["eth0"].segment
            if tunnelled == "always" or (tunnelled == "cross-subnet" and not near):
                draft.route(node, block.prefix, "tunl0", other.address)
            elif near:
                draft.route(node, block.prefix, "eth0", other.address)
        peers = (other.address for other in made.nodes if other is not node)
        node.more["tunnel_peers"] = frozenset(peers)


def _services(draft: Draft, made: Cluster) -> None:
    """A service with an address of its own, one with a node's port, and an Ingress in some."""
    rng = draft.rng
    own = draft.subnet(24)
    place = made.places[0]
    made.virtual = place.subnet.take()
    owner = next(box for box in made.nodes if box.interfaces["eth0"].segment == place.segment)
    item = owner.interfaces["eth0"]
    owner.interfaces["eth0"] = replace(item, addresses=(*item.addresses, made.virtual))
    nodes = frozenset(box.address for box in made.nodes)
    for name, addresses, port in (
        ("web", frozenset({made.virtual}), 443),
        ("port", nodes, rng.randrange(30000, 32767)),
    ):
        pods = rng.sample(made.pods, rng.choice((1, 1, 2)))
        internal = own.take()
        made.services.append(
            Service(
                name=name,
                protocol="tcp",
                port=port,
                addresses=addresses | {internal},
                endpoints=tuple(Backend(pod.address, draft.port(pod)) for pod in pods),
                fact=FACT,
                cluster=internal,
                local_only=draft.chance(0.25),
            )
        )
    if draft.chance(0.25):
        _ingress(draft, made)
    for node in made.nodes:
        node.more["services"] = tuple(made.services)


def _ingress(draft: Draft, made: Cluster) -> None:
    """A pod that ends connections and opens its own to another pod (rule 17)."""
    pod, other = draft.rng.sample(made.pods, 2)
    backend = Backend(other.address, draft.port(other))
    pod.more["listens"] |= {Listener("tcp", _INGRESS_PORT)}
    pod.more["relays"] = {_INGRESS_PORT: (backend,)}
    draft.wishes += [Wish(draft.rng.choice(made.pods).name, pod.address, _INGRESS_PORT)] * 2


def _pools(draft: Draft, made: Cluster) -> None:
    pools = [Pool(name="default", cidr=made.pool, fact=FACT, nat_outgoing=draft.chance(0.85))]
    if draft.chance(0.2):
        pools.append(Pool(name="more", cidr=draft.subnet(20).prefix, fact=FACT, disabled=True))
    for node in made.nodes:
        node.more["pools"] = tuple(pools)


def _bgp(draft: Draft, made: Cluster, router: Box) -> None:
    """Every node tells its block to the gateway (rules 20 and 21)."""
    internal = draft.chance(0.3)
    asn, theirs = 65010, 65010 if internal else 65020
    imports = draft.rng.choice((None, (PrefixRule(Permission.PERMIT, made.pool, le=32),)))
    peers = []
    for node, block in zip(made.nodes, made.blocks, strict=True):
        gateway = router.on(node.interfaces["eth0"].segment).addresses[0]
        name = f"{router.name}-{node.name}"
        own = Peer(name=name, local=node.address, address=gateway, asn=theirs, fact=FACT)
        node.more["speaker"] = Speaker(
            asn=asn, router_id=node.address, fact=FACT, peers=(own,), announces=(block.prefix,)
        )
        peers.append(
            Peer(name=name, local=gateway, address=node.address, asn=asn, fact=FACT, imports=imports)
        )
    router.more["speaker"] = Speaker(asn=theirs, router_id=router.address, fact=FACT, peers=tuple(peers))
    draft.wishes += [Wish("outside", pod.address, draft.port(pod)) for pod in made.pods[:2]]
    draft.title.append(f"{'iBGP' if internal else 'eBGP'} with {router.name}")


def _wishes(draft: Draft, made: Cluster) -> None:
    web, port = made.services[:2]
    node = draft.rng.choice(made.nodes)
    pods = draft.rng.sample(made.pods, 2)
    draft.wishes += [
        Wish("outside", made.virtual, web.port),
        Wish("outside", node.address, port.port),
        Wish(pods[0].name, pods[1].address, draft.port(pods[1])),
        Wish(pods[0].name, web.cluster, web.port),
        Wish(pods[1].name, made.virtual, web.port),
        Wish(pods[0].name, 0, 0),
        Wish("outside", node.address, 22),
    ]


def by_policy(draft: Draft, made: Cluster, prefix: IPv4Network, gateway: int) -> None:
    """The nodes at the gateway's place send a prefix there by a table that is asked first."""
    for node in made.nodes:
        item = node.interfaces["eth0"]
        if item.prefix is not None and IPv4Network(gateway).subnet_of(item.prefix):
            drawn = Box(KubeNode, node.name, node.interfaces)
            draft.route(drawn, prefix, "eth0", gateway)
            node.more["policy"] = RouteTable(drawn.routes)
