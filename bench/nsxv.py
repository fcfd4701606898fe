"""NSX-V: observing a large edge, and the whole apply over TLS against a bare script with the same calls."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from adapters import wiring
from adapters.journal import SqlJournal
from adapters.nsxv.client import NsxClient
from adapters.nsxv.provider import NsxProvider
from adapters.simulated.site import PASSWORD, USERNAME, SimulatedSite
from bench.engine import rule
from bench.measure import Figure, fastest, ratio, stopwatch
from hopbook.engine.change import Action, Change, Scope
from hopbook.engine.events import RunStarted
from hopbook.engine.plan import Known, Step, diff
from hopbook.engine.runner import Runner
from hopbook.engine.writer import Writer
from hopbook.resources.nsxv import Edge, EdgeSize, Interface, InterfaceType, Placement
from hopbook.site.load import read_site
from hopbook.site.model import Site
from hopbook.steps import icp
from tasks import files
from tasks.run import new_id

STEPS = (
    icp.logical_switches,
    icp.edge_and_router,
    icp.internet,
    icp.dns_and_ntp,
    icp.cluster_addresses,
    icp.admit_clients,
)
RULES = 2000


def example() -> Site:
    """The shipped site."""
    path = files.site_path("example")
    return read_site(path.read_bytes(), path.name)


def large_edge() -> Iterator[Figure]:
    """An edge with 2,000 NAT rules of ours."""
    site = example()
    world = SimulatedSite(site)
    client = NsxClient("https://nsx.simulated", USERNAME, world.password, transport=world.nsx_transport())
    provider = NsxProvider(client, site=site.site, resolve=wiring.any_secret)
    edge = Edge(
        edge="esg",
        datacenter="datacenter-2",
        size=EdgeSize.QUADLARGE,
        placements=(Placement("resgroup-20", "datastore-23"),),
    )
    vnic = Interface(
        owner=edge.key,
        label="private",
        index=0,
        type=InterfaceType.UPLINK,
        network="dvportgroup-38",
        address=IPv4Interface("10.95.40.71/26"),
    )
    rules = tuple(rule(number) for number in range(RULES))
    batch = [Change(action=Action.CREATE, key=item.key, after=item) for item in (edge, vnic, *rules)]
    outcomes = list(provider.apply(batch, lambda _submitted: None))
    if len(outcomes) != len(batch):
        message = "the large edge was not made"
        raise AssertionError(message)
    before = len(world.nsx.calls)
    observation = provider.observe(Scope(frozenset({rules[0].key})))
    gets = [call for call in world.nsx.calls[before:] if "/edges/edge-" in call.target]
    of_edge = [
        call for call in gets if "nat" in call.target or call.target.rstrip("0123456789").endswith("edge-")
    ]
    yield Figure(f"GETs for an edge with {RULES:,} NAT rules", str(len(of_edge)), "1", len(of_edge) == 1)
    step, known = Step("s", "t", "S1", rules), Known({}, lambda _ref: "")
    seconds = fastest(lambda: diff(step, observation, known, provider.kinds, "bench"), 7)
    yield Figure("its diff", f"{seconds * 1000:.0f} ms", "under 50 ms", seconds < 0.05)
    client.close()


@contextmanager
def _simulated() -> Iterator[tuple[Site, str]]:
    """The example with a fresh simulated site in a process of its own, and the address of its manager."""
    with TemporaryDirectory() as name:
        out = Path(name) / "overlay.yaml"
        command = [sys.executable, "-m", "commands", "simulate", "example", "--out", str(out)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=files.ROOT, text=True
        ) as process:
            try:
                if process.stdout is None or not process.stdout.readline():
                    raise AssertionError("the simulated site did not start")
                path = files.site_path("example")
                yield read_site(path.read_bytes(), path.name, (out.read_bytes(), out.name)), name
            finally:
                process.terminate()


def _apply() -> float:
    """Seconds of the whole icp-network over TLS."""
    with _simulated() as (site, folder), stopwatch() as watch:
        _take_all(wiring.real(site, lambda _ref: PASSWORD, "bench"), SqlJournal(Path(folder) / "j.db"), site)
    return watch.seconds


def _calls() -> list[tuple[str, str, bytes]]:
    """The calls that it makes."""
    site = example()
    systems = wiring.simulated(site)
    _take_all(systems, SqlJournal(":memory:"), site)
    if systems.world is None:
        raise AssertionError("a rehearsal has a world")
    return [(call.method, call.target, call.body) for call in systems.world.nsx.calls]


def _take_all(systems: wiring.Systems, journal: SqlJournal, site: Site) -> None:
    with systems, journal:
        writer = Writer(journal, "example", "r-1", "bench", systems.clock, new_id)
        writer.append(RunStarted(mode="apply", runbook="b", parameters={}, site_document="", inputs={}))
        runner = Runner(
            providers=systems.providers,
            writer=writer,
            clock=systems.clock,
            instance="icp-network",
            secret_digest=lambda _ref: "",
        )
        for make in STEPS:
            runner.take(make(site))


def _bare(calls: list[tuple[str, str, bytes]]) -> float:
    """Seconds of a bare httpx script that makes the same calls."""
    headers = {"Content-Type": "application/xml", "Accept": "application/xml"}
    with _simulated() as (site, _):
        endpoint = site.endpoints.nsx
        if endpoint is None:
            raise AssertionError("the overlay has an endpoint")
        with (
            stopwatch() as watch,
            httpx.Client(
                base_url=endpoint.url,
                auth=(USERNAME, PASSWORD.reveal()),
                verify=ssl.create_default_context(cafile=endpoint.ca_file),
                timeout=60,
                trust_env=False,
            ) as client,
        ):
            for method, target, body in calls:
                client.request(method, target, content=body or None, headers=headers).raise_for_status()
    return watch.seconds


def whole_apply() -> Iterator[Figure]:
    """icp-network against a bare script."""
    calls = _calls()
    found = ratio(_apply, lambda: _bare(calls), 9)
    yield Figure(
        f"icp-network over loopback TLS ({len(calls)} calls) / a bare script of the same calls",
        f"{found:.2f}",
        "at most 1.3",
        found <= 1.3,
    )


def figures() -> Iterator[Figure]:
    """The adapter's figures."""
    yield from large_edge()
    yield from whole_apply()
