"""What an NSX Manager can be asked about packets: the central CLI's tables, and Traceflow.

The routing table is known from captures (its text is the one that ntc-templates parses). Of the other tables
NSX's own guide shows the frame, iptables' with a first column `rid`, and not every column; their commands
are from the CLI reference. So commands are `Commands`, to be changed by who knows better, and a line that
does not read as expected is given on as unread: it proves nothing.

Traceflow (NSX-V API guide 6.4) starts at a VM's vNIC, which vCenter knows and NSX does not list; who
connects this says what it is. The elements for ports, and how a drop is shown, are not in the guide.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network

from adapters.nsxv import errors, xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.errors import SYSTEM
from adapters.nsxv.provider import rules
from adapters.nsxv.provider.directory import EDGES, Directory, Found
from adapters.nsxv.provider.markers import Markers
from adapters.nsxv.xml import Element
from hopbook.errors import Missing
from hopbook.network.facts import Fact, How
from hopbook.network.packet import Packet, ip
from hopbook.resources.base import Key
from hopbook.resources.nsxv import FirewallAction, NatAction, NatRule
from hopbook.trace.probes import (
    Answer,
    FirewallRow,
    Flow,
    Kind,
    Question,
    RouteRow,
    Sight,
    Sighting,
)

TRACEFLOW = "/api/2.0/vdn/traceflow"
_RULE_LINE = "-" * 8

Now = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The central CLI's commands; `{edge}` is an edge's id. Only the first is known from captures."""

    routes: str = "show edge {edge} ip route"
    nat: str = "show edge {edge} nat"
    firewall: str = "show edge {edge} firewall"
    flows: str = "show edge {edge} flowtable"


def _now() -> datetime:
    return datetime.now(UTC)


class CliProber:
    """An edge's tables by the central CLI, as the edge has them and not as the manager stores them.

    Args:
        client: The manager.
        site: The site's name, which our markers carry.
        commands: How to ask.
        now: The clock.
    """

    kinds = frozenset({Kind.ROUTES, Kind.NAT, Kind.FIREWALL, Kind.FLOWS})

    def __init__(
        self, client: NsxClient, *, site: str, commands: Commands | None = None, now: Now = _now
    ) -> None:
        self._client = client
        self._markers = Markers(site)
        self._now = now
        commands = commands or Commands()
        self._read: Mapping[Kind, tuple[str, Callable[[str, Found], Answer]]] = {
            Kind.ROUTES: (commands.routes, lambda text, _: routes(text)),
            Kind.NAT: (commands.nat, lambda text, edge: nat(text, edge.key, self._names(edge, rules.NAT))),
            Kind.FIREWALL: (
                commands.firewall,
                lambda text, edge: firewall(text, self._names(edge, rules.FIREWALL)),
            ),
            Kind.FLOWS: (commands.flows, lambda text, edge: flows(text, self._names(edge, rules.FIREWALL))),
        }

    def ask(self, question: Question) -> Answer:
        """An edge's table.

        Raises:
            Missing: there is no edge of that name.
            SystemTrouble: NSX did not answer as it should.
        """
        edge = Directory(self._client, self._markers).edge(question.node)
        if edge is None:
            what = f"there is no edge {question.node}"
            raise Missing(what, system=SYSTEM, address=self._client.address)
        template, read = self._read[question.kind]
        command = template.format(edge=edge.id)
        try:
            answer = read(self._client.say(command), edge)
        except ValueError as error:
            raise errors.garbled(command, self._client.address, str(error), changing=False) from error
        return Answer(_fact(f"nsxv CLI, {command}", edge.key, self._now), answer.rows, answer.unread)

    def _names(self, edge: Found, feature: rules.Feature) -> Mapping[str, str]:
        """The short names of rules by their ids, as the manager stores them."""
        config = self._client.read(f"{EDGES}/{edge.id}/{feature.config}")
        listed = rules.observed(feature, edge.key, config, self._markers)
        return {live.handle: key.name.removeprefix(f"{edge.key.name}/") for key, live in listed}


def _fact(source: str, key: Key | None, now: Now) -> Fact:
    return Fact(how=How.OBSERVED, source=source, key=key, when=f"{now():%Y-%m-%d %H:%M:%S} UTC")


# Routes

_TOTAL = re.compile(r"Total number of routes:\s*(?P<count>\d+)")
_ROUTE = re.compile(
    r"(?P<code>[A-Za-z]{1,2})(?:\s+(?:L1|L2|IA|E1|E2|N1|N2))?\s+(?P<prefix>[\d.]+/\d+)"
    r"\s+\[(?P<distance>\d+)/\d+\]\s+via\s+(?P<hop>[\d.]+)"
)


def routes(text: str) -> Answer:
    """`show ip route`: below a count of prefixes a line for each way (connected: via the own address).

    Raises:
        ValueError: it is no routing table, or not all of it.
    """
    head, counted, rest = _split(text, _TOTAL)
    if counted is None:
        raise ValueError(f"no routing table: {_first_line(head)!r}")
    rows: list[RouteRow] = []
    unread: list[str] = []
    for line in _lines(rest):
        found = _ROUTE.fullmatch(line)
        if found is None:
            unread.append(line)
            continue
        prefix, hop = IPv4Network(found["prefix"], strict=False), int(IPv4Address(found["hop"]))
        rows.append(RouteRow(prefix, hop, int(found["distance"]), found["code"] == "C"))
    prefixes = len({row.prefix for row in rows})
    if not unread and prefixes != int(counted["count"]):
        raise ValueError(f"a table of {counted['count']} routes that shows {prefixes}")
    return Answer(rows=tuple(rows), unread=tuple(unread))


def _split(text: str, mark: re.Pattern[str]) -> tuple[str, re.Match[str] | None, str]:
    found = mark.search(text)
    return (text, None, "") if found is None else (text[: found.start()], found, text[found.end() :])


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip() and not line.startswith(_RULE_LINE):
            yield line.strip()


def _first_line(text: str) -> str:
    return next(_lines(text), "")


# Tables in iptables' form

_CHAIN = re.compile(r"Chain (?P<name>\S+) .*|Chain (?P<bare>\S+)")
_HEADER = re.compile(r"rid\s+pkts\s+bytes\s+target\s+prot\s+opt\s+in\s+out\s+source\s+destination")
_ROW = re.compile(
    r"(?P<rid>\d+)\s+\S+\s+\S+\s+(?P<target>\S+)\s+(?P<prot>\S+)\s+--\s+(?P<in>\S+)\s+(?P<out>\S+)"
    r"\s+(?P<source>\S+)\s+(?P<destination>\S+)(?:\s+(?P<more>.*))?"
)
_EVERYWHERE = "0.0.0.0/0"
_NAT_CHAINS, _RULE_CHAIN = ("usr_dnat", "usr_snat"), "usr_rules"
_VNIC = re.compile(r"vNic_(\d+)")
_PORT = re.compile(r"(?P<side>[sd])pts?:(?P<ports>\d+(?::\d+)?)")
_RANGE = re.compile(r"(?P<side>source|destination) IP range (?P<range>[\d.]+-[\d.]+)")
_TO = re.compile(r"to:(?P<address>[\d.]+(?:-[\d.]+)?)(?::(?P<ports>\d+(?:-\d+)?))?")
_ACTIONS = {
    "ACCEPT": FirewallAction.ACCEPT,
    "DROP": FirewallAction.DENY,
    "REJECT": FirewallAction.REJECT,
}


def _table(text: str, *chains: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """The lines of some chains, each with what was read of it.

    Raises:
        ValueError: the text has no table of that form.
    """
    known, wanted = False, False
    for line in _lines(text):
        chain = _CHAIN.fullmatch(line)
        if chain is not None:
            wanted = (chain["name"] or chain["bare"]) in chains
            known = known or wanted
        elif wanted and _HEADER.fullmatch(line) is None:
            yield line, _ROW.fullmatch(line)
    if not known:
        raise ValueError(f"no table with a chain {' or '.join(chains)}: {_first_line(text)!r}")


def nat(text: str, owner: Key, names: Mapping[str, str]) -> Answer:
    """`show nat`: the user's rules, in their order.

    Raises:
        ValueError: it is no such table.
    """
    rows: list[NatRule] = []
    unread: list[str] = []
    for line, found in _table(text, *_NAT_CHAINS):
        rule = None if found is None else _nat_rule(found, owner, names)
        if rule is None:
            unread.append(line)
        else:
            rows.append(rule)
    return Answer(rows=tuple(rows), unread=tuple(unread))


def _nat_rule(row: re.Match[str], owner: Key, names: Mapping[str, str]) -> NatRule | None:
    """A rule as a resource; None where anything of it is not understood."""
    action = {"DNAT": NatAction.DNAT, "SNAT": NatAction.SNAT}.get(row["target"])
    more = row["more"] or ""
    to = _TO.search(more)
    device = row["in" if action is NatAction.DNAT else "out"]
    vnic = _VNIC.fullmatch(device)
    unknown = _TO.sub("", _RANGE.sub("", _PORT.sub("", more))).split()
    if action is None or to is None or (device != "*" and vnic is None) or set(unknown) - {row["prot"]}:
        return None
    sides = {name: _address(row[name]) for name in ("source", "destination")}
    sides |= {found["side"]: found["range"] for found in _RANGE.finditer(more)}
    ports = {found["side"]: found["ports"].replace(":", "-") for found in _PORT.finditer(more)}
    source, destination = (
        (sides["source"], ports.get("s", "any")),
        (sides["destination"], ports.get("d", "any")),
    )
    near, far = (destination, source) if action is NatAction.DNAT else (source, destination)
    return NatRule(
        owner=owner,
        rule=_named(row["rid"], names),
        action=action,
        interface=None if vnic is None else int(vnic[1]),
        original=near[0],
        original_port=near[1],
        match=far[0],
        match_port=far[1],
        translated=to["address"],
        translated_port=to["ports"] or "any",
        protocol="any" if row["prot"] == "all" else row["prot"],
    )


def _address(text: str) -> str:
    return "any" if text == _EVERYWHERE else text


def firewall(text: str, names: Mapping[str, str]) -> Answer:
    """`show firewall`: what each rule does, in their order; whom they match is in sets that it does not show.

    Raises:
        ValueError: it is no such table.
    """
    rows: list[FirewallRow] = []
    unread: list[str] = []
    for line, found in _table(text, _RULE_CHAIN):
        action = None if found is None else _ACTIONS.get(found["target"])
        if found is None or action is None:
            unread.append(line)
        elif not rows or rows[-1].rule != _named(found["rid"], names):  # a rule may take several lines
            rows.append(FirewallRow(_named(found["rid"], names), action))
    return Answer(rows=tuple(rows), unread=tuple(unread))


def _named(rid: str, names: Mapping[str, str]) -> str:
    return names.get(rid, f"#{rid}")


# Connections

_FLOW = re.compile(r"\d+:\s+(?P<protocol>tcp|udp|icmp)\s.*")
_FIELD = re.compile(r"\b(src|dst|sport|dport|rid)=(\S+)")
_BOTH = 2


def flows(text: str, names: Mapping[str, str]) -> Answer:
    """`show flowtable`: a line for each connection, both directions on it.

    Raises:
        ValueError: a line's addresses cannot be read.
    """
    rows: list[Flow] = []
    for line in _lines(text):
        found = _FLOW.fullmatch(line)
        fields: dict[str, list[str]] = {}
        for name, value in _FIELD.findall(line):
            fields.setdefault(name, []).append(value)
        if found is None or len(fields.get("src", ())) != _BOTH or len(fields.get("dst", ())) != _BOTH:
            continue  # what is no connection of two sides is of no use here, and takes nothing away
        came, reply = (_side(found["protocol"], fields, side) for side in range(_BOTH))
        rid = fields.get("rid", [""])[0]
        rows.append(Flow(came, reply, _named(rid, names) if rid else ""))
    return Answer(rows=tuple(rows))


def _side(protocol: str, fields: Mapping[str, Sequence[str]], side: int) -> Packet:
    src, dst = (int(IPv4Address(fields[name][side])) for name in ("src", "dst"))
    ported = all(len(fields.get(name, ())) == _BOTH for name in ("sport", "dport"))
    sport, dport = (int(fields[name][side]) if ported else 0 for name in ("sport", "dport"))
    return Packet(src, dst, protocol, sport, dport)


# Traceflow


@dataclass(frozen=True, slots=True)
class Vnic:
    """A VM's vNIC.

    Attributes:
        id: `<instanceUuid>.<last three digits of the device's key>`.
        mac: Its MAC address.
        next_mac: The MAC address that it sends a packet to: its gateway's, or the other machine's.
    """

    id: str
    mac: str
    next_mac: str


Vnics = Callable[[str, Packet], Vnic | None]
"""From a VM's name and a packet that it sends to the vNIC by which it does; None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceflowOptions:
    """How to ask.

    Attributes:
        timeout: Milliseconds for which NSX collects observations.
        ports: Say protocol and ports (`transportHeader`, which the API guide does not show); without them
            NSX asks the firewall about a packet that has none.
        polls: How often to look whether it is complete, a second apart.
    """

    timeout: int = 10_000
    ports: bool = True
    polls: int = 15


_PREFIX = "traceflowObservation"
_WHAT = {
    "Received": Sighting.RECEIVED,
    "LogicalReceived": Sighting.RECEIVED,
    "Forwarded": Sighting.FORWARDED,
    "LogicalForwarded": Sighting.FORWARDED,
    "Delivered": Sighting.DELIVERED,
    "Dropped": Sighting.DROPPED,
    "LogicalDropped": Sighting.DROPPED,
}
_TCP_SYN = 2


class TraceflowProber:
    """Traceflow: a packet that NSX sends from a VM's vNIC and follows to the next machine or ESG.

    Args:
        client: The manager.
        vnics: Whose vNIC is which.
        options: How to ask.
        sleep: How to wait for it.
        now: The clock.
    """

    kinds = frozenset({Kind.TRACEFLOW})

    def __init__(
        self,
        client: NsxClient,
        *,
        vnics: Vnics,
        sleep: Callable[[float], None],
        options: TraceflowOptions | None = None,
        now: Now = _now,
    ) -> None:
        self._client, self._vnics, self._sleep, self._now = client, vnics, sleep, now
        self._options = options or TraceflowOptions()

    def ask(self, question: Question) -> Answer:
        """What was seen of a packet, in its order.

        Raises:
            SystemTrouble: NSX did not answer as it should.
        """
        packet = question.packet
        vnic = None if packet is None else self._vnics(question.node, packet)
        if packet is None or vnic is None:
            return Answer(silence=f"nobody can ask that: which vNIC {question.node} has is not known")
        made = self._client.change("POST", TRACEFLOW, _request(vnic, packet, self._options))
        if not self._completed(made):
            return Answer(silence=f"Traceflow {made} does not end")
        seen = self._client.read(f"{TRACEFLOW}/{made}/observations")
        listed = [item for item in seen.iter() if str(item.tag).startswith(f"{_PREFIX}")]
        listed = [item for item in listed if item.find("component") is not None]
        unread = [str(item.tag) for item in listed if str(item.tag).removeprefix(_PREFIX) not in _WHAT]
        rows = [_sight(item) for item in sorted(listed, key=lambda item: xml.number(item, "hopCount", 0))]
        fact = _fact(f"Traceflow {made}", None, self._now)
        return Answer(fact, tuple(row for row in rows if row is not None), tuple(unread))

    def _completed(self, made: str) -> bool:
        for poll in range(self._options.polls):
            if poll:
                self._sleep(1)
            if xml.flag(self._client.read(f"{TRACEFLOW}/{made}"), "completeAvailable", default=False):
                return True
        return False


def _sight(item: Element) -> Sight | None:
    what = _WHAT.get(str(item.tag).removeprefix(_PREFIX))
    if what is None:
        return None
    return Sight(what, xml.text(item, "component"), xml.text(item, "hostName"), xml.text(item, "ruleId"))


def _request(vnic: Vnic, packet: Packet, options: TraceflowOptions) -> Element:
    content = [
        xml.make("resourceType", "FieldsPacketData"),
        xml.make(
            "ethHeader",
            xml.make("srcMac", vnic.mac),
            xml.make("dstMac", vnic.next_mac),
            xml.make("ethType", 2048),
        ),
        xml.make(
            "ipHeader",
            xml.make("ttl", 64),
            xml.make("srcIp", ip(packet.src)),
            xml.make("dstIp", ip(packet.dst)),
        ),
    ]
    if options.ports and packet.protocol in {"tcp", "udp"}:
        ports = [xml.make("srcPort", packet.sport), xml.make("dstPort", packet.dport)]
        if packet.protocol == "tcp":
            ports.append(xml.make("tcpFlags", _TCP_SYN))
        content.append(xml.make("transportHeader", xml.make(f"{packet.protocol}Header", *ports)))
    sent = xml.make("packet", *content)
    sent.set("class", "fieldsPacketData")
    return xml.make(
        "traceflowRequest",
        xml.make("vnicId", vnic.id),
        xml.make("timeout", options.timeout),
        xml.make("routed", True),  # noqa: FBT003 - an element's value
        sent,
    )
