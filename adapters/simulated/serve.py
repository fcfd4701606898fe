"""The simulated site on loopback: TLS with a throw-away CA for NSX, vCenter and clusters, DNS, SSH.

`hopbook simulate` and the tests of the wire use it, so that an apply against it is an apply over a network,
and any other client of NSX-V can be pointed at it.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from adapters.dns.server import DnsServer
from adapters.kubernetes.exchange import Answer, NoAnswer
from adapters.kubernetes.simulator import SimulatedCluster
from adapters.kubernetes.simulator.front import received
from adapters.simulated.site import SimulatedSite
from adapters.simulated.trust import LOOPBACK, Issued, issue, kubeconfig
from adapters.simulated.vcenter import Coupling, Vcsim, options_of, running
from hopbook.icp import sizes
from hopbook.secret import Secret

VCENTER_USER = "administrator@vsphere.local"
_LARGEST_BODY = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """Where a simulated site answers.

    Attributes:
        nsx_url: Of the NSX Manager.
        ca_file: The CA to trust for it and for the vCenter.
        dns_port: Of the resolver, UDP and TCP.
        ssh_port: Stands for the published address of the boot node; None where the site publishes none.
        vcenter: The vCenter; None where it is not served.
        host_keys: The hosts' keys, by the nodes' names, as they are pinned.
        boot: The name of the boot node; empty where the site has no cluster.
        kubeconfigs: Of each cluster with an API server, by its name: a file for its owner only.
    """

    nsx_url: str
    ca_file: Path
    dns_port: int
    ssh_port: int | None = None
    vcenter: Vcsim | None = None
    host_keys: Mapping[str, str] = field(default_factory=dict)
    boot: str = ""
    kubeconfigs: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where to answer; 0: anywhere that is free."""

    nsx: int = 0
    dns: int = 0
    ssh: int = 0


@contextmanager
def serve(
    world: SimulatedSite, folder: Path, *, ports: Ports = Ports(), vcenter: Path | None = None
) -> Iterator[Served]:
    """Serve a simulated site on loopback while the context lasts.

    Args:
        world: The site. A job on its hosts from now on does all of its steps at one look, since looks now
            take time.
        folder: Where the CA and the server's key are written (mode 0700 wanted).
        ports: Where to answer.
        vcenter: The program that answers for vCenter; None: nobody does.

    Raises:
        OSError: a port is taken.
        InvalidInput: the program cannot be started.
    """
    issued, machines = issue(folder), world.machines
    machines.hosts.programs.at_once = True
    with ExitStack() as stack:
        vcsim, changed = None, _nothing
        if vcenter is not None:
            options = options_of(world.site)
            vcsim = stack.enter_context(running(vcenter, options, issued, VCENTER_USER, world.password))
            coupling = Coupling(vcsim, machines)
            machines.hosts.refresh, changed = coupling.refresh, coupling.join
        dns = stack.enter_context(DnsServer(world.dns.answer, port=ports.dns))
        answer = lambda request: world.nsx.handle(request)  # noqa: E731, PLW0108 - who stands on the wire, too
        nsx_port = stack.enter_context(_https(answer, ports.nsx, issued, changed))
        kubeconfigs = {
            name: stack.enter_context(serve_cluster(world.clusters.cluster(name), issued, world.password))
            for name in world.clusters.names
        }
        yield Served(
            nsx_url=f"https://{LOOPBACK}:{nsx_port}",
            ca_file=issued.ca_file,
            dns_port=dns.port,
            ssh_port=stack.enter_context(_ssh(world, ports.ssh)),
            vcenter=vcsim,
            host_keys={
                name: f"{key.get_name()} {key.get_base64()}" for name, key in world.machines.keys.items()
            },
            boot=sizes.boot_name(world.site.icp) if world.site.icp is not None else "",
            kubeconfigs=kubeconfigs,
        )


def _nothing() -> None:
    """Nobody minds."""


@contextmanager
def serve_cluster(cluster: SimulatedCluster, issued: Issued, token: Secret) -> Iterator[Path]:
    """Serve one cluster's API while the context lasts; its kubeconfig lies beside the certificates."""
    with _https(_answering(cluster), 0, issued, _nothing) as port:
        yield kubeconfig(issued.ca_file, cluster.name, port, token)


def _answering(cluster: SimulatedCluster) -> Callable[[httpx.Request], httpx.Response]:
    """A cluster, asked by HTTP."""

    def answer(request: httpx.Request) -> httpx.Response:
        try:
            told: Answer = cluster.handle(
                received(request.method, str(request.url), request.headers, request.content)
            )
        except NoAnswer as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        return httpx.Response(told.status, headers=dict(told.headers), content=told.body)

    return answer


@contextmanager
def _https(
    answer: Callable[[httpx.Request], httpx.Response],
    port: int,
    issued: Issued,
    changed: Callable[[], None],
) -> Iterator[int]:
    server = _Server((LOOPBACK, port), answer, issued.server(), changed)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _ssh(world: SimulatedSite, port: int) -> Iterator[int | None]:
    """One port for the boot node's published address, which leads nowhere before that is published."""
    icp = world.site.icp
    if icp is None or icp.published.ssh is None:
        yield None
        return
    published = icp.published
    with world.machines.hosts.publish(str(published.master), icp.published.ssh, on=port) as found:
        yield found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        answer: Callable[[httpx.Request], httpx.Response],
        context: ssl.SSLContext,
        changed: Callable[[], None],
    ) -> None:
        self.answer, self.changed = answer, changed
        self._context = context
        super().__init__(address, _Handler)

    def get_request(self) -> tuple[ssl.SSLSocket, tuple[str, int]]:
        """Wrap each connection, so that one bad handshake does not stop the listener."""
        plain, address = self.socket.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves or fails its handshake is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY:
            self.send_error(413)
            self.close_connection = True
            return
        request = httpx.Request(
            self.command,
            f"https://{LOOPBACK}{self.path}",
            headers=list(self.headers.items()),
            content=self.rfile.read(length),
        )
        try:
            response = self.server.answer(request)
        except httpx.TransportError:  # a lost answer: the client sees the connection end
            self.close_connection = True
            return
        finally:
            self.server.changed()  # before anybody hears of it
        self.send_response_only(response.status_code)
        for name, value in response.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep the terminal for what a person wants to see."""
