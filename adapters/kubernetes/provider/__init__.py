"""Clusters, as resources."""

from collections.abc import Iterator, Mapping, Sequence

from adapters.kubernetes.access import Access
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider import reading, traits
from adapters.kubernetes.provider.writing import Session
from hopbook.engine.change import (
    Action,
    Change,
    KindTraits,
    Observation,
    Outcome,
    Result,
    Scope,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import HopbookError, InvalidInput
from hopbook.resources.base import Key

_CALLS = 8  # that one change may need, each with its own deadline


class KubernetesProvider:
    """The clusters of a site: Calico, nodes, pods, services, Ingresses, routes.

    Safe to share between threads.

    Args:
        clusters: By their names in the site file.
        site: The site's name, which our markers carry.
    """

    def __init__(self, clusters: Mapping[str, Access], *, site: str) -> None:
        self._clusters = clusters
        self._markers = Markers(site)
        timeout = max((access.client.timeout for access in clusters.values()), default=0) * _CALLS
        patience = max((access.patience for access in clusters.values()), default=0)
        self.kinds: Mapping[str, KindTraits] = traits.kinds(timeout, patience)

    def observe(self, scope: Scope) -> Observation:
        """Read the clusters that the scope's keys are of, each in a fixed number of lists.

        Raises:
            InvalidInput: the site names no way to one of them.
        """
        observation = Observation()
        by_cluster: dict[str, list[Key]] = {}
        for key in scope.keys:
            by_cluster.setdefault(key.name.partition("/")[0], []).append(key)
        for cluster, keys in sorted(by_cluster.items()):
            seen = reading.observe(cluster, self._access(cluster), self._markers, keys)
            observation = observation.merged(seen)
        return observation

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:  # noqa: ARG002
        """Make the changes of one cluster so; after the first one that fails nothing more is tried.

        A route is made when every node's pod is ready. No call gives a handle to submit.
        """
        access = self._access(batch[0].key.name.partition("/")[0])
        session = Session(access, self._markers)
        for number, change in enumerate(batch):
            try:
                session.make(change)
            except HopbookError as error:
                result = Result.UNKNOWN if session.touched else Result.REFUSED
                yield Outcome(key=change.key, result=result, reason=str(error))
                yield from not_attempted(batch[number + 1 :], f"{change.key.name} before it failed")
                return
            adopted = change.action is Action.ADOPT
            yield Outcome(key=change.key, result=Result.ADOPTED if adopted else Result.APPLIED)

    def _access(self, cluster: str) -> Access:
        access = self._clusters.get(cluster)
        if access is None:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise InvalidInput(f"no way to the cluster {cluster!r} is known; expected one of: {known}")
        return access
