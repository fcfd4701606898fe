"""The journal, kept in a database: an append-only, chained record, one stream a site."""

from adapters.journal.chain import Tail
from adapters.journal.store import SqlJournal

__all__ = ["SqlJournal", "Tail"]
