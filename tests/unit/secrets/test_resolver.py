"""From a reference to a secret; what is wrong is said without ever saying the value."""

import os
import traceback
from pathlib import Path

import pytest

from adapters.secrets import Resolver
from hopbook.errors import InvalidInput
from hopbook.resources.base import SecretRef

VALUE = "swordfish"


def problem_of(ref: SecretRef, resolver: Resolver | None = None) -> str:
    """The one problem, after a look that nothing of the value is anywhere in it."""
    with pytest.raises(InvalidInput) as caught:
        (resolver or Resolver()).resolve(ref)
    whole = "".join(traceback.format_exception(caught.value, chain=True))
    assert VALUE not in whole.replace(__file__, "")
    (problem,) = caught.value.problems
    assert problem.where == f"secret {ref}"
    assert "expected" in problem.what
    return problem.what


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nsx"
    path.write_text(VALUE)
    path.chmod(0o600)
    return path


def ref_of(path: Path) -> SecretRef:
    return SecretRef("file", str(path))


def test_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSX_PASSWORD", f" {VALUE}\n")
    secret = Resolver().resolve(SecretRef("env", "NSX_PASSWORD"))
    assert secret.reveal() == f" {VALUE}\n"  # an environment adds no newline, so this one is meant
    assert VALUE not in repr(secret)


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NSX_PASSWORD", raising=False)
    assert "the environment variable NSX_PASSWORD is not set" in problem_of(SecretRef("env", "NSX_PASSWORD"))


@pytest.mark.parametrize("name", ["", "A=B", "A\0B", "\udcff"])
def test_a_name_that_no_variable_can_have(name: str) -> None:
    assert "is not set" in problem_of(SecretRef("env", name))


def test_bytes_in_the_environment_that_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"NSX_PASSWORD", VALUE.encode() + b"\xff")
    assert "is not text" in problem_of(SecretRef("env", "NSX_PASSWORD"))


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (VALUE, VALUE),
        (f"{VALUE}\n", VALUE),
        (f"{VALUE}\r\n", VALUE),
        (f"{VALUE}\n\n", f"{VALUE}\n"),
        (f" {VALUE} \n", f" {VALUE} "),
        ("-----BEGIN\nabc\n-----END\n", "-----BEGIN\nabc\n-----END"),
    ],
)
def test_a_file_s_last_newline_is_not_of_the_secret(file: Path, content: str, value: str) -> None:
    file.write_bytes(content.encode())
    assert Resolver().resolve(ref_of(file)).reveal() == value


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o444, 0o644])
def test_who_may_read_the_file_is_the_affair_of_whoever_mounted_it(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert Resolver().resolve(ref_of(file)).reveal() == VALUE


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666, 0o777])
def test_a_file_that_others_may_write_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert f"its mode is {mode:04o}" in problem_of(ref_of(file))


def test_a_link_is_judged_by_what_it_leads_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert Resolver().resolve(ref_of(link)).reveal() == VALUE
    file.chmod(0o666)
    assert "its mode is 0666" in problem_of(ref_of(link))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "there is no such file" in problem_of(ref_of(tmp_path / "none"))


@pytest.mark.parametrize("content", [b"", b"\n"])
def test_an_empty_file(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert "is empty" in problem_of(ref_of(file))


def test_a_file_of_something_else(file: Path) -> None:
    file.write_bytes(VALUE.encode() + b"\xff")
    assert "is not text" in problem_of(ref_of(file))
    file.write_bytes(VALUE.encode() * 10_000)
    assert "larger than 64 KiB" in problem_of(ref_of(file))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in problem_of(ref_of(tmp_path / "pipe"))
    assert "not a regular file" in problem_of(ref_of(tmp_path))
    assert "not a regular file" in problem_of(SecretRef("file", "/dev/zero"))


def test_descriptors_are_given_back(file: Path, tmp_path: Path) -> None:
    Resolver().resolve(ref_of(file))  # whatever the first use opens for good
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - it lists descriptors, its own one too
    file.chmod(0o666)
    problem_of(ref_of(file))
    problem_of(ref_of(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - likewise


@pytest.mark.parametrize("name", ["nsx", "./nsx", "", "~/nsx"])
def test_a_path_depends_on_no_working_directory(name: str) -> None:
    assert "is relative" in problem_of(SecretRef("file", name))


def test_a_path_that_is_none() -> None:
    assert "is not a path" in problem_of(SecretRef("file", "/a\0b"))


def test_a_source_from_outside() -> None:
    resolver = Resolver({"prefect": {"nsx-password": VALUE}.__getitem__})
    assert resolver.resolve(SecretRef("prefect", "nsx-password")).reveal() == VALUE
    assert resolver.resolve(SecretRef("env", "PATH")).reveal() == os.environ["PATH"]


def test_what_a_source_from_outside_says_is_passed_on() -> None:
    def source(name: str) -> str:
        raise LookupError(f"there is no Secret block {name}; expected one")

    assert "no Secret block nsx" in problem_of(SecretRef("prefect", "nsx"), Resolver({"prefect": source}))


def test_a_source_that_nobody_gave() -> None:
    assert "expected one of env, file" in problem_of(SecretRef("vault", "nsx"))
