"""How a helm is run: what it is given, what it is kept from, and how it is ended."""

import os
import stat
from pathlib import Path

import pytest

from adapters.helm import binary
from adapters.helm.binary import Binary, find
from adapters.helm.client import Chart, HelmClient
from adapters.helm.exchange import CannotRun, TookTooLong
from hopbook.errors import AnswerLost, InvalidInput, Rejected
from hopbook.secret import Secret


def program(folder: Path, script: str) -> Path:
    path = folder / "helm"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_kubeconfig_is_a_file_of_ours_alone_and_gone_afterwards(tmp_path: Path) -> None:
    helm = program(tmp_path, 'echo "$3"; stat -c %a "$3"; cat "$3"')
    path, mode, content = Binary(helm, Secret("the config"))(("list",), "", 5).stdout.splitlines()
    assert (mode, content) == ("600", "the config")
    assert not Path(path).parent.exists()


def test_values_go_by_standard_input(tmp_path: Path) -> None:
    assert Binary(program(tmp_path, "cat"))((), "a: b", 5).stdout == "a: b"


def test_what_points_at_another_cluster_is_kept_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "HELM_KUBECONTEXT", "HELM_NAMESPACE", "HELM_DRIVER", "HELM_DEBUG"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("HELM_REPOSITORY_CONFIG", "mine")
    told = Binary(program(tmp_path, "env"))((), "", 5).stdout
    assert "elsewhere" not in told
    assert "HELM_REPOSITORY_CONFIG=mine" in told


def test_one_that_takes_too_long_is_told_to_end_with_all_that_it_began(tmp_path: Path) -> None:
    ended = "trap 'echo ended > ended; exit 1' TERM"
    helm = program(tmp_path, f"{ended}\ncd $(dirname $0)\nsleep 60 &\necho $! > child\nwait")
    with pytest.raises(TookTooLong):
        Binary(helm)((), "", 0.5)
    assert (tmp_path / "ended").read_text() == "ended\n"
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "_GRACE", 0.1)
    with pytest.raises(TookTooLong):
        Binary(program(tmp_path, "trap '' TERM\nwhile true; do sleep 0.05; done"))((), "", 0.3)


def test_a_signal_for_us_is_none_for_it(tmp_path: Path) -> None:
    told = Binary(program(tmp_path, "ps -o sid= -p $$"))((), "", 5).stdout
    assert int(told) != os.getsid(0)


def test_what_cannot_be_run_is_said_and_a_change_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "helm"
    path.write_bytes(b"\x7fELF")
    path.chmod(stat.S_IRUSR)
    with pytest.raises(CannotRun, match=r"helm cannot be run \((Permission denied|Exec format error)\)"):
        Binary(path)((), "", 5)
    with pytest.raises(Rejected, match="cannot be run"):
        HelmClient(Binary(path)).upgrade("vpn", Chart("strongswan", "2.2.9"), {}, "default", labels={})


def test_a_change_that_is_cut_is_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = HelmClient(Binary(program(tmp_path, "kill -9 $$")), "iks-a")
    with pytest.raises(AnswerLost, match=r"helm \(iks-a\): uninstall vpn: it was killed \(signal 9\)"):
        client.uninstall("vpn", "default")


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("v2.17.0", "helm says that it is v2.17.0; expected version 3.13 or later: `make helm` brings one"),
        ("v3.12.3+g1", "helm says that it is v3.12.3"),
        ("<html>", "helm says that it is <html>"),
        ("", "helm says that it is nothing"),
    ],
)
def test_a_helm_that_is_too_old_or_is_none_is_not_used(tmp_path: Path, told: str, message: str) -> None:
    client = HelmClient(Binary(program(tmp_path, f"printf '%s' '{told}'")))
    with pytest.raises(InvalidInput) as caught:
        client.releases()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("told", ["v3.13.0", "v3.17.2", "v4.1.4", "v4.0.0-rc.1"])
def test_a_helm_that_is_new_enough(tmp_path: Path, told: str) -> None:
    assert HelmClient(Binary(program(tmp_path, f"echo {told}"))).version() == told


def test_the_given_one_comes_first_then_path_then_the_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    given, on_path = program(tmp_path / "a", "true"), program(tmp_path / "b", "true")
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find(str(given)) == given
    assert find() == on_path
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binary, "BROUGHT", given)
    assert find() == given
    monkeypatch.setattr(binary, "BROUGHT", tmp_path / "none")
    with pytest.raises(InvalidInput, match=r"there is none on PATH; expected version 3\.13 or later"):
        find()
    with pytest.raises(InvalidInput, match="'/nowhere/helm' is no program"):
        find("/nowhere/helm")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://charts.example.com/ibm", ("strongswan", "--repo", "https://charts.example.com/ibm")),
        (
            "https://charts.example.com/strongswan-2.2.9.tgz",
            ("https://charts.example.com/strongswan-2.2.9.tgz",),
        ),
        ("oci://registry.example.com/strongswan", ("oci://registry.example.com/strongswan",)),
        ("/charts/strongswan", ("/charts/strongswan",)),
    ],
)
def test_where_a_chart_is(location: str, expected: tuple[str, ...]) -> None:
    assert Chart("strongswan", "2.2.9", location).arguments() == (*expected, "--version", "2.2.9")
