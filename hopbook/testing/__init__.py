"""A toy site for tests of the engine: some kinds of resource, the world that holds them, and the ports.

`World` and `MemoryJournal` are what outlives a process; providers, writers and runners are made anew on them,
as after a crash.
"""

from hopbook.testing.kinds import CALL_TIMEOUT, KINDS, Box, Knob, Peg, Rule, Toy, Vault, Wire
from hopbook.testing.ports import CrashNow, FakeClock, Fuse, MemoryJournal
from hopbook.testing.provider import ToyProvider
from hopbook.testing.world import Fault, Thing, World

__all__ = [
    "CALL_TIMEOUT",
    "KINDS",
    "Box",
    "CrashNow",
    "FakeClock",
    "Fault",
    "Fuse",
    "Knob",
    "MemoryJournal",
    "Peg",
    "Rule",
    "Thing",
    "Toy",
    "ToyProvider",
    "Vault",
    "Wire",
    "World",
]
