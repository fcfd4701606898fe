"""The process that holds the namespaces, inside private ones of its own.

It reads requests from its standard input and writes answers to its standard output; what anything else prints
there goes to the standard error. It ends with its input, whatever it is doing: as the first
process of its namespaces it takes all others and the networks with it.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

from adapters.twin.capture import clock
from adapters.twin.exchange import Answer, Build, Done, Failed, Probe, Ready, Request, portable, read, write
from adapters.twin.follow import Port
from adapters.twin.lab import Lab
from adapters.twin.namespaces import TwinTrouble
from adapters.twin.probe import Prober
from hopbook.errors import HopbookError
from hopbook.network.nodes import Network


class Worker:
    """Serves one network after the other."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._prober: Prober | None = None

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        try:
            return self._done(request)
        except HopbookError as error:
            return Failed(portable(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other process has to know
            said = self._lab.events().strip() or traceback.format_exc().strip()
            return Failed(TwinTrouble(f"{type(error).__name__}: {error}\n{said}"))

    def close(self) -> None:
        """Watch no longer."""
        if self._prober is not None:
            self._prober.close()
            self._prober = None

    def _done(self, request: Request) -> Answer:
        match request:
            case Build():
                self.close()
                self._lab.build(request.network, request.knobs, there=request.there)
                self._prober = _prober(self._lab, request.network)
                return Done()
            case Probe():
                if self._prober is None:
                    return Failed(TwinTrouble("nothing is built yet: build a network before probing it"))
                observed = self._prober.probe(
                    request.packet, request.at, choose=request.choose, onward=request.onward
                )
                return Done(observed)


def _prober(lab: Lab, network: Network) -> Prober:
    wires: Mapping[Port, Port] = lab.layout.wires
    return Prober(lab, lab.layout.stations, network, wires)


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests = sys.stdin.buffer
    with ExitStack() as held:
        held.enter_context(clock())
        try:
            lab = held.enter_context(Lab())
        except HopbookError as error:
            write(answers, Failed(portable(error)))
            return
        worker = Worker(lab)
        held.callback(worker.close)
        write(answers, Ready())
        _serve(worker.answer, requests, answers)


def _serve(answer: Callable[[Request], Answer], requests: BinaryIO, answers: BinaryIO) -> None:
    waiting: SimpleQueue[Request] = SimpleQueue()
    Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    while True:
        write(answers, answer(waiting.get()))


def _listen(requests: BinaryIO, waiting: "SimpleQueue[Request]") -> None:
    """Take requests; whatever is being done ends with whoever asked for it."""
    with contextlib.suppress(EOFError):
        while True:
            waiting.put(read(requests))
    os._exit(0)


if __name__ == "__main__":
    main()
