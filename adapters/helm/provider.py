"""Releases as resources, and the tunnels that come of some of them.

A release is ours by a label of the release itself, which outlives failures and other people's upgrades. Its
secret leaves the values on the way in; what may be secret in a stranger's chart nobody knows, so the values
of charts that were not named are not read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from adapters.helm.client import Chart, HelmClient, Listed
from adapters.helm.errors import SYSTEM
from adapters.helm.hiding import Source, joined, parted, unknown
from adapters.helm.kube import Kube
from adapters.helm.strongswan import Habits, IkeState, Inside
from adapters.helm.traits import UNDER_WAY, kinds, lane_of
from hopbook.engine.change import (
    Action,
    Change,
    KindTraits,
    Observation,
    Observed,
    Outcome,
    Pending,
    Result,
    Scope,
    not_attempted,
)
from hopbook.engine.ports import Recorder
from hopbook.errors import AnswerLost, Garbled, HopbookError, InvalidInput, Missing, Problem, Rejected
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.resources.helm import Release
from hopbook.secret import Secret
from hopbook.vpn.keys import KeyTable
from hopbook.vpn.values import Effective, lint

LABEL = "hopbook"
"""The label of our releases; its value is the site's name."""


@dataclass(frozen=True, slots=True)
class Access:
    """How one cluster is reached.

    Attributes:
        sources: The charts that may be used, by name.
        kube: What is asked about the objects of releases; None: tunnels are not observed.
        secrets: The secrets that a tunnel may have: the one whose value is found is the tunnel's.
    """

    client: HelmClient
    sources: Mapping[str, Source] = field(default_factory=dict)
    kube: Kube | None = None
    secrets: tuple[SecretRef, ...] = ()
    habits: Habits = field(default_factory=Habits)


class HelmProvider:
    """The releases of a site's clusters.

    Args:
        clusters: How each cluster is reached, by its name.
        site: The site's name: whose releases are ours.
        table: The keys of the chart that makes tunnels.
        resolve: Gives a secret for its reference, or raises InvalidInput.
        now: The time, in UTC.
    """

    kinds: Mapping[str, KindTraits]

    def __init__(
        self,
        clusters: Mapping[str, Access],
        *,
        site: str,
        table: KeyTable,
        resolve: Callable[[SecretRef], Secret],
        now: Callable[[], datetime],
    ) -> None:
        self._clusters = clusters
        self._site = site
        self._table = table
        self._resolve = resolve
        self._now = now
        self.kinds = kinds(max((access.client.longest for access in clusters.values()), default=0.0))

    def observe(self, scope: Scope) -> Observation:
        """Read every release of the clusters that the keys are of, and what became of the tunnels."""
        merged = Observation()
        for cluster in sorted({key.name.partition("/")[0] for key in scope.keys if key.kind in self.kinds}):
            if cluster in self._clusters:
                merged = merged.merged(self._cluster(cluster, self._clusters[cluster]))
        return merged

    def apply(self, batch: Sequence[Change], submitted: Recorder) -> Iterator[Outcome]:  # noqa: ARG002 - the port's
        """Upgrade or uninstall, one after the other; behind one that went wrong nothing is tried."""
        for number, change in enumerate(batch, start=1):
            try:
                reason = self._make(change)
            except HopbookError as error:
                doubt = isinstance(error, AnswerLost | Garbled)
                result = Result.UNKNOWN if doubt else Result.REFUSED
                yield Outcome(key=change.key, result=result, reason=str(error), more=number < len(batch))
                yield from not_attempted(batch[number:], f"{change.resource.title()} went wrong")
                return
            result = Result.ADOPTED if change.action is Action.ADOPT else Result.APPLIED
            yield Outcome(key=change.key, result=result, reason=reason)

    def ike(self, release: Release) -> IkeState | None:
        """How the tunnel of a release is, as its container says; None: no container runs.

        Raises:
            SystemTrouble: it could not be asked.
            InvalidInput: nobody said how the cluster is reached.
        """
        inside = self._inside(release, self._access(release))
        return inside.ike() if inside is not None else None

    def leftovers(self, release: Release) -> tuple[str, ...]:
        """What of a release that was taken away is still there, each with what to do.

        Raises:
            SystemTrouble: the cluster could not be asked.
        """
        inside = self._inside(release, self._access(release))
        if inside is None or release.chart != self._table.chart:
            return ()
        return inside.leftovers(self._effective(release).networks("remote.subnet"))

    # Reading

    def _cluster(self, cluster: str, access: Access) -> Observation:
        listed = access.client.releases()
        label = f"{LABEL}={self._site}"
        ours = {(item.namespace, item.release) for item in access.client.releases(label)} if listed else set()
        items: dict[Key, Observed] = {}
        pending = []
        for item in sorted(listed, key=lambda item: _precedence(item, ours)):
            observed, secret = self._read(
                cluster, access, item, marked=(item.namespace, item.release) in ours
            )
            if observed is None:
                continue
            key = observed.resource.key
            if key in items:  # Helm counts names by namespace, and ours is the one that counts
                key = Key(Release.kind, f"{cluster}/{item.namespace}/{item.release}")
            items[key] = observed
            if self._at_work(item, access):
                what = f"release {item.release} of {cluster} is {item.status.value}"
                pending.append(Pending(lane_of(cluster), what, f"revision {item.revision}"))
            items |= self._facts(access, observed.resource, secret)
        return Observation(items=items, pending=tuple(pending))

    def _read(
        self, cluster: str, access: Access, item: Listed, *, marked: bool
    ) -> tuple[Observed | None, Secret | None]:
        name, version = item.named
        release = Release(
            cluster=cluster,
            release=item.release,
            chart=name,
            chart_version=version,
            namespace=item.namespace,
            status=item.status,
        )
        source = access.sources.get(name)
        handle = f"{item.namespace}/{item.release} revision {item.revision}"
        if source is None:
            unread = frozenset({"values", "secret", "secret_at"})
            return Observed(resource=release, marked=marked, unreadable=unread, handle=handle), None
        try:
            given = access.client.values(item.release, item.namespace)
        except Missing:  # it went since it was listed
            return None, None
        values, secret = parted(given, source)
        reference = self._reference(access, release, secret)
        release = replace(release, values=values, secret=reference, secret_at=source.secret_at)
        unreadable = frozenset({"secret"}) if secret is not None else frozenset()
        return Observed(resource=release, marked=marked, unreadable=unreadable, handle=handle), secret

    def _at_work(self, item: Listed, access: Access) -> bool:
        """Whether a helm may still be at work: one that takes longer than any of ours was killed."""
        age = self._now() - item.updated
        return item.status in UNDER_WAY and age <= timedelta(seconds=access.client.longest)

    def _facts(self, access: Access, release: Resource, secret: Secret | None) -> dict[Key, Observed]:
        """The tunnel of a release; values that the chart refuses make none."""
        if not isinstance(release, Release) or release.chart != self._table.chart:
            return {}
        inside = self._inside(release, access)
        if inside is None or self._problems(release, secret=secret is not None):
            return {}
        reference = release.secret or unknown(release)
        facts = inside.facts(self._effective(release), reference)
        return {fact.key: Observed(resource=fact, system=True) for fact in facts}

    def _reference(self, access: Access, release: Release, secret: Secret | None) -> SecretRef | None:
        """Which of the secrets that we know it is."""
        if secret is None:
            return None
        for reference in access.secrets:
            try:
                known = self._resolve(reference)
            except InvalidInput:  # not at hand just now: then it cannot be told
                continue
            if known == secret:
                return reference
        return unknown(release)

    # Changing

    def _make(self, change: Change) -> str:
        """Make one change; what a person should know of it."""
        release = change.resource
        if not isinstance(release, Release):
            raise Rejected("it follows from its release and is not changed by itself", system=SYSTEM)
        access = self._access(release)
        if change.after is None:
            access.client.uninstall(release.release, release.namespace)
            return "; ".join(self.leftovers(release))
        chart, secret = self._chart(access, release), self._secret(access, release)
        access.client.upgrade(
            release.release,
            chart,
            joined(release, secret),
            release.namespace,
            labels={LABEL: None if change.action is Action.RELEASE else self._site},
            secrets=() if secret is None else (secret,),
        )
        return ""

    def _chart(self, access: Access, release: Release) -> Chart:
        """The chart, once it is seen to be the one that is meant and to take the values."""
        if problems := self._problems(release, secret=release.secret is not None):
            raise InvalidInput(*problems)
        source = access.sources.get(release.chart)
        if source is None:
            known = ", ".join(sorted(access.sources)) or "none"
            raise InvalidInput(f"{release.title()}: where is chart {release.chart}? Known here: {known}")
        chart = Chart(release.chart, release.chart_version, source.location)
        if (found := access.client.chart(chart)) != (release.chart, release.chart_version):
            there = chart.location or "the set-up's own"
            wanted = f"expected {release.chart} {release.chart_version}"
            raise InvalidInput(f"{release.title()}: the chart at {there} is {' '.join(found)}; {wanted}")
        return chart

    def _problems(self, release: Release, *, secret: bool) -> list[Problem]:
        if release.chart != self._table.chart:
            return []
        version = release.chart_version
        return lint(release.document(), version, self._table, release=release.release, secret=secret)

    def _secret(self, access: Access, release: Release) -> Secret | None:
        """The secret to send; one that only the cluster knows stays as it is."""
        if release.secret is None:
            return None
        if release.secret != unknown(release):
            return self._resolve(release.secret)
        given = access.client.values(release.release, release.namespace)
        return parted(given, access.sources[release.chart])[1]

    def _effective(self, release: Release) -> Effective:
        return Effective(self._table, dict(self._table.entries(release.document())))

    def _inside(self, release: Release, access: Access) -> Inside | None:
        return Inside(access.kube, release, access.habits) if access.kube is not None else None

    def _access(self, release: Release) -> Access:
        access = self._clusters.get(release.cluster)
        if access is None:
            known = ", ".join(sorted(self._clusters)) or "none"
            raise InvalidInput(f"{release.title()}: nobody said how to reach that cluster; known: {known}")
        return access


def _precedence(item: Listed, ours: set[tuple[str, str]]) -> tuple[bool, bool, str, str]:
    """Ours first: it has the plain key where a name is used in two namespaces."""
    return (
        (item.namespace, item.release) not in ours,
        item.namespace != "default",
        item.namespace,
        item.release,
    )
