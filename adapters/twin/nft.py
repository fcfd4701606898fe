"""The rules of a node as nftables, with a named counter for each.

Where NSX and Linux look at different addresses, the rule is written with what connection tracking remembers:
an edge's firewall compares the destination before DNAT unless a rule says otherwise (rule 2).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from itertools import product

from adapters.twin.stations import ESP_DEVICE, TUNNEL, NotBuildable, Standing
from hopbook.network.firewall import GROUPS, Filter, Firewall
from hopbook.network.ipsec import Ipsec
from hopbook.network.nat import Translation
from hopbook.network.nodes import Backend, Dlr, Esg, Interface, KubeNode, Node, Service, VpnGateway
from hopbook.network.packet import ip
from hopbook.resources.nsxv import FirewallAction, NatAction
from hopbook.resources.nsxv import Service as Matched
from hopbook.resources.spans import ANY, address_span, port_span

_MASQUERADE = 0x4000  # marks what kube-proxy gives a node's address; the service's number is added
_NUMBERED = {"gre": "47", "esp": "50", "ah": "51", "ipip": "4"}
_ITSELF = "vse"
_DESTINATION = -100  # `dstnat`, a word that nft takes for one hook only
_EVERY_ADDRESS = (0, 2**32 - 1)


@dataclass(frozen=True)
class Meaning:
    """What a counter counts.

    Attributes:
        word: `accept`, `denied`, `refused` (rejected), `DNAT`, `SNAT`, `established`, `tunnel down`,
            `asymmetric return`.
        title: Of the rule, as the model's ground has it.
    """

    word: str
    title: str


@dataclass
class Counters:
    """Hands out the names of counters, unique over all stations."""

    meaning: dict[str, Meaning] = field(default_factory=dict)

    def __call__(self, word: str, title: str) -> str:
        """A new counter's name."""
        name = f"c{len(self.meaning)}"
        self.meaning[name] = Meaning(word, title)
        return name


@dataclass
class Ruleset:
    """One table of one station."""

    family: str
    name: str
    counters: Counters
    named: list[str] = field(default_factory=list)
    chains: dict[str, list[str]] = field(default_factory=dict)

    def chain(self, name: str, hook: str = "") -> list[str]:
        """The rules of a chain; a hook makes it a base chain."""
        if name not in self.chains:
            self.chains[name] = [f"type {hook};"] if hook else []
        return self.chains[name]

    def count(self, word: str, title: str) -> str:
        """The statement that counts with a counter of its own."""
        self.named.append(self.counters(word, title))
        return f"counter name {self.named[-1]}"

    def __str__(self) -> str:
        if not any(self.chains.values()):
            return ""
        lines = [f"table {self.family} {self.name} {{"]
        lines += [f"counter {name} {{\n}}" for name in self.named]
        for name, rules in self.chains.items():
            lines += [f"chain {name} {{", *rules, "}"]
        return "\n".join((*lines, "}", ""))


def addresses(spans: Iterable[tuple[int, int]]) -> str:
    """Ranges of addresses as a set."""
    return _set(_range(*span) for span in _joined(spans))


def _range(first: int, last: int) -> str:
    if (first, last) == _EVERY_ADDRESS:
        return "0.0.0.0/0"
    return f"{ip(first)}-{ip(last)}" if first != last else ip(first)


def _set(items: Iterable[str]) -> str:
    held = tuple(items)
    return held[0] if len(held) == 1 else f"{{ {', '.join(held)} }}"


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Without overlaps, which a set does not take."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _names(devices: Iterable[str]) -> str:
    return _set(f'"{name}"' for name in sorted(devices))


def _networks(networks: Iterable[IPv4Network]) -> str:
    return addresses((int(net.network_address), int(net.broadcast_address)) for net in networks)


# -- Edges ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sides:
    """By which devices packets come from a vNIC, and leave by it.

    A tunnel's packets come by `ipsec0` instead of the vNIC that its ESP came in, and leave by it instead of
    the vNIC that the main route would take.
    """

    node: Esg | Dlr
    came: Mapping[str, tuple[str, ...]]  # by name of the interface, matches
    goes: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, standing: Standing, node: Esg | Dlr) -> "Sides":
        """Of an edge or router."""
        came = {name: [f'iifname "{device}"'] for name, device in standing.devices.items()}
        goes = {name: [f'oifname "{device}"'] for name, device in standing.devices.items()}
        for end in node.ipsec if isinstance(node, Esg) else ():
            beyond = _networks(end.beyond)
            for name, interface in node.interfaces.items():
                if end.local in interface.addresses and name in came:
                    came[name].append(f'iifname "{ESP_DEVICE}" ip saddr {beyond}')
            for name in _main_route(end, node) & set(goes):
                goes[name].append(f'oifname "{ESP_DEVICE}" ip daddr {beyond}')
        return cls(
            node, {key: tuple(held) for key, held in came.items()}, {k: tuple(v) for k, v in goes.items()}
        )

    def group(self, group: str, *, goes: bool) -> tuple[str, ...]:
        """The matches of an interface group."""
        side = self.goes if goes else self.came
        return tuple(match for item in self._members(group) for match in side.get(item.name, ()))

    def vnic(self, index: int | None, *, goes: bool) -> tuple[str, ...]:
        """The matches of a vNIC; None is any."""
        side = self.goes if goes else self.came
        if index is None:
            return ("",)
        named = (item.name for item in self.node.interfaces.values() if item.index == index)
        return tuple(match for name in named for match in side.get(name, ()))

    def _members(self, group: str) -> Iterator[Interface]:
        return (item for item in self.node.interfaces.values() if group in item.groups)


def _main_route(end: Ipsec, node: Node) -> set[str]:
    return {route.interface for net in end.beyond for route in node.routes.lookup(int(net[0]))}


def edge(standing: Standing, counters: Counters, knobs: Mapping[str, str]) -> str:
    """An ESG: DNAT, firewall, SNAT, selectors (rule 1). With the firewall off only the selectors (rule 3)."""
    node = standing.node
    assert isinstance(node, Esg)  # noqa: S101
    rules = Ruleset("ip", "edge", counters)
    sides = Sides.of(standing, node)
    if node.firewall.enabled:
        _dnat(rules, sides, node.dnat.rules)
        _edge_firewall(rules, sides, node.firewall, after=knobs.get("A2") == "after SNAT")
        _snat(rules, sides, node, exempt=knobs.get("A1") == "selectors, then SNAT")
    _selectors(rules, node.ipsec)
    return str(rules)


def gateway(standing: Standing, counters: Counters) -> str:
    """A strongSwan container: only the selectors."""
    node = standing.node
    assert isinstance(node, VpnGateway)  # noqa: S101
    rules = Ruleset("ip", "gateway", counters)
    _selectors(rules, node.ipsec)
    return str(rules)


def _dnat(rules: Ruleset, sides: Sides, translations: Iterable[Translation]) -> None:
    chain = rules.chain("arriving", "nat hook prerouting priority dstnat")
    for item in translations:
        matches = _nat_matches(item, near="daddr", far="saddr")
        to = _target(item)
        counted = rules.count(NatAction.DNAT.upper(), item.title)
        chain += [
            f"{side} {matches} {counted} dnat to {to}" for side in sides.vnic(item.rule.interface, goes=False)
        ]


def _snat(rules: Ruleset, sides: Sides, node: Esg, *, exempt: bool) -> None:
    """What an edge sends itself is not translated (rule 10)."""
    chain = rules.chain("leaving", "nat hook postrouting priority srcnat")
    chain.append("fib saddr type local accept")
    if exempt:
        chain += [
            f"ip saddr {_networks(end.inside)} ip daddr {_networks(end.beyond)} accept" for end in node.ipsec
        ]
    for item in node.snat.rules:
        matches = _nat_matches(item, near="saddr", far="daddr")
        to = _target(item)
        counted = rules.count(NatAction.SNAT.upper(), item.title)
        chain += [
            f"{side} {matches} {counted} snat to {to}" for side in sides.vnic(item.rule.interface, goes=True)
        ]


def _nat_matches(item: Translation, near: str, far: str) -> str:
    """`near` is what the rule translates, `daddr` or `saddr`."""
    rule = item.rule
    ports = {"daddr": "dport", "saddr": "sport"}
    found = [
        _address(near, rule.original, item),
        _address(far, rule.match, item),
        _protocol(rule.protocol, item.title),
    ]
    numbered = [
        _port(ports[near], rule.original_port, item),
        _port(ports[far], rule.match_port, item),
    ]
    if (any(numbered) or item.port is not None) and rule.protocol not in {"tcp", "udp"}:
        found[2] = "meta l4proto { tcp, udp }"
    return " ".join(part for part in (*found, *numbered) if part)


def _address(side: str, text: str, item: Translation) -> str:
    span = address_span(text)
    if span is None or item.doubt:
        raise NotBuildable(f"{item.title}: {item.doubt or text} cannot be expressed")
    return "" if text == ANY else f"ip {side} {addresses((span,))}"


def _port(side: str, text: str, item: Translation) -> str:
    span = port_span(text)
    if span is None:
        raise NotBuildable(f"{item.title}: port {text} cannot be expressed")
    return "" if text == ANY else f"th {side} {_ports((text,), item.title)}"


def _target(item: Translation) -> str:
    span = address_span(item.rule.translated)
    if span is None:
        raise NotBuildable(f"{item.title}: {item.rule.translated} cannot be expressed")
    address = ip(span[0]) if span[0] == span[1] else f"{ip(span[0])}-{ip(span[1])}"
    return address if item.port is None else f"{address}:{item.port}"


def _protocol(protocol: str, title: str) -> str:
    if protocol == ANY:
        return ""
    known = protocol in {"tcp", "udp", "icmp"} or protocol.isdecimal() or protocol in _NUMBERED
    if not known:
        raise NotBuildable(f"{title}: protocol {protocol} cannot be expressed")
    return f"meta l4proto {_NUMBERED.get(protocol, protocol)}"


def _ports(texts: Iterable[str], title: str) -> str:
    spans = [port_span(text) for text in texts]
    if None in spans:
        raise NotBuildable(f"{title}: its ports cannot be expressed")
    return _set(
        f"{first}-{last}" if first != last else f"{first}"
        for first, last in _joined(span for span in spans if span is not None)
    )


# -- Firewalls --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    """How a chain sees what a rule compares.

    Attributes:
        came, goes: The matches of a group; None: a packet there is of no group (it is the edge's own).
        source: What the source is compared with.
        original: Whether the destination before translation can be asked for.
        rejects: Whether the hook lets a packet be rejected.
    """

    sides: Sides | None
    came: bool
    goes: bool
    source: str = "ip saddr"
    original: bool = True
    rejects: bool = True

    def group(self, group: str, *, goes: bool) -> tuple[str, ...]:
        """The matches of a group on one side; none: no packet there is of it."""
        side = self.goes if goes else self.came
        if group == _ITSELF:
            return () if side else ("",)
        return self.sides.group(group, goes=goes) if side and self.sides is not None else ()


def _edge_firewall(rules: Ruleset, sides: Sides, firewall: Firewall, *, after: bool) -> None:
    """Packets through it, to it and of its own; the first rule that matches decides."""
    forward = _View(sides, came=True, goes=True)
    hook = "filter hook forward priority filter"
    if after:
        forward = _View(sides, came=True, goes=True, source="ct reply ip daddr", rejects=False)
        hook = "filter hook postrouting priority srcnat + 10"
    chain = rules.chain("through", hook)
    if after:
        chain.append("iif 0 accept")
    _stateful(rules, chain)
    _filters(rules, chain, firewall, forward)
    chain = rules.chain("towards", "filter hook input priority filter")
    chain.append('iifname "lo" accept')
    _stateful(rules, chain)
    _filters(rules, chain, firewall, _View(sides, came=True, goes=False))
    chain = rules.chain("own", "filter hook output priority filter")
    chain.append('oifname "lo" accept')
    _stateful(rules, chain)
    _filters(rules, chain, firewall, _View(sides, came=False, goes=True))


def _stateful(rules: Ruleset, chain: list[str]) -> None:
    chain.append(f"ct state established,related {rules.count('established', 'connection')} accept")
    stray = rules.count("asymmetric return", "the connection did not come this way")
    chain.append(f"ct state invalid {stray} drop")


def _filters(rules: Ruleset, chain: list[str], firewall: Firewall, view: _View) -> None:
    for item in firewall.rules:
        matches = tuple(_matches(item, view))
        if matches:
            verdict = _verdict(rules, item.action, item.title, rejects=view.rejects)
            chain += [f"{match} {line}" for match, line in product(matches, verdict)]
    chain += _verdict(rules, firewall.default.action, firewall.default.title, rejects=view.rejects)


def _verdict(rules: Ruleset, action: FirewallAction, title: str, *, rejects: bool) -> tuple[str, ...]:
    if action is FirewallAction.ACCEPT:
        return (f"{rules.count('accept', title)} accept",)
    if action is FirewallAction.REJECT and rejects:
        counted = rules.count("refused", title)
        return (
            f"meta l4proto tcp {counted} reject with tcp reset",
            f"{counted} reject with icmp type admin-prohibited",
        )
    return (f"{rules.count('denied', title)} drop",)


def _matches(item: Filter, view: _View) -> Iterator[str]:
    """Every combination of its kinds of sources, destinations and services."""
    rule = item.rule
    if item.doubt:
        raise NotBuildable(f"{item.title}: {item.doubt}")
    translated = rule.match_translated or not view.original
    destination = "ip daddr" if translated else "ct original ip daddr"
    sources = _side(item, rule.sources, view, view.source, goes=False)
    destinations = _side(item, rule.destinations, view, destination, goes=True)
    services = tuple(_services(item, rule.services, "th dport" if translated else "ct original proto-dst"))
    for parts in product(sources, destinations, services):
        yield " ".join(part for part in parts if part)


def _side(item: Filter, texts: tuple[str, ...], view: _View, compared: str, *, goes: bool) -> list[str]:
    if not texts:
        return [""]
    spans = [(text, address_span(text)) for text in texts]
    unknown = [text for text, span in spans if span is None and text not in GROUPS]
    if unknown or (view.sides is None and any(span is None for _, span in spans)):
        raise NotBuildable(f"{item.title}: {', '.join(unknown or texts)} cannot be expressed")
    held = [span for _, span in spans if span is not None]
    found = [f"{compared} {addresses(held)}"] if held else []
    return found + [match for text, span in spans if span is None for match in view.group(text, goes=goes)]


def _services(item: Filter, services: tuple[Matched, ...], port: str) -> Iterator[str]:
    if not services:
        yield ""
    for service in services:
        protocol = service.protocol.lower()
        ports = service.ports if protocol in {"tcp", "udp", ANY} else ()
        base = _protocol(protocol, item.title)
        if ports:
            base = base or "meta l4proto { tcp, udp }"
            yield f"{base} {port} {_ports(ports, item.title)}"
        else:
            yield base


def router(standing: Standing, counters: Counters) -> str:
    """A DLR's firewall: what comes or leaves by an uplink (rule 13).

    Its instances on several hosts see one direction each, so an answer cannot be told by what they remember:
    every TCP packet that does not open a connection is one.
    """
    node = standing.node
    assert isinstance(node, Dlr)  # noqa: S101
    if node.firewall is None or not node.firewall.enabled:
        return ""
    rules = Ruleset("ip", "router", counters)
    chain = rules.chain("through", "filter hook forward priority filter")
    uplinks = [standing.devices[item.name] for item in node.interfaces.values() if "external" in item.groups]
    if not uplinks:
        return ""
    chain.append(f"iifname != {_names(uplinks)} oifname != {_names(uplinks)} accept")
    if standing.host:
        answer = rules.count("established", "connection")
        chain.append(f"ct state established,related {answer} accept")
        chain.append(f"meta l4proto tcp tcp flags & (syn | ack) != syn {answer} accept")
    else:
        _stateful(rules, chain)
    _filters(rules, chain, node.firewall, _View(Sides.of(standing, node), came=True, goes=True))
    return str(rules)


def machine(standing: Standing, counters: Counters) -> str:
    """The distributed firewall at a machine's vNICs, in both directions (rule 14)."""
    firewall = standing.node.vnic
    if firewall is None or not firewall.enabled:
        return ""
    rules = Ruleset("ip", "vnic", counters)
    devices = [name for name in standing.devices.values() if name != TUNNEL]
    for name, hook, match in (
        ("incoming", "filter hook prerouting priority mangle", "iifname"),
        ("outgoing", "filter hook postrouting priority srcnat + 50", "oifname"),
    ):
        chain = rules.chain(name, hook)
        chain.append(f"{match} != {_names(devices)} accept")
        _stateful(rules, chain)
        incoming = name == "incoming"
        view = _View(None, came=True, goes=True, original=False, rejects=incoming)
        _filters(rules, chain, firewall, view)
    return str(rules)


# -- Tunnels ----------------------------------------------------------------------------------------------


def chain_of(number: int) -> str:
    """The chain that holds the policies of a node's tunnel end."""
    return f"policies{number}"


def _selectors(rules: Ruleset, ends: Iterable[Ipsec]) -> None:
    """What a tunnel's policies drop: all towards its far side while it is down (rule 7)."""
    for number, end in enumerate(ends):
        chain = rules.chain("selectors", "filter hook postrouting priority srcnat + 20")
        chain.append(f"ip daddr {_networks(end.beyond)} iif != 0 jump {chain_of(number)}")
        down, _ = rules.count("tunnel down", end.title), rules.count("denied", end.title)
        rules.chain(chain_of(number)).extend([f"{down} drop"] if end.policies_stay else [])


def denials(counters: Counters, ends: Iterable[Ipsec], first: int) -> dict[str, str]:
    """By name of the end, the counter of what is outside its selectors; of those made since a number."""
    made = list(counters.meaning.items())[first:]
    return {
        end.name: next(name for name, item in made if item == Meaning("denied", end.title)) for end in ends
    }


def policies(chain: str, denied: str, inside: Iterable[IPv4Network], beyond: Iterable[IPv4Network]) -> str:
    """Commands of nft for a tunnel that is up: what its selectors take passes, and nothing else."""
    taken = f"ip saddr {_networks(inside)} ip daddr {_networks(beyond)}"
    return (
        f"flush chain {chain}\n"
        f'add rule {chain} oifname "{ESP_DEVICE}" {taken} return\n'
        f"add rule {chain} counter name {denied} drop\n"
    )


# -- Kubernetes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How a node forwards a service: the chain whose rules choose an endpoint, and the rule's counter."""

    station: str
    chain: str
    protocol: str
    counter: str
    endpoints: tuple[Backend, ...]

    def script(self, endpoint: Backend | None) -> str:
        """Commands of nft that choose one endpoint, or by chance."""
        chosen = self.endpoints if endpoint is None else (endpoint,)
        rules = (f"add rule ip kube {self.chain} {rule}" for rule in self.rules(chosen))
        return "\n".join((f"flush chain ip kube {self.chain}", *rules, ""))

    def rules(self, endpoints: tuple[Backend, ...]) -> list[str]:
        """The rules of the chain."""
        head = f"meta l4proto {self.protocol} counter name {self.counter}"
        if len(endpoints) == 1:
            return [f"{head} dnat to {ip(endpoints[0].address)}:{endpoints[0].port}"]
        held = ", ".join(
            f"{number} : {ip(item.address)} . {item.port}" for number, item in enumerate(endpoints)
        )
        return [f"{head} dnat to numgen random mod {len(endpoints)} map {{ {held} }}"]


def kube(standing: Standing, counters: Counters) -> tuple[str, Mapping[str, Forwarding]]:
    """kube-proxy and Calico on a node; by service, how it is forwarded."""
    node = standing.node
    assert isinstance(node, KubeNode)  # noqa: S101
    rules = Ruleset("ip", "kube", counters)
    forwardings: dict[str, Forwarding] = {}
    for number, service in enumerate(node.services, 1):
        endpoints = tuple(item for item in service.endpoints if not service.local_only or is_here(node, item))
        if not endpoints:
            _unserved(rules, service)
            continue
        forwardings[service.name] = _forwarded(rules, standing, service, endpoints, number)
    _masquerade(rules, standing, node)
    if node.tunnel:
        peers = addresses((peer, peer) for peer in node.tunnel_peers)
        foreign = f"ip saddr != {peers} " if node.tunnel_peers else ""
        denied = rules.count("denied", "takes no IP-in-IP")
        rules.chain("input", "filter hook input priority filter").append(
            f"ip protocol 4 {foreign}{denied} drop"
        )
    return str(rules), forwardings


def is_here(node: KubeNode, endpoint: Backend) -> bool:
    """Whether an endpoint is one of the node's own pods, or the node."""
    if endpoint.address in node.addresses:
        return True
    ways = node.routes.lookup(endpoint.address)
    return any(route.interface not in {"", node.tunnel} and not route.next_hop for route in ways)


def _asked(service: Service, held: Iterable[int]) -> str:
    spans = addresses((address, address) for address in held)
    return f"ip daddr {spans} {service.protocol} dport {service.port}"


def _forwarded(
    rules: Ruleset, standing: Standing, service: Service, endpoints: tuple[Backend, ...], number: int
) -> Forwarding:
    """Rule 16; the first packet of a connection that gets the node's address is marked."""
    node, mark = standing.node, _MASQUERADE + number
    assert isinstance(node, KubeNode)  # noqa: S101
    chain = f"service{number}"
    entries = []
    if not service.local_only:
        outer = service.addresses - {service.cluster}
        if outer:
            entries.append(f"{_asked(service, outer)} meta mark set {mark}")
        if service.cluster in service.addresses:
            foreign = f"ip saddr != {_networks(pool.cidr for pool in node.pools)} " if node.pools else ""
            entries.append(f"{foreign}{_asked(service, (service.cluster,))} meta mark set {mark}")
    entries.append(f"{_asked(service, service.addresses)} goto {chain}")
    for name in ("prerouting", "output"):
        rules.chain(f"service_{name}", f"nat hook {name} priority {_DESTINATION}").extend(entries)
    masked = rules.count("SNAT", service.title)
    post = rules.chain("postrouting", "nat hook postrouting priority srcnat")
    post.append(f"meta mark {mark} {masked} goto own_address")
    post += [
        f"ct status dnat ip saddr {ip(item.address)} ip daddr {ip(item.address)} {masked} goto own_address"
        for item in endpoints
    ]
    forwarding = Forwarding(
        standing.station.name, chain, service.protocol, _counter(rules, "DNAT", service.title), endpoints
    )
    rules.chain(chain).extend(forwarding.rules(endpoints))
    return forwarding


def _counter(rules: Ruleset, word: str, title: str) -> str:
    """The name of a new counter."""
    rules.count(word, title)
    return rules.named[-1]


def _unserved(rules: Ruleset, service: Service) -> None:
    """Nobody behind it: refused; nobody here where only those count: dropped."""
    elsewhere = service.local_only and bool(service.endpoints)
    counted = rules.count("denied" if elsewhere else "refused", service.title)
    reset = service.protocol == "tcp"
    how = "reject with tcp reset" if reset else "reject with icmp type port-unreachable"
    rule = f"{_asked(service, service.addresses)} {counted} {'drop' if elsewhere else how}"
    for name in ("input", "forward", "output"):
        rules.chain(name, f"filter hook {name} priority filter").append(rule)


def _masquerade(rules: Ruleset, standing: Standing, node: KubeNode) -> None:
    """Pools with natOutgoing (rule 18), and the address that each way out gives."""
    post = rules.chain("postrouting", "nat hook postrouting priority srcnat")
    every = _networks(pool.cidr for pool in node.pools)
    post += [
        f"ip saddr {pool.cidr} ip daddr != {every} {rules.count('SNAT', pool.title)} goto own_address"
        for pool in node.pools
        if pool.nat_outgoing
    ]
    masquerade = rules.chain("own_address")
    for name, device in standing.devices.items():
        own = node.interfaces[name].addresses
        masquerade.append(f'oifname "{device}" snat to {ip(own[0] if own else node.node_address)}')


def switch(filters: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    """On an ESXi host: questions for and by the addresses of its routers do not leave it."""
    lines = ["table bridge switch {", "chain keep {", "type filter hook forward priority filter;"]
    for port, held in filters:
        spans = addresses((address, address) for address in held)
        lines += [
            f'{side} "{port}" arp {end} ip {spans} drop'
            for side in ("iifname", "oifname")
            for end in ("saddr", "daddr")
        ]
    return "\n".join((*lines, "}", "}", ""))
