"""Paged lists: the names of the parameters differ between the two APIs, and so do the defaults.

`/2.0/vdn/virtualwires` has `startindex` and `pagesize`, default 20; `/4.0/edges` has `startIndex` and
`pageSize`, default 256 (NSX-V API guide 6.4). A parameter in the other's
spelling is ignored, as any unknown one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from adapters.nsxv.simulator.exchange import Incoming
from adapters.nsxv.simulator.wire import Node, node

_T = TypeVar("_T")
_LARGEST_PAGE = 1024
_LAST_INDEX = 10**6


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list a client wants."""

    start: int
    size: int

    @classmethod
    def of(cls, request: Incoming, start: str, size: str, *, default: int) -> "Page":
        """What the request's parameters say."""
        return cls(request.number(start, 0, 0, _LAST_INDEX), request.number(size, default, 1, _LARGEST_PAGE))

    def cut(self, items: Sequence[_T]) -> Sequence[_T]:
        """The part itself."""
        return items[self.start : self.start + self.size]

    def render(self, total: int, *, ascending: bool = True, sort_by: str = "") -> Node:
        """`<pagingInfo>`."""
        return node(
            "pagingInfo",
            node("pageSize", self.size),
            node("startIndex", self.start),
            node("totalCount", total),
            node("sortOrderAscending", ascending),
            node("sortBy", sort_by) if sort_by else None,
        )
