"""The configuration maximums, as data: what `GET .../summary` shows and what a change may not exceed.

From the NSX-V API guide 6.4 where it has them (static routes, the capability list of an edge). The sizes of
NAT and the counts of BGP neighbours, with their key, are from memory and unproven (`nsxv.md` section 3), so
each value can be overridden.
"""

from collections.abc import Mapping

from adapters.nsxv.simulator.exchange import Version
from adapters.nsxv.simulator.state import EdgeSize

_SIZES = tuple(EdgeSize)
_MANY_ROUTES_SINCE: Version = (6, 4, 4)

_BY_SIZE: Mapping[str, tuple[int, int, int, int]] = {
    "dhcp.MAX_POOL_AND_BINDINGS": (2048, 2048, 2048, 2048),
    "dns.MAX_SERVER_IPS": (2, 2, 2, 2),
    "edge.MAX_APPLIANCES": (2, 2, 2, 2),
    "edge.MAX_VNICS": (10, 10, 10, 10),
    "firewall.MAX_RULES": (2048, 2048, 2048, 2048),
    "ipsec.MAX_TUNNELS": (512, 1600, 4096, 6000),
    "nat.MAX_RULES": (2048, 2048, 4096, 8192),
    "routing.MAX_BGP_NEIGHBOURS": (10, 20, 50, 50),
    "routing.MAX_ROUTES": (2048, 2048, 10240, 10240),
    "syslog.MAX_SERVER_IPS": (2, 2, 2, 2),
}


def limits_of(size: EdgeSize, version: Version, overrides: Mapping[str, int]) -> dict[str, int]:
    """The maximums of one edge, as `service.KEY`."""
    column = _SIZES.index(size)
    found = {key: values[column] for key, values in _BY_SIZE.items()}
    if version < _MANY_ROUTES_SINCE:
        found["routing.MAX_ROUTES"] = _BY_SIZE["routing.MAX_ROUTES"][0]
    return {**found, **overrides}


def services() -> frozenset[str]:
    """The services that have a maximum."""
    return frozenset(key.partition(".")[0] for key in _BY_SIZE)
