"""The commands: signatures and help; what each does is in a module of its own, imported when it is called."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

if TYPE_CHECKING:
    from commands.runbook import Wish

INVALID = 3

app = App(
    name="hopbook",
    help="Runbooks that prove every hop.",
    help_format="plaintext",  # Markdown costs a fifth of a second
    version="0.1.0",
    result_action="return_value",
    help_on_error=False,
)
journal_app = App(name="journal", help="Look at the record.")
app.command(journal_app)

Site = Annotated[str, Parameter(name="--site", help="A name under runbooks/sites/, or a path.")]
Overlay = Annotated[
    str | None, Parameter(help="A file to lay over the site file, as `hopbook simulate` prints it.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of text.")]
Adopt = Annotated[
    bool, Parameter(negative="", help="Take over objects that match ours and were made by others.")
]
Set = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="A parameter of the runbook: KEY=VALUE, as cluster=iks-a."),
]
Fault = Annotated[
    list[str] | None,
    Parameter(
        name="--fault",
        negative="",
        help="What goes wrong: SYSTEM:WHAT[*COUNT][@WHERE], as nsxv:409*3@egress.",
    ),
]


@app.command
def check(
    site: str, /, *, for_: Annotated[str | None, Parameter(name="--for")] = None, json: Json = False
) -> int:
    """Check a site file: its form, its address plan, and what a runbook needs of it.

    Parameters
    ----------
    site
        A name under runbooks/sites/, or a path.
    for_
        The runbook whose needs are to be checked, too.
    """
    from commands import check as command

    return command.check(site, for_, as_json=json)


@app.command
def plan(
    runbook: str, /, *, site: Site, set_: Set = None, overlay: Overlay = None, json: Json = False
) -> int:
    """Show what a runbook would change, against the live systems. Writes nothing.

    Ends with 0 if nothing would change and 2 if something would.

    Parameters
    ----------
    runbook
        The runbook's name, as `icp-network`.
    """
    from commands import runbook as command

    return command.plan(_wish(runbook, site, set_), overlay, as_json=json)


@app.command
def dry_run(
    runbook: str,
    /,
    *,
    site: Site,
    set_: Set = None,
    fault: Fault = None,
    answer: Literal["approve", "refuse", "late"] = "approve",
    adopt: Adopt = False,
    json: Json = False,
) -> int:
    """Rehearse a whole runbook on a simulated site, and follow its traffic.

    Parameters
    ----------
    runbook
        The runbook's name, as `icp-network`.
    answer
        What somebody outside answers where the runbook needs their approval.
    """
    from commands import runbook as command

    return command.dry_run(_wish(runbook, site, set_), fault or [], answer, adopt=adopt, as_json=json)


@app.command
def apply(
    runbook: str,
    /,
    *,
    site: Site,
    set_: Set = None,
    overlay: Overlay = None,
    plan: str | None = None,
    adopt: Adopt = False,
    reason: str = "",
    ticket: str = "",
    json: Json = False,
) -> int:
    """Carry out a runbook for real, and follow its traffic.

    Parameters
    ----------
    runbook
        The runbook's name, as `icp-network`.
    plan
        The digest that `hopbook plan` printed; refuses if anything moved since.
    reason
        Why, for the record.
    ticket
        The change ticket, for the record.
    """
    from commands import runbook as command

    return command.apply(
        _wish(runbook, site, set_),
        overlay,
        digest=plan,
        adopt=adopt,
        reason=reason,
        ticket=ticket,
        as_json=json,
    )


@app.command
def resume(
    run: str, /, *, rebase: Annotated[bool, Parameter(negative="")] = False, json: Json = False
) -> int:
    """Go on with a run that ended before its end.

    Parameters
    ----------
    run
        The run's id, from `hopbook runs`.
    rebase
        Go on with what the site file and the runbook say now, if they changed.
    """
    from commands import runbook as command

    return command.resume(run, rebase=rebase, as_json=json)


@app.command
def approve(
    run: str,
    /,
    *,
    gate: str = "",
    answer: Literal["approve", "refuse"] = "approve",
    by: str = "",
    evidence: str = "",
    ticket: str = "",
    note: str = "",
    json: Json = False,
) -> int:
    """Write down the answer of somebody outside to a run that waits at a gate.

    Parameters
    ----------
    run
        The run's id, from `hopbook runs`.
    gate
        The gate's name, from `hopbook show`; needed where several wait.
    answer
        What they say. A run that was refused is taken back when it is resumed.
    by
        Whose answer it is; without it, yours.
    evidence
        Where the answer can be seen: a link, a mail, a message's number.
    ticket
        The ticket that it was asked for by.

    Note:
        Their words, or yours.
    """
    from commands import approve as command

    return command.approve(run, gate, answer, command.Said(by, evidence, ticket, note), as_json=json)


@app.command
def undo(
    run: str,
    /,
    *,
    preview: Annotated[bool, Parameter(negative="")] = False,
    force: Annotated[bool, Parameter(negative="")] = False,
    reason: str = "",
    json: Json = False,
) -> int:
    """Take a run back, last step first.

    Parameters
    ----------
    run
        The run's id, from `hopbook runs`.
    preview
        Only show what would be taken back.
    force
        Take back what was changed after the run, too.
    reason
        Why, for the record.
    """
    from commands import runbook as command

    return command.undo(run, preview=preview, force=force, reason=reason, as_json=json)


@app.command
def runs(*, site: Annotated[str | None, Parameter(name="--site")] = None, json: Json = False) -> int:
    """List the runs of the journal, newest last."""
    from commands import record as command

    return command.runs(site, as_json=json)


@app.command
def show(run: str, /, *, json: Json = False) -> int:
    """Show a run: its steps, its changes and what became of them.

    Parameters
    ----------
    run
        The run's id, from `hopbook runs`.
    """
    from commands import record as command

    return command.show(run, as_json=json)


@app.command
def drift(
    site: str,
    /,
    *,
    runbook: str = "icp-network",
    set_: Set = None,
    overlay: Overlay = None,
    json: Json = False,
) -> int:
    """Compare declared, last applied and live; say who changed what. Changes nothing.

    Ends with 0 if nothing differs and 2 if something does.

    Parameters
    ----------
    site
        A name under runbooks/sites/, or a path.
    runbook
        The runbook whose resources are compared.
    """
    from commands import runbook as command

    return command.drift(_wish(runbook, site, set_), overlay, as_json=json)


@app.command
def trace(
    site: str,
    /,
    *traffic: str,
    from_: Annotated[str, Parameter(name="--from")] = "",
    to: str = "",
    on: Literal["model", "twin", "both", "live"] = "model",
    what_if: str = "",
    svg: Path | None = None,
    runbook: str = "icp-network",
    set_: Set = None,
    overlay: Overlay = None,
    json: Json = False,
) -> int:
    """Follow traffic hop by hop, there and back.

    A site with endpoints is traced as it is; one without as the runbook leaves it on the simulated site.

    Parameters
    ----------
    site
        A name under runbooks/sites/, or a path.
    traffic
        The documented traffics' names; without any, all that apply to the site.
    from_
        Instead of documented traffic, a packet from this node, workload or address ...
    to
        ... to this ADDRESS:PORT or NAME:PORT, with /udp for a datagram.
    on
        The model, its twin in Linux namespaces with real packets, both side by side, or the model with live
        systems asked whether they see the same.
    what_if
        The runbook that would be carried out; shows which traffics would change, and at which hop.
    svg
        A folder for a picture of each traffic.
    runbook
        The runbook whose network is traced.
    """
    from commands import trace as command
    from hopbook.runbook import settings

    question = command.Question(
        runbook, site, overlay, traffic, from_, to, what_if, svg, command.On(on), settings(set_ or [])
    )
    return command.trace(question, as_json=json)


@app.command
def simulate(
    site: str,
    /,
    *,
    nsx_port: int = 0,
    dns_port: int = 0,
    ssh_port: int = 0,
    vcenter: Path | None = None,
    fault: Fault = None,
    out: Path | None = None,
) -> int:
    """Serve the simulated site on loopback, with TLS, until Ctrl-C; prints its endpoints as a site overlay.

    Parameters
    ----------
    site
        A name under runbooks/sites/, or a path.
    nsx_port
        Where the NSX Manager listens; 0 lets the system choose.
    dns_port
        Where the resolver listens.
    ssh_port
        Where the published address of the boot node is; the other hosts are reached through it.
    vcenter
        The program that answers for vCenter; without it the one that `make vcsim` builds, where it is there.
    out
        Write the overlay into this file, too.
    """
    from adapters.simulated.serve import Ports
    from commands import simulate as command

    ports = Ports(nsx=nsx_port, dns=dns_port, ssh=ssh_port)
    wish = command.Wish(ports=ports, faults=fault or [], vcenter=vcenter, out=out)
    return command.simulate(site, wish)


@app.command
def serve(*, port: int = 4200) -> int:
    """Run Prefect's server and UI with every runbook as a deployment, until Ctrl-C.

    Parameters
    ----------
    port
        Where the server and its UI listen, on loopback.
    """
    from commands import serve as command

    return command.serve(port)


@journal_app.command(name="show")
def journal_show(site: str, /, *, json: Json = False) -> int:
    """Show every event of a site.

    Parameters
    ----------
    site
        The site's name.
    """
    from commands import record as command

    return command.journal_show(site, as_json=json)


@journal_app.command(name="verify")
def journal_verify(site: str | None = None, /, *, json: Json = False) -> int:
    """Check the chain of every event, or of one site's.

    Parameters
    ----------
    site
        The site's name; without it, all sites.
    """
    from commands import record as command

    return command.journal_verify(site, as_json=json)


@journal_app.command(name="export")
def journal_export(site: str, /) -> int:
    """Print a site's events as lines of JSON.

    Parameters
    ----------
    site
        The site's name.
    """
    from commands import record as command

    return command.journal_export(site)


def _wish(runbook: str, site: str, set_: list[str] | None) -> "Wish":
    from commands.runbook import Wish
    from hopbook.runbook import settings

    return Wish(runbook, site, settings(set_ or []))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    from hopbook.errors import HopbookError, InvalidInput

    try:
        return int(app(arguments, exit_on_error=False) or 0)
    except CycloptsError:
        return INVALID  # cyclopts has said what is wrong
    except InvalidInput as error:
        return _say(error, arguments, [str(problem) for problem in error.problems])
    except HopbookError as error:
        return _say(error, arguments, [str(error)])
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except BrokenPipeError:
        return 0


def _say(error: Exception, arguments: list[str], lines: list[str]) -> int:
    import json

    from hopbook.errors import Waiting

    if "--json" in arguments:  # standard output is for the result's document alone
        problems = {"error": type(error).__name__, "problems": lines}
        sys.stderr.write(json.dumps(problems, ensure_ascii=False) + "\n")
    else:
        word = "waiting" if isinstance(error, Waiting) else "error"
        for line in lines:
            sys.stderr.write(f"{word}: {line}\n")
    return int(getattr(error, "exit_status", 1))
