"""What an installation reads: counted in calls, not in seconds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.ssh.client import SshClient
from adapters.ssh.scripts import FACTS
from tests.flows.install import BOOT, Place, place, small

NODES = 4
SEVERAL = {
    "system",
    "job",
    "exists",
}  # asked by more than one step: what a node is, and the marks of a cluster


@dataclass
class Reads:
    """What one run read.

    Attributes:
        facts: By host and step, how often its facts were asked for.
        questions: By host and question, how often that was asked.
    """

    vcenter: list[str] = field(default_factory=list)
    nsx: int = 0
    others: set[str] = field(default_factory=set)
    facts: Counter[tuple[str, str]] = field(default_factory=Counter)
    questions: Counter[tuple[str, tuple[str, str]]] = field(default_factory=Counter)


def watched(made: Place, runbook: str) -> Reads:
    """A run, and what it read."""
    reads, step, run = Reads(), [""], SshClient.run
    vcenter, nsx = len(made.world.machines.vcenter.calls), len(made.world.nsx.calls)

    def record(client: SshClient, script: Any, *arguments: str, **named: Any) -> bytes:
        if script is FACTS:
            reads.facts[client.login.name, step[0]] += 1
            reads.questions.update(
                (client.login.name, question)
                for question in zip(arguments[1::2], arguments[2::2], strict=True)
            )
        else:
            reads.others.add(script.name)
        return run(client, script, *arguments, **named)

    def watch(what: str, subject: Any) -> None:
        if what == "step":
            step[0] = subject.id

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SshClient, "run", record)
        made.apply(runbook, small(), watch=watch)
    reads.vcenter = [call for call in made.world.machines.vcenter.calls[vcenter:] if "_Task" not in call]
    reads.nsx = sum(call.method == "GET" for call in made.world.nsx.calls[nsx:])
    return reads


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reads, Reads]]:
    """Of an installation, and of a second one that finds it done."""
    with pytest.MonkeyPatch.context() as patch:
        made = place(tmp_path_factory.mktemp("cost"), patch, small())
        yield watched(made, "icp-install"), watched(made, "icp-install")


def of_host(reads: Reads, host: str) -> int:
    return sum(count for (name, _), count in reads.facts.items() if name == host)


def test_an_unchanged_installation_is_read_once(reads: tuple[Reads, Reads]) -> None:
    _, again = reads
    hosts = {host for host, _ in again.facts}

    assert len(hosts) == NODES
    assert again.others <= {"ask"}  # what the cluster itself says
    assert len(again.vcenter) <= 3
    assert again.nsx <= 10
    assert max(of_host(again, host) for host in hosts - {BOOT}) <= 9
    assert of_host(again, BOOT) <= 13
    # One look a host and step; the first one is at what the machine is and at what an earlier cluster left
    often = {place: count for place, count in again.facts.items() if count > 1}
    assert {step for _, step in often} <= {"examine"}
    assert max(often.values()) <= 3


def test_no_step_asks_what_another_one_was_told(reads: tuple[Reads, Reads]) -> None:
    _, again = reads
    twice = {question: count for question, count in again.questions.items() if count > 1}

    assert {word for _, (word, about) in twice if not about.endswith(".hopbook-cluster.json")} <= SEVERAL
    assert max(twice.values()) <= 3
    assert len(twice) <= 2 * NODES + 3 * NODES


def test_an_installation_reads_a_bounded_number_of_times(reads: tuple[Reads, Reads]) -> None:
    first, _ = reads

    assert max(of_host(first, host) for host, _ in first.facts) <= 34
    assert (
        len(first.vcenter) <= 8 + 3 * NODES + 1
    )  # of each machine once when made, once awaited, and its guest
    assert first.nsx <= 60
