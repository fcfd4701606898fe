"""Print every figure; the exit status is 1 where one is not as promised."""

import sys

from rich.console import Console
from rich.table import Table

from bench import engine, nsxv, shell, ssh, trace, twin


def main() -> int:
    """Take all figures."""
    table = Table(box=None, pad_edge=False)
    for column in ("figure", "measured", "promised", ""):
        table.add_column(column)
    kept = True
    for figure in (item for module in (engine, nsxv, ssh, trace, twin, shell) for item in module.figures()):
        kept = kept and figure.kept
        table.add_row(figure.what, figure.value, figure.promised, "✓" if figure.kept else "✗")
    Console(width=140).print(table)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
