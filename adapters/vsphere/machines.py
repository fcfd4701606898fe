"""Making, changing and removing machines.

A clone is one task that does everything: place, sizes, marker, what the guest is told, power. So a process
that ends after it leaves a whole machine behind, or none. What that task did not honour, or left undone
when it broke off, is found by looking at the machine as it is, and set by the calls that any change is made
with.
"""

from dataclasses import replace

from adapters.vsphere import words
from adapters.vsphere.inventory import Clone, Details, Sizing
from adapters.vsphere.lookup import Lookup
from adapters.vsphere.session import Session
from hopbook.engine.change import Action, Change
from hopbook.errors import Rejected
from hopbook.resources.base import Key
from hopbook.resources.vsphere import VirtualMachine


def machine(session: Session, change: Change) -> None:
    """A VM: made, changed, taken over, given back or removed."""
    wanted = change.resource
    if not isinstance(wanted, VirtualMachine):
        raise TypeError(f"{change.key} is no VM")
    if change.action is Action.DELETE:
        _remove(session, change.key)
    elif change.action is Action.CREATE:
        _make(session, change.key, wanted)
    else:
        found, details = session.machine(change.adopts or change.key)
        names = {field.field for field in change.fields}
        _finish(session, change, found, details, names)


def _make(session: Session, key: Key, wanted: VirtualMachine) -> None:
    order = session.memory.find(lambda lookup: _order(lookup, key, wanted))
    try:
        with session.call() as vcenter:
            made = session.memory.made[key] = vcenter.clone(order, session.submit)
    except Rejected:
        session.touched = True  # until a reading says that nothing is left
        session.touched = _left_behind(session, key)
        raise
    _, details = session.machine(key)
    change = Change(action=Action.CREATE, key=key, after=wanted)
    _finish(session, change, made, details, set(wanted.compared()), told=True)


def _left_behind(session: Session, key: Key) -> bool:
    """Whether a clone that vCenter gave up left a machine with our marker."""
    return session.memory.read().machine(key) is not None


def _order(lookup: Lookup, key: Key, wanted: VirtualMachine) -> Clone:
    """What to clone where; nothing is sent before all of it is known to be there."""
    dc = wanted.datacenter
    taken = lookup.named(dc, wanted.vm)
    if taken is not None:
        by = f"{taken.id} in folder {taken.folder or '/'} of {dc}"
        raise words.name_taken(lookup.address, "template" if taken.template else "VM", wanted.vm, by)
    return Clone(
        source=lookup.template(dc, wanted.template).id,
        vm=wanted.vm,
        folder=lookup.folder(wanted.folder).id,
        pool=lookup.pool(dc, wanted.resource_pool).id,
        datastore=lookup.datastore(dc, wanted.datastore).id,
        network=lookup.network(dc, wanted.network, cluster=wanted.cluster).id,
        annotation=lookup.markers.write(wanted.purpose, key.name),
        cpus=wanted.cpus,
        memory_mb=wanted.memory_mb,
        disks=wanted.disks,
        made_from=wanted.template,
        customization=wanted.customization,
        powered_on=wanted.powered_on,
    )


def _finish(  # `told`: the clone told the guest who it is
    session: Session,
    change: Change,
    found: str,
    details: Details,
    names: set[str],
    *,
    told: bool = False,
) -> None:
    """Set what differs, of the fields that are to be set; power comes first where it goes off, else last.

    That a guest was told is written down only now: a clone that broke off may not have come so far.
    """
    wanted = change.after
    if not isinstance(wanted, VirtualMachine):
        raise TypeError(f"{change.key} is no VM")
    switch = "powered_on" in names and wanted.powered_on != details.powered_on
    if switch and not wanted.powered_on:
        _switch(session, found, on=False)
    sizing = _sizing(session, change, details, names)
    stays_on = details.powered_on and not switch
    if stays_on and (sizing.cpus is not None or sizing.memory_mb is not None):
        raise words.needs_off(session.vcenter.address, wanted.vm, "the number of CPUs or the memory")
    if told and not details.told:
        sizing = replace(sizing, told=wanted.customization)
    if not sizing.empty:
        with session.call() as vcenter:
            vcenter.reconfigure(found, sizing, session.submit)
    if switch and wanted.powered_on:
        if not (told or details.told or change.action is Action.ADOPT):
            _customize(session, found, wanted)
        _switch(session, found, on=True)


def _sizing(session: Session, change: Change, details: Details, names: set[str]) -> Sizing:
    wanted = change.resource
    if not isinstance(wanted, VirtualMachine):
        raise TypeError(f"{change.key} is no VM")
    ours = change.action is not Action.RELEASE
    annotation = session.markers.write(wanted.purpose, change.key.name) if ours else wanted.purpose
    grow, add = _disks(session, wanted, details) if "disks" in names else ({}, ())
    network = _network(session, wanted, details) if "network" in names else None
    return Sizing(
        annotation=annotation if annotation != details.annotation else None,
        cpus=wanted.cpus if "cpus" in names and wanted.cpus != details.cpus else None,
        memory_mb=wanted.memory_mb
        if "memory_mb" in names and wanted.memory_mb != details.memory_mb
        else None,
        grow=grow,
        add=add,
        network=network,
    )


def _disks(
    session: Session, wanted: VirtualMachine, details: Details
) -> tuple[dict[int, int], tuple[int, ...]]:
    live = details.disks
    pairs = list(zip(live, wanted.disks, strict=False))
    if len(wanted.disks) < len(live) or any(new < old for old, new in pairs):
        raise words.shrunk(session.vcenter.address, wanted.vm, live, wanted.disks)
    grow = {place: new for place, (old, new) in enumerate(pairs) if new > old}
    return grow, wanted.disks[len(live) :]


def _network(session: Session, wanted: VirtualMachine, details: Details) -> str | None:
    found = session.memory.find(
        lambda lookup: lookup.network(wanted.datacenter, wanted.network, cluster=wanted.cluster)
    )
    return found.id if found.id not in details.nics[:1] else None


def _customize(session: Session, identifier: str, wanted: VirtualMachine) -> None:
    """Tell the guest who it is, then remember that it was told."""
    if wanted.customization is None:
        return
    with session.call() as vcenter:
        vcenter.customize(identifier, wanted.customization, session.submit)
    with session.call() as vcenter:
        vcenter.reconfigure(identifier, Sizing(told=wanted.customization), session.submit)


def _switch(session: Session, identifier: str, *, on: bool) -> None:
    with session.call() as vcenter:
        vcenter.power(identifier, session.submit, on=on)


def _remove(session: Session, key: Key) -> None:
    found, details = session.machine(key)
    if details.powered_on:
        _switch(session, found, on=False)
    with session.call() as vcenter:
        vcenter.destroy(found, session.submit)
