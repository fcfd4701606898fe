"""How the width is shared out: a column for each zone, and room for what is said of each way."""

from collections.abc import Mapping
from dataclasses import dataclass

from hopbook.trace.drawing.story import Row, Story
from hopbook.trace.drawing.text import width
from hopbook.trace.drawing.zones import Zone

WIDE, MARGIN = 1200.0, 24.0
TITLE, NAME, BODY, CAPTION = 18.0, 12.5, 11.5, 10.5  # sizes of text
INSET = 7.0  # of a frame in what is around it
BADGE = 11.0  # half of a hop's number
_TRACK = 30.0  # between the way there and the way back
_EDGE = 6.0
_ICON, _AFTER_ICON = 33.0, 20.0  # from the last track to the icon, and on to the name
_GUTTER = 20.0
_LEAST, _ENOUGH, _MOST = 215.0, 262.0, 680.0  # of a label's room; longer lines are hard to read
_NAMES = (180, 165, 150, 135, 120, 110, 100, 90, 80, 70, 60)
_LEAST_NAME = 66.0
_BEFORE_NAMES = 20.0  # what a tube's name has more than a node's
_FEWEST_BESIDE = 110  # narrower names are worse than both ways' labels below each other


@dataclass(frozen=True, slots=True)
class Column:
    """A place for one zone, or for some.

    Attributes:
        depth: How many frames stand in each other here.
        ways: 1 where nothing comes back.
    """

    zones: tuple[Zone, ...]
    left: float
    names_room: float
    depth: int
    ways: int

    @property
    def title(self) -> str:
        """What stands at its top."""
        return " · ".join(self.zones)

    @property
    def there(self) -> float:
        """Track of the way there."""
        return self.left + _EDGE + INSET * self.depth + BADGE + 3

    @property
    def back(self) -> float:
        """Track of the way back."""
        return self.there + _TRACK * (self.ways - 1)

    @property
    def icon(self) -> float:
        """Middle of the icons."""
        return self.back + _ICON

    @property
    def names(self) -> float:
        """Where names begin."""
        return self.icon + _AFTER_ICON

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.names + self.names_room + INSET * self.depth + _EDGE


@dataclass(frozen=True, slots=True)
class Columns:
    """All of them.

    Attributes:
        places: By their zones, in reading order.
        labels: Where the labels of each way begin; one where they stand below each other.
        room: What a label has.
    """

    places: Mapping[tuple[Zone, ...], Column]
    labels: tuple[float, ...]
    room: float


def columns(story: Story) -> Columns:
    """The widest names that leave enough for labels, both ways' beside each other if that can be."""
    ways = 2 if story.answered else 1
    tries = [_try(story, names, ways, ways) for names in _NAMES if names >= _FEWEST_BESIDE]
    tries += [_try(story, names, ways, 1) for names in _NAMES]
    fits = (item for item in tries if item.room >= (_ENOUGH if len(item.labels) > 1 else _LEAST))
    return next(fits, tries[-1])


def _try(story: Story, names: float, ways: int, beside: int) -> Columns:
    places: dict[tuple[Zone, ...], Column] = {}
    left = MARGIN
    for zones in story.columns:
        rows = [(number, row) for number, row in enumerate(story.rows) if row.zone in zones]
        needed = max(_needed(story, number, row) for number, row in rows)
        depth = max(len(row.frames) for _, row in rows)
        places[zones] = Column(zones, left, min(names, needed), depth, ways)
        left = places[zones].right + 2
    left += _GUTTER - 2
    room = min((WIDE - MARGIN - left - _GUTTER * (beside - 1)) / beside, _MOST)
    return Columns(places, tuple(left + number * (room + _GUTTER) for number in range(beside)), room)


def _needed(story: Story, number: int, row: Row) -> float:
    """By a row's name, its caption, and the names of the tubes that begin below it."""
    tubes = story.tubes(number) if number + 1 < len(story.rows) else ()
    pills = [width(text, CAPTION, bold=True) - _BEFORE_NAMES for text, _ in tubes]
    return max(width(row.node.name, NAME, bold=True), width(story.caption(row), CAPTION), _LEAST_NAME, *pills)
