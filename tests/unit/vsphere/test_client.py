"""What a client is made of: bad input is one sentence, and TLS is verified or there is no client."""

import socket
import ssl
from typing import Any

import pytest

from adapters.vsphere import connect
from adapters.vsphere.client import VsphereClient
from adapters.vsphere.provider import for_site
from adapters.vsphere.simulator import SimulatedVcenter
from hopbook.engine.change import Observation, Scope
from hopbook.errors import InvalidInput, Unreachable
from hopbook.resources.base import Key
from hopbook.resources.vsphere import Folder, VirtualMachine
from hopbook.secret import Secret
from hopbook.site.model import Site, VsphereEndpoint

WORD = Secret("s3cret-word")
ENDPOINT: dict[str, Any] = {
    "url": "https://vcenter.example:8443",
    "username": "hopbook@vsphere.local",
    "password": {"env": "VCENTER_PASSWORD"},
}


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://vcenter.example", "expected https://host without credentials"),
        ("vcenter.example", "expected https://host without credentials"),
        ("https://me:word@", "expected https://host without credentials"),
        ("https://me:word@vcenter.example", "vcenter.example: expected https://host without credentials"),
        ("https://vcenter.example/other", "expected https://host without credentials"),
        ("https://vcenter.example:port", "this is no address of a vCenter"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as told:
        VsphereClient(url, "me", WORD)
    assert "word" not in str(told.value)


@pytest.mark.parametrize("how", ["no certificate", "no name"])
def test_a_context_that_verifies_too_little_is_refused(how: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    if how == "no certificate":
        context.verify_mode = ssl.CERT_NONE
    with pytest.raises(InvalidInput, match="TLS without verification"):
        VsphereClient("https://vcenter.example", "me", WORD, verify=context)


def test_a_fingerprint_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is not a SHA-256 fingerprint"):
        VsphereClient("https://vcenter.example", "me", WORD, fingerprint="AA:BB")


def test_a_peer_that_never_shakes_hands_was_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        client = VsphereClient(url, "me", WORD, timeout=0.05, sleep=lambda _: None)
        with client, pytest.raises(Unreachable, match="no connection"):
            client.change("anything", lambda content: content)


def test_an_endpoint_becomes_a_client() -> None:
    endpoint = VsphereEndpoint.model_validate({**ENDPOINT, "timeout": 7})
    with connect.client(endpoint, WORD) as client:
        assert (client.address, client.timeout) == ("vcenter.example:8443", 7)
        assert "s3cret" not in repr(vars(client))


def test_a_provider_waits_as_long_as_the_site_says() -> None:
    endpoint = VsphereEndpoint.model_validate({**ENDPOINT, "task_timeout": 99, "guest_timeout": 44})
    site = Site.model_validate({"hopbook": 1, "site": "lab", "endpoints": {"vsphere": ENDPOINT}})
    with connect.client(endpoint, WORD) as client:
        kinds = connect.real(site, endpoint, client).kinds
    assert kinds[VirtualMachine.kind].call_timeout == 99
    assert kinds["vsphere.guest"].call_timeout == 44
    assert kinds[Folder.kind].call_timeout == 240


def test_any_vcenter_becomes_a_provider() -> None:
    site = Site.model_validate({"hopbook": 1, "site": "lab"})
    provider = for_site(site, SimulatedVcenter())
    assert provider.observe(Scope(frozenset({Key(VirtualMachine.kind, "a")}))) == Observation()
