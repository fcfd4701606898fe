"""Whether the hops of a trace are what a documented step says."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hopbook.network.nodes import Medium, Network
from hopbook.network.packet import Packet, ip
from hopbook.network.routes import Route
from hopbook.trace import conditions, places
from hopbook.trace.branches import Fork, fork
from hopbook.trace.traffic import Case, Deviation, HopIs, NameIs, Owns, Step
from hopbook.trace.verdict import Decision, Hop, Path, Verdict, What
from hopbook.trace.words import bare, said


class Met(StrEnum):
    """What came of a documented step."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    LATER = "later"  # not asked: what it speaks of is not there yet, or the path takes the other branch


@dataclass(frozen=True, slots=True)
class StepResult:
    """A documented step, the evidence, and whether it is met.

    Attributes:
        hop: The number of the hop in the path that is the evidence, from 1; 0 where no hop is.
    """

    cites: str
    says: str
    met: Met
    evidence: str
    deviation: Deviation | None = None
    hop: int = 0


@dataclass
class Judge:
    """Judges the steps of one path in their order: a hop cannot come before the step before it."""

    case: Case
    network: Network
    path: Path
    at: int = 0

    def judge(self, step: Step) -> StepResult:
        """Whether the step is met."""
        met, evidence = self._met(step)
        hop = self.at + 1 if step.hop is not None and met is Met.MET else 0
        return StepResult(step.cites, step.says, met, evidence, step.deviation, hop)

    def _met(self, step: Step) -> tuple[Met, str]:
        later = conditions.lacking(step.when, self.network)
        if later:
            return Met.LATER, later
        absent = self._undeclared(step)
        if absent:
            return Met.UNKNOWN, places.lacking(absent)
        if step.where is not None:
            taken, why = fork(step.where, self.case.spots, self.network, self.path)
            if taken is not Fork.TAKEN:
                return self._elsewhere(taken, why)
        return self._evidence(step)

    def _elsewhere(self, taken: Fork, why: str) -> tuple[Met, str]:
        """A step of a branch that the path does not take, or of which that cannot be said."""
        if taken is Fork.UNKNOWN:
            return Met.UNKNOWN, why
        return (Met.LATER, why) if taken is Fork.OTHER else self._missed(why)

    def _evidence(self, step: Step) -> tuple[Met, str]:
        if step.hop is not None:
            return self._hop(step.hop)
        if step.absent is not None:
            return self._absent(step.absent)
        if step.name is not None:
            return self._name(step.name)
        if step.owns is not None:
            return self._owns(step.owns)
        return Met.UNKNOWN, step.later

    def _undeclared(self, step: Step) -> str:
        hop = step.hop or step.absent
        named = [*(hop.places if hop is not None else ()), *(step.where.between if step.where else ())]
        return next((place for place in named if not self.case.spots.get(place)), "")

    def _hop(self, wanted: HopIs) -> tuple[Met, str]:
        for number, (leg, back, hop) in enumerate(self.path.hops):
            if number >= self.at and self._is(wanted, leg, hop, back=back):
                self.at = number
                return Met.MET, f"{hop.node.name}: {'; '.join(said(hop))}"
        return self._missed("no hop does that")

    def _missed(self, why: str) -> tuple[Met, str]:
        """There is no such hop; where the packet did not get through, that is why."""
        end = self.path.end
        if end.verdict is Verdict.DELIVERED:
            return Met.NOT_MET, why
        met = Met.UNKNOWN if end.verdict is Verdict.INSUFFICIENT else Met.NOT_MET
        return met, f"{end.node}: {end.reason}"

    def _absent(self, unwanted: HopIs) -> tuple[Met, str]:
        for leg, back, hop in self.path.hops:
            if self._is(unwanted, leg, hop, back=back):
                return Met.NOT_MET, f"{hop.node.name}: {'; '.join(said(hop))}"
        if self.path.end.verdict is Verdict.INSUFFICIENT:
            return Met.UNKNOWN, f"{self.path.end.node}: {self.path.end.reason}"
        return Met.MET, "no hop does that"

    def _is(self, wanted: HopIs, leg: int, hop: Hop, *, back: bool) -> bool:
        """Whether a hop is what is wanted in every field that is given."""
        return leg == wanted.leg and back == (wanted.way == "back") and all(self._checks(wanted, hop))

    def _checks(self, wanted: HopIs, hop: Hop) -> Iterator[bool]:
        kinds = {decision.what for decision in hop.decisions}
        segment = self.network.segments[hop.egress.segment] if hop.egress is not None else None
        yield wanted.node is None or self._node(hop.node.name, wanted.node)
        yield wanted.arrives_by in {None, hop.ingress and hop.ingress.role}
        yield wanted.leaves_by in {None, hop.egress and hop.egress.role}
        yield wanted.dnat is None or (What.DNAT in kinds and self._at(bare(hop).dst, wanted.dnat))
        yield wanted.snat is None or (
            What.SNAT in kinds and hop.egress is not None and hop.egress.role == wanted.snat
        )
        yield not wanted.un_nat or (What.CONNECTION in kinds and hop.before != hop.after)
        yield wanted.firewall is None or (What.FILTER in kinds and What.DROPPED not in kinds)
        yield wanted.does is None or wanted.does in kinds or _reached(wanted, hop)
        yield wanted.over is None or (segment is not None and segment.medium is Medium(wanted.over))
        yield wanted.route is None or any(_by(wanted.route, decision) for decision in hop.decisions)
        yield wanted.source is None or self._at(hop.after.innermost.src, wanted.source)
        yield from self._wrapping(wanted, hop)

    def _wrapping(self, wanted: HopIs, hop: Hop) -> Iterator[bool]:
        outer = hop.after
        yield wanted.encapsulates is None or _does(hop, What.ENCAPSULATED, outer, wanted.encapsulates)
        yield wanted.decapsulates is None or _does(hop, What.DECAPSULATED, hop.before, wanted.decapsulates)
        yield wanted.around is None or outer.layers[1:2] == (wanted.around,)
        for place, number in ((wanted.tunnel_from, outer.src), (wanted.tunnel_to, outer.dst)):
            yield place is None or (outer.inside is not None and self._at(number, place))

    def _node(self, name: str, place: str) -> bool:
        return any(spot.node == name for spot in self.case.spots[place])

    def _at(self, address: int, place: str) -> bool:
        """Whether an address is the place's: the one that it is meant by, else any of its node."""
        for spot in self.case.spots.get(place, ()):
            node = self.network.nodes.get(spot.node)
            own = node.addresses if node is not None and spot.address is None else frozenset()
            if address in own or (spot.address is not None and int(spot.address) == address):
                return True
        return False

    def _name(self, wanted: NameIs) -> tuple[Met, str]:
        name = self.case.names.get(wanted.of)
        found = self.network.names.get(name) if name is not None else None
        meant = {spot.address for spot in self.case.spots.get(wanted.of, ())}
        if name is None or found is None:
            return Met.UNKNOWN, f"the site gives {wanted.of} no DNS name"
        shown = ", ".join(str(address) for address in found.addresses) or "nothing"
        met = bool(found.addresses) and set(found.addresses) <= meant
        return Met.MET if met else Met.NOT_MET, f"{name} is {shown} ({found.fact})"

    def _owns(self, wanted: Owns) -> tuple[Met, str]:
        """Whether the node answers for the address on an interface of that role."""
        for spot in self.case.spots.get(wanted.node, ()):
            node = self.network.nodes.get(spot.node)
            for interface in node.interfaces.values() if node is not None else ():
                for address in interface.addresses:
                    if self._at(address, wanted.address) and interface.role == wanted.role:
                        return Met.MET, f"{spot.node}: {ip(address)} is on {interface.name}"
        unknown = [place for place in (wanted.node, wanted.address) if not self.case.spots.get(place)]
        if unknown:
            return Met.UNKNOWN, places.lacking(unknown[0])
        return Met.NOT_MET, f"no {wanted.role} interface of {wanted.node} has it"


def _reached(wanted: HopIs, hop: Hop) -> bool:
    """A connection that something ends to open another reached it, too."""
    return wanted.does == "received" and any(item.what is What.RELAYED for item in hop.decisions)


def _does(hop: Hop, what: What, packet: Packet, kind: str) -> bool:
    return packet.layers[:1] == (kind,) and any(item.what is what for item in hop.decisions)


def _by(kind: str, decision: Decision) -> bool:
    """Whether a route of that kind decided."""
    route = decision.ground
    if decision.what not in {What.ROUTE, What.SENT} or not isinstance(route, Route):
        return False
    return kind == "default" if not route.prefix.prefixlen else kind == route.origin
