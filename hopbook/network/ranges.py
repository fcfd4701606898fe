"""An index from an address or a port to the rules that hold it.

A rule is one bit. For each field of a packet the index cuts the values into the intervals between all
boundaries and keeps which rules hold in each, so a lookup is a bisection a field, one AND over all fields,
and the lowest bit is the first match: 5,000 rules cost little more than 50.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator

from hopbook.resources.spans import Span

_EVERYTHING: Span = (0, 2**32 - 1)


def one(span: Span | None) -> int | None:
    """The value of a range that holds just one."""
    return span[0] if span is not None and span[0] == span[1] else None


def lowest(mask: int) -> int:
    """The number of the lowest bit that is set, which is the first rule; -1 where none is."""
    return (mask & -mask).bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        yield lowest(mask)
        mask &= mask - 1


class Index:
    """From a value to the rules whose ranges hold it, as a bit mask."""

    __slots__ = ("_masks", "_starts")

    def __init__(self, spans: Iterable[tuple[int, Span | None]]) -> None:
        """Take (number of the rule, range); a rule may have several, and None holds every value."""
        by_rule: dict[int, list[Span]] = defaultdict(list)
        for rule, span in spans:
            by_rule[rule].append(span or _EVERYTHING)
        edges: dict[int, int] = defaultdict(int)
        edges[0] = 0
        for rule, held in by_rule.items():
            for first, last in _joined(held):
                edges[first] ^= 1 << rule
                edges[last + 1] ^= 1 << rule
        self._starts = sorted(edges)
        self._masks: list[int] = []
        mask = 0
        for start in self._starts:
            mask ^= edges[start]
            self._masks.append(mask)

    def at(self, value: int) -> int:
        """The rules that hold a value."""
        return self._masks[bisect_right(self._starts, value) - 1]


def _joined(spans: list[Span]) -> Iterator[Span]:
    """The same values without overlaps."""
    spans = sorted(spans)
    first, last = spans[0]
    for start, end in spans[1:]:
        if start > last + 1:
            yield first, last
            first, last = start, end
        else:
            last = max(last, end)
    yield first, last
