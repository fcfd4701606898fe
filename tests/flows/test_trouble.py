"""Bad input gets one message and status 3; a system that misbehaves, one message and status 1."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from adapters.journal import SqlJournal
from tasks import files
from tests.flows.lab import Lab

EXAMPLE = files.site_path("example").read_text()


def changed(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new, 1)


BAD_SITES = {
    "overlap": (changed("subnet: 192.168.12.0/24", "subnet: 192.168.20.0/25"), r"192\.168\.20\.0/2\d"),
    "host bits": (
        changed("private: 10.95.4.0/26", "private: 10.95.4.5/26"),
        r":\d+ vcs\.hosts\.private.*host bits",
    ),
    "outside its subnet": (
        changed("edge: 192.168.21.1", "edge: 192.168.31.1"),
        r"192\.168\.31\.1.*192\.168\.21\.0/29",
    ),
    "a VIP that is a node's": (
        changed("master: 192.168.20.10", "master: 192.168.20.11"),
        r"192\.168\.20\.11",
    ),
    "a NAT address that the edge does not own": (
        changed("master: 10.95.40.71", "master: 10.95.99.71"),
        r"10\.95\.99\.71",
    ),
    "an unknown key": (changed("egress: snat", "egres: snat"), r"egres.*egress"),
    "a wrong type": (changed("size: large", "size: [large]"), r"overlays.*size"),
    "a literal secret": (
        EXAMPLE + "endpoints: {nsx: {url: 'https://x', username: a, password: hunter2}}\n",
        r"password.*env",
    ),
    "empty": ("", r"empty"),
    "binary": ("\0\1\2", r"text|binary|UTF-8"),
    "10 MB": ("a: b\n" * 2_000_000, r"large|MB|bytes"),
    "exploding aliases": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", r"alias|anchor"),
    "not a mapping": ("- a\n- b\n", r"holds a list"),
    "syntax": ("a: [1,\n", r":\d+"),
}


@pytest.mark.parametrize("name", BAD_SITES)
def test_a_bad_site_file(lab: Lab, tmp_path: Path, name: str) -> None:
    text, expected = BAD_SITES[name]
    path = tmp_path / "bad.yaml"
    path.write_text(text)

    for command in (("check", str(path)), ("dry-run", "icp-network", "--site", str(path))):
        ended = lab.hopbook(*command)
        assert ended.status == 3, ended.out
        assert re.search(expected, ended.err), ended.err
        assert "Traceback" not in ended.err
        assert "hunter2" not in ended.err + ended.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("dry-run", "icp-netwrk", "--site", "example"), "did you mean icp-network"),
        (("dry-run", "icp-network", "--site", "exampel"), "did you mean example"),
        (("dry-run", "icp-network", "--site", "/nowhere/site.yaml"), "there is no site file"),
        (("dry-run", "icp-network", "--site", "example", "--fault", "nsxv:quux"), "--fault"),
        (
            ("dry-run", "icp-network", "--site", "example", "--set", "cluster=iks-a"),
            "runbook icp-network has no parameter 'cluster'; it has none",
        ),
        (
            ("plan", "icp-network", "--site", "example", "--set", "cluster"),
            "--set cluster: expected KEY=VALUE",
        ),
        (("apply", "icp-network", "--site", "example"), "endpoints.nsx"),
        (("trace", "example", "icp-node-to-regstry"), "did you mean icp-node-to-registry"),
        (("show", "r-00000000"), "there is no run"),
        (("resume", "r-00000000"), "there is no run"),
        (("undo", "r-00000000"), "there is no run"),
        (("check", "example", "--for", "nothing"), "there is no runbook nothing"),
    ],
)
def test_a_wrong_argument(lab: Lab, arguments: tuple[str, ...], expected: str) -> None:
    ended = lab.hopbook(*arguments)

    assert ended.status == 3
    assert expected in ended.err


@pytest.mark.parametrize(
    "arguments", [("dry-run",), ("frobnicate",), ("dry-run", "icp-network", "--sight", "x")]
)
def test_a_wrong_command_line(lab: Lab, arguments: tuple[str, ...]) -> None:
    assert lab.hopbook(*arguments).status == 3


def test_a_missing_secret(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOPBOOK_SIMULATED_PASSWORD")

    ended = lab.live("plan")

    assert ended.status == 3
    assert "env:HOPBOOK_SIMULATED_PASSWORD" in ended.err


def endpoint(lab: Lab, **values: object) -> None:
    """Change the endpoint that the overlay names."""
    text = yaml.safe_load(lab.overlay.read_text())
    text["endpoints"]["nsx"] |= values
    lab.overlay.write_text(yaml.safe_dump(text))


def test_an_unreachable_manager_and_then_a_resume(lab: Lab) -> None:
    right = lab.overlay.read_text()
    endpoint(lab, url="https://127.0.0.1:9")

    failed = lab.live("apply")
    lab.overlay.write_text(right)
    refused = lab.hopbook("resume", lab.last_run())
    resumed = lab.hopbook("resume", lab.last_run(), "--rebase")

    assert failed.status == 1
    assert "127.0.0.1:9" in failed.err
    assert refused.status == 3
    assert "endpoints.nsx.url" in refused.err
    assert resumed.status == 0, resumed.err


def test_a_refused_login(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOPBOOK_SIMULATED_PASSWORD", "wrong-password-x")

    ended = lab.live("apply")

    assert ended.status == 1
    assert "NSX" in ended.err
    assert "wrong-password-x" not in ended.err + ended.out


def test_another_certificate(lab: Lab) -> None:
    endpoint(lab, ca_file=None, fingerprint="00" * 32)

    ended = lab.live("apply")

    assert ended.status == 1
    assert "certificate" in ended.err


def test_an_untrusted_ca(lab: Lab, make_lab: Callable[..., Lab]) -> None:
    endpoint(lab, ca_file=str(make_lab().served.ca_file))

    ended = lab.live("apply")

    assert ended.status == 1
    assert "certificate" in ended.err


def test_a_ca_file_that_is_not_there(lab: Lab) -> None:
    endpoint(lab, ca_file="/nowhere/ca.pem")

    ended = lab.live("apply")

    assert ended.status == 3
    assert "/nowhere/ca.pem" in ended.err


def test_nonsense_from_the_manager_and_then_a_resume(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("nsxv:garbage*20@/edges")

    failed = lab.live("apply")
    for _ in range(25):
        lab.world.faults.take("nsxv", "GET", "/api/4.0/edges")
    resumed = lab.hopbook("resume", lab.last_run())

    assert failed.status == 1
    assert "NSX" in failed.err
    assert resumed.status == 0, resumed.err


def test_a_busy_site_says_who_holds_it(lab: Lab) -> None:
    files.home().mkdir(parents=True)
    with SqlJournal(files.home() / "journal.db") as journal, journal.lease("example", "somebody else"):
        ended = lab.live("apply")

    assert ended.status == 4
    assert "somebody else" in ended.err


def test_a_completed_run_is_not_resumed(lab: Lab) -> None:
    lab.live("apply")

    ended = lab.hopbook("resume", lab.last_run())

    assert ended.status == 3
    assert "came to its end" in ended.err


def test_a_damaged_journal_is_named(lab: Lab) -> None:
    files.home().mkdir(parents=True, mode=0o700)
    (files.home() / "journal.db").write_bytes(b"this is no database at all, however long it may be" * 40)

    ended = lab.hopbook("runs")

    assert ended.status == 1
    assert "journal.db" in ended.err
