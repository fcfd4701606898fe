"""What gets through while ICP is installed, and who says why it does not: edge, web proxy, archive, sudo."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from adapters.ssh.simulator import archive
from hopbook.engine.plan import Step
from hopbook.site.model import Site
from hopbook.steps import icp
from tests.flows.install import BOOT, CANARY, NODES, WORKER, Place, before, changes, differences, place, small

PROXIED = small(egress="proxy", proxy={"address": "10.95.8.40", "port": 3128})
FILES = {"name": "files", "host": "files.example.com", "address": "198.51.100.220"}
ARCHIVE = "https://files.example.com/ibm-cloud-private-x86_64-3.1.0.tar.gz"
IMAGES = archive("ibmcom/icp-inception-amd64:3.1.0-ee")
OPERATOR = "ops"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place(tmp_path, monkeypatch, small())


def missing(patch: pytest.MonkeyPatch, make: str) -> None:
    """A step of the network is left out of the flow."""
    step = getattr(icp, make)(Site.model_validate(small()))
    patch.setattr(icp, make, lambda _site: Step(step.id, step.title, step.citation, ()))


WITHOUT = {
    "internet": (
        "images",
        (
            "registry-1.docker.io",
            "denied at icp-esg",
            "default rule for ingress traffic drops tcp 192.168.20.9:40000 → 198.51.100.200:443",
            "NAT and firewall on the way",
        ),
    ),
    "dns_and_ntp": (
        "prepare",
        ("Could not resolve mirrors.service.networklayer.com", "denied at icp-esg", "→ 192.168.21.1:53"),
    ),
    "cluster_addresses": (
        "examine",
        (f"{BOOT}: no connection", "refused at icp-esg: nothing answers at 10.95.40.71:2222"),
    ),
    "admit_clients": (
        "examine",
        (f"{BOOT}: no connection", "denied at icp-esg: firewall default rule", "→ 10.95.40.71:2222"),
    ),
}


@pytest.mark.parametrize("make", WITHOUT)
def test_without_a_step_of_the_network_the_trace_says_who_drops_it(make: str, made: Place) -> None:
    stops, says = WITHOUT[make]
    with pytest.MonkeyPatch.context() as patch:
        missing(patch, make)
        stopped, said = made.fails("icp-install", small())

    made.resume()

    assert stopped == stops
    assert [part for part in says if part not in said] == [], said
    assert made.world.machines.icp.cluster.config is not None


def test_behind_a_web_proxy_the_images_come_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = place(tmp_path, monkeypatch, PROXIED)

    done = made.apply("icp-install", PROXIED, traffics=None)
    again = made.apply("icp-install", PROXIED)

    assert "nsxv.nat-rule:icp-esg/snat-internet" not in changes(done)
    assert all(result.met for result in done.results)
    assert "icp-node-past-the-web-proxy" in {result.traffic for result in done.results}
    assert made.world.machines.icp.cluster.config is not None
    assert changes(again) == []


def test_a_web_proxy_that_refuses_stops_the_run_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place(tmp_path, monkeypatch, PROXIED)
    made.world.machines.denied.add("registry-1.docker.io")

    stopped, said = made.fails("icp-install", PROXIED)
    made.world.machines.denied.clear()
    made.resume()

    assert stopped == "images"
    assert "the web proxy 10.95.8.40:3128 refuses registry-1.docker.io: 403 Forbidden" in said
    assert "the web proxy that it was told of" in said
    assert made.world.machines.icp.cluster.config is not None


def test_a_docker_that_nobody_told_of_the_proxy_gets_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = place(tmp_path, monkeypatch, PROXIED)
    forget = before("images", lambda: setattr(made.hosts[BOOT].docker, "environment", {}))

    stopped, said = made.fails("icp-install", PROXIED, watch=forget)

    assert stopped == "images"
    assert "denied at icp-esg" in said
    assert "web proxy 10.95.8.40" not in said


def enterprise(content: bytes) -> dict[str, Any]:
    """Its images come from an archive."""
    where = {"location": ARCHIVE, "sha256": hashlib.sha256(content).hexdigest()}
    site = small(install__edition="ee", install__archive=where)
    return {**site, "externals": [*site["externals"], FILES]}


def test_an_archive_that_is_cut_off_on_the_way_is_got_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = enterprise(IMAGES)
    made = place(tmp_path / "a", monkeypatch, site)
    cut = before("images", lambda: made.hosts[BOOT].files.write(f"/.downloads/{ARCHIVE}", IMAGES[:520]))

    stopped, said = made.fails("icp-install", site, watch=cut)
    made.hosts[BOOT].files.write(f"/.downloads/{ARCHIVE}", IMAGES)
    made.resume()
    other = place(tmp_path / "b", monkeypatch, site)
    whole = before("images", lambda: other.hosts[BOOT].files.write(f"/.downloads/{ARCHIVE}", IMAGES))
    other.apply("icp-install", site, watch=whole)

    assert stopped == "images"
    assert f"{ARCHIVE} has the SHA-256" in said
    assert "it is damaged, not complete or another one" in said
    assert differences(made.dump(), other.dump()) == []


def test_an_archive_that_was_cut_off_where_it_is_kept_is_found_by_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = enterprise(IMAGES[:520])
    made = place(tmp_path, monkeypatch, site)
    cut = before("images", lambda: made.hosts[BOOT].files.write(f"/.downloads/{ARCHIVE}", IMAGES[:520]))

    stopped, said = made.fails("icp-install", site, watch=cut)
    made.hosts[BOOT].files.write(f"/.downloads/{ARCHIVE}", IMAGES)
    made.file(enterprise(IMAGES))  # the site file has the right sum now
    made.resume()

    assert stopped == "images"
    assert "cannot be unpacked: it is damaged or not complete; get it again" in said
    assert made.world.machines.icp.cluster.config is not None


def test_sudo_that_asks_for_a_password_stops_the_run_and_says_whom_to_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = small()
    site["endpoints"] = {"ssh": {"user": OPERATOR, "password": {"env": "UNUSED"}, "known_hosts": "unused"}}
    made = place(tmp_path, monkeypatch, site)
    ask = before("prepare", lambda: setattr(made.hosts[WORKER].users[OPERATOR], "sudo", False))

    stopped, said = made.fails("icp-install", site, watch=ask)
    made.hosts[WORKER].users[OPERATOR].sudo = True
    made.resume()

    assert stopped == "prepare"
    assert f"{WORKER}, facts: sudo asks for a password – allow {OPERATOR} sudo without a password" in said
    assert CANARY not in said
    assert len(made.world.machines.icp.cluster.roles) == len(NODES)  # and a worker, without the boot node
