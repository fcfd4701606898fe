"""The simulated site on loopback: TLS with a throw-away CA for NSX, UDP and TCP for DNS.

`hopbook simulate` and the tests of the wire use it, so that an apply against it is an apply over a network,
and any other client of NSX-V can be pointed at it.
"""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.dns.server import DnsServer
from adapters.nsxv.simulator import NsxManager
from adapters.simulated.site import SimulatedSite

LOOPBACK = "127.0.0.1"
_LIFE = dt.timedelta(days=7)
_LARGEST_BODY = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """Where a simulated site answers.

    Attributes:
        nsx_url: Of the NSX Manager.
        ca_file: The CA to trust for it.
        dns_port: Of the resolver, UDP and TCP.
    """

    nsx_url: str
    ca_file: Path
    dns_port: int


@contextlib.contextmanager
def serve(world: SimulatedSite, folder: Path, *, nsx_port: int = 0, dns_port: int = 0) -> Iterator[Served]:
    """Serve a simulated site on loopback while the context lasts.

    The CA and the server's key are written into the folder (mode 0700 wanted); ports of 0 are chosen freely.
    """
    ca_file, context = _trust(folder)
    server = _Server((LOOPBACK, nsx_port), world.nsx, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        with DnsServer(world.dns.answer, port=dns_port) as dns:
            url = f"https://{LOOPBACK}:{server.server_address[1]}"
            yield Served(nsx_url=url, ca_file=ca_file, dns_port=dns.port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], manager: NsxManager, context: ssl.SSLContext) -> None:
        self.manager = manager
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
            response = self.server.manager.handle(request)
        except httpx.TransportError:  # a lost answer: the client sees the connection end
            self.close_connection = True
            return
        self.send_response_only(response.status_code)
        for name, value in response.headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep the terminal for what a person wants to see."""


def _trust(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A throw-away CA and a server certificate for loopback; the CA's key is not kept."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _name("Hopbook simulated site CA")
    ca = (
        _certificate(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.IPAddress(ipaddress.ip_address(LOOPBACK)), x509.DNSName("localhost")]
    certificate = (
        _certificate(_name("simulated NSX Manager"), ca_name, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    server_file.touch(mode=0o600)
    server_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    return ca_file, context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
