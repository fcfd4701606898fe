"""Making, changing and removing folders and DRS rules; waiting for guests."""

from adapters.vsphere import words
from adapters.vsphere.inventory import ClusterFound, RuleFound
from adapters.vsphere.lookup import Lookup
from adapters.vsphere.session import Session
from hopbook.engine.change import Action, Change
from hopbook.errors import Rejected
from hopbook.resources.base import Key
from hopbook.resources.vsphere import AntiAffinity, Folder, Guest

_PAIR = 2


def folder(session: Session, change: Change) -> None:
    """A VM folder: made in the one above it, or removed when it is empty."""
    wanted = change.resource
    if not isinstance(wanted, Folder):
        raise TypeError(f"{change.key} is no folder")
    if change.action is Action.DELETE:
        _remove_folder(session, wanted)
    elif change.action is Action.CREATE:
        above, _, name = wanted.path.rpartition("/")
        parent = Folder(datacenter=wanted.datacenter, path=above).key
        found = session.memory.find(lambda lookup: lookup.folder(parent))
        with session.call() as vcenter:
            vcenter.make_folder(found.id, name)
        # else it is taken over or given back as it is: nothing of it can differ


def _remove_folder(session: Session, wanted: Folder) -> None:
    lookup = session.memory.read()
    found = lookup.folder(wanted.key)
    place, inventory = (wanted.datacenter, wanted.path), lookup.inventory
    inside = [one.vm for one in inventory.machines if (one.datacenter, one.folder) == place]
    inside += [
        f"folder {one.path}"
        for one in inventory.folders
        if one.datacenter == wanted.datacenter and one.path.startswith(f"{wanted.path}/")
    ]
    if inside:
        raise words.not_empty(session.vcenter.address, wanted.name, inside)
    with session.call() as vcenter:
        vcenter.remove_folder(found.id, session.submit)


def rule(session: Session, change: Change) -> None:
    """A rule that keeps machines apart: added, changed or removed."""
    wanted = change.resource
    if not isinstance(wanted, AntiAffinity):
        raise TypeError(f"{change.key} is no rule")
    lookup = session.memory.read()
    cluster = lookup.cluster(wanted.cluster)
    there = next((one for one in cluster.rules if one.rule == wanted.rule), None)
    if change.action is Action.DELETE:
        if there is None or not there.apart:
            raise session.gone(wanted.title())
        with session.call() as vcenter:
            vcenter.drop_rule(cluster.id, there.id, session.submit)
        return
    if change.action is Action.CREATE and there is not None:
        raise words.name_taken(lookup.address, f"rule of {cluster.name}", wanted.rule)
    if change.action is not Action.CREATE and there is None:
        raise session.gone(wanted.title())
    found = _rule(lookup, cluster, wanted, there.id if there else 0)
    with session.call() as vcenter:
        vcenter.set_rule(cluster.id, found, session.submit, new=there is None)


def _rule(lookup: Lookup, cluster: ClusterFound, wanted: AntiAffinity, number: int) -> RuleFound:
    if len(wanted.vms) < _PAIR:
        what = f"{wanted.title()}: it takes two machines or more to be apart"
        raise Rejected(what, system=words.SYSTEM, address=lookup.address)
    return RuleFound(
        id=number,
        rule=wanted.rule,
        apart=True,
        vms=tuple(_machine_id(lookup, cluster, key) for key in wanted.vms),
        enabled=wanted.enabled,
        mandatory=wanted.mandatory,
    )


def _machine_id(lookup: Lookup, cluster: ClusterFound, key: Key) -> str:
    found = lookup.machine(key)
    if found is None or found.resource_pool.partition("/")[0] != cluster.name:
        there = [
            lookup.keys()[one.id].name
            for one in lookup.inventory.machines
            if one.resource_pool.partition("/")[0] == cluster.name
        ]
        raise words.missing(
            lookup.address, f"VM in {cluster.name}", key.name, there, hint="was its step done?"
        )
    return found.id


def guest(session: Session, change: Change, patience: float) -> None:
    """A guest: waited for. Nothing is sent, so an end without its address is certain."""
    wanted = change.resource
    if not isinstance(wanted, Guest):
        raise TypeError(f"{change.key} is no guest")
    if change.action is Action.DELETE:
        return
    found, _ = session.machine(wanted.vm)
    seen = session.vcenter.guest(found, wanted.address)
    if wanted.address not in seen:
        raise words.silent(session.vcenter.address, wanted.vm.name, wanted.address, seen, patience)
