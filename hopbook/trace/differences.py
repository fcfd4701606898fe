"""Which traffics went another way in another network, and at which hop: before and after a change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from hopbook.trace.crossing import Crossing, crossings
from hopbook.trace.verdict import Hop, Path
from hopbook.trace.verify import Verification
from hopbook.trace.words import said


@dataclass(frozen=True, slots=True)
class Difference:
    """A traffic that is not the same in two networks.

    Attributes:
        case: The case, by its id.
        before, after: How it ended in each; empty where that network has no such case.
        broken: It was as promised and is not any more.
        mended: It is as promised and was not before.
        way: `there` or `back`.
        hop: The first hop, from 1, that differs; 0 where only the ends do.
        was, now: What that hop did in each; empty where that way has no such hop.
    """

    case: str
    before: str
    after: str
    broken: bool = False
    mended: bool = False
    way: str = ""
    hop: int = 0
    was: str = ""
    now: str = ""

    def __str__(self) -> str:
        change = f"{self.before or 'not asked'} → {self.after or 'not asked'}"
        head = (
            f"{self.case}: {change}"
            if self.before != self.after
            else f"{self.case}: {self.after}, another way"
        )
        if not self.hop:
            return head
        return f"{head}; {self.way}, hop {self.hop}: {self.was or 'none'} → {self.now or 'none'}"


def differences(before: Iterable[Verification], after: Iterable[Verification]) -> tuple[Difference, ...]:
    """The cases that differ, in their order; a case that only one side has is one of them."""
    olds, news = _by_id(before), _by_id(after)
    found = (_difference(name, olds.get(name), news.get(name)) for name in dict.fromkeys((*olds, *news)))
    return tuple(item for item in found if item is not None)


def _by_id(verifications: Iterable[Verification]) -> Mapping[str, Verification]:
    return {item.case.id: item for item in verifications}


def _difference(name: str, old: Verification | None, new: Verification | None) -> Difference | None:
    ends = _end(old), _end(new)
    if old is None or new is None:
        return Difference(name, *ends, mended=new is not None and new.met)
    moved = _first(_path(old), _path(new))
    if moved is None and ends[0] == ends[1] and old.met == new.met:
        return None
    found = Difference(name, *ends, broken=old.met and not new.met, mended=new.met and not old.met)
    if moved is None:
        return found
    way, number, was, now = moved
    return Difference(
        name, *ends, broken=found.broken, mended=found.mended, way=way, hop=number, was=was, now=now
    )


def _end(verification: Verification | None) -> str:
    if verification is None:
        return ""
    traces = verification.as_if or verification.traces
    at = traces[0].end.node if traces and not verification.met else ""
    return f"{verification.verdict}" + (f" at {at}" if at else "")


def _path(verification: Verification) -> Path | None:
    traces = verification.as_if or verification.traces
    return traces[0].worst if traces else None


def _first(old: Path | None, new: Path | None) -> tuple[str, int, str, str] | None:
    """The first hop that another node did, or did otherwise."""
    hops = [() if path is None else path.hops for path in (old, new)]
    for number, (was, now) in enumerate(zip_longest(*hops), start=1):
        if was is None or now is None or _did(was[2]) != _did(now[2]):
            back = (was or now)[1]
            return "back" if back else "there", number, _shown(was), _shown(now)
    return None


def _did(hop: Hop) -> tuple[Crossing, Sequence[str]]:
    return crossings([hop])[0], said(hop)


def _shown(item: tuple[int, bool, Hop] | None) -> str:
    return "" if item is None else f"{item[2].node.name}: {'; '.join(said(item[2]))}"
