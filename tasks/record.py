"""Reading the record: which runs there are, and where."""

from difflib import get_close_matches

from adapters.journal import SqlJournal
from hopbook.engine.state import SiteState, fold
from hopbook.errors import InvalidInput


def state_of(journal: SqlJournal, stream: str) -> SiteState:
    """Everything that the journal says of a site."""
    return fold(journal.read(stream))


def find_run(journal: SqlJournal, run: str) -> tuple[str, SiteState]:
    """The stream that a run is in, and its state.

    Raises:
        InvalidInput: no stream has it; names what is near.
    """
    known: list[str] = []
    for stream in journal.streams():
        state = state_of(journal, stream)
        if run in state.runs:
            return stream, state
        known += state.runs
    near = get_close_matches(run, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "hopbook runs lists them"
    raise InvalidInput(f"there is no run {run} in the journal; {hint}")
