"""The pieces that a network is made of: routers, machines behind one, an edge with its overlay."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any

from hopbook.network.firewall import Filter, Firewall, Policy
from hopbook.network.nat import NatTable, translation
from hopbook.network.nodes import (
    Dlr,
    Esg,
    EsxiHost,
    Host,
    IbmRouter,
    Internet,
    Listener,
    Medium,
    Relay,
    ReversePath,
)
from hopbook.network.packet import ip
from hopbook.resources.base import Key
from hopbook.resources.nsxv import Edge, FirewallAction, FirewallRule, NatAction, NatRule, Service
from tests.twin.judge.draft import EVERYWHERE, FACT, PORTS, Box, Draft, Place, Subnet, Wish

_TWICE = 0.1
IKE_PORTS = ("500", "4500")
BGP_PORT = 179


def backbone(draft: Draft) -> None:
    """One to three routers in a row, a triangle, or on one segment."""
    rng = draft.rng
    count = rng.choice((1, 2, 2, 3, 3))
    draft.routers = [
        draft.node(Internet if number == 0 and draft.chance(0.3) else IbmRouter, "r")
        for number in range(count)
    ]
    shape = rng.choice(("row", "triangle", "lan")) if count == 3 else "row"
    draft.title.append(f"{count} routers in a {shape}")
    if shape == "lan":
        _link(draft, *draft.routers)
        return
    for one, other in zip(draft.routers, draft.routers[1:], strict=False):
        _link(draft, one, other)
    if count > 1 and draft.chance(_TWICE):
        _link(draft, *draft.routers[:2])
        draft.title.append("two links between r1 and r2")
    if shape == "triangle":
        _link(draft, draft.routers[0], draft.routers[2])


def _link(draft: Draft, *routers: Box) -> None:
    medium = draft.rng.choice((Medium.CLOUD, Medium.VLAN))
    segment = draft.segment(medium, "link", carries=9000)
    subnet = draft.subnet(29)
    numbered, mtu = draft.chance(0.7), draft.rng.choice((1500, 1500, 9000))
    for router in routers:
        addresses = (subnet.take(),) if numbered else ()
        draft.plug(router, segment, subnet.prefix, *addresses, mtu=mtu)
    for number, one in enumerate(routers):
        for other in routers[number + 1 :]:
            draft.link(one, other)


def lan(
    draft: Draft, router: Box, *, public: bool = False, hosts: tuple[str, ...] = (), told: bool = True
) -> Place:
    """A segment behind a router. `told`: all other routers know its prefix."""
    subnet = draft.subnet(draft.rng.choice((24, 26, 28)), public=public)
    mtu = draft.rng.choice((1500, 1500, 1500, 9000))
    segment = draft.segment(Medium.VLAN, "lan", carries=mtu)
    gateway = subnet.take()
    draft.plug(router, segment, subnet.prefix, gateway, mtu=mtu)
    if told:
        draft.announce(subnet.prefix, router)
    return Place(segment, subnet, gateway, mtu, hosts)


def esxi(draft: Draft) -> tuple[str, ...]:
    """ESXi hosts whose VTEPs share a transport segment."""
    carries = draft.rng.choice((1600, 9000))
    segment, subnet = draft.segment(Medium.VLAN, "transport", carries=carries), draft.subnet(27)
    boxes = [draft.node(EsxiHost, "esx", vtep="vmk10") for _ in range(draft.rng.choice((2, 2, 3)))]
    for box in boxes:
        draft.plug(box, segment, subnet.prefix, subnet.take(), name="vmk10", mtu=carries)
    return tuple(box.name for box in boxes)


@dataclass
class Overlay:
    """An edge being drawn, with the networks behind it.

    Attributes:
        uplinks: By the number of the vNIC, the place that it is at and its address there.
        inner: Number of the vNIC towards the machines.
    """

    esg: Box
    key: Key
    hosts: tuple[str, ...]
    uplinks: dict[int, tuple[Place, Box, int]] = field(default_factory=dict)
    inner: int = 0
    networks: list[Place] = field(default_factory=list)
    machines: list[Box] = field(default_factory=list)
    nats: list[NatRule] = field(default_factory=list)
    rules: list[FirewallRule] = field(default_factory=list)
    default: FirewallAction = FirewallAction.DENY
    dlr: Box | None = None

    def nat(self, action: NatAction, vnic: int | None, original: str, translated: str, **more: Any) -> None:
        """Add a NAT rule."""
        self.nats.append(
            NatRule(
                owner=self.key,
                rule=f"#{196609 + len(self.nats)}",
                action=action,
                interface=vnic,
                original=original,
                translated=translated,
                **more,
            )
        )

    def rule(
        self,
        action: FirewallAction,
        sources: tuple[str, ...] = (),
        destinations: tuple[str, ...] = (),
        *services: Service,
        match_translated: bool = False,
    ) -> None:
        """Add a firewall rule."""
        self.rules.append(
            FirewallRule(
                owner=self.key,
                rule=f"#{131073 + len(self.rules)}",
                action=action,
                sources=sources,
                destinations=destinations,
                services=services,
                match_translated=match_translated,
            )
        )

    def close(self) -> None:
        """Turn the rules into the edge's tables."""
        translations = [translation(rule, FACT) for rule in self.nats]
        self.esg.more |= {
            "dnat": NatTable(translations, NatAction.DNAT),
            "snat": NatTable(translations, NatAction.SNAT),
            "firewall": Firewall([Filter(rule, FACT) for rule in self.rules], Policy(self.default, FACT)),
        }


def overlay(draft: Draft, hosts: tuple[str, ...]) -> Overlay:
    """An ESG, mostly with a DLR, and one or two networks of machines behind it."""
    rng = draft.rng
    esg = draft.node(Esg, "esg", host=rng.choice(hosts) if hosts else "")
    esg.more["reverse_path"] = rng.choice((ReversePath.LOOSE,) * 4 + (ReversePath.STRICT, ReversePath.OFF))
    made = Overlay(esg, Key(Edge.kind, esg.name), hosts)
    if draft.chance(0.1):
        made.default = FirewallAction.ACCEPT
    _uplinks(draft, made)
    if draft.chance(0.75):
        _router(draft, made)
    else:
        _direct(draft, made)
    if draft.chance(0.3):
        _noise(draft, made)
    _basics(draft, made)
    for place in made.networks:
        for _ in range(rng.choice((1, 1, 2))):
            made.machines.append(draft.machine(place))
    _publish(draft, made)
    _outbound(draft, made)
    if draft.chance(0.4):
        _second_rules(draft, made)
    if draft.chance(0.4):
        _hairpin(draft, made)
    if draft.chance(0.3):
        _dns(draft, made)
    if draft.chance(0.2):
        _distributed(draft, made)
    draft.title.append(f"{esg.name} with {'a DLR' if made.dlr else 'no DLR'}, {len(hosts)} ESXi hosts")
    return made


def _vnic(
    draft: Draft,
    made: Overlay,
    segment: str,
    subnet: Subnet,
    addresses: tuple[int, ...],
    mtu: int,
    *,
    external: bool,
) -> int:
    index = len(made.esg.interfaces)
    side = "external" if external else "internal"
    draft.plug(
        made.esg,
        segment,
        subnet.prefix,
        *addresses,
        name=f"vnic{index}",
        index=index,
        groups=(f"vnic-index-{index}", side),
        mtu=mtu,
    )
    return index


def _uplinks(draft: Draft, made: Overlay) -> None:
    """One or two vNICs to routers; the first has the default route."""
    routers = draft.rng.sample(draft.routers, min(len(draft.routers), draft.rng.choice((1, 1, 2))))
    for number, router in enumerate(routers):
        place = lan(draft, router, public=number == 0 and draft.chance(0.5))
        address, second = place.subnet.take(), place.subnet.take()
        index = _vnic(draft, made, place.segment, place.subnet, (address, second), place.mtu, external=True)
        made.uplinks[index] = (place, router, address)
        prefix = EVERYWHERE if number == 0 else IPv4Network("10.0.0.0/8")
        draft.route(made.esg, prefix, f"vnic{index}", place.gateway)


def _switch(draft: Draft, stem: str, mtu: int) -> str:
    return draft.segment(Medium.VXLAN, stem, carries=9000, overhead=50, vni=5000 + len(draft.segments))


def _router(draft: Draft, made: Overlay) -> None:
    """A DLR behind the ESG: a transit network, and the networks of the machines on its LIFs."""
    dlr = draft.node(Dlr, "dlr")
    made.dlr = dlr
    transit, subnet = _switch(draft, "transit", 1500), draft.subnet(29)
    inside, outside = subnet.take(), subnet.take()
    made.inner = _vnic(draft, made, transit, subnet, (inside,), 1500, external=False)
    draft.plug(dlr, transit, subnet.prefix, outside, name="lif2", groups=("external",))
    draft.route(dlr, EVERYWHERE, "lif2", inside)
    for number in range(draft.rng.choice((1, 2))):
        segment, net = _switch(draft, "switch", 1500), draft.subnet(draft.rng.choice((24, 27)))
        gateway = net.take()
        draft.plug(dlr, segment, net.prefix, gateway, name=f"lif{10 + number}", groups=("internal",))
        draft.route(made.esg, net.prefix, f"vnic{made.inner}", outside)
        made.networks.append(Place(segment, net, gateway, 1500, made.hosts))


def _direct(draft: Draft, made: Overlay) -> None:
    """The machines' network is on the ESG itself."""
    segment, net = _switch(draft, "switch", 1500), draft.subnet(24)
    gateway = net.take()
    made.inner = _vnic(draft, made, segment, net, (gateway,), 1500, external=False)
    made.networks.append(Place(segment, net, gateway, 1500, made.hosts))


def _basics(draft: Draft, made: Overlay) -> None:
    """What NSX always has, IKE, and the way out for the machines."""
    made.rule(FirewallAction.ACCEPT, ("vse",))
    made.rule(FirewallAction.ACCEPT, (), ("vse",), Service("udp", IKE_PORTS))
    made.rule(FirewallAction.ACCEPT, (), ("vse",), Service("tcp", (str(BGP_PORT),)))
    for place in made.networks:
        sources = draft.rng.choice(
            ((str(place.subnet.prefix),), (f"vnic-index-{made.inner}",), ("internal",))
        )
        wanted = draft.rng.choice(((), (), (Service("tcp"), Service("udp"))))
        made.rule(FirewallAction.ACCEPT, sources, (), *wanted)


def _noise(draft: Draft, made: Overlay) -> None:
    """A rule that somebody else left; it may matter."""
    rng = draft.rng
    everybody = [
        number
        for box in draft.boxes.values()
        for item in box.interfaces.values()
        for number in item.addresses
    ]
    sides = [
        (),
        (ip(rng.choice(everybody)),),
        ("external",),
        ("internal",),
        (str(draft.subnet(12 + 8).prefix),),
    ]
    made.rule(
        rng.choice((FirewallAction.DENY, FirewallAction.REJECT, FirewallAction.ACCEPT)),
        rng.choice(sides),
        rng.choice(sides),
        Service("tcp", (f"{rng.choice(PORTS)}", "30000-32767")),
        match_translated=draft.chance(0.5),
    )


def _publish(draft: Draft, made: Overlay) -> None:
    """DNAT on an uplink for some machines, and the firewall rules for it."""
    for index, (_place, _router, address) in made.uplinks.items():
        box = draft.rng.choice(made.machines)
        listened = sorted(item.port for item in box.more["listens"] if item.protocol == "tcp")
        port = draft.rng.choice(listened)
        outside = draft.rng.choice((port, 8000 + port % 1000))
        second = made.esg.interfaces[f"vnic{index}"].addresses[1]
        published = draft.rng.choice((address, second, second))
        publish(draft, made, index, published, box.address, port, outside)


def publish(
    draft: Draft, made: Overlay, index: int, published: int, address: int, port: int, outside: int = 0
) -> None:
    """A port of an inside address at one of a vNIC's; `outside` is the port there, if it is another one."""
    outside = outside or port
    made.nat(
        NatAction.DNAT,
        index,
        ip(published),
        ip(address),
        protocol="tcp",
        original_port=str(outside),
        translated_port=str(port),
    )
    translated = draft.chance(0.3)
    made.rule(
        FirewallAction.ACCEPT,
        draft.rng.choice(((), ("external",), (f"vnic-index-{index}",))),
        (ip(address if translated else published),),
        Service("tcp", (str(port if translated else outside),)),
        match_translated=translated,
    )
    draft.wishes += [Wish("outside", published, outside)] * 2


def _outbound(draft: Draft, made: Overlay) -> None:
    """SNAT on the uplinks, or routers that know the networks; then the firewall lets some of them in."""
    routed = draft.chance(0.35)
    for index, (_place, router, address) in made.uplinks.items():
        for net in made.networks:
            if not routed:
                made.nat(NatAction.SNAT, index, str(net.subnet.prefix), ip(address))
            elif index == 0:
                via = next(item.name for item in router.interfaces.values() if item.segment == _place.segment)
                draft.announce(net.subnet.prefix, router, address, via)
                made.rule(FirewallAction.ACCEPT, (), (str(net.subnet.prefix),))
    if routed:
        draft.wishes += [Wish("outside", box.address, draft.port(box)) for box in made.machines[:1]]
    draft.wishes += [Wish(box.name, 0, 0) for box in made.machines]


def _hairpin(draft: Draft, made: Overlay) -> None:
    """Rule 8: the inside client to a published address, with DNAT and SNAT on the inner vNIC."""
    published = [rule for rule in made.nats if rule.action is NatAction.DNAT and rule.interface != made.inner]
    for rule in published[:1]:
        more = {
            "protocol": "tcp",
            "original_port": rule.original_port,
            "translated_port": rule.translated_port,
        }
        made.nat(NatAction.DNAT, made.inner, rule.original, rule.translated, **more)
        inner = made.esg.interfaces[f"vnic{made.inner}"].addresses[0]
        for net in made.networks:
            made.nat(NatAction.SNAT, made.inner, str(net.subnet.prefix), ip(inner), match=rule.translated)
        made.rule(FirewallAction.ACCEPT, (), (rule.original,))
        wished = [Wish(box.name, _number(rule.original), int(rule.original_port)) for box in made.machines]
        draft.wishes += wished


def _second_rules(draft: Draft, made: Overlay) -> None:
    """Wider rules behind the others: the first one that matches has to win."""
    for index in made.uplinks:
        second = ip(made.esg.interfaces[f"vnic{index}"].addresses[1])
        if any(rule.action is NatAction.SNAT and rule.interface == index for rule in made.nats):
            made.nat(NatAction.SNAT, index, "any", second)
        published = next(rule for rule in made.nats if rule.interface == index)
        other = draft.rng.choice(made.machines)
        made.nat(NatAction.DNAT, index, published.original, ip(other.address), protocol="tcp")


def _number(text: str) -> int:
    return int(IPv4Network(text).network_address)


def _dns(draft: Draft, made: Overlay) -> None:
    """The edge's DNS relay, and a server outside that it asks."""
    place, *_ = next(iter(made.uplinks.values()))
    server = draft.node(Host, "dns", listens=frozenset({Listener("udp", 53), Listener("tcp", 53)}))
    draft.plug(server, place.segment, place.subnet.prefix, place.subnet.take(), mtu=place.mtu)
    draft.route(server, EVERYWHERE, "eth0", place.gateway)
    inner = made.esg.interfaces[f"vnic{made.inner}"].addresses[0]
    made.esg.more["relay"] = Relay(listeners=frozenset({inner}), forwarders=(server.address,), fact=FACT)
    made.rule(FirewallAction.ACCEPT, (), ("vse",), Service("udp", ("53",)))
    draft.wishes += [Wish(made.machines[0].name, inner, 53, "udp")] * 2


def _distributed(draft: Draft, made: Overlay) -> None:
    """A distributed firewall at one machine (rule 14)."""
    box = draft.rng.choice(made.machines)
    port = draft.rng.choice(PORTS)
    action = draft.rng.choice((FirewallAction.DENY, FirewallAction.REJECT, FirewallAction.ACCEPT))
    rule = FirewallRule(
        owner=made.key, rule="#1001", action=action, services=(Service("tcp", (str(port),)),), purpose="dfw"
    )
    box.more["vnic"] = Firewall([Filter(rule, FACT)], Policy(FirewallAction.ACCEPT, FACT))


def outsiders(draft: Draft) -> list[Box]:
    """Machines at lans of the routers: clients and servers; the last may stand at two of them."""
    found = []
    for router in draft.rng.sample(draft.routers, min(len(draft.routers), draft.rng.choice((1, 2)))):
        place = lan(draft, router, public=draft.chance(0.4))
        found += [draft.machine(place, "host") for _ in range(draft.rng.choice((1, 1, 2)))]
    if len(draft.routers) > 1 and draft.chance(0.25):
        found[-1].more["reverse_path"] = draft.rng.choice(tuple(ReversePath))
        _second_leg(draft, found[-1])
    return found


def _second_leg(draft: Draft, box: Box) -> None:
    """One more interface, at another router, by which it knows a part of the world."""
    known = {item.segment for item in box.interfaces.values()}
    router = draft.rng.choice(
        [item for item in draft.routers if not known & {side.segment for side in item.interfaces.values()}]
        or draft.routers
    )
    place = lan(draft, router)
    draft.plug(box, place.segment, place.subnet.prefix, place.subnet.take(), mtu=place.mtu)
    prefix = draft.rng.choice(("10.0.0.0/8", "172.16.0.0/12", "0.0.0.0/1"))
    draft.route(box, IPv4Network(prefix), "eth1", place.gateway)
