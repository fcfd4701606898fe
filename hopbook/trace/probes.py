"""Live probes: what the real systems say of the hops of a trace.

A trace follows a packet by what systems were told to do; a probe asks what they do. Every hop claims
something (`trace.probing.claims`), a claim asks a question (`trace.probing.port`), and the answer confirms
it, contradicts it or leaves it open (`trace.probing.evidence`). Only an answer that was understood whole
counts: a table with a line that nobody can read, or a system that is silent, proves nothing either way.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hopbook.network.facts import Fact
from hopbook.network.nodes import Network
from hopbook.trace.probing.claims import Claim, Place, claims, place
from hopbook.trace.probing.evidence import Holds, Reading
from hopbook.trace.probing.port import (
    DEFAULT_RULE,
    Answer,
    FirewallRow,
    Flow,
    Kind,
    Output,
    Panel,
    Prober,
    Question,
    RouteRow,
    Sight,
    Sighting,
)
from hopbook.trace.verdict import Trace, Verdict
from hopbook.trace.verify import Verification

__all__ = [
    "DEFAULT_RULE",
    "Answer",
    "Finding",
    "FirewallRow",
    "Flow",
    "Holds",
    "Kind",
    "Output",
    "Panel",
    "Probed",
    "Prober",
    "Question",
    "RouteRow",
    "Sight",
    "Sighting",
    "once",
    "probed",
    "questions",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the model says of a hop, and what the system says.

    Attributes:
        hop: Its number in its path, from 1.
        fact: How what was said is known; None where nobody said anything.
        settles: Ids of the assumptions that this hop no longer rests on.
    """

    question: Question
    hop: int
    node: str
    model: str
    system: str
    holds: Holds
    fact: Fact | None = None
    settles: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.holds is Holds.OPEN:
            return f"hop {self.hop}, {self.node}: {self.model}; open: {self.system}"
        return f"hop {self.hop}, {self.node}: the model says {self.model}; the system says {self.system}"


@dataclass(frozen=True, slots=True)
class Probed:
    """A verification, and what the systems say of it.

    Attributes:
        verification: Without the assumptions that are settled; a model mismatch where a system disagrees.
    """

    verification: Verification
    findings: tuple[Finding, ...] = ()

    def which(self, holds: Holds) -> tuple[Finding, ...]:
        """The findings that ended so."""
        return tuple(item for item in self.findings if item.holds is holds)

    @property
    def observed(self) -> tuple[Fact, ...]:
        """How what the probes confirmed is known."""
        facts = (item.fact for item in self.which(Holds.CONFIRMED) if item.fact is not None)
        return tuple(dict.fromkeys(facts))


def once(probers: Iterable[Prober]) -> Panel:
    """The probers as one that remembers, for all verifications of one moment."""
    return Panel(tuple(probers))


def probed(verification: Verification, network: Network, probers: Panel | Iterable[Prober]) -> Probed:
    """Ask the systems about every hop of a verification.

    Args:
        verification: From `verify.verify` on this network.
        network: Where it was traced.
        probers: Who can ask, or what `once` makes of them.
    """
    panel = probers if isinstance(probers, Panel) else once(probers)
    traces = verification.as_if or verification.traces
    made = [claim for item in traces[:1] for claim in claims(item, network, real=not verification.as_if)]
    findings = tuple(_found(claim, panel) for claim in made)
    wrong = next((item for item in findings if item.holds is Holds.CONTRADICTED), None)
    if wrong is not None:
        mismatch = replace(verification, met=False, verdict=Verdict.MISMATCH, reason=str(wrong))
        return Probed(mismatch, findings)
    settled = {
        (where, name)
        for claim, finding in zip(made, findings, strict=True)
        for where in claim.places
        for name in finding.settles
    }
    return Probed(replace(verification, given=_left(verification, settled)), findings)


def questions(trace: Trace, network: Network) -> tuple[Question, ...]:
    """What a trace has to ask, each question once."""
    return tuple(dict.fromkeys(claim.question for claim in claims(trace, network) if not claim.moot))


def _found(claim: Claim, panel: Panel) -> Finding:
    answer = Answer(silence=claim.moot) if claim.moot else panel.ask(claim.question)
    if answer.silence:
        reading = Reading(Holds.OPEN, answer.silence)
    elif answer.unread:
        number, first = len(answer.unread), answer.unread[0]
        reading = Reading(Holds.OPEN, f"{number} of its lines cannot be read, the first is {first!r}")
    else:
        reading = claim.judge(answer)
    return Finding(
        question=claim.question,
        hop=claim.hop,
        node=claim.places[0][0],
        model=claim.model,
        system=reading.system,
        holds=reading.holds,
        fact=answer.fact,
        settles=reading.settles,
    )


def _left(verification: Verification, settled: set[tuple[Place, str]]) -> tuple[str, ...]:
    """The assumptions that some hop of some reading still rests on, and those that are of no hop."""
    resting: dict[str, set[Place]] = {}
    for item in (*verification.traces, *verification.as_if):
        for path in item.paths:
            for _, _, hop in path.hops:
                for name in hop.given:
                    resting.setdefault(name, set()).add(place(hop))
    return tuple(
        name
        for name in verification.given
        if name not in resting or any((where, name) not in settled for where in resting[name])
    )
