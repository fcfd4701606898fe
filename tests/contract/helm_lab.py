"""A cluster with a helm, and what a provider of its releases keeps to."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.helm import STRONGSWAN, Access, Chart, HelmClient, HelmProvider
from adapters.helm.client import STAND_IN
from adapters.helm.exchange import Execute, Finished
from adapters.helm.kube import Kube
from hopbook.engine.change import Action, Change, Observation, Observed, Outcome, Result, Scope
from hopbook.engine.plan import field_changes
from hopbook.errors import InvalidInput, Missing
from hopbook.resources.base import Key, SecretRef
from hopbook.resources.helm import Release, Status, leaves
from hopbook.secret import Secret
from hopbook.site.document import read_document
from hopbook.vpn.keys import read_keys

TABLE = Path(__file__).parents[2] / "runbooks/vpn/strongswan.yaml"
PSK = SecretRef("env", "IKS_A_VPN_PSK")
SECRETS = {PSK: Secret("h0p by hop 'quoted' $1"), SecretRef("env", "OTHER"): Secret("another")}
VALUES: Mapping[str, Any] = {
    "ipsec": {"auto": "add", "ike": "aes256-sha256-modp2048", "esp": "aes256-sha256-modp2048"},
    "local": {"subnet": "172.30.0.0/16,172.21.0.0/16"},
    "remote": {"subnet": "192.168.12.0/24"},
    "tolerations": [],
}
VPN = Release(
    cluster="iks-a",
    release="vpn",
    chart="strongswan",
    chart_version="2.2.9",
    values=leaves(VALUES),
    secret=PSK,
    secret_at=("preshared", "secret"),
)
TESTS = ("check-config", "check-state", "ping-remote-gw", "ping-remote-ip-1", "ping-remote-ip-2")


def resolve(reference: SecretRef) -> Secret:
    if reference not in SECRETS:
        raise InvalidInput(f"secret {reference}: it is not set")
    return SECRETS[reference]


@dataclass
class Lab:
    """One cluster.

    Attributes:
        execute: Also what somebody else at it has.
        stall: From now on no container becomes ready, or every one does again.
    """

    execute: Execute
    stall: Callable[[bool], None] = lambda _stalled: None
    timeout: float = 60.0
    ahead: timedelta = timedelta()
    kube: Kube | None = None

    @property
    def client(self) -> HelmClient:
        return HelmClient(self.execute, "iks-a", timeout=self.timeout)

    @property
    def provider(self) -> HelmProvider:
        access = Access(self.client, {"strongswan": STRONGSWAN}, self.kube, (SecretRef("env", "GONE"), PSK))
        table = read_keys(read_document(TABLE.read_bytes(), TABLE.name))
        return HelmProvider({"iks-a": access}, site="lab", table=table, resolve=resolve, now=self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def see(self, *keys: Key) -> Observation:
        return self.provider.observe(Scope(frozenset(keys or {VPN.key})))

    def live(self, release: Release = VPN) -> Observed:
        found = self.see(release.key).get(release.key)
        assert found is not None, f"{release.key} is not there"
        return found

    def apply(self, *changes: Change) -> list[Outcome]:
        return list(self.provider.apply(changes, lambda _submitted: None))

    def done(self, *changes: Change) -> None:
        outcomes = self.apply(*changes)
        assert {outcome.result for outcome in outcomes} <= {Result.APPLIED, Result.ADOPTED}, outcomes

    def by_hand(self, *arguments: str, values: Mapping[str, Any] | None = None) -> Finished:
        """Somebody else's helm."""
        stdin = ("--values", "-") if values is not None else ()
        finished = self.execute((*arguments, *stdin), json.dumps(values), 60.0)
        assert finished.code == 0, finished.stderr
        return finished

    def install_by_hand(self, release: str = "vpn", namespace: str = "default", **values: Any) -> None:
        values = {**VALUES, "preshared": {"secret": SECRETS[PSK].reveal()}, **values}
        where = ("--install", "--namespace", namespace)
        self.by_hand("upgrade", release, str(STAND_IN), *where, values=values)


def create(release: Release = VPN) -> Change:
    return Change(action=Action.CREATE, key=release.key, after=release)


def update(before: Release, after: Release, action: Action = Action.UPDATE) -> Change:
    return Change(
        action=action, key=after.key, before=before, after=after, fields=field_changes(before, after)
    )


def delete(release: Release = VPN) -> Change:
    return Change(action=Action.DELETE, key=release.key, before=release)


def other_values(**more: Any) -> Release:
    return replace(VPN, values=leaves({**VALUES, **more}))


class HelmContract:
    """The contract. A subclass gives a lab of an empty cluster; no test of it is overridden."""

    @pytest.fixture
    def lab(self) -> Lab:
        raise NotImplementedError

    def test_an_empty_cluster_has_no_release(self, lab: Lab) -> None:
        assert lab.see() == Observation()

    def test_what_is_made_is_read_back(self, lab: Lab) -> None:
        lab.done(create())
        found = lab.live()
        assert found.resource == VPN
        assert (found.marked, found.system, found.unreadable) == (True, False, frozenset({"secret"}))
        assert field_changes(found.resource, VPN, found.unreadable) == ()

    def test_the_secret_is_the_one_that_the_reference_means(self, lab: Lab) -> None:
        """It arrives whole, whatever quotes and dollars are in it, and shows nowhere."""
        lab.done(create())
        given = lab.client.values("vpn", "default")
        assert given["preshared"]["secret"] == SECRETS[PSK].reveal()
        assert SECRETS[PSK].reveal() not in repr(lab.see())

    def test_a_value_that_changes_and_one_that_goes(self, lab: Lab) -> None:
        lab.done(create(other_values(privilegedVpnPod=True)))
        wanted = other_values(remote={"subnet": "192.168.13.0/24"})
        lab.done(update(other_values(privilegedVpnPod=True), wanted))
        assert lab.live().resource == wanted

    def test_without_any_value_a_release_does_not_keep_its_old_ones(self, lab: Lab) -> None:
        """Left to itself, helm would."""
        chart = Chart("strongswan", "2.2.9")
        lab.client.upgrade("vpn", chart, VALUES, "default", labels={"hopbook": "lab"})
        lab.client.upgrade("vpn", chart, {}, "default", labels={"hopbook": "lab"})
        assert lab.client.values("vpn", "default") == {}

    def test_a_release_that_is_as_wanted_is_made_so_again_without_harm(self, lab: Lab) -> None:
        lab.done(create())
        lab.done(create())
        assert lab.live().resource == VPN

    def test_uninstalled_it_is_gone_and_once_more_is_no_error(self, lab: Lab) -> None:
        lab.done(create())
        lab.done(delete())
        assert lab.see() == Observation()
        lab.done(delete())

    def test_it_can_come_back_after_it_went(self, lab: Lab) -> None:
        lab.done(create())
        lab.done(delete())
        lab.done(create())
        assert lab.live().resource == VPN

    def test_one_that_never_becomes_ready_is_in_doubt_then_failed_and_ours(self, lab: Lab) -> None:
        """So a resume finds it, and makes it good by an upgrade."""
        lab.stall(True)
        lab.timeout = 2.0
        (outcome,) = lab.apply(create())
        assert outcome.result is Result.UNKNOWN
        assert "it takes longer than it may" in outcome.reason
        found = lab.live()
        assert (found.marked, found.resource) == (True, replace(VPN, status=Status.FAILED))
        lab.stall(False)
        lab.timeout = 60.0
        lab.done(update(replace(VPN, status=Status.FAILED), VPN))
        assert lab.live().resource == VPN

    # Others

    def test_a_foreign_release_is_adopted_and_given_back(self, lab: Lab) -> None:
        lab.install_by_hand()
        found = lab.live()
        assert (found.resource, found.marked) == (VPN, False)
        wanted = other_values(remote={"subnet": "192.168.13.0/24"})
        lab.done(update(VPN, wanted, Action.ADOPT))
        assert (lab.live().resource, lab.live().marked) == (wanted, True)
        lab.done(update(wanted, VPN, Action.RELEASE))
        assert (lab.live().resource, lab.live().marked) == (VPN, False)

    def test_somebody_else_s_upgrade_leaves_it_ours_and_shows(self, lab: Lab) -> None:
        lab.done(create())
        lab.install_by_hand(privilegedVpnPod=True)
        assert lab.live().marked
        assert lab.live().resource == other_values(privilegedVpnPod=True)

    def test_somebody_else_s_secret_is_none_of_ours(self, lab: Lab) -> None:
        lab.install_by_hand(preshared={"secret": "s0mebody-else"})
        release = lab.live().resource
        assert isinstance(release, Release)
        assert release.secret not in {None, *SECRETS}
        assert "s0mebody-else" not in repr(lab.see())

    def test_a_secret_that_only_the_cluster_knows_stays_as_it_is(self, lab: Lab) -> None:
        lab.install_by_hand(preshared={"secret": "s0mebody-else"})
        release = lab.live().resource
        assert isinstance(release, Release)
        lab.done(update(release, replace(release, values=VPN.values), Action.ADOPT))
        assert lab.client.values("vpn", "default")["preshared"]["secret"] == "s0mebody-else"

    def test_without_a_secret_there_is_none(self, lab: Lab) -> None:
        lab.install_by_hand(preshared={"secret": ""})
        found = lab.live()
        assert isinstance(found.resource, Release)
        assert (found.resource.secret, found.unreadable) == (None, frozenset())

    def test_of_two_namespaces_ours_has_the_plain_key(self, lab: Lab) -> None:
        lab.install_by_hand("web", "default")
        lab.install_by_hand("vpn", "alpha")
        foreign = replace(VPN, namespace="alpha")
        assert {key.name for key in lab.see().items} == {"iks-a/vpn", "iks-a/web"}
        assert lab.live().resource == foreign
        lab.done(create(replace(VPN, release="vpn2")))
        lab.install_by_hand("vpn2", "alpha", enableRBAC=False)
        seen = lab.see()
        assert seen.items[Key("helm.release", "iks-a/vpn2")].marked
        assert not seen.items[Key("helm.release", "iks-a/alpha/vpn2")].marked

    # Refusals

    def test_values_that_the_chart_does_not_take_are_not_sent(self, lab: Lab) -> None:
        (outcome,) = lab.apply(create(other_values(zoneSelector="dal10")))
        assert outcome.result is Result.REFUSED
        assert outcome.reason.startswith(
            "zoneSelector: strongswan 2.2.9 has no such key; expected version 2.3.5"
        )
        assert lab.see() == Observation()

    def test_a_secret_that_is_missing_is_a_refusal(self, lab: Lab) -> None:
        (outcome,) = lab.apply(create(replace(VPN, secret=SecretRef("env", "GONE"))))
        assert (outcome.result, outcome.reason) == (Result.REFUSED, "secret env:GONE: it is not set")
        assert lab.see() == Observation()

    def test_another_chart_than_the_one_that_is_there_is_a_refusal(self, lab: Lab) -> None:
        (outcome,) = lab.apply(create(replace(VPN, chart_version="2.3.0")))
        assert outcome.result is Result.REFUSED
        assert "is strongswan 2.2.9; expected strongswan 2.3.0" in outcome.reason

    def test_behind_a_refusal_nothing_is_tried(self, lab: Lab) -> None:
        second = replace(VPN, release="second")
        first, last = lab.apply(create(replace(VPN, chart="unheard-of")), create(second))
        assert "where is chart unheard-of? Known here: strongswan" in first.reason
        assert (last.result, last.attempted) == (Result.REFUSED, False)
        assert lab.see() == Observation()

    def test_the_values_of_a_release_that_is_not_there(self, lab: Lab) -> None:
        with pytest.raises(Missing, match=r"helm \(iks-a\): get values gone: release: not found"):
            lab.client.values("gone", "default")

    # Tests of the chart

    def test_tests_are_there_and_did_not_run(self, lab: Lab) -> None:
        lab.done(create())
        runs = lab.client.tests("vpn", "default")
        assert sorted(run.name for run in runs) == [f"vpn-strongswan-{name}" for name in TESTS]
        assert {run.phase for run in runs} == {""}

    def test_only_some_tests_are_part_of_the_release(self, lab: Lab) -> None:
        lab.done(create(other_values(helmTestsToRun="check")))
        runs = lab.client.tests("vpn", "default")
        assert sorted(run.name for run in runs) == [
            "vpn-strongswan-check-config",
            "vpn-strongswan-check-state",
        ]

    def test_each_test_has_a_verdict_of_its_own(self, lab: Lab) -> None:
        """`ping-remote-gw` fails in every tier's cluster, the others pass."""
        lab.done(create())
        ran = [lab.client.test("vpn", "default", f"vpn-strongswan-{name}") for name in TESTS]
        assert [run.passed for run in ran] == [True, True, False, True, True]
        assert ran[2].said == "no answer from %any"
        phases = {run.name: run.phase for run in lab.client.tests("vpn", "default")}
        assert phases["vpn-strongswan-check-state"] == "Succeeded"
        assert phases["vpn-strongswan-ping-remote-gw"] == "Failed"

    def test_a_test_that_is_not_there(self, lab: Lab) -> None:
        lab.done(create())
        with pytest.raises(Missing, match="release vpn has no test vpn-strongswan-ping"):
            lab.client.test("vpn", "default", "vpn-strongswan-ping")
