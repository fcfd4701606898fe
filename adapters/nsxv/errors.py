"""What NSX and the wire say when something goes wrong, in our own tree of errors.

NSX-V API guide 6.4, appendix "Error Messages": `<error>`, several in `<errors>`, with or without
`<errorData>`, any child missing; the same as JSON; and the web server in front of NSX answers with a page.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from adapters.nsxv import xml
from hopbook.errors import (
    AnswerLost,
    Garbled,
    LoginRefused,
    Missing,
    Rejected,
    SystemTrouble,
    Unreachable,
    WrongCertificate,
)

SYSTEM = "NSX"

Scrub = Callable[[str], str]

# 101 "Concurrent object access error", 258 Hibernate's OptimisticLockException
_BUSY_CODES = frozenset({"101", "258"})
_BUSY_STATUSES = frozenset({409, 503})
_EDGE_NOT_RUNNING = "10013"  # comes with 503 too, and waiting does not help
# What a rule that is not there answers besides 404 and 202 (OpenStack's VcnsApiClient treats them so)
_MISSING_CODES = frozenset({"202", "100029", "100046"})
_MISSING_STATUSES = frozenset({400, 404})

_FIELD = re.compile(r"\bfield (?P<field>[A-Za-z_][\w.\[\]]*\w\]?)")


class RoleMissing(LoginRefused):
    """The user is known, and may not do this."""


class Busy(Rejected):
    """NSX does something else with the same object; nothing was changed, and later it can be."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the body of a refusal says."""

    details: str = ""
    code: str = ""
    field: str = ""

    def __str__(self) -> str:
        """For a message."""
        told = self.details or "it gives no reason"
        code = f" [{self.code}]" if self.code else ""
        field = f" (field {self.field})" if self.field and self.field not in told else ""
        return f"{told}{field}{code}"


def refusal(body: bytes) -> Refusal | None:
    """What a body says, if it is one of NSX's refusals."""
    problems = list(_problems_xml(body) or _problems_json(body))
    if not problems:
        return None
    return Refusal(
        details="; ".join(dict.fromkeys(problem.details for problem in problems if problem.details)),
        code=next((problem.code for problem in problems if problem.code), ""),
        field=next((problem.field for problem in problems if problem.field), ""),
    )


def _problems_xml(body: bytes) -> list[Refusal]:
    try:
        root = xml.parse(body)
    except xml.NotXml:
        return []
    return [
        _problem(
            xml.text(error, "details"),
            xml.text(error, "errorCode"),
            {xml.text(data, "key"): xml.text(data, "value") for data in error.iterfind("errorData/data")},
        )
        for error in root.iter("error")
    ]


def _problems_json(body: bytes) -> Iterator[Refusal]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return
    listed = document.get("errors", [document]) if isinstance(document, dict) else []
    for error in listed if isinstance(listed, list) else []:
        if isinstance(error, dict) and {"details", "errorCode"} & error.keys():
            yield _problem(str(error.get("details") or ""), str(error.get("errorCode") or ""), {})


def _problem(details: str, code: str, data: dict[str, str]) -> Refusal:
    named = _FIELD.search(details)
    return Refusal(details, code, named["field"] if named else data.get("leafNode", ""))


def from_answer(response: httpx.Response, what: str, *, changing: bool, scrub: Scrub) -> SystemTrouble:
    """The error that an answer of 300 or more is.

    Args:
        response: The answer, read.
        what: The request, for the message.
        changing: Whether the request was to change something.
        scrub: Takes secrets out of what the other side says.
    """
    told = refusal(response.content)
    status = response.status_code
    known = _by_status(status, changing=changing)
    said = scrub(str(told)) if told else f"an answer of status {status} that is not NSX's"
    message = f"{what}: {said}"
    address = response.request.url.netloc.decode()
    if known is not None:
        error, hint = known
        return error(message, system=SYSTEM, address=address, hint=hint)
    code = told.code if told else ""
    if code in _BUSY_CODES or (status in _BUSY_STATUSES and code != _EDGE_NOT_RUNNING):
        return Busy(message, system=SYSTEM, address=address, code=code, hint="it is busy")
    if told and (status == httpx.codes.NOT_FOUND or (status in _MISSING_STATUSES and code in _MISSING_CODES)):
        return Missing(message, system=SYSTEM, address=address, code=code)
    return Rejected(message, system=SYSTEM, address=address, code=code)


def _by_status(status: int, *, changing: bool) -> tuple[type[SystemTrouble], str] | None:
    """The error and hint where the status alone decides."""
    if status == httpx.codes.UNAUTHORIZED:
        return LoginRefused, "check user and password"
    if status == httpx.codes.FORBIDDEN:
        return RoleMissing, "the user's role does not allow it; changes need NSX Administrator"
    if status < httpx.codes.BAD_REQUEST:
        return (AnswerLost if changing else Garbled), "is this the address of the NSX manager itself?"
    if changing and status >= httpx.codes.INTERNAL_SERVER_ERROR and status not in _BUSY_STATUSES:
        # It failed on the way: what it did before that, nobody says
        return AnswerLost, "whether it took effect is unknown"
    return None


def from_transport(error: httpx.TransportError, what: str, address: str) -> SystemTrouble:
    """The error that a failed exchange is: before anything was sent, or after."""
    certificate = _certificate_trouble(error)
    if certificate:
        return WrongCertificate(
            f"its certificate is not trusted: {certificate}",
            system=SYSTEM,
            address=address,
            hint="name its CA or pin its fingerprint in the site file",
        )
    if isinstance(
        error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.UnsupportedProtocol
    ):
        return Unreachable(f"{what}: no connection ({error})", system=SYSTEM, address=address)
    why = str(error) or type(error).__name__
    return AnswerLost(f"{what}: no answer ({why})", system=SYSTEM, address=address)


def _certificate_trouble(error: BaseException) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen.verify_message if getattr(seen, "verify_message", "") else str(seen.args[-1])
        seen = seen.__cause__ or seen.__context__
    return ""


def garbled(what: str, address: str, why: str, *, changing: bool) -> SystemTrouble:
    """The error that a success with a body of something else is: of a change the outcome is unknown."""
    kind = AnswerLost if changing else Garbled
    return kind(f"{what}: the answer is not NSX's ({why})", system=SYSTEM, address=address)
