"""Jobs on simulated hosts.

What a job does is a generator: it yields what it writes and returns its exit status. Each look at the job
lets it go on to its next `yield`, so that a long one takes as many looks as it has steps, without waiting.
Where looks take real time it may do all of its steps at one look, up to one at which it says that it waits.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

Steps = Generator[str, None, int]
_KILLED = 137


class _Waiting(str):
    """Nothing to write."""

    __slots__ = ()


WAITING = _Waiting()
"""What a job yields that waits for something else than being looked at."""


@dataclass(slots=True)
class SimulatedJob:
    """A job on a simulated host.

    Attributes:
        status: Its exit status, once it ended.
        killed: Whether it is gone without one.
    """

    spec: str
    steps: Steps | None
    log: bytearray = field(default_factory=bytearray)
    status: int | None = None
    killed: bool = False

    @property
    def state(self) -> str:
        """The state and the status, as the scripts say them."""
        if self.status is not None:
            return f"ended {self.status}"
        return "killed -" if self.killed else "running -"

    @property
    def runs(self) -> bool:
        """Whether it is still at work."""
        return self.status is None and not self.killed

    def advance(self, *, at_once: bool = False) -> None:
        """Go on to the next step, or to the end or until it waits."""
        while self.runs and self.steps is not None:
            try:
                text = next(self.steps)
            except StopIteration as end:
                self.status = end.value if end.value is not None else 0
                return
            self.log += text.encode()
            if text is WAITING or not at_once:
                return

    def kill(self) -> None:
        """Kill it with its supervisor, so that nobody notes a status."""
        if self.runs:
            self.killed = True
            self.steps = None

    def fail(self, status: int = _KILLED) -> None:
        """Kill the program alone: its supervisor notes that."""
        if self.runs:
            self.status, self.steps = status, None
