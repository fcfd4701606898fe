"""The kept help is what the command line's library says."""

import io
import subprocess
import sys

from rich.console import Console

from commands.app import app
from commands.main import HELP


def test_the_kept_help_is_up_to_date() -> None:
    out = io.StringIO()
    app.help_print([], console=Console(file=out, width=80, force_terminal=False, color_system=None))

    assert HELP.read_text().splitlines() == [line.rstrip() for line in out.getvalue().splitlines()]


def test_help_loads_no_library() -> None:
    probe = (
        "import sys; sys.argv = ['hopbook', '--help']\n"
        "from commands.main import main\n"
        "main()\n"
        "print('cyclopts' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert done.stdout.endswith("False\n")
