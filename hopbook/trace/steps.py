"""Whether the hops of a trace are what a documented step says."""

from dataclasses import dataclass
from enum import StrEnum

from hopbook.network.nodes import Medium, Network
from hopbook.network.packet import ip
from hopbook.trace.places import CLUSTER
from hopbook.trace.traffic import Case, Deviation, HopIs, NameIs, Owns, Step
from hopbook.trace.verdict import Hop, Path, Verdict, What
from hopbook.trace.words import said


class Met(StrEnum):
    """What came of a documented step."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    LATER = "later"  # not asked yet, because what it speaks of is not there


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
        if CLUSTER in step.when and CLUSTER not in self.network.facts:
            return Met.LATER, "the cluster is not installed"
        absent = self._undeclared(step)
        if absent:
            return Met.UNKNOWN, f"the site does not declare {absent}"
        return self._evidence(step)

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
        named = (hop.node, hop.dnat) if hop is not None else ()
        return next((place for place in named if place is not None and not self.case.spots.get(place)), "")

    def _hop(self, wanted: HopIs) -> tuple[Met, str]:
        for number, (leg, back, hop) in enumerate(self.path.hops):
            if number >= self.at and self._is(wanted, leg, hop, back=back):
                self.at = number
                return Met.MET, f"{hop.node.name}: {'; '.join(said(hop))}"
        end = self.path.end
        if end.verdict is Verdict.DELIVERED:
            return Met.NOT_MET, "no hop does that"
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
        kinds = {decision.what for decision in hop.decisions}
        segment = self.network.segments[hop.egress.segment] if hop.egress is not None else None
        checks = (
            leg == wanted.leg and back == (wanted.way == "back"),
            wanted.node is None or hop.node.name in {spot.node for spot in self.case.spots[wanted.node]},
            wanted.arrives_by in {None, hop.ingress and hop.ingress.role},
            wanted.leaves_by in {None, hop.egress and hop.egress.role},
            wanted.dnat is None or (What.DNAT in kinds and self._at(hop.after.dst, wanted.dnat)),
            wanted.snat is None
            or (What.SNAT in kinds and hop.egress is not None and hop.egress.role == wanted.snat),
            not wanted.un_nat or (What.CONNECTION in kinds and hop.before != hop.after),
            wanted.firewall is None or (What.FILTER in kinds and What.DROPPED not in kinds),
            wanted.does is None or wanted.does in kinds,
            wanted.over is None or (segment is not None and segment.medium is Medium(wanted.over)),
        )
        return all(checks)

    def _at(self, address: int, place: str) -> bool:
        return any(
            spot.address is not None and int(spot.address) == address for spot in self.case.spots[place]
        )

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
        if not self.case.spots.get(wanted.address):
            return Met.UNKNOWN, f"the site does not declare {wanted.address}"
        return Met.NOT_MET, f"no {wanted.role} interface of {wanted.node} has it"
