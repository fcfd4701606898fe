"""What the engine has to know of ICP's kinds."""

from collections.abc import Mapping

from hopbook.engine.change import KindTraits, Observed
from hopbook.icp.checks import Word, parse
from hopbook.resources.base import Key, Resource
from hopbook.resources.icp import Cluster, IcpCheck, KeptFolder, Worker
from hopbook.resources.vsphere import VirtualMachine

WAITED_FOR = frozenset({Word.READY, Word.CONSOLE, Word.TOLD})
"""What comes about by itself some time after an installation; the rest is so or is not."""


def kinds(boot: str) -> Mapping[str, KindTraits]:
    """The traits of every kind.

    Args:
        boot: The boot node's name. What is known of a cluster lies on it, and goes with its machine.
    """
    machine = Key(VirtualMachine.kind, boot)
    # A job that nobody heard of any more still runs, and shows as pending; what is not there was not begun
    setting = KindTraits(lane=lane, setting=True, call_timeout=120.0, goes_with=lambda _resource: machine)
    return {
        Cluster.kind: setting,
        Worker.kind: setting,
        KeptFolder.kind: setting,
        IcpCheck.kind: KindTraits(lane=lane, setting=True, call_timeout=120.0, protected=_finding),
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
