"""The simulated NSX Manager: what happens to a request before and after its handler.

In order: it is noted, its user is checked, a fault that was asked for takes it, its address is looked up, and
a change waits for no other: while one of the same edge is under way it is refused, as the product refuses it
(`Concurrent object access`, 409). `NsxManager.handle` is an httpx transport's handler, so a real client talks
to it in process; an HTTP server may call the same method.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx

from adapters.nsxv.simulator import (
    admin,
    deploy,
    dns,
    edges,
    firewall,
    front,
    health,
    interfaces,
    ipsec,
    lifs,
    nat,
    net,
    probes,
    routing,
    settings,
    vdn,
)
from adapters.nsxv.simulator.control import Control
from adapters.nsxv.simulator.dump import dump
from adapters.nsxv.simulator.errors import ApiError, concurrent
from adapters.nsxv.simulator.exchange import (
    Handler,
    Incoming,
    Reply,
    Table,
    Version,
    accepted,
    html_page,
    refused,
)
from adapters.nsxv.simulator.fields import whole
from adapters.nsxv.simulator.jobs import Job, JobStatus
from adapters.nsxv.simulator.state import Switch, Zone
from adapters.nsxv.simulator.world import Options, World

SYSTEM = "nsxv"
LARGEST_BODY = 10 * 2**20

# `health` before `edges`: see there
_MODULES = (admin, vdn, health, deploy, edges, interfaces, lifs, nat, firewall, routing, ipsec, dns, settings)
_EDGES = "/api/4.0/edges"


class Fault(Protocol):
    """What should go wrong with a request; `adapters.simulated.faults.Fault` is one."""

    @property
    def kind(self) -> str:
        """`status`, `busy`, `timeout`, `lost`, `late` or `garbage`."""

    @property
    def status(self) -> int:
        """The HTTP status of a refusal."""


class FaultSource(Protocol):
    """Where faults come from; `adapters.simulated.faults.Faults` is one."""

    def take(self, system: str, method: str, path: str) -> Fault | None:
        """The fault for this request, if one was asked for."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came in: its method, its path and query, its body."""

    method: str
    target: str
    body: bytes


class NsxManager:
    """One NSX Manager 6.4, configured over its own protocol. Safe to share between threads.

    Args:
        username: The administrator.
        password: Theirs.
        version: The product's version, which decides which addresses there are.
        faults: What should go wrong.
        clock: Seconds, for the times that it shows.
        options: What the reference leaves open.
        on_change: Called with the path of every accepted change, when it is stored and not yet answered.
            A change of an edge keeps the edge busy until it returns. It may read this manager, not change
            the same edge.
    """

    def __init__(
        self,
        *,
        username: str,
        password: str,
        version: str = "6.4.4",
        faults: FaultSource | None = None,
        clock: Callable[[], float] = time.monotonic,
        options: Options | None = None,
        on_change: Callable[[str], None] | None = None,
    ) -> None:
        options = options or Options()
        self.calls: list[Call] = []
        self._passwords = {**options.auditors, username: password}
        self._faults = faults
        self._on_change = on_change
        self._lock = threading.RLock()
        self._publishing: set[str] = set()
        self._world = World(version=_version(version), options=options, clock=clock, administrator=username)
        self.control = Control()
        self.probes = probes.Probes(self._lock, self.control)
        asking = (*self.probes.routes, *ipsec.Statistics(self._lock, self.control).routes)
        routes = [*(route for module in _MODULES for route in module.ROUTES), *asking]
        self._asking = frozenset(route.handler for route in asking)
        self._table = Table(routes, self._world.version)

    # What a site is given

    def add_transport_zone(self, name: str, *, id: str | None = None) -> str:  # noqa: A002 - as the product calls it
        """A transport zone; returns its id, `vdnscope-1` and up unless one is given."""
        with self._lock:
            identifier = id or self._world.next_id("vdnscope")
            self._world.zones[identifier] = Zone(id=identifier, name=name)
            return identifier

    def add_network(self, id: str, name: str) -> None:  # noqa: A002
        """A port group of vCenter that interfaces can be connected to: `dvportgroup-38`."""
        with self._lock:
            self._world.networks[id] = name

    def add_datacenter(self, id: str, name: str) -> None:  # noqa: A002
        """A datacenter of vCenter: `datacenter-2`."""
        with self._lock:
            self._world.datacenters[id] = name

    def add_resource_pool(self, id: str, name: str) -> None:  # noqa: A002
        """A resource pool or cluster of vCenter: `resgroup-20`."""
        with self._lock:
            self._world.pools[id] = name

    def add_host(self, id: str, name: str) -> None:  # noqa: A002
        """An ESXi host on which appliances can run; without any they run nowhere that anybody says."""
        with self._lock:
            self._world.hosts[id] = name

    def add_datastore(self, id: str, name: str) -> None:  # noqa: A002
        """A datastore of vCenter: `datastore-23`."""
        with self._lock:
            self._world.datastores[id] = name

    # What a test or a rehearsal may ask behind the wire's back

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Every request so far, as method and path with query."""
        with self._lock:
            return [(call.method, call.target) for call in self.calls]

    @property
    def warnings(self) -> list[str]:
        """What clients did that this manager tolerates and that is a mistake all the same."""
        with self._lock:
            return list(self._world.warnings)

    def switches(self) -> dict[str, Switch]:
        """The logical switches by id, as vCenter sees their port groups."""
        with self._lock:
            return dict(self._world.switches)

    def keys(self, edge: str) -> dict[str, str]:
        """The pre-shared key by which each IPsec site of an edge works, by the sites' names."""
        with self._lock:
            sections = (item.ipsec for item in self._world.edges.values() if item.shown_name == edge)
            return {
                site.name or f"#{site.id}": section.psk if site.peer == net.ANY else site.psk
                for section in sections
                for site in section.sites
            }

    def dump(self) -> dict[str, Any]:
        """The configuration as plain data; equal for two managers that are configured alike."""
        with self._lock:
            return dump(self._world)

    def peek(self, request: httpx.Request) -> httpx.Response:
        """Answer a read of the simulated site's own: nobody logs in, no fault takes it, it is not noted."""
        incoming = replace(front.read(request), user=self._world.administrator)
        try:
            reply = self._serve(incoming)
        except ApiError as error:
            reply = refused(error)
        return front.respond(request, reply, absolute=False)

    # The wire

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer one request.

        Raises:
            httpx.ReadTimeout: no answer comes, because a fault says so.
        """
        incoming = front.read(request)
        with self._lock:
            self.calls.append(Call(incoming.method, front.target(request), incoming.content))
        try:
            user = front.login(request, self._passwords)
            front.check_accept(request)
            reply = self._suffer(request, replace(incoming, user=user))
        except ApiError as error:
            reply = refused(error)
        return front.respond(request, reply, absolute=self._world.options.absolute_location)

    def _suffer(self, request: httpx.Request, incoming: Incoming) -> Reply:
        """Serve the request, unless a fault takes it."""
        fault = self._faults and self._faults.take(SYSTEM, incoming.method, front.target(request))
        if not fault:
            return self._serve(incoming)
        match fault.kind:
            case "status":
                raise front.refusal(fault.status)
            case "busy":
                raise concurrent()
            case "garbage":
                return html_page(200)
            case "lost":
                self._do_unheard(incoming)
            case "late":
                self._do_later(incoming)
            case _:
                pass  # a timeout: nothing is done
        raise httpx.ReadTimeout(f"simulated: no answer to {incoming.method} {incoming.path}", request=request)

    def _do_unheard(self, incoming: Incoming) -> None:
        try:
            self._serve(incoming)
        except ApiError as error:
            with self._lock:
                self._world.warnings.append(f"a lost answer was a refusal: {error}")

    def _do_later(self, incoming: Incoming) -> None:
        with self._lock:
            job = self._new_job(incoming, self._edge_of(incoming))
            job.pending = incoming
            job.reads_left = self._world.options.late_after
            self._world.jobs.open(job)

    def _serve(self, incoming: Incoming, job: Job | None = None) -> Reply:
        """Find the handler and let it answer; `job` is the one that a late change already has."""
        if len(incoming.content) > LARGEST_BODY:
            raise ApiError(413)
        handler, args = self._table.find(incoming.method, incoming.path)
        incoming = replace(incoming, args=args)
        if handler in self._asking:  # they lock by themselves, and not while they ask others
            return handler(self._world, incoming)
        if incoming.method != "GET":
            return self._change(handler, incoming, job)
        return self._read(handler, incoming)

    def _read(self, handler: Handler, incoming: Incoming) -> Reply:
        """Answer a read, and then let the jobs go on; one that finds nothing is a read as well."""
        try:
            with self._lock:
                return handler(self._world, incoming)
        finally:
            with self._lock:
                due = self._world.jobs.count_read()
            for job in due:
                self._finish(job)

    def _change(self, handler: Handler, incoming: Incoming, job: Job | None) -> Reply:
        if incoming.user != self._world.administrator:
            raise admin.forbidden()
        edge = incoming.args.get("edge", "")
        with self._occupied(edge):
            with self._lock:
                reply: Reply = handler(self._world, incoming)
                if job is None and incoming.path.startswith(_EDGES):
                    reply = self._with_job(incoming, reply, edge or _last(reply.location))
            if self._on_change:
                self._on_change(incoming.path)
        return reply

    @contextmanager
    def _occupied(self, edge: str) -> Iterator[None]:
        """Have the edge to oneself.

        Raises:
            ApiError: 409; another change of it is under way.
        """
        with self._lock:
            if edge and (edge in self._publishing or self._world.jobs.holds(edge)):
                raise concurrent()
            self._publishing.add(edge)
        try:
            yield
        finally:
            with self._lock:
                self._publishing.discard(edge)

    def _with_job(self, incoming: Incoming, reply: Reply, edge: str) -> Reply:
        """Every change of an edge is a job; an asynchronous one is still running when it is answered.

        Its configuration is stored at once, as the product stores before it publishes.
        """
        job = self._new_job(incoming, edge)
        job.uri = reply.location or f"{_EDGES}/{edge}"
        waits = incoming.asks("async") and self._world.options.async_after > 0
        job.status = JobStatus.RUNNING if waits else JobStatus.SUCCESS
        job.reads_left = self._world.options.async_after
        self._world.jobs.open(job)
        return accepted(f"{_EDGES}/jobs/{job.id}") if incoming.asks("async") else reply

    def _new_job(self, incoming: Incoming, edge: str) -> Job:
        return Job(
            id=self._world.jobs.next_id(),
            edge=edge,
            message=f"{incoming.method} {incoming.path}",
            submitted=self._world.clock(),
            of_edges=incoming.path.startswith(_EDGES),
        )

    def _edge_of(self, incoming: Incoming) -> str:
        try:
            return self._table.find(incoming.method, incoming.path)[1].get("edge", "")
        except ApiError:
            return ""

    def _finish(self, job: Job) -> None:
        """A job's time has come: do what it was late with."""
        try:
            if job.pending is not None:
                reply = self._serve(job.pending, job)
                job.uri = reply.location
                job.edge = job.edge or _last(reply.location)
        except ApiError as error:
            job.message, job.status = str(error), JobStatus.FAILED
        else:
            job.status = JobStatus.SUCCESS


def _version(text: str) -> Version:
    parts = [whole(part) for part in text.split(".")]
    match parts:
        case [int(major), int(minor), int(patch)]:
            return major, minor, patch
        case _:
            raise ValueError(f"NSX version {text!r}: expected three numbers, such as 6.4.4")


def _last(location: str) -> str:
    return location.rpartition("/")[2]
