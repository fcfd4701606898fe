"""The pods that keep a route: what they may do, and what their script does."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from adapters.kubernetes.access import Conventions
from adapters.kubernetes.markers import Markers
from adapters.kubernetes.provider import routes
from adapters.kubernetes.provider.manifests import rendered
from hopbook.errors import InvalidInput
from hopbook.resources.kubernetes import NodeRoute, Table

ROUTE = NodeRoute(
    cluster="iks-a",
    route="databases",
    networks=(IPv4Network("192.168.12.0/24"), IPv4Network("192.168.13.0/24")),
    interface="eth0",
    next_hop=IPv4Address("10.95.40.80"),
)
SCRIPT = files("adapters.kubernetes.provider").joinpath("route.sh").read_text()
FAKE_IP = """#!/bin/sh
case "$2" in
show) cat "$TOLD" ;;
*) echo "ip $*" >> "$LOG"; echo $$ > "$LOG.pid" ;;
esac
"""


def test_the_pods_may_change_routes_and_nothing_else() -> None:
    pod = routes.daemon_set(ROUTE, Conventions(), Markers("lab"))["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert "privileged" not in container["securityContext"]
    assert (pod["hostNetwork"], pod["automountServiceAccountToken"]) == (True, False)
    assert "volumes" not in pod


def test_other_words_make_new_pods() -> None:
    def template(route: NodeRoute) -> object:
        return routes.daemon_set(route, Conventions(), Markers("lab"))["spec"]["template"]

    assert template(ROUTE) == template(replace(ROUTE))
    assert template(ROUTE) != template(replace(ROUTE, next_hop=None))


def test_the_vpn_s_table_is_not_ours_to_fill() -> None:
    with pytest.raises(InvalidInput, match="the VPN's table is its chart's"):
        rendered(replace(ROUTE, table=Table.VPN), Conventions(), Markers("lab"))


class Shell:
    """The script, with an `ip` that only writes down what it is told."""

    def __init__(self, folder: Path, route: NodeRoute) -> None:
        self.log, self.told = folder / "log", folder / "told"
        self.log.touch()
        self.told.write_text("192.168.12.0/24 via 10.95.40.80\n")
        program = folder / "ip"
        program.write_text(FAKE_IP)
        program.chmod(0o755)
        data = routes.config_map(route, Conventions(), Markers("lab"))["data"]
        self.around = {
            **data,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "LOG": str(self.log),
            "TOLD": str(self.told),
        }

    def run(self, *words: str) -> int:
        command = ["/bin/sh", "-c", SCRIPT, "route", *words]
        return subprocess.run(command, env=self.around, check=False).returncode

    def kept(self) -> list[str]:
        """What it tells `ip` from its start until it is ended, which it is when the routes are there."""
        command = ["/bin/sh", "-c", SCRIPT, "route"]
        with subprocess.Popen(command, env=self.around, start_new_session=True) as process:
            while self.log.read_text().count("replace") < 2 and process.poll() is None:
                os.sched_yield()
            process.terminate()
            assert process.wait(timeout=10) == 0
            with suppress(ProcessLookupError):  # what it waited with
                os.killpg(process.pid, signal.SIGKILL)
        return self.log.read_text().splitlines()


def test_a_route_by_a_neighbour_is_onlink_and_goes_with_the_pod(tmp_path: Path) -> None:
    way = "via 10.95.40.80 dev eth0 onlink"
    assert Shell(tmp_path, ROUTE).kept() == [
        f"ip route replace 192.168.12.0/24 {way}",
        f"ip route replace 192.168.13.0/24 {way}",
        f"ip route del 192.168.12.0/24 {way}",
        f"ip route del 192.168.13.0/24 {way}",
    ]


def test_a_route_without_a_neighbour_is_of_the_link(tmp_path: Path) -> None:
    assert Shell(tmp_path, replace(ROUTE, next_hop=None)).kept()[0] == (
        "ip route replace 192.168.12.0/24 dev eth0 scope link"
    )


def test_a_pod_is_ready_when_its_routes_are_there(tmp_path: Path) -> None:
    shell = Shell(tmp_path, ROUTE)
    assert shell.run("there") == 0
    shell.told.write_text("")
    assert shell.run("there") == 1
    assert shell.log.read_text() == ""
