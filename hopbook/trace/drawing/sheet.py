"""What stands around the map: how it went, what the lines mean, the documented steps, the assumptions."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hopbook.network.facts import ASSUMPTIONS
from hopbook.trace.drawing.columns import BADGE, BODY, CAPTION, MARGIN, NAME, TITLE, WIDE
from hopbook.trace.drawing.paint import badge, tunnel, way
from hopbook.trace.drawing.palette import tube
from hopbook.trace.drawing.shapes import cross, tick
from hopbook.trace.drawing.story import Story
from hopbook.trace.drawing.svg import box, disc, line, number, written
from hopbook.trace.drawing.text import cut, width, wrapped
from hopbook.trace.steps import Met, StepResult

_LINE = 15.0
_COLUMNS = 2
_BETWEEN = 28.0
_NAMES = 36.0  # of assumptions
_PAINTS = {Met.MET: "good", Met.NOT_MET: "bad", Met.UNKNOWN: "doubt", Met.LATER: "quiet"}


class Sheet(NamedTuple):
    """Elements, and the line below them."""

    elements: list[str]
    bottom: float


class Headline(NamedTuple):
    """How it went.

    Attributes:
        paint: `good`, `bad` or `doubt`.
        verdict: For the badge.
        details: Below the badge: the packet, the reason.
    """

    title: str
    paint: str
    verdict: str
    details: tuple[str, ...]


def head(headline: Headline) -> Sheet:
    """Title, badge, details."""
    room = WIDE - 2 * MARGIN
    found, y = [], MARGIN + 14
    for shown in wrapped(headline.title, TITLE, room, bold=True, most=2):
        found.append(written((MARGIN, y), shown, "text", TITLE, bold=True))
        y += 23
    badged = cut(headline.verdict, NAME, room - 44, bold=True)
    wide = width(badged, NAME, bold=True) + 42
    found.append(
        box(MARGIN, y - 9, wide, 25, f"{headline.paint}-pale", headline.paint, rx=12.5, stroke_width=1.5)
    )
    found += _sign(headline.paint, (MARGIN + 17, y + 3.5), 1.2)
    found.append(written((MARGIN + 30, y + 8), badged, headline.paint, NAME, bold=True))
    y += 36
    for detail in headline.details:
        for shown in wrapped(detail, NAME, room, most=4):
            found.append(written((MARGIN, y), shown, "text", NAME))
            y += 17
    return Sheet(found, y - 4)


def key(story: Story, top: float) -> Sheet:
    """What the lines and tubes mean; only those that are there."""
    found: list[str] = []
    y = top + 8
    x = MARGIN
    ways = [("the way there", False)] + ([("the way back", True)] if story.answered else [])
    for text, back in ways:
        found.append(way([(x, y), (x + 56, y)], back=back))
        found += badge((x + 28, y), 1 if not back else _first_back(story), back=back)
        found.append(written((x + 64, y + 4), text, "text", BODY))
        x += 64 + width(text, BODY) + 26
    for kind in dict.fromkeys(item.by for item in story.stretches):
        text = f"inside {kind}"
        if x + 56 + width(text, BODY) > WIDE - MARGIN:
            x, y = MARGIN, y + 26
        found += tunnel([(x, y), (x + 44, y)], tube(kind), 14)
        found.append(way([(x, y), (x + 44, y)], back=False))
        found.append(written((x + 52, y + 4), text, "text", BODY))
        x += 52 + width(text, BODY) + 26
    return Sheet(found, y + 22)


def _first_back(story: Story) -> int:
    return min(row.back.number for row in story.rows if row.back is not None)


def checks(results: Sequence[StepResult], story: Story | None, top: float) -> Sheet:
    """The documented steps in two columns, each with its mark and the number of its hop."""
    if not results:
        return Sheet([], top)
    blocks = [_Check(result, story) for result in results]
    met = sum(item.met is Met.MET for item in results)
    later = sum(item.met is Met.LATER for item in results)
    title = f"Documented steps: {met} of {len(results) - later} met" + (
        f", {later} not asked" if later else ""
    )
    found, y = _section(title, top)
    half = _half([block.high for block in blocks])
    bottom = y
    for column, part in enumerate((blocks[:half], blocks[half:])):
        at = y
        for block in part:
            found += block.drawn(MARGIN + column * (_Check.ROOM + _BETWEEN), at)
            at += block.high
        bottom = max(bottom, at)
    return Sheet(found, bottom)


def _half(heights: Sequence[float]) -> int:
    """Where to go on in the second column so that the first is not the shorter one."""
    so_far, half = 0.0, sum(heights) / _COLUMNS
    for count, high in enumerate(heights, start=1):
        so_far += high
        if so_far >= half:
            return count
    return len(heights)


class _Check:
    """One documented step."""

    ROOM = (WIDE - 2 * MARGIN - _BETWEEN) / _COLUMNS

    def __init__(self, result: StepResult, story: Story | None) -> None:
        self.result = result
        self.paint = _PAINTS[result.met]
        self.hop, evidence = _evidence(result, story)
        self.back = story is not None and story.on_the_way_back(self.hop)
        self.indent = 26 + width(result.cites, BODY, bold=True) + 8
        room = self.ROOM - self.indent - (30 if self.hop else 0)
        self.lines = [(text, "text") for text in wrapped(result.says, BODY, room, most=3)]
        paint = "quiet" if result.met is Met.MET else self.paint
        self.lines += [(text, paint) for text in wrapped(evidence, BODY, room, most=4)]
        if result.deviation is not None:
            differs = f"≠ {result.deviation.reality}; {result.deviation.because}"
            self.lines += [(text, "quiet") for text in wrapped(differs, BODY, room, most=4)]

    @property
    def high(self) -> float:
        """What it takes."""
        return max(len(self.lines) * _LINE, 16) + 9

    def drawn(self, x: float, y: float) -> Iterator[str]:
        """It, from a corner."""
        yield disc(x + 9, y + 9, 8, f"{self.paint}-pale" if self.paint != "quiet" else "page", self.paint)
        yield from _sign(self.paint, (x + 9, y + 9), 0.85)
        yield written((x + 26, y + 13), self.result.cites, "text", BODY, bold=True)
        for row, (text, paint) in enumerate(self.lines):
            yield written((x + self.indent, y + 13 + row * _LINE), text, paint, BODY)
        if self.hop:
            yield from badge((x + self.ROOM - BADGE, y + 9), self.hop, back=self.back)


def _evidence(result: StepResult, story: Story | None) -> tuple[int, str]:
    """The hop that is the evidence, or at which it ended before; and what is to be said besides."""
    if result.hop:
        return result.hop, ""
    if result.met in {Met.MET, Met.LATER}:
        return 0, result.evidence
    end = story.end if story is not None else None
    if story is not None and end is not None and result.evidence == f"{end.node}: {end.reason}":
        return story.stopped, f"{result.met}: it ended at {end.node}"
    return 0, f"{result.met}: {result.evidence}"


def rests(given: Sequence[str], top: float) -> Sheet:
    """The assumptions that the verdict rests on."""
    if not given:
        return Sheet([], top)
    found, y = _section("It rests on", top)
    for name in given:
        found.append(written((MARGIN, y + 12), name, "text", CAPTION, bold=True))
        says = ASSUMPTIONS[name].says if name in ASSUMPTIONS else ""
        for shown in wrapped(says, BODY, WIDE - 2 * MARGIN - _NAMES) or [""]:
            found.append(written((MARGIN + _NAMES, y + 12), shown, "quiet", BODY))
            y += _LINE
    return Sheet(found, y + 4)


def _section(title: str, top: float) -> tuple[list[str], float]:
    edge = line(f"M{number(MARGIN)} {number(top + 8)}H{number(WIDE - MARGIN)}", "rule", 1)
    return [edge, written((MARGIN, top + 29), title, "text", NAME, bold=True)], top + 40


def _sign(paint: str, at: tuple[float, float], size: float) -> list[str]:
    if paint == "good":
        return [tick(*at, paint, size)]
    if paint == "bad":
        return [cross(*at, paint, size)]
    shown = "?" if paint == "doubt" else "–"
    return [written((at[0], at[1] + 4), shown, paint, BODY, bold=True, middle=True)]
