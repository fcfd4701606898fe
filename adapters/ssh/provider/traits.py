"""What the engine has to know of the kinds of things on hosts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from hopbook.engine.change import KindTraits, Observed, Ours
from hopbook.resources.base import Key, Resource
from hopbook.resources.host import (
    Artifact,
    AuthorizedKey,
    Block,
    Check,
    Directory,
    File,
    Image,
    Job,
    KeyPair,
    Line,
    Package,
    SecretFile,
    Service,
    Sysctl,
    host_of,
    thing_of,
)
from hopbook.resources.vsphere import VirtualMachine


def kinds(timeout: float) -> Mapping[str, KindTraits]:
    """The traits of every kind.

    Args:
        timeout: Seconds after which a script that nobody heard of any more has not begun; one that still
            runs is seen on the host.
    """
    plain = KindTraits(lane=lane, call_timeout=timeout, by_key=True, goes_with=_machine)
    setting = replace(plain, setting=True)
    marked = replace(plain, marker=True)
    return {
        **dict.fromkeys(
            (kind.kind for kind in (File, SecretFile, Directory, KeyPair, Artifact)),
            replace(plain, within=_in_our_folder),
        ),
        **dict.fromkeys(
            (kind.kind for kind in (Package, Sysctl, Service, Line, AuthorizedKey, Image)), setting
        ),
        # What lies between our marks and what runs in our folders is ours
        **dict.fromkeys((kind.kind for kind in (Block, Job)), marked),
        Check.kind: replace(setting, protected=_finding),
    }


def lane(resource: Resource) -> str:
    """One a host: a package manager takes one caller at a time, and files are edited in turn."""
    return lane_of(host_of(resource.key))


def lane_of(host: str) -> str:
    """The lane of a host's things."""
    return f"ssh:{host}"


def _in_our_folder(resource: Resource, ours: Ours) -> bool:
    """Whether it lies in a folder of ours that is emptied in the end."""
    host, path = host_of(resource.key), PurePosixPath(thing_of(resource.key))
    above = (ours(Directory(host=host, path=str(parent)).key) for parent in path.parents[:-1])
    return any(isinstance(each, Directory) and each.emptied for each in above)


def _machine(resource: Resource) -> Key:
    """A host is called as its machine is."""
    return Key(VirtualMachine.kind, host_of(resource.key))


def _finding(observed: Observed) -> str:
    """A check cannot be changed, so what it found is why a plan stops there."""
    return observed.resource.finding if isinstance(observed.resource, Check) else ""
