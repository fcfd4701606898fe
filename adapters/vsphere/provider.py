"""vSphere, as resources. The same over SOAP and over the vCenter in memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from adapters.vsphere import machines, others, words
from adapters.vsphere.lookup import Lookup, network_ref
from adapters.vsphere.markers import Markers
from adapters.vsphere.observing import Seen, capacity
from adapters.vsphere.session import Memory, Session
from adapters.vsphere.traits import kinds
from adapters.vsphere.vcenter import Vcenter
from hopbook.engine.change import (
    Action,
    Change,
    KindTraits,
    Observation,
    Outcome,
    Result,
    Scope,
    Submitted,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import Missing, SystemTrouble
from hopbook.resources.base import Key
from hopbook.resources.vsphere import (
    AntiAffinity,
    ClusterCapacity,
    Folder,
    Guest,
    Placement,
    VirtualMachine,
)
from hopbook.site.model import Site

_Do = Callable[[Session, Change], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for, in seconds: a plain call, a task, a guest's address."""

    call: float = 240.0
    task: float = 1200.0
    guest: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A VM or template that is attached to a network; `ours`: it carries our marker."""

    vm: str
    key: Key
    ours: bool


class VsphereProvider:
    """One vCenter's folders, machines, guests and DRS rules. Safe to share between threads.

    Args:
        vcenter: The vCenter.
        site: The site's name, which our markers carry.
        hosts: The ESXi hosts' names as the site has them; vCenter may have a domain behind them.
        patience: How long what is waited for, as `vcenter` was told.
    """

    def __init__(
        self,
        vcenter: Vcenter,
        *,
        site: str,
        hosts: Collection[str] = (),
        patience: Patience = Patience(),
    ) -> None:
        self._vcenter, self._markers, self._hosts = vcenter, Markers(site), frozenset(hosts)
        self._memory = Memory(vcenter, self._markers)
        self.kinds: Mapping[str, KindTraits] = kinds(patience.call, patience.task, patience.guest)
        self._do: Mapping[str, _Do] = {
            Folder.kind: others.folder,
            VirtualMachine.kind: machines.machine,
            Guest.kind: partial(others.guest, patience=patience.guest),
            AntiAffinity.kind: others.rule,
            Placement.kind: _observed_only,
        }

    def observe(self, scope: Scope) -> Observation:
        """Read the whole vCenter in two round trips: a list of all, then more of the machines that matter.

        Those are ours, and the ones that have the name of one that is asked for. Of others the disks are
        unreadable.
        """
        keys = [key for key in scope.keys if key.kind in self.kinds]
        if not keys:
            return Observation()
        lookup = self._memory.read()
        names = {key.name for key in keys}
        matter = [
            machine.id
            for machine in lookup.inventory.machines
            if not machine.template and (self._markers.read(machine.annotation)[1] or machine.vm in names)
        ]
        details = self._vcenter.details(matter) if matter else {}
        return Seen(lookup, details, self._hosts).observation(keys)

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:
        """Make the changes of one lane so; after the first one that fails nothing more is tried."""
        failed = ""
        for change in batch:
            if failed:
                yield from not_attempted([change], f"{failed} before it failed")
                continue
            outcome = self._make(change, submitted)
            if outcome.result in {Result.REFUSED, Result.UNKNOWN}:
                failed = change.key.name
            yield outcome

    def attached(self, network: Key | str) -> tuple[Attached, ...]:
        """Every VM and template that is attached to a network, by its switch's key or its own name.

        In one round trip. A network that does not exist has none.
        """
        lookup = self._memory.read()
        inventory, keys = lookup.inventory, lookup.keys()
        ids = {one.id for one in inventory.networks if network in {network_ref(one.name), one.name}}
        return tuple(
            Attached(vm=one.vm, key=keys[one.id], ours=bool(self._markers.read(one.annotation)[1]))
            for one in inventory.machines
            if ids.intersection(one.networks)
        )

    def holds(self, vm: str) -> bool:
        """Whether a machine has that name, as vCenter was read last: every observation reads it."""
        return any(one.vm == vm and not one.template for one in self._memory.last().inventory.machines)

    def capacity(self, cluster: str) -> ClusterCapacity:
        """What a cluster has, and what it gave to the VMs that run there. In one round trip.

        Raises:
            Missing: there is no such cluster; names those that there are.
        """
        lookup: Lookup = self._memory.read()
        found = capacity(lookup.inventory, cluster)
        if found is None:
            there = (one.name for one in lookup.inventory.clusters)
            raise words.missing(self._vcenter.address, "cluster", cluster, there)
        return found

    def _make(self, change: Change, submitted: Recorder) -> Outcome:
        session = Session(self._memory, lambda handle: submitted(Submitted(change.key, handle)))
        try:
            self._do[change.key.kind](session, change)
        except SystemTrouble as error:
            if isinstance(error, Missing) and change.action is Action.DELETE and not session.unanswered:
                return Outcome(key=change.key, result=Result.APPLIED)  # it is gone already
            return Outcome(key=change.key, result=_doubt(session, change), reason=str(error))
        adopted = change.action is Action.ADOPT
        return Outcome(key=change.key, result=Result.ADOPTED if adopted else Result.APPLIED)


def for_site(site: Site, vcenter: Vcenter, patience: Patience | None = None) -> VsphereProvider:
    """The provider of a site's vCenter, whichever it is: by SOAP (`connect.real`) or in memory."""
    hosts = [host.name for host in site.vcs.esxi] if site.vcs else []
    return VsphereProvider(vcenter, site=site.site, hosts=hosts, patience=patience or Patience())


def _doubt(session: Session, change: Change) -> Result:
    """What a failure says: nothing was done, or look at the system.

    A machine that was made and could not be finished was not refused: what there is of it is found by its
    marker, counts as made, and the next plan says what is left to do.
    """
    half_made = session.touched and change.action is Action.CREATE
    return Result.UNKNOWN if session.unanswered or half_made else Result.REFUSED


def _observed_only(session: Session, change: Change) -> None:
    why = f"{change.resource.title()} is for DRS to say"
    raise words.failed(session.vcenter.address, change.key.name, why)
