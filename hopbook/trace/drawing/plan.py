"""Where everything of a path stands: columns for zones, rows for hops, and room between rows for tubes.

Ways turn only between rows. Within its column each runs in a track of its own, left of the icons; it changes
columns in the gap below a row. So no line crosses a text, however long the path is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hopbook.trace.drawing.columns import BODY, INSET, NAME, Column, Columns, columns
from hopbook.trace.drawing.labels import labels
from hopbook.trace.drawing.story import Row, Step, Story
from hopbook.trace.drawing.text import wrapped
from hopbook.trace.drawing.zones import Frame, Kind

HEAD = 26.0  # the names of the columns
LINE = 15.0  # from one line of a label to the next
WAYS_APART = 4.0  # between the labels of two ways below each other
NAME_LINE = 14.0
LABEL_INSET = 24.0  # the number before a label
PILL = 19.0  # the name on a tube
CAPTION_ROOM = 17.0  # of a frame's name
MARK_ROOM = 26.0  # for the mark where a way ended
MIDDLE = 19.0  # from a row's top to the middle of its badges
_THINNEST, _THICKER = 14.0, 6.0  # tubes
_LABEL_LINES, _REASON_LINES = 3, 7


@dataclass(frozen=True, slots=True)
class Cell:
    """A row's place.

    Attributes:
        there, back: The lines beside it and their colours.
        back_from: How far below the way there's labels those of the way back begin.
    """

    row: Row
    column: Column
    top: float
    high: float
    name: tuple[str, ...]
    there: tuple[tuple[str, str], ...]
    back: tuple[tuple[str, str], ...]
    back_from: float

    @property
    def middle(self) -> float:
        """Of its badges and its icon."""
        return self.top + MIDDLE

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.top + self.high


@dataclass(frozen=True, slots=True)
class Gap:
    """What is between a row and the next.

    Attributes:
        pills: The names on tubes that begin here, and their colours.
        closing: Where the frames that end here have their ends, the inner first.
        crossing: The height at which ways change columns, and how far they are apart there.
    """

    top: float
    pills: tuple[tuple[str, str], ...]
    crossing: float
    apart: float
    bottom: float

    @property
    def after_pills(self) -> float:
        """Where frames may end."""
        return self.top + PILL * len(self.pills)


@dataclass(frozen=True, slots=True)
class Border:
    """A frame's place; `caption`: its name is written into it."""

    frame: Frame
    column: Column
    depth: int
    top: float
    bottom: float
    caption: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole map."""

    story: Story
    columns: Columns
    cells: tuple[Cell, ...]
    gaps: tuple[Gap, ...]
    borders: tuple[Border, ...]
    top: float
    bottom: float


def plan(story: Story, top: float) -> Plan:
    """Lay a story out below a line."""
    shared = columns(story)
    cells: list[Cell] = []
    gaps: list[Gap] = []
    rows = story.rows
    y = top + HEAD + 6 + sum(_opening(None, rows[0]))
    for number, row in enumerate(rows):
        cell = _cell(story, row, shared, y)
        cells.append(cell)
        y = cell.bottom
        if number + 1 < len(rows):
            gaps.append(_gap(story, number, y))
            y = gaps[-1].bottom
    bottom = y + INSET * len(rows[-1].frames) + 8
    return Plan(story, shared, tuple(cells), tuple(gaps), tuple(_borders(cells, gaps)), top, bottom)


def thickness(depth: int) -> float:
    """Of a tube; those that are around others are thicker."""
    return _THINNEST + _THICKER * depth


def _cell(story: Story, row: Row, shared: Columns, y: float) -> Cell:
    column = shared.places[story.column(row)]
    room = shared.room - LABEL_INSET
    there = tuple(_lines(story, row.there, room, "there"))
    back = tuple(_lines(story, row.back, room, "back"))
    below = bool(there) and len(shared.labels) == 1
    back_from = LINE * len(there) + WAYS_APART if below else 0.0
    name = wrapped(row.node.name, NAME, column.names_room, bold=True, most=2)
    said = max(len(there) * LINE, back_from + len(back) * LINE)
    high = max(MIDDLE + NAME_LINE * len(name) + 12, MIDDLE + said)
    top = y
    if row.there is not None and row.there.number == story.stopped:
        high = max(high, MIDDLE + MARK_ROOM + 14)
    elif row.back is not None and row.back.number == story.stopped:
        top += MARK_ROOM
    return Cell(row, column, top, high, tuple(name), there, back, back_from)


def _lines(story: Story, step: Step | None, room: float, way: str) -> Iterator[tuple[str, str]]:
    """What is said beside a hop."""
    if step is None:
        return
    for label in labels(step.hop):
        paint = way if label.changes else "quiet" if label.minor else "text"
        for line in wrapped(label.text, BODY, room, most=_LABEL_LINES):
            yield line, paint
    for text, paint in story.notes(step.number):
        for line in wrapped(text, BODY, room, most=_REASON_LINES):
            yield line, paint


def _opening(before: Row | None, row: Row) -> tuple[float, ...]:
    """The heights that the frames need that open before a row, the outer first."""
    kept = _common(before.frames, row.frames) if before is not None else 0
    return tuple(INSET + (CAPTION_ROOM if _captioned(row, frame) else 0) for frame in row.frames[kept:])


def _captioned(first: Row, frame: Frame) -> bool:
    """A Kubernetes node's frame whose first row is that node is named by it."""
    return frame.kind is not Kind.KUBE or first.node.name != frame.name


def _common(some: Sequence[Frame], others: Sequence[Frame]) -> int:
    found = 0
    for one, other in zip(some, others, strict=False):
        if one != other:
            break
        found += 1
    return found


def _gap(story: Story, number: int, top: float) -> Gap:
    row, below = story.rows[number], story.rows[number + 1]
    pills = tuple(story.tubes(number))
    y = top + PILL * len(pills)
    y += INSET * (len(row.frames) - _common(row.frames, below.frames))
    sizes = [
        _thickest(story, number, back=back) for back in (False, True) if _turns(story, number, back=back)
    ]
    apart = sum(sizes) / 2 + 4 if len(sizes) > 1 else 0.0
    high = apart + sum(sizes) / max(len(sizes), 1) + 6 if sizes else 5.0
    return Gap(top, pills, y + high / 2, apart, y + high + sum(_opening(row, below)))


def _turns(story: Story, number: int, *, back: bool) -> bool:
    """Whether a way leaves the row's column below it."""
    row = story.rows[number]
    if (row.back if back else row.there) is None:
        return False
    later = (item for item in story.rows[number + 1 :] if (item.back if back else item.there) is not None)
    return story.column(next(later, row)) != story.column(row)


def _thickest(story: Story, number: int, *, back: bool) -> float:
    around = [
        item.depth for item in story.stretches if item.back is back and item.first <= number < item.last
    ]
    return thickness(max(around)) if around else 10.0


def _borders(cells: Sequence[Cell], gaps: Sequence[Gap]) -> Iterator[Border]:
    """A border for each run of rows in one frame, the outer ones first."""
    deepest = max((len(cell.row.frames) for cell in cells), default=0)
    for depth in range(deepest):
        first: int | None = None
        for number, cell in enumerate(cells):
            inside = cell.row.frames[: depth + 1]
            if len(inside) <= depth:
                continue
            if number == 0 or cells[number - 1].row.frames[: depth + 1] != inside:
                first = number
            ends = number + 1 == len(cells) or cells[number + 1].row.frames[: depth + 1] != inside
            if ends and first is not None:
                yield _border(cells, gaps, depth, (first, number))


def _border(cells: Sequence[Cell], gaps: Sequence[Gap], depth: int, rows: tuple[int, int]) -> Border:
    first, last = cells[rows[0]], cells[rows[1]]
    before = cells[rows[0] - 1].row if rows[0] else None
    opened = _opening(before, first.row)
    kept = len(first.row.frames) - len(opened)
    start = gaps[rows[0] - 1].bottom if rows[0] else first.top
    top = start - sum(opened[depth - kept :]) + INSET / 2
    end = gaps[rows[1]].after_pills if rows[1] < len(gaps) else last.bottom
    bottom = end + INSET * (len(last.row.frames) - depth) - INSET / 2
    frame = first.row.frames[depth]
    return Border(frame, first.column, depth, top, bottom, caption=_captioned(first.row, frame))


def rows_of(story: Story, *, back: bool) -> list[int]:
    """The rows that a way visits."""
    return [number for number, row in enumerate(story.rows) if (row.back if back else row.there) is not None]


def edges_of(story: Story, *, back: bool) -> list[tuple[int, int]]:
    """The pairs of rows between which a way runs, the upper one first."""
    return list(pairwise(rows_of(story, back=back)))
