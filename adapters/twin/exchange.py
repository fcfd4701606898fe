"""What the twin and its worker say to each other: pickles, each behind its length, over private pipes."""

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from adapters.twin.ending import Observed
from adapters.twin.namespaces import TwinTrouble
from hopbook.errors import HopbookError
from hopbook.network.nodes import Backend, Network
from hopbook.network.packet import Packet
from hopbook.trace.walk import Target

LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker takes requests."""


@dataclass(frozen=True, slots=True)
class Build:
    """Build a network instead of the one that is."""

    network: Network
    knobs: Mapping[str, str]
    there: frozenset[str]


@dataclass(frozen=True, slots=True)
class Probe:
    """Send a packet."""

    packet: Packet
    at: str
    choose: Mapping[str, Backend]
    onward: Target | None


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to a request."""

    value: tuple[Observed, ...] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no other answer."""

    error: HopbookError


Request = Build | Probe
Answer = Ready | Done | Failed


def write(stream: BinaryIO, item: Request | Answer) -> None:
    """Send one item."""
    data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
    stream.write(LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def read(stream: BinaryIO) -> Any:
    """The next item.

    Raises:
        EOFError: the other side is gone.
    """
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - the two processes are one program, joined by a private pipe


def portable(error: HopbookError) -> HopbookError:
    """The error as one that can be sent: with its message as its only argument."""
    return error if error.args == (str(error),) else TwinTrouble(str(error))
