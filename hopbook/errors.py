"""What can go wrong, as one tree.

    HopbookError
    ├── InvalidInput          what a person wrote is wrong; carries every problem with its place
    ├── Waiting               nothing is wrong: somebody or something has to come first
    │   └── SiteBusy          another runner holds the site's lease
    ├── SystemTrouble         a system of the site did not do its part; names system and address
    │   ├── Unreachable       no connection; nothing was sent
    │   ├── AnswerLost        something was sent and no answer came: the outcome is unknown
    │   ├── LoginRefused      the credentials or the role do not suffice
    │   ├── WrongCertificate  the other side is not the one that the site file pins
    │   ├── Garbled           an answer that is not of the protocol
    │   └── Rejected          the system said no
    │       └── Missing       the system knows no such object
    ├── Stopped               a run ended before its end
    │   ├── StepNotDone       a step left differences behind
    │   ├── VerdictNotMet     the traffic does not pass as promised
    │   ├── GateRefused       somebody outside said no; the run was taken back
    │   └── Interrupted       a person asked to stop; resume goes on
    ├── PlanMoved             the plan is no longer the one that was agreed
    ├── InputsChanged         a resume with other inputs than the run began with
    ├── NotUndoable           live state is no longer what the change left, or cannot be put back
    └── JournalTrouble        the record itself
        ├── StalePosition     somebody appended first
        ├── LeaseLost         this runner is no longer the site's
        ├── UnknownEvent      an event of a kind or version that this program does not know
        └── BrokenChain       an event was edited, dropped or reordered

Each class says whether trying the same again can help (`retryable`) and which status a command
ends with (`exit_status`: 1 failed, 3 the input is invalid, 4 waiting).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with what a person wrote.

    Attributes:
        what: One sentence: what is wrong and what was expected.
        where: The place as a person finds it: `example.yaml:12 icp.vips.master`.
        rule: The id of the rule that it breaks (`R6`), where one has an id.
        source: What the rule rests on, as a citation.
    """

    what: str
    where: str = ""
    rule: str = ""
    source: str = ""

    def __str__(self) -> str:
        """One line for a terminal."""
        head = f"{self.where}: " if self.where else ""
        tail = f" [{self.rule}]" if self.rule else ""
        return f"{head}{self.what}{tail}"


class HopbookError(Exception):
    """The root: whatever we raise on purpose."""

    retryable: ClassVar[bool] = False
    exit_status: ClassVar[int] = 1


class InvalidInput(HopbookError):
    """What a person wrote cannot be used; nothing was touched."""

    exit_status = 3

    def __init__(self, *problems: Problem | str) -> None:
        self.problems: Sequence[Problem] = [
            p if isinstance(p, Problem) else Problem(what=p) for p in problems
        ]
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Waiting(HopbookError):
    """Somebody or something has to come first."""

    exit_status = 4


class SiteBusy(Waiting):
    """Another runner holds the site."""

    def __init__(self, site: str, holder: str) -> None:
        self.holder = holder
        super().__init__(f"site {site} is busy: {holder}")


class SystemTrouble(HopbookError):
    """A system of the site did not do its part."""

    def __init__(self, what: str, *, system: str, address: str = "", hint: str = "") -> None:
        self.system, self.address, self.hint, self.what = system, address, hint, what
        place = f"{system} ({address})" if address else system
        super().__init__(f"{place}: {what}" + (f" – {hint}" if hint else ""))


class Unreachable(SystemTrouble):
    """No connection was made; nothing was sent."""

    retryable = True


class AnswerLost(SystemTrouble):
    """Something was sent and no answer came; whether it took effect is unknown."""


class LoginRefused(SystemTrouble):
    """The credentials or the role do not suffice."""


class WrongCertificate(SystemTrouble):
    """The other side does not show the certificate that the site file trusts."""


class Garbled(SystemTrouble):
    """An answer that is not of the protocol."""


class Rejected(SystemTrouble):
    """The system said no, and nothing was changed.

    Attributes:
        code: The system's own error code, as text; empty where it gave none.
    """

    def __init__(self, what: str, *, system: str, address: str = "", hint: str = "", code: str = "") -> None:
        self.code = code
        super().__init__(what, system=system, address=address, hint=hint)


class Missing(Rejected):
    """The system knows no such object."""


class Stopped(HopbookError):
    """A run ended before its end; what was done stands in the journal."""


class StepNotDone(Stopped):
    """A step left differences behind."""


class VerdictNotMet(Stopped):
    """The traffic does not pass as the document promises."""


class GateRefused(Stopped):
    """Somebody outside, whose approval a run needs, said no."""


class Interrupted(Stopped):
    """A person asked to stop; the run can be resumed."""


class PlanMoved(HopbookError):
    """The plan is no longer the one that was agreed."""


class InputsChanged(HopbookError):
    """The site file, runbook or parameters differ from those that the run began with."""

    exit_status = 3


class NotUndoable(HopbookError):
    """Live state is no longer what the change left, or cannot be put back."""


class JournalTrouble(HopbookError):
    """The record itself cannot be used as asked."""


class StalePosition(JournalTrouble):
    """Somebody appended first; read the tail and decide again."""

    retryable = True


class LeaseLost(JournalTrouble):
    """This runner no longer holds the site; it must not intend anything more."""


class UnknownEvent(JournalTrouble):
    """An event of a kind or version that this program does not know."""


class BrokenChain(JournalTrouble):
    """An event was edited, dropped or reordered."""
