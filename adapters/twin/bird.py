"""BGP: what each bird is told, and what it says of its sessions.

Next hops are as BGP has them: eBGP names itself but for a third on the same link, iBGP changes nothing, and
a route through one's own AS is refused (rules 21 to 23). A route whose next hop does not resolve is neither
used nor told on. Metrics are the model's distances. A DLR speaks in
each ESXi host where a neighbour of it runs; what one instance learns, the lab tells the others.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import NamedTuple

from adapters.twin.stations import Cast, NotBuildable, Standing
from hopbook.network.bgp import Peer, Permission, PrefixList, PrefixRule, Speaker
from hopbook.network.nodes import Dlr, Node
from hopbook.network.packet import ip
from hopbook.network.routes import Origin

ESTABLISHED = "Established"
_EXTERNAL, _INTERNAL = 20, 200  # the model's distances
_MAXIMUM = 32
_CODE = re.compile(r"^(\d{4})[ -]|^ ")
_PROTOCOL = re.compile(r"^([ei]bgp\d+) +BGP ")
_STATE = re.compile(r"^ +BGP state: +(\S+)")
_ERROR = re.compile(r"^ +Last error: +(.+)")
_UPDATES = re.compile(r"^ +(Import|Export) (?:updates|withdraws): +(.+)")


@dataclass(frozen=True, slots=True)
class Session:
    """One side of a session.

    Attributes:
        label: What bird calls it.
        name: What the model calls it.
    """

    label: str
    name: str
    local: int
    peer: int


@dataclass(frozen=True, slots=True)
class Speaking:
    """A bird.

    Attributes:
        shares: The stations that are told what it learns: the other instances of a DLR.
    """

    station: str
    node: str
    sessions: tuple[Session, ...]
    config: str
    shares: tuple[str, ...] = ()


class Heard(NamedTuple):
    """What bird says of a session.

    Attributes:
        state: `Established` or another word.
        error: The last error.
        received, sent: How many routes and withdrawals came and went.
    """

    state: str = ""
    error: str = ""
    received: int = 0
    sent: int = 0


def speakers(people: Cast) -> Iterator[Speaking]:
    """Every node that speaks."""
    for node in dict.fromkeys(item.node for item in people.standings):
        if node.speaker is None:
            continue
        standings = [item for item in people.standings if item.node is node]
        where = _where(people, node, node.speaker, standings)
        for standing in standings:
            peers = [peer for peer, place in where if place is standing]
            if peers or (len(standings) == 1):
                others = tuple(item.station.name for item in standings if item is not standing)
                yield _speaking(standing, node, node.speaker, peers, others)


def _where(
    people: Cast, node: Node, speaker: Speaker, standings: list[Standing]
) -> list[tuple[Peer, Standing]]:
    """Which station opens each session: a neighbour of a DLR meets the instance on its own host."""
    hosts = {
        address: plug.host for held in people.plugs.values() for plug in held for address in plug.addresses
    }
    places = {item.host: item for item in standings}
    if isinstance(node, Dlr) and speaker.peers:
        usual = Counter(hosts.get(peer.address, "") for peer in speaker.peers).most_common(1)[0][0]
    else:
        usual = ""
    first = places.get(usual, standings[0])
    return [(peer, places.get(hosts.get(peer.address, usual), first)) for peer in speaker.peers]


def _speaking(
    standing: Standing, node: Node, speaker: Speaker, peers: list[Peer], others: tuple[str, ...]
) -> Speaking:
    sessions, texts = [], []
    for number, peer in enumerate(peers):
        internal = peer.asn == speaker.asn
        label = f"{'i' if internal else 'e'}bgp{number}"
        sessions.append(Session(label, peer.name, peer.local, peer.address))
        texts.append(_protocol(label, peer, speaker.asn, internal=internal))
    config = "\n".join((_head(speaker), _own(standing, node, speaker), *texts, ""))
    return Speaking(standing.station.name, node.name, tuple(sessions), config, others)


def _head(speaker: Speaker) -> str:
    return f"""router id {ip(speaker.router_id)};
log stderr all;
protocol device {{
scan time 60;
}}
protocol kernel {{
learn;
metric 0;
scan time 60;
ipv4 {{
import all;
export filter {{
if source != RTS_BGP || dest = RTD_UNREACHABLE then reject;
if proto ~ "ibgp*" then krt_metric = {_INTERNAL}; else krt_metric = {_EXTERNAL};
accept;
}};
}};
}}"""


def _own(standing: Standing, node: Node, speaker: Speaker) -> str:
    """What it announces itself; a redistributed route keeps its next hop (rule 22)."""
    lines = [_announced(standing, node, prefix) for prefix in speaker.announces]
    return "\n".join(("protocol static own {", "ipv4;", *lines, "}"))


def _announced(standing: Standing, node: Node, prefix: IPv4Network) -> str:
    known = [item for item in node.routes.routes if item.prefix == prefix and item.origin is not Origin.BGP]
    nearest = min(known, key=lambda route: route.distance, default=None)
    if nearest is None or nearest.next_hop is None:
        return f"route {prefix} unreachable;"
    device = standing.devices.get(nearest.interface, "")
    return f"route {prefix} via {ip(nearest.next_hop)}%{device} onlink;"


def _protocol(label: str, peer: Peer, asn: int, *, internal: bool) -> str:
    reach = "multihop" if peer.multihop or internal else "direct"
    return f"""protocol bgp {label} {{
local {ip(peer.local)} as {asn};
neighbor {ip(peer.address)} as {peer.asn};
{reach};
connect delay time 0;
connect retry time 1;
error wait time 1, 2;
ipv4 {{
import filter {{
{_list(peer.imports)}
}};
export filter {{
if source != RTS_BGP && proto != "own" then reject;
if source = RTS_BGP && dest = RTD_UNREACHABLE then reject;
{_list(peer.exports)}
}};
}};
}}"""


def _list(rules: PrefixList | None) -> str:
    """A prefix list: the first line that holds a prefix decides, and none is a refusal."""
    if rules is None:
        return "accept;"
    return "\n".join((*(_line(rule) for rule in rules), "reject;"))


def _line(rule: PrefixRule) -> str:
    longest = rule.le if rule.le is not None else _MAXIMUM if rule.ge is not None else rule.prefix.prefixlen
    shortest = rule.ge if rule.ge is not None else rule.prefix.prefixlen
    if not rule.prefix.prefixlen <= shortest <= longest <= _MAXIMUM:
        raise NotBuildable(f"the prefix rule {rule.prefix} ge {rule.ge} le {rule.le} holds nothing")
    verdict = "accept" if rule.action is Permission.PERMIT else "reject"
    return f"if net ~ [ {rule.prefix}{{{shortest},{longest}}} ] then {verdict};"


def heard(said: str) -> Mapping[str, Heard]:
    """What `show protocols all` says, by label."""
    found: dict[str, Heard] = {}
    label = ""
    for line in said.splitlines():
        line = _CODE.sub(" ", line, count=1) if not line.startswith(" ") else line  # noqa: PLW2901
        if match := re.match(r"^ ?(\S+) +(\S+) ", line):
            label = match[1] if match[2] == "BGP" else ""
            if label:
                found[label] = Heard()
        elif label:
            found[label] = _noted(found[label], line)
    return found


def _noted(now: Heard, line: str) -> Heard:
    if match := _STATE.match(line):
        return now._replace(state=match[1])
    if match := _ERROR.match(line):
        return now._replace(error=match[1].strip())
    if match := _UPDATES.match(line):
        numbers = match[2].split()
        if match[1] == "Import":
            return now._replace(received=now.received + int(numbers[0]))
        return now._replace(sent=now.sent + int(numbers[-1]))
    return now
