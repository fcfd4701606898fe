"""The process behind a twin: it serves one network after the other, and says why when it cannot."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.twin.twin import Twin, TwinTrouble
from hopbook.errors import HopbookError


@pytest.fixture
def site(words: Any) -> Any:
    draft = words.draft()
    draft.host("client", "lan", "10.1.0.10/24")
    draft.host("server", "lan", "10.1.0.20/24", listens="80/tcp")
    return draft


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(item) for item in found]


def test_one_network_follows_the_other(twin: Twin, site: Any, words: Any) -> None:
    asked = words.packet("10.1.0.10", "10.1.0.20:80")
    for listens, verdict in (("80/tcp", "delivered"), ("81/tcp", "refused"), ("80/tcp", "delivered")):
        site.host("server", "lan", "10.1.0.20/24", listens=listens)
        twin.build(site.network())
        assert twin.probe(asked, "client")[0].verdict == verdict


def test_twins_with_the_same_addresses_do_not_meet(twin: Twin, site: Any, words: Any) -> None:
    asked = words.packet("10.1.0.10", "10.1.0.20:80")
    with Twin() as other:
        twin.build(site.network())
        site.host("server", "lan", "10.1.0.20/24", listens="81/tcp")
        other.build(site.network())
        assert twin.probe(asked, "client")[0].verdict == "delivered"
        assert other.probe(asked, "client")[0].verdict == "refused"


def test_nothing_is_probed_before_it_is_built(words: Any) -> None:
    with Twin() as fresh, pytest.raises(TwinTrouble, match="build a network"):
        fresh.probe(words.packet("10.1.0.10", "10.1.0.20:80"), "client")


def test_a_worker_that_dies_says_so_and_the_next_network_gets_another(site: Any, words: Any) -> None:
    with Twin() as broken:
        broken.build(site.network())
        assert broken._process is not None
        (worker,) = children(broken._process.pid)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(TwinTrouble, match="worker ended with status"):
            broken.build(site.network())
        broken.build(site.network())
        assert broken.probe(words.packet("10.1.0.10", "10.1.0.20:80"), "client")[0].verdict == "delivered"


def test_a_failure_leaves_a_worker_that_goes_on(twin: Twin, site: Any, words: Any) -> None:
    with pytest.raises(HopbookError):
        twin.build(None)  # type: ignore[arg-type]
    twin.build(site.network())
    assert twin.probe(words.packet("10.1.0.10", "10.1.0.20:80"), "client")[0].verdict == "delivered"


def test_nothing_outlives_whoever_started_it() -> None:
    """Not even when it is killed while the worker is busy."""
    script = (
        "import time; from adapters.twin.twin import Twin\n"
        "with Twin() as twin: print(twin._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        (worker,) = children(int(started.stdout.readline()))
        watched = os.pidfd_open(worker)
        started.kill()
    assert _ended(watched)


ORDINARY = """
import os, subprocess, sys
from pathlib import Path

def mount(*words):
    subprocess.run(("mount", *words), check=True)

if os.geteuid() == 0:  # in a mount namespace of its own: what only root may reach is laid open there alone
    for path in map(Path, (sys.base_prefix, os.getcwd())):
        closed = next((item for item in reversed(path.parents) if not item.stat().st_mode & 1), None)
        if closed is not None:
            mount("--bind", path, "/mnt")
            mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", closed)
            path.mkdir(parents=True)
            mount("--move", "/mnt", path)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/dev/net")
    os.mknod("/dev/net/tun", 0o020666, os.makedev(10, 200))
    os.chmod("/dev/net/tun", int(sys.argv[1], 8))
    os.chdir(os.getcwd())
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
from adapters.twin.twin import Twin
from hopbook.errors import HopbookError
from tests.twin.small import cluster
from hopbook.network.packet import Packet
from ipaddress import IPv4Address

with Twin() as twin:
    try:
        twin.build(cluster())
    except HopbookError as error:
        sys.exit(str(error))
    asked = Packet.of("tcp", (IPv4Address("172.30.1.10"), 40000), (IPv4Address("172.30.2.10"), 8080))
    (found,) = twin.probe(asked, "pod1")
    print(os.getuid(), found.verdict, found.there[-1].node)
"""


def ordinary(mode: str) -> subprocess.CompletedProcess[str]:
    """Build and probe as an ordinary user; root becomes one."""
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else []
    command = [*apart, sys.executable, "-c", ORDINARY, mode]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


def test_an_ordinary_user_builds_and_probes() -> None:
    done = ordinary("0666")
    assert (done.returncode, done.stderr) == (0, "")
    user, verdict, node = done.stdout.split()
    assert int(user) != 0
    assert (verdict, node) == ("refused", "pod2")  # nothing listens there, and its answer came back


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a device away from itself")
def test_a_device_that_cannot_be_opened_is_named() -> None:
    done = ordinary("0600")
    assert done.returncode == 1
    assert done.stderr.startswith("the twin needs to read and write /dev/net/tun")
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def _ended(watched: int) -> bool:
    ready, _, _ = select.select([watched], [], [], 10)
    os.close(watched)
    return bool(ready)
