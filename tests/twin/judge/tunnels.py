"""Sites behind tunnels: a policy VPN between an edge and another one or a gateway, and an L2 extension."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Network

from hopbook.network.ipsec import Ipsec
from hopbook.network.nodes import Concentrator, IbmRouter, Medium, VpnGateway
from hopbook.network.packet import ip
from hopbook.resources.nsxv import FirewallAction, NatAction, NatRule
from tests.twin.judge.blocks import Overlay, lan
from tests.twin.judge.draft import EVERYWHERE, FACT, Box, Draft, Place, Wish

Networks = tuple[IPv4Network, ...]


@dataclass(frozen=True)
class Premises:
    """A router on the other side of the backbone, of which only told prefixes are known there.

    Attributes:
        near: The backbone's router towards it.
        address: Its address there.
        segment: What joins the two.
    """

    router: Box
    near: Box
    address: int
    segment: str

    def lan(self, draft: Draft) -> Place:
        """A segment behind it."""
        return lan(draft, self.router, told=False)

    def tell(self, draft: Draft, place: Place) -> None:
        """Make the backbone know a place behind it."""
        draft.announce(place.subnet.prefix, self.near, self.address, self.near.on(self.segment).name)


def _premises(draft: Draft) -> Premises:
    router, near = draft.node(IbmRouter, "onprem"), draft.rng.choice(draft.routers)
    place = lan(draft, near)
    address = place.subnet.take()
    draft.plug(router, place.segment, place.subnet.prefix, address, mtu=place.mtu)
    draft.route(router, EVERYWHERE, "eth0", place.gateway)
    return Premises(router, near, address, place.segment)


def _ends(draft: Draft, one: tuple[int, Networks], other: tuple[int, Networks]) -> tuple[Ipsec, Ipsec]:
    """Both ends of a tunnel as they should be: (address, subnets) each."""
    name = draft.name("vpn")
    made = [
        Ipsec(
            name=name,
            local=near[0],
            peer=far[0],
            local_id=ip(near[0]),
            peer_id=ip(far[0]),
            inside=near[1],
            beyond=far[1],
            secret=f"env:{name.upper()}_PSK",
            fact=FACT,
        )
        for near, far in ((one, other), (other, one))
    ]
    first = draft.rng.choice((0, 1))
    made[first] = replace(made[first], initiates=True)
    if draft.chance(0.2):
        made[1 - first] = replace(made[1 - first], initiates=True)
    if draft.chance(0.2):
        made[0] = replace(made[0], policies_stay=False)
    return made[0], made[1]


def _end_of(made: Overlay) -> tuple[int, Networks]:
    _, _, address = next(iter(made.uplinks.values()))
    return address, tuple(place.subnet.prefix for place in made.networks)


def between_edges(draft: Draft, one: Overlay, other: Overlay) -> None:
    """A tunnel between two ESGs, for the machines behind them."""
    ends = _ends(draft, _end_of(one), _end_of(other))
    for made, end in zip((one, other), ends, strict=True):
        made.esg.more["ipsec"] = (*made.esg.more.get("ipsec", ()), end)
        _let(draft, made, end)
    for near, far in ((one, other), (other, one)):
        wished = [Wish(near.machines[0].name, box.address, draft.port(box)) for box in far.machines]
        draft.wishes += wished * 2
    draft.title.append(f"a VPN between {one.esg.name} and {other.esg.name}")


def to_gateway(draft: Draft, made: Overlay) -> None:
    """A tunnel from an ESG to a gateway on-premises, whose router sends the ESG's networks there."""
    site = _premises(draft)
    behind, front = site.lan(draft), site.lan(draft)
    site.tell(draft, front)
    gateway = draft.node(VpnGateway, "gateway")
    address = front.subnet.take()
    draft.plug(gateway, front.segment, front.subnet.prefix, address, mtu=front.mtu)
    draft.route(gateway, EVERYWHERE, "eth0", front.gateway)
    ends = _ends(draft, _end_of(made), (address, (behind.subnet.prefix,)))
    made.esg.more["ipsec"] = (ends[0],)
    gateway.more["ipsec"] = (ends[1],)
    for prefix in ends[0].inside:
        draft.route(site.router, prefix, site.router.on(front.segment).name, address)
    machine = draft.machine(behind, "host")
    _let(draft, made, ends[0])
    inside = draft.rng.choice(made.machines)
    draft.wishes += [
        Wish(machine.name, inside.address, draft.port(inside)),
        Wish(inside.name, machine.address, draft.port(machine)),
    ] * 2
    draft.title.append(f"a VPN from {made.esg.name} to {gateway.name}")


def _let(draft: Draft, made: Overlay, end: Ipsec) -> None:
    """The firewall rule for the other side; and SNAT that leaves the tunnel's packets alone (rule 6)."""
    made.rule(FirewallAction.ACCEPT, tuple(str(prefix) for prefix in end.beyond), ())
    if draft.chance(0.2):
        return
    kept: list[NatRule] = []
    for rule in made.nats:
        whole = rule.action is NatAction.SNAT and rule.match == "any"
        kept += _around(rule, end.beyond) if whole else [rule]
    made.nats = [replace(rule, rule=f"#{196609 + number}") for number, rule in enumerate(kept)]


def _around(rule: NatRule, networks: Networks) -> list[NatRule]:
    """The rule for all destinations but these."""
    found, start = [], 0
    for network in sorted(networks):
        last = int(network.network_address) - 1
        found.append(replace(rule, match=f"{ip(start)}-{ip(last)}"))
        start = int(network.broadcast_address) + 1
    return [*found, replace(rule, match=f"{ip(start)}-255.255.255.255")]


def extension(draft: Draft, hosts: tuple[str, ...]) -> None:
    """A network on-premises, made one with a segment here; its gateway stays there (rule 28)."""
    site = _premises(draft)
    there = site.lan(draft)
    site.tell(draft, there)
    medium = Medium.VXLAN if hosts else draft.rng.choice((Medium.VXLAN, Medium.VLAN))
    overhead = 50 if medium is Medium.VXLAN else 0
    more = {"carries": 9000, "overhead": overhead, "vni": 5000 + len(draft.segments)} if overhead else {}
    segment = draft.segment(medium, "stretched", **more)
    here = Place(segment, there.subnet, there.gateway, 1500, hosts)
    uplinks = lan(draft, draft.rng.choice(draft.routers), hosts=hosts), site.lan(draft)
    site.tell(draft, uplinks[1])
    boxes = [draft.node(Concentrator, "l2c") for _ in uplinks]
    addresses = [place.subnet.take() for place in uplinks]
    ends = _ends(draft, (addresses[0], _alone(addresses[0])), (addresses[1], _alone(addresses[1])))
    for number, (box, trunk) in enumerate(zip(boxes, (here, there), strict=True)):
        place = uplinks[number]
        draft.plug(box, trunk.segment, None, name="trunk", mtu=trunk.mtu)
        draft.plug(box, place.segment, place.subnet.prefix, addresses[number], name="uplink", mtu=place.mtu)
        draft.route(box, EVERYWHERE, "uplink", place.gateway)
        box.more |= {
            "trunk": "trunk",
            "peer": boxes[1 - number].name,
            "ipsec": replace(ends[number], policies_stay=True),
            "extension": FACT,
            "host": draft.host(place),
        }
    _stretched(draft, here, there)
    draft.title.append(f"an L2 extension, {len(hosts)} ESXi hosts")


def _alone(address: int) -> Networks:
    return (IPv4Network(address),)


def _stretched(draft: Draft, here: Place, there: Place) -> None:
    """A machine on each side; to each other, and to and from the rest of the world."""
    far = draft.machine(there, "host")
    for _ in range(draft.rng.choice((1, 2))):
        near = draft.machine(here)
        draft.wishes += [
            Wish(near.name, far.address, draft.port(far)),
            Wish(far.name, near.address, draft.port(near)),
            Wish("outside", near.address, draft.port(near)),
            Wish(near.name, 0, 0),
        ]
