"""What the engine has to know of ICP's kinds."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from hopbook.engine.change import KindTraits, Observed
from hopbook.icp.checks import Word, parse
from hopbook.resources.base import Key, Resource
from hopbook.resources.icp import Cluster, IcpCheck, KeptFolder, Worker
from hopbook.resources.vsphere import VirtualMachine

WAITED_FOR = frozenset({Word.READY, Word.CONSOLE, Word.TOLD})
"""What comes about by itself some time after an installation; the rest is so or is not."""
OF_VCENTER = frozenset({Word.CAPACITY, Word.CLEAR})
"""What vCenter alone tells."""


def kinds(boot: str, names: Mapping[IPv4Address, str]) -> Mapping[str, KindTraits]:
    """The traits of every kind.

    Args:
        boot: The boot node's name. What is known of a cluster lies on it, and goes with its machine.
        names: The nodes' names by address.
    """

    def machine(resource: Resource) -> Key | None:
        wanted = parse(resource.requirement) if isinstance(resource, IcpCheck) else None
        if wanted is not None and wanted.word in OF_VCENTER:
            return None
        node = names.get(wanted.address) if wanted is not None and wanted.address is not None else boot
        return Key(VirtualMachine.kind, node) if node is not None else None

    # A job that nobody heard of any more still runs, and shows as pending; what is not there was not begun
    setting = KindTraits(lane=lane, setting=True, call_timeout=120.0, goes_with=machine)
    return {
        Cluster.kind: setting,
        Worker.kind: setting,
        KeptFolder.kind: setting,
        IcpCheck.kind: replace(setting, protected=_finding),
    }


def lane(resource: Resource) -> str:
    """One for the cluster and its workers, for they share the installer; one for each thing else."""
    if isinstance(resource, Cluster | Worker):
        return cluster_lane(resource.cluster)
    return f"icp:{resource.name}"


def cluster_lane(cluster: str) -> str:
    """The lane of a cluster and its workers."""
    return f"icp:{cluster}"


def _finding(observed: Observed) -> str:
    """A check cannot be changed, so what it found is why a plan stops there, unless it may still come."""
    check = observed.resource
    if not isinstance(check, IcpCheck) or parse(check.requirement).word in WAITED_FOR:
        return ""
    return check.finding
