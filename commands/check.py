"""`hopbook check`: is the site file right?"""

from dataclasses import asdict

from rich.table import Table

from commands.output import console, print_json
from hopbook.check import problems_of
from hopbook.errors import InvalidInput
from hopbook.site.check import notes
from hopbook.site.load import site_of
from hopbook.site.needs import require
from hopbook.site.plan import address_plan, rows
from tasks import files


def check(site: str, runbook: str | None, *, as_json: bool) -> int:
    """Print the address plan of a site that is right; raise every problem of one that is not."""
    document = files.read_site_file(site)
    found = site_of(document)
    problems = problems_of(found, document, files.vpn_keys())
    if problems:
        raise InvalidInput(*problems)
    if runbook:
        book, _ = files.runbook(runbook)
        require(found, book.needs, runbook)
    plan = rows(address_plan(found, document))
    remarks = [str(note) for note in notes(found, document)]
    if as_json:
        print_json({"site": found.site, "plan": [asdict(row) for row in plan], "notes": remarks})
        return 0
    table = Table(title=f"address plan of {found.site}", title_justify="left", box=None, pad_edge=False)
    table.add_column("network", no_wrap=True)
    for column in ("what", "document", "where"):
        table.add_column(column, overflow="fold")
    for row in plan:
        table.add_row(row.network, row.name, row.statement, row.where)
    out = console()
    out.print(table)
    for remark in remarks:
        out.print(f"note: {remark}")
    right = f"{found.site} is right" + (f", and has what {runbook} needs" if runbook else "")
    out.print(right, style="green")
    return 0
