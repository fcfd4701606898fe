"""What vCenter and the wire say when something goes wrong, in our own tree of errors.

vSphere Web Services API 6.5: a call is refused by a SOAP fault and a task ends in one. Both are of one tree
(`MethodFault`), whose class says more than its message, which vCenter writes in the session's language.
"""

import ssl
from collections.abc import Callable
from http.client import HTTPException
from typing import Any
from xml.parsers.expat import ExpatError

from adapters.vsphere import words
from adapters.vsphere.sdk import vim, vmodl
from adapters.vsphere.words import SYSTEM
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

_Say = Callable[[str, str, Any], SystemTrouble]


class NotSoap(HTTPException):
    """What came back is not SOAP."""


class NotConnected(Exception):
    """There is no connection, and nothing was sent. Its cause says why."""


TROUBLE: tuple[type[BaseException], ...] = (
    NotConnected,
    OSError,
    HTTPException,
    ExpatError,
    vmodl.MethodFault,
)
"""Whatever a call may raise."""


class Expired(LoginRefused):
    """The session is no longer known; a new one can be opened, and nothing was done."""


def from_wire(error: BaseException, what: str, address: str, *, changing: bool) -> SystemTrouble:
    """The error that a failed call is.

    Args:
        error: One of `TROUBLE`.
        what: The call, for the message.
        address: The vCenter's host and port.
        changing: Whether the call was to change something.
    """
    if isinstance(error, vmodl.MethodFault):
        return from_fault(error, what, address)
    if isinstance(error, NotConnected):
        return _unconnected(error.__cause__ or error, what, address)
    if isinstance(error, ExpatError | NotSoap):
        kind = AnswerLost if changing else Garbled
        return kind(f"{what}: the answer is not vCenter's ({error})", system=SYSTEM, address=address)
    why = str(error) or type(error).__name__
    return AnswerLost(f"{what}: no answer ({why})", system=SYSTEM, address=address)


def _unconnected(error: BaseException, what: str, address: str) -> SystemTrouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "") or str(error.args[-1])
        return WrongCertificate(
            f"its certificate is not trusted: {why}",
            system=SYSTEM,
            address=address,
            hint="name its CA or pin its fingerprint in the site file",
        )
    return Unreachable(f"{what}: no connection ({error})", system=SYSTEM, address=address)


def from_fault(fault: Any, what: str, address: str) -> SystemTrouble:
    """The error that a fault is, whether a call or a task ended in it."""
    for kind, say in _SAYS:
        if isinstance(fault, kind):
            return say(what, address, fault)
    return words.failed(address, what, said(fault), name_of(fault))


def name_of(fault: Any) -> str:
    """The fault's class, as the documentation has it: `NoDiskSpace`."""
    return type(fault).__name__.rpartition(".")[2]


def said(fault: Any) -> str:
    """What a fault says: its own words where it has some, its class, and what it is about."""
    name, message = name_of(fault), (getattr(fault, "msg", None) or "").strip()
    about = getattr(fault, "invalidProperty", None) or getattr(fault, "property", None)
    details = [getattr(item, "message", None) for item in getattr(fault, "faultMessage", None) or []]
    parts = [message if message and not message.startswith("*types.") else "", *filter(None, details)]
    text = "; ".join(dict.fromkeys(part for part in parts if part)) or "it gives no reason"
    return f"{text} [{name}{f' of {about}' if about else ''}]"


def _expired(what: str, address: str, _fault: Any) -> SystemTrouble:
    return Expired(f"{what}: the session is no longer known", system=SYSTEM, address=address)


def _wrong_login(what: str, address: str, _fault: Any) -> SystemTrouble:
    return LoginRefused(
        f"{what}: user or password is wrong", system=SYSTEM, address=address, hint="check user and password"
    )


def _no_permission(what: str, address: str, fault: Any) -> SystemTrouble:
    needed = getattr(fault, "privilegeId", None) or "a privilege that it does not name"
    return LoginRefused(
        f"{what}: the user's role does not allow it",
        system=SYSTEM,
        address=address,
        hint=f"it lacks {needed}",
    )


def _gone(what: str, address: str, fault: Any) -> SystemTrouble:
    about = getattr(getattr(fault, "obj", None), "_moId", "") or "what it is about"
    return Missing(f"{what}: {about} is not there any more", system=SYSTEM, address=address)


def _taken(what: str, address: str, fault: Any) -> SystemTrouble:
    name = getattr(fault, "name", None) or what
    return words.name_taken(address, "VM, folder or rule", name, getattr(fault.object, "_moId", ""))


def _full(what: str, address: str, fault: Any) -> SystemTrouble:
    return words.datastore_full(address, what, getattr(fault, "datastore", None) or "")


def _short(what: str, address: str, fault: Any) -> SystemTrouble:
    return words.no_resources(address, what, said(fault))


def _power(what: str, address: str, fault: Any) -> SystemTrouble:
    state = getattr(fault, "existingState", None)
    return Rejected(
        f"{what}: not while it is {state or 'in this power state'}",
        system=SYSTEM,
        address=address,
        hint="shut it down, then resume" if state == "poweredOn" else "",
        code=name_of(fault),
    )


def _busy(what: str, address: str, fault: Any) -> SystemTrouble:
    return words.failed(address, what, "another task is in progress on it", name_of(fault))


_SAYS: tuple[tuple[Any, _Say], ...] = (
    (vim.fault.NotAuthenticated, _expired),  # before NoPermission, of which it is one
    (vim.fault.InvalidLogin, _wrong_login),
    (vim.fault.NoPermission, _no_permission),
    (vmodl.fault.ManagedObjectNotFound, _gone),
    (vim.fault.DuplicateName, _taken),
    ((vim.fault.NoDiskSpace, vim.fault.InsufficientStorageSpace), _full),
    (vim.fault.InsufficientResourcesFault, _short),
    (vim.fault.InvalidPowerState, _power),
    ((vim.fault.TaskInProgress, vim.fault.ConcurrentAccess), _busy),
)
