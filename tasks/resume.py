"""Going on with a run that ended before its end."""

from dataclasses import dataclass

from adapters.journal import SqlJournal
from hopbook.engine.state import RunState, RunStatus
from hopbook.errors import InputsChanged, InvalidInput
from hopbook.site.compare import compare
from hopbook.site.load import site_of, to_document
from hopbook.site.model import Site
from tasks import files
from tasks.record import find_run
from tasks.run import digest_of, read_site, site_in


@dataclass(frozen=True, slots=True)
class Resumption:
    """What going on with a run takes.

    Attributes:
        site: As the run began, or as the files say now after `--rebase`.
        rebased: The files say something else than when the run began.
    """

    run: RunState
    site: Site
    rebased: bool
    adopt: bool


def resumption(journal: SqlJournal, run_id: str, *, rebase: bool) -> Resumption:
    """How to go on with a run.

    Raises:
        InvalidInput: there is no such run, or it came to its end.
        InputsChanged: the site file or the runbook changed; names what.
    """
    _, state = find_run(journal, run_id)
    run = state.runs[run_id]
    if run.status is RunStatus.COMPLETED:
        raise InvalidInput(f"run {run_id} came to its end on {run.ended:%Y-%m-%d %H:%M:%S} UTC")
    began = site_in(run.site_document)
    adopt = run.inputs.get("adopt") == "true"
    changed = _changes(run, began)
    if not changed:
        return Resumption(run=run, site=began, rebased=False, adopt=adopt)
    if not rebase:
        told = "\n  ".join(changed)
        raise InputsChanged(
            f"what run {run_id} began with has changed since:\n  {told}\n"
            "resume with --rebase to go on with what the files say now"
        )
    book, _ = files.runbook(run.started.runbook)
    now = read_site(run.inputs["site"], run.inputs["overlay"] or None, book.needs, run.started.runbook)
    return Resumption(run=run, site=now, rebased=True, adopt=adopt)


def _changes(run: RunState, began: Site) -> list[str]:
    """What the files say otherwise now; where they are gone, the journal's copy is what there is."""
    try:
        document = files.read_site_file(run.inputs["site"], run.inputs["overlay"] or None)
        _, text = files.runbook(run.started.runbook)
    except InvalidInput:
        return []
    now = to_document(site_of(document))
    changed = [str(change) for change in compare(to_document(began), now)]
    if digest_of(text) != run.inputs["runbook-digest"]:
        changed.append(f"the runbook file {run.started.runbook}.yaml")
    return changed
