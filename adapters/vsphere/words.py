"""What goes wrong with vSphere, in words that say what, where and what to do; one place for both sides."""

from collections.abc import Iterable
from ipaddress import IPv4Address

from hopbook.errors import Missing, Rejected

SYSTEM = "vCenter"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names))) or "none"


def missing(address: str, what: str, name: str, there: Iterable[str], *, hint: str = "") -> Missing:
    """Something that a machine needs is not there; names those that are."""
    said = f"there is no {what} {name}, only {_listed(there)}"
    return Missing(said, system=SYSTEM, address=address, hint=hint)


def ambiguous(address: str, what: str, name: str, ids: Iterable[str]) -> Rejected:
    """Two have the name, and nothing tells which is meant."""
    return Rejected(f"several {what}s are named {name}: {_listed(ids)}", system=SYSTEM, address=address)


def name_taken(address: str, what: str, name: str, by: str = "") -> Rejected:
    """The name is somebody else's."""
    owner = f" ({by})" if by else ""
    return Rejected(
        f"the name {name} is taken by a {what} that is not ours{owner}",
        system=SYSTEM,
        address=address,
        hint="rename or remove it, or take it over with --adopt",
        code="DuplicateName",
    )


def datastore_full(address: str, what: str, datastore: str) -> Rejected:
    """No room for the disks."""
    where = f"datastore {datastore}" if datastore else "the datastore"
    return Rejected(
        f"{what}: {where} has no room for its disks",
        system=SYSTEM,
        address=address,
        hint="free space on it, or name another one in the site file",
        code="NoDiskSpace",
    )


def no_resources(address: str, what: str, why: str) -> Rejected:
    """The cluster cannot run it."""
    return Rejected(
        f"{what}: its cluster or pool has not enough left to run it ({why})",
        system=SYSTEM,
        address=address,
        hint="free capacity, or lower its reservations",
        code="InsufficientResourcesFault",
    )


def shrunk(address: str, vm: str, before: tuple[int, ...], after: tuple[int, ...]) -> Rejected:
    """A disk can only grow."""
    return Rejected(
        f"VM {vm}: disks of {list(before)} GiB cannot become {list(after)} GiB: none can shrink or go",
        system=SYSTEM,
        address=address,
        hint="describe them as they are, or make the machine anew",
    )


def needs_off(address: str, vm: str, what: str) -> Rejected:
    """It has to be off for that."""
    return Rejected(
        f"VM {vm}: {what} can be changed only while it is off",
        system=SYSTEM,
        address=address,
        hint="shut it down, then resume",
        code="InvalidPowerState",
    )


def silent(address: str, vm: str, wanted: IPv4Address, seen: Iterable[IPv4Address], after: float) -> Rejected:
    """The guest never got its address."""
    shown = ", ".join(map(str, seen)) or "no address"
    return Rejected(
        f"VM {vm}: its guest does not have {wanted} after {after:g} s; its tools report {shown}",
        system=SYSTEM,
        address=address,
        hint="look at its console: are VMware Tools and perl in the template, is its network connected?",
    )


def not_empty(address: str, folder: str, inside: Iterable[str]) -> Rejected:
    """A folder that holds something would take it with it."""
    return Rejected(f"VM folder {folder} still holds {_listed(inside)}", system=SYSTEM, address=address)


def failed(address: str, what: str, why: str, code: str = "") -> Rejected:
    """A task ended with an error that has no words of its own here."""
    return Rejected(f"{what}: {why}", system=SYSTEM, address=address, code=code)
