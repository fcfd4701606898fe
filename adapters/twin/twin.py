"""The twin of a network: built for real in Linux namespaces, and probed with real packets.

The namespaces belong to a process of their own, which needs no privileges where users may have namespaces;
it goes when this one does, and with it all that it made.
"""

import contextlib
import select
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

from adapters.twin.ending import Observed
from adapters.twin.exchange import Build, Done, Failed, Probe, Ready, Request, read, write
from adapters.twin.layout import NotBuildable
from adapters.twin.namespaces import TwinTrouble, private
from adapters.twin.needs import NotInstalled
from hopbook.network.nodes import Backend, Network
from hopbook.network.packet import Packet
from hopbook.trace.walk import Target

__all__ = ["NotBuildable", "NotInstalled", "Observed", "Target", "Twin", "TwinTrouble"]

_IDLE = "the twin is not running: use it as a context, and build a network"
_PATIENCE = 5.0  # seconds for the worker to end by itself
_LONGEST = 120.0  # seconds for one request; the largest network takes a few
_LAST_WORDS = 2000  # characters


class Twin:
    """Builds networks, one after the other, and probes the one that is.

    Use it as a context: `with Twin() as twin: twin.build(network)`.

    A worker that died or does not answer is given up; the next `build` starts another one.

    Raises:
        NotInstalled: when it starts or builds: what is missing, and the packages that have it.
        TwinTrouble: at any time: what failed or died, and its last words.
    """

    def __init__(self) -> None:
        self._errors: BinaryIO = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - closed in close()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        command = private([sys.executable, "-m", "adapters.twin.worker"])
        self._errors.seek(0)
        self._errors.truncate()
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
            )
        except OSError as error:
            raise TwinTrouble(f"cannot start {command[0]}: {error.strerror}") from error
        try:
            self._receive(Ready)
        except BaseException:
            self._stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def build(
        self, network: Network, knobs: Mapping[str, str] | None = None, *, there: Collection[str] = ()
    ) -> None:
        """Build a network instead of the one that is.

        Args:
            network: What to build.
            knobs: Readings of inferred rules, by assumption id.
            there: Names of nodes that count as there, though they are not present yet.

        Raises:
            NotBuildable: something of it cannot be expressed in Linux.
        """
        if self._process is None:  # the last one died
            self._start()
        self._ask(Build(network, dict(knobs or {}), frozenset(there)))

    def probe(
        self,
        packet: Packet,
        at: str,
        *,
        choose: Mapping[str, Backend] | None = None,
        onward: Target | None = None,
    ) -> tuple[Observed, ...]:
        """Send a packet from a node of the network; one observation a leg.

        Args:
            packet: Its headers and size; the source may be 0 where the sender has to choose.
            at: Name of the node that sends it.
            choose: By service, the endpoint that it forwards to; by node, of an Ingress or DNS relay, where
                it goes on to. By default the first of a node, and any of a service.
            onward: What a web proxy on the way is asked for.
        """
        answer = self._ask(Probe(packet, at, dict(choose or {}), onward))
        return answer.value or ()

    def close(self) -> None:
        """Take everything away."""
        self._stop()
        self._errors.close()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _ask(self, request: Request) -> Done:
        process = self._process
        if process is None or process.stdin is None:
            raise TwinTrouble(_IDLE)
        try:
            write(cast("BinaryIO", process.stdin), request)
        except OSError as error:
            raise self._ended() from error
        return cast("Done", self._receive(Done))

    def _receive(self, wanted: type[Any]) -> Any:
        process = self._process
        if process is None or process.stdout is None:
            raise TwinTrouble(_IDLE)
        ready = select.poll()
        ready.register(process.stdout, select.POLLIN)
        if not ready.poll(_LONGEST * 1000):
            process.kill()
            self._stop()
            raise TwinTrouble(f"the twin's worker has not answered for {_LONGEST:.0f} s: {self._said()}")
        try:
            answer = read(cast("BinaryIO", process.stdout))
        except (EOFError, OSError) as error:
            raise self._ended() from error
        if isinstance(answer, Failed):
            raise answer.error
        if not isinstance(answer, wanted):
            raise TwinTrouble(f"the twin's worker answered {type(answer).__name__}")
        return answer

    def _ended(self) -> TwinTrouble:
        """Why the worker is gone, in its last words."""
        status: int | None = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._process.wait(_PATIENCE)
        self._stop()
        return TwinTrouble(f"the twin's worker ended with status {status}: {self._said()}")

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()[-_LAST_WORDS:] or "it said nothing"
