"""What goes wrong with a vCenter in memory, asked for in the notation of the simulated site's faults.

A call is met as `/METHOD/NAME`: `/CloneVM_Task/icp-master-1`, `/ReconfigVM_Task/...`, `/PowerOnVM_Task/...`,
`/PowerOffVM_Task/...`, `/CustomizeVM_Task/...`, `/Destroy_Task/...`, `/CreateFolder/...`,
`/ReconfigureComputeResource_Task/RULE`; the reads are `/RetrievePropertiesEx/inventory`, `/.../details` and
`/WaitForUpdatesEx/VM`, which waits for a guest. So `vsphere:507@/CloneVM_Task/icp-master-1` is a full
datastore.

vCenter does not speak in HTTP's statuses. Here they stand for what it does say:
    401 or 403  the user may not do this; nothing is done
    404         what it needs is not there; nothing is done
    409         the name is taken; nothing is done
    500         the task breaks off half-way and leaves behind what it had made
    507         the datastore is full; nothing is done
    any other   the task ends in an error; nothing is done
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.vsphere import words
from adapters.vsphere.inventory import Job
from adapters.vsphere.vcenter import Started
from hopbook.errors import AnswerLost, Garbled, LoginRefused, Missing, SystemTrouble

_LOOKS = 2  # how often somebody looks before a late effect shows
_HALF_WAY = 500
_AT_THE_DOOR = frozenset({401, 403})  # refused before there is a task


class Hit(Protocol):
    """A fault as it was asked for."""

    @property
    def kind(self) -> str:
        """What happens."""

    @property
    def status(self) -> int:
        """The status of a refusal; 0 for every other kind."""


class Taker(Protocol):
    """Whoever knows what goes wrong: the simulated site's `Faults`."""

    def take(self, system: str, method: str, path: str) -> Hit | None:
        """The fault that hits this call, used up by it."""


@dataclass(slots=True)
class _Late:
    job: Job
    looks: int
    effect: Callable[[], None]


class Trouble:
    """Meets every call with what was asked to go wrong with it.

    Attributes:
        calls: Every call in order: `CloneVM_Task/icp-master-1`.
    """

    def __init__(self, faults: Taker | None, address: str) -> None:
        self._faults, self._address = faults, address
        self.calls: list[str] = []
        self._late: list[_Late] = []
        self._tasks = 0

    def read(self, method: str, name: str) -> tuple[Job, ...]:
        """A reading; returns what is under way. Late effects come closer by it."""
        self.calls.append(f"{method}/{name}")
        fault = self._take("GET", method, name)
        if fault is not None:
            what = f"{method}: no answer"
            kind = Garbled if fault.kind == "garbage" else AnswerLost
            if fault.kind == "status":
                raise self._refused(fault.status, method, name)
            raise kind(what, system=words.SYSTEM, address=self._address)
        if method == "RetrievePropertiesEx" and name == "inventory":
            self._go_on()
        return tuple(late.job for late in self._late)

    def meet(
        self,
        method: str,
        name: str,
        entity: str,
        effect: Callable[[], None],
        started: Started,
        half: Callable[[], None] | None,
    ) -> None:
        """A call that changes something."""
        self.calls.append(f"{method}/{name}")
        fault = self._take("POST", method, name)
        kind = fault.kind if fault else ""
        if fault is not None and kind == "status":
            if fault.status not in _AT_THE_DOOR:
                started(self._handle())
            if fault.status == _HALF_WAY and half is not None:
                half()
            raise self._refused(fault.status, method, name)
        if kind == "busy":
            raise words.failed(self._address, name, "another task is in progress on it", "TaskInProgress")
        if kind not in {"timeout", "garbage"}:
            started(self._handle())
        if kind == "late":
            job = Job(id=f"task-{self._tasks}", what=f"{method} of {name}", entity=entity)
            self._late.append(_Late(job, _LOOKS, effect))
        elif kind not in {"timeout", "garbage"}:
            effect()
        if fault is not None:
            raise AnswerLost(f"{method} of {name}: no answer", system=words.SYSTEM, address=self._address)

    def _go_on(self) -> None:
        for late in list(self._late):
            late.looks -= 1
            if late.looks < 0:
                self._late.remove(late)
                try:
                    late.effect()
                except SystemTrouble:
                    continue  # as a task that nobody watches any more: it ends in an error

    def _handle(self) -> str:
        self._tasks += 1
        return f"task-{self._tasks}"

    def _take(self, verb: str, method: str, name: str) -> Hit | None:
        return self._faults.take("vsphere", verb, f"/{method}/{name}") if self._faults else None

    def _refused(self, status: int, method: str, name: str) -> SystemTrouble:
        what = f"{method} of {name}"
        known: dict[int, SystemTrouble] = {
            401: LoginRefused(f"{what}: not logged in", system=words.SYSTEM, address=self._address),
            403: LoginRefused(f"{what}: no permission", system=words.SYSTEM, address=self._address),
            404: Missing(f"{what}: not there", system=words.SYSTEM, address=self._address),
            409: words.name_taken(self._address, "VM or folder", name),
            507: words.datastore_full(self._address, f"VM {name}", ""),
        }
        return known.get(status) or words.failed(self._address, what, "the task ended in an error")
