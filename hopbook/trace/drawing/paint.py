"""A plan as elements: zones, frames, tubes, ways, and on top of them numbers, icons and words."""

from collections.abc import Iterator, Sequence

from hopbook.trace.drawing.columns import BADGE, BODY, CAPTION, INSET, MARGIN, NAME, WIDE, Column
from hopbook.trace.drawing.labels import labels
from hopbook.trace.drawing.palette import tube
from hopbook.trace.drawing.plan import (
    CAPTION_ROOM,
    HEAD,
    LABEL_INSET,
    LINE,
    MARK_ROOM,
    NAME_LINE,
    PILL,
    Border,
    Cell,
    Gap,
    Plan,
    edges_of,
    thickness,
)
from hopbook.trace.drawing.shapes import cross, icon
from hopbook.trace.drawing.story import Step, Stretch
from hopbook.trace.drawing.svg import box, disc, element, escaped, line, number, written
from hopbook.trace.drawing.text import cut, width
from hopbook.trace.drawing.zones import Kind

Point = tuple[float, float]
_ROUND = 9.0
_SMALL = 8.0  # of a number before a label
_DIGITS = 3  # that need smaller ones


def painted(plan: Plan) -> list[str]:
    """All of the map, the lowest first."""
    found = [*_zones(plan), *_headings(plan)]
    for border in plan.borders:
        found += _frame(border)
    found += _rules(plan)
    for stretch in sorted(plan.story.stretches, key=lambda item: -item.depth):
        found += _tube(plan, stretch)
    for back in (True, False):
        for upper, lower in edges_of(plan.story, back=back):
            found += _edge(plan, upper, lower, back=back)
    for cell, gap in zip(plan.cells, plan.gaps, strict=False):
        found += _pills(cell, gap)
    for cell in plan.cells:
        found.append(_cell(plan, cell))
    return found


def badge(at: Point, shown: int, *, back: bool, radius: float = BADGE - 1) -> list[str]:
    """A hop's number: filled on the way there, an outline on the way back."""
    size = radius * (1.05 if len(str(shown)) < _DIGITS else 0.85)
    if back:
        dashes = "3.5 2" if radius > _SMALL else None
        ring = disc(*at, radius, "page", "back", stroke_width=1.6 if dashes else 1.2, stroke_dasharray=dashes)
        return [ring, written((at[0], at[1] + size * 0.36), str(shown), "back", size, bold=True, middle=True)]
    full = disc(*at, radius, "there", "there", stroke_width=1.6)
    return [full, written((at[0], at[1] + size * 0.36), str(shown), "page", size, bold=True, middle=True)]


def way(points: Sequence[Point], *, back: bool) -> str:
    """A line of a way."""
    return _stroke(points, "back" if back else "there", 2.4, "6 4" if back else None)


def tunnel(points: Sequence[Point], paint: str, thick: float) -> list[str]:
    """A tube around a way."""
    return [_stroke(points, paint, thick), _stroke(points, f"{paint}-pale", thick - 3)]


def _stroke(points: Sequence[Point], paint: str, thick: float, dashes: str | None = None) -> str:
    return line(_rounded(points), paint, thick, stroke_dasharray=dashes)


def _rounded(points: Sequence[Point]) -> str:
    """A path through points with round corners."""
    parts = [f"M{_at(points[0])}"]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        parts.append(f"L{_at(_towards(here, before))}Q{_at(here)} {_at(_towards(here, after))}")
    return "".join([*parts, f"L{_at(points[-1])}"])


def _towards(start: Point, end: Point) -> Point:
    """A little along the way to a point, at most half of it."""
    along = abs(end[0] - start[0]) + abs(end[1] - start[1])  # every line is level or upright
    share = min(_ROUND / along, 0.5) if along else 0.0
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _at(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _zones(plan: Plan) -> Iterator[str]:
    for column in plan.columns.places.values():
        wide = column.right - column.left
        yield box(column.left, plan.top, wide, plan.bottom - plan.top, "lane", rx=6)
        yield box(column.left, plan.top, wide, HEAD, "head", rx=6)
        shown = cut(column.title, NAME, wide - 8, bold=True)
        middle = (column.left + column.right) / 2
        yield written((middle, plan.top + 17.5), shown, "text", NAME, bold=True, middle=True)


def _headings(plan: Plan) -> Iterator[str]:
    heads = ["The way there, read downwards", "The way back, read upwards"]
    if len(plan.columns.labels) == 1 and plan.story.answered:
        heads = ["The way there (down) and back (up)"]
    for left, head in zip(plan.columns.labels, heads, strict=False):
        shown = cut(head, NAME, plan.columns.room, bold=True)
        yield written((left, plan.top + 17.5), shown, "text", NAME, bold=True)


def _frame(border: Border) -> Iterator[str]:
    column, deep = border.column, border.depth
    left, right = column.left + 3 + INSET * deep, column.right - 3 - INSET * deep
    paint = "kube" if border.frame.kind is Kind.KUBE else "host"
    yield box(
        left,
        border.top,
        right - left,
        border.bottom - border.top,
        paint,
        f"{paint}-edge",
        rx=5,
        stroke_width=1.3,
    )
    if border.caption:
        start = column.icon - 13
        room = right - start - 5
        whole = f"{border.frame.kind.value} {border.frame.name}"
        fits = width(whole, CAPTION, bold=True) <= room
        shown = whole if fits else cut(border.frame.name, CAPTION, room, bold=True)
        yield written((start, border.top + CAPTION_ROOM - 4), shown, "quiet", CAPTION, bold=True)


def _rules(plan: Plan) -> Iterator[str]:
    """A thin line above what is said of each hop, and dots from its name to there."""
    left = plan.columns.labels[0]
    for cell in plan.cells:
        start = cell.column.names + width(cell.name[0], NAME, bold=True) + 8
        if cell.row.there is not None or cell.row.back is not None:
            yield line(
                f"M{_at((start, cell.middle))}H{number(left - 6)}", "rule", 1.4, stroke_dasharray="1.5 4"
            )
        y = number(cell.top + 1)
        yield line(f"M{number(left)} {y}H{number(WIDE - MARGIN)}", "rule")


def _track(column: Column, *, back: bool) -> float:
    return column.back if back else column.there


def _route(plan: Plan, upper: int, lower: int, *, back: bool) -> list[Point]:
    """The points of a way between two rows, downwards. Where both ways turn, they do not cross."""
    first, last = plan.cells[upper], plan.cells[lower]
    start, end = _track(first.column, back=back), _track(last.column, back=back)
    if start == end:
        return [(start, first.middle), (end, last.middle)]
    gap = plan.gaps[upper]
    above = back == (end > start)
    y = gap.crossing + (-gap.apart if above else gap.apart) / 2
    return [(start, first.middle), (start, y), (end, y), (end, last.middle)]


def _tube(plan: Plan, stretch: Stretch) -> list[str]:
    points: list[Point] = []
    for upper, lower in edges_of(plan.story, back=stretch.back):
        if stretch.first <= upper and lower <= stretch.last:
            points += _route(plan, upper, lower, back=stretch.back)[bool(points) :]
    return tunnel(points, tube(stretch.by), thickness(stretch.depth))


def _edge(plan: Plan, upper: int, lower: int, *, back: bool) -> Iterator[str]:
    points = _route(plan, upper, lower, back=back)
    rows = plan.story.rows
    steps = (rows[upper].back, rows[lower].back) if back else (rows[upper].there, rows[lower].there)
    legs = {step.leg for step in steps if step is not None}
    paint = "back" if back else "there"
    if len(legs) > 1:
        yield _stroke(points, "quiet", 1.6, "1.5 3.5")
        return
    yield way(points, back=back)
    x, y = points[0] if back else points[-1]
    tip, wing = (y + BADGE + 1, 7) if back else (y - BADGE - 1, -7)
    data = f"M{_at((x, tip))}l-4.500 {wing}h9z"
    yield element("path", d=data, class_=f"f-{paint}")


def _pills(upper: Cell, gap: Gap) -> Iterator[str]:
    left = upper.column.back + 16
    for row, (title, paint) in enumerate(gap.pills):
        y = gap.top + PILL * row
        shown = cut(title, CAPTION, upper.column.right - 5 - left - 14, bold=True)
        wide = width(shown, CAPTION, bold=True) + 14
        yield box(left, y, wide, PILL - 3, f"{paint}-pale", paint, rx=8, stroke_width=1)
        yield written((left + 7, y + 11.8), shown, paint, CAPTION, bold=True)


def _cell(plan: Plan, cell: Cell) -> str:
    """One row: badges, icon, name, labels, and the mark where it ended. Its title says all of it."""
    row, column = cell.row, cell.column
    stopped = plan.story.stopped in {step.number for step in (row.there, row.back) if step is not None}
    found = [element("title", escaped(_tooltip(cell)))] if row.there or row.back else []
    if stopped:
        found.append(_halo(plan, cell))
    start = column.there if row.there is not None else column.back
    found.append(line(f"M{_at((start, cell.middle))}H{number(column.icon - 14)}", "rule", 1.4))
    found.append(icon(row.kind, column.icon, cell.middle, plan.story.paint if stopped else "text"))
    y = cell.middle + 4
    for shown in cell.name:
        found.append(written((column.names, y), shown, "text", NAME, bold=True))
        y += NAME_LINE
    found.append(
        written(
            (column.names, y - 0.5),
            cut(plan.story.caption(row), CAPTION, column.names_room),
            "quiet",
            CAPTION,
        )
    )
    if row.there is not None:
        found += _step(plan, cell, row.there, back=False)
    if row.back is not None:
        found += _step(plan, cell, row.back, back=True)
    return element("g", *found)


def _halo(plan: Plan, cell: Cell) -> str:
    """What makes the node at which it ended stand out."""
    column, paint = cell.column, plan.story.paint
    left = column.icon - 18
    wide = column.names + column.names_room + 5 - left
    high = 29 + NAME_LINE * len(cell.name)
    return box(left, cell.middle - 17, wide, high, f"{paint}-pale", paint, rx=6, stroke_width=1.2)


def _step(plan: Plan, cell: Cell, step: Step, *, back: bool) -> Iterator[str]:
    x = _track(cell.column, back=back)
    if step.number == plan.story.stopped:
        yield from _stop((x, cell.middle), plan.story.paint, back=back)
    yield from badge((x, cell.middle), step.number, back=back)
    left = plan.columns.labels[-1 if back else 0]
    y = cell.middle + (cell.back_from if back else 0)
    yield from badge((left + BADGE, y), step.number, back=back, radius=_SMALL)
    for row, (text, paint) in enumerate(cell.back if back else cell.there):
        yield written((left + LABEL_INSET, y + 4 + LINE * row), text, paint, BODY)


def _stop(at: Point, paint: str, *, back: bool) -> Iterator[str]:
    """The line goes on a little, and ends in a cross."""
    y = at[1] + (-MARK_ROOM - 4 if back else MARK_ROOM)
    yield line(f"M{_at(at)}V{number(y)}", paint, 2.4)
    yield disc(at[0], y, 8.5, f"{paint}-pale", paint, stroke_width=2)
    yield cross(at[0], y, paint, 0.95)


def _tooltip(cell: Cell) -> str:
    steps = [step for step in (cell.row.there, cell.row.back) if step is not None]
    return "\n".join(
        f"{step.number} {cell.row.node.name}: {'; '.join(label.text for label in labels(step.hop))}"
        for step in steps
    )
