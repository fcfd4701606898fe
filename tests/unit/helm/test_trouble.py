"""What goes wrong with a helm, and what the provider makes of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.helm.simulator import Memory, SimulatedHelm
from adapters.simulated.faults import Faults, parse_fault
from hopbook.engine.change import Action, Outcome, Result
from hopbook.engine.plan import Known, Step, diff
from hopbook.errors import Garbled, LoginRefused, Unreachable
from hopbook.resources.base import Key, SecretRef
from hopbook.resources.helm import Status
from tests.contract.helm_lab import SECRETS, VPN, Lab, create, delete, other_values, update

Asked = Callable[..., Lab]


@pytest.fixture
def asked() -> Asked:
    """A lab where these go wrong."""

    def made(*faults: str) -> Lab:
        return Lab(SimulatedHelm(faults=Faults(parse_fault(text) for text in faults)))

    return made


def only(outcomes: list[Outcome]) -> Outcome:
    (outcome,) = outcomes
    assert SECRETS[SecretRef("env", "IKS_A_VPN_PSK")].reveal() not in outcome.reason
    return outcome


@pytest.mark.parametrize(
    ("fault", "result", "there"),
    [
        ("helm:503", Result.REFUSED, False),
        ("helm:403", Result.REFUSED, False),
        ("helm:401", Result.REFUSED, False),
        ("helm:busy", Result.REFUSED, False),
        ("helm:timeout", Result.UNKNOWN, False),
        ("helm:lost", Result.UNKNOWN, True),
    ],
)
def test_what_becomes_of_a_change(asked: Asked, fault: str, result: Result, there: bool) -> None:
    lab = asked(fault)
    assert only(lab.apply(create())).result is result
    assert (VPN.key in lab.see().items) is there


def test_a_late_change_is_pending_first(asked: Asked) -> None:
    lab = asked("helm:late")
    assert only(lab.apply(create())).result is Result.UNKNOWN
    seen = lab.see()
    (pending,) = seen.pending
    assert (pending.lane, pending.what) == ("helm:iks-a", "release vpn of iks-a is pending-install")
    lab.see()
    assert lab.see().pending == ()
    assert lab.live().resource == VPN


def test_a_lost_uninstall_took_effect(asked: Asked) -> None:
    lab = asked("helm:lost@/uninstall")
    lab.done(create())
    assert only(lab.apply(delete())).result is Result.UNKNOWN
    assert lab.see().items == {}


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        ("helm:503@/list", Unreachable, "helm (iks-a): list: Kubernetes cluster unreachable"),
        ("helm:timeout@/list", Unreachable, "helm (iks-a): list: helm did not end within 60 s"),
        ("helm:403@/list", LoginRefused, "helm (iks-a): list: secrets is forbidden"),
        ("helm:garbage@/list", Garbled, "helm (iks-a): list: what it said is not of helm"),
        ("helm:garbage@/get", Garbled, "helm (iks-a): get values vpn: what it said is not of helm"),
    ],
)
def test_a_read_that_fails_is_no_empty_cluster(
    asked: Asked, fault: str, kind: type[Exception], message: str
) -> None:
    lab = Lab(SimulatedHelm())
    lab.done(create())
    helm = lab.execute
    assert isinstance(helm, SimulatedHelm)
    helm._faults = Faults([parse_fault(fault)])
    with pytest.raises(kind) as caught:
        lab.see()
    assert str(caught.value).startswith(message)


def test_a_release_that_went_since_it_was_listed_is_not_there(asked: Asked) -> None:
    lab = asked("helm:404@/get/vpn")
    lab.done(create())
    assert lab.see().items == {}


def test_an_upgrade_that_another_helm_left_undone_says_what_to_do() -> None:
    helm = SimulatedHelm()
    lab = Lab(helm)
    lab.done(create())
    helm.strand("vpn", "default", Status.PENDING_UPGRADE)
    assert [pending.lane for pending in lab.see().pending] == ["helm:iks-a"]

    lab.ahead = timedelta(minutes=10)  # longer than any change takes
    seen = lab.see()
    assert seen.pending == ()
    step = Step("vpn", "VPN", "S9", (VPN,))
    plan = diff(step, seen, Known({}, lambda _ref: ""), lab.provider.kinds, "iks-vpn")
    assert [change.action for change in plan.changes] == [Action.UPDATE]
    (why,) = plan.blocked
    assert why == (
        "release vpn of iks-a: it is pending-upgrade: a helm is at work on it, or was killed; if none is at "
        "work, `helm rollback vpn --namespace default`, then resume"
    )
    outcome = only(lab.apply(update(VPN, VPN)))
    assert outcome.result is Result.REFUSED
    assert "another operation (install/upgrade/rollback) is in progress" in outcome.reason

    lab.by_hand("rollback", "vpn", "1")
    assert lab.live().resource == VPN


def test_what_an_earlier_release_left_behind_is_named() -> None:
    objects = Memory()
    left = {"kind": "Deployment", "metadata": {"name": "vpn-strongswan", "namespace": "default"}}
    objects.put(left)
    lab = Lab(SimulatedHelm(objects=objects))
    outcome = only(lab.apply(create()))
    assert outcome.result is Result.REFUSED
    assert "`kubectl delete deployment vpn-strongswan`, then resume" in outcome.reason
    assert list(objects) == [left]
    objects.delete(left)
    lab.done(create())


def test_an_upgrade_takes_away_what_the_chart_no_longer_makes() -> None:
    objects = Memory()
    lab = Lab(SimulatedHelm(objects=objects))
    lab.done(create())
    with_rbac = {item["kind"] for item in objects}
    lab.done(update(VPN, other_values(enableRBAC=False)))
    without = {item["kind"] for item in objects}
    assert with_rbac - without == {"ClusterRole", "ClusterRoleBinding", "ServiceAccount"}
    lab.done(delete(other_values(enableRBAC=False)))
    assert list(objects) == []


def test_a_test_that_did_not_run_again_is_not_taken_for_its_last_run() -> None:
    helm = SimulatedHelm()
    lab = Lab(helm)
    lab.done(create())
    name = "vpn-strongswan-check-config"
    assert lab.client.test("vpn", "default", name).passed
    helm._faults = Faults([parse_fault("helm:503@/test")])
    with pytest.raises(Unreachable, match="test vpn-strongswan-check-config: Kubernetes"):
        lab.client.test("vpn", "default", name)


def test_of_a_chart_that_was_not_named_no_value_is_read(asked: Asked) -> None:
    lab = asked()
    line = ("upgrade", "web", "ibm/nginx", "--version", "1.0.0", "--install")
    lab.by_hand(*line, values={"password": "s3cret"})
    found = lab.see().items[Key("helm.release", "iks-a/web")]
    assert found.unreadable == {"values", "secret", "secret_at"}
    assert "s3cret" not in repr(found)


def test_places_that_may_hold_a_secret_are_not_read(asked: Asked) -> None:
    lab = asked()
    lab.install_by_hand(
        overRideIpsecSecrets="a b : PSK s3cret", monitoring={"slackWebhook": "https://s3cret"}
    )
    assert lab.live().resource == VPN


def test_a_change_of_what_follows_is_refused(asked: Asked) -> None:
    lab = asked()
    outcome = only(
        lab.apply(create(VPN.__class__(cluster="elsewhere", release="a", chart="b", chart_version="1")))
    )
    assert (outcome.result, outcome.reason) == (
        Result.REFUSED,
        "release a of elsewhere: nobody said how to reach that cluster; known: iks-a",
    )


def test_a_command_that_helm_does_not_have_is_refused_as_by_helm(asked: Asked) -> None:
    finished = asked().execute(("upgrade", "vpn", "chart", "--atomical"), "", 1.0)
    assert finished.code == 1
    assert finished.stderr.startswith("Error: ")
