"""Judge random networks: `python -m tests.twin.judge.run --networks 1000 --seed 7 --jobs 2`.

Exit status 1 if model and twin disagree about any packet. `--shrink` makes each disagreement small and writes
it as a case; `--case` plays cases.
"""

import argparse
import random
import sys
import time
from pathlib import Path

from adapters.twin.twin import Twin
from tests.twin.judge.cases import load, written
from tests.twin.judge.compare import Site
from tests.twin.judge.generate import Scenario
from tests.twin.judge.session import Report, Result, judge_all, judge_one
from tests.twin.judge.shrink import Fails, shrunk

CASES = Path(__file__).parents[1] / "cases"
_EVERY = 10.0  # seconds between two lines of progress


def main(arguments: list[str] | None = None) -> int:
    """Run from a command line; gives the exit status."""
    options = _options().parse_args(arguments)
    if options.case:
        with Twin() as twin:
            report = Report()
            for path in options.case:
                result = judge_one(load(path), twin)
                report.add(result)
                _say(f"{path}: {'agrees' if result.agrees else result}")
    else:
        report = _judged(options)
    _say("\n".join(("", *report.lines())))
    if options.shrink and report.failed:
        _keep(report.failed, options.keep)
    return 1 if report.failed else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--seed", type=int, help="of the first network; the next have the next ones")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--shrink", action="store_true", help="make disagreements small and keep them")
    parser.add_argument("--keep", type=Path, default=CASES, help="where they are kept")
    parser.add_argument("--case", type=Path, action="append", help="play a kept one")
    return parser


def _judged(options: argparse.Namespace) -> Report:
    first = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    _say(f"seed {first}")
    began = last = time.monotonic()
    done = bad = 0

    def progress(result: Result) -> None:
        nonlocal last, done, bad
        done, bad = done + 1, bad + (not result.agrees)
        if not result.agrees:
            _say(f"\n{result}\n")
        if time.monotonic() - last > _EVERY:
            last = time.monotonic()
            _say(f"{done} of {options.networks} in {last - began:.0f} s, {bad} disagree")

    return judge_all(range(first, first + options.networks), Twin, options.jobs, progress)


def _keep(failed: list[Result], folder: Path) -> None:
    with Twin() as twin:
        for result in failed:
            small = shrunk(result.scenario, _fails_like(result, twin))
            text = written(small, *str(judge_one(small, twin)).splitlines())
            path = folder / f"seed-{small.seed}.yaml"
            path.write_text(text, encoding="utf-8")
            _say(f"\n--- {path}\n{text}")


def _fails_like(result: Result, site: Site) -> Fails:
    """Whether a scenario fails as one did: the twin broke, or the same verdicts stand against each other."""
    known = {item.verdicts for item in result.judgement.disagreements}

    def fails(scenario: Scenario) -> bool:
        found = judge_one(scenario, site)
        alike = any(item.verdicts in known for item in found.judgement.disagreements)
        return bool(found.broke) if result.broke else alike

    return fails


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
