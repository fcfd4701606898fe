"""How figures are taken."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure and what was promised."""

    what: str
    value: str
    promised: str
    kept: bool


class Stopwatch:
    """Seconds of a block."""

    seconds = 0.0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time a block."""
    watch = Stopwatch()
    began = time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - began


def ratio(ours: Callable[[], float], theirs: Callable[[], float], rounds: int) -> float:
    """The median of ours over theirs, pair by pair; each returns the seconds that it took."""
    ours(), theirs()
    return median(ours() / theirs() for _ in range(rounds))


def fastest(body: Callable[[], object], rounds: int) -> float:
    """The least seconds of some rounds: what the machine's other work disturbed least."""
    taken = []
    for _ in range(rounds):
        with stopwatch() as watch:
            body()
        taken.append(watch.seconds)
    return min(taken)
