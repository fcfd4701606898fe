"""Where edges run: of two appliances only the edge itself knows which is active (API guide 6.4, status)."""

from collections.abc import Collection, Iterable, Iterator

from adapters.nsxv import xml
from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider.directory import EDGES, Directory
from adapters.nsxv.provider.markers import Markers
from hopbook.engine.change import Observation, Observed
from hopbook.resources.base import Key
from hopbook.resources.vsphere import Placement


def observe(client: NsxClient, markers: Markers, edges: Iterable[Key], hosts: Collection[str]) -> Observation:
    """The ESXi host of each edge's active appliance, in two calls an edge; one that is not there has none.

    Args:
        client: The manager.
        markers: Ours.
        edges: Keys of ESGs.
        hosts: The ESXi hosts' names as the site has them; NSX may have a domain behind them.

    Raises:
        SystemTrouble: NSX did not answer as it should.
    """
    directory = Directory(client, markers)
    found = ((key, directory.edge(key.name)) for key in edges)
    places = [
        place for key, edge in found if edge is not None for place in _place(client, key, edge.id, hosts)
    ]
    return Observation(items={place.key: Observed(resource=place, system=True) for place in places})


def _place(client: NsxClient, key: Key, identifier: str, hosts: Collection[str]) -> Iterator[Placement]:
    active = xml.text(client.read(f"{EDGES}/{identifier}/status"), "activeVseHaIndex", "0")
    for appliance in client.read(f"{EDGES}/{identifier}").iterfind("appliances/appliance"):
        host = xml.text(appliance, "hostName")
        if host and xml.text(appliance, "highAvailabilityIndex") == active:
            short = host.partition(".")[0]
            yield Placement(machine=key.name, host=host if host in hosts or short not in hosts else short)
