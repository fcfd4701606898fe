"""Where each fact of a network comes from, and what is assumed where nothing says.

`reference/network-rules.md` numbers the rules; an assumption carries its rule's number (rule 13: `A13`).
One with several values is a knob: an inferred or unproven rule of which another reading is named. A
verification evaluates every reading (`trace.verify`).
"""

from dataclasses import dataclass
from enum import StrEnum

from hopbook.resources.base import Key


class How(StrEnum):
    """How something is known."""

    OBSERVED = "observed"
    DECLARED = "declared"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """How one thing is known.

    Attributes:
        source: The provider (`nsxv`), the site key (`icp.vips.master`) or the assumption's id (`A3`).
        key: The resource that was observed.
        event: What last changed it, from the journal (`run r-123 #14`); empty where no run of ours did.
        when: When it was observed, as whoever observed it says.
    """

    how: How
    source: str
    key: Key | None = None
    event: str = ""
    when: str = ""

    def __str__(self) -> str:
        named = str(self.key) if self.key is not None else self.source
        return f"{self.how} {named}" + (f" at {self.when}" if self.when else "")


def declared(place: str) -> Fact:
    """A fact that the site file states under a key."""
    return Fact(how=How.DECLARED, source=place)


def assumed(assumption: str) -> Fact:
    """A fact that rests on an assumption."""
    return Fact(how=How.ASSUMED, source=ASSUMPTIONS[assumption].id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something that nobody observed or declared.

    Attributes:
        says: The sentence that is taken for true.
        mark: What it rests on, as in `reference/network-rules.md`; empty: it follows from other rules.
        values: The readings of a knob, the one held for true first; empty where there is no other.
    """

    id: str
    says: str
    mark: str = ""
    values: tuple[str, ...] = ()


ASSUMPTIONS = {
    item.id: item
    for item in (
        Assumption(
            id="A1",
            says="an ESG forwards in the order connection tracking, DNAT, route, firewall, SNAT, selectors",
            mark="I",  # asked only where a tunnel's packet is translated: else there is one reading
            values=("SNAT, then selectors", "selectors, then SNAT"),
        ),
        Assumption(
            id="A2",
            says="an ESG's firewall compares the source before SNAT",
            mark="I",
            values=("before SNAT", "after SNAT"),
        ),
        Assumption(
            id="A3",
            says="a firewall that was not observed is on and denies, but for what the edge itself sends",
            mark="R",
        ),
        Assumption(id="A10", says="what an ESG sends itself bears the egress vNIC's address, without SNAT"),
        Assumption(id="A11", says="an ESG's reverse path filter is loose on every vNIC", mark="R"),
        Assumption(
            id="A13", says="a DLR routes in the sender's host; which one that is was not observed", mark="D"
        ),
        Assumption(id="A14", says="no rule of the distributed firewall, which was not observed, stops it"),
        Assumption(
            id="A15",
            says="VXLAN adds 50 bytes and its underlay carries 9000; ESXi drops what is larger silently",
            mark="K",
            values=("silent", "told"),
        ),
        Assumption(
            id="A17",
            says="a web proxy ends the connection and has a way of its own to the internet",
            mark="D",
        ),
        Assumption(
            id="A27",
            says="an L2 concentrator fragments outside what is too large for its tunnel",
            mark="K",
            values=("fragments", "drops"),
        ),
    )
}
