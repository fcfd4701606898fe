"""What an edge's control plane has come to.

A manager without a network cannot know it: whoever couples the simulators says so. Until then every session
is idle and every tunnel down.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network


@dataclass(frozen=True, slots=True)
class Learned:
    """A route that a neighbour told, and by which the edge forwards."""

    network: IPv4Network
    next_hop: IPv4Address
    distance: int


@dataclass(frozen=True, slots=True)
class Session:
    """A neighbour as the edge shows it: `Established`, `Idle`, `Connect` or `Active`."""

    state: str = "Idle"
    routes: tuple[Learned, ...] = ()


@dataclass(frozen=True, slots=True)
class Tunnel:
    """An IPsec site, up, or why it is not: `NO_PROPOSAL_CHOSEN` and the like."""

    up: bool = False
    reason: str = ""


def _no_sessions(_edge: str) -> Mapping[str, Session]:
    return {}


def _no_tunnels(_edge: str) -> Mapping[str, Tunnel]:
    return {}


@dataclass(slots=True)
class Control:
    """The hooks. They are called while nothing is locked, and may read the manager.

    Attributes:
        sessions: From an edge's name to its sessions by the neighbours' addresses.
        tunnels: From an edge's name to its tunnels by the sites' names (`#` and the id of one without).
    """

    sessions: Callable[[str], Mapping[str, Session]] = _no_sessions
    tunnels: Callable[[str], Mapping[str, Tunnel]] = _no_tunnels
