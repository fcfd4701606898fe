"""The undo that a person asks for: opens journal and systems, and takes a run back."""

from contextlib import ExitStack
from dataclasses import replace

from adapters import wiring
from hopbook.engine import gates
from hopbook.engine.events import RunFailed
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.errors import InvalidInput
from hopbook.resources.base import Key
from tasks import files
from tasks.record import find_run
from tasks.run import actor, mint, new_id, open_journal, resolver, secret_digester, site_in, vpn_keys
from tasks.taking_back import TakingBack, Undoing


def undo(asked: Undoing) -> Undoing:
    """Take a run back.

    Raises:
        InvalidInput: there is no such run, or it is one that changes nothing.
        NotUndoable: something was changed after the run; it is named, and nothing was touched.
        StepNotDone: something is left.
    """
    with ExitStack() as stack:
        journal, key = open_journal(asked.home, create=False)
        stack.enter_context(journal)
        stream, state = find_run(journal, asked.run)
        run = state.runs[asked.run]
        if run.started.mode != "apply":
            raise InvalidInput(f"run {run.id} is a {run.started.mode}; only an apply can be undone")
        site, secret = site_in(run.site_document), resolver().resolve
        book, _ = files.runbook(run.started.runbook)

        def told(_key: Key, text: str) -> None:
            asked.watch("said", text)

        systems = stack.enter_context(
            wiring.real(site, secret, f"undo of {run.id}", files.knowledge(book), told, vpn_keys(site))
        )
        asked.id = asked.resume.id if asked.resume else mint()
        if not asked.preview:
            stack.enter_context(journal.lease(stream, f"undo {asked.id} of {run.id} by {actor()}"))
        writer = Writer(journal, stream, asked.id, actor(), systems.clock, new_id)
        writer.catch_up()
        runner = Runner(
            providers=systems.providers,
            writer=writer,
            clock=systems.clock,
            instance=run.instance,
            secret_digest=secret_digester(key, secret),
            stopping=asked.stopping,
            watch=asked.watch,
        )
        TakingBack(asked, runner).go()
        if not asked.preview:
            _end_held(asked, writer)
    return asked


def _end_held(asked: Undoing, writer: Writer) -> None:
    """End a run that a gate held: nothing of it is left to go on with."""
    run = writer.state.runs[asked.run]
    if run.held_by is not None:
        refusal = run.refusal
        why = gates.refused(refusal) if refusal else f"taken back by {asked.id} while it waited"
        replace(writer, run=run.id).append(RunFailed(reason=why))
