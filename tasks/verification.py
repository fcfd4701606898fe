"""Following a runbook's promised traffic over the network as it was observed."""

from collections.abc import Callable, Iterator, Sequence

from adapters.simulated.site import names_of
from adapters.wiring import Systems
from hopbook.engine.change import Observation
from hopbook.network.compile import compile_network
from hopbook.resources.base import Key
from hopbook.site.model import Site
from hopbook.trace.traffic import expand, read_traffic
from hopbook.trace.verify import Verification, verify
from tasks import files


def verify_traffic(
    site: Site,
    observation: Observation,
    systems: Systems,
    traffics: Sequence[str],
    last_change: Callable[[Key], str],
) -> Iterator[Verification]:
    """The verdict on each traffic that applies to the site, in the order asked for."""
    network = compile_network(
        site,
        observation,
        systems.resolve_names(names_of(site)),
        events=last_change,
        when=f"{systems.clock.now():%Y-%m-%d %H:%M:%S} UTC",
    )
    accepted = frozenset(site.accepts)
    for name in traffics:
        for case in expand(read_traffic(files.traffic_document(name)), site):
            yield verify(case, network, accepted)
