"""From the shell: how long a person waits."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure, fastest

HOPBOOK = str(Path(sys.executable).with_name("hopbook"))


def figures() -> Iterator[Figure]:
    """The command's figures."""
    yield _figure(["--help"], 0.3)
    yield _figure(["dry-run", "icp-network", "--site", "example"], 3.0)
    yield _figure(["dry-run", "icp-install", "--site", "example"], 12.0, rounds=2)


def _figure(arguments: list[str], limit: float, rounds: int = 5) -> Figure:
    def call() -> None:
        subprocess.run([HOPBOOK, *arguments], check=True, stdout=subprocess.DEVNULL)

    seconds = fastest(call, rounds)
    what = f"hopbook {' '.join(arguments)}"
    return Figure(what, f"{seconds:.2f} s", f"under {limit} s", seconds < limit)
