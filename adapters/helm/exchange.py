"""How a helm is asked: a command line and its standard input out, what it said and how it ended back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finished:
    """A helm that ended.

    Attributes:
        code: Its exit status; negative: the signal that killed it.
    """

    code: int
    stdout: str = ""
    stderr: str = ""


class TookTooLong(Exception):
    """A helm that was still at work at the end of its time, and was ended."""


class CannotRun(Exception):
    """A helm that could not be started: nothing was asked of the cluster. Says why."""


Execute = Callable[[Sequence[str], str, float], Finished]
"""Runs `helm ARGUMENTS` with a text on its standard input, for so many seconds.

Raises TookTooLong or CannotRun.
"""
