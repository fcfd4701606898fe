"""Hold a traffic against a network: how it ends, and each documented step with its evidence.

How assumptions count. A fact that was neither observed nor declared is an assumption (`network.facts`).
One that the reference calls documented, or that follows from documented rules, needs no acceptance: it is
listed (`given`) where a hop rests on it. One that the reference marks inferred or unproven, and of which
another reading is named, is a knob: every reading of it is tried. Where all readings end alike, it cannot
change the verdict and is not even listed. Where they end differently the verdict is "insufficient
information", naming the knob, unless the site accepts it by id: then its first reading holds and it is
listed. A knob that no node asked on the way cannot change anything and is not tried.

Of a cluster that is installed and whose inside was not observed, the steps inside are not asked.

Before the cluster is installed nobody answers at its addresses. The traffic is then traced twice: as it is,
which has to end at just that address, and as if somebody stood there, which has to be delivered and come
back. Only the second shows a missing SNAT of replies, and it judges the documented steps.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from hopbook.network.facts import ASSUMPTIONS
from hopbook.network.nodes import Network
from hopbook.trace.places import INSTALLED
from hopbook.trace.steps import Judge, Met, StepResult
from hopbook.trace.traffic import Case, UpTo
from hopbook.trace.verdict import Trace, Verdict
from hopbook.trace.walk import trace

_UNKNOWN = frozenset({Verdict.INSUFFICIENT, Verdict.MISMATCH})
_WORST_FIRST = (Met.NOT_MET, Met.UNKNOWN, Met.MET, Met.LATER)  # met on one path, not asked on another: met


@dataclass(frozen=True)
class Verification:
    """What came of a case.

    Attributes:
        met: The way is as expected and every step that is asked is met. Unknown is never met.
        verdict: How the packet or its reply ended.
        given: Ids of the assumptions that it rests on.
        traces: One for each reading of the knobs that were asked, the reference's reading first.
        as_if: The same with somebody at an address where nobody is yet; empty where all is there.
        reason: Why it is not met, or what the expectation says; empty for a plain delivery.
    """

    case: Case
    met: bool
    verdict: Verdict
    given: tuple[str, ...] = ()
    steps: tuple[StepResult, ...] = ()
    traces: tuple[Trace, ...] = ()
    as_if: tuple[Trace, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Ending:
    """What all readings together say."""

    verdict: Verdict
    reason: str
    right: bool = False


def verify(case: Case, network: Network, accepted: Collection[str] = ()) -> Verification:
    """Trace a case and hold it against what the document says.

    Args:
        case: From `traffic.expand`.
        network: From `network.compile`.
        accepted: Ids of assumptions that may count, `site.accepts`.
    """
    if case.packet is None:
        return Verification(case, met=False, verdict=Verdict.INSUFFICIENT, reason=case.missing)
    expected = _expected(case, network)
    traces = tuple(_readings(case, network, accepted, ()))
    as_if: tuple[Trace, ...] = ()
    ending = _ending(traces)
    if isinstance(expected, UpTo):
        spots = case.spots[expected.up_to]
        sought = {int(spot.address) for spot in spots if spot.address is not None}
        if ending.verdict is Verdict.UNREACHABLE and all(item.end.sought in sought for item in traces):
            as_if = tuple(_readings(case, network, accepted, [spot.node for spot in spots]))
            ending = _once_there(_ending(as_if), expected, " or ".join(spot.node for spot in spots))
    else:
        ending = _as_promised(ending, expected)
    steps = _steps(case, network, as_if or traces)
    failed = next((step for step in steps if step.met in {Met.NOT_MET, Met.UNKNOWN}), None)
    reason = ending.reason
    if ending.right and failed is not None:
        reason = f"{failed.cites}, {failed.says}: {failed.met}, {failed.evidence}"
    return Verification(
        case=case,
        met=ending.right and failed is None,
        verdict=ending.verdict,
        given=_given((*traces, *as_if), accepted),
        steps=steps,
        traces=traces,
        as_if=as_if,
        reason=reason,
    )


def _expected(case: Case, network: Network) -> str | UpTo:
    before = case.variant.without_cluster
    return case.variant.expect if before is None or INSTALLED in network.facts else before


def _as_promised(ending: _Ending, expected: str) -> _Ending:
    if expected == "never":
        right = ending.verdict is not Verdict.DELIVERED and ending.verdict not in _UNKNOWN
        reason = ending.reason if right or ending.verdict in _UNKNOWN else "delivered, and never should be"
        return _Ending(ending.verdict, reason, right=right)
    return _Ending(ending.verdict, ending.reason, right=ending.verdict is Verdict.DELIVERED)


def _once_there(as_if: _Ending, expected: UpTo, who: str) -> _Ending:
    """What is right up to a place where nobody is: it would be delivered and answered."""
    if as_if.verdict is Verdict.DELIVERED:
        return _Ending(Verdict.UNREACHABLE, expected.because, right=True)
    return _Ending(as_if.verdict, f"once {who} answers: {as_if.reason}")


def _readings(
    case: Case, network: Network, accepted: Collection[str], answering: Sequence[str]
) -> Iterator[Trace]:
    """A trace for every combination of readings of the knobs that are asked and not accepted."""
    pending: list[dict[str, str]] = [{}]
    while pending and case.packet is not None:
        chosen = pending.pop(0)
        found = trace(network, case.packet, case.source, chosen, onward=case.onward, answering=answering)
        yield found
        for knob, reading in found.readings.items():
            if knob in chosen or knob in accepted:
                continue
            pending += [{**chosen, knob: other} for other in ASSUMPTIONS[knob].values if other != reading]
            chosen = {**chosen, knob: reading}


def _ending(traces: Sequence[Trace]) -> _Ending:
    first = traces[0]
    if len({item.verdict for item in traces}) == 1:
        at = f"{first.end.node}: " if first.end.reason else ""
        return _Ending(first.verdict, f"{at}{first.end.reason}")
    readings = "; ".join(
        f"{', '.join(f'{knob} {value}' for knob, value in item.readings.items()) or 'else'}: {item.verdict}"
        for item in traces
    )
    knobs = sorted({knob for item in traces for knob in item.readings})
    says = " and ".join(f"{knob} ({ASSUMPTIONS[knob].says})" for knob in knobs)
    return _Ending(Verdict.INSUFFICIENT, f"it depends on {says}: {readings}")


def _given(traces: Sequence[Trace], accepted: Collection[str]) -> tuple[str, ...]:
    found = {name for item in traces for name in item.given}
    found |= {knob for item in traces for knob in item.readings if knob in accepted}
    return tuple(sorted(found, key=lambda name: int(name[1:])))


def _steps(case: Case, network: Network, traces: Sequence[Trace]) -> tuple[StepResult, ...]:
    """Each step as the worst of all paths and readings has it; `hop` is of the first path, which is shown."""
    columns = []
    for item in traces:
        for path in item.paths:
            judge = Judge(case, network, path)
            columns.append([judge.judge(step) for step in case.variant.steps])
    return tuple(_worst(row) for row in zip(*columns, strict=True))


def _worst(row: Sequence[StepResult]) -> StepResult:
    found = min(row, key=lambda step: _WORST_FIRST.index(step.met))
    return found if found is row[0] else replace(found, hop=0)
