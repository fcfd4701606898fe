"""One batch of changes at work: what was sent so far, and what was read to send it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from adapters.vsphere.inventory import Details, Inventory
from adapters.vsphere.lookup import Lookup
from adapters.vsphere.markers import Markers
from adapters.vsphere.vcenter import Vcenter
from adapters.vsphere.words import SYSTEM
from hopbook.errors import AnswerLost, Garbled, Missing, SystemTrouble
from hopbook.resources.base import Key

_T = TypeVar("_T")


class Memory:
    """The inventory as it was read last, kept between batches.

    Places seldom change, and a list of all is dear.
    What is looked up in it may be gone or new. So what is not found is looked up again in a fresh one, and
    a machine is never changed before its own annotation was read.

    Attributes:
        made: The ids of machines that were made since.
    """

    def __init__(self, vcenter: Vcenter, markers: Markers) -> None:
        self.vcenter, self.markers = vcenter, markers
        self.made: dict[Key, str] = {}
        self._inventory: Inventory | None = None

    def read(self) -> Lookup:
        """Read everything."""
        self._inventory = self.vcenter.inventory()
        return self._lookup(self._inventory)

    def last(self) -> Lookup:
        """As it was read last, or now where it never was."""
        return self.read() if self._inventory is None else self._lookup(self._inventory)

    def find(self, ask: Callable[[Lookup], _T]) -> _T:
        """What the inventory says; where it says that something is not there, what a fresh one says."""
        known = self._inventory
        if known is None:
            return ask(self.read())
        try:
            return ask(self._lookup(known))
        except Missing:
            return ask(self.read())  # it may have come since

    def _lookup(self, inventory: Inventory) -> Lookup:
        return Lookup(inventory, self.markers, self.vcenter.address)


class Session:
    """What the calls of one change share.

    Attributes:
        unanswered: A call was sent, and nothing is known of it.
        touched: A call of this change took effect.
    """

    def __init__(self, memory: Memory, submit: Callable[[str], None]) -> None:
        self.memory, self.submit = memory, submit
        self.vcenter, self.markers = memory.vcenter, memory.markers
        self.unanswered = self.touched = False

    @contextmanager
    def call(self) -> Iterator[Vcenter]:
        """One call that changes something."""
        self.unanswered = True
        try:
            yield self.vcenter
        except SystemTrouble as error:
            self.unanswered = isinstance(error, AnswerLost | Garbled)
            raise
        self.unanswered, self.touched = False, True

    def machine(self, key: Key) -> tuple[str, Details]:
        """The machine that a key names: its id, and how it is now.

        Raises:
            Missing: there is none, or what is there does not carry our marker (any more).
        """
        made = self.memory.made.get(key)
        details = self._ours(key, made) if made is not None else None
        if made is not None and details is not None:
            return made, details
        return self.memory.find(lambda lookup: self._found(lookup, key))

    def _found(self, lookup: Lookup, key: Key) -> tuple[str, Details]:
        found = lookup.machine(key)
        details = self._ours(key, found.id) if found is not None else None
        if found is None or details is None:
            raise self.gone(f"VM {key.name}")
        return found.id, details

    def _ours(self, key: Key, identifier: str) -> Details | None:
        """A machine as it is now, if it is the one that the key names."""
        details = self.vcenter.details([identifier]).get(identifier)
        if details is None:
            return None
        name = self.markers.read(details.annotation)[1]
        return details if key.name in {name, f"#{identifier}"} else None

    def gone(self, what: str) -> Missing:
        """What should be changed is not there any more."""
        return Missing(f"{what} is not there", system=SYSTEM, address=self.vcenter.address)
