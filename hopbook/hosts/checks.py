"""What a host must be like before ICP is installed on it, and how it is not.

A requirement is a line of text (`disk /var/lib/docker 100`): it names itself, so that a step, the journal and
whoever reads the host mean the same by it. The functions below write them; `questions` says what has to be
asked of the host, `judge` holds the answers against one.

The values come from whoever writes the step; for ICP 3.1.0 from its preparation of nodes and its port list.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from hopbook.hosts.facts import SYSTEM, Facts, Question, System

_GB = 1_000_000  # kB
_MARGIN = 0.95  # of a size: what a file system or a kernel keeps for itself
_BRIDGE = "docker0"

INSTALL_PORTS: tuple[str, ...] = (
    "80", "179", "443", "2222", "2380", "4001", "4194", "4300", "4500", "5000", "5044", "5046", "8001",
    "8080", "8082", "8084", "8101", "8181", "8443", "8500", "8600", "8743", "8888", "9200", "9235", "9300",
    "9443", "10248-10252", "18080", "24007", "24008", "35357", "30000-32767", "49152-49251",
)  # fmt: skip
"""TCP ports that ICP 3.1.0 takes and that nothing may listen on before."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a requirement is met.

    Attributes:
        finding: How it is not met and what to do; empty where it is.
        advice: What is worth knowing and stops nothing.
    """

    finding: str = ""
    advice: str = ""


def os_release(*releases: tuple[str, str]) -> str:
    """One of these systems: `("ubuntu", "16.04")`, `("rhel", "7")`; a shorter version covers its parts."""
    return "os " + " ".join(f"{name}-{version}" for name, version in releases)


def python(lowest: str, below: str) -> str:
    """A Python from one version to below another is there as `python`, `python2` or `python2.7`."""
    return f"python {lowest} {below}"


def cpus(least: int) -> str:
    """So many processors."""
    return f"cpus {least}"


def memory(gigabytes: int) -> str:
    """So much memory."""
    return f"memory {gigabytes}"


def disk(path: str, gigabytes: int) -> str:
    """The file system that holds a path, or will hold it, is so large."""
    return f"disk {path} {gigabytes}"


def clock(seconds: int) -> str:
    """Something keeps its time, and it is no further than this from ours."""
    return f"clock {seconds}"


def own_name(address: IPv4Address) -> str:
    """Its own name leads to its address, and to no loopback one."""
    return f"own-name {address}"


def no_firewall() -> str:
    """No firewall of the host is on."""
    return "no-firewall"


def no_swap() -> str:
    """There is no swap; with some there is only an advice, as IBM's own pages disagree."""
    return "no-swap"


def docker(version: str, driver: str = "overlay2") -> str:
    """Docker runs, of this version (`18.03.1` covers `18.03.1-ce`) and with this storage driver."""
    return f"docker {version} {driver}"


def docker_bridge(*networks: IPv4Network) -> str:
    """Docker's bridge overlaps none of these networks, nor one that the host has an address in."""
    return "docker-bridge " + " ".join(map(str, networks))


def free_ports(*ports: str) -> str:
    """Nothing listens on these TCP ports or ranges."""
    return "free-ports " + ",".join(ports)


def administrator() -> str:
    """We are root there, or become it without a password."""
    return "administrator"


def round_trip(address: IPv4Address, milliseconds: int) -> str:
    """A packet goes to another host and back in less."""
    return f"round-trip {address} {milliseconds}"


def absent(path: str) -> str:
    """Nothing lies at a path: what an uninstall leaves, or an earlier installation."""
    return f"absent {path}"


def questions(requirement: str) -> tuple[Question, ...]:
    """What has to be asked of a host to judge a requirement.

    Raises:
        ValueError: there is no such requirement.
    """
    word, arguments = _parsed(requirement)
    if word == "disk":
        return (("disk", arguments[0]),)
    if word == "absent":
        return (("exists", arguments[0]),)
    if word == "round-trip":
        return (("ping", arguments[0]),)
    return (SYSTEM,)


def judge(requirement: str, facts: Facts, *, offset: float = 0.0) -> Judgement:
    """Hold what a host says against a requirement.

    Args:
        requirement: As one of the functions above writes it.
        facts: The answers to its questions.
        offset: How many seconds the host's clock is ahead of ours.

    Raises:
        ValueError: there is no such requirement, or the answers do not fit it.
    """
    word, arguments = _parsed(requirement)
    if word == "clock":
        return _clock(arguments, facts, offset)
    return _JUDGES[word](arguments, facts)


def _parsed(requirement: str) -> tuple[str, list[str]]:
    word, *arguments = requirement.split()
    if word != "clock" and word not in _JUDGES:
        raise ValueError(f"there is no requirement {requirement!r}")
    least = _ARGUMENTS.get(word, 0)
    if len(arguments) < least:
        raise ValueError(f"requirement {requirement!r}: {len(arguments)} values, expected {least}")
    return word, arguments


def _met(condition: object, finding: str) -> Judgement:
    return Judgement() if condition else Judgement(finding=finding)


def _os(arguments: Sequence[str], facts: Facts) -> Judgement:
    name, version = facts.system.os
    wanted = [tuple(item.rsplit("-", 1)) for item in arguments]
    fits = any(name == other and _covers(release, version) for other, release in wanted)
    allowed = " or ".join(f"{other} {release}" for other, release in wanted)
    return _met(fits, f"it runs {name or 'an unknown system'} {version}; use a template with {allowed}")


def _covers(short: str, version: str) -> bool:
    return version == short or version.startswith((f"{short}.", f"{short}-"))


def _python(arguments: Sequence[str], facts: Facts) -> Judgement:
    lowest, below = (_numbers(item) for item in arguments[:2])
    fits = any(lowest <= _numbers(version) < below for version in facts.system.pythons.values())
    found = ", ".join(f"{name} is {version}" for name, version in sorted(facts.system.pythons.items()))
    wanted = f"install a Python from {arguments[0]} to below {arguments[1]}"
    return _met(fits, f"{found or 'there is no python'}; {wanted}")


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    return tuple(int("".join(filter(str.isdecimal, part)) or 0) for part in parts)


def _cpus(arguments: Sequence[str], facts: Facts) -> Judgement:
    count = facts.system.cpus
    return _met(count >= int(arguments[0]), f"it has {count} processors; give it {arguments[0]} or more")


def _memory(arguments: Sequence[str], facts: Facts) -> Judgement:
    found, wanted = facts.system.memory, int(arguments[0])
    fits = found * 1024 >= wanted * 2**30 * _MARGIN  # memory is counted in powers of two
    return _met(fits, f"it has {found / 2**20:.1f} GB of memory; give it {wanted} GB")


def _disk(arguments: Sequence[str], facts: Facts) -> Judgement:
    path, wanted = arguments[0], int(arguments[1])
    total, free = facts.disk(path)
    told = f"{path} lies on {total / _GB:.0f} GB, {free / _GB:.0f} GB free"
    return _met(
        total >= wanted * _GB * _MARGIN, f"{told}; enlarge that disk to {wanted} GB or mount one there"
    )


def _clock(arguments: Sequence[str], facts: Facts, offset: float) -> Judgement:
    system, most = facts.system, float(arguments[0])
    if abs(offset) > most:
        way = "ahead of" if offset > 0 else "behind"
        return Judgement(f"its clock is {abs(offset):.0f} s {way} ours; set it and keep it by NTP")
    if not system.timeservices and system.synchronized is not True:
        return Judgement("nothing keeps its time; run chrony or ntp with the site's NTP servers")
    if system.synchronized is False:
        keeper = ", ".join(system.timeservices)
        return Judgement(advice=f"{keeper} runs and is not synchronized yet; can it reach its servers?")
    return Judgement()


def _own_name(arguments: Sequence[str], facts: Facts) -> Judgement:
    address, found = arguments[0], facts.system.resolved
    fits = address in found and not any(item.startswith("127.") for item in found)
    leads = ", ".join(found) or "nowhere"
    fix = f"let /etc/hosts lead it to {address} alone"
    return _met(fits, f"its own name {facts.system.hostname} leads to {leads}; {fix}")


def _no_firewall(_arguments: Sequence[str], facts: Facts) -> Judgement:
    on = ", ".join(facts.system.firewalls)
    return _met(not on, f"{on} is on; stop it for the installation")


def _no_swap(_arguments: Sequence[str], facts: Facts) -> Judgement:
    swap = facts.system.swap
    return Judgement(advice=f"it has {swap / _GB:.1f} GB of swap; Kubernetes wants none" if swap else "")


def _docker(arguments: Sequence[str], facts: Facts) -> Judgement:
    version, driver = arguments[:2]
    found = facts.system.docker
    if found is None:
        return Judgement(f"Docker does not run; install Docker {version} and start it")
    if not _covers(version, found[0]):
        return Judgement(f"it runs Docker {found[0]}; remove it and install Docker {version}")
    fix = f'set "storage-driver": "{driver}" in /etc/docker/daemon.json and restart Docker'
    return _met(found[1] == driver, f"Docker's storage driver is {found[1]}; {fix}")


def _docker_bridge(arguments: Sequence[str], facts: Facts) -> Judgement:
    sides = [(name, IPv4Interface(address).network) for name, address in facts.system.addresses]
    bridge = next((network for name, network in sides if name == _BRIDGE), None)
    if bridge is None:
        return Judgement()
    others = [(f"{name}'s {network}", network) for name, network in sides if name != _BRIDGE]
    others += [(text, IPv4Network(text)) for text in arguments]
    clash = next((told for told, network in others if network.overlaps(bridge)), "")
    fix = 'set another "bip" in /etc/docker/daemon.json and restart Docker'
    return _met(not clash, f"Docker's bridge {bridge} overlaps {clash}; {fix}")


def _free_ports(arguments: Sequence[str], facts: Facts) -> Judgement:
    ranges = [_range(item) for item in arguments[0].split(",")]
    taken = sorted(port for port in facts.system.listens if any(a <= port <= b for a, b in ranges))
    told = ", ".join(map(str, taken))
    return _met(not taken, f"something listens on TCP {told}; see with ss -tlnp what it is and stop it")


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _administrator(_arguments: Sequence[str], facts: Facts) -> Judgement:
    system: System = facts.system
    return _met(system.uid == 0, f"we have user id {system.uid} there; allow the user sudo with NOPASSWD")


def _round_trip(arguments: Sequence[str], facts: Facts) -> Judgement:
    address, most = arguments[0], float(arguments[1])
    average = facts.ping(address)
    if average is None:
        return Judgement(f"{address} does not answer a ping; is it up, and does ICMP pass between them?")
    return _met(average < most, f"{address} is {average:.1f} ms away; less than {most:.0f} ms is needed")


def _absent(arguments: Sequence[str], facts: Facts) -> Judgement:
    path = arguments[0]
    return _met(not facts.exists(path), f"{path} is still there; an earlier installation has to be removed")


_JUDGES: Mapping[str, Callable[[Sequence[str], Facts], Judgement]] = {
    "os": _os,
    "python": _python,
    "cpus": _cpus,
    "memory": _memory,
    "disk": _disk,
    "own-name": _own_name,
    "no-firewall": _no_firewall,
    "no-swap": _no_swap,
    "docker": _docker,
    "docker-bridge": _docker_bridge,
    "free-ports": _free_ports,
    "administrator": _administrator,
    "round-trip": _round_trip,
    "absent": _absent,
}
_ARGUMENTS: Mapping[str, int] = {
    "clock": 1,
    "os": 1,
    "python": 2,
    "cpus": 1,
    "memory": 1,
    "disk": 2,
    "own-name": 1,
    "docker": 2,
    "free-ports": 1,
    "round-trip": 2,
    "absent": 1,
}


def asked(requirements: Iterable[str]) -> tuple[Question, ...]:
    """The questions of several requirements, each once."""
    return tuple(dict.fromkeys(item for requirement in requirements for item in questions(requirement)))
