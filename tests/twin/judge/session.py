"""Judge many scenarios, and add up what came of them."""

import threading
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

from tests.twin.judge.compare import Judgement, Site, judged
from tests.twin.judge.generate import Scenario, scenario

NO_FAULT = "none"

Opens = Callable[[], AbstractContextManager[Site]]


@dataclass
class Result:
    """One scenario, and what came of it; `broke`: the twin could not build or probe it."""

    scenario: Scenario
    judgement: Judgement
    broke: str = ""

    @property
    def agrees(self) -> bool:
        """Whether model and twin say the same of all its packets."""
        return not self.broke and not self.judgement.disagreements

    def __str__(self) -> str:
        told = [self.broke] if self.broke else [str(item) for item in self.judgement.disagreements]
        head = f"seed {self.scenario.seed}: {self.scenario.description}"
        return "\n".join((head, *told))


@dataclass
class Report:
    """All scenarios of a session."""

    networks: int = 0
    packets: int = 0
    faulty: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    by_fault: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    tolerated: Counter[str] = field(default_factory=Counter)
    failed: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one more."""
        kinds = result.scenario.faults
        verdicts = [str(item) for item in result.judgement.verdicts]
        self.networks += 1
        self.packets += len(verdicts)
        self.faulty += bool(kinds)
        self.faults.update(kinds or (NO_FAULT,))
        self.verdicts.update(verdicts)
        for kind in kinds or (NO_FAULT,):
            self.by_fault[kind].update(verdicts)
        self.tolerated.update(result.judgement.tolerated)
        if not result.agrees:
            self.failed.append(result)

    def lines(self) -> Iterator[str]:
        """The tables, for a terminal."""
        share = 100 * self.faulty // max(self.networks, 1)
        yield f"{self.networks} networks ({share} % with a fault), {self.packets} packets"
        yield f"model and twin disagree about {len(self.failed)} networks"
        yield ""
        yield from (f"{count:6}  {verdict}" for verdict, count in self.verdicts.most_common())
        yield ""
        for kind, count in self.faults.most_common():
            ends = ", ".join(f"{verdict} {number}" for verdict, number in self.by_fault[kind].most_common())
            yield f"{count:6}  {kind}: {ends}"
        yield from (f"{count:6}  tolerated: {name}" for name, count in self.tolerated.most_common())


def judge_all(
    seeds: Iterable[int], opens: Opens, jobs: int = 1, on_result: Callable[[Result], None] = lambda _: None
) -> Report:
    """Judge the scenarios of these seeds, each job with a twin of its own."""
    report, guard = Report(), threading.Lock()
    remaining = iter(seeds)

    def work() -> None:
        with ExitStack() as stack:
            site = stack.enter_context(opens())
            while True:
                with guard:
                    seed = next(remaining, None)
                if seed is None:
                    return
                result = judge_one(scenario(seed), site)
                with guard:
                    report.add(result)
                    on_result(result)

    with ThreadPoolExecutor(jobs) as pool:
        for job in [pool.submit(work) for _ in range(jobs)]:
            job.result()
    return report


def judge_one(wanted: Scenario, site: Site) -> Result:
    """Judge one scenario; what raises is a finding like another."""
    try:
        return Result(wanted, judged(wanted, site))
    except Exception as error:  # noqa: BLE001  whatever breaks on either side is a finding
        return Result(wanted, Judgement(), "".join(traceback.format_exception(error)[-3:]))
