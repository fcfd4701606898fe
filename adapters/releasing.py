"""Who installs releases, by helm: on real clusters, or in a rehearsal.

Apart from `adapters.wiring`, which imports it only for sites with VPNs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

import yaml

from adapters.helm.binary import Binary, find
from adapters.helm.client import HelmClient
from adapters.helm.exchange import Execute, Finished
from adapters.helm.hiding import STRONGSWAN, Source
from adapters.helm.kube import Object
from adapters.helm.provider import Access, HelmProvider
from adapters.kubernetes import api, connect
from adapters.kubernetes.access import Access as Cluster
from adapters.simulated.site import SimulatedSite
from hopbook.engine.change import Scope
from hopbook.errors import InvalidInput, Missing, Problem, Rejected
from hopbook.resources.base import Key, SecretRef
from hopbook.resources.helm import Release
from hopbook.secret import Secret
from hopbook.site.model import Site
from hopbook.steps.vpn import vpns
from hopbook.vpn.keys import KeyTable

Resolve = Callable[[SecretRef], Secret]
_KINDS = {"Deployment": api.DEPLOYMENT}


def provider(
    site: Site,
    table: KeyTable,
    helms: Mapping[str, Execute],
    clusters: Mapping[str, Cluster],
    resolve: Resolve,
    now: Callable[[], datetime],
) -> HelmProvider:
    """The releases of a site's clusters.

    Args:
        site: Whose.
        table: The keys of the chart that makes tunnels.
        helms: What runs helm for each cluster.
        clusters: How each cluster's API is reached.
        resolve: Gives a secret for its reference.
        now: The time, in UTC.
    """
    kube = Kube(clusters)
    accesses = {
        name: Access(
            client=HelmClient(execute, address=name),
            sources=_sources(site, name),
            kube=kube,
            secrets=_secrets(site, name),
        )
        for name, execute in helms.items()
    }
    return HelmProvider(accesses, site=site.site, table=table, resolve=resolve, now=now)


def rehearsed(
    site: Site,
    table: KeyTable,
    world: SimulatedSite,
    clusters: Mapping[str, Cluster],
    resolve: Resolve,
    now: Callable[[], datetime],
) -> HelmProvider:
    """Those of a simulated site, which from now on knows what they made of its network."""
    names = [name for name in dict(vpns(site)) if name in clusters]
    world.releases.now = now

    def made(helms: Mapping[str, Execute], ways: Mapping[str, Cluster]) -> HelmProvider:
        return provider(site, table, helms, ways, resolve, now)

    peeking = made({name: world.releases.peeking(name) for name in names}, world.clusters.peeking())
    scope = Scope(frozenset(Key(Release.kind, f"{name}/any") for name in names))
    world.tunnels = lambda: peeking.observe(scope)
    return made({name: world.releases.helm(name) for name in names}, clusters)


def binaries(site: Site, resolve: Resolve) -> dict[str, Execute]:
    """The helm binary for each cluster with an end of a VPN.

    Neither helm nor a kubeconfig is looked for before it is first run, since most runbooks need none: that
    raises InvalidInput where there is none.
    """
    return {name: partial(_run, cache(partial(_binary, site, name, resolve))) for name in dict(vpns(site))}


def _run(binary: Callable[[], Binary], arguments: Sequence[str], stdin: str, timeout: float) -> Finished:
    return binary()(arguments, stdin, timeout)


def _binary(site: Site, cluster: str, resolve: Resolve) -> Binary:
    endpoint = site.endpoints.kubernetes.get(cluster)
    where = f"endpoints.kubernetes.{cluster}"
    if endpoint is None:
        raise InvalidInput(
            Problem(what="helm needs a kubeconfig to install a VPN's end; expected one", where=where)
        )
    try:
        document = connect.kubeconfig(resolve(endpoint.kubeconfig), endpoint.context)
    except ValueError as error:
        raise InvalidInput(Problem(what=str(error), where=f"{where}.kubeconfig")) from error
    if endpoint.context:
        document["current-context"] = endpoint.context
    return Binary(find(), Secret(yaml.safe_dump(document)))


def _sources(site: Site, cluster: str) -> dict[str, Source]:
    charts = [item.chart for name, item in vpns(site) if name == cluster]
    return {chart.name: replace(STRONGSWAN, location=chart.location) for chart in charts}


def _secrets(site: Site, cluster: str) -> tuple[SecretRef, ...]:
    """The keys that a tunnel of the cluster may have."""
    return tuple(dict.fromkeys(item.psk for name, item in vpns(site) if name == cluster))


@dataclass(frozen=True, slots=True)
class Kube:
    """What is asked of Kubernetes about releases (`adapters.helm.kube.Kube`), by the clusters' clients."""

    clusters: Mapping[str, Cluster]

    def pods(self, cluster: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """The pods with these labels."""
        return self._all(cluster, api.POD, namespace, labels)

    def services(self, cluster: str, namespace: str, labels: Mapping[str, str]) -> Sequence[Object]:
        """The services with these labels."""
        return self._all(cluster, api.SERVICE, namespace, labels)

    def nodes(self, cluster: str) -> Sequence[Object]:
        """Every node."""
        return self._all(cluster, api.NODE)

    def pools(self, cluster: str) -> Sequence[Object]:
        """Calico's IP pools."""
        return self._all(cluster, api.IP_POOL)

    def config_map(self, cluster: str, namespace: str, name: str) -> Mapping[str, str] | None:
        """The data of a ConfigMap; None: it is not there."""
        found = self._cluster(cluster).client.find(api.CONFIG_MAP, namespace, name)
        return None if found is None else found.get("data") or {}

    def exists(self, cluster: str, namespace: str, kind: str, name: str) -> bool:
        """Whether there is an object of a kind."""
        return self._cluster(cluster).client.find(_KINDS[kind], namespace, name) is not None

    def execute(self, cluster: str, namespace: str, pod: str, command: Sequence[str]) -> str:
        """Not offered: a pod is not entered from here."""
        words = " ".join(command)
        what = f"commands are not run in pods: `kubectl exec -n {namespace} {pod} -- {words}`"
        raise Rejected(f"{cluster}: {what}", system="Kubernetes")

    def _all(
        self, cluster: str, kind: api.Api, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Object]:
        selector = ",".join(f"{name}={value}" for name, value in (labels or {}).items())
        try:
            return self._cluster(cluster).client.all_of(kind, namespace, selector).items
        except Missing:  # the server does not know the kind: Calico is not there
            return []

    def _cluster(self, name: str) -> Cluster:
        if name not in self.clusters:
            raise Rejected(f"nobody said how to reach the cluster {name}", system="Kubernetes")
        return self.clusters[name]
