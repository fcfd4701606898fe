"""The clusters that the site file names, by their kubeconfigs.

Nothing is sent, and the official client is not even imported, before a cluster is first asked.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml

from adapters.kubernetes.access import Access, Conventions, sides_of
from adapters.kubernetes.client import KubernetesClient
from adapters.kubernetes.exchange import Wire
from hopbook.errors import InvalidInput, Problem
from hopbook.network import naming
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret
from hopbook.site.model import KubernetesEndpoint, Site

Resolve = Callable[[SecretRef], Secret]
_PLACE = "endpoints.kubernetes"


def real(site: Site, resolve: Resolve) -> dict[str, Access]:
    """How each cluster of `endpoints.kubernetes` is reached; whoever opens a client closes it.

    A kubeconfig is looked at when its cluster is first asked, since most runbooks need none; that raises
    InvalidInput where it cannot be had or used.

    Raises:
        InvalidInput: clusters that the site does not have.
    """
    known = [cluster.name for cluster in site.iks] + [naming.ICP] * (site.icp is not None)
    expected = f"expected one of {', '.join(known) or 'none, for the site has no cluster'}"
    strangers = [name for name in site.endpoints.kubernetes if name not in known]
    if strangers:
        raise InvalidInput(
            *(
                Problem(what=f"the site has no cluster {name!r}; {expected}", where=f"{_PLACE}.{name}")
                for name in strangers
            )
        )
    return {
        name: access(site, name, partial(_wire, name, endpoint, resolve), endpoint)
        for name, endpoint in site.endpoints.kubernetes.items()
    }


def access(
    site: Site,
    cluster: str,
    wire: Callable[[], Wire],
    endpoint: KubernetesEndpoint | None = None,
    **options: Any,
) -> Access:
    """How one cluster is reached; `options` are the client's."""
    if endpoint is None:
        return Access(client=KubernetesClient(cluster, wire, **options), sides=sides_of(site, cluster))
    usual = Conventions()
    return Access(
        client=KubernetesClient(cluster, wire, timeout=endpoint.timeout, **options),
        sides=sides_of(site, cluster),
        conventions=Conventions(
            keepers=endpoint.keepers or usual.keepers,
            controller=re.compile(endpoint.controller) if endpoint.controller else usual.controller,
            namespace=endpoint.namespace or usual.namespace,
            image=endpoint.image or usual.image,
        ),
        patience=endpoint.patience,
    )


def kubeconfig(text: Secret, context: str) -> dict[str, Any]:
    """A kubeconfig that leads somewhere by TLS, verified.

    Raises:
        ValueError: what is wrong with it and what was expected, with nothing of what is in it but names.
    """
    try:
        document = yaml.safe_load(text.reveal())
    except yaml.YAMLError:
        raise ValueError("it is no YAML; expected a kubeconfig") from None
    if not isinstance(document, dict):
        raise ValueError("it is no kubeconfig; expected clusters, contexts and users")  # noqa: TRY004 - of a person's text
    wanted = context or document.get("current-context") or ""
    within = _named(document, "contexts", wanted, "context")
    cluster = _named(document, "clusters", str(within.get("cluster", "")), "cluster")
    _named(document, "users", str(within.get("user", "")), "user")
    if cluster.get("insecure-skip-tls-verify"):
        raise ValueError(
            "it has insecure-skip-tls-verify, and certificates are always verified here; "
            "expected certificate-authority-data"
        )
    if not str(cluster.get("server", "")).startswith("https://"):
        raise ValueError(f"its server is {cluster.get('server')!r}; expected https://…")
    return document


def _named(document: Mapping[str, Any], section: str, name: str, inner: str) -> Mapping[str, Any]:
    items = document.get(section)
    listed = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    for item in listed:
        found = item.get(inner)
        if item.get("name") == name and isinstance(found, dict):
            return found
    known = ", ".join(str(item.get("name")) for item in listed) or "none"
    raise ValueError(f"it has no {inner} {name!r}; expected one of: {known}")


def _wire(name: str, endpoint: KubernetesEndpoint, resolve: Resolve) -> Wire:
    from adapters.kubernetes import wire  # the official client takes a second

    try:
        document = kubeconfig(resolve(endpoint.kubeconfig), endpoint.context)
        return wire.from_kubeconfig(document, endpoint.context or document["current-context"])
    except ValueError as error:
        raise InvalidInput(Problem(what=str(error), where=f"{_PLACE}.{name}.kubeconfig")) from error
