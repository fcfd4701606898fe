"""What BGP sessions and IPsec tunnels have come to, as the edge tells it.

Sessions are shown by the central CLI alone (`nsxv.md` 2.9; the text is the one that ntc-templates parses),
tunnels by the statistics of IPsec (2.10). One reading of an edge tells all of its sessions, two all of its
tunnels, however many there are. The edge names a session's state and no reason; what a state means is BGP's
own (RFC 4271 8.2.2).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from adapters.nsxv import errors, xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import ipsec
from adapters.nsxv.provider.directory import EDGES, Directory
from adapters.nsxv.xml import Element
from hopbook.engine.change import Change, Observed, Scope
from hopbook.resources.base import Key
from hopbook.resources.nsxv import BgpSession, Edge, IpsecTunnel

KINDS = frozenset({BgpSession.kind, IpsecTunnel.kind})
_UP = "Established"
_MEANING = {
    "Idle": "it does not try: the neighbour refused (another AS number), or nothing leads there",
    "Connect": "nothing answers on tcp/179: a firewall, a missing route, or nobody is there",
    "Active": "the neighbour turns tcp/179 down: it does not name this edge as its peer, or speaks no BGP",
    "OpenSent": "the neighbour does not answer the first message",
    "OpenConfirm": "the neighbour does not confirm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """The central CLI's commands; `{edge}` is an edge's id."""

    sessions: str = "show edge {edge} ip bgp neighbors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How to wait for sessions and tunnels.

    Attributes:
        patience: Seconds until one that has not come up is given up. A session tries again every 120 s at
            most (RFC 4271, ConnectRetryTimer).
        first: Seconds before the second look; each further wait is twice as long.
        longest: The longest of them.
        commands: How to ask.
    """

    patience: float = 300.0
    first: float = 2.0
    longest: float = 30.0
    commands: Commands = field(default_factory=Commands)


def observe(client: NsxClient, directory: Directory, scope: Scope, commands: Commands) -> dict[Key, Observed]:
    """The sessions and tunnels of the edges on which some are asked for, if they are configured.

    Raises:
        SystemTrouble: NSX did not answer as it should.
    """
    found: dict[Key, Observed] = {}
    for kind, read in ((BgpSession.kind, _sessions), (IpsecTunnel.kind, _tunnels)):
        for owner in sorted({key.name.partition("/")[0] for key in scope.keys if key.kind == kind}):
            edge = directory.edge(owner)
            if edge is not None:
                states = read(client, edge.key, edge.id, commands)
                found |= {state.key: Observed(resource=state) for state in states}
    return found


def wait(
    client: NsxClient,
    directory: Directory,
    changes: Sequence[Change],
    waiting: Waiting,
    sleep: Callable[[float], None],
) -> Mapping[Key, str]:
    """Wait for sessions or tunnels of one edge; returns why those that did not come up did not.

    Only "up" is waited for: a change that takes that back (an undo) leaves them as they are.

    Raises:
        SystemTrouble: NSX did not answer as it should.
    """
    wanted = {change.key: change.resource.title() for change in changes if _is_up(change.after)}
    waited, pause = 0.0, waiting.first
    while wanted:
        seen = observe(client, directory, Scope(frozenset(wanted)), waiting.commands)
        wanted = {
            key: title for key, title in wanted.items() if key not in seen or not _is_up(seen[key].resource)
        }
        if waited >= waiting.patience:
            return {
                key: f"{title} {_finding(seen.get(key))} after {waited:.0f} s"
                for key, title in wanted.items()
            }
        if wanted:
            sleep(pause)
            waited, pause = waited + pause, min(2 * pause, waiting.longest)
    return {}


def _is_up(resource: object) -> bool:
    if isinstance(resource, BgpSession):
        return resource.state == _UP
    return isinstance(resource, IpsecTunnel) and resource.up


def _finding(found: Observed | None) -> str:
    state = found.resource if found else None
    if isinstance(state, BgpSession):
        return f"is {state.state} and not {_UP} ({state.why})"
    if isinstance(state, IpsecTunnel):
        return f"is down ({state.why})"
    return "is not there: it is not configured, or its service is off,"


# BGP, by the central CLI

_NEIGHBOUR = re.compile(r"^BGP neighbor is (?P<address>[\d.]+),\s+remote AS \S+", re.MULTILINE)
_STATE = re.compile(r"^\s*BGP state = (?P<state>\w+)", re.MULTILINE)
_REFUSED = re.compile(r"^\s*(?:%|Error)", re.MULTILINE)


def _sessions(client: NsxClient, owner: Key, edge: str, commands: Commands) -> Iterable[BgpSession]:
    command = commands.sessions.format(edge=edge)
    try:
        return list(sessions(client.say(command), owner))
    except ValueError as error:
        raise errors.garbled(command, client.address, str(error), changing=False) from error


def sessions(text: str, owner: Key) -> Iterator[BgpSession]:
    """`show ip bgp neighbors`: a paragraph for each; without neighbours there is nothing.

    Raises:
        ValueError: it is something else, or a neighbour has no state.
    """
    found = list(_NEIGHBOUR.finditer(text))
    if not found and _REFUSED.search(text):
        raise ValueError(f"no neighbours: {text.strip().splitlines()[0]!r}")
    starts = [match.start() for match in found]
    for match, end in zip(found, [*starts[1:], len(text)], strict=False):
        state = _STATE.search(text, match.end(), end)
        if state is None:
            raise ValueError(f"neighbour {match['address']} has no state")
        word = state["state"]
        why = "" if word == _UP else _MEANING.get(word, "")
        yield BgpSession(owner=owner, address=IPv4Address(match["address"]), state=word, why=why)


# IPsec, by its statistics


def _tunnels(client: NsxClient, owner: Key, edge: str, _commands: Commands) -> Iterable[IpsecTunnel]:
    if owner.kind != Edge.kind:
        return []
    configured = client.read(f"{EDGES}/{edge}/ipsec/config")
    told = client.read(f"{EDGES}/{edge}/ipsec/statistics")
    names = {xml.text(site, "siteId"): ipsec.named(site) for site in configured.iterfind(ipsec.SITES)}
    return list(tunnels(told, owner, names))


def tunnels(told: Element, owner: Key, names: Mapping[str, str]) -> Iterator[IpsecTunnel]:
    """The tunnels of the sites that `names` knows by their ids: up if the site's channel and each pair is."""
    for site in told.iterfind("siteStatistics"):
        name = names.get(xml.text(site, "siteId"))
        if name is None:
            continue
        parts = [
            (site.find("ikeStatus"), "channelStatus"),
            *((one, "tunnelStatus") for one in site.iterfind("tunnelStats")),
        ]
        down = [part for part, word in parts if part is None or xml.text(part, word).lower() != "up"]
        yield IpsecTunnel(owner=owner, site=name, up=not down, why=_why(down) if down else "")


def _why(down: Sequence[Element | None]) -> str:
    """What the edge says of the parts that are down, each thing once."""
    said = (
        xml.text(part, "failureMessage") or xml.text(part, "lastInformationalMessage")
        for part in down
        if part is not None
    )
    return "; ".join(dict.fromkeys(filter(None, said))) or "the edge names no reason"
