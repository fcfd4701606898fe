"""Whom the client talks to: nobody whose certificate is not the right one, and then not a byte."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from adapters import tls
from adapters.nsxv.client import NsxClient
from hopbook.errors import InvalidInput, Unreachable, WrongCertificate
from hopbook.secret import Secret

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n<edge/>"


@dataclass
class Peer:
    """A TLS server on loopback with a certificate of its own; it notes what it is sent."""

    certificate: Path
    received: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def fingerprint(self) -> str:
        pem = self.certificate.read_text().partition("-----BEGIN PRIVATE")[0]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    def serve(self, listening: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    self.received.append(connection.recv(65536))
                    connection.sendall(ANSWER)
            except OSError:
                plain.close()


def certificate(folder: Path, name: str, *, days: int = 1) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return file


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    found = Peer(certificate(tmp_path, "nsx"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found.port = listening.getsockname()[1]
        thread = threading.Thread(target=found.serve, args=(listening,))
        thread.start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def client(peer: Peer, **trust: object) -> NsxClient:
    return NsxClient(peer.url, "admin", Secret("n5x-Secret"), sleep=lambda _: None, **trust)  # type: ignore[arg-type]  # either is given


@pytest.mark.parametrize("spelling", ["{}", "sha256:{}", "SHA256:{}"])
def test_the_pinned_certificate_is_trusted_however_it_is_spelt(peer: Peer, spelling: str) -> None:
    pairs = [peer.fingerprint[at : at + 2] for at in range(0, 64, 2)]
    for digits in (peer.fingerprint, peer.fingerprint.upper(), ":".join(pairs)):
        with client(peer, fingerprint=spelling.format(digits)) as nsx:
            assert nsx.read("/api/4.0/edges/edge-1").tag == "edge"


def test_another_certificate_than_the_pinned_one_gets_not_a_byte(peer: Peer) -> None:
    with client(peer, fingerprint="0" * 64) as nsx, pytest.raises(WrongCertificate) as caught:
        nsx.change("DELETE", "/api/4.0/edges/edge-1")

    assert peer.fingerprint in str(caught.value)
    assert b"".join(peer.received) == b""


def test_a_certificate_of_the_trusted_authority_is_trusted(peer: Peer) -> None:
    with client(peer, verify=ssl.create_default_context(cafile=str(peer.certificate))) as nsx:
        assert nsx.read("/api/4.0/edges/edge-1").tag == "edge"


def test_without_a_pin_or_authority_nobody_is_trusted(peer: Peer) -> None:
    with client(peer) as nsx, pytest.raises(WrongCertificate, match="pin its fingerprint"):
        nsx.read("/api/4.0/edges/edge-1")
    assert b"".join(peer.received) == b""


def test_the_environment_sends_nobody_through_a_proxy(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with client(peer, fingerprint=peer.fingerprint) as nsx:
        assert nsx.read("/api/4.0/edges/edge-1").tag == "edge"


def test_a_certificate_for_another_name_is_not_trusted(peer: Peer) -> None:
    context = ssl.create_default_context(cafile=str(peer.certificate))
    nsx = NsxClient(
        f"https://localhost:{peer.port}", "admin", Secret("x"), verify=context, sleep=lambda _: None
    )
    with nsx, pytest.raises(WrongCertificate):
        nsx.read("/api/4.0/edges/edge-1")


def test_nobody_there_is_unreachable(peer: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer.port, peer_port = listening.getsockname()[1], peer.port
    with client(peer, fingerprint="0" * 64) as nsx, pytest.raises(Unreachable):
        nsx.read("/api/4.0/edges/edge-1")
    peer.port = peer_port


@pytest.mark.parametrize("fingerprint", ["", "abc", "g" * 64, "0" * 40])
def test_what_is_no_fingerprint_is_the_writers_mistake(fingerprint: str) -> None:
    with pytest.raises(InvalidInput, match="64 hex digits"):
        NsxClient("https://nsx.example", "admin", Secret("x"), fingerprint=fingerprint)


def test_a_context_that_verifies_nothing_is_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    with pytest.raises(InvalidInput, match="without verification"):
        NsxClient("https://nsx.example", "admin", Secret("x"), verify=context)


def test_a_pin_cannot_be_passed_by_a_handshake_of_another_kind() -> None:
    with pytest.raises(NotImplementedError):
        tls.pinned("0" * 64).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
