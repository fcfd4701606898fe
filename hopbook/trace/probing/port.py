"""What can be asked of real systems, and what they answer: the port that probers stand behind.

An answer is data, already read; what could not be read of it is said, because a line that nobody understood
may be the one that matters.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network
from typing import NamedTuple, Protocol, TypeVar

from hopbook.errors import SystemTrouble
from hopbook.network.facts import Fact
from hopbook.network.packet import Packet
from hopbook.resources.nsxv import FirewallAction

DEFAULT_RULE = "#131073"  # what an edge's firewall calls its default policy
_T = TypeVar("_T")


class Kind(StrEnum):
    """What can be asked."""

    ROUTES = "routing table"
    NAT = "NAT table"
    FIREWALL = "firewall table"
    FLOWS = "connections"
    TRACEFLOW = "Traceflow"
    SSH = "command by SSH"
    POD = "command in a pod"


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        node: Whom it is about, as the network calls it: an edge, a VM, a cluster's node, a pod.
        packet: What Traceflow should send from there.
        command: What should run there.
    """

    kind: Kind
    node: str
    packet: Packet | None = None
    command: str = ""

    def __str__(self) -> str:
        about = self.command or (str(self.packet) if self.packet is not None else "")
        return f"{self.kind}, {self.node}" + (f": {about}" if about else "")


class RouteRow(NamedTuple):
    """A route as a router holds it."""

    prefix: IPv4Network
    next_hop: int
    distance: int
    connected: bool


class FirewallRow(NamedTuple):
    """A firewall rule as an edge holds it: our short name, or `#` and its id; and what it does."""

    rule: str
    action: FirewallAction


class Flow(NamedTuple):
    """A connection that an edge knows: its packets as they come in, and its replies as they come in.

    Attributes:
        rule: What let it in, as in `FirewallRow`; empty where the edge does not say.
    """

    came: Packet
    reply: Packet
    rule: str = ""


class Sighting(StrEnum):
    """What Traceflow saw of its packet."""

    RECEIVED = "received"
    FORWARDED = "forwarded"
    DELIVERED = "delivered"
    DROPPED = "dropped"


class Sight(NamedTuple):
    """One observation of Traceflow.

    Attributes:
        component: `LR`, a logical router; `LS`, a switch; `FW`, the distributed firewall; `PHYS`, an uplink.
        host: The ESXi host where it was; empty where Traceflow does not say.
        rule: Of a firewall, its rule's id.
    """

    what: Sighting
    component: str
    host: str = ""
    rule: str = ""


class Output(NamedTuple):
    """What a command printed, and its exit status."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system said.

    Attributes:
        fact: Who said it, and when; None where nobody did.
        rows: Its lines in their order; those of a NAT table are `NatRule`.
        unread: Lines that could not be understood.
        silence: Why nobody said anything; empty where somebody did.
    """

    fact: Fact | None = None
    rows: tuple[object, ...] = ()
    unread: tuple[str, ...] = ()
    silence: str = ""

    def of(self, kind: type[_T]) -> tuple[_T, ...]:
        """The lines of a kind."""
        return tuple(row for row in self.rows if isinstance(row, kind))


class Prober(Protocol):
    """Asks real systems. It changes nothing there."""

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it can ask."""

    def ask(self, question: Question) -> Answer:
        """Ask one question.

        Raises:
            SystemTrouble: the system did not answer as it should.
        """


@dataclass
class Panel:
    """Several probers as one. It asks no question twice: tables are long, and many hops are on one edge."""

    probers: tuple[Prober, ...]
    _known: dict[Question, Answer] = field(default_factory=dict, repr=False)

    @property
    def kinds(self) -> frozenset[Kind]:
        """What any of them can ask."""
        return frozenset().union(*(item.kinds for item in self.probers))

    def ask(self, question: Question) -> Answer:
        """The answer of the first prober that can ask; trouble is a silence that says why."""
        if question not in self._known:
            self._known[question] = self._asked(question)
        return self._known[question]

    def _asked(self, question: Question) -> Answer:
        able = next((item for item in self.probers if question.kind in item.kinds), None)
        if able is None:
            return Answer(silence=f"nobody can ask that: no adapter for a {question.kind} yet")
        try:
            return able.ask(question)
        except SystemTrouble as error:
            return Answer(silence=str(error))
