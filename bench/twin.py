"""The twin: the example built for real, the five documented traffics sent through it, and gone."""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from adapters.twin.twin import Twin
from bench.measure import Figure, stopwatch
from bench.nsxv import example
from bench.trace import documented, network_of
from hopbook.trace.agreement import compared
from hopbook.trace.walk import trace


def _children(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs."""
    with contextlib.suppress(OSError):
        for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(text)
            yield from _children(int(text))


def _megabytes() -> float:
    """What all of the twin's processes hold, shared pages counted in parts (PSS)."""
    kilobytes = 0
    for pid in _children(os.getpid()):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def figures() -> Iterator[Figure]:
    """Time and memory."""
    site = example()
    network = network_of(site)
    cases = documented(site, network)
    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            most[0] = max(most[0], _megabytes())

    watching = threading.Thread(target=watch)
    watching.start()
    agree = 0
    with stopwatch() as taken, Twin() as twin:
        twin.build(replace(network))
        for case in cases:
            if case.packet is not None:
                seen = twin.probe(case.packet, case.source)
                agree += not compared(trace(network, case.packet, case.source), seen).difference
    done.set()
    watching.join()
    what = f"the twin built, five traffics sent ({agree} as modelled), gone"
    yield Figure(what, f"{taken.seconds:.1f} s", "< 5 s", taken.seconds < 5)
    yield Figure("its memory", f"{most[0]:.0f} MB", "< 150 MB", most[0] < 150)
