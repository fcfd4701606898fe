"""How an API server refuses: `Status` objects with reason, details and causes (API conventions)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.kubernetes.api import Api
from adapters.kubernetes.exchange import Answer


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a refusal, with its field."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"


@dataclass(frozen=True)
class Refusal(Exception):
    """A request is refused; nothing was done."""

    code: int
    reason: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The Status object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": dict(self.details),
            "code": self.code,
        }

    def answer(self) -> Answer:
        """As it goes over the wire."""
        headers = {"content-type": "application/json", **self.headers}
        return Answer(status=self.code, headers=headers, body=json.dumps(self.document()).encode())


def _about(kind: Api, name: str, causes: Sequence[Cause] = ()) -> dict[str, Any]:
    told = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    return {"name": name, "group": kind.group, "kind": kind.plural, **({"causes": told} if told else {})}


def unknown_path() -> Refusal:
    """There is nothing of that kind here."""
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def not_found(kind: Api, name: str) -> Refusal:
    """There is no such object."""
    return Refusal(404, "NotFound", f'{kind} "{name}" not found', _about(kind, name))


def exists(kind: Api, name: str) -> Refusal:
    """There is one already."""
    return Refusal(409, "AlreadyExists", f'{kind} "{name}" already exists', _about(kind, name))


def stale(kind: Api, name: str) -> Refusal:
    """The object is no longer of the version that the request names."""
    said = (
        f'Operation cannot be fulfilled on {kind} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return Refusal(409, "Conflict", said, _about(kind, name))


def wrong_uid(kind: Api, name: str) -> Refusal:
    """It is another object of that name."""
    said = f'Operation cannot be fulfilled on {kind} "{name}": the UID in the precondition does not match'
    return Refusal(409, "Conflict", said, _about(kind, name))


def managed(kind: Api, name: str, causes: Sequence[Cause]) -> Refusal:
    """Fields are managed by others."""
    count = "1 conflict" if len(causes) == 1 else f"{len(causes)} conflicts"
    said = f"Apply failed with {count}: " + "; ".join(f"{one.message}: {one.field}" for one in causes)
    return Refusal(409, "Conflict", said, _about(kind, name, causes))


def invalid(kind: Api, name: str, causes: Sequence[Cause]) -> Refusal:
    """Fields have values that cannot be."""
    listed = [f"{cause.field}: {cause.message}" for cause in causes]
    told = listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]"
    said = f'{kind.kind}{f".{kind.group}" if kind.group else ""} "{name}" is invalid: {told}'
    return Refusal(422, "Invalid", said, _about(kind, name, causes))


def bad_request(message: str) -> Refusal:
    """It cannot be understood."""
    return Refusal(400, "BadRequest", message)


def media(wanted: str) -> Refusal:
    """A body of this media type is not taken."""
    said = f"the body of the request was in an unknown format - accepted media types include: {wanted}"
    return Refusal(415, "UnsupportedMediaType", said)


def unauthorized() -> Refusal:
    """Nobody of this token is known."""
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, verb: str, kind: Api, namespace: str, name: str) -> Refusal:
    """The user may not."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    said = (
        f'{kind} {f"{chr(34)}{name}{chr(34)} " if name else ""}is forbidden: User "{user}" cannot {verb} '
        f'resource "{kind.plural}" in API group "{kind.group}" {where}'
    )
    return Refusal(403, "Forbidden", said, _about(kind, name))


def terminating(kind: Api, name: str, namespace: str) -> Refusal:
    """Nothing new is made in a namespace that is going."""
    said = (
        f'{kind} "{name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated"
    )
    return Refusal(403, "Forbidden", said, _about(kind, name))


def expired(what: str) -> Refusal:
    """The state that is asked for is forgotten."""
    return Refusal(410, "Expired", what)


def throttled() -> Refusal:
    """Too many at once."""
    said = "Too many requests, please try again later."
    return Refusal(429, "TooManyRequests", said, headers={"retry-after": "1"})


_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}


def of_status(code: int) -> Refusal:
    """A refusal that somebody asked for."""
    if code == 429:  # noqa: PLR2004 - the status that says when to come back
        return throttled()
    reason = _REASONS.get(code, "InternalError" if code >= 500 else "BadRequest")  # noqa: PLR2004
    return Refusal(code, reason, f"simulated: refused with {code}")
