"""What an API server and the wire say when something goes wrong, in our own tree of errors.

An API server refuses with a `Status`: a message, a machine-readable reason, and causes with fields
(Kubernetes API conventions, "Response Status Kind"). A proxy in front of it answers with a page.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.kubernetes.api import CALICO, Api
from adapters.kubernetes.exchange import Answer, NoAnswer, NotSent, NotTrusted
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

_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]*)"')
_UNAUTHORIZED, _FORBIDDEN, _MISSING, _CONFLICT, _GONE, _THROTTLED = 401, 403, 404, 409, 410, 429
_FAILED = 500
_UNAVAILABLE = 503  # it was not let in


class Forbidden(LoginRefused):
    """The user is known, and may not do this."""


class Conflict(Rejected):
    """Somebody else changed the object, or manages a field that we wanted; nothing was changed."""


class Expired(Rejected):
    """What was asked for is too old to be told; asked anew it will be."""


class Throttled(Rejected):
    """Too many requests; nothing was done, and later it can be.

    Attributes:
        wait: Seconds that the server asks for.
    """

    retryable = True
    wait = 1.0


_NO_CALICO = "Calico keeps its data in the API only with the Kubernetes datastore, not with etcd"
_REFUSALS: Mapping[int, type[Rejected]] = {_MISSING: Missing, _CONFLICT: Conflict, _GONE: Expired}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about, for messages: verb, kind, place."""

    cluster: str
    address: str
    verb: str
    api: Api | None = None
    namespace: str = ""
    name: str = ""

    @property
    def changing(self) -> bool:
        """Whether it was to change something."""
        return self.verb not in {"get", "list", "watch"}

    @property
    def system(self) -> str:
        """The system, by the cluster's name in the site file."""
        return f"Kubernetes {self.cluster}"

    def __str__(self) -> str:
        """`patch configmaps kube-system/hopbook-route-databases`."""
        if self.api is None:
            return f"{self.verb} {self.name}".strip()
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.api} {place}".strip()


def from_answer(answer: Answer, asked: Asked) -> SystemTrouble:
    """The error that an answer of 300 or more is."""
    status = answer.document()
    if status is None or status.get("kind") != "Status":
        return _not_its(answer, asked)
    message = f"{asked}: {_said(answer.status, status)}"
    known = {"system": asked.system, "address": asked.address}
    if answer.status == _UNAUTHORIZED:
        return LoginRefused(message, hint="is the kubeconfig still valid?", **known)
    if answer.status == _FORBIDDEN and "being terminated" not in message:
        return Forbidden(message, hint=_needed(asked), **known)
    if answer.status == _THROTTLED:
        return _throttled(answer, message, asked)
    if answer.status >= _FAILED and answer.status != _UNAVAILABLE and asked.changing:
        return AnswerLost(message, hint="whether it took effect is unknown", **known)
    kind = _REFUSALS.get(answer.status, Rejected)
    hint = _NO_CALICO if kind is Missing and asked.changing and _of_calico(asked) else ""
    return kind(message, hint=hint, code=str(status.get("reason") or ""), **known)


def _of_calico(asked: Asked) -> bool:
    return asked.api is not None and asked.api.group == CALICO


def from_wire(error: NotSent | NotTrusted | NoAnswer, asked: Asked) -> SystemTrouble:
    """The error that a failed exchange is: before anything was sent, or after."""
    known = {"system": asked.system, "address": asked.address}
    if isinstance(error, NotTrusted):
        hint = "the kubeconfig has to name its CA (certificate-authority-data)"
        return WrongCertificate(f"its certificate is not trusted: {error}", hint=hint, **known)
    if isinstance(error, NotSent):
        return Unreachable(f"{asked}: no connection ({error})", **known)
    return AnswerLost(f"{asked}: no answer ({error})", **known)


def garbled(asked: Asked, why: str) -> SystemTrouble:
    """The error that a success with a body of something else is: of a change the outcome is unknown."""
    kind = AnswerLost if asked.changing else Garbled
    return kind(
        f"{asked}: the answer is not an API server's ({why})", system=asked.system, address=asked.address
    )


def _not_its(answer: Answer, asked: Asked) -> SystemTrouble:
    what = f"an answer of status {answer.status} that is no Status object"
    if answer.status == _THROTTLED:
        return _throttled(answer, f"{asked}: {what}", asked)
    if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
        return LoginRefused(f"{asked}: {what}", system=asked.system, address=asked.address)
    return garbled(asked, what)


def _throttled(answer: Answer, what: str, asked: Asked) -> Throttled:
    error = Throttled(what, system=asked.system, address=asked.address, hint="it has too much to do")
    told = answer.headers.get("retry-after", "")
    error.wait = float(told) if told.isdigit() else Throttled.wait
    return error


def _needed(asked: Asked) -> str:
    where = f"in namespace {asked.namespace}" if asked.namespace else "in the whole cluster"
    return f"the user needs the verb {asked.verb!r} on {asked.api or asked.name} {where}"


def _causes(status: dict[str, object]) -> Sequence[dict[str, object]]:
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []


def _said(code: int, status: dict[str, object]) -> str:
    """The server's own words, with the fields that only its causes name."""
    said, causes = str(status.get("message") or "it gives no reason"), _causes(status)
    owned = [cause for cause in causes if cause.get("reason") == "FieldManagerConflict"]
    if code == _CONFLICT and owned:
        return f"{'; '.join(map(_owner, owned))}; it is not taken from there by force"
    left = [str(cause.get("field")) for cause in causes if str(cause.get("field")) not in said]
    return f"{said} (field {', '.join(left)})" if left else said


def _owner(cause: dict[str, object]) -> str:
    found = _MANAGER.search(str(cause.get("message")))
    return f"{cause.get('field')} is managed by {found['manager'] if found else 'somebody else'}"
