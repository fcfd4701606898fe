"""The `hopbook` command's entrance.

`hopbook --help` is asked most and should answer at once, but the library behind the command line takes longer
to load than that. So the answer is kept as text beside this module; a test holds it to what the library says.
"""

import sys
from pathlib import Path

HELP = Path(__file__).with_name("help.txt")
_ASKING: tuple[list[str], ...] = ([], ["--help"], ["-h"])


def main() -> None:
    """Run the command line and end with its status: 0 done, 1 failed, 2 differences, 3 invalid, 4 waiting."""
    if sys.argv[1:] in _ASKING:
        sys.stdout.write(HELP.read_text())
        return
    from commands.app import run

    sys.exit(run(sys.argv[1:]))
