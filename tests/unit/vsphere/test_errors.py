"""What vCenter's faults mean to us, each by its class."""

import socket
from typing import Any
from xml.parsers.expat import ExpatError

import pytest

from adapters.vsphere.errors import NotConnected, from_fault, from_wire
from adapters.vsphere.sdk import vim, vmodl
from hopbook.errors import (
    AnswerLost,
    Garbled,
    LoginRefused,
    Missing,
    Rejected,
    SystemTrouble,
    Unreachable,
)

HERE = "vcenter.example:443"


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (vim.fault.InvalidLogin(), LoginRefused, "user or password is wrong"),
        (vim.fault.NotAuthenticated(privilegeId="System.View"), LoginRefused, "no longer known"),
        (
            vim.fault.NoPermission(privilegeId="VirtualMachine.Provisioning.Clone"),
            LoginRefused,
            "it lacks Virt",
        ),
        (
            vmodl.fault.ManagedObjectNotFound(obj=vim.VirtualMachine("vm-7")),
            Missing,
            "vm-7 is not there any more",
        ),
        (
            vim.fault.DuplicateName(name="icp-1", object=vim.VirtualMachine("vm-9")),
            Rejected,
            r"the name icp-1 is taken by a VM, folder or rule that is not ours \(vm-9\)",
        ),
        (vim.fault.NoDiskSpace(datastore="vsan"), Rejected, "VM x: datastore vsan has no room for its disks"),
        (vim.fault.InsufficientStorageSpace(), Rejected, "the datastore has no room"),
        (vim.fault.InsufficientMemoryResourcesFault(), Rejected, "not enough left to run it"),
        (
            vim.fault.InvalidPowerState(existingState="poweredOn"),
            Rejected,
            "not while it is poweredOn – shut it",
        ),
        (vim.fault.TaskInProgress(), Rejected, "another task is in progress"),
        (vim.fault.CustomizationFault(msg="no tools"), Rejected, r"no tools \[CustomizationFault\]"),
        (
            vmodl.fault.InvalidArgument(invalidProperty="spec.name"),
            Rejected,
            r"\[InvalidArgument of spec.name\]",
        ),
        (vmodl.fault.SystemError(msg="boom", reason="r"), Rejected, r"VM x: boom \[SystemError\]"),
    ],
)
def test_a_fault_is_told_in_our_words(fault: Any, kind: type[SystemTrouble], said: str) -> None:
    with pytest.raises(kind, match=said) as told:
        raise from_fault(fault, "VM x", HERE)
    assert type(told.value) is kind or issubclass(type(told.value), kind)
    assert str(told.value).startswith(f"vCenter ({HERE})")


def test_a_fault_s_class_can_be_asked_for() -> None:
    error = from_fault(vim.fault.CustomizationPending(), "VM x", HERE)
    assert isinstance(error, Rejected)
    assert error.code == "CustomizationPending"


def unconnected(cause: BaseException) -> NotConnected:
    error = NotConnected()
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "changing", "kind"),
    [
        (unconnected(ConnectionRefusedError("refused")), True, Unreachable),
        (unconnected(TimeoutError("too long")), True, Unreachable),
        (unconnected(socket.gaierror("no such name")), True, Unreachable),
        (TimeoutError("too long"), True, AnswerLost),
        (ConnectionResetError("reset"), True, AnswerLost),
        (TimeoutError("too long"), False, AnswerLost),
        (ExpatError("mismatched tag"), True, AnswerLost),
        (ExpatError("mismatched tag"), False, Garbled),
    ],
)
def test_what_was_sent_and_not_answered_is_in_doubt(
    error: BaseException, changing: bool, kind: type[SystemTrouble]
) -> None:
    found = from_wire(error, "VM x", HERE, changing=changing)
    assert type(found) is kind
    assert str(error.__cause__ or error) in str(found)
