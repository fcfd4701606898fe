"""What the tests of strongSwan's chart prove, one by one: some fail of a VPN that is right (ibm.md 3.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

from hopbook.vpn.values import Effective


class Verdict(StrEnum):
    """What a test's end says of the VPN."""

    PASSED = "passed"
    FAILED = "failed"
    NO_PROOF = "no proof"  # it cannot pass with these values, so that it fails says nothing


@dataclass(frozen=True, slots=True)
class Proof:
    """A test, judged.

    Attributes:
        why: For one that did not pass: what it says, or why it says nothing.
    """

    test: str
    verdict: Verdict
    why: str = ""


def judge(
    test: str, *, passed: bool, values: Effective, pods: IPv4Network, workers: tuple[IPv4Network, ...]
) -> Proof:
    """What the end of one test says.

    Args:
        test: The pod's name: `vpn-strongswan-ping-remote-gw`.
        passed: How it ended.
        values: The release's.
        pods: The cluster's pod range.
        workers: The workers' private subnets.
    """
    if passed:
        return Proof(test, Verdict.PASSED)
    for ending, excuse in _EXCUSES.items():
        if test.endswith(ending) and (why := excuse(values, pods, workers)):
            return Proof(test, Verdict.NO_PROOF, why)
    said = next((text for ending, text in _SAYS.items() if test.endswith(ending)), "it says no more")
    return Proof(test, Verdict.FAILED, said)


def _gateway(values: Effective, _pods: IPv4Network, _workers: tuple[IPv4Network, ...]) -> str:
    anybody = values.word("remote.gateway") in {"", "%any"}
    return "remote.gateway is %any: it has no address to ping" if anybody else ""


def _from_pod(values: Effective, pods: IPv4Network, _workers: tuple[IPv4Network, ...]) -> str:
    return _nobody(values) or _outside(values, (pods,), "the pods'")


def _from_worker(values: Effective, _pods: IPv4Network, workers: tuple[IPv4Network, ...]) -> str:
    return _nobody(values) or _outside(values, workers, "the workers'")


def _nobody(values: Effective) -> str:
    return "" if values.word("remote.privateIPtoPing") else "remote.privateIPtoPing is empty: nobody to ping"


def _outside(values: Effective, sources: tuple[IPv4Network, ...], whose: str) -> str:
    inside = values.networks("local.subnet")
    for source in sources:
        if not any(source.subnet_of(network) for network in inside):
            return f"{source} ({whose}) is not in local.subnet: their packets do not take the tunnel"
    return ""


_EXCUSES: dict[str, Callable[[Effective, IPv4Network, tuple[IPv4Network, ...]], str]] = {
    "-ping-remote-gw": _gateway,
    "-ping-remote-ip-1": _from_pod,
    "-ping-remote-ip-2": _from_worker,
}

_SAYS = {
    "-check-config": "strongSwan does not take its configuration",
    "-check-state": "the tunnel is down, or the cluster has no way out to where the test has its tools from",
    "-ping-remote-gw": "the gateway does not answer, or drops ICMP",
    "-ping-remote-ip-1": "a pod gets no answer through the tunnel",
    "-ping-remote-ip-2": "a worker gets no answer through the tunnel",
}
