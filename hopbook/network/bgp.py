"""BGP as each speaker configures it; which routes follow is in `network.convergence`."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from hopbook.network.facts import Fact


class Permission(StrEnum):
    """What a line of a prefix list does."""

    PERMIT = "permit"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PrefixRule:
    """One line of a prefix list: `permit 172.30.0.0/16 ge 26 le 32`. Without both just that length."""

    action: Permission
    prefix: IPv4Network
    ge: int | None = None
    le: int | None = None

    def holds(self, prefix: IPv4Network) -> bool:
        """Whether a route's prefix is one of the line's."""
        longest = self.le if self.le is not None else 32 if self.ge is not None else self.prefix.prefixlen
        shortest = self.ge if self.ge is not None else self.prefix.prefixlen
        return shortest <= prefix.prefixlen <= longest and prefix.subnet_of(self.prefix)


PrefixList = tuple[PrefixRule, ...]


def permits(rules: PrefixList | None, prefix: IPv4Network) -> bool:
    """The first line that holds the prefix decides, and none is a refusal; None permits everything."""
    if rules is None:
        return True
    found = next((rule for rule in rules if rule.holds(prefix)), None)
    return found is not None and found.action is Permission.PERMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One side of a session.

    Attributes:
        local: The address that the session is opened from; one of the speaker's own.
        address: The other side's address.
        asn: The AS number that the other side has to have.
        imports, exports: What is taken and given; None: everything.
        multihop: Where the AS numbers differ: the other side need not be in one of the speaker's own networks
            (Calico's sessions: rule 21). Each side asks for itself.
    """

    name: str
    local: int
    address: int
    asn: int
    fact: Fact
    imports: PrefixList | None = None
    exports: PrefixList | None = None
    multihop: bool = False

    @property
    def title(self) -> str:
        """For a sentence."""
        return f"BGP neighbour {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A node's BGP process.

    Attributes:
        router_id: Decides between routes that are otherwise equal: the lower one's.
        announces: The prefixes that it originates itself: redistributed ones, Calico's blocks.
    """

    asn: int
    router_id: int
    fact: Fact
    peers: tuple[Peer, ...] = ()
    announces: tuple[IPv4Network, ...] = ()
