"""The model in the twin's place: what tests of the judge itself compare with, without namespaces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hopbook.network.nodes import Network
from hopbook.network.packet import Packet
from hopbook.trace.crossing import Crossing, crossings
from hopbook.trace.verdict import End, Leg, Verdict
from tests.twin.judge.model import told


@dataclass(frozen=True)
class Reflection:
    """One leg as the model has it, in the twin's form."""

    verdict: Verdict
    at: str
    reason: str
    there: tuple[Crossing, ...]
    back: tuple[Crossing, ...]
    mtu: int | None = None


@dataclass
class Mirror:
    """A twin that says what the model says."""

    network: Network | None = None
    knobs: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Nothing was opened."""

    def build(self, network: Network, knobs: Mapping[str, str]) -> None:
        """Keep the network."""
        self.network, self.knobs = network, knobs

    def probe(self, packet: Packet, at: str) -> tuple[Reflection, ...]:
        """The worst path, leg by leg."""
        assert self.network is not None
        (trace,) = told(self.network, [(packet, at)], self.knobs)
        path = trace.worst
        failing = len(path.legs) - 1
        return tuple(
            _reflected(leg, path.end if number == failing else End(Verdict.DELIVERED, ""))
            for number, leg in enumerate(path.legs)
        )


def _reflected(leg: Leg, end: End) -> Reflection:
    at = "" if end.verdict is Verdict.DELIVERED else end.node
    back = crossings(leg.back.hops) if leg.back is not None else ()
    return Reflection(end.verdict, at, end.reason, crossings(leg.there.hops), back)
