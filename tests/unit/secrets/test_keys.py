"""The key of the keyed digests: one, ours alone, and never a second one."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.secrets import digest_key
from hopbook.errors import JournalTrouble


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "digest.key"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_it_is_made_once_and_for_its_owner_only(path: Path) -> None:
    key = digest_key(path)
    assert len(key) == 32
    assert digest_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_two_are_not_the_same(path: Path) -> None:
    assert digest_key(path) != digest_key(path.with_name("other.key"))


def test_all_who_ask_at_once_get_the_same(path: Path) -> None:
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def asker() -> None:
        start.wait()
        keys.append(digest_key(path))

    threads = [threading.Thread(target=asker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys == [path.read_bytes()] * 8
    assert list(path.parent.iterdir()) == [path]


def test_who_comes_second_takes_the_first_one_s(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = b"1" * 32

    def faster(count: int) -> bytes:
        path.touch(0o600)
        path.write_bytes(first)
        return b"2" * count

    monkeypatch.setattr("secrets.token_bytes", faster)
    assert digest_key(path) == first
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"1" * 31, b"1" * 33])
def test_a_damaged_one_is_said_and_kept(path: Path, content: bytes) -> None:
    digest_key(path)
    path.write_bytes(content)
    with pytest.raises(JournalTrouble, match="it is damaged"):
        digest_key(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_one_that_others_may_use_is_refused(path: Path, mode: int) -> None:
    digest_key(path)
    path.chmod(mode)
    with pytest.raises(JournalTrouble, match=f"its mode is {mode:04o}"):
        digest_key(path)


def test_a_place_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(JournalTrouble, match="not a regular file"):
        digest_key(tmp_path)
    with pytest.raises(JournalTrouble, match=r"digest key /proc/hopbook/key: No such file"):
        digest_key(Path("/proc/hopbook/key"))
