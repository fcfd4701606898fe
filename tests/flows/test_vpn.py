"""The VPNs of IKS with the edge and with ICP: whole runs, there and back, and what keeps a tunnel down."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from adapters import wiring
from adapters.journal import SqlJournal
from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from adapters.simulated.site import USERNAME
from adapters.twin.twin import Target, Twin
from flows.catalogue import flow_of
from hopbook.engine.change import Action, Change, Result
from hopbook.engine.events import NewEvent
from hopbook.engine.plan import field_changes
from hopbook.resources.base import Key, Resource, SecretRef
from hopbook.resources.nsxv import Edge, Ipsec, IpsecEncryption, IpsecSite
from hopbook.secret import Secret
from hopbook.trace.agreement import compared
from hopbook.vpn import edge
from hopbook.vpn.reasons import Reason
from tasks.modes import Mode
from tasks.run import Invocation, invocation
from tests.flows.iks_lab import Lab, site_file

PORTS = "pods: [8080], services: [80]"
BALANCED = f"how: vpn\n      vpn: {{psk: {{env: PSK}}, load_balancer: 10.95.60.131, {PORTS}}}"
STARTING = f"how: vpn\n      vpn: {{psk: {{env: PSK}}, end: worker, {PORTS}}}"
OF_ICP = "  vpns: [{cluster: iks-a, psk: {env: ICP_PSK}, load_balancer: 10.95.60.132}]"
WAYS = {
    "load balancer": ("iks-vpn", BALANCED, 4),
    "worker": ("iks-vpn", STARTING, 4),
    "icp": ("icp-vpn", "how: vlan-bgp", 2),
}
CANARY = "canary-psk-9c1e"


class Vpn(Lab):
    """One way of a VPN."""

    def __init__(self, folder: Path, way: str, capture: Callable[[], tuple[str, str]]) -> None:
        self.runbook, join, self.promised = WAYS[way]
        path = site_file(folder, join, egress=f"  egress: snat\n{OF_ICP}")
        super().__init__(path, capture, icp=self.runbook == "icp-vpn")

    def live(self, verb: str, *options: str) -> tuple[int, str]:
        return self.hopbook(verb, self.runbook, "--site", self.path, *options)

    def prepared(self) -> None:
        """What the runbook stands on."""
        if self.runbook == "icp-vpn":
            status, told = self.hopbook("apply", "icp-network", "--site", self.path)
            assert status == 0, told


@pytest.fixture
def lab(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Vpn]:
    monkeypatch.setenv("HOPBOOK_HOME", str(tmp_path / "home"))
    for name in ("PSK", "ICP_PSK"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setattr(wiring, "any_secret", lambda _ref: Secret(CANARY))
    found = Vpn(tmp_path, getattr(request, "param", "load balancer"), capsys.readouterr)
    monkeypatch.setattr(wiring, "real", found.real)
    yield found
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY.encode() not in kept
    assert CANARY not in "".join(found.said)


each_way = pytest.mark.parametrize("lab", WAYS, indirect=True)


@each_way
def test_a_rehearsal_ends_with_its_traffic_met_and_real_packets_take_the_same_way(lab: Vpn) -> None:
    with invocation(Invocation()) as current:
        flow_of(lab.runbook)(lab.path, Mode.DRY_RUN)
    (report,) = current.report

    assert len(report.results) == lab.promised
    assert all(result.met for result in report.results)
    assert report.network is not None
    with Twin() as twin:
        twin.build(replace(report.network))
        for result in report.traffic:
            case = result.case
            if case.packet is None or not result.traces:
                continue
            onward = None if case.onward is None else Target(*case.onward)
            legs = twin.probe(case.packet, case.source, onward=onward)
            assert compared(result.traces[0], legs).difference == "", case.id


@each_way
def test_applied_it_plans_clean_and_undone_it_is_as_before(lab: Vpn) -> None:
    lab.prepared()
    before = lab.state()
    status, told = lab.live("apply")
    assert status in {0, 1}, told  # who runs where is not known without a vCenter
    assert "step" not in told.partition("error:")[2], told
    after = lab.state()
    assert lab.live("plan")[0] == 0
    status, told = lab.hopbook("undo", lab.last_run())

    assert status == 0, told
    assert after != before
    assert lab.state() == before


class Cut(BaseException):
    """The process ends here."""


def cut(patch: pytest.MonkeyPatch, at: int, *, before: bool) -> None:
    """End the process at its n-th append to the journal, before it or right behind it."""
    append, seen = SqlJournal.append, count(1)

    def appending(journal: SqlJournal, stream: str, after: int, events: Sequence[NewEvent]) -> int:
        now = next(seen) == at
        if now and before:
            raise Cut
        position = append(journal, stream, after, events)
        if now:
            raise Cut
        return position

    patch.setattr(SqlJournal, "append", appending)


@each_way
@pytest.mark.parametrize("seed", range(3))
def test_cut_anywhere_and_resumed_nothing_is_made_twice(
    lab: Vpn, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(f"{lab.runbook} {seed}")  # noqa: S311 - nothing is hidden by it
    lab.prepared()
    before = lab.state()
    for verb in ("apply", "undo"):
        with monkeypatch.context() as patch:
            cut(patch, random.randint(2, 12 if verb == "undo" else 24), before=random.random() < 0.5)
            with suppress(Cut):
                lab.live(verb) if verb == "apply" else lab.hopbook("undo", lab.last_run())
        status, told = lab.hopbook("resume", lab.last_run())
        assert status in {0, 1, 3}, told
        assert "step" not in told.partition("error:")[2], told
        if verb == "apply":
            assert lab.live("plan")[0] == 0
            made = list(lab.world.releases.helm("iks-a").record)
            assert [each.number for each in made] == [1]
    assert lab.state() == before


def changed(monkeypatch: pytest.MonkeyPatch, change: Callable[[Resource], Resource]) -> None:
    """Let the edge's end be made otherwise than the container's expects."""
    gateway = edge.gateway
    monkeypatch.setattr(edge, "gateway", lambda *given: [change(each) for each in gateway(*given)])


def otherwise(**values: Any) -> Callable[[Resource], Resource]:
    return lambda end: replace(end, **values) if isinstance(end, IpsecSite) else end


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (otherwise(peer_id="somebody"), Reason.AUTHENTICATION_FAILED),
        (otherwise(psk=SecretRef("env", "ICP_PSK_2")), Reason.AUTHENTICATION_FAILED),
        (otherwise(encryption=IpsecEncryption.TRIPLE_DES), Reason.NO_PROPOSAL_CHOSEN),
        (otherwise(peer_subnets=(IPv4Network("172.31.0.0/16"),)), Reason.TS_UNACCEPTABLE),
        (otherwise(responds_only=True), Reason.NOT_STARTED),
        (otherwise(peer=IPv4Address("10.95.60.133")), Reason.NO_ANSWER),
    ],
)
def test_a_tunnel_that_does_not_come_up_says_which_of_the_reasons(
    lab: Vpn, monkeypatch: pytest.MonkeyPatch, change: Callable[[Resource], Resource], reason: Reason
) -> None:
    changed(monkeypatch, change)
    monkeypatch.setattr(
        wiring, "any_secret", lambda ref: Secret(CANARY if not ref.name.endswith("_2") else "Other-1!")
    )
    monkeypatch.setenv("ICP_PSK_2", "Other-1!")
    status, told = lab.live("apply")

    assert status == 1
    assert "step tunnel: tunnel iks-a of workload-esg is down" in _joined(told)
    assert str(reason) in told


def somebody_upgrades(lab: Vpn) -> None:
    """Another person's helm, with one value otherwise."""
    helm = lab.world.releases.helm("iks-a")
    found = helm.record.latest("vpn", "default")
    assert found is not None
    values = {**found.values, "ipsec": {**found.values["ipsec"], "ike": "aes128-sha1-modp2048"}}
    found.values = values


def somebody_switches_off(lab: Vpn) -> None:
    """Another person's client of NSX, which ends IPsec of the edge."""
    owner = Key(Edge.kind, "workload-esg")
    transport = httpx.MockTransport(lab.world.nsx.handle)
    with NsxClient(
        "https://nsx.simulated", USERNAME, lab.world.password, transport=transport, sleep=lambda _: None
    ) as client:
        other = NsxProvider(client, site="somebody", resolve=lambda _: lab.world.password)
        on, off = Ipsec(owner=owner, enabled=True), Ipsec(owner=owner)
        change = Change(action=Action.UPDATE, key=on.key, before=on, after=off, fields=field_changes(on, off))
        (outcome,) = other.apply([change], lambda _: None)
    assert outcome.result is Result.APPLIED, outcome


def test_what_differs_at_either_end_is_drift_and_running_again_mends_it(lab: Vpn) -> None:
    status, told = lab.live("apply")
    assert status in {0, 1}, told
    somebody_upgrades(lab)
    somebody_switches_off(lab)

    status, told = lab.hopbook("drift", lab.path, "--runbook", lab.runbook)

    assert status == 2
    assert "ipsec of workload-esg" in told
    assert "release vpn of iks-a" in told
    assert "no run of ours did it" in _joined(told)
    assert "tunnel iks-a of workload-esg" in told
    assert lab.live("apply")[0] in {0, 1}
    assert lab.live("plan")[0] == 0


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text)
