"""What only the wire can show: whom the client talks to, sessions that end, answers that do not come."""

import hashlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.simulated.trust import issue
from adapters.vsphere.client import VsphereClient
from adapters.vsphere.provider import Patience, VsphereProvider
from adapters.vsphere.soap import SoapVcenter
from hopbook.engine.change import Outcome, Result
from hopbook.errors import AnswerLost, LoginRefused, SystemTrouble, Unreachable, WrongCertificate
from hopbook.secret import Secret
from tests.contract.vsphere_lab import FOLDER, GUEST, RULE, SECOND, SITE, TOP, VM, Lab, build, create, machine
from tests.contract.vsphere_wire import PASSWORD, USER, Vcsim, vcsim


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[Vcsim]:
    with vcsim(tmp_path / "vcsim") as simulator:
        yield simulator


@pytest.fixture
def lab(vcenter: Vcsim) -> Iterator[Lab]:
    with vcenter.client() as client:
        yield vcenter.lab(client)


def fingerprint(vcenter: Vcsim) -> str:
    pem = (vcenter.ca_file.parent / "server.pem").read_text()
    certificate = pem[pem.index("-----BEGIN CERTIFICATE") :]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()


class TestTrust:
    """The certificate is judged before a byte is sent, on loopback, too."""

    def test_another_ca_is_refused_and_nothing_is_sent(self, vcenter: Vcsim, tmp_path: Path) -> None:
        stranger = issue(tmp_path / "other").client()
        with vcenter.client(verify=stranger) as client, pytest.raises(WrongCertificate) as told:
            vcenter.lab(client).see(VM.key)
        assert "pin its fingerprint" in str(told.value)
        assert vcenter.calls() == []

    def test_without_a_ca_the_operating_system_s_are_asked(self, vcenter: Vcsim) -> None:
        with vcenter.client(verify=None) as client, pytest.raises(WrongCertificate):
            vcenter.lab(client).see(VM.key)
        assert vcenter.calls() == []

    def test_its_fingerprint_is_enough(self, vcenter: Vcsim) -> None:
        with vcenter.client(fingerprint=fingerprint(vcenter)) as client:
            build(vcenter.lab(client))
        assert "CreateFolder" in vcenter.calls()

    def test_another_fingerprint_is_refused_and_nothing_is_sent(self, vcenter: Vcsim) -> None:
        with vcenter.client(fingerprint="0" * 64) as client, pytest.raises(WrongCertificate) as told:
            vcenter.lab(client).see(VM.key)
        assert "pinned is sha256:0000" in str(told.value)
        assert vcenter.calls() == []


class TestSession:
    """One session, opened when it is needed and again when it has ended."""

    def test_a_wrong_password_is_refused_and_not_shown(self, vcenter: Vcsim) -> None:
        with vcenter.client("wr0ng-pass") as client, pytest.raises(LoginRefused) as told:
            vcenter.lab(client).see(VM.key)
        assert "user or password is wrong" in str(told.value)
        assert "wr0ng-pass" not in str(told.value)
        assert vcenter.calls().count("Login") == 1

    def test_an_apply_with_a_wrong_password_is_a_refusal(self, vcenter: Vcsim) -> None:
        with vcenter.client("wr0ng-pass") as client:
            (outcome,) = vcenter.lab(client).apply(create(TOP))
        assert outcome.result is Result.REFUSED

    def test_a_session_that_ended_is_opened_again_also_for_a_change(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab, VM)
        vcenter.expire()
        lab.done(create(machine(2)))
        vcenter.expire()
        assert lab.live(VM.key) == VM
        assert vcenter.calls().count("Login") == 3

    def test_many_threads_log_in_once(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab)
        vcenter.expire()
        ways = [threading.Thread(target=lab.done, args=(create(machine(number)),)) for number in range(1, 7)]
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        seen = lab.see(VM.key)
        assert {machine(number).key for number in range(1, 7)} <= seen.items.keys()
        assert vcenter.calls().count("Login") == 2

    def test_a_session_is_closed(self, vcenter: Vcsim) -> None:
        with vcenter.client() as client:
            build(vcenter.lab(client))
        assert vcenter.calls()[-1] == "Logout"

    def test_a_wait_outlives_its_session(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab, VM)
        vcenter.fault("WaitForUpdatesEx", "expire")
        lab.done(create(GUEST))
        assert vcenter.calls().count("CreatePropertyCollector") > vcenter.calls().count("Login")

    def test_a_wait_outlives_a_lost_connection(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab, VM)
        vcenter.fault("WaitForUpdatesEx", "drop", count=2)
        lab.done(create(GUEST))


class TestSilence:
    """No answer, or none of vCenter."""

    @pytest.mark.parametrize("action", ["drop", "http500"])
    def test_a_reading_is_tried_again(self, vcenter: Vcsim, lab: Lab, action: str) -> None:
        build(lab, VM)
        vcenter.fault("RetrievePropertiesEx", action, count=2)
        assert lab.live(VM.key) == VM
        assert vcenter.waited == [0.5, 1.0]

    def test_a_reading_without_an_answer_is_no_empty_scope(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab, VM)
        vcenter.fault("RetrievePropertiesEx", "drop", count=3)
        with pytest.raises(AnswerLost):
            lab.see(VM.key)

    @pytest.mark.parametrize("method", ["RetrievePropertiesEx", "Login", "RetrieveServiceContent"])
    def test_an_answer_that_is_not_vcenter_s_says_so(self, vcenter: Vcsim, method: str) -> None:
        vcenter.fault(method, "html", count=3)
        with vcenter.client() as client, pytest.raises(SystemTrouble, match="the answer is not vCenter's"):
            vcenter.lab(client).see(VM.key)

    @pytest.mark.parametrize("action", ["drop", "http500", "html"])
    def test_a_change_without_an_answer_is_unknown_and_not_repeated(
        self, vcenter: Vcsim, lab: Lab, action: str
    ) -> None:
        build(lab)
        before = vcenter.machines()
        vcenter.fault("CloneVM_Task", action)

        (outcome,) = lab.apply(create(VM))

        assert outcome.result is Result.UNKNOWN
        assert vcenter.calls().count("CloneVM_Task") == 1
        assert vcenter.machines() == before

    def test_a_task_whose_end_nobody_saw_is_unknown(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab)
        vcenter.fault("WaitForUpdatesEx", "drop", count=3)

        (outcome,) = lab.apply(create(VM))

        assert outcome.result is Result.UNKNOWN
        assert f"{lab.handles[0].handle} was started" in outcome.reason
        assert VM.key in lab.see(VM.key).items

    def test_a_task_that_takes_too_long_is_unknown_and_tells_how_far_it_is(
        self, vcenter: Vcsim, lab: Lab
    ) -> None:
        build(lab)
        told: list[tuple[str, int]] = []
        vcenter.fault("CloneVM_Task", "stay")
        with vcenter.client() as client:
            patience = Patience(call=20, task=1, guest=1)
            by = SoapVcenter(client, patience=patience, progress=lambda what, far: told.append((what, far)))
            (outcome,) = VsphereProvider(by, site=SITE).apply([create(VM)], lab.handles.append)
            pending = lab.see(VM.key).pending
            vcenter.release()  # as long as there is the session that asked

        assert outcome.result is Result.UNKNOWN
        assert f"{lab.handles[0].handle} is still under way after 1 s" in outcome.reason
        assert set(told) == {(f"VM {VM.vm}", 42)}
        assert lab.handles[0].handle in {one.handle for one in pending}
        assert (lab.live(VM.key), lab.see(VM.key).pending) == (VM, ())

    def test_a_change_whose_reading_fails_was_not_made(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab)
        vcenter.fault("RetrievePropertiesEx", "drop", count=9)
        (outcome,) = lab.apply(create(VM))
        assert outcome.result is Result.REFUSED
        assert "CloneVM_Task" not in vcenter.calls()

    def test_a_vcenter_that_is_not_there_is_unreachable(self, vcenter: Vcsim, lab: Lab) -> None:
        where = "https://127.0.0.1:9"
        with VsphereClient(
            where, USER, Secret(PASSWORD), verify=vcenter.issued.client(), sleep=lambda _: None
        ) as client:
            provider = VsphereProvider(SoapVcenter(client), site=SITE)
            (outcome,) = provider.apply([create(TOP)], lab.handles.append)
            with pytest.raises(Unreachable):
                provider.attached("x")
        assert outcome.result is Result.REFUSED
        assert "no connection" in outcome.reason

    def test_no_password_is_in_any_message(self, vcenter: Vcsim, lab: Lab) -> None:
        told: list[str] = []
        build(lab)
        for action in ("drop", "http500", "error", "half"):
            vcenter.fault("CloneVM_Task", action)
            told += [one.reason for one in lab.apply(create(VM), create(GUEST))]
        for password in ("wr0ng-pass", PASSWORD + "x"):
            with vcenter.client(password) as client, pytest.raises(SystemTrouble) as error:
                vcenter.lab(client).see(VM.key)
            told += [str(error.value), repr(error.value), repr(client)]
        text = "\n".join(told)
        assert "wr0ng-pass" not in text
        assert PASSWORD not in text


class TestTogether:
    """Many at once."""

    def test_lanes_run_side_by_side(self, vcenter: Vcsim, lab: Lab) -> None:
        build(lab)
        wanted = [machine(number) for number in range(1, 21)]
        results: list[Outcome] = []
        ways = [
            threading.Thread(target=lambda one=one: results.extend(lab.apply(create(one)))) for one in wanted
        ]
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        assert {one.result for one in results} == {Result.APPLIED}
        seen = lab.see(VM.key)
        assert [seen.items[one.key].resource for one in wanted] == wanted

    def test_a_folder_of_a_removed_machine_can_go(self, lab: Lab) -> None:
        build(lab, VM, SECOND, RULE)
        shared = replace(RULE, rule="again")
        lab.done(create(shared))
        assert {RULE.key, shared.key, FOLDER.key} <= lab.see(RULE.key).items.keys()
