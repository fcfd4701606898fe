"""Kubeconfigs: what is taken, what is refused, and that nothing of them shows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.kubernetes import connect
from adapters.kubernetes.client import KubernetesClient
from adapters.kubernetes.exchange import Wire
from adapters.kubernetes.wire import from_kubeconfig
from adapters.simulated.serve import serve_cluster
from adapters.simulated.trust import issue
from hopbook.errors import InvalidInput, LoginRefused, Unreachable, WrongCertificate
from hopbook.resources.base import SecretRef
from hopbook.secret import Secret
from hopbook.site.model import KubernetesEndpoint, Site
from tests.contract.kubernetes_lab import TOKEN, Trouble, built
from tests.unit.kubernetes.test_example import EXAMPLE

SECRET = "t0k3n-that-nobody-sees"


def config(**changes: Any) -> dict[str, Any]:
    cluster = {"server": "https://10.95.9.9:31234", **changes.pop("cluster", {})}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": SECRET}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
        **changes,
    }


BAD: list[tuple[object, str, str]] = [
    (config(cluster={"insecure-skip-tls-verify": True}), "", "certificates are always verified here"),
    (config(cluster={"server": "http://10.95.9.9"}), "", "expected https://"),
    (config(), "y", "it has no context 'y'; expected one of: x"),
    (config(clusters=[]), "", "it has no cluster 'c'; expected one of: none"),
    (config(users=None), "", "it has no user 'u'"),
    (config(contexts="x"), "", "it has no context 'x'"),
    ({}, "", "it has no context ''"),
    (f"just {SECRET}", "", "it is no kubeconfig"),
    ("a: [", "", "it is no YAML"),
]


@pytest.mark.parametrize(("document", "context", "why"), BAD, ids=[why for _, _, why in BAD])
def test_what_cannot_be_used_says_why(document: object, context: str, why: str) -> None:
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    with pytest.raises(ValueError, match=re.escape(why)) as told:
        connect.kubeconfig(Secret(text), context)
    assert SECRET not in str(told.value)


def site(**endpoints: Any) -> Site:
    return Site.model_validate({**EXAMPLE, "endpoints": {"kubernetes": endpoints}})


def test_a_cluster_that_the_site_does_not_have_is_named() -> None:
    wrong = site(**{"iks-b": {"kubeconfig": {"env": "KUBE"}}})
    with pytest.raises(InvalidInput, match="the site has no cluster 'iks-b'; expected one of iks-a, icp"):
        connect.real(wrong, lambda _: Secret(""))


def test_nothing_is_asked_for_before_the_cluster_is() -> None:
    asked: list[SecretRef] = []

    def resolve(ref: SecretRef) -> Secret:
        asked.append(ref)
        return Secret(yaml.safe_dump(config(cluster={"insecure-skip-tls-verify": True})))

    accesses = connect.real(site(**{"iks-a": {"kubeconfig": {"env": "KUBE"}}}), resolve)
    assert asked == []
    with pytest.raises(InvalidInput, match=r"endpoints\.kubernetes\.iks-a\.kubeconfig: .*always verified"):
        accesses["iks-a"].client.version  # noqa: B018 - it asks
    assert asked == [SecretRef("env", "KUBE")]


def test_what_is_silent_in_the_reference_is_the_site_s() -> None:
    endpoint = {"kubeconfig": {"env": "KUBE"}, "keepers": "lb", "controller": "^gate-", "image": "own:1"}
    access = connect.real(site(**{"iks-a": endpoint}), lambda _: Secret(""))["iks-a"]
    assert access.conventions.keepers == "lb"
    assert access.conventions.controller.search("gate-1")
    assert (access.conventions.image, access.conventions.namespace) == ("own:1", "kube-system")


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is no regular expression"):
        KubernetesEndpoint.model_validate({"kubeconfig": {"env": "KUBE"}, "controller": "("})


def client_of(document: dict[str, Any]) -> KubernetesClient:
    def wire() -> Wire:
        return from_kubeconfig(document, document["current-context"])

    return KubernetesClient("iks-a", wire, timeout=5, sleep=lambda _: None)


def test_a_server_with_another_certificate_is_not_spoken_to(tmp_path: Path) -> None:
    ours, theirs = issue(tmp_path / "ours"), issue(tmp_path / "theirs")
    cluster = built((1, 31), Trouble())
    with serve_cluster(cluster, ours, Secret(TOKEN)) as file:
        document = yaml.safe_load(file.read_text())
        assert file.stat().st_mode & 0o077 == 0
        with client_of(document) as client:
            assert client.version == (1, 31)
        count = len(cluster.requests)
        document["clusters"][0]["cluster"].pop("certificate-authority-data")
        document["clusters"][0]["cluster"]["certificate-authority"] = str(theirs.ca_file)
        with client_of(document) as client, pytest.raises(WrongCertificate, match="is not trusted"):
            client.version  # noqa: B018 - it asks
        assert len(cluster.requests) == count


def test_a_wrong_token_is_refused_and_shown_nowhere(tmp_path: Path) -> None:
    with serve_cluster(built((1, 11), Trouble()), issue(tmp_path), Secret(SECRET)) as file:
        document = connect.kubeconfig(Secret(file.read_text()), "")
        with client_of(document) as client, pytest.raises(LoginRefused) as told:
            client.version  # noqa: B018 - it asks
    shown = "".join(str(error) + repr(error) for error in (told.value, told.value.__cause__))
    assert SECRET not in shown


def test_an_api_server_that_is_not_there_says_so(tmp_path: Path) -> None:
    with serve_cluster(built((1, 11), Trouble()), issue(tmp_path), Secret(TOKEN)) as file:
        document = connect.kubeconfig(Secret(file.read_text()), "")
    with client_of(document) as client, pytest.raises(Unreachable, match="get /version: no connection"):
        client.version  # noqa: B018 - it asks
