"""What the manager says when it refuses.

NSX-V API guide 6.4, appendix "Error Messages": `<error>` with details, errorCode and moduleName, several of
them in `<errors>`, and sometimes `<errorData>`. Before a request reaches NSX proper (not logged in, no such
address), the web server in front of it answers with an HTML page instead.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

EDGE = "vShield Edge"
CORE = "core-services"

GENERIC = 100
CONCURRENT = 101
NOT_FOUND = 202
DUPLICATE_EDGE = 10085
SUBNET = 10115
DEFAULT_ORIGINATE = 13100
INVALID_IP = 15012
RULE_NOT_FOUND = 100046

_S = TypeVar("_S")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Problem:
    """One `<error>`: what is wrong. Empty `details` leaves everything out but the code."""

    details: str
    code: int = GENERIC
    module: str = EDGE
    data: tuple[tuple[str, str], ...] = ()


class ApiError(Exception):
    """The request is refused; nothing was changed.

    Attributes:
        status: The HTTP status.
        problems: What the body says; empty for the web server's own HTML page.
    """

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(status, *problems)
        self.status = status
        self.problems = problems

    def __str__(self) -> str:
        """The status and every detail, as a job's message shows them."""
        return f"{self.status}: {'; '.join(problem.details for problem in self.problems)}"


def invalid(details: str, code: int = GENERIC) -> ApiError:
    """A refusal of what was asked, 400."""
    return ApiError(400, Problem(details, code))


def invalid_ip(value: str, path: str) -> ApiError:
    """A field that should hold an address and does not; the guide's own example of an error with data."""
    details = f"Invalid IP Address input {value} for field {path}."
    return ApiError(400, Problem(details, INVALID_IP, data=(("leafNode", path.rpartition(".")[2]),)))


def not_found(identifier: str) -> ApiError:
    """An object that the manager does not know, 404."""
    details = (
        f"The requested object : {identifier} could not be found. Object identifiers are case sensitive."
    )
    return ApiError(404, Problem(details, NOT_FOUND, CORE))


def concurrent() -> ApiError:
    """Another change of the same object is under way, 409."""
    details = (
        "Concurrent object access error. Refresh UI or fetch the latest copy of the object and retry the"
        " operation."
    )
    return ApiError(409, Problem(details, CONCURRENT, CORE))


def stale(identifier: str, given: int, current: int, status: int = 400, code: int = GENERIC) -> ApiError:
    """A change that was made to an older version of the object than there is."""
    details = (
        f"The object {identifier} used in this operation has an older version {given} than the current system"
        f" version {current}. Refresh UI or fetch the latest copy of the object and retry operation."
    )
    return ApiError(status, Problem(details, code, CORE))


def collect(parse: Callable[[_S], _T], sources: Iterable[_S]) -> tuple[_T, ...]:
    """Parse every source; several that fail are refused together, in one `<errors>`."""
    parsed: list[_T] = []
    failed: list[ApiError] = []
    for source in sources:
        try:
            parsed.append(parse(source))
        except ApiError as error:
            failed.append(error)
    if failed:
        raise together(failed)
    return tuple(parsed)


def together(failed: Sequence[ApiError]) -> ApiError:
    """One refusal that says all of them, under the first one's status."""
    return ApiError(failed[0].status, *(problem for error in failed for problem in error.problems))
