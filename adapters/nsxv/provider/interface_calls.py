"""Changing the interfaces of an edge or router."""

from collections.abc import Sequence

from adapters.nsxv import xml
from adapters.nsxv.provider import interfaces
from adapters.nsxv.provider.session import Session
from adapters.nsxv.xml import Element, make
from hopbook.engine.change import Change
from hopbook.resources.nsxv import Interface


def new(session: Session, change: Change) -> Element:
    """The element of an interface that is not there yet."""
    wanted = _interface(change.after)
    element = make("vnic" if interfaces.is_gateway(wanted.owner) else "interface")
    _fill(session, element, wanted)
    return element


def configure_slots(session: Session, changes: Sequence[Change]) -> None:
    """Slots of an ESG, in one call.

    A slot is overwritten by whoever comes, so each is looked at first: one that we take for free or for ours
    and that somebody else uses (for a trunk, or since a moment) is not touched.
    """
    edge = session.edge(_interface(changes[0].resource).owner)
    slots = {xml.text(slot, "index"): slot for slot in session.read(f"{edge}/vnics").iterfind("vnic")}
    for change in changes:
        wanted = _interface(change.after)
        slot = slots.get(str(wanted.index))
        if slot is None:
            raise session.refuse(f"{wanted.title()} needs a slot from 0 to 9, not {wanted.index}")
        _check_slot(session, slot, change)
        _fill(session, slot, wanted)
    filled = [slots[str(_interface(change.after).index)] for change in changes]
    session.send("POST", f"{edge}/vnics/", make("vnics", *filled), query={"action": "patch"})


def _check_slot(session: Session, slot: Element, change: Change) -> None:
    holder = xml.text(slot, "name") if interfaces.is_configured(slot) else ""
    expected = _interface(change.before).label if change.before else ""
    if holder != expected:
        found = f"{holder} has it" if holder else f"{expected} does not have it any more"
        raise session.refuse(f"slot {xml.text(slot, 'index')} of {change.resource.name}: {found}")


def reset_slot(session: Session, changes: Sequence[Change]) -> None:
    """A slot of an ESG back to how it was delivered; one that somebody else has taken meanwhile stays."""
    (change,) = changes
    before = _interface(change.resource)
    address = f"{session.edge(before.owner)}/vnics/{before.index}"
    slot = session.read(address)
    if interfaces.is_configured(slot) and xml.text(slot, "name") == before.label:
        session.send("DELETE", address)


def add_lifs(session: Session, changes: Sequence[Change]) -> None:
    """Interfaces of a DLR, in one call; it numbers them itself."""
    edge = session.edge(_interface(changes[0].after).owner)
    body = make("interfaces", *(new(session, change) for change in changes))
    session.send("POST", f"{edge}/interfaces", body, query={"action": "patch"})


def change_lif(session: Session, changes: Sequence[Change]) -> None:
    """One interface of a DLR."""
    (change,) = changes
    wanted = _interface(change.after)
    address = f"{session.edge(wanted.owner)}/interfaces"
    live = _lifs(session, address).get(_interface(change.before).label)
    if live is None:
        raise session.gone(change.resource.title())
    _fill(session, live, wanted)
    session.send("PUT", f"{address}/{xml.text(live, 'index')}", live)


def remove_lifs(session: Session, changes: Sequence[Change]) -> None:
    """Interfaces of a DLR, in one call. Without an index NSX would remove all of them."""
    address = f"{session.edge(_interface(changes[0].resource).owner)}/interfaces"
    lifs = _lifs(session, address)
    found = [lifs[label] for change in changes if (label := _interface(change.resource).label) in lifs]
    indexes = [int(xml.text(live, "index")) for live in found]
    if len(indexes) == 1:
        session.send("DELETE", f"{address}/{indexes[0]}")
    elif indexes:
        session.send("DELETE", address, query={"index": indexes})


def _lifs(session: Session, address: str) -> dict[str, Element]:
    found = session.read(address).iterfind("interface")
    return {xml.text(live, "name") or xml.text(live, "label"): live for live in found}


def _fill(session: Session, element: Element, wanted: Interface) -> None:
    interfaces.fill(element, wanted, session.directory.network_id(wanted.network))


def _interface(resource: object) -> Interface:
    if not isinstance(resource, Interface):
        raise TypeError(f"{resource!r} is no interface")
    return resource
