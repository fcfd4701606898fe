"""The namespaces of one network after the other, inside namespaces that are the worker's own.

The process has to run as `namespaces.private(its own command)`: then it sees no host link and no host
process, and all that it makes goes when it ends, however it ends.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from adapters.twin import needs
from adapters.twin.birds import Birds, SessionState
from adapters.twin.charons import Charons, TunnelState
from adapters.twin.layout import Layout, Meaning, Station, lay_out
from adapters.twin.namespaces import Job, Namespaces, TwinTrouble, until
from adapters.twin.relay import Relay
from adapters.twin.strongswan import EspKey
from hopbook.network.nodes import Backend, Network

_FOLDER = Path("/run/twin")


class Lab:
    """Builds networks, one at a time: `with Lab() as lab: lab.build(network)`.

    Attributes:
        layout: What is built.
        meaning: What each named counter means; names are unique over all stations.
        tunnels: Of every IPsec end whether it is up.
        sessions: Of every BGP session whether it is up.
    """

    layout: Layout
    meaning: Mapping[str, Meaning]
    tunnels: tuple[TunnelState, ...]
    sessions: tuple[SessionState, ...]

    def __init__(self) -> None:
        needs.need(needs.ALWAYS)
        self._spaces = Namespaces()
        self._relay = Relay()
        self._birds = Birds(self._spaces, _FOLDER)
        self._charons = Charons(self._spaces, _FOLDER)
        self._forget()

    def _forget(self) -> None:
        self.tunnels, self.sessions, self.meaning = (), (), {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def build(
        self, network: Network, knobs: Mapping[str, str] | None = None, *, there: Collection[str] = ()
    ) -> None:
        """Build a network instead of the one that is; returns when routes and tunnels are as they will be.

        Args:
            network: What to build; absent nodes are left out.
            knobs: Readings of inferred rules, by assumption id.
            there: Names of absent nodes that count as there.

        Raises:
            NotBuildable: something of it cannot be expressed in Linux.
            TwinTrouble: a program or daemon failed.
        """
        self.clear()
        layout = lay_out(network, knobs, there)
        self.layout, self.meaning = layout, layout.meaning
        names = [station.name for station in layout.stations]
        self._spaces.add(names)
        for name in names:
            self._spaces.write(name, layout.sysctls[name])
        self._spaces.run([Job("", ("ip", "-batch", "-"), layout.links)])
        for wrapping in layout.wrappings:
            with self._spaces.inside(wrapping.station):
                self._relay.wrap(wrapping)
        for gateway in layout.gateways:
            if gateway.extends is not None:
                with self._spaces.inside(gateway.station):
                    self._relay.extend(gateway.extends)
        self._spaces.run(_jobs(layout))
        self._spaces.run(
            Job(name, ("bridge", "-batch", "-"), lines) for name, lines in layout.flooding.items()
        )
        self._relay.start()
        for station in layout.stations:
            devices = [device for held, device in layout.wires if held == station.name]
            until(lambda: self._spaces.carrier(station.name, devices), str)  # noqa: B023
        self._daemons(layout)
        self._spaces.release()

    def _daemons(self, layout: Layout) -> None:
        """BGP first: IKE may need its routes."""
        if layout.speakers:
            needs.need(needs.BGP)
            self._birds.start(layout.speakers)
            self.sessions = self._birds.states
        if layout.gateways:
            needs.need(needs.IPSEC)
            self._charons.start(layout.gateways)
            self.tunnels = self._charons.states

    def inside(self, station: Station) -> AbstractContextManager[None]:
        """Make a station's network this thread's; sockets that are made there stay there."""
        return self._spaces.inside(station.name)

    def counters(self, station: Station) -> Mapping[str, int]:
        """How many packets (of a NAT rule: connections) each named counter of a station has seen."""
        if station.name not in self.layout.rules:
            return {}
        process = self._spaces.spawn(Job(station.name, ("nft", "-j", "list", "counters"), ""))
        said, _ = process.communicate()
        if process.returncode:
            raise TwinTrouble(f"nft in {station.name}: {said}")
        held = (item.get("counter") for item in json.loads(said)["nftables"])
        return {item["name"]: item["packets"] for item in held if item is not None}

    def choose(self, service: str, endpoint: Backend | None) -> None:
        """Let every node forward a Kubernetes service to one endpoint; None: to any, by chance.

        On a node that forwards to its own endpoints only, one that is not its own changes nothing.
        """
        self._spaces.run(
            Job(item.station, ("nft", "-f", "-"), item.script(endpoint))
            for item in self.layout.forwardings.get(service, ())
            if endpoint is None or endpoint in item.endpoints
        )

    def esp_keys(self) -> Mapping[int, EspKey]:
        """By SPI, what opens the ESP packets of all tunnels."""
        return self._charons.keys

    def events(self) -> str:
        """What the daemons said last, for an error."""
        return "\n".join((*self._birds.events(), *self._charons.events()))

    def clear(self) -> None:
        """Take the network away; the lab can build another."""
        self._birds.stop()
        self._charons.stop()
        shutil.rmtree(_FOLDER, ignore_errors=True)
        self._relay.clear()
        self._spaces.clear()
        self._forget()

    def close(self) -> None:
        """Take the network away and stop everything."""
        self.clear()
        self._relay.close()
        self._spaces.close()


def _jobs(layout: Layout) -> Iterator[Job]:
    for name, script in layout.scripts.items():
        yield Job(name, ("ip", "-batch", "-"), script)
    for name, rules in layout.rules.items():
        yield Job(name, ("nft", "-f", "-"), rules)
