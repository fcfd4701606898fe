"""The only place that chooses real or simulated.

Both give the same `Systems`: the same clients and providers, over another wire.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType

from adapters.dns.client import DnsClient
from adapters.nsxv.client import NsxClient
from adapters.nsxv.probes import CliProber, TraceflowProber, Vnic
from adapters.nsxv.provider import NsxProvider
from adapters.simulated.faults import Faults
from adapters.simulated.site import USERNAME, SimulatedSite
from hopbook.engine.change import Observation
from hopbook.engine.ports import Clock, Provider
from hopbook.errors import InvalidInput, Missing, Problem
from hopbook.icp.knowledge import Knowledge
from hopbook.network.packet import Packet
from hopbook.resources.base import Key, SecretRef
from hopbook.secret import Secret
from hopbook.site.model import Server, Site
from hopbook.site.needs import require
from hopbook.steps import naming
from hopbook.trace.probes import Prober
from hopbook.vpn.keys import KeyTable

Resolve = Callable[[SecretRef], Secret]
_SIMULATED_URL = "https://nsx.simulated"
_WITH_ICP = ("endpoints.vsphere", "endpoints.ssh")
_SIMULATED_CALL = 5.0  # seconds of the virtual clock


def _untold(_key: Key, _text: str) -> None:
    """Nobody listens."""


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class VirtualClock:
    """Real time, plus what a rehearsal would have waited: nobody waits for a simulator."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The wall clock, as if all waits had been waited."""
        return datetime.now(UTC) + self._ahead

    def sleep(self, seconds: float) -> None:
        """Move the clock on."""
        self._ahead += timedelta(seconds=seconds)


@dataclass
class Systems(AbstractContextManager["Systems"]):
    """What a run talks to.

    Attributes:
        providers: One a system.
        clock: Theirs and the engine's.
        names: The resolver that is asked for the site's names; None where the site says none.
        world: The simulated site behind them, in a rehearsal.
        probers: Who can ask these systems what they do with packets.
        places: Where the site's edges run now.
    """

    providers: tuple[Provider, ...]
    clock: Clock
    names: DnsClient | None = None
    world: SimulatedSite | None = None
    probers: tuple[Prober, ...] = ()
    places: Callable[[], Observation] = Observation
    _close: tuple[Callable[[], None], ...] = field(default=(), repr=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of every connection."""
        for close in self._close:
            close()

    def resolve_names(self, wanted: Mapping[str, object]) -> dict[str, tuple[IPv4Address, ...]]:
        """What the resolver answers for DNS names; a name that it does not know leads nowhere."""
        if self.names is None:
            return {}
        found: dict[str, tuple[IPv4Address, ...]] = {}
        for name in sorted(wanted):
            try:
                found[name] = self.names.addresses(name)
            except Missing:
                found[name] = ()
        return found


def simulated(
    site: Site,
    faults: Faults | None = None,
    icp: Knowledge | None = None,
    tell: Callable[[Key, str], None] = _untold,
    given: Observation | None = None,
    keys: KeyTable | None = None,
) -> Systems:
    """A rehearsal's systems: the real clients and providers against an in-process simulated site.

    What is `given` is there already. With `icp`, also those that machines are made with and ICP is installed
    by; the site has `icp.install`. `tell` hears how far the installer is. With the `keys` of strongSwan's
    chart, also helm.
    """
    return upon(SimulatedSite(site, faults, given), site, icp, keys=keys, tell=tell)


def upon(
    world: SimulatedSite,
    site: Site,
    icp: Knowledge | None = None,
    clock: Clock | None = None,
    *,
    keys: KeyTable | None = None,
    tell: Callable[[Key, str], None] = _untold,
) -> Systems:
    """The same of a simulated site that is there already: what one run leaves, the next one finds.

    The site may be another version of the world's own, with no more machines than that has.
    """
    clock = clock or VirtualClock()
    world.resolve = any_secret
    client = NsxClient(
        _SIMULATED_URL,
        USERNAME,
        world.password,
        timeout=_SIMULATED_CALL,
        deploy_timeout=_SIMULATED_CALL,
        transport=world.nsx_transport(),
        sleep=clock.sleep,
    )
    nsx, closing = _nsx_provider(site, client, any_secret, clock), [client.close]
    providers: list[Provider] = [nsx]
    if icp is not None:
        from adapters import installing  # paramiko takes its time, and most runbooks need no host

        machines = installing.rehearsed(site, world.machines)
        providers += installing.providers(site, icp, machines, clock, any_secret, tell)
        closing.append(machines.close)
    if site.iks:
        from adapters.kubernetes.provider import KubernetesProvider

        clusters = world.clusters.accesses(clock.sleep)
        providers.append(KubernetesProvider(clusters, site=site.site))
        closing += [access.client.close for access in clusters.values()]
        if keys is not None:
            from adapters import releasing

            providers.append(releasing.rehearsed(site, keys, world, clusters, any_secret, clock.now))
    return Systems(
        providers=tuple(providers),
        clock=clock,
        names=DnsClient((IPv4Address("127.0.0.1"),), query=world.dns.in_process()),
        world=world,
        probers=_nsx_probers(site, client, clock, world.vnic),
        places=partial(nsx.places, _edges(site), _esxi(site)),
        _close=tuple(closing),
    )


def real(
    site: Site,
    resolve: Resolve,
    runbook: str,
    icp: Knowledge | None = None,
    tell: Callable[[Key, str], None] = _untold,
    keys: KeyTable | None = None,
) -> Systems:
    """The systems that the site file names; `icp`, `tell` and `keys` as for `simulated`.

    Raises:
        InvalidInput: an endpoint is missing, a secret cannot be resolved, or a file cannot be read.
    """
    require(site, ("endpoints.nsx", *_WITH_ICP) if icp is not None else ("endpoints.nsx",), runbook)
    endpoint = site.endpoints.nsx
    if endpoint is None:
        raise InvalidInput("endpoints.nsx is missing")
    client = NsxClient(
        endpoint.url,
        endpoint.username,
        resolve(endpoint.password),
        timeout=endpoint.timeout,
        deploy_timeout=endpoint.deploy_timeout,
        verify=trust(endpoint, "nsx"),
        fingerprint=endpoint.fingerprint,
    )
    dns, clock = site.endpoints.dns, SystemClock()
    nsx, closing = _nsx_provider(site, client, resolve, clock), [client.close]
    providers: list[Provider] = [nsx]
    if icp is not None:
        from adapters import installing

        machines = installing.real(site, resolve, trust)
        providers += installing.providers(site, icp, machines, clock, resolve, tell)
        closing.append(machines.close)
    if site.endpoints.kubernetes:
        from adapters.kubernetes import connect
        from adapters.kubernetes.provider import KubernetesProvider

        clusters = connect.real(site, resolve)
        providers.append(KubernetesProvider(clusters, site=site.site))
        closing += [access.client.close for access in clusters.values()]
        if keys is not None:
            from adapters import releasing

            helms = releasing.binaries(site, resolve)
            providers.append(releasing.provider(site, keys, helms, clusters, resolve, clock.now))
    return Systems(
        providers=tuple(providers),
        clock=clock,
        names=DnsClient((dns.server,), timeout=dns.timeout, port=dns.port) if dns else None,
        probers=_nsx_probers(site, client, clock, _no_vnic),
        places=partial(nsx.places, _edges(site), _esxi(site)),
        _close=tuple(closing),
    )


def _edges(site: Site) -> tuple[Key, ...]:
    return tuple(naming.edge_key(site, overlay) for overlay in site.overlays)


def _esxi(site: Site) -> frozenset[str]:
    return frozenset(host.name for host in site.vcs.esxi) if site.vcs is not None else frozenset()


def _nsx_provider(site: Site, client: NsxClient, resolve: Resolve, clock: Clock) -> NsxProvider:
    protected = frozenset(site.vcs.protected_edges) if site.vcs else frozenset()
    return NsxProvider(client, site=site.site, protected=protected, resolve=resolve, sleep=clock.sleep)


def _nsx_probers(
    site: Site, client: NsxClient, clock: Clock, vnics: Callable[[str, Packet], Vnic | None]
) -> tuple[Prober, ...]:
    return (
        CliProber(client, site=site.site, now=clock.now),
        TraceflowProber(client, vnics=vnics, sleep=clock.sleep, now=clock.now),
    )


def _no_vnic(_machine: str, _packet: Packet) -> Vnic | None:
    """Only vCenter knows it, and nobody asks vCenter yet."""
    return None


def any_secret(ref: SecretRef) -> Secret:
    """A rehearsal needs no real secret: one that meets every rule stands in for it."""
    return Secret(f"Rehearsal-{ref.name}-1!")


def trust(endpoint: Server, name: str) -> ssl.SSLContext | None:
    """Trust in an endpoint's CA file; None: it names none.

    Raises:
        InvalidInput: the file cannot be used.
    """
    if endpoint.ca_file is None:
        return None
    path = Path(endpoint.ca_file).expanduser()
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        what = f"the CA file {path} cannot be used ({error.strerror or error}); expected certificates in PEM"
        raise InvalidInput(Problem(what=what, where=f"endpoints.{name}.ca_file")) from error
