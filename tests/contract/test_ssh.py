"""What every provider of hosts promises the engine, whatever answers behind SSH.

A tier gives the fixture `lab` and nothing else: no promise is overridden.
"""

import os
from collections.abc import Iterator, Mapping

import pytest

from adapters.ssh.client import Timeouts
from hopbook.engine.change import Result
from hopbook.resources.host import Sysctl
from tests.contract.ssh_hosts import NEEDED, RealHost, hosts_in, real
from tests.contract.ssh_jobs import Jobs
from tests.contract.ssh_lab import HOST, Lab, in_process, until, update
from tests.contract.ssh_things import PORTS, Things
from tests.contract.ssh_trouble import Troubles


class HostsContract(Things, Jobs, Troubles):
    """The promises."""


class TestSimulated(HostsContract):
    """Simulated hosts, in process: the wire without a network."""

    @pytest.fixture
    def lab(self) -> Iterator[Lab]:
        yield from in_process()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, RealHost]]:
    missing = [str(path) for path in NEEDED if not path.exists()]
    if missing or os.geteuid() != 0:
        pytest.skip(f"real hosts need root, openssh-server and sudo; missing: {missing or 'root'}")
    yield from hosts_in(tmp_path_factory.mktemp("hosts"))


class TestOpenSsh(HostsContract):
    """Real OpenSSH servers and a real shell, on loopback."""

    @pytest.fixture
    def lab(self, hosts: Mapping[str, RealHost]) -> Iterator[Lab]:
        yield from real(hosts)

    def test_a_script_that_goes_on_without_us_is_seen_until_it_ends(
        self, lab: Lab, hosts: Mapping[str, RealHost]
    ) -> None:
        hosts[HOST].hold()
        hasty = lab.new_provider(lab.new_fleet(timeouts=Timeouts(connect=10, command=0.5, idle=0.5)))
        before = lab.live(PORTS)
        assert before is not None
        (outcome,) = lab.apply(update(before, PORTS), provider=hasty)
        assert outcome.result is Result.UNKNOWN
        assert [(item.lane, item.what) for item in lab.see(PORTS.key).pending] == [
            (f"ssh:{HOST}", f"sysctl on {HOST}")
        ]
        hosts[HOST].release()
        until(lambda: lab.see(PORTS.key).pending == ())
        live = lab.live(PORTS)
        assert isinstance(live, Sysctl)
        assert live.value == PORTS.value
