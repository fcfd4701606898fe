"""What an API server says, in our words: system, request, field, and what was expected."""

import json
from typing import Any

import pytest

from adapters.kubernetes import api
from adapters.kubernetes.errors import Asked, Conflict, Expired, Forbidden, Throttled, from_answer, from_wire
from adapters.kubernetes.exchange import Answer, NoAnswer, NotSent, NotTrusted
from hopbook.errors import (
    AnswerLost,
    Garbled,
    LoginRefused,
    Missing,
    Rejected,
    SystemTrouble,
    Unreachable,
    WrongCertificate,
)

CHANGE = Asked("iks-a", "10.95.9.9:31234", "patch", api.CONFIG_MAP, "kube-system", "words")
READ = Asked("iks-a", "10.95.9.9:31234", "list", api.BGP_PEER)


def answer(status: int, *, asked: Asked = CHANGE, **told: Any) -> SystemTrouble:
    document = {"kind": "Status", "message": "because", "reason": "Because", "code": status, **told}
    return from_answer(Answer(status=status, body=json.dumps(document).encode()), asked)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, LoginRefused),
        (403, Forbidden),
        (404, Missing),
        (409, Conflict),
        (410, Expired),
        (415, Rejected),
        (422, Rejected),
        (429, Throttled),
        (500, AnswerLost),
        (503, Rejected),
        (504, AnswerLost),
    ],
)
def test_a_refused_change(status: int, kind: type[SystemTrouble]) -> None:
    error = answer(status)
    assert type(error) is kind
    assert str(error).startswith(
        "Kubernetes iks-a (10.95.9.9:31234): patch configmaps kube-system/words: because"
    )


def test_a_failed_read_is_no_doubt() -> None:
    assert type(answer(500, asked=READ)) is Rejected


def test_a_forbidden_request_says_what_the_user_needs() -> None:
    assert "the user needs the verb 'patch' on configmaps in namespace kube-system" in str(answer(403))
    assert "the verb 'list' on bgppeers.crd.projectcalico.org in the whole cluster" in str(
        answer(403, asked=READ)
    )


def test_a_conflict_names_every_manager_and_field() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{name}" using v1', "field": field}
        for name, field in (("calicoctl", ".spec.asNumber"), ("argocd", ".spec.peerIP"))
    ]
    assert str(answer(409, details={"causes": causes})).endswith(
        ".spec.asNumber is managed by calicoctl; .spec.peerIP is managed by argocd; "
        "it is not taken from there by force"
    )


def test_a_field_that_only_a_cause_names_is_told() -> None:
    error = answer(422, details={"causes": [{"field": "spec.cidr", "message": "wrong"}]})
    assert str(error).endswith("because (field spec.cidr)")


def test_how_long_to_wait_is_the_server_s_word() -> None:
    told = Answer(status=429, headers={"retry-after": "7"}, body=b"slow down")
    error = from_answer(told, CHANGE)
    assert isinstance(error, Throttled)
    assert (error.wait, error.retryable) == (7.0, True)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"kind": "Pod"}', b"\xff", b"[" * 100_000])
def test_what_is_no_status_is_not_an_api_server_s(body: bytes) -> None:
    assert type(from_answer(Answer(status=502, body=body), CHANGE)) is AnswerLost
    assert type(from_answer(Answer(status=302, body=body), READ)) is Garbled


def test_the_wire() -> None:
    assert type(from_wire(NotSent("refused"), CHANGE)) is Unreachable
    assert type(from_wire(NoAnswer("cut"), CHANGE)) is AnswerLost
    assert type(from_wire(NotTrusted("self-signed"), CHANGE)) is WrongCertificate
    assert "certificate-authority-data" in str(from_wire(NotTrusted("self-signed"), CHANGE))
