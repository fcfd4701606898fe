"""The one table, and what the database itself refuses.

The rules stand in the schema and not only in the program, so that another program, a second runner or a
mistake of ours cannot write a history that never was: a gap, a position that is taken, or an event that
follows from another one than the tail. A NULL passes a CHECK and a foreign key, hence the many IS NULL.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 1
"""The version of this schema; a journal of a newer one is not opened."""

METADATA = MetaData()

EVENTS = Table(
    "events",
    METADATA,
    Column("stream", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("id", Text, nullable=False, unique=True),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("time", Text, nullable=False),  # text, because the digest is taken of what is stored
    Column("previous_position", Integer),
    Column("previous_digest", Text),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("stream", "position", name="one_event_a_position"),
    UniqueConstraint("stream", "position", "digest", name="what_a_successor_names"),
    CheckConstraint(
        "(position = 1 AND previous_position IS NULL AND previous_digest IS NULL) OR "
        "(position > 1 AND previous_position IS NOT NULL AND previous_digest IS NOT NULL "
        "AND position = previous_position + 1)",
        name="no_gap",
    ),
    ForeignKeyConstraint(
        ["stream", "previous_position", "previous_digest"],
        ["events.stream", "events.position", "events.digest"],
        name="follows_the_tail",
    ),
    sqlite_strict=True,
)
