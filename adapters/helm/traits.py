"""What the engine has to know of Helm's kinds."""

from collections.abc import Mapping

from hopbook.engine.change import KindTraits, Observed
from hopbook.resources.base import Resource
from hopbook.resources.helm import Release, Status
from hopbook.resources.kubernetes import InCluster, Vpn

UNDER_WAY = frozenset(
    {Status.PENDING_INSTALL, Status.PENDING_UPGRADE, Status.PENDING_ROLLBACK, Status.UNINSTALLING}
)
"""What a release is called while a helm is at work on it, or since one was killed."""


def kinds(timeout: float) -> Mapping[str, KindTraits]:
    """The traits of every kind; `timeout`: seconds after which a change has certainly ended."""
    return {
        Release.kind: KindTraits(
            lane=lane,
            marker=True,
            fixed=frozenset({"namespace", "chart"}),
            call_timeout=timeout,
            protected=_stuck,
        ),
        Vpn.kind: KindTraits(lane=lane, setting=True, protected=_follows),
    }


def lane(resource: Resource) -> str:
    """One a cluster."""
    return lane_of(resource.cluster if isinstance(resource, InCluster) else resource.name.partition("/")[0])


def lane_of(cluster: str) -> str:
    """The lane of a cluster."""
    return f"helm:{cluster}"


def _stuck(observed: Observed) -> str:
    """Helm refuses to touch a release that another helm seems to work on."""
    release = observed.resource
    if not isinstance(release, Release) or release.status not in UNDER_WAY:
        return ""
    remedy = {
        Status.PENDING_INSTALL: f"helm uninstall {release.release}",
        Status.UNINSTALLING: f"helm uninstall {release.release}",
    }.get(release.status, f"helm rollback {release.release}")
    return (
        f"it is {release.status.value}: a helm is at work on it, or was killed; if none is at work, "
        f"`{remedy} --namespace {release.namespace}`, then resume"
    )


def _follows(_observed: Observed) -> str:
    return "it follows from its release and is not changed by itself"
