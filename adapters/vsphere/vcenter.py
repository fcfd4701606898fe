"""What this adapter asks of a vCenter, a verb a call.

The seam between what vSphere means and how it is spoken: everything above it (plans, markers, what an answer
proves) is the same for the SOAP side and for the one in memory, so a rehearsal runs what an apply runs.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Protocol

from adapters.vsphere.inventory import Clone, Details, Inventory, RuleFound, Sizing
from hopbook.resources.vsphere import Customization

Started = Callable[[str], None]
"""Told the id of a task as soon as vCenter gave it, before it is waited for."""


class Vcenter(Protocol):
    """One vCenter. Safe to share between threads.

    Every call raises `SystemTrouble`. One that changes something raises `AnswerLost` where its outcome is not
    known (no answer, a task whose end nobody saw), and otherwise was not done. A task that vCenter ended with
    an error may have left a part behind; whoever asked for it has to look.
    """

    @property
    def address(self) -> str:
        """Its host and port."""

    def inventory(self) -> Inventory:
        """All there is."""

    def details(self, machines: Iterable[str]) -> Mapping[str, Details]:
        """More of these machines, by id; those that are gone are left out."""

    def make_folder(self, parent: str, name: str) -> None:
        """Make a VM folder."""

    def remove_folder(self, folder: str, started: Started) -> None:
        """Remove a VM folder, which has to be empty: vCenter removes what is in it, too."""

    def clone(self, wanted: Clone, started: Started) -> str:
        """Clone a machine, all of it that vCenter does in one task; returns its id."""

    def reconfigure(self, machine: str, sizing: Sizing, started: Started) -> None:
        """Change a machine, all of it or nothing."""

    def customize(self, machine: str, customization: Customization, started: Started) -> None:
        """Have the guest told who it is at its next start; the machine is off."""

    def power(self, machine: str, started: Started, *, on: bool) -> None:
        """Switch a machine on, or off at once."""

    def destroy(self, machine: str, started: Started) -> None:
        """Remove a machine with its disks; it is off."""

    def set_rule(self, cluster: str, rule: RuleFound, started: Started, *, new: bool) -> None:
        """Add a rule that keeps machines apart, or change the one with its id."""

    def drop_rule(self, cluster: str, rule: int, started: Started) -> None:
        """Remove a rule."""

    def guest(self, machine: str, wanted: IPv4Address, /) -> tuple[IPv4Address, ...]:
        """Wait until a guest has an address, or as long as guests are waited for; what it has then."""
