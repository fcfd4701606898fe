"""What the engine has to know of vSphere's kinds."""

from collections.abc import Hashable, Mapping
from dataclasses import replace

from hopbook.engine.change import KindTraits
from hopbook.resources.base import Resource
from hopbook.resources.vsphere import AntiAffinity, Folder, Guest, Placement, VirtualMachine

# DRS and people can move a machine; where it is to be is decided when it is made. A customization that was
# never done shows as unreadable, not as a difference, and is made good before the first start.
_FIXED = frozenset({"vm", "datacenter", "template", "folder", "resource_pool", "datastore", "customization"})


def kinds(timeout: float, task_timeout: float, guest_timeout: float) -> Mapping[str, KindTraits]:
    """The traits of every kind.

    Args:
        timeout: Seconds after which a plain call can no longer take effect.
        task_timeout: The same for what vCenter does as a task.
        guest_timeout: Seconds that a guest is waited for.
    """
    plain = KindTraits(lane=lane, call_timeout=timeout)
    return {
        Folder.kind: replace(plain, fixed=frozenset({"datacenter", "path"})),
        VirtualMachine.kind: replace(
            plain, natural=_natural, marker=True, fixed=_FIXED, call_timeout=task_timeout
        ),
        # A setting: it is there as its machine is, belongs to nobody, and goes with it
        Guest.kind: replace(plain, setting=True, call_timeout=guest_timeout),
        Placement.kind: replace(plain, setting=True),
        AntiAffinity.kind: replace(plain, call_timeout=task_timeout),
    }


def machine_lane(vm: str) -> str:
    """The lane of a machine and its guest: vCenter takes many side by side, and queues what it must."""
    return f"vsphere:vm/{vm}"


def folder_lane(datacenter: str) -> str:
    """The lane of a datacenter's folders."""
    return f"vsphere:folders/{datacenter}"


def rule_lane(cluster: str) -> str:
    """The lane of a cluster's rules: two changes of a cluster's configuration would overtake each other."""
    return f"vsphere:rules/{cluster}"


def lane(resource: Resource) -> str:
    """One a machine, one a datacenter's folders, one a cluster's rules."""
    if isinstance(resource, Folder):
        return folder_lane(resource.datacenter)
    if isinstance(resource, AntiAffinity):
        return rule_lane(resource.cluster)
    return machine_lane(resource.name)


def _natural(resource: Resource) -> Hashable:
    return (resource.datacenter, resource.vm) if isinstance(resource, VirtualMachine) else None
