"""Each check, met and not met; what is not met says what to do."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from hopbook.hosts import checks
from hopbook.hosts.facts import SYSTEM, Facts, System

ADDRESS = IPv4Address("192.168.20.11")
GOOD = System(
    uid=0,
    hostname="master-1",
    clock=0,
    os=("ubuntu", "16.04"),
    cpus=8,
    memory=32 * 2**20 - 500_000,
    pythons={"python": "2.7.12", "python3": "3.5.2"},
    resolved=("192.168.20.11",),
    synchronized=True,
    timeservices=("chrony",),
    addresses=(("lo", "127.0.0.1/8"), ("eth0", "192.168.20.11/24"), ("docker0", "172.17.0.1/16")),
    listens=frozenset({22}),
    docker=("18.03.1-ce", "overlay2"),
)


def of(system: System, **answers: tuple[str, ...]) -> Facts:
    """The system, and what else it was asked: `disk=("/x", "1", "1")`."""
    facts = Facts({(word, given[0]): (given[1:],) for word, given in answers.items()})
    facts.__dict__["system"] = system
    return facts


NETWORK = IPv4Network("192.168.20.0/24")
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (checks.os_release(("ubuntu", "16.04"), ("rhel", "7")),
     {"os": ("rhel", "7.5")}, {"os": ("debian", "12")},
     "it runs debian 12; use a template with ubuntu 16.04 or rhel 7"),
    (checks.python("2.6", "3.0"), {"pythons": {"python2": "2.6.6"}}, {"pythons": {"python": "3.5.2"}},
     "python is 3.5.2; install a Python from 2.6 to below 3.0"),
    (checks.cpus(8), {}, {"cpus": 4}, "it has 4 processors; give it 8 or more"),
    (checks.memory(32), {}, {"memory": 16 * 2**20}, "it has 16.0 GB of memory; give it 32 GB"),
    (checks.own_name(ADDRESS), {}, {"resolved": ("127.0.1.1",)},
     "its own name master-1 leads to 127.0.1.1; let /etc/hosts lead it to 192.168.20.11 alone"),
    (checks.no_firewall(), {}, {"firewalls": ("ufw",)}, "ufw is on; stop it for the installation"),
    (checks.docker("18.03.1"),
     {"docker": ("18.03.1", "overlay2")}, {"docker": ("17.03.2-ce", "overlay2")},
     "it runs Docker 17.03.2-ce; remove it and install Docker 18.03.1"),
    (checks.docker("18.03.1"), {}, {"docker": None}, "Docker does not run; install Docker 18.03.1"),
    (checks.docker("18.03.1"), {}, {"docker": ("18.03.1-ce", "aufs")}, "storage driver is aufs; set"),
    (checks.docker("18.03.1"), {}, {"docker": ("18.03.10", "overlay2")}, "it runs Docker 18.03.10"),
    (checks.docker_bridge(IPv4Network("10.1.0.0/16")), {"addresses": ()},
     {"addresses": (("docker0", "10.1.0.1/24"),)},
     "Docker's bridge 10.1.0.0/24 overlaps 10.1.0.0/16; set another"),
    (checks.docker_bridge(), {}, {"addresses": (("eth0", "172.17.3.4/20"), ("docker0", "172.17.0.1/16"))},
     "overlaps eth0's 172.17.0.0/20"),
    (checks.free_ports("80", "10248-10252"), {"listens": frozenset({79, 81, 10247, 10253})},
     {"listens": frozenset({80, 10250})}, "something listens on TCP 80, 10250; see with ss -tlnp"),
    (checks.administrator(), {}, {"uid": 1000}, "we have user id 1000 there; allow the user sudo"),
    (checks.clock(5), {"synchronized": None}, {"timeservices": (), "synchronized": None},
     "nothing keeps its time; run chrony or ntp"),
]  # fmt: skip


@pytest.mark.parametrize(("requirement", "also", "bad", "finding"), CASES)
def test_a_check_of_the_system(
    requirement: str, also: dict[str, Any], bad: dict[str, Any], finding: str
) -> None:
    assert checks.questions(requirement) == (SYSTEM,)
    assert checks.judge(requirement, of(GOOD)) == checks.Judgement()
    assert checks.judge(requirement, of(replace(GOOD, **also))) == checks.Judgement()
    judged = checks.judge(requirement, of(replace(GOOD, **bad)))
    assert finding in judged.finding


def test_the_disk_that_will_hold_a_path() -> None:
    requirement = checks.disk("/var/lib/docker", 100)
    assert checks.questions(requirement) == (("disk", "/var/lib/docker"),)
    good = of(GOOD, disk=("/var/lib/docker", "98000000", "90000000"))
    assert checks.judge(requirement, good) == checks.Judgement()
    bad = of(GOOD, disk=("/var/lib/docker", "50000000", "40000000"))
    assert checks.judge(requirement, bad).finding.startswith(
        "/var/lib/docker lies on 50 GB, 40 GB free; enlarge"
    )


def test_the_clock_is_held_against_ours() -> None:
    requirement = checks.clock(5)
    assert checks.judge(requirement, of(GOOD), offset=-4.9) == checks.Judgement()
    assert checks.judge(requirement, of(GOOD), offset=90).finding == (
        "its clock is 90 s ahead of ours; set it and keep it by NTP"
    )
    assert "7 s behind ours" in checks.judge(requirement, of(GOOD), offset=-7).finding
    judged = checks.judge(requirement, of(replace(GOOD, synchronized=False)))
    assert (judged.finding, "chrony runs and is not synchronized" in judged.advice) == ("", True)


def test_swap_is_only_an_advice() -> None:
    judged = checks.judge(checks.no_swap(), of(replace(GOOD, swap=8_000_000)))
    assert judged == checks.Judgement(advice="it has 8.0 GB of swap; Kubernetes wants none")


def test_masters_are_near_each_other() -> None:
    requirement = checks.round_trip(ADDRESS, 33)
    assert checks.questions(requirement) == (("ping", "192.168.20.11"),)
    assert checks.judge(requirement, of(GOOD, ping=("192.168.20.11", "32.9"))) == checks.Judgement()
    far = checks.judge(requirement, of(GOOD, ping=("192.168.20.11", "33.0"))).finding
    assert far == "192.168.20.11 is 33.0 ms away; less than 33 ms is needed"
    assert "does not answer" in checks.judge(requirement, of(GOOD, ping=("192.168.20.11", "-"))).finding


def test_an_earlier_installation_has_to_go() -> None:
    requirement = checks.absent("/etc/cfc")
    assert checks.questions(requirement) == (("exists", "/etc/cfc"),)
    assert checks.judge(requirement, of(GOOD, exists=("/etc/cfc", "no"))) == checks.Judgement()
    assert (
        "/etc/cfc is still there" in checks.judge(requirement, of(GOOD, exists=("/etc/cfc", "yes"))).finding
    )


@pytest.mark.parametrize("requirement", ["nonsense", "disk /x", "python 2.6"])
def test_what_is_no_requirement_is_said(requirement: str) -> None:
    with pytest.raises(ValueError, match="requirement"):
        checks.questions(requirement)


def test_questions_are_asked_once() -> None:
    assert checks.asked([checks.cpus(1), checks.memory(1), checks.absent("/a")]) == (SYSTEM, ("exists", "/a"))
