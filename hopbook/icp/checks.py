"""What has to be so of a cluster and around it, as words that steps, journal and messages share.

What a single host has to be like is in `hopbook.hosts.checks`; these need vCenter, the cluster itself, or the
knowledge whether ICP is installed already (a port that ICP listens on is only taken before that).
"""

from enum import StrEnum
from ipaddress import IPv4Address
from typing import NamedTuple

SOURCE = "ICP 3.1.0, installation"


class Word(StrEnum):
    """What a check is about."""

    CAPACITY = "capacity"  # the vSphere cluster has room for all nodes
    CLEAR = "overlay-clear"  # nothing on the nodes' network but the nodes
    FRESH = "fresh"  # a node is of the cluster, or has nothing of an earlier one and no port taken
    CONSOLE = "console"  # the console answers with the cluster's certificate
    READY = "nodes-ready"  # every node is in the cluster and ready
    TOLD = "cluster-info"  # clients are told the published addresses
    GONE = "gone"  # nothing of ICP is left on a node


class Requirement(NamedTuple):
    """A word, and the node that it is about where it is about one."""

    word: Word
    address: IPv4Address | None = None

    def __str__(self) -> str:
        """As a check spells it."""
        return f"{self.word} {self.address}" if self.address else str(self.word)


_OF_A_NODE = frozenset({Word.FRESH, Word.GONE})


def parse(text: str) -> Requirement:
    """Read what `str` wrote.

    Raises:
        ValueError: there is no such requirement.
    """
    word, _, about = text.partition(" ")
    found = Word(word)
    if (found in _OF_A_NODE) != bool(about):
        raise ValueError(f"requirement {text!r}: expected {'an address' if not about else 'the word alone'}")
    return Requirement(found, IPv4Address(about) if about else None)
