"""A path as one picture: an SVG that needs nothing else, in light and dark.

A map of a path has to answer two questions: which way does it go, and what was decided where. A topology
with lines through it answers only the first once a path has twenty hops and comes back. So the rows of the
picture are hops, in time order, and its columns are the zones of the topology: the ways are lines that run
down and up through the zones, frames show what runs on which host, and each hop's reasons stand beside it.
"""

from collections import Counter
from collections.abc import Iterator

from hopbook.network.nodes import Network
from hopbook.network.packet import FULL_SEGMENT
from hopbook.trace.drawing.columns import WIDE
from hopbook.trace.drawing.labels import labels
from hopbook.trace.drawing.paint import painted
from hopbook.trace.drawing.palette import ROOT, style
from hopbook.trace.drawing.plan import plan
from hopbook.trace.drawing.sheet import Headline, checks, head, key, rests
from hopbook.trace.drawing.story import Story, tell
from hopbook.trace.drawing.svg import box, element, escaped, number
from hopbook.trace.steps import Met
from hopbook.trace.verdict import Path, Trace, Verdict
from hopbook.trace.verify import Verification

_UNKNOWN = frozenset({Verdict.INSUFFICIENT, Verdict.MISMATCH})


def draw(trace: Trace | Verification, network: Network) -> str:
    """The path as an SVG document: the one that decides, where there are several.

    Args:
        trace: Of a verification the documented steps are shown below.
        network: In which it was traced.
    """
    verification = trace if isinstance(trace, Verification) else None
    shown = _shown(trace)
    story = None
    if shown is not None and shown.worst.hops:
        story = tell(shown.worst, network, _remark(verification, shown.worst))
    said = _headline(trace, shown)
    sheet = head(said)
    found, y = sheet.elements, sheet.bottom
    if story is not None:
        lines = key(story, y)
        layout = plan(story, lines.bottom)
        found += [*lines.elements, *painted(layout)]
        y = layout.bottom
    if verification is not None:
        steps = checks(verification.steps, story, y + 12)
        found += steps.elements
        y = steps.bottom
    given = verification.given if verification is not None else shown.given if shown is not None else ()
    rest = rests(given, y + 4)
    return _document(said, _described(story), [*found, *rest.elements], rest.bottom + 20)


def _shown(trace: Trace | Verification) -> Trace | None:
    """The trace to draw: as if somebody answered, where that is what the verdict rests on."""
    if isinstance(trace, Trace):
        return trace
    return next(iter((*trace.as_if, *trace.traces)), None)


def _remark(verification: Verification | None, path: Path) -> tuple[int, str]:
    """From which hop on it is as if somebody answered, and why."""
    if verification is None or not verification.as_if:
        return 0, ""
    real = verification.traces[0].end
    for shown, (_, back, hop) in enumerate(path.hops, start=1):
        if not back and hop.node.name == real.node and hop.after.dst == real.sought:
            return shown, f"{real.reason} yet; from here as if somebody did"
    return 0, ""


def _headline(trace: Trace | Verification, shown: Trace | None) -> Headline:
    if isinstance(trace, Verification):
        return _promise(trace, shown)
    title = f"{trace.packet} from {trace.at}"
    if trace.verdict is Verdict.DELIVERED:
        answered = any(back for _, back, _ in trace.worst.hops)
        return Headline(
            title, "good", "delivered and answered" if answered else "delivered", tuple(_others(trace))
        )
    paint = "doubt" if trace.verdict in _UNKNOWN else "bad"
    verdict = f"{trace.verdict} at {trace.end.node}"
    return Headline(title, paint, verdict, (*_reason(trace.end.reason), *_others(trace)))


def _promise(verification: Verification, shown: Trace | None) -> Headline:
    """The verdict against what the document promises."""
    case, verdict = verification.case, str(verification.verdict)
    if verification.met and verification.as_if:
        verdict = f"reaches {verification.as_if[0].worst.legs[0].there.end.node}"
    packet = "" if shown is None else f": {shown.packet}"
    about = f"{case.traffic.traffic} ({', '.join(case.traffic.cites)})  {case.name}{packet}"
    paint, words = ("good", "as promised") if verification.met else ("bad", "not as promised")
    if not verification.met and _undecided(verification):
        paint, words = "doubt", "not proven as promised"
    details = (about, *_reason(verification.reason), *_others(shown))
    return Headline(case.traffic.title, paint, f"{verdict}, {words}", details)


def _undecided(verification: Verification) -> bool:
    """Whether it may still be as promised: nothing is wrong, and something is not known."""
    if verification.verdict in _UNKNOWN:
        return True
    never = verification.case.variant.expect == "never"
    known = {step.met for step in verification.steps}
    delivered = verification.verdict is Verdict.DELIVERED and not never
    return delivered and Met.UNKNOWN in known and Met.NOT_MET not in known


def _reason(reason: str) -> tuple[str, ...]:
    return (reason,) if reason else ()


def _others(trace: Trace | None) -> Iterator[str]:
    """The paths that are not drawn, and how large packets may be where that is less than usual."""
    if trace is None:
        return
    for verdict, count in Counter(path.end.verdict for path in trace.paths[1:]).items():
        yield f"{count} more path{'s' if count > 1 else ''} that it may take: {verdict}"
    sizes = [leg.mtu for leg in trace.worst.legs if 0 < leg.mtu < FULL_SEGMENT]
    if sizes:
        yield f"Packets of up to {min(sizes)} bytes fit through"


def _described(story: Story | None) -> str:
    """The picture in words, for those who cannot see it."""
    if story is None:
        return "No hop is known."
    there = [(row, row.there) for row in story.rows if row.there is not None]
    back = [(row, row.back) for row in reversed(story.rows) if row.back is not None]
    parts = []
    for title, way in (("The way there", there), ("The way back", back)):
        hops = [
            f"{step.number} {row.node.name} ({row.zone}): {'; '.join(item.text for item in labels(step.hop))}"
            for row, step in way
        ]
        parts += [f"{title}: {'. '.join(hops)}."] if hops else []
    if story.end is not None:
        parts.append(f"It ended at {story.end.node}: {story.end.verdict}, {story.end.reason}.")
    return " ".join(parts)


def _document(said: Headline, described: str, elements: list[str], high: float) -> str:
    title = f"{said.title}: {said.verdict}"
    return element(
        "svg",
        element("title", escaped(title)),
        element("desc", escaped(described)),
        element("style", style()),
        box(0, 0, WIDE, high, "page", rx=8),
        *elements,
        xmlns="http://www.w3.org/2000/svg",
        class_=ROOT,
        role="img",
        aria_label=title,
        viewBox=f"0 0 {number(WIDE)} {number(high)}",
        width=WIDE,
        height=high,
    )
