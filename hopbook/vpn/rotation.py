"""A new pre-shared key: in which order both ends get it, and how long the tunnel is down for it.

A key is asked for only when an end proves who it is: at the beginning, and again when phase 1 is renewed,
which strongSwan does anew by default (`reauth=yes`, strongSwan 5.6). So a tunnel that is up stays up while
the ends differ, until then or until one of them starts over. Whether Helm's upgrade restarts the container,
and whether an edge that is given a key restarts its tunnel, no document says.
"""

from hopbook.vpn.reasons import Reason
from hopbook.vpn.tunnel import EDGE_LIFETIMES, Lifetimes, Side, Tunnel

# Seconds until a peer that is gone is given up: an edge's DPD (its peer configuration); strongSwan's delay of
# 30 and its retransmissions (strongSwan 5.6, retransmission)
_EDGE_NOTICES, _STRONGSWAN_NOTICES = 150, 30 + 165


def earliest(lifetimes: Lifetimes) -> int:
    """Seconds until phase 1 is renewed at the earliest: the margin is at most doubled (`rekeyfuzz=100%`)."""
    return lifetimes.ike - 2 * lifetimes.margin


def order(tunnel: Tunnel) -> tuple[Side, Side]:
    """Who gets a new key first: the listener, so that whoever starts meets an end that knows it."""
    return tunnel.listener, tunnel.near if tunnel.near.starts else tunnel.far


def told(tunnel: Tunnel) -> str:
    """What a plan says of a new key."""
    first, last = order(tunnel)
    notices = _STRONGSWAN_NOTICES if last.behind_nat else _EDGE_NOTICES
    renewed = min(earliest(tunnel.lifetimes), EDGE_LIFETIMES.ike) // 60
    return (
        f"the key of tunnel {tunnel.name} changes: {first.name} is given it first, {last.name} last. If "
        f"{first.name} starts over with it, the tunnel is down until {last.name} has it too and notices, up "
        f"to {notices} s more; if {last.name} starts over, for some seconds; if neither, it stays up. Do not "
        f"stop between: after {renewed} minutes at the earliest keys are proven again, and ends that differ "
        f"answer {Reason.AUTHENTICATION_FAILED}"
    )
