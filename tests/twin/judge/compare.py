"""Judge a scenario: build it, send its packets, and count what model and twin say of each.

What counts as the same is `hopbook.trace.agreement`; here its tolerated differences are counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from hopbook.network.nodes import Network
from hopbook.network.packet import Packet
from hopbook.trace.agreement import Account, Seen, compared
from hopbook.trace.verdict import Trace, Verdict
from tests.twin.judge.generate import Probe, Scenario
from tests.twin.judge.model import told


class Site(Protocol):
    """Of the twin, what a judge needs."""

    def build(self, network: Network, knobs: Mapping[str, str]) -> None:
        """Make it this network."""

    def probe(self, packet: Packet, at: str) -> Sequence[Seen]:
        """Send a packet and say how it went, leg by leg."""


@dataclass(frozen=True)
class Disagreement:
    """A packet of which model and twin do not say the same; `what` is the first thing that differs."""

    probe: Probe
    what: str
    model: Account
    twin: Account

    @property
    def verdicts(self) -> tuple[Verdict, Verdict]:
        """The model's and the twin's."""
        return self.model.verdict, self.twin.verdict

    def __str__(self) -> str:
        return f"{self.probe}\n{self.what}\nmodel: {self.model}\ntwin: {self.twin}"


@dataclass
class Judgement:
    """What came of a scenario.

    Attributes:
        verdicts: How the packets ended, as the model says.
        tolerated: How often each tolerated difference was let through.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    tolerated: Counter[str] = field(default_factory=Counter)


def judged(scenario: Scenario, site: Site) -> Judgement:
    """Build the scenario in the twin, send its packets and compare."""
    found = Judgement()
    traces = told(scenario.network, [(item.packet, item.at) for item in scenario.probes], scenario.knobs)
    site.build(replace(scenario.network), scenario.knobs)  # without what the model worked out
    for probe, trace in zip(scenario.probes, traces, strict=True):
        found.verdicts.append(trace.verdict)
        _compared(found, probe, trace, site.probe(probe.packet, probe.at))
    return found


def _compared(found: Judgement, probe: Probe, trace: Trace, seen: Sequence[Seen]) -> None:
    agreement = compared(trace, seen)
    if agreement.tolerated:
        found.tolerated[agreement.tolerated] += 1
    if agreement.difference:
        found.disagreements.append(Disagreement(probe, agreement.difference, agreement.model, agreement.real))
