"""Faults that somebody asked for; nothing here happens by chance.

A fault is written `SYSTEM:WHAT[*COUNT][@WHERE]`: `nsxv:409*3@overlay`, `nsxv:lost@/nat/config`.

WHAT is one of
    400 to 599  the system refuses with this HTTP status; nothing is done
    busy        the system refuses because something else is under way; nothing is done
    timeout     no answer comes, and nothing is done
    lost        the change is done, and its answer is lost
    late        the answer is lost at once, and the change is done only some reads later
    garbage     something else answers in the system's place (200 and HTML); nothing is done

COUNT is how many requests are hit, 1 without it. WHERE is a step's id, or, beginning with `/`, a part of the
request's path and query. Which requests a fault can hit:
    without WHERE, or with a step: changes only, which is every method but GET, HEAD and OPTIONS
    with a path: what happens to changes (`busy`, `lost`, `late`) hits changes only; the rest hits reads too
A simulator that does not speak HTTP calls its reads `GET`.
"""

import random
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

SYSTEMS = frozenset({"dns", "hcx", "helm", "kubernetes", "nsxv", "ssh", "vsphere"})
"""The systems that can be simulated, by the names of their adapters."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_EXPECTED = "expected SYSTEM:WHAT[*COUNT][@WHERE], such as nsxv:409*3@overlay or nsxv:lost@/nat/config"
_LOWEST_STATUS, _HIGHEST_STATUS = 400, 599
_MOST_DIGITS = 6
_LONGEST_LULL = 4  # requests between two faults of a storm


class FaultKind(StrEnum):
    """What happens to a request; the module's head explains each."""

    STATUS = "status"
    BUSY = "busy"
    TIMEOUT = "timeout"
    LOST = "lost"
    LATE = "late"
    GARBAGE = "garbage"


_OF_CHANGES = frozenset({FaultKind.BUSY, FaultKind.LOST, FaultKind.LATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault as it was asked for.

    Attributes:
        system: The adapter's name: `nsxv`.
        kind: What happens.
        status: The HTTP status of a refusal; 0 for every other kind.
        count: How many requests it hits.
        where: A step's id, a part of a path that begins with `/`, or empty: anywhere.
        after: How many requests that it could hit pass before the first hit. Only a storm uses it; the
            notation has no word for it.
    """

    system: str
    kind: FaultKind
    status: int = 0
    count: int = 1
    where: str = ""
    after: int = 0

    def __str__(self) -> str:
        """The notation; `parse_fault` reads it back, except for `after`."""
        what = str(self.status) if self.kind is FaultKind.STATUS else self.kind.value
        count = f"*{self.count}" if self.count != 1 else ""
        where = f"@{self.where}" if self.where else ""
        return f"{self.system}:{what}{count}{where}"

    def can_hit(self, system: str, method: str, path: str, step: str) -> bool:
        """Whether it is meant for such a request."""
        if system != self.system:
            return False
        if self.where.startswith("/"):
            reads_too = self.kind not in _OF_CHANGES
            return self.where in path and (reads_too or method not in _READS)
        return method not in _READS and self.where in {"", step}


def parse_fault(text: str) -> Fault:
    """Read a fault from its notation.

    Raises:
        ValueError: what is wrong with it and what was expected, in one sentence.
    """
    system, colon, rest = text.strip().partition(":")
    what_and_count, at, where = rest.partition("@")
    what, star, count = what_and_count.partition("*")
    if not colon or not what:
        raise _wrong(text, "it names no system and fault")
    if system not in SYSTEMS:
        raise _wrong(text, f"there is no system {system!r}, only {', '.join(sorted(SYSTEMS))}")
    if at and not where:
        raise _wrong(text, "nothing follows the @")
    kind, status = _parse_what(text, what)
    return Fault(
        system=system,
        kind=kind,
        status=status,
        count=_parse_count(text, count) if star else 1,
        where=where,
    )


def _parse_what(text: str, what: str) -> tuple[FaultKind, int]:
    if _is_number(what) and _LOWEST_STATUS <= int(what) <= _HIGHEST_STATUS:
        return FaultKind.STATUS, int(what)
    words = {kind.value: kind for kind in FaultKind if kind is not FaultKind.STATUS}
    if what not in words:
        raise _wrong(
            text, f"{what!r} is neither a status from 400 to 599 nor one of {', '.join(sorted(words))}"
        )
    return words[what], 0


def _parse_count(text: str, count: str) -> int:
    if not _is_number(count) or int(count) == 0:
        raise _wrong(text, f"the count {count!r} is not a number from 1 to {10**_MOST_DIGITS - 1}")
    return int(count)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _wrong(text: str, problem: str) -> ValueError:
    return ValueError(f"fault {text!r}: {problem}; {_EXPECTED}")


@dataclass(slots=True)
class _Armed:
    fault: Fault
    lull: int
    left: int


class Faults:
    """The faults of one run, used up as requests meet them. Safe to share between threads.

    Set `step` as the run goes from step to step; faults that name a step wait for it.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.step = ""
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self.ask_for(faults)

    def ask_for(self, faults: Iterable[Fault]) -> None:
        """These from now on, instead of what is left of those that were asked for before."""
        with self._lock:
            self._armed = [_Armed(fault, fault.after, fault.count) for fault in faults]

    def take(self, system: str, method: str, path: str) -> Fault | None:
        """The fault that hits this request, used up by it; the first that was asked for wins.

        Args:
            system: Which system the request is for.
            method: Its HTTP method, upper case.
            path: Its path, and its query where it has one.
        """
        with self._lock:
            taken: _Armed | None = None
            for armed in self._armed:
                if not armed.left or not armed.fault.can_hit(system, method, path, self.step):
                    continue
                if armed.lull:
                    armed.lull -= 1
                elif taken is None:
                    taken = armed
            if taken is None:
                return None
            taken.left -= 1
            return taken.fault

    def left(self) -> tuple[Fault, ...]:
        """Those that have not hit as often as was asked; after a run, a fault here was aimed at nothing."""
        with self._lock:
            return tuple(armed.fault for armed in self._armed if armed.left)


def storm(seed: int, systems: Sequence[str], n: int) -> Faults:
    """`n` faults spread over a run: the same ones, in the same places, for the same seed.

    Only faults that a careful client survives by waiting, reading and trying again are in it.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose; it protects nothing
    lulls = dict.fromkeys(systems, 0)
    faults = []
    for _ in range(n):
        system = chance.choice(systems)
        lulls[system] += chance.randint(0, _LONGEST_LULL)
        kind = chance.choice(tuple(FaultKind))
        status = chance.choice((409, 500, 503)) if kind is FaultKind.STATUS else 0
        faults.append(Fault(system=system, kind=kind, status=status, after=lulls[system]))
    return Faults(faults)
