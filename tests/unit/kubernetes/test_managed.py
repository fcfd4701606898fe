"""Whose a field is: what an apply and an update make of an object."""

from typing import Any

from adapters.kubernetes.simulator.managed import applied, entries_of, updated


def service(*ports: dict[str, Any], **labels: str) -> dict[str, Any]:
    spec = {"ports": list(ports)} if ports else {}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": labels}, "spec": spec}


WEB = {"port": 80, "protocol": "TCP", "name": "web"}
TLS = {"port": 443, "protocol": "TCP", "name": "tls"}


def test_what_one_applied_and_does_not_apply_any_more_goes() -> None:
    one, _ = applied(None, service(WEB, TLS, a="1", b="1"), "us", force=False)
    two, conflicts = applied(one, service(WEB, a="1"), "us", force=False)
    assert conflicts == []
    assert two["spec"]["ports"] == [WEB]
    assert two["metadata"]["labels"] == {"a": "1"}


def test_what_somebody_else_has_too_stays() -> None:
    one, _ = applied(None, service(WEB, a="1"), "us", force=False)
    two, _ = applied(one, service(WEB, a="1"), "them", force=False)
    three, conflicts = applied(two, service(b="1"), "us", force=False)
    assert conflicts == []
    assert three["spec"]["ports"] == [WEB]
    assert three["metadata"]["labels"] == {"a": "1", "b": "1"}


def test_another_value_for_somebody_s_field_is_a_conflict_that_names_both() -> None:
    one, _ = applied(None, service(WEB, a="1"), "them", force=False)
    same, conflicts = applied(one, service({**WEB, "name": "http"}, a="2"), "us", force=False)
    assert same is one
    assert [(one.field, one.message, one.reason) for one in conflicts] == [
        (".metadata.labels.a", 'conflict with "them"', "FieldManagerConflict"),
        ('.spec.ports[port=80,protocol="TCP"].name', 'conflict with "them"', "FieldManagerConflict"),
    ]


def test_force_takes_the_field() -> None:
    one, _ = applied(None, {**service(a="1"), "spec": {"type": "ClusterIP"}}, "them", force=False)
    two, conflicts = applied(one, service(a="2"), "us", force=True)
    assert conflicts == []
    held = {entry.manager: entry.paths for entry in entries_of(two)}
    label = ("f:metadata", "f:labels", "f:a")
    assert (label in held["them"], label in held["us"]) == (False, True)
    assert two["metadata"]["labels"] == {"a": "2"}


def test_an_update_makes_only_what_it_changes_one_s_own() -> None:
    one, _ = applied(None, service(a="1", b="1"), "us", force=False)
    two = updated(one, {**one, "metadata": {**one["metadata"], "labels": {"a": "2", "b": "1"}}}, "kubectl")
    held = {(entry.manager, entry.operation): sorted(entry.paths) for entry in entries_of(two)}
    assert held[("kubectl", "Update")] == [("f:metadata", "f:labels", "f:a")]
    assert ("f:metadata", "f:labels", "f:b") in held[("us", "Apply")]
    _, conflicts = applied(two, service(a="1", b="1"), "us", force=False)
    assert [one.message for one in conflicts] == ['conflict with "kubectl" using v1']


def test_what_an_update_takes_away_is_nobody_s() -> None:
    one, _ = applied(None, service(a="1", b="1"), "us", force=False)
    two = updated(one, {**one, "metadata": {**one["metadata"], "labels": {"a": "1"}}}, "kubectl")
    three, conflicts = applied(two, service(a="1", b="2"), "us", force=False)
    assert conflicts == []
    assert three["metadata"]["labels"] == {"a": "1", "b": "2"}
