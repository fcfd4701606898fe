"""What helm's last words mean: the one place where they become our errors.

helm ends with 1 whatever went wrong, so its words decide. Of a change only words that prove that nothing was
begun are a refusal; everything else is in doubt, and is read from the cluster.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.helm.exchange import Finished
from hopbook.errors import (
    AnswerLost,
    LoginRefused,
    Missing,
    Rejected,
    SystemTrouble,
    Unreachable,
    WrongCertificate,
)
from hopbook.secret import Secret

SYSTEM = "helm"
PENDING = "pending"
"""The code of a refusal because something else is, or seems, under way."""
EXISTS = "exists"
"""The code of a refusal because an object of the release's is there and is not the release's."""
CHART = "chart"
"""The code of a refusal because the chart cannot be had, or does not take the values."""

_LONGEST = 600  # characters of helm's words
_NOISE = re.compile(r"^(WARNING|I\d{4}|W\d{4}|E\d{4}|level=|walk\.go|coalesce\.go)")
_OWNERSHIP = re.compile(
    r'(?P<kind>\w+) "(?P<name>[^"]+)" in namespace "(?P<namespace>[^"]*)" exists and cannot'
)
_EXISTS = re.compile(r'(?P<kind>[\w.]+) "(?P<name>[^"]+)" already exists')
_UNTRUSTED = re.compile(r"x509|certificate signed by|tls: failed to verify", re.IGNORECASE)
_FORBIDDEN = re.compile(r"\bforbidden\b|Unauthorized|must be logged in|provide credentials", re.IGNORECASE)
_OF_THE_RECORD = re.compile(
    r'"secrets"|secrets is forbidden'
)  # where helm keeps releases: it asks for them first
_UNREACHABLE = re.compile(
    r"cluster unreachable", re.IGNORECASE
)  # helm's word for the look that it begins with
_NO_WAY = re.compile(r"connection refused|no such host|no route to host|timeout|EOF", re.IGNORECASE)
_KUBECONFIG = re.compile(r"error loading config file|invalid configuration|Kubeconfig", re.IGNORECASE)
_UNDER_WAY = re.compile(r"another operation \(install/upgrade/rollback\) is in progress")
_SLOW = re.compile(r"timed out waiting|deadline exceeded|not ready", re.IGNORECASE)
_NO_RELEASE = re.compile(r"release: not found|release: already deleted", re.IGNORECASE)
_CHART = re.compile(
    r"failed to (download|fetch|load)|chart .*not found|path .* not found|repo .* not found|Chart\.yaml"
    r"|not a valid chart|looks like .* is not a valid|non-absolute URLs|/templates/\S+:\d|execution error at"
    r"|parse error at|error converting YAML|error parsing|values don't meet|no matches for kind"
    r"|unable to build kubernetes objects",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a helm, as messages say it.

    Attributes:
        what: `upgrade vpn`.
        changes: Whether it may have changed something.
    """

    what: str
    changes: bool
    address: str = ""


def last_words(finished: Finished, secrets: Iterable[Secret] = ()) -> str:
    """What helm said at the end, in one line, without secrets."""
    lines = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    told = [line for line in lines if not _NOISE.match(line)] or lines
    text = " ".join(told).removeprefix("Error: ")
    return shortened(redacted(text, secrets)) or f"it ended with {finished.code} and said nothing"


def redacted(text: str, secrets: Iterable[Secret]) -> str:
    """A text without the secrets that may stand in it."""
    for secret in secrets:
        text = text.replace(secret.reveal(), "(secret)") if secret.reveal() else text
    return text


def shortened(text: str) -> str:
    """The end of a long text: there stands what went wrong."""
    return text if len(text) <= _LONGEST else "…" + text[-_LONGEST:]


def trouble(asked: Asked, finished: Finished, secrets: Iterable[Secret] = ()) -> SystemTrouble:
    """The error that a helm ended with."""
    words = last_words(finished, secrets)
    what = f"{asked.what}: {words}"
    if finished.code < 0:
        return cut(asked, f"it was killed (signal {-finished.code})")
    if _UNDER_WAY.search(words):
        hint = (
            "wait for it, or, if the helm that did it is gone, `helm rollback` or `helm uninstall` it by hand"
        )
        return Rejected(what, system=SYSTEM, address=asked.address, hint=hint, code=PENDING)
    if left := _OWNERSHIP.search(words) or _EXISTS.search(words):
        hint = (
            "it is no part of the release: left over from an earlier one, or somebody's; if nothing needs "
            f"it, `kubectl delete {left['kind'].lower()} {left['name']}`, then resume"
        )
        if _OWNERSHIP.search(words):  # seen before the first object is made
            return Rejected(what, system=SYSTEM, address=asked.address, hint=hint, code=EXISTS)
        return AnswerLost(what, system=SYSTEM, address=asked.address, hint=hint)
    return _before_anything(asked, what, words) or _perhaps_half_done(asked, what, words)


def _before_anything(asked: Asked, what: str, words: str) -> SystemTrouble | None:
    """Trouble that helm has before it begins."""
    if _UNTRUSTED.search(words):
        hint = "put its CA into the kubeconfig"
        return WrongCertificate(what, system=SYSTEM, address=asked.address, hint=hint)
    looked = _UNREACHABLE.search(words) is not None
    refused = _FORBIDDEN.search(words) and (looked or not asked.changes or _OF_THE_RECORD.search(words))
    if refused or _KUBECONFIG.search(words):
        return LoginRefused(what, system=SYSTEM, address=asked.address)
    if looked or (_NO_WAY.search(words) and not asked.changes):
        return Unreachable(what, system=SYSTEM, address=asked.address)
    if _NO_RELEASE.search(words):
        return Missing(what, system=SYSTEM, address=asked.address)
    if _CHART.search(words):
        return Rejected(what, system=SYSTEM, address=asked.address, code=CHART)
    return None


def _perhaps_half_done(asked: Asked, what: str, words: str) -> SystemTrouble:
    if not asked.changes:
        return Rejected(what, system=SYSTEM, address=asked.address)
    hint = "it takes longer than it may: ask `kubectl get pods`" if _SLOW.search(words) else ""
    return AnswerLost(what, system=SYSTEM, address=asked.address, hint=hint)


def cut(asked: Asked, why: str) -> SystemTrouble:
    """The error of a helm that did not come to its end: in doubt if it changes something."""
    kind = AnswerLost if asked.changes else Unreachable
    return kind(f"{asked.what}: {why}", system=SYSTEM, address=asked.address)
