"""The kinds that a simulated API server keeps, in the version of its era."""

from collections.abc import Mapping
from typing import NamedTuple

from adapters.kubernetes import api
from adapters.kubernetes.api import Api
from adapters.kubernetes.simulator.refusals import unknown_path

SECRET = Api("", "v1", "secrets", "Secret")
_RBAC = "rbac.authorization.k8s.io"
_INGRESS_MOVED = (1, 19)
_OLD_INGRESS_GONE = (1, 22)

_ALWAYS = (
    api.NAMESPACE,
    api.NODE,
    api.POD,
    api.SERVICE,
    api.ENDPOINTS,
    api.CONFIG_MAP,
    SECRET,
    Api("", "v1", "serviceaccounts", "ServiceAccount"),
    api.DAEMON_SET,
    api.DEPLOYMENT,
    Api("batch", "v1", "jobs", "Job"),
    Api(_RBAC, "v1", "roles", "Role"),
    Api(_RBAC, "v1", "rolebindings", "RoleBinding"),
    Api(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    Api(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    api.BGP_CONFIGURATION,
    api.FELIX_CONFIGURATION,
    api.IP_POOL,
    api.BGP_PEER,
    api.BLOCK_AFFINITY,
)


class Target(NamedTuple):
    """What a path leads to; without a name: the list. `part` is `status` or empty."""

    kind: Api
    namespace: str = ""
    name: str = ""
    part: str = ""


def kinds(version: tuple[int, int]) -> Mapping[tuple[str, str], Api]:
    """The kinds by API version and plural: `("apps/v1", "daemonsets")`."""
    ingresses = [api.OLD_INGRESS] if version < _OLD_INGRESS_GONE else []
    ingresses += [api.INGRESS] if version >= _INGRESS_MOVED else []
    return {(kind.api_version, kind.plural): kind for kind in (*_ALWAYS, *ingresses)}


def target(path: str, known: Mapping[tuple[str, str], Api]) -> Target:
    """What a path leads to.

    Raises:
        Refusal: nothing of this server.
    """
    root, *steps = path.strip("/").split("/")
    if root == "apis" and len(steps) > 1:
        version, steps = "/".join(steps[:2]), steps[2:]
    elif root == "api" and steps:
        version, steps = steps[0], steps[1:]
    else:
        raise unknown_path()
    namespace = ""
    if len(steps) > 2 and steps[0] == "namespaces":  # noqa: PLR2004 - two steps are the namespace itself
        namespace, steps = steps[1], steps[2:]
    kind = known.get((version, steps[0])) if steps else None
    if kind is None or len(steps) > 3 or (namespace and not kind.namespaced):  # noqa: PLR2004
        raise unknown_path()
    name, part = [*steps[1:], "", ""][:2]
    if part not in {"", "status"} or (kind.namespaced and name and not namespace):
        raise unknown_path()
    return Target(kind, namespace, name, part)
