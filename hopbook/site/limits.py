"""NSX-V's configuration maximums, as data with what each rests on.

VMware's own table (Configuration Maximums, NSX for vSphere 6.4) could not be had, so each value says how sure
it is. `limits` of a site file overrides them by name, for all sizes; a live edge knows better still (its
summary lists `configurationLimit`).
"""

from dataclasses import dataclass
from enum import StrEnum

from hopbook.errors import Problem
from hopbook.resources.nsxv import EdgeSize
from hopbook.site.document import Document
from hopbook.site.model import Site
from hopbook.site.rules import RULES
from hopbook.site.words import near


class Confidence(StrEnum):
    """How sure a maximum is."""

    DOCUMENTED = "documented"
    UNSURE = "from memory, unsure"
    SITE = "the site file says so"


@dataclass(frozen=True, slots=True)
class Maximum:
    """A maximum: one value, or one a size of edge in the order of `EdgeSize`."""

    name: str
    what: str
    values: tuple[int] | tuple[int, int, int, int]
    source: str
    confidence: Confidence = Confidence.DOCUMENTED


@dataclass(frozen=True, slots=True)
class Bound:
    """What a maximum comes to at a site."""

    name: str
    what: str
    value: int
    source: str
    confidence: Confidence

    def __str__(self) -> str:
        """For a sentence: `at most 2 syslog servers (NSX for vSphere API guide 6.4; documented)`."""
        return f"at most {self.value:,} {self.what} ({self.source}; {self.confidence})"


_GUIDE = "NSX for vSphere API guide 6.4"
_CAPABILITY = f"{_GUIDE}, an edge's feature capabilities"
_MEMORY = "recalled; no document found"
_UNSURE = Confidence.UNSURE

MAXIMUMS = {
    each.name: each
    for each in (
        Maximum(
            "ipsec-tunnels",
            "IPsec tunnels an edge (local × peer subnets)",
            (512, 1600, 4096, 6000),
            "NSX 6.4 administration guide, IPsec VPN",
        ),
        # 10240 for the two large sizes from 6.4.4 on; instances of the document's time have 6.4.1
        Maximum("static-routes", "static routes an edge", (2048,), f"{_GUIDE}, before 6.4.4"),
        Maximum("router-static-routes", "static routes a DLR", (2048,), _GUIDE),
        Maximum("routes", "routes an edge", (2048,), _CAPABILITY),
        Maximum(
            "nat-rules", "NAT rules an edge", (2048, 2048, 4096, 8192), f"{_CAPABILITY} (compact)", _UNSURE
        ),
        Maximum("firewall-rules", "firewall rules an edge", (2048,), f"{_CAPABILITY}; others say 2,000"),
        Maximum("dhcp-bindings", "DHCP pools and bindings an edge", (2048,), _CAPABILITY),
        Maximum("dhcp-relay-groups", "grouping objects of a DHCP relay", (4,), _GUIDE),
        Maximum("dhcp-relay-servers", "server addresses of a DHCP relay", (16,), _GUIDE),
        Maximum("dns-servers", "DNS servers that an edge forwards to", (2,), _CAPABILITY),
        Maximum("dns-views", "DNS views an edge", (100,), _CAPABILITY),
        Maximum("dns-zones", "DNS zones a view", (1000,), _CAPABILITY),
        Maximum("syslog-servers", "syslog servers an edge", (2,), _CAPABILITY),
        Maximum("appliances", "appliances an edge", (2,), _CAPABILITY),
        Maximum("bridges", "bridges a DLR", (500,), _CAPABILITY),
        Maximum("edge-interfaces", "vNICs an edge", (10,), _CAPABILITY),
        Maximum("sub-interfaces", "sub-interfaces an edge", (200,), _CAPABILITY),
        Maximum("router-uplinks", "uplink interfaces a DLR", (9,), f"{_GUIDE}; others say 8"),
        Maximum("router-interfaces", "internal interfaces a DLR", (990,), f"{_GUIDE}; others say 1,000"),
        Maximum("gre-tunnels", "GRE tunnels an edge", (32,), _GUIDE),
        Maximum("ecmp-paths", "equal paths a route", (8,), "NSX 6.4 documentation"),
        Maximum("page-size", "objects a page of a list", (1024,), _GUIDE),
        Maximum("bgp-neighbours", "BGP neighbours an edge", (10, 20, 50, 50), _MEMORY, _UNSURE),
        Maximum("l2vpn-sites", "client sites an L2 VPN server", (5,), _MEMORY, _UNSURE),
        Maximum("l2vpn-networks", "networks an L2 VPN tunnel", (200,), _MEMORY, _UNSURE),
        Maximum("logical-switches", "logical switches", (10_000,), _MEMORY, _UNSURE),
        Maximum("edges", "edges", (2_000,), _MEMORY, _UNSURE),
        Maximum("routers", "DLRs", (1_200,), _MEMORY, _UNSURE),
    )
}


def limit(site: Site, name: str, size: EdgeSize | None = None) -> Bound:
    """A maximum as it holds at a site; without a size the smallest one's.

    Raises:
        KeyError: There is no maximum of that name.
    """
    known = MAXIMUMS[name]
    if name in site.limits:
        return Bound(name, known.what, site.limits[name], f"limits.{name}", Confidence.SITE)
    by_size = dict(zip(EdgeSize, known.values, strict=False)) if len(known.values) > 1 else {}
    value = by_size.get(size or EdgeSize.COMPACT, known.values[0])
    return Bound(name, known.what, value, known.source, known.confidence)


def check_limits(site: Site, document: Document) -> list[Problem]:
    """What is wrong with the `limits` of a site file."""
    problems = []
    for name, value in site.limits.items():
        if name not in MAXIMUMS:
            what = f"no limit is called {name!r}" + (
                near(name, MAXIMUMS) or f"; expected one of {', '.join(MAXIMUMS)}"
            )
        elif value < 1:
            what = f"found {value}; expected 1 or more {MAXIMUMS[name].what}"
        else:
            continue
        where = document.where(("limits", name))
        problems.append(Problem(what=what, where=where, rule="C9", source=RULES["C9"].source))
    return problems
