"""helm's last words, and whether they prove that nothing was done."""

import pytest

from adapters.helm.errors import Asked, cut, trouble
from adapters.helm.exchange import Finished
from hopbook.errors import (
    AnswerLost,
    LoginRefused,
    Missing,
    Rejected,
    SystemTrouble,
    Unreachable,
    WrongCertificate,
)
from hopbook.secret import Secret

READ = Asked("list", changes=False, address="iks-a")
CHANGE = Asked("upgrade vpn", changes=True, address="iks-a")
LOOK = 'Kubernetes cluster unreachable: Get "https://10.0.0.1:443/version": '


def said(words: str, asked: Asked = CHANGE) -> SystemTrouble:
    return trouble(asked, Finished(1, stderr=f"Error: {words}\n"))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (LOOK + "dial tcp 10.0.0.1:443: connect: connection refused", Unreachable),
        (LOOK + "dial tcp: lookup iks.example.com: no such host", Unreachable),
        (LOOK + "tls: failed to verify certificate: x509: certificate signed by unknown", WrongCertificate),
        (LOOK + "the server has asked for the client to provide credentials", LoginRefused),
        (
            'query: failed to query with labels: secrets is forbidden: User "x" cannot list resource',
            LoginRefused,
        ),
        ('error loading config file "kubeconfig": yaml: line 2', LoginRefused),
        ('path "/charts/strongswan" not found', Rejected),
        ('failed to download "ibm/strongswan"', Rejected),
        ("template: strongswan/templates/x.yaml:3:4: executing", Rejected),
        ("strongswan/templates/x.yaml:3:4 executing (as helm 4 says it)", Rejected),
        ("failed to parse -: error converting YAML to JSON: yaml: line 1", Rejected),
        ("non-absolute URLs should be in form of repo_name/path_to_chart, got: x", Rejected),
        ('looks like "https://charts.example.com" is not a valid chart repository', Rejected),
        ('unable to build kubernetes objects from release manifest: no matches for kind "IPPool"', Rejected),
        ("uninstall: Release not loaded: vpn: release: not found", Missing),
    ],
)
def test_what_helm_says_before_it_begins(words: str, kind: type[SystemTrouble]) -> None:
    assert type(said(words)) is kind
    assert "helm (iks-a): upgrade vpn: " in str(said(words))


@pytest.mark.parametrize(
    "words",
    [
        "UPGRADE FAILED: timed out waiting for the condition",
        "UPGRADE FAILED: context deadline exceeded",
        'UPGRADE FAILED: clusterroles.rbac.authorization.k8s.io is forbidden: User "x" cannot create',
        'UPGRADE FAILED: Post "https://10.0.0.1:443/api/v1": dial tcp: connection refused',
        'serviceaccounts "vpn-strongswan" not found',
        'deployments.apps "vpn-strongswan" already exists',
        "something that helm never said before",
    ],
)
def test_what_may_come_in_the_middle_is_in_doubt(words: str) -> None:
    assert type(said(words)) is AnswerLost


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("dial tcp 10.0.0.1:443: i/o timeout", Unreachable),
        ('configmaps is forbidden: User "x" cannot list', LoginRefused),
        ("release: not found", Missing),
        ("something that helm never said before", Rejected),
    ],
)
def test_of_a_read_nothing_is_in_doubt(words: str, kind: type[SystemTrouble]) -> None:
    assert type(said(words, READ)) is kind


def test_another_helm_at_work_is_a_refusal_that_says_what_to_do() -> None:
    error = said("UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress")
    assert isinstance(error, Rejected)
    assert error.code == "pending"
    assert "`helm rollback` or `helm uninstall` it by hand" in str(error)


def test_a_leftover_is_named_with_what_to_do() -> None:
    words = (
        'Deployment "vpn-strongswan" in namespace "default" exists and cannot be imported into the current'
    )
    error = said(f"Unable to continue with install: {words} release: invalid ownership metadata")
    assert isinstance(error, Rejected)
    assert error.code == "exists"
    assert "`kubectl delete deployment vpn-strongswan`, then resume" in str(error)


def test_a_killed_helm_leaves_a_change_in_doubt_and_a_read_not() -> None:
    assert type(trouble(CHANGE, Finished(-9))) is AnswerLost
    assert type(trouble(READ, Finished(-9))) is Unreachable
    assert str(cut(CHANGE, "helm did not end within 3 s")) == (
        "helm (iks-a): upgrade vpn: helm did not end within 3 s"
    )


def test_secrets_and_warnings_are_not_repeated() -> None:
    told = "WARNING: kubeconfig is group-readable\nError: bad value s3cret in values\n"
    error = trouble(CHANGE, Finished(1, stderr=told), [Secret("s3cret")])
    assert str(error) == "helm (iks-a): upgrade vpn: bad value (secret) in values"


def test_of_long_words_the_end_is_kept_and_of_none_the_status() -> None:
    assert said("x" * 5000 + " the end").what.endswith(" the end")
    assert len(said("x" * 5000).what) < 700
    assert "it ended with 1 and said nothing" in str(trouble(CHANGE, Finished(1)))
