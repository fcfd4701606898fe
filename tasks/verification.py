"""Following a runbook's promised traffic over the network as it was observed."""

from collections.abc import Callable, Iterator, Sequence

from adapters import wiring
from adapters.simulated.site import names_of
from adapters.wiring import Systems
from hopbook.engine.change import Observation
from hopbook.network import observed
from hopbook.network.compile import compile_network
from hopbook.network.nodes import Network
from hopbook.resources.base import Key
from hopbook.runbook import Runbook
from hopbook.site.model import Site
from hopbook.trace.control import settled
from hopbook.trace.probes import Probed, once, probed
from hopbook.trace.traffic import expand, read_traffic
from hopbook.trace.verify import Verification, verify
from tasks import files


def network_of(
    site: Site, observation: Observation, systems: Systems, last_change: Callable[[Key], str]
) -> Network:
    """The network as it was observed, with the routes that BGP brings."""
    return settled(
        compile_network(
            site,
            observation,
            systems.resolve_names(names_of(site)),
            events=last_change,
            when=f"{systems.clock.now():%Y-%m-%d %H:%M:%S} UTC",
        )
    )


def written_by_hand(site: Site) -> Observation:
    """What the systems that have no provider yet hold, as somebody wrote it down; empty where nobody did.

    Raises:
        InvalidInput: a file of `runbooks/observed/SITE/` is not right.
    """
    return observed.read(files.observed_documents(site.site), site)


def given_part(site: Site, book: Runbook) -> Observation:
    """What a rehearsal of a runbook starts from beside what IBM Cloud hands over; most need nothing.

    Raises:
        InvalidInput: a file of `runbooks/observed/SITE/` is not right.
    """
    return given(site, icp="icp-network" in book.after) if "iks" in book.needs else Observation()


def given(site: Site, *, icp: bool) -> Observation:
    """What a site has before any cluster is joined, as somebody wrote it down: overlays, machines, clusters.

    Args:
        site: Whose.
        icp: With what there is once ICP's network is laid and ICP installed.

    Raises:
        InvalidInput: a file of `runbooks/observed/SITE/` is not right.
    """
    return observed.read(files.observed_documents(site.site), site, {"iks", *(("icp",) if icp else ())})


def probe(
    site: Site, network: Network, results: Sequence[Verification], resolve: wiring.Resolve
) -> tuple[Probed, ...]:
    """Ask the systems of a site whether they see what the traces say.

    Raises:
        InvalidInput: the site names no endpoints.
    """
    with wiring.real(site, resolve, "trace --on live") as systems:
        panel = once(systems.probers)
        return tuple(probed(item, network, panel) for item in results)


def verify_traffic(site: Site, network: Network, traffics: Sequence[str]) -> Iterator[Verification]:
    """The verdict on each traffic that applies to the site, in the order asked for."""
    accepted = frozenset(site.accepts)
    for name in traffics:
        for case in expand(read_traffic(files.traffic_document(name)), site, network):
            yield verify(case, network, accepted)
